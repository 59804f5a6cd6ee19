"""Random reads of random signals against numpy on the original.

What always holds here:
- Slices, levels, bits, predicates are compared bit for bit; means of floats by value, since any NaN
  is a NaN; points within 1e-12 of the largest sample.
- A read that differs is told with the seed, the signal and the expression.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import reference_reads as reference  # noqa: E402
from gamd_process import Daemon  # noqa: E402
from random_signals import Stored, store  # noqa: E402

from gamd import Client, Pool, ReadItem, UsageError  # noqa: E402

READS_PER_SIGNAL = 50


@dataclass
class Result:
    seed: int
    reads: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)


def equal(found: np.ndarray, expected: np.ndarray) -> bool:
    """Bits, shape and type."""
    alike = (found.shape, found.dtype) == (expected.shape, expected.dtype)
    return alike and found.tobytes() == expected.tobytes()


def same_values(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.shape == expected.shape and np.array_equal(
        found, expected, equal_nan=expected.dtype.kind == "f"
    )


def random_slice(rng: random.Random, extent: int) -> slice | int:
    if rng.random() < 0.15:
        return rng.randrange(-extent, extent)
    bounds = [rng.choice([None, rng.randint(-extent - 2, extent + 2)]) for _ in range(2)]
    return slice(*bounds, rng.choice([None, None, 1, 2, 3, 7, -1, -2, -5]))


def random_region(rng: random.Random, extents: tuple[int, ...]) -> list[tuple[int, int, int]]:
    return [(*sorted(rng.sample(range(extent + 1), 2)), 1) for extent in extents]


# The five kinds of reads; each returns what it asked for, and raises AssertionError


def slices(rng: random.Random, stored: Stored) -> str:
    expression = tuple(random_slice(rng, extent) for extent in stored.signal.shape)
    expression = expression[: rng.randint(0, len(expression))] + (...,)
    expected = np.asarray(stored.shaped(stored.samples)[expression])
    assert equal(np.asarray(stored.signal[expression]), expected), expression
    return f"{expression}"


def levels(rng: random.Random, stored: Stored) -> str:
    level, filter = rng.randint(0, 5 - len(stored.extents)), rng.choice(["nearest", "area"])
    view, reduced = stored.signal.level(level, filter), stored.at_level(level, filter)
    expression = tuple(random_slice(rng, extent) for extent in view.shape)
    found, expected = view[expression], stored.shaped(reduced)[expression]
    same = equal if expected.dtype.kind != "f" or filter == "nearest" else same_values
    assert same(np.asarray(found), np.asarray(expected)), (level, filter, expression)
    return f"level {level} {filter} {expression}"


def bits(rng: random.Random, stored: Stored) -> str:
    level, filter = rng.choice([0, 0, 1, 2]), rng.choice(["nearest", "area"])
    if stored.samples.dtype.kind == "f" and not np.isfinite(stored.samples).all():
        filter = "nearest"  # the protocol does not tell a NaN's bits
    kept = rng.randint(1, stored.depth)
    view = stored.signal.level(level, filter).bits(kept)
    reduced = stored.at_level(level, filter)
    if kept < stored.depth:
        reduced = reference.planes(reduced, kept, stored.depth)
    expression = tuple(random_slice(rng, extent) for extent in view.shape)
    answer, expected = view.read(expression), stored.shaped(reduced)[expression]
    assert equal(np.asarray(answer.values), np.asarray(expected)), (level, filter, kept, expression)
    if np.size(expected):
        assert answer.error_max == reference.error_max(kept, stored.depth), answer.error_max
    return f"{kept} bits, level {level} {filter} {expression}"


def points(rng: random.Random, stored: Stored) -> str:
    method = rng.choice(["nearest", "linear", "cubic"])
    outside = rng.choice(["clamp", "nan", "error"])
    world, gradient = rng.random() < 0.5, method != "nearest" and rng.random() < 0.5
    generator = np.random.default_rng(rng.randrange(1 << 32))
    last = np.array(stored.extents) - 1.0
    at = generator.uniform(-1, last + 1, (rng.randint(1, 40), len(last)))
    at[generator.random(at.shape) < 0.3] //= 0.5  # on grid points and halfway between
    at /= rng.choice([1.0, 2.0])
    at[generator.random(at.shape) < 0.01] = np.nan
    spacing = stored.spacing if world else [1.0] * len(last)
    at = at * spacing
    asked = stored.signal.at_world if world else stored.signal.query
    if outside == "error":
        away = ~((at >= 0) & (at <= last * spacing)).all(axis=1)
        if away.any():
            with pytest.raises(UsageError, match=f"point {np.flatnonzero(away)[0]} "):
                asked(at, method=method, outside=outside)
        at = at[~away]
    found = asked(at, method=method, outside=outside, gradient=gradient)
    values, gradients = reference.query(stored.samples, at, method, outside, spacing)
    what = (method, outside, world)
    assert close(found.values, stored.shaped(values), stored.samples, [1.0]), what
    if gradient:
        expected = gradients if stored.samples.shape[-1] > 1 else gradients[:, 0]
        assert close(found.gradients, expected, stored.samples, spacing), (what, "gradients")
    return f"{len(at)} points {what}"


def close(
    found: np.ndarray, expected: np.ndarray, samples: np.ndarray, spacing: list[float]
) -> bool:
    finite = np.abs(samples[np.isfinite(samples)].astype(np.float64))
    largest = float(finite.max(initial=1.0)) / min(spacing)
    with np.errstate(invalid="ignore"):
        near = np.abs(found - expected) <= 1e-12 * largest
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return found.shape == expected.shape and bool(np.all(near | same))


def predicates(rng: random.Random, stored: Stored) -> str:
    shard = list(stored.signal.stat.shard_extents)
    region = random_region(rng, stored.extents)
    expression = tuple(slice(start, stop) for start, stop, _ in region)
    if rng.random() < 0.3:
        found = stored.signal.bounds(expression)
        rows = reference.bounds(stored.samples, shard, region)
        figures = np.stack([found.minimum, found.maximum, found.mean], -1).reshape(len(rows), -1)
        answer = np.concatenate([found.starts, found.extents, figures], 1)
        assert close(answer, rows, stored.samples, [1.0]), ("bounds", region)
        return f"bounds {region}"
    channel = rng.randrange(stored.samples.shape[-1])
    comparison = rng.choice(list(reference.COMPARISONS))
    value = float(rng.choice(stored.samples[..., channel].reshape(-1))) + rng.choice([0, 0, 0.5])
    runs = stored.signal.where(comparison, value, expression, channel=channel)
    expected = reference.where(stored.samples, shard, comparison, value, region, channel)
    what = ("where", comparison, value, region, channel)
    assert equal(np.column_stack([runs.starts, runs.lengths]), expected), what
    assert runs.matches == expected[:, -1].sum() and not runs.is_cut, what
    return f"{what}"


KINDS: list[Callable[[random.Random, Stored], str]] = [slices, levels, bits, points, predicates]


def together(client: Client, rng: random.Random, stored: list[Stored], pool: Pool | None) -> None:
    """Many reads in one request, into a pool or not, in order or as they are done."""
    items, expected, offset = [], [], 0
    for one in rng.choices(stored, k=rng.randint(1, 30)):
        region = random_region(rng, one.extents)
        items.append(ReadItem(one.signal.key, region, pool_offset=offset))
        samples = one.samples[tuple(slice(start, stop) for start, stop, _ in region)]
        expected.append(one.shaped(samples))
        offset += -(-samples.nbytes // 64) * 64
    if rng.random() < 0.5:
        found = client.read_many(items, pool=pool)
    else:
        answers = dict(client.read_many(items, as_ready=True, pool=pool))
        found = [answers[number] for number in range(len(items))]
    for item, samples, truth in zip(items, found, expected):
        assert equal(samples, truth), item


def check(client: Client, reads: int, seed: int, verbose: bool = False) -> Result:
    """So many reads of signals that are made on the way."""
    rng, result = random.Random(seed), Result(seed)
    kept: list[Stored] = []
    with Pool(8 << 20) as pool:
        while result.reads.total() < reads:
            stored = store(client, rng, f"reads/{len(result.signals) % 8}/{rng.randrange(8)}")
            kept = [one for one in kept if one.signal.key != stored.signal.key][-20:] + [stored]
            name = f"{stored.signal.dtype.name} {stored.signal.stat.order}"
            result.signals[name] += 1
            for _ in range(READS_PER_SIGNAL):
                kind = rng.choice(KINDS)
                try:
                    kind(rng, stored)
                except (AssertionError, UsageError) as error:
                    what = f"{stored.signal}, shards {list(stored.signal.stat.shard_extents)}"
                    text = f"seed {seed}: {kind.__name__} of {what}: {error}"
                    raise AssertionError(text) from error
                result.reads[kind.__name__] += 1
            together(client, rng, kept, rng.choice([None, pool]))
            result.reads["together"] += 1
            if verbose and result.reads.total() % 5000 < READS_PER_SIGNAL:
                print(f"{result.reads.total()} reads", flush=True)
    return result


def run(folder: Path, reads: int, seed: int, verbose: bool = False) -> Result:
    print(f"seed {seed}")
    with Daemon(folder / "daemon") as daemon, daemon.client() as client:
        return check(client, reads, seed, verbose)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seed = arguments.seed or random.randrange(1, 1 << 32)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gamd-reads-") as name:
        done = run(Path(name), arguments.reads, seed, verbose=True)
    seconds = time.monotonic() - started
    print(f"{done.reads.total()} reads in {seconds:.0f} s, all as numpy has them")
    print(f"reads: {dict(done.reads)}")
    print(f"signals: {dict(done.signals)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
