"""The cost of one cell: regions, a thumbnail and single samples of one picture, store by store.

What always holds here:
- Cold: the store was opened anew, no other read touched these cells since, and the kernel was told
  to forget all pages of its files. Warm: the same region asked for again at once.
- Every array that comes back is compared with the picture.
- Each store is read by a process of its own, so that the bytes it reads are counted apart; all are
  pinned to one core, the daemon with its client.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests" / "support"))

import numpy as np  # noqa: E402
from cell_stores import CELL, STEP, Gamd, Store, TensorStore, TileDB, TileFile  # noqa: E402
from inputs import Mosaic, write_ppm  # noqa: E402
from kinds import PHOTO, few_of_each_kind, input_files  # noqa: E402
from large import picture_shape  # noqa: E402
from report import circumstances  # noqa: E402

THUMBNAILS = 5
WARM_READS = 3


@dataclass(frozen=True)
class Figures:
    """Milliseconds and bytes of one store."""

    store: str
    stored_bytes: int
    write_seconds: float
    cold_region_ms: list[float]
    cold_region_asked: list[int]
    cold_region_fetched: list[int]
    warm_region_ms: list[float]
    cold_thumbnail_ms: list[float]
    warm_thumbnail_ms: list[float]
    thumbnail_asked: int
    thumbnail_fetched: int
    single_ms: list[float]
    singles_asked: int
    singles_fetched: int


@dataclass(frozen=True)
class Plan:
    """What every store is asked for."""

    regions: list[tuple[int, int]]
    points: list[tuple[int, int]]

    @classmethod
    def of(cls, height: int, width: int, regions: int, points: int) -> Plan:
        """Regions that lie across four cells each, no cell touched twice; points anywhere."""
        rng = np.random.default_rng(11)
        blocks = [
            (top, left)
            for top in range(0, height - 2 * CELL + 1, 2 * CELL)
            for left in range(0, width - 2 * CELL + 1, 2 * CELL)
        ]
        if not blocks:
            raise ValueError(f"a picture of {height} x {width} holds no region over four cells")
        chosen = rng.permutation(len(blocks))[:regions]
        offsets = rng.integers(1, CELL, (len(chosen), 2))
        starts = [
            (blocks[block][0] + int(down), blocks[block][1] + int(right))
            for block, (down, right) in zip(chosen, offsets)
        ]
        places = rng.integers((0, 0), (height, width), (points, 2))
        return cls(starts, [(int(y), int(x)) for y, x in places])


def forget_pages(folder: Path) -> None:
    """Writes all files of the folder out and has the kernel drop their pages."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def timed(read: Callable[[], np.ndarray], expected: np.ndarray) -> float:
    start = time.perf_counter()
    found = read()
    milliseconds = (time.perf_counter() - start) * 1e3
    if not np.array_equal(found.reshape(expected.shape), expected):
        raise RuntimeError("other samples came back")
    return milliseconds


def measure(store: Store, path: Path, plan: Plan, picture: np.ndarray) -> Figures:
    start = time.perf_counter()
    stored = store.write(picture, path)
    written = time.perf_counter() - start
    cold, asked, fetched, warm = regions(store, plan, picture)
    thumbnails = [thumbnail(store, picture) for _ in range(THUMBNAILS)]
    single, single_bytes = singles(store, plan, picture)
    return Figures(
        store.name, stored, written, cold, asked, fetched, warm,
        [first for first, _, _ in thumbnails], [again for _, again, _ in thumbnails],
        max(read.asked for _, _, read in thumbnails),
        max(read.fetched for _, _, read in thumbnails),
        single, single_bytes.asked, single_bytes.fetched,
    )


def regions(
    store: Store, plan: Plan, picture: np.ndarray
) -> tuple[list[float], list[int], list[int], list[float]]:
    cold, asked, fetched, warm = [], [], [], []
    store.open()
    for top, left in plan.regions:
        box = (slice(top, top + CELL), slice(left, left + CELL))
        forget_pages(store.folder)
        before = store.bytes_read()
        cold.append(timed(lambda: store.region(*box), picture[box]))
        read = store.bytes_read() - before
        asked.append(read.asked)
        fetched.append(read.fetched)
        warm += [timed(lambda: store.region(*box), picture[box]) for _ in range(WARM_READS)]
    store.close()
    return cold, asked, fetched, warm


def thumbnail(store: Store, picture: np.ndarray) -> tuple[float, float, object]:
    store.open()
    forget_pages(store.folder)
    before = store.bytes_read()
    cold = timed(store.level, picture[::STEP, ::STEP])
    read = store.bytes_read() - before
    warm = timed(store.level, picture[::STEP, ::STEP])
    store.close()
    return cold, warm, read


def singles(store: Store, plan: Plan, picture: np.ndarray) -> tuple[list[float], object]:
    store.open()
    forget_pages(store.folder)
    before = store.bytes_read()
    spent = []
    for y, x in plan.points:
        box = (slice(y, y + 1), slice(x, x + 1))
        spent.append(timed(lambda: store.region(*box), picture[box]))
    read = store.bytes_read() - before
    store.close()
    return spent, read


