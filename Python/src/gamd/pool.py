"""Shared memory that a daemon writes samples into, so that they are not copied on their way.

What always holds here:
- The memory is a memfd of fixed size, all of it there from the start and sealed against shrinking:
  the daemon can trust its mapping.
- An array over a pool stays readable as long as it exists, also after close() of pool and client.
  It shows other samples as soon as something else is read into the same place: the reader decides
  when that is, nobody else writes there.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import weakref
from typing import Any

import numpy as np

from .errors import TooLargeError, UsageError
from .results import Array

# linux/fcntl.h; Python names them from 3.13 on only
F_ADD_SEALS = 1033
F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW = 1, 2, 4
ALIGNMENT = 64
POOL_BYTES_MAX = 4 << 30


class Pool:
    """`size` bytes of shared memory for reads. Use it as a context manager, or close() it."""

    def __init__(self, size: int) -> None:
        if not 0 < size <= POOL_BYTES_MAX:
            raise UsageError(f"a pool of {size} bytes: it has 1 to {POOL_BYTES_MAX}")
        self.size = size
        self._descriptor = os.memfd_create("gamd-pool", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._used = 0
        try:
            os.posix_fallocate(self._descriptor, 0, size)  # all there: no write can fail later
            seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL
            fcntl.fcntl(self._descriptor, F_ADD_SEALS, seals)
            self._memory = memoryview(mmap.mmap(self._descriptor, size))
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def descriptor(self) -> int:
        """The memfd, for the daemon."""
        if self._descriptor < 0:
            raise UsageError("the pool is closed")
        return self._descriptor

    def close(self) -> None:
        """Closes the descriptor; the memory goes when the last array over it does."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._memory = memoryview(b"")

    def take(self, count: int) -> int:
        """The offset of the next `count` free bytes, aligned; TooLargeError when it is full."""
        start = -(-self._used // ALIGNMENT) * ALIGNMENT
        if start + count > self.size:
            raise TooLargeError(
                f"{count} bytes do not fit behind the {self._used} of {self.size} in use: "
                "reset() the pool, or make a larger one"
            )
        self._used = start + count
        return start

    def reset(self) -> None:
        """Everything may be taken again: arrays read before now show what is read next."""
        self._used = 0

    def memory(self, offset: int) -> memoryview:
        """From `offset` to the end."""
        if not 0 <= offset < self.size:
            raise UsageError(f"offset {offset} is outside of a pool of {self.size} bytes")
        return self._memory[offset:]

    def array(self, offset: int, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array over a part of the memory; nothing is copied."""
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        if offset < 0 or offset + count * kind.itemsize > self.size:
            raise UsageError(f"{kind} {shape} at {offset} is outside of {self.size} bytes")
        return np.frombuffer(self._memory, kind, count, offset).reshape(shape)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", -1) >= 0:
            self.close()


class AttachedPools:
    """Which number each pool has on one connection."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.numbers: weakref.WeakKeyDictionary[Pool, int] = weakref.WeakKeyDictionary()
