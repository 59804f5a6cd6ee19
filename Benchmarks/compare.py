"""gamd beside the codecs people use, file by file: bytes, encode and decode seconds, targets.

What always holds here:
- All tools run one after the other on the same files, pinned to one core, with one thread each;
  figures are medians over paired rounds. Fits (effort above 0) are encoded once.
- Each result is decoded and compared with the file before a figure is printed.
- Everything is written below --out: compare.md, compare.csv, targets.md and the plots.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

from cell import measure_all, photo_mosaic, tables  # noqa: E402
from gamd_process import ROOT, Daemon  # noqa: E402
from kinds import PHOTO, SUFFIXES, Source, few_of_each_kind, input_files, load  # noqa: E402
from large import large_inputs  # noqa: E402
from measure import Row, measure  # noqa: E402
from ours import GamFile  # noqa: E402
from pareto import pareto_lines  # noqa: E402
from picture_peers import picture_peers  # noqa: E402
from plots import write_plots  # noqa: E402
from report import circumstances, file_table, group_tables, grouped, write_csv  # noqa: E402
from sound_peers import sound_peers  # noqa: E402
from targets import cell_lines, target_lines, target_table  # noqa: E402
from tool import Tool  # noqa: E402
from volume_peers import volume_peers  # noqa: E402

CELL_PLAN = (40, 200)
#: A daemon that does nothing while others are timed.
AT_REST = "[refit]\nenabled = false\n"


def default_refit_effort() -> int:
    """What the daemon refits with unless it is told otherwise."""
    return tomllib.loads((ROOT / "Config" / "gamd.toml").read_text())["refit"]["effort"]


def measured_rows(arguments: argparse.Namespace, files: Sequence[Path]) -> list[Row]:
    """File by file, so that a folder may be larger than the memory; then the large inputs."""
    ours = [GamFile(size, effort) for effort in arguments.efforts for size in arguments.sizes]
    peers = picture_peers(arguments.thorough) + sound_peers() + volume_peers()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="gamd-bench-") as folder:
        with Daemon(Path(folder), config=AT_REST) as daemon:
            for path in files:
                source = load(path, arguments.folder)
                rows += measure(source, [*ours, *peers], arguments.rounds)
                rows.append(stored_row(daemon, source))
    quick: list[Tool] = [tool for tool in [*ours, *peers] if not tool.encodes_once]
    with tempfile.TemporaryDirectory(prefix="gamd-large-") as folder:
        kept = few_of_each_kind(files, arguments.folder)
        for source in large_inputs(
            kept, Path(folder), arguments.megapixels, arguments.minutes
        ):
            rows += measure(source, quick, arguments.rounds)
    return rows


def stored_row(daemon: Daemon, source: Source) -> Row:
    """Every byte the store of a daemon holds for a file, put with size M and the prior only."""
    with daemon.client(timeout=None) as client:
        stat = client.put_file(source.name, source.path, size="M")
        client.delete(source.name)
    return Row(
        source.name, source.group, "gamd store M", source.samples.size, source.samples.nbytes,
        stat.stored_bytes,
    )


def target_report(arguments: argparse.Namespace, rows: Sequence[Row]) -> list[str]:
    lines = ["# What must be reached", "", *how(arguments), *circumstances()]
    groups = {f"{folder}: {kind}": members for (folder, kind), members in grouped(rows).items()}
    for title, group in target_lines(rows, arguments.clock).items():
        lines += target_table(title, group) + pareto_lines(groups[title], arguments.clock)
    if arguments.cell_megapixels and any(row.group[1] == PHOTO for row in rows):
        mosaic = photo_mosaic(arguments.folder, arguments.cell_megapixels)
        figures = measure_all(mosaic, arguments.sizes, 0, CELL_PLAN, peers=False)
        title = f"one cell of {arguments.cell_megapixels:g} megapixels, through the daemon"
        lines += target_table(title, cell_lines(dict(zip(arguments.sizes, figures))))
        lines += tables(figures, mosaic)
    return lines


def how(arguments: argparse.Namespace) -> list[str]:
    clock = "processor time" if arguments.clock == "processor" else "clock time"
    return [
        f"One core, one thread each, medians of {arguments.rounds} paired rounds; programs by "
        f"{clock} of whole processes, libraries and `in memory` by clock time without start and "
        "files. MB are 10^6 bytes of samples.",
        "",
    ]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(".build/bench"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="S,M,L", help="network sizes")
    parser.add_argument(
        "--efforts", default=f"0,{default_refit_effort()}",
        help="refit efforts of ours, 0 to 9; 0 is the prior only, the next the default refit",
    )
    parser.add_argument(
        "--clock", choices=("process", "processor"), default="process",
        help="clock time of processes, or their processor time where the machine is not quiet",
    )
    parser.add_argument("--megapixels", type=float, default=4, help="one large picture; 0: none")
    parser.add_argument("--minutes", type=float, default=1, help="one large sound; 0: none")
    parser.add_argument(
        "--cell-megapixels", type=float, default=24, help="picture for regions; 0: none"
    )
    parser.add_argument("--thorough", action="store_true", help="also JPEG XL e9 and WebP -z 9")
    parser.add_argument("--core", type=int, help="processor to run on; default: the first")
    arguments = parser.parse_args()
    arguments.sizes = arguments.sizes.split(",")
    arguments.efforts = sorted({0, *map(int, arguments.efforts.split(","))})
    return arguments


def main() -> int:
    arguments = parsed()
    files = input_files(arguments.folder)
    if not files:
        print(f"no {', '.join(SUFFIXES)} files in {arguments.folder}", file=sys.stderr)
        return 64
    core = min(os.sched_getaffinity(0)) if arguments.core is None else arguments.core
    os.sched_setaffinity(0, {core})
    rows = measured_rows(arguments, files)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_csv(arguments.out / "compare.csv", rows)
    best = f"gam {arguments.sizes[-1]} effort {arguments.efforts[-1]}"
    report = ["# Comparison", "", *how(arguments), *circumstances()]
    report += group_tables(rows, arguments.clock)
    report += file_table(rows, f"gam M effort {arguments.efforts[-1]}") + file_table(rows, best)
    targets = target_report(arguments, rows)
    (arguments.out / "compare.md").write_text("\n".join(report))
    (arguments.out / "targets.md").write_text("\n".join(targets))
    plots = write_plots(arguments.out, rows, arguments.clock)
    print("\n".join(report + targets))
    print(f"written to {arguments.out}: compare.md, compare.csv, targets.md, {len(plots)} plots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
