"""Files of meshes: uncommon ones, and wrong ones.

What always holds here: however a mesh is written, the same corners and faces give the same samples.
"""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from meshes import XYZ, obj, ply, ply_header, prism, sphere, stl, with_polygons
from readers import bits_equal

from gamd import BadInputError, Client

OPTIONS = {"resolution": "16"}
POINTS, FACES = sphere(2.5, 2)


def field(client: Client, data: bytes, name: str = "a.ply") -> np.ndarray:
    client.put_bytes("mesh", data, file_name=name, options=OPTIONS)
    return client.read("mesh")


def binary(order: str) -> bytes:
    """Doubles and bytes between the coordinates, unsigned indices, a scalar behind the list."""
    form = "binary_little_endian" if order == "<" else "binary_big_endian"
    head = ply_header(
        form, "comment of a scanner", f"element vertex {len(POINTS)}", "property double x",
        "property uchar red", "property float64 y", "property short nx", "property double z",
        "obj_info any", f"element face {len(FACES)}", "property list ushort uint32 vertex_index",
        "property float quality",
    )  # fmt: skip
    wanted = [[float(np.float32(f"{value:.9g}")) for value in point] for point in POINTS]
    body = b"".join(struct.pack(order + "dBdhd", x, 7, y, -9, z) for x, y, z in wanted)
    return head + body + b"".join(struct.pack(order + "H3If", 3, *face, 0.5) for face in FACES)


def text(end: str) -> bytes:
    """Faces first, normals, edges, lists nobody asked for, words over several lines."""
    lines = [
        "ply", "format ascii 1.0", f"element face {len(FACES)}", "property uchar flags",
        "property list int int vertex_indices", f"element vertex {len(POINTS)}", "property float x",
        "property float y", "property float z", "property float nx", "element edge 1",
        "property int vertex1", "property int vertex2", "element extra 2",
        "property list uchar float any", "end_header",
    ]  # fmt: skip
    lines += [f"1 3 {a} {b} {c}" for a, b, c in FACES]
    lines += [f"+{x:.9g}" if x > 0 else f"{x:.9g}\t{y:.9g} {z:.9g} 0" for x, y, z in POINTS[:0]]
    lines += [f"{x:.9g}\t{y:.9g} {z:.9g}{end}-1.#IND" for x, y, z in POINTS]
    return end.join([*lines, "0 1", "2 0.5 -1", "0", ""]).encode()


