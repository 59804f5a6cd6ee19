"""One class per codec: how it is called, what it takes, how its output is checked.

What always holds here:
- Every tool uses one thread and its strongest setting that people use in practice.
- `packed` is the file whose size counts; `decode` writes uncompressed samples beside it.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import numpy as np
from gamd_process import BINARIES, PLUGIN_MANIFESTS
from readers import wav_sound

PLUGINS = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]


class Tool:
    """A codec on files in a scratch folder."""

    is_ours = False

    name = ""
    packed_suffix = ""
    plain_suffix = ""

    def takes(self, path: Path, samples: np.ndarray) -> bool:
        raise NotImplementedError

    def encode_command(self, path: Path, packed: Path) -> list:
        raise NotImplementedError

    def decode_command(self, packed: Path, plain: Path) -> list:
        raise NotImplementedError

    def is_exact(self, folder: Path, path: Path, samples: np.ndarray) -> bool:
        raise NotImplementedError

    def packed(self, folder: Path) -> Path:
        return folder / f"{self.file_stem}{self.packed_suffix}"

    def plain(self, folder: Path) -> Path:
        return folder / f"{self.file_stem}-plain{self.plain_suffix}"

    @property
    def file_stem(self) -> str:
        return self.name.replace(" ", "-")

    def encode(self, path: Path, folder: Path) -> float:
        return timed(self.encode_command(path, self.packed(folder)))

    def decode(self, folder: Path) -> float:
        return timed(self.decode_command(self.packed(folder), self.plain(folder)))


def timed(command: list) -> float:
    start = time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
    return seconds


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


class GamFile(Tool):
    """Ours, without the daemon: file <-> .gam through the adapters."""

    is_ours = True
    packed_suffix = ".gam"
    plain_suffix = ".raw"

    def __init__(self, size: str, effort: int) -> None:
        self.size, self.effort = size, effort
        self.name = f"gam {size}" + (f" effort {effort}" if effort else "")

    def takes(self, path: Path, samples: np.ndarray) -> bool:
        return True

    def encode_command(self, path: Path, packed: Path) -> list:
        options = ["--size", self.size, "--effort", self.effort, "--threads", 1]
        return [BINARIES / "gamctl", "encode", path, packed, *options, *PLUGINS]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return [BINARIES / "gamctl", "decode", packed, plain, "--raw", "--threads", 1, *PLUGINS]

    def is_exact(self, folder: Path, path: Path, samples: np.ndarray) -> bool:
        return self.plain(folder).read_bytes() == np.ascontiguousarray(samples).tobytes()


class JpegXL(Tool):
    name = "JPEG XL e7"
    packed_suffix = ".jxl"
    plain_suffix = ".ppm"

    def takes(self, path: Path, samples: np.ndarray) -> bool:
        return path.suffix == ".png"

    def encode_command(self, path: Path, packed: Path) -> list:
        return ["cjxl", path, packed, "-d", "0", "-e", "7", "--num_threads=0", "--quiet"]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["djxl", packed, plain, "--num_threads=1", "--quiet"]

    def is_exact(self, folder: Path, path: Path, samples: np.ndarray) -> bool:
        return as_shown(netpbm_samples(self.plain(folder)), path, samples)


class WebP(Tool):
    name = "WebP m6"
    packed_suffix = ".webp"
    plain_suffix = ".pam"

    def takes(self, path: Path, samples: np.ndarray) -> bool:
        return path.suffix == ".png" and samples.dtype == np.uint8

    def encode_command(self, path: Path, packed: Path) -> list:
        return ["cwebp", "-quiet", "-lossless", "-exact", "-m", "6", path, "-o", packed]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["dwebp", "-quiet", packed, "-pam", "-o", plain]

    def is_exact(self, folder: Path, path: Path, samples: np.ndarray) -> bool:
        return as_shown(netpbm_samples(self.plain(folder)), path, samples)


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


class Flac(Tool):
    name = "FLAC -8"
    packed_suffix = ".flac"
    plain_suffix = ".wav"

    def takes(self, path: Path, samples: np.ndarray) -> bool:
        return path.suffix == ".wav" and samples.dtype.kind != "f"

    def encode_command(self, path: Path, packed: Path) -> list:
        return ["flac", "-s", "-f", "-8", "--no-padding", path, "-o", packed]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["flac", "-s", "-f", "-d", packed, "-o", plain]

    def is_exact(self, folder: Path, path: Path, samples: np.ndarray) -> bool:
        return np.array_equal(wav_sound(self.plain(folder).read_bytes()).samples, samples)


class Blosc(Tool):
    """zstd level 9 behind a byte or bit shuffle, the whole array as one buffer."""

    packed_suffix = ".blosc2"

    def __init__(self, filter_name: str) -> None:
        self.filter_name = filter_name
        self.name = f"Blosc2 zstd {filter_name}"

    def takes(self, path: Path, samples: np.ndarray) -> bool:
        return path.suffix == ".npy"

    def encode(self, path: Path, folder: Path) -> float:
        import blosc2

        start = time.perf_counter()
        samples = np.ascontiguousarray(np.load(path))
        packed = blosc2.compress2(
            samples,
            codec=blosc2.Codec.ZSTD,
            clevel=9,
            filters=[blosc2.Filter[self.filter_name.upper()]],
            typesize=samples.itemsize,
            nthreads=1,
        )
        self.packed(folder).write_bytes(packed)
        return time.perf_counter() - start

    def decode(self, folder: Path) -> float:
        import blosc2

        start = time.perf_counter()
        plain = blosc2.decompress2(self.packed(folder).read_bytes(), nthreads=1)
        self.plain(folder).write_bytes(plain)
        return time.perf_counter() - start

    def is_exact(self, folder: Path, path: Path, samples: np.ndarray) -> bool:
        return self.plain(folder).read_bytes() == np.ascontiguousarray(samples).tobytes()


def peers() -> list[Tool]:
    return [JpegXL(), WebP(), Flac(), Blosc("shuffle"), Blosc("bitshuffle")]
