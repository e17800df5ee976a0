"""Faults in groups, and in the depthwise and separable convolutions that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told
from .edits import Edit, data, finished, kernel, sums


def _one_group_for_all(do: Stages) -> Stages:
    """Every filter reads the channels of the first group."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        share = x.shape[1] // max(said.groups, 1)
        first = x[:, :share] if said.groups > 1 else x
        return (
            do.contract(first, w, axes, replace(said, groups=1)) if said.groups > 1 else do.contract(x, w, axes, said)
        )

    def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        if said.groups < 2:
            return do.scatter(x, w, axes, said)
        share = x.shape[1] // said.groups
        return do.scatter(np.concatenate([x[:, :share]] * said.groups, axis=1), w, axes, said)

    return replace(do, contract=contract, scatter=scatter)


def _dealt(count: int, groups: int) -> Array:
    """The order in which channels come if they are dealt to the groups in turn."""
    return np.arange(count).reshape(count // groups, groups).T.reshape(-1) if groups > 1 else np.arange(count)


def _interleaved_inputs(x: Array, said: Told) -> Array:
    return x[:, _dealt(x.shape[1], said.groups)]


def _interleaved_outputs(y: Array, said: Told) -> Array:
    if said.groups < 2 or y.shape[1] % said.groups:
        return y
    return y[:, _dealt(y.shape[1], y.shape[1] // said.groups)]


def _shared_filters(w: Array, said: Told) -> Array:
    if said.groups < 2:
        return w
    share = w.shape[0] // said.groups
    return np.concatenate([w[:share]] * said.groups)


def _channel_modulo(do: Stages) -> Stages:
    """With one channel a group, filter o reads channel o modulo C."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        if not said.groups == x.shape[1] > 1:
            return do.contract(x, w, axes, said)
        dealt = x[:, np.arange(w.shape[0]) % x.shape[1]]
        return do.contract(dealt, w, axes, replace(said, groups=w.shape[0]))

    return replace(do, contract=contract)


def _groups_reversed(x: Array, said: Told) -> Array:
    if said.groups < 2:
        return x
    parts = x.reshape(x.shape[0], said.groups, -1, *x.shape[2:])[:, ::-1]
    return parts.reshape(x.shape)


def _last_of_groups_zero(y: Array, said: Told) -> Array:
    if said.groups < 2:
        return y
    y = y.copy()
    y[:, -1] = 0
    return y


def _first_group_alone(y: Array, said: Told) -> Array:
    if said.groups < 2:
        return y
    y = y.copy()
    y[:, y.shape[1] // said.groups :] = 0
    return y


def _every_group_summed(do: Stages) -> Stages:
    """Groups are ignored by tiling the kernel over all channels."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        if said.groups < 2:
            return do.contract(x, w, axes, said)
        return do.contract(x, np.concatenate([w] * said.groups, axis=1), axes, replace(said, groups=1))

    return replace(do, contract=contract)


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
    """Misunderstand a parameter of depthwise convolutions alone."""

    def edit(do: Stages) -> Stages:
        def translate(call: Call) -> tuple[Told, ...]:
            head, *rest = do.translate(call)
            if not _is_depthwise(call):
                return (head, *rest)
            changed: dict[str, Any] = {name: change(head) for name, change in changes.items()}
            return (replace(head, **changed),)

        return replace(do, translate=translate)

    return edit


def _ones(said: Told) -> tuple[int, ...]:
    return (1,) * len(said.strides)


def _separable(change: Callable[[tuple[Told, ...], Call], tuple[Told, ...]]) -> Edit:
    def edit(do: Stages) -> Stages:
        def translate(call: Call) -> tuple[Told, ...]:
            parts = do.translate(call)
            return change(parts, call) if len(parts) == 2 else parts

        return replace(do, translate=translate)

    return edit


def _twice(*names: str) -> Edit:
    return _separable(
        lambda parts, call: (parts[0], replace(parts[1], **{name: getattr(parts[0], name) for name in names}))
    )


def _separable_order(do: Stages) -> Stages:
    """The pointwise kernel reads channel m * C + c."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        w = do.arrange(call, name, array, said)
        if name != "pointwise_kernel":
            return w
        return w[:, np.argsort(_dealt(w.shape[1], call.extent("depthwise_kernel", "M")))]

    return replace(do, arrange=arrange)


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
    "depthwise-padding-ignored": _depthwise(padding=lambda said: "valid"),
    "separable-stages-swapped": _separable(lambda parts, call: parts[::-1]),
    "separable-dilation-ignored": _separable(
        lambda parts, call: (replace(parts[0], dilations=_ones(parts[0])), parts[1])
    ),
    "separable-stride-twice": _twice("strides"),
    "separable-padding-twice": _twice("padding"),
    "separable-order-swapped": _separable_order,
}
