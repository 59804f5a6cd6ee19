"""Clients that rest, dawdle, or are too many: what they cost the others.

What always holds here:
- Times are those of the busy clients, on this machine, in this run: alone first, then with the
  crowd; a limit is a factor between the two, or memory, never a time of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402

from gamd import Client, GamError, gam_pb2  # noqa: E402
from gamd.wire import Connection  # noqa: E402

BUSY = 8
MEBIBYTE = 1 << 20


@dataclass
class Times:
    """Latencies of the busy clients in seconds."""

    seconds: list[float]

    def quantile(self, part: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    def __str__(self) -> str:
        p50, p99 = self.quantile(0.5) * 1e3, self.quantile(0.99) * 1e3
        return f"{len(self.seconds)} reads, p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def fill(daemon: Daemon) -> None:
    with daemon.client() as client:
        rng = np.random.default_rng(0)
        client.put("busy", rng.integers(0, 255, (512, 512)).astype(np.uint8), size="S")


def busy(daemon: Daemon, seconds: float, clients: int = BUSY) -> Times:
    """Clients that read 256 x 256 again and again, one after the other each."""
    times: list[float] = []
    faults: list[str] = []
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        try:
            with daemon.client(timeout=60) as client:
                while time.monotonic() < end:
                    start = time.perf_counter()
                    client.read("busy", [(0, 256), (0, 256)])
                    times.append(time.perf_counter() - start)
        except GamError as error:
            faults.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults
    return Times(times)


def resting(daemon: Daemon, count: int) -> list[Client]:
    """Connections that have said Hello and say nothing more."""
    return [daemon.client(timeout=60) for _ in range(count)]


@dataclass
class CrowdResult:
    alone: Times
    crowded: Times
    bytes_per_connection: float


def crowd(folder: Path, count: int, seconds: float) -> CrowdResult:
    """`count` resting connections beside the busy ones."""
    with Daemon(folder / "daemon", config="[refit]\nenabled = false\n") as daemon:
        fill(daemon)
        busy(daemon, 0.5)
        alone = busy(daemon, seconds)
        before = daemon.resident_bytes()
        clients = resting(daemon, count)
        after = daemon.resident_bytes()
        crowded = busy(daemon, seconds)
        for client in clients:
            client.close()
    return CrowdResult(alone, crowded, (after - before) / count)


def begin_read(daemon: Daemon, key: str) -> socket.socket:
    """A raw socket on which the answer to a Read is due."""
    connection = Connection(str(daemon.socket), 60)
    connection.send(1, gam_pb2.Request(key=key, read=gam_pb2.Read()))
    return connection._socket


@dataclass
class DawdlerResult:
    alone: Times
    beside: Times
    grown_bytes: int


def dawdlers(folder: Path, seconds: float, mebibytes: int = 64) -> DawdlerResult:
    """Readers that never read, one that takes a byte a second, and halves of frames."""
    with Daemon(folder / "daemon", config="[refit]\nenabled = false\n") as daemon:
        fill(daemon)
        with daemon.client() as client:
            rows = mebibytes * MEBIBYTE // 8192
            pattern = np.arange(8192, dtype=np.uint32) // 32
            client.put("large", np.tile(pattern.astype(np.uint8), (rows, 1)), size="S")
            client.read("large", [(0, 256), (0, 256)])
        busy(daemon, 0.5)
        alone = busy(daemon, seconds)
        before = daemon.resident_bytes()
        held = [begin_read(daemon, "large") for _ in range(BUSY + 2)]
        stop = threading.Event()
        slow = threading.Thread(target=byte_a_second, args=(held[0], stop))
        slow.start()
        for _ in range(4):
            half = socket.socket(socket.AF_UNIX)
            half.connect(str(daemon.socket))
            half.sendall(b"GAM1\x01\x00\x00\x00\x10")
            held.append(half)
        beside = busy(daemon, seconds)
        time.sleep(1)
        grown = daemon.resident_bytes() - before
        stop.set()
        slow.join()
        for raw in held:
            raw.close()
        busy(daemon, 0.2)
    return DawdlerResult(alone, beside, grown)


def byte_a_second(raw: socket.socket, stop: threading.Event) -> None:
    while not stop.wait(1):
        with contextlib.suppress(OSError):
            raw.recv(1)


@dataclass
class DescriptorResult:
    accepted: int
    refused: int
    processor_seconds: float


def few_descriptors(folder: Path, limit: int = 64, clients: int = 100) -> DescriptorResult:
    """More clients than descriptors: each is served or told so, nothing spins, all recovers."""
    prefix = ("prlimit", f"--nofile={limit}:{limit}")
    with Daemon(folder / "daemon", prefix=prefix) as daemon:
        fill(daemon)
        accepted: list[Client] = []
        refused = 0
        for _ in range(clients):
            try:
                accepted.append(daemon.client(timeout=20))
            except GamError:
                refused += 1
        assert accepted, "nobody was served"
        # Who is in is served, puts included, though the house is full.
        array = np.arange(5000, dtype=np.uint16).reshape(50, 100)
        for number, client in enumerate(accepted[:3]):
            client.put(f"full/{number}", array)
            assert np.array_equal(client[f"full/{number}"][...], array)
        start = daemon.processor_seconds()
        time.sleep(2)
        used = daemon.processor_seconds() - start
        for client in accepted:
            client.close()
        time.sleep(0.5)
        assert len(busy(daemon, 0.5).seconds) > 0
        return DescriptorResult(len(accepted), refused, used)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resting", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gamd-clients-") as name:
        folder = Path(name)
        found = crowd(folder / "crowd", arguments.resting, arguments.seconds)
        print(f"{BUSY} busy clients alone: {found.alone}")
        print(f"beside {arguments.resting} resting ones: {found.crowded}")
        print(f"resident per resting connection: {found.bytes_per_connection / 1024:.1f} KiB")
        slow = dawdlers(folder / "slow", arguments.seconds)
        print(f"alone: {slow.alone}")
        print(f"beside readers that do not read and halves of frames: {slow.beside}")
        print(f"memory grown: {slow.grown_bytes / MEBIBYTE:.1f} MiB")
        few = few_descriptors(folder / "few")
        print(
            f"64 descriptors, 100 clients: {few.accepted} served, {few.refused} refused, "
            f"{few.processor_seconds:.2f} s of processor in 2 s"
        )
        factor = found.crowded.quantile(0.99) / found.alone.quantile(0.99)
        print(f"p99 beside resting clients: {factor:.2f} of alone")
        kept = factor < 2 and found.bytes_per_connection <= 64 << 10
        return 0 if kept and few.processor_seconds < 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
