"""Signals whose lower bits are stored apart: through every client, and by what reads touch.

What always holds here:
- Samples are compared with numpy on the array that was put.
- Bytes read are those the kernel counts for the daemon's process, after a start without caches.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, PLUGIN_MANIFESTS, Daemon, gamctl
from readers import bits_equal

from gamd import Client, UsageError


def smooth(dtype: str = "int16", shape: tuple[int, ...] = (300, 280)) -> np.ndarray:
    rng = np.random.default_rng(8)
    walk = rng.integers(-40, 41, shape).cumsum(axis=-1)
    return (walk - walk.min()).astype(dtype) if dtype[0] == "u" else walk.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32", "float32", "float16"])
def test_both_parts_come_back_and_the_upper_one_alone(client: Client, dtype: str) -> None:
    samples = smooth(dtype)
    width = samples.dtype.itemsize * 8
    stat = client.put("apart", samples, lower_bits=width // 2)
    assert stat.lower_bits == width // 2
    assert bits_equal(client["apart"][...], samples)
    if dtype[0] != "f":
        mask = ~((1 << width // 2) - 1)
        upper = client["apart"].bits(width - width // 2).read(np.s_[10:200:3, ::-2])
        expected = (samples.astype(np.int64) & mask).astype(samples.dtype)[10:200:3, ::-2]
        assert np.array_equal(upper.values, expected)
        assert upper.error_max == (1 << width // 2) - 1
        level = client["apart"].level(3).bits(width - width // 2)[...]
        assert np.array_equal(level, (samples.astype(np.int64) & mask)[::8, ::8])
        some = client["apart"].bits(width - 2)[...]
        assert np.array_equal(some, samples.astype(np.int64) & ~3)
    client.put("apart", samples)
    assert client.stat("apart").lower_bits == 0


@pytest.mark.parametrize("bits", [16, 17, 1000])
def test_more_than_can_be_apart_is_refused(client: Client, bits: int) -> None:
    with pytest.raises(UsageError, match=f"{bits} lower bits .* choose 1 to 15"):
        client.put("apart", smooth(), lower_bits=bits)


def test_the_command_line_stores_and_shows_them(daemon: Daemon, tmp_path: Path) -> None:
    samples = smooth("uint16")
    np.save(tmp_path / "a.npy", samples)
    done = daemon.gamctl("put", "cli", tmp_path / "a.npy", "--lower-bits", "6", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lowerBits"] == 6
    done = daemon.gamctl("get", "cli", "-o", tmp_path / "b.npy")
    assert done.returncode == 0 and bits_equal(np.load(tmp_path / "b.npy"), samples)
    gam = tmp_path / "a.gam"
    plugins = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]
    done = gamctl("encode", tmp_path / "a.npy", gam, "--lower-bits", "9", *plugins)
    assert done.returncode == 0, done.stderr
    done = gamctl("decode", gam, tmp_path / "c.npy", *plugins)
    assert done.returncode == 0 and bits_equal(np.load(tmp_path / "c.npy"), samples)


def test_upper_bits_cost_few_bytes(tmp_path: Path) -> None:
    samples = smooth("uint16", (1024, 1024))
    with Daemon(tmp_path, config="[refit]\nenabled = false\n") as daemon:
        with daemon.client() as client:
            client.put("apart", samples, lower_bits=8)
        spent = [cold_bytes(daemon, bits) for bits in (8, 0)]
    assert spent[0] < 0.35 * spent[1], spent


def cold_bytes(daemon: Daemon, bits: int) -> int:
    daemon.stop()
    daemon.start()
    with daemon.client() as client:
        client.stat("apart")
        before = read_so_far(daemon)
        client.read("apart", bits=bits)
        return read_so_far(daemon) - before


def read_so_far(daemon: Daemon) -> int:
    lines = Path(f"/proc/{daemon.pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def test_points_and_bounds_see_whole_samples(client: Client) -> None:
    samples = smooth("int16")
    client.put("apart", samples, lower_bits=8)
    places = np.argwhere(samples == samples.max())[:3]
    assert (client["apart"].query(places.astype(float)).values == samples.max()).all()
    found = client["apart"].where("==", samples.max())
    assert found.matches == (samples == samples.max()).sum()
