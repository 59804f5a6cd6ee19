"""Damaged VDB files: how many are refused, how many stored, and how many make the plugin fall.

What always holds here:
- Good files are of every layout OpenVDB writes; one is damaged at a time, in one of seven ways.
- A fault is an adapter that crashed, hung or broke its contract, or that was short of memory for a
  file of some kilobytes; the file is kept in the folder the campaign names.
- A campaign is its seed: --seed repeats it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from gamd_process import Daemon  # noqa: E402
from vdb_corpus import damaged, write_vdb_files  # noqa: E402

from gamd import AdapterFaultError, BadInputError, BusyError, TooLargeError  # noqa: E402

CONFIG = """
[refit]
enabled = false
[plugins]
faults_max = 1000
fault_window_seconds = 1
points_max = 3000000
seconds_max = 4
"""


@dataclass
class Outcome:
    refused: int = 0
    too_large: int = 0
    stored: int = 0
    faults: Counter = field(default_factory=Counter)
    """Text of the fault -> how often."""
    faults_by_damage: Counter = field(default_factory=Counter)
    texts: Counter = field(default_factory=Counter)
    """What refusals said, numbers left out."""
    slowest_seconds: float = 0
    worker_bytes: int = 0
    """The most any worker had resident when the campaign ended."""

    def table(self) -> str:
        cases = self.refused + self.too_large + self.stored + self.faults.total()
        lines = [
            f"{cases} cases: {self.refused} refused as bad input, {self.too_large} as too large,"
            f" {self.stored} stored, {self.faults.total()} faults",
            f"slowest {self.slowest_seconds:.2f} s, worker {self.worker_bytes >> 20} MiB",
        ]
        lines += [f"  fault x{count}: {text}" for text, count in self.faults.most_common()]
        lines += [f"  {name}: {count} faults" for name, count in self.faults_by_damage.items()]
        return "\n".join(lines)


def numbers_out(text: str) -> str:
    return "".join("0" if letter.isdigit() else letter for letter in text)[-90:]


def one(client, case: tuple[str, bytes, dict], outcome: Outcome) -> bool:
    """False: the plugin fell over this file."""
    name, data, options = case
    start = time.monotonic()
    try:
        client.put_bytes("noisy", data, file_name="a.vdb", options=options)
        outcome.stored += 1
    except TooLargeError:
        outcome.too_large += 1
    except BadInputError as error:
        outcome.refused += 1
        outcome.texts[numbers_out(str(error))] += 1
    except (AdapterFaultError, BusyError) as error:
        outcome.faults[numbers_out(str(error))] += 1
        outcome.faults_by_damage[name] += 1
        return False
    finally:
        outcome.slowest_seconds = max(outcome.slowest_seconds, time.monotonic() - start)
    return True


def worker_bytes(daemon: Daemon) -> int:
    """Memory of the largest process the daemon's threads have started."""
    tasks = Path(f"/proc/{daemon.pid}/task").iterdir()
    workers = {pid for task in tasks for pid in (task / "children").read_text().split()}
    statm = [Path(f"/proc/{pid}/statm").read_text().split() for pid in workers]
    return max((int(fields[1]) * 4096 for fields in statm), default=0)


def run(folder: Path, rounds: int, seed: int, verbose: bool = False) -> Outcome:
    """Good files must still be stored when all is over."""
    rng, outcome = random.Random(seed), Outcome()
    files = {name: path.read_bytes() for name, path in write_vdb_files(folder / "good").items()}
    names = [name for name in files if len(files[name]) < 600_000]
    with Daemon(folder / "daemon", config=CONFIG) as daemon, daemon.client(timeout=60) as client:
        for number in range(rounds):
            name = rng.choice(names)
            options = {"grid": "f"} if "several" in name else {}
            what, data = damaged(rng, files[name])
            if not one(client, (what, data, options), outcome):
                (folder / f"fault-{number}-{name}.vdb").write_bytes(data)
            if verbose and (number + 1) % 500 == 0:
                print(f"{number + 1}: {outcome.table()}", flush=True)
        outcome.worker_bytes = worker_bytes(daemon)
        for name in names:
            if name.endswith("-floats"):
                client.put_bytes("good", files[name], file_name="a.vdb")
        assert daemon.stop() == 0
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--texts", action="store_true", help="prints what refusals said")
    arguments = parser.parse_args()
    seed = arguments.seed or random.SystemRandom().randrange(1, 1 << 32)
    folder = Path(tempfile.mkdtemp(prefix="gamd-vdb-noise-"))
    print(f"seed {seed}, files that do harm go to {folder}")
    outcome = run(folder, arguments.rounds, seed, verbose=True)
    if arguments.texts:
        for text, count in outcome.texts.most_common():
            print(f"  {count:5} {text}")
    print(outcome.table())
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
