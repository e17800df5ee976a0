"""
Numbers as they are written in case files, rounded once and exactly to a dtype.

Values are plain Python numbers that the dtype holds exactly, so that no later conversion rounds again.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TypeAlias

from ...core import COMPLEX_PARTS, FORMATS, INTEGERS, FloatFormat

Real: TypeAlias = int | float
Number: TypeAlias = int | float | complex

#: The numbers that are written as words.
WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

_INTEGER = re.compile(r"0|-?[1-9]\d{0,400}")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,400})\.\d{1,800}([eE][-+]\d{1,6})?")
_HEX = re.compile(r"(-?)0x([0-9a-f]{1,40})(?:\.([0-9a-f]{1,300}))?p([-+]?\d{1,5})", re.IGNORECASE)


class Unfit(ValueError):
    """A number that is not one, or that its dtype cannot hold."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read(text: str, dtype: str) -> Real:
    """
    Return the number that `text` writes, in a real dtype.

    Integers and hex floats must be exact; decimals are rounded once, to nearest, ties to even.

    Raises:
        Unfit: if it is no number or the dtype cannot hold it.

    """
    if _INTEGER.fullmatch(text):
        return from_integer(int(text), dtype)
    if dtype in INTEGERS:
        raise Unfit(f"{text} is not an integer", f"{dtype} holds integers alone")
    if text in WORDS:
        return _special(WORDS[text], dtype)
    if _DECIMAL.fullmatch(text):
        return _decimal(text, dtype)
    if match := _HEX.fullmatch(text):
        return _hexadecimal(match, dtype)
    raise Unfit(f"{text!r} is not a number", 'integers, decimals, "0x1.8p-3", nan, inf, -inf')


def fit(value: Number, dtype: str) -> Number:
    """
    Return a number of one dtype as one of another, rounded once.

    Raises:
        Unfit: if that dtype cannot hold it.

    """
    if dtype in COMPLEX_PARTS:
        whole = complex(value)
        return complex(fit(whole.real, COMPLEX_PARTS[dtype]), fit(whole.imag, COMPLEX_PARTS[dtype]))
    if isinstance(value, complex):
        raise Unfit(f"{value} is complex", f"{dtype} is not")
    if isinstance(value, int):
        return from_integer(value, dtype)
    if dtype in INTEGERS:
        return _integral(value, dtype)
    return _special(value, dtype) if not math.isfinite(value) else nearest(value, dtype)


def from_integer(value: int, dtype: str) -> Real:
    """
    Return an integer as an element of a real dtype, exactly.

    Raises:
        Unfit: if it is out of range or would be rounded.

    """
    if dtype in INTEGERS:
        low, high = integer_range(dtype)
        if not low <= value <= high:
            raise Unfit(f"{value} is out of range for {dtype}", f"it holds {low} to {high}")
        return value
    form = FORMATS[dtype]
    if abs(value) >> form.bits == 0:
        return float(value)
    rounded = _round(Fraction(value), form)
    if abs(rounded) > form.largest:
        raise Unfit(f"{value} is too large for {dtype}", f"its largest number is {form.largest!r}; infinity is inf")
    if rounded != value:
        raise Unfit(f"{value} is not a {dtype}", f"the nearest is {int(rounded)}; a decimal may be rounded: {value}.0")
    return rounded


def integer_range(dtype: str) -> tuple[int, int]:
    """Return the least and the largest element of an integer dtype."""
    bits = int(dtype.removeprefix("u").removeprefix("int"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def nearest(value: float, dtype: str) -> float:
    """
    Return the element of a floating dtype nearest to a finite double, ties to even.

    Raises:
        Unfit: if it overflows, or is not zero and becomes it.

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
        # Rounded twice it may go wrong only where the double lies half way between two neighbours.
        is_tie = abs(scaled - math.trunc(scaled)) == 0.5
        value = math.copysign(_round(Fraction(text), form) if is_tie else math.ldexp(round(scaled), exponent), value)
    digits = text.lower().partition("e")[0]
    return _checked(value, text, dtype, is_zero=not digits.strip("-0."))


def _hexadecimal(match: re.Match[str], dtype: str) -> float:
    sign, whole, part, power = match.groups(default="")
    exponent = int(power) - 4 * len(part)
    if abs(exponent) > 5000:
        raise Unfit(f"{match[0]} is beyond every dtype")
    digits = int(whole + part, 16)
    exact = Fraction(digits) * Fraction(2) ** exponent
    rounded = _round(exact, FORMATS[dtype])
    if exact > FORMATS[dtype].largest or rounded != exact:
        raise Unfit(f"{match[0]} is not a {dtype}", "hex floats must be exact")
    return -rounded if sign else rounded


def _scaled(value: float, form: FloatFormat) -> tuple[float, int]:
    """Return value / quantum and the quantum's exponent, the quantum being the distance of neighbours around it."""
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
        raise Unfit(f"{text} is too large for {dtype}", f"its largest number is {largest!r}; infinity is inf")
    if not value and not is_zero:
        raise Unfit(f"{text} becomes zero in {dtype}", "write 0.0 if that is meant")
    return value


def _special(value: float, dtype: str) -> float:
    if math.isinf(value) and not FORMATS[dtype].has_infinity:
        raise Unfit(f"{dtype} has no infinity", "its overflow is nan")
    return value


def _integral(value: float, dtype: str) -> Real:
    if not value.is_integer():
        raise Unfit(f"{value!r} is not an integer", f"{dtype} holds integers alone")
    return from_integer(int(value), dtype)
