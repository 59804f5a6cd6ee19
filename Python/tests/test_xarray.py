"""Signals as data sets of xarray: names, coordinates, and reads of just what is indexed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

from gamd import Client  # noqa: E402
from gamd.xarray import GamdBackend  # noqa: E402

VOLUME = np.arange(24 * 40 * 36, dtype=np.int32).reshape(24, 40, 36)


@pytest.fixture
def volume(socket: str, client: Client):
    client.put("scans/volume", VOLUME, spacing=(2, 0.5, 0.5), unit="mm", shard_extents=(16,) * 3)
    return xarray.open_dataset("gamd://scans/volume", engine=GamdBackend, socket=socket)


def test_axes_have_names_coordinates_and_units(volume) -> None:
    array = volume["volume"]
    assert array.dims == ("z", "y", "x") and array.dtype == np.int32
    assert np.array_equal(array.z, np.arange(24) * 2) and array.x.attrs == {"units": "mm"}
    assert array.attrs["kind"] == "array" and volume.attrs["source"] == "gamd://scans/volume"
    assert array.encoding["preferred_chunks"] == {"z": 16, "y": 16, "x": 16}


def test_what_is_indexed_is_what_numpy_has(volume) -> None:
    array = volume["volume"]
    assert np.array_equal(array[3:20:4, -1].values, VOLUME[3:20:4, -1])
    assert np.array_equal(array.isel(x=[3, 1, 30], z=5).values, VOLUME[5][:, [3, 1, 30]])
    assert np.array_equal(array[::-2, ::3][1:4].values, VOLUME[::-2, ::3][1:4])
    assert int(array.sel(z=10, y=7.5, x=3)) == VOLUME[5, 15, 6]
    assert np.array_equal(array.where(array > 30000, drop=True).z, np.arange(20, 24) * 2)


def test_only_what_is_indexed_is_read(volume, monkeypatch) -> None:
    backend = volume["volume"].variable._data
    while not hasattr(backend, "_place"):
        backend = backend.array
    client, asked = backend._place.get(), []
    run = client._run
    monkeypatch.setattr(client, "_run", lambda step: (asked.append(step), run(step))[1])
    part = volume["volume"][4:9, ::5]
    assert not asked
    part.load()
    assert len(asked) == 1


def test_levels_bits_and_dropped_variables(socket: str, volume) -> None:
    small = xarray.open_dataset(
        "gamd://scans/volume", engine=GamdBackend, socket=socket, level=2, filter="area", bits=32
    )
    assert small["volume"].shape == (6, 10, 9) and np.array_equal(small.z, np.arange(6) * 8)
    assert int(small["volume"][0, 0, 0]) == round(VOLUME[:4, :4, :4].mean())
    nothing = xarray.open_dataset(
        "gamd://scans/volume", engine=GamdBackend, socket=socket, drop_variables="volume"
    )
    assert not nothing.data_vars


def test_a_data_set_can_be_pickled(volume) -> None:
    assert np.array_equal(pickle.loads(pickle.dumps(volume))["volume"][2].values, VOLUME[2])


def test_sound_has_time_and_channels(socket: str, client: Client) -> None:
    lanes = VOLUME[0, :, :2]
    client.put("sound", lanes, channels_last=True, axes="time", spacing=1 / 8000, unit="s")
    sound = xarray.open_dataset("gamd://sound", engine=GamdBackend, socket=socket)["sound"]
    assert sound.dims == ("time", "channel") and float(sound.time[8]) == 0.001


def test_the_engine_knows_its_urls() -> None:
    assert GamdBackend().guess_can_open("gamd://a") and not GamdBackend().guess_can_open("a.nc")
