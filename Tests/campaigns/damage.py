"""Damage in the stored bytes themselves, below gamd and above RocksDB's checksums.

What always holds here:
- The daemon is stopped, its database changed through RocksDB's own library (so every checksum of
  RocksDB holds again), and the daemon started on it: what it then reads is what was written here.
- A read of a damaged signal raises IntegrityError with the signal's key, and with the shard if the
  damage is in one, or it returns the exact samples. Damage that keeps the seal must raise.
- Half of the damage to records gets a new seal, as if the seal did not exist: then the codec's own
  checks are all there is.
- A campaign is its seed: --seed repeats it.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402
from readers import bits_equal  # noqa: E402
from rocksdb_access import Database  # noqa: E402
from stored_signals import (  # noqa: E402
    BOUNDS,
    NETWORK,
    OVERVIEW,
    SEAL_BYTES,
    SHARD,
    SPACE_BYTES,
    Kept,
    find_bytes,
    put_arrays,
    put_files,
    seal,
)

from gamd import Client, GamError, IntegrityError  # noqa: E402

CONFIG = "[refit]\nenabled = false\n"
# Of this many damaged signals one is also read by gamctl, for its exit code.
GAMCTL_EVERY = 8


@dataclass
class Damage:
    """What was done to one signal."""

    kept: Kept
    text: str
    # The shard that must be named; None where the damage is not in one.
    shard: int | None
    keeps_seal: bool


@dataclass
class Outcome:
    damages: Counter = field(default_factory=Counter)
    raised: int = 0
    exact: int = 0
    exit_codes: int = 0


def flipped(rng: random.Random, data: bytes) -> bytes:
    wounded, bit = bytearray(data), rng.randrange(len(data) * 8)
    wounded[bit // 8] ^= 1 << bit % 8
    return bytes(wounded)


class Campaign:
    def __init__(self, folder: Path, copies: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.copies = copies
        self.daemon = Daemon(folder / "daemon", config=CONFIG)
        self.kept: list[Kept] = []
        self.outcome = Outcome()

    def fill(self) -> None:
        """Puts `copies` signals of every kind, no two with the same samples."""
        generator = np.random.default_rng(self.rng.randrange(1 << 32))
        with self.daemon, self.daemon.client() as client:
            for copy in range(self.copies):
                self.kept += put_arrays(client, generator, copy)
                self.kept += put_files(client, generator, copy)
        with Database(self.daemon.state) as database:
            find_bytes(self.kept, database)

    def round(self, kinds: list[str]) -> None:
        """One damage to each of as many signals as there are kinds, all judged, all repaired."""
        victims = self.rng.sample(self.kept, len(kinds))
        with Database(self.daemon.state) as database:
            damages = [self.damage(database, kept, kind) for kept, kind in zip(victims, kinds)]
        with self.daemon, self.daemon.client() as client:
            for number, damage in enumerate(damages):
                raised = self.judge(client, damage)
                if number % GAMCTL_EVERY == 0:
                    self.judge_exit_code(damage, raised)
            for kept in self.kept:
                if kept not in victims:
                    assert bits_equal(client[kept.key][...], kept.samples), kept.key
            assert self.daemon.is_running, self.daemon.log_tail()
        with Database(self.daemon.state) as database:
            for kept in victims:
                database.put_entry(kept.key, kept.entry)
                for blob, value in kept.blobs.items():
                    database.put_blob(blob, value)

    def damage(self, database: Database, kept: Kept, kind: str) -> Damage:
        """Writes one damage of a kind into the database."""
        if kind != "swap" and self.rng.random() < 0.1:
            self.outcome.damages[f"{kind} entry"] += 1
            change = self.changed(kind, kept.entry)
            database.put_entry(kept.key, change)
            return Damage(kept, f"{kind} of the entry", None, True)
        blob = self.rng.choice(sorted(kept.blobs))
        value = kept.blobs[blob]
        what, index = blob[SPACE_BYTES], int.from_bytes(blob[SPACE_BYTES + 1 :], "big")
        names = {NETWORK: "network", OVERVIEW: "overview", SHARD: "shard", BOUNDS: "bounds"}
        name = names.get(what, "attachment")
        # A record of another signal with a new seal would be another put, not damage.
        is_own, seals_anew = self.rng.random() < 0.5, self.rng.random() < 0.5
        if kind == "swap":
            others = kept.blobs if is_own else self.twin(kept).blobs
            change = self.other(others, blob, value)
            seals_anew = seals_anew and is_own
        else:
            change = self.changed(kind, value[:-SEAL_BYTES] if seals_anew else value)
        if seals_anew:
            change = change[:-SEAL_BYTES] if kind == "swap" else change
            change += seal(blob, change)
        database.put_blob(blob, change)
        which = "new" if seals_anew else "old"
        self.outcome.damages[f"{kind} {name}, {which} seal"] += 1
        text = f"{kind} of {name} {index}, {which} seal"
        shard = index if what in (OVERVIEW, SHARD) else None
        return Damage(kept, text, shard, not seals_anew)

    def changed(self, kind: str, data: bytes) -> bytes:
        return flipped(self.rng, data) if kind == "flip" else data[: self.rng.randrange(len(data))]

    def twin(self, kept: Kept) -> Kept:
        """Another signal of the same shape and type."""
        name = kept.key.split("/")[0]
        return self.rng.choice(
            [other for other in self.kept if other.key.startswith(f"{name}/") and other != kept]
        )

    def other(self, others: dict[bytes, bytes], blob: bytes, value: bytes) -> bytes:
        """What belongs to another blob; the one with the same number where there is one."""
        same = [o for b, o in others.items() if b[SPACE_BYTES:] == blob[SPACE_BYTES:]]
        choice = [o for o in same or others.values() if o != value]
        return self.rng.choice(choice) if choice else flipped(self.rng, value)

    def reads(self, client: Client, kept: Kept) -> dict[str, tuple[Callable, object]]:
        """Every way to read a signal, with what it must give."""
        box = []
        for extent in kept.samples.shape[: kept.axes]:
            start = self.rng.randrange(extent)
            box.append((start, self.rng.randint(start + 1, extent)))
        part = kept.samples[tuple(slice(*interval) for interval in box)]
        flat = kept.samples.reshape(*kept.samples.shape[: kept.axes], -1)[..., 0]
        middle = float(np.median(flat))
        small = kept.samples[(slice(None, None, 8),) * kept.axes]
        return {
            "whole": (lambda: client[kept.key][...], kept.samples),
            "region": (lambda: client.read(kept.key, box), part),
            "level": (lambda: client[kept.key].level(3)[...], small),
            "file": (lambda: client.get_file(kept.key), kept.file),
            "where": (
                lambda: client[kept.key].where("<", middle).matches,
                int((flat < middle).sum()),
            ),
            "verify": (lambda: bool(client.verify(kept.key).content_hash), True),
        }

    def judge(self, client: Client, damage: Damage) -> set[str]:
        """The ways that raised; anything but the exact value or the right error is a fault."""
        kept, raised = damage.kept, set()
        for way, (read, expected) in self.reads(client, kept).items():
            where = f"{way} of {kept.key}, {damage.text}"
            try:
                found = read()
            except IntegrityError as error:
                raised.add(way)
                assert f'"{kept.key}"' in str(error), f"{where}: no key in '{error}'"
                if damage.shard is not None:
                    named = re.search(rf"\bshard {damage.shard}\b", str(error))
                    assert named, f"{where}: no shard in '{error}'"
            except GamError as error:
                raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
            else:
                is_array = isinstance(expected, np.ndarray)
                same = bits_equal(found, expected) if is_array else found == expected
                assert same, f"WRONG SAMPLES: {where}"
        assert "verify" in raised or not raised, f"{kept.key}, {damage.text}: verify saw nothing"
        assert raised or not damage.keeps_seal, f"{kept.key}, {damage.text}: nothing was noticed"
        self.outcome.raised += bool(raised)
        self.outcome.exact += not raised
        return raised

    def judge_exit_code(self, damage: Damage, raised: set[str]) -> None:
        done = self.daemon.gamctl("verify", damage.kept.key)
        expected = 4 if "verify" in raised else 0
        assert done.returncode == expected, (damage.text, done.returncode, done.stderr.decode())
        assert expected == 0 or damage.kept.key in done.stderr.decode()
        self.outcome.exit_codes += 1


def run(
    folder: Path, flips: int, others: int, copies: int, seed: int, verbose: bool = False
) -> Outcome:
    """Raises AssertionError at the first read that is neither exact nor the right error."""
    campaign = Campaign(folder, copies, seed)
    campaign.fill()
    kinds = ["flip"] * flips + ["cut", "swap"] * (others // 2)
    campaign.rng.shuffle(kinds)
    # A tenth of the signals stays whole in every round and must read exactly.
    size = len(campaign.kept) * 9 // 10
    for start in range(0, len(kinds), size):
        campaign.round(kinds[start : start + size])
        if verbose:
            print(f"{min(start + size, len(kinds))} of {len(kinds)} damages", flush=True)
    return campaign.outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--others", type=int, default=500, help="truncations and swaps, half each")
    parser.add_argument("--copies", type=int, default=40, help="signals of every kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seed = arguments.seed or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="gamd-damage-") as folder:
        try:
            done = run(
                Path(folder),
                arguments.flips,
                arguments.others,
                arguments.copies,
                seed,
                verbose=True,
            )
        except AssertionError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    for name, count in sorted(done.damages.items()):
        print(f"{count:6} {name}")
    print(
        f"{sum(done.damages.values())} damages: {done.raised} integrity errors naming key and "
        f"shard, {done.exact} without any effect on the samples, no wrong sample; gamctl's exit "
        f"code was right {done.exit_codes} times"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
