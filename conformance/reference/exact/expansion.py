"""
Integers too large for one float64 as sums of several: the arrays of an expansion, largest first.

Each array holds integers, and nowhere more than half a unit in the last place of the array before it.
So the first alone is the sum rounded to nearest, and has its sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ...core import Array

#: The arrays whose sum is meant, of one shape, largest first.
Expansion: TypeAlias = tuple[Array, ...]

#: Up to this many bits an integer in float64, and the sum of a few, stays far from overflow.
WIDEST = 960


def expansion(parts: Sequence[Array]) -> Expansion:
    """
    Return any float64 arrays of integers, at least one, as an expansion; the sum is the same.

    The arrays are added up from the last to the first, each sum with its rounding error beside it (TwoSum, Knuth), and
    again until nothing changes.
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
    Return the sums rounded to odd: cut to 53 bits, the last of which is 1 where anything was cut off.

    What rounds it again, to 51 bits or fewer, gets what it would get of the sum itself (Boldo and Melquiond 2008).
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
    beside = np.nextafter(first, np.copysign(np.inf, others[0]))
    is_tie = beside - first == 2 * others[0]
    goes_on = np.sign(others[1]) == np.sign(others[0])
    nearest: Array = np.where(is_tie & goes_on, beside, first)
    return nearest
