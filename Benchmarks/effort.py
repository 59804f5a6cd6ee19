"""What each refit effort costs and gains, on the pictures (or other files) of a folder.

What always holds here:
- Every file is encoded once per effort, decoded and compared; all efforts take the same files.
- Costs are processor seconds per megasample of the whole encode, so what others do on the machine
  is left out; gains are bytes against effort 0 of the same size, deltas of weights included.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

from kinds import input_files, load  # noqa: E402
from measure import Row, measure  # noqa: E402
from ours import GamFile  # noqa: E402
from picture_peers import JpegXL  # noqa: E402
from report import Comparison, circumstances, decimals, write_csv  # noqa: E402
from targets import JXL  # noqa: E402


def spread(files: Sequence[Path], limit: int) -> list[Path]:
    """At most `limit` files, evenly spaced over all."""
    if not 0 < limit < len(files):
        return list(files)
    return [files[index * len(files) // limit] for index in range(limit)]


def table(rows: Sequence[Row], sizes: Sequence[str], efforts: Sequence[int]) -> list[str]:
    lines = [
        "| size | effort | bytes | bits per sample | against effort 0 | / JPEG XL e7 "
        "| s per megasample | energy rounds kept | energy rose |",
        "|---" * 9 + "|",
    ]
    for size in sizes:
        lines += [effort_line(rows, size, effort) for effort in efforts]
    return [*lines, ""]


def effort_line(rows: Sequence[Row], size: str, effort: int) -> str:
    name = f"gam {size} effort {effort}"
    own = [row for row in rows if row.tool == name]
    packed, samples = sum(row.bytes for row in own), sum(row.samples for row in own)
    seconds = sum(row.median("encode", "processor") or 0 for row in own)
    gain = Comparison.of(rows, name, f"gam {size} effort 0").bytes_ratio
    peer = Comparison.of(rows, name, JXL).bytes_ratio
    rounds = [max(0, len(row.energy_rounds) - 1) for row in own]
    rises = sum(
        later > before
        for row in own
        for before, later in zip(row.energy_rounds, row.energy_rounds[1:])
    )
    return (
        f"| {size} | {effort} | {packed:,} | {8 * packed / samples:.3f} | {decimals(gain, 4)} "
        f"| {decimals(peer, 3)} | {seconds / samples * 1e6:.2f} "
        f"| {sum(rounds) / len(rounds):.1f} | {rises or 'never'} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(".build/bench"))
    parser.add_argument("--sizes", default="M", help="network sizes, for example S,M,L")
    parser.add_argument("--efforts", default="0,1,2,3,4,5,6,7,8,9")
    parser.add_argument("--limit", type=int, default=0, help="files taken, evenly spaced; 0: all")
    arguments = parser.parse_args()
    files = spread(input_files(arguments.folder), arguments.limit)
    if not files:
        print(f"no files in {arguments.folder}", file=sys.stderr)
        return 64
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sizes = arguments.sizes.split(",")
    efforts = sorted({0, *map(int, arguments.efforts.split(","))})
    tools = [GamFile(size, effort) for size in sizes for effort in efforts]
    rows: list[Row] = []
    for path in files:
        rows += measure(load(path, arguments.folder), [*tools, JpegXL(7)], rounds=1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_csv(arguments.out / "effort.csv", rows)
    text = [
        "# Effort", "", f"{len(files)} files, one core; processor time.", "", *circumstances(),
        *table(rows, sizes, efforts),
    ]
    (arguments.out / "effort.md").write_text("\n".join(text))
    print("\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
