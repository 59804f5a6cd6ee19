"""The client for tasks: one connection of an event loop, any number of requests under way.

What always holds here:
- Methods are those of Client, to be awaited; what they return and raise is the same.
- Cancelling a task cancels what it waits for at the daemon.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import IO, Any, Literal, TypeVar, overload

import numpy as np

from . import gam_pb2 as pb
from . import operations, requests
from .async_session import AsyncSession
from .async_signal import AsyncSignal
from .answers import Answer, ReplyAnswer
from .bodies import FileAnswer
from .body import hasher
from .errors import GamError, NotFoundError, UnreachableError
from .operations import Operation, Target
from .pool import AttachedPools, Pool
from .requests import Items, Limits, ReadItem, Region
from .results import Array, ManyFailedError, QueryResult, Samples
from .samples import canonical_bytes, describe_array
from .wire import default_socket

Value = TypeVar("Value")


class AsyncClient:
    """`async with AsyncClient(socket) as client:`, or connect() and close()."""

    def __init__(self, socket: str | os.PathLike[str] | None = None) -> None:
        self.path = os.fspath(socket) if socket is not None else default_socket()
        self._priority = self._deadline_ms = 0

    async def connect(self) -> AsyncClient:
        self._session = AsyncSession(self.path)
        self._attached = AttachedPools()
        self._attaching = asyncio.Lock()
        try:
            reply = await self._call("", hello=pb.Hello(client="gamd-python", protocol_max=1))
        except BaseException:
            await self.close()
            raise
        self.server = reply.hello.server
        self._limits = Limits.of(reply.hello)
        self._session.allow(self._limits.requests)
        return self

    @property
    def is_open(self) -> bool:
        """Whether the connection has neither been closed nor broken."""
        return self._session.is_open

    async def close(self) -> None:
        await self._session.close()

    def close_soon(self) -> None:
        """Closes from within the loop without waiting for it."""
        self._session.close_now()

    async def __aenter__(self) -> AsyncClient:
        return await self.connect()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def options(self, *, priority: str = "normal", deadline: float | None = None) -> AsyncClient:
        """The same connection with another priority and deadline, as Client.options."""
        other = object.__new__(AsyncClient)
        other.__dict__.update(self.__dict__)
        other._priority = requests.priority_number(priority)
        other._deadline_ms = 0 if deadline is None else max(1, round(deadline * 1000))
        return other

    def cancel(self) -> None:
        """Stops all that is under way on this connection."""
        self._session.cancel()

    # Signals

    async def put(
        self,
        key: str,
        array: Any,
        *,
        channels_last: bool = False,
        axes: str | Sequence[str] = "space",
        bits: int | None = None,
        spacing: float | Sequence[float] = 1.0,
        unit: str | Sequence[str] = "",
        kind: str = "",
        effort: int = 0,
        size: str = "",
        shard_extents: Sequence[int] = (),
        lower_bits: int = 0,
        cells: bool = False,
        must_not_exist: bool = False,
    ) -> pb.StatResult:
        samples = np.asarray(array)
        begin = pb.PutBegin(
            samples=describe_array(samples, channels_last, axes, bits, spacing, unit),
            effort=effort,
            network_size=size,
            options={"kind": kind} if kind else {},
            shard_extents=shard_extents,
            lower_bits=lower_bits,
            cells=cells,
            must_not_exist=must_not_exist,
        )
        return await self._put(key, begin, io.BytesIO(canonical_bytes(samples)))

    async def put_bytes(self, key: str, data: bytes, **settings: Any) -> pb.StatResult:
        return await self._put(key, requests.file_put(**settings), io.BytesIO(data))

    async def get_file(
        self, key: str, *, format: str = "", region: Region | None = None, level: int = 0
    ) -> bytes:
        out = io.BytesIO()
        await self._wait(FileAnswer(key, out), requests.file_get(key, format, region, level))
        return out.getvalue()

    async def read(
        self,
        key: str,
        region: Region = (),
        level: int = 0,
        *,
        filter: str = "nearest",
        bits: int = 0,
        pool: Pool | None = None,
        pool_offset: int = 0,
    ) -> Array:
        item = ReadItem(key, region, level, filter, bits, pool_offset)
        return (await self.read_samples(item, pool=pool)).values

    async def read_samples(self, item: ReadItem, *, pool: Pool | None = None) -> Samples:
        return await self._run(operations.read(item, await self._target(pool)))

    @overload
    def read_many(
        self, items: Items, *, as_ready: Literal[False] = False, pool: Pool | None = None
    ) -> Coroutine[Any, Any, list[Array]]: ...
    @overload
    def read_many(
        self, items: Items, *, as_ready: Literal[True], pool: Pool | None = None
    ) -> AsyncIterator[tuple[int, Array]]: ...
    def read_many(
        self, items: Items, *, as_ready: bool = False, pool: Pool | None = None
    ) -> Coroutine[Any, Any, list[Array]] | AsyncIterator[tuple[int, Array]]:
        """`await` it, or with `as_ready` iterate by `async for`; failures as Client.read_many."""
        return self._each_ready(items, pool) if as_ready else self._all(items, pool)

    async def query(
        self,
        key: str,
        points: Any,
        *,
        kind: str = "sample",
        method: str = "linear",
        outside: str = "clamp",
        world: bool = False,
        gradient: bool = False,
        scale: float = 0.0,
        reach: float = 0.0,
    ) -> QueryResult:
        rows, _ = requests.points(points)
        wanted = pb.Query(
            kind=kind, method=method, outside=outside, world=world, gradient=gradient,
            scale=scale, reach=reach,
        )  # fmt: skip
        return await self._run(operations.query(key, rows, wanted, self._limits.query_bytes))

    async def __getitem__(self, key: str) -> AsyncSignal:
        return AsyncSignal(self, await self.stat(key))

    async def exists(self, key: str) -> bool:
        try:
            await self.stat(key)
        except NotFoundError:
            return False
        return True

    async def stat(self, key: str, *, energy: bool = False) -> pb.StatResult:
        return (await self._call(key, stat=pb.Stat(energy=energy))).stat

    async def ls(self, prefix: str = "") -> AsyncIterator[pb.StatResult]:
        """Every signal whose key starts with `prefix`, in key order, a page at a time."""
        cursor = ""
        while True:
            page = await self._run(operations.list_page(prefix, cursor))
            for signal in page.signals:
                yield signal
            cursor = page.cursor
            if not cursor:
                return

    async def delete(self, key: str) -> None:
        await self._call(key, delete=pb.Delete())

    async def verify(self, key: str) -> pb.VerifyResult:
        return (await self._call(key, verify=pb.Verify())).verify

    # Exchange

    async def _run(self, operation: Operation[Value]) -> Value:
        try:
            step = next(operation)
            while True:
                step = operation.send(await self._wait(step.answer, step.request, step.body))
        except StopIteration as stopped:
            value: Value = stopped.value
            return value

    async def _call(self, key: str, **operation: Any) -> pb.Reply:
        return await self._run(operations.call(key, **operation))

    async def _wait(
        self, answer: Answer[Value], request: pb.Request, body: bytes | memoryview = b"",
        descriptor: int | None = None,
    ) -> Value:
        number = await self._session.start(answer, self._marked(request), body, descriptor)
        await self._session.wait(number, answer, lambda: answer.is_done)
        return answer.result()

    def _marked(self, request: pb.Request) -> pb.Request:
        request.priority = self._priority
        request.deadline_ms = self._deadline_ms
        return request

    async def _target(self, pool: Pool | None) -> Target | None:
        if pool is None:
            return None
        numbers = self._attached.numbers
        async with self._attaching:
            if pool not in numbers:
                request = pb.Request(attach=pb.Attach(bytes=pool.size))
                reply = await self._wait(ReplyAnswer(), request, descriptor=pool.descriptor)
                numbers[pool] = reply.attach.pool
        return Target(numbers[pool], pool)

    async def _all(self, items: Items, pool: Pool | None) -> list[Array]:
        return await self._run(operations.read_many(items, await self._target(pool)))

    async def _each_ready(
        self, items: Items, pool: Pool | None
    ) -> AsyncIterator[tuple[int, Array]]:
        session, target = self._session, await self._target(pool)
        failures: dict[int, GamError] = {}
        for first, answer, request in operations.many_steps(items, True, target):
            number = await session.start(answer, self._marked(request))
            try:
                for _ in answer.items:
                    await session.wait(number, answer, lambda: bool(answer.ready))
                    index, value = answer.next_ready(failures, first)
                    if value is not None:
                        yield first + index, value
                await session.wait(number, answer, lambda: answer.is_done)
            finally:
                session.abandon(number, answer)
            answer.result()
        if failures:
            raise ManyFailedError(failures, [])

    async def _put(self, key: str, begin: pb.PutBegin, source: IO[bytes]) -> pb.StatResult:
        session, answer = self._session, ReplyAnswer(key)
        number = await session.begin(answer)
        digest = hasher() if hasher is not None else None
        try:
            await session.send(number, self._marked(pb.Request(key=key, put_begin=begin)))
            while not answer.is_done and (chunk := source.read(self._limits.chunk_bytes)):
                if digest is not None:
                    digest.update(chunk)
                await session.send(number, pb.Request(put_data=pb.PutData()), chunk)
            if not answer.is_done:
                await session.send(number, pb.Request(put_commit=requests.commit(digest)))
        except UnreachableError:
            pass  # the daemon may have said why before it hung up
        except BaseException:
            session.abandon(number, answer)
            raise
        await session.wait(number, answer, lambda: answer.is_done)
        return answer.result().put.stat