def in_child(make: Callable[..., Store], arguments: tuple, path: Path, plan: Plan) -> Figures:
    """Measures in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(sending, make, arguments, path, plan))
    child.start()
    sending.close()
    try:
        return receiving.recv()
    except EOFError as error:
        raise RuntimeError(f"{make.__name__} {arguments[1:]} failed; see above") from error
    finally:
        child.join()


def _child(
    sending: object, make: Callable[..., Store], arguments: tuple, path: Path, plan: Plan
) -> None:
    sending.send(measure(make(*arguments), path, plan, ppm_picture(path)))


def ppm_picture(path: Path) -> np.ndarray:
    with open(path, "rb") as file:
        file.readline()
        width, height = map(int, file.readline().split())
        file.readline()
        at = file.tell()
    return np.memmap(path, np.uint8, "r", at, (height, width, 3))


def photo_mosaic(folder: Path, megapixels: float) -> Mosaic:
    pictures = [path for path in input_files(folder) if path.suffix == ".png"]
    sources = few_of_each_kind(pictures, folder)
    photos = [source.samples for source in sources if source.kind == PHOTO]
    if not photos:
        raise FileNotFoundError(f"no 8-bit colour photo (.png) in {folder}")
    return Mosaic(photos, *picture_shape(megapixels))


def measure_all(
    mosaic: Mosaic, sizes: Sequence[str], effort: int, plan_size: tuple[int, int], peers: bool
) -> list[Figures]:
    with tempfile.TemporaryDirectory(prefix="gamd-cell-") as scratch:
        path = Path(scratch) / "picture.ppm"
        write_ppm(path, mosaic)
        plan = Plan.of(mosaic.height, mosaic.width, *plan_size)
        stores: list[tuple[Callable[..., Store], tuple]] = [(Gamd, (s, effort)) for s in sizes]
        if peers:
            stores += [
                (TensorStore, ()), (TileDB, ()), (TileFile, ("jpegxl",)), (TileFile, ("webp",)),
            ]
        figures = []
        for number, (make, more) in enumerate(stores):
            print(f"{make.__name__} {' '.join(map(str, more))}", file=sys.stderr, flush=True)
            arguments = (Path(scratch) / f"store{number}", *more)
            figures.append(in_child(make, arguments, path, plan))
        return figures


def percentiles(milliseconds: list[float]) -> str:
    middle, high = np.percentile(milliseconds, (50, 99))
    return f"{middle:.2f} / {high:.2f}"


def tables(figures: Sequence[Figures], mosaic: Mosaic) -> list[str]:
    raw = mosaic.height * mosaic.width * 3
    lines = [
        f"Picture {mosaic.width} x {mosaic.height} RGB, {raw:,} bytes. Milliseconds p50 / p99; "
        "bytes: asked for by system calls, and fetched from the disk (with its read-ahead).",
        "",
        "| store | stored bytes | of raw | put s | region cold ms | bytes per cold region "
        "| region warm ms | 1 sample ms | bytes for all samples |",
        "|---" * 9 + "|",
    ]
    for one in figures:
        per_region = (np.median(one.cold_region_asked), np.median(one.cold_region_fetched))
        lines.append(
            f"| {one.store} | {one.stored_bytes:,} | {one.stored_bytes / raw:.3f} "
            f"| {one.write_seconds:.1f} | {percentiles(one.cold_region_ms)} "
            f"| {per_region[0]:,.0f}, {per_region[1]:,.0f} | {percentiles(one.warm_region_ms)} "
            f"| {percentiles(one.single_ms)} | {one.singles_asked:,}, {one.singles_fetched:,} |"
        )
    lines += [
        "",
        "| store | thumbnail cold ms | warm ms | bytes asked, fetched | asked / stored |",
        "|---" * 5 + "|",
    ]
    for one in figures:
        share = one.thumbnail_asked / one.stored_bytes
        lines.append(
            f"| {one.store} | {percentiles(one.cold_thumbnail_ms)} "
            f"| {percentiles(one.warm_thumbnail_ms)} "
            f"| {one.thumbnail_asked:,}, {one.thumbnail_fetched:,} | {100 * share:.2f} % |"
        )
    return lines + [""]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="its 8-bit colour photos make the picture")
    parser.add_argument("--out", type=Path, default=Path(".build/bench"))
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--sizes", default="S,M,L", help="network sizes")
    parser.add_argument("--effort", type=int, default=0)
    parser.add_argument("--regions", type=int, default=40)
    parser.add_argument("--points", type=int, default=1000)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    mosaic = photo_mosaic(arguments.folder, arguments.megapixels)
    figures = measure_all(
        mosaic, arguments.sizes.split(","), arguments.effort,
        (arguments.regions, arguments.points), peers=True,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "cell.json").write_text(json.dumps([asdict(one) for one in figures]))
    text = "\n".join(["# One cell", "", *circumstances(), *tables(figures, mosaic)])
    (arguments.out / "cell.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
