"""Arrays in the memory layout that a call's `storage` names; mutants read their operands from such arrays."""

from __future__ import annotations

import numpy as np

from ..core import Array, Call


def placed(call: Call, name: str) -> Array:
    """Return the array `name` in the call's axis layout, placed in memory as the call's storage describes."""
    array = call.array(name)
    letters = call.letters(name)
    return call.place(name, letters) if array.ndim == len(letters) else array


def read_placed(call: Call, name: str) -> Array:
    """Return a contiguous copy of `placed(call, name)`."""
    return np.array(placed(call, name))
