"""Stored signals for xarray: xr.open_dataset("gamd://KEY", engine="gamd").

What always holds here:
- One signal is one variable, named after the last part of its key; its axes are named w, z, y, x,
  time and channel, with coordinates index times spacing.
- Samples are read when they are indexed, and only those: slices with steps go to the daemon as they
  are, lists of indices as the box around them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from .axes import axis_names
from .process import ProcessClient
from .results import Array
from .signal import View
from .views import ViewPlan

SCHEME = "gamd://"


class LazySamples(BackendArray):
    """A view that is indexed by xarray, in whatever process."""

    def __init__(self, place: ProcessClient, plan: ViewPlan) -> None:
        self._place = place
        self._plan = plan
        self.shape = plan.shape
        self.dtype = plan.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        support = indexing.IndexingSupport.BASIC
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._read)

    def _read(self, key: tuple[Any, ...]) -> Array:
        plan = self._plan
        view = View(self._place.get(), plan.stat, *plan.settings)
        return np.asarray(view[key])


class GamdBackend(BackendEntrypoint):
    """The engine "gamd"."""

    description = "Signals of a gamd daemon: gamd://KEY"
    open_dataset_parameters = (
        "filename_or_obj", "drop_variables", "socket", "level", "filter", "bits",
    )  # fmt: skip

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        return isinstance(filename_or_obj, str) and filename_or_obj.startswith(SCHEME)

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        socket: str | os.PathLike[str] | None = None,
        level: int = 0,
        filter: str = "nearest",
        bits: int = 0,
    ) -> xarray.Dataset:
        place = ProcessClient(socket)
        key = os.fspath(filename_or_obj).removeprefix(SCHEME)
        plan = ViewPlan(place.get().stat(key), level, filter, bits)
        names = axis_names(plan)
        data = indexing.LazilyIndexedArray(LazySamples(place, plan))
        encoding = {"preferred_chunks": dict(zip(names, _chunks(plan)))}
        variable = xarray.Variable(names, data, plan.attrs, encoding)
        dataset = xarray.Dataset(
            {key.rsplit("/", 1)[-1]: variable}, _coordinates(plan, names), {"source": SCHEME + key}
        )
        dropped = [drop_variables] if isinstance(drop_variables, str) else drop_variables
        return dataset.drop_vars(list(dropped or []), errors="ignore")


def _coordinates(plan: ViewPlan, names: list[str]) -> dict[str, xarray.Variable]:
    """Index times spacing for every axis of the grid."""
    found = {}
    for name, extent, spacing, unit in zip(names, plan.shape, plan.spacing, plan.unit):
        attributes = {"units": unit} if unit else {}
        found[name] = xarray.Variable((name,), np.arange(extent) * spacing, attributes)
    return found


def _chunks(plan: ViewPlan) -> list[int]:
    sides = [int(side) for side in plan.stat.shard_extents]
    whole = list(plan.shape)
    return [min(pair) for pair in zip(sides, whole)] + whole[len(sides) :]
