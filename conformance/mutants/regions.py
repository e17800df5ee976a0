"""Regions of an output to which a fault applies; outputs have the axes N, C, then space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from ..core import Array

#: A function that returns a boolean mask of the shape of an output.
Region: TypeAlias = Callable[[Array], Array]


def _from(y: Array, axis: int, start: int) -> Array:
    places = np.arange(y.shape[axis]) >= start
    return np.broadcast_to(places.reshape(-1, *(1,) * (y.ndim - axis - 1)), y.shape)


def _last(y: Array, axis: int) -> Array:
    return _from(y, axis, y.shape[axis] - 1)


def _later(y: Array) -> Array:
    return _from(y, 0, 1)


def starting_at(axis: int, place: int) -> Region:
    """Return the region of indices >= `place` along an axis."""
    return lambda y: _from(y, axis % y.ndim, place)


def beyond_blocks(axis: int, block: int) -> Region:
    """Return the region after the last full block of an axis; if there is no full block, the whole axis."""
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


#: Every region by name, with its description.
REGIONS: Mapping[str, tuple[str, Region]] = {
    "later-samples": ("In every sample but the first.", _later),
    "last-sample": ("In the last of several samples.", lambda y: _last(y, 0) & _later(y)),
    "middle-samples": ("In every sample but the first and the last.", lambda y: _later(y) & ~_last(y, 0)),
    "later-filters": ("In every output channel but the first.", starting_at(1, 1)),
    "last-filter": ("In the last output channel.", lambda y: _last(y, 1)),
    "filters-from-16": ("In output channels from the seventeenth on.", starting_at(1, 16)),
    **{
        f"filters-beyond-blocks-of-{block}": (
            f"In output channels beyond the last full block of {block}.",
            beyond_blocks(1, block),
        )
        for block in (4, 8)
    },
    "first-place": ("At the first position of the last axis.", lambda y: ~_from(y, y.ndim - 1, 1)),
    "last-place": ("At the last position of the last axis.", lambda y: _last(y, y.ndim - 1)),
    "last-row": ("At the last position of the first spatial axis.", lambda y: _last(y, 2)),
    "places-from-8": ("From the ninth position of the last axis on.", starting_at(-1, 8)),
    "corners": ("At the corners of the output.", _corner),
    "inside": ("Away from every border of the output.", _inner),
}
