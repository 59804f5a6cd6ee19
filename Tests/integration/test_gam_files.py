"""gamctl encode and decode: the whole path without a daemon, and what damage to a .gam file does.

What always holds here:
- A damaged .gam file ends in an error or in the exact samples, never in other samples.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from corpus import GoodFile, good_files
from gamd_process import BINARIES, EXAMPLES, PLUGIN_MANIFESTS, gamctl
from readers import bits_equal, png_contents

PLUGINS = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]
INTEGRITY, BAD_INPUT = 4, 65


def encode(path: Path, packed: Path, *options: str) -> None:
    done = gamctl("encode", path, packed, *options, *PLUGINS)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("good", good_files(), ids=lambda good: good.name)
def test_every_format_through_a_gam_file(tmp_path: Path, good: GoodFile) -> None:
    path, packed, back = tmp_path / good.name, tmp_path / "packed.gam", tmp_path / "back"
    path.write_bytes(good.data)
    encode(path, packed)
    assert gamctl("decode", packed, back, "--raw", *PLUGINS).returncode == 0
    assert back.read_bytes() == good.samples.tobytes()
    done = gamctl("decode", packed, back, *PLUGINS)
    assert done.returncode == 0, done.stderr.decode()
    assert bits_equal(good.read(back.read_bytes()), good.samples)
    if good.same_bytes:
        assert back.read_bytes() == good.data
    if good.name.endswith(".png"):
        assert png_contents(back.read_bytes()) == png_contents(good.data)


def test_threads_and_repetition_change_nothing(tmp_path: Path) -> None:
    files = []
    for name, threads in (("one", "1"), ("two", "2"), ("again", "1")):
        encode(EXAMPLES / "photo.png", tmp_path / name, "--threads", threads, "--effort", "1")
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1] == files[2]


def test_effort_never_makes_it_larger_and_energy_never_rises(tmp_path: Path) -> None:
    sizes = []
    for effort in ("0", "2"):
        packed = tmp_path / f"{effort}.gam"
        done = gamctl(
            "encode", EXAMPLES / "photo.png", packed, "--effort", effort, "--json", *PLUGINS
        )
        assert done.returncode == 0, done.stderr.decode()
        rounds = json.loads(done.stdout)["energyRounds"]
        assert rounds == sorted(rounds, reverse=True)
        sizes.append(packed.stat().st_size)
    assert sizes[1] <= sizes[0]


@pytest.mark.parametrize("name", ["elevation.png", "clip.wav", "torus.npy"])
def test_damage_is_an_error_never_a_wrong_sample(
    tmp_path: Path, rng: random.Random, name: str
) -> None:
    packed, hurt, back = tmp_path / "packed.gam", tmp_path / "hurt.gam", tmp_path / "back"
    encode(EXAMPLES / name, packed)
    assert gamctl("decode", packed, back, "--raw", *PLUGINS).returncode == 0
    expected, data = back.read_bytes(), packed.read_bytes()
    for number in range(60):
        wounded = bytearray(data)
        if number % 4 == 3:
            del wounded[rng.randrange(len(wounded)) :]
        else:
            wounded[rng.randrange(len(wounded))] ^= 1 << rng.randrange(8)
        hurt.write_bytes(wounded)
        back.unlink(missing_ok=True)
        done = gamctl("decode", hurt, back, "--raw", *PLUGINS)
        if done.returncode == 0:
            assert back.read_bytes() == expected, f"wound {number}: other samples came back"
        else:
            assert done.returncode in (INTEGRITY, BAD_INPUT), (number, done)
            assert done.stderr.strip() and not back.exists()
