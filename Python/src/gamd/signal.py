"""A stored signal seen as an array that is read by slices.

What always holds here:
- `signal[expression]` equals `np.asarray(signal)[expression]`, but only the box it touches is read.
- A level keeps every 2^n-th point of the full lattice on every axis; channels stay whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import gam_pb2 as pb
from .errors import UsageError
from .samples import dtype_of, select, shape_of

if TYPE_CHECKING:
    from .client import Client

LEVEL_MAX = 30


class Level:
    """A signal at one level: level 0 is every point, level n every 2^n-th."""

    def __init__(self, client: Client, stat: pb.StatResult, level: int) -> None:
        if not 0 <= level <= LEVEL_MAX:
            raise UsageError(f"level {level} is not one of 0 to {LEVEL_MAX}", key=stat.key)
        self._client = client
        self._level = level
        self.stat = stat
        full = tuple(int(axis.extent) for axis in stat.description.axes)
        self._full_extents = full
        self._extents = tuple(-(-extent >> level) for extent in full)
        self.channels = len(stat.description.channels)
        self.shape = self._extents + shape_of(stat.description)[len(full) :]
        self.dtype = dtype_of(stat.description)

    @property
    def key(self) -> str:
        return self.stat.key

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, expression: Any) -> Any:
        selection = select(expression, self.shape)
        lattice = selection.box[: len(self._extents)]
        if selection.is_empty:
            box = np.empty(tuple(stop - start for start, stop in selection.box), self.dtype)
            return box[selection.local]
        samples = self._client.read(
            self.key, [self._full(axis, span) for axis, span in enumerate(lattice)], self._level
        )
        expected = tuple(stop - start for start, stop in lattice) + self.shape[len(lattice) :]
        if samples.shape != expected or samples.dtype != self.dtype:
            raise UsageError(
                f"{self.key} was replaced while it was read (it is {samples.dtype} "
                f"{samples.shape} now, {self.dtype} {expected} was expected): ask for it again",
                key=self.key,
            )
        channel_box = tuple(slice(start, stop) for start, stop in selection.box[len(lattice) :])
        return samples[(Ellipsis,) + channel_box if channel_box else Ellipsis][selection.local]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        samples: np.ndarray = self[...]
        return samples if dtype is None else samples.astype(dtype)

    def __repr__(self) -> str:
        return f"<{self.key!r} level {self._level}: {self.dtype.name} {self.shape}>"

    def _full(self, axis: int, span: tuple[int, int]) -> tuple[int, int]:
        """Full-resolution coordinates of an interval of this level."""
        start, stop = span
        last = ((stop - 1) << self._level) + 1
        return start << self._level, min(last, self._full_extents[axis])


class Signal(Level):
    """A stored signal at full resolution."""

    def __init__(self, client: Client, stat: pb.StatResult) -> None:
        super().__init__(client, stat, 0)

    def level(self, level: int) -> Level:
        """The same signal with every 2^level-th point kept."""
        return Level(self._client, self.stat, level)
