"""The table of what gamd must reach, judged by the rows of a comparison and the cells of a store.

What always holds here:
- A line is a pure function of rows; what was not measured gives no line.
- Every limit is written once, here; "missed" is as visible as "met".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinds import BAND, DEEP_PICTURE, DISTANCE, DRAWING, FLOAT_VOLUME, INT_VOLUME, PHOTO, SOUND
from large import FOLDER as LARGE
from measure import Row
from report import Comparison, grouped, is_ours, tool_names

if TYPE_CHECKING:
    from cell import Figures

SIZES = ("S", "M", "L")
AT_MOST, AT_LEAST = "<=", ">="
Limits = Mapping[str, float]


@dataclass(frozen=True)
class Line:
    """One requirement: what was measured, and what each size must reach."""

    what: str
    sense: str
    limits: Limits
    measured: Mapping[str, float | None]
    places: int = 3

    def cell(self, size: str) -> str:
        value, limit = self.measured.get(size), self.limits.get(size)
        if value is None:
            return ""
        text = f"{value:.{self.places}f}"
        if limit is None:
            return text
        is_met = value <= limit if self.sense == AT_MOST else value >= limit
        return f"{text} {'met' if is_met else '**missed**'} ({self.sense} {limit:g})"


def every(limit: float) -> Limits:
    return {size: limit for size in SIZES}


RECALL = {"S": 4, "M": 1.5, "L": 0.7}
PUT = {"S": 8, "M": 4, "L": 2}
AFTER_REFIT = {"S": 0.98, "M": 0.94, "L": 0.91}
JXL, WEBP = "JPEG XL e7", "WebP -z 9"
VOLUME_PEERS = (
    "JPEG XL e7 on slices, library", "pcodec 12", "Blosc2 zstd shuffle", "Blosc2 zstd bitshuffle",
    "Lorenzo + zstd 19",
)


def target_lines(rows: Sequence[Row], clock: str) -> dict[str, list[Line]]:
    """Lines by group of files."""
    found = {}
    for (folder, kind), members in grouped(rows).items():
        judge = Judge(members, clock)
        if folder == LARGE:
            lines = judge.speeds() if kind == PHOTO else judge.sound_speeds()
        else:
            lines = LINES.get(kind, Judge.only_fit)(judge)
        if lines:
            found[f"{folder}: {kind}"] = lines
    return found


class Judge:
    """The rows of one group, asked about our sizes and efforts."""

    def __init__(self, rows: Sequence[Row], clock: str) -> None:
        self.rows, self.clock = rows, clock
        self.efforts = sorted({
            int(row.tool.split()[-1]) for row in rows if is_ours(row.tool) and "effort" in row.tool
        })

    def by_size(self, effort: int, ask: Callable[[str], float | None]) -> dict:
        return {size: ask(f"gam {size} effort {effort}") for size in SIZES}

    def bytes_lines(self, peer: str, prior_only: Limits, refit: Limits) -> list[Line]:
        lines = []
        for effort in self.efforts:
            measured = self.by_size(
                effort, lambda name: Comparison.of(self.rows, name, peer).bytes_ratio
            )
            label = "prior only" if effort == 0 else f"after refit, effort {effort}"
            limits = refit if effort else prior_only
            lines.append(Line(f"bytes / {peer}, {label}", AT_MOST, limits, measured))
        return lines

    def best_volume_peer(self) -> str:
        totals = {
            name: sum(row.bytes for row in self.rows if row.tool == name)
            for name in tool_names(self.rows)
            if name in VOLUME_PEERS
        }
        return min(totals, key=lambda name: totals[name]) if totals else VOLUME_PEERS[0]

    def speed(self, what: str, way: str, clock: str, peer: str, limits: Limits) -> Line:
        effort = self.efforts[-1] if way == "decode" else 0
        measured = self.by_size(
            effort, lambda name: Comparison.of(self.rows, name, peer).times_as_fast(way, clock)
        )
        return Line(what, AT_LEAST, limits, measured, 2)

    def speeds(self) -> list[Line]:
        library = f"{JXL}, library"
        inside = f"in memory, times {library}"
        return [
            self.speed(f"put (effort 0), times {JXL}", "encode", self.clock, JXL, PUT),
            self.speed(f"recall, times {JXL}", "decode", self.clock, JXL, RECALL),
            self.speed(f"put {inside}", "encode", "inside", library, {}),
            self.speed(f"recall {inside}", "decode", "inside", library, {}),
        ]

    def photos(self) -> list[Line]:
        sized = self.bytes_lines(JXL, {"M": 0.99}, AFTER_REFIT)
        return sized + self.speeds() + self.only_fit()

    def drawings(self) -> list[Line]:
        return [*self.bytes_lines(WEBP, {}, every(1.0)), *self.bytes_lines(JXL, {}, {}),
                *self.only_fit()]

    def deep_pictures(self) -> list[Line]:
        return self.bytes_lines(JXL, {}, every(0.97)) + self.only_fit()

    def sound(self) -> list[Line]:
        sized = self.bytes_lines("FLAC -8", {}, every(0.93))
        return sized + self.sound_speeds() + self.only_fit()

    def sound_speeds(self) -> list[Line]:
        """Seconds of sound per second of work."""
        lines = []
        for way, limits in (("encode", {}), ("decode", every(100))):
            measured = self.by_size(0, lambda name: self.realtime(name, way))
            name = "put (effort 0)" if way == "encode" else "recall"
            lines.append(Line(f"{name}, times realtime", AT_LEAST, limits, measured, 0))
        return lines

    def realtime(self, name: str, way: str) -> float | None:
        own = [row for row in self.rows if row.tool == name]
        seconds = [row.median(way, self.clock) for row in own]
        if not seconds or None in seconds:
            return None
        return sum(row.duration for row in own) / sum(seconds)

    def distances(self) -> list[Line]:
        return self.bytes_lines(self.best_volume_peer(), {}, every(0.8)) + self.only_fit()

    def other_volumes(self) -> list[Line]:
        return self.bytes_lines(self.best_volume_peer(), {}, {}) + self.only_fit()

    def bands(self) -> list[Line]:
        return self.bytes_lines(self.best_volume_peer(), {}, every(1.0)) + self.only_fit()

    def floats(self) -> list[Line]:
        return self.bytes_lines("fpzip", {}, every(0.97)) + self.only_fit()

    def only_fit(self) -> list[Line]:
        """What fitting costs, and that energy never rises."""
        lines = []
        for effort in self.efforts:
            if effort == 0:
                continue
            cost = self.by_size(effort, self.seconds_per_megasample)
            what = f"refit, seconds per megasample, effort {effort}"
            lines.append(Line(what, AT_MOST, every(4) if effort == self.default() else {}, cost, 2))
        rises = {size: self.rises(size) for size in SIZES}
        if lines:
            lines.append(Line("rounds in which energy rose", AT_MOST, every(0), rises, 0))
        return lines

    def default(self) -> int:
        """The lowest effort that was measured is the daemon's own."""
        return min(effort for effort in self.efforts if effort)

    def seconds_per_megasample(self, name: str) -> float | None:
        own = [row for row in self.rows if row.tool == name]
        seconds = [row.median("encode", self.clock) for row in own]
        if not seconds or None in seconds:
            return None
        return sum(seconds) / (sum(row.samples for row in own) / 1e6)

    def rises(self, size: str) -> float | None:
        own = [row for row in self.rows if row.tool.startswith(f"gam {size} effort")]
        if not own:
            return None
        return sum(
            later > before
            for row in own
            for before, later in zip(row.energy_rounds, row.energy_rounds[1:])
        )


