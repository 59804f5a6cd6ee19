"""Damaged files, round after round: the daemon refuses or stores, and never anything else.

What always holds here:
- A round is a good file of every format in turn with bits flipped, bytes replaced, pieces cut,
  doubled or swapped with another file's.
- What is accepted must come back: its file, its samples with the promised hash, verified.
- A campaign is its seed, but for the one that turns every bit of the ends of all files, which is
  always the same; the file that did harm is kept in the folder it names.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterable, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402
from noise_corpus import NoiseFile, noise_files  # noqa: E402

from gamd import BadInputError, GamError  # noqa: E402

SECONDS_MAX = 20
END_BYTES = 160
PEAK_BYTES_MAX = 1 << 30


@dataclass
class Outcome:
    refused: int = 0
    accepted: int = 0


def damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """One to four wounds, most of them near the start, where the headers are."""
    wounded = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not wounded:
            break
        near = min(len(wounded), 128) if rng.random() < 0.6 else len(wounded)
        at = rng.randrange(near)
        kind = rng.randrange(7)
        if kind == 0:
            wounded[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            wounded[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            wounded[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        elif kind == 3:
            del wounded[at : at + rng.randint(1, 64)]
        elif kind == 4:
            wounded[at:at] = wounded[at : at + rng.randint(1, 64)]
        elif kind == 5:
            start = rng.randrange(len(other))
            wounded[at : at + 32] = other[start : start + 32]
        else:
            del wounded[rng.randrange(len(wounded)) :]
    return bytes(wounded)


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """Every bit turned with one probability, from 0.01 % to 1 %; at least one bit."""
    ratio = 10 ** rng.uniform(-4, -2)
    noise = np.random.default_rng(rng.randrange(1 << 32))
    count = max(1, noise.binomial(len(data) * 8, ratio))
    places = noise.integers(0, len(data) * 8, count)
    wounded = np.frombuffer(data, np.uint8).copy()
    np.bitwise_xor.at(wounded, places // 8, (1 << places % 8).astype(np.uint8))
    return wounded.tobytes()


def at_random(files: list[NoiseFile], rounds: int, seed: int, bits: bool) -> Iterator[NoiseFile]:
    """`bits`: bit noise instead of wounds."""
    rng = random.Random(seed)
    for number in range(rounds):
        good = files[number % len(files)]
        data = flip_bits(rng, good.data) if bits else damage(rng, good.data, rng.choice(files).data)
        yield replace(good, data=data)


def bit_by_bit(files: list[NoiseFile]) -> Iterator[NoiseFile]:
    """Headers and trailers, where every bit means something."""
    for good in files:
        size = len(good.data)
        for at in sorted({*range(min(size, END_BYTES)), *range(max(0, size - END_BYTES), size)}):
            for bit in range(8):
                wounded = bytearray(good.data)
                wounded[at] ^= 1 << bit
                yield replace(good, data=bytes(wounded))


def run(
    folder: Path, rounds: int, seed: int, verbose: bool = False, bits: bool = False
) -> Outcome:
    """Raises AssertionError at the first harm."""
    files = noise_files(folder / "good")
    return put_all(folder, at_random(files, rounds, seed, bits), f"seed {seed}", verbose)


def put_all(folder: Path, files: Iterable[NoiseFile], campaign: str, verbose: bool) -> Outcome:
    """`campaign`: what repeats it, for whoever reads of harm."""
    outcome = Outcome()
    with Daemon(folder / "daemon") as daemon:
        client = daemon.client(timeout=SECONDS_MAX)
        for number, file in enumerate(files):
            try:
                one(client, file, outcome)
            except (GamError, AssertionError) as error:
                kept = folder / f"harm-{number}-{file.name}"
                kept.write_bytes(file.data)
                why = f"round {number}, {campaign}, file {kept}: {type(error).__name__}: {error}"
                raise AssertionError(f"{why}\n{daemon.log_tail()}") from error
            if verbose and (number + 1) % 2000 == 0:
                print(f"{number + 1} rounds: {outcome}", flush=True)
        client.close()
        assert daemon.peak_resident_bytes() < PEAK_BYTES_MAX, "the daemon's memory grew"
        assert daemon.stop() == 0
    return outcome


def one(client, file: NoiseFile, outcome: Outcome) -> None:
    """One damaged file; GamErrors other than a refusal are harm."""
    start = time.monotonic()
    try:
        stat = client.put_bytes("fuzz", file.data, file_name=file.name, options=file.options)
    except BadInputError as error:
        assert str(error), "refused without a text"
        assert "fuzz" not in client, "a refused file left a signal"
        outcome.refused += 1
    else:
        samples = client["fuzz"][...]
        assert samples.nbytes == stat.raw_bytes
        assert client.verify("fuzz").content_hash == stat.content_hash
        assert client.get_file("fuzz")
        client.delete("fuzz")
        outcome.accepted += 1
    assert time.monotonic() - start < SECONDS_MAX, "one small file took too long"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bit-by-bit", action="store_true", help="every bit of the ends of files")
    parser.add_argument("--bits", action="store_true", help="bit noise of 0.01 % to 1 %")
    arguments = parser.parse_args()
    seed = arguments.seed or random.SystemRandom().randrange(1, 1 << 32)
    print("bit by bit" if arguments.bit_by_bit else f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="gamd-fuzz-"))
    try:
        if arguments.bit_by_bit:
            files = bit_by_bit(noise_files(folder / "good"))
            outcome = put_all(folder, files, "bit by bit", True)
        else:
            outcome = run(folder, arguments.rounds, seed, True, arguments.bits)
    except AssertionError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    rounds = outcome.refused + outcome.accepted
    print(f"{rounds} rounds: {outcome.refused} refused, {outcome.accepted} stored")
    return 0


if __name__ == "__main__":
    sys.exit(main())
