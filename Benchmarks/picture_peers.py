"""Peers for pictures: JPEG XL, WebP, JPEG-LS, JPEG 2000, PNG; whole and in tiles of 256 x 256.

What always holds here:
- Programs are those of Debian; libraries come with imagecodecs, and are newer: both are shown.
- Tiles are coded one by one, as a store with random access would keep them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from kinds import DRAWING, PICTURES, Source
from tool import LibraryTool, ProcessTool, Tool

TILE = 256


class JpegXL(ProcessTool):
    packed_suffix = ".jxl"
    plain_suffix = ".ppm"

    def __init__(self, effort: int) -> None:
        self.effort = effort
        self.name = f"JPEG XL e{effort}"
        self.encodes_once = effort > 7

    def takes(self, source: Source) -> bool:
        return source.kind in PICTURES

    def encode_command(self, path: Path, packed: Path) -> list:
        options = ["-d", "0", "-e", self.effort, "--num_threads=0", "--quiet"]
        return ["cjxl", path, packed, *options]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["djxl", packed, plain, "--num_threads=0", "--quiet"]

    def is_exact(self, source: Source, folder: Path) -> bool:
        return as_shown(netpbm_samples(self.plain(folder)), source.path, source.samples)


class WebP(ProcessTool):
    """Lossless; "-z 9" is the strongest and costs twenty times "-m 6" for a few percent."""

    packed_suffix = ".webp"
    plain_suffix = ".pam"

    def __init__(self, option: str, kinds: tuple[str, ...]) -> None:
        self.option, self._kinds = option, kinds
        self.name = f"WebP {option}"
        self.encodes_once = option == "-z 9"

    def takes(self, source: Source) -> bool:
        return source.kind in self._kinds and source.samples.dtype == np.uint8

    def encode_command(self, path: Path, packed: Path) -> list:
        options = ["-quiet", "-lossless", "-exact", *self.option.split()]
        return ["cwebp", *options, path, "-o", packed]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["dwebp", "-quiet", packed, "-pam", "-o", plain]

    def is_exact(self, source: Source, folder: Path) -> bool:
        return as_shown(netpbm_samples(self.plain(folder)), source.path, source.samples)


def netpbm_samples(path: Path) -> np.ndarray:
    """Samples of a binary PGM, PPM or PAM as djxl and dwebp write them."""
    data = path.read_bytes()
    if data.startswith(b"P7"):
        header, body = data.split(b"ENDHDR\n", 1)
        fields = dict(line.split(b" ", 1) for line in header.splitlines() if b" " in line)
        width, height, depth, top = (
            int(fields[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
    else:
        magic, size, limit, body = data.split(b"\n", 3)
        width, height = map(int, size.split())
        depth, top = (3 if magic == b"P6" else 1), int(limit)
    samples = np.frombuffer(body, ">u2" if top > 255 else "u1")
    return samples.reshape((height, width) if depth == 1 else (height, width, depth))


def as_shown(found: np.ndarray, path: Path, samples: np.ndarray) -> bool:
    """Whether `found` shows the picture: peers unpack palettes, small depths, gray to RGB(A)."""
    if found.shape == samples.shape and np.array_equal(found, samples):
        return True
    from PIL import Image

    with Image.open(path) as picture:
        shown = np.asarray(picture.convert("RGBA"))
    planes = 1 if found.ndim == 2 else found.shape[2]
    if found.dtype != np.uint8 or found.shape[:2] != shown.shape[:2]:
        return False
    expected = shown[:, :, 0] if planes == 1 else shown[:, :, :planes]
    return np.array_equal(found, expected)


class PictureLibrary(LibraryTool):
    """A codec of imagecodecs on whole pictures or on tiles."""

    def __init__(
        self,
        name: str,
        encode: Callable[[np.ndarray], bytes],
        decode: Callable[[bytes], np.ndarray],
        *,
        planes: tuple[int, ...],
        deep: bool,
        tile: int | None = None,
    ) -> None:
        self.name = f"{name}, library" + (f", {tile} x {tile} tiles" if tile else "")
        self._encode, self._decode = encode, decode
        self._planes, self._deep, self._tile = planes, deep, tile

    def takes(self, source: Source) -> bool:
        if source.kind not in PICTURES:
            return False
        planes = 1 if source.samples.ndim == 2 else source.samples.shape[2]
        return planes in self._planes and (self._deep or source.samples.dtype == np.uint8)

    def _boxes(self, shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
        height, width = shape[:2]
        step = self._tile or max(height, width)
        return [
            (slice(top, top + step), slice(left, left + step))
            for top in range(0, height, step)
            for left in range(0, width, step)
        ]

    def pack(self, samples: np.ndarray) -> list[bytes]:
        boxes = self._boxes(samples.shape)
        return [self._encode(np.ascontiguousarray(samples[box])) for box in boxes]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        if self._tile is None:
            return self._decode(packed[0])
        for part, box in zip(packed, self._boxes(like.shape)):
            like[box] = self._decode(part)
        return like


def jxl_library(effort: int, tile: int | None = None) -> PictureLibrary:
    return PictureLibrary(
        f"JPEG XL e{effort}",
        lambda samples: imagecodecs.jpegxl_encode(
            samples, lossless=True, effort=effort, numthreads=1
        ),
        lambda packed: imagecodecs.jpegxl_decode(packed, numthreads=1),
        planes=(1, 3, 4),
        deep=True,
        tile=tile,
    )


def webp_library(tile: int | None = None) -> PictureLibrary:
    """RGB only: without its "exact" option, which imagecodecs lacks, alpha is not kept."""
    return PictureLibrary(
        "WebP -m 6",
        lambda samples: imagecodecs.webp_encode(samples, lossless=True, method=6, numthreads=1),
        imagecodecs.webp_decode,
        planes=(3,),
        deep=False,
        tile=tile,
    )


def picture_peers(thorough: bool) -> list[Tool]:
    """Programs, then libraries; `thorough` adds JPEG XL e9, and WebP -z 9 for all pictures."""
    programs = [JpegXL(7), JpegXL(3), JpegXL(1), WebP("-m 6", PICTURES)]
    programs.append(WebP("-z 9", PICTURES if thorough else (DRAWING,)))
    if thorough:
        programs.append(JpegXL(9))
    colours = (1, 3, 4)
    return programs + [
        jxl_library(7),
        jxl_library(7, TILE),
        jxl_library(2),
        jxl_library(1),
        webp_library(),
        webp_library(TILE),
        PictureLibrary(
            "JPEG-LS", imagecodecs.jpegls_encode, imagecodecs.jpegls_decode,
            planes=colours, deep=True,
        ),
        PictureLibrary(
            "JPEG 2000",
            lambda samples: imagecodecs.jpeg2k_encode(samples, reversible=True, numthreads=1),
            lambda packed: imagecodecs.jpeg2k_decode(packed, numthreads=1),
            planes=colours, deep=True,
        ),
        PictureLibrary(
            "PNG 9",
            lambda samples: imagecodecs.png_encode(samples, level=9),
            imagecodecs.png_decode,
            planes=colours, deep=True,
        ),
    ]
