"""Requests put together from Python values; sockets are elsewhere.

What always holds here:
- Regions are full-resolution coordinates, one interval per axis, slowest first: pairs, triples with
  a step, or slices with a start and a stop; no interval at all is everything.
- What the daemon would refuse for its form alone is a UsageError before anything is sent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from . import gam_pb2 as pb
from .errors import UsageError
from .results import Array

Interval = Union[tuple[int, int], tuple[int, int, int], slice]
Region = Sequence[Interval]
PRIORITIES = {"normal": 0, "background": 1, "urgent": 2}
ITEMS_MAX = 4096
CHUNK_BYTES = 1 << 20
QUERY_BYTES = 1 << 20
# Leaves room for the rest of a request within the 1 MiB of its metadata.
ITEMS_BYTES_MAX = 900_000


@dataclass(frozen=True)
class ReadItem:
    """One read of many; the fields are those of Client.read."""

    key: str
    region: Region = ()
    level: int = 0
    filter: str = "nearest"
    bits: int = 0
    pool_offset: int = 0


Items = Iterable[Union[ReadItem, str, tuple[Any, ...]]]


@dataclass(frozen=True)
class Limits:
    """What the daemon said it takes."""

    chunk_bytes: int
    requests: int
    query_bytes: int

    @staticmethod
    def of(hello: pb.HelloResult) -> Limits:
        return Limits(
            chunk_bytes=max(1, min(CHUNK_BYTES, hello.body_bytes_max or CHUNK_BYTES)),
            requests=max(1, hello.requests_in_flight_max),
            query_bytes=hello.query_bytes_max or QUERY_BYTES,
        )


def intervals(region: Region) -> list[pb.Interval]:
    found = []
    for interval in region:
        if isinstance(interval, slice):
            interval = (interval.start, interval.stop, interval.step or 1)
        if len(interval) not in (2, 3) or any(not hasattr(n, "__index__") for n in interval):
            raise UsageError(f"{interval} is no interval: (start, stop) or (start, stop, step)")
        step = interval[2] if len(interval) == 3 and interval[2] != 1 else 0
        found.append(pb.Interval(start=interval[0], stop=interval[1], step=step))
    return found


def read(item: ReadItem, pool: int = 0) -> pb.Read:
    if item.bits < 0:
        raise UsageError(f"{item.bits} bits: not below 0")
    return pb.Read(
        region=intervals(item.region),
        level=item.level,
        format="raw",
        filter="" if item.filter == "nearest" else item.filter,
        bits=item.bits,
        pool=pool,
        pool_offset=item.pool_offset if pool else 0,
    )


def read_items(items: Items) -> list[ReadItem]:
    """Keys, tuples in the order of ReadItem's fields, and ReadItems as the last."""
    found = []
    for item in items:
        if isinstance(item, str):
            item = ReadItem(item)
        found.append(item if isinstance(item, ReadItem) else ReadItem(*item))
    return found


def batches(items: Sequence[ReadItem], pool: int) -> Iterator[list[pb.ReadItem]]:
    """The items in requests of an allowed size."""
    batch: list[pb.ReadItem] = []
    size = 0
    for item in items:
        message = pb.ReadItem(key=item.key, read=read(item, pool))
        length = message.ByteSize() + 8
        if batch and (len(batch) == ITEMS_MAX or size + length > ITEMS_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def points(coordinates: Any, columns: int = 0) -> tuple[Array, tuple[int, ...]]:
    """Coordinates as float64 rows of `columns`, and the shape the answer has without channels.

    With one column plain numbers and one-dimensional arrays are points, too; 0 columns takes the
    last axis as it is. UsageError for another length.
    """
    array = np.asarray(coordinates, np.float64)
    if columns == 1 and array.ndim < 2:
        array = array[..., None]
    if array.ndim == 0 or array.shape[-1] != (columns or array.shape[-1]):
        raise UsageError(f"points of shape {array.shape}: the last axis has {columns} coordinates")
    rows = math.prod(array.shape[:-1])
    return np.ascontiguousarray(array).reshape(rows, array.shape[-1]), array.shape[:-1]


def blocks(rows: Array, bytes_max: int) -> Iterator[memoryview]:
    """Rows of float64 little endian, in bodies of an allowed size."""
    count = max(1, bytes_max // max(8, rows.shape[1] * 8))
    for start in range(0, len(rows), count):
        yield rows[start : start + count].astype("<f8", copy=False).reshape(-1).view(np.uint8).data


def file_put(
    *,
    file_name: str = "",
    adapter: str = "",
    options: Mapping[str, str] | None = None,
    effort: int = 0,
    size: str = "",
    lower_bits: int = 0,
    cells: bool = False,
    must_not_exist: bool = False,
) -> pb.PutBegin:
    return pb.PutBegin(
        file_name=file_name,
        adapter=adapter,
        options=dict(options or {}),
        effort=effort,
        network_size=size,
        lower_bits=lower_bits,
        cells=cells,
        must_not_exist=must_not_exist,
    )


def priority_number(priority: str) -> int:
    if priority not in PRIORITIES:
        raise UsageError(f"priority {priority!r} is none of {', '.join(PRIORITIES)}")
    return PRIORITIES[priority]


def file_get(key: str, format: str, region: Region | None, level: int) -> pb.Request:
    """A whole file, or with a region or a level a part of the signal as a file."""
    if region is None and level == 0:
        return pb.Request(key=key, get=pb.Get(format=format))
    if not format:
        raise UsageError("a part of a signal has no file of its own: name a format", key=key)
    part = read(ReadItem(key, region or (), level))
    part.format = format
    return pb.Request(key=key, read=part)


def commit(digest: Any) -> pb.PutCommit:
    """The end of a put; `digest` is the XXH3-128 of its bodies, or None without xxhash."""
    if digest is None:
        return pb.PutCommit()
    number = digest.intdigest()
    return pb.PutCommit(
        has_hash=True, body_hash_low=number & 0xFFFF_FFFF_FFFF_FFFF, body_hash_high=number >> 64
    )
