"""
Tolerances: the largest error that a correct result may have.

The operands of a structural call are small integers times a power of two, so all its exact results are multiples of one
power of two, the grid. A correct implementation returns these results exactly. The results of any other call are
rounded. Its tolerance is an error bound that holds for every order of summation. The bound is a multiple of u * S,
where u is the unit roundoff and S = sum abs(x * w) over the products of one output element.
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
    A precision class: the lowest precision that a case accepts.

    The operands are rounded to `bits` significant bits, unless `bits` is None; sums are kept in `accumulator`.
    """

    accumulator: str = "float32"
    bits: int | None = None


#: The precision classes that a case may require, without `exact` and `reassociated`, whose bounds are in `_tolerance`.
PRECISIONS = {
    "float32": Precision(),
    "tf32-like": Precision(bits=11),
    "bfloat16-like": Precision(bits=8),
    "float16-like": Precision(bits=11),
    "float16-accumulation": Precision(accumulator="float16"),
    "bfloat16-accumulation": Precision(accumulator="bfloat16"),
}
#: The error bound of transforms (Winograd, FFT), in units of u times the largest S.
REASSOCIATED = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Tolerance:
    """
    The tolerance for the elements of one array.

    If `grid` is set, each finite element must equal the expected element, which is a multiple of `grid`. An error of
    `grid` / 2 or more means wrong values; a smaller error means low precision. If `grid` is None, abs(got - expected)
    <= `bound` must hold for each element. An error above `bound` means low precision if it is at most `coarse`, else
    wrong values. `unit` is u * S; reports express errors in this unit.
    """

    grid: float | None = None
    bound: Array | None = None
    coarse: Array | None = None
    unit: Array | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """
    The properties of an array of sums of products on which its rounding errors depend.

    `magnitude` is S of each element. `products` returns K, the largest number of products in one element.
    `grid` is a power of two that divides all products, or 0.0 if there is none.
    `dtype` is the real dtype that the case requires for the array, or for its real and imaginary parts.
    `accumulate` is the accumulator that the case names.
    `between` is the magnitude of intermediate results that may be rounded to `dtype`. For the output y of a call with a
    bias b, this is abs(y - b), because the bias may be added in a separate step; without a bias, it is 0.0.
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
    Return the tolerance for an output that the target returns as `dtype`, which may be narrower than the call's dtype.

    `precision` is the class that the case requires, if it names one. `switches` are the switches of the reference with
    which `expected` was computed.
    """
    return _tolerance(_sums(call, expected, switches), expected, dtype, composed=composed, precision=precision)


