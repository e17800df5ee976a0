"""Groups that read or produce other channels, also those of depthwise and separable convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...core import Array
from ..axis import Axis
from ..canonical_call import Subject, one_by_one
from ..interpretation import Interpretation, biased
from .kinds import Candidate, Cause


def dealt(count: int, hands: int) -> Array:
    """Return the numbers of `count` channels in the order in which they come if they are dealt to so many in turn."""
    return np.arange(count).reshape(-1, hands).T.reshape(-1)


def _grouped(cause: Cause) -> Cause:
    return lambda it: cause(it) if it.groups > 1 else ()


def _first_for_all(it: Subject) -> Iterator[Interpretation]:
    share = it.kernel.shape[1]
    yield it.by_input(np.tile(it.input[:, :share], (1, it.groups, *(1,) * it.call.rank)))


def _summed(it: Subject) -> Iterator[Interpretation]:
    yield it.regrouped(np.tile(it.kernel, (1, it.groups, *(1,) * it.call.rank)), 1)


def _inputs_dealt(it: Subject) -> Iterator[Interpretation]:
    channels = it.input.shape[1]
    for hands in {it.groups, channels // it.groups}:
        yield it.by_input(it.input[:, dealt(channels, hands)])


def _reversed(it: Subject) -> Iterator[Interpretation]:
    x = it.input
    yield it.by_input(x.reshape(len(x), it.groups, -1, *x.shape[2:])[:, ::-1].reshape(x.shape))


def _outputs_dealt(it: Subject) -> Iterator[Array]:
    def change(y: Array) -> Iterator[Array]:
        count = y.shape[1]
        if count % it.groups == 0:
            yield from (y[:, dealt(count, hands)] for hands in {it.groups, count // it.groups} - {0})

    return it.changed(change)


def _shared_filters(it: Subject) -> Iterator[Interpretation]:
    share = len(it.kernel) // it.groups
    yield it.by_kernel(np.tile(it.kernel[:share], (it.groups, *(1,) * (it.kernel.ndim - 1))))


def _modulo(it: Subject) -> Iterator[Interpretation]:
    channels = it.input.shape[1]
    if it.groups == channels and it.kernel.shape[1] == 1:
        dealt_out = it.input[:, np.arange(len(it.kernel)) % channels]
        yield replace(it.regrouped(it.kernel, len(it.kernel)), input=dealt_out)


def _emptied(y: Array, start: int) -> Iterator[Array]:
    emptied = y.copy()
    emptied[:, start:] = 0
    yield emptied


def _last_zero(it: Subject) -> Iterator[Array]:
    return it.changed(lambda y: _emptied(y, y.shape[1] - 1))


def _first_alone(it: Subject) -> Iterator[Array]:
    return it.changed(lambda y: _emptied(y, y.shape[1] // it.groups))


def _transposed_groups_reversed(it: Subject) -> Iterator[Interpretation]:
    if it.is_transposed:
        parts = it.kernel.reshape(it.groups, -1, *it.kernel.shape[1:])
        yield it.by_kernel(parts[::-1].reshape(it.kernel.shape))


def _depthwise(cause: Cause) -> Cause:
    return lambda it: cause(it) if it.call.op == "depthwise_conv" else ()


def _separable(cause: Cause) -> Cause:
    return lambda it: cause(it) if it.pointwise is not None else ()


def _multiplier_major(it: Subject) -> Iterator[Array]:
    many = len(it.kernel) // it.groups
    if many > 1 < it.groups:
        order = dealt(len(it.kernel), many)
        yield from it.changed(lambda y: [y[:, order]])


def _multiplier_ignored(it: Subject) -> Iterator[Array]:
    many = len(it.kernel) // it.groups
    if many > 1:
        yield from it.changed(lambda y: [np.repeat(y[:, ::many], many, axis=1)])


def _depthwise_summed(it: Subject) -> Iterator[Array]:
    return it.changed(lambda y: [np.broadcast_to(y.sum(1, keepdims=True, dtype=y.dtype), y.shape)])


def _stages_swapped(it: Subject) -> Iterator[Candidate]:
    """Yield the pointwise stage first, and the depthwise one over as many of its channels as it has filters for."""
    first, channels = it.right.stages[0], it.input.shape[1]
    if not it.result.size:
        yield np.zeros((len(it.result), len(first.kernel), *it.result.shape[2:]), it.result.dtype)
    if it.pointwise is not None and it.pointwise.shape[1] == channels <= len(it.pointwise):
        pointwise = one_by_one(it.pointwise[:channels], it.input.shape[2:])
        yield replace(it.right, stages=(pointwise, first))
        # Or over the sums of as many of them as there are for each.
        many, rest = divmod(len(it.pointwise), channels)
        if many > 1 and not rest:
            summed = replace(first, kernel=np.repeat(first.kernel, many, axis=1))
            yield replace(it.right, stages=(one_by_one(it.pointwise, it.input.shape[2:]), summed))


def _second_stage(it: Subject, axes: tuple[Axis, ...]) -> Interpretation:
    first, second = it.right.stages
    return replace(it.right, stages=(first, replace(second, axes=axes)))


def _steps_twice(it: Subject) -> Iterator[Interpretation]:
    axes = it.right.stages[1].axes
    again = zip(axes, it.settings, strict=True)
    yield _second_stage(it, tuple(replace(axis, stride=each.stride, dilation=each.dilation) for axis, each in again))


def _padding_twice(it: Subject) -> Iterator[Interpretation]:
    axes = it.right.stages[1].axes
    pairs = [each.pair for each in it.settings]
    yield _second_stage(
        it, tuple(replace(axis, low=low, high=high) for axis, (low, high) in zip(axes, pairs, strict=True))
    )


def _bias_early(it: Subject) -> Iterator[Array]:
    if it.bias is not None and it.bias.size and it.pointwise is not None:
        passed = it.pointwise @ np.resize(it.bias, it.pointwise.shape[1])
        yield biased(it.sums, passed)


def _order_swapped(it: Subject) -> Iterator[Interpretation]:
    assert it.pointwise is not None
    channels = it.input.shape[1]
    many = it.pointwise.shape[1] // channels if channels else 0
    if many > 1 < channels:
        order = dealt(it.pointwise.shape[1], many)
        yield it.by_pointwise(it.pointwise[:, order])
        yield it.by_pointwise(it.pointwise[:, np.argsort(order)])


CAUSES: dict[str, Cause] = {
    "groups-ignored": _grouped(_first_for_all),
    "groups-summed": _grouped(_summed),
    "groups-interleaved": _grouped(_inputs_dealt),
    "groups-reversed": _grouped(_reversed),
    "group-outputs-interleaved": _grouped(_outputs_dealt),
    "group-filters-shared": _grouped(_shared_filters),
    "group-last-channel-wrong": _grouped(_last_zero),
    "first-group-only": _grouped(_first_alone),
    "depthwise-channel-modulo": _grouped(_modulo),
    "transposed-groups-reversed": _grouped(_transposed_groups_reversed),
    "multiplier-major": _depthwise(_multiplier_major),
    "multiplier-ignored": _depthwise(_multiplier_ignored),
    "depthwise-summed": _depthwise(_depthwise_summed),
    "separable-stages-swapped": _separable(_stages_swapped),
    "separable-stride-twice": _separable(_steps_twice),
    "separable-padding-twice": _separable(_padding_twice),
    "separable-bias-early": _separable(_bias_early),
    "separable-order-swapped": _separable(_order_swapped),
}
