"""Causes in grouped, depthwise and separable convolutions, such as groups that read or write the wrong channels."""

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
    """Return the indices 0 .. count - 1 dealt round-robin to `hands` groups: (0, hands, 2 * hands, ..., 1, ...)."""
    return np.arange(count).reshape(-1, hands).T.reshape(-1)


def _grouped(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if subject.groups > 1 else ()


def _first_for_all(subject: Subject) -> Iterator[Interpretation]:
    share = subject.kernel.shape[1]
    yield subject.by_input(np.tile(subject.input[:, :share], (1, subject.groups, *(1,) * subject.call.rank)))


def _summed(subject: Subject) -> Iterator[Interpretation]:
    yield subject.regrouped(np.tile(subject.kernel, (1, subject.groups, *(1,) * subject.call.rank)), 1)


def _inputs_dealt(subject: Subject) -> Iterator[Interpretation]:
    channels = subject.input.shape[1]
    for hands in {subject.groups, channels // subject.groups}:
        yield subject.by_input(subject.input[:, dealt(channels, hands)])


def _reversed(subject: Subject) -> Iterator[Interpretation]:
    x = subject.input
    yield subject.by_input(x.reshape(len(x), subject.groups, -1, *x.shape[2:])[:, ::-1].reshape(x.shape))


def _outputs_dealt(subject: Subject) -> Iterator[Array]:
    def change(y: Array) -> Iterator[Array]:
        count = y.shape[1]
        if count % subject.groups == 0:
            yield from (y[:, dealt(count, hands)] for hands in {subject.groups, count // subject.groups} - {0})

    return subject.changed(change)


def _shared_filters(subject: Subject) -> Iterator[Interpretation]:
    share = len(subject.kernel) // subject.groups
    yield subject.by_kernel(np.tile(subject.kernel[:share], (subject.groups, *(1,) * (subject.kernel.ndim - 1))))


def _modulo(subject: Subject) -> Iterator[Interpretation]:
    channels = subject.input.shape[1]
    if subject.groups == channels and subject.kernel.shape[1] == 1:
        dealt_out = subject.input[:, np.arange(len(subject.kernel)) % channels]
        yield replace(subject.regrouped(subject.kernel, len(subject.kernel)), input=dealt_out)


def _emptied(y: Array, start: int) -> Iterator[Array]:
    emptied = y.copy()
    emptied[:, start:] = 0
    yield emptied


def _last_zero(subject: Subject) -> Iterator[Array]:
    return subject.changed(lambda y: _emptied(y, y.shape[1] - 1))


def _first_alone(subject: Subject) -> Iterator[Array]:
    return subject.changed(lambda y: _emptied(y, y.shape[1] // subject.groups))


def _transposed_groups_reversed(subject: Subject) -> Iterator[Interpretation]:
    if subject.is_transposed:
        parts = subject.kernel.reshape(subject.groups, -1, *subject.kernel.shape[1:])
        yield subject.by_kernel(parts[::-1].reshape(subject.kernel.shape))


def _depthwise(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if subject.call.op == "depthwise_conv" else ()


def _separable(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if subject.pointwise is not None else ()


def _multiplier_major(subject: Subject) -> Iterator[Array]:
    per_channel = len(subject.kernel) // subject.groups
    if per_channel > 1 < subject.groups:
        order = dealt(len(subject.kernel), per_channel)
        yield from subject.changed(lambda y: [y[:, order]])


def _multiplier_ignored(subject: Subject) -> Iterator[Array]:
    per_channel = len(subject.kernel) // subject.groups
    if per_channel > 1:
        yield from subject.changed(lambda y: [np.repeat(y[:, ::per_channel], per_channel, axis=1)])


def _depthwise_summed(subject: Subject) -> Iterator[Array]:
    return subject.changed(lambda y: [np.broadcast_to(y.sum(1, keepdims=True, dtype=y.dtype), y.shape)])


def _stages_swapped(subject: Subject) -> Iterator[Candidate]:
    """Yield calls in which the depthwise stage reads the first C output channels of the pointwise stage."""
    first, channels = subject.right.stages[0], subject.input.shape[1]
    if not subject.result.size:
        yield np.zeros((len(subject.result), len(first.kernel), *subject.result.shape[2:]), subject.result.dtype)
    if subject.pointwise is not None and subject.pointwise.shape[1] == channels <= len(subject.pointwise):
        pointwise = one_by_one(subject.pointwise[:channels], subject.input.shape[2:])
        yield replace(subject.right, stages=(pointwise, first))
        # In a further variant, each depthwise filter sums `per_channel` channels of the pointwise stage.
        per_channel, rest = divmod(len(subject.pointwise), channels)
        if per_channel > 1 and not rest:
            summed = replace(first, kernel=np.repeat(first.kernel, per_channel, axis=1))
            yield replace(subject.right, stages=(one_by_one(subject.pointwise, subject.input.shape[2:]), summed))


def _second_stage(subject: Subject, axes: tuple[Axis, ...]) -> Interpretation:
    first, second = subject.right.stages
    return replace(subject.right, stages=(first, replace(second, axes=axes)))


def _steps_twice(subject: Subject) -> Iterator[Interpretation]:
    axes = subject.right.stages[1].axes
    again = zip(axes, subject.settings, strict=True)
    yield _second_stage(
        subject, tuple(replace(axis, stride=each.stride, dilation=each.dilation) for axis, each in again)
    )


def _padding_twice(subject: Subject) -> Iterator[Interpretation]:
    axes = subject.right.stages[1].axes
    pairs = [each.pair for each in subject.settings]
    yield _second_stage(
        subject, tuple(replace(axis, low=low, high=high) for axis, (low, high) in zip(axes, pairs, strict=True))
    )


def _bias_early(subject: Subject) -> Iterator[Array]:
    if subject.bias is not None and subject.bias.size and subject.pointwise is not None:
        passed = subject.pointwise @ np.resize(subject.bias, subject.pointwise.shape[1])
        yield biased(subject.sums, passed)


def _order_swapped(subject: Subject) -> Iterator[Interpretation]:
    assert subject.pointwise is not None
    channels = subject.input.shape[1]
    per_channel = subject.pointwise.shape[1] // channels if channels else 0
    if per_channel > 1 < channels:
        order = dealt(subject.pointwise.shape[1], per_channel)
        yield subject.by_pointwise(subject.pointwise[:, order])
        yield subject.by_pointwise(subject.pointwise[:, np.argsort(order)])


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
