"""What the daemon answers, where that is more than one array.

What always holds here:
- Arrays are C order, little endian, and belong to the result unless they lie in a pool.
- `error_max` is the protocol's promise: no value is further than that from the exact one; 0 is
  exact. `is_estimate` tells that no bound is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import GamError, PartialError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """Samples of a region: one axis per axis of the signal, channels last if there are several."""

    values: Array
    error_max: float = 0.0
    is_estimate: bool = False
    depth: int = 0  # bits that the signal keeps per sample


@dataclass(frozen=True)
class QueryResult:
    """Values between the grid points, float64.

    `values` has the shape of the points without their last axis, channels last if there are
    several; `gradients` adds one axis for the components, per unit of the coordinates.
    """

    values: Array
    gradients: Array | None = None
    error_max: float = 0.0
    is_estimate: bool = False
    shards: int = 0
    recalled: int = 0


@dataclass(frozen=True)
class Closest:
    """Points of a surface near the coordinates asked for; NaN where none was found."""

    points: Array
    distances_left: Array


@dataclass(frozen=True)
class Rays:
    """Where rays meet a surface first: the way from the origin, and the point; NaN for a miss."""

    ways: Array
    points: Array
    distances_left: Array

    @property
    def hits(self) -> Array:
        return ~np.isnan(self.ways)


@dataclass(frozen=True)
class Runs:
    """Points that match, as runs along the last axis; int64, full-resolution coordinates."""

    starts: Array  # [runs][axes]
    lengths: Array  # [runs]
    matches: int
    is_cut: bool
    shards: int
    recalled: int
    extents: tuple[int, ...]

    def coordinates(self) -> Array:
        """[matches][axes]: every matching point, in the order of the runs."""
        self._check_whole()
        repeated = np.repeat(self.starts, self.lengths, axis=0)
        before = np.cumsum(self.lengths) - self.lengths
        repeated[:, -1] += np.arange(len(repeated)) - np.repeat(before, self.lengths)
        return repeated

    def mask(self) -> Array:
        """A bool for every point of the signal."""
        found = np.zeros(self.extents, bool)
        found[tuple(self.coordinates().T)] = True
        return found

    def _check_whole(self) -> None:
        if self.is_cut:
            raise PartialError(
                f"only the first {len(self.lengths)} runs of {self.matches} matching points came: "
                "ask for more with runs_max, or for a smaller region"
            )


@dataclass(frozen=True)
class ShardBounds:
    """What is known of whole shards, or cells; none is recalled where the store keeps it."""

    starts: Array  # int64 [shards][axes]
    extents: Array  # int64 [shards][axes]
    minimum: Array  # float64 [shards][channels]
    maximum: Array
    mean: Array
    recalled: int = 0  # of the shards: those whose bounds an older store did not keep


class ManyFailedError(PartialError):
    """Items of a read_many failed: `failures` by number; of a list, `values` of the others."""

    def __init__(self, failures: dict[int, GamError], values: list[Array | None]) -> None:
        number, first = next(iter(failures.items()))
        text = f"{len(failures)} of the items failed, first item {number}: {first}"
        super().__init__(text, key=first.key)
        self.failures = failures
        self.values = values
