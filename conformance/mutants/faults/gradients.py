"""Faults that affect all gradients of a call, for example wrong cotangents, roundings, axes or dtypes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ...core import COTANGENT, Array, Call, Refused, numpy_type
from ..evaluator import canonical, inner
from ..gradient_evaluator import FORWARD, Backward, Part, by_groups, canonical_letters, filters_of, multiplied_pairs
from ..stored_arrays import placed
from .gradient_edits import BackEdit, by_bias, by_input, by_kernel, returned, sent

NARROW = ("float16", "bfloat16")


def _reshaped_cotangent(call: Call, g: Array) -> Array:
    return np.asarray(call.cotangent).astype(np.float64).reshape(g.shape)


def _where_positive(call: Call, g: Array) -> Array:
    """Set the cotangent to 0 where the output is not positive, as if the call applied a ReLU."""
    with np.errstate(all="ignore"):
        return np.where(canonical(call, FORWARD).astype(np.float64) > 0, g, 0)


def _times_output(call: Call, g: Array) -> Array:
    return g * canonical(call, FORWARD).astype(np.float64)


def _significant(bits: int, dtypes: tuple[str, ...]) -> BackEdit:
    """Return a fault that rounds all operands to `bits` significant bits, if the input dtype is in `dtypes`."""

    def cut(array: Array) -> Array:
        mantissa, exponent = np.frexp(array)
        return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent)

    def rounded(part: Part) -> Part:
        if part.call.dtype.input not in dtypes:
            return part
        return replace(part, x=cut(part.x), w=cut(part.w), g=cut(part.g))

    return lambda stages: replace(
        stages,
        by_kernel=lambda part: stages.by_kernel(rounded(part)),
        by_input=lambda part: stages.by_input(rounded(part)),
    )


def _summed(terms: Array, name: str) -> Array:
    """Return the sums along the first axis, with each partial sum rounded to the dtype `name`."""
    dtype = numpy_type(name)
    total = np.zeros(terms.shape[1:], dtype)
    for term in terms.astype(dtype):
        total = total + term
    return total.astype(np.float64)


def _narrow_bias(call: Call, g: Array, gradient: Array) -> Array:
    name = call.dtype_of("bias")
    return _summed(np.moveaxis(g, 1, -1).reshape(-1, g.shape[1]), name) if name in NARROW else gradient


def _narrow_kernel(part: Part, gradient: Array) -> Array:
    name = part.call.dtype_of(part.told.kernel)
    if name not in NARROW or part.told.transposed:
        return gradient
    x, g = by_groups(part.x, part.told), by_groups(part.g, part.told)
    sums = np.zeros_like(gradient)
    for tap, elements, places in multiplied_pairs(part):
        one, other = (
            each[inner(np.ix_(*index))].reshape(*each.shape[:3], -1) for each, index in ((x, elements), (g, places))
        )
        terms = np.einsum("ngip,ngop->npgoi", one, other)
        sums[inner(tap)] = _summed(terms.reshape(-1, *gradient.shape[:2]), name)
    return sums


def _narrow_input(part: Part, gradient: Array) -> Array:
    name = part.call.dtype_of("input")
    if name not in NARROW or part.told.transposed:
        return gradient
    g, filters = by_groups(part.g, part.told), filters_of(part)
    dtype = numpy_type(name)
    sums = np.zeros(by_groups(gradient, part.told).shape, dtype)
    for (tap, elements, places), o in product(multiplied_pairs(part), range(filters.shape[1])):
        weights = filters[:, o][inner(tap)]
        terms = weights.reshape(1, *weights.shape, *(1,) * len(part.axes)) * g[inner(np.ix_(*places))][:, :, o, None]
        np.add.at(sums, inner(np.ix_(*elements)), terms.astype(dtype))
    return sums.astype(np.float64).reshape(gradient.shape)


def _converted(name: Callable[[str], str]) -> BackEdit:
    """Return a fault that converts each gradient to a wrong dtype; `name` maps the array's dtype to this dtype."""
    return returned(lambda call, array, gradient: gradient.astype(numpy_type(name(call.dtype_of(array)))))


