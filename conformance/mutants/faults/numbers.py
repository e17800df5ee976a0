"""Faults in dtypes, rounding and special values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ...core import FORMATS, KERNELS, Array, Call, is_complex, is_integer, numpy_type
from ..evaluator import Axis, Stages, Told, output_dtype
from .edits import Edit, finished, operands, returned, shifted, sums


def _in_dtype(name: Callable[[Call], str]) -> Edit:
    """Return a fault that converts the output to the dtype `name(call)`."""
    return returned(lambda call, y: y.astype(numpy_type(name(call))))


def _wider(call: Call) -> str:
    wider = {"float16": "float32", "bfloat16": "float32", "float32": "float64", "int8": "int32", "uint8": "int32"}
    wider |= {"int16": "int32", "uint16": "int32", "int32": "int64", "uint32": "int64", "complex64": "complex128"}
    wider |= {"float8_e4m3fn": "float32", "float8_e5m2": "float32"}
    return wider.get(output_dtype(call), output_dtype(call))


def _narrower(call: Call) -> str:
    narrower = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}
    return narrower.get(output_dtype(call), output_dtype(call))


def _through(name: Callable[[Call], str]) -> Edit:
    """Return a fault that converts every operand to the dtype `name(call)`, and then back to its own dtype."""
    return operands(lambda call, _, array: array.astype(numpy_type(name(call))).astype(array.dtype))


def _narrow_complex(call: Call) -> str:
    narrow = {"float64": "float32", "complex128": "complex64"}
    return narrow.get(call.dtype.input, call.dtype.input)


def _saturating(stages: Stages) -> Stages:
    """Accumulate integer outputs in unbounded integers, then clip the outputs to the range of the output dtype."""

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        right = stages.arrange(call, name, array, params)
        return right.astype(object) if is_integer(output_dtype(call)) else right

    return replace(
        stages,
        arrange=arrange,
        shift=lambda call, y, bias: stages.shift(call, y, bias.astype(y.dtype)),
        round=lambda call, y: stages.round(call, _clip(call, y) if y.dtype == object else y),
    )


def _clip(call: Call, y: Array) -> Array:
    least, most = np.iinfo(numpy_type(output_dtype(call))).min, np.iinfo(numpy_type(output_dtype(call))).max
    return np.asarray(np.vectorize(lambda each: min(max(int(each), least), most), otypes=[object])(y))


def _as_float(dtype: str) -> Callable[[Call, str, Array], Array]:
    def change(call: Call, name: str, array: Array) -> Array:
        if not is_integer(call.dtype.input):
            return array
        rounded = array.astype(dtype)
        info = np.iinfo(array.dtype)
        return (
            np.array([min(max(int(each), info.min), info.max) for each in rounded.ravel()], object)
            .reshape(array.shape)
            .astype(array.dtype)
        )

    return change


def _as_signed(call: Call, name: str, array: Array) -> Array:
    return array.view(array.dtype.name[1:]) if array.dtype.kind == "u" else array


def _wrapping_first(stages: Stages) -> Stages:
    """Wrap each product to the integer dtype of the input, then add it to a sum in the output dtype."""
    narrow: list[np.dtype[Any]] = []

    def translate(call: Call) -> tuple[Told, ...]:
        narrow[:] = [numpy_type(call.dtype.input)] if is_integer(call.dtype.input) else []
        return stages.translate(call)

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        if not narrow or x.dtype == narrow[0]:
            return stages.contract(x, w, axes, params)
        return _product_by_product(x, w, axes, params, lambda y, term: y + term.astype(narrow[0]).astype(y.dtype))

    return replace(stages, translate=translate, contract=contract)


def _product_by_product(
    x: Array,
    w: Array,
    axes: Sequence[Axis],
    params: Told,
    add: Callable[[Array, Array], Array],
    skips: float | None = None,
) -> Array:
    """
    Return the output of a forward convolution that adds one product at a time to each output element.

    `add(y, product)` returns the output after a product is added. Products with a weight equal to `skips` are left out.
    """
    y = np.zeros((x.shape[0], w.shape[0], *(axis.out for axis in axes)), np.result_type(x, w))
    filters = w.shape[0] // max(params.groups, 1)
    for tap in product(*(range(axis.taps) for axis in axes)):
        under = tuple(
            slice(k * a.dilation, k * a.dilation + (a.out - 1) * a.stride + 1, a.stride)
            for k, a in zip(tap, axes, strict=True)
        )
        for o, i in product(range(w.shape[0]), range(w.shape[1])):
            if y.size and w[(o, i, *tap)] != skips:
                term = x[(slice(None), o // filters * w.shape[1] + i, *under)] * w[(o, i, *tap)]
                y[:, o] = add(y[:, o], term)
    return y


def _partial_sums_clipped(stages: Stages) -> Stages:
    """Clip the sum to the range of a float output dtype after each product is added; a forward convolution only."""
    largest: list[float | None] = [None]

    def translate(call: Call) -> tuple[Told, ...]:
        dtype = output_dtype(call)
        largest[0] = FORMATS[dtype].largest if dtype in FORMATS else None
        return stages.translate(call)

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        most = largest[0]
        if most is None:
            return stages.contract(x, w, axes, params)
        return _product_by_product(x, w, axes, params, lambda y, term: np.clip(y + term, -most, most))

    return replace(stages, translate=translate, contract=contract)


def _accumulated(dtype: Callable[[Call], str | None]) -> Edit:
    """
    Return a fault that rounds sums to the dtype `dtype(call)`; if `dtype(call)` is None, the fault changes nothing.

    A forward convolution rounds after it adds each product. A transposed convolution rounds once, after all products.
    """

    def edit(stages: Stages) -> Stages:
        narrow: list[str | None] = [None]

        def translate(call: Call) -> tuple[Told, ...]:
            narrow[0] = dtype(call)
            return stages.translate(call)

        def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
            if narrow[0] is None:
                return stages.contract(x, w, axes, params)
            dtype_ = numpy_type(narrow[0])
            return _product_by_product(x, w, axes, params, lambda y, term: (y + term).astype(dtype_).astype(y.dtype))

        def scatter(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
            y = stages.scatter(x, w, axes, params)
            return y if narrow[0] is None else y.astype(numpy_type(narrow[0])).astype(y.dtype)

        return replace(stages, translate=translate, contract=contract, scatter=scatter)

    return edit


def _narrow_floats(call: Call) -> str | None:
    return call.dtype.input if call.dtype.input in ("float16", "bfloat16") else None


def _single_for_double(call: Call) -> str | None:
    return {"float64": "float32", "complex128": "complex64"}.get(call.dtype.input)


def _significant(bits: int, only: tuple[str, ...]) -> Edit:
    """Return a fault that rounds each operand to `bits` significant bits, if the operand's dtype is in `only`."""

    def change(call: Call, name: str, array: Array) -> Array:
        if array.dtype.name not in only:
            return array
        mantissa, exponent = np.frexp(array)
        return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent).astype(array.dtype)

    return operands(change)


