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
from pathlib import Path

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


def cold(daemon: Daemon, key: str, bits: int) -> tuple[np.ndarray, int, float]:
    """The samples, bytes read for them and milliseconds of processor, best of three starts."""
    results = []
    for _ in range(3):
        daemon.stop()
        daemon.start()
        with daemon.client() as client:
            client.stat(key)
            before, seconds = bytes_read(daemon), daemon.processor_seconds()
            samples = client.read(key, bits=bits)
            spent = daemon.processor_seconds() - seconds
            results.append((bytes_read(daemon) - before, 1000 * spent))
    return samples, min(r[0] for r in results), min(r[1] for r in results)


def splits(bits: int) -> list[int]:
    return [n for n in (4, 8, 12, 16) if n < bits]


def measure(daemon: Daemon, file: Path) -> None:
    with daemon.client() as client:
        whole = client.put_file("whole", file)
        for lower in splits(whole.bits):
            client.put_file(f"split {lower}", file, lower_bits=lower)
    samples, all_bytes, all_ms = cold(daemon, "whole", 0)
    print(f"| {file.name} | {whole.bits} | whole | 1.000 | {all_bytes:,} | {all_ms:.0f} | | |")
    for lower in splits(whole.bits):
        key = f"split {lower}"
        again, split_bytes, split_ms = cold(daemon, key, 0)
        assert np.array_equal(again, samples), f"{file}: {key} gives other samples"
        upper, upper_bytes, upper_ms = cold(daemon, key, whole.bits - lower)
        with daemon.client() as client:
            assert np.array_equal(upper, client.read("whole", bits=whole.bits - lower))
            stored = client.stat(key).stored_bytes
        print(
            f"| | | {whole.bits - lower} + {lower} | {stored / whole.stored_bytes:.3f} |"
            f" {split_bytes:,} | {split_ms:.0f} | {upper_bytes / all_bytes:.3f} |"
            f" {upper_ms / max(all_ms, 1):.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("| file | bits | split | stored | bytes read | ms | upper: bytes | upper: time |")
    print("|---|---|---|---|---|---|---|---|")
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() not in SUFFIXES or not 100_000 < file.stat().st_size < 40 << 20:
            continue
        with tempfile.TemporaryDirectory(prefix="gamd-lower-") as name:
            with Daemon(Path(name), config=CONFIG) as daemon:
                with daemon.client() as client:
                    try:
                        bits = client.put_file("probe", file).bits
                    except Exception as error:
                        print(f"<!-- {file.name}: {error} -->")
                        continue
                if bits > 8:
                    measure(daemon, file)


if __name__ == "__main__":
    main()
