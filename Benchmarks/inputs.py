"""Large inputs made of the real ones of a folder: pictures, sound and volumes of any size.

What always holds here:
- Nothing is noise: every sample is one of a real signal, cropped, mirrored, turned and made darker
  or quieter by up to a quarter, each channel a little differently, so that places made of the same
  source do not repeat each other sample by sample.
- The same seed gives the same samples; files are written in pieces, never held whole.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

PATCH = 512
CLIP_FRAMES = 1 << 16
QUIETEST = 0.75


class Mosaic:
    """A picture of patches cut from RGB pictures at random places, mirrored and turned."""

    def __init__(self, pictures: Sequence[np.ndarray], height: int, width: int, seed: int = 0):
        self.pictures = [to_rgb(picture) for picture in pictures]
        self.height, self.width, self.seed = height, width, seed

    def bands(self) -> Iterator[np.ndarray]:
        """Rows from the top, at most a patch high."""
        for top in range(0, self.height, PATCH):
            rows = min(PATCH, self.height - top)
            across = -(-self.width // PATCH)
            patches = [self._patch(top // PATCH, column) for column in range(across)]
            yield np.concatenate(patches, axis=1)[:rows, : self.width]

    def whole(self) -> np.ndarray:
        return np.concatenate(list(self.bands()))

    def _patch(self, row: int, column: int) -> np.ndarray:
        rng = np.random.default_rng((self.seed, row, column))
        picture = self.pictures[rng.integers(len(self.pictures))]
        if rng.integers(2):
            picture = picture.transpose(1, 0, 2)
        picture = picture[:: rng.choice((1, -1)), :: rng.choice((1, -1))]
        small = [(0, max(0, PATCH - extent)) for extent in picture.shape[:2]]
        picture = np.pad(picture, [*small, (0, 0)], mode="symmetric")
        top, left = (int(rng.integers(extent - PATCH + 1)) for extent in picture.shape[:2])
        patch = picture[top : top + PATCH, left : left + PATCH]
        gains = rng.uniform(QUIETEST, 1) * rng.uniform(0.97, 1, 3)
        shades = np.rint(np.arange(256)[:, None] * gains).astype(np.uint8)
        return np.stack([shades[patch[:, :, c], c] for c in range(3)], axis=2)


def to_rgb(picture: np.ndarray) -> np.ndarray:
    """8-bit RGB of an 8-bit picture with 1 to 4 channels."""
    planes = picture.reshape(*picture.shape[:2], -1)
    return planes[:, :, :3] if planes.shape[2] >= 3 else np.repeat(planes[:, :, :1], 3, axis=2)


def write_ppm(path: Path, mosaic: Mosaic) -> None:
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (mosaic.width, mosaic.height))
        for band in mosaic.bands():
            file.write(band.tobytes())


def write_png(path: Path, mosaic: Mosaic) -> None:
    """Rows are stored unfiltered and quickly packed: only the samples matter."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    packer = zlib.compressobj(1)
    with open(path, "wb") as file:
        header = struct.pack(">IIBBBBB", mosaic.width, mosaic.height, 8, 2, 0, 0, 0)
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        for band in mosaic.bands():
            lines = band.reshape(len(band), -1)
            unfiltered = np.concatenate([np.zeros((len(lines), 1), np.uint8), lines], axis=1)
            if packed := packer.compress(unfiltered.tobytes()):
                file.write(chunk(b"IDAT", packed))
        file.write(chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b""))


def write_wav(
    path: Path, clips: Sequence[np.ndarray], rate: int, frames: int, seed: int = 0
) -> None:
    """16-bit frames: pieces of the clips from random places, some upside down or reversed."""
    channels = 1 if clips[0].ndim == 1 else clips[0].shape[1]
    block, data_bytes = 2 * channels, 2 * channels * frames
    rng = np.random.default_rng(seed)
    with open(path, "wb") as file:
        form = struct.pack("<HHIIHH", 1, channels, rate, rate * block, block, 16)
        file.write(b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVE")
        file.write(b"fmt " + struct.pack("<I", 16) + form)
        file.write(b"data" + struct.pack("<I", data_bytes))
        left = frames
        while left:
            piece = _piece(clips[rng.integers(len(clips))], rng)[:left]
            file.write(piece.astype("<i2").tobytes())
            left -= len(piece)


def _piece(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count = min(len(clip), CLIP_FRAMES)
    start = int(rng.integers(len(clip) - count + 1))
    piece = clip[start : start + count][:: rng.choice((1, -1))]
    gain = rng.uniform(QUIETEST, 1) * rng.choice((1, -1))
    return np.rint(piece * gain).astype(np.int16)


def write_npy_cube(path: Path, volume: np.ndarray, edge: int) -> None:
    """An int16 cube: the volume mirrored outwards without seams, on a slow slope of its own."""
    volume = as_int16(volume)
    cube = np.lib.format.open_memmap(path, mode="w+", dtype=np.int16, shape=(edge,) * 3)
    rows, columns = (mirrored(edge, extent) for extent in volume.shape[1:])
    slope = (np.arange(edge) * 3 // 64).astype(np.int16)
    for z, source in enumerate(mirrored(edge, volume.shape[0])):
        plane = volume[source][np.ix_(rows, columns)]
        cube[z] = plane + slope[None, :] + slope[:, None] - slope[z]
    cube.flush()
    del cube


def mirrored(count: int, extent: int) -> np.ndarray:
    """0, 1 ... extent - 1, extent - 1 ... 1, 0, 0, 1 ...: `count` of them."""
    there = np.arange(extent)
    return np.resize(np.concatenate([there, there[::-1]]), count)


def as_int16(volume: np.ndarray) -> np.ndarray:
    """The volume itself, or its values over its largest in steps of 1/16000."""
    if volume.dtype == np.int16:
        return volume
    return np.rint(volume / np.abs(volume).max() * 16000).astype(np.int16)
