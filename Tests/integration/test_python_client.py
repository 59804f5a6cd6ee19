"""The Python package against the real daemon: its own tests again, and what only a daemon can show.

What always holds here:
- Distances are those of spheres, which have formulas.
"""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from gamd_process import ROOT, Daemon

from gamd import AsyncClient, Client, Pool, ReadItem, TimedOutError, UsageError

MODULES = ["views", "many", "async", "zarr", "torch", "fsspec", "xarray", "napari"]
CENTER, RADIUS, SPACING = np.array([24.5, 21.0, 19.5]), 9.0, np.array([0.5, 0.5, 0.5])


def test_the_packages_tests_pass_against_the_real_daemon(daemon: Daemon) -> None:
    files = [f"Python/tests/test_{module}.py" for module in MODULES]
    environment = {**os.environ, "GAMD_TEST_SOCKET": str(daemon.socket)}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", *files]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:]
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("SKIPPED")))


@pytest.fixture
def ball(client: Client):
    """Distances from a sphere, in units of half a grid step."""
    index = np.indices((48, 44, 40)).transpose(1, 2, 3, 0)
    distance = np.linalg.norm((index - CENTER) * SPACING, axis=-1) - RADIUS * SPACING[0]
    client.put("ball", distance.astype(np.float32), kind="sdf", spacing=SPACING)
    return client["ball"]


def test_inside_is_where_the_distance_is_below_0(ball) -> None:
    points = np.random.default_rng(1).uniform(0, 39, (5000, 3))
    distance = np.linalg.norm(points - CENTER, axis=1) - RADIUS
    clear = np.abs(distance) > 0.1
    assert np.array_equal(ball.inside(points)[clear], distance[clear] < 0)
    assert np.array_equal(ball.inside(points * SPACING, world=True), ball.inside(points))


def test_closest_points_lie_on_the_surface(ball) -> None:
    points = CENTER + np.random.default_rng(2).normal(0, 7, (500, 3))
    points = np.clip(points, 2, 37)
    found = ball.closest(points)
    known = ~np.isnan(found.distances_left)
    assert known.mean() > 0.95
    away = np.linalg.norm(found.points[known] - CENTER, axis=1) - RADIUS
    assert np.abs(away).max() < 0.1, "grid steps from the sphere"
    toward = np.linalg.norm(points - CENTER, axis=1)
    expected = CENTER + (points - CENTER) * (RADIUS / toward)[:, None]
    far = known & (toward > 4)  # from near the center every direction is as good
    assert np.linalg.norm(found.points - expected, axis=1)[far].max() < 1


def test_rays_meet_the_sphere_where_they_should(ball) -> None:
    generator = np.random.default_rng(3)
    targets = CENTER + generator.normal(0, 2, (300, 3))
    origins = CENTER + 15 * (direction := generator.normal(0, 1, (300, 3))) / np.linalg.norm(
        direction, axis=1, keepdims=True
    )
    way = targets - origins
    unit = way / np.linalg.norm(way, axis=1, keepdims=True)
    toward = ((CENTER - origins) * unit).sum(axis=1)
    beside = ((origins + unit * toward[:, None] - CENTER) ** 2).sum(axis=1)
    expected = toward - np.sqrt(RADIUS**2 - beside)
    found = ball.rays(origins, way)
    assert found.hits.all()
    assert np.abs(found.ways - expected).max() < 0.2
    assert np.allclose(np.linalg.norm(found.points - CENTER, axis=1), RADIUS, atol=0.1)
    world = ball.rays(origins * SPACING, way, world=True)
    assert np.allclose(world.ways, found.ways * SPACING[0], atol=1e-3)
    assert not ball.rays(origins, -way).hits.any(), "away from it"
    assert not ball.rays(origins, way, reach=1.0).hits.any()


