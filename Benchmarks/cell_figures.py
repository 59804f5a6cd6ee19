"""What it costs to keep the figures of small cells, and what means of levels then cost.

What always holds here:
- Every file is stored with and without them; the means of both are compared.
- Reads are cold: the daemon was just started. Bytes are those its process read from files.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from lower_bits import CONFIG, SUFFIXES, Daemon, bytes_read, np


def cold(daemon: Daemon, key: str, level: int) -> tuple[np.ndarray, int, float]:
    """Means, bytes read for them and milliseconds of processor, best of three starts."""
    results = []
    for _ in range(3):
        daemon.stop()
        daemon.start()
        with daemon.client() as client:
            client.stat(key)
            before, seconds = bytes_read(daemon), daemon.processor_seconds()
            means = client.read(key, level=level, filter="area")
            spent = daemon.processor_seconds() - seconds
            results.append((bytes_read(daemon) - before, 1000 * spent))
    return means, min(r[0] for r in results), min(r[1] for r in results)


def measure(daemon: Daemon, file: Path) -> None:
    with daemon.client() as client:
        plain = client.put_file("plain", file)
        kept = client.put_file("kept", file, cells=True)
    level = {1: 6, 2: 3}.get(len(plain.description.axes), 2)
    means, bytes_without, ms_without = cold(daemon, "plain", level)
    again, bytes_with, ms_with = cold(daemon, "kept", level)
    assert np.array_equal(means, again), f"{file}: other means"
    print(
        f"| {file.name} | {plain.stored_bytes:,} | {kept.stored_bytes / plain.stored_bytes:.3f} |"
        f" {level} | {bytes_without:,} | {bytes_with:,} | {ms_without:.0f} | {ms_with:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    heads = ["file", "stored bytes", "with cells", "level", "bytes read", "with cells", "ms"]
    print(f"| {' | '.join(heads)} | with cells |")
    print("|---|---|---|---|---|---|---|---|")
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() not in SUFFIXES or not 100_000 < file.stat().st_size < 40 << 20:
            continue
        with tempfile.TemporaryDirectory(prefix="gamd-cells-") as name:
            with Daemon(Path(name), config=CONFIG) as daemon:
                measure(daemon, file)


if __name__ == "__main__":
    main()
