"""Levels below 0 beside linear and cubic interpolation: samples held back, then predicted.

    python Benchmarks/superresolution.py DATA_FOLDER [--weights FOLDER] [--level -1]

What always holds here:
- Every 2^n-th sample along each axis is what is stored - level n with the filter nearest - and
  those between are the truth. Ratios of peak to noise count them alone; the peak is the file's
  range.
- The network is the integer one, in numpy; none of these files was trained on.
- Alpha is left out, float files too: the network is for integers.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "support"))

import imageio.v3 as imageio  # noqa: E402
import numpy as np  # noqa: E402
import soundfile  # noqa: E402
from superresolution_reference import Network, cubic_enlarged, enlarged  # noqa: E402

GROUPS = {
    "colour photos": (2, ("kodak/*.png",)),
    "other pictures": (2, ("images/*.png",)),
    "volumes, distances": (3, ("volumes/*.npy", "sdf/*i16*.npy")),
    "sound": (1, ("audio/*.wav",)),
}
Enlarge = Callable[[np.ndarray, int, int], np.ndarray]


def channels_of(path: Path) -> tuple[list[np.ndarray], int, int]:
    """Channels without alpha, least and largest value of the samples' type."""
    if path.suffix == ".npy":
        return [np.load(path).astype(np.int64)], -(1 << 15), (1 << 15) - 1
    if path.suffix == ".wav":
        samples, _ = soundfile.read(path, dtype="int32", always_2d=True)
        bits = 16 if soundfile.info(path).subtype == "PCM_16" else 24
        samples = samples.astype(np.int64).T >> (32 - bits)
        return list(samples), -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    picture = np.asarray(imageio.imread(path))
    high = int(np.iinfo(picture.dtype).max)
    planes = picture.astype(np.int64).reshape(*picture.shape[:2], -1)
    colours = planes.shape[2] - (planes.shape[2] in (2, 4))
    return [planes[..., channel] for channel in range(colours)], 0, high


def linear(stored: np.ndarray, low: int, high: int) -> np.ndarray:
    values = stored.astype(float)
    for axis in range(stored.ndim):
        ahead = np.take(values, range(1, values.shape[axis]), axis=axis)
        behind = np.take(values, range(values.shape[axis] - 1), axis=axis)
        shape = list(values.shape)
        shape[axis] = 2 * shape[axis] - 1
        grid = np.empty(shape)
        places = [slice(None)] * stored.ndim
        places[axis] = slice(None, None, 2)
        grid[tuple(places)] = values
        places[axis] = slice(1, None, 2)
        grid[tuple(places)] = (ahead + behind) / 2
        values = grid
    return np.floor(values + 0.5).astype(np.int64)


def decibels(path: Path, ways: dict[str, Enlarge], level: int) -> dict[str, float]:
    channels, low, high = channels_of(path)
    step = 1 << -level
    errors, count = dict.fromkeys(ways, 0.0), 0
    for channel in channels:
        whole = channel[tuple(slice(0, (n - 1) // step * step + 1) for n in channel.shape)]
        stored = whole[(slice(None, None, step),) * whole.ndim]
        count += whole.size - stored.size
        for name, way in ways.items():
            answer = stored
            for _ in range(-level):
                answer = way(answer, low, high)
            errors[name] += float(((answer - whole).astype(float) ** 2).sum())
    peak = max(int(c.max()) for c in channels) - min(int(c.min()) for c in channels)
    return {
        name: 10 * np.log10(float(peak) ** 2 * count / max(error, 1e-9))
        for name, error in errors.items()
    }


def table(root: Path, weights: Path, level: int) -> Iterator[str]:
    for group, (axes, patterns) in GROUPS.items():
        paths = [path for pattern in patterns for path in sorted(root.glob(pattern))]
        ways: dict[str, Enlarge] = {"linear": linear, "cubic": cubic_enlarged}
        file = weights / f"superresolution-{axes}.weights"
        if file.exists():
            network = Network.from_bytes(file.read_bytes())
            ways["network"] = lambda s, low, high, n=network: enlarged(s, n, low, high)
        yield f"\n### {group}, level {level}\n"
        yield "| file | " + " | ".join(ways) + " | network - cubic |"
        yield "|---|" + "---|" * (len(ways) + 1)
        gains = []
        for path in paths:
            found = decibels(path, ways, level)
            gain = found["network"] - found["cubic"] if "network" in found else None
            gains += [] if gain is None else [gain]
            shown = "" if gain is None else f"{gain:+.2f}"
            figures = " | ".join(f"{value:.2f}" for value in found.values())
            yield f"| {path.name} | {figures} | {shown} |"
        if gains:
            worse = sum(gain < 0 for gain in gains)
            yield f"\nMean gain {np.mean(gains):+.2f} dB; worse on {worse} of {len(gains)} files."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with kodak, images, volumes, sdf and audio")
    parser.add_argument("--weights", type=Path, default=ROOT / "Priors")
    parser.add_argument("--level", type=int, default=-1)
    arguments = parser.parse_args()
    lines = []
    for line in table(arguments.folder, arguments.weights, arguments.level):
        lines.append(line)
        print(line, flush=True)
    out = ROOT / ".build" / "bench" / f"superresolution{arguments.level}.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