def test_integers_are_distances_with_a_scale(client: Client, ball) -> None:
    hundredths = np.round(np.asarray(ball) * 100).astype(np.int16)
    client.put("hundredths", hundredths, spacing=SPACING)
    scaled, origin, way = client["hundredths"], [[24.5, 21.0, 1.0]], [[0, 0, 1.0]]
    expected = ball.rays(origin, way).ways
    assert np.allclose(scaled.rays(origin, way, scale=0.01).ways, expected, atol=0.03)
    near = scaled.closest([[24.5, 21.0, 8.0]], scale=0.01)
    assert np.allclose(near.points, ball.closest([[24.5, 21.0, 8.0]]).points, atol=0.05)


def test_the_bound_of_a_distance_holds(ball) -> None:
    points = np.random.default_rng(4).uniform(0, 39, (2000, 3))
    found = ball.query(points)
    distance = (np.linalg.norm(points - CENTER, axis=1) - RADIUS) * SPACING[0]
    assert 0 < found.error_max < 1
    assert np.abs(found.values - distance).max() <= found.error_max


def test_world_gradients_are_unit_normals(ball) -> None:
    points = (CENTER + np.array([[12.0, 0, 0], [0, 11, 3], [-5, 8, 8]])) * SPACING
    found = ball.at_world(points, method="cubic", gradient=True)
    normals = (points / SPACING - CENTER) / np.linalg.norm(
        points / SPACING - CENTER, axis=1, keepdims=True
    )
    assert np.allclose(found.gradients, normals, atol=0.01)


def test_questions_about_distances_need_one_channel(client: Client) -> None:
    client.put("colors", np.zeros((5, 5, 3), np.uint8), channels_last=True)
    with pytest.raises(UsageError, match="one channel"):
        client["colors"].inside([[1, 1]])


def test_a_region_comes_as_a_file(client: Client) -> None:
    picture = np.arange(90 * 70, dtype=np.uint16).reshape(90, 70)
    client.put("picture", picture, kind="image")
    data = client.get_file("picture", format="tiff", region=[(10, 50, 2), (5, 70)])
    assert np.array_equal(tifffile.imread(io.BytesIO(data)), picture[10:50:2, 5:])
    data = client.get_file("picture", format="npy", level=1)
    assert np.array_equal(np.load(io.BytesIO(data)), picture[::2, ::2])
    with pytest.raises(UsageError, match="format"):
        client.get_file("picture", level=1)


def test_thousands_of_items_into_one_pool(client: Client) -> None:
    array = np.random.default_rng(5).integers(0, 256, (600, 500)).astype(np.uint8)
    client.put("many", array, shard_extents=(64, 64))
    corners = np.random.default_rng(6).integers(0, 480, (5000, 2))
    items = [
        ReadItem("many", [(a, a + 16), (b, b + 16)], pool_offset=256 * number)
        for number, (a, b) in enumerate(corners.tolist())
    ]
    with Pool(256 * len(items)) as pool:
        found = client.read_many(items, pool=pool)
        batch = pool.array(0, (5000, 16, 16), np.uint8)
        for number, (a, b) in enumerate(corners):
            assert np.array_equal(batch[number], array[a : a + 16, b : b + 16])
            assert np.shares_memory(found[number], batch)


def test_tasks_that_are_cancelled_leave_a_connection_that_works(daemon: Daemon) -> None:
    array = np.random.default_rng(7).integers(0, 256, (2000, 2000)).astype(np.uint8)

    async def work() -> None:
        async with AsyncClient(daemon.socket) as client:
            await client.put("long", array, size="S")
            for wait in (0, 0.001, 0.01, 0.05):
                tasks = [asyncio.create_task(client.read("long")) for _ in range(6)]
                await asyncio.sleep(wait)
                for task in tasks[1:]:
                    task.cancel()
                done = await asyncio.gather(*tasks, return_exceptions=True)
                assert np.array_equal(done[0], array)
                assert await client.read("long", [(5, 6), (7, 8)]) == array[5, 7]

    asyncio.run(work())


def test_a_deadline_that_passes_is_an_error_and_nothing_more(client: Client) -> None:
    array = np.random.default_rng(8).integers(0, 256, (3000, 3000)).astype(np.uint8)
    client.put("late", array, size="S")
    with pytest.raises(TimedOutError):
        client.options(deadline=0.001, priority="background").verify("late")
    assert client.options(deadline=60, priority="urgent").verify("late").samples == array.size
