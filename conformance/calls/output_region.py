"""The smallest region that covers the marked elements of an output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core import Array


@dataclass(frozen=True, kw_only=True)
class Region:
    """The elements of an array of shape `shape` whose index along axis k is in `indices[k]`, for every k."""

    indices: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]

    @property
    def mask(self) -> Array:
        """A boolean array of shape `shape` that is true inside the region."""
        inside = np.zeros(self.shape, bool)
        inside[np.ix_(*self.indices)] = True
        return inside

    @property
    def hull(self) -> Region:
        """The smallest block that contains the region: along each axis, all indices from the first to the last."""
        whole = tuple(tuple(range(each[0], each[-1] + 1)) for each in self.indices)
        return Region(indices=whole, shape=self.shape)

    @property
    def reaches_an_end(self) -> bool:
        """Whether the region includes, along every axis, the first or the last index of the array."""
        return all({0, length - 1} & {*each} for each, length in zip(self.indices, self.shape, strict=True))

    def text(self, names: Sequence[str]) -> str:
        """Describe the region by axis names and indices: `sample from 1, filter 4 to 7`, or `everywhere`."""
        ranges = map(_described, names, self.indices, self.shape)
        return ", ".join(text for text in ranges if text) or "everywhere"


def smallest_region(marked: Array) -> Region:
    """Return the smallest region that contains all marked elements."""
    axes = range(marked.ndim)
    indices = (np.flatnonzero(marked.any(axis=tuple(at for at in axes if at != axis))) for axis in axes)
    return Region(indices=tuple(tuple(map(int, each)) for each in indices), shape=marked.shape)


def _described(name: str, indices: tuple[int, ...], length: int) -> str:
    first, last = indices[0], indices[-1]
    if len(indices) == length:
        return ""
    if len(indices) == 1:
        return f"{name} {first}"
    if len(indices) < last - first + 1:
        return f"{name} {', '.join(map(str, indices))}"
    return f"{name} from {first}" if last == length - 1 else f"{name} {first} to {last}"
