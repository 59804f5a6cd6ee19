"""Stores of one signal of any number of axes: gamd, TensorStore and TileDB, each read in all ways.

What always holds here:
- One thread each; cells are gamd's shards everywhere; peers keep zstd level 9. gamd and TensorStore
  may keep 256 MiB of decoded cells, TileDB has no such cache.
- The peers have no levels: as is usual with them, a second array holds every 8th point. They have
  no bits either: all are read and the low ones cleared. Points between the grid are weighed from
  the corners around, gathered by TensorStore in one call, read by TileDB box by box.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import tensorstore
import tiledb
from cell_stores import CACHE_BYTES, ZSTD_LEVEL, BytesRead
from gamd_process import Daemon
from reading_expected import LEVEL, every_eighth, linear, most_significant
from reading_inputs import Signal

Box = tuple[slice, ...]


POINTS = frozenset(("points near", "points far"))
WAYS = POINTS | {"region", "bits", "level", "whole"}


class Store:
    """`write` once, then `open`, reads, `close` as often as wanted. Arrays are [axes][channels]."""

    name = ""
    ways: frozenset[str] = WAYS
    #: Nothing is cold but the first read after it was opened.
    holds_all = False
    #: Of points between the grid, in samples: those weighed in binary64, but for their rounding.
    tolerance = 1e-9

    def __init__(self, folder: Path, signal: Signal) -> None:
        self.folder, self.signal = folder, signal

    def write(self) -> None:
        raise NotImplementedError

    def open(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def region(self, box: Box) -> np.ndarray:
        raise NotImplementedError

    def level(self) -> np.ndarray:
        """Every 8th point of every axis."""
        raise NotImplementedError

    def area(self) -> np.ndarray:
        """Means of cells of 8 points along every axis."""
        raise NotImplementedError

    def few_bits(self, box: Box) -> np.ndarray:
        """The most significant planes, as many as the signal says."""
        return most_significant(self.region(box), self.signal.bits)

    def points(self, points: np.ndarray) -> np.ndarray:
        """Linear between grid points: [points][channels], float64."""
        raise NotImplementedError

    def whole(self) -> np.ndarray:
        return self.region(())

    def bytes_read(self) -> BytesRead:
        return BytesRead.of("self")

    def processor_seconds(self) -> float:
        """Of this process and what serves it."""
        return time.process_time()

    def stored_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def seconds_of(pid: int) -> float:
    """Processor time of all threads of a process, by its clock: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


class Gamd(Store):
    """The daemon; times are those of a client on its socket."""

    KEY = "signal"
    CONFIG = (
        "[refit]\nenabled = false\n[threads]\ncodec = {threads}\n"
        f"[cache]\nshard_bytes = {CACHE_BYTES}\n"
    )
    ways = WAYS | {"area"}

    def __init__(self, folder: Path, signal: Signal, size: str) -> None:
        super().__init__(folder, signal)
        self.name, self._size = f"gamd {size}", size

    def write(self) -> None:
        self._start(threads=0)
        if self.signal.kind:
            samples = self.signal.samples()
            self._client.put(self.KEY, samples, kind=self.signal.kind, size=self._size)
        else:
            self._client.put_file(self.KEY, self.signal.path, size=self._size)
        self.close()

    def _start(self, threads: int) -> None:
        self._daemon = Daemon(self.folder, config=self.CONFIG.format(threads=threads))
        self._daemon.start()
        self._client = self._daemon.client(timeout=None)

    def open(self) -> None:
        self._start(threads=1)

    def close(self) -> None:
        self._client.close()
        self._daemon.stop()

    def region(self, box: Box) -> np.ndarray:
        return self._client.read(self.KEY, box)

    def level(self) -> np.ndarray:
        return self._client.read(self.KEY, level=LEVEL)

    def area(self) -> np.ndarray:
        return self._client.read(self.KEY, level=LEVEL, filter="area")

    def few_bits(self, box: Box) -> np.ndarray:
        return self._client.read(self.KEY, box, bits=self.signal.bits)

    def points(self, points: np.ndarray) -> np.ndarray:
        return self._client.query(self.KEY, points).values

    def bytes_read(self) -> BytesRead:
        return BytesRead.of(self._daemon.pid)

    def processor_seconds(self) -> float:
        return time.process_time() + seconds_of(self._daemon.pid)

    def stored_bytes(self) -> int:
        with Daemon(self.folder, config=self.CONFIG.format(threads=1)) as daemon:
            with daemon.client() as client:
                return client.stat(self.KEY).stored_bytes


