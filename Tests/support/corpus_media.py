"""Good files of WebP, PFM, AU, Wave64 and CAF.

What always holds here: they are written by Pillow or from the format's description (containers.py),
never by an adapter.
"""

from __future__ import annotations

import io
from typing import Callable

import numpy as np
from containers import au_file, caf_file, w64_file
from good_file import GoodFile, smooth
from PIL import Image


def media_files(rng: np.random.Generator) -> list[GoodFile]:
    return _webps(rng) + _floatmaps(rng) + _containers(rng)


# WebP


def _read_webp(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def webp_file(samples: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "WEBP", lossless=True, exact=True, **options)
    return file.getvalue()


def _alpha_used(file: bytes) -> bytes:
    """A lossless file that says it has alpha, as Pillow never says of an opaque picture."""
    assert file[12:16] == b"VP8L"
    return file[:24] + bytes([file[24] | 0x10]) + file[25:]


def _webps(rng: np.random.Generator) -> list[GoodFile]:
    rgb = smooth(rng, (33, 29, 3), 255).astype(np.uint8)
    rgba = smooth(rng, (21, 35, 4), 255).astype(np.uint8)
    rgba[3:9, 4:11, 3] = 0
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0"
    chunks = {"exif": exif, "xmp": b"<x/>", "icc_profile": b"p" * 140}
    return [
        GoodFile("rgb.webp", webp_file(rgb), rgb, _read_webp, False),
        GoodFile("rgba-chunks.webp", webp_file(rgba, **chunks), rgba, _read_webp, False),
        GoodFile("rgba-opaque.webp", _alpha_used(webp_file(opaque)), opaque, _read_webp, False),
    ]


# PFM


def _read_floatmap(data: bytes) -> np.ndarray:
    magic, size, scale, body = data.split(b"\n", 3)
    width, height = map(int, size.split())
    dtype = np.dtype("<f4" if float(scale) < 0 else ">f4")
    shape = (height, width, 3) if magic == b"PF" else (height, width)
    return np.flipud(np.frombuffer(body, dtype).reshape(shape)).astype(np.float32)


def _floatmaps(rng: np.random.Generator) -> list[GoodFile]:
    color = rng.normal(0, 9, (14, 19, 3)).astype(np.float32)
    gray = rng.normal(0, 9, (17, 12)).astype(np.float32)
    return [
        GoodFile(
            "color.pfm", b"PF\n19 14\n-1.0\n" + np.flipud(color).astype("<f4").tobytes(), color,
            _read_floatmap, True,
        ),
        GoodFile(
            "gray-big-endian.pfm", b"Pf\n12 17\n2.5\n" + np.flipud(gray).astype(">f4").tobytes(),
            gray, _read_floatmap, True,
        ),
    ]  # fmt: skip


# Sound in other containers


def _containers(rng: np.random.Generator) -> list[GoodFile]:
    stereo = rng.integers(-20000, 20000, (900, 2)).astype(np.int16)
    floats = rng.normal(0, 0.3, 700).astype(np.float32)

    def plain(skip: int, dtype: str, like: np.ndarray) -> Callable[[bytes], np.ndarray]:
        return lambda data: np.frombuffer(
            data[skip : skip + like.nbytes], dtype
        ).astype(like.dtype).reshape(like.shape)

    return [
        GoodFile("i16.au", au_file(stereo), stereo, plain(28, ">i2", stereo), True),
        GoodFile("f32.au", au_file(floats), floats, plain(28, ">f4", floats), True),
        GoodFile("i16.w64", w64_file(stereo), stereo, plain(104, "<i2", stereo), True),
        GoodFile("i16.caf", caf_file(stereo), stereo, plain(68, ">i2", stereo), True),
        GoodFile("f32.caf", caf_file(floats), floats, plain(68, ">f4", floats), True),
    ]