def _early(stages: Stages) -> Stages:
    """Before the bias is added, truncate the sum to p - 2 significant bits, where p is the output dtype's precision."""

    def shift(call: Call, y: Array, bias: Array) -> Array:
        if output_dtype(call) not in FORMATS:
            return stages.shift(call, y, bias)
        mantissa, exponent = np.frexp(y)
        scale = 2.0 ** (FORMATS[output_dtype(call)].bits - 2)
        return stages.shift(call, np.ldexp(np.trunc(mantissa * scale) / scale, exponent), bias)

    return replace(stages, shift=shift)


def _truncated(call: Call, y: Array) -> Array:
    name = output_dtype(call)
    if name not in FORMATS or not y.size:
        return y
    mantissa, exponent = np.frexp(y)
    scale = 2.0 ** (FORMATS[name].bits - 3)
    return np.ldexp(np.trunc(mantissa * scale) / scale, exponent)


def _clipped(call: Call, y: Array) -> Array:
    name = output_dtype(call)
    if name not in FORMATS:
        return y
    largest = FORMATS[name].largest
    return np.where(np.isfinite(y), np.clip(y, -largest, largest), y)


def _infinite_as_largest(call: Call, y: Array) -> Array:
    name = output_dtype(call)
    if name not in FORMATS:
        return y
    return np.where(np.isinf(y), np.sign(y) * FORMATS[name].largest, y)