def accumulator(call: Call, dtype: str) -> str:
    """Return the accumulator for outputs of `dtype`: as the call names it, else float64 for float64, else float32."""
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
    Return the tolerance for the gradient of the array called `name`; the other parameters are those of `tolerance`.

    `dtype` is the narrowest dtype in which the gradient was held; it may be narrower than the dtype of the array.
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
    Return the tolerance for the second-order gradient by `name`, which is `cotangent`, `input` or `kernel`.

    The other parameters are those of `gradient_tolerance`.
    """
    sums = _second_order_sums(call, name, switches)
    return _tolerance(sums, expected, dtype, composed=composed, precision=precision)


def partial_sums(
    call: Call,
    where: str,
    name: str,
    dtype: str,
    *,
    composed: bool,
    precision: str | None = None,
    switches: Collection[str] = frozenset(),
) -> tuple[Array, float]:
    """
    Return S of each element of an array, and the largest number that a partial sum may have.

    `where` and `name` are the key of the array and the array by which the call differentiates, empty for the output.
    `dtype` is the narrowest dtype in which the array was held. The other parameters are those of `tolerance`.
    """
    from .. import reference

    if not name:
        magnitude = reference.magnitude(call, switches)
    elif where.startswith("second."):
        magnitude = _second_order_sums(call, name, switches).magnitude
    else:
        magnitude = _gradient_sums(call, name, switches).magnitude
    required = _precision(call.accumulate, _real(dtype), precision, composed=composed)
    return magnitude, dtypes.FORMATS[required.accumulator].largest


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
        # The two convolutions and their sum may be rounded before the bias direction is added. Together, the magnitudes
        # of these three are at most 2 * S.
        between=2 * magnitude if name == COTANGENT else 0.0,
    )


def _tolerance(sums: Sums, expected: Array, dtype: str, *, composed: bool, precision: str | None) -> Tolerance:
    real, magnitude, grid = _real(dtype), sums.magnitude, sums.grid
    if precision == "reassociated":  # a transform computes fractions, so that no result is exact
        grid = 0.0
    # Elements that are NaN or infinite are compared separately; they must not loosen the bound of the others.
    largest = float(magnitude.max(initial=0.0, where=np.isfinite(magnitude)))
    # If S / grid is above the limit of the case's dtype, the expected elements themselves may not be on the grid.
    limit = min(STRUCTURE_LIMIT[real], STRUCTURE_LIMIT[sums.dtype])
    if grid and largest / grid <= limit:
        return Tolerance(grid=grid)
    allowed = _rounding(sums, expected, real, _precision(sums.accumulate, real, precision, composed=composed))
    if precision == "exact":
        # If a mode returns another dtype, the expected array was rounded twice: to the case's dtype, then to the
        # returned dtype.
        forms = [dtypes.FORMATS[name] for name in (sums.dtype, real, real)] if real != sums.dtype else []
        roundings = [each.unit * np.abs(widened(expected)) + 2.0 ** (each.min_exponent - each.bits) for each in forms]
        return replace(allowed, bound=sum(roundings, np.zeros_like(magnitude)))
    if precision == "reassociated":
        wider = np.asarray(allowed.bound) + REASSOCIATED * dtypes.FORMATS["float32"].unit * largest
        return replace(allowed, bound=wider)
    return allowed


def _precision(accumulate: str | None, dtype: str, required: str | None, *, composed: bool) -> Precision:
    """
    Return the precision class for a judgement: the class that the case requires, else the class of its accumulator.

    The default accumulator is float64 if `dtype` is float64, else float32. If the adapter composed several operations,
    results between them may be rounded to `dtype`, whatever the class.
    """
    assumed = _assumed(accumulate, dtype)
    precision = PRECISIONS.get(required or "", Precision(accumulator=dtypes.COMPLEX_PARTS.get(assumed, assumed)))
    if not composed:
        return precision
    coarser = min(dtype, precision.accumulator, key=lambda name: dtypes.FORMATS[name].bits)
    return replace(precision, accumulator=coarser)


def _grid(call: Call) -> float:
    """Return the largest power of two that divides every product and the bias, or 0.0 if there is none."""
    names = [stage.kernel for stage in call.stages]
    quanta = [_quantum(call.input), *(_quantum(call.array(name)) for name in names)]
    grid = float(np.prod(quanta))
    return min(grid, _quantum(call.bias)) if call.bias is not None else grid


def _gradient_grid(call: Call, name: str) -> float:
    """
    Return the largest power of two that divides every product in the gradient of an array, or 0.0 if there is none.

    Each product has one factor from the cotangent and one from each operand except the array itself. The gradient of
    the bias is a sum of elements of the cotangent.
    """
    operands = ["input", *(stage.kernel for stage in call.stages)] if name != "bias" else []
    quanta = [_quantum(call.array(other)) for other in (COTANGENT, *operands) if other != name]
    return float(np.prod(quanta))


def _second_order_grid(call: Call, name: str) -> float:
    """
    Return the largest power of two that divides every product in a second-order gradient, or 0.0 if there is none.

    The gradient by the cotangent has products of the input and the direction of the kernel, and products of the kernel
    and the direction of the input. The gradient by the input has products of the cotangent and the direction of the
    kernel; the gradient by the kernel has products of the cotangent and the direction of the input.
    """
    other = {"input": "kernel", "kernel": "input"}
    if name != COTANGENT:
        return _quantum(call.array(COTANGENT)) * _quantum(call.array(DIRECTIONS[other[name]]))
    quanta = [_quantum(call.array(one)) * _quantum(call.array(DIRECTIONS[two])) for one, two in other.items()]
    return min(*quanta, *([_quantum(call.bias_direction)] if call.bias_direction is not None else []))


def _quantum(array: Array) -> float:
    """Return the largest power of two that divides all finite elements: 1.0 if all are 0; 0.0 if below 2**-60."""
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
    Return the tolerance that follows from abs(got - y) <= K * u * S + u_out * (abs(y) + abs(y - b)) + underflow.

    This bound holds for any order of summation. u is the unit roundoff of the accumulator, u_out is that of the output
    dtype, and u_own is that of the case's dtype.
    The term max(u_out, u_own) * abs(y) is added because the expected array is y, rounded once to the case's dtype.
    If the precision class has fewer bits, or a mode returns a narrower dtype (autocast), both operands are rounded
    before they are multiplied. This adds (2 * v + v**2) * S, where v is the unit roundoff of that rounding.
    """
    out, magnitude = dtypes.FORMATS[dtype], sums.magnitude
    accumulator = dtypes.FORMATS[precision.accumulator]
    count = sums.products()
    size = np.abs(widened(expected))
    underflow = count * 2.0**accumulator.min_exponent + 2.0**out.min_exponent
    # A complex product consists of four real products.
    factor = 4.0 if np.iscomplexobj(expected) else 1.0
    # The case's dtype may be narrower than the returned dtype.
    own = dtypes.FORMATS[sums.dtype]
    outer = out.unit * (size + sums.between) + max(out.unit, own.unit) * size
    inner = (count * accumulator.unit + _narrowing(own, out, precision)) * magnitude
    bound = factor * (inner + outer + underflow)
    # Rounding the operands to bfloat16 adds an error of at most (2u + u^2) * S. Keeping the sums of random data in
    # bfloat16 adds about as much.
    coarse = bound + factor * 4 * dtypes.FORMATS["bfloat16"].unit * magnitude
    return Tolerance(bound=bound, coarse=coarse, unit=accumulator.unit * magnitude)


def _real(dtype: str) -> str:
    return dtypes.COMPLEX_PARTS.get(dtype, dtype)


def _narrowing(own: dtypes.FloatFormat, out: dtypes.FloatFormat, precision: Precision) -> float:
    bits = min(out.bits, precision.bits or own.bits)
    unit = 2.0**-bits
    return 2 * unit + unit**2 if bits < own.bits else 0.0


def _before_bias(call: Call, expected: Array) -> Any:
    """Return abs(y - b), which a framework rounds if it adds the bias in a separate step, or 0 if there is no bias."""
    if call.bias is None:
        return 0.0
    letters = call.layout.output or call.layout.input
    shape = [-1 if letter == "C" else 1 for letter in letters]
    with np.errstate(invalid="ignore"):  # infinity - infinity
        return np.abs(widened(expected) - widened(call.bias).reshape(shape))


def widened(array: Array) -> Any:
    """Return an array as float64 or complex128, which represent all elements of narrower dtypes exactly."""
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
