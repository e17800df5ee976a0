"""Arrays in the memory layout that a call's `storage` names; mutants read their operands from such arrays."""

from __future__ import annotations

import numpy as np

from ..core import Array, Call


def placed(call: Call, name: str) -> Array:
    """Return the array `name`, with the axes of the call's layout, in the memory layout of the call's storage."""
    array = call.array(name)
    letters = call.letters(name)
    return call.place(name, letters) if array.ndim == len(letters) else array


def read_placed(call: Call, name: str) -> Array:
    """Return a contiguous copy of `placed(call, name)`."""
    return np.array(placed(call, name))