def _floating(array: Array) -> bool:
    return array.dtype.kind not in "iuO"


def _without_nan(call: Call, name: str, array: Array) -> Array:
    return np.where(np.isnan(array), np.zeros_like(array), array) if _floating(array) else array


def _only(names: tuple[str, ...], change: Callable[[Call, str, Array], Array]) -> Edit:
    return operands(lambda call, name, array: change(call, name, array) if name in names else array)


def _spreading(axis: int) -> Callable[[Array, Told], Array]:
    """Return a function that copies each NaN of the output to all elements along `axis`."""

    def change(y: Array, params: Told) -> Array:
        if not _floating(y) or not y.size:
            return y
        spoilt = np.isnan(y).any(axis=axis, keepdims=True)
        return np.where(np.broadcast_to(spoilt, y.shape), np.nan, y)

    return change


def _nonfinite_spreads(stages: Stages) -> Stages:
    """If the input of a sample has a NaN or infinity, return NaN for the whole sample, as an FFT convolution does."""
    seen: list[Array] = []

    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        finite = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
        seen[:] = [np.asarray(~finite)] if _floating(x) and x.size else []
        return stages.fill(x, axes, params)

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        y = stages.contract(x, w, axes, params)
        if not seen or seen[0].shape != y.shape[:1]:
            return y
        return np.where(seen[0].reshape(-1, *(1,) * (y.ndim - 1)), np.nan, y)

    return replace(stages, fill=fill, contract=contract)


