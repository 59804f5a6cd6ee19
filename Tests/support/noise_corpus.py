"""What campaigns of damaged files begin with: good files, and the options they are put with.

What always holds here:
- Every format an adapter reads is among them but VDB, which has a campaign of its own.
- They are written by Pillow, cjxl or from the format's description, never by an adapter.
"""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from corpus import good_files, png_file
from good_file import smooth
from meshes import obj, ply, sphere, stl
from PIL import Image


@dataclass(frozen=True)
class NoiseFile:
    name: str
    data: bytes
    options: dict[str, str] = field(default_factory=dict)


def noise_files(folder: Path) -> list[NoiseFile]:
    """`folder` takes files that cjxl reads and writes."""
    folder.mkdir(parents=True, exist_ok=True)
    exact = [NoiseFile(file.name, file.data) for file in good_files()]
    rng = np.random.default_rng(21)
    return exact + _jpeg_xls(rng, folder) + _lossy(rng) + _meshes()


def _jpeg_xls(rng: np.random.Generator, folder: Path) -> list[NoiseFile]:
    rgb = smooth(rng, (33, 29, 3), 255).astype(np.uint8)
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    gray16 = smooth(rng, (21, 35), 65535).astype(np.uint16)
    lossless = ["-d", "0"]

    def made(name: str, png: bytes, *options: str) -> bytes:
        (folder / "in.png").write_bytes(png)
        path = folder / name
        command = ["cjxl", folder / "in.png", path, "--quiet", *options]
        subprocess.run(command, check=True, capture_output=True)
        return path.read_bytes()

    return [
        NoiseFile("rgb.jxl", made("rgb.jxl", png_file(rgb, 8), *lossless)),
        NoiseFile("opaque.jxl", made("opaque.jxl", png_file(opaque, 8), *lossless)),
        NoiseFile(
            "boxes.jxl", made("boxes.jxl", png_file(gray16, 16), *lossless, "--container=1")
        ),
        NoiseFile("lossy.jxl", made("lossy.jxl", png_file(rgb, 8), "-d", "1"), {"decoded": "1"}),
    ]


def _lossy(rng: np.random.Generator) -> list[NoiseFile]:
    image = Image.fromarray(smooth(rng, (33, 29, 3), 255).astype(np.uint8))
    alpha = image.copy()
    alpha.putalpha(Image.fromarray(smooth(rng, (33, 29), 255).astype(np.uint8)))

    def made(image: Image.Image, kind: str, **options) -> bytes:
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0"
    decoded = {"decoded": "1"}
    return [
        NoiseFile("rgb.jpg", made(image, "JPEG", quality=90, exif=exif), decoded),
        NoiseFile("gray.jpg", made(image.convert("L"), "JPEG", progressive=True), decoded),
        NoiseFile("lossy.webp", made(image, "WEBP", quality=80), decoded),
        NoiseFile("lossy-alpha.webp", made(alpha, "WEBP", quality=80, exif=exif), decoded),
    ]


def _meshes() -> list[NoiseFile]:
    ball = sphere(2.5, 1)
    options = {"resolution": "12"}
    return [
        NoiseFile(f"ball.{write.__name__}", write(*ball), options) for write in (obj, ply, stl)
    ]
