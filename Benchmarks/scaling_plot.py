"""Two plots side by side: seconds against samples, and peak memory against samples.

What always holds here:
- Both axes of the first are logarithmic: linear time is a line that climbs one decade per decade,
  and the grey lines show what 10, 100 and 1,000 ns per sample would be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from scaling_report import Measured  # noqa: E402

GUIDES_NS = (10, 100, 1000)


def write_plot(path: Path, found: Sequence[Measured]) -> None:
    kinds: dict[str, list[Measured]] = defaultdict(list)
    for one in found:
        kinds[one.kind].append(one)
    figure, (times, memory) = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for number, (kind, rows) in enumerate(kinds.items()):
        colour, samples = f"C{number}", [row.samples for row in rows]
        times.plot(samples, [row.put_seconds for row in rows], "o-", color=colour,
                   label=f"{kind}: put")
        times.plot(samples, [row.get_seconds for row in rows], "s--", color=colour,
                   label=f"{kind}: get")
        memory.plot(samples, [row.put_peak_bytes / 2**20 for row in rows], "o-", color=colour,
                    label=f"{kind}: put")
        memory.plot(samples, [row.get_peak_bytes / 2**20 for row in rows], "s--", color=colour,
                    label=f"{kind}: get")
    draw_guides(times, [row.samples for row in found])
    times.set(xscale="log", yscale="log", xlabel="samples", ylabel="seconds")
    memory.set(xscale="log", xlabel="samples", ylabel="peak resident memory, MiB", ylim=(0, None))
    for axes in (times, memory):
        axes.grid(True, alpha=0.25)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=75)
    pyplot.close(figure)


def draw_guides(axes: Axes, samples: Sequence[int]) -> None:
    ends = [min(samples), max(samples)]
    for nanoseconds in GUIDES_NS:
        axes.plot(ends, [count * nanoseconds / 1e9 for count in ends], color="0.8", linewidth=1)
        axes.annotate(f"{nanoseconds} ns", (ends[1], ends[1] * nanoseconds / 1e9), color="0.5",
                      fontsize=7)
