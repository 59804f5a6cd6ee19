"""Files that are cut short, lie, or unpack to gigabytes: one clear error each, nothing stored.

What always holds here:
- "Accepted" is allowed only where the cut file still holds the samples it claims; then they must be
  the original's.
- Memory is read from the kernel (VmHWM), not from the daemon.
"""

from __future__ import annotations

import gzip
import os
import struct
import time
import zlib

import numpy as np
import pytest
from corpus import GoodFile, good_files, wav_file
from gamd_process import Daemon

from gamd import BadInputError, Client

CUTS = 64 if os.environ.get("GAMD_LONG") else 16
MEBIBYTE = 1 << 20


def cut_places(size: int, count: int) -> list[int]:
    """`count` lengths below `size`: a quarter at the start, a quarter at the end, half between."""
    edge = min(count // 4, size)
    places = set(range(edge)) | set(range(size - edge, size))
    places |= {int(at) for at in np.linspace(edge, size - 1, count - 2 * edge)}
    return sorted(places)


@pytest.mark.parametrize("good", good_files(), ids=lambda good: good.name)
def test_cut_files_are_refused_or_true(client: Client, good: GoodFile) -> None:
    for length in cut_places(len(good.data), CUTS):
        key = f"cut/{good.name}/{length}"
        try:
            client.put_bytes(key, good.data[:length], file_name=good.name)
        except BadInputError as error:
            assert str(error), f"{key}: refused without a text"
            assert key not in client
            continue
        samples = client[key][...]
        whole = good.samples[: len(samples)]
        assert np.array_equal(samples.view(np.uint8), whole.view(np.uint8)), key
        client.delete(key)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, color: int, body: bytes, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def npy(header: str) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64


def npy_of(shape: str, descr: str = "<f4") -> bytes:
    return npy(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")


def tiff(width: int, height: int, strip_bytes: int) -> bytes:
    """One strip that claims to hold `strip_bytes`; six bytes follow."""
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 4, 1, height),
        (279, 4, 1, strip_bytes),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
    return b"II*\0" + struct.pack("<I", 14) + b"pixels" + directory + b"\0\0\0\0"


def aiff(frames: int, channels: int) -> bytes:
    common = struct.pack(">hIh", channels, frames, 16) + bytes.fromhex("400eac44000000000000")
    body = b"COMM" + struct.pack(">I", 18) + common + b"SSND" + struct.pack(">III", 12, 0, 0)
    return b"FORM" + struct.pack(">I", len(body) + 8) + b"AIFF" + body + b"\0\0\0\0"


def wav_with(offset: int, layout: str, value: int) -> bytes:
    data = bytearray(wav_file(np.arange(64, dtype=np.int16), 16))
    struct.pack_into(layout, data, offset, value)
    return bytes(data)


LIARS = {
    "width-2g.png": png((1 << 31) - 1, 1, 8, 0, b"\0" * 100),
    "both-2g.png": png((1 << 31) - 1, (1 << 31) - 1, 16, 6, b"\0" * 100),
    "zero-width.png": png(0, 5, 8, 0, b"\0" * 5),
    "short-idat.png": png(20_000, 20_000, 8, 2, b"\0" * 1000),
    "interlaced-huge.png": png(60_000, 60_000, 16, 6, b"\0" * 1000, interlace=1),
    "palette-missing.png": png(5, 1, 8, 3, b"\0" * 6),
    "long-chunk.png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 0x7FFFFFFF) + b"IHDR" + b"\0" * 40,
    "tera.npy": npy_of("(1099511627776,)"),
    "overflow.npy": npy_of("(4294967296, 4294967296, 4294967296)"),
    "negative.npy": npy_of("(-5, 7)"),
    "empty.npy": npy_of("(0, 7)"),
    "scalar.npy": npy_of("()"),
    "object.npy": npy_of("(3,)", "|O"),
    "double.npy": npy_of("(2,)", "<f8"),
    "nine-axes.npy": npy_of("(1, 1, 1, 1, 1, 1, 1, 1, 2)"),
    "no-dictionary.npy": npy("import os\n"),
    "header-past-end.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFF0) + b"{}",
    "big-strip.tif": tiff(100, 100, 0xFFFFFFF0),
    "huge-sides.tif": tiff(0xFFFFFFFF, 0xFFFFFFFF, 6),
    "zero-sides.tif": tiff(0, 0, 6),
    "no-channels.aiff": aiff(2, 0),
    "channels.wav": wav_with(22, "<H", 65535),
    "no-channels.wav": wav_with(22, "<H", 0),
    "format-size.wav": wav_with(16, "<I", 0xFFFFFFFF),
    "bits.wav": wav_with(34, "<H", 7),
    "huge.ppm": b"P6\n999999999 999999999\n255\n" + b"\0" * 100,
    "overflow.pgm": b"P5\n99999999999999999999999 3\n255\n" + b"\0" * 9,
    "maximum.pgm": b"P5\n3 3\n65536\n" + b"\0" * 18,
    "negative.pgm": b"P5\n-3 -3\n255\n" + b"\0" * 9,
    "huge.nrrd": b"NRRD0004\ntype: float\ndimension: 3\nsizes: 99999999 99999999 99999999\n"
    b"endian: little\nencoding: raw\n\n" + b"\0" * 64,
    "dimension.nrrd": b"NRRD0004\ntype: float\ndimension: 4000000000\nsizes: 1\nencoding: raw\n\n",
    "bomb.nrrd": b"NRRD0004\ntype: uchar\ndimension: 1\nsizes: 10\nencoding: gzip\n\n"
    + gzip.compress(b"\0" * 50_000_000),
}


@pytest.mark.parametrize("name", sorted(LIARS))
def test_headers_that_lie_are_refused_soon(daemon: Daemon, client: Client, name: str) -> None:
    before = daemon.peak_resident_bytes()
    start = time.monotonic()
    with pytest.raises(BadInputError) as refusal:
        client.put_bytes(f"liar/{name}", LIARS[name], file_name=name)
    assert len(str(refusal.value)) > 10
    assert time.monotonic() - start < 10
    assert daemon.peak_resident_bytes() - before < 128 * MEBIBYTE
    assert f"liar/{name}" not in client


HALF_TRUTHS = {
    "data-4g.wav": wav_with(40, "<I", 0xFFFFFFFF),
    "data-2g.wav": wav_with(40, "<I", 0x7FFFFFFE),
    "data-odd.wav": wav_with(40, "<I", 129),
    "data-short.wav": wav_with(40, "<I", 5),
    "riff-short.wav": wav_with(4, "<I", 12),
    "frames-4g.aiff": aiff(0xFFFFFFFF, 2),
    "frames-none.aiff": aiff(0, 2),
}


@pytest.mark.parametrize("name", sorted(HALF_TRUTHS))
def test_sound_that_lies_about_its_length_is_refused_or_identical(
    daemon: Daemon, client: Client, name: str
) -> None:
    """Programs that stream leave such lengths behind: storing the file as it is does no harm."""
    key, data = f"half/{name}", HALF_TRUTHS[name]
    before = daemon.peak_resident_bytes()
    try:
        stat = client.put_bytes(key, data, file_name=name)
    except BadInputError as error:
        assert str(error)
        assert key not in client
    else:
        assert stat.raw_bytes <= len(data)
        assert client.get_file(key) == data
        client.delete(key)
    assert daemon.peak_resident_bytes() - before < 128 * MEBIBYTE


def one_color_png(side: int) -> bytes:
    """side x side pixels of one gray, made without holding them."""
    packer = zlib.compressobj(1)
    row = b"\0" + b"\x80" * side
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def test_a_picture_of_900_megapixels_keeps_memory_bounded(own_daemon: Daemon) -> None:
    data = one_color_png(30_000)
    with own_daemon.client(timeout=550) as client:
        try:
            stat = client.put_bytes("flat", data, file_name="flat.png")
        except BadInputError as error:
            assert str(error)
            assert "flat" not in client
        else:
            assert stat.raw_bytes == 30_000 * 30_000
            corner = client["flat"][29_990:, 29_980:]
            assert corner.shape == (10, 20) and (corner == 0x80).all()
            assert stat.stored_bytes < 4 * MEBIBYTE
    assert own_daemon.is_running
    assert own_daemon.peak_resident_bytes() < 1024 * MEBIBYTE
