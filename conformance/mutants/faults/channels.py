"""Faults in taps, channels and filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...core import Array
from ..evaluator import Axis, Stages, Told, inner
from .edits import Edit, data, kernel, sums


def _flipped(w: Array, axes: Sequence[int]) -> Array:
    return np.flip(w, axis=tuple(axes))


def _spatial(w: Array) -> range:
    return range(2, w.ndim)


def _only_first_tap(w: Array, params: Told) -> Array:
    kept = np.zeros_like(w)
    first = inner(slice(1) for _ in _spatial(w))
    kept[first] = w[first]
    return kept


def _only_middle_tap(w: Array, params: Told) -> Array:
    kept = np.zeros_like(w)
    middle = inner(slice(w.shape[axis] // 2, w.shape[axis] // 2 + 1) for axis in _spatial(w))
    kept[middle] = w[middle]
    return kept


def _scaled_taps(factor: int) -> Callable[[Array, Told], Array]:
    def change(w: Array, params: Told) -> Array:
        w = w.copy()
        w[..., -1:] *= factor
        return w

    return change


def _channels_swapped(w: Array, params: Told) -> Array:
    return np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1)


def _taps_and_channels_swapped(w: Array, params: Told) -> Array:
    return np.moveaxis(w.reshape(w.shape[0], *w.shape[2:], w.shape[1]), -1, 1)


def _spatial_reread(w: Array, params: Told) -> Array:
    """Read the memory of the kernel as if its spatial axes were in reverse order."""
    return np.transpose(w.reshape(*w.shape[:2], *w.shape[:1:-1]), (0, 1, *reversed(_spatial(w))))


def _spatial_rolled(w: Array, params: Told) -> Array:
    axes = tuple(_spatial(w))
    return np.transpose(w.reshape(*w.shape[:2], *w.shape[3:], w.shape[2]), (0, 1, axes[-1], *axes[:-1]))


def _weights_of(select: Callable[[int], slice]) -> Callable[[Array, Told], Array]:
    """Return a function that sets all weights of the input channels in the slice `select(number of channels)` to 0."""

    def change(w: Array, params: Told) -> Array:
        w = w.copy()
        axis = 0 if params.transposed else 1
        w[(slice(None),) * axis + (select(w.shape[axis]),)] = 0
        return w

    return change


def _filters_of(select: Callable[[int], slice]) -> Callable[[Array, Told], Array]:
    def change(y: Array, params: Told) -> Array:
        y = y.copy()
        y[:, select(y.shape[1])] = 0
        return y

    return change


def _tail(block: int) -> Callable[[int], slice]:
    return lambda count: slice(count // block * block, None) if count > block else slice(0, 0)


def _beyond(count: int) -> Callable[[int], slice]:
    return lambda _: slice(count, None)


def _filters_summed(y: Array, params: Told) -> Array:
    return np.broadcast_to(y.sum(axis=1, keepdims=True, dtype=y.dtype), y.shape)


def _first_filter_everywhere(y: Array, params: Told) -> Array:
    return np.broadcast_to(y[:, :1], y.shape)


def _filters_rolled(y: Array, params: Told) -> Array:
    return np.roll(y, 1, axis=1)


def _stale_tail(block: int) -> Callable[[Array, Told], Array]:
    """Overwrite the output channels after the last full block with copies of the first channels of that block."""

    def change(y: Array, params: Told) -> Array:
        start = y.shape[1] // block * block
        if not start or start == y.shape[1]:
            return y
        y = y.copy()
        y[:, start:] = y[:, start - block : start - block + y.shape[1] - start]
        return y

    return change


def _mean(stages: Stages) -> Stages:
    return sums_over(stages, lambda y, w: _divided(y, max(int(np.prod(w.shape[2:])), 1)))


def _divided(y: Array, count: int) -> Array:
    return y / count if y.dtype.kind in "fc" else y // np.asarray(count).astype(y.dtype)


def sums_over(stages: Stages, change: Callable[[Array, Array], Array]) -> Stages:
    """Return stages that replace the output `y` of a convolution by `change(y, w)`, before the bias is added."""
    return replace(
        stages,
        contract=lambda x, w, axes, params: change(stages.contract(x, w, axes, params), w),
        scatter=lambda x, w, axes, params: change(stages.scatter(x, w, axes, params), w),
    )


def _mean_over_channels(stages: Stages) -> Stages:
    return sums_over(stages, lambda y, w: _divided(y, max(w.shape[1], 1)))


def _without_last_channel(w: Array) -> Array:
    w = w.copy()
    w[:, max(w.shape[1] - 1, 1) :] = 0
    return w


def _pointwise(change: Callable[[Array], Array]) -> Edit:
    """Return a fault that changes only kernels with one tap, as a wrong fast path for pointwise convolutions would."""

    def edit(stages: Stages) -> Stages:
        def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
            return stages.contract(x, change(w) if set(w.shape[2:]) == {1} else w, axes, params)

        return replace(stages, contract=contract)

    return edit


def _pointwise_without_stride(stages: Stages) -> Stages:
    """If the kernel has one tap, use stride 1, but keep the correct output length."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        if set(w.shape[2:]) == {1}:
            axes = tuple(replace(axis, stride=1) for axis in axes)
        return stages.contract(x, w, axes, params)

    return replace(stages, contract=contract)


