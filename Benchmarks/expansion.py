"""Samples with more bits than are stored, beside the rules people use for lost bits.

What always holds here:
- The truth is a real picture of more bits; what is stored is the same one without its lower bits.
- Every rule starts from the same stored samples; errors are root mean squares over all samples.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "support"))

import imageio.v3 as imageio  # noqa: E402
import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402

NAMES = ("zeros", "replication", "middle", "neighbours", "network")


def depth(picture: np.ndarray) -> int:
    return max(9, int(picture.max()).bit_length())


def neighbours(stored: np.ndarray, lost: int) -> np.ndarray:
    """The closed form: the mean of the 3 x 3 samples around, kept inside the stored one's well."""
    padded = np.pad(stored.astype(float) + 0.5, 1, mode="edge")
    rows, columns = stored.shape
    mean = sum(padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)) / 9
    inside = np.clip((mean - stored) * (1 << lost) - 0.5, 0, (1 << lost) - 1)
    return (stored.astype(np.int64) << lost) + np.rint(inside).astype(np.int64)


def errors(client, truth: np.ndarray, kept: int) -> dict[str, float]:
    bits = depth(truth)
    lost = bits - kept
    stored = (truth >> lost).astype(np.uint8)
    client.put("stored", stored, bits=kept)
    wide = stored.astype(np.int64)
    answers = {
        "zeros": wide << lost,
        "replication": (wide << lost) | (wide >> max(0, kept - lost)),
        "middle": (wide << lost) + ((1 << lost) - 1) / 2,
        "neighbours": neighbours(stored, lost),
        "network": client["stored"].bits(bits)[...].astype(np.int64),
    }
    exact = truth.astype(float)
    return {name: float(np.sqrt(np.mean((answers[name] - exact) ** 2))) for name in NAMES}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="grey pictures of more than 8 bits")
    parser.add_argument("--kept", type=int, nargs="*", default=[8, 6])
    arguments = parser.parse_args()
    lines = [
        "Root mean square error in steps of the picture's own bits; bits stored of bits there are.",
        "",
        "| picture | bits | " + " | ".join(NAMES) + " |",
        "|---|---|" + "---|" * len(NAMES),
    ]
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder) / "daemon") as daemon:
        with daemon.client() as client:
            for path in sorted(arguments.folder.glob("*.png")):
                truth = np.asarray(imageio.imread(path))
                if truth.dtype != np.uint16 or truth.ndim != 2:
                    continue
                for kept in arguments.kept:
                    found = errors(client, truth, kept)
                    figures = " | ".join(f"{found[name]:.2f}" for name in NAMES)
                    lines.append(f"| {path.name} | {kept} of {depth(truth)} | {figures} |")
    report = "\n".join(lines) + "\n"
    out = ROOT / ".build" / "bench" / "expansion.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(report)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
