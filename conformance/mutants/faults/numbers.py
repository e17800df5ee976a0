"""Faults in dtypes, rounding and special values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ...core import FORMATS, Array, Call, is_complex, is_integer, numpy_type
from ..evaluator import Axis, Stages, Told, output_dtype
from .edits import Edit, finished, operands, returned, shifted, sums


def _in_dtype(name: Callable[[Call], str]) -> Edit:
    """Return the result in another dtype."""
    return returned(lambda call, y: y.astype(numpy_type(name(call))))


def _wider(call: Call) -> str:
    wider = {"float16": "float32", "bfloat16": "float32", "float32": "float64", "int8": "int32", "uint8": "int32"}
    wider |= {"int16": "int32", "uint16": "int32", "int32": "int64", "uint32": "int64", "complex64": "complex128"}
    wider |= {"float8_e4m3fn": "float32", "float8_e5m2": "float32"}
    return wider.get(output_dtype(call), output_dtype(call))


def _narrower(call: Call) -> str:
    narrower = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}
    return narrower.get(output_dtype(call), output_dtype(call))


def _through(make: Callable[[Call], str]) -> Edit:
    """Round every operand to another dtype before it is used."""
    return operands(lambda call, name, array: array.astype(numpy_type(make(call))).astype(array.dtype))


def _narrow_complex(call: Call) -> str:
    narrow = {"float64": "float32", "complex128": "complex64"}
    return narrow.get(call.dtype.input, call.dtype.input)


def _saturating(do: Stages) -> Stages:
    """Integers are computed without bound, then clipped to the range of their dtype."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        right = do.arrange(call, name, array, said)
        return right.astype(object) if is_integer(output_dtype(call)) else right

    return replace(
        do,
        arrange=arrange,
        shift=lambda call, y, bias: do.shift(call, y, bias.astype(y.dtype)),
        round=lambda call, y: do.round(call, _clip(call, y) if y.dtype == object else y),
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


def _wrapping_first(do: Stages) -> Stages:
    """Products wrap in the dtype of the input, then they are summed in that of the output."""
    narrow: list[np.dtype[Any]] = []

    def translate(call: Call) -> tuple[Told, ...]:
        narrow[:] = [numpy_type(call.dtype.input)] if is_integer(call.dtype.input) else []
        return do.translate(call)

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        if not narrow or x.dtype == narrow[0]:
            return do.contract(x, w, axes, said)
        return _product_by_product(x, w, axes, said, lambda y, made: y + made.astype(narrow[0]).astype(y.dtype))

    return replace(do, translate=translate, contract=contract)


def _product_by_product(
    x: Array,
    w: Array,
    axes: Sequence[Axis],
    said: Told,
    add: Callable[[Array, Array], Array],
    skips: float | None = None,
) -> Array:
    """Sum one product of a tap and a channel after the other, as `add` does it, without the weights that it skips."""
    y = np.zeros((x.shape[0], w.shape[0], *(axis.out for axis in axes)), np.result_type(x, w))
    filters = w.shape[0] // max(said.groups, 1)
    for tap in product(*(range(axis.taps) for axis in axes)):
        under = tuple(
            slice(k * a.dilation, k * a.dilation + (a.out - 1) * a.stride + 1, a.stride)
            for k, a in zip(tap, axes, strict=True)
        )
        for o, i in product(range(w.shape[0]), range(w.shape[1])):
            if y.size and w[(o, i, *tap)] != skips:
                made = x[(slice(None), o // filters * w.shape[1] + i, *under)] * w[(o, i, *tap)]
                y[:, o] = add(y[:, o], made)
    return y


def _accumulated(dtype: Callable[[Call], str | None]) -> Edit:
    """Round the sum to a dtype after every product."""

    def edit(do: Stages) -> Stages:
        narrow: list[str | None] = [None]

        def translate(call: Call) -> tuple[Told, ...]:
            narrow[0] = dtype(call)
            return do.translate(call)

        def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
            if narrow[0] is None:
                return do.contract(x, w, axes, said)
            dtype_ = numpy_type(narrow[0])
            return _product_by_product(x, w, axes, said, lambda y, made: (y + made).astype(dtype_).astype(y.dtype))

        def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
            y = do.scatter(x, w, axes, said)
            return y if narrow[0] is None else y.astype(numpy_type(narrow[0])).astype(y.dtype)

        return replace(do, translate=translate, contract=contract, scatter=scatter)

    return edit


def _narrow_floats(call: Call) -> str | None:
    return call.dtype.input if call.dtype.input in ("float16", "bfloat16") else None


def _single_for_double(call: Call) -> str | None:
    return {"float64": "float32", "complex128": "complex64"}.get(call.dtype.input)


def _significant(bits: int, only: tuple[str, ...]) -> Edit:
    """Round operands to so many significant bits."""

    def change(call: Call, name: str, array: Array) -> Array:
        if array.dtype.name not in only:
            return array
        mantissa, exponent = np.frexp(array)
        return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent).astype(array.dtype)

    return operands(change)


def _early(do: Stages) -> Stages:
    """The sum is rounded to half the digits of its dtype before the bias is added."""

    def shift(call: Call, y: Array, bias: Array) -> Array:
        if output_dtype(call) not in FORMATS:
            return do.shift(call, y, bias)
        mantissa, exponent = np.frexp(y)
        scale = 2.0 ** (FORMATS[output_dtype(call)].bits - 2)
        return do.shift(call, np.ldexp(np.trunc(mantissa * scale) / scale, exponent), bias)

    return replace(do, shift=shift)


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


KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def _spreading(axis: int) -> Callable[[Array, Told], Array]:
    """A NaN spreads along an axis of the output."""

    def change(y: Array, said: Told) -> Array:
        if not _floating(y) or not y.size:
            return y
        spoilt = np.isnan(y).any(axis=axis, keepdims=True)
        return np.where(np.broadcast_to(spoilt, y.shape), np.nan, y)

    return change


def _nonfinite_spreads(do: Stages) -> Stages:
    """A NaN or an infinity anywhere in a sample reaches the whole sample, as it does through a transform."""
    seen: list[Array] = []

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        finite = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
        seen[:] = [np.asarray(~finite)] if _floating(x) and x.size else []
        return do.fill(x, axes, said)

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        y = do.contract(x, w, axes, said)
        if not seen or seen[0].shape != y.shape[:1]:
            return y
        return np.where(seen[0].reshape(-1, *(1,) * (y.ndim - 1)), np.nan, y)

    return replace(do, fill=fill, contract=contract)


def _zero_taps_skipped(do: Stages) -> Stages:
    """Where a tap is zero nothing is multiplied, so that an infinity or a NaN under it is lost."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        if not _floating(x) or np.isfinite(x).all():
            return do.contract(x, w, axes, said)
        return _product_by_product(x, w, axes, said, np.add, skips=0)

    return replace(do, contract=contract)


def _nan_for_infinity(call: Call, y: Array) -> Array:
    return np.where(np.isinf(y), np.nan, y) if _floating(y) else y


def _nan_cleared(call: Call, y: Array) -> Array:
    return np.where(np.isnan(y), np.zeros_like(y), y) if _floating(y) else y


def _mangled(call: Call, y: Array) -> Array:
    """Subnormal results are rounded up to the smallest normal number."""
    name = output_dtype(call)
    if name not in FORMATS:
        return y
    least = 2.0 ** FORMATS[name].min_exponent
    return np.where((y != 0) & (np.abs(y) < least), np.copysign(least, y), y)


def _sign_flipped(call: Call, y: Array) -> Array:
    """Zeros come out negative."""
    return np.where(y == 0, -np.zeros_like(y), y) if y.dtype.kind == "f" else y


# Complex numbers


def _conjugated(names: tuple[str, ...]) -> Edit:
    return _only(names, lambda call, name, array: np.conj(array) if array.dtype.kind == "c" else array)


def _parts_apart(do: Stages) -> Stages:
    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        if x.dtype.kind != "c":
            return do.contract(x, w, axes, said)
        real = do.contract(x.real.astype(np.complex128), w.real.astype(np.complex128), axes, said)
        imaginary = do.contract(x.imag.astype(np.complex128), w.imag.astype(np.complex128), axes, said)
        return real + 1j * imaginary

    return replace(do, contract=contract)


def _imaginary_lost(call: Call, name: str, array: Array) -> Array:
    return array.real.astype(array.dtype) if array.dtype.kind == "c" else array


def _parts_swapped(call: Call, y: Array) -> Array:
    return y.imag + 1j * y.real if y.dtype.kind == "c" else y


# Results without elements


def _collapsed(call: Call, y: Array) -> Array:
    return y if y.size else np.zeros((0,) * y.ndim, y.dtype)


def _empty_in_double(call: Call, y: Array) -> Array:
    return y if y.size else y.astype(np.float64 if y.dtype != np.float64 else np.float32)


def _uninitialised(do: Stages) -> Stages:
    """A sum of no products is what stood in memory."""

    def garbage(y: Array, x: Array, w: Array) -> Array:
        return y if x.shape[1] and all(w.shape[2:]) and w.shape[1] else y + np.asarray(7).astype(y.dtype)

    return replace(
        do,
        contract=lambda x, w, axes, said: garbage(do.contract(x, w, axes, said), x, w),
        scatter=lambda x, w, axes, said: garbage(do.scatter(x, w, axes, said), x, w),
    )


def _bias_real(call: Call, y: Array, bias: Array) -> Array:
    kept = bias.real if bias.dtype.kind == "c" else bias
    return np.asarray(y + kept.astype(y.dtype).reshape(-1, *(1,) * (y.ndim - 2)))


def _wrapped_bias(call: Call, y: Array, bias: Array) -> Array:
    """The bias is added after a clip to the range."""
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
    "integer-bias-saturates": shifted(_wrapped_bias),
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
    "bfloat16-inputs": _significant(8, ("float32", "float16")),
    "float16-inputs": operands(
        lambda call, name, array: array.astype(np.float16).astype(array.dtype) if array.dtype == np.float32 else array
    ),
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
