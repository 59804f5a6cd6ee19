"""A stored signal seen as an array that is read by slices.

What always holds here:
- `view[expression]` equals `np.asarray(view)[expression]`, but only what it touches is read.
- A view is a few numbers: samples are asked for when it is indexed, and never kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any


from . import gam_pb2 as pb
from .results import Array, Closest, QueryResult, Rays, Runs, Samples, ShardBounds
from .views import SignalPlan, ViewPlan

if TYPE_CHECKING:
    from .client import Client


class View(ViewPlan):
    """A signal at one level, with one filter, in some of its bits."""

    def __init__(
        self,
        client: Client,
        stat: pb.StatResult,
        level: int = 0,
        filter: str = "nearest",
        bits: int = 0,
    ) -> None:
        super().__init__(stat, level, filter, bits)
        self._client = client

    def level(self, level: int, filter: str = "nearest") -> View:
        """Every 2^level-th point of the signal, or with "area" the means of the cells between.

        `level` counts from full resolution, whatever the level of this view. -1 and -2 have two and
        four times as many points along each axis of a picture of integers: the stored samples, and
        between them estimates of a network (`read` says `is_estimate`).
        """
        return View(self._client, self.stat, level, filter, self._bits)

    def bits(self, bits: int) -> View:
        """The most significant `bits` of every sample, in its own type and scale, lower ones 0.

        More bits than are stored (integers, up to 32) are estimated by the signal's network, in the
        smallest type that holds them; the stored bits stay the upper ones.
        """
        return View(self._client, self.stat, self._level, self._filter, bits)

    def read(self, expression: Any = ...) -> Samples:
        """As indexing, with the bound of the error that a level or few bits bring."""
        return self._client._run(self._get_samples(expression))

    def __getitem__(self, expression: Any) -> Any:
        return self.read(expression).values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("samples of the store can only be read as a copy")
        samples: Array = self[...]
        return samples if dtype is None else samples.astype(dtype, copy=False)

    def __iter__(self) -> Iterator[Any]:
        """The items of the first axis; read in blocks of whole shards."""
        for block in self._blocks():
            yield from self[block]


class Signal(View, SignalPlan):
    """A stored signal at full resolution; points have one coordinate per axis, slowest first."""

    def __init__(self, client: Client, stat: pb.StatResult) -> None:
        SignalPlan.__init__(self, stat, client._limits)
        self._client = client

    def query(
        self,
        points: Any,
        *,
        method: str = "linear",
        outside: str = "clamp",
        gradient: bool = False,
        world: bool = False,
    ) -> QueryResult:
        """Values between grid points: `points` is [...][axes] in grid steps.

        Methods: nearest, linear, cubic (Catmull-Rom); outside of the grid: clamp, nan, error.
        """
        return self._client._run(self._query(points, method, outside, world, gradient))

    def at_world(
        self, points: Any, *, method: str = "linear", outside: str = "clamp", gradient: bool = False
    ) -> QueryResult:
        """As query(), with coordinates in the axes' units: index times spacing."""
        return self._client._run(self._query(points, method, outside, True, gradient))

    def inside(self, points: Any, *, world: bool = False) -> Array:
        """For distances: a bool per point, true where the interpolated distance is below 0."""
        return self._client._run(self._inside(points, world))

    def closest(
        self, points: Any, *, world: bool = False, scale: float = 0.0
    ) -> Closest:
        """For distances: points of the surface near those given.

        `scale` is units of the axes per unit of the samples, 0 for 1.
        """
        return self._client._run(self._closest(points, world, scale))

    def rays(
        self,
        origins: Any,
        directions: Any,
        *,
        reach: float = 0.0,
        world: bool = False,
        scale: float = 0.0,
    ) -> Rays:
        """For distances: where rays meet the surface first; `reach` ends them, 0 is the grid.

        `scale` as of closest().
        """
        return self._client._run(self._rays(origins, directions, reach, world, scale))

    def where(
        self,
        comparison: str,
        value: float,
        region: Any = None,
        *,
        channel: int = 0,
        runs_max: int = 0,
    ) -> Runs:
        """Points of one channel whose samples compare so: <, <=, >, >=, ==, !=.

        `region` is an index expression of slices (numpy.s_ makes them); None is everything.
        """
        return self._client._run(self._where(comparison, value, region, channel, runs_max))

    def bounds(self, region: Any = None, *, cells: bool = False) -> ShardBounds:
        """Minimum, maximum and mean of every shard that touches the region; nothing is recalled.

        `cells`: of every cell (64 points of sound, 8 x 8 of pictures, 4 x 4 x 4 of volumes);
        nothing is recalled of signals that were put with `cells=True`.
        """
        return self._client._run(self._bounds(region, cells))


