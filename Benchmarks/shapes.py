"""Solids whose distance is known in closed form: a torus, smooth, and a box, a mesh with edges.

What always holds here:
- Coordinates are grid steps of a cube of `edge` points, slowest axis first; distances are in grid
  steps, negative inside; gradients have length 1 but on the medial axis.
- Both are tilted, so that no face or ring lies along the grid.
"""

from __future__ import annotations

import numpy as np

TILT = (0.35, 0.6, 0.25)


def rotation() -> np.ndarray:
    """Around all three axes, by TILT radians one after the other."""
    turned = np.eye(3)
    for axis, angle in enumerate(TILT):
        first, second = (other for other in range(3) if other != axis)
        one = np.eye(3)
        one[first, first] = one[second, second] = np.cos(angle)
        one[first, second], one[second, first] = -np.sin(angle), np.sin(angle)
        turned = turned @ one
    return turned


class Solid:
    name = ""

    def __init__(self, edge: int) -> None:
        self._centre = (edge - 1) / 2
        self._turn = rotation()

    def distance(self, points: np.ndarray) -> np.ndarray:
        """[points][3] to [points]."""
        return self._distance((points - self._centre) @ self._turn)

    def gradient(self, points: np.ndarray) -> np.ndarray:
        return self._gradient((points - self._centre) @ self._turn) @ self._turn.T

    def _distance(self, local: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _gradient(self, local: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class Torus(Solid):
    name = "torus"

    def __init__(self, edge: int) -> None:
        super().__init__(edge)
        self._ring, self._tube = 0.29 * edge, 0.11 * edge

    def _distance(self, local: np.ndarray) -> np.ndarray:
        around = np.hypot(local[:, 0], local[:, 1]) - self._ring
        return np.hypot(around, local[:, 2]) - self._tube

    def _gradient(self, local: np.ndarray) -> np.ndarray:
        radius = np.hypot(local[:, 0], local[:, 1])
        outwards = local[:, :2] / radius[:, None]
        around = radius - self._ring
        length = np.hypot(around, local[:, 2])
        flat = outwards * (around / length)[:, None]
        return np.concatenate([flat, (local[:, 2] / length)[:, None]], axis=1)


class Box(Solid):
    name = "box (12 triangles)"

    def __init__(self, edge: int) -> None:
        super().__init__(edge)
        self._half = np.array([0.27, 0.2, 0.13]) * edge

    def _distance(self, local: np.ndarray) -> np.ndarray:
        beyond = np.abs(local) - self._half
        outside = np.sqrt((np.maximum(beyond, 0) ** 2).sum(axis=1))
        return outside + np.minimum(beyond.max(axis=1), 0)

    def _gradient(self, local: np.ndarray) -> np.ndarray:
        beyond = np.abs(local) - self._half
        over = np.maximum(beyond, 0)
        length = np.sqrt((over**2).sum(axis=1))[:, None]
        nearest = np.eye(3)[beyond.argmax(axis=1)]
        away = np.where(length > 0, over / np.where(length > 0, length, 1), nearest)
        return away * np.sign(local)


def distances(solid: Solid, edge: int) -> np.ndarray:
    """Float32 at every grid point, rounded from float64; slab by slab."""
    field = np.empty((edge,) * 3, np.float32)
    plane = np.indices((edge, edge)).reshape(2, -1).T.astype(np.float64)
    for z in range(edge):
        points = np.concatenate([np.full((len(plane), 1), float(z)), plane], axis=1)
        field[z] = solid.distance(points).reshape(edge, edge)
    return field
