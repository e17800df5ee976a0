"""
Read the numbers of case files, and round each number correctly, once, to its dtype.

The results are Python numbers that the dtype represents exactly, so that later conversions do not round again.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TypeAlias

from ...core import COMPLEX_PARTS, FORMATS, INTEGERS, FloatFormat

Real: TypeAlias = int | float
Number: TypeAlias = int | float | complex

#: The non-finite numbers by their spelling.
WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

_INTEGER = re.compile(r"0|-?[1-9]\d{0,400}")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,400})\.\d{1,800}([eE][-+]\d{1,6})?")
_HEX = re.compile(r"(-?)0x([0-9a-f]{1,40})(?:\.([0-9a-f]{1,300}))?p([-+]?\d{1,5})", re.IGNORECASE)


class Unfit(ValueError):
    """A text is not a number, or a dtype cannot represent a number."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read(text: str, dtype: str) -> Real:
    """
    Parse `text` as a number of a real dtype.

    Integers and hex floats must be exact; decimals are rounded once, to nearest, ties to even.

    Raises:
        Unfit: if `text` is not a number, or if `dtype` cannot represent the number.

    """
    if _INTEGER.fullmatch(text):
        return from_integer(int(text), dtype)
    if dtype in INTEGERS:
        raise Unfit(f"{text} is not an integer", f"{dtype} is an integer dtype")
    if text in WORDS:
        return _special(WORDS[text], dtype)
    if _DECIMAL.fullmatch(text):
        return _decimal(text, dtype)
    if match := _HEX.fullmatch(text):
        return _hexadecimal(match, dtype)
    raise Unfit(f"{text!r} is not a number", 'write an integer, a decimal, "0x1.8p-3", nan, inf or -inf')


def fit(value: Number, dtype: str) -> Number:
    """
    Return `value` as a number of `dtype`, rounded once.

    Raises:
        Unfit: if `dtype` cannot represent the number.

    """
    if dtype in COMPLEX_PARTS:
        whole = complex(value)
        return complex(fit(whole.real, COMPLEX_PARTS[dtype]), fit(whole.imag, COMPLEX_PARTS[dtype]))
    if isinstance(value, complex):
        raise Unfit(f"{value} is complex", f"{dtype} is real")
    if isinstance(value, int):
        return from_integer(value, dtype)
    if dtype in INTEGERS:
        return _integral(value, dtype)
    return _special(value, dtype) if not math.isfinite(value) else nearest(value, dtype)


def from_integer(value: int, dtype: str) -> Real:
    """
    Return an integer as an element of a real dtype, exactly.

    Raises:
        Unfit: if the integer is out of range or would be rounded.

    """
    if dtype in INTEGERS:
        low, high = integer_range(dtype)
        if not low <= value <= high:
            raise Unfit(f"{value} is out of range for {dtype}", f"its range is {low} to {high}")
        return value
    form = FORMATS[dtype]
    if abs(value) >> form.bits == 0:
        return float(value)
    rounded = _round(Fraction(value), form)
    if abs(rounded) > form.largest:
        raise Unfit(f"{value} is too large for {dtype}", f"its largest number is {form.largest!r}; or write inf")
    if rounded != value:
        raise Unfit(f"{value} is not a {dtype}", f"the nearest is {int(rounded)}; write {value}.0 if it may be rounded")
    return rounded


def integer_range(dtype: str) -> tuple[int, int]:
    """Return the smallest and the largest element of an integer dtype."""
    bits = int(dtype.removeprefix("u").removeprefix("int"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def nearest(value: float, dtype: str) -> float:
    """
    Return the number of a floating-point dtype nearest to a finite float64, ties to even.

    Raises:
        Unfit: if the value overflows, or is nonzero and rounds to zero.

    """
    form = FORMATS[dtype]
    scaled, exponent = _scaled(value, form)
    return _checked(math.ldexp(round(scaled), exponent) if value else value, repr(value), dtype, is_zero=not value)


def _decimal(text: str, dtype: str) -> float:
    value = float(text)
    form = FORMATS[dtype]
    if not math.isfinite(value):
        return _checked(value, text, dtype, is_zero=False)
    if form.bits < 53 and value:
        scaled, exponent = _scaled(value, form)
        # Rounding first to float64 and then to the dtype is correct, unless the float64 is exactly halfway between two
        # neighbouring numbers of the dtype.
        is_tie = abs(scaled - math.trunc(scaled)) == 0.5
        value = math.copysign(_round(Fraction(text), form) if is_tie else math.ldexp(round(scaled), exponent), value)
    digits = text.lower().partition("e")[0]
    return _checked(value, text, dtype, is_zero=not digits.strip("-0."))


def _hexadecimal(match: re.Match[str], dtype: str) -> float:
    sign, whole, part, power = match.groups(default="")
    exponent = int(power) - 4 * len(part)
    if abs(exponent) > 5000:
        raise Unfit(f"{match[0]} is out of range for every dtype")
    digits = int(whole + part, 16)
    exact = Fraction(digits) * Fraction(2) ** exponent
    rounded = _round(exact, FORMATS[dtype])
    if exact > FORMATS[dtype].largest or rounded != exact:
        raise Unfit(f"{match[0]} is not a {dtype}", "hex floats must be exact")
    return -rounded if sign else rounded


def _scaled(value: float, form: FloatFormat) -> tuple[float, int]:
    """Return value / 2**e and e, where 2**e is the spacing of the format's numbers around `value`."""
    exponent = max(math.frexp(value)[1], form.min_exponent + 1) - form.bits
    return math.ldexp(value, -exponent), exponent


def _round(value: Fraction, form: FloatFormat) -> float:
    if not value:
        return 0.0
    top = abs(value.numerator).bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** top:
        top -= 1
    exponent = max(top + 1, form.min_exponent + 1) - form.bits
    try:
        return math.ldexp(round(value / Fraction(2) ** exponent), exponent)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _checked(value: float, text: str, dtype: str, *, is_zero: bool) -> float:
    largest = FORMATS[dtype].largest
    if abs(value) > largest:
        raise Unfit(f"{text} is too large for {dtype}", f"its largest number is {largest!r}; or write inf")
    if not value and not is_zero:
        raise Unfit(f"{text} rounds to zero in {dtype}", "write 0.0 if that is intended")
    return value


def _special(value: float, dtype: str) -> float:
    if math.isinf(value) and not FORMATS[dtype].has_infinity:
        raise Unfit(f"{dtype} has no infinity", "in this dtype, overflow becomes nan")
    return value


def _integral(value: float, dtype: str) -> Real:
    if not value.is_integer():
        raise Unfit(f"{value!r} is not an integer", f"{dtype} is an integer dtype")
    return from_integer(int(value), dtype)
