"""The C client against the real daemon, numpy, and daemons that lie.

What always holds here:
- The driver runs under the address and undefined-behaviour sanitizers, with a signal every
  millisecond; anything they find fails the test.
- Equality is of bits. Random tests print their seed and take it back in GAMD_SEED.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_client import FLAGS, SOURCE, CClient, compile_c, compilers
from gamd_process import EXAMPLES, ROOT, Daemon
from readers import bits_equal

from gamd import Client
from gamd import gam_pb2 as pb
from gamd.samples import describe_array

NOT_FOUND, BAD_REQUEST, TOO_LARGE, EXISTS = 2, 5, 7, 8
TIMED_OUT, CANCELLED, UNREACHABLE = 13, 18, 21
EVERYTHING_LISTED = 1 << 30
DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4"]


@pytest.fixture
def handle(c_client: CClient, daemon: Daemon) -> CClient:
    """A handle on the shared daemon."""
    assert c_client.open(daemon.socket)["server"].startswith("gamd")
    return c_client


def noise(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(7)
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(generator.bytes(count), dtype).reshape(shape)


# The source


@pytest.mark.parametrize("compiler", compilers())
def test_it_compiles_without_a_warning(tmp_path: Path, compiler: str) -> None:
    for level in ["-O0", "-O2"]:
        compile_c(tmp_path / "gamd.o", level, "-c", SOURCE, compiler=compiler)


def test_it_needs_libc_alone_and_keeps_nothing(tmp_path: Path) -> None:
    library = compile_c(tmp_path / "libgamd.so", "-shared", "-fPIC", "-O2", SOURCE)
    dynamic = subprocess.run(["readelf", "-d", library], capture_output=True, text=True).stdout
    assert re.findall(r"NEEDED.*\[(.*)\]", dynamic) == ["libc.so.6"]
    plain = compile_c(tmp_path / "gamd.o", "-c", "-fno-pic", "-O2", SOURCE)
    symbols = subprocess.run(["nm", plain], capture_output=True, text=True).stdout
    assert re.findall(r"^\w* [dDbBC] .*", symbols, re.M) == [], "variables of all threads"
    exported = set(re.findall(r" T (\w+)", symbols))
    header = (SOURCE.parent / "gamd.h").read_text()
    assert exported == set(re.findall(r"^\w[\w *]*\b(gamd_\w+)\(", header, re.M))


CPP = shutil.which("c++") or shutil.which("clang++")


@pytest.mark.skipif(CPP is None, reason="no C++ compiler: install g++ or clang")
def test_it_links_into_a_cpp_program(tmp_path: Path) -> None:
    source = tmp_path / "main.cpp"
    source.write_text(
        '#include "gamd.h"\n'
        "int main() { gamd_client *c; return gamd_connect(&c, \"/nonexistent\", 1, nullptr); }\n"
    )
    plain = compile_c(tmp_path / "gamd.o", "-c", SOURCE)
    flags = ["-std=c++17", *FLAGS[1:]]
    command = [CPP, *flags, str(source), str(plain), "-o", str(tmp_path / "main")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([tmp_path / "main"]).returncode == UNREACHABLE


def test_its_statuses_are_those_of_the_protocol() -> None:
    table = (ROOT / "docs" / "protocol.md").read_text()
    numbers = {int(n): name for n, name in re.findall(r"^\| (\d+) \| (\w+) \|", table, re.M)}
    numbers = {n: name for n, name in numbers.items() if name[0].islower()}
    source = SOURCE.read_text()
    names = re.search(r"status_names\[\] = \{(.*?)\};", source, re.S)
    assert names and re.findall(r'"(\w+)"', names[1]) == [numbers[n] for n in sorted(numbers)]
    header = (SOURCE.parent / "gamd.h").read_text()
    enum = {int(n): name for name, n in re.findall(r"GAMD_([A-Z_]+) = (\d+),? *(?://|\n)", header)}
    spoken = {n: re.sub("([A-Z])", r"_\1", name).upper() for n, name in numbers.items()}
    assert enum == spoken


def test_the_example_of_its_readme_runs(tmp_path: Path, daemon: Daemon, client: Client) -> None:
    client.put("fields/ramp", np.arange(64 * 48, dtype=np.uint16).reshape(64, 48))
    text = (SOURCE.parent / "README.md").read_text()
    (example,) = re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S)
    (tmp_path / "example.c").write_text(example)
    program = compile_c(tmp_path / "example", tmp_path / "example.c", SOURCE)
    environment = {"GAMD_SOCKET": str(daemon.socket)}
    done = subprocess.run([program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (said,) = re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S)
    assert done.stdout == said
    client.delete("fields/ramp")


# Signals


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1009,), (83, 77), (7, 11, 13), (3, 5, 7, 2)], ids=str)
def test_arrays_go_in_and_come_out(
    handle: CClient, client: Client, dtype: str, shape: tuple[int, ...]
) -> None:
    array = noise(dtype, shape)
    described = describe_array(array, False, "space", None)
    put = handle.put("c/array", array.tobytes(), described)
    assert put.status == 0, put
    assert bits_equal(client["c/array"][...], array)
    for mode, limit in [("alloc", 0), ("buffer", array.nbytes), ("stream", array.nbytes)]:
        assert bits_equal(handle.read("c/array", mode=mode, limit=limit).array, array)


def test_lower_bits_are_stored_apart(handle: CClient, client: Client) -> None:
    samples = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
    described = describe_array(samples, False, "space", None)
    put = handle.put("c/apart", samples.tobytes(), described, options="\t0\t\t\t0\t5")
    assert put.status == 0, put
    assert client.stat("c/apart").lower_bits == 5
    assert bits_equal(client["c/apart"][...], samples)


@pytest.mark.parametrize("shape", [(600, 530), (100_001,), (40, 50, 60), (9, 20, 17, 12)], ids=str)
def test_regions_and_levels_equal_numpy_slicing(
    handle: CClient, client: Client, rng: random.Random, shape: tuple[int, ...]
) -> None:
    array = (noise("i2", shape) >> 9) + np.indices(shape).sum(axis=0).astype("i2")
    client.put("c/regions", array)
    for level in range(4):
        step = 1 << level
        reduced = array[(slice(None, None, step),) * len(shape)]
        assert bits_equal(handle.read("c/regions", level=level).array, reduced)
        for _ in range(8):
            # Every interval holds a point of the level.
            starts = [rng.randrange(extent // step) * step for extent in shape]
            region = [(s - rng.randint(0, min(s, step - 1)), rng.randint(s + 1, extent))
                      for s, extent in zip(starts, shape)]  # fmt: skip
            slices = tuple(slice(-(-start // step) * step, stop, step) for start, stop in region)
            mode = rng.choice(["alloc", "stream", "buffer"])
            limit = array.nbytes
            read = handle.read("c/regions", region, level, mode, limit)
            assert bits_equal(read.array, array[slices]), (level, region)


def test_levels_below_0_equal_those_of_the_python_client(handle: CClient, client: Client) -> None:
    client.put("c/finer", ((noise("i2", (50, 60)) >> 9) + 128).astype("u1"))
    for level in (-1, -2):
        finer = client.read("c/finer", level=level)
        assert finer.shape == tuple((extent - 1) * 2**-level + 1 for extent in (50, 60))
        assert bits_equal(handle.read("c/finer", level=level).array, finer)
        part = handle.read("c/finer", [(7, 61), (3, 4)], level)
        assert bits_equal(part.array, finer[7:61, 3:4])
    refused = handle.read("c/finer", level=-3)
    assert refused.status == BAD_REQUEST and "not within -2 to 30" in refused["error"], refused


def test_descriptions_travel_whole(handle: CClient, client: Client) -> None:
    described = pb.Description(
        axes=[
            pb.Axis(extent=30, kind=0, spacing=0.25, unit="mm"),
            pb.Axis(extent=500, kind=1, spacing=1 / 3, unit="µs"),
        ],
        channels=[7, 8, 4],
        family=0,
        bits=12,
    )
    samples = (noise("u2", (30, 500, 3)) & 0x0FFF).tobytes()
    put = handle.put("c/described", samples, described, "sonar\t1\tS\t8,64\t0\t0")
    assert put.status == 0 and put.description == described, put
    told = client.stat("c/described")
    assert told.description == described and told.kind == put["kind"] == "sonar"
    assert list(told.shard_extents) == [int(n) for n in put.all("shard_extent")] == [8, 64]
    stat = handle.call("stat", "c/described")
    for name in ["key", "content_hash", "network_size", "prior", "order", "dtype", "exactness"]:
        assert stat[name] == getattr(told, name), name
    for name in ["raw_bytes", "stored_bytes", "effort", "shard_count", "generation", "bits"]:
        assert int(stat[name]) == getattr(told, name), name
    assert int(stat["created_unix_ms"]) == told.created_unix_ms
    assert handle.read("c/described").payload == samples


def test_large_signals_are_streamed(handle: CClient, client: Client) -> None:
    array = np.add.outer(np.arange(1500), np.arange(1501)).astype("u2")
    handle.put("c/large", array.tobytes(), describe_array(array, False, "space", None))
    assert bits_equal(client["c/large"][...], array)
    for mode in ["alloc", "buffer", "stream"]:
        assert bits_equal(handle.read("c/large", mode=mode, limit=array.nbytes).array, array)
    for limit in [0, 300_000, array.nbytes - 1]:
        stopped = handle.read("c/large", mode="stream", limit=limit)
        assert (stopped.status, stopped.is_open) == (CANCELLED, True)
        refused = handle.read("c/large", mode="buffer", limit=limit)
        assert (refused.status, refused.is_open) == (TOO_LARGE, True)
        assert handle.call("stat", "c/large").status == 0


def test_files_go_in_and_come_out(handle: CClient, client: Client) -> None:
    file = (EXAMPLES / "elevation.png").read_bytes()
    put = handle.call("putfile", len(file), "c/file", "\t0\t\t\t0\t0", "elevation.png", body=file)
    assert put.status == 0 and put["file_name"] == "elevation.png" and put["kind"] == "image"
    assert handle.call("get", "c/file", "", 1 << 30).payload == client.get_file("c/file")
    npy = handle.call("get", "c/file", "npy", 1 << 30).payload
    assert npy == client.get_file("c/file", format="npy")


def test_lists_follow_their_pages(handle: CClient, client: Client) -> None:
    keys = sorted(f"c/list/{number}é" for number in range(150))
    for key in keys:
        client.put(key, np.arange(3, dtype=np.uint8))
    client.put("c/lis", np.zeros(1, np.uint8))
    assert handle.call("list", "c/list/", EVERYTHING_LISTED).all("key") == keys
    stopped = handle.call("list", "c/list/", 131)
    assert (stopped.status, stopped.is_open, stopped.all("key")) == (CANCELLED, True, keys[:131])
    # The visitor reads and deletes what it is shown, on the same handle.
    assert handle.call("list", "c/list/", EVERYTHING_LISTED, "delete").all("key") == keys
    assert handle.call("list", "c/list/", EVERYTHING_LISTED).all("key") == []
    assert list(client.ls("c/list/")) == [] and "c/lis" in client


# Errors


def test_refusals_leave_the_handle_open(handle: CClient, client: Client) -> None:
    array = np.arange(120, dtype=np.uint8).reshape(10, 12)
    client.put("c/small", array)
    described = describe_array(array, False, "space", None)
    long = "k" * 513
    refusals = {
        "absent": (NOT_FOUND, handle.read("c/absent")),
        "no such file": (NOT_FOUND, handle.call("get", "c/absent", "", 9)),
        "nothing to delete": (NOT_FOUND, handle.call("delete", "c/absent")),
        "outside": (BAD_REQUEST, handle.read("c/small", [(0, 11), (0, 5)])),
        "negative": (BAD_REQUEST, handle.read("c/small", [(-3, 5), (0, 5)])),
        "empty": (BAD_REQUEST, handle.read("c/small", [(5, 5), (0, 5)])),
        "axes": (BAD_REQUEST, handle.read("c/small", [(0, 5)])),
        "five axes": (BAD_REQUEST, handle.read("c/small", [(0, 1)] * 5)),
        "format": (BAD_REQUEST, handle.call("get", "c/small", "nonsense", 9)),
        "long key": (BAD_REQUEST, handle.call("stat", long)),
        "no key": (BAD_REQUEST, handle.read("")),
        "key of bytes": (BAD_REQUEST, handle.call("stat", "\udcff\udcfe")),
        "exists": (EXISTS, handle.put("c/small", array.tobytes(), described, "\t0\t\t\t1\t0")),
        "short": (BAD_REQUEST, handle.put("c/new", array.tobytes()[:-1], described)),
        "shape": (BAD_REQUEST, handle.put("c/new", b"", pb.Description(channels=[0], bits=8))),
        "kind": (BAD_REQUEST, handle.put("c/new", array.tobytes(), described, "A b\t0\t\t\t0\t0")),
    }
    for name, (status, answer) in refusals.items():
        assert (answer.status, answer.is_open) == (status, True), (name, answer)
        assert answer["error"], name
    assert "c/absent" in refusals["absent"][1]["error"], "the daemon's own words"
    assert bits_equal(handle.read("c/small").array, array)


def test_a_large_put_that_is_refused_early_leaves_the_handle_open(handle: CClient) -> None:
    array = np.zeros(20_000_000, np.uint8)
    described = describe_array(array, False, "space", None)
    answer = handle.put("c/new", array.tobytes(), described, "A b\t0\t\t\t0\t0")
    assert (answer.status, answer.is_open) == (BAD_REQUEST, True), answer
    assert handle.call("stat", "c/new").status == NOT_FOUND


def test_a_callback_may_not_use_the_handle(handle: CClient, client: Client) -> None:
    client.put("c/small", np.arange(5000, dtype=np.uint16))
    assert handle.read("c/small", mode="nested").status == 0


def test_a_deadline_is_the_daemon_s_first(
    c_client: CClient, daemon: Daemon, client: Client
) -> None:
    array = noise("u2", (1000, 1000)) >> 3
    described = describe_array(array, False, "space", None)
    assert c_client.open(daemon.socket, deadline=1).status == 0
    answer = c_client.put("c/late", array.tobytes(), described)
    assert (answer.status, answer.is_open) == (TIMED_OUT, True), answer
    assert "c/late" not in client


def test_a_daemon_that_dies_is_unreachable(c_client: CClient, own_daemon: Daemon) -> None:
    assert c_client.open(own_daemon.socket).status == 0
    own_daemon.kill()
    gone = c_client.call("stat", "k")
    assert (gone.status, gone.is_open) == (UNREACHABLE, False)
    again = c_client.call("stat", "k")
    assert again.status == UNREACHABLE and "connect anew" in again["error"]
    assert c_client.open(own_daemon.socket).status == UNREACHABLE
    assert c_client.open("/nonexistent/" + "x" * 200).status == BAD_REQUEST
