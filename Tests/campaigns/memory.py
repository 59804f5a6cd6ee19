"""A picture larger than the memory the daemon may use: put, read by region, got back.

What always holds here:
- Every row is a function of its number, so any region is checked without holding the picture.
- The daemon's peak resident memory is read from the kernel at the end of everything.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402
from PIL import Image  # noqa: E402

LIMIT_BYTES = 1 << 30
SIDES = (4, 3)


def rows(first: int, last: int, width: int) -> np.ndarray:
    """Rows first..<last: three smooth waves and three bits of noise that depend on the place."""
    y = np.arange(first, last, dtype=np.uint32)[:, None]
    x = np.arange(width, dtype=np.uint32)[None, :]
    mixed = (x * np.uint32(2654435761)) ^ (y * np.uint32(2246822519))
    noise = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(3266489917) >> np.uint32(29)
    picture = np.empty((last - first, width, 3), np.uint8)
    for channel, period in enumerate((701.0, 433.0, 997.0)):
        wave = 110 + 100 * np.sin(x / period) * np.cos(y / (period + 100))
        picture[:, :, channel] = wave.astype(np.uint8) + noise.astype(np.uint8)
    return picture


def write_png(path: Path, width: int, height: int) -> None:
    """Streams the picture into a PNG, 64 rows at a time."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    packer = zlib.compressobj(1)
    with open(path, "wb") as file:
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        for first in range(0, height, 64):
            picture = rows(first, min(height, first + 64), width)
            lines = picture.reshape(len(picture), -1)
            unfiltered = np.concatenate([np.zeros((len(lines), 1), np.uint8), lines], axis=1)
            packed = packer.compress(unfiltered.tobytes())
            if packed:
                file.write(chunk(b"IDAT", packed))
        file.write(chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b""))


def check_regions(client, width: int, height: int, count: int) -> None:
    signal, rng = client["large"], random.Random(5)
    assert signal.shape == (height, width, 3)
    for _ in range(count):
        top, left = rng.randrange(height - 1), rng.randrange(width - 1)
        bottom, right = min(height, top + 300), min(width, left + 280)
        expected = rows(top, bottom, width)[:, left:right]
        assert np.array_equal(signal[top:bottom, left:right], expected), (top, left)
    small = signal.level(4)[...]
    assert np.array_equal(small[7], rows(7 << 4, (7 << 4) + 1, width)[0, :: 1 << 4])


def check_file(path: Path, width: int, height: int) -> None:
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as picture:
        samples = np.asarray(picture)
    assert samples.shape == (height, width, 3)
    for first in range(0, height, 64):
        last = min(height, first + 64)
        assert np.array_equal(samples[first:last], rows(first, last, width)), first


def run(folder: Path, megapixels: int, verbose: bool = False) -> int:
    """The daemon's peak resident bytes after put, regions and get, all of them exact."""
    unit = (megapixels * 1e6 / (SIDES[0] * SIDES[1])) ** 0.5
    width, height = int(unit * SIDES[0]), int(unit * SIDES[1])
    source, back = folder / "large.png", folder / "back.png"
    say = print if verbose else lambda *_: None
    write_png(source, width, height)
    with Daemon(folder / "daemon") as daemon, daemon.client(timeout=None) as client:
        start = time.monotonic()
        stat = client.put_file("large", source)
        say(f"put {width} x {height} in {time.monotonic() - start:.1f} s: {stat.stored_bytes:,} B")
        check_regions(client, width, height, 20)
        start = time.monotonic()
        with open(back, "wb") as file:
            client.get_file("large", out=file)
        say(f"got it back in {time.monotonic() - start:.1f} s")
        peak = daemon.peak_resident_bytes()
    check_file(back, width, height)
    return peak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gamd-memory-") as folder:
        peak = run(Path(folder), arguments.megapixels, verbose=True)
    verdict = "ok" if peak < LIMIT_BYTES else "FAILED"
    print(f"{verdict}: peak resident memory {peak / 2**20:.0f} MiB, limit {LIMIT_BYTES >> 20} MiB")
    return 0 if peak < LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
