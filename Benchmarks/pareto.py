"""Who beats whom in bytes, encode speed and decode speed at once.

What always holds here:
- A peer beats one of ours only if it is no worse in all three on the files both take: programs are
  held against programs, libraries against the codec in memory.
- The claim is that no peer beats every size and effort of ours that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from measure import Row
from report import WAYS, Comparison, is_ours, tool_names


def beats(rows: Sequence[Row], peer: str, ours: str, clock: str) -> bool:
    beside = Comparison.of(rows, peer, ours)
    if beside.bytes_ratio is None or beside.bytes_ratio > 1:
        return False
    for timer in (clock, "inside"):
        speeds = [beside.times_as_fast(way, timer) for way in WAYS]
        if None not in speeds:
            return all(speed >= 1 for speed in speeds)
    return False


def pareto_lines(rows: Sequence[Row], clock: str) -> list[str]:
    """One sentence on the claim, and which of ours is beaten by whom."""
    timed = [row for row in rows if row.encode]
    ours = [name for name in tool_names(timed) if is_ours(name)]
    peers = [name for name in tool_names(timed) if not is_ours(name)]
    beaten = {name: [peer for peer in peers if beats(timed, peer, name, clock)] for name in ours}
    everywhere = [peer for peer in peers if all(peer in found for found in beaten.values())]
    if not ours or not peers:
        return []
    if everywhere:
        verdict = f"**missed**: {', '.join(everywhere)} beat every one of ours"
    else:
        verdict = "met: none beats every one of ours"
    lines = [f"No codec is better in bytes, encode and decode speed than all of ours: {verdict}."]
    some = [f"{name} by {', '.join(found)}" for name, found in beaten.items() if found]
    if some:
        lines += ["", f"Beaten in all three: {'; '.join(some)}."]
    return [*lines, ""]
