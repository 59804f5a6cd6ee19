"""The daemon's database opened from outside, through RocksDB's own C library.

What always holds here:
- Nothing of gamd's code takes part: what is written here has RocksDB's checksums, whatever it says.
- A store is opened only while no daemon has it open.
- Layouts are those of docs/store.md: blobs in one column family, entries in the other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path

LIBRARY = "librocksdb.so"
FAMILIES = (b"default", b"blobs")
# Entries: 01, length of the partition's name, the name, the key -> version u64, the value.
SIGNALS = b"\x01\x07signals"
VERSION_BYTES = 8


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    pointers = ["options_create", "writeoptions_create", "readoptions_create"]
    pointers += ["open_column_families", "create_iterator_cf", "iter_key", "iter_value"]
    for name in pointers:
        getattr(library, f"rocksdb_{name}").restype = c_void_p
    library.rocksdb_iter_valid.restype = ctypes.c_ubyte
    return library


class Database:
    """All blobs and catalog entries of a store, readable and writable at will."""

    def __init__(self, state: Path) -> None:
        self._library = _library()
        options = c_void_p(self._library.rocksdb_options_create())
        self._write_options = c_void_p(self._library.rocksdb_writeoptions_create())
        self._read_options = c_void_p(self._library.rocksdb_readoptions_create())
        names = (c_char_p * 2)(*FAMILIES)
        all_options = (c_void_p * 2)(options, options)
        self._families = (c_void_p * 2)()
        error = c_char_p()
        path = str(state / "store" / "db").encode()
        database = self._library.rocksdb_open_column_families(
            options, path, c_int(2), names, all_options, self._families, byref(error)
        )
        if error.value is not None:
            raise OSError(f"{state}: {error.value.decode()}")
        self._database = c_void_p(database)
        self._options = options

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        for family in self._families:
            self._library.rocksdb_column_family_handle_destroy(c_void_p(family))
        self._library.rocksdb_close(self._database)
        self._library.rocksdb_options_destroy(self._options)
        self._library.rocksdb_writeoptions_destroy(self._write_options)
        self._library.rocksdb_readoptions_destroy(self._read_options)

    def blobs(self) -> dict[bytes, bytes]:
        """Every blob by its id."""
        return dict(self._items(1, b""))

    def entries(self) -> dict[str, bytes]:
        """Every signal's catalog entry by the signal's key, without its version."""
        prefix = SIGNALS + b"k"
        return {
            key[len(prefix) :].decode(): value[VERSION_BYTES:]
            for key, value in self._items(0, prefix)
        }

    def put_blob(self, blob: bytes, value: bytes) -> None:
        self._put(1, blob, value)

    def put_entry(self, key: str, value: bytes) -> None:
        """Replaces an entry and keeps its version."""
        name = SIGNALS + b"k" + key.encode()
        version = next(old for found, old in self._items(0, name) if found == name)
        self._put(0, name, version[:VERSION_BYTES] + value)

    def _put(self, family: int, key: bytes, value: bytes) -> None:
        error = c_char_p()
        self._library.rocksdb_put_cf(
            self._database,
            self._write_options,
            c_void_p(self._families[family]),
            key,
            c_size_t(len(key)),
            value,
            c_size_t(len(value)),
            byref(error),
        )
        if error.value is not None:
            raise OSError(error.value.decode())

    def _items(self, family: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        library = self._library
        iterator = c_void_p(
            library.rocksdb_create_iterator_cf(
                self._database, self._read_options, c_void_p(self._families[family])
            )
        )
        try:
            library.rocksdb_iter_seek(iterator, prefix, c_size_t(len(prefix)))
            while library.rocksdb_iter_valid(iterator):
                key = self._bytes(library.rocksdb_iter_key, iterator)
                if not key.startswith(prefix):
                    return
                yield key, self._bytes(library.rocksdb_iter_value, iterator)
                library.rocksdb_iter_next(iterator)
        finally:
            library.rocksdb_iter_destroy(iterator)

    @staticmethod
    def _bytes(function, iterator: c_void_p) -> bytes:
        count = c_size_t()
        pointer = function(iterator, byref(count))
        if not count.value:
            return b""
        return ctypes.cast(pointer, POINTER(c_char))[: count.value]
