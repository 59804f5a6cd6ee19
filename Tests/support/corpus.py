"""Small good files of every format gamd reads, made from known samples.

What always holds here:
- The files are made by writers that share no code with the adapters (pypng, tifffile, struct, the
  flac program), from samples of one fixed seed: every run tests the same bytes.
- `samples` is what gamd must answer; `read` finds the samples in a file that came back.
"""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import tempfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import png
import tifffile
from corpus_media import media_files
from good_file import GoodFile, smooth
from readers import flac_sound, npy_array, png_samples, wav_sound

RATE_80_BIT = bytes.fromhex("400eac44000000000000")  # 44,100 as AIFF's extended float


@cache
def good_files() -> tuple[GoodFile, ...]:
    rng = np.random.default_rng(20)
    first = _pngs(rng) + _tiffs(rng) + _anymaps(rng) + _sounds(rng) + _arrays(rng)
    return tuple(first + media_files(rng))


# PNG


def png_file(samples: np.ndarray, bits: int, **options) -> bytes:
    planes = 1 if samples.ndim == 2 else samples.shape[2]
    height, width = samples.shape[:2]
    writer = png.Writer(
        width,
        height,
        bitdepth=bits,
        greyscale=planes < 3 and "palette" not in options,
        alpha=planes in (2, 4),
        **options,
    )
    file = io.BytesIO()
    writer.write(file, samples.reshape(height, -1).tolist())
    return file.getvalue()


def _png(name: str, samples: np.ndarray, bits: int, **options) -> GoodFile:
    stored = samples.astype(np.uint16 if bits == 16 else np.uint8)
    return GoodFile(name, png_file(stored, bits, **options), stored, png_samples, False)


def _pngs(rng: np.random.Generator) -> list[GoodFile]:
    palette = [(i * 16, 255 - i * 16, 7 * i, 255 - i) for i in range(16)]
    return [
        _png("gray1.png", rng.integers(0, 2, (19, 23)), 1),
        _png("palette4.png", rng.integers(0, 16, (21, 17)), 4, palette=palette),
        _png("gray16.png", smooth(rng, (40, 33), 65535), 16),
        _png("rgb8.png", smooth(rng, (37, 41, 3), 255), 8),
        _png("rgba16-interlaced.png", smooth(rng, (29, 31, 4), 65535), 16, interlace=True),
    ]


# TIFF


def _tiff(name: str, samples: np.ndarray, **options) -> GoodFile:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **options)
    return GoodFile(name, file.getvalue(), samples, _read_tiff, False)


def _planar_tiff(samples: np.ndarray) -> GoodFile:
    """Colors in planes of their own; they come back interleaved, in a file of either kind."""
    file = io.BytesIO()
    planes = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
    tifffile.imwrite(
        file, planes, metadata=None, photometric="rgb", planarconfig="separate", rowsperstrip=5
    )

    def read(data: bytes) -> np.ndarray:
        found = _read_tiff(data)
        return found if found.shape == samples.shape else np.moveaxis(found, 0, 2)

    return GoodFile("planes-rgb8.tif", file.getvalue(), samples, read, False)


def _read_tiff(data: bytes) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = [
            _float_differences(page, data) if page.predictor == 3 else page.asarray()
            for page in file.pages
        ]
    return pages[0] if len(pages) == 1 else np.stack(pages)


def _float_differences(page: tifffile.TiffPage, data: bytes) -> np.ndarray:
    """Deflated float32 strips with predictor 3 (TIFF Technical Note 3): bytes by significance,
    differences along the row."""
    height, width = page.shape
    rows = []
    for offset, count in zip(page.dataoffsets, page.databytecounts):
        strip = np.frombuffer(zlib.decompress(data[offset : offset + count]), np.uint8)
        planes = np.cumsum(strip.reshape(-1, 4 * width), axis=1, dtype=np.uint8)
        values = planes.reshape(-1, 4, width).transpose(0, 2, 1).tobytes()
        rows.append(np.frombuffer(values, ">f4").reshape(-1, width))
    return np.concatenate(rows).astype(np.float32).reshape(height, width)


def _tiffs(rng: np.random.Generator) -> list[GoodFile]:
    floats = rng.normal(0, 1, (35, 28)).astype(np.float32)
    return [
        _tiff("strips-u16.tif", smooth(rng, (50, 30), 60000).astype(np.uint16), rowsperstrip=7),
        _tiff(
            "tiles-rgb8.tif",
            smooth(rng, (45, 39, 3), 255).astype(np.uint8),
            photometric="rgb",
            tile=(16, 32),
            compression="zlib",
        ),
        _tiff("float32.tif", floats, compression="zlib"),
        _tiff(
            "pages-i16.tif",
            rng.integers(-900, 900, (5, 20, 22)).astype(np.int16),
            photometric="minisblack",
        ),
        _planar_tiff(smooth(rng, (23, 26, 3), 255).astype(np.uint8)),
    ]


# PNM


def _read_anymap(data: bytes) -> np.ndarray:
    """Binary P5 and P6 without comments, as they are written here."""
    magic, size, top, body = data.split(b"\n", 3)
    width, height = map(int, size.split())
    dtype = np.dtype(">u2") if int(top) > 255 else np.dtype("u1")
    shape = (height, width) if magic == b"P5" else (height, width, 3)
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _anymap(name: str, magic: str, samples: np.ndarray, top: int) -> GoodFile:
    height, width = samples.shape[:2]
    body = samples.astype(">u2" if top > 255 else "u1").tobytes()
    data = f"{magic}\n{width} {height}\n{top}\n".encode() + body
    stored = samples.astype(np.uint16 if top > 255 else np.uint8)
    return GoodFile(name, data, stored, _read_anymap, False)


