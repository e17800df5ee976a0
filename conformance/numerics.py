"""
How near a result must be.

A call about structure has small integers (times a power of two): its exact results lie on a grid, and so must what
is returned.
Any other call is about rounding: an error bound that holds for every order of summation judges it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import dtypes
from .call import Array, Call
from .dtypes import STRUCTURE_LIMIT


@dataclass(frozen=True, kw_only=True)
class Precision:
    """
    A class of rounding that a case asks for at least.

    The operands are rounded to `bits` significant bits, where that is given; the sum is kept in `accumulator`.
    """

    accumulator: str = "float32"
    bits: int | None = None


#: The classes that a case may ask for; `exact` and `reassociated` have bounds of their own.
PRECISIONS = {
    "float32": Precision(),
    "tf32-like": Precision(bits=11),
    "bfloat16-like": Precision(bits=8),
    "float16-like": Precision(bits=11),
    "float16-accumulation": Precision(accumulator="float16"),
    "bfloat16-accumulation": Precision(accumulator="bfloat16"),
}
#: The bound of a transform (Winograd, FFT) in units of u times the largest S.
REASSOCIATED = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Tolerance:
    """
    How to judge the elements of one output.

    With a `grid`, a finite element must round to the expected multiple of it.
    Otherwise abs(got - expected) may be at most `bound`, element by element; `unit` is u * S, for reports.
    Up to `coarse` a lower precision explains the error, beyond it only wrong values do.
    """

    grid: float | None = None
    bound: Array | None = None
    coarse: Array | None = None
    unit: Array | None = None


def tolerance(
    call: Call,
    expected: Array,
    dtype: str,
    *,
    composed: bool,
    precision: str | None = None,
    switches: Collection[str] = frozenset(),
) -> Tolerance:
    """
    Return the tolerance for a result of `dtype` (as the target returns it, which may be narrower than the call's).

    `precision` is the class that the case asks for, if it asks for one; `switches` are those that `expected` was
    computed with.
    """
    from . import reference

    real = dtypes.PARTS.get(dtype, dtype)
    magnitude = reference.magnitude(call, switches)
    grid = _grid(call)
    # What a NaN or an infinity reaches is judged for being one; it loosens nothing for its neighbours.
    largest = float(magnitude.max(initial=0.0, where=np.isfinite(magnitude)))
    # Beyond the limit of the case's own dtype the expectation itself may be off the grid.
    limit = min(STRUCTURE_LIMIT[real], STRUCTURE_LIMIT[_own(call)])
    if grid and largest / grid <= limit:
        return Tolerance(grid=grid)
    allowed = _rounding(call, expected, real, magnitude, _precision(call, real, precision, composed=composed))
    if precision == "exact":
        return replace(allowed, bound=np.zeros_like(magnitude))
    if precision == "reassociated":
        wider = np.asarray(allowed.bound) + REASSOCIATED * dtypes.FORMATS["float32"].unit * largest
        return replace(allowed, bound=wider)
    return allowed


def _precision(call: Call, dtype: str, asked: str | None, *, composed: bool) -> Precision:
    """
    Return the class to judge by: the one that the case asks for, else that of the accumulator it assumes.

    Without any, float32 is assumed, float64 for float64.
    A composition may round to its dtype between its steps, whatever class is asked for.
    """
    assumed = call.accumulate or ("float64" if dtype == "float64" else "float32")
    precision = PRECISIONS.get(asked or "", Precision(accumulator=dtypes.PARTS.get(assumed, assumed)))
    if not composed:
        return precision
    coarser = min(dtype, precision.accumulator, key=lambda name: dtypes.FORMATS[name].bits)
    return replace(precision, accumulator=coarser)


def _grid(call: Call) -> float:
    """
    Return the largest power of two that divides every product and the bias, 0.0 where there is none.
    """
    names = [stage.kernel for stage in call.stages]
    quanta = [_quantum(call.input), *(_quantum(call.array(name)) for name in names)]
    grid = float(np.prod(quanta))
    return min(grid, _quantum(call.bias)) if call.bias is not None else grid


def _quantum(array: Array) -> float:
    """
    Return the largest power of two that divides every finite element, 1.0 for zeros alone, 0.0 below 2**-60.
    """
    parts = np.stack([array.real, array.imag]) if np.iscomplexobj(array) else array
    values = np.abs(parts.astype(np.float64))
    values = values[np.isfinite(values) & (values != 0)]
    if not values.size:
        return 1.0
    mantissa, exponent = np.frexp(values)
    scaled = (mantissa * 2.0**53).astype(np.int64)
    zeros = np.frexp((scaled & -scaled).astype(np.float64))[1] - 1
    least = int((exponent - 53 + zeros).min())
    return 2.0**least if least >= -60 else 0.0


def _rounding(call: Call, expected: Array, dtype: str, magnitude: Array, precision: Precision) -> Tolerance:
    """
    Return abs(got - y) <= K * u * S + u_out * (abs(y) + abs(y - b)), plus underflow, for any order of summation.

    u belongs to the accumulator.
    A class of fewer bits, or a mode that returns a narrower dtype (autocast), rounds both operands first:
    (2u + u**2) * S more, with u of that.
    """
    from . import reference

    out = dtypes.FORMATS[dtype]
    accumulator = dtypes.FORMATS[precision.accumulator]
    count = reference.products(call)
    size = np.abs(wide(expected))
    underflow = count * 2.0**accumulator.min_exponent + 2.0**out.min_exponent
    # A product of complex numbers is four real ones.
    factor = 4.0 if np.iscomplexobj(expected) else 1.0
    # The expectation is y rounded once, to the case's own dtype, which a mode may return a wider one of.
    own = dtypes.FORMATS[_own(call)]
    outer = out.unit * (size + _before_bias(call, expected)) + max(out.unit, own.unit) * size
    sums = (count * accumulator.unit + _narrowing(call, out, precision)) * magnitude
    bound = factor * (sums + outer + underflow)
    # Inputs rounded to bfloat16 cost up to (2u + u^2) * S, random data summed in it hardly more, however many products.
    coarse = bound + factor * 4 * dtypes.FORMATS["bfloat16"].unit * magnitude
    return Tolerance(bound=bound, coarse=coarse, unit=accumulator.unit * magnitude)


def _own(call: Call) -> str:
    """Return the real dtype of the output, or of its parts, that the case asks for."""
    dtype = call.dtype.output or call.dtype.input
    return dtypes.PARTS.get(dtype, dtype)


def _narrowing(call: Call, out: dtypes.Format, precision: Precision) -> float:
    own_bits = dtypes.FORMATS[_own(call)].bits
    bits = min(out.bits, precision.bits or own_bits)
    unit = 2.0**-bits
    return 2 * unit + unit**2 if bits < own_bits else 0.0


def _before_bias(call: Call, expected: Array) -> Any:
    """
    Return abs(y - b), which a framework rounds if it adds the bias in a step of its own; 0 without a bias.
    """
    if call.bias is None:
        return 0.0
    letters = call.layout.output or call.layout.input
    shape = [-1 if letter == "C" else 1 for letter in letters]
    return np.abs(wide(expected) - wide(call.bias).reshape(shape))


def wide(array: Array) -> Any:
    """
    Return an array as float64, or complex128, in which every element of a narrower dtype is exact.
    """
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
