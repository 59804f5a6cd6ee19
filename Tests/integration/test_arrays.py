"""Arrays of every type and shape through the client, their regions and levels against numpy.

What always holds here:
- Equality is of bits, so NaN payloads and signed zeros count.
- Random tests print their seed and take it back in GAMD_SEED.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from readers import bits_equal

from gamd import Client, UsageError

DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4"]
SHAPES = [
    (1,),
    (2,),
    (1009,),
    (1, 1),
    (1, 313),
    (313, 1),
    (257, 263),
    (1, 1, 1),
    (7, 11, 13),
    (65, 3, 66),
    (1, 1, 1, 1),
    (3, 5, 7, 2),
]


def noise(dtype: str, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Every bit pattern the type has, at random."""
    generator = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    return np.frombuffer(generator.bytes(int(np.prod(shape)) * kind.itemsize), kind).reshape(shape)


def smooth(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    wave = np.sin(np.indices(shape).sum(axis=0) / 9.0)
    if np.dtype(dtype).kind == "f":
        return wave.astype(dtype)
    return (wave * np.iinfo(dtype).max * 0.4 + np.iinfo(dtype).max * 0.5).astype(dtype)


def check(client: Client, array: np.ndarray, **settings) -> None:
    client.put("array", array, **settings)
    assert bits_equal(client["array"][...], array)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_and_smooth_arrays_come_back(
    client: Client, dtype: str, shape: tuple[int, ...]
) -> None:
    check(client, noise(dtype, shape))
    check(client, smooth(dtype, shape))


@pytest.mark.parametrize("dtype", DTYPES)
def test_flat_and_extreme_arrays_come_back(client: Client, dtype: str) -> None:
    kind = np.dtype(dtype)
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    check(client, np.full((100, 300), limits.max, kind))
    check(client, np.full((100, 300), limits.min, kind))
    stripes = np.zeros((70, 90), kind)
    stripes[::2], stripes[1::2] = limits.min, limits.max
    check(client, stripes)
    lonely = np.zeros((300, 300), kind)
    lonely[150, 150] = limits.max
    check(client, lonely)


def test_floats_keep_payloads_signs_and_infinities(client: Client) -> None:
    single = np.array(
        [0x00000000, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7FC00001]
        + [0xFFC12345, 0x7F800001, 0xFFFFFFFF, 0x00000001, 0x807FFFFF, 0x7F7FFFFF],
        np.uint32,
    ).view(np.float32)
    check(client, np.tile(single, (50, 7)))
    check(client, np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256))


def test_wide_integers_use_all_their_bits(client: Client) -> None:
    ramp = np.arange(0, 1 << 32, 65521, dtype=np.uint64).astype(np.uint32)
    check(client, ramp)
    check(client, ramp.view(np.int32))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 17, 64])
def test_channels_stay_apart(client: Client, channels: int) -> None:
    array = smooth("i2", (37, 41, channels)) + noise("i2", (37, 41, channels)) // 64
    client.put("array", array, channels_last=True)
    signal = client["array"]
    assert signal.channels == channels
    expected = array if channels > 1 else array[..., 0]
    assert bits_equal(signal[...], expected)
    assert bits_equal(signal[5:30:3, -1], expected[5:30:3, -1])
    if channels > 1:
        assert bits_equal(signal[..., 1:], expected[..., 1:])


@pytest.mark.parametrize("frames", [1, 2, 4095, 4096, 4097, 65537, 100_003])
def test_time_axes_come_back(client: Client, frames: int) -> None:
    sound = smooth("i2", (frames, 2)) + noise("i2", (frames, 2)) // 1000
    check(client, sound, channels_last=True, axes="time")
    assert bits_equal(client["array"][frames // 3 : -1], sound[frames // 3 : -1])


def test_few_bits_are_kept_and_checked(client: Client) -> None:
    twelve = noise("u2", (90, 70)) & 0x0FFF
    check(client, twelve, bits=12)
    assert client.stat("array").bits == 12
    check(client, (noise("u1", (33, 35)) & 1).astype(bool).astype(np.uint8), bits=1)
    client.put("array", noise("u1", (9, 9)) > 100)
    assert client["array"].dtype == np.uint8
    with pytest.raises((UsageError, ValueError), match="bit"):
        client.put("array", np.full((4, 4), 4096, np.uint16), bits=12)


@pytest.mark.parametrize("size", ["S", "M", "L"])
@pytest.mark.parametrize("effort", [0, 1])
def test_every_network_size_is_exact(client: Client, size: str, effort: int) -> None:
    array = smooth("u1", (130, 140, 3)) ^ (noise("u1", (130, 140, 3)) & 3)
    stat = client.put("array", array, channels_last=True, size=size, effort=effort)
    assert bits_equal(client["array"][...], array)
    assert stat.network_size == size
    rounds = list(client.stat("array", energy=True).energy_rounds)
    assert rounds == sorted(rounds, reverse=True), "energy never rises"


@pytest.mark.parametrize("shape", [(600, 530), (300_001,), (70, 90, 80), (20, 20, 40, 30)], ids=str)
def test_regions_and_levels_equal_numpy_slicing(
    client: Client, rng: random.Random, shape: tuple[int, ...]
) -> None:
    array = smooth("i2", shape) + noise("i2", shape) // 512
    client.put("array", array, shard_extents=shard_extents(len(shape)))
    signal = client["array"]
    for level in range(4):
        reduced = array[(slice(None, None, 1 << level),) * len(shape)]
        view = signal.level(level)
        assert view.shape == reduced.shape
        assert bits_equal(view[...], reduced)
        for _ in range(12):
            expression = tuple(random_slice(rng, extent) for extent in reduced.shape)
            assert bits_equal(view[expression], reduced[expression]), (level, expression)


def shard_extents(axes: int) -> tuple[int, ...]:
    """Small shards, so that regions cross many of them; sides are multiples of 8."""
    return {1: (20_480,), 2: (128, 96), 3: (32, 32, 32), 4: (8, 16, 16, 16)}[axes]


def random_slice(rng: random.Random, extent: int) -> slice:
    first, second = sorted(rng.randint(0, extent) for _ in range(2))
    if first == second:
        first, second = max(0, first - 1), max(1, second)
    return slice(first, second, rng.choice([None, 1, 2, 5]))


@pytest.mark.parametrize(
    "region", [[(0, 11)], [(-1, 5), (0, 5)], [(0, 11), (0, 5)], [(5, 5), (0, 5)], [(7, 3), (0, 5)]]
)
def test_regions_outside_the_signal_are_refused(client: Client, region: list) -> None:
    client.put("array", np.zeros((10, 12), np.uint8))
    with pytest.raises(UsageError):
        client.read("array", region)
