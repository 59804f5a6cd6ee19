"""Hours of mixed work: memory, descriptors and space must not creep.

What always holds here:
- Writers put, replace, read and remove signals of their own, so that every read can be compared.
- The set of keys is bounded: what grows over time is the daemon's fault.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import EXAMPLES, Daemon  # noqa: E402
from readers import bits_equal  # noqa: E402

WORKERS = 4
KEYS = 12
MEBIBYTE = 1 << 20


def content(worker: int, key: int, version: int) -> np.ndarray:
    rng = np.random.default_rng([worker, key, version])
    shape = [(256, 256), (64, 64, 32), (40_000,), (600, 500)][key % 4]
    dtype = [np.uint8, np.int16, np.float32][key % 3]
    return rng.integers(-4, 5, shape).cumsum(axis=-1).astype(dtype)


class Worker(threading.Thread):
    def __init__(self, number: int, daemon: Daemon, stop: threading.Event, seed: int) -> None:
        super().__init__()
        self.number = number
        self.daemon_process = daemon
        self.stop = stop
        self.rng = random.Random(seed + number)
        self.versions = [0] * KEYS
        self.operations = 0
        self.fault: str | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                with self.daemon_process.client(timeout=120) as client:
                    for _ in range(200):
                        if self.stop.is_set():
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
    descriptors: int


@dataclass
class Result:
    operations: int
    samples: list[Sample]
    amplification: float

    def floors(self) -> list[Sample]:
        """The sample with the least memory of each twelfth of the run.

        A put of a picture takes and gives back some 15 MiB, so single samples scatter by that;
        what creeps lifts the floor, too.
        """
        parts = np.array_split(np.arange(len(self.samples)), min(12, len(self.samples)))
        return [min((self.samples[i] for i in part), key=lambda s: s.resident) for part in parts]

    def slope_per_hour(self) -> float:
        """Bytes by which the floors of the second half of the run rise per hour."""
        floors = self.floors()
        late = floors[len(floors) // 2 :]
        x = np.array([s.seconds for s in late]) / 3600
        y = np.array([s.resident for s in late])
        return float(np.polyfit(x, y, 1)[0])

    def descriptors(self) -> tuple[int, int]:
        late = [s.descriptors for s in self.samples[len(self.samples) // 4 :]]
        return min(late), max(late)


def run(folder: Path, seconds: float, seed: int, verbose: bool = False) -> Result:
    with Daemon(folder / "daemon", config="[log]\naudit = false\n") as daemon:
        stop = threading.Event()
        workers = [Worker(n, daemon, stop, seed) for n in range(WORKERS)]
        for worker in workers:
            worker.start()
        samples: list[Sample] = []
        start = time.monotonic()
        interval = max(0.1, min(1.0, seconds / 40))
        told = start
        while (now := time.monotonic() - start) < seconds:
            samples.append(Sample(now, daemon.resident_bytes(), daemon.open_descriptors()))
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
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gamd-mixed-") as name:
        done = run(Path(name), arguments.minutes * 60, arguments.seed, verbose=True)
    for floor in done.floors():
        print(f"{floor.seconds:6.0f} s  least memory {floor.resident / MEBIBYTE:.1f} MiB")
    slope = done.slope_per_hour() / MEBIBYTE
    few, many = done.descriptors()
    print(
        f"{done.operations} operations in {arguments.minutes:g} minutes: memory {slope:+.2f} MiB "
        f"per hour, {few} to {many} descriptors, space amplification {done.amplification:.2f}"
    )
    return 0 if slope < 1 and done.amplification < 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
