"""Faults in strides, dilations and output lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told, inner, span
from .edits import Edit, finished, first, measured, per_axis, sums


def _window(axis: Axis) -> int:
    return span(axis.taps, axis.dilation)


def _count(axis: Axis, room: int) -> int:
    return room // axis.stride + 1 if room >= 0 else 0


def _room(axis: Axis) -> int:
    return axis.length + axis.low + axis.high - _window(axis)


def _stride_is_kernel(stages: Stages) -> Stages:
    return replace(
        stages,
        measure=lambda lengths, taps, params: stages.measure(
            lengths, taps, replace(params, strides=per_axis(taps, _at_least_1))
        ),
    )


def _at_least_1(count: int) -> int:
    return max(count, 1)


def _strided_first(stages: Stages) -> Stages:
    """Apply the stride to the input, then pad and convolve with stride 1."""

    def translate(call: Call) -> tuple[Told, ...]:
        head, *rest = stages.translate(call)
        if head.transposed:
            return (head, *rest)
        return (replace(head, strides=(1,) * call.rank), *rest)

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        x = stages.arrange(call, name, array, params)
        if name != "input" or call.op == "conv_transpose":
            return x
        strided: Array = x[inner(slice(None, None, s) for s in call.strides)]
        return strided

    return replace(stages, translate=translate, arrange=arrange)


def _capped_stride(axis: Axis, params: Told) -> Axis:
    if params.transposed or axis.stride <= _window(axis) or not axis.taps:
        return axis
    return replace(axis, stride=_window(axis), out=max(_room(axis) // _window(axis) + 1, 0))


def _later_phase(axis: Axis, params: Told) -> Axis:
    shift = (axis.stride - 1) // 2 or axis.stride - 1
    if params.transposed or _room(axis) % axis.stride < shift:
        return axis
    return replace(axis, low=axis.low - shift)


def _rounded_up(axis: Axis, params: Told) -> Axis:
    return _with_remainder(axis, params, 1)


def _to_nearest(axis: Axis, params: Told) -> Axis:
    return _with_remainder(axis, params, (axis.stride + 1) // 2)


def _with_remainder(axis: Axis, params: Told, least: int) -> Axis:
    rest = _room(axis) % axis.stride
    if params.transposed or _room(axis) < 0 or rest < least:
        return axis
    return replace(axis, high=axis.high + axis.stride - rest, out=axis.out + 1)


def _one_more(y: Array, params: Told) -> Array:
    return np.concatenate([y, np.zeros_like(y[..., :1])], axis=-1) if y.shape[-1] else y


def _one_less(y: Array, params: Told) -> Array:
    return y[..., :-1]


def _last_window_zero(y: Array, params: Told) -> Array:
    y = y.copy()
    y[..., -1:] = 0
    return y


def _last_row_stale(y: Array, params: Told) -> Array:
    y = y.copy()
    if y.shape[2] > 1:
        y[:, :, -1] = y[:, :, -2]
    return y


def _last_column_stale(y: Array, params: Told) -> Array:
    y = y.copy()
    if y.shape[-1] > 1:
        y[..., -1] = y[..., -2]
    return y


def _short_window(axis: Axis, params: Told) -> Axis:
    if params.transposed or _room(axis) >= 0 or not axis.length:
        return axis
    return replace(axis, high=axis.high - _room(axis), out=1)


def _holes_read(stages: Stages) -> Stages:
    """Fill the holes of a dilated kernel: repeat each tap in the holes that follow the tap."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        for at, axis in enumerate(axes, 2):
            w = np.repeat(w, axis.dilation, at).take(range(_window(axis)), at)
        dense = tuple(replace(axis, taps=_window(axis), dilation=1) for axis in axes)
        return stages.contract(x, w, dense, params)

    return replace(stages, contract=contract)


