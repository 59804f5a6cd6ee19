"""Every read of docs/protocol.md in numpy, plainly: what a daemon's answers are compared with.

What always holds here:
- It works on the whole array and knows nothing of shards, but for where runs end and bounds hold.
- Arrays are [axes...][channels], channels always there; regions are (start, stop, step) per axis in
  full-resolution coordinates, steps counted in points of the level.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

Region = Sequence[tuple[int, int, int]]


def whole(array: np.ndarray) -> Region:
    return [(0, extent, 1) for extent in array.shape[:-1]]


def points_of(interval: tuple[int, int, int], level: int) -> np.ndarray:
    """Full-resolution coordinates of the points of one axis."""
    start, stop, step = interval
    unit = 1 << level
    first = start // unit * unit if step < 0 else -(-start // unit) * unit
    return np.arange(first, stop, step * unit)


def read(
    array: np.ndarray, region: Region, level: int, filter: str, bits: int, depth: int
) -> np.ndarray:
    """Samples of the region, [points...][channels]."""
    points = [points_of(interval, level) for interval in region]
    if filter == "area" and level > 0:
        samples = means(array, points, 1 << level)
    else:
        samples = array[np.ix_(*points)]
    return samples if bits in (0, depth) else planes(samples, bits, depth)


def means(array: np.ndarray, points: Sequence[np.ndarray], unit: int) -> np.ndarray:
    """Means of the cells of `unit` points per axis at `points`, cut at the end of the signal."""
    is_float = array.dtype.kind == "f"
    shape = tuple(len(axis) for axis in points) + array.shape[-1:]
    sums = np.zeros(shape, np.float64 if is_float else np.int64)
    counts = np.zeros(shape[:-1] + (1,), np.int64)
    for offset in itertools.product(range(unit), repeat=len(points)):  # C order of the cell
        at = [axis + step for axis, step in zip(points, offset)]
        there = [axis < extent for axis, extent in zip(at, array.shape)]
        target = np.ix_(*(np.flatnonzero(inside) for inside in there))
        cell = array[np.ix_(*(axis[inside] for axis, inside in zip(at, there)))]
        with np.errstate(invalid="ignore"):
            sums[target] += cell.astype(sums.dtype)
        counts[target] += 1
    with np.errstate(over="ignore", invalid="ignore"):
        if is_float:
            return (sums / counts).astype(array.dtype)
        return ((2 * sums + counts) // (2 * counts)).astype(array.dtype)


def planes(samples: np.ndarray, bits: int, depth: int) -> np.ndarray:
    """The `bits` most significant planes of samples of `depth` bits, lower ones zero."""
    mask = -(1 << (depth - bits))
    if samples.dtype.kind != "f":
        return (samples.astype(np.int64) & mask).astype(samples.dtype)
    return from_ordered(ordered(samples) & mask, samples.dtype)


def ordered(samples: np.ndarray) -> np.ndarray:
    """The bits of floats as integers in the order of the floats."""
    size = samples.dtype.itemsize
    raw = samples.view(f"<i{size}").astype(np.int64)
    return np.where(raw < 0, raw ^ ((1 << (8 * size - 1)) - 1), raw)


def from_ordered(numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    inverted = numbers ^ ((1 << (8 * dtype.itemsize - 1)) - 1)
    raw = np.where(numbers < 0, inverted, numbers)
    return raw.astype(f"<i{dtype.itemsize}").view(dtype)


def error_max(bits: int, depth: int) -> float:
    return 0.0 if bits in (0, depth) else float((1 << (depth - bits)) - 1)


# Between the points


def query(
    array: np.ndarray, points: np.ndarray, method: str, outside: str, spacing: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Values [points][channels] and gradients [points][channels][axes], both float64.

    `spacing` is 1 per axis for coordinates in grid steps. ValueError where the protocol has an
    error.
    """
    at = points / np.asarray(spacing)
    last = np.array(array.shape[:-1]) - 1
    wrong = ~((at >= 0) & (at <= last))
    if outside == "error" and wrong.any():
        raise ValueError(f"point {int(np.flatnonzero(wrong.any(axis=1))[0])} is outside")
    missing = np.isnan(at).any(axis=1) | (wrong.any(axis=1) if outside == "nan" else False)
    inside = np.clip(np.where(np.isnan(at), 0, at), 0, last)
    values, gradients = interpolated(array, inside, method)
    gradients = np.where(wrong[:, None, :], 0, gradients) / np.asarray(spacing)
    values[missing], gradients[missing] = np.nan, np.nan
    return values, gradients


