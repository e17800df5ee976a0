"""
Where the taps of a convolution read, and where those of a transposed one write, by index arithmetic.

A tap that falls on no element is given the number of the axis' length: the slot behind it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..call import Array
from .undefined import Undefined


def window(taps: int, dilation: int) -> int:
    """
    Return the extent of a dilated kernel.
    """
    return (taps - 1) * dilation + 1 if taps else 0


def stuffed(length: int, dilation: int) -> int:
    """
    Return the length of an axis with `dilation` - 1 zeros between neighbours.
    """
    return (length - 1) * dilation + 1 if length else 0


def padding(word: str, length: int, extent: int, stride: int) -> tuple[int, int]:
    """
    Return the (low, high) that a padding word of a convolution stands for; `extent` is that of the window.
    """
    if word == "valid":
        return 0, 0
    if word == "causal":
        return extent - 1, 0
    if word == "full":
        return extent - 1, extent - 1
    outputs = math.ceil(length / stride)
    total = max((outputs - 1) * stride + extent - length, 0)
    low = math.floor(total / 2) if word == "same" else math.ceil(total / 2)
    return low, total - low


def cropping(word: str, extent: int, stride: int) -> tuple[int, int]:
    """
    Return the (low, high) that a padding word of a transposed convolution crops; a negative one adds zeros.
    """
    if word == "valid":
        return 0, 0
    excess = max(extent - stride, 0)
    low = math.floor(excess / 2) if word == "same" else math.ceil(excess / 2)
    return low, extent - stride - low


def read(
    *, length: int, taps: int, stride: int, dilation: int, stuffing: int, pair: tuple[int, int], mode: str
) -> Array:
    """
    Return the input element that tap k reads for output n, as integers (taps, outputs).

    `stuffing` is the input's own dilation, `pair` the zeros or copies at both ends.
    """
    padded = max(stuffed(length, stuffing) + sum(pair), 0)
    outputs = max((padded - window(taps, dilation)) // stride + 1, 0)
    position = np.arange(outputs) * stride + np.arange(taps)[:, np.newaxis] * dilation - pair[0]
    return _source(position, length, stuffing, mode)


def _source(position: Array, length: int, stuffing: int, mode: str) -> Array:
    if mode == "zeros":
        inside = (position >= 0) & (position < stuffed(length, stuffing)) & (position % stuffing == 0)
        return np.where(inside, position // stuffing, length)
    if position.size and not length:
        raise Undefined(f"padding_mode {mode} has nothing to copy from an axis of length 0")
    if mode == "replicate":
        return position.clip(0, length - 1)
    if mode == "circular" or length < 2:
        return position % max(length, 1)
    period = 2 * (length - 1)
    folded: Array = np.minimum(position % period, -position % period)
    return folded


def written(*, length: int, taps: int, stride: int, dilation: int, low: int, outputs: int) -> Array:
    """
    Return the output element that tap k writes for input n, as integers (taps, inputs).
    """
    position = np.arange(length) * stride + np.arange(taps)[:, np.newaxis] * dilation - low
    return np.where((position >= 0) & (position < outputs), position, outputs)


def gathered(places: Array, outputs: int) -> Array:
    """
    Return the input element that tap k adds to output n, as integers (taps, outputs); `places` as `written` gives.

    It is what a convolution reads that slides over the input with zeros between and beside its elements.
    """
    taps, length = places.shape
    elements = np.full((taps, outputs + 1), length)
    elements[np.arange(taps)[:, np.newaxis], places] = np.arange(length)
    return elements[:, :outputs]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gather:
    """
    Sums of products over the taps: `places` (taps, outputs) for each spatial axis, as `read` gives.

    Called with an input (group, batch, spatial…, in), slots included, and a kernel (group, tap…, in, out).
    """

    places: tuple[Array, ...]

    def __call__(self, x: Array, w: Array) -> Array:
        """Return the sums, (group, batch, spatial…, out)."""
        extents = tuple(place.shape[1] for place in self.places)
        y = np.zeros((*x.shape[:2], *extents, w.shape[-1]), x.dtype)
        for tap, index in _each(self.places):
            y += _contracted(x[index], w[tap])
        return y


@dataclass(frozen=True, kw_only=True, eq=False)
class Scatter:
    """
    The taps of each input added where they fall: `places` (taps, inputs) for each spatial axis, as `written` gives.

    Called with an input (group, batch, spatial…, in), without slots, and a kernel (group, tap…, in, out).
    `extents` are those of the output.
    """

    places: tuple[Array, ...]
    extents: tuple[int, ...]

    def __call__(self, x: Array, w: Array) -> Array:
        """Return the sums, (group, batch, spatial…, out)."""
        y = np.zeros((*x.shape[:2], *(extent + 1 for extent in self.extents), w.shape[-1]), x.dtype)
        for tap, index in _each(self.places):
            y[index] += _contracted(x, w[tap])
        return y[(slice(None), slice(None), *map(slice, self.extents))]


def _each(places: tuple[Array, ...]) -> Iterator[tuple[tuple[slice | int, ...], tuple[slice | Array, ...]]]:
    whole = slice(None)
    for tap in itertools.product(*(range(len(place)) for place in places)):
        rows = (place[k] for place, k in zip(places, tap, strict=True))
        yield (whole, *tap), (whole, whole, *np.ix_(*rows))


def _contracted(x: Array, w: Array) -> Array:
    flat = x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])
    sums: Array = np.matmul(flat, w)
    return sums.reshape(*x.shape[:-1], w.shape[-1])
