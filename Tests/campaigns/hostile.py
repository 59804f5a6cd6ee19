"""Every harmful plugin, many times: its callers get the right error in time, others notice little.

What always holds here:
- Harm is done by one client while another reads small regions; the latencies of the other one are
  compared with those it has beside an honest plugin doing the same.
- The campaign fails when an error is late or of the wrong kind, when the daemon dies, or when the
  99th percentile of the other client doubles.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import EXAMPLES, Daemon  # noqa: E402
from hostile_plugins import FILE, HARMS, SECONDS_MAX, Harm, hostile_daemon  # noqa: E402

from gamd import AdapterFaultError, AdapterMissingError, Client  # noqa: E402

NEVER = 1000
"""More faults than a campaign makes: nothing is put aside before that is tested."""


class Bystander(threading.Thread):
    """Reads a region over and over and keeps the time each read took."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self._daemon_process = daemon
        self._end = threading.Event()
        self.seconds: list[float] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with self._daemon_process.client(timeout=30) as client:
                first = client.read("picture", [(0, 64), (0, 64)])
                while not self._end.is_set():
                    started = time.monotonic()
                    again = client.read("picture", [(0, 64), (0, 64)])
                    self.seconds.append(time.monotonic() - started)
                    assert np.array_equal(first, again)
        except BaseException as error:
            self.error = error

    def percentile(self) -> float:
        """Milliseconds; ends the thread."""
        self._end.set()
        self.join(30)
        assert self.error is None, self.error
        return float(np.percentile(self.seconds, 99)) * 1000


def harm_once(client: Client, harm: Harm) -> float:
    started = time.monotonic()
    try:
        client.put_bytes("harmed", FILE, file_name=f"a.{harm.name}")
    except AdapterFaultError as error:
        assert harm.error in str(error), f"{harm.name}: {error}"
    else:
        raise AssertionError(f"{harm.name} was stored")
    return time.monotonic() - started


def beside_honest(daemon: Daemon, seconds: float) -> float:
    """The bystander's 99th percentile while files are stored all the time."""
    bystander = Bystander(daemon)
    bystander.start()
    end = time.monotonic() + seconds
    with daemon.client() as client:
        while time.monotonic() < end:
            client.put_bytes("honest", FILE, file_name="a.none")
    return bystander.percentile()


def run(folder: Path, times: int) -> float:
    """The largest ratio of latencies; raises AssertionError at the first harm to others."""
    worst = 0.0
    with hostile_daemon(folder, NEVER) as daemon, daemon.client(timeout=30) as client:
        picture = (EXAMPLES / "elevation.png").read_bytes()
        client.put_bytes("picture", picture, file_name="elevation.png")
        base = beside_honest(daemon, 3)
        print(f"beside an honest plugin: p99 {base:.2f} ms")
        for harm in HARMS:
            bystander = Bystander(daemon)
            bystander.start()
            slowest = max(harm_once(client, harm) for _ in range(times))
            while len(bystander.seconds) < 200:
                harm_once(client, harm)
            p99 = bystander.percentile()
            worst = max(worst, p99 / base)
            print(
                f"{harm.name:9} x{times}: slowest error {slowest:.2f} s,"
                f" other client p99 {p99:.2f} ms ({p99 / base:.2f} x)"
            )
            assert slowest < SECONDS_MAX + 1, f"{harm.name}: the error took {slowest:.2f} s"
            assert daemon.is_running, daemon.log_tail()
    return worst


def quarantine(folder: Path) -> None:
    """Three faults put each plugin aside."""
    with hostile_daemon(folder, 3) as daemon, daemon.client(timeout=30) as client:
        for harm in HARMS:
            for _ in range(3):
                harm_once(client, harm)
            try:
                client.put_bytes("late", FILE, file_name=f"a.{harm.name}")
            except AdapterMissingError as error:
                assert "quarantined" in str(error), error
            else:
                raise AssertionError(f"{harm.name} was not put aside")
        states = {plugin.id: plugin.state for plugin in client.plugins()}
        assert all("quarantined" in states[f"harm-{harm.name}"] for harm in HARMS), states
        assert states["harm-none"] == "ready"
    print(f"{len(HARMS)} plugins put aside after 3 faults each, the honest one not")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gamd-hostile-") as folder:
        worst = run(Path(folder) / "harm", arguments.times)
        quarantine(Path(folder) / "aside")
    assert worst < 2, f"the other client's p99 rose {worst:.2f} times"
    print(f"the other client's p99 rose at most {worst:.2f} times")


if __name__ == "__main__":
    main()
