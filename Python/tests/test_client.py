"""The client against a daemon that misbehaves: whatever is wrong is an exception, never data."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import xxhash
from fake_daemon import Peer, daemon

from gamd import BadInputError, Client, GamError, IntegrityError, NotFoundError
from gamd import ProtocolError, UnreachableError, UsageError
from gamd import gam_pb2 as pb

SAMPLES = np.arange(6, dtype="<u2").reshape(2, 3)
DESCRIPTION = pb.Description(
    axes=[pb.Axis(extent=2), pb.Axis(extent=3)], channels=[0], family=0, bits=16
)


def halves(digest: int) -> dict[str, int]:
    return {"hash_low": digest & (1 << 64) - 1, "hash_high": digest >> 64}


def answer_read(peer: Peer, body: bytes, total: int, digest: int, request_shift: int = 0) -> None:
    """Two frames: the description with half the body, the hash with the other half."""
    request_id, _, _ = peer.receive()
    request_id += request_shift
    first = pb.SamplesResult(description=DESCRIPTION, total_bytes=total)
    peer.send(request_id, pb.Reply(samples=first), body[:5])
    last = pb.SamplesResult(**halves(digest))
    peer.send(request_id, pb.Reply(samples=last, last=True), body[5:])


def test_a_good_answer_is_returned_whole() -> None:
    body = SAMPLES.tobytes()
    digest = xxhash.xxh3_128_intdigest(body)
    with daemon(lambda peer: answer_read(peer, body, 12, digest)) as path, Client(path) as client:
        samples = client.read("k")
    assert samples.dtype == np.dtype("<u2")
    assert np.array_equal(samples, SAMPLES)


def test_a_changed_body_is_an_integrity_error() -> None:
    body = bytearray(SAMPLES.tobytes())
    digest = xxhash.xxh3_128_intdigest(bytes(body))
    body[7] ^= 1
    with daemon(lambda peer: answer_read(peer, bytes(body), 12, digest)) as path:
        with Client(path) as client, pytest.raises(IntegrityError, match="hash"):
            client.read("k")


@pytest.mark.parametrize("total", [11, 13, 0, 1 << 60])
def test_a_wrong_announced_size_is_refused(total: int) -> None:
    body = SAMPLES.tobytes()
    digest = xxhash.xxh3_128_intdigest(body)
    with daemon(lambda peer: answer_read(peer, body, total, digest)) as path:
        with Client(path) as client, pytest.raises(ProtocolError, match="announced"):
            client.read("k")


def test_an_answer_to_another_request_is_refused_and_the_connection_closed() -> None:
    body = SAMPLES.tobytes()
    digest = xxhash.xxh3_128_intdigest(body)
    with daemon(lambda peer: answer_read(peer, body, 12, digest, 7)) as path:
        with Client(path) as client:
            with pytest.raises(ProtocolError, match="answer to request"):
                client.read("k")
            with pytest.raises(UnreachableError, match="closed"):
                client.read("k")


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<4sBBHIIQ", b"GAM2", 1, 0, 0, 0, 2, 0),
        struct.pack("<4sBBHIIQ", b"GAM1", 9, 0, 0, 0, 2, 0),
        struct.pack("<4sBBHIIQ", b"GAM1", 1, 1, 0, 0, 2, 0),
        struct.pack("<4sBBHIIQ", b"GAM1", 1, 0, 3, 0, 2, 0),
        struct.pack("<4sBBHIIQ", b"GAM1", 1, 0, 0, 0xFFFF_FFFF, 2, 0),
        struct.pack("<4sBBHIIQ", b"GAM1", 1, 0, 0, 0, 2, (1 << 64) - 1),
        struct.pack("<4sBBHIIQ", b"GAM1", 1, 0, 0, 3, 2, 0) + b"\xff\xff\xff",
    ],
)
def test_a_garbage_frame_is_a_protocol_error(header: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.stream.sendall(header)
        peer.stream.recv(1)  # until the client hangs up

    with daemon(script) as path, Client(path) as client:
        with pytest.raises(ProtocolError, match="connection closed"):
            client.stat("k")


def test_a_daemon_that_dies_midway_is_unreachable() -> None:
    def script(peer: Peer) -> None:
        request_id, _, _ = peer.receive()
        first = pb.SamplesResult(description=DESCRIPTION, total_bytes=12)
        peer.send(request_id, pb.Reply(samples=first), b"12345")

    with daemon(script) as path, Client(path) as client:
        with pytest.raises(UnreachableError, match="closed the connection"):
            client.read("k")


def test_an_error_becomes_its_exception_and_the_connection_lives() -> None:
    def script(peer: Peer) -> None:
        request_id, _, _ = peer.receive()
        peer.send(request_id, pb.Reply(status=2, text="no signal 'k': see ls", key="k", last=True))
        request_id, _, _ = peer.receive()
        peer.send(request_id, pb.Reply(stat=pb.StatResult(key="k"), last=True))

    with daemon(script) as path, Client(path) as client:
        with pytest.raises(NotFoundError, match="see ls") as raised:
            client.stat("k")
        assert (raised.value.status, raised.value.key) == (2, "k")
        assert client.stat("k").key == "k"


def test_an_unknown_status_keeps_its_number() -> None:
    def script(peer: Peer) -> None:
        request_id, _, _ = peer.receive()
        peer.send(request_id, pb.Reply(status=999, last=True))

    with daemon(script) as path, Client(path) as client:
        with pytest.raises(GamError, match="999") as raised:
            client.delete("k")
        assert raised.value.status == 999


def test_a_put_arrives_in_chunks_within_the_cap_with_its_hash() -> None:
    seen = bytearray()
    array = np.arange(2500, dtype=">i2")  # big endian: must arrive little endian

    def script(peer: Peer) -> None:
        request_id, begin, _ = peer.receive()
        assert [axis.extent for axis in begin.put_begin.samples.axes] == [2500]
        assert (begin.put_begin.samples.family, begin.put_begin.samples.bits) == (1, 16)
        while True:
            same_id, request, body = peer.receive()
            assert same_id == request_id
            if request.WhichOneof("operation") == "put_commit":
                break
            assert 0 < len(body) <= 1000
            seen.extend(body)
        commit = request.put_commit
        digest = commit.body_hash_high << 64 | commit.body_hash_low
        assert commit.has_hash and digest == xxhash.xxh3_128_intdigest(bytes(seen))
        result = pb.PutResult(stat=pb.StatResult(key="k"))
        peer.send(request_id, pb.Reply(put=result, last=True))

    with daemon(script) as path, Client(path) as client:
        assert client.put("k", array).key == "k"
    assert bytes(seen) == array.astype("<i2").tobytes()


def test_a_put_refused_midway_raises_what_the_daemon_said() -> None:
    def script(peer: Peer) -> None:
        request_id, _, _ = peer.receive()
        peer.send(request_id, pb.Reply(status=6, text="not that", last=True))

    with daemon(script) as path, Client(path) as client:
        with pytest.raises(BadInputError, match="not that"):
            client.put("k", np.zeros(4_000_000, np.uint8))


def test_nobody_listening_is_unreachable(tmp_path) -> None:
    with pytest.raises(UnreachableError, match="start gamd"):
        Client(tmp_path / "nothing.sock")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, np.int64),
        np.zeros(3, np.float64),
        np.zeros(3, np.complex64),
        np.zeros((2, 2, 2, 2, 2), np.uint8),
        np.zeros((3, 0), np.uint8),
        np.array(7, np.uint8),
        np.array(["a"]),
    ],
)
def test_arrays_that_are_no_signal_are_refused_before_anything_is_sent(array: np.ndarray) -> None:
    def script(peer: Peer) -> None:
        with pytest.raises(EOFError):
            peer.receive()

    with daemon(script) as path, Client(path) as client, pytest.raises(UsageError):
        client.put("k", array)
