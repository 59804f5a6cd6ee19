"""Arrays and signals: shapes, number formats, index expressions.

What always holds here:
- An array that goes out is little endian, C order, in the container its description names.
- An index expression is answered exactly as numpy would answer it on the whole array; what is read
  is just the points it touches.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import gam_pb2 as pb
from .errors import ProtocolError, UsageError
from .results import Array

AXES_MAX = 4
CHANNELS_MAX = 64
UNSIGNED, SIGNED, FLOAT = 0, 1, 2
_FAMILIES = {"b": UNSIGNED, "u": UNSIGNED, "i": SIGNED, "f": FLOAT}
AXIS_KINDS = {"space": 0, "time": 1}


def describe_array(
    array: Array,
    channels_last: bool = False,
    axes: str | Sequence[str] = "space",
    bits: int | None = None,
    spacing: float | Sequence[float] = 1.0,
    unit: str | Sequence[str] = "",
) -> pb.Description:
    """What the daemon is told about `array`; UsageError where it cannot be a signal."""
    family = _FAMILIES.get(array.dtype.kind)
    if family is None or array.dtype.itemsize > 4:
        raise UsageError(
            f"arrays of {array.dtype} cannot be stored: use bool, (u)int8/16/32 or float16/32"
        )
    extents = array.shape[:-1] if channels_last else array.shape
    channels = array.shape[-1] if channels_last and array.ndim > 0 else 1
    if not 1 <= len(extents) <= AXES_MAX or not 1 <= channels <= CHANNELS_MAX:
        raise UsageError(
            f"a shape of {array.shape} has {len(extents)} axes and {channels} channels: a signal "
            f"has 1 to {AXES_MAX} axes and 1 to {CHANNELS_MAX} channels (see channels_last)"
        )
    if 0 in extents:
        raise UsageError(f"an array of shape {array.shape} holds no samples to store")
    kinds = _per_axis("axes", axes, len(extents))
    if any(kind not in AXIS_KINDS for kind in kinds):
        raise UsageError(f"axes {axes!r} do not name {len(extents)} axes as 'space' or 'time'")
    distances = _per_axis("spacing", spacing, len(extents))
    units = _per_axis("unit", unit, len(extents))
    natural = 1 if array.dtype.kind == "b" else array.dtype.itemsize * 8
    return pb.Description(
        axes=[
            pb.Axis(extent=extent, kind=AXIS_KINDS[kind], spacing=distance, unit=unit)
            for extent, kind, distance, unit in zip(extents, kinds, distances, units)
        ],
        channels=[0] * channels,
        family=family,
        bits=natural if bits is None else bits,
    )


def _per_axis(name: str, given: Any, axes: int) -> list[Any]:
    """One value for all axes, or a list of one each."""
    values = [given] * axes if isinstance(given, (str, int, float)) else list(given)
    if len(values) != axes:
        raise UsageError(f"{name} {given!r}: the array has {axes} axes")
    return values


def canonical_bytes(array: Array) -> memoryview:
    """The samples as the protocol wants them: little endian, C order."""
    little = array.dtype.newbyteorder("<")
    return np.ascontiguousarray(array, dtype=little).data.cast("B")


def dtype_of(description: pb.Description) -> np.dtype[Any]:
    """numpy's type of the container; ProtocolError for what cannot be one."""
    bits = description.bits
    if description.family == FLOAT and bits in (16, 32):
        return np.dtype(f"<f{bits // 8}")
    if description.family in (UNSIGNED, SIGNED) and 1 <= bits <= 32:
        container = 1 if bits <= 8 else 2 if bits <= 16 else 4
        return np.dtype(f"<{'u' if description.family == UNSIGNED else 'i'}{container}")
    raise ProtocolError(f"the daemon described samples of family {description.family}, {bits} bit")


def shape_of(description: pb.Description) -> tuple[int, ...]:
    """Extents, slowest first, then the channels where there is more than one."""
    extents = tuple(int(axis.extent) for axis in description.axes)
    channels = len(description.channels)
    if not 1 <= len(extents) <= AXES_MAX or not 1 <= channels <= CHANNELS_MAX:
        raise ProtocolError(f"the daemon described {len(extents)} axes and {channels} channels")
    return extents + ((channels,) if channels > 1 else ())


@dataclass(frozen=True)
class Selection:
    """An index expression split into what is read of every axis and what numpy does afterwards.

    `chosen` has one range per axis, never empty unless the whole selection is; `local` indexes the
    array of just those points.
    """

    chosen: tuple[range, ...]
    local: tuple[Any, ...]

    @property
    def is_empty(self) -> bool:
        return any(len(points) == 0 for points in self.chosen)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(points) for points in self.chosen)


def select(key: Any, shape: tuple[int, ...]) -> Selection:
    """Plans `array[key]` for an array of `shape`; IndexError and TypeError as numpy raises them."""
    chosen: list[range] = []
    local: list[Any] = []
    for item in _expanded(key, len(shape)):
        if item is None:
            local.append(None)
            continue
        points, rest = _one_axis(item, len(chosen), shape[len(chosen)])
        chosen.append(points)
        local.append(rest)
    return Selection(tuple(chosen), tuple(local))


def _expanded(key: Any, dimensions: int) -> list[Any]:
    """The key as one item per axis (plus None for new axes), the ellipsis filled in."""
    items = list(key) if isinstance(key, tuple) else [key]
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    if used > dimensions:
        raise IndexError(f"too many indices: {used} for a signal of {dimensions} dimensions")
    gaps = sum(1 for item in items if item is Ellipsis)
    if gaps > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if gaps == 0:
        items.append(Ellipsis)
    at = next(i for i, item in enumerate(items) if item is Ellipsis)
    return items[:at] + [slice(None)] * (dimensions - used) + items[at + 1 :]


def _one_axis(item: Any, axis: int, extent: int) -> tuple[range, Any]:
    """The points of one axis that the item touches, and the index among them."""
    if isinstance(item, slice):
        return range(*item.indices(extent)), slice(None)
    if isinstance(item, (bool, np.bool_)):
        raise TypeError("masks cannot be read from the store; read the region and mask it")
    try:
        position = operator.index(item)
    except TypeError:
        raise TypeError(
            f"{type(item).__name__} cannot index a stored signal: use integers, slices and '...'"
        ) from None
    if not -extent <= position < extent:
        raise IndexError(f"index {position} is out of bounds for axis {axis} with size {extent}")
    position %= extent
    return range(position, position + 1), 0


def interval_of(points: range, level: int) -> tuple[int, int, int]:
    """Full-resolution coordinates of points of a level, as the protocol wants an interval."""
    first, last = points[0] << level, points[-1] << level
    if points.step < 0 and len(points) > 1:
        return first, last - 1, points.step
    return first, last + 1, max(1, points.step)
