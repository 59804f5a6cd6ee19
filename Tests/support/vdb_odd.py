"""VDB files that follow the format to the letter and that no writer would write.

What always holds here:
- Every length, count and mask agrees with what follows it, so OpenVDB's reader gets to the end of
  each; the rest is drawn: kinds of nodes, masks that overlap, metadata of wrong types, versions
  from 220 on, transforms of zeros and NaNs, grids that share trees.
- A file is its generator's state and nothing else.
"""

from __future__ import annotations

import random
import struct

import numpy as np
from vdb_parts import BLOSC, MASK, ZIP, bloscked, fact, good_parts, i64, ones, place, text
from vdb_parts import u32, zipped

FLOATS = [0, 1, -1, 2.5, 1e30, float("nan"), float("inf")]
MAPS = {"AffineMap": 16, "UnitaryMap": 16, "ScaleMap": 15, "UniformScaleMap": 15}
MAPS |= {"TranslationMap": 3, "ScaleTranslateMap": 18, "UniformScaleTranslateMap": 18}
FACTS = [
    ("class", "string", b"level set"),
    ("class", "string", b"of its own"),
    ("class", "int32", u32(1)),
    ("is_local_space", "string", b"perhaps"),
    ("file_voxel_count", "string", b"many"),
    ("file_bbox_min", "vec3i", place(1, 2, 3)),
    ("file_compression", "string", b""),
    ("file_delayed_load", "string", b"abc"),
    ("file_delayed_load", "__delayedload", u32(2) + u32(0) + b"\0\1" + u32(0xFFFFFFFF)),
    ("file_delayed_load", "__delayedload", u32(1) + u32(0) + b"\0" + u32(0) + i64(9) + b"more"),
    ("nothing", "__delayedload", b""),
    ("vector_type", "int64", i64(4)),
    ("creator", "string", b"\xff\xfe\0"),
    ("private", "__tmp", b"abc"),
    ("flag", "bool", b"\7"),
    ("n" * 5000, "of no type", b"x" * 70000),
]


