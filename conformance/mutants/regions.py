"""A region selects the output elements that a fault changes. Outputs have the axes N, C, then the spatial axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from ..core import Array

#: A function that maps an output to a boolean mask of the same shape.
Region: TypeAlias = Callable[[Array], Array]


def _from(y: Array, axis: int, start: int) -> Array:
    places = np.arange(y.shape[axis]) >= start
    return np.broadcast_to(places.reshape(-1, *(1,) * (y.ndim - axis - 1)), y.shape)


def _last(y: Array, axis: int) -> Array:
    return _from(y, axis, y.shape[axis] - 1)


def _later(y: Array) -> Array:
    return _from(y, 0, 1)


def starting_at(axis: int, place: int) -> Region:
    """Return the region of all indices >= `place` along an axis."""
    return lambda y: _from(y, axis % y.ndim, place)


def beyond_blocks(axis: int, block: int) -> Region:
    """Return the region after the last full block of an axis; without a full block, the region is the whole axis."""
    return lambda y: _from(y, axis % y.ndim, y.shape[axis] // block * block)


def _corner(y: Array) -> Array:
    marked = np.ones(y.shape, bool)
    for axis in range(2, y.ndim):
        marked &= ~_from(y, axis, 1) | _last(y, axis)
    return marked


def _inner(y: Array) -> Array:
    marked = np.ones(y.shape, bool)
    for axis in range(2, y.ndim):
        marked &= _from(y, axis, 1) & ~_last(y, axis)
    return marked


#: Maps the name of each region to a description and the region.
REGIONS: Mapping[str, tuple[str, Region]] = {
    "later-samples": ("All samples except the first are affected.", _later),
    "last-sample": ("The batch has two or more samples; only the last is affected.", lambda y: _last(y, 0) & _later(y)),
    "middle-samples": ("All samples except the first and the last are affected.", lambda y: _later(y) & ~_last(y, 0)),
    "later-filters": ("All output channels except the first are affected.", starting_at(1, 1)),
    "last-filter": ("Only the last output channel is affected.", lambda y: _last(y, 1)),
    "filters-from-16": ("Only output channels with index 16 and above are affected.", starting_at(1, 16)),
    **{
        f"filters-beyond-blocks-of-{block}": (
            f"Only output channels after the last full block of {block} are affected.",
            beyond_blocks(1, block),
        )
        for block in (4, 8)
    },
    "first-place": ("Only the first position of the last axis is affected.", lambda y: ~_from(y, y.ndim - 1, 1)),
    "last-place": ("Only the last position of the last axis is affected.", lambda y: _last(y, y.ndim - 1)),
    "last-row": ("Only the last position of the first spatial axis is affected.", lambda y: _last(y, 2)),
    "places-from-8": ("Only indices 8 and above of the last axis are affected.", starting_at(-1, 8)),
    "corners": ("Only the corners of the output are affected.", _corner),
    "inside": ("Only elements that touch no border of the output are affected.", _inner),
}
