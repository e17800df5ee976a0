"""
The dtypes of the case format: their names, NumPy types, precision and range.

Only `numpy_type` imports NumPy, so that a corpus can be listed without it.
The narrow floats come from `ml_dtypes`. If `ml_dtypes` is not installed, an array of narrow floats is an array of
unsigned integers with the same bits, and only `Call.dtype` states its real dtype.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: The narrow floats that NumPy lacks, each with the unsigned integer type that holds its bits.
NARROW = {"bfloat16": "uint16", "float8_e4m3fn": "uint8", "float8_e5m2": "uint8"}

FLOATS = ("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
COMPLEX = ("complex64", "complex128")
DTYPES = FLOATS + INTEGERS + COMPLEX


@dataclass(frozen=True, kw_only=True)
class FloatFormat:
    """
    A binary floating-point format.

    A finite number is m * 2**e, with integers m and e and abs(m) < 2**`bits`.
    The smallest normal number is 2**`min_exponent`, and the largest finite number is `largest`.
    `has_infinity` is false for float8_e4m3fn, where overflow results in NaN.
    """

    bits: int
    min_exponent: int
    largest: float
    has_infinity: bool = True

    @property
    def unit(self) -> float:
        """The unit roundoff, u = 2**-bits."""
        return 2.0**-self.bits


FORMATS = {
    "float8_e5m2": FloatFormat(bits=3, min_exponent=-14, largest=57344.0),
    "float8_e4m3fn": FloatFormat(bits=4, min_exponent=-6, largest=448.0, has_infinity=False),
    "bfloat16": FloatFormat(bits=8, min_exponent=-126, largest=(2 - 2.0**-7) * 2.0**127),
    "float16": FloatFormat(bits=11, min_exponent=-14, largest=65504.0),
    "float32": FloatFormat(bits=24, min_exponent=-126, largest=(2 - 2.0**-23) * 2.0**127),
    "float64": FloatFormat(bits=53, min_exponent=-1022, largest=sys.float_info.max),
}

#: The largest S / grid of a structural call, by dtype, with S = sum abs(x * w). If all products x * w are multiples of
#: `grid` and S / grid is within this limit, rounding errors stay below grid / 2, also with Winograd and FFT algorithms.
STRUCTURE_LIMIT = {
    "float8_e5m2": 2.0**3,
    "float8_e4m3fn": 2.0**4,
    "bfloat16": 2.0**8,
    "float16": 2.0**11,
    "float32": 2.0**12,
    "float64": 2.0**41,
}

#: The dtype of the real and the imaginary part of each complex dtype.
COMPLEX_PARTS = {"complex64": "float32", "complex128": "float64"}


@cache
def numpy_type(name: str) -> np.dtype:
    """Return the NumPy dtype called `name`; for a narrow float without `ml_dtypes`, the integer dtype of its bits."""
    import numpy as np

    if name not in NARROW:
        return np.dtype(name)
    try:
        narrow: np.dtype = np.dtype(getattr(import_module("ml_dtypes"), name))
    except ImportError:  # a worker in a third-party environment
        return np.dtype(NARROW[name])
    return narrow


def is_integer(name: str) -> bool:
    """Return whether `name` is an integer dtype; results in an integer dtype of n bits wrap modulo 2**n."""
    return name in INTEGERS


def is_complex(name: str) -> bool:
    """Return whether `name` is a complex dtype."""
    return name in COMPLEX
