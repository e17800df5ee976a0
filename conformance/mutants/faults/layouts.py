"""Faults in layouts and in the order of axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import KERNELS, Array, Call
from ..evaluator import Stages, Told
from .edits import Edit


def _reshaped(names: tuple[str, ...]) -> Edit:
    """Return a fault that reshapes the named arrays to their canonical shapes instead of permuting the axes."""

    def edit(stages: Stages) -> Stages:
        def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
            right = stages.arrange(call, name, array, params)
            return array.reshape(right.shape) if name in names else right

        return replace(stages, arrange=arrange)

    return edit


def _delivered(change: Callable[[Call, Array], Array]) -> Edit:
    return lambda stages: replace(stages, deliver=change)


def _reshaped_output(call: Call, y: Array) -> Array:
    have = "NC" + call.spatial
    shape = [y.shape[have.index(letter)] for letter in call.layout.output or call.layout.input]
    return y.reshape(shape)


def _canonical_output(call: Call, y: Array) -> Array:
    return y


def _in_the_inputs_layout(call: Call, y: Array) -> Array:
    have = "NC" + call.spatial
    return np.moveaxis(y, [have.index(letter) for letter in call.layout.input], range(y.ndim))


def _space_swapped_output(stages: Stages) -> Stages:
    return replace(stages, deliver=lambda call, y: stages.deliver(call, np.swapaxes(y, 2, y.ndim - 1)))


def _guessed_channels(stages: Stages) -> Stages:
    """If axis 1 and the last axis of the input both have length C, use the last axis as the channel axis."""

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        right = stages.arrange(call, name, array, params)
        if name != "input" or call.op == "separable_conv":
            return right
        channels = right.shape[1]
        if array.shape[-1] == channels and call.layout.input[-1] != "C" and array.shape[1] == channels:
            return (
                np.moveaxis(array, -1, 1).reshape(right.shape) if sorted(array.shape) == sorted(right.shape) else right
            )
        return right

    return replace(stages, arrange=arrange)


def _guessed_kernel(stages: Stages) -> Stages:
    """If the first and the last axis of a kernel have the same length, swap these axes."""

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        if name != "input" and array.shape[0] == array.shape[-1] and array.ndim == len(call.letters(name)):
            array = np.swapaxes(array, 0, -1)
        return stages.arrange(call, name, array, params)

    return replace(stages, arrange=arrange)


def _spatial_guessed(stages: Stages) -> Stages:
    """If the last spatial axis of the input is longer than the first spatial axis, swap these axes."""

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        right = stages.arrange(call, name, array, params)
        if name != "input" or right.ndim < 4 or right.shape[2] >= right.shape[-1]:
            return right
        return np.swapaxes(right, 2, right.ndim - 1)

    return replace(stages, arrange=arrange)


def _batch_and_channels_swapped(stages: Stages) -> Stages:
    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        right = stages.arrange(call, name, array, params)
        if name == "input" and right.shape[0] == right.shape[1]:
            return np.swapaxes(right, 0, 1)
        return right

    return replace(stages, arrange=arrange)


EDITS: dict[str, Edit] = {
    "layout-ignored": _reshaped(("input", *KERNELS)),
    "layout-reshaped": _reshaped(("input",)),
    "kernel-layout-reshaped": _reshaped(KERNELS),
    "layout-output-transposed": _delivered(_canonical_output),
    "layout-output-is-input": _delivered(_in_the_inputs_layout),
    "layout-output-reshaped": _delivered(_reshaped_output),
    "layout-output-space-swapped": _space_swapped_output,
    "axes-guessed": _guessed_channels,
    "kernel-axes-guessed": _guessed_kernel,
    "space-guessed": _spatial_guessed,
    "batch-and-channels-guessed": _batch_and_channels_swapped,
}
