"""Short forms of the long campaigns; `make soak` runs them in full.

What always holds here:
- A short form runs the same code as the long one, with fewer rounds.
"""

from __future__ import annotations

import random
from pathlib import Path

import backups
import clients
import crash
import damage
import disk_full
import faults
import fuzz
import memory
import mixed
import numpy as np
import pytest
import reads
import slow_reads


def test_acknowledged_signals_survive_kills(tmp_path: Path, rng: random.Random) -> None:
    done = crash.run(tmp_path, kills=5, seed=rng.randrange(1, 1 << 32))
    assert done.acknowledged >= 5 * crash.WRITERS, "too little happened to prove anything"
    assert done.version > 5


def test_damaged_files_never_do_harm(tmp_path: Path, rng: random.Random) -> None:
    done = fuzz.run(tmp_path, rounds=150, seed=rng.randrange(1, 1 << 32))
    assert done.refused > 0
    assert done.refused + done.accepted == 150


def test_a_thousand_noisy_files_never_do_harm(tmp_path: Path, rng: random.Random) -> None:
    done = fuzz.run(tmp_path, rounds=1000, seed=rng.randrange(1, 1 << 32), bits=True)
    assert done.refused > 0 and done.accepted > 0
    assert done.refused + done.accepted == 1000


def test_damaged_records_never_give_a_wrong_sample(tmp_path: Path, rng: random.Random) -> None:
    seed = rng.randrange(1, 1 << 32)
    done = damage.run(tmp_path, flips=300, others=100, copies=6, seed=seed)
    assert sum(done.damages.values()) == done.raised + done.exact == 400
    assert done.raised > 350 and done.exit_codes > 0
    names = " ".join(done.damages)
    kinds = ("entry", "shard", "overview", "network", "bounds", "attachment")
    assert all(word in names for word in kinds)


def test_a_large_picture_stays_in_little_memory(tmp_path: Path) -> None:
    assert memory.run(tmp_path, megapixels=6) < 512 << 20


def test_the_damage_judge_can_fail(tmp_path: Path) -> None:
    """It must not take other samples for the right ones, nor silence for an error."""
    campaign = damage.Campaign(tmp_path, copies=2, seed=1)
    campaign.fill()
    kept = campaign.kept[0]
    untouched = damage.Damage(kept, "nothing at all", 0, keeps_seal=True)
    with campaign.daemon, campaign.daemon.client() as client:
        with pytest.raises(AssertionError, match="nothing was noticed"):
            campaign.judge(client, untouched)
        kept.samples = kept.samples.copy()
        kept.samples.flat[-1] ^= 1
        with pytest.raises(AssertionError, match="WRONG SAMPLES"):
            campaign.judge(client, untouched)


def test_the_crash_oracle_can_fail(tmp_path: Path) -> None:
    """A judge that accepts everything would prove nothing."""
    campaign = crash.Campaign(tmp_path, seed=1)
    oracle = campaign.oracles[0]
    key = crash.keys_of(0)[0]
    oracle.intend(key, 1)
    oracle.acknowledge(key, 1)
    oracle.intend(key, 2)
    assert oracle.replayed().allowed(key) == {1, 2}
    one, two, three = (crash.content(key, version) for version in (1, 2, 3))
    assert not np.array_equal(one, two)
    assert campaign.is_version(one, key, 1) and not campaign.is_version(one, key, 2)
    assert not campaign.is_version(three, key, 1)
    assert not campaign.is_version(None, key, 1) and campaign.is_version(None, key, crash.ABSENT)
    with pytest.raises(AssertionError, match="neither of the versions"):
        campaign.judge_key({key: three}, oracle.replayed(), oracle, key, True)


def test_resting_clients_cost_little(tmp_path: Path) -> None:
    done = clients.crowd(tmp_path, count=150, seconds=0.5)
    assert done.bytes_per_connection <= 64 << 10
    assert len(done.crowded.seconds) > 20


def test_slow_readers_hold_up_nobody(tmp_path: Path) -> None:
    done = clients.dawdlers(tmp_path, seconds=3, mebibytes=16)
    # Eight reading threads, ten readers that do not read: without a way around them nobody would
    # be answered before their 30 seconds were over.
    assert done.beside.quantile(1) < 5
    assert done.grown_bytes < 100 << 20, f"{done.grown_bytes >> 20} MiB"


def test_slow_readers_of_large_pictures_stay_within_the_budget(tmp_path: Path) -> None:
    done = slow_reads.run(tmp_path, megapixels=16, count=8, seconds=2)
    assert done.answered >= 2 and done.dropped == 0
    assert done.idle_bytes < done.peak_bytes <= done.budget_bytes, done.budget_told
    assert done.beside.quantile(0.99) < 1


def test_few_descriptors_are_no_end(tmp_path: Path) -> None:
    done = clients.few_descriptors(tmp_path)
    assert done.accepted >= 5 and done.refused > 0
    assert done.processor_seconds < 0.5, "the daemon spins"


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
@pytest.mark.parametrize("reserve", [8 << 20, 0], ids=["reserve", "none"])
def test_a_full_disk_refuses_and_recovers(tmp_path: Path, kind: str, reserve: int) -> None:
    try:
        done = disk_full.run(tmp_path, kind, reserve)
    except disk_full.NoDisk as error:
        pytest.skip(f"no file system of its own for the test: {error}")
    assert done.refused == 4 and len(done.stored) > 3


@pytest.mark.parametrize("kind", ["sync", "crash"])
def test_faults_of_the_disk_lose_nothing(tmp_path: Path, kind: str, rng: random.Random) -> None:
    if reason := faults.unusable():
        pytest.skip(reason)
    limit = 2 if kind == "sync" else 1
    done = faults.run(tmp_path, kind, limit=limit, seed=rng.randrange(1 << 32))
    assert done.points == limit * len(faults.points(kind))
    assert done.cut_off + done.refused > 0, "no fault came to pass"


def test_backups_under_writers_are_consistent(tmp_path: Path) -> None:
    done = backups.run(tmp_path, backups=2)
    assert done.steps > 20


def test_mixed_work_stays_exact(tmp_path: Path, rng: random.Random) -> None:
    done = mixed.run(tmp_path, seconds=4, seed=rng.randrange(1 << 32))
    assert done.operations > 50
    few, many = done.descriptors()
    assert many - few < 60


def test_random_reads_are_as_numpy_has_them(tmp_path: Path, rng: random.Random) -> None:
    done = reads.run(tmp_path, reads=2000, seed=rng.randrange(1, 1 << 32))
    assert len(done.reads) == 6 and done.reads.total() >= 2000
    assert {name.split()[1] for name in done.signals} == {"causal", "wavefront"}
