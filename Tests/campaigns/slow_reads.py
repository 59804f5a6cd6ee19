"""Many large reads at once whose readers are slow: the daemon's memory stays within its budget.

What always holds here:
- The budget is worked out from the daemon's own configuration (Config operation) and from limits
  that its sources and docs/operations.md name; memory is anonymous resident memory (RssAnon),
  sampled while the readers dawdle, beside VmHWM.
- One slow reader takes all of its answer in the end, and every sample is compared.
- Times are of one client with small reads, alone first, then beside the readers.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from clients import Times, begin_read, busy, fill  # noqa: E402
from gamd_process import Daemon  # noqa: E402

from gamd.wire import HEADER, decode_header, decode_reply  # noqa: E402

MEBIBYTE = 1 << 20
STEP_SECONDS = 0.25
#: What a dawdling reader takes in one step: 8 KiB a second. At 4 KiB/s the daemon drops it: the
#: kernel tells of room only when three quarters of a socket's 208 KiB are taken, which takes 40 s.
STEP_BYTES = 2048
#: Every third reader takes nothing at all; the daemon drops it after timeouts.write_seconds.
STOPPED = 3
CONFIG = "[refit]\nenabled = false\n"
# Limits that are no options: docs/operations.md and store.md (write buffers of RocksDB), the cache
# of catalog entries, the largest frame, the largest piece of a large answer.
WRITE_BUFFERS = 58 * MEBIBYTE
ENTRIES = 8 * MEBIBYTE
FRAME = MEBIBYTE
PIECE = 64 * MEBIBYTE


def picture(megapixels: float) -> np.ndarray:
    """Grey, of smooth waves with a little noise."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    made = (110 + 100 * np.sin(x / 701) * np.cos(y / 433)).astype(np.uint8)
    made += np.random.default_rng(3).integers(0, 8, made.shape, np.uint8)
    return made


def budget(daemon: Daemon, readers: int, idle_bytes: int) -> tuple[int, str]:
    """Bytes that the daemon may have, and how they come about."""
    with daemon.client() as client:
        values = [(name, value) for name, (value, _) in client.config().items()]
    options = {name: int(value) for name, value in values if value.isdecimal()}
    caches = sum(value for name, value in options.items() if name.startswith("cache."))
    caches += WRITE_BUFFERS + ENTRIES
    replies = readers * (options["limits.reply_bytes_per_connection"] + FRAME)
    threads = options["threads.large"]
    pieces = threads * PIECE
    told = (
        f"{idle_bytes >> 20} idle + {caches >> 20} caches and write buffers + {replies >> 20} "
        f"answers of {readers} connections + {pieces >> 20} pieces of {threads} threads (MiB)"
    )
    return idle_bytes + caches + replies + pieces, told


def anonymous_bytes(daemon: Daemon) -> int:
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    assert found, "the kernel does not report RssAnon"
    return int(found[1]) * 1024


