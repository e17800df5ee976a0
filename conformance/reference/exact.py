"""
Arrays of exact numbers: integers times one power of two, with NaN, infinities and -0.0 beside them.

Bilinear sums of them are integer sums.
They run in float64 where every partial sum stays below 2**53, and in Python's integers elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..call import Array

#: A sum of products of two arrays, linear in each; it knows the geometry, not the numbers.
Bilinear: TypeAlias = Callable[[Array, Array], Array]

#: Below this float64 holds every integer.
LIMIT = 2.0**53

ORDINARY, NAN, PLUS_INFINITY, MINUS_INFINITY, MINUS_ZERO, ABSENT = range(6)
_NEGATED = np.array([ORDINARY, NAN, MINUS_INFINITY, PLUS_INFINITY, ORDINARY, ABSENT], np.int8)
_to_int = np.frompyfunc(int, 1, 1)
_shift_left = np.frompyfunc(lambda value, by: int(value) << by, 2, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Exact:
    """
    Numbers `integers` * 2**`exponent`.

    `integers` is float64 while every one is below 2**53 in size, else an object array of int.
    `special` (int8, None where all are ordinary) marks the elements that are no such number, where the integer is 0;
    ABSENT ones make no term at all.
    """

    integers: Array
    exponent: int = 0
    special: Array | None = None

    @property
    def codes(self) -> Array:
        """What each element is, as int8."""
        return np.zeros(self.integers.shape, np.int8) if self.special is None else self.special

    @property
    def is_small(self) -> bool:
        """Whether float64 holds the integers."""
        return self.integers.dtype != object

    @property
    def is_finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return self.special is None or not np.isin(self.special, (NAN, PLUS_INFINITY, MINUS_INFINITY)).any()

    def moved(self, change: Callable[[Array], Array]) -> Exact:
        """
        Return the elements in other places: `change` reshapes, permutes or takes.
        """
        special = None if self.special is None else change(self.special)
        return Exact(integers=change(self.integers), exponent=self.exponent, special=special)

    def negated(self) -> Exact:
        """
        Return the numbers with the opposite signs, those of zeros and infinities as well.
        """
        codes = _NEGATED[self.codes]
        codes[(self.integers == 0) & (self.codes == ORDINARY)] = MINUS_ZERO
        return Exact(integers=-self.integers, exponent=self.exponent, special=codes)

    def signs(self) -> Array:
        """
        Return 1.0 or -1.0 for each element, the sign bit of zeros and infinities included, 0.0 for absent ones.
        """
        minus = (self.integers < 0) | np.isin(self.codes, (MINUS_INFINITY, MINUS_ZERO))
        return np.where(self.codes == ABSENT, 0.0, np.where(minus, -1.0, 1.0))

    def zeros(self) -> Array:
        """
        Return where the elements are zeros, of either sign.
        """
        return (self.integers == 0) & np.isin(self.codes, (ORDINARY, MINUS_ZERO))


def exact(array: Array) -> Exact:
    """
    Read a real array, integer or floating, of any dtype of the case format.
    """
    if array.dtype.kind in "iu":
        return _shrunk(array.astype(object)) if array.dtype.itemsize == 8 else Exact(integers=array.astype(np.float64))
    values = array.astype(np.float64)
    codes = np.select(
        [np.isnan(values), values == np.inf, values == -np.inf, (values == 0) & np.signbit(values)],
        [NAN, PLUS_INFINITY, MINUS_INFINITY, MINUS_ZERO],
        ORDINARY,
    ).astype(np.int8)
    if not codes.any():
        return _scaled(values)
    numbers = _scaled(np.where(codes == ORDINARY, values, 0.0))
    return Exact(integers=numbers.integers, exponent=numbers.exponent, special=codes)


def _scaled(values: Array) -> Exact:
    if (np.rint(values) == values).all() and (np.abs(values) < LIMIT).all():
        return Exact(integers=values)
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, 53).astype(np.int64)
    lowest = np.where(mantissas == 0, 1, mantissas & -mantissas)
    trailing = np.log2(lowest.astype(np.float64)).astype(np.int64)
    ends = np.where(mantissas == 0, exponents.max(), exponents - 53 + trailing)
    exponent = int(ends.min())
    if int(exponents.max()) - exponent <= 53:
        return Exact(integers=np.ldexp(values, -exponent), exponent=exponent)
    odd = _to_int(mantissas >> trailing)
    return Exact(integers=_shift_left(odd, ends - exponent), exponent=exponent)


def _shrunk(integers: Array) -> Array | Exact:
    raise NotImplementedError
