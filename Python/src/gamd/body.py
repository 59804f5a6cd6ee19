"""The bytes of one result, put together from the bodies of frames.

What always holds here:
- No more bytes are taken than were announced, and `check` passes only if all of them came and their
  XXH3-128 is the one sent with them (where xxhash is installed).
"""

from __future__ import annotations

import contextlib
from typing import Any

from . import gam_pb2 as pb
from .errors import IntegrityError, ProtocolError
from .wire import OutOfStep

hasher: Any = None
with contextlib.suppress(ImportError):  # optional: without it bodies are checked for size only
    from xxhash import xxh3_128

    hasher = xxh3_128


class Body:
    """The bytes of one result, put together from frames and hashed."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._hash = hasher() if hasher is not None else None
        self._memory: memoryview | None = None
        self.total = 0
        self.received = 0

    def open(self, total: int, memory: memoryview) -> None:
        self.total, self._memory = total, memory

    def place(self, body_bytes: int) -> memoryview:
        stop = self.received + body_bytes
        if stop > self.total:
            raise OutOfStep(f"more than the {self.total} bytes announced")
        assert self._memory is not None
        start, self.received = self.received, stop
        return self._memory[start:stop]

    def count(self, body_bytes: int) -> None:
        """Bytes that are kept nowhere here."""
        self.received += body_bytes
        if self.received > self.total:
            raise OutOfStep(f"more than the {self.total} bytes announced")

    def took(self, body: memoryview) -> None:
        if self._hash is not None:
            self._hash.update(body)

    def check(self, result: pb.SamplesResult) -> None:
        if self.received != self.total:
            raise ProtocolError(
                f"{self._key}: {self.received} of {self.total} announced bytes came", key=self._key
            )
        if self._hash is None:
            return
        if self._hash.intdigest() != result.hash_high << 64 | result.hash_low:
            raise IntegrityError(
                f"{self._key}: the {self.total} bytes received do not have the hash sent with "
                "them; read again",
                key=self._key,
            )
