"""Readers of file formats that share no code with the adapters under test, but for FLAC.

What always holds here:
- PNG samples come from pypng (pure Python), chunks and RIFF from the few lines below; neither uses
  libspng, libtiff or libsndfile.
- FLAC samples come from the flac program, which shares libFLAC with the adapter: where a file has
  an MD5, tests compare it too (flac_files.flac_md5).
- Samples have the shape and container gamd promises: rows, columns[, channels]; frames[, channels].
"""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import png

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_samples(data: bytes) -> np.ndarray:
    """Raw samples as stored: palette indexes stay indexes, no gamma, no scaling of small depths."""
    width, height, rows, info = png.Reader(bytes=data).read()
    planes = info["planes"]
    dtype = np.uint16 if info["bitdepth"] == 16 else np.uint8
    samples = np.empty((height, width * planes), dtype)
    for number, row in enumerate(rows):
        samples[number] = row
    return samples if planes == 1 else samples.reshape(height, width, planes)


def png_chunks(data: bytes) -> list[tuple[str, bytes]]:
    """Every chunk in order, CRC checked."""
    assert data[:8] == PNG_SIGNATURE
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        assert zlib.crc32(kind + body) == crc, f"chunk {kind!r} at {at} has a wrong CRC"
        chunks.append((kind.decode("latin-1"), body))
        at += 12 + length
    return chunks


def png_contents(data: bytes) -> list[tuple[str, bytes]]:
    """What a PNG says besides its samples: all chunks but IDAT, compressed texts unpacked."""
    contents = [
        (kind, _unpacked(kind, body)) for kind, body in png_chunks(data) if kind != "IDAT"
    ]
    return sorted(contents)


def _unpacked(kind: str, body: bytes) -> bytes:
    """Chunk content; a zlib stream, whose bytes may differ, replaced by what it unpacks to."""
    if kind in ("zTXt", "iCCP"):
        name, rest = body.split(b"\0", 1)
        return name + b"\0" + rest[:1] + zlib.decompress(rest[1:])
    if kind == "iTXt":
        keyword, rest = body.split(b"\0", 1)
        language, translated, text = rest[2:].split(b"\0", 2)
        if rest[0] == 1:
            text = zlib.decompress(text)
        return b"\0".join([keyword, rest[:2], language, translated, text])
    return body


@dataclass(frozen=True)
class Sound:
    samples: np.ndarray
    rate: int
    bits: int
    is_float: bool


def wav_sound(data: bytes) -> Sound:
    """PCM or float samples of a RIFF WAVE file, in the smallest container."""
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    chunks, at = {}, 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        chunks.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    if tag == 0xFFFE:
        (tag,) = struct.unpack_from("<H", chunks[b"fmt "], 24)
    body = chunks[b"data"]
    body = body[: len(body) // block * block]
    return Sound(_pcm(body, block // channels, channels, tag == 3), rate, bits, tag == 3)


def _pcm(body: bytes, width: int, channels: int, is_float: bool) -> np.ndarray:
    if width == 3:
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0] >> 8
    elif width == 1:
        samples = np.frombuffer(body, np.uint8)
    else:
        samples = np.frombuffer(body, f"<f{width}" if is_float else f"<i{width}")
    return samples if channels == 1 else samples.reshape(-1, channels)


def flac_sound(path: Path, channels: int, bits: int) -> np.ndarray | None:
    """Samples as the flac program decodes them; None where it refuses the file."""
    raw = ["--force-raw-format", "--endian=little", "--sign=signed"] if bits % 8 == 0 else []
    done = subprocess.run(["flac", "-d", "-s", "-c", *raw, path], capture_output=True)
    if done.returncode != 0:
        return None
    if bits % 8 != 0:  # a WAV with the samples in the high bits
        samples = wav_sound(done.stdout).samples
        if bits < 8:
            samples = (samples ^ 0x80).view(np.int8)
        return samples >> (-bits % 8)
    width = bits // 8
    if width == 1:
        samples = np.frombuffer(done.stdout, np.int8)
        return samples if channels == 1 else samples.reshape(-1, channels)
    return _pcm(done.stdout, width, channels, False)


def npy_array(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def bits_equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Same shape and same bits: NaN payloads and signed zeros count."""
    if first.shape != second.shape or first.dtype.itemsize != second.dtype.itemsize:
        return False
    return np.ascontiguousarray(first).tobytes() == np.ascontiguousarray(second).tobytes()
