"""What a view of a stored signal is, and how its reads and queries are put together.

What always holds here:
- `view[expression]` equals `np.asarray(view)[expression]`, and is one Read of just the points it
  touches: steps are taken by the daemon.
- A level keeps the points whose full-resolution coordinates are multiples of 2^level, or below 0
  has estimates between them; indices, shape and spacing are those of the level's own grid. Channels
  stay whole, as the last axis.
- Nothing here blocks: operations are carried out by a client of threads or of tasks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from . import gam_pb2 as pb
from . import operations, requests
from .errors import UsageError
from .operations import Operation
from .requests import Limits, ReadItem, Region
from .results import Array, Closest, QueryResult, Rays, Runs, Samples, ShardBounds
from .samples import AXIS_KINDS, FLOAT, Selection, dtype_of, interval_of, select, shape_of

# Below 0: points between the stored ones, estimated.
LEVEL_MIN, LEVEL_MAX = -2, 30
BITS_MAX = 32
FILTERS = ("nearest", "area")
# What an iteration holds at a time.
BLOCK_BYTES = 32 << 20
_KIND_NAMES = {number: name for name, number in AXIS_KINDS.items()}


class ViewPlan:
    """A signal at one level, with one filter, in some of its bits."""

    def __init__(
        self, stat: pb.StatResult, level: int = 0, filter: str = "nearest", bits: int = 0
    ) -> None:
        depth = stat.description.bits
        if not LEVEL_MIN <= level <= LEVEL_MAX:
            raise UsageError(
                f"level {level} is not one of {LEVEL_MIN} to {LEVEL_MAX}", key=stat.key
            )
        if filter not in FILTERS:
            raise UsageError(f"filter {filter!r} is none of {', '.join(FILTERS)}", key=stat.key)
        # More bits than are stored are an estimate: of integers only, and not of means.
        most = depth if stat.description.family == FLOAT or filter == "area" else BITS_MAX
        if not 0 <= bits <= most:
            raise UsageError(f"{bits} bits of samples that have {depth}", key=stat.key)
        if level < 0 and (filter != "nearest" or bits not in (0, depth)):
            raise UsageError(
                f"level {level} is an estimate: it goes with neither the filter area nor bits",
                key=stat.key,
            )
        self.stat = stat
        self._level, self._filter, self._bits = level, filter, bits
        full = shape_of(stat.description)
        self._axes = len(stat.description.axes)
        self.channels = len(stat.description.channels)
        self.shape = tuple(_points(n, level) for n in full[: self._axes]) + full[self._axes :]
        wide = pb.Description(family=stat.description.family, bits=max(bits, depth))
        self.dtype = dtype_of(wide)

    @property
    def key(self) -> str:
        return self.stat.key

    @property
    def settings(self) -> tuple[int, str, int]:
        """Level, filter and bits."""
        return self._level, self._filter, self._bits

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def spacing(self) -> tuple[float, ...]:
        """The distance of neighbours per axis, in its unit, on this level's grid."""
        return tuple(axis.spacing * 2.0**self._level for axis in self.stat.description.axes)

    @property
    def unit(self) -> tuple[str, ...]:
        """The unit of each axis' spacing; empty where none is known."""
        return tuple(axis.unit for axis in self.stat.description.axes)

    @property
    def axis_kinds(self) -> tuple[str, ...]:
        """'space' or 'time' for each axis."""
        axes = self.stat.description.axes
        return tuple(_KIND_NAMES.get(axis.kind, "space") for axis in axes)

    @property
    def attrs(self) -> dict[str, Any]:
        """What the daemon says about the signal, as plain values."""
        stat = self.stat
        return {
            "key": stat.key,
            "kind": stat.kind,
            "bits": int(stat.description.bits),
            "spacing": list(self.spacing),
            "unit": list(self.unit),
            "axis_kinds": list(self.axis_kinds),
            "channel_meanings": list(stat.description.channels),
            "content_hash": stat.content_hash,
            "stored_bytes": int(stat.stored_bytes),
            "media_type": stat.media_type,
            "file_name": stat.file_name,
        }

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        more = f" {self._filter}" if self._filter != "nearest" else ""
        more += f" {self._bits} bits" if self._bits else ""
        return (
            f"<{type(self).__name__} {self.key!r} level {self._level}{more}: "
            f"{self.dtype.name} {self.shape}>"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Messages cannot be pickled, their bytes can."""
        return {**self.__dict__, "stat": self.stat.SerializeToString()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, stat=pb.StatResult.FromString(state["stat"]))

    def item(self, expression: Any = ..., pool_offset: int = 0) -> ReadItem:
        """The read of `expression` for read_many: ints keep their axis, channels stay whole."""
        selection = select(expression, self.shape)
        if selection.is_empty:
            raise UsageError(f"{self.key}[{expression}] holds no points", key=self.key)
        return self._item(selection, pool_offset)

    def item_shape(self, expression: Any = ...) -> tuple[int, ...]:
        """The shape that the read of item() gives."""
        return select(expression, self.shape).shape[: self._axes] + self.shape[self._axes :]

    def _item(self, selection: Selection, pool_offset: int = 0) -> ReadItem:
        chosen = selection.chosen[: self._axes]
        whole = all(points == range(n) for points, n in zip(chosen, self.shape))
        coarser = max(0, self._level)  # below 0 regions are in the level's own coordinates
        region = () if whole else tuple(interval_of(points, coarser) for points in chosen)
        bits = 0 if self._bits == self.stat.description.bits else self._bits
        return ReadItem(self.key, region, self._level, self._filter, bits, pool_offset)

    def _get_samples(self, expression: Any) -> Operation[Samples]:
        selection = select(expression, self.shape)
        if selection.is_empty:
            return Samples(np.empty(selection.shape, self.dtype)[selection.local])
        samples = yield from operations.read(self._item(selection))
        expected = selection.shape[: self._axes] + self.shape[self._axes :]
        if samples.values.shape != expected or samples.values.dtype != self.dtype:
            raise UsageError(
                f"{self.key} was replaced while it was read (it is {samples.values.dtype} "
                f"{samples.values.shape} now, {self.dtype} {expected} was expected): ask for it "
                "again",
                key=self.key,
            )
        channels: tuple[Any, ...] = tuple(map(_slice_of, selection.chosen[self._axes :]))
        part = samples.values[(slice(None),) * self._axes + channels]
        return replace(samples, values=part[selection.local])

    def _blocks(self) -> Iterator[slice]:
        """The first axis in blocks of whole shards, or smaller ones where those are large."""
        row_bytes = max(1, self.nbytes // self.shape[0])
        rows = max(1, int(self.stat.shard_extents[0] * 2.0**-self._level))
        rows = max(1, min(rows, BLOCK_BYTES // row_bytes))
        for start in range(0, self.shape[0], rows):
            yield slice(start, start + rows)


def _points(extent: int, level: int) -> int:
    """Points of a level along an axis: below 0 none behind the last stored one."""
    return -(-extent >> level) if level >= 0 else ((extent - 1) << -level) + 1


def _slice_of(points: range) -> slice:
    return slice(points.start, points.stop if points.stop >= 0 else None, points.step)


class SignalPlan(ViewPlan):
    """A signal at full resolution, which can be asked between its points, too."""

    def __init__(self, stat: pb.StatResult, limits: Limits) -> None:
        super().__init__(stat)
        self._query_bytes = limits.query_bytes

    @property
    def extents(self) -> tuple[int, ...]:
        """Points per axis, without the channels."""
        return self.shape[: self._axes]

    def _region(self, expression: Any) -> Region:
        """A region of whole intervals from an index expression; None is everything."""
        if expression is None:
            return ()
        chosen = select(expression, self.extents).chosen
        if any(points.step != 1 or len(points) == 0 for points in chosen):
            raise UsageError(f"{expression} is no region: slices with step 1 that hold points")
        return [(points.start, points.stop) for points in chosen]

    def _ask(
        self, points: Any, columns: int, query: pb.Query, answers: int
    ) -> Operation[QueryResult]:
        rows, shape = requests.points(points, columns)
        if len(rows) == 0:
            gradients = np.empty((0, answers, columns)) if query.gradient else None
            result = QueryResult(np.empty((0, answers)), gradients)
        else:
            result = yield from operations.query(self.key, rows, query, self._query_bytes)
        if result.values.shape[1] != answers:
            raise UsageError(f"{self.key} was replaced while it was queried: ask for it again")
        inner = (answers,) if answers > 1 else ()
        gradients = result.gradients
        return QueryResult(
            result.values.reshape(shape + inner),
            None if gradients is None else gradients.reshape(shape + inner + (columns,)),
            result.error_max,
            result.is_estimate,
            result.shards,
            result.recalled,
        )

    def _query(
        self, points: Any, method: str, outside: str, world: bool, gradient: bool
    ) -> Operation[QueryResult]:
        query = pb.Query(method=method, outside=outside, world=world, gradient=gradient)
        return self._ask(points, self._axes, query, self.channels)

    def _inside(self, points: Any, world: bool) -> Operation[Array]:
        result = yield from self._ask(points, self._axes, pb.Query(kind="inside", world=world), 1)
        return result.values > 0

    def _closest(self, points: Any, world: bool, scale: float) -> Operation[Closest]:
        query = pb.Query(kind="closest", world=world, scale=scale)
        result = yield from self._ask(points, self._axes, query, self._axes + 1)
        return Closest(result.values[..., :-1], result.values[..., -1])

    def _rays(
        self, origins: Any, directions: Any, reach: float, world: bool, scale: float
    ) -> Operation[Rays]:
        start, way = (np.asarray(given, np.float64) for given in (origins, directions))
        start, way = np.broadcast_arrays(start, way)
        query = pb.Query(kind="ray", reach=reach, world=world, scale=scale)
        rows = np.concatenate([start, way], axis=-1)
        result = yield from self._ask(rows, 2 * self._axes, query, 2)
        lengths = result.values[..., 0]
        unit = way / np.linalg.norm(way, axis=-1, keepdims=True)
        return Rays(lengths, start + unit * lengths[..., None], result.values[..., 1])

    def _where(
        self, comparison: str, value: float, region: Any, channel: int, runs_max: int
    ) -> Operation[Runs]:
        return operations.where(
            self.key, self.extents, comparison, value, self._region(region), channel, runs_max
        )

    def _bounds(self, region: Any, cells: bool) -> Operation[ShardBounds]:
        return operations.bounds(self.key, self._axes, self.channels, self._region(region), cells)