class TensorStore(Store):
    """zarr3 chunks, zstd."""

    name = f"TensorStore zarr3 zstd {ZSTD_LEVEL}"

    def write(self) -> None:
        samples = self.signal.samples()
        for part, kept in (("full", samples), ("level", every_eighth(samples, self.signal.axes))):
            array = tensorstore_array(self.folder / part, kept, self.signal.cell)
            array.write(kept).result()

    def open(self) -> None:
        self._full = tensorstore_array(self.folder / "full")
        self._level = tensorstore_array(self.folder / "level")

    def close(self) -> None:
        del self._full, self._level

    def region(self, box: Box) -> np.ndarray:
        return self._full[box].read().result()

    def level(self) -> np.ndarray:
        return self._level.read().result()

    def points(self, points: np.ndarray) -> np.ndarray:
        def gather(places: np.ndarray) -> np.ndarray:
            indices = tuple(places[..., axis] for axis in range(self.signal.axes))
            return self._full.vindex[indices].read().result()

        return linear(points, self._full.shape[: self.signal.axes], gather)


def tensorstore_array(
    folder: Path,
    like: np.ndarray | None = None,
    cell: tuple[int, ...] = (),
    context: tensorstore.Context | None = None,
) -> object:
    """Opened for reading, or made anew for samples like these."""
    where = {"driver": "file", "path": f"{folder}/"}
    spec: dict = {"driver": "zarr3", "kvstore": where, "recheck_cached_data": False}
    if like is not None:
        codec = {"name": "zstd", "configuration": {"level": ZSTD_LEVEL}}
        grid = {"chunk_shape": [*cell, *like.shape[len(cell) :]]}
        spec |= {"create": True, "delete_existing": True}
        spec["metadata"] = {
            "shape": list(like.shape),
            "data_type": like.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": grid},
            "codecs": [{"name": "bytes"}, codec],
        }
    return tensorstore.open(spec, context=context or tensorstore_context(CACHE_BYTES)).result()


def tensorstore_context(cache_bytes: int) -> tensorstore.Context:
    """One thread for work, one for files, and so much memory for decoded chunks."""
    return tensorstore.Context(
        {
            "cache_pool": {"total_bytes_limit": cache_bytes},
            "data_copy_concurrency": {"limit": 1},
            "file_io_concurrency": {"limit": 1},
        }
    )


class TileDB(Store):
    """Dense arrays, zstd tiles, one thread for work and one for reading files."""

    name = f"TileDB zstd {ZSTD_LEVEL}"

    def __init__(self, folder: Path, signal: Signal) -> None:
        super().__init__(folder, signal)
        single = ("sm.compute_concurrency_level", "sm.io_concurrency_level")
        self._context = tiledb.Ctx(tiledb.Config({name: "1" for name in single}))

    def write(self) -> None:
        self.folder.mkdir(exist_ok=True)
        samples = self.signal.samples()
        for part, kept in (("full", samples), ("level", every_eighth(samples, self.signal.axes))):
            uri = str(self.folder / part)
            tiledb.Array.create(uri, self._schema(kept), ctx=self._context)
            with tiledb.open(uri, "w", ctx=self._context) as array:
                array[:] = np.ascontiguousarray(kept)

    def _schema(self, samples: np.ndarray) -> tiledb.ArraySchema:
        tiles = [*self.signal.cell, *samples.shape[self.signal.axes :]]
        axes = [
            tiledb.Dim(
                name=f"axis{number}", domain=(0, extent - 1), tile=min(tile, extent),
                dtype=np.uint32, ctx=self._context,
            )
            for number, (extent, tile) in enumerate(zip(samples.shape, tiles))
        ]
        filters = tiledb.FilterList([tiledb.ZstdFilter(level=ZSTD_LEVEL, ctx=self._context)])
        value = tiledb.Attr(name="v", dtype=samples.dtype, filters=filters, ctx=self._context)
        domain = tiledb.Domain(*axes, ctx=self._context)
        return tiledb.ArraySchema(domain=domain, attrs=[value], ctx=self._context)

    def open(self) -> None:
        self._full = tiledb.open(str(self.folder / "full"), ctx=self._context)
        self._level = tiledb.open(str(self.folder / "level"), ctx=self._context)

    def close(self) -> None:
        self._full.close()
        self._level.close()

    def region(self, box: Box) -> np.ndarray:
        return self._full[box or slice(None)]["v"]

    def level(self) -> np.ndarray:
        return self._level[:]["v"]

    def points(self, points: np.ndarray) -> np.ndarray:
        def gather(places: np.ndarray) -> np.ndarray:
            boxes = [tuple(slice(n, n + 2) for n in map(int, place)) for place in places[0]]
            read = np.stack([self.region(box) for box in boxes], axis=self.signal.axes)
            return read.reshape(2**self.signal.axes, len(boxes), -1)

        return linear(points, self._full.shape[: self.signal.axes], gather)
