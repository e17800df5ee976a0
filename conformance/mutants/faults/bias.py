"""Faults in the addition of the bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told
from .edits import Edit, shifted


def _spread(y: Array, bias: Array) -> Array:
    return bias.reshape(-1, *(1,) * (y.ndim - 2))


def _along_space(call: Call, y: Array, bias: Array) -> Array:
    return y + np.resize(bias, y.shape[-1]) if bias.size else y


def _along_batch(call: Call, y: Array, bias: Array) -> Array:
    return y + np.resize(bias, y.shape[0]).reshape(-1, *(1,) * (y.ndim - 1)) if bias.size else y


def _by_product(call: Call, y: Array, bias: Array) -> Array:
    name = "pointwise_kernel" if call.op == "separable_conv" else "kernel"
    taps = int(np.prod(call.extents(name)))
    return np.asarray(y + _spread(y, bias) * np.asarray(taps).astype(y.dtype))


def _where_reached(stages: Stages) -> Stages:
    """Add the bias only to output elements to which at least one input element contributes."""
    seen: dict[str, Array] = {}

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        inside = np.ones((1, 1, *(axis.length for axis in axes)), np.int64)
        plain = replace(params, mode="zeros", groups=1)
        seen["reached"] = stages.contract(
            stages.fill(inside, axes, plain), np.ones((1, 1, *w.shape[2:]), np.int64), axes, plain
        )
        return stages.contract(x, w, axes, params)

    def scatter(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        ones = np.ones((1, 1, *x.shape[2:]), np.int64)
        seen["reached"] = stages.scatter(ones, np.ones((1, 1, *w.shape[2:]), np.int64), axes, replace(params, groups=1))
        return stages.scatter(x, w, axes, params)

    def shift(call: Call, y: Array, bias: Array) -> Array:
        return np.where(seen["reached"] > 0, stages.shift(call, y, bias), y)

    return replace(stages, contract=contract, scatter=scatter, shift=shift)


def _repeating_in_groups(call: Call, y: Array, bias: Array) -> Array:
    share = max(bias.size // max(call.groups, 1), 1)
    return y + _spread(y, np.resize(bias[:share], bias.size) if bias.size else bias)


def _in_layout_order(call: Call, y: Array, bias: Array) -> Array:
    """If the last axis of the output layout is as long as the bias, add the bias along that axis."""
    last = (call.layout.output or call.layout.input)[-1]
    at = ("NC" + call.spatial).index(last)
    if y.shape[at] != bias.size:
        return y + _spread(y, bias)
    return y + bias.reshape(-1, *(1,) * (y.ndim - at - 1))


def _early_bias(stages: Stages) -> Stages:
    """Add the bias of a separable call before the pointwise stage, so that the pointwise kernel multiplies the bias."""

    def shift(call: Call, y: Array, bias: Array) -> Array:
        if call.op != "separable_conv":
            return stages.shift(call, y, bias)
        params = stages.translate(call)[1]
        w = stages.arrange(call, "pointwise_kernel", np.array(call.array("pointwise_kernel")).astype(y.dtype), params)
        between = np.resize(bias, w.shape[1])
        passed: Array = w.reshape(w.shape[:2]) @ between
        return y + _spread(y, passed)

    return replace(stages, shift=shift)


EDITS: dict[str, Edit] = {
    "bias-ignored": shifted(lambda call, y, bias: y),
    "bias-first-only": shifted(lambda call, y, bias: y + (bias[:1] if bias.size else 0)),
    "bias-per-tap": shifted(_by_product),
    "bias-twice": shifted(lambda call, y, bias: y + _spread(y, bias) + _spread(y, bias)),
    "bias-subtracted": shifted(lambda call, y, bias: y - _spread(y, bias)),
    "bias-reversed": shifted(lambda call, y, bias: y + _spread(y, bias[::-1])),
    "bias-rolled": shifted(lambda call, y, bias: y + _spread(y, np.roll(bias, 1))),
    "bias-along-wrong-axis": shifted(_along_space),
    "bias-along-the-batch": shifted(_along_batch),
    "bias-along-the-last-axis": shifted(_in_layout_order),
    "bias-missing-on-padding": _where_reached,
    "bias-counted-in-group": shifted(_repeating_in_groups),
    "separable-bias-early": _early_bias,
}