def interpolated(
    array: np.ndarray, at: np.ndarray, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Values and gradients in grid steps, all coordinates inside of the grid."""
    axes = array.ndim - 1
    tables = [axis_weights(at[:, axis], array.shape[axis], method) for axis in range(axes)]
    values = np.zeros((len(at), array.shape[-1]))
    gradients = np.zeros((len(at), array.shape[-1], axes))
    with np.errstate(invalid="ignore", over="ignore"):
        for corner in itertools.product(*(range(table[0].shape[1]) for table in tables)):
            index = tuple(table[0][:, n] for table, n in zip(tables, corner))
            samples = array[index].astype(np.float64)
            plain = [table[1][:, n] for table, n in zip(tables, corner)]
            values += weighted(math_product(plain), samples)
            for axis in range(axes):
                slopes = list(plain)
                slopes[axis] = tables[axis][2][:, corner[axis]]
                gradients[:, :, axis] += weighted(math_product(slopes), samples)
    return values, gradients


def weighted(weights: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Weight times sample, with samples of weight 0 left out."""
    return np.where(weights[:, None] == 0, 0, weights[:, None] * samples)


def math_product(factors: Sequence[np.ndarray]) -> np.ndarray:
    product = np.ones_like(factors[0])
    for factor in factors:
        product = product * factor
    return product


def axis_weights(
    x: np.ndarray, extent: int, method: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices, weights and slopes [points][taps] along one axis."""
    below = np.floor(x).astype(np.int64)
    t = x - below
    if method == "nearest":
        return (below + (t >= 0.5))[:, None], np.ones((len(x), 1)), np.zeros((len(x), 1))
    if method == "linear":
        # At the last point there is no cell above: the one below it has the same value there.
        below = np.minimum(below, max(0, extent - 2))
        t = x - below
        taps = np.minimum(below[:, None] + np.arange(2), extent - 1)
        slope = 0.0 if extent == 1 else 1.0
        return taps, np.stack([1 - t, t], 1), np.tile([-slope, slope], (len(x), 1))
    taps = np.clip(below[:, None] + np.arange(-1, 3), 0, extent - 1)
    weights = [((2 - t) * t - 1) * t, (3 * t - 5) * t * t + 2, ((4 - 3 * t) * t + 1) * t]
    weights.append((t - 1) * t * t)
    slopes = [(4 - 3 * t) * t - 1, (9 * t - 10) * t, (8 - 9 * t) * t + 1, (3 * t - 2) * t]
    # Along an axis of one point nothing changes, whatever the sample is.
    return taps, np.stack(weights, 1) / 2, np.stack(slopes, 1) / 2 * (extent > 1)


# Predicates and bounds

COMPARISONS = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def shards(extents: Sequence[int], shard: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    """The boxes of all shards, in C order of the grid."""
    starts = [range(0, extent, side) for extent, side in zip(extents, shard)]
    for first in itertools.product(*starts):
        yield [(a, min(a + side, n)) for a, side, n in zip(first, shard, extents)]


def cut(box: list[tuple[int, int]], region: Region) -> list[tuple[int, int]] | None:
    """What of a box lies in a region of steps 1."""
    both = [(max(a, start), min(b, stop)) for (a, b), (start, stop, _) in zip(box, region)]
    return None if any(a >= b for a, b in both) else both


def where(
    array: np.ndarray, shard: Sequence[int], comparison: str, value: float,
    region: Region, channel: int,
) -> np.ndarray:
    """Runs, int64 [runs][axes + 1], all of them."""
    compare = COMPARISONS[comparison]
    runs: list[tuple[int, ...]] = []
    for box in shards(array.shape[:-1], shard):
        part = cut(box, region)
        if part is None:
            continue
        samples = array[(*(slice(a, b) for a, b in part), channel)]
        with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
            matches = compare(samples.astype(np.float64), value)
        for row in np.ndindex(matches.shape[:-1]):
            first = tuple(n + start for n, (start, _) in zip(row, part))
            edges = np.diff(np.concatenate([[0], matches[row].astype(np.int8), [0]]))
            for a, b in zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)):
                runs.append((*first, part[-1][0] + int(a), int(b - a)))
    return np.array(runs, np.int64).reshape(-1, array.ndim)


def bounds(array: np.ndarray, shard: Sequence[int], region: Region) -> np.ndarray:
    """float64 [shards][2 axes + 3 channels]: minimum, maximum, mean, channel after channel."""
    rows = []
    for box in shards(array.shape[:-1], shard):
        if cut(box, region) is None:
            continue
        samples = array[tuple(slice(a, b) for a, b in box)].reshape(-1, array.shape[-1])
        figures = [[f(samples[:, c]) for f in (low, high, mean)] for c in range(array.shape[-1])]
        corner, extents = [a for a, _ in box], [b - a for a, b in box]
        rows.append(corner + extents + [each for channel in figures for each in channel])
    return np.array(rows, np.float64)


def low(samples: np.ndarray) -> float:
    known = samples[~np.isnan(samples)]
    return float(known.min()) if len(known) else math.nan


def high(samples: np.ndarray) -> float:
    known = samples[~np.isnan(samples)]
    return float(known.max()) if len(known) else math.nan


def mean(samples: np.ndarray) -> float:
    if samples.dtype.kind != "f":
        return sum(map(int, samples)) / len(samples)
    known = samples[~np.isnan(samples)].astype(np.float64)
    with np.errstate(invalid="ignore"):
        return float(known.sum() / len(known)) if len(known) else math.nan