def _zero_taps_skipped(stages: Stages) -> Stages:
    """Skip products with a weight of 0, so that 0 * infinity and 0 * NaN add nothing."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        if not _floating(x) or np.isfinite(x).all():
            return stages.contract(x, w, axes, params)
        return _product_by_product(x, w, axes, params, np.add, skips=0)

    return replace(stages, contract=contract)


def _nan_for_infinity(call: Call, y: Array) -> Array:
    return np.where(np.isinf(y), np.nan, y) if _floating(y) else y


def _nan_cleared(call: Call, y: Array) -> Array:
    return np.where(np.isnan(y), np.zeros_like(y), y) if _floating(y) else y


def _mangled(call: Call, y: Array) -> Array:
    """Replace each subnormal output element by the smallest normal number with the same sign."""
    name = output_dtype(call)
    if name not in FORMATS:
        return y
    least = 2.0 ** FORMATS[name].min_exponent
    return np.where((y != 0) & (np.abs(y) < least), np.copysign(least, y), y)


def _sign_flipped(call: Call, y: Array) -> Array:
    """Return every zero as -0."""
    return np.where(y == 0, -np.zeros_like(y), y) if y.dtype.kind == "f" else y


# Complex numbers


def _conjugated(names: tuple[str, ...]) -> Edit:
    return _only(names, lambda call, name, array: np.conj(array) if array.dtype.kind == "c" else array)


def _parts_apart(stages: Stages) -> Stages:
    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        if x.dtype.kind != "c":
            return stages.contract(x, w, axes, params)
        real = stages.contract(x.real.astype(np.complex128), w.real.astype(np.complex128), axes, params)
        imaginary = stages.contract(x.imag.astype(np.complex128), w.imag.astype(np.complex128), axes, params)
        return real + 1j * imaginary

    return replace(stages, contract=contract)


def _imaginary_lost(call: Call, name: str, array: Array) -> Array:
    return array.real.astype(array.dtype) if array.dtype.kind == "c" else array


def _parts_swapped(call: Call, y: Array) -> Array:
    return y.imag + 1j * y.real if y.dtype.kind == "c" else y


# Empty outputs and empty sums


def _collapsed(call: Call, y: Array) -> Array:
    return y if y.size else np.zeros((0,) * y.ndim, y.dtype)


def _empty_in_double(call: Call, y: Array) -> Array:
    return y if y.size else y.astype(np.float64 if y.dtype != np.float64 else np.float32)


def _uninitialised(stages: Stages) -> Stages:
    """Add 7 to each output element that is a sum of no products, as if the output memory were uninitialised."""

    def garbage(y: Array, x: Array, w: Array) -> Array:
        return y if x.shape[1] and all(w.shape[2:]) and w.shape[1] else y + np.asarray(7).astype(y.dtype)

    return replace(
        stages,
        contract=lambda x, w, axes, params: garbage(stages.contract(x, w, axes, params), x, w),
        scatter=lambda x, w, axes, params: garbage(stages.scatter(x, w, axes, params), x, w),
    )


def _bias_real(call: Call, y: Array, bias: Array) -> Array:
    kept = bias.real if bias.dtype.kind == "c" else bias
    return np.asarray(y + kept.astype(y.dtype).reshape(-1, *(1,) * (y.ndim - 2)))


def _saturated_bias(call: Call, y: Array, bias: Array) -> Array:
    """When the bias is added to an integer output, clip each sum to the range of the output dtype."""
    if not is_integer(output_dtype(call)):
        return y + bias.reshape(-1, *(1,) * (y.ndim - 2))
    info = np.iinfo(y.dtype)
    total = y.astype(object) + bias.astype(object).reshape(-1, *(1,) * (y.ndim - 2))
    clipped = np.vectorize(lambda each: min(max(int(each), info.min), info.max), otypes=[object])(total)
    return clipped.astype(y.dtype) if y.size else y


EDITS: dict[str, Edit] = {
    "dtype-promoted": _in_dtype(_wider),
    "dtype-narrowed": _in_dtype(_narrower),
    "dtype-always-float32": _in_dtype(lambda call: "float32" if not is_complex(output_dtype(call)) else "complex64"),
    "dtype-of-the-kernel": _in_dtype(
        lambda call: call.dtype.kernel or call.dtype.pointwise_kernel or output_dtype(call)
    ),
    "output-dtype-ignored": _in_dtype(lambda call: call.dtype.input),
    "output-dtype-after": returned(
        lambda call, y: y.astype(numpy_type(call.dtype.input)).astype(numpy_type(output_dtype(call)))
    ),
    "double-through-single": _through(_narrow_complex),
    "integer-saturated": _saturating,
    "integer-through-float": operands(_as_float("float32")),
    "integer-through-double": operands(_as_float("float64")),
    "integer-bias-saturates": shifted(_saturated_bias),
    "unsigned-as-signed": operands(_as_signed),
    "product-wraps-before-sum": _wrapping_first,
    "complex-conjugated": _conjugated(KERNELS),
    "complex-input-conjugated": _conjugated(("input",)),
    "complex-parts-separate": _parts_apart,
    "complex-imaginary-lost": operands(_imaginary_lost),
    "complex-parts-swapped": finished(_parts_swapped),
    "complex-bias-real": shifted(_bias_real),
    "narrow-accumulation": _accumulated(_narrow_floats),
    "double-accumulated-in-single": _accumulated(_single_for_double),
    "tf32-inputs": _significant(11, ("float32",)),
    "two-bfloat16-inputs": _significant(16, ("float32",)),
    "bfloat16-inputs": _significant(8, ("float32", "float16")),
    "float16-inputs": operands(
        lambda call, name, array: array.astype(np.float16).astype(array.dtype) if array.dtype == np.float32 else array
    ),
    "partial-sums-saturated": _partial_sums_clipped,
    "output-rounded-early": _early,
    "output-truncated": finished(_truncated),
    "overflow-saturated": finished(_clipped),
    "infinity-as-largest": finished(_infinite_as_largest),
    "nan-swallowed": _only(("input",), _without_nan),
    "nan-in-kernel-swallowed": _only(KERNELS, _without_nan),
    "nan-in-bias-swallowed": _only(("bias",), _without_nan),
    "nan-cleared": finished(_nan_cleared),
    "nan-for-infinity": finished(_nan_for_infinity),
    "nan-spreads": _nonfinite_spreads,
    "nan-spreads-over-channels": sums(_spreading(1)),
    "nan-spreads-over-batch": sums(_spreading(0)),
    "nan-spreads-along-space": sums(_spreading(-1)),
    "zero-tap-skipped": _zero_taps_skipped,
    "sign-of-zero-lost": finished(_sign_flipped),
    "subnormals-mangled": finished(_mangled),
    "empty-sum-uninitialised": _uninitialised,
    "empty-shape-collapsed": returned(_collapsed),
    "empty-dtype-changed": returned(_empty_in_double),
}
