"""What a FLAC file says beside its samples, and what gamd must say to each file of the corpus.

What always holds here:
- Blocks and numbers are read from the bytes (RFC 9639); no library is asked.
- The corpus is the IETF's flac-test-files, folders `faulty` and `uncommon`; every file is named.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import numpy as np

STREAMINFO, SEEKTABLE = 0, 3
PLACEHOLDER = 2**64 - 1

# Words of the refusal; None: all samples and blocks are kept, the damage does not concern them.
VERDICTS: dict[str, str | None] = {
    "faulty/01": None,  # the largest block is larger than STREAMINFO says
    "faulty/02": None,  # so is the largest frame
    "faulty/03": "the frames have a bit depth of 16, the FLAC header says 24",
    "faulty/04": "the frames have a channel count of 1, the FLAC header says 5",
    "faulty/05": "more samples than the 39842 that its header declares",
    "faulty/06": "begins with a metadata block of type 4, not with STREAMINFO",
    "faulty/07": "begins with a metadata block of type 4, not with STREAMINFO",
    "faulty/08": None,  # blocks one larger than STREAMINFO can say; MD5 and flac agree on samples
    "faulty/09": None,  # blocks of one sample; the same
    "faulty/10": None,  # a comment block that counts wrongly is kept as it is
    "faulty/11": "is damaged",  # nothing tells where the blocks end
    "uncommon/02": "the channel count changes from 1 to 2",
    "uncommon/03": "the channel count changes from 4 to 2",
    "uncommon/04": "the bit depth changes from 16 to 8",
    "uncommon/07": None,
    "uncommon/08": None,
    "uncommon/09": None,
    "uncommon/10": "does not start with its marker and STREAMINFO",
    "uncommon/11": "does not start with its marker and STREAMINFO",
}


@dataclass(frozen=True)
class FlacFile:
    """A FLAC file in its parts."""

    rate: int
    channels: int
    bits: int
    points: int
    md5: bytes
    blocks: list[tuple[int, bytes]]  # without STREAMINFO
    frames: bytes


def flac_file(data: bytes) -> FlacFile:
    assert data[:4] == b"fLaC"
    at, is_last, blocks = 4, False, []
    while not is_last:
        is_last, kind = data[at] >> 7 == 1, data[at] & 127
        length = int.from_bytes(data[at + 1 : at + 4], "big")
        blocks.append((kind, data[at + 4 : at + 4 + length]))
        at += 4 + length
    kind, info = blocks[0]
    assert kind == STREAMINFO
    fields = int.from_bytes(info[10:18], "big")
    return FlacFile(
        rate=fields >> 44,
        channels=(fields >> 41 & 7) + 1,
        bits=(fields >> 36 & 31) + 1,
        points=fields & (1 << 36) - 1,
        md5=info[18:],
        blocks=blocks[1:],
        frames=data[at:],
    )


def kept_parts(file: FlacFile) -> tuple:
    """What must come back; of seek points the samples they lead to, for frames are new ones."""
    blocks = [
        (kind, [sample for sample, _ in seek_points(body)] if kind == SEEKTABLE else body)
        for kind, body in file.blocks
    ]
    return file.rate, file.channels, file.bits, blocks


def seek_points(body: bytes) -> list[tuple[int, int]]:
    """Sample and offset of every point that is no placeholder."""
    points = [struct.unpack_from(">QQ", body, at) for at in range(0, len(body) // 18 * 18, 18)]
    return [point for point in points if point[0] != PLACEHOLDER]


def check_seek_points(file: FlacFile) -> None:
    """Every point leads to a frame."""
    for kind, body in file.blocks:
        if kind != SEEKTABLE:
            continue
        for sample, offset in seek_points(body):
            assert file.frames[offset : offset + 2] == b"\xff\xf8", (sample, offset)


def flac_md5(samples: np.ndarray, bits: int) -> bytes:
    """The MD5 that STREAMINFO has of these samples."""
    width = (bits + 7) // 8
    flat = np.ascontiguousarray(samples).reshape(-1, 1)
    packed = flat.view(np.uint8).reshape(len(flat), -1)[:, :width]
    return hashlib.md5(packed.tobytes()).digest()
