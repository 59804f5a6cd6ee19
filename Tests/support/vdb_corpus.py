"""VDB files of every layout OpenVDB's own writer knows, and what a damage to one of them is.

What always holds here:
- Files are written by vdb_files.cc, built against the OpenVDB of the sdf plugin; "*-floats" has one
  grid, "f", the largest box of which is some ten thousand samples.
- A damage is drawn from the generator it is given and from nothing else.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
from gamd_process import ROOT
from grids import PYTHON

SOURCE = ROOT / "Tests" / "support" / "vdb_files.cc"
LIBRARIES = ["-lopenvdb", "-ltbb", "-lImath-3_1"]
HEAD_BYTES = 700
"""Header, metadata and transform of these files; the tree comes behind."""
NUMBERS = [0, 1, 2, 7, 8, 255, 1 << 12, 1 << 16, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]


def write_vdb_files(folder: Path) -> dict[str, Path]:
    """Name without suffix -> file."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([build_writer(), folder], check=True)
    return {path.stem: path for path in sorted(folder.glob("*.vdb"))}


def build_writer() -> Path:
    """Compiling OpenVDB's headers takes half a minute: done anew only when the source changes."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    writer = ROOT / ".build" / f"vdb_files-{digest}"
    if not writer.exists():
        compiler = next(name for name in ("c++", "g++", "clang++") if shutil.which(name))
        options = ["-O0", "-std=c++17", "-w", f"-I{ROOT / 'Plugins' / 'sdf' / 'compat'}"]
        partial = writer.with_suffix(".partial")
        subprocess.run([compiler, *options, SOURCE, "-o", partial, *LIBRARIES], check=True)
        partial.rename(writer)
    return writer


READ = """
import sys, numpy as np, pyopenvdb as vdb
found = {}
for path in sys.argv[2:]:
    grid = next(grid for grid in vdb.readAll(path)[0] if grid.name == "f")
    low, high = grid.evalActiveVoxelBoundingBox()
    values = np.zeros([b - a + 1 for a, b in zip(low, high)], np.float32)
    grid.copyToArray(values, ijk=low)
    found[path] = values
np.savez(sys.argv[1], **found)
"""


def read_floats(paths: list[Path]) -> dict[str, np.ndarray]:
    """The grid "f" of each file as OpenVDB's own reader has it: name without suffix -> values."""
    out = paths[0].with_suffix(".npz")
    subprocess.run([PYTHON, "-c", READ, out, *paths], check=True)
    found = np.load(out)
    return {path.stem: found[str(path)] for path in paths}


def place(rng: random.Random, data: bytes | bytearray) -> int:
    """Half of all damage is done where the lengths and counts are dense."""
    return rng.randrange(min(len(data), HEAD_BYTES) if rng.random() < 0.5 else len(data))


def change_bytes(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.randint(1, 6)):
        data[place(rng, data)] = rng.randrange(256)


def flip_bit(rng: random.Random, data: bytearray) -> None:
    data[place(rng, data)] ^= 1 << rng.randrange(8)


def flip_many(rng: random.Random, data: bytearray) -> None:
    """Noise over the whole file, of one bit in a hundred thousand to one in a hundred."""
    count = max(1, int(len(data) * 8 * 10 ** rng.uniform(-5, -2)))
    for _ in range(count):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut_off(rng: random.Random, data: bytearray) -> None:
    del data[place(rng, data) :]


def drop_piece(rng: random.Random, data: bytearray) -> None:
    at = place(rng, data)
    del data[at : at + rng.choice([1, 2, 4, 8, 64, 1000])]


def double_piece(rng: random.Random, data: bytearray) -> None:
    at = place(rng, data)
    data[at:at] = data[at : at + rng.choice([1, 2, 4, 8, 64, 1000])]


def edit_length(rng: random.Random, data: bytearray) -> None:
    """A word of 4 or 8 bytes with a small number, as lengths and counts are, gets another."""
    layout = struct.Struct(rng.choice(["<I", "<q"]))
    for _ in range(200):
        at = place(rng, data)
        if at + layout.size > len(data):
            continue
        old = layout.unpack_from(data, at)[0]
        if abs(old) < 1 << 20:
            new = rng.choice([*NUMBERS, old + 1, old - 1, old * 2, -old, 1 << 40, 1 << 62])
            data[at : at + layout.size] = (new & (1 << 8 * layout.size) - 1).to_bytes(
                layout.size, "little"
            )
            return


DAMAGES = [change_bytes, flip_bit, flip_many, cut_off, drop_piece, double_piece, edit_length]


def damaged(rng: random.Random, good: bytes) -> tuple[str, bytes]:
    """What was done, and the file it gave."""
    kind, data = rng.choice(DAMAGES), bytearray(good)
    kind(rng, data)
    return kind.__name__, bytes(data)
