"""Trains the integer networks that give levels below 0: superresolution-1.weights and -2.weights.

    python Priors/train_superresolution.py TRAINING_FOLDER [--axes 1 2] [--out Priors]

What always holds here:
- Only files of the training folder are looked at, without the two pictures of Examples/, which
  tests measure on. Every second sample along each axis of a file is what is stored; those between
  are the truth.
- Seeded: the same folder, numpy and processor give the same file.
- What is minimized is the squared error relative to that of the cubic kernel, file by file.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

# Products of these sizes are slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "support"))

import imageio.v3 as imageio  # noqa: E402
import numpy as np  # noqa: E402
import soundfile  # noqa: E402
from superresolution_reference import Network, between, cubic, normalized, windows  # noqa: E402

BATCH = 2048
RATE = 3e-3
TARGET_MAX = 4.0
# Cells of files that cubic predicts nearly exactly: more of it is noise in every step.
WEIGHT_MAX = 1000.0
HELD_BACK = {"wesaturate_riaphotographs_srgb8.png", "dem_st_helens_i16.png"}


@dataclass(frozen=True)
class Recipe:
    window: int
    hidden: int
    cells: int  # per file
    steps: int
    decay: float  # of weights, per unit of the rate: sound is few and varied
    folders: tuple[str, ...]


RECIPES = {
    1: Recipe(16, 32, 40_000, 15_000, 0.5, ("audio/*.wav",)),
    2: Recipe(8, 64, 20_000, 60_000, 0.2, ("photos/*.png", "grey/*.png", "synthetic/*.png")),
    3: Recipe(4, 16, 60_000, 20_000, 0.5, ("volumes/*.npy",)),
}


def planes_of(path: Path) -> list[np.ndarray]:
    """The channels of a file as integers, without alpha; none for floats."""
    if path.suffix == ".npy":
        volume = np.load(path)
        return [] if volume.dtype.kind == "f" else [volume.astype(np.int64)]
    if path.suffix == ".wav":
        samples, _ = soundfile.read(path, dtype="int32", always_2d=True)
        shift = 16 if soundfile.info(path).subtype == "PCM_16" else 8
        return [channel >> shift for channel in samples.astype(np.int64).T]
    picture = np.asarray(imageio.imread(path)).astype(np.int64)
    if picture.ndim == 2:
        return [picture]
    return [picture[..., channel] for channel in range(picture.shape[2] - (picture.shape[2] == 4))]


def split(plane: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """What is stored, and for every cell but the last of each axis the truth between."""
    plane = plane[tuple(slice(0, extent - (extent + 1) % 2) for extent in plane.shape)]
    truths = []
    for place in between(plane.ndim):
        ends = [(half, extent - 1 + half) for half, extent in zip(place, plane.shape)]
        truths.append(plane[tuple(slice(first, end, 2) for first, end in ends)])
    return plane[(slice(None, None, 2),) * plane.ndim], truths


def turned(plane: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirrored, axes exchanged, and begun at an even or odd place, all at random."""
    plane = plane.transpose(rng.permutation(plane.ndim))
    for axis in range(plane.ndim):
        if rng.integers(2):
            plane = np.flip(plane, axis)
    return plane[tuple(slice(int(first), None) for first in rng.integers(0, 2, plane.ndim))]


