"""
Faults in taps, channels, filters, groups, bias and batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...adapter import Refused
from ...call import Array, Call
from ..evaluator import Axis, Stages, Told, inner
from .wraps import Edit, data, finished, kernel, shifted, sums


def _flipped(w: Array, axes: Sequence[int]) -> Array:
    return np.flip(w, axis=tuple(axes))


def _spatial(w: Array) -> range:
    return range(2, w.ndim)


def _only_first_tap(w: Array, said: Told) -> Array:
    kept = np.zeros_like(w)
    first = inner(slice(1) for _ in _spatial(w))
    kept[first] = w[first]
    return kept


def _only_middle_tap(w: Array, said: Told) -> Array:
    kept = np.zeros_like(w)
    middle = inner(slice(w.shape[axis] // 2, w.shape[axis] // 2 + 1) for axis in _spatial(w))
    kept[middle] = w[middle]
    return kept


def _scaled_taps(factor: int) -> Callable[[Array, Told], Array]:
    def change(w: Array, said: Told) -> Array:
        w = w.copy()
        w[..., -1:] *= factor
        return w

    return change


def _channels_swapped(w: Array, said: Told) -> Array:
    return np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1)


def _taps_and_channels_swapped(w: Array, said: Told) -> Array:
    return np.moveaxis(w.reshape(w.shape[0], *w.shape[2:], w.shape[1]), -1, 1)


def _spatial_reread(w: Array, said: Told) -> Array:
    """The kernel's memory is read as if its spatial axes stood in the reverse order."""
    return np.transpose(w.reshape(*w.shape[:2], *w.shape[:1:-1]), (0, 1, *reversed(_spatial(w))))


def _spatial_rolled(w: Array, said: Told) -> Array:
    axes = tuple(_spatial(w))
    return np.transpose(w.reshape(*w.shape[:2], *w.shape[3:], w.shape[2]), (0, 1, axes[-1], *axes[:-1]))


def _weights_of(select: Callable[[int], slice]) -> Callable[[Array, Told], Array]:
    """
    Leave out some input channels of each group: their weights are zero.
    """

    def change(w: Array, said: Told) -> Array:
        w = w.copy()
        axis = 0 if said.transposed else 1
        w[(slice(None),) * axis + (select(w.shape[axis]),)] = 0
        return w

    return change


def _filters_of(select: Callable[[int], slice]) -> Callable[[Array, Told], Array]:
    def change(y: Array, said: Told) -> Array:
        y = y.copy()
        y[:, select(y.shape[1])] = 0
        return y

    return change


