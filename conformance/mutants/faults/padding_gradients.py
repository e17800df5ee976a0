"""Faults in the gradients of padded inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, padded, source
from ..gradient_evaluator import Part, by_input
from . import gradient_edits as back
from .gradient_edits import BackEdit, forward, input_of, kernel_of
from .gradient_parts import each_axis

#: Maps each padding mode to the wrong mode that replaces it.
OTHER = {"zeros": "zeros", "reflect": "replicate", "replicate": "circular", "circular": "reflect"}


def _mode(change: Callable[[str], str]) -> Callable[[Part], Part]:
    return lambda part: replace(part, told=replace(part.told, mode=change(part.told.mode)))


_unpadded = each_axis(lambda axis: replace(axis, low=min(axis.low, 0)))
_uncropped = each_axis(lambda axis: replace(axis, low=max(axis.low, 0)))
_ends_swapped = each_axis(lambda axis: replace(axis, low=axis.high))
_one_late = each_axis(lambda axis: replace(axis, low=axis.low - 1) if axis.low > 0 else axis)
_as_zeros = _mode(lambda mode: "zeros")
_as_another = _mode(OTHER.__getitem__)
_as_border = _mode(lambda mode: "replicate" if mode == "zeros" else mode)


def _axes_swapped(part: Part) -> Part:
    lows = [axis.low for axis in reversed(part.axes)]
    return replace(part, axes=tuple(replace(axis, low=low) for axis, low in zip(part.axes, lows, strict=True)))


def _widely(part: Part) -> Part:
    """Return a copy of the part whose input is already padded with zeros; the part must have no input dilation."""
    pairs = tuple((axis.low, axis.high) for axis in part.axes)
    wide = padded(part.x, pairs, "zeros")
    lengths = zip(part.axes, wide.shape[2:], strict=True)
    return replace(_as_zeros(part), x=wide, axes=tuple(replace(axis, length=length, low=0) for axis, length in lengths))


def _padding_returned(part: Part, gradient: Array) -> Array:
    return gradient if set(part.told.input_dilations) != {1} else by_input(_widely(part))


def _folded(assign: Callable[[Array, Array, Array, Axis], None]) -> BackEdit:
    """
    Return a fault that computes the input gradient wrongly from the gradient of the padded input.

    The fault applies to padding modes other than zeros. `assign(gradient, elements, wide, axis)` runs for each spatial
    axis. It must write into `gradient`, the gradient of the input; `wide` is the gradient of the padded input.
    Position p of the padded input is a copy of input element elements[p]. Therefore a correct `assign` would add
    wide[p] to gradient[elements[p]].
    """

    def change(part: Part, gradient: Array) -> Array:
        if part.told.mode == "zeros" or not gradient.size:
            return gradient
        wide = by_input(_widely(part))
        for at, axis in enumerate(part.axes, 2):
            places = np.arange(wide.shape[at]) - axis.low
            gradient = np.zeros((axis.length, *np.moveaxis(wide, at, 0).shape[1:]))
            assign(gradient, source(places, axis.length, part.told.mode), np.moveaxis(wide, at, 0), axis)
            wide = np.moveaxis(gradient, 0, at)
        return wide

    return forward(back.by_input(change))


def _overwritten(gradient: Array, elements: Array, wide: Array, axis: Axis) -> None:
    gradient[elements] = wide


def _low_side(gradient: Array, elements: Array, wide: Array, axis: Axis) -> None:
    kept = slice(None, axis.low + axis.length)
    np.add.at(gradient, elements[kept], wide[kept])


def _high_side(gradient: Array, elements: Array, wide: Array, axis: Axis) -> None:
    kept = slice(max(axis.low, 0), None)
    np.add.at(gradient, elements[kept], wide[kept])


def _averaged(gradient: Array, elements: Array, wide: Array, axis: Axis) -> None:
    np.add.at(gradient, elements, wide)
    copies = np.bincount(elements, minlength=axis.length)
    gradient /= np.maximum(copies, 1).reshape(-1, *(1,) * (gradient.ndim - 1))


def _step(change: Callable[[Call, Array], Array]) -> BackEdit:
    return lambda stages: replace(stages, unstep=change)


def _step_swapped(call: Call, g: Array) -> Array:
    return padded(g, tuple((-high, -low) for low, high in call.before or ()), "zeros")


def _step_border(call: Call, g: Array) -> Array:
    """Copy the gradient at the border to the elements that the padding step cropped; their correct gradient is 0."""
    return padded(g, tuple((-low, -high) for low, high in call.before or ()), "replicate")


EDITS: dict[str, BackEdit] = {
    "input-gradient-ignores-padding": forward(input_of(_unpadded)),
    "input-gradient-padding-swapped": forward(input_of(_ends_swapped)),
    "input-gradient-padding-axes-swapped": forward(input_of(_axes_swapped)),
    "input-gradient-one-late": forward(input_of(_one_late)),
    "input-gradient-ignores-crop": forward(input_of(_uncropped)),
    "input-gradient-of-the-padded": forward(back.by_input(_padding_returned)),
    "input-gradient-padding-folded": forward(input_of(_as_border)),
    "kernel-gradient-ignores-padding": forward(kernel_of(_unpadded)),
    "kernel-gradient-padding-swapped": forward(kernel_of(_ends_swapped)),
    "kernel-gradient-padding-axes-swapped": forward(kernel_of(_axes_swapped)),
    "kernel-gradient-one-late": forward(kernel_of(_one_late)),
    "kernel-gradient-ignores-crop": forward(kernel_of(_uncropped)),
    "kernel-gradient-padding-counted": forward(kernel_of(_as_border)),
    "input-gradient-ignores-mode": forward(input_of(_as_zeros)),
    "kernel-gradient-ignores-mode": forward(kernel_of(_as_zeros)),
    "input-gradient-of-another-mode": forward(input_of(_as_another)),
    "kernel-gradient-of-another-mode": forward(kernel_of(_as_another)),
    "mode-gradient-overwritten": _folded(_overwritten),
    "mode-gradient-averaged": _folded(_averaged),
    "mode-gradient-low-side-only": _folded(_low_side),
    "mode-gradient-high-side-only": _folded(_high_side),
    "step-gradient-lost": _step(lambda call, g: g),
    "step-gradient-swapped": _step(_step_swapped),
    "step-gradient-of-the-border": _step(_step_border),
}
