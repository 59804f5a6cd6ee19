"""Rows of a comparison as CSV and Markdown.

What always holds here:
- A tool that takes fewer files (WebP and 16 bits) is compared with the reference on those it takes.
- Ratios of bytes are of sums; ratios of time are medians over files of medians over paired rounds;
  whole processes are compared with whole processes, libraries with libraries.
"""

from __future__ import annotations

import csv
import os
import platform
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinds import FLOAT_VOLUME, PICTURES, SOUND
from measure import Row

WAYS = ("encode", "decode")
CLOCKS = ("process", "processor", "inside")


@dataclass(frozen=True)
class Reference:
    """The tools a kind is compared with: a program and a library, where there are such."""

    bytes: str
    process: str | None
    inside: str | None


def reference(kind: str) -> Reference:
    if kind in PICTURES:
        return Reference("JPEG XL e7", "JPEG XL e7", "JPEG XL e7, library")
    if kind == SOUND:
        return Reference("FLAC -8", "FLAC -8", None)
    name = "fpzip" if kind == FLOAT_VOLUME else "Blosc2 zstd shuffle"
    return Reference(name, None, name)


@dataclass(frozen=True)
class Comparison:
    """The rows of one tool beside those of another, file by file, on the files both take."""

    own: list[Row]
    others: list[Row]

    @classmethod
    def of(cls, rows: Iterable[Row], name: str | None, other: str | None) -> Comparison:
        by_tool: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in rows:
            by_tool[row.tool][row.source] = row
        own, others = by_tool.get(name or "", {}), by_tool.get(other or "", {})
        both = [source for source in own if source in others]
        return cls([own[source] for source in both], [others[source] for source in both])

    @property
    def bytes_ratio(self) -> float | None:
        total = sum(row.bytes for row in self.others)
        return sum(row.bytes for row in self.own) / total if total else None

    def times_as_fast(self, way: str, clock: str) -> float | None:
        ratios = [
            ratio
            for own, other in zip(self.own, self.others)
            if (ratio := own.times_as_fast(other, way, clock)) is not None
        ]
        return statistics.median(ratios) if ratios else None


def grouped(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    return dict(sorted(groups.items()))


def tool_names(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.tool for row in rows))


def megabytes_per_second(rows: Sequence[Row], way: str, clock: str) -> float | None:
    known = [(row.raw_bytes, s) for row in rows if (s := row.median(way, clock)) is not None]
    seconds = sum(s for _, s in known)
    return sum(raw for raw, _ in known) / 1e6 / seconds if seconds else None


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        times = [f"{way}_{clock}_s" for way in WAYS for clock in CLOCKS]
        writer.writerow(["file", "kind", "tool", "samples", "raw_bytes", "bytes", *times])
        for row in rows:
            seconds = [row.median(way, clock) for way in WAYS for clock in CLOCKS]
            cells = ["" if value is None else f"{value:.6f}" for value in seconds]
            writer.writerow(
                [row.source, row.group[1], row.tool, row.samples, row.raw_bytes, row.bytes, *cells]
            )


def group_tables(rows: Sequence[Row], clock: str) -> list[str]:
    lines = []
    for (folder, kind), members in grouped(rows).items():
        lines += table(folder, kind, members, clock)
    return lines


def table(folder: str, kind: str, rows: list[Row], clock: str) -> list[str]:
    files, base = len({row.source for row in rows}), reference(kind)
    lines = [
        f"## {folder}: {kind} ({files} files)",
        "",
        f"`x` columns: how many times as fast as {base.process or '-'} (program), "
        f"{base.inside or '-'} (library).",
        "",
        f"| tool | files | bytes | bits per sample | bytes / {base.bytes} "
        "| program: encode MB/s | x | decode MB/s | x "
        "| in memory: encode MB/s | x | decode MB/s | x |",
        "|---" * 13 + "|",
    ]
    return lines + [line(name, rows, base, clock) for name in tool_names(rows)] + [""]


def line(name: str, rows: list[Row], base: Reference, clock: str) -> str:
    own = [row for row in rows if row.tool == name]
    packed, samples = sum(row.bytes for row in own), sum(row.samples for row in own)
    ratio = Comparison.of(rows, name, base.bytes).bytes_ratio
    cells = [name, str(len(own)), f"{packed:,}", f"{8 * packed / samples:.3f}", decimals(ratio, 3)]
    for timer, other in ((clock, base.process), ("inside", base.inside)):
        beside = Comparison.of(rows, name, other)
        for way in WAYS:
            cells.append(decimals(megabytes_per_second(own, way, timer), 1))
            cells.append(decimals(beside.times_as_fast(way, timer), 2))
    return "| " + " | ".join(cells) + " |"


def file_table(rows: Sequence[Row], ours: str) -> list[str]:
    """Each file: ours beside the reference and the smallest peer."""
    lines = [
        f"## Every file, {ours}",
        "",
        "| file | kind | bytes | / reference | smallest peer | / it |",
        "|---|---|---|---|---|---|",
    ]
    by_file: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_file[row.source].append(row)
    for source, members in by_file.items():
        own = next((row for row in members if row.tool == ours), None)
        peers = [row for row in members if not is_ours(row.tool)]
        if own is None or not peers:
            continue
        base = [row for row in peers if row.tool == reference(own.group[1]).bytes]
        best = min(peers, key=lambda row: row.bytes)
        ratio = decimals(own.bytes / base[0].bytes if base else None, 3)
        lines.append(
            f"| {source} | {own.group[1]} | {own.bytes:,} | {ratio} | {best.tool} "
            f"| {own.bytes / best.bytes:.3f} |"
        )
    return lines + [""]


def is_ours(tool: str) -> bool:
    return tool.startswith("gam")


def decimals(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"


def circumstances() -> list[str]:
    """On what, with what and how busy: the lines every report opens with."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"{processor()}, {os.cpu_count()} processors, Python {platform.python_version()}; "
        f"load average {load} at the end (1 is this run alone).",
        "",
        "Programs: " + "; ".join(program_versions()) + ".",
        "",
    ]


def processor() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return platform.machine()


def program_versions() -> list[str]:
    lines = []
    for name, option in (
        ("cjxl", "--version"), ("cwebp", "-version"), ("flac", "--version"),
        ("wavpack", "--version"),
    ):
        done = subprocess.run([name, option], capture_output=True, text=True)
        first = (done.stdout + done.stderr).splitlines()[0].split("[")[0].strip()
        lines.append(first if first.startswith(name) else f"{name} {first}")
    return lines
