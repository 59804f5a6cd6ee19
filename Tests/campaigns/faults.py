"""Failed syncs and crashes at every system call of a script, by strace, judged by an oracle.

What always holds here:
- The script is the same each time: puts, a replacement, a removal, a refit, a backup. Before each
  step its intent is noted, after each answer its acknowledgement.
- strace counts calls per thread: "the Nth fsync" is that of the first thread that reaches it.
- After the fault the daemon is killed and started without strace; then every signal is what was
  acknowledged, or, where a step had no answer, what it was before or after it.
"""

from __future__ import annotations

import argparse
import fcntl
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon, gamctl  # noqa: E402

from gamd import GamError, NotFoundError  # noqa: E402

CONFIG = "[refit]\nidle_seconds = 1\n[log]\naudit = false\n"
SYNCS = "fsync,fdatasync"
# Calls a durable store is made of; a crash comes as the call begins.
CRASH_CALLS = ("write", "pwrite64", "rename", "fsync,fdatasync", "ftruncate", "unlink")


def unusable() -> str | None:
    """Why faults cannot be injected here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True)
    return None if done.returncode == 0 else f"strace does not work: {done.stderr.decode().strip()}"


def strace(injection: str) -> tuple[str, ...]:
    calls = injection.split(":")[0]
    # With --seccomp-bpf, which would be faster, strace 6.1 loses the signals it is to inject.
    command = ("strace", "-f", "-qq", "-o", "/dev/null")
    return command + ("-e", f"trace={calls}", "-e", f"inject={injection}")


def content(version: int) -> np.ndarray:
    rng = np.random.default_rng(version)
    return (rng.integers(-3, 4, (64, 90)).cumsum(axis=1) + version).astype(np.int16)


@dataclass
class Oracle:
    """Per key the version acknowledged (0: absent) and the one that may have been written."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    intended: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    def allowed(self, key: str) -> set[int]:
        before = self.acknowledged.get(key, 0)
        return {before, self.intended.get(key, before)}


class Script:
    """The steps, each noted before and after."""

    def __init__(self, daemon: Daemon, oracle: Oracle) -> None:
        self.daemon = daemon
        self.oracle = oracle

    def change(self, client, key: str, version: int) -> None:
        """Puts a version, or removes for 0. A refusal that is certain changes nothing."""
        self.oracle.intended[key] = version
        try:
            if version:
                client.put(key, content(version), size="S")
            else:
                client.delete(key)
        except NotFoundError:
            self.oracle.intended.pop(key)
            return
        except GamError as error:
            if error.status == 21:  # unreachable: the connection broke
                raise
            self.oracle.refused += 1
            return
        self.oracle.acknowledged[key] = version
        self.oracle.intended.pop(key)

    def run(self) -> bool:
        """False: the daemon went away before the end."""
        try:
            with self.daemon.client(timeout=30) as client:
                for version, key in enumerate(["a", "b", "c", "a"], 1):
                    self.change(client, key, version)
                self.change(client, "b", 0)
                self.wait_for_refit(client)
                try:
                    client.create_backup()
                except GamError as error:
                    if error.status == 21:
                        raise
                    self.oracle.refused += 1
                self.change(client, "d", 5)
            return True
        except (GamError, OSError):
            return False

    @staticmethod
    def wait_for_refit(client) -> None:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            if any(job.state != "running" for job in client.jobs()):
                return
            time.sleep(0.1)


def judge(daemon: Daemon, oracle: Oracle) -> None:
    with daemon.client(timeout=30) as client:
        present = {stat.key for stat in client.ls()}
        assert present <= {*oracle.acknowledged, *oracle.intended}, f"nobody put {present}"
        for key in {*oracle.acknowledged, *oracle.intended}:
            found = client[key][...] if key in present else None
            matches = [
                version
                for version in oracle.allowed(key)
                if (version == 0 and found is None)
                or (version and found is not None and np.array_equal(found, content(version)))
            ]
            assert matches, f"{key} is none of the versions {sorted(oracle.allowed(key))}"
        for backup in client.backups():
            client.verify_backup(backup.id)


def one(folder: Path, injection: str) -> tuple[bool, Oracle]:
    """One run with a fault; whether the script came to its end, and what the oracle knows."""
    daemon = Daemon(folder, config=CONFIG, prefix=strace(injection))
    oracle = Oracle()
    try:
        daemon.start()
        is_whole = Script(daemon, oracle).run()
    except RuntimeError:
        is_whole = False  # the fault came while the daemon started
    finally:
        if daemon.is_running:
            daemon.kill()
    wait_for_lock(folder)
    again = Daemon(folder, config=CONFIG)
    again.start()
    try:
        judge(again, oracle)
        # What the fault left behind must not be in the way.
        with again.client() as client:
            client.put("again", content(9))
    finally:
        again.kill()
    return is_whole, oracle


def wait_for_lock(folder: Path) -> None:
    """A killed daemon below strace may still be going when strace has gone."""
    lock = folder / "state" / "gamd.lock"
    deadline = time.monotonic() + 10
    while lock.exists():
        with open(lock) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                assert time.monotonic() < deadline, "the killed daemon does not go"
        time.sleep(0.02)


def damaged_backups_are_refused(folder: Path) -> None:
    """After a crash in the middle of a backup, a restore works or is refused; never a half one."""
    backup = folder / "state" / "backup"
    if not (backup / "meta").exists():
        return
    target = folder / "restored"
    done = gamctl("backup", "restore", "0", target / "state", "--folder", backup)
    assert done.returncode in (0, 1, 3, 4, 74), done.stderr.decode()


@dataclass
class Result:
    points: int = 0
    refused: int = 0
    cut_off: int = 0


def points(kind: str) -> list[tuple[str, str]]:
    """Injections before their number: the call and what happens to it."""
    if kind == "sync":
        return [(SYNCS, "error=EIO")]
    return [(calls, "signal=SIGKILL") for calls in CRASH_CALLS]


def run(folder: Path, kind: str, limit: int, seed: int, verbose: bool = False) -> Result:
    """Every point in order, or `limit` of the first eight of each call at random."""
    result = Result()
    rng = random.Random(seed)
    for calls, effect in points(kind):
        numbers = sorted(rng.sample(range(1, 9), min(limit, 8))) if limit else range(1, 1000)
        for number in numbers:
            place = folder / f"{kind}-{calls.split(',')[0]}-{number}"
            place.mkdir(parents=True)
            try:
                is_whole, oracle = one(place, f"{calls}:{effect}:when={number}")
                damaged_backups_are_refused(place)
            except (AssertionError, RuntimeError) as error:
                raise AssertionError(f"{calls} {effect} at {number}: {error}") from error
            result.points += 1
            result.refused += oracle.refused
            result.cut_off += not is_whole
            shutil.rmtree(place)
            if is_whole and oracle.refused == 0 and not limit:
                break  # no thread makes so many of these calls
        if verbose:
            print(f"{calls} {effect}: up to {number}", flush=True)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, default=0, help="points per call; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    reason = unusable()
    if reason:
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="gamd-faults-") as name:
        for kind in ("sync", "crash"):
            done = run(Path(name), kind, arguments.limit, arguments.seed, verbose=True)
            print(
                f"{kind}: {done.points} points, {done.refused} steps refused, {done.cut_off} "
                "scripts cut off; nothing acknowledged was lost"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