def strips() -> bytes:
    """Each triangle a strip of its own, but for one of four corners that joins two."""
    first, second = next(
        (f, g) for f in FACES.tolist() for g in FACES.tolist() if len({*f, *g}) == 4
    )
    shared = [corner for corner in first if corner in second]
    own = next(corner for corner in first if corner not in second)
    at = first.index(own)
    a, b = first[(at + 1) % 3], first[(at + 2) % 3]
    assert {a, b} == set(shared)
    last = next(corner for corner in second if corner not in first)
    others = [face for face in FACES.tolist() if face not in (first, second)]
    corners = [own, a, b, last] + [corner for face in others for corner in (-1, *face)]
    head = ply_header(
        "ascii", f"element vertex {len(POINTS)}", *XYZ, "element tristrips 1",
        "property list int int vertex_indices",
    )  # fmt: skip
    points = "".join(f"{x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in POINTS)
    return head + f"{points}{len(corners)} {' '.join(map(str, corners))}\n".encode()


@pytest.mark.parametrize(
    "data",
    [binary("<"), binary(">"), text("\n"), text("\r\n"), text("\r"), strips()],
    ids=["little-endian", "big-endian", "text", "crlf", "cr", "strips"],
)
def test_a_ply_may_be_written_in_any_way(client: Client, data: bytes) -> None:
    assert bits_equal(field(client, data), field(client, ply(POINTS, FACES)))


OBJ = """# of a modeller
mtllib a.mtl
o first
v 0 0 0 1 1 1
v 1 0 0
v 1 1 0
v\t0 1 0
vt 0.5 0.5
vn 0 0 1
g a b
usemtl red
v 0 0 1
v 1 0 1
v 1 1 1
v +0 1 \\
 1.0e0
s off
f 4/1/1 3/1/1 2//1 1
f -4 -3 -2 -1
f 1 2 6 5
f 2 3 7 6
f 3 4 8 \\
7
f 4 1 5 8
l 1 2
p 1
v 100 100 100
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_obj_may_hold_much_beside_its_faces(client: Client, end: str) -> None:
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    points, faces = prism(square, 0)
    points[:, 2] /= 2
    plain = with_polygons("ply", points, faces)
    data = OBJ.replace("\n", end).encode()
    assert bits_equal(field(client, data, "a.obj"), field(client, plain))


def test_an_stl_of_text_is_that_of_bytes(client: Client) -> None:
    corners = POINTS.astype(np.float32)
    facets = "".join(
        "  facet normal 0 0 1\n    outer loop\n"
        + "".join("      vertex {:.9g} {:.9g} {:.9g}\n".format(*corners[i]) for i in face)
        + "    endloop\n  endfacet\n"
        for face in FACES
    )
    text = field(client, f"solid ball of balls\n{facets}endsolid\n".encode(), "a.stl")
    binary = stl(POINTS, FACES)
    assert bits_equal(text, field(client, binary, "a.stl"))
    assert bits_equal(text, field(client, b"solid" + binary[5:], "a.stl")), "it only begins so"


FAULTY_TEXTS = {
    "two coordinates.obj": (b"v 0 0\nf 1 1 1\n", "line 1 .* three coordinates"),
    "infinite.obj": (b"v 0 0 1e39\n", "line 1 .* finite"),
    "no number.obj": (b"v 0 0 0\nf 1 x 1\n", "line 2 .* no number"),
    "zero.obj": (b"v 0 0 0\nf 1 0 1\n", "line 2 .* not there"),
    "beyond.obj": (b"v 0 0 0\nf 1 2 1\n", "line 2 .* not there"),
    "before.obj": (b"v 0 0 0\nf 1 -2 1\n", "line 2 .* not there"),
    "nothing.obj": (b"v 0 0 0\n", "no faces"),
    "cut off.stl": (stl(POINTS, FACES)[:-1], "cut off"),
    "short.stl": (b"\0" * 83, "cut off"),
    "two corners.stl": (b"solid a\nfacet\nvertex 0 0 0\nvertex 0 0 1\nfacet\n", "three corners"),
    "no corner.stl": (b"solid a\nfacet\nvertex 0 0 a\n", "without coordinates"),
    "one corner.stl": (b"solid a\nfacet\nvertex 0 0 1\n", "cut off"),
    "not finite.stl": (b"solid a\nfacet\n" + b"vertex 0 0 nan\n" * 3, "finite"),
}


@pytest.mark.parametrize("name", FAULTY_TEXTS)
def test_a_faulty_obj_or_stl_is_refused_with_its_place(client: Client, name: str) -> None:
    data, expected = FAULTY_TEXTS[name]
    with pytest.raises(BadInputError, match=expected):
        field(client, data, name)


def test_corners_of_no_face_are_nowhere(client: Client) -> None:
    stray = ply(np.vstack([POINTS, [[99, 99, 99]]]), FACES)
    assert bits_equal(field(client, stray), field(client, BALL))


def test_no_file_chooses_how_long_it_takes(client: Client) -> None:
    """Names by the hundred thousand took assimp 41 s."""
    names = "".join(f"o {i}\n" for i in range(200_000)).encode()
    start = time.monotonic()
    field(client, names + obj(POINTS, FACES), "a.obj")
    assert time.monotonic() - start < 10


# Faulty files

BALL = ply(POINTS, FACES)
FAULTS = {
    "two first lines": (BALL.replace(b"ply\n", b"ply\nply\n"), "line 2 .* format"),
    "format": (BALL.replace(b"ascii 1.0", b"ascii 2.0"), "line 2 .* format"),
    "type": (BALL.replace(b"float y", b"fload y"), "line 5 .* type"),
    "list of floats": (BALL.replace(b"list uchar", b"list float"), "line 8 .* no integer"),
    "no end": (BALL.split(b"end_header")[0], "line 9 .* no end"),
    "unknown line": (BALL.replace(b"element face", b"elephant face"), "line 7 .* may have"),
    "negative count": (BALL.replace(b"element vertex ", b"element vertex -"), "line 3 .* number"),
    "huge count": (
        BALL.replace(b"element vertex ", b"element vertex 99999999999"), "cut off.*cannot lie"
    ),
    "no z": (BALL.replace(b"float z", b"float w"), "coordinates x, y and z"),
    "twice y": (BALL.replace(b"float z", b"float y"), "twice"),
    "no corners": (BALL.replace(b"element vertex", b"element edge"), "no corners"),
    "no faces": (BALL.replace(b"element face", b"element edge"), "no faces"),
    "two of a name": (BALL.replace(b"element face", b"element vertex"), "two elements"),
    "no number": (BALL.replace(b"\n2.5 0 0\n", b"\n2.5 O 0\n"), "no number"),
    "infinite": (BALL.replace(b"\n2.5 0 0\n", b"\n1e39 0 0\n"), "finite"),
    "not a number": (BALL.replace(b"\n2.5 0 0\n", b"\nnan 0 0\n"), "finite"),
    "a corner beyond": (BALL[: BALL.rindex(b"\n3 ")] + b"\n3 0 1 66\n", "not there"),
    "half a corner": (BALL[: BALL.rindex(b"\n3 ")] + b"\n3 0 1 1.5\n", "not there"),
    "negative length": (BALL[: BALL.rindex(b"\n3 ")] + b"\n-3 0 1 2\n", "cannot be"),
    "long list": (BALL[: BALL.rindex(b"\n3 ")] + b"\n99999 0 1 2\n", "cannot be"),
    "cut off": (BALL[: BALL.rindex(b"\n3 ")], "ends where a number"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_ply_is_refused_with_its_place(client: Client, name: str) -> None:
    data, expected = FAULTS[name]
    assert data != BALL
    with pytest.raises(BadInputError, match=expected):
        field(client, data)


@pytest.mark.parametrize("kind", ["ply", "obj", "stl"])
def test_an_empty_file_is_refused(client: Client, kind: str) -> None:
    with pytest.raises(BadInputError, match="empty"):
        field(client, b"", f"a.{kind}")
