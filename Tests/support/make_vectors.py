#!/usr/bin/env python3
"""Writes the test vectors: signals made from formulas, encoded at every size, and their hashes.

Run it only when an unreleased format changes; vectors of a released version never change.
Usage: make_vectors.py GAMCTL FOLDER
"""

import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import png


def grid(*extents):
    return np.meshgrid(*[np.arange(n, dtype=np.float64) for n in extents], indexing="ij")


def signals(rng):
    """Names and arrays; the last axis of pictures holds channels."""
    y, x = grid(72, 90)
    plane = 120 + 60 * np.sin(x / 9 + y / 17) + 30 * np.cos(y / 5)
    tint = np.stack([plane, 0.8 * plane + 20, 255 - plane], -1) + rng.normal(0, 3, (72, 90, 3))
    yield "01-rgb8.png", np.clip(tint, 0, 255).astype(np.uint8)
    y, x = grid(100, 75)
    smooth = 20000 + 9000 * np.sin(x / 11) * np.cos(y / 23) + rng.normal(0, 150, (100, 75))
    yield "02-gray16.png", smooth.astype(np.uint16)[..., None]
    z, y, x = grid(24, 22, 20)
    ball = np.sqrt((z - 11) ** 2 + (y - 10) ** 2 + (x - 9) ** 2) - 7
    yield "03-volume-i16.npy", np.round(256 * ball + rng.normal(0, 2, ball.shape)).astype(np.int16)
    yield "04-volume-f32.npy", (ball + rng.normal(0, 1e-3, ball.shape)).astype(np.float32)
    t = np.arange(12000)
    tone = 6000 * np.sin(t / 13) + 2000 * np.sin(t / 3.1) + rng.normal(0, 90, t.size)
    yield "05-mono16.wav", tone.astype(np.int16)[:, None]
    pair = np.stack([tone[:6000], 0.7 * tone[:6000] + rng.normal(0, 40, 6000)], -1)
    yield "06-stereo16.wav", pair.astype(np.int16)
    yield "07-flat-u8.npy", np.full((50, 60), 7, np.uint8)
    yield "08-noise-u8.npy", rng.integers(0, 256, (40, 40), dtype=np.uint8)
    layers = [ball[4:] * 900 + 9000 + 50 * i for i in range(3)]
    yield "09-four-axes-u16.npy", np.stack(layers).astype(np.uint16)
    y, x = grid(300, 280)
    rings = 128 + 90 * np.sin(np.hypot(x - 140, y - 150) / 6) + rng.normal(0, 2, x.shape)
    colours = rng.integers(0, 256, (7, 4), dtype=np.uint8)
    y, x = np.meshgrid(np.arange(48), np.arange(60), indexing="ij")
    yield "11-drawing-rgba8.npy", colours[(x // 9 + y // 5) % 3 + 3 * ((x + y) % 13 == 0)]
    yield "10-shards-gray8.png", np.clip(rings, 0, 255).astype(np.uint8)[..., None]
    yield "12-gray16-lower8.png", smooth.astype(np.uint16)[..., None]
    yield "13-stereo16-lower5.wav", pair.astype(np.int16)
    yield "14-volume-f32-lower16.npy", (ball + rng.normal(0, 1e-3, ball.shape)).astype(np.float32)
    yield "15-rgb8-lower3.png", np.clip(tint, 0, 255).astype(np.uint8)


def write(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".wav":
        with wave.open(str(path), "wb") as out:
            out.setnchannels(array.shape[1])
            out.setsampwidth(2)
            out.setframerate(44100)
            out.writeframes(array.astype("<i2").tobytes())
    else:
        height, width, channels = array.shape
        writer = png.Writer(
            width, height, greyscale=channels == 1, bitdepth=8 * array.dtype.itemsize)
        with open(path, "wb") as out:
            writer.write(out, array.reshape(height, -1))


def main():
    gamctl, folder = sys.argv[1], Path(sys.argv[2])
    for old in folder.glob("*.gam"):
        old.unlink()
    lines = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, array in signals(np.random.default_rng(1)):
            source = Path(temporary) / name
            write(source, array)
            for size in "SML":
                target = folder / f"{source.stem}-{size}.gam"
                effort = 1 if size == "M" else 0
                apart = source.stem.partition("-lower")[2] or "0"
                report = subprocess.run(
                    [gamctl, "encode", source, target, "--size", size, "--json",
                     "--effort", str(effort), "--lower-bits", apart, "--plugins", "Plugins",
                     "--plugins", Path(gamctl).parent],
                    check=True, capture_output=True, text=True)
                lines.append(f"{target.name} {json.loads(report.stdout)['contentHash']}")
    (folder / "hashes.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
