"""Faults in the gradients of transposed convolutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core import Array
from ..gradient_evaluator import Part
from .gradient_edits import BackEdit, by_input, by_kernel, input_of, kernel_of, transposed
from .gradient_parts import each_axis, flipped, kernel_swapped, undilated, unstrided


def _without_output_padding(part: Part) -> Part:
    extra = zip(part.axes, part.told.output_padding, strict=True)
    return replace(part, axes=tuple(replace(axis, out=axis.out - more) for axis, more in extra))


_uncropped = each_axis(lambda axis: replace(axis, low=0))
_ends_swapped = each_axis(lambda axis: replace(axis, low=axis.high))


def _swapped(part: Part, gradient: Array) -> Array:
    return gradient.swapaxes(0, 1).reshape(gradient.shape)


EDITS: dict[str, BackEdit] = {
    "transposed-input-gradient-zero": transposed(by_input(lambda part, gradient: np.zeros_like(gradient))),
    "transposed-input-gradient-kernel-flipped": transposed(input_of(flipped)),
    "transposed-input-gradient-kernel-swapped": transposed(input_of(kernel_swapped)),
    "transposed-input-gradient-ignores-stride": transposed(input_of(unstrided)),
    "transposed-input-gradient-ignores-dilation": transposed(input_of(undilated)),
    "transposed-input-gradient-ignores-crop": transposed(input_of(_uncropped)),
    "transposed-input-gradient-crop-swapped": transposed(input_of(_ends_swapped)),
    "transposed-input-gradient-without-output-padding": transposed(input_of(_without_output_padding)),
    "transposed-kernel-gradient-zero": transposed(by_kernel(lambda part, gradient: np.zeros_like(gradient))),
    "transposed-kernel-gradient-flipped": transposed(
        by_kernel(lambda part, gradient: np.flip(gradient, tuple(range(2, gradient.ndim))))
    ),
    "transposed-kernel-gradient-swapped": transposed(by_kernel(_swapped)),
    "transposed-kernel-gradient-ignores-stride": transposed(kernel_of(unstrided)),
    "transposed-kernel-gradient-ignores-dilation": transposed(kernel_of(undilated)),
    "transposed-kernel-gradient-ignores-crop": transposed(kernel_of(_uncropped)),
    "transposed-kernel-gradient-crop-swapped": transposed(kernel_of(_ends_swapped)),
    "transposed-kernel-gradient-without-output-padding": transposed(kernel_of(_without_output_padding)),
}