def _tail(block: int) -> Callable[[int], slice]:
    return lambda count: slice(count // block * block, None) if count > block else slice(0, 0)


def _beyond(count: int) -> Callable[[int], slice]:
    return lambda _: slice(count, None)


def _filters_summed(y: Array, said: Told) -> Array:
    return np.broadcast_to(y.sum(axis=1, keepdims=True, dtype=y.dtype), y.shape)


def _first_filter_everywhere(y: Array, said: Told) -> Array:
    return np.broadcast_to(y[:, :1], y.shape)


def _filters_rolled(y: Array, said: Told) -> Array:
    return np.roll(y, 1, axis=1)


def _stale_tail(block: int) -> Callable[[Array, Told], Array]:
    """The channels beyond the last full block repeat those of the block before."""

    def change(y: Array, said: Told) -> Array:
        start = y.shape[1] // block * block
        if not start or start == y.shape[1]:
            return y
        y = y.copy()
        y[:, start:] = y[:, start - block : start - block + y.shape[1] - start]
        return y

    return change


def _mean(do: Stages) -> Stages:
    return sums_over(do, lambda y, w: _divided(y, max(int(np.prod(w.shape[2:])), 1)))


def _divided(y: Array, count: int) -> Array:
    return y / count if y.dtype.kind in "fc" else y // np.asarray(count).astype(y.dtype)


def sums_over(do: Stages, change: Callable[[Array, Array], Array]) -> Stages:
    """
    Change sums, knowing the kernel.
    """
    return replace(
        do,
        contract=lambda x, w, axes, said: change(do.contract(x, w, axes, said), w),
        scatter=lambda x, w, axes, said: change(do.scatter(x, w, axes, said), w),
    )


def _mean_over_channels(do: Stages) -> Stages:
    return sums_over(do, lambda y, w: _divided(y, max(w.shape[1], 1)))


def _without_last_channel(w: Array) -> Array:
    w = w.copy()
    w[:, max(w.shape[1] - 1, 1) :] = 0
    return w


def _pointwise(change: Callable[[Array], Array]) -> Edit:
    """
    A fast way for kernels of one tap that changes the kernel.
    """

    def edit(do: Stages) -> Stages:
        def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
            return do.contract(x, change(w) if set(w.shape[2:]) == {1} else w, axes, said)

        return replace(do, contract=contract)

    return edit


def _pointwise_without_stride(do: Stages) -> Stages:
    """For a kernel of one tap the stride is taken as 1, and the result cut to length."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        if set(w.shape[2:]) == {1}:
            axes = tuple(replace(axis, stride=1) for axis in axes)
        return do.contract(x, w, axes, said)

    return replace(do, contract=contract)


def _length_one_broadcast(do: Stages) -> Stages:
    """An axis of one element is broadcast along the window instead of being padded."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        for at, axis in enumerate(axes, 2):
            if x.shape[at] == 1 and (axis.low > 0 or axis.high > 0):
                x = np.repeat(x, max(1 + axis.low + axis.high, 0), at)
                axes = tuple(replace(each, low=0, high=0) if each is axis else each for each in axes)
        return do.fill(x, axes, said)

    return replace(do, fill=fill)


# Groups


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
    """
    Misunderstand a parameter of depthwise convolutions alone.
    """

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


def _early_bias(do: Stages) -> Stages:
    """The bias of a separable convolution passes through the pointwise kernel, as far as the counts allow."""

    def shift(call: Call, y: Array, bias: Array) -> Array:
        if call.op != "separable_conv":
            return do.shift(call, y, bias)
        told = do.translate(call)[1]
        w = do.arrange(call, "pointwise_kernel", np.array(call.array("pointwise_kernel")).astype(y.dtype), told)
        between = np.resize(bias, w.shape[1])
        passed: Array = w.reshape(w.shape[:2]) @ between
        return y + _spread(y, passed)

    return replace(do, shift=shift)


# Bias


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


def _where_reached(do: Stages) -> Stages:
    """The bias is left out where a window reads padding alone, or where no product arrives."""
    seen: dict[str, Array] = {}

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        inside = np.ones((1, 1, *(axis.length for axis in axes)), np.int64)
        plain = replace(said, mode="zeros", groups=1)
        seen["reached"] = do.contract(
            do.fill(inside, axes, plain), np.ones((1, 1, *w.shape[2:]), np.int64), axes, plain
        )
        return do.contract(x, w, axes, said)

    def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        ones = np.ones((1, 1, *x.shape[2:]), np.int64)
        seen["reached"] = do.scatter(ones, np.ones((1, 1, *w.shape[2:]), np.int64), axes, replace(said, groups=1))
        return do.scatter(x, w, axes, said)

    def shift(call: Call, y: Array, bias: Array) -> Array:
        return np.where(seen["reached"] > 0, do.shift(call, y, bias), y)

    return replace(do, contract=contract, scatter=scatter, shift=shift)


def _repeating_in_groups(call: Call, y: Array, bias: Array) -> Array:
    share = max(bias.size // max(call.groups, 1), 1)
    return y + _spread(y, np.resize(bias[:share], bias.size) if bias.size else bias)


def _in_layout_order(call: Call, y: Array, bias: Array) -> Array:
    """The bias is added along the last axis of the output's layout, if it fits there."""
    last = (call.layout.output or call.layout.input)[-1]
    at = ("NC" + call.spatial).index(last)
    if y.shape[at] != bias.size:
        return y + _spread(y, bias)
    return y + bias.reshape(-1, *(1,) * (y.ndim - at - 1))


# Batch


def _batch_tail(y: Array, said: Told) -> Array:
    y = y.copy()
    y[max(y.shape[0] // 2, 1) :] = 0
    return y


def _refused_empty(do: Stages) -> Stages:
    def read(call: Call, name: str) -> Array:
        if name == "input" and call.input.shape[call.layout.input.index("N")] == 0:
            raise Refused("an empty batch")
        return do.read(call, name)

    return replace(do, read=read)


def _one_sample_of_none(do: Stages) -> Stages:
    return replace(do, round=lambda call, y: do.round(call, y if y.shape[0] else np.zeros((1, *y.shape[1:]), y.dtype)))


EDITS: dict[str, Edit] = {
    "kernel-flipped": kernel(lambda w, said: _flipped(w, _spatial(w))),
    "kernel-flipped-one-axis": kernel(lambda w, said: _flipped(w, (w.ndim - 1,) if w.ndim > 3 else ())),
    "kernel-flipped-first-axis": kernel(lambda w, said: _flipped(w, (2,) if w.ndim > 3 else ())),
    "kernel-axes-swapped": kernel(_spatial_reread),
    "kernel-axes-rolled": kernel(_spatial_rolled),
    "kernel-channels-swapped": kernel(_channels_swapped),
    "kernel-taps-and-channels-swapped": kernel(_taps_and_channels_swapped),
    "kernel-first-tap-only": kernel(_only_first_tap),
    "kernel-middle-tap-only": kernel(_only_middle_tap),
    "kernel-last-tap-dropped": kernel(_scaled_taps(0)),
    "kernel-last-tap-twice": kernel(_scaled_taps(2)),
    "kernel-rolled": kernel(lambda w, said: np.roll(w, 1, axis=-1)),
    "kernel-sign-lost": kernel(lambda w, said: np.abs(w).astype(w.dtype)),
    "input-sign-lost": data(lambda x, said: np.abs(x).astype(x.dtype)),
    "activation-applied": sums(lambda y, said: y if y.dtype.kind == "c" else np.maximum(y, 0)),
    "mean-instead-of-sum": _mean,
    "mean-over-channels": _mean_over_channels,
    "first-channel-only": kernel(_weights_of(_beyond(1))),
    "last-channel-dropped": kernel(_weights_of(lambda count: slice(max(count - 1, 1), None))),
    "channel-tail-dropped": kernel(_weights_of(_tail(4))),
    "channels-beyond-8-dropped": kernel(_weights_of(_beyond(8))),
    "channels-beyond-16-dropped": kernel(_weights_of(_beyond(16))),
    "channels-beyond-32-dropped": kernel(_weights_of(_beyond(32))),
    "channels-reversed": kernel(lambda w, said: np.flip(w, axis=0 if said.transposed else 1)),
    "channels-rolled": kernel(lambda w, said: np.roll(w, 1, axis=0 if said.transposed else 1)),
    "filter-tail-dropped": sums(_filters_of(_tail(4))),
    "filter-tail-stale": sums(_stale_tail(4)),
    "filters-beyond-8-dropped": sums(_filters_of(_beyond(8))),
    "filters-beyond-16-dropped": sums(_filters_of(_beyond(16))),
    "filters-beyond-32-dropped": sums(_filters_of(_beyond(32))),
    "filters-summed": sums(_filters_summed),
    "filters-reversed": sums(lambda y, said: y[:, ::-1]),
    "filters-rolled": sums(_filters_rolled),
    "first-filter-everywhere": sums(_first_filter_everywhere),
    "length-one-axis-mishandled": _length_one_broadcast,
    "fused-pointwise-skips": _pointwise(_without_last_channel),
    "pointwise-ignores-stride": _pointwise_without_stride,
    "pointwise-kernel-swapped": _pointwise(
        lambda w: np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1)
    ),
    # Groups
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
    "separable-bias-early": _early_bias,
    # Bias
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
    # Batch
    "batch-broadcast": sums(lambda y, said: np.broadcast_to(y[:1], y.shape)),
    "batch-summed": sums(lambda y, said: np.broadcast_to(y.sum(axis=0, keepdims=True, dtype=y.dtype), y.shape)),
    "batch-reversed": sums(lambda y, said: y[::-1]),
    "batch-rolled": sums(lambda y, said: np.roll(y, 1, axis=0)),
    "batch-tail-dropped": sums(_batch_tail),
    "batch-last-stale": sums(lambda y, said: np.concatenate([y[:-1], y[-2:-1]]) if y.shape[0] > 1 else y),
    "batch-zero-refused": _refused_empty,
    "batch-zero-filled": _one_sample_of_none,
}
