"""gamctl as people and scripts use it: terminals, pipes, JSON, interrupts, files without a daemon.

What always holds here:
- A terminal is a real one (a pty): what gamctl decides by isatty is decided for real.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, EXAMPLES, PLUGIN_MANIFESTS, Daemon, gamctl

PLUGINS = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]
LOCAL = ["train", "encode", "decode"]
REMOTE = ["put", "get", "read", "query", "where", "ls", "stat", "rm", "verify", "jobs"]
REMOTE += ["plugin list"]


def large_npy(folder: Path) -> Path:
    """Noise that takes a put long enough to show a rate."""
    path = folder / "large.npy"
    noise = np.random.default_rng(1).normal(0, 9, (6000, 4000)).cumsum(axis=1)
    np.save(path, noise.astype(np.int16))
    return path


def on_a_terminal(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and stderr of gamctl whose stderr is a terminal."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [BINARIES / "gamctl", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=end,
    )
    os.close(end)
    text = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: the last writer has closed the terminal
            break
        if not piece:
            break
        text += piece
    os.close(terminal)
    return process.wait(60), text.decode()


def test_a_terminal_sees_how_far_a_transfer_is(daemon: Daemon, tmp_path: Path) -> None:
    socket = ["--socket", daemon.socket]
    code, text = on_a_terminal("put", "seen", large_npy(tmp_path), *socket)
    assert code == 0
    assert re.search(r"send \d+ %", text), text
    assert re.search(r"encode \d+ %  \d+\.\d [KMG]?B/s  \d+:\d\d left", text), text
    assert text.endswith("\r\x1b[K"), "the line is left behind"
    code, text = on_a_terminal("get", "seen", "-o", tmp_path / "back.npy", *socket)
    assert code == 0 and re.search(r"receive 100 %", text), text
    code, text = on_a_terminal("verify", "seen", *socket)
    assert code == 0 and re.search(r"verify \d+ %", text), text


def test_a_pipe_sees_no_progress(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.gamctl("put", "quiet", large_npy(tmp_path))
    assert (done.returncode, done.stderr) == (0, b"")
    done = daemon.gamctl("get", "quiet", "-o", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (tmp_path / "large.npy").read_bytes()


@pytest.mark.parametrize("command", [*REMOTE, *LOCAL])
def test_every_command_speaks_json(command: str) -> None:
    text = gamctl(*command.split(), "--help").stdout.decode()
    assert "--json" in text
    assert ("--socket" in text) == (command in REMOTE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_get_leaves_nothing(
    daemon: Daemon, tmp_path: Path, number: signal.Signals
) -> None:
    assert daemon.gamctl("put", "cutoff", large_npy(tmp_path)).returncode == 0
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [BINARIES / "gamctl", "get", "cutoff", "-o", out / "x", "--socket", daemon.socket]
    )
    deadline = time.monotonic() + 10
    while not list(out.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(number)
    assert process.wait(30) == 130
    assert list(out.iterdir()) == []


def test_pipes_through_a_gam_file(tmp_path: Path) -> None:
    data = (EXAMPLES / "clip.wav").read_bytes()
    encoded = gamctl("encode", "-", "-", *PLUGINS, stdin=data)
    assert encoded.returncode == 0, encoded.stderr.decode()
    assert encoded.stdout.startswith(b"GAMF") and len(encoded.stdout) < len(data)
    decoded = gamctl("decode", "-", "-", *PLUGINS, stdin=encoded.stdout)
    assert (decoded.returncode, decoded.stdout) == (0, data)
    reported = gamctl("encode", EXAMPLES / "clip.wav", tmp_path / "a.gam", "--json", *PLUGINS)
    assert json.loads(reported.stdout)["storedBytes"] == (tmp_path / "a.gam").stat().st_size


def test_local_commands_say_what_is_missing(tmp_path: Path) -> None:
    photo = EXAMPLES / "photo.png"
    cases = [
        (78, "--plugins", ["encode", photo, tmp_path / "a", "--plugins", tmp_path]),
        (65, "no such", ["encode", tmp_path / "none", tmp_path / "a", *PLUGINS]),
        (73, "written", ["encode", photo, tmp_path / "none" / "a", *PLUGINS]),
        (4, "malformed", ["decode", photo, tmp_path / "a", *PLUGINS]),
    ]
    for code, word, arguments in cases:
        done = gamctl(*arguments)
        assert done.returncode == code, (arguments, done.stderr.decode())
        assert word in done.stderr.decode().lower(), done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_training_reports_as_json(tmp_path: Path) -> None:
    options = ["--name", "tiny", "--size", "S", "--roles", "1", "--transform", "none"]
    options += ["--observations", "4096", "--batch", "128", "--json"]
    done = gamctl("train", tmp_path / "tiny.gamp", EXAMPLES / "elevation.png", *options, *PLUGINS)
    assert done.returncode == 0, done.stderr.decode()
    (role,) = json.loads(done.stdout)
    assert role["observations"] > 0 and role["energy"] > 0
    assert (tmp_path / "tiny.gamp").read_bytes().startswith(b"GAMP")
