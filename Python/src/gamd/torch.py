"""Signals as a map-style data set of torch: one request per batch, samples in shared memory.

What always holds here:
- The daemon writes the samples of a batch straight into the memory of its tensor.
- That memory is read into again only when no tensor over it is left: a batch never changes in the
  hands of whoever holds it. When all places are taken, a batch gets memory of its own.
- A data set can be forked and pickled: every process has a connection and memory of its own, made
  when it first reads.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Union

import numpy as np
import torch
from torch.utils.data import Dataset

from .errors import UsageError
from .pool import Pool
from .process import ProcessClient
from .requests import ReadItem
from .results import Array
from .views import ViewPlan

Crop = Callable[[int, ViewPlan], Any]
GROWTHS_MAX = 3  # a connection takes at most 4 pools


class SignalDataset(Dataset[Any]):
    """Crops of stored signals, or whole ones.

    `crop` is None (whole signals), extents of random crops (one per axis; smaller signals are not
    padded), or a function of the index and the signal's view that gives an index expression of
    slices. `crops_per_signal` counts the indices of every signal. Crops depend on the seed, the
    epoch (set_epoch) and the index alone. `transform` is called with every sample's tensor.
    """

    def __init__(
        self,
        keys: Iterable[str],
        socket: str | os.PathLike[str] | None = None,
        *,
        crop: Union[Sequence[int], Crop, None] = None,
        crops_per_signal: int = 1,
        seed: int = 0,
        level: int = 0,
        filter: str = "nearest",
        bits: int = 0,
        transform: Callable[[torch.Tensor], Any] | None = None,
        batches_kept: int = 3,
        priority: str = "normal",
    ) -> None:
        self.keys = list(keys)
        self.seed = seed
        self.epoch = 0
        self._place = ProcessClient(socket, priority=priority)
        self._crop = crop if crop is None or callable(crop) else tuple(crop)
        self._crops_per_signal = crops_per_signal
        self._view = (level, filter, bits)
        self._transform = transform
        self._batches_kept = batches_kept
        self._views: dict[str, ViewPlan] = {}
        self._memory = BatchMemory(batches_kept)

    def __len__(self) -> int:
        return len(self.keys) * self._crops_per_signal

    def set_epoch(self, epoch: int) -> None:
        """Other crops from now on; before the workers of a DataLoader start."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """A tensor [batch][...] where all samples are of one shape; else, or with a transform, a
        list of tensors."""
        planned = [self._plan(index) for index in indices]
        shapes = {(item.shape, item.dtype) for item in planned}
        if len(shapes) == 1:
            batch = torch.from_numpy(self._read_alike(planned))
            if self._transform is None:
                return batch
            samples = list(batch)
        else:
            client = self._place.get()
            arrays = client.read_many([item.read for item in planned])
            _check(planned, arrays)
            samples = [torch.from_numpy(array) for array in arrays]
        return [self._transform(each) for each in samples] if self._transform else samples

    @staticmethod
    def collate(batch: Any) -> Any:
        """For DataLoader(collate_fn=...): a batch that is a tensor already stays as it is."""
        return batch if isinstance(batch, torch.Tensor) else torch.utils.data.default_collate(batch)

    def _plan(self, index: int) -> Planned:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} of a data set of {len(self)}")
        index %= len(self)
        key = self.keys[index // self._crops_per_signal]
        if key not in self._views:
            self._views[key] = ViewPlan(self._place.get().stat(key), *self._view)
        view = self._views[key]
        if callable(self._crop):
            return Planned(view, self._crop(index, view))
        return Planned(view, self._random_crop(index, view))

    def _random_crop(self, index: int, view: ViewPlan) -> tuple[slice, ...]:
        extents = view.shape[: len(view.stat.description.axes)]
        crop = extents if self._crop is None else self._crop
        assert not callable(crop)
        if len(crop) != len(extents):
            raise UsageError(f"a crop of {crop} from {view.key}, which has {len(extents)} axes")
        generator = np.random.default_rng([self.seed, self.epoch, index])
        sides = [min(side, extent) for side, extent in zip(crop, extents)]
        starts = [int(generator.integers(n - side + 1)) for side, n in zip(sides, extents)]
        return tuple(slice(start, start + side) for start, side in zip(starts, sides))

    def _read_alike(self, planned: Sequence[Planned]) -> Array:
        """[batch][...]: in shared memory where a place is free."""
        first, client = planned[0], self._place.get()
        shape = (len(planned), *first.shape)
        place = self._memory.place(shape, first.dtype)
        if place is None:
            arrays = client.read_many([item.read for item in planned])
            _check(planned, arrays)
            return np.stack(arrays)
        pool, offset, batch = place
        step = batch.nbytes // len(planned)
        items = [item.at(offset + number * step) for number, item in enumerate(planned)]
        _check(planned, client.read_many(items, pool=pool))
        return batch

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memory": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._memory = BatchMemory(self._batches_kept)


class Planned:
    """One sample: the read, and the shape and type that it must give."""

    def __init__(self, view: ViewPlan, expression: Any) -> None:
        self.read = view.item(expression)
        self.shape = view.item_shape(expression)
        self.dtype = view.dtype

    def at(self, offset: int) -> ReadItem:
        read = self.read
        return ReadItem(read.key, read.region, read.level, read.filter, read.bits, offset)


def _check(planned: Sequence[Planned], arrays: Sequence[Array]) -> None:
    for item, array in zip(planned, arrays):
        if (array.shape, array.dtype) != (item.shape, item.dtype):
            raise UsageError(
                f"{item.read.key} was replaced by a signal of another shape or type: make the data "
                "set anew",
                key=item.read.key,
            )


class BatchMemory:
    """Places for batches in one pool of this process."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._process = os.getpid()
        self._pool: Pool | None = None
        self._size = self._growths = 0
        self._held: list[weakref.ref[Array] | None] = []

    def place(
        self, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> tuple[Pool, int, Array] | None:
        """A free place as pool, offset and array; None where all are taken."""
        if self._process != os.getpid():
            # The memory of a parent is the parent's, as is its connection.
            self._process, self._pool, self._growths = os.getpid(), None, 0
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if self._pool is None or size > self._size:
            if self._growths == GROWTHS_MAX or self._places == 0:
                return None
            self._growths += 1
            self._size = 1 << max(12, (size - 1).bit_length())
            self._pool = Pool(self._size * self._places)
            self._held = [None] * self._places
        for number, held in enumerate(self._held):
            if held is None or held() is None:
                array = self._pool.array(number * self._size, shape, dtype)
                self._held[number] = weakref.ref(array)
                return self._pool, number * self._size, array
        return None
