"""Hours of mixed work: memory, descriptors and space must not creep.

What always holds here:
- Writers put, replace, read and remove signals of their own, so that every read can be compared.
- The set of keys is bounded: what grows over time is the daemon's fault.
- Operations come at a fixed rate: memory follows load, and load must not follow the machine.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import EXAMPLES, Client, Daemon  # noqa: E402
from readers import bits_equal  # noqa: E402

WORKERS = 4
KEYS = 12
MEBIBYTE = 1 << 20
# Columns of Result.minutes.
RESIDENT, HEAP = 1, 2


def content(worker: int, key: int, version: int) -> np.ndarray:
    rng = np.random.default_rng([worker, key, version])
    shape = [(256, 256), (64, 64, 32), (40_000,), (600, 500)][key % 4]
    dtype = [np.uint8, np.int16, np.float32][key % 3]
    return rng.integers(-4, 5, shape).cumsum(axis=-1).astype(dtype)


class Worker(threading.Thread):
    def __init__(
        self, number: int, daemon: Daemon, stop: threading.Event, seed: int, rate: float
    ) -> None:
        """`rate`: operations per second; where the daemon is slower, as many as it can."""
        super().__init__()
        self.number = number
        self.daemon_process = daemon
        self.stop = stop
        self.interval = 1 / rate
        self.rng = random.Random(seed + number)
        self.versions = [0] * KEYS
        self.operations = 0
        self.fault: str | None = None

    def run(self) -> None:
        due = time.monotonic()
        try:
            while not self.stop.is_set():
                with self.daemon_process.client(timeout=120) as client:
                    for _ in range(200):
                        due = max(due + self.interval, time.monotonic())
                        if self.stop.wait(due - time.monotonic()):
                            return
                        self.step(client)
                        self.operations += 1
        except Exception as error:  # a thread must not end without a word
            self.fault = f"worker {self.number}: {type(error).__name__}: {error}"

    def step(self, client) -> None:
        key = self.rng.randrange(KEYS)
        name, version = f"mixed/{self.number}/{key}", self.versions[key]
        action = self.rng.random()
        if version == 0 or action < 0.15:
            self.versions[key] = self.rng.randrange(1, 1 << 30)
            client.put(name, content(self.number, key, self.versions[key]), size="S")
        elif action < 0.2:
            client.delete(name)
            self.versions[key] = 0
        elif action < 0.25:
            client.put_file(f"mixed/{self.number}/file", EXAMPLES / "photo.png", size="S")
            client.get_file(f"mixed/{self.number}/file")
        elif action < 0.5:
            client.stat(name)
        else:
            whole = content(self.number, key, version)
            region = [(0, min(extent, 128)) for extent in whole.shape]
            part = client.read(name, region)
            assert bits_equal(part, whole[tuple(slice(a, b) for a, b in region)]), name


@dataclass
class Sample:
    seconds: float
    resident: int
    heap: int
    descriptors: int


def sample(seconds: float, daemon: Daemon, client: Client) -> Sample:
    text = client.metrics()
    heap = float(re.search(r'^gamd_heap_bytes\{state="used"\} (\S+)', text, re.MULTILINE)[1])
    return Sample(seconds, daemon.resident_bytes(), int(heap), daemon.open_descriptors())


@dataclass
class Result:
    operations: int
    samples: list[Sample]
    amplification: float

    def minutes(self) -> np.ndarray:
        """Median seconds, resident bytes and heap bytes of each minute, the first sixth left out.

        Caches fill in the first sixth. A put of a picture takes and gives back some 15 MiB:
        single samples scatter by that, medians do not.
        """
        late = self.samples[len(self.samples) // 6 :]
        rows = np.array([(s.seconds, s.resident, s.heap) for s in late], np.float64)
        parts = max(3, round((rows[-1, 0] - rows[0, 0]) / 60))
        return np.array([np.median(part, axis=0) for part in np.array_split(rows, parts)])

    def slope(self, column: int) -> tuple[float, float]:
        """MiB by which a column of `minutes` rises per hour, and the standard error of that."""
        minutes = self.minutes()
        hours, bytes_ = minutes[:, 0] / 3600, minutes[:, column] / MEBIBYTE
        line = np.polynomial.Polynomial.fit(hours, bytes_, 1)
        spread = np.square(hours - hours.mean()).sum()
        variance = np.square(bytes_ - line(hours)).sum() / (len(hours) - 2)
        return float(line.convert().coef[1]), float(np.sqrt(variance / spread))

    def descriptors(self) -> tuple[int, int]:
        late = [s.descriptors for s in self.samples[len(self.samples) // 4 :]]
        return min(late), max(late)


def run(
    folder: Path, seconds: float, seed: int, rate: float = 1000, verbose: bool = False
) -> Result:
    quiet = "[log]\naudit = false\n"
    with Daemon(folder / "daemon", config=quiet) as daemon, daemon.client() as watcher:
        stop = threading.Event()
        workers = [Worker(n, daemon, stop, seed, rate / WORKERS) for n in range(WORKERS)]
        for worker in workers:
            worker.start()
        samples: list[Sample] = []
        start = time.monotonic()
        interval = max(0.1, min(1.0, seconds / 40))
        told = start
        while (now := time.monotonic() - start) < seconds:
            samples.append(sample(now, daemon, watcher))
            if verbose and now + start - told >= 600:
                told = now + start
                done = sum(worker.operations for worker in workers)
                print(
                    f"{now:6.0f} s  {done} operations  {samples[-1].resident / MEBIBYTE:.1f} MiB  "
                    f"{samples[-1].descriptors} descriptors",
                    flush=True,
                )
            time.sleep(interval)
        stop.set()
        for worker in workers:
            worker.join()
        faults = [worker.fault for worker in workers if worker.fault]
        assert not faults, faults
        with daemon.client(timeout=300) as client:
            collected = client.collect()
            stored = sum(stat.stored_bytes for stat in client.ls())
        operations = sum(worker.operations for worker in workers)
        return Result(operations, samples, collected.bytes_after / stored)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=40, help="operations per second")
    parser.add_argument("--samples", type=Path, help="file for all samples, a line each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gamd-mixed-") as name:
        done = run(Path(name), arguments.minutes * 60, arguments.seed, arguments.rate, True)
    if arguments.samples:
        rows = [(s.seconds, s.resident, s.heap, s.descriptors) for s in done.samples]
        np.savetxt(arguments.samples, rows, "%.0f", header="seconds resident heap descriptors")
    minutes = done.minutes()
    for part in np.array_split(minutes, min(10, len(minutes))):
        seconds, resident, heap = part.mean(axis=0)
        print(
            f"{seconds:6.0f} s  resident {resident / MEBIBYTE:.1f} MiB  "
            f"heap in use {heap / MEBIBYTE:.1f} MiB"
        )
    slope, error = done.slope(RESIDENT)
    heap_slope, heap_error = done.slope(HEAP)
    few, many = done.descriptors()
    print(
        f"{done.operations} operations in {arguments.minutes:g} minutes: resident memory "
        f"{slope:+.2f} (standard error {error:.2f}) MiB per hour, heap in use {heap_slope:+.2f} "
        f"({heap_error:.2f}), {few} to {many} descriptors, "
        f"space amplification {done.amplification:.2f}"
    )
    return 0 if slope < 1 and done.amplification < 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
