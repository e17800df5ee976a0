"""
How near a result must be.

A call about structure has small integers (times a power of two): its exact results lie on a grid, and so must what
is returned.
Any other call is about rounding: an error bound that holds for every order of summation judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core import COTANGENT, DIRECTIONS, STRUCTURE_LIMIT, Array, Call, dtypes


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """
    The sums that an array consists of, as far as its rounding depends on them.

    `magnitude` is S of each element, `products` returns K, the largest number of products behind one; `grid` is a
    power of two that divides them all, 0.0 where there is none.
    `dtype` is the real dtype that the case asks for, of the array or of its parts, `accumulate` the accumulator that
    it assumes; `between` is the size of what may be rounded to `dtype` on the way, abs(y - b) of what a bias b was
    added to, 0.0 without one.
    """

    magnitude: Array
    products: Callable[[], int]
    grid: float
    dtype: str
    accumulate: str | None = None
    between: Any = 0.0


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
    return _tolerance(_sums(call, expected, switches), expected, dtype, composed=composed, precision=precision)


def accumulator(call: Call, dtype: str) -> str:
    """Return the accumulator that a call assumes for results of `dtype`: that of the case, else float32 or wider."""
    return _assumed(call.accumulate, dtype)


def _assumed(accumulate: str | None, dtype: str) -> str:
    return accumulate or ("float64" if dtype == "float64" else "float32")


def gradient_tolerance(
    call: Call,
    name: str,
    expected: Array,
    dtype: str,
    *,
    composed: bool,
    precision: str | None = None,
    switches: Collection[str] = frozenset(),
) -> Tolerance:
    """
    Return the tolerance for the gradient of the array called `name`; the rest is as for an output.

    `dtype` is the narrowest that the gradient has been in, which may be narrower than that of its array.
    """
    sums = _gradient_sums(call, name, switches)
    return _tolerance(sums, expected, dtype, composed=composed, precision=precision)


def second_order_tolerance(
    call: Call,
    name: str,
    expected: Array,
    dtype: str,
    *,
    composed: bool,
    precision: str | None = None,
    switches: Collection[str] = frozenset(),
) -> Tolerance:
    """
    Return the tolerance for the gradient of gradients by the cotangent, the input or the kernel, as `name` says.

    The rest is as for a gradient.
    """
    sums = _second_order_sums(call, name, switches)
    return _tolerance(sums, expected, dtype, composed=composed, precision=precision)


def _sums(call: Call, expected: Array, switches: Collection[str]) -> Sums:
    from .. import reference

    return Sums(
        magnitude=reference.magnitude(call, switches),
        products=lambda: reference.products(call),
        grid=_grid(call),
        dtype=_real(call.dtype.output or call.dtype.input),
        accumulate=call.accumulate,
        between=_before_bias(call, expected),
    )


def _gradient_sums(call: Call, name: str, switches: Collection[str]) -> Sums:
    from .. import reference

    assert call.cotangent is not None
    return Sums(
        magnitude=reference.gradient_magnitudes(call, call.cotangent, switches)[name],
        products=lambda: reference.gradient_products(call, switches)[name],
        grid=_gradient_grid(call, name),
        dtype=call.dtype_of(name),
        accumulate=call.accumulate,
    )


def _second_order_sums(call: Call, name: str, switches: Collection[str]) -> Sums:
    from .. import reference

    assert call.cotangent is not None
    magnitude = reference.second_order_magnitudes(call, call.cotangent, call.along, switches)[name]
    return Sums(
        magnitude=magnitude,
        products=lambda: reference.second_order_products(call, call.along, switches)[name],
        grid=_second_order_grid(call, name),
        dtype=call.dtype_of(name),
        accumulate=call.accumulate,
        # The two convolutions and their sum may be rounded before the rest is added: each is at most S.
        between=2 * magnitude if name == COTANGENT else 0.0,
    )


def _tolerance(sums: Sums, expected: Array, dtype: str, *, composed: bool, precision: str | None) -> Tolerance:
    real, magnitude, grid = _real(dtype), sums.magnitude, sums.grid
    # What a NaN or an infinity reaches is judged for being one; it loosens nothing for its neighbours.
    largest = float(magnitude.max(initial=0.0, where=np.isfinite(magnitude)))
    # Beyond the limit of the case's own dtype the expectation itself may be off the grid.
    limit = min(STRUCTURE_LIMIT[real], STRUCTURE_LIMIT[sums.dtype])
    if grid and largest / grid <= limit:
        return Tolerance(grid=grid)
    allowed = _rounding(sums, expected, real, _precision(sums.accumulate, real, precision, composed=composed))
    if precision == "exact":
        # Where a mode returns another dtype, the expectation was rounded to the case's own, and then to that one.
        forms = [dtypes.FORMATS[name] for name in (sums.dtype, real, real)] if real != sums.dtype else []
        roundings = [each.unit * np.abs(widened(expected)) + 2.0 ** (each.min_exponent - each.bits) for each in forms]
        return replace(allowed, bound=sum(roundings, np.zeros_like(magnitude)))
    if precision == "reassociated":
        wider = np.asarray(allowed.bound) + REASSOCIATED * dtypes.FORMATS["float32"].unit * largest
        return replace(allowed, bound=wider)
    return allowed


def _precision(accumulate: str | None, dtype: str, asked: str | None, *, composed: bool) -> Precision:
    """
    Return the class to judge by: the one that the case asks for, else that of the accumulator it assumes.

    Without any, float32 is assumed, float64 for float64.
    A composition may round to its dtype between its steps, whatever class is asked for.
    """
    assumed = _assumed(accumulate, dtype)
    precision = PRECISIONS.get(asked or "", Precision(accumulator=dtypes.COMPLEX_PARTS.get(assumed, assumed)))
    if not composed:
        return precision
    coarser = min(dtype, precision.accumulator, key=lambda name: dtypes.FORMATS[name].bits)
    return replace(precision, accumulator=coarser)


def _grid(call: Call) -> float:
    """Return the largest power of two that divides every product and the bias, 0.0 where there is none."""
    names = [stage.kernel for stage in call.stages]
    quanta = [_quantum(call.input), *(_quantum(call.array(name)) for name in names)]
    grid = float(np.prod(quanta))
    return min(grid, _quantum(call.bias)) if call.bias is not None else grid


def _gradient_grid(call: Call, name: str) -> float:
    """
    Return the largest power of two that divides every product behind the gradient of an array, 0.0 without one.

    Each is of the cotangent and of one element of every other array; with the bias nothing is multiplied.
    """
    operands = ["input", *(stage.kernel for stage in call.stages)] if name != "bias" else []
    quanta = [_quantum(call.array(other)) for other in (COTANGENT, *operands) if other != name]
    return float(np.prod(quanta))


def _second_order_grid(call: Call, name: str) -> float:
    """
    Return the largest power of two that divides every product behind a gradient of gradients, 0.0 without one.

    By the cotangent each is of one array and the direction of the other; by an array, of the cotangent and the
    direction of the other array.
    """
    other = {"input": "kernel", "kernel": "input"}
    if name != COTANGENT:
        return _quantum(call.array(COTANGENT)) * _quantum(call.array(DIRECTIONS[other[name]]))
    quanta = [_quantum(call.array(one)) * _quantum(call.array(DIRECTIONS[two])) for one, two in other.items()]
    return min(*quanta, *([_quantum(call.bias_direction)] if call.bias_direction is not None else []))


def _quantum(array: Array) -> float:
    """Return the largest power of two that divides every finite element, 1.0 for zeros alone, 0.0 below 2**-60."""
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


def _rounding(sums: Sums, expected: Array, dtype: str, precision: Precision) -> Tolerance:
    """
    Return abs(got - y) <= K * u * S + u_out * (abs(y) + abs(y - b)), plus underflow, for any order of summation.

    u belongs to the accumulator.
    A class of fewer bits, or a mode that returns a narrower dtype (autocast), rounds both operands first:
    (2u + u**2) * S more, with u of that.
    """
    out, magnitude = dtypes.FORMATS[dtype], sums.magnitude
    accumulator = dtypes.FORMATS[precision.accumulator]
    count = sums.products()
    size = np.abs(widened(expected))
    underflow = count * 2.0**accumulator.min_exponent + 2.0**out.min_exponent
    # A product of complex numbers is four real ones.
    factor = 4.0 if np.iscomplexobj(expected) else 1.0
    # The expectation is y rounded once, to the case's own dtype, which a mode may return a wider one of.
    own = dtypes.FORMATS[sums.dtype]
    outer = out.unit * (size + sums.between) + max(out.unit, own.unit) * size
    inner = (count * accumulator.unit + _narrowing(own, out, precision)) * magnitude
    bound = factor * (inner + outer + underflow)
    # Inputs rounded to bfloat16 cost up to (2u + u^2) * S, random data summed in it hardly more, however many products.
    coarse = bound + factor * 4 * dtypes.FORMATS["bfloat16"].unit * magnitude
    return Tolerance(bound=bound, coarse=coarse, unit=accumulator.unit * magnitude)


def _real(dtype: str) -> str:
    return dtypes.COMPLEX_PARTS.get(dtype, dtype)


def _narrowing(own: dtypes.FloatFormat, out: dtypes.FloatFormat, precision: Precision) -> float:
    bits = min(out.bits, precision.bits or own.bits)
    unit = 2.0**-bits
    return 2 * unit + unit**2 if bits < own.bits else 0.0


def _before_bias(call: Call, expected: Array) -> Any:
    """Return abs(y - b), which a framework rounds if it adds the bias in a step of its own; 0 without a bias."""
    if call.bias is None:
        return 0.0
    letters = call.layout.output or call.layout.input
    shape = [-1 if letter == "C" else 1 for letter in letters]
    with np.errstate(invalid="ignore"):  # an infinite bias less itself
        return np.abs(widened(expected) - widened(call.bias).reshape(shape))


def widened(array: Array) -> Any:
    """Return an array as float64, or complex128, in which every element of a narrower dtype is exact."""
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
