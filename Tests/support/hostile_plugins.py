"""Plugins that do harm, built with the C compiler, and a daemon that has them.

What always holds here:
- Every kind of harm names the words its caller's error must hold: an error of another kind, or
  none, is a failure of the test.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from gamd_process import ROOT, Daemon

SOURCE = ROOT / "Tests" / "support" / "hostile_plugin.c"
HEADERS = ROOT / "Sources" / "CGAMPlugin" / "include"
SAMPLES = bytes(index % 16 for index in range(5000))
FILE = b"HARM" + SAMPLES
SECONDS_MAX = 1


@dataclass(frozen=True)
class Harm:
    name: str
    error: str
    """A part of the text the caller gets."""
    waits: bool = False
    """Whether the error comes only when the time is over."""


HARMS = [
    Harm("segfault", "crashed: Segmentation fault"),
    Harm("abort", "crashed: Aborted"),
    Harm("loop", f"did not answer within {SECONDS_MAX} s", waits=True),
    Harm("sleep", f"did not answer within {SECONDS_MAX} s", waits=True),
    Harm("tenfold", "read_rows gave 50000 rows where 1 to 5000 fit"),
    Harm("short", "read_rows gave 0 rows"),
    Harm("wrong", "outside its declared 4 bits"),
    Harm("lie", "promises the same file and writes another"),
    Harm("log", "log lines for one file"),
    Harm("fork", "system call that no adapter may make"),
    Harm("shadow", "/etc/shadow cannot be read"),
    Harm("connect", "system call that no adapter may make"),
    Harm("overrun", "crashed: Segmentation fault"),
    Harm("leak", "system call that no adapter may make"),
    Harm("close", "closed the connection of its worker"),
]


def build(folder: Path, name: str) -> None:
    """A manifest and a library in `folder` for the harm `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    library = f"libgamd-harm-{name}.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-w", f'-DHARM="{name}"', f"-I{HEADERS}"]
    subprocess.run([*command, str(SOURCE), "-o", str(folder / library)], check=True)
    (folder / f"harm-{name}.toml").write_text(
        f"""id = "harm-{name}"
version = "1.0.0"
abi = "1.3"
library = "{library}"
kinds = ["array"]
[[types]]
name = "harm"
media_type = "application/x-harm"
suffixes = [".{name}"]
magic = []
exactness = "file"
"""
    )


def hostile_daemon(folder: Path, faults_max: int) -> Daemon:
    """A daemon with every harm and the honest twin, and one second for an answer."""
    plugins = folder / "plugins"
    for name in ["none", *(harm.name for harm in HARMS)]:
        build(plugins, name)
    config = f"[plugins]\nseconds_max = {SECONDS_MAX}\nfaults_max = {faults_max}\n"
    return Daemon(folder / "daemon", "--plugins", str(plugins), config=config)
