"""VDB files that cannot be: refused by name and place, and no fault of the plugin.

What always holds here:
- Impossible files are handmade (vdb_parts.py): the good one with one part changed.
- Good files are those of OpenVDB's own writer (vdb_files.cc); what its own reader finds in them is
  the truth.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import vdb_noise
import vdb_parts as parts
from gamd_process import Daemon
from grids import PYTHON
from readers import bits_equal
from vdb_corpus import read_floats, write_vdb_files
from vdb_odd import Odd
from vdb_parts import BLOSC, MASK, i64, ones, place, scale, text, u32, with_parts

from gamd import BadInputError, Client, TooLargeError

WHOLE = (1 << 32) - 1
TILE = place(4096) + u32(0) + b"\1"
LEAF = parts.VALUES.tobytes()

IMPOSSIBLE: dict[str, tuple[str, dict[str, bytes]]] = {
    "old": ("version 212", {"version": u32(212)}),
    "identity": ("identity", {"identity": b"0" * 36}),
    "many facts": ("metadata entries cannot be", {"file facts": u32(WHOLE)}),
    "long fact": ("name of a metadata entry should take", {"facts": u32(1) + u32(WHOLE)}),
    "nameless fact": ("no name", {"facts": u32(1) + parts.fact("", "string", b"")}),
    "size of a fact": ("8 bytes, not 7", {"facts": u32(1) + parts.fact("a", "int64", b"1234567")}),
    "delayed load": (
        "table of delayed loading should take 1073741824",
        {"facts": u32(1) + parts.fact("file_delayed_load", "__delayedload", u32(1 << 30) + u32(0))},
    ),
    "many grids": ("grids cannot be", {"grids": u32(WHOLE)}),
    "one grid more": ("name of a grid should take 4 bytes", {"grids": u32(2)}),
    "long name": ("name of a grid should take", {"name": u32(WHOLE)}),
    "type": ("no type of grids", {"type": text("Tree_float_5_4_4")}),
    "orphan": ("shares the tree of one that is not in the file", {"parent": text("g")}),
    "map": ("no transform of this type", {"map": text("NoMap")}),
    "frustums": ("no transform", {"map": (text("NonlinearFrustumMap") + bytes(64)) * 2}),
    "many tiles": ("tiles cannot be", {"tiles": u32(WHOLE)}),
    "many children": ("children of the root cannot be", {"children": u32(1 << 31)}),
    "tile off the lattice": (
        "no multiple of 4096",
        {"tiles": u32(1), "tile list": place(1) + u32(0) + b"\1"},
    ),
    "two tiles at one place": (
        "two nodes at one place",
        {"tiles": u32(2), "tile list": TILE * 2},
    ),
    "a tile in a child": (
        "two nodes at one place",
        {"tiles": u32(1), "tile list": place(0) + u32(0) + b"\1"},
    ),
    "half active tile": (
        "neither active nor inactive",
        {"tiles": u32(1), "tile list": place(4096) + u32(0) + b"\7"},
    ),
    "child off the lattice": ("no multiple of 4096", {"place": place(0, 8)}),
    "upper children": (
        "mask of active values should take",
        {"upper masks": ones(32768, *range(32768)) + ones(32768)},
    ),
    "lower children": (
        "masks of leaves should take",
        {"lower masks": ones(4096, *range(4096)) + ones(4096)},
    ),
    "upper kind": ("7 is no kind of node", {"upper kind": b"\7"}),
    "lower kind": ("200 is no kind of node", {"lower kind": b"\xc8"}),
    "leaf kind": ("255 is no kind of node", {"leaf kind": b"\xff"}),
    "upper values": ("a chunk of 4611686018427387904 bytes", {"upper values": i64(1 << 62)}),
    "lower values": ("a chunk has the length -4,", {"lower values": i64(-4)}),
    "leaf values": ("a chunk has the length -92", {"leaf values": i64(-(1 << 63)) + LEAF}),
    "packed upper values": (
        "cannot be unpacked",
        {
            "upper masks": ones(32768, 0) + ones(32768, 1),
            "upper values": i64(8) + b"no zip!!",
        },
    ),
    "half a blosc header": (
        "shorter than its header",
        {"compression": u32(BLOSC), "upper kind": b"\6", "upper values": i64(15) + bytes(15)},
    ),
    "blosc count": (
        "a blosc chunk has 2052 bytes, not 2048",
        {"compression": u32(BLOSC | MASK), "leaf values": parts.bloscked(LEAF, count=2052)},
    ),
    "blosc length": (
        "says it has 1073741824",
        {"compression": u32(BLOSC | MASK), "leaf values": parts.bloscked(LEAF, length=1 << 30)},
    ),
    "halves": ("chunk", {"type": text("Tree_float_5_4_3_HalfFloat"), "compression": u32(BLOSC)}),
}


def put(client: Client, data: bytes, **options: str):
    return client.put_bytes("vdb", data, file_name="a.vdb", options=options)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_be_is_named(client: Client, name: str) -> None:
    words, changes = IMPOSSIBLE[name]
    with pytest.raises(BadInputError, match=words) as caught:
        put(client, with_parts(changes))
    assert name in ("old", "orphan") or "at byte" in str(caught.value)
    assert put(client, with_parts({})).adapter == "sdf", "the plugin was put aside"


def test_a_file_made_by_hand_is_read(client: Client) -> None:
    cube = parts.VALUES.reshape(8, 8, 8)
    no_chunks = {"upper values": b"", "lower values": b"", "leaf values": LEAF}
    kinds = {
        "zip": {},
        "mask": {"compression": u32(MASK)} | no_chunks,
        "blosc": {"compression": u32(BLOSC | MASK), "leaf values": parts.bloscked(LEAF)},
        "plain in zip": {"leaf values": i64(-2048) + LEAF},
        "tile": {"tiles": u32(1), "tile list": place(-4096) + u32(0) + b"\0"},
        "later": {"version": u32(225)},
    }
    for changes in kinds.values():
        put(client, with_parts(changes))
        assert bits_equal(client.read("vdb"), cube)


def test_a_spacing_that_is_not_that_of_the_scale_is_computed_anew(client: Client) -> None:
    wrong = scale(1, 2, 3)[:24] + scale(7, 8, 9)[24:]
    stat = put(client, with_parts({"map": text("ScaleMap"), "map numbers": wrong}))
    assert [axis.spacing for axis in stat.description.axes] == [1, 2, 3]
    assert put(client, client.get_file("vdb")).description == stat.description


def test_a_file_cut_off_anywhere_is_refused(client: Client, rng: random.Random) -> None:
    data, ends, at = with_parts({}), [], 0
    for part in parts.good_parts().values():
        ends += [at + len(part) // 2, at + len(part) - 1, at + len(part)]
        at += len(part)
    cuts = {end for end in ends if 8 <= end < len(data)}
    for cut in sorted(cuts | {rng.randrange(8, len(data)) for _ in range(40)}):
        with pytest.raises(BadInputError, match="only .* left|cannot be in"):
            put(client, data[:cut])
    assert put(client, data + b"what lies behind the last grid does not matter")


def test_a_small_file_of_a_large_tree_is_refused(tmp_path: Path) -> None:
    config = f"[plugins]\nmemory_bytes_max = {32 << 20}\n"
    with Daemon(tmp_path / "tight", config=config) as daemon, daemon.client() as client:
        data = parts.with_children(200)
        assert len(data) < 2 << 20
        with pytest.raises(TooLargeError, match="the tree of the grid takes 5"):
            put(client, data)
        assert put(client, parts.with_children(50))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_vdb_files(tmp_path_factory.mktemp("vdb"))


def test_every_layout_of_the_writer_comes_back(client: Client, files: dict[str, Path]) -> None:
    """Once from the file, and once from the file that was made of it."""
    names = [name for name in files if name.endswith("-floats")]
    assert len(names) > 25
    truth = read_floats([files[name] for name in names])
    for name in names:
        put(client, files[name].read_bytes())
        assert bits_equal(client.read("vdb"), truth[name]), name
        put(client, client.get_file("vdb"))
        assert bits_equal(client.read("vdb"), truth[name]), name


def test_a_grid_is_found_behind_any_other(client: Client, files: dict[str, Path]) -> None:
    names = [name for name in files if name.endswith("-several")]
    assert len(names) > 15
    truth = read_floats([files["plain-floats"]])["plain-floats"]
    for name in names:
        put(client, files[name].read_bytes(), grid="f")
        assert bits_equal(client.read("vdb"), truth), name


def test_a_grid_that_shares_its_tree_has_its_own_transform(
    client: Client, files: dict[str, Path]
) -> None:
    truth = read_floats([files["plain-floats"]])["plain-floats"]
    for name in ("instance-several", "instancestream-several"):
        stat = put(client, files[name].read_bytes(), grid="instance")
        assert [axis.spacing for axis in stat.description.axes] == [2, 2, 2]
        assert bits_equal(client.read("vdb"), truth)


def test_points_are_passed_by_offsets_alone(client: Client, files: dict[str, Path]) -> None:
    with pytest.raises(BadInputError, match="ptdataidx32 is not kept"):
        put(client, files["pointsonly"].read_bytes())
    with pytest.raises(BadInputError, match='behind its grid "points"'):
        put(client, files["pointsfirst"].read_bytes(), grid="f")


def test_damaged_files_are_no_fault_of_the_plugin(tmp_path: Path, rng: random.Random) -> None:
    done = vdb_noise.run(tmp_path, rounds=400, seed=rng.randrange(1, 1 << 32))
    assert not done.faults, f"{done.table()}\nfiles in {tmp_path}"
    assert done.refused > 200 and done.stored > 10
    assert done.worker_bytes < 200 << 20, "the worker keeps what it read of damaged files"


def test_odd_files_are_no_fault_of_the_plugin(tmp_path: Path, rng: random.Random) -> None:
    """They follow the format: the walk gets to the end of each, and so does OpenVDB."""
    outcome = vdb_noise.Outcome()
    with Daemon(tmp_path / "daemon", config=vdb_noise.CONFIG) as daemon:
        with daemon.client() as client:
            for number in range(150):
                data = Odd(rng).data
                if not vdb_noise.one(client, ("odd", data, {"grid": "f"}), outcome):
                    (tmp_path / f"odd-{number}.vdb").write_bytes(data)
    assert not outcome.faults, f"{outcome.table()}\nfiles in {tmp_path}"
    astray = [text for text in outcome.texts if "at byte" in text or "iostream" in text]
    assert not astray, "the walk and OpenVDB part"
    assert outcome.stored > 5


def test_inactive_values_keep_their_bits(client: Client) -> None:
    """-0 equals 0 for OpenVDB's writer, and NaN not even itself."""
    cube = parts.VALUES.copy()
    cube[8:16] = -0.0
    cube[16] = np.nan
    changes = {
        "compression": u32(0),
        "upper kind": b"\6",
        "upper values": bytes(4 * 32768),
        "lower kind": b"\6",
        "lower values": bytes(4 * 4096),
        "leaf mask": ones(512, *range(8), *range(17, 512)),
        "leaf kind": b"\6",
        "leaf values": cube.tobytes(),
    }
    put(client, with_parts(changes))
    assert bits_equal(client.read("vdb"), cube.reshape(8, 8, 8))
    put(client, client.get_file("vdb"))
    assert bits_equal(client.read("vdb"), cube.reshape(8, 8, 8))
    half = parts.fact("is_saved_as_half_float", "bool", b"\1")
    facts = u32(2) + parts.fact("name", "string", b"f") + half
    no_chunks = {"upper values": b"", "lower values": b"", "leaf values": bytes(1024)}
    changes = {"background": b"\1\0\0\0", "facts": facts, "compression": u32(MASK)} | no_chunks
    with pytest.raises(BadInputError, match="values that are none"):
        put(client, with_parts(changes))


