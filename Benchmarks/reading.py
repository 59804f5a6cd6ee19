"""One signal, all ways to read it: what each costs, beside stores that others use.

What always holds here:
- Sections stand alone - one for every signal that is read in all ways, one for points of distance
  fields, one for a loader - and each writes a report of its own; one that finds nothing in the
  folder to start from is left out with a line on stderr.
- Inputs and stores are made in a scratch folder; with --scratch they are kept and used again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

import numpy as np  # noqa: E402
import reading_points  # noqa: E402
import reading_ways  # noqa: E402
from reading_inputs import SIGNALS, NothingToRead, Signal, Sizes  # noqa: E402
from reading_inputs import make_signal, photos_of  # noqa: E402
from reading_ways import ROUNDS, Reading, percentiles  # noqa: E402
from report import circumstances  # noqa: E402

SECTIONS = (*SIGNALS, "points", "loader")


def ways(which: str, arguments: argparse.Namespace, scratch: Path) -> list[str]:
    sizes = Sizes(arguments.megapixels, arguments.edge, arguments.minutes, arguments.field_edge)
    rounds = ROUNDS
    if arguments.quick:
        rounds = {way: (min(count, 3), warm) for way, (count, warm) in ROUNDS.items()}
    signal = make_signal(which, arguments.folder, scratch, sizes)
    readings = reading_ways.measure(signal, scratch, arguments.size, rounds)
    kept = json.dumps([asdict(reading) for reading in readings])
    (arguments.out / f"reading-{which}.json").write_text(kept)
    return ways_table(signal, readings)


def ways_table(signal: Signal, readings: Sequence[Reading]) -> list[str]:
    raw = signal.samples().nbytes
    stored = ", ".join(
        f"{one.store} {one.stored_bytes:,} ({one.stored_bytes / raw:.3f})" for one in readings
    )
    lines = [
        f"## {signal.name}", "", f"{raw:,} bytes raw; stored: {stored}.", "",
        "| way | store | cold ms | of processors | warm ms | bytes asked, fetched "
        "| processors / whole | bytes / whole |",
        "|---" * 8 + "|",
    ]
    for way in ROUNDS:
        for one in readings:
            if way in one.times:
                lines.append(ways_line(signal, way, one))
    return lines + [""]


def ways_line(signal: Signal, way: str, one: Reading) -> str:
    times, whole = one.times[way], one.times.get("whole")
    asked, fetched = np.median(times.asked), np.median(times.fetched)
    name = f"{signal.bits} bits of a region" if way == "bits" else way
    shares = " | "
    if whole is not None:
        of_time = np.median(times.processor) / np.median(whole.processor)
        shares = f"{of_time:.4f} | {asked / np.median(whole.asked):.4f}"
    return (
        f"| {name} | {one.store} | {percentiles(times.cold)} "
        f"| {np.median(times.processor):.2f} | {percentiles(times.warm)} "
        f"| {asked:,.0f}, {fetched:,.0f} | {shares} |"
    )


def section(name: str, arguments: argparse.Namespace, scratch: Path) -> list[str]:
    if name in SIGNALS:
        return ways(name, arguments, scratch)
    if name == "points":
        return reading_points.report(
            scratch, arguments.size, arguments.field_edge, arguments.points, arguments.quick
        )
    import reading_loader  # torch takes seconds, and the other sections do without

    photos = photos_of(arguments.folder)
    return reading_loader.report(
        photos, scratch, arguments.size, arguments.pictures, arguments.crops
    )


@contextmanager
def scratch_folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="gamd-reading-") as name:
        yield Path(name)


def peers() -> str:
    names = ("numpy", "tensorstore", "tiledb", "pillow")
    return "Peers: " + ", ".join(f"{name} {version(name)}" for name in names) + "."


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="its photos, clips and volumes make the inputs")
    parser.add_argument("--out", type=Path, default=Path(".build/bench"))
    parser.add_argument("--scratch", type=Path, help="keeps inputs and stores here for other runs")
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--size", default="M", help="network size: S, M or L")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--megapixels", type=float, default=Sizes.megapixels)
    parser.add_argument("--edge", type=int, default=Sizes.edge)
    parser.add_argument("--minutes", type=float, default=Sizes.minutes)
    parser.add_argument("--field-edge", type=int, default=Sizes.field_edge)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--crops", type=int, default=800, help="of one round of a loader")
    return parser.parse_args()


def main() -> int:
    arguments = parsed()
    wanted = arguments.sections.split(",")
    if unknown := set(wanted) - set(SECTIONS):
        print(f"no such section: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 64
    arguments.out.mkdir(parents=True, exist_ok=True)
    with scratch_folder(arguments.scratch) as scratch:
        for name in wanted:
            try:
                lines = section(name, arguments, scratch)
            except NothingToRead as error:
                print(f"{name} left out: {error}", file=sys.stderr)
                continue
            text = "\n".join([f"# Reading: {name}", "", *circumstances(), peers(), "", *lines])
            (arguments.out / f"reading-{name}.md").write_text(text)
            print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
