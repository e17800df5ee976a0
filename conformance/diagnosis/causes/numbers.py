"""Causes in number formats: dtypes, rounding, overflow, complex parts, NaN and infinities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ...core import FORMATS, Array, is_integer, numpy_type
from ..canonical_call import Subject
from ..interpretation import Interpretation, Stage, biased, convolved
from .kinds import Candidate, Candidates, Cause, Returned
from .layouts import kernels, reread


def _dtype(subject: Subject) -> str:
    return subject.call.dtype_of("output")


def _returned(subject: Subject, array: Array) -> Returned:
    have = "NC" + subject.call.spatial
    return Returned(array=array.transpose([have.index(letter) for letter in subject.call.letters("output")]))


def _in(subject: Subject, dtype: str) -> Iterator[Returned]:
    if dtype != _dtype(subject):
        yield _returned(subject, cast(cast(subject.result, _dtype(subject)), dtype))
        yield _returned(subject, cast(subject.result, dtype))


WIDER = {"float16": "float32", "bfloat16": "float32", "float32": "float64", "int8": "int32", "uint8": "int32"}
WIDER |= {"int16": "int32", "uint16": "int32", "int32": "int64", "uint32": "int64", "complex64": "complex128"}
WIDER |= {"float8_e4m3fn": "float32", "float8_e5m2": "float32"}
NARROWER = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}


def _through(subject: Subject, dtype: str) -> Array:
    return cast(subject.result, dtype).astype(subject.result.dtype)


def cast(array: Array, dtype: str) -> Array:
    """Return an array in another dtype. A cast from a complex to a real dtype keeps the real parts."""
    wanted = numpy_type(dtype)
    return (array.real if array.dtype.kind == "c" and wanted.kind != "c" else array).astype(wanted)


def _after(subject: Subject) -> Iterator[Array]:
    if subject.call.dtype.input != _dtype(subject):
        yield _through(subject, subject.call.dtype.input)


def _operands(change: Callable[[Subject, Array], Array], *wanted: str) -> Cause:
    """Return a cause that replaces the operands in `wanted`, or all operands by default, by `change(call, array)`."""

    def cause(subject: Subject) -> Iterator[Interpretation]:
        present = ["input", *kernels(subject), *(["bias"] if subject.bias is not None else [])]
        names = [
            name
            for name in present
            if not wanted or name in wanted or ("kernel" in wanted and name in kernels(subject))
        ]
        if names:
            yield reread(subject, lambda _, array: change(subject, array), *names).right

    return cause


def _significant(bits: int) -> Callable[[Subject, Array], Array]:
    """Return a function that rounds an operand to `bits` significant bits, ties to even."""

    def change(subject: Subject, array: Array) -> Array:
        if array.dtype.kind not in "fV" or array.dtype == np.float64:
            return array
        mantissa, exponent = np.frexp(array.astype(np.float64))
        return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent)

    return change


def _as(dtype: str) -> Callable[[Subject, Array], Array]:
    return lambda subject, array: (
        array.astype(numpy_type(dtype)).astype(array.dtype) if array.dtype.kind == "f" else array
    )


def _halved(subject: Subject, array: Array) -> Array:
    narrow = {"float64": np.float32, "complex128": np.complex64}.get(array.dtype.name)
    return array if narrow is None else array.astype(narrow).astype(array.dtype)


def _integers(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if is_integer(_dtype(subject)) else ()


def _exact_integers(subject: Subject) -> tuple[Array, Array | None]:
    """Return the exact sums and the bias as int64 arrays, or as arrays of Python integers if int64 may overflow."""
    is_narrow = numpy_type(subject.call.dtype.input).itemsize <= 2 and subject.pointwise is None
    kind = np.dtype(np.int64 if is_narrow else object)
    x, w = subject.input.astype(kind), subject.kernel.astype(kind)
    pointwise = None if subject.pointwise is None else subject.pointwise.astype(kind)
    bias = None if subject.bias is None else subject.bias.astype(kind)
    return replace(subject, input=x, kernel=w, pointwise=pointwise, bias=None).right.sums(), bias


def _clipped(y: Array, dtype: str) -> Array:
    info = np.iinfo(numpy_type(dtype))
    return np.minimum(np.maximum(y, int(info.min)), int(info.max))


def _saturated(subject: Subject) -> Iterator[Array]:
    if subject.result.size and subject.right.products < 10**7:
        sums, bias = _exact_integers(subject)
        yield _clipped(biased(sums, bias), _dtype(subject)).astype(subject.result.dtype)
        if bias is not None:
            yield biased(_clipped(sums, _dtype(subject)).astype(subject.result.dtype), subject.bias)


def _bias_saturates(subject: Subject) -> Iterator[Array]:
    if subject.bias is not None and subject.result.size:
        total = biased(subject.sums.astype(object), subject.bias.astype(object))
        yield _clipped(total, _dtype(subject)).astype(subject.result.dtype)


def _rounded_integers(dtype: str) -> Callable[[Subject, Array], Array]:
    def change(subject: Subject, array: Array) -> Array:
        if array.dtype.kind not in "iu":
            return array
        info = np.iinfo(array.dtype)
        exact = [min(max(int(each), info.min), info.max) for each in array.astype(dtype).ravel()]
        return np.array(exact, object).reshape(array.shape).astype(array.dtype)

    return change


def _signed(subject: Subject, array: Array) -> Array:
    return array.view(array.dtype.name[1:]) if array.dtype.kind == "u" else array


def _parts(name: str) -> Cause:
    conjugated = _operands(lambda _, array: np.conj(array), name)

    def cause(subject: Subject) -> Candidates:
        return conjugated(subject) if _is_complex(subject) else ()

    return cause


def _is_complex(subject: Subject) -> bool:
    return bool(subject.result.dtype.kind == "c")


def _apart(subject: Subject) -> Iterator[Array]:
    if _is_complex(subject):
        y = subject.input
        for stage in subject.right.stages:
            real, imaginary = (
                convolved(part(y).astype(y.dtype), replace(stage, kernel=part(stage.kernel).astype(y.dtype)))
                for part in (np.real, np.imag)
            )
            y = real + 1j * imaginary
        yield biased(y, subject.bias)


def _imaginary_lost(subject: Subject) -> Iterator[Candidate]:
    if _is_complex(subject):
        for names in ((), ("input",), ("kernel",), ("input", "kernel")):
            yield from _operands(lambda _, array: array.real.astype(array.dtype), *names)(subject)


def _parts_swapped(subject: Subject) -> Iterator[Array]:
    if _is_complex(subject):
        yield subject.result.imag + 1j * subject.result.real


def _floats(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if subject.result.dtype.kind in "fc" else ()


def _has_odd(subject: Subject) -> bool:
    return subject.result.dtype.kind in "fc" and not all(
        np.isfinite(array).all() for array in (subject.input, subject.kernel, subject.result) if array.size
    )


def _odd(cause: Cause) -> Cause:
    """Return a cause restricted to calls in which the input, the kernel or the output holds a NaN or an infinity."""
    return lambda subject: cause(subject) if _has_odd(subject) else ()


def _largest(subject: Subject) -> float:
    return FORMATS[_dtype(subject)].largest if _dtype(subject) in FORMATS else np.inf


def _infinite_as_largest(subject: Subject) -> Iterator[Array]:
    y = subject.result.astype(numpy_type(_dtype(subject))).astype(subject.result.dtype)
    yield np.where(np.isinf(y), np.sign(y) * _largest(subject), y)


def _overflow_saturated(subject: Subject) -> Iterator[Array]:
    if subject.result.dtype.kind == "f" and subject.result.size and _dtype(subject) in FORMATS:
        y = subject.result
        yield np.where(np.isfinite(y), np.clip(y, -_largest(subject), _largest(subject)), y)


def _spread(subject: Subject, axes: tuple[int, ...]) -> Iterator[Array]:
    y = subject.result.astype(numpy_type(_dtype(subject))).astype(subject.result.dtype)
    yield np.where(np.broadcast_to(np.isnan(y).any(axis=axes, keepdims=True), y.shape), np.nan, y)


def _spread_over_samples(subject: Subject) -> Iterator[Array]:
    lost = np.asarray(~np.isfinite(subject.input).all(axis=tuple(range(1, subject.input.ndim))))
    if len(lost) == len(subject.result):
        yield np.where(lost.reshape(-1, *(1,) * (subject.result.ndim - 1)), np.nan, subject.result)


def _without_nan(subject: Subject, array: Array) -> Array:
    return np.where(np.isnan(array), np.zeros_like(array), array) if array.dtype.kind in "fcV" else array


def _zero_taps(subject: Subject) -> Iterator[Array]:
    """Yield the output without the products whose weight is zero."""
    y = subject.input
    for stage in subject.right.stages:
        y = _without_zeros(y, stage)
    yield biased(y, subject.bias)


def _without_zeros(x: Array, stage: Stage) -> Array:
    """Return the sums of a stage without the products whose weight is zero, so that inf * 0 does not produce NaN."""
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
    # Also count padding, because taps read zeros there, and zero times an infinite weight is NaN.
    lost = count(np.isnan(x), w != 0) + count(x == 0, np.isinf(w), around=True)
    lost += count(np.ones_like(x), np.isnan(w), around=True)
    y = convolved(np.where(np.isfinite(x), x, 0), replace(stage, kernel=np.where(np.isfinite(w), w, 0)))
    y = np.where(above > 0, np.inf, np.where(below > 0, -np.inf, y))
    return np.where((lost > 0) | ((above > 0) & (below > 0)), np.nan, y)


def _nan_cleared(subject: Subject) -> Iterator[Array]:
    y = subject.result
    yield np.where(np.isnan(y), 0, y)


def _nan_for_infinity(subject: Subject) -> Iterator[Array]:
    y = subject.result.astype(numpy_type(_dtype(subject))).astype(subject.result.dtype)
    yield np.where(np.isinf(y), np.nan, y)


def _subnormals(subject: Subject) -> Iterator[Array]:
    if _dtype(subject) in FORMATS and subject.result.size:
        least = 2.0 ** FORMATS[_dtype(subject)].min_exponent
        y = subject.result
        is_small = (y != 0) & (np.abs(y) < least)
        if is_small.any():
            yield np.where(is_small, np.copysign(least, y.real), y)


def _rounded_early(subject: Subject) -> Iterator[Array]:
    if _dtype(subject) in FORMATS and subject.bias is not None and subject.sums.dtype.kind == "f":
        for lost, cut in ((0, np.rint), (2, np.trunc)):
            mantissa, exponent = np.frexp(subject.sums)
            scale = 2.0 ** (FORMATS[_dtype(subject)].bits - lost)
            yield biased(np.ldexp(cut(mantissa * scale) / scale, exponent), subject.bias)


def _truncated(subject: Subject) -> Iterator[Array]:
    if _dtype(subject) in FORMATS and subject.result.dtype.kind == "f":
        for lost in (0, 1, 2, 3):
            mantissa, exponent = np.frexp(subject.result)
            scale = 2.0 ** (FORMATS[_dtype(subject)].bits - lost)
            yield np.ldexp(np.trunc(mantissa * scale) / scale, exponent)


def _wrapped_products(subject: Subject) -> Iterator[Array]:
    """Yield the output that results if each product wraps in the dtype of the input before it is added."""
    narrow = numpy_type(subject.call.dtype.input)
    if not is_integer(subject.call.dtype.input) or narrow == subject.input.dtype or subject.right.products > 10**6:
        return
    y = subject.input
    for stage in subject.right.stages:
        products = (convolved(y, each).astype(narrow).astype(y.dtype) for each in _single_weights(stage))
        y = sum(products, np.zeros((), y.dtype))
    yield biased(y, subject.bias)


def _single_weights(stage: Stage) -> Iterator[Stage]:
    """Yield one stage for each weight (c, k) of a filter, with all other weights zero. Each sum is then one product."""
    for at in np.ndindex(*stage.kernel.shape[1:]):
        kept = np.zeros_like(stage.kernel)
        kept[(slice(None), *at)] = stage.kernel[(slice(None), *at)]
        yield replace(stage, kernel=kept)


def _collapsed(subject: Subject) -> Iterator[Returned]:
    if not subject.result.size:
        yield Returned(array=np.zeros((0,) * subject.result.ndim, numpy_type(_dtype(subject))))


def _kernel_dtype(subject: Subject) -> str:
    return subject.call.dtype_of(kernels(subject)[-1])


CAUSES: dict[str, Cause] = {
    "dtype-promoted": lambda subject: _in(subject, WIDER.get(_dtype(subject), _dtype(subject))),
    "dtype-narrowed": lambda subject: _in(subject, NARROWER.get(_dtype(subject), _dtype(subject))),
    "dtype-always-float32": lambda subject: _in(subject, "complex64" if _is_complex(subject) else "float32"),
    "dtype-of-the-kernel": lambda subject: _in(subject, _kernel_dtype(subject)),
    "output-dtype-ignored": lambda subject: _in(subject, subject.call.dtype.input),
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
    "nan-spreads-over-channels": _odd(lambda subject: _spread(subject, (1,))),
    "nan-spreads-over-batch": _odd(lambda subject: _spread(subject, (0,))),
    "nan-spreads-along-space": _odd(lambda subject: _spread(subject, (-1,))),
    "zero-tap-skipped": _odd(_zero_taps),
    "infinity-as-largest": _floats(_infinite_as_largest),
    "overflow-saturated": _floats(_overflow_saturated),
    "subnormals-mangled": _floats(_subnormals),
    "output-rounded-early": _rounded_early,
    "output-truncated": _truncated,
    "empty-shape-collapsed": _collapsed,
}
