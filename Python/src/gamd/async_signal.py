"""A stored signal seen by tasks: as signal.py, with everything that asks the daemon awaited.

What always holds here:
- `await view[expression]` equals what the view of a Client gives for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from . import gam_pb2 as pb
from .results import Array, Closest, QueryResult, Rays, Runs, Samples, ShardBounds
from .views import SignalPlan, ViewPlan

if TYPE_CHECKING:
    from .async_client import AsyncClient


class AsyncView(ViewPlan):
    """A signal at one level, with one filter, in some of its bits."""

    def __init__(
        self,
        client: AsyncClient,
        stat: pb.StatResult,
        level: int = 0,
        filter: str = "nearest",
        bits: int = 0,
    ) -> None:
        super().__init__(stat, level, filter, bits)
        self._client = client

    def level(self, level: int, filter: str = "nearest") -> AsyncView:
        return AsyncView(self._client, self.stat, level, filter, self._bits)

    def bits(self, bits: int) -> AsyncView:
        return AsyncView(self._client, self.stat, self._level, self._filter, bits)

    async def read(self, expression: Any = ...) -> Samples:
        return await self._client._run(self._get_samples(expression))

    async def __getitem__(self, expression: Any) -> Any:
        return (await self.read(expression)).values

    async def __aiter__(self) -> AsyncIterator[Any]:
        """The items of the first axis; read in blocks of whole shards."""
        for block in self._blocks():
            for row in await self[block]:
                yield row


class AsyncSignal(AsyncView, SignalPlan):
    """A stored signal at full resolution; methods as those of Signal."""

    def __init__(self, client: AsyncClient, stat: pb.StatResult) -> None:
        SignalPlan.__init__(self, stat, client._limits)
        self._client = client

    async def query(
        self,
        points: Any,
        *,
        method: str = "linear",
        outside: str = "clamp",
        gradient: bool = False,
        world: bool = False,
    ) -> QueryResult:
        return await self._client._run(self._query(points, method, outside, world, gradient))

    async def at_world(
        self, points: Any, *, method: str = "linear", outside: str = "clamp", gradient: bool = False
    ) -> QueryResult:
        return await self._client._run(self._query(points, method, outside, True, gradient))

    async def inside(self, points: Any, *, world: bool = False) -> Array:
        return await self._client._run(self._inside(points, world))

    async def closest(
        self, points: Any, *, world: bool = False, scale: float = 0.0
    ) -> Closest:
        return await self._client._run(self._closest(points, world, scale))

    async def rays(
        self,
        origins: Any,
        directions: Any,
        *,
        reach: float = 0.0,
        world: bool = False,
        scale: float = 0.0,
    ) -> Rays:
        return await self._client._run(self._rays(origins, directions, reach, world, scale))

    async def where(
        self,
        comparison: str,
        value: float,
        region: Any = None,
        *,
        channel: int = 0,
        runs_max: int = 0,
    ) -> Runs:
        return await self._client._run(self._where(comparison, value, region, channel, runs_max))

    async def bounds(self, region: Any = None, *, cells: bool = False) -> ShardBounds:
        return await self._client._run(self._bounds(region, cells))
