"""
The second formulation: a linear map for each spatial axis, and one dense kernel between all channels.

Values have the axes (batch, spatial…, channel), kernels (tap…, in, out); both hold float64, or Python numbers
where float64 could not hold them. A complex value has its imaginary parts as further channels.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import product as combinations

import ml_dtypes
import numpy as np

from ..call import Array, Call
from ..dtypes import is_complex, is_integer, numpy_type
from . import terms
from .dense import Dense, contracted
from .maps import Axis, backward, forward
from .undefined import check


def evaluate_again(call: Call, switches: Collection[str] = frozenset()) -> Array:
    """
    Return the exact result of a call, rounded once, by another way than `evaluate`; the contract is the same.

    Raises:
        Undefined: if the call has no meaning.

    """
    check(call)
    x = _padded(call)
