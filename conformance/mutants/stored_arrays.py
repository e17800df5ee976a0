"""Arrays as they lie in memory: the evaluator as a target reads them where `Call.place` put them."""

from __future__ import annotations

import numpy as np

from ..core import Array, Call


def placed(call: Call, name: str) -> Array:
    """Return an array of the call, stored as the call says, in the call's layout."""
    array = call.array(name)
    letters = call.letters(name)
    return call.place(name, letters) if array.ndim == len(letters) else array


def read_placed(call: Call, name: str) -> Array:
    """Return the elements of an array, whatever its strides."""
    return np.array(placed(call, name))
