"""What it costs to store lower bits apart, and what reads of the upper ones then save.

What always holds here:
- Every file is stored whole and split at several places; the upper bits read are compared with
  those of a whole read, and whole reads of all splits with each other.
- Reads are cold: the daemon was just started and keeps no records. Bytes are those its process
  read from files (rchar of /proc/PID/io).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402

SUFFIXES = {".png", ".tif", ".npy", ".nrrd", ".wav"}
CONFIG = "[refit]\nenabled = false\n[cache]\nprefetch_shards = 0\n"


def bytes_read(daemon: Daemon) -> int:
    for line in Path(f"/proc/{daemon.pid}/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    raise RuntimeError("the kernel does not count what a process reads")


def cold(daemon: Daemon, key: str, **how: Any) -> tuple[np.ndarray, int, float]:
    """What a read gives, bytes read for it and milliseconds of processor, best of three starts."""
    results = []
    for _ in range(3):
        daemon.stop()
        daemon.start()
        with daemon.client() as client:
            client.stat(key)
            before, seconds = bytes_read(daemon), daemon.processor_seconds()
            samples = client.read(key, **how)
            spent = daemon.processor_seconds() - seconds
            results.append((bytes_read(daemon) - before, 1000 * spent))
    return samples, min(r[0] for r in results), min(r[1] for r in results)


def splits(bits: int) -> list[int]:
    return [n for n in (4, 8, 12, 16) if n < bits]


def measure(daemon: Daemon, file: Path) -> None:
    with daemon.client() as client:
        whole = client.put_file("whole", file)
        if whole.bits <= 8:
            return
        for lower in splits(whole.bits):
            client.put_file(f"split {lower}", file, lower_bits=lower)
    samples, all_bytes, all_ms = cold(daemon, "whole")
    print(f"| {file.name} | {whole.bits} | whole | 1.000 | {all_bytes:,} | {all_ms:.0f} | | |")
    for lower in splits(whole.bits):
        key = f"split {lower}"
        again, split_bytes, split_ms = cold(daemon, key)
        assert np.array_equal(again, samples), f"{file}: {key} gives other samples"
        upper, upper_bytes, upper_ms = cold(daemon, key, bits=whole.bits - lower)
        with daemon.client() as client:
            assert np.array_equal(upper, client.read("whole", bits=whole.bits - lower))
            stored = client.stat(key).stored_bytes
        print(
            f"| | | {whole.bits - lower} + {lower} | {stored / whole.stored_bytes:.3f} |"
            f" {split_bytes:,} | {split_ms:.0f} | {upper_bytes / all_bytes:.3f} |"
            f" {upper_ms / max(all_ms, 1):.2f} |",
            flush=True,
        )


def each_file(folder: Path, measure: Callable[[Daemon, Path], None]) -> None:
    """`measure` for every file of some size, each with a daemon of its own."""
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in SUFFIXES and 100_000 < file.stat().st_size < 40 << 20:
            with tempfile.TemporaryDirectory(prefix="gamd-cost-") as name:
                with Daemon(Path(name), config=CONFIG) as daemon:
                    measure(daemon, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    print("| file | bits | split | stored | bytes read | ms | upper: bytes | upper: time |")
    print("|---|---|---|---|---|---|---|---|")
    each_file(parser.parse_args().folder, measure)


if __name__ == "__main__":
    main()
