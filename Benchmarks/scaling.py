"""Seconds and memory of put and get against the size of the signal, through the daemon.

What always holds here:
- Every size has a daemon of its own, with one codec thread and without refits; its peak memory is
  what the kernel reports as the most ever resident (VmHWM) after put and after get.
- The file that comes back is compared with the one that went in.
- Inputs are made of the pictures, clips and volumes of a folder (inputs.py).
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

import numpy as np  # noqa: E402
import xxhash  # noqa: E402
from gamd_process import Daemon  # noqa: E402
from inputs import Mosaic, write_npy_cube, write_ppm, write_wav  # noqa: E402
from kinds import BAND, DISTANCE, FLOAT_VOLUME, INT_VOLUME, PHOTO  # noqa: E402
from kinds import Source, few_of_each_kind, input_files  # noqa: E402
from large import clips_of_one_form, picture_shape  # noqa: E402
from report import circumstances  # noqa: E402
from scaling_plot import write_plot  # noqa: E402
from scaling_report import Measured, growth, table  # noqa: E402

CONFIG = "[refit]\nenabled = false\n[threads]\ncodec = 1\n"
MIB = 1 << 20
VOLUME_KINDS = (INT_VOLUME, DISTANCE, FLOAT_VOLUME, BAND)


@dataclass(frozen=True)
class Input:
    kind: str
    size: str
    suffix: str
    write: Callable[[Path], None]


def best_volume(sources: Sequence[Source]) -> np.ndarray | None:
    """The largest of the kind that is hardest to pack."""
    for kind in VOLUME_KINDS:
        if volumes := [source.samples for source in sources if source.kind == kind]:
            return max(volumes, key=lambda samples: samples.size)
    return None


class HashingSink:
    """Takes the bytes of a file and keeps their hash."""

    def __init__(self) -> None:
        self.hash = xxhash.xxh3_128()

    def write(self, data: bytes) -> None:
        self.hash.update(data)


def inputs_of(sources: Sequence[Source], arguments: argparse.Namespace) -> list[Input]:
    found = []
    photos = [source.samples for source in sources if source.kind == PHOTO]
    for megapixels in arguments.megapixels if photos else ():
        mosaic = Mosaic(photos, *picture_shape(megapixels))
        found.append(
            Input("RGB picture", f"{megapixels:g} megapixels", ".ppm",
                  lambda path, mosaic=mosaic: write_ppm(path, mosaic))
        )
    clips = clips_of_one_form(sources)
    for minutes in arguments.minutes if clips else ():
        samples, rate = clips
        frames = int(60 * minutes * rate)
        found.append(
            Input(f"sound, {rate} Hz", f"{minutes:g} minutes", ".wav",
                  lambda path, frames=frames: write_wav(path, samples, rate, frames))
        )
    volume = best_volume(sources)
    for edge in arguments.edges if volume is not None else ():
        found.append(
            Input("int16 volume", f"{edge} x {edge} x {edge}", ".npy",
                  lambda path, edge=edge: write_npy_cube(path, volume, edge))
        )
    return found


def file_hash(path: Path) -> str:
    sink = HashingSink()
    with open(path, "rb") as file:
        while chunk := file.read(MIB):
            sink.write(chunk)
    return sink.hash.hexdigest()


def measure(one: Input, network: str, scratch: Path) -> Measured:
    path, state = scratch / f"input{one.suffix}", scratch / "daemon"
    one.write(path)
    expected, sink = file_hash(path), HashingSink()
    with Daemon(state, config=CONFIG) as daemon, daemon.client(timeout=None) as client:
        start = time.perf_counter()
        stat = client.put_file("signal", path, size=network)
        put_seconds, put_peak = time.perf_counter() - start, daemon.peak_resident_bytes()
    with Daemon(state, config=CONFIG) as daemon, daemon.client(timeout=None) as client:
        start = time.perf_counter()
        client.get_file("signal", out=sink)
        get_seconds, get_peak = time.perf_counter() - start, daemon.peak_resident_bytes()
    if sink.hash.hexdigest() != expected:
        raise RuntimeError(f"{one.kind}, {one.size}: another file came back")
    path.unlink()
    shutil.rmtree(state)
    samples = stat.raw_bytes // (-(-stat.bits // 8))
    return Measured(
        one.kind, one.size, samples, stat.raw_bytes, stat.stored_bytes, put_seconds, get_seconds,
        put_peak, get_peak,
    )


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",") if part]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(".build/bench"))
    parser.add_argument("--size", default="M", help="network size: S, M or L")
    parser.add_argument("--megapixels", type=numbers, default=[1, 4, 16, 64, 200])
    parser.add_argument("--minutes", type=numbers, default=[1, 10, 60])
    parser.add_argument(
        "--edges", type=lambda text: [int(edge) for edge in numbers(text)],
        default=[64, 128, 256, 512],
    )
    return parser.parse_args()


def main() -> int:
    arguments = parsed()
    wanted = inputs_of(
        few_of_each_kind(input_files(arguments.folder), arguments.folder), arguments
    )
    if not wanted:
        print(f"no picture, clip or volume to start from in {arguments.folder}", file=sys.stderr)
        return 64
    found = []
    with tempfile.TemporaryDirectory(prefix="gamd-scaling-") as scratch:
        for one in wanted:
            print(f"{one.kind}, {one.size}", file=sys.stderr, flush=True)
            found.append(measure(one, arguments.size, Path(scratch)))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with open(arguments.out / "scaling.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Measured)])
        writer.writerows(astuple(one) for one in found)
    text = [
        "# Time and memory against size", "",
        f"Size {arguments.size}, prior only, one codec thread, through the daemon and its socket.",
        "", *circumstances(), *table(found), *growth(found),
    ]
    (arguments.out / "scaling.md").write_text("\n".join(text))
    write_plot(arguments.out / "scaling.png", found)
    print("\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
