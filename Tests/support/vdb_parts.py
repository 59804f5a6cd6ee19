"""A VDB file made by hand, part by part, so that one part can be made impossible.

What always holds here:
- `good_parts()` joined is a file OpenVDB reads: one grid "f" of floats, one leaf of 8^3 with the
  values 0 to 511 at 0, zip and mask compression; vdb_check.cc and vdb_tree.cc draw the layout.
- Parts keep their order; a file in which one is replaced is otherwise the same.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

VALUES = np.arange(512, dtype="<f4")
ZIP, MASK, BLOSC = 1, 2, 4
UPPER_SLOTS, LOWER_SLOTS = 32768, 4096


def u32(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)


def i64(value: int) -> bytes:
    return struct.pack("<q", value)


def text(value: str) -> bytes:
    return u32(len(value)) + value.encode()


def fact(name: str, kind: str, value: bytes) -> bytes:
    return text(name) + text(kind) + u32(len(value)) + value


def place(x: int, y: int = 0, z: int = 0) -> bytes:
    return struct.pack("<3i", x, y, z)


def scale(*factors: float) -> bytes:
    """UniformScaleMap and ScaleMap: the scale, and what OpenVDB computes of it."""
    numbers = [*factors, *factors, *(1 / f for f in factors)]
    numbers += [*(1 / f / f for f in factors), *(0.5 / f for f in factors)]
    return struct.pack("<15d", *numbers)


def zipped(values: bytes) -> bytes:
    packed = zlib.compress(values)
    return i64(len(packed)) + packed


def bloscked(values: bytes, count: int | None = None, length: int | None = None) -> bytes:
    """A blosc chunk that holds its values as they are."""
    size = len(values) + 16
    bytes_count = len(values) if count is None else count
    head = struct.pack("<4B3i", 2, 1, 2, 4, bytes_count, max(1, len(values)), size)
    if length is not None:
        head = head[:12] + u32(length)
    return i64(size) + head + values


def ones(slots: int, *places: int) -> bytes:
    bits = np.zeros(slots, np.uint8)
    bits[list(places)] = 1
    return np.packbits(bits, bitorder="little").tobytes()


def empty_node(slots: int, *children: int) -> bytes:
    """Masks of children and of active values, kind 0, and a chunk without values."""
    return ones(slots, *children) + ones(slots) + b"\0" + i64(0)


def good_parts() -> dict[str, bytes]:
    return {
        "magic": b" BDV\0\0\0\0",
        "version": u32(224),
        "library": u32(10) + u32(0),
        "has offsets": b"\0",
        "identity": b"01234567-89ab-cdef-0123-456789ABCDEF",
        "file facts": u32(0),
        "grids": u32(1),
        "name": text("f"),
        "type": text("Tree_float_5_4_3"),
        "parent": text(""),
        "offsets": i64(0) * 3,
        "compression": u32(ZIP | MASK),
        "facts": u32(2) + fact("name", "string", b"f") + fact("class", "string", b"unknown"),
        "map": text("UniformScaleMap"),
        "map numbers": scale(0.5, 0.5, 0.5),
        "buffers": u32(1),
        "background": struct.pack("<f", 0),
        "tiles": u32(0),
        "children": u32(1),
        "tile list": b"",
        "place": place(0),
        "upper masks": ones(UPPER_SLOTS, 0) + ones(UPPER_SLOTS),
        "upper kind": b"\0",
        "upper values": i64(0),
        "lower masks": ones(LOWER_SLOTS, 0) + ones(LOWER_SLOTS),
        "lower kind": b"\0",
        "lower values": i64(0),
        "leaf topology": ones(512, *range(512)),
        "leaf mask": ones(512, *range(512)),
        "leaf kind": b"\0",
        "leaf values": zipped(VALUES.tobytes()),
    }


def with_parts(changes: dict[str, bytes]) -> bytes:
    """The good file with some of its parts replaced."""
    parts = good_parts()
    assert changes.keys() <= parts.keys(), changes.keys() - parts.keys()
    return b"".join((parts | changes).values())


def with_children(count: int) -> bytes:
    """A file of 8 KiB for each child of the root, in memory 32 times as much; then the leaf."""
    parts = good_parts()
    more = b"".join(place(4096 * n) + empty_node(UPPER_SLOTS) for n in range(1, count))
    parts["children"] = u32(count)
    parts["place"] = more + parts["place"]
    return b"".join(parts.values())
