"""Texts of numbers that are short, but long enough to distinguish different numbers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np


def numeral(value: Any) -> str:
    """
    Return the text of a number; different numbers of one dtype have different texts.

    A value of float32 has at most nine digits, any other float as many digits as needed. A complex number, which is a
    pair or a text such as `(1+2j)`, is written as `1+2j`. Any other value is returned as `str(value)`.
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
