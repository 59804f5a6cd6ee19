"""OpenVDB's own samplers, in a program that is compiled when it is first needed.

What always holds here:
- Points and values are float64 files in C order, slowest axis first; the program has one thread.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("openvdb_points.cpp")
LIBRARIES = ("-lopenvdb", "-ltbb", "-lImath")


def program(folder: Path) -> Path:
    """The program, compiled into the folder unless it is there."""
    made = folder / "openvdb_points"
    if not made.exists():
        command = ["g++", "-std=c++17", "-O2", "-w", "-o", made, SOURCE, *LIBRARIES]
        subprocess.run(command, check=True)
    return made


def write_grid(folder: Path, samples: np.ndarray) -> int:
    """A dense grid of cubic float32 samples as grid.vdb; its bytes."""
    raw, grid = folder / "field.f32", folder / "grid.vdb"
    samples.tofile(raw)
    subprocess.run([program(folder), "make", raw, str(len(samples)), grid], check=True)
    raw.unlink()
    return grid.stat().st_size


def sample(
    folder: Path, points: np.ndarray, rounds: int
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Seconds of all kinds, values and gradients at the points; the grid is opened anew."""
    names = [folder / name for name in ("points.f64", "values.f64", "gradients.f64")]
    points.tofile(names[0])
    command = [program(folder), "sample", folder / "grid.vdb", *names, str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True)
    return json.loads(done.stdout), np.fromfile(names[1]), np.fromfile(names[2]).reshape(-1, 3)


class Server:
    """The program with a grid open, for as many samplings as wanted."""

    write = staticmethod(write_grid)

    def __init__(self, folder: Path) -> None:
        self._names = [folder / name for name in ("points.f64", "values.f64")]
        command = [program(folder), "serve", folder / "grid.vdb", *self._names]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._answer("open")

    @property
    def pid(self) -> int:
        return self._process.pid

    def values(self, points: np.ndarray) -> np.ndarray:
        points.tofile(self._names[0])
        self._process.stdin.write(b"\n")
        self._answer("sample")
        return np.fromfile(self._names[1])

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _answer(self, what: str) -> None:
        if self._process.stdout.read(1) != b".":
            raise RuntimeError(f"openvdb_points could not {what}; see above")
