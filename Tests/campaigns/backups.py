"""Backups under writers: each is the store as of one moment, and restores to exactly that.

What always holds here:
- Every writer numbers its puts and notes, before each, what it has seen of the others: if a backup
  holds a put, it holds everything that put had seen.
- A backup holds every put that was acknowledged before the backup began.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon, gamctl  # noqa: E402

WRITERS = 8
KEYS = 5


def key_of(writer: int, step: int) -> str:
    return f"w{writer}/{step % KEYS}"


def content(writer: int, step: int, seen: list[int]) -> np.ndarray:
    """The step, what was seen of all writers, and samples that only this put has."""
    rng = np.random.default_rng([writer, step])
    head = np.zeros(64, np.int32)
    head[0], head[1 : 1 + WRITERS] = step, seen
    return np.concatenate([head, rng.integers(-9, 9, 2000).cumsum().astype(np.int32)])


@dataclass
class Result:
    backups: int
    steps: int


class Writers:
    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.acknowledged = [0] * WRITERS
        self.stop = threading.Event()
        self.faults: list[str] = []
        self.threads = [threading.Thread(target=self.work, args=(n,)) for n in range(WRITERS)]

    def work(self, number: int) -> None:
        try:
            with self.daemon.client(timeout=120) as client:
                step = 0
                while not self.stop.is_set():
                    step += 1
                    seen = list(self.acknowledged)
                    client.put(key_of(number, step), content(number, step, seen), size="S")
                    self.acknowledged[number] = step
        except Exception as error:  # a thread must not end without a word
            self.faults.append(f"writer {number}: {type(error).__name__}: {error}")


def judge(folder: Path, before: list[int], after: list[int]) -> None:
    """A restored store against what was acknowledged before and after the backup."""
    with Daemon(folder) as daemon, daemon.client() as client:
        held: list[int] = []
        seen: list[list[int]] = []
        for writer in range(WRITERS):
            steps = {}
            for key in range(KEYS):
                name = f"w{writer}/{key}"
                if name in client:
                    array = client[name][...]
                    steps[int(array[0])] = array
            last = max(steps, default=0)
            for step, array in steps.items():
                assert last - KEYS < step <= last, f"writer {writer}: {sorted(steps)}"
                vector = [int(n) for n in array[1 : 1 + WRITERS]]
                assert np.array_equal(array, content(writer, step, vector)), (writer, step)
            assert len(steps) == min(last, KEYS), f"writer {writer}: {sorted(steps)}"
            held.append(last)
            seen.append([int(n) for n in steps[last][1 : 1 + WRITERS]] if last else [0] * WRITERS)
    for writer in range(WRITERS):
        assert before[writer] <= held[writer] <= after[writer] + 1, (writer, before, held, after)
        for other in range(WRITERS):
            assert seen[writer][other] <= held[other], f"{writer} had seen more of {other}"


def run(folder: Path, backups: int) -> Result:
    with Daemon(folder / "daemon", config="[refit]\nenabled = false\n") as daemon:
        writers = Writers(daemon)
        for thread in writers.threads:
            thread.start()
        try:
            spans = []
            with daemon.client() as client:
                for _ in range(backups):
                    time.sleep(0.5)
                    before = list(writers.acknowledged)
                    made = client.create_backup()
                    spans.append((made.id, before, list(writers.acknowledged)))
        finally:
            writers.stop.set()
            for thread in writers.threads:
                thread.join()
        assert not writers.faults, writers.faults
        source = daemon.state / "backup"
        for number, before, after in spans:
            target = folder / f"restored{number}"
            target.mkdir()
            done = gamctl("backup", "restore", str(number), target / "state", "--folder", source)
            assert done.returncode == 0, done.stderr.decode()
            judge(target, before, after)
        return Result(backups, sum(writers.acknowledged))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backups", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gamd-backup-") as name:
        done = run(Path(name), arguments.backups)
    print(f"{done.backups} backups under {WRITERS} writers and {done.steps} puts: all consistent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
