"""The four signals that are read in all ways: a picture, a volume, an hour of sound, distances.

What always holds here:
- Picture, volume and sound are made of the folder's own (inputs.py); the distances are of a tilted
  torus, computed from its closed form.
- A file that lies in the scratch folder from an earlier run is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from inputs import Mosaic, write_npy_cube, write_ppm, write_wav
from kinds import PHOTO, Source, few_of_each_kind, input_files
from large import clips_of_one_form, picture_shape
from scaling import best_volume
from shapes import Torus, distances

SIGNALS = ("picture", "volume", "sound", "distances")
WAV_HEADER_BYTES = 44


class NothingToRead(Exception):
    """The folder holds nothing to make a signal of."""


@dataclass(frozen=True)
class Signal:
    """One input file, the cells that every store keeps it in, and how many bits are asked for."""

    name: str
    path: Path
    cell: tuple[int, ...]
    bits: int
    kind: str = ""

    def samples(self) -> np.ndarray:
        """[axes][channels], mapped."""
        if self.path.suffix == ".ppm":
            return ppm_samples(self.path)
        if self.path.suffix == ".wav":
            return wav_samples(self.path)
        return np.load(self.path, mmap_mode="r")

    @property
    def axes(self) -> int:
        return len(self.cell)


@dataclass(frozen=True)
class Sizes:
    megapixels: float = 24
    edge: int = 512
    minutes: float = 60
    field_edge: int = 256


def ppm_samples(path: Path) -> np.ndarray:
    with open(path, "rb") as file:
        file.readline()
        width, height = map(int, file.readline().split())
        file.readline()
        at = file.tell()
    return np.memmap(path, np.uint8, "r", at, (height, width, 3))


def wav_samples(path: Path) -> np.ndarray:
    """Of 16 bits, as write_wav makes them."""
    with open(path, "rb") as file:
        header = file.read(WAV_HEADER_BYTES)
    channels = int.from_bytes(header[22:24], "little")
    flat = np.memmap(path, "<i2", "r", WAV_HEADER_BYTES)
    return flat.reshape(-1, channels) if channels > 1 else flat


def photos_of(folder: Path) -> list[np.ndarray]:
    sources = few_of_each_kind(input_files(folder), folder)
    found = [source.samples for source in sources if source.kind == PHOTO]
    if not found:
        raise NothingToRead(f"no 8-bit colour photo (.png) in {folder}")
    return found


def make_signal(which: str, folder: Path, scratch: Path, sizes: Sizes) -> Signal:
    """One of SIGNALS; NothingToRead where the folder has nothing to make it of."""
    if which == "distances":
        return _field(scratch, sizes.field_edge)
    sources = few_of_each_kind(input_files(folder), folder)
    if which == "picture":
        return _picture(photos_of(folder), scratch, sizes.megapixels)
    if which == "volume":
        return _volume(sources, scratch, sizes.edge)
    return _sound(sources, scratch, sizes.minutes)


def _picture(photos: Sequence[np.ndarray], scratch: Path, megapixels: float) -> Signal:
    path = scratch / f"picture-{megapixels:g}.ppm"
    if not path.exists():
        write_ppm(path, Mosaic(photos, *picture_shape(megapixels)))
    return Signal(f"RGB picture of {megapixels:g} megapixels", path, (256, 256), 4)


def _volume(sources: Sequence[Source], scratch: Path, edge: int) -> Signal:
    volume = best_volume(sources)
    if volume is None:
        raise NothingToRead("no volume (.npy) in the folder")
    path = scratch / f"volume-{edge}.npy"
    if not path.exists():
        write_npy_cube(path, volume, edge)
    return Signal(f"int16 volume of {edge} x {edge} x {edge}", path, (64, 64, 64), 8)


def _sound(sources: Sequence[Source], scratch: Path, minutes: float) -> Signal:
    clips = clips_of_one_form(sources)
    if clips is None:
        raise NothingToRead("no clip of 16 bits (.wav) in the folder")
    path = scratch / f"sound-{minutes:g}.wav"
    if not path.exists():
        write_wav(path, clips[0], clips[1], int(60 * minutes * clips[1]))
    name = f"{minutes:g} minutes of sound, {clips[1]} Hz, {wav_samples(path).shape[-1]} channels"
    return Signal(name, path, (65536,), 8)


def _field(scratch: Path, edge: int) -> Signal:
    path = scratch / f"field-{edge}.npy"
    if not path.exists():
        np.save(path, distances(Torus(edge), edge))
    return Signal(f"float32 distances of {edge} x {edge} x {edge}", path, (64, 64, 64), 16, "sdf")
