"""
Sums of products of integers wider than float64 holds, by matrix products of narrow slices of them.

An integer is cut into digits of a few bits, so few that the sums of their products stay below 2**53, where float64 is
exact; the sums of each pair of digits, each times its power of two, then are the result (Ozaki, Ogita, Oishi and Rump
2012, with one grid for a whole array).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from ...core import Array
from .expansion import WIDEST, Expansion, expansion

#: A sum of products of two arrays, linear in each; it knows the geometry, not the numbers.
#: Of the axes of the right one all but the first and the last are summed over.
Bilinear: TypeAlias = Callable[[Array, Array], Array]

#: The bits of the integers that float64 holds.
HELD = 53


def fits(left: Expansion, right: Expansion, count: int) -> bool:
    """Say whether the sums of `count` products stay in the range of float64."""
    return _bits(left) + _bits(right) + count.bit_length() <= WIDEST


def summed(apply: Bilinear, left: Expansion, right: Expansion, count: int) -> Expansion:
    """Return the exact sums that `apply` forms, of `count` products at most."""
    terms = count * len(left) * len(right)
    width = _width(_bits(left), _bits(right), terms)
    slices = list(_slices(right, width))
    sums: dict[int, Array] = {}
    for place, digits in _slices(left, width):
        for other_place, other_digits in slices:
            product, at = apply(digits, other_digits), place + other_place
            sums[at] = sums[at] + product if at in sums else product
    if not sums:
        return (apply(left[0], right[0]),)
    return expansion([np.ldexp(sums[at], at * width) for at in sorted(sums, reverse=True)])


def _bits(numbers: Expansion) -> int:
    return int(np.frexp(max(np.abs(numbers[0]).max(initial=0), 1.0))[1])


def _width(bits: int, other_bits: int, terms: int) -> int:
    """Return the most bits of a digit with which `terms` products of digits, of every pair at one place, can be added."""
    for width in range(HELD // 2, 1, -1):
        pairs = min(_digits(bits, width), _digits(other_bits, width))
        if 2 * (width - 1) + math.log2(max(terms * pairs, 1)) <= HELD:
            return width
    raise OverflowError(f"{terms} products are too many")


def _digits(bits: int, width: int) -> int:
    # Digits are of either sign, at most 2**(width - 1); one bit more covers what the lower ones carry.
    return -(-(bits + 1) // width)


def _slices(numbers: Expansion, width: int) -> Iterator[tuple[int, Array]]:
    """Yield the digits of integers with their places, where any is not 0: the sum of digits * 2**(width * place)."""
    rest: Sequence[Array] = numbers
    for place in reversed(range(_digits(_bits(numbers), width))):
        (digits, *others), rest = _cut(rest, 2.0 ** (width * place)) if place else (rest, ())
        digits = sum(others, digits)
        if digits.any():
            yield place, digits


def _cut(numbers: Sequence[Array], grid: float) -> tuple[list[Array], list[Array]]:
    """Return the nearest multiples of a power of two, as how many of it they are, and what is left of the numbers."""
    counts = [part * (1 / grid) for part in numbers]
    rest = [np.rint(count, out=count) * grid for count in counts]
    return counts, [np.subtract(part, whole, out=whole) for part, whole in zip(numbers, rest, strict=True)]
