"""Writers of AU, Wave64 and CAF files, each a few lines from the format's description.

What always holds here: samples are written as they are, in the byte order of the container.
"""

from __future__ import annotations

import struct

import numpy as np


def au_file(samples: np.ndarray, note: bytes = b"\0\0\0\0") -> bytes:
    code = {"int16": 3, "int32": 5, "float32": 6}[samples.dtype.name]
    body = samples.astype(samples.dtype.newbyteorder(">")).tobytes()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    head = struct.pack(">4sIIIII", b".snd", 24 + len(note), len(body), code, 8000, channels)
    return head + note + body


def w64_file(samples: np.ndarray) -> bytes:
    def guid(name: bytes) -> bytes:
        end = "2e91cf11a5d628db04c10000" if name == b"riff" else "f3acd3118cd100c04f8edb8a"
        return name + bytes.fromhex(end)

    channels = 1 if samples.ndim == 1 else samples.shape[1]
    block = channels * samples.itemsize
    form = struct.pack("<HHIIHH", 1, channels, 48000, 48000 * block, block, 8 * samples.itemsize)
    body = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    chunks = guid(b"wave") + guid(b"fmt ") + struct.pack("<Q", 24 + len(form)) + form
    chunks += guid(b"data") + struct.pack("<Q", 24 + len(body)) + body
    chunks += b"\0" * (-len(chunks) % 8)
    return guid(b"riff") + struct.pack("<Q", 24 + len(chunks)) + chunks


def caf_file(samples: np.ndarray) -> bytes:
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    size = samples.itemsize
    body = samples.astype(samples.dtype.newbyteorder(">")).tobytes()
    flags = 1 if samples.dtype.kind == "f" else 0
    described = struct.pack(
        ">d4sIIIII", 44100.0, b"lpcm", flags, channels * size, 1, channels, 8 * size
    )
    file = b"caff\0\1\0\0desc" + struct.pack(">q", len(described)) + described
    return file + b"data" + struct.pack(">q", 4 + len(body)) + b"\0\0\0\0" + body
