"""
Positions along an axis that taps read (convolution) or write (transposed convolution), by index arithmetic.

If a tap reads or writes no element of an axis, its position equals the length of the axis. This is the position of the
slot, an additional element after the axis.
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
    """Return the extent of a dilated kernel along one axis."""
    return (taps - 1) * dilation + 1 if taps else 0


def stuffed(length: int, dilation: int) -> int:
    """Return the length of an axis after `dilation` - 1 zeros are inserted between neighbours."""
    return (length - 1) * dilation + 1 if length else 0


def padding(name: str, length: int, extent: int, stride: int) -> tuple[int, int]:
    """Return the (low, high) amounts for a named padding of a convolution; `extent` is the extent of the window."""
    if name == "valid":
        return 0, 0
    if name == "causal":
        return extent - 1, 0
    if name == "full":
        return extent - 1, extent - 1
    outputs = math.ceil(length / stride)
    total = max((outputs - 1) * stride + extent - length, 0)
    low = math.floor(total / 2) if name == "same" else math.ceil(total / 2)
    return low, total - low


def cropping(name: str, extent: int, stride: int) -> tuple[int, int]:
    """Return the (low, high) crop for a named padding of a transposed convolution; negative amounts add zeros."""
    if name == "valid":
        return 0, 0
    excess = max(extent - stride, 0)
    low = math.floor(excess / 2) if name == "same" else math.ceil(excess / 2)
    return low, extent - stride - low


def read(
    *, length: int, taps: int, stride: int, dilation: int, stuffing: int, pair: tuple[int, int], mode: str
) -> Array:
    """
    Return places (taps, outputs), where places[k, n] is the input position that tap k reads for output n.

    `stuffing` is the input dilation. `pair` is the (low, high) padding, and `mode` is the padding mode.
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
        raise Undefined(f"padding_mode {mode} cannot pad an axis of length 0")
    if mode == "replicate":
        return position.clip(0, length - 1)
    if mode == "circular" or length < 2:
        return position % max(length, 1)
    period = 2 * (length - 1)
    folded: Array = np.minimum(position % period, -position % period)
    return folded


def written(*, length: int, taps: int, stride: int, dilation: int, low: int, outputs: int) -> Array:
    """Return places (taps, inputs), where places[k, n] is the output position that tap k writes for input n."""
    position = np.arange(length) * stride + np.arange(taps)[:, np.newaxis] * dilation - low
    return np.where((position >= 0) & (position < outputs), position, outputs)


def gathered(places: Array, outputs: int) -> Array:
    """
    Return places (taps, outputs), where places[k, n] is the input position that tap k multiplies for output n.

    The argument `places` is the result of `written`. A forward convolution over the dilated and padded input reads the
    returned positions.
    """
    taps, length = places.shape
    elements = np.full((taps, outputs + 1), length)
    elements[np.arange(taps)[:, np.newaxis], places] = np.arange(length)
    return elements[:, :outputs]


def apart(places: Array, length: int) -> tuple[Array, Array]:
    """
    Split each row of `places`, the result of `read`, into rows without repeated positions.

    Return the split rows (rows, outputs) and the tap of each row (rows,). A tap has several rows if it reads the same
    element for several outputs, which happens if padding copies elements.
    """
    rows, taps = [], []
    for tap, row in enumerate(places):
        turns = np.where(row == length, 0, _turns(row))
        for turn in range(turns.max(initial=0) + 1):
            rows.append(np.where(turns == turn, row, length))
            taps.append(tap)
    return np.array(rows, np.int64).reshape(len(rows), places.shape[1]), np.array(taps, np.int64)


def _turns(row: Array) -> Array:
    """Return, for each entry of a row, the number of equal entries to its left."""
    order = np.argsort(row, kind="stable")
    turns = np.empty(len(row), np.int64)
    turns[order] = np.arange(len(row)) - np.searchsorted(row[order], row[order])
    return turns


#: An index into an array (group, batch, spatial…, channel), or into a kernel (group, tap…, in, out).
Index: TypeAlias = "tuple[slice | int | Array, ...]"


class Step(NamedTuple):
    """One tap: its index in the kernel, the index of the inputs to read, and the index of the sums to add to."""

    tap: Index
    read: Index
    added: Index


@dataclass(frozen=True, kw_only=True, eq=False)
class Gather:
    """
    A convolution as sums over taps. `places` holds the positions to read, (taps, outputs) for each spatial axis.

    `__call__` accepts an input (group, batch, spatial…, in) with slots and a kernel (group, tap…, in, out).
    """

    places: tuple[Array, ...]

    def __call__(self, x: Array, w: Array) -> Array:
        """Return the sums, (group, batch, spatial…, out)."""
        return _summed(self, x, w)

    def zeros(self, x: Array, w: Array) -> Array:
        """Return zeros (group, batch, spatial…, out), to which the products of `x` and `w` are added."""
        return np.zeros((*x.shape[:2], *(place.shape[1] for place in self.places), w.shape[-1]), x.dtype)

    def steps(self) -> Iterator[Step]:
        """Yield the taps, in the order of the kernel."""
        return (Step(tap, index, ()) for tap, index in _each(self.places))

    def finished(self, y: Array) -> Array:
        """Return the sums unchanged, because they have no slots."""
        return y


@dataclass(frozen=True, kw_only=True, eq=False)
class Scatter:
    """
    A transposed convolution, which adds each product at the position that the product's tap writes.

    `places` holds the positions to write, (taps, inputs) for each spatial axis. `extents` has the output's spatial
    sizes. `__call__` accepts an input (group, batch, spatial…, in) without slots and a kernel (group, tap…, in, out).
    """

    places: tuple[Array, ...]
    extents: tuple[int, ...]

    def __call__(self, x: Array, w: Array) -> Array:
        """Return the sums, (group, batch, spatial…, out)."""
        return _summed(self, x, w)

    def zeros(self, x: Array, w: Array) -> Array:
        """Return zeros (group, batch, spatial…, out) with slots, to which the products of `x` and `w` are added."""
        return np.zeros((*x.shape[:2], *(extent + 1 for extent in self.extents), w.shape[-1]), x.dtype)

    def steps(self) -> Iterator[Step]:
        """Yield the taps, in the order of the kernel."""
        return (Step(tap, (), index) for tap, index in _each(self.places))

    def finished(self, y: Array) -> Array:
        """Return the sums without the slots."""
        return y[(slice(None), slice(None), *map(slice, self.extents))]


@dataclass(frozen=True, kw_only=True, eq=False)
class Correlation:
    """
    The gradient of a kernel: dw[k] = sum over n of x[places[k, n]] * y[n].

    `__call__` accepts x (group, batch, spatial…, in) with slots and y (group, batch, positions…, out).
    `places` holds the positions in x, (taps, positions) for each spatial axis.
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
    """Return the positions as a slice, which indexes without a copy, or None if they are not evenly spaced."""
    steps = np.diff(row)
    if not len(row) or (steps < 1).any() or (steps != steps[:1]).any():
        return None
    return slice(int(row[0]), int(row[-1]) + 1, int(steps[0]) if len(steps) else 1)


def _contracted(x: Array, w: Array) -> Array:
    sums: Array = np.matmul(_flat(x), w)
    return sums.reshape(*x.shape[:-1], w.shape[-1])


def _flat(x: Array) -> Array:
    return x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])
