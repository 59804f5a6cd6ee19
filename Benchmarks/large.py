"""One large input per kind, so that speed is told apart from the start of a process.

What always holds here:
- It is made of the files of the folder (inputs.py) and measured by the same tools in paired rounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from inputs import Mosaic, write_png, write_wav
from kinds import PHOTO, SOUND, Source, load
from readers import wav_sound

FOLDER = "one large input"
SHAPE = (2, 3)


def large_inputs(
    sources: Sequence[Source], folder: Path, megapixels: float, minutes: float
) -> list[Source]:
    (folder / FOLDER).mkdir()
    found = []
    photos = [source for source in sources if source.kind == PHOTO]
    if photos and megapixels:
        height, width = picture_shape(megapixels)
        path = folder / FOLDER / "photos.png"
        write_png(path, Mosaic([photo.samples for photo in photos], height, width))
        found.append(replace(load(path, folder), kind=PHOTO))
    if minutes and (clips := clips_of_one_form(sources)):
        samples, rate = clips
        path = folder / FOLDER / "sound.wav"
        write_wav(path, samples, rate, int(60 * minutes * rate))
        found.append(load(path, folder))
    return found


def picture_shape(megapixels: float) -> tuple[int, int]:
    unit = (megapixels * 1e6 / (SHAPE[0] * SHAPE[1])) ** 0.5
    return round(unit * SHAPE[0]), round(unit * SHAPE[1])


def clips_of_one_form(sources: Sequence[Source]) -> tuple[list[np.ndarray], int] | None:
    """All 16-bit clips of the rate and channel count that most of them have; stereo wins a tie."""
    clips = []
    for source in sources:
        if source.kind == SOUND and source.samples.dtype == np.int16:
            sound = wav_sound(source.path.read_bytes())
            planes = 1 if sound.samples.ndim == 1 else sound.samples.shape[1]
            clips.append(((planes, sound.rate), sound.samples))
    if not clips:
        return None
    counts = Counter(form for form, _ in clips)
    form = max(counts, key=lambda each: (counts[each], each))
    return [samples for each, samples in clips if each == form], form[1]
