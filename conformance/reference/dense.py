"""
Sums of products between linear maps and a dense kernel, by matrix products or term by term.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as combinations

import numpy as np

from ..call import Array
from . import terms


@dataclass(frozen=True, kw_only=True, eq=False)
class Contraction:
    """
    A convolution as a contraction.

    `maps` holds (outputs, taps, length) for each spatial axis, `kernel` (tap…, in, out),
    `connected` (in, out) says which channels meet at all.
    A tap that reads nothing is a zero in a convolution (`pads`), and no term in a transposed one.
    """

    maps: tuple[Array, ...]
    kernel: Array
    connected: Array
    pads: bool
    zero_start: bool

    def __call__(self, x: Array) -> Array:
        """
        Return the exact sums for values (batch, spatial…, in): float64, or an object array of numbers.
        """
        if _is_integral(x) and _is_integral(self.kernel):
            bound = np.abs(x).max(initial=0) * np.abs(self.kernel).max(initial=0) * self.kernel.size
            if bound < 2.0**53 or self._products(np.abs(x), np.abs(self.kernel)).max(initial=0) < 2.0**53:
                return self._by_matrices(x)
        return self._by_terms(x)

    def _products(self, x: Array, kernel: Array, *, padding: float = 0.0) -> Array:
        patches = self._patches(x)
        if padding:
            patches = patches + padding * (1 - self._patches(np.ones_like(x)))
        rank = len(self.maps)
        return np.tensordot(patches, kernel, ([*range(3, 2 * rank + 2, 2), 1], [*range(rank), rank]))

    def _patches(self, x: Array) -> Array:
        for matrix in self.maps:
            x = np.tensordot(x, matrix, ([1], [2]))
        return x

    def _by_matrices(self, x: Array) -> Array:
        sums = self._products(x, self.kernel) + 0.0
        if not self.zero_start and (np.signbit(x).any() or np.signbit(self.kernel).any()):
            sums[(sums == 0) & self._minus_zeros(x)] = -0.0
        return sums

    def _minus_zeros(self, x: Array) -> Array:
        minus, kernel_minus = np.signbit(x) * 1.0, np.signbit(self.kernel) * self.connected
        plus, kernel_plus = 1 - minus, self.connected - kernel_minus
        padding = 1.0 * self.pads
        below = self._products(minus, kernel_plus) + self._products(plus, kernel_minus, padding=padding)
        above = self._products(minus, kernel_minus) + self._products(plus, kernel_plus, padding=padding)
        nonzero = self._products(np.abs(x), np.abs(self.kernel))
        return (below > 0) & (above == 0) & (nonzero == 0)

    def _by_terms(self, x: Array) -> Array:
        x, kernel = terms.numbers(x), terms.numbers(self.kernel)
        extents = [len(matrix) for matrix in self.maps]
        sums = np.empty((len(x), *extents, kernel.shape[-1]), object)
        for position in combinations(*map(range, extents)):
            reads = self._reads(position)
            for batch, channel in combinations(range(len(x)), range(kernel.shape[-1])):
                sums[(batch, *position, channel)] = self._sum(x[batch], kernel[..., channel], channel, reads)
        return sums

    def _reads(self, position: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...] | None]]:
        rows = [_reads(matrix[at], pads=self.pads) for matrix, at in zip(self.maps, position, strict=True)]
        return [_joined(reads) for reads in combinations(*rows)]

    def _sum(self, x: Array, kernel: Array, channel: int, reads: list) -> terms.Number:
        inputs = np.flatnonzero(self.connected[:, channel])
        zero = terms.number(0)
        return terms.total(
            (
                terms.product(zero if element is None else x[(*element, c)], kernel[(*tap, c)])
                for tap, element in reads
                for c in inputs
            ),
            zero_start=self.zero_start,
        )