def _gaps_read(stages: Stages) -> Stages:
    """If the stride is longer than the window, lengthen the window to the stride by repeating the last tap."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
        gaps = [max(axis.stride - axis.taps, 0) if axis.taps and axis.dilation == 1 else 0 for axis in axes]
        w = np.pad(w, [(0, 0), (0, 0), *((0, gap) for gap in gaps)], mode="edge") if any(gaps) and w.size else w
        x = np.pad(x, [(0, 0), (0, 0), *((0, gap) for gap in gaps)])
        longer = tuple(replace(axis, taps=axis.taps + gap) for axis, gap in zip(axes, gaps, strict=True))
        return stages.contract(x, w, longer, params)

    return replace(stages, contract=contract)


def _one_tap_window(axis: Axis, params: Told) -> Axis:
    """If the kernel has one tap, compute the output length as if the window had `dilation` elements."""
    if params.transposed or axis.taps != 1:
        return axis
    room = axis.length + axis.low + axis.high - axis.dilation
    return replace(axis, out=_count(axis, room))


def _one_element_stuffed(stages: Stages) -> Stages:
    """If an axis has length 1 and input dilation q, append q - 1 zeros, as if another element followed."""

    def stuff(x: Array, params: Told) -> Array:
        wide = stages.stuff(x, params)
        more = [(0, q - 1 if size == 1 else 0) for size, q in zip(x.shape[2:], params.input_dilations, strict=True)]
        return np.pad(wide, [(0, 0), (0, 0), *more])

    return replace(stages, stuff=stuff)


def _strided_before_stuffing(stages: Stages) -> Stages:
    """Multiply the stride by the input dilation, as if the stride counted elements of the undilated input."""

    def translate(call: Call) -> tuple[Told, ...]:
        head, *rest = stages.translate(call)
        steps = tuple(s * q for s, q in zip(head.strides, head.input_dilations, strict=True))
        return (head if head.transposed else replace(head, strides=steps), *rest)

    return replace(stages, translate=translate)


def _two_for_none(axis: Axis, params: Told) -> Axis:
    """If no window fits into an axis, return output length 2 for the axis."""
    if params.transposed or _room(axis) >= 0 or not axis.length:
        return axis
    return replace(axis, high=axis.high - _room(axis) + axis.stride, out=2)


def _first_only(values: Sequence[int]) -> tuple[int, ...]:
    return (values[0],) * len(values)


def _last_only(values: Sequence[int]) -> tuple[int, ...]:
    return (values[-1],) * len(values)


def _swapped(values: Sequence[int]) -> tuple[int, ...]:
    return tuple(reversed(values))


def _rolled(values: Sequence[int]) -> tuple[int, ...]:
    return (*values[1:], values[0])


def _strides(change: Callable[[Sequence[int]], tuple[int, ...]]) -> Edit:
    return first(lambda params: replace(params, strides=change(params.strides)))


def _dilations(change: Callable[[Sequence[int]], tuple[int, ...]]) -> Edit:
    return first(lambda params: replace(params, dilations=change(params.dilations)))


def _input_dilations(change: Callable[[Sequence[int]], tuple[int, ...]]) -> Edit:
    return first(lambda params: replace(params, input_dilations=change(params.input_dilations)))


def _trailing(stages: Stages) -> Stages:
    def stuff(x: Array, params: Told) -> Array:
        x = stages.stuff(x, params)
        more = [
            (0, 0),
            (0, 0),
            *((0, q - 1 if w else 0) for w, q in zip(x.shape[2:], params.input_dilations, strict=True)),
        ]
        return np.pad(x, more)

    return replace(stages, stuff=stuff)


def _repeats(stages: Stages) -> Stages:
    """For input dilation, repeat each element instead of inserting zeros."""

    def stuff(x: Array, params: Told) -> Array:
        for axis, q in enumerate(params.input_dilations, 2):
            length = max((x.shape[axis] - 1) * q + 1, 0) if x.shape[axis] else 0
            x = np.repeat(x, q, axis).take(range(length), axis)
        return x

    return replace(stages, stuff=stuff)


def _stuffed_after_padding(stages: Stages) -> Stages:
    """Multiply the padding amounts by the input dilation, as if padding preceded input dilation."""

    def measure(lengths: Sequence[int], taps: Sequence[int], params: Told) -> tuple[Axis, ...]:
        axes = stages.measure(lengths, taps, params)
        if params.transposed:
            return axes
        return tuple(_spread(axis, q) for axis, q in zip(axes, params.input_dilations, strict=True))

    return replace(stages, measure=measure)


def _spread(axis: Axis, q: int) -> Axis:
    wide = replace(axis, low=axis.low * q, high=axis.high * q)
    return replace(wide, out=_count(wide, _room(wide)))


EDITS: dict[str, Edit] = {
    "stride-ignored": _strides(lambda s: (1,) * len(s)),
    "stride-equals-kernel": _stride_is_kernel,
    "stride-phase-shifted": measured(_later_phase),
    "stride-before-padding": _strided_first,
    "stride-capped-at-window": measured(_capped_stride),
    "strides-swapped": _strides(_swapped),
    "strides-rolled": _strides(_rolled),
    "stride-first-axis-only": _strides(_first_only),
    "stride-last-axis-only": _strides(_last_only),
    "dilation-ignored": _dilations(lambda d: (1,) * len(d)),
    "dilations-swapped": _dilations(_swapped),
    "dilations-rolled": _dilations(_rolled),
    "dilation-first-axis-only": _dilations(_first_only),
    "dilation-last-axis-only": _dilations(_last_only),
    "dilation-on-input": first(
        lambda params: (
            params
            if params.transposed
            else replace(params, input_dilations=params.dilations, dilations=params.input_dilations)
        )
    ),
    "dilation-counts-holes": _dilations(lambda d: per_axis(d, lambda each: each + 1 if each > 1 else 1)),
    "dilation-multiplies-stride": first(
        lambda params: replace(
            params, strides=tuple(s * d for s, d in zip(params.strides, params.dilations, strict=True))
        )
    ),
    "dilation-from-stride": first(lambda params: replace(params, dilations=params.strides)),
    "dilation-holes-read": _holes_read,
    "dilation-of-one-tap-counts": measured(_one_tap_window),
    "stride-gaps-read": _gaps_read,
    "input-dilation-of-one-element": _one_element_stuffed,
    "stride-before-input-dilation": _strided_before_stuffing,
    "input-dilation-ignored": _input_dilations(lambda q: (1,) * len(q)),
    "input-dilations-swapped": _input_dilations(_swapped),
    "input-dilation-trailing": _trailing,
    "input-dilation-repeats": _repeats,
    "input-dilation-pads": _stuffed_after_padding,
    "length-off-by-one": sums(_one_more),
    "length-rounded-up": measured(_rounded_up),
    "length-rounded-to-nearest": measured(_to_nearest),
    "length-negative": measured(_two_for_none),
    "tail-window-dropped": sums(_one_less),
    "tail-window-zero": sums(_last_window_zero),
    "last-row-stale": sums(_last_row_stale),
    "last-column-stale": sums(_last_column_stale),
    "window-longer-than-input-computed": measured(_short_window),
    "places-reversed": finished(lambda call, y: y[..., ::-1]),
}