def _canonical_axes(wanted: Callable[[str], bool]) -> BackEdit:
    """Return a fault that leaves the gradient of an array in canonical axis order, if `wanted(array name)` holds."""

    def change(call: Call, name: str, gradient: Array) -> Array:
        if name == "bias" or not wanted(name):
            return gradient
        letters = call.letters(name)
        have = canonical_letters(call, name).replace("OI", "CM") if "M" in letters else canonical_letters(call, name)
        return gradient.transpose([letters.index(letter) for letter in have])

    return returned(change)


def _in_the_outputs_layout(call: Call, name: str, gradient: Array) -> Array:
    if name != "input":
        return gradient
    letters = call.letters(name)
    return gradient.transpose([letters.index(letter) for letter in call.letters("output")])


def _reversed_space(call: Call, name: str, gradient: Array) -> Array:
    """Read the memory of a gradient as if the spatial axes were in reverse order."""
    if name == "bias" or call.rank == 1:
        return gradient
    letters = call.letters(name)
    turned = dict(zip(call.spatial, reversed(call.spatial), strict=True))
    order = [letters.index(turned.get(letter, letter)) for letter in letters]
    return gradient.transpose(order).reshape(gradient.shape)


def _multiplier_merged(call: Call, name: str, gradient: Array) -> Array:
    if "kernel" not in name or "M" not in call.letters(name):
        return gradient
    letters = call.letters(name)
    order = [letters.index(letter) for letter in call.spatial + "CM"]
    moved = gradient.transpose(order)
    return moved.reshape(*moved.shape[:-2], 1, moved.shape[-2] * moved.shape[-1])


def _lost(is_lost: Callable[[tuple[str, ...], str], bool]) -> BackEdit:
    """
    Return a fault that sets a gradient to 0, if `is_lost(kinds, kind)` holds.

    `kind` is the kind of the gradient: `input`, `kernel` or `bias`. `kinds` lists the kinds of all requested gradients.
    """

    def edit(stages: Backward) -> Backward:
        def finish(call: Call, gradients: dict[str, Array]) -> dict[str, Array]:
            kinds = tuple(map(_kind, call.gradients))
            right = stages.finish(call, gradients)
            return {name: np.zeros_like(each) if is_lost(kinds, _kind(name)) else each for name, each in right.items()}

        return replace(stages, finish=finish)

    return edit


def _kind(name: str) -> str:
    return "kernel" if name.endswith("kernel") else name


def _finished(change: Callable[[Call, Array], Array]) -> BackEdit:
    return returned(lambda call, name, gradient: change(call, gradient))


def _of_nothing(change: Callable[[Array], Array]) -> BackEdit:
    """Return a fault that replaces each gradient by `change(gradient)`, if the cotangent has no elements."""
    return _finished(lambda call, gradient: change(gradient) if np.asarray(call.cotangent).size == 0 else gradient)


def _refuse(gradient: Array) -> Array:
    raise Refused("the cotangent is empty")


def _not_a_number(gradient: Array) -> Array:
    return np.full_like(gradient, np.nan)


def _normed(call: Call, gradient: Array) -> Array:
    """If the cotangent is 0 everywhere, return NaN, as if the gradient were divided by the norm of the cotangent."""
    sent = np.asarray(call.cotangent)
    return _not_a_number(gradient) if sent.size and not sent.any() else gradient


def _accumulating(stages: Backward) -> Backward:
    """For each array, return the sum of its gradients over all calls so far."""
    kept: dict[str, Any] = {}

    def finish(call: Call, gradients: dict[str, Array]) -> dict[str, Array]:
        for name, each in stages.finish(call, gradients).items():
            kept[name] = kept[name] + each if name in kept else each
        return dict(kept)

    return replace(stages, finish=finish)


