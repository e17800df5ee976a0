"""The formulations of the exact reference as parameters of tests, and what their tests have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import numpy as np
import pytest
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array
from conv_conformance.reference import Undefined, evaluate, evaluate_again

from .builders import call_of

Evaluate: TypeAlias = Callable[..., Array]

each_formulation = pytest.mark.parametrize("reference", [evaluate, evaluate_again], ids=["direct", "again"])


def line(*values: float, taps: tuple[float, ...] = (1,), op: str = "conv", **parameters: Any) -> Call:
    """Return a call of rank 1 with one channel and one filter."""
    kernel = np.reshape(np.array(taps), (-1, 1, 1))
    return call_of(op, np.reshape(np.array(values), (1, -1, 1)), kernel, **parameters)


def whole(rng: np.random.Generator, *shape: int) -> Array:
    """Return small whole numbers, as float64."""
    return rng.integers(-9, 10, shape).astype(np.float64)


def outcome(function: Evaluate, call: Call, chosen: Collection[str] = ()) -> object:
    """Return the shape, dtype and bits (all NaNs equal) of the output of a formulation, or "undefined"."""
    try:
        result = function(call, chosen)
    except Undefined:
        return "undefined"
    return result.shape, result.dtype.name, bits(result)


def bits(array: Array) -> bytes:
    """Return the bytes of an array with every NaN made the same."""
    parts = np.stack([array.real, array.imag]) if array.dtype.kind == "c" else np.array(array, order="C")
    if array.dtype.kind not in "iu":
        parts[np.isnan(parts)] = np.nan
    return parts.tobytes()
