"""Garbage on the socket and clients that vanish: the daemon answers others as if nothing happened.

What always holds here:
- Frames are made by hand from docs/protocol.md, so that they can be wrong.
- After every attack a well-behaved client puts and reads a signal.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from typing import Iterator

import numpy as np
import pytest
from gamd_process import Daemon
from readers import bits_equal

from gamd import Client, GamError
from gamd import gam_pb2 as pb

PROTOCOL_ERROR = 14
BUSY = 11
HEADER = struct.Struct("<4sBBHIIQ")


def frame(
    metadata: bytes,
    body: bytes = b"",
    *,
    magic: bytes = b"GAM1",
    version: int = 1,
    flags: int = 0,
    descriptors: int = 0,
    request_id: int = 7,
    metadata_bytes: int | None = None,
    body_bytes: int | None = None,
) -> bytes:
    claimed = len(metadata) if metadata_bytes is None else metadata_bytes
    following = len(body) if body_bytes is None else body_bytes
    header = HEADER.pack(magic, version, flags, descriptors, claimed, request_id, following)
    return header + metadata + body


def request(**fields) -> bytes:
    return pb.Request(**fields).SerializeToString()


HELLO_ID = 1
HELLO = frame(request(hello=pb.Hello(client="test", protocol_max=1)), request_id=HELLO_ID)
DESCRIPTION = pb.Description(axes=[pb.Axis(extent=1000)], channels=[0], family=0, bits=8)
BEGIN = request(key="half", put_begin=pb.PutBegin(samples=DESCRIPTION))
DATA = request(put_data=pb.PutData())
COMMIT = request(put_commit=pb.PutCommit())

BROKEN = {
    "wrong magic": frame(b"", magic=b"HTTP"),
    "version 2": frame(b"", version=2),
    "unknown flags": frame(b"", flags=0x80),
    "descriptors": frame(b"", descriptors=3),
    "metadata over the cap": frame(b"", metadata_bytes=(1 << 20) + 1),
    "metadata of 4 GiB": frame(b"", metadata_bytes=0xFFFF_FFFF),
    "body of 2^63": frame(b"", body_bytes=1 << 63),
    "body of 2^64 - 1": frame(b"", body_bytes=(1 << 64) - 1),
    "a web request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

REFUSED = {
    "metadata that is no message": frame(b"\xff" * 50),
    "no operation": frame(b""),
    "data without begin": frame(DATA, b"x" * 10),
    "commit without begin": frame(COMMIT),
    "begin twice": frame(BEGIN) + frame(BEGIN),
    "too few samples": frame(BEGIN) + frame(DATA, b"x" * 999) + frame(COMMIT),
    "too many samples": frame(BEGIN) + frame(DATA, b"x" * 1001) + frame(COMMIT),
    "description without axes": frame(
        request(key="k", put_begin=pb.PutBegin(samples=pb.Description(bits=8, channels=[0])))
    ),
    "extents that overflow": frame(
        request(
            key="k",
            put_begin=pb.PutBegin(
                samples=pb.Description(
                    axes=[pb.Axis(extent=(1 << 64) - 1)] * 4, channels=[0] * 64, bits=32
                )
            ),
        )
    ),
    "bits of 2^32 - 1": frame(
        request(
            key="k",
            put_begin=pb.PutBegin(
                samples=pb.Description(axes=[pb.Axis(extent=4)], channels=[0], bits=0xFFFF_FFFF)
            ),
        )
    ),
    "shards of no size": frame(
        request(key="half", put_begin=pb.PutBegin(samples=DESCRIPTION, shard_extents=[0]))
    )
    + frame(DATA, b"x" * 1000)
    + frame(COMMIT),
    "a wrong hash": frame(BEGIN)
    + frame(DATA, b"x" * 1000)
    + frame(request(put_commit=pb.PutCommit(has_hash=True, body_hash_low=1, body_hash_high=2))),
    "region of extremes": frame(
        request(
            key="witness",
            read=pb.Read(region=[pb.Interval(start=-(1 << 63), stop=(1 << 63) - 1)]),
        )
    ),
    "level 2^31 - 1": frame(request(key="witness", read=pb.Read(level=0x7FFF_FFFF))),
    "level -2^31": frame(request(key="witness", read=pb.Read(level=-0x8000_0000))),
}


@pytest.fixture
def witness(daemon: Daemon) -> Iterator[None]:
    """The well-behaved client: its signal is there and right before and after."""
    array = np.arange(1000, dtype=np.uint8)
    with daemon.client() as client:
        client.put("witness", array)
        yield
        assert bits_equal(client["witness"][...], array)
    with daemon.client() as client:
        assert bits_equal(client["witness"][...], array)
        assert "half" not in client


class Raw:
    """A connection that sends whatever bytes it is given."""

    def __init__(self, daemon: Daemon) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(str(daemon.socket))

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the daemon may hang up before it has read everything

    def reply(self) -> tuple[int, pb.Reply] | None:
        """The next reply; None when the daemon closed the connection."""
        header = self._exactly(24)
        if header is None:
            return None
        magic, version, _, _, metadata_bytes, request_id, body_bytes = HEADER.unpack(header)
        assert (magic, version) == (b"GAM1", 1)
        metadata, body = self._exactly(metadata_bytes), self._exactly(body_bytes)
        assert metadata is not None and body is not None
        return request_id, pb.Reply.FromString(metadata)

    def _exactly(self, count: int) -> bytes | None:
        pieces = b""
        while len(pieces) < count:
            try:
                piece = self.socket.recv(count - len(pieces))
            except ConnectionResetError:
                return None
            if not piece:
                return None
            pieces += piece
        return pieces


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_stream_out_of_step_gets_one_error_and_is_closed(
    daemon: Daemon, witness: None, name: str
) -> None:
    with Raw(daemon) as raw:
        raw.send(BROKEN[name] + b"\0" * 24)
        answer = raw.reply()
        assert answer is not None, "closed without a word"
        assert answer[1].status == PROTOCOL_ERROR and answer[1].text
        assert raw.reply() is None, "the connection stays open"


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_requests_that_make_no_sense_are_refused(daemon: Daemon, witness: None, name: str) -> None:
    with Raw(daemon) as raw:
        raw.send(HELLO + REFUSED[name])
        answers = dict(answer for answer in (raw.reply(), raw.reply()) if answer is not None)
        assert answers[HELLO_ID].status == 0
        assert 7 in answers, "closed without a word"
        assert answers[7].status != 0 and answers[7].text, answers


def test_random_bytes_and_random_frames(
    daemon: Daemon, witness: None, rng: random.Random
) -> None:
    for _ in range(60):
        with Raw(daemon) as raw:
            if rng.random() < 0.5:
                raw.send(HELLO)
            good = frame(request(key="witness", stat=pb.Stat())) + frame(BEGIN) + frame(DATA, b"x")
            damaged = bytearray(good if rng.random() < 0.7 else rng.randbytes(200))
            for _ in range(rng.randint(1, 8)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            raw.send(bytes(damaged[: rng.randint(1, len(damaged))]))


def test_unknown_fields_are_tolerated(daemon: Daemon, witness: None) -> None:
    unknown = bytes([0xF8, 0x3F, 0x05])  # field 1023, varint 5
    with Raw(daemon) as raw:
        raw.send(frame(request(key="witness", stat=pb.Stat()) + unknown))
        answer = raw.reply()
    assert answer is not None and answer[1].status == 0
    assert answer[1].stat.key == "witness"


def test_pipelined_requests_are_all_answered(daemon: Daemon, witness: None) -> None:
    stat = request(key="witness", stat=pb.Stat())
    with Raw(daemon) as raw:
        raw.send(HELLO)
        greeting = raw.reply()
        assert greeting is not None
        count = greeting[1].hello.requests_in_flight_max
        assert count > 1, "a daemon that takes one request at a time is no pipeline"
        ids = range(100, 100 + count)
        raw.send(b"".join(frame(stat, request_id=number) for number in ids))
        answers = [raw.reply() for _ in ids]
    assert sorted(answer[0] for answer in answers if answer) == list(ids)
    assert all(answer[1].status == 0 for answer in answers if answer)


def test_requests_over_the_cap_are_refused_not_queued(daemon: Daemon, witness: None) -> None:
    with Raw(daemon) as raw:
        raw.send(HELLO)
        greeting = raw.reply()
        assert greeting is not None
        count = 3 * greeting[1].hello.requests_in_flight_max
        begin = request(key="half", put_begin=pb.PutBegin(samples=DESCRIPTION))
        raw.send(b"".join(frame(begin, request_id=100 + number) for number in range(count)))
        refused = [raw.reply() for _ in range(count - greeting[1].hello.requests_in_flight_max)]
    assert all(answer is not None and answer[1].status == BUSY for answer in refused), refused


@pytest.mark.parametrize(
    "sent",
    [
        HELLO[:10],
        HELLO + frame(BEGIN)[:30],
        HELLO + frame(BEGIN),
        HELLO + frame(BEGIN) + frame(DATA, b"x" * 500),
        HELLO + frame(BEGIN) + frame(DATA, b"x" * 500, body_bytes=900),
        HELLO + frame(BEGIN) + frame(DATA, b"x" * 1000),
    ],
    ids=["in hello", "in begin", "after begin", "between data", "in data", "before commit"],
)
def test_a_client_that_vanishes_leaves_nothing(
    daemon: Daemon, witness: None, sent: bytes
) -> None:
    for _ in range(5):
        with Raw(daemon) as raw:
            raw.send(sent)
    with daemon.client() as client:
        assert "half" not in client


def test_a_client_that_stops_reading_does_not_stop_others(daemon: Daemon, witness: None) -> None:
    with daemon.client() as client:
        client.put("large", np.zeros((3000, 3000), np.uint8))
        with Raw(daemon) as raw:
            read = request(key="large", read=pb.Read())
            raw.send(HELLO + b"".join(frame(read, request_id=n) for n in range(2, 6)))
            start = time.monotonic()
            assert client.stat("witness").key == "witness"
            assert time.monotonic() - start < 10
        client.delete("large")


def test_too_many_connections_are_refused_not_fatal(daemon: Daemon, witness: None) -> None:
    held: list[Client] = []
    try:
        for _ in range(600):
            held.append(daemon.client(timeout=10))
    except GamError as error:
        assert str(error)
    finally:
        for client in held:
            client.close()
    deadline = time.monotonic() + 20
    while True:
        try:
            daemon.client(timeout=10).close()
            return
        except GamError:
            assert time.monotonic() < deadline, "connections that closed still count"
            time.sleep(0.1)
