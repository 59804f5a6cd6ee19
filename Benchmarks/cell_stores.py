"""Stores of one picture that can be read by region: gamd, TensorStore, TileDB, files of tiles.

What always holds here:
- One thread each; cells of 256 x 256 pixels everywhere; peers keep zstd level 9.
- A store says what its reading process asked the kernel for, and what the disk then gave.
- The peers have no levels: as is usual with them, a second array holds every 8th point.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import tensorstore
import tiledb
from gamd_process import Daemon

CELL = 256
ZSTD_LEVEL = 9
CACHE_BYTES = 256 << 20
STEP = 8


@dataclass(frozen=True)
class BytesRead:
    """Since the process began: asked for by system calls, and fetched from the disk."""

    asked: int
    fetched: int

    @classmethod
    def of(cls, pid: int | str) -> BytesRead:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        table = {name: int(value) for name, value in (line.split(": ") for line in lines)}
        return cls(table["rchar"], table["read_bytes"])

    def __sub__(self, other: BytesRead) -> BytesRead:
        return BytesRead(self.asked - other.asked, self.fetched - other.fetched)


class Store:
    """A picture in a folder; `write` once, then `open`, reads, `close` as often as wanted."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, picture: np.ndarray, path: Path) -> int:
        """Stores the picture (`path`: a PPM of it); every byte the store holds then."""
        raise NotImplementedError

    def open(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def region(self, rows: slice, columns: slice) -> np.ndarray:
        raise NotImplementedError

    def level(self) -> np.ndarray:
        """Every 8th row and column."""
        raise NotImplementedError

    def bytes_read(self) -> BytesRead:
        return BytesRead.of("self")

    def folder_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class Gamd(Store):
    """The daemon; times are those of a client on its socket."""

    KEY = "picture"
    CONFIG = "[refit]\nenabled = false\n[threads]\ncodec = 1\n"

    def __init__(self, folder: Path, size: str, effort: int = 0) -> None:
        super().__init__(folder)
        self.name = f"gamd {size} effort {effort}"
        self._size, self._effort = size, effort
        self._daemon = Daemon(folder, config=self.CONFIG)

    def write(self, picture: np.ndarray, path: Path) -> int:
        self.open()
        stat = self._client.put_file(self.KEY, path, size=self._size, effort=self._effort)
        self.close()
        return stat.stored_bytes

    def open(self) -> None:
        self._daemon.start()
        self._client = self._daemon.client(timeout=None)

    def close(self) -> None:
        self._client.close()
        self._daemon.stop()

    def region(self, rows: slice, columns: slice) -> np.ndarray:
        box = [(rows.start, rows.stop), (columns.start, columns.stop)]
        return self._client.read(self.KEY, box)

    def level(self) -> np.ndarray:
        return self._client.read(self.KEY, level=3)

    def bytes_read(self) -> BytesRead:
        return BytesRead.of(self._daemon.pid)


class TensorStore(Store):
    """zarr3 chunks, zstd; a cache of 256 MiB for decoded chunks, as gamd may keep its own."""

    name = f"TensorStore zarr3 zstd {ZSTD_LEVEL}"

    def write(self, picture: np.ndarray, path: Path) -> int:
        for part, samples in (("full", picture), ("level", picture[::STEP, ::STEP])):
            array = self._open(part, create=True, shape=samples.shape)
            array.write(samples).result()
        return self.folder_bytes()

    def _open(self, part: str, create: bool = False, shape: tuple[int, ...] = ()) -> object:
        context = tensorstore.Context(
            {
                "cache_pool": {"total_bytes_limit": CACHE_BYTES},
                "data_copy_concurrency": {"limit": 1},
                "file_io_concurrency": {"limit": 1},
            }
        )
        where = {"driver": "file", "path": f"{self.folder / part}/"}
        spec: dict = {"driver": "zarr3", "kvstore": where, "recheck_cached_data": False}
        if create:
            codec = {"name": "zstd", "configuration": {"level": ZSTD_LEVEL}}
            grid = {"chunk_shape": [CELL, CELL, shape[2]]}
            spec |= {"create": True, "delete_existing": True}
            spec["metadata"] = {
                "shape": list(shape),
                "data_type": "uint8",
                "chunk_grid": {"name": "regular", "configuration": grid},
                "codecs": [{"name": "bytes"}, codec],
            }
        return tensorstore.open(spec, context=context).result()

    def open(self) -> None:
        self._full, self._level = self._open("full"), self._open("level")

    def close(self) -> None:
        del self._full, self._level

    def region(self, rows: slice, columns: slice) -> np.ndarray:
        return self._full[rows, columns].read().result()

    def level(self) -> np.ndarray:
        return self._level.read().result()


class TileDB(Store):
    """Dense arrays, zstd tiles, one thread for work and one for reading files."""

    name = f"TileDB zstd {ZSTD_LEVEL}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        single = ("sm.compute_concurrency_level", "sm.io_concurrency_level")
        self._context = tiledb.Ctx(tiledb.Config({name: "1" for name in single}))

    def write(self, picture: np.ndarray, path: Path) -> int:
        self.folder.mkdir(exist_ok=True)
        for part, samples in (("full", picture), ("level", picture[::STEP, ::STEP])):
            uri = str(self.folder / part)
            tiledb.Array.create(uri, self._schema(samples.shape), ctx=self._context)
            with tiledb.open(uri, "w", ctx=self._context) as array:
                array[:] = samples
        return self.folder_bytes()

    def _schema(self, shape: tuple[int, ...]) -> tiledb.ArraySchema:
        tiles = (min(CELL, shape[0]), min(CELL, shape[1]), shape[2])
        axes = [
            tiledb.Dim(
                name=name, domain=(0, extent - 1), tile=tile, dtype=np.uint32, ctx=self._context
            )
            for name, extent, tile in zip("yxc", shape, tiles)
        ]
        filters = tiledb.FilterList([tiledb.ZstdFilter(level=ZSTD_LEVEL, ctx=self._context)])
        value = tiledb.Attr(name="v", dtype=np.uint8, filters=filters, ctx=self._context)
        domain = tiledb.Domain(*axes, ctx=self._context)
        return tiledb.ArraySchema(domain=domain, attrs=[value], ctx=self._context)

    def open(self) -> None:
        self._full = tiledb.open(str(self.folder / "full"), ctx=self._context)
        self._level = tiledb.open(str(self.folder / "level"), ctx=self._context)

    def close(self) -> None:
        self._full.close()
        self._level.close()

    def region(self, rows: slice, columns: slice) -> np.ndarray:
        return self._full[rows, columns]["v"]

    def level(self) -> np.ndarray:
        return self._level[:]["v"]


class TileFile(Store):
    """Tiles of a picture codec one after the other in a file, with an index at its front."""

    def __init__(self, folder: Path, codec: str) -> None:
        super().__init__(folder)
        self.name = {"jpegxl": "tiles of JPEG XL e7", "webp": "tiles of WebP m4"}[codec]
        self._codec = codec

    def _encode(self, tile: np.ndarray) -> bytes:
        if self._codec == "jpegxl":
            return imagecodecs.jpegxl_encode(tile, lossless=True, effort=7, numthreads=1)
        return imagecodecs.webp_encode(tile, lossless=True, method=4, numthreads=1)

    def _decode(self, packed: bytes) -> np.ndarray:
        if self._codec == "jpegxl":
            return imagecodecs.jpegxl_decode(packed, numthreads=1)
        return imagecodecs.webp_decode(packed)

    def write(self, picture: np.ndarray, path: Path) -> int:
        self.folder.mkdir(exist_ok=True)
        height, width, _ = picture.shape
        tiles = [
            self._encode(np.ascontiguousarray(picture[top : top + CELL, left : left + CELL]))
            for top in range(0, height, CELL)
            for left in range(0, width, CELL)
        ]
        ends = np.cumsum([len(tile) for tile in tiles])
        with open(self.folder / "tiles", "wb") as file:
            file.write(struct.pack("<II", len(tiles), -(-width // CELL)))
            file.write(ends.astype("<u8").tobytes())
            file.write(b"".join(tiles))
        small = np.ascontiguousarray(picture[::STEP, ::STEP])
        (self.folder / "level").write_bytes(self._encode(small))
        return self.folder_bytes()

    def open(self) -> None:
        self._file = open(self.folder / "tiles", "rb", buffering=0)
        count, self._across = struct.unpack("<II", self._file.read(8))
        ends = np.frombuffer(self._file.read(8 * count), "<u8").astype(np.int64)
        self._places = 8 + 8 * count + np.concatenate([[0], ends])

    def close(self) -> None:
        self._file.close()

    def _tile(self, row: int, column: int) -> np.ndarray:
        number = row * self._across + column
        start, stop = map(int, self._places[number : number + 2])
        self._file.seek(start)
        return self._decode(self._file.read(stop - start))

    def region(self, rows: slice, columns: slice) -> np.ndarray:
        first = (rows.start // CELL, columns.start // CELL)
        last = ((rows.stop - 1) // CELL, (columns.stop - 1) // CELL)
        bands = [
            np.concatenate(
                [self._tile(row, column) for column in range(first[1], last[1] + 1)], axis=1
            )
            for row in range(first[0], last[0] + 1)
        ]
        top, left = first[0] * CELL, first[1] * CELL
        box = np.concatenate(bands)
        return box[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]

    def level(self) -> np.ndarray:
        return self._decode((self.folder / "level").read_bytes())