class Odd:
    """One file; `data` is all of it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.version = rng.choice([220, 221, 222, 223, 224, 224, 224, 224, 230, 1 << 31])
        parts = good_parts()
        self.compression = rng.choice([0, ZIP, MASK, ZIP | MASK, BLOSC, BLOSC | MASK, 7, 1 << 31])
        flag = b""
        if self.version < 222:
            flag = rng.choice([b"\0", b"\1"])
            self.compression = ZIP if flag == b"\1" else 0
        head = [parts["magic"], u32(self.version), parts["library"], parts["has offsets"], flag]
        count = rng.choice([1, 1, 1, 2, 3])
        grids = [self.grid(number) for number in range(count)]
        head += [parts["identity"], self.facts([]), u32(count)]
        self.data = b"".join(head + grids)

    def grid(self, number: int) -> bytes:
        rng = self.rng
        half = rng.choice([None, None, 0, 1])
        parent = rng.choice(["", "", "g0", f"g{number}"]) if number else ""
        grid = text(f"g{number}")
        grid += text("Tree_float_5_4_3" + rng.choice(["", "_HalfFloat"]))
        grid += text(parent) + i64(rng.choice([0, -1, 1 << 62])) * 3
        grid += u32(self.compression) if self.version >= 222 else b""
        kept = [fact("name", "string", b"f")] if number == 0 else []
        kept += [] if half is None else [fact("is_saved_as_half_float", "bool", bytes([half]))]
        grid += self.facts(kept) + self.map()
        return grid if parent else grid + self.tree(bool(half))

    def facts(self, kept: list[bytes]) -> bytes:
        drawn = self.rng.sample(FACTS, self.rng.choice([0, 0, 1, 2, 4]))
        drawn = list({name: (name, *rest) for name, *rest in drawn}.values())
        entries = kept + [fact(*entry) for entry in drawn]
        self.rng.shuffle(entries)
        return u32(len(entries)) + b"".join(entries)

    def map(self) -> bytes:
        rng, before = self.rng, b""
        if rng.random() < 0.1:
            corners = [0, 0, 0, *(rng.choice([1, 10, 100]) for _ in range(3))]
            layout = "<6i2d" if self.version == 220 else "<8d"
            before = text("NonlinearFrustumMap") + struct.pack(layout, *corners, 0.5, 10)
        name = rng.choice(sorted(MAPS))
        odd = rng.random() < 0.2
        drawn = [1, 0.5, -2, 0, *FLOATS] if odd else [0.5]
        numbers = [rng.choice(drawn) for _ in range(MAPS[name])]
        if MAPS[name] == 16 and not odd:
            numbers = list(np.eye(4).ravel())
        return before + text(name) + struct.pack(f"<{len(numbers)}d", *numbers)

    def mask(self, slots: int, most: int) -> bytes:
        bits = [self.rng.randrange(slots) for _ in range(self.rng.randint(0, most))]
        return ones(slots, *bits)

    def values(self, slots: int, count: int, active: bytes, half: bool) -> bytes:
        """`count`: values where all are stored."""
        rng, kind, head = self.rng, 6, b""
        if self.version >= 222:
            kind = rng.choice([0, 0, 1, 2, 3, 4, 5, 6])
            head = bytes([kind])
            head += struct.pack("<f", rng.choice(FLOATS)) * {2: 1, 4: 1, 5: 2}.get(kind, 0)
            head += rng.randbytes(slots // 8) if kind in (3, 4, 5) else b""
            if self.compression & MASK and kind != 6:
                count = int.from_bytes(active, "little").bit_count()
        return head + self.chunk(count, half, self.compression)

    def chunk(self, count: int, half: bool, compression: int) -> bytes:
        if half and count == 0:
            return b""
        few = np.array([self.rng.choice([0, 1, -1, 2.5, 100]) for _ in range(16)])
        raw = np.resize(few, count).astype("<f2" if half else "<f4").tobytes()
        if compression & (ZIP | BLOSC) == 0:
            return raw
        if self.rng.random() < 0.3:
            return i64(-len(raw)) + raw
        return bloscked(raw) if compression & BLOSC else zipped(raw)

    def tree(self, half: bool) -> bytes:
        rng = self.rng
        places = rng.sample([place(4096 * x, 4096 * y) for x in range(-2, 3) for y in (0, 1)], 4)
        far = place(rng.choice([0x7FFFF000, -0x80000000]), 0, 0)
        if rng.random() < 0.1:
            places[0] = far
        tiles, children = rng.choice([0, 0, 1, 2]), rng.choice([0, 1, 1, 2])
        tree = u32(rng.choice([1, 0, 99])) + struct.pack("<f", rng.choice(FLOATS))
        tree += u32(tiles) + u32(children)
        for at in places[:tiles]:
            tree += at + struct.pack("<f", rng.choice(FLOATS)) + bytes([rng.random() < 0.1])
        leaves = 0
        for at in places[tiles : tiles + children]:
            node, below = self.node(32768, half)
            tree, leaves = tree + at + node, leaves + below
        return tree + b"".join(self.leaf(half) for _ in range(leaves))

    def node(self, slots: int, half: bool) -> tuple[bytes, int]:
        """Topology, and how many leaves there are below."""
        children = self.mask(slots, 2 if slots == 32768 else 8)
        active = children if self.rng.random() < 0.3 else self.mask(slots, self.rng.choice([0, 1]))
        count = int.from_bytes(children, "little").bit_count()
        stored = slots - count if self.version < 222 else slots
        node = children + active + self.values(slots, stored, active, half)
        if slots == 4096:
            return node + self.rng.randbytes(64 * count), count
        below = [self.node(4096, half) for _ in range(count)]
        return node + b"".join(data for data, _ in below), sum(leaves for _, leaves in below)

    def leaf(self, half: bool) -> bytes:
        rng = self.rng
        active = rng.choice([rng.randbytes(64), bytes(64), b"\xff" * 64])
        if self.version >= 222:
            return active + self.values(512, 512, active, half)
        buffers = rng.choice([1, 1, 0, -1, 2, 3])
        leaf = active + rng.randbytes(12) + struct.pack("b", buffers)
        leaf += self.values(512, 512, active, half)
        return leaf + b"".join(
            self.chunk(512, half, self.compression & ZIP) for _ in range(buffers - 1)
        )
