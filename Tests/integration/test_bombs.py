"""Small files that unpack to gigabytes: refused by their header, before memory is touched.

What always holds here:
- Every bomb is a file whose header is well formed; most could be decoded if one let them.
- Memory is that of the worker which looked at the bomb, read from the kernel (VmHWM).
"""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest
from containers import caf_file
from corpus import png_file
from gamd_process import Daemon
from grids import PYTHON
from PIL import Image
from test_hostile_plugins import workers_of

from gamd import TooLargeError

SIDE = 12_000
POINTS_MAX = 50_000_000
TOUCHED_MAX = 50 << 20


def _zeros(bytes_count: int, window: int = 15) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, window)
    piece = b"\0" * (1 << 20)
    parts = [packer.compress(piece) for _ in range(bytes_count >> 20)]
    parts.append(packer.compress(b"\0" * (bytes_count & (1 << 20) - 1)))
    return b"".join(parts) + packer.flush()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(interlace: int) -> bytes:
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, interlace)
    body = _zeros((SIDE + 1) * SIDE)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _tiff() -> bytes:
    body = _zeros(SIDE * SIDE)
    tags = [(256, SIDE), (257, SIDE), (258, 8), (259, 8), (262, 1), (273, 8), (278, SIDE)]
    tags.append((279, len(body)))
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory + b"\0\0\0\0"


def _nrrd() -> bytes:
    head = f"NRRD0004\ntype: uint8\ndimension: 2\nsizes: {SIDE} {SIDE}\nencoding: gzip\n\n"
    return head.encode() + _zeros(SIDE * SIDE, 31)


def _webp() -> bytes:
    sides = 16383 | 16383 << 14
    body = b"\x2f" + struct.pack("<I", sides) + b"\0" * 59
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBPVP8L" + struct.pack(
        "<I", len(body)
    ) + body


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(file, "JPEG", progressive=True)
    data = bytearray(file.getvalue())
    at = data.index(b"\xff\xc2")
    data[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


def _flac() -> bytes:
    source = np.zeros(4000, np.int16)
    done = subprocess.run(
        ["flac", "-s", "-c", "--force-raw-format", "--endian=little", "--sign=signed",
         "--channels=1", "--bps=16", "--sample-rate=8000", "-"],
        input=source.tobytes(), capture_output=True, check=True,
    )  # fmt: skip
    data = bytearray(done.stdout)
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"
    return bytes(data)


def _caf() -> bytes:
    data = bytearray(caf_file(np.zeros(4000, np.int16)))
    at = data.index(b"data") + 4
    data[at : at + 8] = struct.pack(">q", 1 << 40)
    return bytes(data)


def _vdb(folder: Path) -> bytes:
    path = folder / "far.vdb"
    code = (
        "import sys, pyopenvdb as vdb\n"
        "grid = vdb.FloatGrid(0.0)\n"
        "access = grid.getAccessor()\n"
        "access.setValueOn((0, 0, 0), 1.0)\n"
        "access.setValueOn((4000, 4000, 4000), 1.0)\n"
        "vdb.write(sys.argv[1], grid)\n"
    )
    subprocess.run([PYTHON, "-c", code, path], check=True)
    return path.read_bytes()


BOMBS = {
    "zeros.png": lambda _: _png(0),
    "interlaced.png": lambda _: _png(1),
    "zeros.tif": lambda _: _tiff(),
    "zeros.nrrd": lambda _: _nrrd(),
    "solid.webp": lambda _: _webp(),
    "huge.jpg": lambda _: _jpeg(),
    "long.flac": lambda _: _flac(),
    "long.caf": lambda _: _caf(),
    "far.vdb": _vdb,
}


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    config = f"[plugins]\npoints_max = {POINTS_MAX}\n"
    with Daemon(tmp_path_factory.mktemp("bombs"), config=config) as daemon:
        yield daemon


def touched(daemon: Daemon) -> int:
    """The most any of the daemon's workers ever had resident."""
    peaks = [0]
    for worker in workers_of(daemon):
        status = Path(f"/proc/{worker}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        peaks.append(int(line.split()[1]) * 1024)
    return max(peaks)


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_header(tight: Daemon, tmp_path: Path, name: str) -> None:
    data = BOMBS[name](tmp_path)
    assert len(data) < 2 << 20
    with tight.client() as client:
        client.put_bytes("good", png_file(np.zeros((4, 4), np.uint8), 8), file_name="a.png")
        before = touched(tight)
        options = {"decoded": "1"} if name.endswith(".jpg") else {}
        with pytest.raises((TooLargeError,) if "caf" not in name else (Exception,)):
            client.put_bytes("bomb", data, file_name=name, options=options)
        assert touched(tight) - before < TOUCHED_MAX


def test_the_gzip_reader_can_tell_a_bomb() -> None:
    """The bomb is one: an independent reader unpacks it to what its header says."""
    head, body = _nrrd().split(b"\n\n", 1)
    assert len(gzip.decompress(body)) == SIDE * SIDE > POINTS_MAX
