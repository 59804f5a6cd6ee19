"""Random crops of many pictures by a torch DataLoader with two workers, store by store.

What always holds here:
- Every loader draws the same crops of the same pictures, and all crops of its first epoch, which is
  not timed, are compared. Timed epochs take turns; workers and daemons go on living between them.
- Processor time is that of the workers, this process and the daemons together.
- Pages of files are warm; what each keeps decoded is told in its name. One thread per worker, one
  of the codec.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from cell_stores import CELL, ZSTD_LEVEL
from gamd.torch import SignalDataset
from gamd_process import Daemon, children
from inputs import Mosaic
from PIL import Image
from torch.utils.data import DataLoader, Dataset

SHAPE = (512, 768)
CROP = (224, 224)
BATCH, WORKERS, ROUNDS = 32, 2, 3
MIB = 1 << 20
CONFIG = "[refit]\nenabled = false\n[threads]\ncodec = 1\n[cache]\nshard_bytes = {cache}\n"
#: Bytes for decoded samples of all workers together: half of the pictures fit, then all.
CACHES = (128 * MIB, 512 * MIB)


class Crops(Dataset):
    """The crops that a SignalDataset of the same seed draws, from files."""

    def __init__(self, folder: Path, pictures: int, crops: int) -> None:
        self.folder, self.pictures, self.crops = folder, pictures, crops

    def __len__(self) -> int:
        return self.pictures * self.crops

    def __getitem__(self, index: int) -> torch.Tensor:
        box = crop_box(index)
        return torch.from_numpy(self.read(index // self.crops, *box))

    def read(self, number: int, rows: slice, columns: slice) -> np.ndarray:
        raise NotImplementedError


def crop_box(index: int) -> tuple[slice, slice]:
    generator = np.random.default_rng([0, 0, index])
    starts = [int(generator.integers(n - side + 1)) for n, side in zip(SHAPE, CROP)]
    return tuple(slice(start, start + side) for start, side in zip(starts, CROP))


class Files(Crops):
    """One file per picture, decoded by Pillow as a whole, as all of its readers do."""

    def __init__(self, folder: Path, pictures: int, crops: int, suffix: str) -> None:
        super().__init__(folder, pictures, crops)
        self.suffix = suffix

    def read(self, number: int, rows: slice, columns: slice) -> np.ndarray:
        with Image.open(self.folder / f"{number}{self.suffix}") as picture:
            box = (columns.start, rows.start, columns.stop, rows.stop)
            return np.array(picture.crop(box))


class Arrays(Crops):
    """One zarr3 array per picture, opened once by every worker."""

    def __init__(self, folder: Path, pictures: int, crops: int, cache_bytes: int) -> None:
        super().__init__(folder, pictures, crops)
        self.cache_bytes = cache_bytes // WORKERS
        self._open: dict[int, object] = {}
        self._context = None

    def read(self, number: int, rows: slice, columns: slice) -> np.ndarray:
        if number not in self._open:
            from reading_stores import tensorstore_array, tensorstore_context

            self._context = self._context or tensorstore_context(self.cache_bytes)
            path = self.folder / str(number)
            self._open[number] = tensorstore_array(path, context=self._context)
        return np.asarray(self._open[number][rows, columns].read().result())


class Batches:
    """The indices of one epoch in batches; in another order for every epoch."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.shuffle(0)

    def shuffle(self, epoch: int) -> None:
        order = np.random.default_rng(epoch).permutation(self.count).tolist()
        self.batches = [order[at : at + BATCH] for at in range(0, self.count, BATCH)]

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


