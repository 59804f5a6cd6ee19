"""One connection shared by tasks of an event loop: many requests under way, answers in any order.

What always holds here:
- Bodies are received into the memory their answer gives, whenever the loop says there are some.
- A task that is cancelled while it waits stops its request at the daemon; the frames that still
  come of it are dropped, and the connection goes on.
- When the stream ends or goes out of step, every answer under way fails and the connection closes.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from . import gam_pb2 as pb
from .answers import EMPTY, Answer, DiscardedAnswer
from .errors import GamError, ProtocolError, UnreachableError, error_for_status
from .wire import HEADER, OutOfStep, connected_socket, decode_header, decode_reply, encode_frame

# Receives per wake-up of the loop: about 4 MiB at the socket's usual buffer sizes.
TURNS = 32


@dataclass
class Waiting:
    """An answer under way, and what wakes the task that waits for it."""

    answer: Answer[Any]
    news: asyncio.Event = field(default_factory=asyncio.Event)


class AsyncSession:
    """A connection with its requests under way; made inside of a running event loop."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._stream: socket.socket | None = connected_socket(path, None)
        self._stream.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._sending = asyncio.Lock()
        self._slots = asyncio.Semaphore(1)
        self._pending: dict[int, Waiting] = {}
        self._last_id = 0
        self._target = EMPTY
        self._frames = self._each_frame()
        self._target = next(self._frames)
        self._loop.add_reader(self._stream, self._readable)
        self._errands: set[asyncio.Task[None]] = set()

    def allow(self, requests_max: int) -> None:
        """As many requests at a time from now on; asked once, after Hello."""
        self._slots = asyncio.Semaphore(requests_max)

    @property
    def is_open(self) -> bool:
        return self._stream is not None

    async def close(self) -> None:
        self.close_now()
        await asyncio.gather(*self._errands, return_exceptions=True)

    def close_now(self) -> None:
        self._break(UnreachableError(f"the connection to {self.path} was closed"))

    async def begin(self, answer: Answer[Any]) -> int:
        """A request id for `answer`; waits while as many as allowed are under way."""
        await self._slots.acquire()
        if self._stream is None:
            self._slots.release()
            raise UnreachableError(f"the connection to {self.path} is closed; make a new client")
        self._last_id = self._last_id % 0xFFFF_FFFF + 1
        while self._last_id in self._pending:
            self._last_id = self._last_id % 0xFFFF_FFFF + 1
        self._pending[self._last_id] = Waiting(answer)
        return self._last_id

    async def send(
        self, number: int, request: pb.Request, body: bytes | memoryview = b"",
        descriptor: int | None = None,
    ) -> None:
        """Sends a frame whole, even if the task is cancelled meanwhile."""
        try:
            head = encode_frame(number, request, len(body), int(descriptor is not None))
        except ProtocolError:
            self._forget(number)
            raise
        await asyncio.shield(self._errand(self._send(head, body, descriptor)))

    async def start(
        self, answer: Answer[Any], request: pb.Request, body: bytes | memoryview = b"",
        descriptor: int | None = None,
    ) -> int:
        """Sends a whole request; an end of the connection becomes the answer's error."""
        number = await self.begin(answer)
        try:
            await self.send(number, request, body, descriptor)
        except UnreachableError:
            await self.wait(number, answer, lambda: answer.is_done)
        except asyncio.CancelledError:
            self.abandon(number, answer)
            raise
        return number

    async def wait(self, number: int, answer: Answer[Any], until: Callable[[], bool]) -> None:
        """Until `until()`, which every end of the stream must make true."""
        waiting = self._pending.get(number)
        try:
            while not until():
                assert waiting is not None and waiting.answer is answer
                waiting.news.clear()
                await waiting.news.wait()
        except asyncio.CancelledError:
            self.abandon(number, answer)
            raise

    def abandon(self, number: int, answer: Answer[Any]) -> None:
        """Nobody waits for this answer any more: it is stopped, and what still comes is dropped."""
        waiting = self._pending.get(number)
        if waiting is not None and waiting.answer is answer:
            self._pending[number] = Waiting(DiscardedAnswer())
            self.cancel(number)

    def cancel(self, number: int | None = None) -> None:
        """Asks the daemon to stop one request, or all that are under way."""
        for each in list(self._pending) if number is None else [number]:
            head = encode_frame(each, pb.Request(cancel=pb.Cancel()))
            self._errand(self._send(head, b"", None))

    def _errand(self, work: Any) -> asyncio.Task[None]:
        """A task that goes on whatever happens to the one that wants it."""
        task = self._loop.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errand_done)
        return task

    def _errand_done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever shields the task gets it, for a Cancel it is no news

    async def _send(self, head: bytes, body: bytes | memoryview, descriptor: int | None) -> None:
        async with self._sending:
            stream = self._open_stream()
            try:
                if descriptor is not None:
                    head = head[await self._send_descriptor(stream, head, descriptor) :]
                await self._loop.sock_sendall(stream, head)
                if len(body) > 0:
                    await self._loop.sock_sendall(stream, body)
            except OSError as error:
                raise UnreachableError(f"the daemon on {self.path} hung up: {error}") from error

    async def _send_descriptor(self, stream: socket.socket, head: bytes, descriptor: int) -> int:
        while True:
            try:
                return socket.send_fds(stream, [head], [descriptor])
            except BlockingIOError:
                writable = self._loop.create_future()
                self._loop.add_writer(stream, writable.set_result, None)
                try:
                    await writable
                finally:
                    self._loop.remove_writer(stream)

    def _readable(self) -> None:
        """Takes what has arrived, at most so much that other tasks get their turn."""
        try:
            for _ in range(TURNS):
                if self._stream is None:
                    return
                count = self._stream.recv_into(self._target)
                if count == 0:
                    raise UnreachableError(
                        f"the daemon on {self.path} closed the connection before its answer ended"
                    )
                self._target = self._target[count:]
                if len(self._target) == 0:
                    self._target = next(self._frames)
        except BlockingIOError:
            return
        except OutOfStep as error:
            text = f"the daemon on {self.path} sent {error}; connection closed"
            self._break(ProtocolError(text))
        except GamError as error:  # before OSError, which an UnreachableError is, too
            self._break(error)
        except OSError as error:
            self._break(UnreachableError(f"reading from {self.path} failed: {error}"))

    def _each_frame(self) -> Generator[memoryview, None, None]:
        """Yields memory to be filled, and hands each frame to its answer."""
        while True:
            raw = bytearray(HEADER.size)
            yield memoryview(raw)
            header = decode_header(raw)
            metadata = bytearray(header.metadata_bytes)
            if metadata:
                yield memoryview(metadata)
            reply = decode_reply(metadata)
            waiting = self._pending.get(header.request_id)
            if waiting is None:
                if header.request_id == 0 and reply.status != 0:
                    raise error_for_status(reply.status, reply.text, reply.key)
                raise OutOfStep(f"an answer to request {header.request_id}")
            body = waiting.answer.begin(reply, header.body_bytes)
            if len(body) > 0:
                yield body
            waiting.answer.end(reply, body)
            if reply.last:
                self._forget(header.request_id)
            waiting.news.set()

    def _open_stream(self) -> socket.socket:
        if self._stream is None:
            raise UnreachableError(f"the connection to {self.path} is closed; make a new client")
        return self._stream

    def _forget(self, number: int) -> None:
        if self._pending.pop(number, None) is not None:
            self._slots.release()

    def _break(self, error: GamError) -> None:
        """The end of the connection, for everybody who waits."""
        stream, self._stream = self._stream, None
        if stream is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(stream)
            stream.close()
        for number, waiting in list(self._pending.items()):
            waiting.answer.fail(type(error)(str(error), status=error.status, key=error.key))
            waiting.news.set()
            self._forget(number)
