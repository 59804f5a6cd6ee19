"""Descriptors and coordinates from clients that lie: each gets its answer, and nothing stays open.

What always holds here:
- Frames are made by hand; descriptors travel as docs/protocol.md says, or as it forbids.
- The daemon has as many descriptors afterwards as before.
"""

from __future__ import annotations

import array
import fcntl
import mmap
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gamd_process import Daemon
from test_hostile_frames import HEADER, frame, request

from gamd import gam_pb2 as pb

F_ADD_SEALS, F_SEAL_SHRINK = 1033, 2
BYTES = 1 << 16
ATTACH = request(attach=pb.Attach(bytes=BYTES))
QUERY = request(key="q", query=pb.Query())
BAD_REQUEST, TOO_LARGE, PROTOCOL_ERROR = 5, 7, 14


class Raw:
    """A connection that sends what it is told, with descriptors."""

    def __init__(self, daemon: Daemon) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(str(daemon.socket))

    def send(self, data: bytes, *descriptors: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        rest = data[self.socket.sendmsg([data], rights if descriptors else []) :]
        try:
            while rest:
                rest = rest[self.socket.send(rest) :]
        except (BrokenPipeError, ConnectionResetError):
            pass  # the daemon may hang up before it has read everything

    def answer(self) -> pb.Reply | None:
        """The next reply; None when the daemon has closed the connection."""
        head = self._exactly(HEADER.size)
        if head is None:
            return None
        _, _, _, _, metadata, _, body = HEADER.unpack(head)
        reply = pb.Reply.FromString(self._exactly(metadata) or b"")
        self._exactly(body)
        return reply

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionResetError:
                return None
            if not piece:
                return None
            data += piece
        return data


def descriptors_of(daemon: Daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


@pytest.fixture
def raw(daemon: Daemon) -> Iterator[Raw]:
    with daemon.client() as client:
        client.put("q", np.arange(1200, dtype=np.uint16).reshape(30, 40))
    before = descriptors_of(daemon)
    connection = Raw(daemon)
    yield connection
    connection.socket.close()
    deadline = time.monotonic() + 10
    while descriptors_of(daemon) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert descriptors_of(daemon) <= before
    with daemon.client() as client:
        assert client["q"][3, 4] == 124


def memory(size: int = BYTES, seals: int = F_SEAL_SHRINK, fill: bool = True) -> int:
    descriptor = os.memfd_create("pool", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    if fill:
        os.posix_fallocate(descriptor, 0, size)
    if seals:
        fcntl.fcntl(descriptor, F_ADD_SEALS, seals)
    return descriptor


def plain_file() -> int:
    return os.open(__file__, os.O_RDONLY)


def folder() -> int:
    return os.open(str(Path(__file__).parent), os.O_RDONLY)


WRONG: dict[str, Callable[[], int]] = {
    "not sealed": lambda: memory(seals=0),
    "its pages are not there": lambda: memory(fill=False),
    "smaller than it says": lambda: memory(size=BYTES // 2),
    "a file": plain_file,
    "a folder": folder,
    "a socket": lambda: socket.socket(socket.AF_UNIX).detach(),
    "a pipe": lambda: os.pipe()[0],
    "read only": lambda: os.open(f"/proc/self/fd/{memory()}", os.O_RDONLY),
}


@pytest.mark.parametrize("name", WRONG)
def test_memory_that_could_harm_is_refused(raw: Raw, name: str) -> None:
    descriptor = WRONG[name]()
    raw.send(frame(ATTACH, descriptors=1), descriptor)
    os.close(descriptor)
    reply = raw.answer()
    assert reply is not None and reply.status == BAD_REQUEST and reply.text
    raw.send(frame(request(stat=pb.Stat(), key="q")))
    reply = raw.answer()
    assert reply is not None and reply.status == 0, "the connection goes on"


def test_a_pool_takes_what_a_read_gives(raw: Raw) -> None:
    descriptor = memory()
    raw.send(frame(ATTACH, descriptors=1), descriptor)
    reply = raw.answer()
    assert reply is not None and reply.attach.pool == 1
    view = mmap.mmap(descriptor, BYTES)
    for offset, status in [(4096, 0), (BYTES - 2400, 0), (BYTES - 2399, 5), (BYTES + 1, 5)]:
        read = pb.Read(pool=1, pool_offset=offset)
        raw.send(frame(request(key="q", read=read)))
        reply = raw.answer()
        assert reply is not None and reply.status == status, (offset, reply)
        if status == 0:
            found = np.frombuffer(view[offset : offset + 2400], np.uint16)
            assert np.array_equal(found, np.arange(1200))
    raw.send(frame(request(key="q", read=pb.Read(pool=2))))
    reply = raw.answer()
    assert reply is not None and reply.status == BAD_REQUEST
    view.close()
    os.close(descriptor)


def test_a_fifth_pool_is_refused(raw: Raw) -> None:
    for number in range(5):
        descriptor = memory()
        raw.send(frame(ATTACH, descriptors=1), descriptor)
        os.close(descriptor)
        reply = raw.answer()
        assert reply is not None
        assert reply.attach.pool == number + 1 if number < 4 else reply.status == TOO_LARGE


@pytest.mark.parametrize("sent", [0, 1, 3])
def test_an_attach_without_its_descriptor_ends_the_connection(raw: Raw, sent: int) -> None:
    """Descriptors that came before on frames that announced none belong to nobody."""
    descriptor = memory()
    raw.send(frame(request(stat=pb.Stat(), key="q")), *[descriptor] * sent)
    reply = raw.answer()
    assert reply is not None and reply.status == 0
    raw.send(frame(ATTACH, descriptors=0))
    reply = raw.answer()
    assert reply is not None and reply.status == PROTOCOL_ERROR
    assert raw.answer() is None
    os.close(descriptor)


def test_descriptors_on_other_frames_end_the_connection(raw: Raw) -> None:
    descriptor = memory()
    raw.send(frame(request(stat=pb.Stat(), key="q"), descriptors=1), descriptor)
    os.close(descriptor)
    reply = raw.answer()
    assert reply is not None and reply.status == PROTOCOL_ERROR
    assert raw.answer() is None


def test_many_descriptors_are_not_kept(daemon: Daemon, raw: Raw) -> None:
    before = descriptors_of(daemon)
    descriptor = memory()
    for _ in range(20):
        raw.send(frame(request(stat=pb.Stat(), key="q")), *[descriptor] * 10)
        reply = raw.answer()
        assert reply is not None and reply.status == 0
    os.close(descriptor)
    assert descriptors_of(daemon) <= before + 8


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", BAD_REQUEST),
        (b"1234567", BAD_REQUEST),
        (struct.pack("<3d", 1, 2, 3), BAD_REQUEST),
        (struct.pack("<2d", 1, 2), 0),
        (struct.pack("<2d", float("nan"), float("inf")), 0),
        (bytes(33 << 20), TOO_LARGE),
    ],
)
def test_coordinates_that_make_no_sense_are_refused(raw: Raw, body: bytes, status: int) -> None:
    raw.send(frame(QUERY, body))
    reply = raw.answer()
    assert reply is not None and reply.status == status, reply
    raw.send(frame(QUERY, struct.pack("<2d", 2, 2)))
    reply = raw.answer()
    assert reply is not None and reply.status == 0, "the connection goes on"


def test_answers_larger_than_their_budget_are_refused(own_daemon: Daemon) -> None:
    """64 channels with gradients make 85 times the bytes of their coordinates."""
    own_daemon.stop()
    with Daemon(own_daemon.folder, config="[limits]\nquery_memory_bytes = 33554432\n") as daemon:
        with daemon.client() as client:
            client.put("w", np.zeros((9, 9, 9, 64), np.uint8), channels_last=True)
        connection = Raw(daemon)
        wide = request(key="w", query=pb.Query(gradient=True))
        for points, status in [(1000, 0), (20_000, TOO_LARGE), (1000, 0)]:
            connection.send(frame(wide, bytes(24 * points)))
            while not (reply := connection.answer()).last:
                pass
            assert reply.status == status, (points, reply)
        connection.socket.close()


def test_half_a_query_leaves_nothing(raw: Raw) -> None:
    raw.send(frame(QUERY, bytes(1000), body_bytes=1 << 20))
    raw.socket.shutdown(socket.SHUT_WR)
    while raw.answer() is not None:
        pass
