"""Faults in transposed convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told, inner, mixed, padded, span, transposed_filters
from .edits import Edit, first, kernel


def _params(change: Callable[[Told], Told]) -> Edit:
    return first(lambda params: change(params) if params.transposed else params)


def _axes(change: Callable[[Axis, Told, int], Axis]) -> Edit:
    def edit(stages: Stages) -> Stages:
        def measure(lengths: Sequence[int], taps: Sequence[int], params: Told) -> tuple[Axis, ...]:
            axes = stages.measure(lengths, taps, params)
            return tuple(change(axis, params, at) for at, axis in enumerate(axes)) if params.transposed else axes

        return replace(stages, measure=measure)

    return edit


def _window(axis: Axis) -> int:
    return span(axis.taps, axis.dilation)


def _whole(axis: Axis) -> int:
    return (axis.length - 1) * axis.stride + _window(axis)


def _cropped(axis: Axis, low: int, high: int) -> Axis:
    return replace(axis, low=low, high=high, out=max(_whole(axis) - low - high, 0))


def _flipped_axes(w: Array, params: Told) -> Array:
    return np.flip(w, axis=tuple(range(2, w.ndim))) if params.transposed else w


def _flipped_last(w: Array, params: Told) -> Array:
    return np.flip(w, axis=-1) if params.transposed and w.ndim > 3 else w


def _pads_input(axis: Axis, params: Told, at: int) -> Axis:
    if isinstance(params.padding, str):
        return axis
    low, high = params.padding[at]
    return _cropped(axis, -low, -high - params.output_padding[at])


def _same_shifted(axis: Axis, params: Told, at: int) -> Axis:
    if params.padding != "same" or _window(axis) <= axis.stride:
        return axis
    return _cropped(axis, axis.high, axis.low)


def _lower_shifted(axis: Axis, params: Told, at: int) -> Axis:
    if params.padding != "same_lower" or _window(axis) <= axis.stride:
        return axis
    return _cropped(axis, axis.high, axis.low)


def _same_short(axis: Axis, params: Told, at: int) -> Axis:
    return _cropped(axis, axis.low, max(axis.high, 0)) if params.padding in ("same", "same_lower") else axis


def _same_gap_first(axis: Axis, params: Told, at: int) -> Axis:
    if params.padding not in ("same", "same_lower") or _window(axis) >= axis.stride:
        return axis
    gap = axis.stride - _window(axis)
    return _cropped(axis, -(gap - gap // 2), -(gap // 2))


def _ignores_dilation(axis: Axis, params: Told, at: int) -> Axis:
    short = _window(axis) - axis.taps
    return _cropped(axis, axis.low, axis.high + short)


def _same_by_taps(axis: Axis, params: Told, at: int) -> Axis:
    if params.padding not in ("same", "same_lower"):
        return axis
    excess = max(axis.taps - axis.stride, 0)
    low = excess // 2
    return _cropped(axis, low, axis.low + axis.high - low)


def _overwritten(stages: Stages) -> Stages:
    def scatter(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        y = np.zeros(
            (x.shape[0], w.shape[1] * params.groups, *(max(_whole(axis), 0) for axis in axes)), np.result_type(x, w)
        )
        if x.size and w.size:
            filters = transposed_filters(w, params.groups)
            for tap in product(*(range(axis.taps) for axis in axes)):
                onto = tuple(
                    slice(k * a.dilation, k * a.dilation + (a.length - 1) * a.stride + 1, a.stride)
                    for k, a in zip(tap, axes, strict=True)
                )
                y[inner(onto)] = mixed(x, filters[inner(tap)], params.groups)
        return padded(y, tuple((-axis.low, -axis.high) for axis in axes), "zeros")

    return replace(stages, scatter=scatter)


def _as_forward(stages: Stages) -> Stages:
    """Compute a forward convolution with the same parameters, instead of a transposed convolution."""

    def scatter(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        forward = replace(
            params, transposed=False, padding="same" if params.padding == "same_lower" else params.padding
        )
        again = stages.measure(x.shape[2:], w.shape[2:], forward)
        filters = transposed_filters(w, params.groups)
        return stages.contract(stages.fill(x, again, forward), filters, again, forward)

    return replace(stages, scatter=scatter)


def _output_padding_zeros(stages: Stages) -> Stages:
    """For output padding, append zeros after the crop instead of cropping fewer elements at the high end."""

    def scatter(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        extra = params.output_padding
        tight = tuple(
            replace(axis, high=axis.high + more, out=max(axis.out - more, 0))
            for axis, more in zip(axes, extra, strict=True)
        )
        return padded(stages.scatter(x, w, tight, params), tuple((0, more) for more in extra), "zeros")

    return replace(stages, scatter=scatter)


def _output_padding_low(axis: Axis, params: Told, at: int) -> Axis:
    more = params.output_padding[at]
    return _cropped(axis, axis.low - more, axis.high + more)


def _channels_swapped(w: Array, params: Told) -> Array:
    return np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1) if params.transposed else w


def _ends_swapped(axis: Axis, params: Told, at: int) -> Axis:
    if isinstance(params.padding, str):
        return axis
    return _cropped(axis, axis.high + params.output_padding[at], axis.low - params.output_padding[at])


def _groups_reversed(w: Array, params: Told) -> Array:
    """Reverse the order of the groups in the kernel."""
    if not params.transposed or params.groups < 2:
        return w
    parts = w.reshape(params.groups, -1, *w.shape[1:])
    return parts[::-1].reshape(w.shape)


def _bias_where_nonzero(stages: Stages) -> Stages:
    """Add the bias only where the output is not 0, so that output elements without any product get no bias."""

    def shift(call: Call, y: Array, bias: Array) -> Array:
        added = stages.shift(call, y, bias)
        if call.op != "conv_transpose":
            return added
        return np.where(y == 0, y, added)

    return replace(stages, shift=shift)


def _one_late(axis: Axis, params: Told, at: int) -> Axis:
    """Shift the output of an axis by one element towards its high end."""
    return _cropped(axis, axis.low - 1, axis.high + 1) if axis.out > 1 else axis


EDITS: dict[str, Edit] = {
    "kernel-not-flipped-back": kernel(_flipped_axes),
    "kernel-not-flipped-back-one-axis": kernel(_flipped_last),
    "transposed-pads-input": _axes(_pads_input),
    "transposed-ends-swapped": _axes(_ends_swapped),
    "transposed-same-shifted": _axes(_same_shifted),
    "transposed-lower-shifted": _axes(_lower_shifted),
    "transposed-same-short": _axes(_same_short),
    "transposed-same-gap-first": _axes(_same_gap_first),
    "transposed-same-ignores-dilation": _axes(_same_by_taps),
    "transposed-crop-missing": _params(
        lambda params: replace(params, padding="valid", output_padding=(0,) * len(params.strides))
    ),
    "transposed-axes-swapped": _params(
        lambda params: params if isinstance(params.padding, str) else replace(params, padding=params.padding[::-1])
    ),
    "transposed-ignores-dilation": _axes(_ignores_dilation),
    "transposed-undilated": _params(lambda params: replace(params, dilations=(1,) * len(params.strides))),
    "transposed-stride-ignored": _params(lambda params: replace(params, strides=(1,) * len(params.strides))),
    "transposed-overlap-overwritten": _overwritten,
    "transposed-stride-as-forward": _as_forward,
    "transposed-one-late": _axes(_one_late),
    "transposed-groups-reversed": kernel(_groups_reversed),
    "transposed-channels-swapped": kernel(_channels_swapped),
    "transposed-bias-where-nonzero": _bias_where_nonzero,
    "output-padding-low": _axes(_output_padding_low),
    "output-padding-zeros-only": _output_padding_zeros,
    "output-padding-ignored": _params(lambda params: replace(params, output_padding=(0,) * len(params.strides))),
    "output-padding-first-axis-only": _params(
        lambda params: replace(params, output_padding=(params.output_padding[0],) * len(params.strides))
    ),
    "output-padding-axes-swapped": _params(lambda params: replace(params, output_padding=params.output_padding[::-1])),
}
