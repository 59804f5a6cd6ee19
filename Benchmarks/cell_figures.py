"""What it costs to keep the figures of small cells, and what means of levels then cost.

What always holds here:
- Every file is stored with and without them; the means of both are compared.
- Reads are cold: the daemon was just started. Bytes are those its process read from files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lower_bits import Daemon, cold, each_file, np


def measure(daemon: Daemon, file: Path) -> None:
    with daemon.client() as client:
        plain = client.put_file("plain", file)
        kept = client.put_file("kept", file, cells=True)
    level = {1: 6, 2: 3}.get(len(plain.description.axes), 2)
    means, bytes_without, ms_without = cold(daemon, "plain", level=level, filter="area")
    again, bytes_with, ms_with = cold(daemon, "kept", level=level, filter="area")
    assert np.array_equal(means, again), f"{file}: other means"
    print(
        f"| {file.name} | {plain.stored_bytes:,} | {kept.stored_bytes / plain.stored_bytes:.3f} |"
        f" {level} | {bytes_without:,} | {bytes_with:,} | {ms_without:.0f} | {ms_with:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    heads = ["file", "stored bytes", "with cells", "level", "bytes read", "with cells", "ms"]
    print(f"| {' | '.join(heads)} | with cells |")
    print("|---|---|---|---|---|---|---|---|")
    each_file(parser.parse_args().folder, measure)


if __name__ == "__main__":
    main()
