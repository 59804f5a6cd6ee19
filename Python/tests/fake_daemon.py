"""A daemon of one signal, scripted frame by frame: it does what a real one must never do.

What always holds here:
- It knows the frame layout from docs/protocol.md, not from the client's code.
- Each connection is served by the script it was made with, then closed.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
import threading
from pathlib import Path
from typing import Callable, Iterator

from gamd import gam_pb2 as pb


class Peer:
    """The daemon's end of one connection."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream

    def exactly(self, count: int) -> bytes:
        pieces = b""
        while len(pieces) < count:
            piece = self.stream.recv(count - len(pieces))
            if not piece:
                raise EOFError
            pieces += piece
        return pieces

    def receive(self) -> tuple[int, pb.Request, bytes]:
        magic, version, flags, descriptors, metadata, request_id, body = struct.unpack(
            "<4sBBHIIQ", self.exactly(24)
        )
        assert (magic, version, flags, descriptors) == (b"GAM1", 1, 0, 0)
        request = pb.Request.FromString(self.exactly(metadata))
        return request_id, request, self.exactly(body)

    def send(self, request_id: int, reply: pb.Reply, body: bytes = b"") -> None:
        metadata = reply.SerializeToString()
        header = struct.pack(
            "<4sBBHIIQ", b"GAM1", 1, 0, 0, len(metadata), request_id, len(body)
        )
        self.stream.sendall(header + metadata + body)

    def greet(self, in_flight: int) -> None:
        request_id, request, _ = self.receive()
        assert request.WhichOneof("operation") == "hello"
        hello = pb.HelloResult(server="fake", protocol=1, body_bytes_max=1000)
        hello.requests_in_flight_max = in_flight
        self.send(request_id, pb.Reply(hello=hello, last=True))


@contextlib.contextmanager
def daemon(script: Callable[[Peer], None], in_flight: int = 16) -> Iterator[str]:
    """The socket path of a daemon that greets, runs `script` once and closes."""
    failures: list[BaseException] = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "fake.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(1)

        def serve() -> None:
            stream, _ = listener.accept()
            with stream:
                try:
                    peer = Peer(stream)
                    peer.greet(in_flight)
                    script(peer)
                except (EOFError, ConnectionError):
                    pass  # the client may leave at any time; that is what some tests check
                except BaseException as error:  # noqa: BLE001 - reported by the test below
                    failures.append(error)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield path
        finally:
            thread.join(10)
            listener.close()
    assert not thread.is_alive(), "the fake daemon still waits for a frame"
    assert not failures, failures
