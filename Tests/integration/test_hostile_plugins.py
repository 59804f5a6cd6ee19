"""Plugins that crash, hang, lie or break out cost their caller an error, and nobody else anything.

What always holds here:
- The kinds of harm are those of hostile_plugins.py; `make hostile` does each of them 20 times and
  measures what other clients notice.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest
from gamd_process import EXAMPLES, Daemon
from hostile_plugins import FILE, HARMS, SAMPLES, SECONDS_MAX, Harm, hostile_daemon

from gamd import AdapterFaultError, AdapterMissingError, Client

FAULTS_MAX = 3


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with hostile_daemon(tmp_path_factory.mktemp("hostile"), FAULTS_MAX) as daemon:
        yield daemon
        assert daemon.is_running, daemon.log_tail()


class Reader(threading.Thread):
    """Another client, which reads one signal over and over."""

    def __init__(self, daemon: Daemon, key: str) -> None:
        super().__init__(daemon=True)
        self._daemon_process, self._key = daemon, key
        self._end = threading.Event()
        self.reads = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with self._daemon_process.client(timeout=30) as client:
                first = client.read(self._key)
                while not self._end.is_set():
                    assert np.array_equal(client.read(self._key), first)
                    self.reads += 1
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        self._end.set()
        self.join(30)
        assert self.error is None, self.error
        assert self.reads > 0


def put(client: Client, harm: Harm) -> float:
    """Puts a file through the harmful plugin; seconds until its error, which must be right."""
    started = time.monotonic()
    with pytest.raises(AdapterFaultError) as caught:
        client.put_bytes(f"harm/{harm.name}", FILE, file_name=f"a.{harm.name}")
    seconds = time.monotonic() - started
    assert harm.error in str(caught.value), str(caught.value)
    return seconds


def workers_of(daemon: Daemon) -> dict[int, str]:
    """Process ids and names of the daemon's children; none of them may be a zombie."""
    workers = {}
    for folder in Path("/proc").iterdir():
        try:
            status = (folder / "status").read_text() if folder.name.isdigit() else ""
        except OSError:
            continue
        if f"\nPPid:\t{daemon.pid}\n" in status:
            assert "zombie" not in status, status
            workers[int(folder.name)] = status.splitlines()[0].split("\t")[1]
    return workers


def state_of(daemon: Daemon, plugin: str) -> str:
    listed = daemon.gamctl_json("plugin", "list")
    return next(entry["state"] for entry in listed if entry["id"] == plugin)


def test_the_honest_twin_works(hostile: Daemon) -> None:
    with hostile.client() as client:
        client.put_bytes("honest", FILE, file_name="a.none")
        assert client.get_file("honest") == FILE
        assert client.read("honest").tobytes() == SAMPLES


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.name)
def test_harm_costs_its_caller_an_error_and_nothing_else(hostile: Daemon, harm: Harm) -> None:
    with hostile.client(timeout=30) as client:
        client.put_bytes("bystander", FILE, file_name="a.none")
        reader = Reader(hostile, "bystander")
        reader.start()
        for _ in range(FAULTS_MAX):
            seconds = put(client, harm)
            assert seconds < SECONDS_MAX + 1, f"the error took {seconds:.2f} s"
            assert not harm.waits or seconds >= SECONDS_MAX
        reader.finish()
        with pytest.raises(AdapterMissingError, match="quarantined"):
            client.put_bytes("late", FILE, file_name=f"a.{harm.name}")
        assert "quarantined" in state_of(hostile, f"harm-{harm.name}")
        assert state_of(hostile, "harm-none") == "ready"
        assert all(entry.key != f"harm/{harm.name}" for entry in client.ls("harm/"))


def test_nothing_is_left_running(hostile: Daemon) -> None:
    """Every worker that did harm is gone, and so is everything it started."""
    with hostile.client() as client:
        client.put_bytes("after", FILE, file_name="a.none")
    names = set(workers_of(hostile).values())
    assert names == {"gamd-harm-none"}


def test_quarantine_ends(tmp_path: Path) -> None:
    with hostile_daemon(tmp_path, 1) as daemon:
        pass
    config = "[plugins]\nfaults_max = 1\nquarantine_seconds = 1\n"
    plugins = str(tmp_path / "plugins")
    with Daemon(tmp_path / "short", "--plugins", plugins, config=config) as daemon:
        harm = next(harm for harm in HARMS if harm.name == "abort")
        with daemon.client() as client:
            put(client, harm)
            with pytest.raises(AdapterMissingError):
                client.put_bytes("k", FILE, file_name="a.abort")
            metrics = daemon.gamctl("metrics").stdout.decode()
            for figure in ("breaches_total", "quarantined"):
                assert f'gamd_plugin_{figure}{{plugin="harm-abort"}} 1\n' in metrics, metrics
            assert "gamd_plugin_faults_total 1\n" in metrics, metrics
            time.sleep(1.1)
            put(client, harm)


def test_a_killed_worker_is_replaced_without_a_word(own_daemon: Daemon) -> None:
    data = (EXAMPLES / "elevation.png").read_bytes()
    with own_daemon.client() as client:
        client.put_bytes("a", data, file_name="a.png")
        workers = workers_of(own_daemon)
        assert workers, "no worker was running"
        for worker in workers:
            os.kill(worker, 9)
        client.put_bytes("b", data, file_name="b.png")
        assert np.array_equal(client.read("a"), client.read("b"))


def test_workers_die_with_the_daemon(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "daemon")
    daemon.start()
    with daemon.client() as client:
        client.put_bytes("a", (EXAMPLES / "elevation.png").read_bytes(), file_name="a.png")
    workers = workers_of(daemon)
    assert workers, "no worker was running"
    daemon.kill()
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, f"workers {workers} outlive their daemon"
        time.sleep(0.01)


def test_one_million_log_lines_leave_a_readable_log(hostile: Daemon) -> None:
    lines = [line for line in hostile.log.read_text().splitlines() if "harm-log adapter" in line]
    # The plugin's own, and one of the daemon for each fault.
    assert 0 < len(lines) <= (20 + 1) * FAULTS_MAX
    assert not any("\x1b" in line for line in lines)
    assert json.dumps(lines[0])
