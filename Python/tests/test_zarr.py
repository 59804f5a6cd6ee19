"""zarr on the daemon: its own tests of a store, arrays through it, signals seen as arrays."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import uuid

import numpy as np
import pytest

zarr = pytest.importorskip("zarr", "3.0", reason="zarr 3 is not installed")

from zarr.core.buffer import Buffer, cpu  # noqa: E402
from zarr.testing.store import StoreTests  # noqa: E402

from gamd import AsyncClient, Client, UsageError  # noqa: E402
from gamd.zarr import GamdStore, SignalStore, open_levels, open_signal  # noqa: E402


class TestGamdStore(StoreTests[GamdStore, cpu.Buffer]):
    """zarr's tests, every store below a prefix of its own."""

    store_cls = GamdStore
    buffer_cls = cpu.Buffer

    async def set(self, store: GamdStore, key: str, value: Buffer) -> None:
        data = np.frombuffer(value.to_bytes() or b"\0", np.uint8)
        async with AsyncClient(store._clients.path) as client:
            await client.put(store.prefix + key, data, bits=8 if len(value) else 1)

    async def get(self, store: GamdStore, key: str) -> Buffer:
        async with AsyncClient(store._clients.path) as client:
            data = await client.read(store.prefix + key)
            stat = await client.stat(store.prefix + key)
        return self.buffer_cls.from_bytes(b"" if stat.bits == 1 else data.tobytes())

    @pytest.fixture
    def store_kwargs(self, socket: str) -> dict:
        return {"prefix": f"zarr/{uuid.uuid4()}", "socket": socket}

    @pytest.fixture
    def store(self, open_kwargs: dict) -> GamdStore:
        return asyncio.run(self.store_cls.open(**open_kwargs))

    @pytest.fixture
    def store_not_open(self, store_kwargs: dict) -> GamdStore:
        return self.store_cls(**store_kwargs)

    def test_store_repr(self, store: GamdStore) -> None:
        assert repr(store) == f"GamdStore('gamd://{store.prefix}')"

    def test_store_supports_writes(self, store: GamdStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: GamdStore) -> None:
        assert store.supports_listing


def run_in_a_loop(test):
    """zarr's tests are coroutines; what runs them is no matter of this package."""

    def run(self, **arguments):
        asyncio.run(test(self, **arguments))

    run.__signature__ = inspect.signature(test)
    for name in ("pytestmark", "__doc__", "__name__"):
        if hasattr(test, name):
            setattr(run, name, getattr(test, name))
    return run


for base in StoreTests.__mro__:
    for name, test in vars(base).items():
        if name.startswith("test_") and inspect.iscoroutinefunction(test):
            setattr(TestGamdStore, name, run_in_a_loop(test))


def test_arrays_and_groups_live_in_the_daemon(socket: str, client: Client) -> None:
    group = zarr.open_group(GamdStore("run7", socket), mode="w")
    array = group.create_array("field", shape=(100, 90), chunks=(32, 32), dtype="f4")
    values = np.random.default_rng(1).normal(size=(100, 90)).astype(np.float32)
    array[:] = values
    again = zarr.open_group(GamdStore("run7", socket), mode="r")
    assert np.array_equal(again["field"][...], values)
    assert np.array_equal(again["field"][5:80:3, ::7], values[5:80:3, ::7])
    assert client.stat("run7/field/c/0/0").raw_bytes > 0


def test_shards_of_zarr_are_read_in_part(socket: str) -> None:
    store = GamdStore("sharded", socket)
    array = zarr.create_array(
        store, name="a", shape=(64, 64), chunks=(8, 8), shards=(32, 32), dtype="u2"
    )
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    array[:] = values
    assert np.array_equal(zarr.open_array(store, path="a", mode="r")[9:40, 5], values[9:40, 5])


VALUES = np.random.default_rng(2).integers(-99, 99, (50, 37, 20)).astype(np.int16)


def test_a_signal_is_an_array_whose_chunks_are_shards(socket: str, client: Client) -> None:
    client.put("volume", VALUES, spacing=(2, 1, 0.5), unit="mm", shard_extents=(16, 16, 16))
    array = open_signal("volume", socket)
    assert (array.shape, array.dtype, array.chunks) == (VALUES.shape, np.int16, (16, 16, 16))
    assert np.array_equal(array[...], VALUES)
    assert np.array_equal(array[3:44:5, -1, ::2], VALUES[3:44:5, -1, ::2])
    assert array.attrs["unit"] == ["mm"] * 3 and array.metadata.dimension_names == ("z", "y", "x")
    assert array.read_only
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    assert np.array_equal(pickle.loads(pickle.dumps(array))[9], VALUES[9])


def test_levels_are_a_group(socket: str, client: Client) -> None:
    colors = VALUES[..., :3].astype(np.uint8)
    client.put("colors", colors, channels_last=True, shard_extents=(16, 16))
    group = open_levels("colors", socket)
    assert sorted(group.array_keys()) == ["0", "1", "2"]
    assert [level["spacing"] for level in group.attrs["levels"]] == [[1, 1], [2, 2], [4, 4]]
    assert np.array_equal(group["1"][...], colors[::2, ::2])
    assert np.array_equal(open_signal("colors", socket, level=4)[...], colors[::16, ::16])
    assert group["0"].metadata.dimension_names == ("y", "x", "channel")


def test_what_is_no_zarr_value_is_told(socket: str, client: Client) -> None:
    client.put("mixed/a", VALUES, shard_extents=(16, 16, 16))
    with pytest.raises(UsageError, match="open_signal"):
        asyncio.run(GamdStore("mixed", socket).get("a"))
    assert asyncio.run(SignalStore("mixed/a", socket).get("0/c/9/0/0")) is None
    assert asyncio.run(SignalStore("mixed/a", socket).exists("0/c/3/2/1"))
    assert not asyncio.run(SignalStore("mixed/a", socket).exists("0/c/0/0"))