LINES: dict[str, Callable[[Judge], list[Line]]] = {
    PHOTO: Judge.photos,
    DRAWING: Judge.drawings,
    DEEP_PICTURE: Judge.deep_pictures,
    SOUND: Judge.sound,
    DISTANCE: Judge.distances,
    BAND: Judge.bands,
    INT_VOLUME: Judge.other_volumes,
    FLOAT_VOLUME: Judge.floats,
}


def cell_lines(cells: Mapping[str, Figures]) -> list[Line]:
    def each(ask: Callable[[Figures], float]) -> dict[str, float | None]:
        return {size: ask(figures) for size, figures in cells.items()}

    return [
        Line(
            "region of 256 x 256 over four shards, cold p50 ms", AT_MOST, every(25),
            each(lambda one: statistics.median(one.cold_region_ms)), 2,
        ),
        Line(
            "the same region, warm p50 ms", AT_MOST, every(0.3),
            each(lambda one: statistics.median(one.warm_region_ms)), 2,
        ),
        Line(
            "thumbnail (level 3), % of the stored bytes read", AT_MOST, every(4),
            each(lambda one: 100 * one.thumbnail_asked / one.stored_bytes), 2,
        ),
    ]


def target_table(title: str, lines: Sequence[Line]) -> list[str]:
    text = [f"### {title}", "", "| | S | M | L |", "|---|---|---|---|"]
    text += [
        f"| {line.what} | " + " | ".join(line.cell(size) for size in SIZES) + " |"
        for line in lines
        if any(value is not None and math.isfinite(value) for value in line.measured.values())
    ]
    return [*text, ""]
