"""Makes the files of this folder from their sources: make_examples.py TRAINING_FOLDER

What always holds here:
- The output depends on the sources alone: run it twice and the bytes are the same.
- The distance volume needs no source: it is computed from its formula.
"""

from __future__ import annotations

import shutil
import sys
import wave
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
CLIP_SECONDS = 2.0
VOLUME_POINTS = 48
BLEND_RADIUS = 0.12


def copy_pictures(source: Path) -> None:
    shutil.copyfile(source / "photos/wesaturate_riaphotographs_srgb8.png", FOLDER / "photo.png")
    shutil.copyfile(source / "grey/dem_st_helens_i16.png", FOLDER / "elevation.png")


def cut_clip(source: Path) -> None:
    with wave.open(str(source / "audio/music_loop_safari.wav")) as whole:
        parameters = whole.getparams()
        frames = whole.readframes(int(CLIP_SECONDS * parameters.framerate))
    with wave.open(str(FOLDER / "clip.wav"), "wb") as clip:
        clip.setparams(parameters)
        clip.writeframes(frames)


def torus_and_ball(points: int) -> np.ndarray:
    """Signed distance of a tilted torus blended with a ball, negative inside; axes z, y, x."""
    line = np.linspace(-1, 1, points)
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    angle = 0.6
    y, z = np.cos(angle) * y - np.sin(angle) * z, np.sin(angle) * y + np.cos(angle) * z
    torus = np.hypot(np.hypot(x, y) - 0.55, z) - 0.18
    ball = np.sqrt((x - 0.45) ** 2 + y**2 + (z - 0.2) ** 2) - 0.3
    h = np.clip(0.5 + 0.5 * (ball - torus) / BLEND_RADIUS, 0, 1)
    blended = ball + (torus - ball) * h - BLEND_RADIUS * h * (1 - h)
    return blended.astype(np.float32)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: make_examples.py TRAINING_FOLDER")
    source = Path(sys.argv[1])
    copy_pictures(source)
    cut_clip(source)
    np.save(FOLDER / "torus.npy", torus_and_ball(VOLUME_POINTS))


if __name__ == "__main__":
    main()
