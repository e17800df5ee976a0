"""Short texts of numbers that still distinguish them from other numbers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np


def numeral(value: Any) -> str:
    """
    Return a number as text: a float32 value with at most nine digits, any other float with the digits that it needs.

    A complex number is a pair in an expectation, and a text such as `1+2j` in a record. Other values are returned as
    `str(value)`.
    """
    if isinstance(value, str) and value.endswith(("j", "j)")):
        with suppress(ValueError):
            number = complex(value)
            value = [number.real, number.imag]
    if isinstance(value, list):
        real, imaginary = map(numeral, value)
        return f"{real}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
    return _float(value) if isinstance(value, float) else str(value)


def _float(value: float) -> str:
    with np.errstate(over="ignore"):
        is_single = float(np.float32(value)) == value
    return f"{value:.9g}" if is_single else repr(value).removesuffix(".0")
