"""Fields of meshes: distances and signs beside formulas, and what is refused.

What always holds here: the outlines used have an inside that can be told without a mesh.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from gamd_process import Daemon
from meshes import ply, prism, sphere, with_polygons

from gamd import BadInputError, Client, TooLargeError

OPTIONS = {"resolution": "16"}
POINTS, FACES = sphere(2.5, 2)


# Faces of many corners

OUTLINES = {
    "square": [(0, 0), (4, 0), (4, 4), (0, 4)],
    "comb": [(0, 0), (7, 0), (7, 3), (6, 3), (6, 1), (4, 1), (4, 3), (3, 3), (3, 1), (1, 1), (1, 3),
             (0, 3)],
    "collinear": [(0, 0), (1, 0), (2, 0), (4, 0), (4, 1), (4, 4), (2, 4), (2, 2), (0, 2), (0, 1)],
    "spiral": [(0, 0), (5, 0), (5, 5), (1, 5), (1, 2), (3, 2), (3, 3), (2, 3), (2, 4), (4, 4),
               (4, 1), (0, 1)],
}  # fmt: skip


def distance(outline: list[tuple[int, int]], places: np.ndarray) -> np.ndarray:
    """Of places in the plane to the outline, negative inside (even-odd rule)."""
    nearest = np.full(len(places), np.inf)
    inside = np.zeros(len(places), bool)
    for (ax, ay), (bx, by) in zip(outline, outline[1:] + outline[:1], strict=True):
        a, b = np.array([ax, ay], float), np.array([bx, by], float)
        along = np.clip((places - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(places - a - along[:, None] * (b - a), axis=1))
        if ay != by:
            crosses = (places[:, 1] >= min(ay, by)) & (places[:, 1] < max(ay, by))
            at = ax + (places[:, 1] - ay) * (bx - ax) / (by - ay)
            inside ^= crosses & (places[:, 0] < at)
    return np.where(inside, -nearest, nearest)


@pytest.mark.parametrize("kind", ["ply", "obj"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("field", ["band", "full"])
def test_faces_of_many_corners(
    client: Client, kind: str, axis: int, name: str, field: str
) -> None:
    """Distances are exact, at concave edges and corners too, in a band and everywhere."""
    outline = OUTLINES[name]
    data = with_polygons(kind, *prism(outline, axis))
    options = {"resolution": "40", "field": field}
    stat = client.put_bytes("mesh", data, file_name=f"a.{kind}", options=options)
    values = client.read("mesh")
    voxel = stat.description.axes[0].spacing
    margin = 2 if field == "band" else 4  # voxels of the box before the mesh, which begins at 0
    grid = np.roll((np.indices(values.shape).reshape(3, -1).T - margin) * voxel, -axis, axis=1)
    beside = distance(outline, grid[:, :2])
    above = np.maximum(grid[:, 2] - 2, -grid[:, 2])
    outside = np.hypot(np.maximum(beside, 0), np.maximum(above, 0))
    truth = outside + np.minimum(np.maximum(beside, above), 0)
    near = np.abs(truth) < 2.999 * voxel if field == "band" else np.ones(len(truth), bool)
    assert near.sum() > 5000
    assert np.abs(values.ravel() - truth)[near].max() < 3e-6 * voxel
    far = np.sign(truth[~near]) * np.float32(3 * voxel)
    assert np.allclose(values.ravel()[~near], far, rtol=1e-6)


def test_a_face_of_very_many_corners_is_refused_in_time(client: Client) -> None:
    """A star's cap: every corner looks at every other one, again and again."""
    rng = np.random.default_rng(5)
    angles = np.sort(rng.random(40_000)) * 2 * np.pi
    radii = 1 + 0.9 * rng.random(len(angles))
    star = list(zip(radii * np.cos(angles), radii * np.sin(angles), strict=True))
    start = time.monotonic()
    with pytest.raises(TooLargeError, match="too many corners"):
        client.put_bytes(
            "mesh", with_polygons("ply", *prism(star, 0)), file_name="a.ply", options=OPTIONS
        )
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("field", ["band", "full"])
@pytest.mark.parametrize(
    ("scale", "shift", "expected"),
    [(0, 0, "no size"), (1e-4, 0, "smaller unit"), (1e37, 0, "no floats"), (1, 4e7, "too far")],
)
def test_a_mesh_beyond_all_numbers_is_refused(
    client: Client, field: str, scale: float, shift: float, expected: str
) -> None:
    data = ply(POINTS * scale + shift, FACES)
    with pytest.raises(BadInputError, match=expected):
        options = {"resolution": "256", "field": field}
        client.put_bytes("mesh", data, file_name="a.ply", options=options)


