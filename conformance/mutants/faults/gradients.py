"""Faults in all gradients of a call: the cotangent, axes and dtypes, what is asked for, empty arrays, narrow sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ...core import COTANGENT, Array, Call, Refused, numpy_type
from ..evaluator import canonical, inner
from ..gradient_evaluator import THERE, Backward, Part, by_groups, canonical_letters, filters_of, meetings
from ..stored_arrays import placed
from .gradient_edits import BackEdit, by_bias, by_input, by_kernel, returned, sent

NARROW = ("float16", "bfloat16")


def _reshaped_cotangent(call: Call, g: Array) -> Array:
    return np.asarray(call.cotangent).astype(np.float64).reshape(g.shape)


def _where_positive(call: Call, g: Array) -> Array:
    """An activation is taken back that was never applied."""
    with np.errstate(all="ignore"):
        return np.where(canonical(call, THERE).astype(np.float64) > 0, g, 0)


def _times_output(call: Call, g: Array) -> Array:
    return g * canonical(call, THERE).astype(np.float64)


def _significant(bits: int, dtypes: tuple[str, ...]) -> BackEdit:
    """Round the operands of products to so many significant bits, for calls in some dtypes."""

    def cut(array: Array) -> Array:
        mantissa, exponent = np.frexp(array)
        return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent)

    def rounded(part: Part) -> Part:
        if part.call.dtype.input not in dtypes:
            return part
        return replace(part, x=cut(part.x), w=cut(part.w), g=cut(part.g))

    return lambda do: replace(
        do, by_kernel=lambda part: do.by_kernel(rounded(part)), by_input=lambda part: do.by_input(rounded(part))
    )


def _summed(terms: Array, name: str) -> Array:
    """Return the sums along the first axis, rounded to a dtype after each term."""
    dtype = numpy_type(name)
    total = np.zeros(terms.shape[1:], dtype)
    for term in terms.astype(dtype):
        total = total + term
    return total.astype(np.float64)


def _narrow_bias(call: Call, g: Array, found: Array) -> Array:
    name = call.dtype_of("bias")
    return _summed(np.moveaxis(g, 1, -1).reshape(-1, g.shape[1]), name) if name in NARROW else found


def _narrow_kernel(part: Part, found: Array) -> Array:
    name = part.call.dtype_of(part.told.kernel)
    if name not in NARROW or part.told.transposed:
        return found
    x, g = by_groups(part.x, part.told), by_groups(part.g, part.told)
    sums = np.zeros_like(found)
    for tap, elements, places in meetings(part):
        one, other = (
            each[inner(np.ix_(*index))].reshape(*each.shape[:3], -1) for each, index in ((x, elements), (g, places))
        )
        terms = np.einsum("ngip,ngop->npgoi", one, other)
        sums[inner(tap)] = _summed(terms.reshape(-1, *found.shape[:2]), name)
    return sums


def _narrow_input(part: Part, found: Array) -> Array:
    name = part.call.dtype_of("input")
    if name not in NARROW or part.told.transposed:
        return found
    g, filters = by_groups(part.g, part.told), filters_of(part)
    dtype = numpy_type(name)
    sums = np.zeros(by_groups(found, part.told).shape, dtype)
    for (tap, elements, places), o in product(meetings(part), range(filters.shape[1])):
        weights = filters[:, o][inner(tap)]
        worth = weights.reshape(1, *weights.shape, *(1,) * len(part.axes)) * g[inner(np.ix_(*places))][:, :, o, None]
        np.add.at(sums, inner(np.ix_(*elements)), worth.astype(dtype))
    return sums.astype(np.float64).reshape(found.shape)


def _converted(name: Callable[[str], str]) -> BackEdit:
    """Return gradients in another dtype."""
    return returned(lambda call, array, found: found.astype(numpy_type(name(call.dtype_of(array)))))


def _canonical_axes(wanted: Callable[[str], bool]) -> BackEdit:
    """Leave the gradients of some arrays in the order of axes that they were computed in."""

    def change(call: Call, name: str, found: Array) -> Array:
        if name == "bias" or not wanted(name):
            return found
        letters = call.letters(name)
        have = canonical_letters(call, name).replace("OI", "CM") if "M" in letters else canonical_letters(call, name)
        return found.transpose([letters.index(letter) for letter in have])

    return returned(change)


def _in_the_outputs_layout(call: Call, name: str, found: Array) -> Array:
    if name != "input":
        return found
    letters = call.letters(name)
    return found.transpose([letters.index(letter) for letter in call.letters("output")])


def _reversed_space(call: Call, name: str, found: Array) -> Array:
    """The memory of a gradient is read as if its spatial axes stood in the reverse order."""
    if name == "bias" or call.rank == 1:
        return found
    letters = call.letters(name)
    turned = dict(zip(call.spatial, reversed(call.spatial), strict=True))
    order = [letters.index(turned.get(letter, letter)) for letter in letters]
    return found.transpose(order).reshape(found.shape)


def _multiplier_merged(call: Call, name: str, found: Array) -> Array:
    if "kernel" not in name or "M" not in call.letters(name):
        return found
    letters = call.letters(name)
    order = [letters.index(letter) for letter in call.spatial + "CM"]
    moved = found.transpose(order)
    return moved.reshape(*moved.shape[:-2], 1, moved.shape[-2] * moved.shape[-1])


def _asked(change: Callable[[tuple[str, ...], str], bool]) -> BackEdit:
    """Lose gradients, of which zeros are left, by what else is asked for."""

    def edit(do: Backward) -> Backward:
        def finish(call: Call, found: dict[str, Array]) -> dict[str, Array]:
            kinds = tuple(map(_kind, call.gradients))
            right = do.finish(call, found)
            return {name: np.zeros_like(each) if change(kinds, _kind(name)) else each for name, each in right.items()}

        return replace(do, finish=finish)

    return edit


def _kind(name: str) -> str:
    return "kernel" if name.endswith("kernel") else name


def _finished(change: Callable[[Call, Array], Array]) -> BackEdit:
    return returned(lambda call, name, found: change(call, found))


def _of_nothing(change: Callable[[Array], Array]) -> BackEdit:
    """Change gradients where the cotangent has no elements."""
    return _finished(lambda call, found: change(found) if np.asarray(call.cotangent).size == 0 else found)


def _refuse(found: Array) -> Array:
    raise Refused("an empty cotangent")


def _not_a_number(found: Array) -> Array:
    return np.full_like(found, np.nan)


def _normed(call: Call, found: Array) -> Array:
    """Gradients are divided by the size of the cotangent, and multiplied by it again."""
    sent = np.asarray(call.cotangent)
    return _not_a_number(found) if sent.size and not sent.any() else found


def _accumulating(do: Backward) -> Backward:
    """What an earlier call left in the gradients is not cleared."""
    kept: dict[str, Any] = {}

    def finish(call: Call, found: dict[str, Array]) -> dict[str, Array]:
        for name, each in do.finish(call, found).items():
            kept[name] = kept[name] + each if name in kept else each
        return dict(kept)

    return replace(do, finish=finish)


def _overwriting(do: Backward) -> Backward:
    def send(call: Call) -> Array:
        array = placed(call, COTANGENT)
        g = do.send(call)
        if array.size:
            array[...] = 0
        return g

    return replace(do, send=send)


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
    "gradient-axes-of-one-dropped": _finished(lambda call, found: found.squeeze()),
    # What is asked for
    "input-gradient-alone-lost": _asked(lambda kinds, kind: kinds == ("input",)),
    "kernel-gradient-alone-lost": _asked(lambda kinds, kind: kinds == ("kernel",)),
    "bias-gradient-alone-lost": _asked(lambda kinds, kind: kinds == ("bias",)),
    "kernel-gradient-needs-input": _asked(lambda kinds, kind: kind == "kernel" and "input" not in kinds),
    "input-gradient-needs-kernel": _asked(lambda kinds, kind: kind == "input" and "kernel" not in kinds),
    "bias-gradient-needs-input": _asked(lambda kinds, kind: kind == "bias" and "input" not in kinds),
    "bias-gradient-needs-kernel": _asked(lambda kinds, kind: kind == "bias" and "kernel" not in kinds),
    # Empty arrays, and calls made again
    "gradient-of-nothing-not-a-number": _of_nothing(_not_a_number),
    "gradient-of-nothing-unwritten": _of_nothing(np.ones_like),
    "gradient-of-nothing-refused": _of_nothing(_refuse),
    "gradient-of-nothing-collapsed": _of_nothing(lambda found: found[:0]),
    "gradient-of-zeros-not-a-number": _finished(_normed),
    "gradient-accumulates": _accumulating,
}
