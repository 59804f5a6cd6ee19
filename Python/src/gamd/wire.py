"""Frames of the gamd socket (docs/protocol.md), and the exchange of them.

What always holds here:
- A frame that is returned had the right magic, version and sizes within the caps.
- After a ProtocolError or a lost connection the socket is closed: a stream that went out of step
  is never read again.
- Numbers in headers are bounds to check, never sizes to allocate at once.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import NamedTuple

from google.protobuf.message import DecodeError

from . import gam_pb2 as pb
from .errors import ProtocolError, UnreachableError

MAGIC = b"GAM1"
VERSION = 1
# magic, version, flags, descriptor count, metadata bytes, request id, body bytes
HEADER = struct.Struct("<4sBBHIIQ")
METADATA_BYTES_MAX = 1 << 20
# The largest body of one frame we accept; the daemon sends about 1 MiB at a time.
BODY_BYTES_MAX = 64 << 20


class Header(NamedTuple):
    """A header of the daemon, its numbers within the caps."""

    metadata_bytes: int
    request_id: int
    body_bytes: int


class Head(NamedTuple):
    """A reply frame whose body is still on the wire."""

    request_id: int
    reply: pb.Reply
    body_bytes: int


class OutOfStep(Exception):
    """What came is no frame; the text goes into a ProtocolError."""


def decode_header(data: bytes | bytearray) -> Header:
    """The header of a reply, checked."""
    magic, version, flags, descriptors, metadata_bytes, request_id, body_bytes = (
        HEADER.unpack(data)
    )
    if (magic, version, flags, descriptors) != (MAGIC, VERSION, 0, 0):
        raise OutOfStep(
            f"magic {magic!r}, version {version}, flags {flags}, {descriptors} descriptors"
        )
    if metadata_bytes > METADATA_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        raise OutOfStep(f"a frame of {metadata_bytes} metadata and {body_bytes} body bytes")
    return Header(metadata_bytes, request_id, body_bytes)


def decode_reply(data: bytes | bytearray) -> pb.Reply:
    try:
        return pb.Reply.FromString(bytes(data))
    except DecodeError as error:
        raise OutOfStep(f"metadata that is no Reply ({error})") from error


def default_socket() -> str:
    """GAMD_SOCKET, then /run/gamd/gamd.sock, then $XDG_RUNTIME_DIR/gamd/gamd.sock."""
    named = os.environ.get("GAMD_SOCKET")
    if named:
        return named
    system = "/run/gamd/gamd.sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if os.path.exists(system) or not runtime:
        return system
    return os.path.join(runtime, "gamd", "gamd.sock")


def encode_frame(
    request_id: int, request: pb.Request, body_bytes: int = 0, descriptors: int = 0
) -> bytes:
    """Header and metadata of one frame; the body follows on the wire as it is."""
    metadata = request.SerializeToString()
    if len(metadata) > METADATA_BYTES_MAX:
        raise ProtocolError(
            f"a request of {len(metadata)} metadata bytes is over the cap of {METADATA_BYTES_MAX}"
        )
    header = HEADER.pack(MAGIC, VERSION, 0, descriptors, len(metadata), request_id, body_bytes)
    return header + metadata


def connected_socket(path: str, timeout: float | None) -> socket.socket:
    """A stream to the daemon; UnreachableError where none listens."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(timeout)
    try:
        stream.connect(path)
    except OSError as error:
        stream.close()
        raise UnreachableError(
            f"no daemon answers on {path} ({error}); start gamd or name its socket"
        ) from error
    return stream


class Connection:
    """A connected stream of frames: one thread may send while another receives."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self.path = path
        self._socket: socket.socket | None = connected_socket(path, timeout)

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        stream, self._socket = self._socket, None
        if stream is not None:
            stream.close()

    def interrupt(self) -> None:
        """Ends the stream for whoever waits on it in another thread."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the daemon was faster

    def send(
        self,
        request_id: int,
        request: pb.Request,
        body: bytes | memoryview = b"",
        descriptor: int | None = None,
    ) -> None:
        """Sends one frame; UnreachableError when the daemon hung up."""
        stream = self._stream()
        head = encode_frame(request_id, request, len(body), int(descriptor is not None))
        try:
            if descriptor is not None:
                sent = socket.send_fds(stream, [head], [descriptor])
                head = head[sent:]
            stream.sendall(head)
            if len(body) > 0:
                stream.sendall(body)
        except OSError as error:
            raise UnreachableError(f"the daemon on {self.path} hung up: {error}") from error

    def has_reply(self) -> bool:
        """Whether bytes of a reply (or the end of the stream) wait to be read."""
        poll = select.poll()
        poll.register(self._stream(), select.POLLIN)
        return bool(poll.poll(0))

    def receive_head(self) -> Head:
        """Header and metadata of the next reply frame, checked; its body is to be read next."""
        try:
            header = decode_header(self._exactly(HEADER.size))
            reply = decode_reply(self._exactly(header.metadata_bytes))
        except OutOfStep as error:
            raise self.out_of_step(str(error)) from error
        return Head(header.request_id, reply, header.body_bytes)

    def receive_into(self, target: memoryview) -> None:
        """Fills `target` from the stream."""
        stream, filled = self._stream(), 0
        while filled < len(target):
            try:
                count = stream.recv_into(target[filled:])
            except OSError as error:
                self.close()
                raise UnreachableError(f"reading from {self.path} failed: {error}") from error
            if count == 0:
                self.close()
                raise UnreachableError(
                    f"the daemon on {self.path} closed the connection before its answer ended"
                )
            filled += count

    def out_of_step(self, what: str) -> ProtocolError:
        """Closes the connection and returns the error that says why."""
        self.close()
        return ProtocolError(f"the daemon on {self.path} sent {what}; connection closed")

    def _stream(self) -> socket.socket:
        if self._socket is None:
            raise UnreachableError(f"the connection to {self.path} is closed; make a new Client")
        return self._socket

    def _exactly(self, count: int) -> bytearray:
        pieces = bytearray(count)
        self.receive_into(memoryview(pieces))
        return pieces
