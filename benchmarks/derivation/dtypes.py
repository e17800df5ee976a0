"""
Numbers as integers times powers of two, and their rounding to a dtype.

A finite number is a pair (m, e) of integers with the value m * 2**e. NaN, the infinities and -0.0 are the strings
"nan", "inf", "-inf" and "-0". Rounding is to nearest, ties to even, as in IEEE 754; an integer dtype wraps modulo 2**n.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

Dyadic: TypeAlias = "tuple[int, int]"
Number: TypeAlias = "Dyadic | str"

HEX = re.compile(r"([-+]?)0x([0-9a-fA-F]+)(?:\.([0-9a-fA-F]*))?(?:[pP]([-+]?[0-9]+))?\Z")
#: More binary places than a number between two neighbours of any dtype needs.
PLACES = 1300


@dataclass(frozen=True)
class Float:
    """A binary format: significant bits, exponents of the smallest normal and of the largest number, and the latter."""

    bits: int
    least: int
    largest: Fraction
    has_infinity: bool = True
    #: The limit on S in units of the grid up to which any order of summation is exact (cases/README.md, "Exact sums").
    exact_sums: int = 1


def _ieee(bits: int, top: int, exact_sums: int) -> Float:
    return Float(bits, 1 - top, Fraction(2**bits - 1) * Fraction(2) ** (top - bits + 1), exact_sums=exact_sums)


FLOATS = {
    "float64": _ieee(53, 1023, 2**41),
    "float32": _ieee(24, 127, 2**12),
    "float16": _ieee(11, 15, 2**11),
    "bfloat16": _ieee(8, 127, 2**8),
    "float8_e5m2": _ieee(3, 15, 2**3),
    "float8_e4m3fn": Float(4, -6, Fraction(448), has_infinity=False, exact_sums=2**4),
}
#: The dtype of the two parts of a complex number.
PARTS = {"complex64": "float32", "complex128": "float64"}


def dyadic(value: Fraction) -> Dyadic:
    """Return a fraction as (m, e); one whose denominator is no power of two is cut off, and its last bit is set."""
    exponent = value.denominator.bit_length() - 1
    if value.denominator == 1 << exponent:
        return value.numerator, -exponent
    return (value.numerator << PLACES) // value.denominator | 1, -PLACES


def parsed(written: Any) -> Number:
    """Return a number as it is written in a case file, unrounded; ValueError if it is none."""
    if isinstance(written, bool):
        raise ValueError(f"{written!r} is no number")  # noqa: TRY004 -- callers expect one kind of error
    if isinstance(written, int):
        return written, 0
    if isinstance(written, float):
        return "-0" if written == 0 and math.copysign(1, written) < 0 else dyadic(Fraction(repr(written)))
    if written in ("nan", "inf", "-inf"):
        return str(written)
    found = HEX.match(written)
    if not found:
        raise ValueError(f"{written!r} is no number")
    sign, whole, places, exponent = found.groups(default="")
    size = int(whole + places, 16)
    if sign == "-" and not size:
        return "-0"
    return -size if sign == "-" else size, int(exponent or 0) - 4 * len(places)


def rounded(number: Number, dtype: str) -> Number:
    """Round a number to a real dtype."""
    if isinstance(number, str):
        return number if dtype in FLOATS else (0, 0)
    m, e = number
    if dtype not in FLOATS:
        return wrapped(m << e if e >= 0 else int(Fraction(m, 1 << -e)), dtype), 0
    return _nearest(m, e, FLOATS[dtype])


def _nearest(m: int, e: int, dtype: Float) -> Number:
    """Round m * 2**e to a multiple of the unit in the last place, and look for overflow."""
    if not m:
        return 0, 0
    lead = max(abs(m).bit_length() - 1 + e, dtype.least)
    unit = lead - dtype.bits + 1
    if unit > e:
        shift = unit - e
        low, half = m & ((1 << shift) - 1), 1 << (shift - 1)
        m, e = m >> shift, unit
        m += low > half or (low == half and m & 1)
    if abs(m) * Fraction(2) ** e > dtype.largest:
        return ("inf" if m > 0 else "-inf") if dtype.has_infinity else "nan"
    return m, e


def wrapped(value: int, dtype: str) -> int:
    """Return an integer modulo 2**n, as two's complement if the dtype is signed."""
    bits = int(dtype.lstrip("uint"))
    value %= 1 << bits
    return value - (1 << bits) if dtype[0] == "i" and value >> (bits - 1) else value


def to_bits(number: Number, bits: int) -> Number:
    """Round a number to `bits` significant bits; its exponent is not limited."""
    if isinstance(number, str) or not number[0]:
        return number
    least = abs(number[0]).bit_length() - 1 + number[1]
    return _nearest(*number, Float(bits, least, Fraction(2) ** (least + 2)))


def flushed(number: Number, dtype: str) -> Number:
    """Return 0 for a subnormal number of a floating-point dtype, and every other number as it is."""
    if isinstance(number, str) or dtype not in FLOATS or not number[0]:
        return number
    return (0, 0) if abs(number[0]).bit_length() - 1 + number[1] < FLOATS[dtype].least else number


def python(number: Number, dtype: str) -> int | float:
    """Return a number that has been rounded to `dtype` as an integer or a float of Python, which is exact."""
    if isinstance(number, str):
        return -0.0 if number == "-0" else float(number)
    m, e = number
    return math.ldexp(m, e) if dtype in FLOATS else m << e
