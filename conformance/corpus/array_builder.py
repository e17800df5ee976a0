"""
Build NumPy arrays from array specs: literals, fills, one-hot arrays, identity kernels and generated arrays.

The generators use x[n+1] = 16807 * x[n] mod (2**31 - 1). x[0] is the seed; x[1] is discarded.
Elements are drawn in the canonical order of the axes, which does not depend on the layout.
The canonical order of an input or output is: batch, spatial axes, channels.
The canonical order of a kernel is: spatial axes, contracted channels, produced channels.
The real part of a complex element is drawn before its imaginary part.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from ..core import COMPLEX_PARTS, FORMATS, MODULUS, Array, numpy_type
from .format.array_specs import Spec, recast
from .format.numbers import Number

#: Every axis letter of the format, in canonical order.
CANONICAL = "NDHWCIOM"
MULTIPLIER = 16807


def build(spec: Spec, letters: str = "", dtype: str = "") -> Array:
    """
    Return a read-only array as described by `spec`, with axes in the order of `letters` and elements of `dtype`.

    `letters` and `dtype` default to those of the spec.
    If `dtype` differs from the dtype of the spec, each element is rounded once.
    If `dtype` is real, only the real part of complex elements is kept.

    Raises:
        Unfit: if `dtype` cannot represent a value.

    """
    array = _as_written(recast(spec, dtype or spec["dtype"]))
    written = spec["letters"]
    if letters and written and sorted(letters) == sorted(written) and letters != written:
        array = np.ascontiguousarray(array.transpose([written.index(letter) for letter in letters]))
    array.setflags(write=False)
    return array


def _as_written(spec: Spec) -> Array:
    shape, kind = spec["shape"], numpy_type(spec["dtype"])
    if "values" in spec:
        return _typed(spec["values"], spec["dtype"]).reshape(shape)
    if "fill" in spec:
        return np.full(shape, _typed((spec["fill"],), spec["dtype"])[0])
    if "one_hot" in spec:
        array = np.zeros(shape, kind)
        array[spec["one_hot"]] = _typed((1,), spec["dtype"])[0]
        return array
    if "identity" in spec:
        return _identity(spec)
    return _generated(spec)


def _identity(spec: Spec) -> Array:
    """Return a kernel with w[t, ..., t, c, c] = 1 for t = spec["identity"] and every channel c, and 0 elsewhere."""
    letters, array = spec["letters"], np.zeros(spec["shape"], numpy_type(spec["dtype"]))
    contracted, produced = (letters.index(letter) for letter in ("IO" if "I" in letters else "CM"))
    planes = np.moveaxis(array, (contracted, produced), (-2, -1))
    if spec["identity"] < min(planes.shape[:-2]):
        planes[(spec["identity"],) * (array.ndim - 2)] = np.eye(*planes.shape[-2:])
    return array


def _typed(values: tuple[Number, ...], dtype: str) -> Array:
    return np.array(values, numpy_type(dtype))


def _generated(spec: Spec) -> Array:
    letters = spec["letters"] or CANONICAL[: len(spec["shape"])]
    order = sorted(range(len(letters)), key=lambda axis: CANONICAL.index(letters[axis]))
    flat = _uniform(spec) if "lcg" in spec else _normal(spec)
    canonical = flat.reshape([spec["shape"][axis] for axis in order])
    if "mirror" in spec:
        canonical = _mirrored(canonical, spec["mirror"], is_input="N" in letters)
    return np.ascontiguousarray(canonical.transpose(np.argsort(order)))


def _uniform(spec: Spec) -> Array:
    count, parts = math.prod(spec["shape"]), 2 if spec["dtype"] in COMPLEX_PARTS else 1
    span = spec["high"] - spec["low"] + 1
    has_density = "density" in spec
    draws = sequence(spec["lcg"], count * (parts + has_density)).reshape(count, parts + has_density)
    values = spec["low"] + draws[:, has_density:] * span // MODULUS
    if has_density:
        above, below = cast("tuple[int, int]", spec["density"])  # enlarged calls replace `fit` by a ratio
        values[draws[:, 0] >= -(-MODULUS * above // below)] = 0
    real = COMPLEX_PARTS.get(spec["dtype"], spec["dtype"])
    return _joined(_rounded(values, real) if real in FORMATS else values, spec["dtype"])


def _normal(spec: Spec) -> Array:
    count, parts = math.prod(spec["shape"]), 2 if spec["dtype"] in COMPLEX_PARTS else 1
    before = [name for name in ("density", "spread") if name in spec]
    draws = sequence(spec["normal"], count * (len(before) + 12 * parts)).reshape(count, -1)
    sums = draws[:, len(before) :].reshape(count, parts, 12).sum(axis=2) - 6 * MODULUS
    # The product is exact in float64, because each sum fits in 35 bits and the factor is a power of two.
    exact = sums.astype(np.float64) * (spec["scale"] * 2.0**-31)
    if "sign" in spec:
        exact = np.abs(exact)
    if "density" in spec:
        above, below = cast("tuple[int, int]", spec["density"])
        exact[draws[:, 0] >= -(-MODULUS * above // below)] = 0
    if "spread" in spec:
        span = 2 * spec["spread"] + 1
        exact = np.ldexp(exact, (draws[:, len(before) - 1] * span // MODULUS - spec["spread"])[:, np.newaxis])
    return _joined(_rounded(exact, COMPLEX_PARTS.get(spec["dtype"], spec["dtype"])), spec["dtype"])


def _mirrored(canonical: Array, how: str, *, is_input: bool) -> Array:
    """
    Overwrite the second half of the channels with the first half, negated unless `how` is "same".

    For a kernel, the channels are the contracted channels.
    """
    channels = np.moveaxis(canonical, -1 if is_input else -2, 0)
    half = len(channels) // 2
    channels[half : 2 * half] = channels[:half] if how == "same" else -channels[:half]
    return canonical


def _joined(values: Array, dtype: str) -> Array:
    kind = numpy_type(dtype)
    if dtype not in COMPLEX_PARTS:
        return values[:, 0].astype(kind)
    whole = np.empty(len(values), kind)
    whole.real, whole.imag = values[:, 0], values[:, 1]
    return whole


def _rounded(values: Array, dtype: str) -> Array:
    """Return `values` rounded once to `dtype`, ties to even, as float64; casting via float32 would round twice."""
    form = FORMATS[dtype]
    values = values.astype(np.float64)
    exponents = np.maximum(np.frexp(values)[1], form.min_exponent + 1) - form.bits
    rounded: Array = np.ldexp(np.rint(np.ldexp(values, -exponents)), exponents)
    return rounded


def sequence(seed: int, count: int) -> Array:
    """
    Return x[2], ..., x[count + 1] of the generator as int64; x[0] is `seed` and x[1] is discarded.

    Each pass of the loop doubles the number n of known draws, because x[i + n] = 16807**n * x[i] mod (2**31 - 1).
    """
    draws = np.empty(max(count, 1), np.int64)
    draws[0] = seed * MULTIPLIER % MODULUS * MULTIPLIER % MODULUS
    known = 1
    while known < count:
        more = min(known, count - known)
        draws[known : known + more] = draws[:more] * pow(MULTIPLIER, known, MODULUS) % MODULUS
        known += more
    return draws[:count]
