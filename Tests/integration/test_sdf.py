"""Signed distance fields: OpenVDB grids, meshes sampled to fields, and surfaces out of them.

What always holds here:
- Grids are written and read by OpenVDB's own Python module (grids.py); distances are compared with
  those of spheres and boxes, which have formulas.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, PLUGIN_MANIFESTS, gamctl
from grids import read_grid, write_grids
from meshes import obj, ply, sphere, stl
from readers import bits_equal

from gamd import BadInputError, Client, UsageError


@pytest.fixture(scope="module")
def grids(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_grids(tmp_path_factory.mktemp("grids"))


@pytest.mark.parametrize("name", ["ball", "half", "fog", "sparse"])
def test_a_grid_comes_back_with_all_it_had(
    client: Client, grids: dict[str, Path], tmp_path: Path, name: str
) -> None:
    values, facts = read_grid(grids[name])
    stat = client.put_file(f"grids/{name}", grids[name])
    assert stat.adapter == "sdf" and stat.exactness == "samples"
    assert stat.kind == ("sdf" if facts["class"] == "level set" else "array")
    assert bits_equal(client.read(f"grids/{name}"), values)
    back = tmp_path / "back.vdb"
    back.write_bytes(client.get_file(f"grids/{name}"))
    values_back, facts_back = read_grid(back)
    assert bits_equal(values_back, values)
    assert facts_back == facts
    spacing = [axis.spacing for axis in stat.description.axes]
    if name in ("ball", "fog"):
        assert np.allclose(spacing, facts["voxel"])


def test_one_grid_of_several_is_chosen(client: Client, grids: dict[str, Path]) -> None:
    with pytest.raises(BadInputError, match="grid=NAME: ball, fog"):
        client.put_file("two", grids["two"])
    client.put_file("two", grids["two"], options={"grid": "fog"})
    assert bits_equal(client.read("two"), read_grid(grids["fog"])[0])


def test_grids_without_floats_are_refused(client: Client, grids: dict[str, Path]) -> None:
    with pytest.raises(BadInputError, match="bool"):
        client.put_file("flags", grids["flags"])


RADIUS = 2.5


@pytest.mark.parametrize("write", [obj, ply, stl], ids=lambda write: write.__name__)
@pytest.mark.parametrize("field", ["band", "full"])
def test_a_mesh_is_sampled_to_distances(client: Client, write, field: str, tmp_path: Path) -> None:
    data = write(*sphere(RADIUS))
    options = {"resolution": "24", "field": field}
    stat = client.put_bytes("mesh", data, file_name=f"a.{write.__name__}", options=options)
    assert stat.kind == "sdf"
    (tmp_path / "field.vdb").write_bytes(client.get_file("mesh"))
    values, facts = read_grid(tmp_path / "field.vdb")
    assert bits_equal(client.read("mesh"), values)
    voxel = 2 * RADIUS / 24
    assert np.allclose(facts["voxel"], voxel, rtol=1e-4)
    index = np.indices(values.shape).reshape(3, -1).T + facts["low"]
    truth = (np.linalg.norm(index * voxel, axis=1) - RADIUS).reshape(values.shape)
    near = np.abs(truth) < 2.5 * voxel if field == "band" else np.ones_like(truth, bool)
    assert np.abs(values - truth)[near].max() < 0.25 * voxel
    sure = np.abs(truth) > 0.3 * voxel
    assert np.array_equal(np.sign(values)[sure], np.sign(truth)[sure]), "a sign is wrong"


def test_a_mesh_without_a_resolution_is_refused(client: Client) -> None:
    data = obj(*sphere(1, 2))
    with pytest.raises(UsageError, match="resolution=N"):
        client.put_bytes("mesh", data, file_name="a.obj")
    for options in [{"resolution": "4"}, {"resolution": "many"}, {"resolution": "9", "band": "0"}]:
        with pytest.raises(UsageError):
            client.put_bytes("mesh", data, file_name="a.obj", options=options)


def test_an_open_mesh_is_refused(client: Client) -> None:
    points, faces = sphere(1, 2)
    with pytest.raises(BadInputError, match="3 edges"):
        client.put_bytes(
            "mesh", obj(points, faces[1:]), file_name="a.obj", options={"resolution": "16"}
        )


def read_obj(data: bytes) -> tuple[np.ndarray, list[list[int]]]:
    lines = [line.split() for line in data.decode().splitlines()]
    points = np.array([line[1:] for line in lines if line[:1] == ["v"]], float)
    return points, [[int(n) - 1 for n in line[1:]] for line in lines if line[:1] == ["f"]]


def read_ply(data: bytes) -> tuple[np.ndarray, list[list[int]]]:
    head, body = data.split(b"end_header\n", 1)
    words = head.split()
    counts = [int(words[i + 2]) for i, word in enumerate(words) if word == b"element"]
    points = np.frombuffer(body, "<f4", counts[0] * 3).reshape(-1, 3)
    row = np.dtype([("n", "u1"), ("corners", "<i4", 4)])
    faces = np.frombuffer(body, row, counts[1], offset=counts[0] * 12)
    assert (faces["n"] == 4).all()
    return points, faces["corners"].tolist()


@pytest.mark.parametrize("format, read", [("obj", read_obj), ("ply", read_ply)])
def test_the_surface_comes_out_closed_and_in_place(
    client: Client, grids: dict[str, Path], format: str, read
) -> None:
    client.put_file("ball", grids["ball"])
    with pytest.raises(UsageError, match="only the surface"):
        client.get_file("ball", format=format)
    points, faces = read(client.get_file("ball", format=f"{format},drop_metadata=1"))
    assert len(faces) > 500
    distance = np.linalg.norm(points - np.array([1, 2, 3]), axis=1)
    assert np.abs(distance - 5).max() < 0.1
    edges: Counter = Counter()
    for face in faces:
        for a, b in zip(face, face[1:] + face[:1]):
            edges[a, b] += 1
    assert all(count == 1 and edges[b, a] == 1 for (a, b), count in edges.items())
    normals = [np.cross(points[f[1]] - points[f[0]], points[f[2]] - points[f[0]]) for f in faces]
    outward = [np.dot(n, points[f[0]] - np.array([1, 2, 3])) for n, f in zip(normals, faces)]
    assert np.mean(np.array(outward) > 0) > 0.99


def test_an_array_becomes_a_grid_and_comes_back(client: Client, tmp_path: Path) -> None:
    values = np.random.default_rng(3).normal(0, 1, (6, 9, 12)).astype(np.float32)
    client.put("field", values)
    path = tmp_path / "made.vdb"
    path.write_bytes(client.get_file("field", format="vdb"))
    read, facts = read_grid(path)
    assert bits_equal(read, values) and facts["active"] == values.size
    client.put_file("again", path)
    assert bits_equal(client.read("again"), values)
    with pytest.raises(UsageError, match="transform"):
        client.get_file("again", format="nrrd")


def test_it_works_without_a_daemon_too(grids: dict[str, Path], tmp_path: Path) -> None:
    places = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]
    packed, back = tmp_path / "ball.gam", tmp_path / "ball.vdb"
    assert gamctl("encode", grids["ball"], packed, *places).returncode == 0
    assert gamctl("decode", packed, back, *places).returncode == 0
    assert read_grid(back)[1] == read_grid(grids["ball"])[1]
