"""A million random points of a distance field: points a second, and how far from the true distance.

What always holds here:
- The fields are distances to solids of closed form (shapes.py), rounded to float32 at the grid
  points; errors are against the closed form at the points themselves, in grid steps.
- gamd's times are those of a client on its socket, one request of all points; OpenVDB samples in
  its own process, from memory (openvdb_points.cpp). One core, rounds in turns.
- Cold: the daemon was started anew, or the grid opened anew, after the kernel had forgotten the
  files' pages.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import openvdb_points
from cell import forget_pages
from gamd_process import Daemon
from shapes import Box, Solid, Torus, distances

CONFIG = "[refit]\nenabled = false\n[threads]\ncodec = 1\n"
METHODS = ("linear", "cubic")
#: Grid steps from the surface that count as near it.
NEAR = 3
COLD_ROUNDS, WARM_ROUNDS = 3, 5


@dataclass
class Sampled:
    """One way of sampling: seconds, and what came of it."""

    name: str
    stored_bytes: int = 0
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    with_gradient: list[float] = field(default_factory=list)
    values: np.ndarray | None = None
    gradients: np.ndarray | None = None


def measure(
    solid: Solid, edge: int, points: np.ndarray, scratch: Path, size: str, rounds: tuple[int, int]
) -> tuple[list[Sampled], str]:
    """gamd by each method and OpenVDB on one field, and OpenVDB's version."""
    samples = distances(solid, edge)
    grids = scratch / "openvdb"
    grids.mkdir(exist_ok=True)
    ours = [Sampled(f"gamd {size}, {method}") for method in METHODS]
    theirs = Sampled("OpenVDB, trilinear", openvdb_points.write_grid(grids, samples))
    daemon = Daemon(scratch / f"points-{type(solid).__name__}", config=CONFIG)
    with daemon, daemon.client(timeout=None) as client:
        stored = client.put("field", samples, kind="sdf", size=size).stored_bytes
    for number in range(max(rounds)):
        for method, one in zip(METHODS, ours):
            one.stored_bytes = stored
            if number < rounds[0]:
                cold(daemon, one, method, points)
        warm_round(daemon, ours, points, gradients=number < rounds[0])
        if number < rounds[0]:
            forget_pages(grids)
            seconds, theirs.values, theirs.gradients = openvdb_points.sample(grids, points, 2)
            theirs.cold.append(seconds["open"] + seconds["first"])
            theirs.warm += seconds["warm"]
            theirs.with_gradient += [
                one + two for one, two in zip(seconds["warm"], seconds["gradient"])
            ]
    return [*ours, theirs], seconds["version"]


def cold(daemon: Daemon, one: Sampled, method: str, points: np.ndarray) -> None:
    with daemon, daemon.client(timeout=None) as client:
        signal = client["field"]
        forget_pages(daemon.state)
        start = time.perf_counter()
        signal.query(points, method=method)
        one.cold.append(time.perf_counter() - start)


def warm_round(
    daemon: Daemon, ours: Sequence[Sampled], points: np.ndarray, gradients: bool
) -> None:
    with daemon, daemon.client(timeout=None) as client:
        signal = client["field"]
        signal.query(points[:: max(1, len(points) // 100_000)])
        for method, one in zip(METHODS, ours):
            start = time.perf_counter()
            one.values = signal.query(points, method=method).values
            one.warm.append(time.perf_counter() - start)
            if gradients:
                start = time.perf_counter()
                one.gradients = signal.query(points, method=method, gradient=True).gradients
                one.with_gradient.append(time.perf_counter() - start)


def speed_table(sampled: Sequence[Sampled], count: int) -> list[str]:
    def rate(seconds: Sequence[float]) -> str:
        return f"{count / statistics.median(seconds) / 1e6:.3f}"

    lines = [
        "| sampling | stored bytes | cold s | cold points/s, M | warm | warm with gradient "
        "| warm / OpenVDB |",
        "|---" * 7 + "|",
    ]
    beside = statistics.median(sampled[-1].warm)
    for one in sampled:
        lines.append(
            f"| {one.name} | {one.stored_bytes:,} | {statistics.median(one.cold):.3f} "
            f"| {rate(one.cold)} | {rate(one.warm)} | {rate(one.with_gradient)} "
            f"| {beside / statistics.median(one.warm):.3f} |"
        )
    return lines + [""]


def error_table(sampled: Sequence[Sampled], solid: Solid, points: np.ndarray) -> list[str]:
    """Of distances everywhere and near the surface, of gradients near the surface."""
    lines = [
        f"| sampling | distance, all: mean | p99 | max | within {NEAR} steps: mean | p99 | max "
        "| gradient there, degrees: mean | p99 | length off by, mean |",
        "|---" * 10 + "|",
    ]
    true = solid.distance(points)
    near = np.abs(true) < NEAR
    slopes = solid.gradient(points[near])
    for one in sampled:
        off = np.abs(one.values - true)
        lengths = np.linalg.norm(one.gradients[near], axis=1)
        cosines = (one.gradients[near] * slopes).sum(axis=1) / np.maximum(lengths, 1e-12)
        degrees = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        lines.append(
            f"| {one.name} | {figures(off)} | {figures(off[near])} | {degrees.mean():.4f} "
            f"| {np.percentile(degrees, 99):.4f} | {np.abs(lengths - 1).mean():.6f} |"
        )
    return lines + [""]


def figures(values: np.ndarray) -> str:
    return f"{values.mean():.6f} | {np.percentile(values, 99):.6f} | {values.max():.4f}"


def report(scratch: Path, size: str, edge: int, count: int, quick: bool) -> list[str]:
    rounds = (1, 1) if quick else (COLD_ROUNDS, WARM_ROUNDS)
    points = np.random.default_rng(5).uniform(2, edge - 3, (count, 3))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    lines, version = [], ""
    try:
        for solid in (Torus(edge), Box(edge)):
            sampled, version = measure(solid, edge, points, scratch, size, rounds)
            lines += [f"### {solid.name}, {edge} x {edge} x {edge} float32", ""]
            lines += speed_table(sampled, count) + error_table(sampled, solid, points)
    finally:
        os.sched_setaffinity(0, before)
    first = f"{count:,} points, none nearer than two steps to the edge; OpenVDB {version}. " + (
        "Its gradients are central differences at the grid points (tools::gradient), sampled "
        "trilinearly; making that grid is not in its times. Errors are in grid steps."
    )
    return [first, "", *lines]
