"""Faults in the gradients of grouped, depthwise and separable convolutions."""

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
    """Return a fault that applies `change` to the input gradient, whose channel axis is split into (groups, rest)."""
    return _grouped(
        by_input(
            lambda part, gradient: np.ascontiguousarray(change(by_groups(gradient, part.told))).reshape(gradient.shape)
        )
    )


def _of_kernel(change: Callable[[Array], Array]) -> BackEdit:
    """Return a fault that applies `change` to the kernel gradient, whose first axis is split into (groups, rest)."""

    def changed(part: Part, gradient: Array) -> Array:
        apart = gradient.reshape(part.told.groups, -1, *gradient.shape[1:])
        return np.ascontiguousarray(change(apart)).reshape(gradient.shape)

    return _grouped(by_kernel(changed))


def _first_filters(part: Part) -> Part:
    """Return a copy of the part in which every group has the filters of the first group."""
    share = part.w.shape[0] // part.told.groups
    return replace(part, w=np.concatenate([part.w[:share]] * part.told.groups))


def _dealt(part: Part) -> Part:
    """Return a copy of the part with reordered input channels: group g gets channels g, g + groups, …."""
    order = np.arange(part.x.shape[1]).reshape(-1, part.told.groups).T.ravel()
    return replace(part, x=part.x[:, order])


def _by_channel(part: Part, array: Array, axis: int) -> Array:
    """Return `array` with `axis` split into two axes (C, M); `axis` has the length C * M."""
    return array.reshape(*array.shape[:axis], part.told.groups, -1, *array.shape[axis + 1 :])


def _multiplier_first(part: Part, gradient: Array) -> Array:
    return _by_channel(part, gradient, 0).swapaxes(0, 1).reshape(gradient.shape)


def _first_multiple(part: Part) -> Part:
    g = _by_channel(part, part.g, 1).copy()
    g[:, :, 1:] = 0
    return replace(part, g=g.reshape(part.g.shape))


def _multiples_summed(part: Part, gradient: Array) -> Array:
    apart = _by_channel(part, gradient, 0)
    return np.broadcast_to(apart.sum(1, keepdims=True), apart.shape).reshape(gradient.shape)


def _channels_summed(part: Part, gradient: Array) -> Array:
    return np.broadcast_to(gradient.sum(1, keepdims=True), gradient.shape)


def _of_the_input(part: Part) -> Part:
    """Replace the input of the pointwise part by the input of the call, repeated or cut to the correct shape."""
    call = part.call
    letters = call.letters("input")
    order = [letters.index(letter) for letter in "NC" + call.spatial]
    x = call.input.astype(np.float64).transpose(order)
    for axis in range(1, x.ndim):
        x = x.take(np.arange(part.x.shape[axis]) % max(x.shape[axis], 1), axis)
    return replace(part, x=x)


def _other_order(part: Part, gradient: Array) -> Array:
    """Read the intermediate channel (c, m) of a gradient at index m * C + c instead of c * M + m."""
    channels = part.call.extent("input", "C")
    return gradient.reshape(gradient.shape[0], -1, channels, *gradient.shape[2:]).swapaxes(1, 2).reshape(gradient.shape)


EDITS: dict[str, BackEdit] = {
    "group-gradient-first-for-all": _of_input(lambda gradient: np.broadcast_to(gradient[:, :1], gradient.shape)),
    "group-gradient-reversed": _of_input(lambda gradient: gradient[:, ::-1]),
    "group-gradient-summed": _of_input(
        lambda gradient: np.broadcast_to(gradient.sum(1, keepdims=True), gradient.shape)
    ),
    "group-gradient-dealt": _of_input(lambda gradient: gradient.swapaxes(1, 2)),
    "group-gradient-of-first-filters": _grouped(input_of(_first_filters)),
    "group-kernel-gradient-first-for-all": _of_kernel(lambda gradient: np.broadcast_to(gradient[:1], gradient.shape)),
    "group-kernel-gradient-reversed": _of_kernel(lambda gradient: gradient[::-1]),
    "group-kernel-gradient-summed": _of_kernel(lambda gradient: np.broadcast_to(gradient.sum(0), gradient.shape)),
    "group-kernel-gradient-dealt": _grouped(kernel_of(_dealt)),
    "depthwise-gradient-summed": _depthwise(by_input(_channels_summed)),
    "depthwise-gradient-first-multiple-only": _depthwise(input_of(_first_multiple)),
    "depthwise-kernel-gradient-multiplier-first": _depthwise(by_kernel(_multiplier_first)),
    "depthwise-kernel-gradient-summed": _depthwise(by_kernel(_multiples_summed)),
    "separable-gradient-of-the-input": _pointwise(kernel_of(_of_the_input)),
    "separable-gradient-skips-pointwise": _pointwise(input_of(lambda part: replace(part, w=np.ones_like(part.w)))),
    "separable-gradient-order-swapped": _pointwise(by_input(_other_order)),
    "separable-gradient-pointwise-zero": _pointwise(by_kernel(lambda part, gradient: np.zeros_like(gradient))),
    "separable-gradient-depthwise-zero": _depthwise(by_kernel(lambda part, gradient: np.zeros_like(gradient))),
}