def _anymaps(rng: np.random.Generator) -> list[GoodFile]:
    return [
        _anymap("gray-1000.pgm", "P5", smooth(rng, (31, 26), 1000), 1000),
        _anymap("rgb.ppm", "P6", smooth(rng, (24, 27, 3), 255), 255),
    ]


# Sound


def wav_file(samples: np.ndarray, bits: int, *, tail: bytes = b"") -> bytes:
    """A WAV with its samples in `bits`; float where the array is. `tail`: chunks after the data."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    is_float = samples.dtype.kind == "f"
    if bits == 24:
        body = samples.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    else:
        body = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    block = channels * bits // 8
    header = struct.pack(
        "<HHIIHH", 3 if is_float else 1, channels, 44100, 44100 * block, block, bits
    )
    chunks = b"fmt " + struct.pack("<I", len(header)) + header
    chunks += b"data" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) + tail
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def _aiff_file(samples: np.ndarray) -> bytes:
    frames, channels = samples.shape
    body = samples.astype(">i2").tobytes()
    common = struct.pack(">hIh", channels, frames, 16) + RATE_80_BIT
    chunks = b"COMM" + struct.pack(">I", len(common)) + common
    chunks += b"SSND" + struct.pack(">III", len(body) + 8, 0, 0) + body
    return b"FORM" + struct.pack(">I", len(chunks) + 4) + b"AIFF" + chunks


def _flac_file(samples: np.ndarray) -> bytes:
    command = ["flac", "-s", "-c", "-8", "--no-seektable", "-"]
    return subprocess.run(
        command, input=wav_file(samples, 16), capture_output=True, check=True
    ).stdout


def _read_flac(data: bytes) -> np.ndarray:
    with tempfile.NamedTemporaryFile(suffix=".flac") as file:
        file.write(data)
        file.flush()
        samples = flac_sound(Path(file.name), 2, 16)
    assert samples is not None, "the flac program refuses a file that gamd wrote"
    return samples


def _read_wav(data: bytes) -> np.ndarray:
    return wav_sound(data).samples


def _read_aiff(data: bytes) -> np.ndarray:
    at = data.index(b"SSND") + 16
    return np.frombuffer(data[at:], ">i2").astype(np.int16).reshape(-1, 2)


def _sounds(rng: np.random.Generator) -> list[GoodFile]:
    time = np.arange(3000) / 44100
    tone = np.stack([np.sin(2500 * time), np.sin(3100 * time + 1)], axis=1)
    noise = rng.normal(0, 0.01, tone.shape)
    stereo = ((tone * 0.8 + noise) * 30000).astype(np.int16)
    wide = ((tone[:, 0] * 0.7 + noise[:, 0]) * 8_000_000).astype(np.int32)
    quiet = (tone[:, 0] * 100 + 128).astype(np.uint8)
    floats = (tone + noise).astype(np.float32)
    cue = b"LIST" + struct.pack("<I", 10) + b"INFOISFT\0\0"
    return [
        GoodFile("u8.wav", wav_file(quiet, 8), quiet, _read_wav, True),
        GoodFile("i16-list.wav", wav_file(stereo, 16, tail=cue), stereo, _read_wav, True),
        GoodFile("i24.wav", wav_file(wide, 24), wide, _read_wav, True),
        GoodFile("f32.wav", wav_file(floats, 32), floats, _read_wav, True),
        GoodFile("i16.aiff", _aiff_file(stereo), stereo, _read_aiff, True),
        GoodFile("i16.flac", _flac_file(stereo), stereo, _read_flac, False),
    ]


# Arrays


def _npy(name: str, array: np.ndarray) -> GoodFile:
    file = io.BytesIO()
    np.save(file, array)
    return GoodFile(name, file.getvalue(), _native(array), lambda d: _native(npy_array(d)), True)


def _native(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")))


def _nrrd(name: str, array: np.ndarray, kind: str, encoding: str) -> GoodFile:
    sizes = " ".join(str(extent) for extent in reversed(array.shape))
    header = f"NRRD0004\ntype: {kind}\ndimension: {array.ndim}\nsizes: {sizes}\n"
    header += f"endian: little\nencoding: {encoding}\n\n"
    raw = array.tobytes()
    body = gzip.compress(raw, mtime=0) if encoding == "gzip" else raw
    return GoodFile(name, header.encode() + body, array, _read_nrrd, False)


def _read_nrrd(data: bytes) -> np.ndarray:
    header, body = data.split(b"\n\n", 1)
    fields = dict(line.split(b": ", 1) for line in header.splitlines()[1:] if b": " in line)
    if fields[b"encoding"].startswith(b"gz"):
        body = gzip.decompress(body)
    types = {b"short": "<i2", b"int16": "<i2", b"float": "<f4"}
    sizes = tuple(int(size) for size in fields[b"sizes"].split())
    return np.frombuffer(body, types[fields[b"type"]]).reshape(sizes[::-1])


def _arrays(rng: np.random.Generator) -> list[GoodFile]:
    volume = rng.normal(0, 1, (9, 10, 11))
    return [
        _npy("f4.npy", volume.astype(np.float32)),
        _npy("i2-fortran.npy", np.asfortranarray((volume * 900).astype(np.int16))),
        _npy("u4-big-endian.npy", rng.integers(0, 1 << 32, (13, 7), dtype=np.uint32).astype(">u4")),
        _nrrd("i2.nrrd", (volume * 700).astype("<i2"), "short", "raw"),
        _nrrd("f4-gzip.nrrd", volume.astype("<f4"), "float", "gzip"),
    ]
