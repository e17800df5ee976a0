"""Causes in strides, dilations and input dilations that are ignored, swapped or applied in the wrong order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..axis import Axis
from ..axis_parameters import Setting, padded
from ..canonical_call import Subject
from ..interpretation import Interpretation, windows
from .kinds import Cause


def _each(change: Callable[[Setting], Setting]) -> Cause:
    return lambda subject: [subject.each_setting(change)]


def _forward(cause: Cause) -> Cause:
    return lambda subject: () if subject.is_transposed else cause(subject)


def _axis(change: Callable[[Axis], Axis]) -> Cause:
    """Return a cause that changes the axes of forward convolutions after the padding amounts have been derived."""
    return _forward(lambda subject: [subject.each_axis(change)])


def _swapped(name: str, wanted: Callable[[Axis, Axis], Axis]) -> Cause:
    """
    Return a cause that swaps the parameter `name` between two axes before the padding amounts are derived.

    For a forward convolution with two axes, another variant swaps the parameter after the amounts have been derived.
    """

    def cause(subject: Subject) -> Iterator[Interpretation]:
        yield from subject.swaps(name)
        if subject.is_transposed or subject.call.rank < 2:
            return
        axes = subject.right.stages[0].axes
        if subject.call.rank == 2:
            yield subject.by_axes((wanted(axes[0], axes[1]), wanted(axes[1], axes[0])))

    return cause


def _rolled(subject: Subject, name: str) -> Iterator[Interpretation]:
    rank = subject.call.rank
    for by in (1, -1)[: rank - 1]:  # for two axes, both rotations are the same swap
        yield subject.exchanged(name, [(at + by) % rank for at in range(rank)])


def _of_one(subject: Subject, name: str, at: int) -> Iterator[Interpretation]:
    rank = subject.call.rank
    if rank > 1:
        yield subject.exchanged(name, [range(rank)[at]] * rank)


def _is_window(subject: Subject) -> Iterator[Interpretation]:
    yield subject.each_setting(lambda each: replace(each, stride=max(each.taps, 1)))
    yield subject.each_setting(lambda each: replace(each, stride=max(each.window, 1)))


def _later_phase(subject: Subject) -> Iterator[Interpretation]:
    """Yield calls whose windows start later along every axis where this does not reduce the number of windows."""
    for most in range(1, max(subject.call.strides)):
        yield subject.each_axis(partial(_shifted, by=most))
    yield subject.each_axis(lambda axis: _shifted(axis, by=(axis.stride - 1) // 2 or axis.stride - 1))


def _shifted(axis: Axis, by: int) -> Axis:
    rest = (axis.spread + axis.low + axis.high - axis.window) % axis.stride
    return axis if rest < by or not axis.count else replace(axis, low=axis.low - by)


def _before_padding(subject: Subject) -> Iterator[Interpretation]:
    """Yield the call that subsamples the input by the stride before padding, and then uses stride 1."""
    starts: tuple[Any, ...] = tuple(slice(None, None, each.stride) for each in subject.settings)
    x = subject.input[(..., *starts)]
    plain = tuple(
        replace(each, length=length, stride=1) for each, length in zip(subject.settings, x.shape[2:], strict=True)
    )
    yield replace(subject.by_settings(plain), input=x)


def _capped(axis: Axis) -> Axis:
    return replace(axis, stride=axis.window) if 0 < axis.window < axis.stride else axis


def _gaps_read(subject: Subject) -> Iterator[Interpretation]:
    """Yield calls that lengthen windows to the stride. The last weight also multiplies the added elements."""
    stage = subject.right.stages[0]
    gaps = [max(axis.stride - axis.taps, 0) if axis.taps and axis.dilation == 1 else 0 for axis in stage.axes]
    if any(gaps) and stage.kernel.size:
        kernel = np.pad(stage.kernel, [(0, 0), (0, 0), *((0, gap) for gap in gaps)], mode="edge")
        axes = tuple(
            replace(axis, taps=axis.taps + gap, windows=axis.count) for axis, gap in zip(stage.axes, gaps, strict=True)
        )
        stages = (replace(stage, kernel=kernel, axes=axes), *subject.right.stages[1:])
        yield replace(subject.right, stages=stages)
        # In the second variant, the padding mode fills only the padding. Windows that extend further read zeros there.
        bordered = tuple(replace(axis, taps=1, stride=1, dilation=1) for axis in stage.axes)
        x = windows(subject.input, bordered).reshape(*subject.input.shape[:2], *(axis.count for axis in bordered))
        plain = tuple(
            Axis(length=made.count, taps=axis.taps, stride=axis.stride, high=gap, windows=axis.windows)
            for made, axis, gap in zip(bordered, axes, gaps, strict=True)
        )
        yield replace(subject.right, input=x, stages=(replace(stages[0], axes=plain), *stages[1:]))


def _one_tap(axis: Axis) -> Axis:
    if axis.taps != 1:
        return axis
    room = axis.spread + axis.low + axis.high - axis.dilation
    return replace(axis, windows=room // axis.stride + 1 if room >= 0 else 0)


def _trailing(subject: Subject, wanted: Callable[[Axis], bool]) -> Iterator[Interpretation]:
    """
    Yield calls whose input dilation also adds zeros after the last element.

    Padding strings ignore these zeros in the first variant, and count them as part of the length in the second.
    """
    if any(axis.spacing > 1 and axis.length and wanted(axis) for axis in subject.right.stages[0].axes):
        yield subject.each_axis(
            lambda axis: replace(axis, high=axis.high + axis.spacing - 1) if axis.length and wanted(axis) else axis
        )
        yield subject.by_axes(
            _longer(each) if each.length and wanted(each.axis) else each.axis for each in subject.settings
        )


def _longer(each: Setting) -> Axis:
    """Return the axis with zeros after the last element. A padding string counts these zeros as part of the length."""
    more, (low, high) = each.input_dilation - 1, each.pair
    if isinstance(each.padding, str):
        low, high = padded(each.padding, each.places + more, each.window, each.stride)
    return replace(each.axis, low=low, high=high + more)


def _repeats(subject: Subject) -> Iterator[Interpretation]:
    """Yield the call whose input dilation repeats elements instead of inserting zeros."""
    plain = replace(subject, settings=tuple(replace(each, input_dilation=1) for each in subject.settings)).spread
    x = plain.input
    for at, each in enumerate(subject.settings, 2):
        x = np.repeat(x, each.input_dilation, at)
        x = x.take(range(x.shape[at] - each.input_dilation + 1), at)
    yield replace(subject.spread.right, input=x)


def _pads_spread(axis: Axis) -> Axis:
    return replace(axis, low=axis.low * axis.spacing, high=axis.high * axis.spacing)


def _pointwise(subject: Subject) -> Iterator[Interpretation]:
    """If the kernel has a single tap, yield the call with stride 1 but the expected number of windows."""
    if subject.kernel.size and subject.kernel[0, 0].size == 1 and not subject.is_transposed:
        yield subject.each_axis(lambda axis: replace(axis, stride=1, windows=axis.count))


def _depthwise(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if subject.call.op == "depthwise_conv" else ()


def _separable(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if subject.pointwise is not None else ()


UNSTRIDED = _each(lambda each: replace(each, stride=1))
UNDILATED = _each(lambda each: replace(each, dilation=1))


def _both(cause: Cause, change: Callable[[Axis], Axis]) -> Cause:
    """Return `cause` with one more variant, which changes the axes after the padding amounts have been derived."""
    return lambda subject: (*cause(subject), *_axis(change)(subject))


CAUSES: dict[str, Cause] = {
    "stride-ignored": _forward(_both(UNSTRIDED, lambda axis: replace(axis, stride=1))),
    "stride-equals-kernel": _forward(_is_window),
    "stride-phase-shifted": _forward(_later_phase),
    "stride-before-padding": _forward(_before_padding),
    "stride-capped-at-window": _axis(_capped),
    "strides-swapped": _swapped("stride", lambda one, other: replace(one, stride=other.stride)),
    "strides-rolled": partial(_rolled, name="stride"),
    "stride-first-axis-only": partial(_of_one, name="stride", at=0),
    "stride-last-axis-only": partial(_of_one, name="stride", at=-1),
    "stride-gaps-read": _forward(_gaps_read),
    "pointwise-ignores-stride": _pointwise,
    "dilation-ignored": lambda subject: (
        UNDILATED(subject)
        if subject.is_transposed
        else _both(UNDILATED, lambda axis: replace(axis, dilation=1))(subject)
    ),
    "dilations-swapped": _swapped("dilation", lambda one, other: replace(one, dilation=other.dilation)),
    "dilations-rolled": partial(_rolled, name="dilation"),
    "dilation-first-axis-only": partial(_of_one, name="dilation", at=0),
    "dilation-last-axis-only": partial(_of_one, name="dilation", at=-1),
    "dilation-on-input": _forward(
        _each(lambda each: replace(each, dilation=each.input_dilation, input_dilation=each.dilation))
    ),
    "dilation-counts-holes": _each(lambda each: replace(each, dilation=each.dilation + (each.dilation > 1))),
    "dilation-multiplies-stride": _each(lambda each: replace(each, stride=each.stride * each.dilation)),
    "dilation-from-stride": _each(lambda each: replace(each, dilation=each.stride)),
    "dilation-of-one-tap-counts": _axis(_one_tap),
    "input-dilation-ignored": _forward(_each(lambda each: replace(each, input_dilation=1))),
    "input-dilations-swapped": _swapped("input_dilation", lambda one, other: replace(one, spacing=other.spacing)),
    "input-dilation-trailing": _forward(partial(_trailing, wanted=lambda axis: True)),
    "input-dilation-of-one-element": _forward(partial(_trailing, wanted=lambda axis: axis.length == 1)),
    "input-dilation-repeats": _forward(_repeats),
    "input-dilation-pads": _axis(_pads_spread),
    "stride-before-input-dilation": _forward(
        _each(lambda each: replace(each, stride=each.stride * each.input_dilation))
    ),
    "depthwise-stride-ignored": _depthwise(UNSTRIDED),
    "depthwise-dilation-ignored": _depthwise(UNDILATED),
    "depthwise-padding-ignored": _depthwise(_each(lambda each: replace(each, padding="valid"))),
    "separable-dilation-ignored": _separable(UNDILATED),
}
