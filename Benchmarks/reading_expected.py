"""What must come back from each way of reading, computed from the samples themselves.

What always holds here:
- Samples are [axes][channels]; nothing here knows a store.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

LEVEL = 3
STEP = 1 << LEVEL


def every_eighth(samples: np.ndarray, axes: int) -> np.ndarray:
    return samples[(slice(None, None, STEP),) * axes]


def linear(
    points: np.ndarray, extents: tuple[int, ...], gather: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Multilinear; `gather` gives samples of [corners][points][axes], the first corner lowest."""
    lowest = np.clip(np.floor(points), 0, np.array(extents) - 2).astype(np.int64)
    part = points - lowest
    corners = np.array(list(itertools.product((0, 1), repeat=len(extents))))
    weights = np.where(corners[:, None, :], part, 1 - part).prod(axis=2)
    values = gather(lowest + corners[:, None, :])
    return (weights[..., None] * values.reshape(*weights.shape, -1)).sum(axis=0)


def most_significant(samples: np.ndarray, bits: int) -> np.ndarray:
    """The upper planes; those of floats are of their bits as ordered integers."""
    depth = 8 * samples.dtype.itemsize
    low = (1 << (depth - bits)) - 1
    if samples.dtype.kind == "u":
        return samples & samples.dtype.type((1 << depth) - 1 - low)
    if samples.dtype.kind == "i":
        return samples & samples.dtype.type(~low)
    whole = samples.view(np.dtype(f"i{samples.dtype.itemsize}"))
    rest = np.iinfo(whole.dtype).max
    ordered = (whole ^ np.where(whole < 0, rest, 0).astype(whole.dtype)) & whole.dtype.type(~low)
    return (ordered ^ np.where(ordered < 0, rest, 0).astype(whole.dtype)).view(samples.dtype)


def means(samples: np.ndarray, axes: int) -> np.ndarray:
    """Of cells of 8 points along every axis, as the protocol tells; band by band."""
    bands = [
        _band_means(np.asarray(samples[start : start + STEP]), axes)
        for start in range(0, len(samples), STEP)
    ] if axes > 1 else [_band_means(samples, axes)]
    return np.concatenate(bands)


def _band_means(band: np.ndarray, axes: int) -> np.ndarray:
    is_float = band.dtype.kind == "f"
    sums = band.astype(np.float64 if is_float else np.int64)
    count = np.ones((1,) * band.ndim, np.int64)
    for axis in range(axes):
        starts = np.arange(0, band.shape[axis], STEP)
        sums = np.add.reduceat(sums, starts, axis=axis)
        here = np.diff(np.append(starts, band.shape[axis]))
        count = count * here.reshape([-1 if n == axis else 1 for n in range(band.ndim)])
    if is_float:
        return (sums / count).astype(band.dtype)
    return ((2 * sums + count) // (2 * count)).astype(band.dtype)
