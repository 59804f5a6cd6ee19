"""Many reads in one request, pools, threads and processes that share a client or may not."""

from __future__ import annotations

import gc
import os
import pickle
import threading

import numpy as np
import pytest

from gamd import Client, ManyFailedError, NotFoundError, Pool, ProcessClient, ReadItem
from gamd import TooLargeError, UsageError

ARRAY = np.arange(50 * 60, dtype=np.uint16).reshape(50, 60)


@pytest.fixture(autouse=True)
def stored(client: Client) -> None:
    client["a"] = ARRAY
    client["b"] = ARRAY.astype(np.float32)


def test_a_list_comes_in_order(client: Client) -> None:
    items = [ReadItem("a", [(n, n + 1), (0, 60)]) for n in range(50)]
    assert np.array_equal(np.concatenate(client.read_many(items)), ARRAY)
    mixed = client.read_many(["b", ("a", [(0, 50, 7), (59, -1, -2)]), client["a"].level(3).item()])
    assert np.array_equal(mixed[0], ARRAY) and mixed[0].dtype == np.float32
    assert np.array_equal(mixed[1], ARRAY[::7, ::-2])
    assert np.array_equal(mixed[2], ARRAY[::8, ::8])
    assert client.read_many([]) == []


def test_more_items_than_a_request_takes_are_several_requests(client: Client) -> None:
    items = [ReadItem("a", [(n % 50, n % 50 + 1), (5, 6)]) for n in range(9000)]
    found = client.read_many(items)
    assert [int(value[0, 0]) for value in found] == [int(ARRAY[n % 50, 5]) for n in range(9000)]


def test_failures_keep_nothing_else_from_coming(client: Client) -> None:
    items = ["a", "no such key", "b"]
    with pytest.raises(ManyFailedError, match="no such key") as raised:
        client.read_many(items)
    assert list(raised.value.failures) == [1]
    assert isinstance(raised.value.failures[1], NotFoundError)
    assert np.array_equal(raised.value.values[2], ARRAY)
    seen = {}
    with pytest.raises(ManyFailedError):
        for number, array in client.read_many(items, as_ready=True):
            seen[number] = array
    assert sorted(seen) == [0, 2]


def test_a_generator_may_be_left_and_others_served_meanwhile(client: Client) -> None:
    ready = client.read_many(["a", "b"] * 20, as_ready=True)
    next(ready)
    assert np.array_equal(client.read("b"), ARRAY), "in the middle of the other answer"
    next(ready)
    ready.close()
    assert np.array_equal(client.read("a"), ARRAY)


def test_reads_lie_in_the_pool(client: Client) -> None:
    with Pool(1 << 16) as pool:
        offset = pool.take(ARRAY.nbytes)
        first = client.read("a", pool=pool, pool_offset=offset)
        assert np.array_equal(first, ARRAY)
        window = pool.array(offset, ARRAY.shape, np.uint16)
        assert np.shares_memory(first, window)
        client.read("a", [(49, -1, -1), (0, 60)], pool=pool, pool_offset=offset)
        assert np.array_equal(first, ARRAY[::-1]), "the same memory, read into again"
        many = client.read_many([ReadItem("a", pool_offset=offset), "b"][:1], pool=pool)
        assert np.shares_memory(many[0], window)
        assert client.attach(pool) == client.attach(pool), "handed over once"


def test_a_pool_hands_out_what_it_has(client: Client) -> None:
    pool = Pool(4096)
    assert [pool.take(100), pool.take(1)] == [0, 128]
    with pytest.raises(TooLargeError, match="reset"):
        pool.take(4096)
    pool.reset()
    assert pool.take(4096) == 0
    with pytest.raises(UsageError):
        client.read("a", pool=pool)
    with pytest.raises(UsageError):
        pool.array(4000, (100,), np.uint8)
    with pytest.raises(OSError):
        os.ftruncate(pool.descriptor, 1)
    pool.close()
    with pytest.raises(UsageError, match="closed"):
        pool.descriptor
    with pytest.raises(UsageError):
        Pool(0)


def test_an_array_outlives_its_pool_and_its_client(socket: str) -> None:
    with Client(socket) as other, Pool(1 << 16) as pool:
        array = other.read("a", pool=pool)
    del pool
    gc.collect()
    assert np.array_equal(array, ARRAY)


def test_threads_share_a_client(client: Client) -> None:
    faults = []

    def work(number: int) -> None:
        for n in range(60):
            row = (number * 7 + n) % 50
            if not np.array_equal(client.read("a", [(row, row + 1), (0, 60)])[0], ARRAY[row]):
                faults.append((number, n))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def in_child(work) -> str:
    """What `work` returns in a forked process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = str(work())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read().decode()


def test_a_forked_client_refuses_and_the_parents_goes_on(client: Client) -> None:
    assert "child process needs its own" in in_child(lambda: client.read("a").sum())
    assert in_child(client.close) == "None"
    assert np.array_equal(client.read("a"), ARRAY)


def test_a_process_client_connects_where_it_is(socket: str) -> None:
    place = ProcessClient(socket, timeout=20)
    assert place.get() is place.get()
    assert in_child(lambda: place.get().read("a").sum()) == str(ARRAY.sum())
    copy = pickle.loads(pickle.dumps(place))
    assert copy == place and hash(copy) == hash(place) and copy.get() is not place.get()
    place.close()
    assert np.array_equal(place.get().read("a"), ARRAY)
