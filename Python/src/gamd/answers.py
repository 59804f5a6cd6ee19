"""What collects the frames of one answer; sockets are elsewhere.

What always holds here:
- `begin` gives the memory the body of a frame is received into, `end` is told when it is there.
- OutOfStep means that the stream cannot be trusted any more; a GamError concerns this answer alone.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from . import gam_pb2 as pb
from .errors import GamError, error_for_status
from .wire import OutOfStep

Result = TypeVar("Result")
EMPTY = memoryview(b"")


class Answer(Generic[Result]):
    """One answer that is under way; `error` or `result` once `is_done`."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.is_done = False
        self.error: GamError | None = None
        self._result: Result | None = None

    def begin(self, reply: pb.Reply, body_bytes: int) -> memoryview:
        """Checks what a frame says; the memory for its body."""
        if body_bytes:
            raise OutOfStep(f"a body of {body_bytes} bytes where none was due")
        return EMPTY

    def end(self, reply: pb.Reply, body: memoryview) -> None:
        """The body is there; finishes the answer with its last frame."""
        if not reply.last:
            if reply.WhichOneof("result") != "progress":
                self.part(reply, body)
            return
        try:
            if reply.status != 0:
                self.refused(reply)
            else:
                self.part(reply, body)
                self._result = self.finish(reply)
        except GamError as error:
            self.fail(error)
            return
        self._done()

    def part(self, reply: pb.Reply, body: memoryview) -> None:
        """A frame of the answer that is not an error."""
        if not reply.last:
            raise OutOfStep("a first part where one answer was due")

    def finish(self, reply: pb.Reply) -> Result:
        raise NotImplementedError

    def refused(self, reply: pb.Reply) -> None:
        raise error_for_status(reply.status, reply.text, reply.key or self.key)

    def fail(self, error: GamError) -> None:
        if not self.is_done:
            self.error = error
            self._done()

    def result(self) -> Result:
        assert self.is_done, "an answer is asked for its result before it has come"
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]

    def _done(self) -> None:
        self.is_done = True


class ReplyAnswer(Answer[pb.Reply]):
    """An answer of one frame without a body."""

    def finish(self, reply: pb.Reply) -> pb.Reply:
        return reply


class ListAnswer(ReplyAnswer):
    """A page of signals: status 4 with a result names damaged entries by their keys alone."""

    def refused(self, reply: pb.Reply) -> None:
        if reply.status != 4 or not reply.HasField("list"):
            super().refused(reply)
        self._result = reply


class DiscardedAnswer(Answer[None]):
    """Takes the place of an answer nobody waits for any more."""

    def begin(self, reply: pb.Reply, body_bytes: int) -> memoryview:
        return memoryview(bytearray(body_bytes))

    def end(self, reply: pb.Reply, body: memoryview) -> None:
        if reply.last:
            self._done()
