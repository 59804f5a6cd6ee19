"""What kind of signal a file holds, told by its samples, not by its name.

What always holds here:
- A file is of exactly one kind; tables, plots and targets go by kind and folder.
- Limits are measured. Of the pixels of colour photos at most 20 % repeat their left neighbour, of
  colour drawings, screens and ultrasound at least 55 %. Lengths of gradients scatter by at most
  17 % of their mean in distances, by 42 % in noise, by at least 74 % in scans of bodies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from readers import npy_array, png_samples, wav_sound

PHOTO = "8-bit colour photos"
DRAWING = "other 8-bit pictures"
DEEP_PICTURE = "16-bit pictures"
SOUND = "sound"
DISTANCE = "int16 distances"
BAND = "int16 distances, narrow band"
INT_VOLUME = "other int16 volumes"
FLOAT_VOLUME = "float32 volumes"
OTHER_ARRAY = "other arrays"
PICTURES = (PHOTO, DRAWING, DEEP_PICTURE)
VOLUMES = (DISTANCE, BAND, INT_VOLUME, FLOAT_VOLUME, OTHER_ARRAY)

SUFFIXES = (".png", ".wav", ".npy")
REPEATS_OF_A_DRAWING = 0.4
SCATTER_OF_A_DISTANCE = 0.25
CLIPPED_SHARE = 0.1
KEPT_OF_A_KIND = 16


@dataclass(frozen=True)
class Source:
    """A file, its samples as stored, and its kind."""

    path: Path
    name: str
    samples: np.ndarray
    kind: str
    #: Seconds a sound lasts.
    duration: float = 0.0

    @property
    def group(self) -> tuple[str, str]:
        """What is added up: the folder of the file, and its kind."""
        return (str(Path(self.name).parent), self.kind)


def load(path: Path, root: Path) -> Source:
    data, name = path.read_bytes(), str(path.relative_to(root))
    if path.suffix == ".png":
        samples = png_samples(data)
        return Source(path, name, samples, picture_kind(samples))
    if path.suffix == ".npy":
        samples = np.ascontiguousarray(npy_array(data))
        return Source(path, name, samples, array_kind(samples))
    sound = wav_sound(data)
    return Source(path, name, sound.samples, SOUND, len(sound.samples) / sound.rate)


def few_of_each_kind(paths: Iterable[Path], root: Path) -> list[Source]:
    """The first sources of every kind: what large inputs are made of, held in memory."""
    kept: list[Source] = []
    for path in paths:
        source = load(path, root)
        if sum(source.kind == other.kind for other in kept) < KEPT_OF_A_KIND:
            kept.append(source)
    return kept


def input_files(folder: Path) -> list[Path]:
    """All files of the formats, but PngSuite: it tests readers, some of it must be refused."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES and path.parent.name != "pngsuite"
    )


def picture_kind(samples: np.ndarray) -> str:
    if samples.dtype == np.uint16:
        return DEEP_PICTURE
    is_colour = samples.ndim == 3 and samples.shape[2] == 3
    return PHOTO if is_colour and repeats(samples) < REPEATS_OF_A_DRAWING else DRAWING


def repeats(samples: np.ndarray) -> float:
    """Share of pixels that equal their left neighbour in all channels."""
    same = samples[:, 1:] == samples[:, :-1]
    same = same.reshape(*same.shape[:2], -1).all(axis=2)
    return float(same.mean()) if same.size else 1.0


def array_kind(samples: np.ndarray) -> str:
    if samples.ndim != 3 or samples.dtype not in (np.int16, np.float32):
        return OTHER_ARRAY
    if samples.dtype == np.float32:
        return FLOAT_VOLUME
    clipped = (samples == samples.max()) | (samples == samples.min())
    if gradient_scatter(samples, ~clipped) > SCATTER_OF_A_DISTANCE:
        return INT_VOLUME
    return BAND if clipped.mean() > CLIPPED_SHARE else DISTANCE


def gradient_scatter(samples: np.ndarray, inside: np.ndarray) -> float:
    """Deviation over mean of the gradient's length: a distance grows equally fast everywhere."""
    wide = samples.astype(np.float64)
    lengths = np.zeros(tuple(extent - 2 for extent in samples.shape))
    whole = np.ones(lengths.shape, bool)
    core = slice(1, -1)
    for axis in range(3):
        ahead, behind = [core] * 3, [core] * 3
        ahead[axis], behind[axis] = slice(2, None), slice(None, -2)
        lengths += ((wide[tuple(ahead)] - wide[tuple(behind)]) / 2) ** 2
        whole &= inside[tuple(ahead)] & inside[tuple(behind)]
    lengths = np.sqrt(lengths[whole])
    return float(lengths.std() / lengths.mean()) if lengths.size and lengths.mean() else np.inf
