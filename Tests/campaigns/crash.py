"""kill -9 at random moments under four writers, judged by an oracle outside the daemon.

What always holds here:
- A writer's log is written and synced before each request (intent) and after each answer (ack).
- After a restart every signal is bit for bit what its last ack says, or, where an intent has no
  ack, what it was before or what the intent says; and there is no other signal.
- A campaign is its seed: --seed repeats the choices, though not the scheduler's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402
from readers import bits_equal  # noqa: E402

from gamd import GamError, NotFoundError, UnreachableError  # noqa: E402

WRITERS = 4
KEYS_PER_WRITER = 6
KILL_AFTER_SECONDS_MAX = 0.6
KILL_WHILE_STARTING = 0.15
# Absent signals have this version.
ABSENT = 0


def content(key: str, version: int) -> np.ndarray:
    """The samples a key has at a version: shapes of one shard and of several, three types."""
    rng = np.random.default_rng([version, *key.encode()])
    shape = [(40, 50), (300, 290), (5000,), (30, 31, 32)][version % 4]
    dtype = [np.uint8, np.int16, np.float32][version % 3]
    steps = rng.integers(-3, 4, shape).cumsum(axis=-1) + version
    return steps.astype(dtype)


@dataclass
class Oracle:
    """What one writer knows: its synced log, and per key the acknowledged and intended versions."""

    path: Path
    acknowledged: dict[str, int] = field(default_factory=dict)
    intended: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str, key: str, version: int) -> None:
        line = json.dumps({"kind": kind, "key": key, "version": version}) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def intend(self, key: str, version: int) -> None:
        self.note("intent", key, version)
        self.intended[key] = version

    def acknowledge(self, key: str, version: int) -> None:
        self.note("ack", key, version)
        self.acknowledged[key] = version
        self.intended.pop(key, None)

    def allowed(self, key: str) -> set[int]:
        before = self.acknowledged.get(key, ABSENT)
        return {before, self.intended.get(key, before)}

    def replayed(self) -> Oracle:
        """The same knowledge from the log alone; it must equal what is in memory."""
        twin = Oracle(self.path)
        for line in self.path.read_text().splitlines():
            entry = json.loads(line)
            if entry["kind"] == "intent":
                twin.intended[entry["key"]] = entry["version"]
            else:
                twin.acknowledged[entry["key"]] = entry["version"]
                twin.intended.pop(entry["key"], None)
        return twin


class Writer(threading.Thread):
    """Puts, replaces and deletes its own keys until the daemon is gone."""

    def __init__(self, number: int, daemon: Daemon, oracle: Oracle, seed: int, first: int) -> None:
        super().__init__()
        self.keys = keys_of(number)
        self.daemon_process = daemon
        self.oracle = oracle
        self.rng = random.Random(seed)
        self.next_version = first
        self.fault: str | None = None

    def run(self) -> None:
        try:
            with self.daemon_process.client(timeout=60) as client:
                while True:
                    self.step(client)
        except UnreachableError:
            return
        except GamError as error:
            self.fault = f"{type(error).__name__}: {error}"

    def step(self, client) -> None:
        key = self.rng.choice(self.keys)
        if self.oracle.acknowledged.get(key, ABSENT) != ABSENT and self.rng.random() < 0.3:
            self.oracle.intend(key, ABSENT)
            client.delete(key)
            self.oracle.acknowledge(key, ABSENT)
            return
        version, self.next_version = self.next_version, self.next_version + 1
        self.oracle.intend(key, version)
        client.put(key, content(key, version))
        self.oracle.acknowledge(key, version)


def keys_of(number: int) -> list[str]:
    return [f"writer{number}/key{k}" for k in range(KEYS_PER_WRITER)]


class Campaign:
    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.daemon = Daemon(folder / "daemon")
        self.oracles = [Oracle(folder / f"writer{n}.log") for n in range(WRITERS)]
        self.version = 1
        self.acknowledged = self.old = self.new = 0
        for oracle in self.oracles:
            oracle.path.touch()

    def round(self) -> None:
        """Writers on, kill, restart, judge."""
        self.start_perhaps_interrupted()
        writers = [
            Writer(n, self.daemon, self.oracles[n], self.rng.randrange(1 << 32), self.version)
            for n in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        time.sleep(self.rng.uniform(0, KILL_AFTER_SECONDS_MAX))
        self.daemon.kill()
        for writer in writers:
            writer.join()
            if writer.fault:
                raise AssertionError(f"{writer.keys[0]}: the daemon refused: {writer.fault}")
            self.version = max(self.version, writer.next_version)
        self.start_perhaps_interrupted()
        self.judge()
        self.daemon.kill()

    def start_perhaps_interrupted(self) -> None:
        """Starts the daemon; sometimes a start is killed first, in the middle of recovery."""
        if self.rng.random() < KILL_WHILE_STARTING:
            interrupted = threading.Thread(target=self.start_and_ignore)
            interrupted.start()
            time.sleep(self.rng.uniform(0.005, 0.1))
            if self.daemon.is_running:
                self.daemon.kill()
            interrupted.join()
            if self.daemon.is_running:
                self.daemon.kill()
        self.daemon.start()

    def start_and_ignore(self) -> None:
        try:
            self.daemon.start()
        except RuntimeError:
            pass  # killed while it started: that is what was asked for

    def judge(self) -> None:
        """Compares every key with its oracle and takes what is found as acknowledged."""
        with self.daemon.client(timeout=60) as client:
            present = {stat.key for stat in client.ls()}
            known = {key for number in range(WRITERS) for key in keys_of(number)}
            assert present <= known, f"signals nobody put: {sorted(present - known)}"
            for number, oracle in enumerate(self.oracles):
                twin = oracle.replayed()
                assert twin.intended == oracle.intended, "the log does not hold every intent"
                for key in keys_of(number):
                    self.judge_key(client, twin, oracle, key, key in present)

    def judge_key(self, client, twin: Oracle, oracle: Oracle, key: str, listed: bool) -> None:
        try:
            found: np.ndarray | None = client[key][...]
        except NotFoundError:
            found = None
        assert listed == (found is not None), f"{key}: ls and read disagree"
        allowed = twin.allowed(key)
        matching = [version for version in allowed if self.is_version(found, key, version)]
        assert matching, f"{key}: neither of the versions {sorted(allowed)} after the crash"
        self.acknowledged += len(allowed) == 1
        if len(allowed) == 2:
            self.new += matching[0] == twin.intended[key]
            self.old += matching[0] != twin.intended[key]
        if key in oracle.intended:
            oracle.acknowledge(key, matching[0])

    @staticmethod
    def is_version(found: np.ndarray | None, key: str, version: int) -> bool:
        if version == ABSENT or found is None:
            return version == ABSENT and found is None
        return bits_equal(found, content(key, version))


def run(folder: Path, kills: int, seed: int, verbose: bool = False) -> Campaign:
    """Raises AssertionError at the first signal that is not what the oracle allows."""
    campaign = Campaign(folder, seed)
    try:
        for number in range(kills):
            try:
                campaign.round()
            except AssertionError as error:
                raise AssertionError(f"kill {number + 1}, --seed {seed}: {error}") from error
            if verbose and (number + 1) % 10 == 0:
                print(f"{number + 1} kills, {campaign.version} versions written", flush=True)
    finally:
        if campaign.daemon.is_running:
            campaign.daemon.kill()
    return campaign


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seed = arguments.seed or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="gamd-crash-") as folder:
        try:
            done = run(Path(folder), arguments.kills, seed, verbose=True)
        except AssertionError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    print(
        f"{arguments.kills} kills: {done.acknowledged} acknowledged signals exact; of the "
        f"unacknowledged {done.old} old, {done.new} new; nothing else was found"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
