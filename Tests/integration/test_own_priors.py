"""A prior of one's own: trained on files, used beside the shipped ones, missed by name.

What always holds here:
- The prior is trained in the test, in seconds, on the example that it then encodes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, EXAMPLES, PLUGIN_MANIFESTS, gamctl
from readers import png_samples

PLUGINS = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]
PICTURE = EXAMPLES / "elevation.png"


@pytest.fixture(scope="module")
def prior(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("priors") / "mine-S.prior"
    options = ["--name", "mine", "--size", "S", "--roles", 1, "--passes", 2, "--no-statistics"]
    done = gamctl("train", path, PICTURE, *options, *PLUGINS)
    assert done.returncode == 0, done.stderr
    return path


def encode(packed: Path, *options: object) -> dict:
    done = gamctl("encode", PICTURE, packed, "--size", "S", "--json", *options, *PLUGINS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("effort", [0, 2])
@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_signal_written_with_it_comes_back(
    prior: Path, tmp_path: Path, place: str, effort: int
) -> None:
    given = ["--priors", prior if place == "file" else prior.parent]
    report = encode(tmp_path / "a.gam", "--prior", "mine", "--effort", effort, *given)
    assert report["prior"] == "mine-S"
    done = gamctl("decode", tmp_path / "a.gam", tmp_path / "a.raw", "--raw", *given, *PLUGINS)
    assert done.returncode == 0, done.stderr
    truth = np.ascontiguousarray(png_samples(PICTURE.read_bytes()))
    assert (tmp_path / "a.raw").read_bytes() == truth.tobytes()


def test_without_it_the_error_names_it(prior: Path, tmp_path: Path) -> None:
    encode(tmp_path / "a.gam", "--prior", "mine", "--priors", prior)
    done = gamctl("decode", tmp_path / "a.gam", tmp_path / "a.png", *PLUGINS)
    assert done.returncode == 76
    assert b"mine-S" in done.stderr and b"--priors" in done.stderr
    assert not (tmp_path / "a.png").exists()


def test_the_shipped_ones_stay_beside_it(prior: Path, tmp_path: Path) -> None:
    alone = encode(tmp_path / "a.gam", "--prior", "gray")
    assert encode(tmp_path / "b.gam", "--prior", "gray", "--priors", prior) | {
        "adapterSeconds": 0, "codecSeconds": 0,
    } == alone | {"adapterSeconds": 0, "codecSeconds": 0}  # fmt: skip
    assert (tmp_path / "a.gam").read_bytes() == (tmp_path / "b.gam").read_bytes()


def test_what_is_no_prior_is_refused_by_name(prior: Path, tmp_path: Path) -> None:
    cut, empty = tmp_path / "cut.prior", tmp_path / "empty"
    cut.write_bytes(prior.read_bytes()[:-1])
    empty.mkdir()
    for given in (cut, PICTURE, empty, tmp_path / "absent.prior"):
        done = gamctl("encode", PICTURE, tmp_path / "a.gam", "--priors", given, *PLUGINS)
        assert done.returncode == 65, (given, done.stderr)
        assert given.name.encode() in done.stderr
    assert not (tmp_path / "a.gam").exists()
