"""Rows of a comparison as CSV and Markdown.

What always holds here:
- A total names the number of files behind it. The last column compares with what our store holds
  for exactly those files, so a tool that takes fewer (WebP and 16 bits) is compared on those.
"""

from __future__ import annotations

import csv
import platform
from collections import defaultdict
from pathlib import Path

from measure import Row

STORE = "gamd store"


def write_csv(path: Path, rows: list[Row]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["file", "tool", "raw_bytes", "bytes", "ratio", "encode_s", "decode_s"]
        )
        for row in sorted(rows, key=lambda row: row.file):
            seconds = [
                "" if value is None else f"{value:.6f}"
                for value in (row.encode_seconds, row.decode_seconds)
            ]
            ratio = f"{row.raw_bytes / row.bytes:.4f}"
            writer.writerow([row.file, row.tool, row.raw_bytes, row.bytes, ratio, *seconds])


def write_markdown(path: Path, rows: list[Row], rounds: int) -> None:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    lines = [
        "# Comparison",
        "",
        f"One core, medians of {rounds} paired rounds, Python {platform.python_version()}, "
        f"{processor()}. Speeds are raw megabytes per second, whole processes.",
        "",
    ]
    for group in sorted(groups):
        lines += table(group, groups[group])
    path.write_text("\n".join(lines) + "\n")


def table(group: str, rows: list[Row]) -> list[str]:
    names = list(dict.fromkeys(row.tool for row in rows))
    stored = {row.file: row.bytes for row in rows if row.tool.startswith(STORE)}
    lines = [
        f"## {group} ({len(stored)} files)",
        "",
        "| tool | files | bytes | ratio | encode s | decode s | encode MB/s | decode MB/s "
        "| our store / it |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        lines.append(total_line(name, [row for row in rows if row.tool == name], stored))
    return lines + [""]


def total_line(name: str, rows: list[Row], stored: dict[str, int]) -> str:
    raw, packed = sum(row.raw_bytes for row in rows), sum(row.bytes for row in rows)
    cells = [name, str(len(rows)), f"{packed:,}", f"{raw / packed:.3f}"]
    seconds, speeds = [], []
    for values in (
        [row.encode_seconds for row in rows],
        [row.decode_seconds for row in rows],
    ):
        known = [value for value in values if value is not None]
        total = sum(known)
        seconds.append(f"{total:.3f}" if known else "")
        speeds.append(f"{raw / 1e6 / total:.1f}" if known else "")
    ours = sum(stored[row.file] for row in rows)
    return "| " + " | ".join(cells + seconds + speeds + [f"{ours / packed:.4f}"]) + " |"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
