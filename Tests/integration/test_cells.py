"""Figures of small cells: what they say, and what is answered from them.

What always holds here:
- Figures and means are compared with numpy on the array that was put.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gamd_process import Daemon

from gamd import Client, TooLargeError

SIDES = {1: 64, 2: 8, 3: 4}


def walk(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(6)
    steps = rng.integers(-30, 31, shape).cumsum(axis=-1)
    return (steps - steps.min()).astype(dtype) if dtype[0] == "u" else steps.astype(dtype)


@pytest.mark.parametrize("cells", [True, False], ids=["kept", "measured"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32"])
@pytest.mark.parametrize("shape", [(70_000,), (300, 270), (20, 70, 66)], ids=str)
def test_cells_have_the_figures_of_their_samples(
    client: Client, shape: tuple[int, ...], dtype: str, cells: bool
) -> None:
    samples = walk(dtype, shape)
    stat = client.put("cells", samples, cells=cells)
    assert stat.has_cells == cells
    found = client["cells"].bounds(cells=True)
    assert found.recalled == (0 if cells else stat.shard_count)
    side = SIDES[len(shape)]
    assert (found.starts % side == 0).all() and len(np.unique(found.starts, axis=0)) == len(
        found.starts
    )
    assert len(found.starts) == np.prod([-(-n // side) for n in shape])
    assert np.prod(found.extents, axis=1).sum() == samples.size
    for i in np.random.default_rng(1).integers(0, len(found.starts), 200):
        box = tuple(slice(a, a + n) for a, n in zip(found.starts[i], found.extents[i]))
        cell = samples[box].astype(np.float64)
        figures = (found.minimum[i, 0], found.maximum[i, 0], found.mean[i, 0])
        assert figures[:2] == (cell.min(), cell.max())
        assert figures[2] == pytest.approx(cell.mean(), rel=1e-12)


def test_cells_of_a_region_are_those_that_touch_it(client: Client) -> None:
    client.put("cells", walk("int16", (300, 270)), cells=True)
    found = client["cells"].bounds(np.s_[60:81, 7:9], cells=True)
    assert sorted(map(tuple, found.starts.tolist())) == [
        (y, x) for y in (56, 64, 72, 80) for x in (0, 8)
    ]


def test_means_recall_nothing(client: Client, tmp_path: Path) -> None:
    samples = walk("uint16", (1024, 1024))
    sums = samples.astype(np.int64).reshape(64, 16, 64, 16).sum((1, 3))
    expected = ((2 * sums + 256) // 512).astype(np.uint16)
    with Daemon(tmp_path, config="[refit]\nenabled = false\n") as daemon:
        with daemon.client() as other:
            for key, cells in [("with", True), ("without", False)]:
                other.put(key, samples, cells=cells)
        spent = {}
        for key in ["with", "without"]:
            daemon.stop()
            daemon.start()
            with daemon.client() as other:
                other.stat(key)
                before = read_so_far(daemon)
                means = other[key].level(4, "area")[...]
                spent[key] = read_so_far(daemon) - before
            assert np.array_equal(means, expected), key
    assert spent["with"] < 0.35 * spent["without"], spent


def read_so_far(daemon: Daemon) -> int:
    lines = Path(f"/proc/{daemon.pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def test_a_predicate_that_cells_decide_recalls_nothing(client: Client) -> None:
    samples = np.zeros((256, 256), np.int16)
    samples[64:128, 32:96] = 100
    samples += np.arange(256, dtype=np.int16) % 3
    for cells, recalled in [(True, 0), (False, 1)]:
        client.put("cells", samples, cells=cells)
        found = client["cells"].where(">", 50)
        assert np.array_equal(found.mask(), samples > 50)
        assert found.recalled == recalled


def test_the_command_line_keeps_them(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", walk("int16", (90, 90)))
    done = daemon.gamctl("put", "cli", tmp_path / "a.npy", "--cells", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["key"] == "cli", done.stderr
    assert client.stat("cli").has_cells


def test_too_many_cells_at_once_are_refused(client: Client) -> None:
    client.put("cells", np.zeros(1 << 27, np.uint8), size="S")
    with pytest.raises(TooLargeError, match="cells are too many at once; name a region"):
        client["cells"].bounds(cells=True)
    client.delete("cells")
