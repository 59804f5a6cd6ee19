"""What scaling measured: one row per size, as a table, and how it grows.

What always holds here:
- Growth is told as the slope of logarithms over all sizes of a kind: 1 is linear time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIB = 1 << 20


@dataclass(frozen=True)
class Measured:
    kind: str
    size: str
    samples: int
    raw_bytes: int
    stored_bytes: int
    put_seconds: float
    get_seconds: float
    put_peak_bytes: int
    get_peak_bytes: int


def table(found: Sequence[Measured]) -> list[str]:
    lines = [
        "| signal | size | samples | stored / raw | put s | ns per sample | get s | ns per sample "
        "| peak MiB put | get |",
        "|---" * 10 + "|",
    ]
    for one in found:
        lines.append(
            f"| {one.kind} | {one.size} | {one.samples:,} "
            f"| {one.stored_bytes / one.raw_bytes:.3f} "
            f"| {one.put_seconds:.2f} | {one.put_seconds / one.samples * 1e9:.1f} "
            f"| {one.get_seconds:.2f} | {one.get_seconds / one.samples * 1e9:.1f} "
            f"| {one.put_peak_bytes / MIB:.0f} | {one.get_peak_bytes / MIB:.0f} |"
        )
    return [*lines, ""]


def growth(found: Sequence[Measured]) -> list[str]:
    """How seconds grow with samples (1: in proportion) and memory from smallest to largest."""
    lines = []
    for kind in dict.fromkeys(one.kind for one in found):
        rows = [one for one in found if one.kind == kind]
        if len({one.samples for one in rows}) < 2:
            continue
        put, get = (
            exponent([one.samples for one in rows], [getattr(one, name) for one in rows])
            for name in ("put_seconds", "get_seconds")
        )
        small, large = rows[0], rows[-1]
        lines.append(
            f"- {kind}: put seconds grow as samples^{put:.2f}, get as samples^{get:.2f}; from "
            f"{small.size} to {large.size} ({large.samples / small.samples:,.0f} times) peak "
            f"memory of put grows {large.put_peak_bytes / small.put_peak_bytes:.1f} times, of get "
            f"{large.get_peak_bytes / small.get_peak_bytes:.1f} times."
        )
    return [*lines, ""]


def exponent(samples: Sequence[int], seconds: Sequence[float]) -> float:
    """The slope of the line through the logarithms."""
    return float(np.polyfit(np.log(samples), np.log(seconds), 1)[0])
