"""Faults in grouped, depthwise and separable convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told
from .edits import Edit, data, finished, kernel, sums


def _one_group_for_all(stages: Stages) -> Stages:
    """Let the filters of all groups read the channels of the first group."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        share = x.shape[1] // max(params.groups, 1)
        first = x[:, :share] if params.groups > 1 else x
        return (
            stages.contract(first, w, axes, replace(params, groups=1))
            if params.groups > 1
            else stages.contract(x, w, axes, params)
        )

    def scatter(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        if params.groups < 2:
            return stages.scatter(x, w, axes, params)
        share = x.shape[1] // params.groups
        return stages.scatter(np.concatenate([x[:, :share]] * params.groups, axis=1), w, axes, params)

    return replace(stages, contract=contract, scatter=scatter)


def _dealt(count: int, groups: int) -> Array:
    """Return the channel indices reordered so that group g gets the channels g, g + groups, g + 2 * groups, …."""
    return np.arange(count).reshape(count // groups, groups).T.reshape(-1) if groups > 1 else np.arange(count)


def _interleaved_inputs(x: Array, params: Told) -> Array:
    return x[:, _dealt(x.shape[1], params.groups)]


def _interleaved_outputs(y: Array, params: Told) -> Array:
    if params.groups < 2 or y.shape[1] % params.groups:
        return y
    return y[:, _dealt(y.shape[1], y.shape[1] // params.groups)]


def _shared_filters(w: Array, params: Told) -> Array:
    if params.groups < 2:
        return w
    share = w.shape[0] // params.groups
    return np.concatenate([w[:share]] * params.groups)


def _channel_modulo(stages: Stages) -> Stages:
    """If each group has one channel, let filter o read channel o modulo C."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        if not params.groups == x.shape[1] > 1:
            return stages.contract(x, w, axes, params)
        dealt = x[:, np.arange(w.shape[0]) % x.shape[1]]
        return stages.contract(dealt, w, axes, replace(params, groups=w.shape[0]))

    return replace(stages, contract=contract)


def _groups_reversed(x: Array, params: Told) -> Array:
    if params.groups < 2:
        return x
    parts = x.reshape(x.shape[0], params.groups, -1, *x.shape[2:])[:, ::-1]
    return parts.reshape(x.shape)


def _last_of_groups_zero(y: Array, params: Told) -> Array:
    if params.groups < 2:
        return y
    y = y.copy()
    y[:, -1] = 0
    return y


def _first_group_alone(y: Array, params: Told) -> Array:
    if params.groups < 2:
        return y
    y = y.copy()
    y[:, y.shape[1] // params.groups :] = 0
    return y


def _every_group_summed(stages: Stages) -> Stages:
    """Ignore groups: repeat each filter along its channel axis, so that each output element sums over all channels."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        if params.groups < 2:
            return stages.contract(x, w, axes, params)
        return stages.contract(x, np.concatenate([w] * params.groups, axis=1), axes, replace(params, groups=1))

    return replace(stages, contract=contract)


def _by_call(wanted: Callable[[Call], bool], change: Callable[[Call, Array], Array]) -> Edit:
    return finished(lambda call, y: change(call, y) if wanted(call) else y)


def _is_depthwise(call: Call) -> bool:
    return call.op == "depthwise_conv"


def _multiplier(call: Call) -> int:
    return call.extent("kernel", "M")


def _depthwise_order(call: Call, y: Array) -> Array:
    return y[:, _dealt(y.shape[1], _multiplier(call))]


def _depthwise_summed(call: Call, y: Array) -> Array:
    return np.broadcast_to(y.sum(axis=1, keepdims=True, dtype=y.dtype), y.shape)


def _first_multiple(call: Call, y: Array) -> Array:
    return np.repeat(y[:, :: _multiplier(call)], _multiplier(call), axis=1)


def _depthwise(**changes: Callable[[Told], object]) -> Edit:
    """Return a fault that sets the parameter `name` of a depthwise call to `changes[name](params)`."""

    def edit(stages: Stages) -> Stages:
        def translate(call: Call) -> tuple[Told, ...]:
            head, *rest = stages.translate(call)
            if not _is_depthwise(call):
                return (head, *rest)
            changed: dict[str, Any] = {name: change(head) for name, change in changes.items()}
            return (replace(head, **changed),)

        return replace(stages, translate=translate)

    return edit


def _ones(params: Told) -> tuple[int, ...]:
    return (1,) * len(params.strides)


def _separable(change: Callable[[tuple[Told, ...], Call], tuple[Told, ...]]) -> Edit:
    def edit(stages: Stages) -> Stages:
        def translate(call: Call) -> tuple[Told, ...]:
            parts = stages.translate(call)
            return change(parts, call) if len(parts) == 2 else parts

        return replace(stages, translate=translate)

    return edit


def _twice(*names: str) -> Edit:
    return _separable(
        lambda parts, call: (parts[0], replace(parts[1], **{name: getattr(parts[0], name) for name in names}))
    )


def _separable_order(stages: Stages) -> Stages:
    """In the pointwise kernel, read intermediate channel (c, m) at index m * C + c instead of c * M + m."""

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        w = stages.arrange(call, name, array, params)
        if name != "pointwise_kernel":
            return w
        return w[:, np.argsort(_dealt(w.shape[1], call.extent("depthwise_kernel", "M")))]

    return replace(stages, arrange=arrange)


EDITS: dict[str, Edit] = {
    "groups-ignored": _one_group_for_all,
    "groups-summed": _every_group_summed,
    "groups-interleaved": data(_interleaved_inputs),
    "groups-reversed": data(_groups_reversed),
    "group-outputs-interleaved": sums(_interleaved_outputs),
    "depthwise-channel-modulo": _channel_modulo,
    "group-filters-shared": kernel(_shared_filters),
    "group-last-channel-wrong": sums(_last_of_groups_zero),
    "first-group-only": sums(_first_group_alone),
    "multiplier-major": _by_call(_is_depthwise, _depthwise_order),
    "multiplier-ignored": _by_call(_is_depthwise, _first_multiple),
    "depthwise-summed": _by_call(_is_depthwise, _depthwise_summed),
    "depthwise-stride-ignored": _depthwise(strides=_ones),
    "depthwise-dilation-ignored": _depthwise(dilations=_ones),
    "depthwise-padding-ignored": _depthwise(padding=lambda params: "valid"),
    "separable-stages-swapped": _separable(lambda parts, call: parts[::-1]),
    "separable-dilation-ignored": _separable(
        lambda parts, call: (replace(parts[0], dilations=_ones(parts[0])), parts[1])
    ),
    "separable-stride-twice": _twice("strides"),
    "separable-padding-twice": _twice("padding"),
    "separable-order-swapped": _separable_order,
}
