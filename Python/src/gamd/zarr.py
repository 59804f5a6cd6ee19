"""zarr v3 on the daemon: a store for zarr's own bytes, and stored signals as read-only arrays.

What always holds here:
- GamdStore keeps each zarr key as one signal of bytes below a prefix; the bytes are its samples. An
  empty value, which no signal can be, is one sample of one bit.
- SignalStore holds nothing: the metadata is made up from the signal's description, and a chunk is a
  Read of a shard, padded to full size at the edges as zarr wants it.
- Both can be pickled and used from any event loop: every loop has a connection of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

from . import gam_pb2 as pb
from . import operations
from .errors import AlreadyExistsError, NotFoundError, UsageError
from .loops import LoopClients
from .operations import Operation
from .process import ProcessClient
from .requests import ReadItem
from .results import Array
from .zarr_view import SignalStore


class GamdStore(Store):
    """A zarr store in the daemon, below `prefix`: zarr.open(GamdStore("arrays/run7"))."""

    supports_writes = True
    supports_deletes = True
    supports_listing = True

    def __init__(
        self,
        prefix: str,
        socket: str | os.PathLike[str] | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        super().__init__(read_only=read_only)
        self.prefix = prefix.rstrip("/") + "/" if prefix else ""
        self._clients = LoopClients(socket)
        self._client = ProcessClient(socket)

    def with_read_only(self, read_only: bool = False) -> GamdStore:
        return GamdStore(self.prefix, self._clients.path, read_only=read_only)

    def close(self) -> None:
        self._clients.close()
        self._client.close()
        super().close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GamdStore) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str, bool]:
        return self._clients.path, self.prefix, self.read_only

    def __str__(self) -> str:
        return f"gamd://{self.prefix}"

    def __repr__(self) -> str:
        return f"GamdStore('{self}')"

    # Values: the same operations awaited, and for threads of zarr that do without a loop

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        await self._ensure_open()
        operation = _value(self.prefix + key, byte_range)
        try:
            values = await (await self._clients.get())._run(operation)
        except NotFoundError:
            return None
        return (prototype or default_buffer_prototype()).buffer.from_array_like(values)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        self._is_open = True
        try:
            values = self._client.get()._run(_value(self.prefix + key, byte_range))
        except NotFoundError:
            return None
        return (prototype or default_buffer_prototype()).buffer.from_array_like(values)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        values = [self.get(key, prototype, byte_range) for key, byte_range in key_ranges]
        return list(await asyncio.gather(*values))

    async def exists(self, key: str) -> bool:
        await self._ensure_open()
        return await (await self._clients.get()).exists(self.prefix + key)

    async def getsize(self, key: str) -> int:
        try:
            stat = await (await self._clients.get()).stat(self.prefix + key)
        except NotFoundError:
            raise FileNotFoundError(key) from None
        return _size(stat)

    async def set(self, key: str, value: Buffer) -> None:
        await self._put(key, value, must_not_exist=False)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        with contextlib.suppress(AlreadyExistsError):
            await self._put(key, value, must_not_exist=True)

    async def _put(self, key: str, value: Buffer, must_not_exist: bool) -> None:
        self._check_writable()
        await self._ensure_open()
        data, bits = _stored(key, value)
        client = await self._clients.get()
        await client.put(self.prefix + key, data, bits=bits, must_not_exist=must_not_exist)

    def set_sync(self, key: str, value: Buffer) -> None:
        self._check_writable()
        self._is_open = True
        data, bits = _stored(key, value)
        self._client.get().put(self.prefix + key, data, bits=bits)

    async def delete(self, key: str) -> None:
        """A key that is not there is no error: zarr wants it so."""
        self._check_writable()
        await self._ensure_open()
        with contextlib.suppress(NotFoundError):
            await (await self._clients.get()).delete(self.prefix + key)

    def delete_sync(self, key: str) -> None:
        self._check_writable()
        self._is_open = True
        with contextlib.suppress(NotFoundError):
            self._client.get().delete(self.prefix + key)

    # Listing

    async def list(self) -> AsyncIterator[str]:
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        await self._ensure_open()
        async for stat in (await self._clients.get()).ls(self.prefix + prefix):
            yield stat.key[len(self.prefix) :]

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        folder = prefix.rstrip("/") + "/" if prefix else ""
        last = None
        async for key in self.list_prefix(folder):
            name = key[len(folder) :].split("/")[0]
            if name != last:  # keys come in order, so that equal names are neighbours
                yield name
            last = name


def _size(stat: pb.StatResult) -> int:
    return 0 if stat.description.bits == 1 else int(stat.raw_bytes)


def _stored(key: str, value: Buffer) -> tuple[Array, int]:
    """A value as samples, and their bits."""
    if not isinstance(value, Buffer):
        raise TypeError(f"a value of {key!r} is a Buffer, not a {type(value).__name__}")
    if len(value) == 0:
        return np.zeros(1, np.uint8), 1
    return np.frombuffer(value.to_bytes(), np.uint8), 8


def _value(name: str, byte_range: ByteRequest | None) -> Operation[Array]:
    """A value or a part of it; ends beyond the last byte stop there."""
    if byte_range is None:
        samples = yield from operations.read(ReadItem(name))
        _check_is_bytes(name, samples.values)
        return samples.values[:0] if samples.depth == 1 else samples.values
    if not isinstance(byte_range, (RangeByteRequest, OffsetByteRequest, SuffixByteRequest)):
        raise ValueError(f"Unexpected byte_range, got {byte_range}.")
    stat = (yield from operations.call(name, stat=pb.Stat())).stat
    size = _size(stat)
    if isinstance(byte_range, RangeByteRequest):
        start, stop = byte_range.start, min(byte_range.end, size)
    elif isinstance(byte_range, OffsetByteRequest):
        start, stop = byte_range.offset, size
    else:
        start, stop = max(0, size - byte_range.suffix), size
    if start >= stop:
        return np.empty(0, np.uint8)
    samples = yield from operations.read(ReadItem(name, [(start, stop)]))
    _check_is_bytes(name, samples.values)
    return samples.values


def _check_is_bytes(name: str, values: Array) -> None:
    if values.ndim != 1 or values.dtype != np.uint8:
        raise UsageError(
            f"{name!r} is a signal of {values.dtype} {values.shape}, no bytes of a zarr store: "
            "gamd.zarr.open_signal() reads it",
            key=name,
        )


def open_signal(
    key: str, socket: str | os.PathLike[str] | None = None, *, level: int = 0
) -> zarr.Array[Any]:
    """A stored signal as a read-only zarr array whose chunks are its shards."""
    store = SignalStore(key, socket)
    return zarr.open_array(store=store, path=str(level), mode="r", zarr_format=3)


def open_levels(key: str, socket: str | os.PathLike[str] | None = None) -> zarr.Group:
    """A stored signal as a read-only multiscale group: array "0" is it, array n its level n."""
    return zarr.open_group(store=SignalStore(key, socket), mode="r", zarr_format=3)


__all__ = ["GamdStore", "SignalStore", "open_levels", "open_signal"]
