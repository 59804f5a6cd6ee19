"""Meshes, and the formats that hold them.

What always holds here: a sphere and a prism are closed, their faces look outward, and there are
formulas for their surfaces.
"""

from __future__ import annotations

import struct

import numpy as np


def sphere(radius: float, rounds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """An octahedron, divided and blown up; faces look outward."""
    points = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    faces = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    for _ in range(rounds):
        middle: dict[tuple[int, int], int] = {}
        finer = []
        for face in faces:
            between = []
            for a, b in zip(face, face[1:] + face[:1]):
                edge = (min(a, b), max(a, b))
                if edge not in middle:
                    point = np.add(points[a], points[b])
                    middle[edge] = len(points)
                    points.append(tuple(point / np.linalg.norm(point)))
                between.append(middle[edge])
            a, b, c = face
            x, y, z = between
            finer += [(a, x, z), (x, b, y), (z, y, c), (x, y, z)]
        faces = finer
    return np.array(points) * radius, np.array(faces)


def obj(points: np.ndarray, faces: np.ndarray) -> bytes:
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in points]
    lines += [f"f {a} {b} {c}" for a, b, c in faces + 1]
    return "\n".join(lines).encode() + b"\n"


def ply(points: np.ndarray, faces: np.ndarray) -> bytes:
    head = f"ply\nformat ascii 1.0\nelement vertex {len(points)}\n"
    head += "property float x\nproperty float y\nproperty float z\n"
    head += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    body = "".join(f"{x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in points)
    return (head + body + "".join(f"3 {a} {b} {c}\n" for a, b, c in faces)).encode()


def stl(points: np.ndarray, faces: np.ndarray) -> bytes:
    body = b"".join(
        struct.pack("<12fH", 0, 0, 0, *points[face].astype(np.float32).ravel(), 0)
        for face in faces
    )
    return b"\0" * 80 + struct.pack("<I", len(faces)) + body


def ply_header(form: str, *lines: str) -> bytes:
    return "\n".join(["ply", f"format {form} 1.0", *lines, "end_header", ""]).encode()


XYZ = ["property float x", "property float y", "property float z"]
CORNERS = ["property list uchar int vertex_indices"]


def prism(outline: list[tuple[int, int]], axis: int) -> tuple[np.ndarray, list[list[int]]]:
    """Along an axis; outline counterclockwise, faces look outward."""
    count = len(outline)
    points = [(x, y, z) for z in (0, 2) for x, y in outline]
    faces = [list(range(count))[::-1], list(range(count, 2 * count))]
    for i in range(count):
        j = (i + 1) % count
        faces.append([i, j, count + j, count + i])
    return np.roll(np.array(points, float), axis, axis=1), faces


def with_polygons(kind: str, points: np.ndarray, faces: list[list[int]]) -> bytes:
    rows = [" ".join(map(str, row)) for row in points]
    if kind == "obj":
        lines = [f"v {row}" for row in rows]
        lines += ["f " + " ".join(str(i + 1) for i in face) for face in faces]
        return "\n".join(lines).encode() + b"\n"
    head = ply_header(
        "ascii", f"element vertex {len(rows)}", *XYZ, f"element face {len(faces)}", *CORNERS
    )
    rows += [f"{len(face)} " + " ".join(map(str, face)) for face in faces]
    return head + "\n".join(rows).encode()
