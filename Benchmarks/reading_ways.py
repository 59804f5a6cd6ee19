"""Regions, levels, bits, points and everything: milliseconds and bytes, store by store.

What always holds here:
- Cold: the cells asked for were not touched since the store was opened, and the kernel was told to
  forget all pages of its files. Warm: the same asked for again at once.
- Every store is read by a process of its own, so that its bytes are counted apart; they take turns,
  read by read, so that drift of the machine hits all. All are pinned to one core.
- Every array that comes back is compared with the samples.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cell import forget_pages
from reading_expected import every_eighth, linear, means, most_significant
from reading_inputs import Signal
from reading_openvdb import OpenVDB
from reading_stores import Box, Gamd, Store, TensorStore, TileDB

NEAR, FAR = 100, 1000
#: Way of reading, cold reads, warm reads after each.
ROUNDS = {
    "region": (32, 2), "bits": (16, 2), "points near": (12, 2), "level": (5, 2), "area": (2, 1),
    "points far": (2, 1), "whole": (1, 0),
}

#: Of sound every one of these recalls all shards: an hour takes half a minute.
LONG_SOUND = {"level": 1, "area": 0, "points far": 1, "whole": 1}


@dataclass(frozen=True)
class Task:
    """One read: where, and whether the store is to be opened anew before it."""

    way: str
    where: object = None
    anew: bool = False
    warm: int = 0


@dataclass
class Times:
    """Of one way: milliseconds, and of every cold read those of processors and the bytes asked for
    and fetched."""

    cold: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """What one store did: its bytes, and times by way."""

    store: str
    stored_bytes: int
    times: dict[str, Times]


class Places:
    """Boxes of one cell's extents that lie across two cells along every axis, none touched twice
    between two openings of the store."""

    def __init__(self, extents: Sequence[int], cell: Sequence[int], seed: int) -> None:
        self._cell = np.array(cell)
        steps = [range(0, n - 2 * side + 1, 2 * side) for n, side in zip(extents, cell)]
        self._blocks = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, len(cell))
        if not len(self._blocks):
            raise ValueError(f"a signal of {extents} holds no region over cells of {cell}")
        self._rng = np.random.default_rng(seed)

    def boxes(self, count: int) -> Iterator[tuple[Box, bool]]:
        """Boxes, and whether the store is to be opened anew before."""
        for number in range(count):
            if first := number % len(self._blocks) == 0:
                order = self._rng.permutation(len(self._blocks))
            start = self._blocks[order[number % len(order)]] + self._rng.integers(1, self._cell)
            yield tuple(slice(int(n), int(n + m)) for n, m in zip(start, self._cell)), first


def tasks(signal: Signal, rounds: dict[str, tuple[int, int]]) -> Iterator[Task]:
    extents = np.array(signal.samples().shape[: signal.axes])
    rng = np.random.default_rng(13)
    for seed, way in enumerate(("region", "bits", "points near")):
        count, warm = rounds[way]
        for box, anew in Places(extents, signal.cell, seed).boxes(count):
            low, high = [edge.start for edge in box], [edge.stop - 1 for edge in box]
            where = rng.uniform(low, high, (NEAR, signal.axes)) if way == "points near" else box
            yield Task(way, where, anew, warm)
    for way, long in LONG_SOUND.items():
        cold, warm = rounds[way]
        if signal.axes == 1:
            cold, warm = min(cold, long), min(warm, long)
        for _ in range(cold):
            far = rng.uniform(0, extents - 1, (FAR, signal.axes))
            yield Task(way, far if way == "points far" else None, True, warm)


class Reader:
    """Answers tasks within the process of one store."""

    def __init__(self, store: Store) -> None:
        self.store, self.samples = store, store.signal.samples()
        self._signal = store.signal
        self._is_open = False

    def work(self, task: Task) -> Times | None:
        """Of one read and its warm ones; None: the store has no such way."""
        if task.way not in self.store.ways:
            return None
        if task.anew or self.store.holds_all:
            self.close()
        if not self._is_open:
            self.store.open()
            self._is_open = True
        expected = self._expected(task)
        forget_pages(self.store.folder)
        before, start = self.store.bytes_read(), self.store.processor_seconds()
        found, cold = self._timed(task)
        spent = (self.store.processor_seconds() - start) * 1e3
        read = self.store.bytes_read() - before
        self._check(task, found, expected)
        warm = []
        for _ in range(task.warm):
            found, milliseconds = self._timed(task)
            self._check(task, found, expected)
            warm.append(milliseconds)
        return Times([cold], [spent], warm, [read.asked], [read.fetched])

    def close(self) -> None:
        if self._is_open:
            self.store.close()
            self._is_open = False

    def _timed(self, task: Task) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        found = self._read(task)
        return found, (time.perf_counter() - start) * 1e3

    def _check(self, task: Task, found: np.ndarray, expected: np.ndarray) -> None:
        if task.way.startswith("points"):
            off = np.abs(found.reshape(expected.shape) - expected)
            same = (off <= self.store.tolerance * np.maximum(1, np.abs(expected))).all()
        else:
            same = np.array_equal(found.reshape(expected.shape), expected)
        if not same:
            raise RuntimeError(f"{self.store.name}: other samples came back for {task.way}")

    def _read(self, task: Task) -> np.ndarray:
        if task.way == "region":
            return self.store.region(task.where)
        if task.way == "bits":
            return self.store.few_bits(task.where)
        if task.way.startswith("points"):
            return self.store.points(task.where)
        return {"level": self.store.level, "area": self.store.area, "whole": self.store.whole}[
            task.way
        ]()

    def _expected(self, task: Task) -> np.ndarray:
        samples, axes = self.samples, self._signal.axes
        if task.way == "region":
            return samples[task.where]
        if task.way == "bits":
            return most_significant(np.ascontiguousarray(samples[task.where]), self._signal.bits)
        if task.way == "level":
            return every_eighth(samples, axes)
        if task.way == "area":
            return means(samples, axes)
        if task.way == "whole":
            return samples
        return linear(
            task.where, samples.shape[:axes],
            lambda places: samples[tuple(places[..., axis] for axis in range(axes))],
        )


def _child(pipe: object, make: type[Store], arguments: tuple) -> None:
    reader = Reader(make(*arguments))
    if not (reader.store.folder / "written").exists():
        reader.store.write()
        (reader.store.folder / "written").touch()
    stored = reader.store.stored_bytes()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pipe.send((reader.store.name, stored))
    try:
        while True:
            pipe.send(reader.work(pipe.recv()))
    except EOFError:  # the parent has closed its end
        pass
    finally:
        reader.close()


class Child:
    """The process of one store."""

    def __init__(self, make: type[Store], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_child, args=(other, make, arguments))
        self._process.start()
        other.close()
        self.name, self.stored_bytes = self._answer(make.__name__)
        self.times: dict[str, Times] = defaultdict(Times)

    def work(self, task: Task) -> None:
        self._pipe.send(task)
        if (done := self._answer(self.name)) is not None:
            for name, values in vars(done).items():
                getattr(self.times[task.way], name).extend(values)

    def reading(self) -> Reading:
        return Reading(self.name, self.stored_bytes, dict(self.times))

    def end(self) -> None:
        self._pipe.close()
        self._process.join()

    def _answer(self, name: str) -> object:
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise RuntimeError(f"{name} failed; see above") from error


def measure(
    signal: Signal, scratch: Path, size: str, rounds: dict[str, tuple[int, int]]
) -> list[Reading]:
    children: list[Child] = []
    stores: list[tuple[type[Store], tuple]] = [(Gamd, (size,)), (TensorStore, ()), (TileDB, ())]
    if signal.kind == "sdf":
        stores.append((OpenVDB, ()))
    try:
        for make, more in stores:
            print(f"{signal.name}: {make.__name__}", file=sys.stderr, flush=True)
            folder = scratch / f"{signal.path.stem}-{make.__name__}{''.join(more)}"
            children.append(Child(make, folder, signal, *more))
        for task in tasks(signal, rounds):
            for child in children:
                child.work(task)
    finally:
        for child in children:
            child.end()
    return [child.reading() for child in children]


def percentiles(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return "{:.2f} / {:.2f}".format(*np.percentile(values, (50, 99))) if values else ""
