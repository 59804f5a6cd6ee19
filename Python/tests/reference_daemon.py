"""A daemon in memory that answers as docs/protocol.md says, with numpy behind it.

What always holds here:
- Frames and messages are written from the protocol's page, samples come from reference_reads: the
  client's own code is not used.
- Every connection has a thread; nothing is fast, and nothing is kept after close.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path

import numpy as np
import reference_reads as reference
import xxhash

from gamd import gam_pb2 as pb

HEADER = struct.Struct("<4sBBHIIQ")
FRAME_BYTES = 1 << 20
SHARD_SIDE = 16
DTYPES = {(0, 1): "u1", (1, 1): "i1", (0, 2): "<u2", (1, 2): "<i2", (0, 4): "<u4", (1, 4): "<i4"}


class Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Kept:
    description: pb.Description
    samples: np.ndarray  # [axes...][channels]
    kind: str
    shard: list[int]

    def stat(self, key: str) -> pb.StatResult:
        size = self.samples.nbytes
        stat = pb.StatResult(key=key, kind=self.kind, description=self.description)
        stat.raw_bytes = stat.stored_bytes = stat.file_bytes = size
        stat.shard_extents.extend(self.shard)
        stat.bits = self.description.bits
        stat.content_hash = f"{xxhash.xxh3_128_intdigest(self.samples.tobytes()):032x}"
        return stat


def kept(begin: pb.PutBegin, data: bytes) -> Kept:
    described = begin.samples
    width = 1 if described.bits <= 8 else 2 if described.bits <= 16 else 4
    dtype = f"<f{width}" if described.family == 2 else DTYPES[described.family, width]
    shape = [axis.extent for axis in described.axes] + [len(described.channels)]
    samples = np.frombuffer(data, dtype)
    if samples.size != np.prod(shape):
        raise Refused(6, f"{len(data)} bytes are not {shape} of {dtype}")
    shard = list(begin.shard_extents) or [min(extent, SHARD_SIDE) for extent in shape[:-1]]
    return Kept(described, samples.reshape(shape), begin.options.get("kind", "array"), shard)


class Connection(threading.Thread):
    """One client."""

    def __init__(self, stream: socket.socket, signals: dict[str, Kept]) -> None:
        super().__init__(daemon=True)
        self.stream = stream
        self.signals = signals
        self.puts: dict[int, tuple[str, pb.PutBegin, bytearray]] = {}
        self.pools: list[mmap] = []

    def run(self) -> None:
        with self.stream, contextlib.suppress(EOFError, ConnectionError):
            while True:
                self.serve()

    def serve(self) -> None:
        header, descriptors, _, _ = socket.recv_fds(self.stream, HEADER.size, 1)
        header += self.exactly(HEADER.size - len(header))
        *fixed, count, metadata, number, body = HEADER.unpack(header)
        assert (*fixed, count) == (b"GAM1", 1, 0, len(descriptors))
        request = pb.Request.FromString(self.exactly(metadata))
        data = self.exactly(body)
        name = request.WhichOneof("operation")
        try:
            getattr(self, f"do_{name}")(number, request, data, *descriptors)
        except Refused as error:
            refusal = pb.Reply(status=error.status, text=str(error), key=request.key, last=True)
            self.send(number, refusal)

    def do_cancel(self, number: int, request: pb.Request, data: bytes) -> None:
        """Everything was answered before this was read."""

    def exactly(self, count: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < count:
            piece = self.stream.recv(count - len(pieces))
            if not piece:
                raise EOFError
            pieces += piece
        return bytes(pieces)

    def send(self, number: int, reply: pb.Reply, body: bytes = b"") -> None:
        metadata = reply.SerializeToString()
        head = HEADER.pack(b"GAM1", 1, 0, 0, len(metadata), number, len(body))
        self.stream.sendall(head + metadata + body)

    def send_body(self, number: int, result: pb.SamplesResult, body: bytes, last: bool) -> None:
        """A body in frames of at most 1 MiB, its hash in the last."""
        result.total_bytes = len(body)
        digest = xxhash.xxh3_128_intdigest(body)
        starts = list(range(0, len(body), FRAME_BYTES)) or [0]
        for start in starts:
            if start == starts[-1]:
                result.hash_low, result.hash_high = digest & (1 << 64) - 1, digest >> 64
                result.item_last = not last
            reply = pb.Reply(samples=result, last=last and start == starts[-1])
            self.send(number, reply, body[start : start + FRAME_BYTES])
            result.ClearField("description")

    def signal(self, key: str) -> Kept:
        if key not in self.signals:
            raise Refused(2, f'"{key}" is not in the store')
        return self.signals[key]

    # Operations

    def do_hello(self, number: int, request: pb.Request, data: bytes) -> None:
        hello = pb.HelloResult(server="reference", requests_in_flight_max=16, query_bytes_max=4096)
        self.send(number, pb.Reply(hello=hello, last=True))

    def do_put_begin(self, number: int, request: pb.Request, data: bytes) -> None:
        if request.put_begin.must_not_exist and request.key in self.signals:
            raise Refused(8, f'"{request.key}" exists')
        if not request.put_begin.HasField("samples"):
            raise Refused(6, "no plugin recognizes this file")
        self.puts[number] = (request.key, request.put_begin, bytearray())

    def do_put_data(self, number: int, request: pb.Request, data: bytes) -> None:
        if number in self.puts:
            self.puts[number][2].extend(data)

    def do_put_commit(self, number: int, request: pb.Request, data: bytes) -> None:
        if number not in self.puts:
            return
        key, begin, body = self.puts.pop(number)
        replaced = key in self.signals
        self.signals[key] = kept(begin, bytes(body))
        result = pb.PutResult(stat=self.signals[key].stat(key), replaced=replaced)
        self.send(number, pb.Reply(put=result, key=key, last=True))

    def do_get(self, number: int, request: pb.Request, data: bytes) -> None:
        body = self.signal(request.key).samples.tobytes()
        self.send_body(number, pb.SamplesResult(), body, last=True)

    def do_read(self, number: int, request: pb.Request, data: bytes) -> None:
        self.answer_read(number, request.key, request.read, pb.SamplesResult(), True)

    def do_read_many(self, number: int, request: pb.Request, data: bytes) -> None:
        items = list(enumerate(request.read_many.items))
        failed = 0
        for index, item in reversed(items) if request.read_many.as_ready else items:
            result = pb.SamplesResult(item=index)
            try:
                self.answer_read(number, item.key, item.read, result, False)
            except Refused as error:
                failed += 1
                result.item_status, result.item_text = error.status, str(error)
                result.item_last = True
                self.send(number, pb.Reply(samples=result))
        done = pb.ReadManyResult(succeeded=len(items) - failed, failed=failed)
        self.send(number, pb.Reply(read_many=done, status=4 if failed else 0, last=True))

    def answer_read(
        self, number: int, key: str, read: pb.Read, result: pb.SamplesResult, last: bool
    ) -> None:
        signal = self.signal(key)
        region = intervals(read.region, signal.samples)
        depth = signal.description.bits
        if read.bits > depth:
            raise Refused(5, f"{read.bits} bits of {depth}")
        values = reference.read(
            signal.samples, region, read.level, read.filter or "nearest", read.bits, depth
        )
        result.description.CopyFrom(signal.description)
        for axis, extent in zip(result.description.axes, values.shape):
            axis.extent = extent
            axis.spacing *= 1 << read.level
        result.error_max = reference.error_max(read.bits, depth)
        body = values.tobytes()
        if not read.pool:
            self.send_body(number, result, body, last)
            return
        memory = self.pools[read.pool - 1]
        if read.pool_offset + len(body) > len(memory):
            raise Refused(5, f"{len(body)} bytes do not fit into the pool")
        memory[read.pool_offset : read.pool_offset + len(body)] = body
        digest = xxhash.xxh3_128_intdigest(body)
        result.hash_low, result.hash_high = digest & (1 << 64) - 1, digest >> 64
        result.total_bytes, result.item_last = len(body), not last
        self.send(number, pb.Reply(samples=result, last=last))

    def do_query(self, number: int, request: pb.Request, data: bytes) -> None:
        signal, wanted = self.signal(request.key), request.query
        if wanted.kind not in ("", "sample", "inside"):
            raise Refused(15, f"no {wanted.kind} here")
        axes = signal.description.axes
        points = np.frombuffer(data, "<f8").reshape(-1, len(axes))
        spacing = [axis.spacing if wanted.world else 1.0 for axis in axes]
        method, outside = wanted.method or "linear", wanted.outside or "clamp"
        try:
            values, gradients = reference.query(signal.samples, points, method, outside, spacing)
        except ValueError as error:
            raise Refused(5, str(error)) from error
        if wanted.kind == "inside":
            values = (values < 0).astype(np.float64)
        body = values.tobytes() + (gradients.tobytes() if wanted.gradient else b"")
        self.send_body(number, pb.SamplesResult(shards=1, recalled=1), body, last=True)

    def do_where(self, number: int, request: pb.Request, data: bytes) -> None:
        signal, wanted = self.signal(request.key), request.where
        region = intervals(wanted.region, signal.samples)
        runs = reference.where(
            signal.samples, signal.shard, wanted.comparison, wanted.value, region, wanted.channel
        )
        result = pb.SamplesResult(matches=int(runs[:, -1].sum()), shards=1, recalled=1)
        most = wanted.runs_max or 1_000_000
        result.is_cut = len(runs) > most
        self.send_body(number, result, runs[:most].tobytes(), last=True)

    def do_bounds(self, number: int, request: pb.Request, data: bytes) -> None:
        signal = self.signal(request.key)
        region = intervals(request.bounds.region, signal.samples)
        body = reference.bounds(signal.samples, signal.shard, region).tobytes()
        self.send_body(number, pb.SamplesResult(), body, last=True)

    def do_attach(self, number: int, request: pb.Request, data: bytes, descriptor: int) -> None:
        self.pools.append(mmap(descriptor, request.attach.bytes))
        self.send(number, pb.Reply(attach=pb.AttachResult(pool=len(self.pools)), last=True))

    def do_stat(self, number: int, request: pb.Request, data: bytes) -> None:
        stat = self.signal(request.key).stat(request.key)
        self.send(number, pb.Reply(stat=stat, key=request.key, last=True))

    def do_list(self, number: int, request: pb.Request, data: bytes) -> None:
        wanted = request.list
        keys = [key for key in sorted(self.signals) if key.startswith(wanted.prefix)]
        rest = [key for key in keys if key > wanted.cursor]
        result = pb.ListResult(cursor=rest[127] if len(rest) > 128 else "")
        result.signals.extend(self.signals[key].stat(key) for key in rest[:128])
        self.send(number, pb.Reply(list=result, last=True))

    def do_delete(self, number: int, request: pb.Request, data: bytes) -> None:
        self.signal(request.key)
        del self.signals[request.key]
        self.send(number, pb.Reply(key=request.key, last=True))


def intervals(region, samples: np.ndarray) -> reference.Region:
    if not region:
        return reference.whole(samples)
    found = [(each.start, each.stop, each.step or 1) for each in region]
    for (start, stop, step), extent in zip(found, samples.shape):
        if not (0 <= start < extent and -1 <= stop <= extent and (stop - start) * step > 0):
            raise Refused(5, f"{start}:{stop}:{step} of an axis of {extent}")
    if len(found) != samples.ndim - 1:
        raise Refused(5, f"{len(found)} intervals for {samples.ndim - 1} axes")
    return found


@contextlib.contextmanager
def reference_daemon() -> Iterator[str]:
    """The socket of a daemon that lives as long as the context."""
    signals: dict[str, Kept] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "reference.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(64)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    Connection(listener.accept()[0], signals).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield path
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
