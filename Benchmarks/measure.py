"""Times tools on files in paired rounds and checks what they decode.

What always holds here:
- In a round every tool handles a file before the next file begins: drift of the machine hits all.
- No figure without proof: a peer that does not give a file back is left out for that file, with a
  line on stderr; ours stops the run.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinds import Source
from tool import Spent, Tool


@dataclass(frozen=True)
class Row:
    """One tool on one file; times round by round."""

    source: str
    group: tuple[str, str]
    tool: str
    samples: int
    raw_bytes: int
    bytes: int
    encode: tuple[Spent, ...] = ()
    decode: tuple[Spent, ...] = ()
    duration: float = 0.0
    energy_rounds: tuple[float, ...] = ()

    def seconds(self, way: str, clock: str) -> list[float]:
        """Of "encode" or "decode", by the clock "process", "processor" or "inside"; known ones."""
        spent: tuple[Spent, ...] = getattr(self, way)
        return [value for one in spent if (value := getattr(one, clock)) is not None]

    def median(self, way: str, clock: str) -> float | None:
        seconds = self.seconds(way, clock)
        return statistics.median(seconds) if seconds else None

    def times_as_fast(self, other: Row, way: str, clock: str) -> float | None:
        """Seconds of the other over ours: round by round where both have all rounds."""
        own, others = self.seconds(way, clock), other.seconds(way, clock)
        if not own or not others:
            return None
        if len(own) != len(others):
            return statistics.median(others) / statistics.median(own)
        return statistics.median(theirs / mine for mine, theirs in zip(own, others))


def measure(source: Source, tools: Sequence[Tool], rounds: int) -> list[Row]:
    """All tools that take the source."""
    print(source.name, file=sys.stderr, flush=True)
    fitting = [tool for tool in tools if tool.takes(source)]
    with tempfile.TemporaryDirectory(prefix="gamd-bench-") as folder:
        return measure_file(source, fitting, Path(folder), rounds)


def measure_file(source: Source, tools: list[Tool], folder: Path, rounds: int) -> list[Row]:
    """The first round is checked and told like the others."""
    first = {tool: spent for tool in tools if (spent := checked(tool, source, folder))}
    encode = {tool: [spent[0]] for tool, spent in first.items()}
    decode = {tool: [spent[1]] for tool, spent in first.items()}
    for _ in range(rounds - 1):
        for tool in first:
            if not tool.encodes_once:
                encode[tool].append(tool.encode(source, folder))
            decode[tool].append(tool.decode(folder))
    return [
        Row(
            source.name, source.group, tool.name, source.samples.size, source.samples.nbytes,
            tool.packed_bytes(folder), tuple(encode[tool]), tuple(decode[tool]), source.duration,
            tuple(getattr(tool, "energy_rounds", ())),
        )
        for tool in first
    ]


def checked(tool: Tool, source: Source, folder: Path) -> tuple[Spent, Spent] | None:
    """What the first encode and decode took, if the tool gave the file back."""
    try:
        spent = tool.encode(source, folder), tool.decode(folder)
        exact, why = tool.is_exact(source, folder), "other samples came back"
    except Exception as error:  # every library has exceptions of its own
        exact, why = False, str(error).strip()
    if exact:
        return spent
    if tool.is_ours:
        raise RuntimeError(f"{tool.name} on {source.path}: {why}")
    print(f"{tool.name} left out for {source.name}: {why}", file=sys.stderr)
    return None
