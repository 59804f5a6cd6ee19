"""Pareto plots: bits per sample against speed, one picture per kind, encode beside decode.

What always holds here:
- Filled marks are whole programs, hollow ones libraries and codecs in memory; ours are joined from
  S to L, one line for every effort. What lies right of and below a mark beats it.
- Only tools that take every file of the kind are drawn, so that all marks speak of the same files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from large import FOLDER as LARGE  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402
from measure import Row  # noqa: E402
from report import WAYS, is_ours, megabytes_per_second, tool_names  # noqa: E402

OURS = ("tab:red", "tab:orange", "tab:purple", "tab:brown", "tab:pink")
PEER = "tab:blue"


def write_plots(folder: Path, rows: Sequence[Row], clock: str) -> list[Path]:
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.group[0] != LARGE:
            kinds[row.group[1]].append(row)
    paths = []
    for kind, members in kinds.items():
        path = folder / f"pareto-{kind.replace(',', '').replace(' ', '-')}.png"
        figure, both = pyplot.subplots(1, 2, figsize=(15, 6), layout="constrained")
        for way, axes in zip(WAYS, both):
            plot(axes, members, way, clock)
        figure.suptitle(f"{kind}, {len({row.source for row in members})} files, one thread")
        figure.savefig(path, dpi=75)
        pyplot.close(figure)
        paths.append(path)
    return paths


def plot(axes: Axes, rows: list[Row], way: str, clock: str) -> None:
    files = {row.source for row in rows}
    efforts: dict[str, list[tuple[str, float, list[Row]]]] = defaultdict(list)
    for name in tool_names(rows):
        own = [row for row in rows if row.tool == name]
        if {row.source for row in own} != files:
            continue
        bits = 8 * sum(row.bytes for row in own) / sum(row.samples for row in own)
        if is_ours(name):
            efforts[name.split(" ", 2)[2]].append((name.split()[1], bits, own))
        else:
            draw(axes, name.replace(", library", ""), PEER, way, clock, bits, own)
    for colour, (effort, sizes) in zip(OURS, efforts.items()):
        draw_ours(axes, effort, sizes, colour, way, clock)
    decorate(axes, way)


def draw(
    axes: Axes, label: str, colour: str, way: str, clock: str, bits: float, rows: list[Row]
) -> None:
    """The marks of one tool: as a program, and in memory."""
    for timer in (clock, "inside"):
        speed = megabytes_per_second(rows, way, timer)
        if speed is not None:
            inner = "none" if timer == "inside" else colour
            axes.scatter(speed, bits, s=36, edgecolors=colour, facecolors=inner, zorder=3)
            axes.annotate(
                label, (speed, bits), xytext=(5, 4), textcoords="offset points", fontsize=7,
                color=colour,
            )


def draw_ours(
    axes: Axes, effort: str, sizes: list[tuple[str, float, list[Row]]], colour: str, way: str,
    clock: str,
) -> None:
    for size, bits, rows in sizes:
        draw(axes, size, colour, way, clock, bits, rows)
    for timer, style in ((clock, "-"), ("inside", ":")):
        points = [
            (speed, bits)
            for _, bits, rows in sizes
            if (speed := megabytes_per_second(rows, way, timer)) is not None
        ]
        if points:
            name = f"gamd {effort}, {'in memory' if timer == 'inside' else 'program'}"
            axes.plot(*zip(*points), style, color=colour, linewidth=1, label=name)


def decorate(axes: Axes, way: str) -> None:
    axes.set(xscale="log", ylabel="bits per sample (less is better)")
    axes.set_xlabel(f"{way}, MB of samples per second (more is better)")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.12)
    axes.grid(True, alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
