"""Faults in shape inference, which reports the shape and the dtype of the output before a call runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array, Call
from .edits import Edit


def _inferred(change: Callable[[Call, Array], Array]) -> Edit:
    return lambda stages: replace(stages, infer=lambda call, y: change(call, stages.infer(call, y)))


def _other_length(call: Call, stated: Array) -> Array:
    at = (call.layout.output or call.layout.input).index("W")
    return np.zeros([size + (axis == at) for axis, size in enumerate(stated.shape)], stated.dtype)


def _channels_of_the_input(call: Call, stated: Array) -> Array:
    at = (call.layout.output or call.layout.input).index("C")
    channels = call.extent("input", "C")
    return np.zeros([channels if axis == at else size for axis, size in enumerate(stated.shape)], stated.dtype)


def _other_dtype(call: Call, stated: Array) -> Array:
    return stated.astype(np.float64 if stated.dtype == np.float32 else np.float32)


def _inferred_in_order(call: Call, stated: Array) -> Array:
    have = "NC" + call.spatial
    letters = call.layout.output or call.layout.input
    return stated.transpose([letters.index(letter) for letter in have])


def _inferred_undilated(call: Call, stated: Array) -> Array:
    at = (call.layout.output or call.layout.input).index("W")
    name = "depthwise_kernel" if call.op == "separable_conv" else "kernel"
    more = (call.extents(name)[-1] - 1) * (call.dilations[-1] - 1)
    return np.zeros([size + (more if axis == at else 0) for axis, size in enumerate(stated.shape)], stated.dtype)


EDITS: dict[str, Edit] = {
    "inference-off-by-one": _inferred(_other_length),
    "inference-of-input-channels": _inferred(_channels_of_the_input),
    "inference-of-another-dtype": _inferred(_other_dtype),
    "inference-in-another-layout": _inferred(_inferred_in_order),
    "inference-ignores-dilation": _inferred(_inferred_undilated),
}