HALVES = """
import sys, pyopenvdb as vdb
grid = vdb.FloatGrid(0.1)
grid.fill((0, 0, 0), (20, 9, 9), 0.7, True)
grid.fill((3, 3, 3), (4, 5, 6), 0.3, False)
grid.fill((8, 0, 0), (15, 7, 7), 0.2, False)
grid.fill((4096, 0, 0), (8191, 4095, 4095), 0.3, False)
grid.saveFloatAsHalf = True
grid.name = "f"
vdb.write(sys.argv[1], grid)
"""


def test_a_grid_that_was_made_half_is_read(client: Client, tmp_path: Path) -> None:
    """None of its numbers was a half; its writer made them so, but for the root's tile."""
    path = tmp_path / "made.vdb"
    subprocess.run([PYTHON, "-c", HALVES, path], check=True)
    put(client, path.read_bytes())
    assert bits_equal(client.read("vdb"), read_floats([path])["made"])


def test_the_campaign_can_fail(tmp_path: Path) -> None:
    """A fault must be counted, not taken for a refusal."""
    with Daemon(tmp_path / "daemon", config=vdb_noise.CONFIG) as daemon:
        outcome = vdb_noise.Outcome()
        with daemon.client() as client:
            assert vdb_noise.one(client, ("none", with_parts({}), {}), outcome)
            assert vdb_noise.one(client, ("half", with_parts({})[:900], {}), outcome)
    assert (outcome.stored, outcome.refused, outcome.faults.total()) == (1, 1, 0)
    assert np.isfinite(outcome.slowest_seconds)
