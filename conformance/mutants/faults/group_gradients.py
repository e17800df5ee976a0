"""Faults in the gradients of groups, and of the depthwise and separable convolutions that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array
from ..gradient_evaluator import Part, by_groups
from .gradient_edits import BackEdit, by_input, by_kernel, input_of, kernel_of, where


def _grouped(edit: BackEdit) -> BackEdit:
    return where(lambda part: part.told.groups > 1, edit)


def _depthwise(edit: BackEdit) -> BackEdit:
    return where(lambda part: "M" in part.call.letters(part.told.kernel), edit)


def _pointwise(edit: BackEdit) -> BackEdit:
    return where(lambda part: part.told.kernel == "pointwise_kernel", edit)


def _of_input(change: Callable[[Array], Array]) -> BackEdit:
    """Change the gradient of an input with its groups apart: (N, group, channel of the group, space)."""
    return _grouped(
        by_input(lambda part, found: np.ascontiguousarray(change(by_groups(found, part.told))).reshape(found.shape))
    )


def _of_kernel(change: Callable[[Array], Array]) -> BackEdit:
    """Change the gradient of a kernel with its groups apart, in its first axis."""

    def changed(part: Part, found: Array) -> Array:
        apart = found.reshape(part.told.groups, -1, *found.shape[1:])
        return np.ascontiguousarray(change(apart)).reshape(found.shape)

    return _grouped(by_kernel(changed))


def _first_filters(part: Part) -> Part:
    """Return the part all of whose groups have the filters of the first."""
    share = part.w.shape[0] // part.told.groups
    return replace(part, w=np.concatenate([part.w[:share]] * part.told.groups))


def _dealt(part: Part) -> Part:
    """Return the part whose channels are dealt to the groups in turn."""
    order = np.arange(part.x.shape[1]).reshape(-1, part.told.groups).T.ravel()
    return replace(part, x=part.x[:, order])


def _by_channel(part: Part, array: Array, axis: int) -> Array:
    """Return an array of which an axis c * M + m is two, channel and filter."""
    return array.reshape(*array.shape[:axis], part.told.groups, -1, *array.shape[axis + 1 :])


def _multiplier_first(part: Part, found: Array) -> Array:
    return _by_channel(part, found, 0).swapaxes(0, 1).reshape(found.shape)


def _first_multiple(part: Part) -> Part:
    g = _by_channel(part, part.g, 1).copy()
    g[:, :, 1:] = 0
    return replace(part, g=g.reshape(part.g.shape))


def _multiples_summed(part: Part, found: Array) -> Array:
    apart = _by_channel(part, found, 0)
    return np.broadcast_to(apart.sum(1, keepdims=True), apart.shape).reshape(found.shape)


def _channels_summed(part: Part, found: Array) -> Array:
    return np.broadcast_to(found.sum(1, keepdims=True), found.shape)


def _of_the_input(part: Part) -> Part:
    """Return the second stage as if it had received the input of the first, repeated and cut to size."""
    call = part.call
    letters = call.letters("input")
    order = [letters.index(letter) for letter in "NC" + call.spatial]
    x = call.input.astype(np.float64).transpose(order)
    for axis in range(1, x.ndim):
        x = x.take(np.arange(part.x.shape[axis]) % max(x.shape[axis], 1), axis)
    return replace(part, x=x)


def _other_order(part: Part, found: Array) -> Array:
    """What the first stage's filters are worth comes as m * C + c."""
    channels = part.call.extent("input", "C")
    return found.reshape(found.shape[0], -1, channels, *found.shape[2:]).swapaxes(1, 2).reshape(found.shape)


EDITS: dict[str, BackEdit] = {
    "group-gradient-first-for-all": _of_input(lambda found: np.broadcast_to(found[:, :1], found.shape)),
    "group-gradient-reversed": _of_input(lambda found: found[:, ::-1]),
    "group-gradient-summed": _of_input(lambda found: np.broadcast_to(found.sum(1, keepdims=True), found.shape)),
    "group-gradient-dealt": _of_input(lambda found: found.swapaxes(1, 2)),
    "group-gradient-of-first-filters": _grouped(input_of(_first_filters)),
    "group-kernel-gradient-first-for-all": _of_kernel(lambda found: np.broadcast_to(found[:1], found.shape)),
    "group-kernel-gradient-reversed": _of_kernel(lambda found: found[::-1]),
    "group-kernel-gradient-summed": _of_kernel(lambda found: np.broadcast_to(found.sum(0), found.shape)),
    "group-kernel-gradient-dealt": _grouped(kernel_of(_dealt)),
    "depthwise-gradient-summed": _depthwise(by_input(_channels_summed)),
    "depthwise-gradient-first-multiple-only": _depthwise(input_of(_first_multiple)),
    "depthwise-kernel-gradient-multiplier-first": _depthwise(by_kernel(_multiplier_first)),
    "depthwise-kernel-gradient-summed": _depthwise(by_kernel(_multiples_summed)),
    "separable-gradient-of-the-input": _pointwise(kernel_of(_of_the_input)),
    "separable-gradient-skips-pointwise": _pointwise(input_of(lambda part: replace(part, w=np.ones_like(part.w)))),
    "separable-gradient-order-swapped": _pointwise(by_input(_other_order)),
    "separable-gradient-pointwise-zero": _pointwise(by_kernel(lambda part, found: np.zeros_like(found))),
    "separable-gradient-depthwise-zero": _depthwise(by_kernel(lambda part, found: np.zeros_like(found))),
}
