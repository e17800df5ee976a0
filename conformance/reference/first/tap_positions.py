"""
Where the taps of a convolution read, and where those of a transposed one write, by index arithmetic.

A tap that falls on no element is given the number of the axis' length: the slot behind it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from ...core import Array
from ..undefined import Undefined


def window(taps: int, dilation: int) -> int:
    """Return the extent of a dilated kernel."""
    return (taps - 1) * dilation + 1 if taps else 0


def stuffed(length: int, dilation: int) -> int:
    """Return the length of an axis with `dilation` - 1 zeros between neighbours."""
    return (length - 1) * dilation + 1 if length else 0


def padding(word: str, length: int, extent: int, stride: int) -> tuple[int, int]:
    """Return the (low, high) that a padding word of a convolution stands for; `extent` is that of the window."""
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
    """Return the (low, high) that a padding word of a transposed convolution crops; a negative one adds zeros."""
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
    """Return the output element that tap k writes for input n, as integers (taps, inputs)."""
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


def apart(places: Array, length: int) -> tuple[Array, Array]:
    """
    Return places (row, outputs) of which no row names an element twice, and the tap of each row; `places` as `read`.

    Where a padding mode copies, one tap reads one element for several outputs, and has as many rows.
    """
    rows, taps = [], []
    for tap, row in enumerate(places):
        turns = np.where(row == length, 0, _turns(row))
        for turn in range(turns.max(initial=0) + 1):
            rows.append(np.where(turns == turn, row, length))
            taps.append(tap)
    return np.array(rows, np.int64).reshape(len(rows), places.shape[1]), np.array(taps, np.int64)


def _turns(row: Array) -> Array:
    """Return for each entry how many equal ones stand before it."""
    order = np.argsort(row, kind="stable")
    turns = np.empty(len(row), np.int64)
    turns[order] = np.arange(len(row)) - np.searchsorted(row[order], row[order])
    return turns


#: An index into an array (group, batch, spatial…, channel), or into a kernel (group, tap…, in, out).
Index: TypeAlias = "tuple[slice | int | Array, ...]"


class Step(NamedTuple):
    """One tap: where it stands in the kernel, what it reads of the input, and which sums its products are added to."""

    tap: Index
    read: Index
    added: Index


@dataclass(frozen=True, kw_only=True, eq=False)
class Gather:
    """
    Sums of products over the taps: `places` (taps, outputs) for each spatial axis, as `read` gives.

    Called with an input (group, batch, spatial…, in), slots included, and a kernel (group, tap…, in, out).
    """

    places: tuple[Array, ...]

    def __call__(self, x: Array, w: Array) -> Array:
        """Return the sums, (group, batch, spatial…, out)."""
        return _summed(self, x, w)

    def zeros(self, x: Array, w: Array) -> Array:
        """Return what the sums of an input and a kernel begin with."""
        return np.zeros((*x.shape[:2], *(place.shape[1] for place in self.places), w.shape[-1]), x.dtype)

    def steps(self) -> Iterator[Step]:
        """Yield the taps, in the order of the kernel."""
        return (Step(tap, index, ()) for tap, index in _each(self.places))

    def finished(self, y: Array) -> Array:
        """Return the sums that are outputs."""
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
        return _summed(self, x, w)

    def zeros(self, x: Array, w: Array) -> Array:
        """Return what the sums of an input and a kernel begin with, slots included."""
        return np.zeros((*x.shape[:2], *(extent + 1 for extent in self.extents), w.shape[-1]), x.dtype)

    def steps(self) -> Iterator[Step]:
        """Yield the taps, in the order of the kernel."""
        return (Step(tap, (), index) for tap, index in _each(self.places))

    def finished(self, y: Array) -> Array:
        """Return the sums that are outputs, without the slots."""
        return y[(slice(None), slice(None), *map(slice, self.extents))]


@dataclass(frozen=True, kw_only=True, eq=False)
class Correlation:
    """
    For each tap the sums of products of what it reads and what stands at the output that it reads for.

    Called with values (group, batch, spatial…, in), slots included, and others (group, batch, outputs…, out);
    `places` (taps, outputs) for each spatial axis, as `read` gives.
    """

    places: tuple[Array, ...]

    def __call__(self, x: Array, y: Array) -> Array:
        """Return the sums, (group, tap…, in, out)."""
        sums = np.zeros((len(x), *map(len, self.places), x.shape[-1], y.shape[-1]), x.dtype)
        for tap, index in _each(self.places):
            sums[tap] = np.matmul(_flat(x[index]).swapaxes(1, 2), _flat(y))
        return sums


def _summed(sums: Gather | Scatter, x: Array, w: Array) -> Array:
    y = sums.zeros(x, w)
    for step in sums.steps():
        y[step.added] += _contracted(x[step.read], w[step.tap])
    return sums.finished(y)


def _each(places: tuple[Array, ...]) -> Iterator[tuple[Index, Index]]:
    whole = slice(None)
    for tap in itertools.product(*(range(len(place)) for place in places)):
        rows = [place[k] for place, k in zip(places, tap, strict=True)]
        ranges = [_range(row) for row in rows]
        yield (whole, *tap), (whole, whole, *(np.ix_(*rows) if None in ranges else ranges))


def _range(row: Array) -> slice | None:
    """Return the slice that takes the same places, which copies nothing, if they are evenly spaced."""
    steps = np.diff(row)
    if not len(row) or (steps < 1).any() or (steps != steps[:1]).any():
        return None
    return slice(int(row[0]), int(row[-1]) + 1, int(steps[0]) if len(steps) else 1)


def _contracted(x: Array, w: Array) -> Array:
    sums: Array = np.matmul(_flat(x), w)
    return sums.reshape(*x.shape[:-1], w.shape[-1])


def _flat(x: Array) -> Array:
    return x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])
