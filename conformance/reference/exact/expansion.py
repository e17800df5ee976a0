"""
Expansions: integers that are too large for float64, represented as sums of several float64 arrays, largest first.

All arrays hold integers. From the second array on, the magnitude of each integer is at most half a unit in the last
place of the same element in the preceding array. Therefore the first array is the sum rounded to nearest, and it has
the sign of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ...core import Array

#: Arrays of equal shape, largest first; the value is their sum.
Expansion: TypeAlias = tuple[Array, ...]

#: Integers of at most this number of bits, and sums of a few such integers, do not overflow in float64.
WIDEST = 960


def expansion(parts: Sequence[Array]) -> Expansion:
    """
    Return the sum of one or more float64 arrays of integers as an expansion.

    A pass adds the arrays from the last to the first and keeps the rounding error of each addition (TwoSum, Knuth).
    Passes are repeated until a pass changes nothing.
    """
    while len(parts) > 1:
        added = _added(parts)
        if all((before == after).all() for before, after in zip(parts, added, strict=True)):
            break
        parts = added
        while len(parts) > 1 and not parts[-1].any():
            parts = parts[:-1]
    return tuple(parts)


def _added(parts: Sequence[Array]) -> list[Array]:
    total, errors = parts[-1], []
    for part in reversed(parts[:-1]):
        total, error = _two_sum(part, total)
        errors.append(error)
    return [total, *reversed(errors)]


def _two_sum(left: Array, right: Array) -> tuple[Array, Array]:
    total = left + right
    share = total - left
    error = right - share
    np.subtract(total, share, out=share)
    error += left - share
    return total, error


def to_odd(numbers: Expansion) -> Array:
    """
    Return the sums rounded to odd: truncated to 53 bits, with the last bit set to 1 if any non-zero bit was lost.

    Rounding the result to 51 bits or fewer gives the same number as rounding the exact sum (Boldo and Melquiond 2008).
    """
    first, *others = numbers
    if not others:
        return first
    bits = np.ascontiguousarray(first).view(np.int64)
    away = np.where((others[0] > 0) == (first > 0), 1, -1)
    odd: Array = (bits + away * ((bits & 1 == 0) & (others[0] != 0))).view(np.float64)
    return odd


def to_nearest(numbers: Expansion) -> Array:
    """Return the sums rounded to float64, to nearest with ties to even."""
    first, *others = numbers
    if len(others) < 2:
        return first
    neighbour = np.nextafter(first, np.copysign(np.inf, others[0]))
    is_tie = neighbour - first == 2 * others[0]
    is_beyond = np.sign(others[1]) == np.sign(others[0])
    nearest: Array = np.where(is_tie & is_beyond, neighbour, first)
    return nearest