class SlowReaders:
    """Connections on which the answer to a Read of everything is due, taken a little at a time."""

    def __init__(self, daemon: Daemon, count: int) -> None:
        self.sockets = [begin_read(daemon, "large") for _ in range(count)]
        for each in self.sockets:
            each.setblocking(False)
        self.taken = [0] * count
        self.dropped: set[int] = set()
        self._first = bytearray()

    def step(self) -> None:
        for number, each in enumerate(self.sockets):
            if number % STOPPED == STOPPED - 1 or number in self.dropped:
                continue
            with contextlib.suppress(BlockingIOError):
                data = each.recv(STEP_BYTES)
                if not data:
                    self.dropped.add(number)
                self.taken[number] += len(data)
                if number == 0:
                    self._first += data

    @property
    def being_answered(self) -> int:
        return sum(count > 0 for count in self.taken)

    def rest_of_the_first(self) -> np.ndarray:
        """All samples of the first reader's answer, which it takes at once now."""
        first = self.sockets[0]
        first.settimeout(600)
        body, at, is_last = bytearray(), 0, False
        while not is_last:
            header = decode_header(self._bytes(first, at, HEADER.size))
            start = at + HEADER.size + header.metadata_bytes
            reply = decode_reply(self._bytes(first, at + HEADER.size, header.metadata_bytes))
            assert reply.status == 0, reply.text
            body += self._bytes(first, start, header.body_bytes)
            at, is_last = start + header.body_bytes, reply.last
        return np.frombuffer(bytes(body), np.uint8)

    def _bytes(self, first: socket.socket, start: int, count: int) -> bytes:
        while len(self._first) < start + count:
            data = first.recv(MEBIBYTE)
            assert data, "the daemon closed the connection of a slow reader"
            self._first += data
        return bytes(self._first[start : start + count])

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@dataclass
class Result:
    idle_bytes: int
    peak_bytes: int
    peak_resident_bytes: int
    budget_bytes: int
    budget_told: str
    answered: int
    dropped: int
    seconds: float
    alone: Times
    beside: Times


def dawdle(
    daemon: Daemon, readers: SlowReaders, seconds: float, wanted: int
) -> tuple[int, Times, float]:
    """Steps until so many readers are being answered, and for so many seconds at the least (five
    times that at the most): peak of anonymous memory, times of the small reads, seconds."""
    peak, start, beside = 0, time.monotonic(), []
    stop = threading.Event()

    def small_reads() -> None:
        while not stop.is_set():
            beside.extend(busy(daemon, 1, clients=1).seconds)

    small = threading.Thread(target=small_reads)
    small.start()
    try:
        while (spent := time.monotonic() - start) < seconds or (
            readers.being_answered < wanted and spent < 5 * seconds
        ):
            readers.step()
            peak = max(peak, anonymous_bytes(daemon))
            time.sleep(STEP_SECONDS)
    finally:
        stop.set()
        small.join()
    return peak, Times(beside), time.monotonic() - start


def run(folder: Path, megapixels: float, count: int, seconds: float) -> Result:
    samples = picture(megapixels)
    daemon = Daemon(folder / "daemon", config=CONFIG)
    with daemon, daemon.client(timeout=None) as client:
        fill(daemon)
        client.put("large", samples, size="S")
    with daemon:
        idle = anonymous_bytes(daemon)
        allowed, told = budget(daemon, count, idle)
        busy(daemon, 0.3, clients=1)
        alone = busy(daemon, min(seconds, 5), clients=1)
        readers = SlowReaders(daemon, count)
        stopped = count // STOPPED
        peak, beside, spent = dawdle(daemon, readers, seconds, count - stopped)
        taken = readers.rest_of_the_first()
        assert np.array_equal(taken.reshape(samples.shape), samples), "other samples came"
        peak = max(peak, anonymous_bytes(daemon))
        result = Result(
            idle, peak, daemon.peak_resident_bytes(), allowed, told, readers.being_answered,
            len(readers.dropped), spent, alone, beside,
        )
        readers.close()
        busy(daemon, 0.2, clients=1)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=100)
    parser.add_argument("--readers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gamd-slow-reads-") as folder:
        done = run(Path(folder), arguments.megapixels, arguments.readers, arguments.seconds)
    print(
        f"{arguments.readers} reads of {arguments.megapixels:g} megapixels, {done.seconds:.0f} s: "
        f"{done.answered} readers took a little, {done.dropped} of them were dropped"
    )
    print(f"small reads alone: {done.alone}")
    print(f"beside the slow readers: {done.beside}")
    kept = done.peak_bytes <= done.budget_bytes
    print(
        f"{'ok' if kept else 'FAILED'}: anonymous memory at most {done.peak_bytes >> 20} MiB "
        f"(idle {done.idle_bytes >> 20}), VmHWM {done.peak_resident_bytes >> 20} MiB; "
        f"budget {done.budget_bytes >> 20} MiB = {done.budget_told}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
