"""Arrays of intervals of float64, each operation rounded outward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core import Array


@dataclass(frozen=True, eq=False)
class Interval:
    """What is at least `low` and at most `high`, element by element."""

    low: Array
    high: Array

    @property
    def size(self) -> Array:
        """The largest absolute value of each."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def __add__(self, other: Interval) -> Interval:
        return _outward(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return _outward(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        return _hull(np.multiply, self, other)

    def __truediv__(self, other: Interval) -> Interval:
        """Divide by what is above 0."""
        return _hull(np.divide, self, other)

    def widened(self, radius: Array | float) -> Interval:
        """Return each larger by so much on either side."""
        return _outward(self.low - radius, self.high + radius)

    def root(self) -> Interval:
        """Return the square roots of what is not below 0."""
        return _outward(np.sqrt(np.maximum(self.low, 0)), np.sqrt(self.high))

    def absolute(self) -> Interval:
        """Return the sizes."""
        low = np.where((self.low <= 0) & (self.high >= 0), 0.0, np.minimum(np.abs(self.low), np.abs(self.high)))
        return Interval(low, self.size)

    def square(self) -> Interval:
        """Return the squares."""
        sizes = self.absolute()
        return _outward(sizes.low**2, sizes.high**2)


def point(values: Array | float) -> Interval:
    """Return numbers that are known exactly."""
    exact = np.asarray(values, np.float64)
    return Interval(exact, exact)


def _hull(operation: Callable[[Array, Array], Array], one: Interval, other: Interval) -> Interval:
    ends = [operation(a, b) for a in (one.low, one.high) for b in (other.low, other.high)]
    return _outward(np.min(ends, axis=0), np.max(ends, axis=0))


def _outward(low: Array, high: Array) -> Interval:
    return Interval(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))
