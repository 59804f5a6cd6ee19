"""How a client with threads carries out operations on its session.

What always holds here:
- An operation that is left midway, by an exception or a generator that is closed, is cancelled at
  the daemon; what still comes of it is dropped, and the connection goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, Any, TypeVar

from . import gam_pb2 as pb
from . import operations, requests
from .answers import Answer, ReplyAnswer
from .body import hasher
from .errors import GamError, UnreachableError
from .operations import Operation, Target
from .pool import AttachedPools, Pool
from .requests import Items, Limits
from .results import Array, ManyFailedError
from .session import Session

Value = TypeVar("Value")


class Exchange:
    """A session, its limits, and what marks the requests sent through it."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self._session = Session(path, timeout)
        self._attached = AttachedPools()
        self._priority = self._deadline_ms = 0
        try:
            hello = self._call("", hello=pb.Hello(client="gamd-python", protocol_max=1)).hello
        except BaseException:
            self.close()
            raise
        self.server = hello.server
        self._limits = Limits.of(hello)
        self._session.requests_max = self._limits.requests

    @property
    def is_open(self) -> bool:
        """Whether the connection has neither been closed nor broken."""
        return self._session.is_open

    def close(self) -> None:
        """Ends the connection; whoever waits on it in another thread gets an UnreachableError."""
        self._session.close()

    def _run(self, operation: Operation[Value]) -> Value:
        """Takes an operation through its steps."""
        try:
            step = next(operation)
            while True:
                step = operation.send(self._wait(step.answer, step.request, step.body))
        except StopIteration as stopped:
            value: Value = stopped.value
            return value

    def _call(self, key: str, **operation: Any) -> pb.Reply:
        return self._run(operations.call(key, **operation))

    def _wait(
        self, answer: Answer[Value], request: pb.Request, body: bytes | memoryview = b"",
        descriptor: int | None = None,
    ) -> Value:
        """Sends a request and waits for all of its answer."""
        number = self._session.start(answer, self._marked(request), body, descriptor)
        try:
            self._session.wait(lambda: answer.is_done)
        except BaseException:
            self._session.abandon(number, answer)
            raise
        return answer.result()

    def _marked(self, request: pb.Request) -> pb.Request:
        request.priority = self._priority
        request.deadline_ms = self._deadline_ms
        return request

    def _target(self, pool: Pool | None) -> Target | None:
        """The pool as the daemon knows it; it is handed over when it is first used."""
        if pool is None:
            return None
        with self._attached.lock:
            if pool not in self._attached.numbers:
                request = pb.Request(attach=pb.Attach(bytes=pool.size))
                reply = self._wait(ReplyAnswer(), request, descriptor=pool.descriptor)
                self._attached.numbers[pool] = reply.attach.pool
            return Target(self._attached.numbers[pool], pool)

    def _each_ready(self, items: Items, target: Target | None) -> Iterator[tuple[int, Array]]:
        failures: dict[int, GamError] = {}
        for first, answer, request in operations.many_steps(items, True, target):
            number = self._session.start(answer, self._marked(request))
            try:
                for _ in answer.items:
                    self._session.wait(lambda: bool(answer.ready))
                    index, value = answer.next_ready(failures, first)
                    if value is not None:
                        yield first + index, value
                self._session.wait(lambda: answer.is_done)
            finally:
                self._session.abandon(number, answer)
            answer.result()
        if failures:
            raise ManyFailedError(failures, [])

    def _put(self, key: str, begin: pb.PutBegin, source: IO[bytes]) -> pb.StatResult:
        answer = ReplyAnswer(key)
        number = self._session.begin(answer)
        try:
            # A daemon that hangs up may have said why before: its answer is read in any case.
            with contextlib.suppress(UnreachableError):
                self._send_put(number, answer, pb.Request(key=key, put_begin=begin), source)
            self._session.wait(lambda: answer.is_done)
        except BaseException:
            self._session.abandon(number, answer)
            raise
        return answer.result().put.stat

    def _send_put(
        self, number: int, answer: ReplyAnswer, begin: pb.Request, source: IO[bytes]
    ) -> None:
        session, digest = self._session, hasher() if hasher is not None else None
        session.send(number, self._marked(begin))
        while chunk := source.read(self._limits.chunk_bytes):
            session.take_what_is_there()
            if answer.is_done:
                return  # refused already: the answer says why
            if digest is not None:
                digest.update(chunk)
            session.send(number, pb.Request(put_data=pb.PutData()), chunk)
        session.send(number, pb.Request(put_commit=requests.commit(digest)))
