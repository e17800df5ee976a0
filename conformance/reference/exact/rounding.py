"""Rounding of exact numbers to floats, to nearest with ties to even, and wrapping to integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import FORMATS, Array, FloatFormat, is_integer, numpy_type
from .array import MINUS_INFINITY, MINUS_ZERO, NAN, PLUS_INFINITY, Exact, whole
from .expansion import WIDEST, to_nearest, to_odd
from .slices import HELD


def rounded(numbers: Exact, dtype: str, *, flush: bool = False) -> Array:
    """
    Return real exact numbers as an array of `dtype`.

    Integers of n bits wrap modulo 2**n. Floats are rounded once. Results beyond the largest finite number overflow to
    infinity, or to NaN in float8_e4m3fn. `flush` replaces subnormal results by zeros of the same sign.
    """
    if is_integer(dtype):
        return _wrapped(numbers, numpy_type(dtype))
    values = _float(numbers, FORMATS[dtype], flush=flush)
    return values.astype(numpy_type(dtype))  # the values are already rounded; the cast only overflows


def _wrapped(numbers: Exact, dtype: np.dtype[Any]) -> Array:
    if numbers.integers.dtype == object:
        return (numbers.integers % 2**64).astype(np.uint64).astype(dtype)
    first, *rest = (_modulo(part) for part in numbers.expansion)
    return sum(rest, first).astype(dtype)


def _modulo(integers: Array) -> Array:
    """Return float64 integers modulo 2**64, as uint64."""
    high = np.floor(integers / 2.0**32)
    low = (integers - high * 2.0**32).astype(np.uint64)
    return (np.fmod(high, 2.0**32).astype(np.int64).astype(np.uint64) << np.uint64(32)) + low


def _float(numbers: Exact, form: FloatFormat, *, flush: bool) -> Array:
    values = _nearest_large(numbers, form) if numbers.integers.dtype == object else _nearest_small(numbers, form)
    for code, value in ((NAN, np.nan), (PLUS_INFINITY, np.inf), (MINUS_INFINITY, -np.inf), (MINUS_ZERO, -0.0)):
        values = np.where(numbers.codes == code, value, values)
    return flushed(values, form) if flush else values


def shortened(values: Array, bits: int) -> Array:
    """Return float64 values rounded to `bits` significant bits, to nearest with ties to even."""
    quantum = np.frexp(values)[1] - bits
    short: Array = np.ldexp(np.rint(np.ldexp(values, -quantum)), quantum)
    return short


def flushed(values: Array, form: FloatFormat) -> Array:
    """Return float64 values with zeros of the same sign in place of values that are subnormal in `form`."""
    return np.where(np.abs(values) < 2.0**form.min_exponent, np.copysign(0.0, values), values)


def _nearest_small(numbers: Exact, form: FloatFormat) -> Array:
    exponent = numbers.exponent
    if form.bits == HELD:
        first = to_nearest(numbers.expansion)
        if numbers.rest and _is_subnormal(first, exponent, form).any():
            return _nearest_large(numbers, form)
        return np.ldexp(first, exponent)
    integers = to_odd(numbers.expansion)
    _, exponents = np.frexp(integers)
    quantum = np.maximum(exponents + exponent - form.bits, form.min_exponent - form.bits + 1)
    values = np.ldexp(np.rint(np.ldexp(integers, exponent - quantum)), quantum)
    return np.where(integers == 0, 0.0, values)


def _is_subnormal(integers: Array, exponent: int, form: FloatFormat) -> Array:
    small: Array = (np.abs(integers) < 2.0 ** min(form.min_exponent - exponent, WIDEST)) & (integers != 0)
    return small


def _nearest_large(numbers: Exact, form: FloatFormat) -> Array:
    integers = whole(numbers)
    values = [_nearest(value, numbers.exponent, form) for value in integers.flat]
    return np.array(values, np.float64).reshape(integers.shape)


def _nearest(integer: int, exponent: int, form: FloatFormat) -> float:
    quantum = max(integer.bit_length() + exponent - form.bits, form.min_exponent - form.bits + 1)
    shift, sign = quantum - exponent, -1 if integer < 0 else 1
    if shift <= 0:
        return _power(abs(integer), exponent, sign)
    half, odd = 1 << (shift - 1), (abs(integer) >> shift) & 1
    return _power((abs(integer) + half - 1 + odd) >> shift, quantum, sign)


def _power(integer: int, exponent: int, sign: int) -> float:
    try:
        return math.copysign(math.ldexp(integer, exponent), sign)
    except OverflowError:
        return math.copysign(math.inf, sign)
