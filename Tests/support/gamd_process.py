"""Starts, watches and stops the real daemon, and runs gamctl.

What always holds here:
- A daemon that was started is stopped by its own pid, whatever happens in between.
- Everything it writes lives in folders the caller gives; its log is kept beside the socket.
- The client used to wait for it is the one under test: an answer to Hello means ready.
"""

from __future__ import annotations

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
        self,
        folder: Path,
        *arguments: str,
        config: str | None = None,
        launcher: list[str] | None = None,
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.socket = folder / "gamd.sock"
        self.log = folder / "gamd.log"
        self._arguments = list(arguments)
        self._launcher = launcher or []
        self._config = folder / "gamd.toml" if config is not None else None
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if config is not None:
            (folder / "gamd.toml").write_text(config)

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the daemon was never started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process and waits until it answers Hello."""
        command = [*self._launcher, str(BINARIES / "gamd")]
        command += ["--state", str(self.state), "--socket", str(self.socket)]
        command += ["--plugins", str(PLUGIN_MANIFESTS), "--plugins", str(BINARIES)]
        if self._config is not None:
            command += ["--config", str(self._config)]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                command + self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log
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
        assert self._process is not None, "the daemon was never started"
        self._process.send_signal(signal.SIGTERM)
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
        self._process.kill()
        self._process.wait()

    def client(self, timeout: float | None = 300) -> Client:
        return Client(self.socket, timeout=timeout)

    def peak_resident_bytes(self) -> int:
        """VmHWM: the most memory the daemon ever had resident."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the kernel does not report VmHWM")

    def log_tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def gamctl(self, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess:
        return gamctl(*arguments, "--socket", self.socket, stdin=stdin)

    def gamctl_json(self, *arguments: str | Path) -> Any:
        done = self.gamctl(*arguments, "--json")
        assert done.returncode == 0, (done.returncode, done.stderr.decode())
        return json.loads(done.stdout)


def gamctl(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess:
    """Runs gamctl; output and exit code are the caller's to judge."""
    command = [str(BINARIES / "gamctl"), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=900)
