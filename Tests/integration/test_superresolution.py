"""Levels below 0: bit for bit the network in numpy, marked as estimates, better than cubic.

What always holds here:
- What is expected comes from Tests/support/superresolution_reference.py, which shares nothing with
  the daemon but the weights' files.
- The two pictures of Examples/ were not trained on for this network.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from gamd_process import EXAMPLES, Daemon
from PIL import Image
from superresolution_reference import level, shipped

from gamd import Client, UsageError

PHOTO = np.asarray(Image.open(EXAMPLES / "photo.png"))
ELEVATION = np.asarray(Image.open(EXAMPLES / "elevation.png")).astype(np.uint16)


def steps(shape: tuple[int, ...], dtype: type, bits: int) -> np.ndarray:
    """Walks that reach both ends of the type."""
    rng = np.random.default_rng(5)
    walk = rng.normal(0, 1, shape).cumsum(axis=-1).clip(-3, 3)
    low = -(1 << (bits - 1)) if np.dtype(dtype).kind == "i" else 0
    return (low + np.floor((walk + 3) / 6 * ((1 << bits) - 1))).astype(np.int64).astype(dtype)


@pytest.mark.parametrize(
    ("samples", "bits", "channels_last"),
    [
        (PHOTO[100:190, 200:333], 8, True),
        (ELEVATION[50:120, 60:161], 16, False),
        (steps((40, 70), np.uint16, 12), 12, False),
        (steps((33, 41), np.int16, 16), 16, False),
        (steps((21, 30), np.int32, 32), 32, False),
        (steps((21, 30), np.uint32, 32), 32, False),
        (steps((1, 300), np.uint8, 8), 8, False),
        (steps((300, 1), np.uint8, 8), 8, False),
    ],
    ids=["rgb", "u16", "u12", "i16", "i32", "u32", "row", "column"],
)
def test_every_sample_is_that_of_the_reference(
    client: Client, samples: np.ndarray, bits: int, channels_last: bool
) -> None:
    shards = tuple(min(extent, 32) for extent in samples.shape[:2])
    client.put("finer", samples, bits=bits, channels_last=channels_last, shard_extents=shards)
    for wanted in (-1, -2):
        found = client["finer"].level(wanted).read()
        assert found.is_estimate and found.error_max == 0
        assert found.values.dtype == samples.dtype
        step = 1 << -wanted
        assert np.array_equal(found.values[::step, ::step], samples), "stored samples, bit for bit"
        assert np.array_equal(found.values, level(samples, wanted, shipped(2), bits))
    assert not client["finer"].read().is_estimate


def test_series_are_pictures_of_one_row(client: Client) -> None:
    sound = steps((3000, 2), np.int16, 16)
    client.put("sound", sound, channels_last=True, axes="time", spacing=1 / 44100, unit="s")
    finer = client["sound"].level(-1)
    assert finer.shape == (5999, 2) and finer.spacing == (0.5 / 44100,)
    assert np.array_equal(finer[...], level(sound, -1, shipped(1), 16))
    assert np.array_equal(finer[4000:17:-3], finer[...][4000:17:-3])


def test_views_index_the_finer_grid(client: Client) -> None:
    client.put("photo", PHOTO[:64, :80], channels_last=True, spacing=(0.5, 2), unit="mm")
    finer = client["photo"].level(-1)
    whole = finer[...]
    assert finer.shape == whole.shape == (127, 159, 3) and finer.spacing == (0.25, 1)
    for expression in (np.s_[3:50:7, ::-2], np.s_[-1, 5], np.s_[..., 1], np.s_[10:10]):
        assert np.array_equal(finer[expression], whole[expression]), expression
    assert np.array_equal(np.stack(list(finer)), whole)
    one, two = client.read_many([finer.item(np.s_[5:9]), client["photo"].level(-2).item()])
    assert np.array_equal(one, whole[5:9]) and two.shape == (253, 317, 3)


def held_back(client: Client, plane: np.ndarray) -> tuple[float, float]:
    """Signal-to-noise ratios in decibels of the network and of the daemon's cubic points."""
    truth = plane[: len(plane) // 2 * 2 - 1, : plane.shape[1] // 2 * 2 - 1]
    client["held-back"] = np.ascontiguousarray(truth[::2, ::2])
    places = np.stack(np.indices(truth.shape), axis=-1) / 2
    answers = [
        client["held-back"].level(-1)[...].astype(float),
        client["held-back"].query(places, method="cubic").values,
    ]
    between = np.ones(truth.shape, bool)
    between[::2, ::2] = False
    peak = float(truth.max()) - float(truth.min())
    errors = [float(((answer - truth)[between] ** 2).mean()) for answer in answers]
    return tuple(10 * np.log10(peak**2 / error) for error in errors)


def test_the_network_beats_cubic_on_samples_held_back(client: Client) -> None:
    for channel in range(3):
        network, cubic = held_back(client, PHOTO[..., channel])
        assert network > cubic + 1, f"channel {channel}: {network:.2f} dB, cubic {cubic:.2f} dB"


def test_where_cubic_is_nearly_exact_the_network_costs_little(client: Client) -> None:
    network, cubic = held_back(client, ELEVATION)
    assert cubic > 55 and network > cubic - 0.2, f"{network:.2f} dB, cubic {cubic:.2f} dB"


def test_from_a_shell_as_samples_and_as_a_picture(daemon: Daemon, tmp_path: Path) -> None:
    samples = PHOTO[:40, :50]
    with daemon.client() as client:
        client.put_file("shell", EXAMPLES / "photo.png")
        client.put("shell-part", samples, channels_last=True)
    expected = level(samples, -1, shipped(2), 8)
    region = "--region=3:60,-40::2"
    done = daemon.gamctl("read", "shell-part", "--level=-1", region)
    assert done.returncode == 0, done.stderr.decode()
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), expected[3:60, -40::2])
    picture = tmp_path / "finer.png"
    region = "--region=0:70,0:90"
    done = daemon.gamctl("read", "shell", "--level=-1", region, "--format=png", "-o", picture)
    assert done.returncode == 0, done.stderr.decode()
    # Samples further in than the window reaches are the same of the whole and of its part.
    assert np.array_equal(np.asarray(Image.open(picture)), expected[:70, :90])


def test_what_no_network_is_fit_for_says_what_to_do(client: Client, daemon: Daemon) -> None:
    volume = np.zeros((8, 8, 8), np.int16)
    client["volume"], client["float"] = volume, np.zeros((8, 8), np.float32)
    client["picture"] = volume[0]
    client.put("sound", volume.reshape(-1), axes="time")
    with pytest.raises(UsageError, match="sound"):
        client["sound"].level(-2).read()
    for key in ("volume", "float"):
        with pytest.raises(UsageError, match="method cubic"):
            client[key].level(-1).read()
    for view in (
        lambda signal: signal.level(-3),
        lambda signal: signal.level(-1, "area"),
        lambda signal: signal.level(-1).bits(4),
    ):
        with pytest.raises(UsageError):
            view(client["picture"])
    for arguments in (["--filter=area"], ["--bits=4"]):
        done = daemon.gamctl("read", "picture", "--level=-1", *arguments)
        assert done.returncode == 64 and b"estimate" in done.stderr
    assert daemon.gamctl("read", "picture", "--level=-3").returncode == 64
