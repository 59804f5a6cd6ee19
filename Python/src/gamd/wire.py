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
from dataclasses import dataclass

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
RECEIVE_BYTES = 1 << 20


@dataclass(frozen=True)
class Frame:
    """One reply frame."""

    request_id: int
    reply: pb.Reply
    body: bytes


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


def encode_frame(request_id: int, request: pb.Request, body: bytes | memoryview = b"") -> bytes:
    """Header and metadata of one frame; the body follows on the wire as it is."""
    metadata = request.SerializeToString()
    if len(metadata) > METADATA_BYTES_MAX:
        raise ProtocolError(
            f"a request of {len(metadata)} metadata bytes is over the cap of {METADATA_BYTES_MAX}"
        )
    header = HEADER.pack(MAGIC, VERSION, 0, 0, len(metadata), request_id, len(body))
    return header + metadata


class Connection:
    """A connected stream of frames; not shared between threads without a lock."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self.path = path
        self._socket: socket.socket | None = None
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(path)
        except OSError as error:
            connection.close()
            raise UnreachableError(
                f"no daemon answers on {path} ({error}); start gamd or name its socket"
            ) from error
        self._socket = connection

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, request_id: int, request: pb.Request, body: bytes | memoryview = b"") -> None:
        """Sends one frame; UnreachableError when the daemon hung up."""
        stream = self._stream()
        try:
            stream.sendall(encode_frame(request_id, request, body))
            if len(body) > 0:
                stream.sendall(body)
        except OSError as error:
            raise UnreachableError(f"the daemon on {self.path} hung up: {error}") from error

    def has_reply(self) -> bool:
        """Whether bytes of a reply (or the end of the stream) wait to be read."""
        readable, _, _ = select.select([self._stream()], [], [], 0)
        return bool(readable)

    def receive(self) -> Frame:
        """The next reply frame, checked."""
        magic, version, flags, descriptors, metadata_bytes, request_id, body_bytes = (
            HEADER.unpack(self._exactly(HEADER.size))
        )
        if (magic, version, flags, descriptors) != (MAGIC, VERSION, 0, 0):
            raise self._out_of_step(
                f"magic {magic!r}, version {version}, flags {flags}, {descriptors} descriptors"
            )
        if metadata_bytes > METADATA_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
            raise self._out_of_step(
                f"a frame of {metadata_bytes} metadata and {body_bytes} body bytes"
            )
        try:
            reply = pb.Reply.FromString(self._exactly(metadata_bytes))
        except DecodeError as error:
            raise self._out_of_step(f"metadata that is no Reply ({error})") from error
        return Frame(request_id, reply, self._exactly(body_bytes))

    def out_of_step(self, what: str) -> ProtocolError:
        """Closes the connection and returns the error that says why."""
        return self._out_of_step(what)

    def _out_of_step(self, what: str) -> ProtocolError:
        self.close()
        return ProtocolError(f"the daemon on {self.path} sent {what}; connection closed")

    def _stream(self) -> socket.socket:
        if self._socket is None:
            raise UnreachableError(f"the connection to {self.path} is closed; make a new Client")
        return self._socket

    def _exactly(self, count: int) -> bytes:
        stream = self._stream()
        pieces = bytearray()
        while len(pieces) < count:
            try:
                piece = stream.recv(min(RECEIVE_BYTES, count - len(pieces)))
            except OSError as error:
                self.close()
                raise UnreachableError(f"reading from {self.path} failed: {error}") from error
            if not piece:
                self.close()
                raise UnreachableError(
                    f"the daemon on {self.path} closed the connection before its answer ended"
                )
            pieces += piece
        return bytes(pieces)
