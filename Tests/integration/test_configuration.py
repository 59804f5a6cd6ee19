"""Options: where they come from, what is refused, what a reload changes.

What always holds here:
- Every daemon is this file's own, on folders of the test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, ROOT, Daemon

from gamd import GamError

GAMD = BINARIES / "gamd"


def check_config(config: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [GAMD, "--check-config", "--config", config, *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, timeout=30, env=variables, text=True)


def test_the_shipped_configuration_is_valid() -> None:
    assert check_config(ROOT / "Config" / "gamd.toml").returncode == 0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[limits]\n\nputs_bytes_max = 1\n", ":3: unknown key limits.puts_bytes_max"),
        ("[log]\nlevel = 'info'\n\n[lgo]\nx = 1\n", ":4: unknown key lgo"),
        ("[threads]\nputs = 0\n", ":2: threads.puts must be 1 to 256"),
        ("[threads]\nputs = \n", ":2 is not valid TOML"),
    ],
)
def test_faults_are_told_with_file_and_line(tmp_path: Path, text: str, place: str) -> None:
    config = tmp_path / "gamd.toml"
    config.write_text(text)
    done = check_config(config)
    assert done.returncode == 78
    assert f"{config}{place}" in done.stderr


def test_faults_of_environment_and_options_are_told(tmp_path: Path) -> None:
    config = tmp_path / "gamd.toml"
    config.write_text("")
    assert check_config(config, GAMD_LOG_LEVEL="debug").returncode == 0
    done = check_config(config, GAMD_LOG_LOUDNESS="11")
    assert done.returncode == 78 and "environment GAMD_LOG_LOUDNESS" in done.stderr
    done = check_config(config, "--set", "log.level=loud")
    assert done.returncode == 78 and "--set log.level" in done.stderr


def test_config_show_tells_values_and_origins(tmp_path: Path) -> None:
    folder = tmp_path / "daemon"
    drop_in = folder / "gamd.toml.d" / "50-local.toml"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[threads]\nreads = 3\n")
    with Daemon(folder, "--set", "threads.puts=1", config="[threads]\nreads = 2\n") as daemon:
        shown = {entry["key"]: entry for entry in daemon.gamctl_json("config", "show")}
        assert shown["threads.reads"]["value"] == "3"
        assert shown["threads.reads"]["origin"] == f"{drop_in}:2"
        assert shown["threads.puts"]["origin"] == "option --set threads.puts"
        assert shown["socket.path"]["origin"] == "option --socket"
        # What is shown is a file that means the same.
        text = daemon.gamctl("config", "show", "--origin").stdout.decode()
    again = tmp_path / "again.toml"
    again.write_text(text)
    assert check_config(again).returncode == 0
    assert "reads = 3" in text


def test_a_reload_takes_effect_and_a_faulty_one_does_not(own_daemon: Daemon) -> None:
    config = own_daemon.folder / "gamd.toml"

    def reload(text: str, expected: str) -> None:
        config.write_text(text)
        before = len(own_daemon.log.read_text())
        os.kill(own_daemon.pid, signal.SIGHUP)
        deadline = time.monotonic() + 10
        while expected not in own_daemon.log.read_text()[before:]:
            assert time.monotonic() < deadline, own_daemon.log_tail()
            time.sleep(0.02)

    with own_daemon.client() as client:
        client.put("a", np.zeros(9, np.uint8))
        reload("[quota]\nsignals_max = 1\n", "the configuration is in effect")
        with pytest.raises(GamError, match="quota"):
            client.put("b", np.zeros(9, np.uint8))
        reload("[quota]\nsignals_maximum = 9\n", "the old configuration stays in effect")
        with pytest.raises(GamError, match="quota"):
            client.put("b", np.zeros(9, np.uint8))
        reload("[threads]\nputs = 7\n", "after a restart: threads.puts")
        client.put("b", np.zeros(9, np.uint8))
