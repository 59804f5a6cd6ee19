"""A good file as the tests know it, and samples to make one from.

What always holds here: `samples` is what gamd must answer; `read` finds the samples in a file that
came back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np


@dataclass(frozen=True)
class GoodFile:
    name: str
    data: bytes
    samples: np.ndarray
    read: Callable[[bytes], np.ndarray]
    same_bytes: bool


def smooth(rng: np.random.Generator, shape: tuple[int, ...], top: int) -> np.ndarray:
    """Something picture-like: ramps and a little noise, within 0...top."""
    grid = np.indices(shape).sum(axis=0) * (top / max(1, sum(shape)))
    return np.clip(grid + rng.normal(0, top / 50, shape), 0, top).astype(np.int64)
