"""Views of signals against numpy, the daemon replaced by its reference in Python."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
import reads

from gamd import Client, PartialError, UsageError

VOLUME = np.arange(40 * 30 * 20, dtype=np.int16).reshape(40, 30, 20) % 997


def test_random_reads_of_all_kinds_are_as_numpy_has_them(client: Client) -> None:
    seed = int(os.environ.get("GAMD_SEED", random.randrange(1, 1 << 32)))
    print(f"GAMD_SEED={seed}")
    done = reads.check(client, 300, seed)
    assert len(done.reads) == 6


def test_a_view_tells_what_it_is_without_reading(client: Client) -> None:
    client.put("volume", VOLUME, spacing=(0.5, 1, 2), unit="mm")
    signal = client["volume"]
    assert (signal.shape, signal.ndim, signal.size) == ((40, 30, 20), 3, 24000)
    assert (signal.dtype, signal.nbytes, len(signal), signal.channels) == (np.int16, 48000, 40, 1)
    assert signal.spacing == (0.5, 1, 2) and signal.unit == ("mm",) * 3
    assert signal.attrs["kind"] == "array" and signal.attrs["unit"] == ["mm"] * 3
    small = signal.level(2)
    assert small.shape == (10, 8, 5) and small.spacing == (2, 4, 8)
    assert "level 2 area 9 bits" in repr(signal.level(2, "area").bits(9))


def test_views_compose(client: Client) -> None:
    client["volume"] = VOLUME
    signal = client["volume"]
    expected = VOLUME[::4, ::4, ::4] & ~0xFF
    assert np.array_equal(signal.level(2).bits(8)[...], expected)
    assert np.array_equal(signal.bits(8).level(2)[::-1, 3], expected[::-1, 3])
    assert np.array_equal(signal.level(3).level(2).bits(8)[...], expected), "levels are absolute"
    answer = signal.bits(8).read(np.s_[5, ::7])
    assert answer.error_max == 255 and not answer.is_estimate
    exact = signal.bits(16).read()
    assert exact.error_max == 0 and np.array_equal(exact.values, VOLUME)


def test_numpy_takes_a_view_as_an_array(client: Client) -> None:
    client["volume"] = VOLUME
    signal = client["volume"]
    assert np.array_equal(np.asarray(signal), VOLUME)
    assert np.asarray(signal, np.float64).dtype == np.float64
    assert np.array_equal(np.stack(list(signal.level(1))), VOLUME[::2, ::2, ::2])
    assert np.array_equal(np.add(signal, 1), VOLUME + 1)
    with pytest.raises(ValueError, match="copy"):
        signal.__array__(copy=False)


def test_channels_are_the_last_axis(client: Client) -> None:
    colors = VOLUME[:20, :20, :3].astype(np.uint8)
    client.put("colors", colors, channels_last=True)
    signal = client["colors"]
    assert signal.shape == (20, 20, 3) and signal.channels == 3
    for expression in (np.s_[..., 1], np.s_[::3, -1, ::-1], np.s_[2:, None, 4, 1:], np.s_[5:5]):
        assert np.array_equal(signal[expression], colors[expression]), expression


@pytest.mark.parametrize(
    "view",
    [
        lambda signal: signal.level(31),
        lambda signal: signal.level(-3),
        lambda signal: signal.level(-1, "area"),
        lambda signal: signal.level(1, "bicubic"),
        lambda signal: signal.bits(33),
        lambda signal: signal.level(1, "area").bits(17),
        lambda signal: signal.query([1, 2]),
        lambda signal: signal.where(">", 3, np.s_[::2]),
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_sent(client: Client, view) -> None:
    client["volume"] = VOLUME
    with pytest.raises(UsageError):
        view(client["volume"])


def test_points_have_any_shape_and_go_in_as_many_requests_as_it_takes(client: Client) -> None:
    client.put("volume", VOLUME, spacing=(0.5, 1, 2))
    signal = client["volume"]
    at = np.random.default_rng(1).uniform(0, 19, (37, 11, 3))  # more than one body of 4096 bytes
    grid = np.floor(at)
    expected = VOLUME[tuple(grid.astype(int).reshape(-1, 3).T)].reshape(37, 11)
    found = signal.query(grid, gradient=True)
    assert np.array_equal(found.values, expected) and found.gradients.shape == (37, 11, 3)
    assert np.array_equal(signal.at_world(grid * (0.5, 1, 2)).values, expected)
    assert signal.query([1.5, 2, 3]).values.shape == ()
    assert signal.query(np.empty((0, 3))).values.shape == (0,)


def test_one_axis_takes_plain_numbers(client: Client) -> None:
    client.put("sound", np.stack([np.arange(100), -np.arange(100)], 1).astype(np.int16),
               channels_last=True, axes="time")  # fmt: skip
    found = client["sound"].query([1.5, 2.25, 3], gradient=True)
    assert np.array_equal(found.values, [[1.5, -1.5], [2.25, -2.25], [3, -3]])
    assert found.gradients.shape == (3, 2, 1)
    assert client["sound"].query(7.5).values.shape == (2,)


def test_runs_become_coordinates_and_masks(client: Client) -> None:
    client["volume"] = VOLUME
    signal = client["volume"]
    runs = signal.where(">=", 900)
    assert np.array_equal(runs.mask(), VOLUME >= 900)
    coordinates = runs.coordinates()
    assert np.array_equal(np.sort(VOLUME[tuple(coordinates.T)]), np.sort(VOLUME[VOLUME >= 900]))
    assert client.where("volume", "<", -1).coordinates().shape == (0, 3)
    cut = signal.where(">=", 900, np.s_[3:9], runs_max=2)
    assert cut.is_cut and len(cut.lengths) == 2
    with pytest.raises(PartialError, match="runs_max"):
        cut.mask()


def test_bounds_hold_whole_shards(client: Client) -> None:
    client.put("volume", VOLUME, shard_extents=(16, 16, 16))
    found = client["volume"].bounds(np.s_[20:21])
    assert found.starts[0].tolist() == [16, 0, 0] and found.extents[0].tolist() == [16, 16, 16]
    assert found.maximum[0, 0] == VOLUME[16:32, :16, :16].max()
    assert len(client.bounds("volume").mean) == 3 * 2 * 2


def test_a_signal_that_was_replaced_meanwhile_is_noticed(client: Client) -> None:
    client["volume"] = VOLUME
    signal = client["volume"]
    client["volume"] = VOLUME.astype(np.float32)
    with pytest.raises(UsageError, match="replaced"):
        signal[3:5]
