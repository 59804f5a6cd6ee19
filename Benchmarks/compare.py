"""gamd beside the codecs people use, file by file: bytes, encode and decode seconds.

What always holds here:
- All tools run one after the other on the same files, pinned to one core, whole processes timed
  (Blosc2, a library, inside this one); figures are medians over paired rounds.
- Every decoder writes uncompressed samples, so nobody pays for another format's compression.
- Each result is decoded and compared with the file before a figure is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

from gamd_process import Daemon  # noqa: E402
from measure import Row, measure  # noqa: E402
from report import STORE, write_csv, write_markdown  # noqa: E402
from tools import GamFile, Tool, peers  # noqa: E402

SUFFIXES = (".png", ".wav", ".npy")


def input_files(folder: Path) -> list[Path]:
    """All files of the formats, but PngSuite: it tests readers, some of it must be refused."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES and path.parent.name != "pngsuite"
    )


def stored_rows(files: list[Path], root: Path, size: str, effort: int) -> list[Row]:
    """Every byte the store of a daemon holds for each file."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="gamd-bench-") as folder:
        with Daemon(Path(folder)) as daemon, daemon.client(timeout=None) as client:
            for path in files:
                name = str(path.relative_to(root))
                stat = client.put_file(name, path, size=size, effort=effort)
                label = f"{STORE} {size}" + (f" effort {effort}" if effort else "")
                rows.append(Row(name, path.suffix, label, stat.raw_bytes, stat.stored_bytes))
                client.delete(name)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(".build/bench"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="M", help="network sizes, for example S,M,L")
    parser.add_argument("--effort", type=int, default=0, help="refit effort of ours, 0 to 9")
    arguments = parser.parse_args()
    files = input_files(arguments.folder)
    if not files:
        print(f"no {', '.join(SUFFIXES)} files in {arguments.folder}", file=sys.stderr)
        return 64
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sizes = arguments.sizes.split(",")
    tools: list[Tool] = [GamFile(size, arguments.effort) for size in sizes] + peers()
    rows = measure(files, arguments.folder, tools, arguments.rounds)
    rows += stored_rows(files, arguments.folder, sizes[0], arguments.effort)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_csv(arguments.out / "compare.csv", rows)
    write_markdown(arguments.out / "compare.md", rows, arguments.rounds)
    print((arguments.out / "compare.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