def _length_one_broadcast(stages: Stages) -> Stages:
    """Repeat the only element of an axis of length 1, instead of padding the axis."""

    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        for at, axis in enumerate(axes, 2):
            if x.shape[at] == 1 and (axis.low > 0 or axis.high > 0):
                x = np.repeat(x, max(1 + axis.low + axis.high, 0), at)
                axes = tuple(replace(each, low=0, high=0) if each is axis else each for each in axes)
        return stages.fill(x, axes, params)

    return replace(stages, fill=fill)


EDITS: dict[str, Edit] = {
    "kernel-flipped": kernel(lambda w, params: _flipped(w, _spatial(w))),
    "kernel-flipped-one-axis": kernel(lambda w, params: _flipped(w, (w.ndim - 1,) if w.ndim > 3 else ())),
    "kernel-flipped-first-axis": kernel(lambda w, params: _flipped(w, (2,) if w.ndim > 3 else ())),
    "kernel-axes-swapped": kernel(_spatial_reread),
    "kernel-axes-rolled": kernel(_spatial_rolled),
    "kernel-channels-swapped": kernel(_channels_swapped),
    "kernel-taps-and-channels-swapped": kernel(_taps_and_channels_swapped),
    "kernel-first-tap-only": kernel(_only_first_tap),
    "kernel-middle-tap-only": kernel(_only_middle_tap),
    "kernel-last-tap-dropped": kernel(_scaled_taps(0)),
    "kernel-last-tap-twice": kernel(_scaled_taps(2)),
    "kernel-rolled": kernel(lambda w, params: np.roll(w, 1, axis=-1)),
    "kernel-sign-lost": kernel(lambda w, params: np.abs(w).astype(w.dtype)),
    "input-sign-lost": data(lambda x, params: np.abs(x).astype(x.dtype)),
    "activation-applied": sums(lambda y, params: y if y.dtype.kind == "c" else np.maximum(y, 0)),
    "mean-instead-of-sum": _mean,
    "mean-over-channels": _mean_over_channels,
    "first-channel-only": kernel(_weights_of(_beyond(1))),
    "last-channel-dropped": kernel(_weights_of(lambda count: slice(max(count - 1, 1), None))),
    "channel-tail-dropped": kernel(_weights_of(_tail(4))),
    "channels-beyond-8-dropped": kernel(_weights_of(_beyond(8))),
    "channels-beyond-16-dropped": kernel(_weights_of(_beyond(16))),
    "channels-beyond-32-dropped": kernel(_weights_of(_beyond(32))),
    "channels-reversed": kernel(lambda w, params: np.flip(w, axis=0 if params.transposed else 1)),
    "channels-rolled": kernel(lambda w, params: np.roll(w, 1, axis=0 if params.transposed else 1)),
    "filter-tail-dropped": sums(_filters_of(_tail(4))),
    "filter-tail-stale": sums(_stale_tail(4)),
    "filters-beyond-8-dropped": sums(_filters_of(_beyond(8))),
    "filters-beyond-16-dropped": sums(_filters_of(_beyond(16))),
    "filters-beyond-32-dropped": sums(_filters_of(_beyond(32))),
    "filters-summed": sums(_filters_summed),
    "filters-reversed": sums(lambda y, params: y[:, ::-1]),
    "filters-rolled": sums(_filters_rolled),
    "first-filter-everywhere": sums(_first_filter_everywhere),
    "length-one-axis-mishandled": _length_one_broadcast,
    "fused-pointwise-skips": _pointwise(_without_last_channel),
    "pointwise-ignores-stride": _pointwise_without_stride,
    "pointwise-kernel-swapped": _pointwise(
        lambda w: np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1)
    ),
}
