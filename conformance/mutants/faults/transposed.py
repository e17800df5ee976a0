"""Faults of transposed convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told, inner, mixed, padded, span, transposed_filters
from .edits import Edit, first, kernel


def _told(change: Callable[[Told], Told]) -> Edit:
    return first(lambda said: change(said) if said.transposed else said)


def _axes(change: Callable[[Axis, Told, int], Axis]) -> Edit:
    def edit(do: Stages) -> Stages:
        def measure(lengths: Sequence[int], taps: Sequence[int], said: Told) -> tuple[Axis, ...]:
            axes = do.measure(lengths, taps, said)
            return tuple(change(axis, said, at) for at, axis in enumerate(axes)) if said.transposed else axes

        return replace(do, measure=measure)

    return edit


def _window(axis: Axis) -> int:
    return span(axis.taps, axis.dilation)


def _whole(axis: Axis) -> int:
    return (axis.length - 1) * axis.stride + _window(axis)


def _cropped(axis: Axis, low: int, high: int) -> Axis:
    return replace(axis, low=low, high=high, out=max(_whole(axis) - low - high, 0))


def _flipped_axes(w: Array, said: Told) -> Array:
    return np.flip(w, axis=tuple(range(2, w.ndim))) if said.transposed else w


def _flipped_last(w: Array, said: Told) -> Array:
    return np.flip(w, axis=-1) if said.transposed and w.ndim > 3 else w


def _pads_input(axis: Axis, said: Told, at: int) -> Axis:
    if isinstance(said.padding, str):
        return axis
    low, high = said.padding[at]
    return _cropped(axis, -low, -high - said.output_padding[at])


def _same_shifted(axis: Axis, said: Told, at: int) -> Axis:
    if said.padding != "same" or _window(axis) <= axis.stride:
        return axis
    return _cropped(axis, axis.high, axis.low)


def _lower_shifted(axis: Axis, said: Told, at: int) -> Axis:
    if said.padding != "same_lower" or _window(axis) <= axis.stride:
        return axis
    return _cropped(axis, axis.high, axis.low)


def _same_short(axis: Axis, said: Told, at: int) -> Axis:
    return _cropped(axis, axis.low, max(axis.high, 0)) if said.padding in ("same", "same_lower") else axis


def _same_gap_first(axis: Axis, said: Told, at: int) -> Axis:
    if said.padding not in ("same", "same_lower") or _window(axis) >= axis.stride:
        return axis
    gap = axis.stride - _window(axis)
    return _cropped(axis, -(gap - gap // 2), -(gap // 2))


def _ignores_dilation(axis: Axis, said: Told, at: int) -> Axis:
    short = _window(axis) - axis.taps
    return _cropped(axis, axis.low, axis.high + short)


def _same_by_taps(axis: Axis, said: Told, at: int) -> Axis:
    if said.padding not in ("same", "same_lower"):
        return axis
    excess = max(axis.taps - axis.stride, 0)
    low = excess // 2
    return _cropped(axis, low, axis.low + axis.high - low)


def _overwritten(do: Stages) -> Stages:
    def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        y = np.zeros(
            (x.shape[0], w.shape[1] * said.groups, *(max(_whole(axis), 0) for axis in axes)), np.result_type(x, w)
        )
        if x.size and w.size:
            filters = transposed_filters(w, said.groups)
            for tap in product(*(range(axis.taps) for axis in axes)):
                onto = tuple(
                    slice(k * a.dilation, k * a.dilation + (a.length - 1) * a.stride + 1, a.stride)
                    for k, a in zip(tap, axes, strict=True)
                )
                y[inner(onto)] = mixed(x, filters[inner(tap)], said.groups)
        return padded(y, tuple((-axis.low, -axis.high) for axis in axes), "zeros")

    return replace(do, scatter=scatter)


def _as_forward(do: Stages) -> Stages:
    """The window moves over the input by the stride, as in a forward convolution."""

    def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        forward = replace(said, transposed=False, padding="same" if said.padding == "same_lower" else said.padding)
        again = do.measure(x.shape[2:], w.shape[2:], forward)
        filters = transposed_filters(w, said.groups)
        return do.contract(do.fill(x, again, forward), filters, again, forward)

    return replace(do, scatter=scatter)


def _output_padding_zeros(do: Stages) -> Stages:
    """Output padding adds zeros behind the crop, where cropped elements should return."""

    def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        extra = said.output_padding
        tight = tuple(
            replace(axis, high=axis.high + more, out=max(axis.out - more, 0))
            for axis, more in zip(axes, extra, strict=True)
        )
        return padded(do.scatter(x, w, tight, said), tuple((0, more) for more in extra), "zeros")

    return replace(do, scatter=scatter)


def _output_padding_low(axis: Axis, said: Told, at: int) -> Axis:
    more = said.output_padding[at]
    return _cropped(axis, axis.low - more, axis.high + more)


def _channels_swapped(w: Array, said: Told) -> Array:
    return np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1) if said.transposed else w


def _ends_swapped(axis: Axis, said: Told, at: int) -> Axis:
    if isinstance(said.padding, str):
        return axis
    return _cropped(axis, axis.high + said.output_padding[at], axis.low - said.output_padding[at])


def _group_major_kernel(w: Array, said: Told) -> Array:
    """The output channels of the groups alternate in the kernel."""
    if not said.transposed or said.groups < 2:
        return w
    parts = w.reshape(said.groups, -1, *w.shape[1:])
    return parts[::-1].reshape(w.shape)


def _bias_before_crop(do: Stages) -> Stages:
    """The bias is missing from what a negative crop, output padding or gap leaves empty at the ends."""

    def shift(call: Call, y: Array, bias: Array) -> Array:
        added = do.shift(call, y, bias)
        if call.op != "conv_transpose":
            return added
        return np.where(y == 0, y, added)

    return replace(do, shift=shift)


def _stuffed_input_shift(axis: Axis, said: Told, at: int) -> Axis:
    """The taps begin one element late."""
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
    "transposed-crop-missing": _told(
        lambda said: replace(said, padding="valid", output_padding=(0,) * len(said.strides))
    ),
    "transposed-axes-swapped": _told(
        lambda said: said if isinstance(said.padding, str) else replace(said, padding=said.padding[::-1])
    ),
    "transposed-ignores-dilation": _axes(_ignores_dilation),
    "transposed-undilated": _told(lambda said: replace(said, dilations=(1,) * len(said.strides))),
    "transposed-stride-ignored": _told(lambda said: replace(said, strides=(1,) * len(said.strides))),
    "transposed-overlap-overwritten": _overwritten,
    "transposed-stride-as-forward": _as_forward,
    "transposed-one-late": _axes(_stuffed_input_shift),
    "transposed-groups-reversed": kernel(_group_major_kernel),
    "transposed-channels-swapped": kernel(_channels_swapped),
    "transposed-bias-where-nonzero": _bias_before_crop,
    "output-padding-low": _axes(_output_padding_low),
    "output-padding-zeros-only": _output_padding_zeros,
    "output-padding-ignored": _told(lambda said: replace(said, output_padding=(0,) * len(said.strides))),
    "output-padding-first-axis-only": _told(
        lambda said: replace(said, output_padding=(said.output_padding[0],) * len(said.strides))
    ),
    "output-padding-axes-swapped": _told(lambda said: replace(said, output_padding=said.output_padding[::-1])),
}
