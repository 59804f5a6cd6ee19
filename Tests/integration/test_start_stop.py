"""Starting and stopping: signals, load, locks, what is refused at the start.

What always holds here:
- A stop is judged by its exit status, by its time, and by what the next start finds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, EXAMPLES, Daemon

from gamd import GamError


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_daemon_soon(own_daemon: Daemon, number: signal.Signals) -> None:
    with own_daemon.client() as client:
        client.put("before", np.zeros((100, 100), np.uint8))
        start = time.monotonic()
        os.kill(own_daemon.pid, number)
        assert own_daemon.wait() == 0
        assert time.monotonic() - start <= 10
    assert not own_daemon.socket.exists(), "the socket stays behind"


def test_a_daemon_under_load_stops_in_time_and_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """Long fits and short puts from four clients; both kinds are cut off, none is half there."""
    photo = (EXAMPLES / "photo.png").read_bytes()
    acknowledged: list[str] = []
    cut_off: list[GamError] = []

    def put(number: int) -> None:
        try:
            with daemon.client(timeout=60) as client:
                for step in range(10_000):
                    key = f"load/{number}/{step}"
                    effort = 9 if number % 2 else 0
                    client.put_bytes(key, photo, file_name="photo.png", effort=effort)
                    acknowledged.append(key)
        except GamError as error:
            cut_off.append(error)

    with Daemon(tmp_path / "daemon") as daemon:
        threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        start = time.monotonic()
        assert daemon.stop() == 0, daemon.log_tail()
        assert time.monotonic() - start <= 10
        for thread in threads:
            thread.join()
        assert len(cut_off) == 4 and acknowledged
        daemon.start()
        with daemon.client() as client:
            assert sorted(stat.key for stat in client.ls()) == sorted(acknowledged)
            for key in acknowledged:
                client.verify(key)


def test_a_daemon_that_fits_in_idle_time_stops_well(tmp_path: Path) -> None:
    config = "[refit]\nidle_seconds = 1\neffort = 9\n"
    with Daemon(tmp_path / "daemon", config=config) as daemon:
        with daemon.client() as client:
            hashes = {}
            for number in range(3):
                stat = client.put_file(f"idle/{number}", EXAMPLES / "photo.png")
                hashes[stat.key] = stat.content_hash
        deadline = time.monotonic() + 20
        while "idle/" not in (jobs := daemon.gamctl("jobs").stdout.decode()):
            assert time.monotonic() < deadline, "nothing is fitted in idle time"
            time.sleep(1.5)
        assert "running" in jobs or "interrupted" in jobs, jobs
        time.sleep(1.5)
        assert daemon.stop() == 0, daemon.log_tail()
        daemon.start()
        with daemon.client() as client:
            for key, content_hash in hashes.items():
                assert client.verify(key).content_hash == content_hash


def test_one_daemon_per_state_folder(own_daemon: Daemon, tmp_path: Path) -> None:
    second = subprocess.run(
        [BINARIES / "gamd", "--state", own_daemon.state, "--socket", tmp_path / "second.sock"],
        capture_output=True,
        timeout=30,
    )
    assert second.returncode not in (0, -signal.SIGSEGV, -signal.SIGILL, -signal.SIGTRAP)
    assert second.stderr.strip()
    with own_daemon.client() as client:
        client.put("still", np.zeros(3, np.uint8))


def test_a_stale_socket_is_no_obstacle(own_daemon: Daemon) -> None:
    own_daemon.kill()
    assert own_daemon.socket.exists()
    own_daemon.start()
    assert own_daemon.stop() == 0


def test_an_unknown_configuration_key_is_named(tmp_path: Path) -> None:
    config = tmp_path / "gamd.toml"
    config.write_text("no_such_option = 1\n")
    done = subprocess.run(
        [BINARIES / "gamd", "--state", tmp_path / "state", "--socket", tmp_path / "s.sock"]
        + ["--config", config],
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 78, done.stderr
    assert b"no_such_option" in done.stderr


def test_a_store_of_a_newer_version_is_refused_and_left_alone(own_daemon: Daemon) -> None:
    with own_daemon.client() as client:
        client.put("kept", np.arange(9, dtype=np.uint8))
    assert own_daemon.stop() == 0
    path = own_daemon.state / "store" / "FORMAT"
    text = path.read_text()
    path.write_text(text.replace("version 1", "version 2"))
    refused = subprocess.run(
        [BINARIES / "gamd", "--state", own_daemon.state, "--socket", own_daemon.socket],
        capture_output=True,
        timeout=30,
    )
    assert refused.returncode == 78
    assert b"version 2" in refused.stderr and b"newer gamd" in refused.stderr
    path.write_text(text)
    own_daemon.start()
    with own_daemon.client() as client:
        assert list(client["kept"][...]) == list(range(9))
