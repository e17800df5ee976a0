"""
Exact sums of products of integers that are too large for float64, from float64 products of the integers' digits.

Each integer is split into digits of a few bits. A slice is the array of all digits with the same place value. Digits
have so few bits that sums of products of digits stay below 2**53, where float64 is exact. The sums for each pair of
slices are multiplied by the two place values, and the results for all pairs are added (Ozaki, Ogita, Oishi and Rump
2012, but with the same place values for all elements of an array).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from ...core import Array
from .expansion import WIDEST, Expansion, expansion

#: A function that computes sums of products of two arrays and is linear in each array. Only the geometry of a call
#: determines which elements are multiplied. Sums run over all axes of the right array except the first and the last.
Bilinear: TypeAlias = Callable[[Array, Array], Array]

#: The number of significant bits of float64.
HELD = 53


def fits(left: Expansion, right: Expansion, count: int) -> bool:
    """Return whether sums of `count` products stay in the range of float64."""
    return _bits(left) + _bits(right) + count.bit_length() <= WIDEST


def summed(apply: Bilinear, left: Expansion, right: Expansion, count: int) -> Expansion:
    """Return the exact sums that `apply` computes. Each sum must have at most `count` products."""
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
    """Return the largest width of digits, in bits, for which the sums of products of digits are exact in float64."""
    for width in range(HELD // 2, 1, -1):
        pairs = min(_digits(bits, width), _digits(other_bits, width))
        if 2 * (width - 1) + math.log2(max(terms * pairs, 1)) <= HELD:
            return width
    raise OverflowError(f"too many products for exact sums in float64: {terms}")


def _digits(bits: int, width: int) -> int:
    # Digits are signed, with magnitudes of at most 2**(width - 1); one extra bit covers the carry from lower digits.
    return -(-(bits + 1) // width)


def _slices(numbers: Expansion, width: int) -> Iterator[tuple[int, Array]]:
    """Yield (place, digits), where integers = sum of digits * 2**(width * place). Slices of zeros are left out."""
    rest: Sequence[Array] = numbers
    for place in reversed(range(_digits(_bits(numbers), width))):
        (digits, *others), rest = _cut(rest, 2.0 ** (width * place)) if place else (rest, ())
        digits = sum(others, digits)
        if digits.any():
            yield place, digits


def _cut(numbers: Sequence[Array], grid: float) -> tuple[list[Array], list[Array]]:
    """Return q = round(numbers / grid), where `grid` is a power of two, and the remainders numbers - q * grid."""
    counts = [part * (1 / grid) for part in numbers]
    rest = [np.rint(count, out=count) * grid for count in counts]
    return counts, [np.subtract(part, whole, out=whole) for part, whole in zip(numbers, rest, strict=True)]
