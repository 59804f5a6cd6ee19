"""The client: one connection, one request at a time, safe to share between threads.

What always holds here:
- A method returns only after the daemon said ok in the last frame of its answer.
- Bodies are checked against their announced size, and their XXH3-128 where xxhash is installed.
- A put that returns is durable; one that raises left the old signal, or nothing, in place - except
  when the connection broke after its last frame was sent: then read the key to learn which.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np

from . import gam_pb2 as pb
from .errors import GamError, IntegrityError, NotFoundError, ProtocolError, UnreachableError
from .errors import error_for_status
from .samples import canonical_bytes, describe_array, dtype_of, shape_of
from .signal import Signal
from .upkeep import Upkeep
from .wire import Connection, Frame, default_socket

_hasher: Any = None
with contextlib.suppress(ImportError):  # optional: without it bodies are checked for size only
    from xxhash import xxh3_128

    _hasher = xxh3_128

CHUNK_BYTES = 1 << 20


class Client(Upkeep):
    """A connection to gamd. Use it as a context manager, or close() it."""

    def __init__(self, socket: str | os.PathLike[str] | None = None, timeout: float | None = None):
        path = os.fspath(socket) if socket is not None else default_socket()
        self._connection = Connection(path, timeout)
        self._lock = threading.Lock()
        self._request_id = 0
        hello = self._call("", hello=pb.Hello(client="gamd-python", protocol_max=1)).hello
        self.server = hello.server
        self._chunk_bytes = max(1, min(CHUNK_BYTES, hello.body_bytes_max or CHUNK_BYTES))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    # Signals

    def put(
        self,
        key: str,
        array: Any,
        *,
        effort: int = 0,
        size: str = "",
        channels_last: bool = False,
        axes: str | Sequence[str] = "space",
        bits: int | None = None,
        shard_extents: Sequence[int] = (),
        must_not_exist: bool = False,
    ) -> pb.StatResult:
        """Stores the samples of `array`; returns what the daemon says about the new signal."""
        samples = np.asarray(array)
        begin = pb.PutBegin(
            samples=describe_array(samples, channels_last, axes, bits),
            effort=effort,
            network_size=size,
            shard_extents=shard_extents,
            must_not_exist=must_not_exist,
        )
        return self._put(key, begin, io.BytesIO(canonical_bytes(samples)))

    def put_file(
        self, key: str, path: str | os.PathLike[str], **settings: Any
    ) -> pb.StatResult:
        """Stores a file through the daemon's adapters; `settings` as of put_bytes."""
        settings.setdefault("file_name", os.path.basename(os.fspath(path)))
        with open(path, "rb") as file:
            return self._put(key, _file_put(**settings), file)

    def put_bytes(self, key: str, data: bytes, **settings: Any) -> pb.StatResult:
        """Stores a file held in memory; `settings` are the fields of _file_put."""
        return self._put(key, _file_put(**settings), io.BytesIO(data))

    def get_file(self, key: str, *, format: str = "", out: IO[bytes] | None = None) -> bytes:
        """The stored file again; written to `out` (and b"" returned) where one is given.

        Bytes reach `out` before the hash is checked: on an exception discard them.
        """
        target = out if out is not None else io.BytesIO()
        self._stream(key, target, get=pb.Get(format=format))
        return target.getvalue() if isinstance(target, io.BytesIO) and out is None else b""

    def read(
        self, key: str, region: Sequence[tuple[int, int]] = (), level: int = 0
    ) -> np.ndarray:
        """Samples of a region given in full-resolution coordinates, as an array of its own."""
        box = [pb.Interval(start=start, stop=stop) for start, stop in region]
        body = io.BytesIO()
        described = self._stream(key, body, read=pb.Read(region=box, level=level, format="raw"))
        if described is None:
            raise self._connection.out_of_step("samples without a description")
        shape, dtype = shape_of(described), dtype_of(described)
        samples = np.frombuffer(body.getbuffer(), dtype)
        if samples.size != int(np.prod(shape, dtype=np.int64)):
            raise self._connection.out_of_step(f"{samples.size} samples for a shape of {shape}")
        return samples.reshape(shape)

    def __getitem__(self, key: str) -> Signal:
        return Signal(self, self.stat(key))

    def __setitem__(self, key: str, array: Any) -> None:
        self.put(key, array)

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def __contains__(self, key: str) -> bool:
        try:
            self.stat(key)
        except NotFoundError:
            return False
        return True

    # Housekeeping

    def stat(self, key: str, *, energy: bool = False) -> pb.StatResult:
        return self._call(key, stat=pb.Stat(energy=energy)).stat

    def ls(self, prefix: str = "") -> Iterator[pb.StatResult]:
        """Every signal whose key starts with `prefix`, in key order, a page at a time."""
        cursor = ""
        while True:
            page = self._call("", list=pb.List(prefix=prefix, cursor=cursor)).list
            yield from page.signals
            cursor = page.cursor
            if not cursor:
                return

    def delete(self, key: str) -> None:
        self._call(key, delete=pb.Delete())

    def verify(self, key: str) -> pb.VerifyResult:
        """Recalls every shard and compares the content hash; IntegrityError names the shard."""
        return self._call(key, verify=pb.Verify()).verify

    def jobs(self) -> list[pb.Job]:
        return list(self._call("", jobs=pb.Jobs()).jobs.jobs)

    def plugins(self) -> list[pb.Plugin]:
        return list(self._call("", plugins=pb.Plugins()).plugins.plugins)

    # Exchange

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[int]:
        """A request id of its own, the connection to itself; closed if it is left midway."""
        with self._lock:
            self._request_id = self._request_id % 0xFFFF_FFFF + 1
            try:
                yield self._request_id
            except BaseException as error:
                if isinstance(error, UnreachableError) or not isinstance(error, GamError):
                    self._connection.close()
                raise

    def _call(self, key: str, **operation: Any) -> pb.Reply:
        with self._exchange() as request_id:
            self._connection.send(request_id, pb.Request(key=key, **operation))
            frame = self._answer(request_id, key)
            if not frame.reply.last:
                raise self._connection.out_of_step("a first part where one answer was due")
            return frame.reply

    def _put(self, key: str, begin: pb.PutBegin, source: IO[bytes]) -> pb.StatResult:
        with self._exchange() as request_id:
            # A daemon that hangs up may have said why before: its answer is read in any case.
            with contextlib.suppress(UnreachableError):
                self._send_put(request_id, key, begin, source)
            return self._answer(request_id, key).reply.put.stat

    def _send_put(
        self, request_id: int, key: str, begin: pb.PutBegin, source: IO[bytes]
    ) -> None:
        hasher = _hasher() if _hasher is not None else None
        self._connection.send(request_id, pb.Request(key=key, put_begin=begin))
        while chunk := source.read(self._chunk_bytes):
            if self._connection.has_reply():
                return  # refused already: the answer says why
            if hasher is not None:
                hasher.update(chunk)
            self._connection.send(request_id, pb.Request(put_data=pb.PutData()), chunk)
        commit = pb.PutCommit()
        if hasher is not None:
            digest = hasher.intdigest()
            commit.has_hash = True
            commit.body_hash_low = digest & 0xFFFF_FFFF_FFFF_FFFF
            commit.body_hash_high = digest >> 64
        self._connection.send(request_id, pb.Request(put_commit=commit))

    def _stream(self, key: str, target: IO[bytes], **operation: Any) -> pb.Description | None:
        """Writes all bodies of an answer to `target`; the description of its first frame."""
        with self._exchange() as request_id:
            self._connection.send(request_id, pb.Request(key=key, **operation))
            hasher = _hasher() if _hasher is not None else None
            received, total, description = 0, None, None
            while True:
                frame = self._answer(request_id, key)
                result = frame.reply.samples
                if total is None:
                    total = result.total_bytes
                    described = result.HasField("description")
                    description = result.description if described else None
                received += len(frame.body)
                if received > total:
                    raise self._connection.out_of_step(f"more than the {total} bytes announced")
                target.write(frame.body)
                if hasher is not None:
                    hasher.update(frame.body)
                if frame.reply.last:
                    break
        _check_body(key, received, total, result, hasher)
        return description

    def _answer(self, request_id: int, key: str) -> Frame:
        frame = self._connection.receive()
        reply = frame.reply
        if reply.status != 0:
            if frame.request_id not in (request_id, 0):
                raise self._connection.out_of_step(f"an error for request {frame.request_id}")
            raise error_for_status(reply.status, reply.text, reply.key or key)
        if frame.request_id != request_id:
            raise self._connection.out_of_step(f"an answer to request {frame.request_id}")
        return frame


def _file_put(
    *,
    file_name: str = "",
    adapter: str = "",
    options: Mapping[str, str] | None = None,
    effort: int = 0,
    size: str = "",
    must_not_exist: bool = False,
) -> pb.PutBegin:
    return pb.PutBegin(
        file_name=file_name,
        adapter=adapter,
        options=dict(options or {}),
        effort=effort,
        network_size=size,
        must_not_exist=must_not_exist,
    )


def _check_body(
    key: str, received: int, total: int, result: pb.SamplesResult, hasher: Any
) -> None:
    if received != total:
        raise ProtocolError(f"{key}: {received} of {total} announced bytes came", key=key)
    if hasher is None:
        return
    if hasher.intdigest() != result.hash_high << 64 | result.hash_low:
        raise IntegrityError(
            f"{key}: the {received} bytes received do not have the hash sent with them; read again",
            key=key,
        )

