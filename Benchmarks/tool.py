"""What a codec is here: it packs a source, unpacks it again, and is held to give it back.

What always holds here:
- Every tool uses one thread.
- A `ProcessTool` is a program: its whole process is timed, files in and files out, and its decoder
  writes uncompressed samples. A `LibraryTool` runs inside this process: memory to memory is timed.
  The two are never mixed in one figure.
"""

from __future__ import annotations

import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kinds import Source


@dataclass(frozen=True)
class Spent:
    """Seconds one encode or decode took."""

    #: The whole process by the clock; none for a library.
    process: float | None = None
    #: The processor time of that process: what counts where others use the machine too.
    processor: float | None = None
    #: Memory to memory, without start-up and files.
    inside: float | None = None


class Tool:
    """A codec with a scratch folder to work in."""

    name = ""
    is_ours = False
    #: Encoding is slow and told once: it is not repeated in every round.
    encodes_once = False

    def takes(self, source: Source) -> bool:
        raise NotImplementedError

    def encode(self, source: Source, folder: Path) -> Spent:
        raise NotImplementedError

    def decode(self, folder: Path) -> Spent:
        raise NotImplementedError

    def packed_bytes(self, folder: Path) -> int:
        raise NotImplementedError

    def is_exact(self, source: Source, folder: Path) -> bool:
        """Whether the last decode gave the samples of the source."""
        raise NotImplementedError


class ProcessTool(Tool):
    """A program on files in the scratch folder."""

    packed_suffix = ""
    plain_suffix = ""

    def encode_command(self, path: Path, packed: Path) -> list:
        raise NotImplementedError

    def decode_command(self, packed: Path, plain: Path) -> list:
        raise NotImplementedError

    def inside_seconds(self, output: bytes) -> float | None:
        """What the program says its codec took, where it says so."""
        return None

    def packed(self, folder: Path) -> Path:
        return folder / f"{self.file_stem}{self.packed_suffix}"

    def plain(self, folder: Path) -> Path:
        return folder / f"{self.file_stem}-plain{self.plain_suffix}"

    @property
    def file_stem(self) -> str:
        return self.name.replace(" ", "-")

    def encode(self, source: Source, folder: Path) -> Spent:
        return self._run(self.encode_command(source.path, self.packed(folder)))

    def decode(self, folder: Path) -> Spent:
        return self._run(self.decode_command(self.packed(folder), self.plain(folder)))

    def packed_bytes(self, folder: Path) -> int:
        return self.packed(folder).stat().st_size

    def _run(self, command: list) -> Spent:
        before, start = processor_seconds(), time.perf_counter()
        done = subprocess.run(list(map(str, command)), capture_output=True)
        seconds, after = time.perf_counter() - start, processor_seconds()
        if done.returncode != 0:
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
        return Spent(seconds, after - before, self.inside_seconds(done.stdout))


def processor_seconds() -> float:
    """User and system time of all ended child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class LibraryTool(Tool):
    """Two functions on arrays in memory; shape and type of the array are not counted."""

    def pack(self, samples: np.ndarray) -> list[bytes]:
        raise NotImplementedError

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def encode(self, source: Source, folder: Path) -> Spent:
        self._like = np.empty(source.samples.shape, source.samples.dtype)
        start = time.perf_counter()
        self._packed = self.pack(source.samples)
        return Spent(inside=time.perf_counter() - start)

    def decode(self, folder: Path) -> Spent:
        start = time.perf_counter()
        self._plain = self.unpack(self._packed, self._like)
        return Spent(inside=time.perf_counter() - start)

    def packed_bytes(self, folder: Path) -> int:
        """All parts; where there are several, four bytes each for an index of their places."""
        index = 4 * len(self._packed) if len(self._packed) > 1 else 0
        return sum(map(len, self._packed)) + index

    def is_exact(self, source: Source, folder: Path) -> bool:
        found = np.ascontiguousarray(self._plain)
        return found.dtype.itemsize == source.samples.dtype.itemsize and (
            found.tobytes() == np.ascontiguousarray(source.samples).tobytes()
        )
