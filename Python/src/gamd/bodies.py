"""Answers with bodies: samples, rows of numbers, files, many reads in one.

What always holds here:
- A result exists only after the last frame came, sizes were those announced, and the XXH3-128 of
  the bodies was right (where xxhash is installed).
- Bodies are received into the array that is returned; with a pool the daemon wrote them there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from . import gam_pb2 as pb
from .answers import EMPTY, Answer, Result
from .body import Body
from .errors import GamError, ProtocolError, error_for_status
from .results import Array, Samples
from .samples import dtype_of, shape_of
from .wire import OutOfStep


class BodyAnswer(Answer[Result]):
    """An answer with a body that fills one array."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._body: Body | None = None
        self._values: Array | None = None
        self._first = pb.SamplesResult()

    def begin(self, reply: pb.Reply, body_bytes: int) -> memoryview:
        if reply.status != 0 or not reply.HasField("samples"):
            return super().begin(reply, body_bytes)
        return self.begin_samples(reply.samples, body_bytes)

    def begin_samples(self, result: pb.SamplesResult, body_bytes: int) -> memoryview:
        if self._body is None:
            self._first = result
            self._body = Body(self.key)
            self._values = self.allocate(result)
            self._body.open(result.total_bytes, as_bytes(self._values))
        return self._body.place(body_bytes)

    def allocate(self, result: pb.SamplesResult) -> Array:
        """The array for all bodies; OutOfStep where the announcement cannot be right."""
        raise NotImplementedError

    def part(self, reply: pb.Reply, body: memoryview) -> None:
        self.part_samples(reply.samples, body)

    def part_samples(self, result: pb.SamplesResult, body: memoryview) -> None:
        if self._body is None:
            raise OutOfStep("no samples where some were due")
        self._body.took(body)

    def whole(self, last: pb.SamplesResult) -> Array:
        """The array after its checks."""
        assert self._body is not None and self._values is not None
        self._body.check(last)
        return self._values


def as_bytes(values: Array) -> memoryview:
    return values.reshape(-1).view(np.uint8).data


def allocated(count: int, dtype: np.dtype[Any], key: str) -> Array:
    """Memory of an announced size; it is taken from the system only as bytes arrive."""
    try:
        return np.empty(count, dtype)
    except (MemoryError, ValueError) as error:
        raise OutOfStep(f"{count} samples announced for {key}: no memory for them") from error


class ReadAnswer(BodyAnswer[Samples]):
    """Samples of a region, inline or in a pool."""

    def __init__(self, key: str, pool: memoryview | None = None) -> None:
        super().__init__(key)
        self._pool = pool

    def allocate(self, result: pb.SamplesResult) -> Array:
        if not result.HasField("description"):
            raise OutOfStep("samples without a description")
        try:
            shape, dtype = shape_of(result.description), dtype_of(result.description)
        except ProtocolError as error:
            raise OutOfStep(str(error)) from error
        count = math.prod(shape)
        if count * dtype.itemsize != result.total_bytes:
            raise OutOfStep(f"{result.total_bytes} bytes announced for {dtype} {shape}")
        if self._pool is None:
            return allocated(count, dtype, self.key).reshape(shape)
        if result.total_bytes > len(self._pool):
            raise OutOfStep(f"{result.total_bytes} bytes for {len(self._pool)} of a pool")
        return np.frombuffer(self._pool[: result.total_bytes], dtype).reshape(shape)

    def part_samples(self, result: pb.SamplesResult, body: memoryview) -> None:
        if self._pool is not None and self._body is not None and self._body.received == 0:
            body = self._body.place(self._body.total)  # the daemon wrote it there
        super().part_samples(result, body)

    def taken(self) -> Samples:
        """The result, which goes to who asks and is not kept here."""
        samples, self._values, self._result = self.result(), None, None
        return samples

    def complete(self, last: pb.SamplesResult) -> None:
        """Ends an item of a ReadMany, which has no last frame of its own."""
        try:
            self._result = self.finish_samples(last)
        except GamError as error:
            self.fail(error)
            return
        self._done()

    def finish(self, reply: pb.Reply) -> Samples:
        return self.finish_samples(reply.samples)

    def finish_samples(self, last: pb.SamplesResult) -> Samples:
        first = self._first
        values = self.whole(last)
        return Samples(values, first.error_max, first.is_estimate, first.description.bits)