@dataclass
class Loader:
    name: str
    stored_bytes: int
    data: Dataset
    batches: Batches
    rates: list[float] = field(default_factory=list)
    processor_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        collate = SignalDataset.collate if isinstance(self.data, SignalDataset) else None
        self._loader = DataLoader(
            self.data, batch_sampler=self.batches, num_workers=WORKERS, collate_fn=collate,
            persistent_workers=True,
        )

    def check(self, pictures: Sequence[np.ndarray], crops: int) -> None:
        for indices, batch in zip(self.batches, self._loader):
            for index, crop in zip(indices, batch):
                if not np.array_equal(crop.numpy(), pictures[index // crops][crop_box(index)]):
                    raise RuntimeError(f"{self.name}: another crop came for {index}")

    def epoch(self, number: int) -> None:
        self.batches.shuffle(number)
        before, start = processor_seconds(), time.perf_counter()
        count = sum(len(batch) for batch in self._loader)
        self.rates.append(count / (time.perf_counter() - start))
        self.processor_ms.append((processor_seconds() - before) * 1e3 / count)


def processor_seconds() -> float:
    """Of this process and all that it started."""
    ticks = 0
    for pid in [os.getpid(), *children(os.getpid())]:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def make_pictures(photos: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    return [Mosaic(photos, *SHAPE, seed=number).whole() for number in range(count)]


def write_files(folder: Path, pictures: Sequence[np.ndarray]) -> None:
    """PNG as Pillow packs it, WebP lossless."""
    for number, samples in enumerate(pictures):
        for suffix, settings in ((".png", {}), (".webp", {"lossless": True})):
            packed = io.BytesIO()
            Image.fromarray(samples).save(packed, suffix[1:], **settings)
            (folder / f"{number}{suffix}").write_bytes(packed.getvalue())


def write_arrays(folder: Path, pictures: Sequence[np.ndarray]) -> None:
    """In a process of its own: TensorStore's threads do not survive the fork of workers."""
    process = multiprocessing.get_context("spawn").Process(
        target=_write_arrays, args=(folder, pictures)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError("TensorStore could not write; see above")


def _write_arrays(folder: Path, pictures: Sequence[np.ndarray]) -> None:
    from reading_stores import tensorstore_array, tensorstore_context

    context = tensorstore_context(0)
    for number, samples in enumerate(pictures):
        cell = (CELL, CELL)
        array = tensorstore_array(folder / str(number), samples, cell, context=context)
        array.write(samples).result()


def put_all(folder: Path, pictures: Sequence[np.ndarray], size: str) -> int:
    """Stored bytes of all pictures in a daemon's folder."""
    with Daemon(folder, config="[refit]\nenabled = false\n") as daemon, daemon.client() as client:
        return sum(
            client.put(f"p/{number}", samples, channels_last=True, size=size).stored_bytes
            for number, samples in enumerate(pictures)
        )


def bytes_of(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def loaders(
    stack: ExitStack, scratch: Path, pictures: Sequence[np.ndarray], crops: int, size: str
) -> list[Loader]:
    count, found = len(pictures), []
    keys = [f"p/{number}" for number in range(count)]
    files, arrays = scratch / "files", scratch / "arrays"
    for folder in (files, arrays):
        folder.mkdir(exist_ok=True)
    write_files(files, pictures)
    write_arrays(arrays, pictures)
    stored_bytes = put_all(scratch / "crops", pictures, size)
    for cache in CACHES:
        folder = scratch / f"crops-{cache}"
        shutil.copytree(scratch / "crops" / "state", folder / "state", dirs_exist_ok=True)
        daemon = Daemon(folder, config=CONFIG.format(cache=cache))
        stack.enter_context(daemon)
        data = SignalDataset(keys, daemon.socket, crop=CROP, crops_per_signal=crops)
        found.append((f"gamd {size}, {cache // MIB} MiB cache", stored_bytes, data))
    found.append(("PNG, Pillow", bytes_of(files, "*.png"), Files(files, count, crops, ".png")))
    found.append(("WebP, Pillow", bytes_of(files, "*.webp"), Files(files, count, crops, ".webp")))
    for cache in CACHES:
        share = f"{WORKERS} x {cache // WORKERS // MIB} MiB cache"
        name = f"TensorStore zarr3 zstd {ZSTD_LEVEL}, {share}"
        found.append((name, bytes_of(arrays, "*"), Arrays(arrays, count, crops, cache)))
    return [Loader(*each, Batches(count * crops)) for each in found]


def report(
    photos: Sequence[np.ndarray], scratch: Path, size: str, count: int, crops: int
) -> list[str]:
    pictures = make_pictures(photos, count)
    each = max(1, crops // count)
    with ExitStack() as stack:
        every = loaders(stack, scratch, pictures, each, size)
        for loader in every:
            loader.check(pictures, each)
        for number in range(1, ROUNDS + 1):
            for loader in every:
                loader.epoch(number)
        lines = table(every)
        for loader in every:
            del loader._loader
    raw = sum(picture.nbytes for picture in pictures)
    return [
        f"{count} pictures of {SHAPE[1]} x {SHAPE[0]} RGB, {raw:,} bytes; {each * count:,} crops "
        f"of {CROP[0]} x {CROP[1]} per epoch in batches of {BATCH}, {WORKERS} workers, medians of "
        f"{ROUNDS} epochs after one that is not timed; torch {torch.__version__}.",
        "", *lines,
    ]


def table(every: Sequence[Loader]) -> list[str]:
    lines = [
        "| store | stored bytes | crops/s | / PNG, Pillow | processor ms per crop |",
        "|---" * 5 + "|",
    ]
    png = next(one for one in every if one.name.startswith("PNG"))
    for one in every:
        ratios = [own / other for own, other in zip(one.rates, png.rates)]
        lines.append(
            f"| {one.name} | {one.stored_bytes:,} | {statistics.median(one.rates):,.0f} "
            f"| {statistics.median(ratios):.2f} | {statistics.median(one.processor_ms):.2f} |"
        )
    return lines + [""]
