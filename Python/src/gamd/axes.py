"""Names of axes for libraries that want some.

What always holds here:
- Space axes are z, y, x from the slowest, a fourth before them is w; time axes are time, or time0,
  time1 ... where there are several; channels are channel.
"""

from __future__ import annotations

from .views import ViewPlan


def axis_names(plan: ViewPlan) -> list[str]:
    """One name for each axis of `shape`."""
    spaces = iter("wzyx"[-plan.axis_kinds.count("space") :])
    times = [f"time{n}" for n in range(plan.axis_kinds.count("time"))]
    numbered = iter(times if len(times) > 1 else ["time"])
    names = [next(spaces if kind == "space" else numbered) for kind in plan.axis_kinds]
    return names + ["channel"] * (plan.ndim - len(names))
