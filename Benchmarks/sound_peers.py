"""Peers for sound: FLAC and WavPack, the programs of Debian.

What always holds here:
- Samples are compared after the peer has written a WAV file again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kinds import SOUND, Source
from readers import wav_sound
from tool import ProcessTool, Tool


class SoundTool(ProcessTool):
    plain_suffix = ".wav"

    def takes(self, source: Source) -> bool:
        return source.kind == SOUND and source.samples.dtype.kind != "f"

    def is_exact(self, source: Source, folder: Path) -> bool:
        found = wav_sound(self.plain(folder).read_bytes()).samples
        return np.array_equal(found, source.samples)


class Flac(SoundTool):
    packed_suffix = ".flac"

    def __init__(self, level: int) -> None:
        self.level = level
        self.name = f"FLAC -{level}"

    def encode_command(self, path: Path, packed: Path) -> list:
        return ["flac", "-s", "-f", f"-{self.level}", "--no-padding", path, "-o", packed]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["flac", "-s", "-f", "-d", packed, "-o", plain]


class WavPack(SoundTool):
    packed_suffix = ".wv"

    def __init__(self, options: str) -> None:
        self.options = options
        self.name = f"WavPack {options}"

    def encode_command(self, path: Path, packed: Path) -> list:
        return ["wavpack", "-q", "-y", *self.options.split(), path, "-o", packed]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["wvunpack", "-q", "-y", packed, "-o", plain]


def sound_peers() -> list[Tool]:
    return [Flac(8), Flac(5), WavPack("-hh"), WavPack("-hh -x4")]
