"""
The linear map of one spatial axis: a product of matrices of zeros and ones that dilate, pad and select windows.

Almost all elements of such a matrix are zeros, so that it is kept as the indices of its ones. The shapes of the
matrices determine all lengths. The map of a transposed convolution is the transpose of a forward map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice, repeat

import numpy as np

from ...core import Array
from ..undefined import Undefined


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The parameters of one spatial axis. `stuffing` is the input dilation; `restored` is the output padding."""

    length: int
    taps: int
    stride: int
    dilation: int
    stuffing: int = 1
    padding: str | tuple[int, int] = "valid"
    mode: str = "zeros"
    restored: int = 0

    @property
    def offsets(self) -> list[int]:
        """The position of each tap, relative to the first tap of the window."""
        return list(range(0, self.taps * self.dilation, self.dilation))

    @property
    def reach(self) -> int:
        """The number of positions from the first to the last tap of a window."""
        return max(self.offsets, default=-1) + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class AxisMap:
    """A sparse array (outputs, taps, length) of zeros and ones: the shape, and the indices (n, 3) of its ones."""

    shape: tuple[int, int, int]
    ones: Array

    @classmethod
    def reading(cls, elements: Array, length: int) -> AxisMap:
        """Return the map in which each tap (outputs, taps) reads one of `length` elements, or none at index -1."""
        outputs, taps = np.nonzero(elements >= 0)
        ones = np.stack([outputs, taps, elements[outputs, taps]], axis=1)
        return cls(shape=(*elements.shape, length), ones=ones)

    def __len__(self) -> int:
        return self.shape[0]

    def transpose(self, *axes: int) -> AxisMap:
        """Return the map with its axes in another order, as `numpy.transpose` does."""
        first, second, third = (self.shape[axis] for axis in axes)
        return AxisMap(shape=(first, second, third), ones=self.ones[:, list(axes)])

    def block(self, start: int, stop: int) -> AxisMap:
        """Return the map of the outputs from `start` to before `stop`."""
        inside = self.ones[(self.ones[:, 0] >= start) & (self.ones[:, 0] < stop)]
        stop = min(stop, self.shape[0])
        return AxisMap(shape=(stop - start, *self.shape[1:]), ones=inside - [start, 0, 0])

    def reads(self, output: int) -> list[tuple[int, int]]:
        """Return the pairs (tap, element) that an output reads, in this order."""
        own = self.ones[self.ones[:, 0] == output, 1:]
        return sorted((int(tap), int(element)) for tap, element in own)

    @cached_property
    def _layers(self) -> list[tuple[Array, Array]]:
        """The pairs (output and tap as one index, element), in layers that have each output and tap at most once."""
        rows = self.ones[:, 0] * self.shape[1] + self.ones[:, 1]
        order = np.argsort(rows, kind="stable")
        rows, elements = rows[order], self.ones[order, 2]
        first = np.searchsorted(rows, rows, side="left")
        depth = np.arange(len(rows)) - first
        return [(rows[depth == layer], elements[depth == layer]) for layer in range(int(depth.max(initial=-1)) + 1)]

    @property
    def most(self) -> int:
        """The largest number of elements that one tap of an output sums; at least 1."""
        return max(len(self._layers), 1)

    def patches(self, x: Array) -> Array:
        """Contract axis 1 of `x`, which has the map's length; append the outputs and taps of the map as last axes."""
        moved = np.moveaxis(x, 1, -1)
        outputs, taps, _ = self.shape
        found = np.zeros((*moved.shape[:-1], outputs * taps), x.dtype)
        for rows, elements in self._layers:
            found[..., rows] += moved[..., elements]
        return found.reshape(*moved.shape[:-1], outputs, taps)


def identity(length: int) -> AxisMap:
    """Return the map of a kernel with one tap that reads each element once."""
    return AxisMap.reading(np.arange(length)[:, np.newaxis], length)


