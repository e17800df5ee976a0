"""Exact scalars: an exact number is a Fraction, or a float if it is NaN, infinite or -0.0."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

from ...core import Array

Number: TypeAlias = Fraction | float


def number(value: float) -> Number:
    """Return the exact number of a Python or NumPy scalar."""
    if not isinstance(value, float):
        return Fraction(int(value))  # a Fraction of a NumPy integer would overflow in arithmetic
    special = not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0)
    return float(value) if special else Fraction(value)


def numbers(array: Array) -> Array:
    """Return an object array with the exact numbers of an array."""
    read = [value if isinstance(value, Fraction) else number(value) for value in array.flat]
    return np.array(read, object).reshape(array.shape)


def integers(array: Array) -> tuple[Array, Fraction] | None:
    """Return (integers, unit) with array = integers * unit, or None if any number is NaN or infinite."""
    if any(isinstance(value, float) and value for value in array.flat):
        return None
    fractions = [Fraction(value) for value in array.flat]
    finest = max((value.denominator for value in fractions), default=1)
    counts = [value.numerator * (finest // value.denominator) for value in fractions]
    return np.array(counts, object).reshape(array.shape), Fraction(1, finest)


def product(left: Number, right: Number) -> Number:
    """Return the exact product; signs of zeros, NaN and infinities follow IEEE 754."""
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        exact = left * right
        return exact if exact or (left >= 0) == (right >= 0) else -0.0
    return number(_sign(left) * _sign(right))


def _sign(value: Number) -> float:
    return value if isinstance(value, float) else float((value > 0) - (value < 0))


def total(terms: Iterable[Number], *, zero_start: bool = False) -> Number:
    """Return the exact sum, which is 0 for no terms. NaN, infinities and -0.0 follow IEEE 754."""
    terms = list(terms)
    floats = [term for term in terms if isinstance(term, float)]
    if any(floats):  # NaN or infinities, not only -0.0
        return sum(floats)
    if terms and len(floats) == len(terms) and not zero_start:
        return -0.0
    return sum((term for term in terms if isinstance(term, Fraction)), Fraction(0))


def finfo(dtype: np.dtype[Any]) -> Any:
    """Return the `finfo` of a floating-point dtype, which may be a dtype of `ml_dtypes`."""
    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


def nearest(value: Number, dtype: np.dtype[Any]) -> float:
    """Return the number of a floating-point dtype that is nearest to `value`. Ties go to the even significand."""
    if isinstance(value, float):
        return value
    form = finfo(dtype)
    unit = Fraction(2) ** max(_exponent(value) - form.nmant, form.minexp - form.nmant)
    multiple = round(value / unit) * unit
    if abs(multiple) > Fraction(float(form.max)):
        return math.copysign(math.inf, _sign(value))
    return math.copysign(float(multiple), _sign(value))


def shortened(value: float, bits: int) -> float:
    """Return the number with `bits` significant bits that is nearest to `value`. Ties go to the even significand."""
    if not value or not math.isfinite(value):
        return value
    unit = Fraction(2) ** (_exponent(Fraction(value)) + 1 - bits)
    return float(round(Fraction(value) / unit) * unit)


def _exponent(value: Fraction) -> int:
    # The largest e with 2**e <= abs(value). The denominator of `value` must be a power of two.
    return abs(value.numerator).bit_length() - value.denominator.bit_length()


def wrapped(value: Number, dtype: np.dtype[Any]) -> int:
    """Return the value of an integer dtype of n bits that is congruent to `value` modulo 2**n."""
    lowest, size = int(np.iinfo(dtype).min), 1 << 8 * dtype.itemsize
    return (int(value) - lowest) % size + lowest
