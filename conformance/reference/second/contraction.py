"""Exact sums of products for linear maps and a dense kernel, computed by matrix products or term by term."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product as combinations
from typing import TypeAlias

import numpy as np

from ...core import Array
from ..exact import residues, scalar
from .axis_maps import AxisMap

Index: TypeAlias = tuple[int, ...]
#: The pairs (tap, element) of one output position. The element is None if the tap reads a zero.
Reads: TypeAlias = list[tuple[Index, Index | None]]

#: The largest number of elements of an intermediate array, unless a single output needs more.
BLOCK = 2**22

#: float64 represents every integer below this magnitude exactly.
_LIMIT = 2.0**53
#: Sums are computed by remainders only if log2(largest / smallest magnitude) is below this limit in both arrays.
MOST_BITS_APART = 200
_ZERO = scalar.number(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Contraction:
    """
    A convolution, computed by contracting its input with a kernel and with one map for each spatial axis.

    `maps` has one map (outputs, taps, length) for each spatial axis. `kernel` is (tap…, in, out).
    `connected` (in, out) is true if an input channel and an output channel have products.
    If `pads` is true, a tap that reads no element multiplies a zero. If `pads` is false, such a tap has no product, as
    in a transposed convolution. If `zero_start` is true, sums start from 0.0, so that no sum is -0.0.
    """

    maps: tuple[AxisMap, ...]
    kernel: Array
    connected: Array
    pads: bool
    zero_start: bool

    def __call__(self, x: Array) -> Array:
        """Return the exact sums for values (batch, spatial…, in), as float64 or as an object array of exact numbers."""
        unit, kernel_unit = _unit(x), _unit(self.kernel)
        if unit and kernel_unit:
            scaled = replace(self, kernel=self.kernel / kernel_unit)
            if scaled._fits(x / unit):
                return scaled._by_matrices(x / unit) * (unit * kernel_unit)
        return self._by_remainders(x) if _is_near(x) and _is_near(self.kernel) else self._by_terms(x)

    @property
    def _most(self) -> int:
        # The largest number of elements that a tap sums. In a transposed map, it exceeds 1 if padding copied elements.
        return math.prod(matrix.most for matrix in self.maps)

    def _fits(self, x: Array) -> bool:
        size, kernel_size = np.abs(x), np.abs(self.kernel)
        if size.max(initial=0) * kernel_size.max(initial=0) * kernel_size.size * self._most < _LIMIT:
            return True
        return bool(self._products(size, kernel_size).max(initial=0) < _LIMIT)

    def _products(self, x: Array, kernel: Array, *, padding: float = 0.0) -> Array:
        # Patches repeat each element for each tap, so that only some outputs of the first axis are computed at once.
        first, *others = self.maps
        size = len(x) * x.shape[-1] * first.shape[1] * math.prod(len(each) * each.shape[1] for each in others)
        count = max(BLOCK // max(size, 1), 1)
        starts = range(0, max(len(first), 1), count)
        blocks = (replace(self, maps=(first.block(at, at + count), *others)) for at in starts)
        return np.concatenate([block._block_of_products(x, kernel, padding) for block in blocks], axis=1)

    def _block_of_products(self, x: Array, kernel: Array, padding: float) -> Array:
        patches = self._patches(x)
        if padding:
            patches = patches + padding * (1 - self._patches(np.ones_like(x)))
        rank = len(self.maps)
        return np.tensordot(patches, kernel, ([*range(3, 2 * rank + 2, 2), 1], [*range(rank), rank]))

    def _patches(self, x: Array) -> Array:
        for matrix in self.maps:
            x = matrix.patches(x)
        return x

    def _by_matrices(self, x: Array) -> Array:
        sums: Array = self._products(x, self.kernel) + 0.0
        if not self.zero_start and (np.signbit(x).any() or np.signbit(self.kernel).any()) and not sums.all():
            sums[self._minus_zeros(x)] = -0.0
        return sums

    def _minus_zeros(self, x: Array) -> Array:
        # True for sums of one or more zeros in which the two factors of each term have opposite signs.
        zeros: Array = self._products(1.0 * (x != 0), 1.0 * (self.kernel != 0)) == 0
        if not zeros.any():
            return zeros
        minus, kernel_minus = 1.0 * np.signbit(x), np.signbit(self.kernel) * self.connected * 1.0
        plus, kernel_plus = 1.0 - minus, self.connected - kernel_minus
        padding = 1.0 * self.pads
        below = self._products(minus, kernel_plus) + self._products(plus, kernel_minus, padding=padding)
        above = self._products(minus, kernel_minus) + self._products(plus, kernel_plus, padding=padding)
        zeros &= (below > 0) & (above == 0)
        return zeros

    def _by_remainders(self, x: Array) -> Array:
        whole, kernel_whole = (scalar.integers(scalar.numbers(array)) for array in (x, self.kernel))
        assert whole is not None and kernel_whole is not None
        count = math.prod(self.kernel.shape[:-1]) * self._most
        integers = residues.summed(self._products, whole[0], kernel_whole[0], count)
        sums: Array = integers * (whole[1] * kernel_whole[1])
        if not self.zero_start and not integers.all():
            sums[self._minus_zeros(x)] = -0.0
        return sums

    def _by_terms(self, x: Array) -> Array:
        x, kernel = scalar.numbers(x), scalar.numbers(self.kernel)
        whole, kernel_whole = scalar.integers(x), scalar.integers(kernel)
        extents = [len(matrix) for matrix in self.maps]
        sums = np.empty((len(x), *extents, kernel.shape[-1]), object)
        for position in combinations(*map(range, extents)):
            reads = self._reads(position)
            totals = _totals(whole, kernel_whole, reads, (len(x), kernel.shape[-1]))
            for batch, channel in combinations(*map(range, totals.shape)):
                sums[(batch, *position, channel)] = totals[batch, channel] or self._sum(
                    x[batch], kernel[..., channel], channel, reads
                )
        return sums

    def _reads(self, position: tuple[int, ...]) -> Reads:
        rows = [_reads(matrix, at, pads=self.pads) for matrix, at in zip(self.maps, position, strict=True)]
        return [_joined(reads) for reads in combinations(*rows)]

    def _sum(self, x: Array, kernel: Array, channel: int, reads: Reads) -> scalar.Number:
        inputs = np.flatnonzero(self.connected[:, channel])
        products = (
            scalar.product(_ZERO if element is None else x[(*element, c)], kernel[(*tap, c)])
            for tap, element in reads
            for c in inputs
        )
        return scalar.total(products, zero_start=self.zero_start)


def _totals(
    x: tuple[Array, Fraction] | None, kernel: tuple[Array, Fraction] | None, reads: Reads, shape: tuple[int, int]
) -> Array:
    # The sums (batch, out) at one output position. If a sum is 0, `_sum` decides whether it is -0.0, NaN or infinite.
    pairs = [(tap, element) for tap, element in reads if element is not None]
    if x is None or kernel is None or not pairs:
        return np.zeros(shape, object)
    places = np.moveaxis(x[0], 0, -1)
    patches = np.stack([places[element] for _, element in pairs])
    taps = np.stack([kernel[0][tap] for tap, _ in pairs])
    totals: Array = np.tensordot(patches, taps, ([0, 1], [0, 1])) * (x[1] * kernel[1])
    return totals


def _unit(values: Array) -> float:
    # A power of two u such that all values / u are integers with magnitudes below 2**53, or 0 if none was found.
    if values.dtype == object or not np.isfinite(values).all():
        return 0.0
    units = (2.0**-bits for bits in (0, 8, 16))
    return next((unit for unit in units if _counts(values / unit)), 0.0)


def _is_near(values: Array) -> bool:
    # True if all values are finite and have similar exponents. Object arrays are excluded: they may hold -0.0 or NaN.
    if values.dtype == object:
        return False
    sizes = np.abs(values[values != 0])
    return bool(
        np.isfinite(values).all()
        and np.log2(sizes).max(initial=-2000) - np.log2(sizes).min(initial=2000) < MOST_BITS_APART
    )


def _counts(values: Array) -> bool:
    return bool((np.rint(values) == values).all() and (np.abs(values) < _LIMIT).all())


def _reads(matrix: AxisMap, output: int, *, pads: bool) -> list[tuple[int, int | None]]:
    # The pairs (tap, element) of one output along one axis. The element is None if the tap reads a zero.
    reads: list[tuple[int, int | None]] = [*matrix.reads(output)]
    reading = {tap for tap, _ in reads}
    return reads + [(tap, None) for tap in range(matrix.shape[1]) if pads and tap not in reading]


def _joined(reads: tuple[tuple[int, int | None], ...]) -> tuple[Index, Index | None]:
    elements = tuple(element for _, element in reads if element is not None)
    return tuple(tap for tap, _ in reads), elements if len(elements) == len(reads) else None
