"""
Exact numbers rounded once, to nearest with ties to even, or wrapped around.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..call import Array
from ..dtypes import FORMATS, Format, is_integer, numpy_type
from .exact import MINUS_INFINITY, MINUS_ZERO, NAN, PLUS_INFINITY, Exact


def rounded(numbers: Exact, dtype: str, *, flush: bool = False) -> Array:
    """
    Return real numbers as an array of `dtype`.

    Integers wrap modulo 2**n. Floats are rounded once; beyond the largest finite number they become infinite
    (NaN in float8_e4m3fn). `flush` writes subnormal results as zeros of their sign.
    """
    if is_integer(dtype):
        return _wrapped(numbers, numpy_type(dtype))
    values = _float(numbers, FORMATS[dtype], flush=flush)
    return values.astype(numpy_type(dtype))  # nothing is left to round; what is beyond the largest overflows


def _wrapped(numbers: Exact, dtype: np.dtype[Any]) -> Array:
    if numbers.integers.dtype != object:
        return numbers.integers.astype(np.int64).astype(dtype)
    return (numbers.integers % 2**64).astype(np.uint64).astype(dtype)


def _float(numbers: Exact, form: Format, *, flush: bool) -> Array:
    nearest = _nearest_small if numbers.integers.dtype != object else _nearest_large
    values = nearest(numbers.integers, numbers.exponent, form)
    for code, value in ((NAN, np.nan), (PLUS_INFINITY, np.inf), (MINUS_INFINITY, -np.inf), (MINUS_ZERO, -0.0)):
        values = np.where(numbers.codes == code, value, values)
    return flushed(values, form) if flush else values


def flushed(values: Array, form: Format) -> Array:
    """
    Return float64 values with those that are subnormal in `form` replaced by zeros of their sign.
    """
    return np.where(np.abs(values) < 2.0**form.min_exponent, np.copysign(0.0, values), values)


def _nearest_small(integers: Array, exponent: int, form: Format) -> Array:
    _, exponents = np.frexp(integers)
    quantum = np.maximum(exponents + exponent - form.bits, form.min_exponent - form.bits + 1)
    values = np.ldexp(np.rint(np.ldexp(integers, exponent - quantum)), quantum)
    return np.where(integers == 0, 0.0, values)


def _nearest_large(integers: Array, exponent: int, form: Format) -> Array:
    values = [_nearest(value, exponent, form) for value in integers.flat]
    return np.array(values, np.float64).reshape(integers.shape)


def _nearest(integer: int, exponent: int, form: Format) -> float:
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
