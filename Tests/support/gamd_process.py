"""Starts, watches and stops the real daemon, and runs gamctl.

What always holds here:
- A daemon that was started is stopped by its own pid, whatever happens in between.
- Everything it writes lives in folders the caller gives; its log is kept beside the socket.
- The client used to wait for it is the one under test: an answer to Hello means ready.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Python" / "src"))

from gamd import Client, UnreachableError  # noqa: E402

BINARIES = Path(os.environ.get("GAMD_BINARIES", ROOT / ".build" / "release"))
PLUGIN_MANIFESTS = ROOT / "Plugins"
EXAMPLES = ROOT / "Examples"
START_SECONDS = 30.0
STOP_SECONDS = 15.0


class Daemon:
    """One gamd process on a state folder and a socket."""

    def __init__(
        self, folder: Path, *arguments: str, config: str | None = None, prefix: tuple[str, ...] = ()
    ) -> None:
        """`prefix` runs the daemon: prlimit, strace, taskset."""
        self.folder = folder
        self._prefix = list(prefix)
        self.state = folder / "state"
        self.socket = folder / "gamd.sock"
        self.log = folder / "gamd.log"
        self._arguments = list(arguments)
        # An installed gamd's configuration must not leak into a test: there always is one.
        self._config = folder / "gamd.toml"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(config or "")

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self.stop()

    @property
    def pid(self) -> int:
        """The daemon's own process: below strace it is a child of what was started."""
        assert self._process is not None, "the daemon was never started"
        below = children(self._process.pid) if self._prefix else []
        return (below or [self._process.pid])[0]

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process and waits until it answers Hello."""
        command = [str(BINARIES / "gamd")]
        command += ["--state", str(self.state), "--socket", str(self.socket)]
        command += ["--plugins", str(PLUGIN_MANIFESTS), "--plugins", str(BINARIES)]
        command += ["--config", str(self._config)]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self._prefix + command + self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                Client(self.socket, timeout=START_SECONDS).close()
                return
            except UnreachableError as error:
                if self._process.poll() is not None:
                    raise RuntimeError(
                        f"gamd ended with {self._process.returncode}:\n{self.log_tail()}"
                    ) from error
                if time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(f"gamd does not answer:\n{self.log_tail()}") from error
            time.sleep(0.01)

    def stop(self) -> int:
        """SIGTERM; the exit status. A daemon that does not end in time is killed and reported."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """The exit status of a daemon that was told to end."""
        assert self._process is not None, "the daemon was never started"
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            self.kill()
            text = f"gamd did not end within {STOP_SECONDS} s:\n{self.log_tail()}"
            raise RuntimeError(text) from error

    def kill(self) -> None:
        """SIGKILL, and waits for the process to be gone."""
        assert self._process is not None, "the daemon was never started"
        for pid in {self.pid, self._process.pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def client(self, timeout: float | None = 300) -> Client:
        return Client(self.socket, timeout=timeout)

    def peak_resident_bytes(self) -> int:
        """VmHWM: the most memory the daemon ever had resident."""
        return self._memory("VmHWM:")

    def resident_bytes(self) -> int:
        return self._memory("VmRSS:")

    def _memory(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"the kernel does not report {name}")

    def processor_seconds(self) -> float:
        """Processor time of all threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def log_tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def gamctl(self, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess:
        return gamctl(*arguments, "--socket", self.socket, stdin=stdin)

    def gamctl_json(self, *arguments: str | Path) -> Any:
        done = self.gamctl(*arguments, "--json")
        assert done.returncode == 0, (done.returncode, done.stderr.decode())
        return json.loads(done.stdout)


def children(pid: int) -> list[int]:
    """Processes that `pid` has started and that still run."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]
    except FileNotFoundError:
        return []


def gamctl(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess:
    """Runs gamctl; output and exit code are the caller's to judge."""
    command = [str(BINARIES / "gamctl"), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=900)
