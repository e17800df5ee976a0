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
        zeros: Array = (self.integers == 0) & np.isin(self.codes, (ORDINARY, MINUS_ZERO))
        return zeros


def exact(array: Array) -> Exact:
    """
    Read a real array, integer or floating, of any dtype of the case format.
    """
    values = array.astype(np.float64)
    if array.dtype.kind in "iu":
        return Exact(integers=values if _fits(values) else array.astype(object))
    minus_zeros = (values == 0) & np.signbit(values)
    if np.isfinite(values).all() and not minus_zeros.any():
        return _scaled(values)
    codes = np.select(
        [np.isnan(values), values == np.inf, values == -np.inf, minus_zeros],
        [NAN, PLUS_INFINITY, MINUS_INFINITY, MINUS_ZERO],
        ORDINARY,
    ).astype(np.int8)
    numbers = _scaled(np.where(codes == ORDINARY, values, 0.0))
    return Exact(integers=numbers.integers, exponent=numbers.exponent, special=codes)


def _fits(values: Array) -> bool:
    return bool((np.abs(values) < LIMIT).all())


def _scaled(values: Array) -> Exact:
    if _fits(values) and (np.rint(values) == values).all():
        return Exact(integers=values)
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, 53).astype(np.int64)
    lowest = np.where(mantissas == 0, 1, mantissas & -mantissas)
    trailing = np.log2(lowest.astype(np.float64)).astype(np.int64)
    ends, nonzero = exponents - 53 + trailing, mantissas != 0
    exponent = int(ends[nonzero].min())
    if int(exponents[nonzero].max()) - exponent <= 53:
        return Exact(integers=np.ldexp(values, -exponent), exponent=exponent)
    shifts = np.where(nonzero, ends - exponent, 0)
    return Exact(integers=_shifted(mantissas >> trailing, shifts), exponent=exponent)


def _shifted(integers: Array, by: Array | int) -> Array:
    return np.asarray(_shift_left(integers, by), object).reshape(integers.shape)


def _shrunk(integers: Array) -> Array:
    if integers.dtype == object and all(-LIMIT < value < LIMIT for value in integers.flat):
        return integers.astype(np.float64)
    return integers


def dot(apply: Bilinear, left: Exact, right: Exact, *, zero_start: bool = False) -> Exact:
    """
    Return the exact sums of products that `apply` forms; none takes an element of `right` twice.

    NaN and infinities follow IEEE 754 term by term; an empty sum is 0.0;
    a sum of which all terms are -0.0 is -0.0, unless it starts from 0.0 (`zero_start`).
    """
    integers = _sums(apply, left.integers, right.integers)
    codes = np.zeros(integers.shape, np.int8)
    if not zero_start:
        codes[_minus_zeros(apply, left, right, integers == 0)] = MINUS_ZERO
    if not (left.is_finite and right.is_finite):
        nonfinite = _nonfinite(apply, left, right)
        codes = np.where(nonfinite == ORDINARY, codes, nonfinite)
        integers = np.where(nonfinite == ORDINARY, integers, 0)
    return Exact(integers=integers, exponent=left.exponent + right.exponent, special=codes if codes.any() else None)


def _sums(apply: Bilinear, left: Array, right: Array) -> Array:
    if left.dtype != object and right.dtype != object and _sums_fit(apply, np.abs(left), np.abs(right)):
        return apply(left, right)
    return _shrunk(apply(_integers(left), _integers(right)))


def _sums_fit(apply: Bilinear, left: Array, right: Array) -> bool:
    # Rounding is monotonic: a sum that reaches the limit does not come out below it.
    largest = left.max(initial=0) * right.max(initial=0) * right.size
    return bool(largest < LIMIT) or _fits(apply(left, right))


def _integers(values: Array) -> Array:
    return values if values.dtype == object else np.asarray(_to_int(values), object).reshape(values.shape)


def _minus_zeros(apply: Bilinear, left: Exact, right: Exact, candidates: Array) -> Array:
    # Every term is a zero, and the signs of its factors differ in every term.
    if not candidates.any():
        return candidates
    signs, other_signs = left.signs(), right.signs()
    if min(signs.min(initial=1), other_signs.min(initial=1)) > 0:
        return np.zeros_like(candidates)
    candidates = candidates & (apply(np.abs(signs) * ~left.zeros(), 1.0 * ~right.zeros()) == 0)
    if not candidates.any():
        return candidates
    terms = apply(np.abs(signs), np.abs(other_signs))
    found: Array = candidates & (terms > 0) & (apply(signs, other_signs) == -terms)
    return found


def _nonfinite(apply: Bilinear, left: Exact, right: Exact) -> Array:
    signs, other_signs = left.signs(), right.signs()
    nan, other_nan = left.codes == NAN, right.codes == NAN
    infinite, other_infinite = _infinite(left), _infinite(right)
    invalid = (
        apply(1.0 * nan, np.ones(other_nan.shape))
        + apply(np.abs(signs) * ~nan, 1.0 * other_nan)
        + apply(1.0 * infinite, 1.0 * right.zeros())
        + apply(1.0 * left.zeros(), 1.0 * other_infinite)
    )
    count = apply(1.0 * infinite, np.abs(other_signs)) + apply(np.abs(signs) * ~infinite, 1.0 * other_infinite)
    balance = apply(signs * infinite, other_signs) + apply(signs * ~infinite, other_signs * other_infinite)
    codes = np.where(balance == 0, ORDINARY, np.where(balance > 0, PLUS_INFINITY, MINUS_INFINITY))
    return np.where((invalid > 0) | (np.abs(balance) < count), NAN, codes).astype(np.int8)


def _infinite(numbers: Exact) -> Array:
    return np.isin(numbers.codes, (PLUS_INFINITY, MINUS_INFINITY))


def add(left: Exact, right: Exact) -> Exact:
    """
    Return the exact sum of two arrays of numbers, broadcast against each other, by the rules of IEEE 754.
    """
    exponent = min(left.exponent, right.exponent)
    total = _total(_aligned(left, exponent), _aligned(right, exponent))
    if left.special is None and right.special is None:
        return Exact(integers=total, exponent=exponent)
    codes = _SUM[left.codes, right.codes]
    total = np.where(np.isin(codes, (ORDINARY, MINUS_ZERO)), total, 0)
    return Exact(integers=total, exponent=exponent, special=codes)


def _aligned(numbers: Exact, exponent: int) -> Array:
    integers, by = numbers.integers, numbers.exponent - exponent
    if integers.dtype != object and (np.abs(integers) < LIMIT * 2.0 ** -(by + 1)).all():
        return np.ldexp(integers, by) if by else integers
    return _shifted(integers, by)


def _total(left: Array, right: Array) -> Array:
    if left.dtype != object and right.dtype != object:
        return left + right
    return _shrunk(np.asarray(_integers(left) + _integers(right), object))


def _sum_of_codes() -> Array:
    table = np.full((6, 6), ORDINARY, np.int8)
    table[MINUS_ZERO, MINUS_ZERO] = MINUS_ZERO
    for infinity in (PLUS_INFINITY, MINUS_INFINITY):
        table[infinity, :] = table[:, infinity] = infinity
    table[PLUS_INFINITY, MINUS_INFINITY] = table[MINUS_INFINITY, PLUS_INFINITY] = NAN
    table[NAN, :] = table[:, NAN] = NAN
    return table


_SUM = _sum_of_codes()
