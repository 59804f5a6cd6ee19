"""Index expressions: reading the planned points and indexing them equals indexing the whole."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from gamd.samples import interval_of, select


def answer(whole: np.ndarray, expression):
    """What a Signal does with `expression`, the daemon replaced by numpy."""
    selection = select(expression, whole.shape)
    return whole[np.ix_(*selection.chosen)][selection.local]


def random_item(rng: random.Random, extent: int):
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randrange(-extent, extent)
    if kind == 1:
        return np.int64(rng.randrange(-extent, extent))
    bound = lambda: rng.choice([None, rng.randint(-extent - 3, extent + 3)])  # noqa: E731
    step = rng.choice([None, 1, 2, 3, 7, -1, -2, -5])
    return slice(bound(), bound(), step)


def test_random_expressions_equal_numpy() -> None:
    seed = int(os.environ.get("GAMD_SEED", random.randrange(1 << 32)))
    rng = random.Random(seed)
    for number in range(3000):
        shape = tuple(rng.randint(1, 9) for _ in range(rng.randint(1, 5)))
        whole = np.arange(int(np.prod(shape))).reshape(shape)
        items = [random_item(rng, extent) for extent in shape[: rng.randint(0, len(shape))]]
        if rng.random() < 0.4:
            items.insert(rng.randint(0, len(items)), Ellipsis)
        if rng.random() < 0.2:
            items.insert(rng.randint(0, len(items)), None)
        expression = tuple(items) if len(items) != 1 or rng.random() < 0.5 else items[0]
        try:
            expected = whole[expression]
        except IndexError:
            with pytest.raises(IndexError):
                answer(whole, expression)
            continue
        found = answer(whole, expression)
        context = f"GAMD_SEED={seed}, case {number}: {shape}[{expression}]"
        assert np.shape(found) == np.shape(expected), context
        assert np.array_equal(found, expected), context


def test_only_the_points_touched_are_read() -> None:
    selection = select((slice(10, 2, -3), -1), (20, 5))
    assert [list(points) for points in selection.chosen] == [[10, 7, 4], [4]]


@pytest.mark.parametrize(
    ("points", "level", "interval"),
    [
        (range(0, 10), 0, (0, 10, 1)),
        (range(0, 10, 3), 0, (0, 10, 3)),
        (range(0, 9, 3), 1, (0, 13, 3)),
        (range(9, -1, -1), 0, (9, -1, -1)),
        (range(9, -1, -4), 2, (36, 3, -4)),
        (range(5, 3, -7), 0, (5, 6, 1)),
    ],
)
def test_intervals_hold_just_their_points(points: range, level: int, interval: tuple) -> None:
    assert interval_of(points, level) == interval
    start, stop, step = interval
    inside = range(start, stop, step << level)
    assert [point << level for point in points] == list(inside)


@pytest.mark.parametrize("expression", [5, -6, (0, 3), (0, 0, 0), (Ellipsis, Ellipsis)])
def test_out_of_bounds_is_an_index_error(expression) -> None:
    with pytest.raises(IndexError):
        select(expression, (5, 3))


@pytest.mark.parametrize("expression", [1.5, "a", [0, 1], np.array([0, 1]), True])
def test_masks_and_lists_are_type_errors(expression) -> None:
    with pytest.raises(TypeError):
        select(expression, (5, 3))
