"""What the integration tests share.

What always holds here:
- A test that damages or kills its daemon starts one of its own; the shared one must live to the
  end, and its exit status is checked then.
- The development data beside the repository is used where it is there; where not, the tests on it
  say in one line that they were skipped.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Iterator

import pytest
from c_client import CClient, build_driver
from gamd_process import BINARIES, ROOT, Daemon

from gamd import Client

SHARED = Path(os.environ.get("GAMD_SHARED", ROOT.parent / "shared"))
DATA = SHARED / "data"


def data_files(*patterns: str) -> list[Path]:
    """Development files by pattern, sorted; empty where the data is not there."""
    return sorted(path for pattern in patterns for path in DATA.glob(pattern))


def file_cases(*patterns: str) -> list:
    """Parameters for one test per file, or one skipped case that says what is missing."""
    files = data_files(*patterns)
    if files:
        return [pytest.param(path, id=str(path.relative_to(DATA))) for path in files]
    reason = f"no development data for {patterns}: put it beside the repository or set GAMD_SHARED"
    return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="no-data")]


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    assert (BINARIES / "gamd").exists(), f"no gamd in {BINARIES}: run 'make build' first"
    process = Daemon(tmp_path_factory.mktemp("shared-daemon"))
    process.start()
    pid = process.pid
    yield process
    assert process.is_running and process.pid == pid, f"gamd died:\n{process.log_tail()}"
    assert process.stop() == 0, f"gamd ended badly:\n{process.log_tail()}"


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon for one test; it may be gone when the test ends."""
    with Daemon(tmp_path / "daemon") as process:
        yield process


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with daemon.client() as connection:
        yield connection


@pytest.fixture(scope="session")
def c_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_driver(tmp_path_factory.mktemp("c-client"))


@pytest.fixture
def c_client(c_driver: Path) -> Iterator[CClient]:
    """The C client, not connected yet; a report of its sanitizers fails the test."""
    with CClient(c_driver) as process:
        yield process


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers whose seed is shown when the test fails; GAMD_SEED repeats a run."""
    seed = int(os.environ.get("GAMD_SEED", random.randrange(1 << 32)))
    print(f"GAMD_SEED={seed}")
    return random.Random(seed)
