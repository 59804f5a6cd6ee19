"""Signals of every kind of record, and the bytes the store holds for them.

What always holds here:
- Together the arrays leave constant, packed and modelled records, overviews, networks; the files
  leave metadata in the entry and as attachments.
- `find_bytes` proves that it knows the layout: every seal it computes is the one in the store.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
import xxhash
from corpus import png_file, wav_file
from rocksdb_access import Database

from gamd import Client

# A blob's id: space, kind, index (Sources/GAMServer/Catalog/BlobSpace.swift).
SPACE_BYTES = 12
SEAL_BYTES = 8
NETWORK, OVERVIEW, SHARD, BOUNDS = 1, 2, 3, 4


@dataclass
class Kept:
    """A signal as it was put, and where its bytes lie in the store."""

    key: str
    samples: np.ndarray
    axes: int
    file: bytes
    entry: bytes = b""
    blobs: dict[bytes, bytes] = field(default_factory=dict)


def wave(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Smooth values with some noise, 0...255."""
    grid = sum(np.sin(axis / rng.uniform(5, 20)) for axis in np.indices(shape))
    return np.clip(120 + 30 * grid + rng.normal(0, 2, shape), 0, 255)


def checked(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A wave under a checkerboard."""
    board = np.indices((height, width)).sum(0) % 2 * 30
    return np.clip(wave(rng, height, width) + board, 0, 255).astype(np.uint8)


def arrays(rng: np.random.Generator) -> dict[str, tuple[np.ndarray, dict]]:
    """Samples for every kind of record, with the options of their put."""
    return {
        "color": (wave(rng, 100, 120, 3).astype(np.uint8), {"channels": 3, "shard": (64, 64)}),
        "gray": ((wave(rng, 130, 70) * 200).astype(np.uint16), {"shard": (72, 70)}),
        # Values the prior does not expect, so that fitting leaves a network record.
        "fitted": (checked(rng, 96, 128), {"effort": 1}),
        "sound": ((wave(rng, 9000, 2) * 90).astype(np.int16), {"channels": 2, "time": True}),
        "volume": (wave(rng, 20, 20, 20).astype(np.float32), {"shard": (8, 20, 20)}),
        "noise": (rng.integers(0, 256, (80, 80)).astype(np.uint8), {"shard": (40, 80)}),
        "flat": (np.full((90, 40), rng.integers(0, 99), np.uint8), {"shard": (40, 40)}),
    }


def files(rng: np.random.Generator) -> dict[str, bytes]:
    """Files whose metadata lies in the entry, and one whose metadata is an attachment."""
    sound = (wave(rng, 3000) * 100).astype(np.int16)
    text = bytes(rng.integers(32, 127, 20_000, dtype=np.uint8))
    chunk = b"note" + struct.pack("<I", len(text)) + text
    return {
        "picture.png": png_file(wave(rng, 60, 50).astype(np.int64), 8),
        "short.wav": wav_file(sound, 16),
        "notes.wav": wav_file(sound, 16, tail=chunk),
    }


def seal(blob: bytes, value: bytes) -> bytes:
    """The check value gamd writes behind a blob (Sources/GAMServer/Catalog/Seal.swift)."""
    low = xxhash.xxh3_128_intdigest(blob + value) & 0xFFFF_FFFF_FFFF_FFFF
    return struct.pack("<Q", low)


def put_arrays(client: Client, rng: np.random.Generator, copy: int) -> list[Kept]:
    kept = []
    for name, (samples, options) in arrays(rng).items():
        key = f"{name}/{copy}"
        channels = "channels" in options
        client.put(
            key,
            samples,
            effort=options.get("effort", 0),
            channels_last=channels,
            axes="time" if "time" in options else "space",
            shard_extents=options.get("shard", ()),
        )
        kept.append(Kept(key, samples, samples.ndim - channels, client.get_file(key)))
    return kept


def put_files(client: Client, rng: np.random.Generator, copy: int) -> list[Kept]:
    kept = []
    for name, data in files(rng).items():
        key = f"{name}/{copy}"
        client.put_bytes(key, data, file_name=name)
        axes = len(client.stat(key).description.axes)
        kept.append(Kept(key, client[key][...], axes, client.get_file(key)))
    return kept


def find_bytes(signals: list[Kept], database: Database) -> None:
    """Fills in what the store holds for each signal."""
    entries, blobs = database.entries(), database.blobs()
    for kept in signals:
        kept.entry = entries[kept.key]
        kept.blobs = {
            blob: value for blob, value in blobs.items() if blob[:SPACE_BYTES] in kept.entry
        }
        assert kept.blobs, f"no blobs of {kept.key}"
        assert all(seal(b, v[:-SEAL_BYTES]) == v[-SEAL_BYTES:] for b, v in kept.blobs.items())
