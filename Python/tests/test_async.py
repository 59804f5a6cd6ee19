"""The client for tasks: what it gives is what the other client gives, and cancelling is heard."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from fake_daemon import Peer, daemon
from test_many import ARRAY
from test_session import samples_reply
from test_client import SAMPLES

from gamd import AsyncClient, Client, ManyFailedError, NotFoundError, Pool, ReadItem
from gamd import ProtocolError, UnreachableError, UsageError
from gamd import gam_pb2 as pb


def with_client(socket: str, work):
    async def run():
        async with AsyncClient(socket) as client:
            return await asyncio.wait_for(work(client), 30)

    return asyncio.run(run())


def test_signals_are_put_read_listed_and_deleted(socket: str) -> None:
    async def work(client: AsyncClient) -> None:
        await client.put("tasks/a", ARRAY, spacing=0.5, unit="mm")
        signal = await client["tasks/a"]
        assert signal.shape == ARRAY.shape and signal.spacing == (0.5, 0.5)
        assert np.array_equal(await signal[::-3, 5], ARRAY[::-3, 5])
        assert np.array_equal(await signal.level(2).bits(8)[...], ARRAY[::4, ::4] & 0xFF00)
        assert (await signal.bits(8).read()).error_max == 255
        rows = [row async for row in signal.level(1)]
        assert np.array_equal(np.stack(rows), ARRAY[::2, ::2])
        assert [each.key async for each in client.ls("tasks/")] == ["tasks/a"]
        assert await client.get_file("tasks/a", format="raw") == ARRAY.tobytes()
        await client.delete("tasks/a")
        assert not await client.exists("tasks/a")
        with pytest.raises(NotFoundError):
            await client["tasks/a"]

    with_client(socket, work)


def test_points_runs_and_bounds_are_those_of_the_other_client(socket: str, client: Client) -> None:
    client["a"] = ARRAY
    at = np.random.default_rng(3).uniform(-1, 60, (700, 2))

    async def work(tasks: AsyncClient) -> None:
        signal, other = await tasks["a"], client["a"]
        found = await signal.query(at, method="cubic", gradient=True)
        expected = other.query(at, method="cubic", gradient=True)
        assert np.array_equal(found.values, expected.values)
        assert np.array_equal(found.gradients, expected.gradients)
        world = await signal.at_world(at, outside="nan")
        assert np.array_equal(world.values, other.at_world(at, outside="nan").values, True)
        assert np.array_equal((await signal.where(">", 50)).mask(), other.where(">", 50).mask())
        assert np.array_equal((await signal.bounds()).mean, other.bounds().mean)
        assert not (await signal.inside(at)).any()
        with pytest.raises(UsageError, match="outside"):
            await signal.query([[-1, 0]], outside="error")

    with_client(socket, work)


def test_hundreds_of_tasks_share_a_connection(socket: str, client: Client) -> None:
    client["a"] = ARRAY

    async def work(tasks: AsyncClient) -> None:
        reads = [tasks.read("a", [(n % 50, n % 50 + 1), (0, 60)]) for n in range(400)]
        for n, row in enumerate(await asyncio.gather(*reads)):
            assert np.array_equal(row[0], ARRAY[n % 50])

    with_client(socket, work)


def test_many_reads_and_pools(socket: str, client: Client) -> None:
    client["a"] = ARRAY

    async def work(tasks: AsyncClient) -> None:
        items = [ReadItem("a", [(n, n + 1), (0, 60)], pool_offset=128 * n) for n in range(50)]
        assert np.array_equal(np.concatenate(await tasks.read_many(items)), ARRAY)
        with Pool(1 << 16) as pool:
            async for number, row in tasks.read_many(items, as_ready=True, pool=pool):
                assert np.shares_memory(row, pool.array(128 * number, (60,), np.uint16))
                assert np.array_equal(row[0], ARRAY[number])
        with pytest.raises(ManyFailedError) as raised:
            await tasks.read_many(["a", "nothing"])
        assert list(raised.value.failures) == [1]
        ready = tasks.read_many(["a"] * 9, as_ready=True)
        await anext(ready)
        await ready.aclose()
        assert np.array_equal(await tasks.read("a"), ARRAY)

    with_client(socket, work)


def test_cancelling_a_task_cancels_its_request() -> None:
    def script(peer: Peer) -> None:
        number, _, _ = peer.receive()
        stopped, cancel, _ = peer.receive()
        assert (stopped, cancel.WhichOneof("operation")) == (number, "cancel")
        peer.send(number, samples_reply(SAMPLES, last=False), SAMPLES.tobytes()[:4])
        peer.send(number, pb.Reply(status=18, last=True))
        number, _, _ = peer.receive()
        peer.send(number, samples_reply(SAMPLES), SAMPLES.tobytes())

    async def work(client: AsyncClient) -> None:
        reading = asyncio.create_task(client.read("k"))
        await asyncio.sleep(0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert np.array_equal(await client.read("k"), SAMPLES)

    with daemon(script) as path:
        with_client(path, work)


@pytest.mark.parametrize(
    "garbage", [b"GAM2" + bytes(20), b"GAM1\x01" + bytes(7) + b"\x63" * 4 + bytes(8)]
)
def test_garbage_ends_the_connection_for_all_tasks(garbage: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.receive()
        peer.stream.sendall(garbage)
        peer.stream.recv(1)

    async def work(client: AsyncClient) -> None:
        both = await asyncio.gather(client.stat("a"), client.stat("b"), return_exceptions=True)
        assert [type(each) for each in both] == [ProtocolError] * 2
        with pytest.raises(UnreachableError, match="closed"):
            await client.stat("a")

    with daemon(script) as path:
        with_client(path, work)


def test_a_put_that_is_refused_early_says_why() -> None:
    def script(peer: Peer) -> None:
        number, _, _ = peer.receive()
        peer.send(number, pb.Reply(status=8, text="it is there", last=True))

    async def work(client: AsyncClient) -> None:
        with pytest.raises(Exception, match="it is there"):
            await client.put("k", np.zeros(4_000_000, np.uint8))

    with daemon(script) as path:
        with_client(path, work)


def test_nobody_listening_is_unreachable(tmp_path) -> None:
    async def work() -> None:
        async with AsyncClient(tmp_path / "nothing"):
            pass

    with pytest.raises(UnreachableError, match="start gamd"):
        asyncio.run(work())