def _overwriting(stages: Backward) -> Backward:
    def send(call: Call) -> Array:
        array = placed(call, COTANGENT)
        g = stages.send(call)
        if array.size:
            array[...] = 0
        return g

    return replace(stages, send=send)


EDITS: dict[str, BackEdit] = {
    # The cotangent
    "cotangent-ignored": sent(lambda call, g: np.ones_like(g)),
    "cotangent-clipped": sent(lambda call, g: np.maximum(g, 0)),
    "cotangent-sign-lost": sent(lambda call, g: np.abs(g)),
    "cotangent-where-positive": sent(_where_positive),
    "cotangent-times-output": sent(_times_output),
    "cotangent-averaged": sent(lambda call, g: g / max(g.size, 1)),
    "cotangent-summed": sent(lambda call, g: np.full_like(g, g.sum())),
    "cotangent-of-first-sample": sent(lambda call, g: np.broadcast_to(g[:1], g.shape)),
    "cotangent-of-first-filter": sent(lambda call, g: np.broadcast_to(g[:, :1], g.shape)),
    "cotangent-filters-reversed": sent(lambda call, g: g[:, ::-1]),
    "cotangent-reversed": sent(lambda call, g: g[..., ::-1]),
    "cotangent-reshaped": sent(_reshaped_cotangent),
    "cotangent-overwritten": _overwriting,
    # Numbers
    "gradient-operands-tf32": _significant(11, ("float32",)),
    "gradient-operands-bfloat16": _significant(8, ("float32", "float16")),
    "gradient-double-in-single": _significant(24, ("float64",)),
    "bias-gradient-narrow": by_bias(_narrow_bias),
    "kernel-gradient-narrow": by_kernel(_narrow_kernel),
    "input-gradient-narrow": by_input(_narrow_input),
    # Axes and dtypes
    "gradient-in-single": _converted(lambda name: "float32"),
    "gradient-in-double": _converted(lambda name: "float64"),
    "input-gradient-in-another-order": _canonical_axes(lambda name: name == "input"),
    "input-gradient-in-the-outputs-order": returned(_in_the_outputs_layout),
    "kernel-gradient-in-another-order": _canonical_axes(lambda name: name != "input"),
    "gradient-space-swapped": returned(_reversed_space),
    "kernel-gradient-multiplier-merged": returned(_multiplier_merged),
    "gradient-axes-of-one-dropped": _finished(lambda call, gradient: gradient.squeeze()),
    # Requested gradients
    "input-gradient-alone-lost": _lost(lambda kinds, kind: kinds == ("input",)),
    "kernel-gradient-alone-lost": _lost(lambda kinds, kind: kinds == ("kernel",)),
    "bias-gradient-alone-lost": _lost(lambda kinds, kind: kinds == ("bias",)),
    "kernel-gradient-needs-input": _lost(lambda kinds, kind: kind == "kernel" and "input" not in kinds),
    "input-gradient-needs-kernel": _lost(lambda kinds, kind: kind == "input" and "kernel" not in kinds),
    "bias-gradient-needs-input": _lost(lambda kinds, kind: kind == "bias" and "input" not in kinds),
    "bias-gradient-needs-kernel": _lost(lambda kinds, kind: kind == "bias" and "kernel" not in kinds),
    # Empty arrays, zeros, and repeated calls
    "gradient-of-nothing-not-a-number": _of_nothing(_not_a_number),
    "gradient-of-nothing-unwritten": _of_nothing(np.ones_like),
    "gradient-of-nothing-refused": _of_nothing(_refuse),
    "gradient-of-nothing-collapsed": _of_nothing(lambda gradient: gradient[:0]),
    "gradient-of-zeros-not-a-number": _finished(_normed),
    "gradient-accumulates": _accumulating,
}
