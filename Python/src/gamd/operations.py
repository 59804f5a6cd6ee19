"""What the daemon can be asked, written once for the client with threads and the one with tasks.

What always holds here:
- An operation is a generator: it yields Steps, is sent the result of each, and returns its own.
- No operation knows a socket, and none blocks.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from . import gam_pb2 as pb
from . import requests
from .answers import Answer, ListAnswer, ReplyAnswer
from .bodies import ManyAnswer, RawAnswer, ReadAnswer
from .errors import GamError, UsageError
from .pool import Pool
from .requests import Items, ReadItem, Region
from .results import Array, ManyFailedError, QueryResult, Runs, Samples, ShardBounds

Value = TypeVar("Value")


@dataclass
class Step:
    """One request, and what collects its answer."""

    answer: Answer[Any]
    request: pb.Request
    body: memoryview | bytes = b""


Operation = Generator[Step, Any, Value]


@dataclass(frozen=True)
class Target:
    """An attached pool: its number on this connection, and its memory."""

    number: int
    pool: Pool


def call(key: str, **operation: Any) -> Operation[pb.Reply]:
    """One request that is answered by one frame."""
    kind = ListAnswer if "list" in operation else ReplyAnswer
    reply: pb.Reply = yield Step(kind(key), pb.Request(key=key, **operation))
    return reply


def list_page(prefix: str, cursor: str) -> Operation[pb.ListResult]:
    reply = yield from call("", list=pb.List(prefix=prefix, cursor=cursor))
    return reply.list


def read(item: ReadItem, target: Target | None = None) -> Operation[Samples]:
    number = 0 if target is None else target.number
    answer = read_answer(item, target)
    samples: Samples = yield Step(
        answer, pb.Request(key=item.key, read=requests.read(item, number))
    )
    return samples


def read_answer(item: ReadItem, target: Target | None) -> ReadAnswer:
    return ReadAnswer(item.key, None if target is None else target.pool.memory(item.pool_offset))


def many_steps(
    items: Items, as_ready: bool, target: Target | None
) -> Iterator[tuple[int, ManyAnswer, pb.Request]]:
    """The requests of a read_many, each with the number of its first item."""
    listed, first = requests.read_items(items), 0
    number = 0 if target is None else target.number
    for batch in requests.batches(listed, number):
        part = listed[first : first + len(batch)]
        answer = ManyAnswer([read_answer(item, target) for item in part])
        yield first, answer, pb.Request(read_many=pb.ReadMany(items=batch, as_ready=as_ready))
        first += len(batch)


def read_many(items: Items, target: Target | None = None) -> Operation[list[Array]]:
    """All arrays in the order of the items; ManyFailedError has those that came."""
    values: list[Array | None] = []
    failures: dict[int, GamError] = {}
    for first, answer, request in many_steps(items, False, target):
        yield Step(answer, request)
        for number, item in enumerate(answer.items, first):
            values.append(None)
            try:
                values[-1] = item.result().values
            except GamError as error:
                failures[number] = error
    if failures:
        raise ManyFailedError(failures, values)
    return [value for value in values if value is not None]


def query(key: str, rows: Array, query: pb.Query, bytes_max: int) -> Operation[QueryResult]:
    """Rows of coordinates as they are; values [points][columns of the answer]."""
    axes = rows.shape[1]
    if len(rows) == 0:
        raise UsageError("a query of no points", key=key)
    parts: list[QueryResult] = []
    for body in requests.blocks(rows, bytes_max):
        count = len(body) // (8 * axes)
        unit = count * (1 + axes if query.gradient else 1)
        answer = RawAnswer(key, "<f8", unit)
        flat, result = yield Step(answer, pb.Request(key=key, query=query), body)
        parts.append(_query_part(flat, count, axes, query.gradient, result))
    if len({part.values.shape[1] for part in parts}) != 1:
        raise UsageError(f"{key} was replaced while it was queried: ask again", key=key)
    gradients = [part.gradients for part in parts if part.gradients is not None]
    return QueryResult(
        values=np.concatenate([part.values for part in parts]),
        gradients=np.concatenate(gradients) if gradients else None,
        error_max=max(part.error_max for part in parts),
        is_estimate=any(part.is_estimate for part in parts),
        shards=sum(part.shards for part in parts),
        recalled=sum(part.recalled for part in parts),
    )


def _query_part(
    flat: Array, count: int, axes: int, has_gradient: bool, result: pb.SamplesResult
) -> QueryResult:
    columns = len(flat) // (count * (1 + axes if has_gradient else 1))
    values = flat[: count * columns].reshape(count, columns)
    rest = flat[count * columns :]
    return QueryResult(
        values,
        rest.reshape(count, columns, axes) if has_gradient else None,
        result.error_max,
        result.is_estimate,
        int(result.shards),
        int(result.recalled),
    )


def where(
    key: str, extents: tuple[int, ...], comparison: str, value: float,
    region: Region, channel: int, runs_max: int,
) -> Operation[Runs]:
    wanted = pb.Where(
        comparison=comparison,
        value=value,
        region=requests.intervals(region),
        channel=channel,
        runs_max=runs_max,
    )
    answer = RawAnswer(key, "<i8", len(extents) + 1)
    flat, result = yield Step(answer, pb.Request(key=key, where=wanted))
    rows = flat.reshape(-1, len(extents) + 1)
    return Runs(
        starts=rows[:, :-1],
        lengths=rows[:, -1],
        matches=int(result.matches),
        is_cut=result.is_cut,
        shards=int(result.shards),
        recalled=int(result.recalled),
        extents=extents,
    )


def bounds(
    key: str, axes: int, channels: int, region: Region, cells: bool
) -> Operation[ShardBounds]:
    wanted = pb.Bounds(region=requests.intervals(region), cells=cells)
    answer = RawAnswer(key, "<f8", 2 * axes + 3 * channels)
    flat, result = yield Step(answer, pb.Request(key=key, bounds=wanted))
    rows = flat.reshape(-1, 2 * axes + 3 * channels)
    figures = rows[:, 2 * axes :].reshape(len(rows), channels, 3)
    return ShardBounds(
        starts=rows[:, :axes].astype(np.int64),
        extents=rows[:, axes : 2 * axes].astype(np.int64),
        minimum=figures[..., 0],
        maximum=figures[..., 1],
        mean=figures[..., 2],
        recalled=int(result.recalled),
    )
