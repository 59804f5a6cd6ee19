"""What a prior of one's own gains: trained on half of a collection, measured on the other half.

What always holds here:
- A collection is the files of one kind in a folder. Of 8 files and more every second one trains;
  fewer are cut in two, and their earlier rows, slices or seconds train.
- Nothing of the held-out half is seen in training; every file written with the own prior is
  recalled and compared with its samples.
- A signal starts from the best of all priors on a sample of it, as in daily use; how many took the
  own one is told. The bytes of the prior file are told apart: they are paid once per collection.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

from corpus import png_file, wav_file  # noqa: E402
from gamd_process import BINARIES, PLUGIN_MANIFESTS, gamctl  # noqa: E402
from kinds import input_files, load  # noqa: E402
from readers import wav_sound  # noqa: E402
from report import processor  # noqa: E402

FILES_TO_SPLIT = 8
#: With fewer planes than this a network knows its training planes by their statistics.
FILES_FOR_STATISTICS = 16
PLUGINS = ["--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES]


@dataclass(frozen=True)
class Collection:
    name: str
    training: list[Path]
    held_out: list[Path]
    #: What gamctl train must know of it.
    options: list


@dataclass(frozen=True)
class Gain:
    """One line of the table."""

    collection: str
    raw: int
    size: str
    effort: int
    shipped: int
    own: int
    files: int
    took_own: int
    prior_bytes: int
    seconds: float

    def line(self) -> str:
        saved = self.shipped - self.own
        pays = f"{self.prior_bytes / saved * self.raw / 1e6:.1f} MB" if saved > 0 else "never"
        return (
            f"| {self.collection} | {self.raw:,} | {self.size} | {self.effort} "
            f"| {self.shipped:,} | {self.own:,} | {self.own / self.shipped:.3f} "
            f"| {self.took_own} of {self.files} | {self.prior_bytes:,} | {pays} "
            f"| {self.seconds:.0f} |"
        )


HEADER = [
    "| collection | raw bytes held out | size | effort | shipped priors | with the own one | ratio "
    "| took it | prior file | paid after | training s |",
    "|---" * 11 + "|",
]


def collections(folder: Path, scratch: Path) -> list[Collection]:
    kinds: dict[tuple[str, int], list[Path]] = {}
    for path in input_files(folder):
        kinds.setdefault(kind(path, load(path, folder).samples), []).append(path)
    found = []
    for (domain, roles), files in kinds.items():
        if len(files) >= FILES_TO_SPLIT:
            training, held_out = files[0::2], files[1::2]
        else:
            halves = [cut(path, load(path, folder).samples, scratch) for path in files]
            training, held_out = (list(half) for half in zip(*halves))
        options = ["--domain", domain, "--roles", roles]
        if len(training) < FILES_FOR_STATISTICS:
            options.append("--no-statistics")
        name = folder.name if len(kinds) == 1 else f"{folder.name}: {domain}, {roles} roles"
        found.append(Collection(name, training, held_out, options))
    return found


def kind(path: Path, samples: np.ndarray) -> tuple[str, int]:
    """Domain and roles of a prior for it."""
    if path.suffix == ".wav":
        return "causal", 1 if samples.ndim == 1 else 3
    if path.suffix == ".npy":
        return "volume" if samples.ndim == 3 else "plane", 1
    return "plane", 3 if samples.ndim == 3 and samples.shape[2] > 2 else 1


def cut(path: Path, samples: np.ndarray, scratch: Path) -> tuple[Path, Path]:
    """Two files: the earlier and the later half of the slowest axis."""
    middle = len(samples) // 2
    paths = tuple(scratch / f"{path.stem}-{half}{path.suffix}" for half in ("early", "late"))
    for to, half in zip(paths, (samples[:middle], samples[middle:])):
        half = np.ascontiguousarray(half)
        if path.suffix == ".npy":
            np.save(to, half)
        elif path.suffix == ".wav":
            to.write_bytes(wav_file(half, wav_sound(path.read_bytes()).bits))
        else:
            to.write_bytes(png_file(half, 8 * half.dtype.itemsize))
    return paths


def encoded(path: Path, packed: Path, size: str, effort: int, prior: Path | None) -> dict:
    options = ["--size", size, "--effort", effort, "--json", *PLUGINS]
    if prior:
        options += ["--priors", prior]
    return json.loads(run("encode", path, packed, *options))


def check(path: Path, packed: Path, prior: Path) -> None:
    plain = packed.with_suffix(".raw")
    run("decode", packed, plain, "--raw", "--priors", prior, *PLUGINS)
    samples = np.ascontiguousarray(load(path, path.parent).samples)
    if plain.read_bytes() != samples.tobytes():
        raise SystemExit(f"{path} came back with other samples")


def run(*command: object) -> str:
    done = gamctl(*command)
    if done.returncode != 0:
        raise SystemExit(f"gamctl {command[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def gains(
    of: Collection, size: str, efforts: Sequence[int], arguments: argparse.Namespace, scratch: Path
) -> list[Gain]:
    prior, packed, start = scratch / f"own-{size}.prior", scratch / "x.gam", time.perf_counter()
    amount = ["--passes", arguments.passes, "--observations", arguments.observations]
    run("train", prior, *of.training, "--name", "own", "--size", size, *of.options, *amount,
        *PLUGINS)  # fmt: skip
    seconds, found = time.perf_counter() - start, []
    for effort in efforts:
        sums, took, raw = [0, 0], 0, 0
        for path in of.held_out:
            shipped = encoded(path, packed, size, effort, None)
            own = encoded(path, packed, size, effort, prior)
            check(path, packed, prior)
            sums = [sums[0] + shipped["storedBytes"], sums[1] + own["storedBytes"]]
            took += own["prior"] == f"own-{size}"
            raw += own["rawBytes"]
        found.append(
            Gain(of.name, raw, size, effort, *sums, len(of.held_out), took,
                 prior.stat().st_size, seconds)  # fmt: skip
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="one collection each")
    parser.add_argument("--out", type=Path, default=Path(".build/bench"))
    parser.add_argument("--sizes", default="S,M")
    parser.add_argument("--efforts", default="0,2")
    parser.add_argument("--passes", type=float, default=24)
    parser.add_argument("--observations", type=int, default=1_000_000)
    arguments = parser.parse_args()
    efforts = [int(effort) for effort in arguments.efforts.split(",")]
    lines = [
        "# A prior of one's own", "",
        f"{processor()}; {arguments.passes:g} passes, at most {arguments.observations:,} "
        "observations per role.", "", *HEADER,
    ]
    for folder in arguments.folders:
        with tempfile.TemporaryDirectory() as scratch:
            halves = collections(folder, Path(scratch))
            for half, size in itertools.product(halves, arguments.sizes.split(",")):
                found = gains(half, size, efforts, arguments, Path(scratch))
                lines += [gain.line() for gain in found]
                print(*lines[-len(found) :], sep="\n", flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "prior.md").write_text("\n".join([*lines, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
