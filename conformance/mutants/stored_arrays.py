"""Arrays in the memory layout of the call's storage: a mutant target reads the arrays that `Call.place` made."""

from __future__ import annotations

import numpy as np

from ..core import Array, Call


def placed(call: Call, name: str) -> Array:
    """Return an array in the call's layout and in the memory layout of the call's storage."""
    array = call.array(name)
    letters = call.letters(name)
    return call.place(name, letters) if array.ndim == len(letters) else array


def read_placed(call: Call, name: str) -> Array:
    """Return a contiguous copy of the placed array."""
    return np.array(placed(call, name))
