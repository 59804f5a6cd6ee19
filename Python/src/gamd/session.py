"""One connection shared by threads: many requests under way, each answer to the one that waits.

What always holds here:
- Whoever waits and finds nobody reading reads frames for all, and hands each to its answer.
- When the stream ends or goes out of step, every answer under way fails and the connection is
  closed: nothing is ever read from it again.
- A session belongs to the process that made it; another one gets an error instead of bytes that
  are not its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from . import gam_pb2 as pb
from .answers import Answer, DiscardedAnswer
from .errors import GamError, UnreachableError, UsageError, error_for_status
from .wire import Connection, Head, OutOfStep


class Session:
    """A connection with its requests under way."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self.path = path
        self.requests_max = 1
        self._connection = Connection(path, timeout)
        self._sending = threading.Lock()
        self._condition = threading.Condition()
        self._pending: dict[int, Answer[Any]] = {}
        self._is_receiving = False
        self._last_id = 0
        self._process = os.getpid()

    @property
    def is_open(self) -> bool:
        return self._connection.is_open

    def close(self) -> None:
        if os.getpid() != self._process:
            self._connection.close()  # only this process' copy of the descriptor
            return
        self._connection.interrupt()
        with self._condition:
            while self._is_receiving:
                self._condition.wait()
            self._break(UnreachableError(f"the connection to {self.path} was closed"))

    def begin(self, answer: Answer[Any]) -> int:
        """A request id for `answer`; waits while as many as allowed are under way."""
        if os.getpid() != self._process:
            raise UsageError(
                f"this Client was made by process {self._process}: a child process needs its own "
                "(gamd.ProcessClient makes one per process)"
            )
        with self._condition:
            self._pump(lambda: len(self._pending) < self.requests_max)
            self._last_id = self._last_id % 0xFFFF_FFFF + 1
            while self._last_id in self._pending:
                self._last_id = self._last_id % 0xFFFF_FFFF + 1
            self._pending[self._last_id] = answer
            return self._last_id

    def send(
        self, number: int, request: pb.Request, body: bytes | memoryview = b"",
        descriptor: int | None = None,
    ) -> None:
        """Sends a frame; on a failure the request is not under way any more."""
        try:
            with self._sending:
                self._connection.send(number, request, body, descriptor)
        except UnreachableError:
            raise  # the daemon may have said why: its answer is still to be read
        except GamError:
            with self._condition:
                self._pending.pop(number, None)
            raise
        except BaseException:
            with self._condition:
                self._break(UnreachableError("sending was interrupted; connection closed"))
            raise

    def start(
        self, answer: Answer[Any], request: pb.Request, body: bytes | memoryview = b"",
        descriptor: int | None = None,
    ) -> int:
        """Sends a whole request; what goes wrong on the way becomes the answer's error."""
        number = self.begin(answer)
        try:
            self.send(number, request, body, descriptor)
        except UnreachableError as error:
            self._hear_last_words(answer)
            answer.fail(error)
        return number

    def wait(self, until: Callable[[], bool]) -> None:
        """Receives frames until `until()`, which every end of the stream must make true."""
        with self._condition:
            self._pump(until)

    def take_what_is_there(self) -> None:
        """Receives frames that have arrived already; never waits for more."""
        with self._condition:
            while self._pending and not self._is_receiving and self._connection.has_reply():
                self._advance()

    def cancel(self, number: int | None = None) -> None:
        """Asks the daemon to stop one request, or all that are under way."""
        with self._condition:
            numbers = list(self._pending) if number is None else [number]
        for each in numbers:
            with self._sending:
                self._connection.send(each, pb.Request(cancel=pb.Cancel()))

    def abandon(self, number: int, answer: Answer[Any]) -> None:
        """Nobody waits for this answer any more: it is stopped, and what still comes is dropped."""
        with self._condition:
            if self._pending.get(number) is not answer:
                return
            self._pending[number] = DiscardedAnswer()
        try:
            self.cancel(number)
        except UnreachableError:
            pass  # then it has ended, too

    def _hear_last_words(self, answer: Answer[Any]) -> None:
        """A daemon that hangs up may have said why before."""
        self.wait(lambda: answer.is_done)

    def _pump(self, until: Callable[[], bool]) -> None:
        while not until():
            self._advance()

    def _advance(self) -> None:
        """With the condition held: reads one frame, or waits for the one who does."""
        if self._is_receiving:
            self._condition.wait()
            return
        self._is_receiving = True
        self._condition.release()
        failure: GamError | None = UnreachableError("receiving was interrupted; connection closed")
        try:
            failure = self._receive()
        finally:
            self._condition.acquire()
            self._is_receiving = False
            if failure is not None:
                self._break(failure)
            self._condition.notify_all()

    def _receive(self) -> GamError | None:
        """One frame into its answer; the error that ends the connection."""
        try:
            head = self._connection.receive_head()
            answer = self._pending.get(head.request_id)
            if answer is None:
                return self._stranger(head)
            body = answer.begin(head.reply, head.body_bytes)
            self._connection.receive_into(body)
            answer.end(head.reply, body)
            if head.reply.last:
                with self._condition:
                    self._pending.pop(head.request_id, None)
        except OutOfStep as error:
            return self._connection.out_of_step(str(error))
        except GamError as error:
            return error
        return None

    def _stranger(self, head: Head) -> GamError:
        reply = head.reply
        if head.request_id == 0 and reply.status != 0:
            return error_for_status(reply.status, reply.text, reply.key)
        return self._connection.out_of_step(f"an answer to request {head.request_id}")

    def _break(self, error: GamError) -> None:
        """With the condition held: the end of the connection, for everybody who waits."""
        self._connection.close()
        pending, self._pending = self._pending, {}
        for answer in pending.values():
            answer.fail(type(error)(str(error), status=error.status, key=error.key))
        self._condition.notify_all()