def forward(axis: Axis) -> AxisMap:
    """
    Return the map of a convolution (windows, taps, length): 1 if a window's tap reads an element, else 0.

    Raises:
        Undefined: if the padding mode must copy elements, but the axis has length 0.

    """
    stuffed = _stuffing(axis.length, axis.stuffing)
    windows = _windows(axis, _ends(axis, len(stuffed)), len(stuffed))
    if not axis.length and axis.mode != "zeros" and windows.size:
        raise Undefined(f"padding_mode {axis.mode} cannot pad an axis of length 0")
    # The product of the two matrices: a window reads the element that the dilated input has at this place. The last
    # entry stands for the index -1 of a zero.
    return AxisMap.reading(np.append(stuffed, -1)[windows], axis.length)


def backward(axis: Axis, *, trailing_zeros: bool = False, dilated_nothing: bool = False) -> AxisMap:
    """
    Return the map of a transposed convolution (outputs, taps, length).

    The map is the transpose of the map of a convolution that reads the outputs, with one window for each input element.
    If the crop leaves no outputs, the first axis of the map has length 0.
    """
    end = axis.reach - axis.stride
    for _ in range(axis.length):
        end += axis.stride
    low, high = _crops(axis, end)
    if trailing_zeros and axis.padding == "valid" and axis.reach < axis.stride:
        high = end - axis.length * axis.stride
    if dilated_nothing and axis.length == 0:
        high -= axis.stride - 1
    if end <= low + high:
        return AxisMap(shape=(0, axis.taps, axis.length), ones=np.zeros((0, 3), np.int64))
    outputs = end - low - high
    return AxisMap.reading(_windows(axis, (low, high), outputs), outputs).transpose(2, 1, 0)


def _stuffing(length: int, by: int) -> Array:
    """Return the element at each place of a dilated input, -1 for a zero between elements."""
    between = np.full((length, by), -1)
    between[:, :1] = np.arange(length)[:, np.newaxis]
    return between.reshape(-1)[: length * by - by + 1 if length else 0]


def _windows(axis: Axis, ends: tuple[int, int], length: int) -> Array:
    """Return the place (windows, taps) that each tap of each window reads, -1 for a zero of the padding."""
    sources = _ended(axis.mode, length, *ends)
    last = len(sources) - axis.reach
    rows = [[sources[start + offset] for offset in axis.offsets] for start in range(0, last + 1, axis.stride)]
    return np.array(rows, np.int64).reshape(len(rows), axis.taps)


def _ends(axis: Axis, length: int) -> tuple[int, int]:
    if not isinstance(axis.padding, str):
        return axis.padding
    if axis.padding in ("same", "same_lower"):
        return _shared(axis, length)
    around = axis.reach - 1
    return {"valid": (0, 0), "causal": (around, 0), "full": (around, around)}[axis.padding]


def _shared(axis: Axis, length: int) -> tuple[int, int]:
    starts = range(0, length, axis.stride)
    missing = (starts[-1] if starts else -axis.stride) + axis.reach - length
    smaller, larger = len(range(1, missing, 2)), len(range(0, missing, 2))
    return (smaller, larger) if axis.padding == "same" else (larger, smaller)


def _crops(axis: Axis, end: int) -> tuple[int, int]:
    if not isinstance(axis.padding, str):
        return axis.padding[0], axis.padding[1] - axis.restored
    if axis.padding == "valid":
        return 0, 0
    outputs = axis.length * axis.stride
    low, _ = _shared(axis, outputs)
    return low, end - low - outputs


def _ended(mode: str, length: int, low: int, high: int) -> list[int]:
    # The index that each padded element copies, -1 for a zero. Positive amounts pad both ends; then negative ones crop.
    left = [length - 1 - source if source >= 0 else -1 for source in islice(_outward(mode, length), max(low, 0))]
    right = islice(_outward(mode, length), max(high, 0))
    sources = [*reversed(left), *range(length), *right][max(-low, 0) :]
    return sources[: max(len(sources) + min(high, 0), 0)]


def _outward(mode: str, length: int) -> Iterator[int]:
    # The indices that the padding at the high end copies (-1 for a zero), from the axis outward.
    if mode == "zeros" or not length:
        return repeat(-1)
    if mode == "circular":
        return cycle(range(length))
    if mode == "replicate" or length == 1:
        return repeat(length - 1)
    return cycle([*range(length - 2, -1, -1), *range(1, length)])
