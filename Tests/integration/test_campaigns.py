"""Short forms of the long campaigns; `make soak` runs them in full.

What always holds here:
- A short form runs the same code as the long one, with fewer rounds.
"""

from __future__ import annotations

import random
from pathlib import Path

import crash
import damage
import fuzz
import memory
import numpy as np
import pytest


def test_acknowledged_signals_survive_kills(tmp_path: Path, rng: random.Random) -> None:
    done = crash.run(tmp_path, kills=5, seed=rng.randrange(1, 1 << 32))
    assert done.acknowledged >= 5 * crash.WRITERS, "too little happened to prove anything"
    assert done.version > 20


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
    assert all(word in names for word in ("entry", "shard", "overview", "network", "attachment"))


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
