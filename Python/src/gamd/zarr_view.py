"""A stored signal as zarr sees arrays: metadata made up, chunks that are Reads.

What always holds here:
- Array n is level n of the signal; its chunks are boxes of the shards' size, all channels in each.
- A chunk's bytes are those of zarr's "bytes" codec, little endian; beyond the edge they are 0.
- Nothing can be written.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage._utils import _normalize_byte_range_index

from . import gam_pb2 as pb
from .async_signal import AsyncView
from .axes import axis_names
from .loops import LoopClients
from .views import LEVEL_MAX, ViewPlan

_ARRAY = re.compile(r"(\d+)/zarr\.json")
_CHUNK = re.compile(r"(\d+)/c/(\d+(?:/\d+)*)")


class SignalStore(Store):
    """One signal, read only; zarr.open_group(SignalStore(key)) has its levels as arrays."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, key: str, socket: str | os.PathLike[str] | None = None) -> None:
        super().__init__(read_only=True)
        self.key = key
        self._clients = LoopClients(socket)
        self._plans: dict[int, ViewPlan] = {}

    def with_read_only(self, read_only: bool = False) -> SignalStore:
        if not read_only:
            raise ValueError("a signal seen as a zarr array cannot be written")
        return SignalStore(self.key, self._clients.path)

    def close(self) -> None:
        self._clients.close()
        super().close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SignalStore) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str]:
        return self._clients.path, self.key

    def __repr__(self) -> str:
        return f"SignalStore('gamd://{self.key}')"

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        await self._ensure_open()
        value = await self._value(key)
        if value is None:
            return None
        buffer = (prototype or default_buffer_prototype()).buffer.from_bytes(value)
        start, stop = _normalize_byte_range_index(buffer, byte_range)
        return buffer[start:stop]

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        await self._ensure_open()
        matched = _ARRAY.fullmatch(key)
        if key == "zarr.json" or (matched and int(matched[1]) <= LEVEL_MAX):
            return True
        return await self._chunk(key) is not None

    async def set(self, key: str, value: Buffer) -> None:
        self._check_writable()

    async def delete(self, key: str) -> None:
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        yield "zarr.json"
        for level in range(levels_of(await self._plan(0))):
            plan = await self._plan(level)
            yield f"{level}/zarr.json"
            counts = [math.ceil(n / side) for n, side in zip(plan.shape, chunk_shape(plan))]
            for place in itertools.product(*map(range, counts)):
                yield f"{level}/c/" + "/".join(map(str, place))

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        async for key in self.list():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        folder = prefix.rstrip("/") + "/" if prefix else ""
        seen = set()
        async for key in self.list_prefix(folder):
            name = key[len(folder) :].split("/")[0]
            if name not in seen:
                seen.add(name)
                yield name

    async def _value(self, key: str) -> bytes | None:
        if key == "zarr.json":
            return json.dumps(group_metadata(await self._plan(0))).encode()
        matched = _ARRAY.fullmatch(key)
        if matched and int(matched[1]) <= LEVEL_MAX:
            return json.dumps(array_metadata(await self._plan(int(matched[1])))).encode()
        found = await self._chunk(key)
        if found is None:
            return None
        plan, box = found
        view = AsyncView(await self._clients.get(), plan.stat, *plan.settings)
        samples = await view[box]
        chunk = np.zeros(chunk_shape(plan), plan.dtype)
        chunk[tuple(slice(0, n) for n in samples.shape)] = samples
        return chunk.tobytes()

    async def _chunk(self, key: str) -> tuple[ViewPlan, tuple[slice, ...]] | None:
        """The level and the box of a chunk's key; None where there is no such chunk."""
        matched = _CHUNK.fullmatch(key)
        if not matched or int(matched[1]) > LEVEL_MAX:
            return None
        plan = await self._plan(int(matched[1]))
        place = [int(number) for number in matched[2].split("/")]
        sides = chunk_shape(plan)
        if len(place) != plan.ndim:
            return None
        if any(number * side >= n for number, side, n in zip(place, sides, plan.shape)):
            return None
        return plan, tuple(slice(n * side, (n + 1) * side) for n, side in zip(place, sides))

    async def _plan(self, level: int) -> ViewPlan:
        if level not in self._plans:
            stat = self._plans[0].stat if self._plans else await self._stat()
            self._plans[0] = ViewPlan(stat)
            self._plans[level] = ViewPlan(stat, level)
        return self._plans[level]

    async def _stat(self) -> pb.StatResult:
        return await (await self._clients.get()).stat(self.key)


def chunk_shape(plan: ViewPlan) -> tuple[int, ...]:
    """The shards' extents, where the level has as many points, and all channels."""
    sides = [int(side) for side in plan.stat.shard_extents]
    extents = plan.shape[: len(sides)]
    return tuple(min(pair) for pair in zip(sides, extents)) + plan.shape[len(sides) :]


def levels_of(plan: ViewPlan) -> int:
    """Levels down to the first that fits into one chunk."""
    ratios = [n / side for n, side in zip(plan.shape, plan.stat.shard_extents)]
    return min(LEVEL_MAX, max(0, math.ceil(math.log2(max(ratios))))) + 1


def array_metadata(plan: ViewPlan) -> dict[str, Any]:
    endian = {"configuration": {"endian": "little"}} if plan.dtype.itemsize > 1 else {}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(plan.shape),
        "data_type": plan.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk_shape(plan)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0 if plan.dtype.kind == "f" else 0,
        "codecs": [{"name": "bytes", **endian}],
        "attributes": plan.attrs,
        "dimension_names": axis_names(plan),
    }


def group_metadata(plan: ViewPlan) -> dict[str, Any]:
    levels = range(levels_of(plan))
    spacings = [ViewPlan(plan.stat, level).spacing for level in levels]
    attributes: dict[str, Any] = {
        **plan.attrs,
        "levels": [
            {"path": str(level), "spacing": list(spacing)}
            for level, spacing in zip(levels, spacings)
        ],
    }
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}
