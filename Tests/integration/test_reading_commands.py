"""gamctl read, query and where: the ways to read, from a shell.

What always holds here:
- Answers are compared with numpy on the samples that were put, or with the definition of a field.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from gamd_process import EXAMPLES, Daemon
from PIL import Image

RADIUS = 9.0


@pytest.fixture(scope="module")
def filled(daemon: Daemon) -> Daemon:
    rng = np.random.default_rng(4)
    with daemon.client() as client:
        client.put("w/steps", steps(rng))
        client.put("w/ball", ball())
        client.put_file("w/photo", next(EXAMPLES.glob("*.png")))
    return daemon


def steps(rng: np.random.Generator | None = None) -> np.ndarray:
    rng = np.random.default_rng(4) if rng is None else rng
    return rng.integers(-900, 900, (70, 90)).cumsum(axis=1).clip(-30_000, 30_000).astype(np.int16)


def ball() -> np.ndarray:
    away = np.indices((32, 32, 32)) - 15.5
    return (np.sqrt((away**2).sum(axis=0)) - RADIUS).astype(np.float32)


def array_of(done) -> np.ndarray:
    assert done.returncode == 0, done.stderr.decode()
    return np.load(io.BytesIO(done.stdout))


def test_regions_take_python_s_slices(filled: Daemon) -> None:
    whole = steps()
    for text, expected in [
        ("::7,::-3", whole[::7, ::-3]),
        ("-5:,10:60:9", whole[-5:, 10:60:9]),
        ("40:3:-6", whole[40:3:-6]),
    ]:
        found = array_of(filled.gamctl("read", "w/steps", f"--region={text}"))
        assert np.array_equal(found, expected), text


def test_levels_bits_and_means(filled: Daemon) -> None:
    whole = steps()
    few = array_of(filled.gamctl("read", "w/steps", "--bits", "9"))
    assert np.array_equal(few, whole & ~127)
    means = array_of(filled.gamctl("read", "w/steps", "--level", "1", "--filter", "area"))
    cells = whole.astype(np.int64).reshape(35, 2, 45, 2).sum(axis=(1, 3))
    assert np.array_equal(means, (2 * cells + 4) // 8)
    wide = array_of(filled.gamctl("read", "w/steps", "--bits", "24"))
    assert wide.dtype == np.int32 and np.array_equal(wide >> 8, whole)


def test_a_region_becomes_a_picture(filled: Daemon, tmp_path: Path) -> None:
    part = tmp_path / "part.png"
    region = "--region=10:60,20:50"
    done = filled.gamctl("read", "w/photo", region, "--format", "png", "-o", part)
    assert done.returncode == 0, done.stderr.decode()
    expected = array_of(filled.gamctl("read", "w/photo", region))
    assert np.array_equal(np.asarray(Image.open(part)), expected)


def test_points_come_as_lines(filled: Daemon, tmp_path: Path) -> None:
    points = tmp_path / "points.txt"
    points.write_text("# row column\n3 4\n\n10.5, 20\n 69\t89\n")
    done = filled.gamctl("query", "w/steps", "--points", points)
    assert done.returncode == 0, done.stderr.decode()
    whole = steps().astype(float)
    found = [float(line) for line in done.stdout.decode().splitlines()]
    assert found == [whole[3, 4], (whole[10, 20] + whole[11, 20]) / 2, whole[69, 89]]


def test_gradients_and_json(filled: Daemon) -> None:
    done = filled.gamctl(
        "query", "w/ball", "--method", "cubic", "--gradient", "--json", stdin=b"15.5 15.5 28\n"
    )
    assert done.returncode == 0, done.stderr.decode()
    (answer,) = json.loads(done.stdout)["answers"]
    assert answer[0] == pytest.approx(12.5 - RADIUS, abs=0.01)
    assert answer[1:] == pytest.approx([0, 0, 1], abs=0.01)


def test_distances_answer_rays_and_insides(filled: Daemon) -> None:
    ray = filled.gamctl("query", "w/ball", "--kind", "ray", stdin=b"15.5 15.5 0 0 0 2\n")
    way, rest = map(float, ray.stdout.split())
    assert way == pytest.approx(15.5 - RADIUS, abs=0.05) and abs(rest) < 1e-5
    inside = filled.gamctl("query", "w/ball", "--kind", "inside", stdin=b"15 15 15\n1 1 1\n")
    assert inside.stdout.split() == [b"1.0", b"0.0"]


def test_the_surface_in_a_region_becomes_a_mesh(filled: Daemon, tmp_path: Path) -> None:
    mesh = tmp_path / "part.obj"
    arguments = ["--region=8:32,:,:", "--format", "obj,drop_metadata=1", "-o", mesh]
    done = filled.gamctl("read", "w/ball", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    lines = [line.split() for line in mesh.read_text().splitlines()]
    points = np.array([list(map(float, line[1:4])) for line in lines if line[0] == "v"])
    # Where the region cuts the ball, the mesh ends somehow.
    away = points[points[:, 0] > 1] + [8, 0, 0] - 15.5
    assert len(away) > 1000 and np.abs(np.sqrt((away**2).sum(axis=1)) - RADIUS).max() < 0.1


def test_where_gives_runs_and_counts(filled: Daemon) -> None:
    expected = np.argwhere(ball() < -8)
    done = filled.gamctl("where", "w/ball", "< -8")
    assert done.returncode == 0, done.stderr.decode()
    runs = np.array([list(map(int, line.split())) for line in done.stdout.splitlines()])
    found = [[z, y, x + i] for z, y, x, count in runs for i in range(count)]
    assert sorted(found) == expected.tolist()
    assert b"shards recalled" in done.stderr
    counted = filled.gamctl("where", "w/ball", "<0", "--count", "--region=0:16")
    assert int(counted.stdout) == int((ball()[:16] < 0).sum())


@pytest.mark.parametrize(
    ("arguments", "stdin", "status"),
    [
        (("query", "w/steps"), b"1 2 3\n", 65),
        (("query", "w/steps"), b"one two\n", 65),
        (("query", "w/steps"), b"\n", 65),
        (("query", "w/steps", "--outside", "error"), b"1 95\n", 64),
        (("query", "w/steps", "--method", "sinc"), b"1 2\n", 64),
        (("query", "w/photo", "--kind", "ray"), b"1 2 1 0\n", 64),
        (("query", "w/none"), b"1 2\n", 3),
        (("where", "w/steps", "=> 3"), b"", 64),
        (("where", "w/steps", "< 3", "--channel", "1"), b"", 64),
        (("where", "w/steps", "< 3", "--region=::2"), b"", 64),
        (("read", "w/steps", "--region=::0"), b"", 64),
        (("read", "w/steps", "--filter", "cubic"), b"", 64),
        (("read", "w/steps", "--bits", "33"), b"", 64),
    ],
)
def test_what_makes_no_sense_is_refused(
    filled: Daemon, arguments: tuple[str, ...], stdin: bytes, status: int
) -> None:
    done = filled.gamctl(*arguments, stdin=stdin)
    assert done.returncode == status, done.stderr.decode()
    assert done.stderr.startswith(b"gamctl: ")
