"""One connection, many requests under way: against daemons that answer in their own order."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest
import xxhash
from fake_daemon import Peer, daemon
from test_client import DESCRIPTION, SAMPLES, halves

from gamd import BusyError, CancelledError, Client, ProtocolError, UnreachableError
from gamd import gam_pb2 as pb


def samples_reply(samples: np.ndarray, last: bool = True, **fields) -> pb.Reply:
    digest = halves(xxhash.xxh3_128_intdigest(samples.tobytes()))
    result = pb.SamplesResult(
        description=DESCRIPTION, total_bytes=samples.nbytes, **digest, **fields
    )
    return pb.Reply(samples=result, last=last)


def in_threads(count: int, work) -> list:
    """What `work(number)` gives in so many threads at once; exceptions are results."""
    results: list = [None] * count

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def test_answers_in_any_order_reach_who_waits() -> None:
    def script(peer: Peer) -> None:
        asked = [peer.receive() for _ in range(5)]
        for number, request, _ in reversed(asked):
            samples = SAMPLES + int(request.key)
            peer.send(number, samples_reply(samples), samples.tobytes())

    with daemon(script, in_flight=5) as path, Client(path, timeout=20) as client:
        results = in_threads(5, lambda number: client.read(str(number)))
    for number, result in enumerate(results):
        assert np.array_equal(result, SAMPLES + number)


def test_no_more_requests_than_allowed_are_under_way() -> None:
    most = []

    def script(peer: Peer) -> None:
        for _ in range(6):
            number, _, _ = peer.receive()
            peer.stream.settimeout(0.05)
            with pytest.raises(TimeoutError):
                most.append(peer.stream.recv(1))
            peer.stream.settimeout(None)
            peer.send(number, pb.Reply(stat=pb.StatResult(key="k"), last=True))

    with daemon(script, in_flight=1) as path, Client(path, timeout=20) as client:
        results = in_threads(6, lambda _: client.stat("k").key)
    assert results == ["k"] * 6 and not most


def test_the_end_of_the_connection_is_told_to_all() -> None:
    def script(peer: Peer) -> None:
        for _ in range(3):
            peer.receive()

    with daemon(script, in_flight=8) as path, Client(path, timeout=20) as client:
        results = in_threads(3, lambda _: client.stat("k"))
    assert all(isinstance(result, UnreachableError) for result in results), results


def test_an_error_of_no_request_is_told_to_all() -> None:
    def script(peer: Peer) -> None:
        for _ in range(2):
            peer.receive()
        peer.send(0, pb.Reply(status=11, text="stopping", last=True))
        peer.stream.recv(1)

    with daemon(script, in_flight=8) as path, Client(path, timeout=20) as client:
        results = in_threads(2, lambda _: client.stat("k"))
    assert [type(result) for result in results] == [BusyError] * 2
    assert "stopping" in str(results[0])


def test_cancel_stops_what_another_thread_waits_for() -> None:
    def script(peer: Peer) -> None:
        number, _, _ = peer.receive()
        stopped, cancel, _ = peer.receive()
        assert (stopped, cancel.WhichOneof("operation")) == (number, "cancel")
        peer.send(number, pb.Reply(status=18, text="as asked", last=True))
        number, _, _ = peer.receive()
        peer.send(number, pb.Reply(stat=pb.StatResult(key="k"), last=True))

    with daemon(script) as path, Client(path, timeout=20) as client:
        timer = threading.Timer(0.1, client.cancel)
        timer.start()
        with pytest.raises(CancelledError, match="as asked"):
            client.read("k")
        assert client.stat("k").key == "k", "the connection goes on"


def test_an_interrupt_ends_the_connection_and_nothing_is_read_again() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with daemon(lambda peer: peer.receive() and peer.stream.recv(1)) as path:
            with Client(path, timeout=20) as client:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(KeyboardInterrupt):
                    client.read("k")
                assert not client.is_open
                with pytest.raises(UnreachableError, match="closed"):
                    client.read("k")
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_close_wakes_who_waits() -> None:
    with daemon(lambda peer: peer.receive() and peer.stream.recv(1)) as path:
        client = Client(path, timeout=20)
        timer = threading.Timer(0.1, client.close)
        timer.start()
        started = time.monotonic()
        with pytest.raises(UnreachableError):
            client.read("k")
        assert time.monotonic() - started < 5


def test_priority_and_deadline_go_with_every_request() -> None:
    seen = []

    def script(peer: Peer) -> None:
        for _ in range(3):
            number, request, _ = peer.receive()
            seen.append((request.priority, request.deadline_ms))
            peer.send(number, pb.Reply(stat=pb.StatResult(key="k"), last=True))

    with daemon(script) as path, Client(path, timeout=20) as client:
        client.options(priority="urgent", deadline=1.5).stat("k")
        client.options(priority="background").stat("k")
        client.stat("k")
        with pytest.raises(ValueError, match="priority"):
            client.options(priority="high")
    assert seen == [(2, 1500), (1, 0), (0, 0)]


def test_a_left_generator_is_cancelled_and_its_frames_dropped() -> None:
    def script(peer: Peer) -> None:
        number, request, _ = peer.receive()
        assert request.read_many.as_ready and len(request.read_many.items) == 3
        for item in (2, 0):
            reply = samples_reply(SAMPLES + item, False, item=item, item_last=True)
            peer.send(number, reply, (SAMPLES + item).tobytes())
        stopped, cancel, _ = peer.receive()
        assert (stopped, cancel.WhichOneof("operation")) == (number, "cancel")
        peer.send(number, pb.Reply(status=18, last=True))
        number, _, _ = peer.receive()
        peer.send(number, pb.Reply(stat=pb.StatResult(key="k"), last=True))

    with daemon(script) as path, Client(path, timeout=20) as client:
        ready = client.read_many(["a", "b", "c"], as_ready=True)
        number, array = next(ready)
        assert number == 2 and np.array_equal(array, SAMPLES + 2)
        ready.close()
        assert client.stat("k").key == "k"


@pytest.mark.parametrize("items", [[0, 0], [3], [7]])
def test_items_that_were_not_asked_for_are_refused(items: list[int]) -> None:
    def script(peer: Peer) -> None:
        number, _, _ = peer.receive()
        for item in items:
            reply = samples_reply(SAMPLES, False, item=item, item_last=True)
            peer.send(number, reply, SAMPLES.tobytes())
        peer.stream.recv(1)

    with daemon(script) as path, Client(path, timeout=20) as client:
        with pytest.raises(ProtocolError, match="not due"):
            client.read_many(["a", "b", "c"])


def test_items_that_are_left_out_are_an_error() -> None:
    def script(peer: Peer) -> None:
        number, _, _ = peer.receive()
        peer.send(number, pb.Reply(read_many=pb.ReadManyResult(succeeded=2), last=True))

    with daemon(script) as path, Client(path, timeout=20) as client:
        with pytest.raises(ProtocolError, match="left out item 0"):
            client.read_many(["a", "b"])


def test_a_damaged_page_is_listed_all_the_same() -> None:
    def script(peer: Peer) -> None:
        number, _, _ = peer.receive()
        page = pb.ListResult(signals=[pb.StatResult(key="damaged")])
        peer.send(number, pb.Reply(status=4, text="one is damaged", list=page, last=True))

    with daemon(script) as path, Client(path, timeout=20) as client:
        assert [signal.key for signal in client.ls()] == ["damaged"]