class RawAnswer(BodyAnswer[tuple[Array, pb.SamplesResult]]):
    """Numbers of one type in units of a known size: values of a Query, runs, bounds."""

    def __init__(self, key: str, dtype: str, unit: int) -> None:
        super().__init__(key)
        self._dtype = np.dtype(dtype)
        self._unit_bytes = max(1, unit) * self._dtype.itemsize

    def allocate(self, result: pb.SamplesResult) -> Array:
        if result.total_bytes % self._unit_bytes:
            raise OutOfStep(f"{result.total_bytes} bytes in units of {self._unit_bytes}")
        return allocated(result.total_bytes // self._dtype.itemsize, self._dtype, self.key)

    def finish(self, reply: pb.Reply) -> tuple[Array, pb.SamplesResult]:
        """The numbers, and what the first and the last frame say together."""
        merged = pb.SamplesResult()
        merged.MergeFrom(self._first)
        merged.MergeFrom(reply.samples)
        return self.whole(reply.samples), merged


class FileAnswer(Answer[int]):
    """A file, written to a stream as it comes; the number of its bytes."""

    def __init__(self, key: str, out: IO[bytes]) -> None:
        super().__init__(key)
        self._out = out
        self._out_error: Exception | None = None
        self._body: Body | None = None

    def begin(self, reply: pb.Reply, body_bytes: int) -> memoryview:
        if reply.status != 0 or not reply.HasField("samples"):
            return super().begin(reply, body_bytes)
        if self._body is None:
            self._body = Body(self.key)
            self._body.open(reply.samples.total_bytes, EMPTY)
        self._body.count(body_bytes)
        return memoryview(bytearray(body_bytes))

    def part(self, reply: pb.Reply, body: memoryview) -> None:
        if self._body is None:
            raise OutOfStep("no file where one was due")
        self._body.took(body)
        if self._out_error is None:
            try:
                self._out.write(body)
            except Exception as error:  # it concerns whoever gave the stream, not the connection
                self._out_error = error

    def finish(self, reply: pb.Reply) -> int:
        assert self._body is not None
        self._body.check(reply.samples)
        return self._body.total

    def result(self) -> int:
        if self._out_error is not None:
            raise self._out_error
        return super().result()


class ManyAnswer(Answer[None]):
    """The answers of a ReadMany; `ready` has the numbers of items as they are done."""

    def __init__(self, items: Sequence[ReadAnswer]) -> None:
        super().__init__()
        self.items = items
        self.ready: deque[int] = deque()

    def next_ready(
        self, failures: dict[int, GamError], first: int
    ) -> tuple[int, Array | None]:
        """The next item that is done, and its array, which is not kept here; an error goes to
        `failures` instead."""
        index = self.ready.popleft()
        try:
            return index, self.items[index].taken().values
        except GamError as error:
            failures[first + index] = error
            return index, None

    def begin(self, reply: pb.Reply, body_bytes: int) -> memoryview:
        result = reply.samples
        if not reply.HasField("samples") or result.item_status != 0:
            return super().begin(reply, body_bytes)
        return self._item(result.item).begin_samples(result, body_bytes)

    def end(self, reply: pb.Reply, body: memoryview) -> None:
        if reply.HasField("samples"):
            self._end_item(reply.samples, body)
        if reply.last:
            super().end(reply, EMPTY)

    def part(self, reply: pb.Reply, body: memoryview) -> None:
        pass

    def finish(self, reply: pb.Reply) -> None:
        missing = [number for number, item in enumerate(self.items) if not item.is_done]
        if missing:
            raise ProtocolError(f"the daemon left out item {missing[0]} of {len(self.items)}")

    def refused(self, reply: pb.Reply) -> None:
        if not reply.HasField("read_many"):
            super().refused(reply)
        self.finish(reply)

    def fail(self, error: GamError) -> None:
        for number, item in enumerate(self.items):
            if not item.is_done:
                item.fail(error)
                self.ready.append(number)
        super().fail(error)

    def _item(self, number: int) -> ReadAnswer:
        if number >= len(self.items) or self.items[number].is_done:
            raise OutOfStep(f"samples of item {number} of {len(self.items)}, which was not due")
        return self.items[number]

    def _end_item(self, result: pb.SamplesResult, body: memoryview) -> None:
        item = self._item(result.item)
        if result.item_status != 0:
            item.fail(error_for_status(result.item_status, result.item_text, item.key))
        else:
            item.part_samples(result, body)
            if not result.item_last:
                return
            item.complete(result)
        self.ready.append(result.item)
