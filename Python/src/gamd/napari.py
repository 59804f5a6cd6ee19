"""Stored signals for napari: gamd://KEY, or a .gamdkey file with that in its first line.

What always holds here:
- A layer is a list of views, one per level: napari reads what it shows, at the level it needs.
- Pictures with three or four channels are shown in color; other channels are layers' channel axis.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Union

from .axes import axis_names
from .process import ProcessClient
from .signal import Signal, View

SCHEME = "gamd://"
SUFFIX = ".gamdkey"
# Levels smaller than this are of no use on a screen.
SIDE_MIN = 64

LayerData = tuple[Any, dict[str, Any], str]
PathOrPaths = Union[str, os.PathLike[str], list[str]]


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """What napari asks: the reader of these paths, or None where they are not ours."""
    paths = path if isinstance(path, list) else [os.fspath(path)]
    return read if paths and all(_is_ours(each) for each in paths) else None


def read(path: PathOrPaths) -> list[LayerData]:
    """One layer for each signal."""
    paths = path if isinstance(path, list) else [os.fspath(path)]
    return [_layer(_key(each)) for each in paths]


def _is_ours(path: str) -> bool:
    return path.startswith(SCHEME) or path.endswith(SUFFIX)


def _key(path: str) -> str:
    if not path.startswith(SCHEME):
        path = Path(path).read_text(encoding="utf-8").splitlines()[0].strip()
    return path.removeprefix(SCHEME)


def _layer(key: str) -> LayerData:
    signal = ProcessClient().get()[key]
    levels = _levels(signal)
    settings: dict[str, Any] = {
        "name": key,
        "multiscale": len(levels) > 1,
        "scale": signal.spacing,
        "metadata": signal.attrs,
        "axis_labels": axis_names(signal)[: len(signal.spacing)],
    }
    if any(signal.unit):
        settings["units"] = [unit or "pixel" for unit in signal.unit]
    if signal.channels in (3, 4):
        settings["rgb"] = True
    elif signal.channels > 1:
        settings["channel_axis"] = signal.ndim - 1
    return (levels if len(levels) > 1 else levels[0]), settings, "image"


def _levels(signal: Signal) -> list[View]:
    found: list[View] = [signal]
    while max(found[-1].shape[: len(signal.spacing)]) >= 2 * SIDE_MIN:
        found.append(signal.level(len(found)))
    return found
