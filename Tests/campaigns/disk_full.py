"""A disk that is full: puts are refused with a typed error, reads go on, and writes resume by
themselves once there is room.

What always holds here:
- The disk is a file system of its own, tmpfs or ext4 in a file, mounted for the campaign; without
  root there is none, and `NoDisk` says so.
- A ballast file takes the room; removing it is what gives space back.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402

from gamd import GamError, NotFoundError  # noqa: E402

MEBIBYTE = 1 << 20
NO_SPACE = 12
RESUME_SECONDS = 30


class NoDisk(Exception):
    """Why no file system can be mounted here."""


@contextlib.contextmanager
def disk(folder: Path, kind: str, mebibytes: int = 64) -> Iterator[Path]:
    """A mounted file system of its own, gone afterwards."""
    place = folder / "disk"
    place.mkdir(parents=True)
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)]
    else:
        image = folder / "disk.img"
        with open(image, "wb") as file:
            file.truncate(mebibytes * MEBIBYTE)
        made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], capture_output=True)
        if made.returncode != 0:
            raise NoDisk(f"mkfs.ext4: {made.stderr.decode().strip()}")
        command = ["mount", "-o", "loop", str(image), str(place)]
    mounted = subprocess.run(command, capture_output=True)
    if mounted.returncode != 0:
        raise NoDisk(f"{' '.join(command)}: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@dataclass
class Result:
    refused: int = 0
    stored: dict[str, np.ndarray] = field(default_factory=dict)
    resumed_seconds: float = 0


def noise(number: int) -> np.ndarray:
    generator = np.random.default_rng(number)
    return np.frombuffer(generator.bytes(MEBIBYTE), np.uint8).reshape(1024, 1024)


def run(folder: Path, kind: str, reserve: int) -> Result:
    """`reserve` bytes are kept free by the daemon; 0: RocksDB itself meets the end of the disk."""
    config = f"[limits]\nfree_bytes_min = {reserve}\n[refit]\nenabled = false\n"
    result = Result()
    with disk(folder, kind) as place:
        ballast = place / "ballast"
        ballast.write_bytes(b"\0" * (24 * MEBIBYTE))
        with Daemon(place / "daemon", config=config) as daemon:
            # The log grows with every line; it must not compete for the last bytes.
            fill(daemon, result)
            check(daemon, result)
            ballast.unlink()
            result.resumed_seconds = resume(daemon, result)
            check(daemon, result)
            assert daemon.stop() == 0, daemon.log_tail()
            daemon.start()
            check(daemon, result)
    return result


def fill(daemon: Daemon, result: Result) -> None:
    """Puts until the disk is full, and a few more."""
    with daemon.client() as client:
        for number in range(100):
            key = f"k{number}"
            try:
                client.put(key, noise(number), size="S")
                result.stored[key] = noise(number)
            except GamError as error:
                assert error.status == NO_SPACE, f"{error.status}: {error}"
                result.refused += 1
                if result.refused == 4:
                    return
    raise AssertionError("the disk never was full")


def check(daemon: Daemon, result: Result) -> None:
    """What was acknowledged is there and exact; what was refused is not there."""
    with daemon.client() as client:
        for key, array in result.stored.items():
            assert np.array_equal(client[key][...], array), key
        assert {stat.key for stat in client.ls()} == set(result.stored)
        try:
            client.stat("absent")
        except NotFoundError:
            pass


def resume(daemon: Daemon, result: Result) -> float:
    """Seconds until a put is taken again."""
    start = time.monotonic()
    while True:
        try:
            with daemon.client() as client:
                client.put("after", noise(1000), size="S")
            result.stored["after"] = noise(1000)
            return time.monotonic() - start
        except GamError as error:
            assert time.monotonic() - start < RESUME_SECONDS, f"no put is taken: {error}"
            time.sleep(0.2)


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for kind in ("tmpfs", "ext4"):
        for reserve in (8 * MEBIBYTE, 0):
            with tempfile.TemporaryDirectory(prefix="gamd-full-") as name:
                try:
                    done = run(Path(name), kind, reserve)
                except NoDisk as error:
                    print(f"{kind}: skipped: {error}")
                    continue
            print(
                f"{kind}, {reserve // MEBIBYTE} MiB in reserve: {len(done.stored)} signals stored, "
                f"{done.refused} refused, writes resumed after {done.resumed_seconds:.1f} s"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