@pytest.mark.parametrize("scale", [1e-3, 1e30])
def test_a_small_and_a_large_mesh_have_the_same_shape(client: Client, scale: float) -> None:
    """Powers of two would give the same bits; these give the same signs and nearly the same."""
    options = {"resolution": "24", "field": "full"}
    fields = []
    for size in (1.0, scale):
        client.put_bytes("mesh", ply(POINTS * size, FACES), file_name="a.ply", options=options)
        fields.append(client.read("mesh").astype(np.float64) / size)
    assert np.allclose(fields[0], fields[1], rtol=0, atol=1e-6)


def test_a_mesh_that_takes_too_long_is_nobodys_fault(tmp_path: Path) -> None:
    """Thousands of pieces through each other: the plugin gives up by itself, and is not blamed."""
    corners = np.random.default_rng(6).random((3000, 4, 3))
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
    each = 4 * np.arange(len(corners))[:, None, None]
    data = ply(corners.reshape(-1, 3), (faces + each).reshape(-1, 3))
    config = "[plugins]\nseconds_max = 2\nfaults_max = 1\n"
    with Daemon(tmp_path / "daemon", config=config) as daemon, daemon.client() as client:
        start = time.monotonic()
        with pytest.raises(TooLargeError, match="longer than the 2 s.*seconds_max"):
            client.put_bytes("mesh", data, file_name="a.ply", options={"resolution": "256"})
        assert time.monotonic() - start < 10
        client.put_bytes("mesh", ply(POINTS, FACES), file_name="a.ply", options=OPTIONS)


# Several surfaces


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> np.ndarray:
    """Triangles of corners; they look outward."""
    (a, b, c), (d, e, f) = low, high
    points, faces = prism([(a, b), (d, b), (d, e), (a, e)], 0)
    points[:, 2] = np.where(points[:, 2] > 0, f, c)
    return np.array([points[[face[0], face[k], face[k + 1]]] for face in faces for k in (1, 2)])


def box_distance(places: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    beside = np.maximum(low - places, places - high)
    return np.linalg.norm(np.maximum(beside, 0), axis=1) + np.minimum(beside.max(axis=1), 0)


BOXES = {
    "cavity": ([(0, 0, 0), (1, 1, 1)], [(0.3, 0.35, 0.4), (0.7, 0.65, 0.6)], True),
    "small cavity": ([(0, 0, 0), (1, 1, 1)], [(0.45, 0.47, 0.44), (0.55, 0.52, 0.53)], True),
    "side by side": ([(0, 0, 0), (1, 1, 1)], [(1.02, 0.2, 0), (1.5, 0.7, 0.9)], False),
    "a wall apart": ([(0, 0, 0), (1, 1, 1)], [(1.1, 0.2, 0), (1.5, 0.3, 0.1)], False),
    "far apart": ([(0, 0, 0), (0.2, 0.2, 0.2)], [(2, 2, 2), (2.3, 2.2, 2.1)], False),
}


@pytest.mark.parametrize("name", BOXES)
@pytest.mark.parametrize("options", [{}, {"band": "6"}, {"field": "full"}], ids=str)
def test_two_boxes(client: Client, name: str, options: dict[str, str]) -> None:
    """Neither a cavity nor a gap narrower than a voxel is lost."""
    outer, inner, is_cavity = BOXES[name]
    second = box(inner[0], inner[1])
    corners = np.concatenate([box(*outer), second[:, ::-1] if is_cavity else second])
    faces = np.arange(3 * len(corners)).reshape(-1, 3)
    data = ply(corners.reshape(-1, 3), faces)
    options = {"resolution": "24", **options}
    stat = client.put_bytes("mesh", data, file_name="a.ply", options=options)
    values = client.read("mesh")
    voxel = stat.description.axes[0].spacing
    band = int(options.get("band", 3))
    margin = band + 1 if "field" in options else band - 1
    grid = (np.indices(values.shape).reshape(3, -1).T - margin) * voxel
    first = box_distance(grid, *np.array(outer, np.float32))
    other = box_distance(grid, *np.array(inner, np.float32))
    truth = np.maximum(first, -other) if is_cavity else np.minimum(first, other)
    nearest = np.minimum(np.abs(first), np.abs(other))
    truth = np.copysign(nearest, np.where(np.abs(truth) < 1e-6, values.ravel(), truth))
    if "field" not in options:
        truth = np.clip(truth, -band * voxel, band * voxel)
    assert np.abs(values.ravel() - truth).max() < 1e-5 * voxel


def test_a_wide_band_that_needs_too_much_memory_is_refused(client: Client) -> None:
    """OpenVDB's own conversion ended the worker where memory ended."""
    corners = box((0, 0, 0), (1, 1, 1))
    data = ply(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))
    for resolution, band in [("1000", "256"), ("2000", "100")]:
        options = {"resolution": resolution, "band": band}
        with pytest.raises(TooLargeError):
            client.put_bytes("mesh", data, file_name="a.ply", options=options)
