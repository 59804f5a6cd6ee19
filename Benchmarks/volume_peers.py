"""Peers for volumes: Blosc2, pcodec, zfp, fpzip, JPEG XL on slices, Lorenzo differences with zstd.

What always holds here:
- All are libraries, timed memory to memory on the whole array, with one thread and their strongest
  setting. The Lorenzo transform is numpy: its bytes count, its speed is that of numpy.
"""

from __future__ import annotations

import blosc2
import fpzip
import imagecodecs
import numpy as np
import zstandard
from kinds import BAND, DISTANCE, FLOAT_VOLUME, INT_VOLUME, VOLUMES, Source
from pcodec import ChunkConfig, standalone
from tool import LibraryTool, Tool

INT_VOLUMES = (DISTANCE, BAND, INT_VOLUME)
ZSTD_LEVEL = 19


class Blosc(LibraryTool):
    """zstd level 9 of Blosc2 behind a byte or bit shuffle, the whole array as one buffer."""

    def __init__(self, filter_name: str) -> None:
        self.filter_name = filter_name
        self.name = f"Blosc2 zstd {filter_name}"

    def takes(self, source: Source) -> bool:
        return source.kind in VOLUMES

    def pack(self, samples: np.ndarray) -> list[bytes]:
        packed = blosc2.compress2(
            samples,
            codec=blosc2.Codec.ZSTD,
            clevel=9,
            filters=[blosc2.Filter[self.filter_name.upper()]],
            typesize=samples.itemsize,
            nthreads=1,
        )
        return [packed]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        plain = blosc2.decompress2(packed[0], nthreads=1)
        return np.frombuffer(plain, like.dtype).reshape(like.shape)


class Pcodec(LibraryTool):
    name = "pcodec 12"

    def takes(self, source: Source) -> bool:
        return source.kind in (*INT_VOLUMES, FLOAT_VOLUME)

    def pack(self, samples: np.ndarray) -> list[bytes]:
        return [standalone.simple_compress(samples.ravel(), ChunkConfig(compression_level=12))]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        return standalone.simple_decompress(packed[0]).reshape(like.shape)


class Fpzip(LibraryTool):
    name = "fpzip"

    def takes(self, source: Source) -> bool:
        return source.kind == FLOAT_VOLUME

    def pack(self, samples: np.ndarray) -> list[bytes]:
        return [fpzip.compress(samples, precision=0, order="C")]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        return fpzip.decompress(packed[0], order="C").reshape(like.shape)


class Zfp(LibraryTool):
    """The reversible mode; int16 goes in as int32, which is the smallest zfp knows."""

    name = "zfp reversible"

    def takes(self, source: Source) -> bool:
        return source.kind in (*INT_VOLUMES, FLOAT_VOLUME)

    def pack(self, samples: np.ndarray) -> list[bytes]:
        wide = samples.astype(np.int32) if samples.itemsize == 2 else samples
        return [imagecodecs.zfp_encode(wide, mode=imagecodecs.ZFP.MODE.REVERSIBLE)]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        return imagecodecs.zfp_decode(packed[0]).astype(like.dtype, copy=False)


class Lorenzo(LibraryTool):
    """Alternating differences over the corners behind, shuffled by bytes, zstd."""

    name = f"Lorenzo + zstd {ZSTD_LEVEL}"

    def takes(self, source: Source) -> bool:
        return source.kind in (*INT_VOLUMES, FLOAT_VOLUME)

    def pack(self, samples: np.ndarray) -> list[bytes]:
        values = ordered(samples)
        for axis in range(values.ndim):
            values = np.diff(values, axis=axis, prepend=values.dtype.type(0))
        signed = values.view(values.dtype.str.replace("u", "i"))
        zigzag = (values << 1) ^ (signed >> (8 * values.itemsize - 1)).view(values.dtype)
        planes = zigzag.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
        return [zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(planes)]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        planes = zstandard.ZstdDecompressor().decompress(packed[0])
        shuffled = np.frombuffer(planes, np.uint8).reshape(like.itemsize, -1).T
        zigzag = np.ascontiguousarray(shuffled).view(f"u{like.itemsize}")
        values = ((zigzag >> 1) ^ (~(zigzag & 1) + 1)).reshape(like.shape)
        for axis in range(values.ndim):
            values = np.cumsum(values, axis=axis, dtype=values.dtype)
        return unordered(values, like.dtype)


def ordered(samples: np.ndarray) -> np.ndarray:
    """Unsigned integers in the order of the values; of floats, exactly, by their bits."""
    bits = samples.view(f"u{samples.itemsize}")
    if samples.dtype.kind != "f":
        return bits
    sign = bits >> 31 != 0
    return np.where(sign, ~bits, bits | np.uint32(1 << 31))


def unordered(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind != "f":
        return values.view(dtype)
    sign = values >> 31 == 0
    return np.where(sign, ~values, values & np.uint32((1 << 31) - 1)).view(dtype)


class SlicesOfJpegXL(LibraryTool):
    """Every slice of the slowest axis a 16-bit grey picture."""

    name = "JPEG XL e7 on slices, library"

    def takes(self, source: Source) -> bool:
        return source.kind in INT_VOLUMES

    def pack(self, samples: np.ndarray) -> list[bytes]:
        raised = samples.view(np.uint16) ^ np.uint16(1 << 15)
        return [
            imagecodecs.jpegxl_encode(part, lossless=True, effort=7, numthreads=1)
            for part in raised
        ]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        parts = [imagecodecs.jpegxl_decode(part, numthreads=1) for part in packed]
        return (np.stack(parts) ^ np.uint16(1 << 15)).view(np.int16)


def volume_peers() -> list[Tool]:
    return [
        Blosc("shuffle"), Blosc("bitshuffle"), Pcodec(), Zfp(), Fpzip(), Lorenzo(),
        SlicesOfJpegXL(),
    ]
