"""
The linear map of one spatial axis: a product of matrices of zeros and ones that dilate, pad and select windows.

The shapes of the matrices determine all lengths. The map of a transposed convolution is the transpose of a forward map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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


def forward(axis: Axis) -> Array:
    """
    Return the map of a convolution, float64 (windows, taps, length): 1 if a window's tap reads an element, else 0.

    Raises:
        Undefined: if the padding mode must copy elements, but the axis has length 0.

    """
    stuff = _stuffing(axis.length, axis.stuffing)
    windows = _windows(axis, _ends(axis, len(stuff)), len(stuff))
    if not axis.length and axis.mode != "zeros" and windows.shape[0] * axis.taps:
        raise Undefined(f"padding_mode {axis.mode} cannot pad an axis of length 0")
    return windows @ stuff


def backward(axis: Axis, *, trailing_zeros: bool = False, dilated_nothing: bool = False) -> Array:
    """
    Return the map of a transposed convolution, float64 (outputs, taps, length).

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
        return np.zeros((0, axis.taps, axis.length))
    return _windows(axis, (low, high), end - low - high).transpose(2, 1, 0)


def _stuffing(length: int, by: int) -> Array:
    return np.kron(np.eye(length), np.eye(by)[:, :1])[: length * by - by + 1 if length else 0]


def _windows(axis: Axis, ends: tuple[int, int], length: int) -> Array:
    sources = _ended(axis.mode, length, *ends)
    last = len(sources) - axis.reach
    rows = [[sources[start + offset] for offset in axis.offsets] for start in range(0, last + 1, axis.stride)]
    chosen = np.array(rows, np.int64).reshape(len(rows), axis.taps, 1)
    reads: Array = chosen == np.arange(length)
    return reads.astype(np.float64)


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
