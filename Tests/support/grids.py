"""OpenVDB files written and read by OpenVDB's own Python module, in a process of its own.

What always holds here: the module is Debian's (python3-openvdb), for the system's Python; arrays
travel as .npy files, facts as JSON.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np

PYTHON = "/usr/bin/python3"

WRITE = """
import sys, numpy as np, pyopenvdb as vdb
folder = sys.argv[1]
ball = vdb.createLevelSetSphere(radius=5.0, center=(1, 2, 3), voxelSize=0.5, halfWidth=3.0)
ball.name = "ball"
ball["author"] = "a test"
vdb.write(folder + "/ball.vdb", ball)
half = ball.deepCopy()
half.saveFloatAsHalf = True
vdb.write(folder + "/half.vdb", half)
fog = vdb.FloatGrid(0.25)
fog.copyFromArray(np.random.default_rng(1).normal(size=(9, 10, 11)).astype(np.float32))
fog.gridClass = vdb.GridClass.FOG_VOLUME
fog.name = "fog"
fog.transform = vdb.createLinearTransform(
    [[.1, 0, 0, 0], [0, .2, 0, 0], [0, 0, .3, 0], [1, 2, 3, 1]])
vdb.write(folder + "/fog.vdb", fog)
sparse = vdb.FloatGrid(-2.0)
sparse.fill((0, 0, 0), (40, 3, 3), 7.5, True)
sparse.fill((8, 0, 0), (15, 3, 3), 1.5, False)
sparse.name = "sparse"
vdb.write(folder + "/sparse.vdb", sparse)
vdb.write(folder + "/two.vdb", [ball, fog])
flags = vdb.BoolGrid(False)
flags.fill((0, 0, 0), (3, 3, 3), True)
vdb.write(folder + "/flags.vdb", flags)
"""

READ = """
import json, sys, numpy as np, pyopenvdb as vdb
path, out = sys.argv[1:]
grids = vdb.readAll(path)[0]
grid = grids[0]
low, high = grid.evalActiveVoxelBoundingBox()
shape = tuple(b - a + 1 for a, b in zip(low, high))
values = np.zeros(shape, np.float32)
grid.copyToArray(values, ijk=low)
np.save(out, values)
facts = {
    "name": grid.name, "class": grid.gridClass, "background": grid.background,
    "active": grid.activeVoxelCount(), "leaves": grid.leafCount(), "low": list(low),
    "half": grid.saveFloatAsHalf, "type": grid.valueTypeName, "transform": grid.transform.typeName,
    "voxel": list(grid.transform.voxelSize()),
    "origin": list(grid.transform.indexToWorld((0, 0, 0))),
    "metadata": {k: str(v) for k, v in grid.metadata.items() if not k.startswith("file_")},
    "count": len(grids),
}
print(json.dumps(facts))
"""


def write_grids(folder: Path) -> dict[str, Path]:
    """ball, half, fog, sparse, two (grids) and flags (of booleans)."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([PYTHON, "-c", WRITE, folder], check=True, capture_output=True)
    return {path.stem: path for path in folder.glob("*.vdb")}


def read_grid(path: Path) -> tuple[np.ndarray, dict]:
    """Values in the box of active voxels, and everything else OpenVDB tells of the first grid."""
    out = path.with_suffix(".values.npy")
    done = subprocess.run(
        [PYTHON, "-c", READ, path, out], check=True, capture_output=True, text=True
    )
    return np.load(out), json.loads(done.stdout)
