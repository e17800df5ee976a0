"""Interval arithmetic on float64 arrays, with outward rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core import Array


@dataclass(frozen=True, eq=False)
class Interval:
    """An array of intervals; element i is [`low[i]`, `high[i]`]."""

    low: Array
    high: Array

    @property
    def size(self) -> Array:
        """The largest absolute value in each interval."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def __add__(self, other: Interval) -> Interval:
        return _outward(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return _outward(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        return _hull(np.multiply, self, other)

    def __truediv__(self, other: Interval) -> Interval:
        """Return the quotient; all divisors must be above 0."""
        return _hull(np.divide, self, other)

    def widened(self, radius: Array | float) -> Interval:
        """Return the intervals enlarged by `radius` at both ends."""
        return _outward(self.low - radius, self.high + radius)

    def root(self) -> Interval:
        """Return the intervals of the square roots; a negative lower end counts as 0."""
        return _outward(np.sqrt(np.maximum(self.low, 0)), np.sqrt(self.high))

    def absolute(self) -> Interval:
        """Return the intervals of the absolute values."""
        low = np.where((self.low <= 0) & (self.high >= 0), 0.0, np.minimum(np.abs(self.low), np.abs(self.high)))
        return Interval(low, self.size)

    def square(self) -> Interval:
        """Return the intervals of the squares."""
        sizes = self.absolute()
        return _outward(sizes.low**2, sizes.high**2)


def point(values: Array | float) -> Interval:
    """Return intervals of length 0, each of which contains one of the given numbers."""
    exact = np.asarray(values, np.float64)
    return Interval(exact, exact)


def _hull(operation: Callable[[Array, Array], Array], one: Interval, other: Interval) -> Interval:
    ends = [operation(a, b) for a in (one.low, one.high) for b in (other.low, other.high)]
    return _outward(np.min(ends, axis=0), np.max(ends, axis=0))


def _outward(low: Array, high: Array) -> Interval:
    return Interval(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))
