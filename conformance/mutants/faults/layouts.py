"""Faults in the order of axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array, Call
from ..evaluator import Stages, Told
from .edits import Edit


def _reshaped(names: tuple[str, ...]) -> Edit:
    """An array is reshaped to the canonical order of its axes instead of being permuted."""

    def edit(do: Stages) -> Stages:
        def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
            right = do.arrange(call, name, array, said)
            return array.reshape(right.shape) if name in names else right

        return replace(do, arrange=arrange)

    return edit


KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def _delivered(change: Callable[[Call, Array], Array]) -> Edit:
    return lambda do: replace(do, deliver=change)


def _reshaped_output(call: Call, y: Array) -> Array:
    have = "NC" + call.spatial
    shape = [y.shape[have.index(letter)] for letter in call.layout.output or call.layout.input]
    return y.reshape(shape)


def _canonical_output(call: Call, y: Array) -> Array:
    return y


def _in_the_inputs_layout(call: Call, y: Array) -> Array:
    have = "NC" + call.spatial
    return np.moveaxis(y, [have.index(letter) for letter in call.layout.input], range(y.ndim))


def _space_swapped_output(do: Stages) -> Stages:
    return replace(do, deliver=lambda call, y: do.deliver(call, np.swapaxes(y, 2, y.ndim - 1)))


def _guessed_channels(do: Stages) -> Stages:
    """The channel axis of the input is guessed: of two that fit the kernel's count, the last."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        right = do.arrange(call, name, array, said)
        if name != "input" or call.op == "separable_conv":
            return right
        channels = right.shape[1]
        if array.shape[-1] == channels and call.layout.input[-1] != "C" and array.shape[1] == channels:
            return (
                np.moveaxis(array, -1, 1).reshape(right.shape) if sorted(array.shape) == sorted(right.shape) else right
            )
        return right

    return replace(do, arrange=arrange)


def _guessed_kernel(do: Stages) -> Stages:
    """A kernel whose first and last axes are equally long is taken as if they changed places."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        if name != "input" and array.shape[0] == array.shape[-1] and array.ndim == len(call.letters(name)):
            array = np.swapaxes(array, 0, -1)
        return do.arrange(call, name, array, said)

    return replace(do, arrange=arrange)


def _spatial_guessed(do: Stages) -> Stages:
    """Spatial axes are taken in the order of the layout's letters sorted by extent, longest first."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        right = do.arrange(call, name, array, said)
        if name != "input" or right.ndim < 4 or right.shape[2] >= right.shape[-1]:
            return right
        return np.swapaxes(right, 2, right.ndim - 1)

    return replace(do, arrange=arrange)


def _batch_and_channels_swapped(do: Stages) -> Stages:
    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        right = do.arrange(call, name, array, said)
        if name == "input" and right.shape[0] == right.shape[1]:
            return np.swapaxes(right, 0, 1)
        return right

    return replace(do, arrange=arrange)


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
