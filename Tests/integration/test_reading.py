"""The arithmetic that the reading benchmark judges answers by. Nothing is timed here."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from gamd_process import ROOT

sys.path.insert(0, str(ROOT / "Benchmarks"))

from reading_expected import every_eighth, linear, means, most_significant  # noqa: E402
from shapes import Box, Solid, Torus, distances  # noqa: E402


@pytest.mark.parametrize("solid", [Torus(64), Box(64)], ids=lambda solid: solid.name)
def test_distances_have_slope_one_and_end_on_the_surface(solid: Solid) -> None:
    points = np.random.default_rng(1).uniform(0, 63, (5000, 3))
    found, slopes = solid.distance(points), solid.gradient(points)
    assert np.allclose(np.linalg.norm(slopes, axis=1), 1)
    surface = points - found[:, None] * slopes
    assert np.abs(solid.distance(surface)).max() < 1e-9
    step = 1e-6
    for axis in range(3):
        moved = points + step * np.eye(3)[axis]
        slope = (solid.distance(moved) - found) / step
        assert np.median(np.abs(slope - slopes[:, axis])) < 1e-5


def test_fields_hold_the_distances_of_their_points() -> None:
    field, solid = distances(Torus(20), 20), Torus(20)
    assert field[3, 7, 11] == np.float32(solid.distance(np.array([[3.0, 7.0, 11.0]]))[0])
    assert (field < 0).any() and (field > 0).any()


def test_linear_weights_the_corners_around() -> None:
    samples = np.arange(12.0).reshape(3, 4) ** 2

    def gather(places: np.ndarray) -> np.ndarray:
        return samples[places[..., 0], places[..., 1]]

    points = np.array([[0, 0], [2, 3], [0.5, 0], [1.25, 2.5]])
    found = linear(points, samples.shape, gather)[:, 0]
    low, high = samples[1, 2:].mean(), samples[2, 2:].mean()
    assert np.allclose(found, [0, 121, 8, 0.75 * low + 0.25 * high])


def test_upper_bits_lie_below_and_near() -> None:
    rng = np.random.default_rng(2)
    for dtype in (np.uint8, np.int16):
        limits = np.iinfo(dtype)
        samples = rng.integers(limits.min, limits.max, 1000, dtype, endpoint=True)
        off = samples.astype(int) - most_significant(samples, 3)
        assert 0 <= off.min() < off.max() < 1 << (limits.bits - 3)
    samples = rng.normal(0, 1e3, 1000).astype(np.float32)
    cut = most_significant(samples, 16)
    assert (cut <= samples).all() and np.allclose(cut, samples, rtol=2**-6)
    assert np.array_equal(most_significant(samples, 32), samples)


def test_means_are_those_of_cut_cells_too() -> None:
    samples = np.random.default_rng(3).integers(-9, 9, (17, 10, 2)).astype(np.int16)
    found = means(samples, axes=2)
    assert found.shape == (3, 2, 2) == every_eighth(samples, 2).shape
    for y, x in np.ndindex(3, 2):
        cell = samples[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].reshape(-1, 2)
        assert np.array_equal(found[y, x], np.floor(cell.mean(axis=0) + 0.5))
    floats = samples.astype(np.float32)
    assert np.allclose(means(floats, axes=2)[0, 0], floats[:8, :8].mean(axis=(0, 1)))
