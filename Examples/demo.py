"""The show: four signals go in and come back in every way, judged by readers that are not ours.

What always holds here:
- "exact" is yes only if the file, a region and a lower level all equal what an independent reader
  finds in the original; anything else ends with exit code 1.
- The daemon runs on temporary folders and is stopped whatever happens.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "support"))

import imageio.v3 as imageio  # noqa: E402
import numpy as np  # noqa: E402
from gamd_process import EXAMPLES, Daemon  # noqa: E402
from PIL import Image  # noqa: E402
from readers import bits_equal, npy_array, png_contents, png_samples, wav_sound  # noqa: E402

LEVEL = 2
HEADINGS = ("file", "what", "bytes in", "stored", "ratio", "put MB/s", "get MB/s", "exact")
ROW = "{:<14} {:<22} {:>9} {:>9} {:>6} {:>9} {:>9}  {}"


@dataclass(frozen=True)
class Example:
    name: str
    what: str
    region: str
    read: Callable[[bytes], np.ndarray]
    same_bytes: bool

    @property
    def slices(self) -> tuple[slice, ...]:
        return tuple(slice(*map(int, part.split(":"))) for part in self.region.split(","))


@dataclass(frozen=True)
class Outcome:
    bytes_in: int
    bytes_stored: int
    raw_bytes: int
    put_seconds: float
    get_seconds: float
    faults: list[str]


def picture(data: bytes) -> np.ndarray:
    """Samples by pypng; Pillow and imageio must agree, or the judge itself is broken."""
    samples = png_samples(data)
    assert np.array_equal(samples, np.asarray(Image.open(io.BytesIO(data))))
    assert np.array_equal(samples, imageio.imread(data, extension=".png"))
    return samples


SHOWN = [
    Example("photo.png", "8-bit RGB photo", "131:270,201:333", picture, False),
    Example("elevation.png", "16-bit gray elevation", "7:301,255:258", picture, False),
    Example("clip.wav", "16-bit stereo audio", "65530:65550", lambda d: wav_sound(d).samples, True),
    Example("torus.npy", "float32 distances", "3:40,0:1,17:48", npy_array, True),
]


def run(daemon: Daemon, example: Example, folder: Path) -> Outcome:
    path = EXAMPLES / example.name
    original = path.read_bytes()
    expected = example.read(original)
    key = f"demo/{example.name}"
    with daemon.client() as client:
        start = time.perf_counter()
        stat = client.put_file(key, path)
        put_seconds = time.perf_counter() - start
        start = time.perf_counter()
        whole = client[key][...]
        get_seconds = time.perf_counter() - start
        checks = [
            ("samples", bits_equal(whole, expected)),
            ("slice", bits_equal(client[key][example.slices], expected[example.slices])),
            ("level", bits_equal(client[key].level(LEVEL)[...], at_level(expected, stat))),
            ("hash", bool(client.verify(key).content_hash == stat.content_hash)),
        ]
    checks += check_command_line(daemon, example, folder, original, expected)
    faults = [name for name, good in checks if not good]
    return Outcome(
        len(original), stat.stored_bytes, stat.raw_bytes, put_seconds, get_seconds, faults
    )


def at_level(samples: np.ndarray, stat) -> np.ndarray:
    """Every 2^LEVEL-th point on every axis; channels stay whole."""
    return samples[(slice(None, None, 1 << LEVEL),) * len(stat.description.axes)]


def check_command_line(
    daemon: Daemon, example: Example, folder: Path, original: bytes, expected: np.ndarray
) -> list[tuple[str, bool]]:
    """The same once more through gamctl, into files."""
    key, back, part = f"demo/{example.name}", folder / example.name, folder / "part.npy"
    got = daemon.gamctl("get", key, "-o", back)
    read = daemon.gamctl("read", key, "--region", example.region, "-o", part)
    if got.returncode != 0 or read.returncode != 0:
        print((got.stderr + read.stderr).decode(), file=sys.stderr)
        return [("gamctl", False)]
    data = back.read_bytes()
    checks = [
        ("file samples", bits_equal(example.read(data), expected)),
        ("gamctl region", bits_equal(np.load(part), expected[example.slices])),
    ]
    if example.same_bytes:
        checks.append(("file bytes", data == original))
    else:
        checks.append(("chunks", png_contents(data) == png_contents(original)))
    return checks


def show(example: Example, outcome: Outcome) -> None:
    megabytes = outcome.raw_bytes / 1e6
    verdict = "yes" if not outcome.faults else "NO: " + ", ".join(outcome.faults)
    row = ROW.format(
        example.name,
        example.what,
        f"{outcome.bytes_in:,}",
        f"{outcome.bytes_stored:,}",
        f"{outcome.bytes_in / outcome.bytes_stored:.2f}",
        f"{megabytes / outcome.put_seconds:.1f}",
        f"{megabytes / outcome.get_seconds:.1f}",
        verdict,
    )
    print(row)


def main() -> int:
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="gamd-demo-") as temporary:
        folder = Path(temporary)
        with Daemon(folder / "daemon") as daemon:
            for example in SHOWN:
                outcomes.append(run(daemon, example, folder))
    print(ROW.format(*HEADINGS))
    for example, outcome in zip(SHOWN, outcomes):
        show(example, outcome)
    print("Speeds are of raw samples; exact = file, samples, a region and a lower level.")
    return 1 if any(outcome.faults for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