def cells_of(
    plane: np.ndarray, window: int, wanted: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Inputs, targets in scales and weights of cells drawn by their scale; None if all are flat."""
    axes = plane.ndim
    stored, truths = split(turned(plane, rng))
    inner = (slice(0, -1),) * axes
    residuals = np.stack(
        [
            (truth - cubic(stored, place)[inner] / 16**axes).reshape(-1)
            for place, truth in zip(between(axes), truths)
        ],
        axis=1,
    )
    power = float((residuals**2).mean())
    if power == 0:
        return None
    numbers = np.arange(stored.size).reshape(stored.shape)[inner].reshape(-1)
    drawn = rng.choice(len(numbers), min(len(numbers), 6 * wanted), replace=False)
    inputs, sums = normalized(
        windows(stored, window)[numbers[drawn]].astype(np.int64), axes, window
    )
    drawn, inputs, sums = drawn[sums > 0], inputs[sums > 0], sums[sums > 0]
    if len(sums) == 0:
        return None
    chance = sums.astype(float) ** 1.5
    chance /= chance.sum()
    chosen = rng.choice(len(sums), min(wanted, len(sums)), p=chance)
    shift = (window**axes * 4**axes).bit_length() - 1
    scales = sums[chosen] / 2.0**shift
    targets = np.clip(residuals[drawn[chosen]] / scales[:, None], -TARGET_MAX, TARGET_MAX)
    weights = np.minimum(scales**2 / power / (chance[chosen] * len(sums)), WEIGHT_MAX)
    return inputs[chosen].astype(np.int16), targets.astype(np.float32), weights


@dataclass(frozen=True)
class Cells:
    inputs: np.ndarray  # int16 [cells][window^axes]
    targets: np.ndarray  # float32 [cells][outputs]
    weights: np.ndarray  # float32 [cells]: of files of equal error power


def gather(root: Path, axes: int, recipe: Recipe, rng: np.random.Generator) -> Cells:
    parts = []
    paths = [path for folder in recipe.folders for path in sorted(root.glob(folder))]
    paths = [path for path in paths if path.name not in HELD_BACK]
    for path in paths:
        planes = planes_of(path)
        for plane in planes:
            found = cells_of(plane, recipe.window, recipe.cells // len(planes), rng)
            if found:
                parts.append(found)
    inputs, targets, weights = (np.concatenate(column) for column in zip(*parts))
    return Cells(inputs, targets, weights.astype(np.float32))


class Training:
    """Adam on three layers, hidden units clamped as the integer ones are."""

    def __init__(self, sizes: list[int], rng: np.random.Generator) -> None:
        shapes = [s for a, b in zip(sizes[:-1], sizes[1:]) for s in ((a, b), (b,))]
        counts = [int(np.prod(shape)) for shape in shapes]
        self.flat, self.slope = (np.zeros(sum(counts), np.float32) for _ in range(2))
        ends = np.cumsum(counts)[:-1]
        self.parts = [p.reshape(s) for p, s in zip(np.split(self.flat, ends), shapes)]
        self.slopes = [p.reshape(s) for p, s in zip(np.split(self.slope, ends), shapes)]
        for matrix in self.parts[::2]:
            matrix[:] = rng.standard_normal(matrix.shape) * np.sqrt(2 / len(matrix))
        self.parts[4][:] *= 0.05
        self.mean, self.square = np.zeros_like(self.flat), np.zeros_like(self.flat)
        self.step = 0

    def errors(self, inputs: np.ndarray, targets: np.ndarray) -> list[np.ndarray]:
        """Values of every layer, the error last."""
        values = [inputs.astype(np.float32) / 256]
        for layer in range(3):
            sums = values[-1] @ self.parts[2 * layer] + self.parts[2 * layer + 1]
            values.append(np.clip(sums, 0, 32) if layer < 2 else sums - targets)
        return values

    def descend(
        self, values: list[np.ndarray], weights: np.ndarray, rate: float, decay: float
    ) -> None:
        slope = values[3] * weights[:, None] * np.float32(2 / len(weights))
        for layer in (2, 1, 0):
            np.matmul(values[layer].T, slope, out=self.slopes[2 * layer])
            self.slopes[2 * layer + 1][:] = slope.sum(0)
            if layer:
                slope = (slope @ self.parts[2 * layer].T) * (values[layer] > 0)
        self.step += 1
        self.mean += 0.1 * (self.slope - self.mean)
        self.square += 0.002 * (self.slope**2 - self.square)
        mean = self.mean / (1 - 0.9**self.step)
        square = self.square / (1 - 0.998**self.step)
        self.flat *= np.float32(1 - rate * decay)
        self.flat -= (rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)

    def limit_rows(self) -> None:
        """Keeps every sum of the quantized network below 2^31, with a tenth to spare."""
        for layer, most in enumerate((4096, 8191, 8191)):
            matrix = self.parts[2 * layer]
            sums = np.abs(matrix).sum(0) * 4096 * most
            matrix *= np.minimum(1, 0.9 * 2**31 / np.maximum(sums, 1)).astype(np.float32)


def train(
    cells: Cells, sizes: list[int], recipe: Recipe, rng: np.random.Generator
) -> Training:
    training = Training(sizes, rng)
    weights = cells.weights / cells.weights.mean()
    order, at = rng.permutation(len(weights)), 0
    before = after = 0.0
    for step in range(1, recipe.steps + 1):
        if at + BATCH > len(order):
            order, at = rng.permutation(len(weights)), 0
        chosen, at = order[at : at + BATCH], at + BATCH
        targets, weight = cells.targets[chosen], weights[chosen]
        values = training.errors(cells.inputs[chosen], targets)
        before += float((weight[:, None] * targets**2).sum())
        after += float((weight[:, None] * values[3] ** 2).sum())
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / recipe.steps)) * min(1, step / 100)
        training.descend(values, weight, rate, recipe.decay)
        if step % 100 == 0:
            training.limit_rows()
        if step % 2000 == 0:
            print(f"{step:6} gain {10 * np.log10(before / after):.3f} dB", flush=True)
            before = after = 0.0
    return training


def quantized(training: Training, axes: int, window: int) -> Network:
    matrices = [np.rint(p.T.astype(float) * 4096) for p in training.parts[::2]]
    weights = [np.clip(m, -32767, 32767).astype(np.int64) for m in matrices]
    biases = [np.rint(p.astype(float) * 2**20).astype(np.int64) for p in training.parts[1::2]]
    for layer, most in enumerate((4096, 8191, 8191)):
        sums = np.abs(weights[layer]).sum(1) * most + np.abs(biases[layer]) + 2048
        assert sums.max() < 1 << 31, f"a sum of layer {layer + 1} could overflow 32 bits"
    return Network(axes, window, tuple(weights), tuple(biases))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--axes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--out", type=Path, default=ROOT / "Priors")
    arguments = parser.parse_args()
    for axes in arguments.axes:
        recipe, rng = RECIPES[axes], np.random.default_rng(20)
        cells = gather(arguments.folder, axes, recipe, rng)
        print(f"{axes} axes: {len(cells.weights)} cells")
        sizes = [recipe.window**axes, recipe.hidden, recipe.hidden, 2**axes - 1]
        network = quantized(train(cells, sizes, recipe, rng), axes, recipe.window)
        path = arguments.out / f"superresolution-{axes}.weights"
        path.write_bytes(network.to_bytes())
        print(f"{path}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
