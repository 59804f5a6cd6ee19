"""The walls around a worker are there, and where they cannot be built no plugin runs.

What always holds here: what a worker may do is read from the kernel; what it may not do is tried by
test_hostile_plugins.py.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from gamd_process import BINARIES, EXAMPLES, PLUGIN_MANIFESTS, ROOT, Daemon
from test_hostile_plugins import workers_of

from gamd import AdapterMissingError

PICTURE = EXAMPLES / "elevation.png"
LANDLOCK = "landlock_create_ruleset"


@pytest.fixture(scope="module")
def kernel_without(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that runs others without a system call: its first argument."""
    path = tmp_path_factory.mktemp("launcher") / "kernel_without"
    source = ROOT / "Tests" / "support" / "kernel_without.c"
    subprocess.run(["cc", "-O1", source, "-o", path, "-lseccomp"], check=True)
    return path


def info(kernel_without: Path, *options: str) -> subprocess.CompletedProcess:
    command = [kernel_without, LANDLOCK, BINARIES / "gamctl", "plugin", "info", "image", *options]
    command += ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_without_a_sandbox_plugins_are_refused(kernel_without: Path) -> None:
    done = info(kernel_without)
    assert done.returncode == 78, done
    assert "no sandbox: Landlock is not available" in done.stderr
    assert 'sandbox = "available"' in done.stderr
    assert info(kernel_without, "--in-process").returncode == 0


@pytest.mark.parametrize(
    "sandbox, works", [("required", False), ("available", True), ("off", True)]
)
def test_the_configuration_decides(
    kernel_without: Path, tmp_path: Path, sandbox: str, works: bool
) -> None:
    config = f'[plugins]\nsandbox = "{sandbox}"\n'
    daemon = Daemon(tmp_path / "daemon", config=config, prefix=(str(kernel_without), LANDLOCK))
    with daemon, daemon.client() as client:
        if works:
            client.put_file("picture", PICTURE)
            assert client.get_file("picture")
        else:
            with pytest.raises(AdapterMissingError, match="no sandbox"):
                client.put_file("picture", PICTURE)


@pytest.mark.parametrize("sandbox, works", [("available", False), ("off", True)])
def test_the_filter_is_needed_even_where_landlock_is_not(
    kernel_without: Path, tmp_path: Path, sandbox: str, works: bool
) -> None:
    config = f'[plugins]\nsandbox = "{sandbox}"\n'
    daemon = Daemon(tmp_path / "daemon", config=config, prefix=(str(kernel_without), "seccomp"))
    with daemon, daemon.client() as client:
        if works:
            client.put_file("picture", PICTURE)
            return
        with pytest.raises(AdapterMissingError, match="no sandbox") as caught:
            client.put_file("picture", PICTURE)
        assert 'allow sandbox = "off" in' in str(caught.value), "available would not help"


def test_a_worker_has_nothing(own_daemon: Daemon) -> None:
    with own_daemon.client() as client:
        client.put_file("picture", PICTURE)
    workers = workers_of(own_daemon)
    assert workers
    for worker in workers:
        place = Path(f"/proc/{worker}")
        status = dict(
            line.split(":\t", 1) for line in (place / "status").read_text().splitlines() if line
        )
        assert status["Seccomp"] == "2" and int(status["Seccomp_filters"]) >= 2
        assert status["NoNewPrivs"] == "1"
        assert (place / "environ").read_bytes() == b""
        open_files = {int(entry.name): str(entry.readlink()) for entry in (place / "fd").iterdir()}
        assert {open_files.pop(stream) for stream in (0, 1, 2)} == {"/dev/null"}
        assert len(open_files) == 1 and next(iter(open_files.values())).startswith("socket:")
        limits = (place / "limits").read_text()
        rows = {line[:26].strip(): line[26:].split() for line in limits.splitlines()[1:]}
        assert rows["Max core file size"][0] == "0"
        assert int(rows["Max open files"][1]) == 64
        assert int(rows["Max data size"][1]) == (512 << 20) + (256 << 20)


def test_in_the_process_when_one_says_so(tmp_path: Path) -> None:
    config = '[plugins]\nisolation = "in-process"\n'
    with Daemon(tmp_path / "daemon", config=config) as daemon, daemon.client() as client:
        client.put_file("picture", PICTURE)
        assert client.get_file("picture")
        assert workers_of(daemon) == {}
