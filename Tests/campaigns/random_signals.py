"""Random signals of every type, number of axes and channels, order and shape, and what was put.

What always holds here:
- The same random numbers give the same signals.
- Samples fit their bits; floats have every bit pattern now and then, NaNs of all kinds included.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import reference_reads as reference

from gamd import Client, Signal

DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4"]
SHARDS = {1: (4096,), 2: (64, 64), 3: (16, 16, 16), 4: (8, 8, 8, 8)}
SAMPLES_MAX = 12_000
# Now and then a signal of many shards, which has overviews for its levels.
LARGE_SAMPLES_MAX = 200_000


@dataclass
class Stored:
    """A signal and what was put: [axes...][channels]."""

    signal: Signal
    samples: np.ndarray
    spacing: list[float]
    reduced: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        return self.signal.stat.description.bits

    @property
    def extents(self) -> tuple[int, ...]:
        return self.samples.shape[:-1]

    def at_level(self, level: int, filter: str) -> np.ndarray:
        """All points of a level, made once: means of large cells take long in numpy."""
        if (level, filter) not in self.reduced:
            self.reduced[level, filter] = reference.read(
                self.samples, reference.whole(self.samples), level, filter, 0, self.depth
            )
        return self.reduced[level, filter]

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """A single channel has no axis of its own."""
        return values[..., 0] if self.samples.shape[-1] == 1 else values


def content(rng: random.Random, dtype: str, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """Noise of every bit pattern, waves, steps or nothing at all."""
    kind, generator = np.dtype(dtype), np.random.default_rng(rng.randrange(1 << 32))
    style = rng.choice(["noise", "wave", "wave", "steps", "flat"])
    if style == "noise" or (style == "flat" and kind.kind == "f"):
        raw = generator.bytes(int(np.prod(shape)) * kind.itemsize)
        samples = np.frombuffer(raw, kind).reshape(shape).copy()
    else:
        wave = sum(np.sin(axis / rng.uniform(2, 9)) for axis in np.indices(shape))
        wave = np.round(wave) if style == "steps" else wave * (style == "wave")
        scale = 50.0 if kind.kind == "f" else 2.0 ** (bits - 3)
        samples = (wave / max(1, len(shape)) * scale + generator.normal(0, 0.3, shape))
        low = np.iinfo(kind).min if kind.kind == "i" else 0 if kind.kind == "u" else -1e4
        samples = np.clip(samples, low, -low - 1 if low else None).astype(kind)
    if kind.kind == "u":
        return samples & kind.type((1 << bits) - 1)
    lost = kind.itemsize * 8 - bits
    return samples if kind.kind == "f" else samples >> lost


def store(client: Client, rng: random.Random, key: str) -> Stored:
    dtype, axes = rng.choice(DTYPES), rng.randint(1, 4)
    channels = rng.choice([1, 1, 2, 3, 4])
    most = LARGE_SAMPLES_MAX if rng.random() < 0.05 else SAMPLES_MAX
    side = max(2, int((most / channels) ** (1 / axes)))
    shape = tuple(rng.randint(1, side if axes > 1 else most) for _ in range(axes))
    width = np.dtype(dtype).itemsize * 8
    bits = rng.choice([width, rng.randint(width // 2 + 1, width)]) if dtype[0] == "u" else width
    samples = content(rng, dtype, (*shape, channels), bits)
    spacing = [rng.choice([1.0, 0.5, 2.25, 0.001]) for _ in range(axes)]
    time_axis = axes == 1 and rng.random() < 0.5
    client.put(
        key,
        samples if channels > 1 else samples[..., 0],
        channels_last=channels > 1,
        axes="time" if time_axis else "space",
        bits=bits,
        spacing=spacing,
        effort=int(rng.random() < 0.05),
        size="S",
        cells=rng.random() < 0.4,
        lower_bits=rng.choice([0, 0, rng.randint(1, min(16, bits - 1))]),
        shard_extents=rng.choice([(), tuple(map(min, SHARDS[axes], shape))]),
    )
    return Stored(client[key], samples, spacing)
