"""Levels below 0 in numpy: the integer super-resolution network, as Priors/README.md has it.

What always holds here:
- Integers only; right shifts are floors. Nothing is shared with the daemon but the weights' files.
- A cell belongs to every stored point; its outputs are the 2^axes - 1 points between it and the
  next ones, in C order (for two axes: right, below, diagonal).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WEIGHTS = Path(__file__).resolve().parents[2] / "Priors"
CATMULL_ROM = (-1, 9, 9, -1)  # sixteenths, half way between the inner two
INPUT_MAX = 4096
ACTIVATION_MAX = 8191
CORRECTION_MAX = 1 << 22
CELLS_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class Network:
    """Weights [out][in] at 1.0 = 4096, biases at 1.0 = 2^20."""

    axes: int
    window: int
    weights: tuple[np.ndarray, np.ndarray, np.ndarray]
    biases: tuple[np.ndarray, np.ndarray, np.ndarray]

    @property
    def scale_shift(self) -> int:
        """The scale of a cell is its sum of differences over 2^this: about their mean."""
        return (self.window**self.axes * 4**self.axes).bit_length() - 1

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """[cells][window^axes] -> [cells][outputs], 2^20 = one scale."""
        values = inputs.astype(np.int64)
        for layer in range(3):
            # Sums stay below 2^31: binary64 holds them exactly, and its product is the fast one.
            sums = values.astype(np.float64) @ self.weights[layer].T.astype(np.float64)
            values = sums.astype(np.int64) + self.biases[layer]
            if layer < 2:
                values = np.clip((values + 2048) >> 12, 0, ACTIVATION_MAX)
        return values

    def to_bytes(self) -> bytes:
        hidden, outputs = self.biases[0].size, self.biases[2].size
        head = bytes([self.axes, self.window, hidden, outputs])
        matrices = b"".join(matrix.astype("<i2").tobytes() for matrix in self.weights)
        return head + matrices + b"".join(bias.astype("<i4").tobytes() for bias in self.biases)

    @classmethod
    def from_bytes(cls, data: bytes) -> Network:
        axes, window, hidden, outputs = data[:4]
        at, weights, biases = 4, [], []
        for shape in ((hidden, window**axes), (hidden, hidden), (outputs, hidden)):
            count = shape[0] * shape[1]
            weights.append(np.frombuffer(data, "<i2", count, at).reshape(shape).astype(np.int64))
            at += 2 * count
        for count in (hidden, hidden, outputs):
            biases.append(np.frombuffer(data, "<i4", count, at).astype(np.int64))
            at += 4 * count
        assert at == len(data), "the file is longer than its network"
        return cls(axes, window, tuple(weights), tuple(biases))


def shipped(axes: int) -> Network:
    return Network.from_bytes((WEIGHTS / f"superresolution-{axes}.weights").read_bytes())


def between(axes: int) -> list[tuple[int, ...]]:
    """Where the outputs of a cell lie, in half steps from its stored point."""
    return list(itertools.product((0, 1), repeat=axes))[1:]


def windows(stored: np.ndarray, window: int) -> np.ndarray:
    """[cells][window^axes]: window / 2 - 1 samples before each point, the edge's repeated."""
    before = window // 2 - 1
    padded = np.pad(stored, [(before, window - 1 - before)] * stored.ndim, mode="edge")
    view = np.lib.stride_tricks.sliding_window_view(padded, (window,) * stored.ndim)
    return view.reshape(-1, window**stored.ndim)


def normalized(cells: np.ndarray, axes: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (256 = one scale) and the sums of differences of cells [cells][window^axes]."""
    inner = slice(window // 2 - 2, window // 2 + 2)
    middle = cells.reshape((-1,) + (window,) * axes)[(slice(None),) + (inner,) * axes]
    differences = cells * 4**axes - middle.reshape(len(cells), -1).sum(1)[:, None]
    sums = np.abs(differences).sum(1)
    shift = (window**axes * 4**axes).bit_length() - 1
    reciprocals = (1 << (48 + shift)) // np.maximum(sums, 1)
    inputs = (differences * reciprocals[:, None] + (1 << 39)) >> 40
    return np.clip(inputs, -INPUT_MAX, INPUT_MAX), sums


def cubic(stored: np.ndarray, place: tuple[int, ...]) -> np.ndarray:
    """Catmull-Rom at the half steps of `place`, in 16^-axes."""
    values = stored.astype(np.int64)
    for axis, half in enumerate(place):
        if not half:
            values = values * 16
            continue
        count = values.shape[axis]
        padded = np.pad(
            values, [(1, 2) if a == axis else (0, 0) for a in range(values.ndim)], mode="edge"
        )
        values = sum(
            weight * np.take(padded, range(tap, tap + count), axis=axis)
            for tap, weight in enumerate(CATMULL_ROM)
        )
    return values


def interleaved(stored: np.ndarray, parts: list[np.ndarray], low: int, high: int) -> np.ndarray:
    """Stored points at even places, rounded parts between, without those behind the last."""
    axes = stored.ndim
    grid = np.empty([2 * extent for extent in stored.shape], np.int64)
    grid[(slice(None, None, 2),) * axes] = stored
    for place, part in zip(between(axes), parts):
        rounded = (part + (1 << (4 * axes - 1))) >> (4 * axes)
        grid[tuple(slice(half, None, 2) for half in place)] = np.clip(rounded, low, high)
    return grid[tuple(slice(0, 2 * extent - 1) for extent in stored.shape)]


def cubic_enlarged(stored: np.ndarray, low: int, high: int) -> np.ndarray:
    stored = stored.astype(np.int64)
    parts = [cubic(stored, place) for place in between(stored.ndim)]
    return interleaved(stored, parts, low, high)


def enlarged(stored: np.ndarray, network: Network, low: int, high: int) -> np.ndarray:
    """Level -1 of one channel: 2 n - 1 points along every axis, within low ... high."""
    stored = stored.astype(np.int64)
    axes = network.axes
    cells = windows(stored, network.window)
    corrections = np.empty((len(cells), 2**axes - 1), np.int64)
    for start in range(0, len(cells), CELLS_AT_ONCE):
        part = slice(start, start + CELLS_AT_ONCE)
        inputs, sums = normalized(cells[part], axes, network.window)
        outputs = np.clip(network.outputs(inputs), -CORRECTION_MAX, CORRECTION_MAX)
        shift = 12 + network.scale_shift - 4 * axes
        corrections[part] = ((outputs >> 8) * sums[:, None]) >> shift
    parts = [
        cubic(stored, place) + corrections[:, number].reshape(stored.shape)
        for number, place in enumerate(between(axes))
    ]
    return interleaved(stored, parts, low, high)


def level(samples: np.ndarray, level: int, network: Network, bits: int) -> np.ndarray:
    """A level below 0 of stored samples, channels last where there are any."""
    signed = samples.dtype.kind == "i"
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    planes = samples.reshape(samples.shape[: network.axes] + (-1,))
    out = []
    for channel in range(planes.shape[-1]):
        plane = planes[..., channel].astype(np.int64)
        for _ in range(-level):
            plane = enlarged(plane, network, low, high)
        out.append(plane)
    stacked = np.stack(out, axis=-1).astype(samples.dtype)
    return stacked[..., 0] if samples.ndim == network.axes else stacked
