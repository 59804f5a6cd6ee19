"""Stored signals as files for fsspec: gamd://KEY.

What always holds here:
- A file's bytes are those of the file that was stored; a signal of bytes (one axis, uint8, as this
  module and gamd.zarr write them) is its samples; any other array is a .npy file.
- "/" in keys makes folders, which exist as long as something is in them.
- A written file goes to the adapter that knows its type; what none knows is kept as bytes.
"""

from __future__ import annotations

import io
import os
from datetime import datetime, timezone
from typing import IO, Any

import numpy as np
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from . import gam_pb2 as pb
from .client import Client
from .errors import BadInputError, NotFoundError
from .process import ProcessClient
from .samples import dtype_of

# What is read at once when a file is opened, and the blocks of longer ones.
WHOLE_BYTES = 4 << 20
UNSIGNED_BYTES = np.dtype(np.uint8)


class GamdFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """fsspec.filesystem("gamd", socket=...); without a socket GAMD_SOCKET, then the default."""

    protocol = "gamd"
    root_marker = ""

    def __init__(
        self, socket: str | os.PathLike[str] | None = None, **storage_options: Any
    ) -> None:
        super().__init__(socket=socket, **storage_options)
        self._place = ProcessClient(socket)

    @property
    def client(self) -> Client:
        return self._place.get()

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = os.fspath(path)
        return text.removeprefix("gamd://").rstrip("/")

    # Looking

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        key = self._strip_protocol(path)
        try:
            return self._entry(self.client.stat(key)) if key else _folder("")
        except NotFoundError:
            if next(self.client.ls(key + "/"), None) is None:
                raise FileNotFoundError(path) from None
            return _folder(key)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        key = self._strip_protocol(path)
        prefix = key + "/" if key else ""
        found: dict[str, dict[str, Any]] = {}
        for stat in self.client.ls(prefix):
            name, slash, _rest = stat.key[len(prefix) :].partition("/")
            entry = _folder(prefix + name) if slash else self._entry(stat)
            found.setdefault(entry["name"], entry)
        if not found:
            found[key] = self.info(path)
        return list(found.values()) if detail else list(found)

    def created(self, path: str) -> datetime:
        created: datetime = self.info(path)["created"]
        return created

    modified = created

    def _entry(self, stat: pb.StatResult) -> dict[str, Any]:
        """`size` is None for files that are made when they are read."""
        size: int | None = None
        if _is_bytes(stat):
            size = 0 if stat.bits == 1 else int(stat.raw_bytes)
        elif stat.media_type and stat.exactness == "file":
            size = int(stat.file_bytes)
        return {
            "name": stat.key,
            "size": size,
            "type": "file",
            "created": datetime.fromtimestamp(stat.created_unix_ms / 1000, timezone.utc),
            "media_type": stat.media_type,
            "content_hash": stat.content_hash,
        }

    # Reading

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """The bytes from `start` to `end`; of a signal of bytes only that part is read."""
        key = self._strip_protocol(path)
        try:
            stat = self.client.stat(key)
        except NotFoundError:
            raise FileNotFoundError(path) from None
        if not _is_bytes(stat):
            return self.client.get_file(key)[slice(start, end)]
        size = 0 if stat.bits == 1 else int(stat.raw_bytes)
        first, stop, _step = slice(start, end).indices(size)
        if first >= stop:
            return b""
        return self.client.read(key, [(first, stop)]).tobytes()

    def _open(
        self, path: str, mode: str = "rb", block_size: Any = None, **settings: Any
    ) -> IO[bytes]:
        key = self._strip_protocol(path)
        if mode == "rb":
            if (self.info(key)["size"] or 0) > WHOLE_BYTES and _is_bytes(self.client.stat(key)):
                file: IO[bytes] = _Ranges(self, key, "rb", block_size or WHOLE_BYTES)
                return file
            return io.BytesIO(self.cat_file(key))
        if mode in ("wb", "xb"):
            return _Written(self, key, must_not_exist=mode == "xb")
        raise ValueError(f"mode {mode!r}: files of gamd are read (rb) or written whole (wb, xb)")

    # Writing

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        key, must_not_exist = self._strip_protocol(path), mode == "create"
        name = key.rsplit("/", 1)[-1]
        if len(value) > 0:
            try:
                self.client.put_bytes(
                    key, bytes(value), file_name=name, must_not_exist=must_not_exist
                )
                return
            except BadInputError:
                pass  # of no type that an adapter knows
        self._put_bytes(key, bytes(value), must_not_exist)

    def _put_bytes(self, key: str, value: bytes, must_not_exist: bool) -> None:
        data = np.frombuffer(value or b"\0", np.uint8)
        self.client.put(key, data, bits=8 if value else 1, must_not_exist=must_not_exist)

    def _rm(self, path: str) -> None:
        try:
            self.client.delete(self._strip_protocol(path))
        except NotFoundError:
            raise FileNotFoundError(path) from None

    def rm_file(self, path: str) -> None:
        self._rm(path)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        for each in self.expand_path(path, recursive=recursive, maxdepth=maxdepth):
            if self.isfile(each):
                self._rm(each)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Nothing: a folder is there as soon as something is in it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Nothing, as mkdir."""


class _Ranges(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """A long signal of bytes, read in blocks as they are needed."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        data: bytes = self.fs.cat_file(self.path, start, end)
        return data


class _Written(io.BytesIO):
    """A file that is stored when it is closed, unless an exception closes it."""

    def __init__(self, system: GamdFileSystem, key: str, must_not_exist: bool) -> None:
        super().__init__()
        self._system, self._key = system, key
        self._mode = "create" if must_not_exist else "overwrite"

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            super().close()

    def close(self) -> None:
        if not self.closed:
            value = self.getvalue()
            super().close()
            self._system.pipe_file(self._key, value, mode=self._mode)


def _is_bytes(stat: pb.StatResult) -> bool:
    described = stat.description
    return (
        not stat.media_type
        and len(described.axes) == len(described.channels) == 1
        and dtype_of(described) == UNSIGNED_BYTES
    )


def _folder(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}
