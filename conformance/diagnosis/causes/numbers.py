"""Numbers of another dtype, rounded, wrapped or clipped at another time; and what is not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ...core import FORMATS, Array, is_integer, numpy_type
from ..canonical_call import Subject
from ..interpretation import Interpretation, Stage, biased, convolved
from .kinds import Candidate, Candidates, Cause, Returned
from .layouts import kernels, reread


def _dtype(it: Subject) -> str:
    return it.call.dtype_of("output")


def _returned(it: Subject, array: Array) -> Returned:
    have = "NC" + it.call.spatial
    return Returned(array=array.transpose([have.index(letter) for letter in it.call.letters("output")]))


def _in(it: Subject, dtype: str) -> Iterator[Returned]:
    if dtype != _dtype(it):
        yield _returned(it, cast(cast(it.result, _dtype(it)), dtype))
        yield _returned(it, cast(it.result, dtype))


WIDER = {"float16": "float32", "bfloat16": "float32", "float32": "float64", "int8": "int32", "uint8": "int32"}
WIDER |= {"int16": "int32", "uint16": "int32", "int32": "int64", "uint32": "int64", "complex64": "complex128"}
WIDER |= {"float8_e4m3fn": "float32", "float8_e5m2": "float32"}
NARROWER = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}


def _through(it: Subject, dtype: str) -> Array:
    return cast(it.result, dtype).astype(it.result.dtype)


def cast(array: Array, dtype: str) -> Array:
    """Return an array in another dtype, of complex numbers the real parts where it is real."""
    wanted = numpy_type(dtype)
    return (array.real if array.dtype.kind == "c" and wanted.kind != "c" else array).astype(wanted)


def _after(it: Subject) -> Iterator[Array]:
    if it.call.dtype.input != _dtype(it):
        yield _through(it, it.call.dtype.input)


def _operands(change: Callable[[Subject, Array], Array], *wanted: str) -> Cause:
    """Other operands: all of them, or those named."""

    def cause(it: Subject) -> Iterator[Interpretation]:
        present = ["input", *kernels(it), *(["bias"] if it.bias is not None else [])]
        names = [
            name for name in present if not wanted or name in wanted or ("kernel" in wanted and name in kernels(it))
        ]
        if names:
            yield reread(it, lambda _, array: change(it, array), *names).right

    return cause


def _significant(bits: int) -> Callable[[Subject, Array], Array]:
    """Operands rounded to so many significant bits, to even."""

    def change(it: Subject, array: Array) -> Array:
        if array.dtype.kind not in "fV" or array.dtype == np.float64:
            return array
        mantissa, exponent = np.frexp(array.astype(np.float64))
        return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent)

    return change


def _as(dtype: str) -> Callable[[Subject, Array], Array]:
    return lambda it, array: array.astype(numpy_type(dtype)).astype(array.dtype) if array.dtype.kind == "f" else array


def _halved(it: Subject, array: Array) -> Array:
    narrow = {"float64": np.float32, "complex128": np.complex64}.get(array.dtype.name)
    return array if narrow is None else array.astype(narrow).astype(array.dtype)


def _integers(cause: Cause) -> Cause:
    return lambda it: cause(it) if is_integer(_dtype(it)) else ()


def _exact_integers(it: Subject) -> tuple[Array, Array | None]:
    """Return the sums and the bias in integers that do not wrap: of 64 bits where those of the call have 16 at most."""
    is_narrow = numpy_type(it.call.dtype.input).itemsize <= 2 and it.pointwise is None
    kind = np.dtype(np.int64 if is_narrow else object)
    x, w = it.input.astype(kind), it.kernel.astype(kind)
    pointwise = None if it.pointwise is None else it.pointwise.astype(kind)
    bias = None if it.bias is None else it.bias.astype(kind)
    return replace(it, input=x, kernel=w, pointwise=pointwise, bias=None).right.sums(), bias


def _clipped(y: Array, dtype: str) -> Array:
    info = np.iinfo(numpy_type(dtype))
    return np.minimum(np.maximum(y, int(info.min)), int(info.max))


def _saturated(it: Subject) -> Iterator[Array]:
    if it.result.size and it.right.products < 10**7:
        sums, bias = _exact_integers(it)
        yield _clipped(biased(sums, bias), _dtype(it)).astype(it.result.dtype)
        if bias is not None:
            yield biased(_clipped(sums, _dtype(it)).astype(it.result.dtype), it.bias)


def _bias_saturates(it: Subject) -> Iterator[Array]:
    if it.bias is not None and it.result.size:
        total = biased(it.sums.astype(object), it.bias.astype(object))
        yield _clipped(total, _dtype(it)).astype(it.result.dtype)


def _rounded_integers(dtype: str) -> Callable[[Subject, Array], Array]:
    def change(it: Subject, array: Array) -> Array:
        if array.dtype.kind not in "iu":
            return array
        info = np.iinfo(array.dtype)
        exact = [min(max(int(each), info.min), info.max) for each in array.astype(dtype).ravel()]
        return np.array(exact, object).reshape(array.shape).astype(array.dtype)

    return change


def _signed(it: Subject, array: Array) -> Array:
    return array.view(array.dtype.name[1:]) if array.dtype.kind == "u" else array


def _parts(name: str) -> Cause:
    conjugated = _operands(lambda _, array: np.conj(array), name)

    def cause(it: Subject) -> Candidates:
        return conjugated(it) if _is_complex(it) else ()

    return cause


def _is_complex(it: Subject) -> bool:
    return bool(it.result.dtype.kind == "c")


def _apart(it: Subject) -> Iterator[Array]:
    if _is_complex(it):
        y = it.input
        for stage in it.right.stages:
            real, imaginary = (
                convolved(part(y).astype(y.dtype), replace(stage, kernel=part(stage.kernel).astype(y.dtype)))
                for part in (np.real, np.imag)
            )
            y = real + 1j * imaginary
        yield biased(y, it.bias)


def _imaginary_lost(it: Subject) -> Iterator[Candidate]:
    if _is_complex(it):
        for names in ((), ("input",), ("kernel",), ("input", "kernel")):
            yield from _operands(lambda _, array: array.real.astype(array.dtype), *names)(it)


def _parts_swapped(it: Subject) -> Iterator[Array]:
    if _is_complex(it):
        yield it.result.imag + 1j * it.result.real


def _floats(cause: Cause) -> Cause:
    return lambda it: cause(it) if it.result.dtype.kind in "fc" else ()


def _has_odd(it: Subject) -> bool:
    return it.result.dtype.kind in "fc" and not all(
        np.isfinite(array).all() for array in (it.input, it.kernel, it.result) if array.size
    )


def _odd(cause: Cause) -> Cause:
    """A cause that shows where something is not finite alone."""
    return lambda it: cause(it) if _has_odd(it) else ()


def _largest(it: Subject) -> float:
    return FORMATS[_dtype(it)].largest if _dtype(it) in FORMATS else np.inf


def _infinite_as_largest(it: Subject) -> Iterator[Array]:
    y = it.result.astype(numpy_type(_dtype(it))).astype(it.result.dtype)
    yield np.where(np.isinf(y), np.sign(y) * _largest(it), y)


def _overflow_saturated(it: Subject) -> Iterator[Array]:
    if it.result.dtype.kind == "f" and it.result.size and _dtype(it) in FORMATS:
        y = it.result
        yield np.where(np.isfinite(y), np.clip(y, -_largest(it), _largest(it)), y)


def _spread(it: Subject, axes: tuple[int, ...]) -> Iterator[Array]:
    y = it.result.astype(numpy_type(_dtype(it))).astype(it.result.dtype)
    yield np.where(np.broadcast_to(np.isnan(y).any(axis=axes, keepdims=True), y.shape), np.nan, y)


def _spread_over_samples(it: Subject) -> Iterator[Array]:
    lost = np.asarray(~np.isfinite(it.input).all(axis=tuple(range(1, it.input.ndim))))
    if len(lost) == len(it.result):
        yield np.where(lost.reshape(-1, *(1,) * (it.result.ndim - 1)), np.nan, it.result)


def _without_nan(it: Subject, array: Array) -> Array:
    return np.where(np.isnan(array), np.zeros_like(array), array) if array.dtype.kind in "fcV" else array


def _zero_taps(it: Subject) -> Iterator[Array]:
    """Yield sums without the products whose weight is zero."""
    y = it.input
    for stage in it.right.stages:
        y = _without_zeros(y, stage)
    yield biased(y, it.bias)


def _without_zeros(x: Array, stage: Stage) -> Array:
    """Return the sums of a stage without the products whose weight is zero, so that no infinity meets one."""
    if x.dtype.kind == "c":
        return convolved(x, stage)

    def count(elements: Array, weights: Array, *, around: bool = False) -> Array:
        known = replace(stage, kernel=weights.astype(np.float64))
        return convolved(elements.astype(np.float64), known, float(around and not stage.skips))

    w, some = stage.kernel, np.isfinite(x)
    above = count(x == np.inf, w > 0) + count(x == -np.inf, w < 0)
    above += count(some & (x > 0), w == np.inf) + count(some & (x < 0), w == -np.inf)
    below = count(x == np.inf, w < 0) + count(x == -np.inf, w > 0)
    below += count(some & (x > 0), w == -np.inf) + count(some & (x < 0), w == np.inf)
    # Around the input are zeros, which an infinite weight makes NaN.
    lost = count(np.isnan(x), w != 0) + count(x == 0, np.isinf(w), around=True)
    lost += count(np.ones_like(x), np.isnan(w), around=True)
    y = convolved(np.where(np.isfinite(x), x, 0), replace(stage, kernel=np.where(np.isfinite(w), w, 0)))
    y = np.where(above > 0, np.inf, np.where(below > 0, -np.inf, y))
    return np.where((lost > 0) | ((above > 0) & (below > 0)), np.nan, y)


def _nan_cleared(it: Subject) -> Iterator[Array]:
    y = it.result
    yield np.where(np.isnan(y), 0, y)


def _nan_for_infinity(it: Subject) -> Iterator[Array]:
    y = it.result.astype(numpy_type(_dtype(it))).astype(it.result.dtype)
    yield np.where(np.isinf(y), np.nan, y)


def _subnormals(it: Subject) -> Iterator[Array]:
    if _dtype(it) in FORMATS and it.result.size:
        least = 2.0 ** FORMATS[_dtype(it)].min_exponent
        y = it.result
        is_small = (y != 0) & (np.abs(y) < least)
        if is_small.any():
            yield np.where(is_small, np.copysign(least, y.real), y)


def _rounded_early(it: Subject) -> Iterator[Array]:
    if _dtype(it) in FORMATS and it.bias is not None and it.sums.dtype.kind == "f":
        for lost, cut in ((0, np.rint), (2, np.trunc)):
            mantissa, exponent = np.frexp(it.sums)
            scale = 2.0 ** (FORMATS[_dtype(it)].bits - lost)
            yield biased(np.ldexp(cut(mantissa * scale) / scale, exponent), it.bias)


def _truncated(it: Subject) -> Iterator[Array]:
    if _dtype(it) in FORMATS and it.result.dtype.kind == "f":
        for lost in (0, 1, 2, 3):
            mantissa, exponent = np.frexp(it.result)
            scale = 2.0 ** (FORMATS[_dtype(it)].bits - lost)
            yield np.ldexp(np.trunc(mantissa * scale) / scale, exponent)


def _wrapped_products(it: Subject) -> Iterator[Array]:
    """Yield sums of products that wrap in the dtype of the input."""
    narrow = numpy_type(it.call.dtype.input)
    if not is_integer(it.call.dtype.input) or narrow == it.input.dtype or it.right.products > 10**6:
        return
    y = it.input
    for stage in it.right.stages:
        made = (convolved(y, each).astype(narrow).astype(y.dtype) for each in _one_by_one(stage))
        y = sum(made, np.zeros((), y.dtype))
    yield biased(y, it.bias)


def _one_by_one(stage: Stage) -> Iterator[Stage]:
    """Yield a stage with one element of each filter alone, so that it makes one product for each output."""
    for at in np.ndindex(*stage.kernel.shape[1:]):
        kept = np.zeros_like(stage.kernel)
        kept[(slice(None), *at)] = stage.kernel[(slice(None), *at)]
        yield replace(stage, kernel=kept)


def _collapsed(it: Subject) -> Iterator[Returned]:
    if not it.result.size:
        yield Returned(array=np.zeros((0,) * it.result.ndim, numpy_type(_dtype(it))))


def _kernel_dtype(it: Subject) -> str:
    return it.call.dtype_of(kernels(it)[-1])


CAUSES: dict[str, Cause] = {
    "dtype-promoted": lambda it: _in(it, WIDER.get(_dtype(it), _dtype(it))),
    "dtype-narrowed": lambda it: _in(it, NARROWER.get(_dtype(it), _dtype(it))),
    "dtype-always-float32": lambda it: _in(it, "complex64" if _is_complex(it) else "float32"),
    "dtype-of-the-kernel": lambda it: _in(it, _kernel_dtype(it)),
    "output-dtype-ignored": lambda it: _in(it, it.call.dtype.input),
    "output-dtype-after": _after,
    "tf32-inputs": _operands(_significant(11)),
    "bfloat16-inputs": _operands(_significant(8)),
    "float16-inputs": _floats(_operands(_as("float16"))),
    "double-through-single": _floats(_operands(_halved)),
    "integer-saturated": _integers(_saturated),
    "integer-bias-saturates": _integers(_bias_saturates),
    "integer-through-float": _integers(_operands(_rounded_integers("float32"))),
    "integer-through-double": _integers(_operands(_rounded_integers("float64"))),
    "unsigned-as-signed": _operands(_signed),
    "product-wraps-before-sum": _integers(_wrapped_products),
    "complex-conjugated": _parts("kernel"),
    "complex-input-conjugated": _parts("input"),
    "complex-parts-separate": _apart,
    "complex-imaginary-lost": _imaginary_lost,
    "complex-parts-swapped": _parts_swapped,
    "nan-swallowed": _odd(_operands(_without_nan, "input")),
    "nan-in-kernel-swallowed": _odd(_operands(_without_nan, "kernel")),
    "nan-in-bias-swallowed": _odd(_operands(_without_nan, "bias")),
    "nan-cleared": _odd(_nan_cleared),
    "nan-for-infinity": _floats(_nan_for_infinity),
    "nan-spreads": _odd(_spread_over_samples),
    "nan-spreads-over-channels": _odd(lambda it: _spread(it, (1,))),
    "nan-spreads-over-batch": _odd(lambda it: _spread(it, (0,))),
    "nan-spreads-along-space": _odd(lambda it: _spread(it, (-1,))),
    "zero-tap-skipped": _odd(_zero_taps),
    "infinity-as-largest": _floats(_infinite_as_largest),
    "overflow-saturated": _floats(_overflow_saturated),
    "subnormals-mangled": _floats(_subnormals),
    "output-rounded-early": _rounded_early,
    "output-truncated": _truncated,
    "empty-shape-collapsed": _collapsed,
}
