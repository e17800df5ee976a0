"""Causes specific to transposed convolutions: faults in the crop, the output padding and overlapping contributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from ...core import Array
from ..axis import Axis, reads
from ..axis_parameters import Setting
from ..canonical_call import Subject
from ..interpretation import Interpretation, biased, convolved
from .kernels import CAUSES as KERNELS
from .kernels import alone
from .kinds import Cause
from .padding import SAME

Pair = tuple[int, int]


def _transposed(cause: Cause) -> Cause:
    return lambda subject: cause(subject) if subject.is_transposed else ()


def _each(change: Callable[[Setting], Setting]) -> Cause:
    return _transposed(lambda subject: [subject.each_setting(change)])


def _under(paddings: tuple[str, ...], change: Callable[[Setting], Pair]) -> Cause:
    """Return a cause that changes the crop of calls whose padding string is in `paddings`."""

    def cause(subject: Subject) -> Iterator[Interpretation]:
        if subject.call.padding in paddings:
            yield subject.each_setting(lambda each: replace(each, padding=change(each)))

    return _transposed(cause)


def _padded_input(subject: Subject) -> Iterator[Interpretation]:
    """
    Yield calls that pad by the crop amounts instead of cropping.

    The first variant counts the amounts in output positions, the second in input elements.
    """
    if isinstance(subject.call.padding, str):
        return
    yield subject.each_setting(lambda each: replace(each, padding=(-each.pair[0], -each.pair[1])))
    yield subject.each_setting(
        lambda each: replace(each, padding=(-each.pair[0] * each.stride, -each.pair[1] * each.stride))
    )


def _ends_swapped(subject: Subject) -> Iterator[Interpretation]:
    """
    Yield calls in which the crops at the two ends are swapped.

    Output padding stays at the high end in the first variant, and moves to the low end in the second.
    """
    if isinstance(subject.call.padding, str):
        return
    yield subject.each_setting(lambda each: replace(each, padding=each.pair[::-1]))
    yield subject.each_setting(
        lambda each: replace(each, padding=(each.pair[1] - each.output_padding, each.pair[0]), output_padding=0)
    )


def _by_taps(each: Setting) -> Pair:
    low = (max(each.taps - each.stride, 0) + (each.padding == "same_lower")) // 2
    return low, sum(each.pair) - low


def _low_by_taps(each: Setting) -> Pair:
    low = max(each.taps - each.stride, 0) // 2
    return (low, sum(each.pair) - low) if each.dilation > 1 else each.pair


def _gap_first(each: Setting) -> Pair:
    gap = each.stride - each.window
    return (-(gap - gap // 2), -(gap // 2)) if gap > 0 else each.pair


def _short(each: Setting) -> Pair:
    return each.pair[0], max(each.pair[1], 0)


def _turned(each: Setting) -> Pair:
    return each.pair[::-1] if each.window > each.stride else each.pair


def _undilated_length(subject: Subject) -> Iterator[Interpretation]:
    yield subject.each_axis(lambda axis: replace(axis, windows=axis.count - (axis.window - axis.taps)))


def _one_late(subject: Subject) -> Iterator[Interpretation]:
    for by in (1, -1):
        yield subject.each_axis(partial(_late, by=by))


def _late(axis: Axis, by: int) -> Axis:
    return replace(axis, low=axis.low - by, high=axis.high + by) if axis.count > 1 else axis


def _overwritten(subject: Subject) -> Iterator[Array]:
    """Yield outputs in which contributions replace earlier ones instead of adding to them, in both tap orders."""
    stage = subject.right.stages[0]
    shape = subject.kernel.shape[2:]
    if not subject.kernel.size or not subject.input.size:
        return
    for backwards in (True, False):
        y = np.zeros_like(subject.sums)
        for tap in sorted(product(*map(range, shape)), reverse=backwards):
            there = _reached(stage.axes, tap)
            y = np.where(there, convolved(subject.input, replace(stage, kernel=alone(subject.kernel, tap))), y)
        yield biased(y, subject.bias)


def _reached(axes: tuple[Axis, ...], tap: tuple[int, ...]) -> Array:
    """Return the mask of windows in which `tap` reads an input element or a zero of the padding step."""
    found = np.ones((1,) * len(axes), bool)
    for at, (axis, k) in enumerate(zip(axes, tap, strict=True)):
        whole = replace(axis, length=axis.length + max(sum(axis.ahead), 0), ahead=(0, 0))
        inside = reads(whole)[:, k] < whole.length
        found = found & inside.reshape(-1, *(1,) * (len(axes) - at - 1))
    return found


def _as_forward(subject: Subject) -> Iterator[Interpretation]:
    """Yield forward convolutions with the call's stride: one with the call's kernel, one with the reversed kernel."""
    padding = "same" if subject.call.padding == "same_lower" else subject.call.padding
    kernel = np.flip(subject.kernel, tuple(range(2, subject.kernel.ndim)))
    for weights in (kernel, subject.kernel):
        yield replace(subject, kernel=weights).by_settings(
            replace(each, transposed=False, padding=padding if isinstance(padding, str) else each.pair)
            for each in subject.settings
        )


def _zeros_behind(subject: Subject) -> Iterator[Array]:
    extra = [each.output_padding for each in subject.settings]
    if any(extra):
        tight = subject.each_setting(lambda each: replace(each, output_padding=0)).sums()
        yield biased(np.pad(tight, [(0, 0), (0, 0), *((0, more) for more in extra)]), subject.bias)


def _low_lengthened(subject: Subject) -> Iterator[Interpretation]:
    yield subject.each_axis_by(
        lambda axis, each: replace(axis, low=axis.low + each.output_padding, high=axis.high - each.output_padding)
    )


def _first_only(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.rank > 1:
        yield subject.exchanged("output_padding", [0] * subject.call.rank)


def _bias_where_nonzero(subject: Subject) -> Iterator[Array]:
    if subject.bias is not None:
        yield np.where(subject.sums == 0, subject.sums, subject.result)
        axes = subject.right.stages[0].axes
        taps = product(*map(range, subject.kernel.shape[2:]))
        reached = np.zeros((1,) * len(axes), bool)
        for tap in taps:
            reached = reached | _reached(axes, tap)
        yield np.where(reached, subject.result, subject.sums)


CAUSES: dict[str, Cause] = {
    "transposed-pads-input": _transposed(_padded_input),
    "transposed-ends-swapped": _transposed(_ends_swapped),
    "transposed-crop-missing": _each(lambda each: replace(each, padding="valid", output_padding=0)),
    "transposed-axes-swapped": _transposed(
        lambda subject: () if isinstance(subject.call.padding, str) else subject.swaps("padding")
    ),
    "transposed-same-shifted": _under(("same",), _turned),
    "transposed-lower-shifted": _under(("same_lower",), _turned),
    "transposed-same-ignores-dilation": lambda subject: (
        *_under(SAME, _by_taps)(subject),
        *_under(SAME, _low_by_taps)(subject),
    ),
    "transposed-same-short": _under(SAME, _short),
    "transposed-same-gap-first": _under(SAME, _gap_first),
    "transposed-undilated": _each(lambda each: replace(each, dilation=1)),
    "transposed-ignores-dilation": _transposed(_undilated_length),
    "transposed-stride-ignored": _each(lambda each: replace(each, stride=1)),
    "transposed-one-late": _transposed(_one_late),
    "transposed-overlap-overwritten": _transposed(_overwritten),
    "transposed-stride-as-forward": _transposed(_as_forward),
    "transposed-channels-swapped": _transposed(KERNELS["kernel-channels-swapped"]),
    "transposed-bias-where-nonzero": _transposed(_bias_where_nonzero),
    "output-padding-ignored": _each(lambda each: replace(each, output_padding=0)),
    "output-padding-low": _transposed(_low_lengthened),
    "output-padding-zeros-only": _transposed(_zeros_behind),
    "output-padding-first-axis-only": _transposed(_first_only),
    "output-padding-axes-swapped": _transposed(lambda subject: subject.swaps("output_padding")),
}
