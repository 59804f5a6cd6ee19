"""The client: one connection, any number of requests under way, safe to share between threads.

What always holds here:
- A method returns only after the daemon said ok in the last frame of its answer.
- Bodies are checked against their announced size, and their XXH3-128 where xxhash is installed.
- A put that returns is durable; one that raises left the old signal, or nothing, in place - except
  when the connection broke after its last frame was sent: then read the key to learn which.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import IO, Any, Literal, overload

import numpy as np

from . import gam_pb2 as pb
from . import operations, requests
from .bodies import FileAnswer
from .errors import NotFoundError
from .exchange import Exchange
from .pool import Pool
from .requests import Items, ReadItem, Region
from .results import Array, QueryResult, Runs, Samples, ShardBounds
from .samples import canonical_bytes, describe_array
from .signal import Signal
from .upkeep import Upkeep
from .wire import default_socket


class Client(Exchange, Upkeep):
    """A connection to gamd. Use it as a context manager, or close() it."""

    def __init__(self, socket: str | os.PathLike[str] | None = None, timeout: float | None = None):
        super().__init__(os.fspath(socket) if socket is not None else default_socket(), timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def options(self, *, priority: str = "normal", deadline: float | None = None) -> Client:
        """The same connection with another priority (urgent, normal, background) and deadline.

        `deadline` is in seconds from the arrival of each request; TimedOutError after it.
        """
        other = object.__new__(Client)
        other.__dict__.update(self.__dict__)
        other._priority = requests.priority_number(priority)
        other._deadline_ms = 0 if deadline is None else max(1, round(deadline * 1000))
        return other

    def cancel(self) -> None:
        """Stops what other threads have under way here; they get a CancelledError."""
        self._session.cancel()

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
        spacing: float | Sequence[float] = 1.0,
        unit: str | Sequence[str] = "",
        kind: str = "",
        shard_extents: Sequence[int] = (),
        lower_bits: int = 0,
        cells: bool = False,
        must_not_exist: bool = False,
    ) -> pb.StatResult:
        """Stores the samples of `array`; returns what the daemon says about the new signal."""
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
        return self._put(key, begin, io.BytesIO(canonical_bytes(samples)))

    def put_file(
        self, key: str, path: str | os.PathLike[str], **settings: Any
    ) -> pb.StatResult:
        """Stores a file through the daemon's adapters; `settings` as of put_bytes."""
        settings.setdefault("file_name", os.path.basename(os.fspath(path)))
        with open(path, "rb") as file:
            return self._put(key, requests.file_put(**settings), file)

    def put_bytes(self, key: str, data: bytes, **settings: Any) -> pb.StatResult:
        """Stores a file held in memory; `settings` are the fields of requests.file_put."""
        return self._put(key, requests.file_put(**settings), io.BytesIO(data))

    def get_file(
        self,
        key: str,
        *,
        format: str = "",
        region: Region | None = None,
        level: int = 0,
        out: IO[bytes] | None = None,
    ) -> bytes:
        """The stored file again, or one of another `format` (tiff, npy ...); with a region or a
        level a file of that part. Written to `out` (and b"" returned) where one is given.

        Bytes reach `out` before the hash is checked: on an exception discard them.
        """
        target = io.BytesIO() if out is None else out
        request = requests.file_get(key, format, region, level)
        self._wait(FileAnswer(key, target), request)
        return target.getvalue() if out is None and isinstance(target, io.BytesIO) else b""

    def read(
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
        """Samples of a region given in full-resolution coordinates, as an array of its own.

        With a pool the array lies in its memory at `pool_offset`: see Pool for how long it holds.
        """
        item = ReadItem(key, region, level, filter, bits, pool_offset)
        return self.read_samples(item, pool=pool).values

    def read_samples(self, item: ReadItem, *, pool: Pool | None = None) -> Samples:
        """As read(), with the bound of the error."""
        return self._run(operations.read(item, self._target(pool)))

    @overload
    def read_many(
        self, items: Items, *, as_ready: Literal[False] = False, pool: Pool | None = None
    ) -> list[Array]: ...
    @overload
    def read_many(
        self, items: Items, *, as_ready: Literal[True], pool: Pool | None = None
    ) -> Iterator[tuple[int, Array]]: ...
    def read_many(
        self, items: Items, *, as_ready: bool = False, pool: Pool | None = None
    ) -> list[Array] | Iterator[tuple[int, Array]]:
        """Many reads in one request: ReadItems, tuples of their fields, or keys for whole signals.

        A list in the order of the items, or with `as_ready` (number, array) as they are done. Items
        that fail do not keep others from coming: ManyFailedError is raised after the last, with
        `failures` by number and, of a list, all other `values`. A generator that is not read for
        long keeps the daemon waiting: after 30 seconds it ends the connection.
        """
        target = self._target(pool)
        if as_ready:
            return self._each_ready(items, target)
        return self._run(operations.read_many(items, target))

    def query(
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
        """Values at points, as docs/protocol.md tells of a Query: [points][channels] always.

        A Signal's query(), inside(), closest() and rays() give shapes of their own.
        """
        rows, _ = requests.points(points)
        wanted = pb.Query(
            kind=kind, method=method, outside=outside, world=world, gradient=gradient,
            scale=scale, reach=reach,
        )  # fmt: skip
        return self._run(operations.query(key, rows, wanted, self._limits.query_bytes))

    def where(self, key: str, comparison: str, value: float, **settings: Any) -> Runs:
        """Where samples of a signal compare so; `settings` as of Signal.where."""
        return self[key].where(comparison, value, **settings)

    def bounds(self, key: str, region: Any = None, *, cells: bool = False) -> ShardBounds:
        """Minimum, maximum and mean of the shards, or cells, of a signal that touch the region."""
        return self[key].bounds(region, cells=cells)

    def attach(self, pool: Pool) -> int:
        """Hands the pool to the daemon, once; a read with a pool does so itself. Its number."""
        target = self._target(pool)
        assert target is not None
        return target.number

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
            page = self._run(operations.list_page(prefix, cursor))
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
