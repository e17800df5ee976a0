"""What only transposed convolutions do wrong: crop, output padding, and what stands between contributions."""

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
    return lambda it: cause(it) if it.is_transposed else ()


def _each(change: Callable[[Setting], Setting]) -> Cause:
    return _transposed(lambda it: [it.each_setting(change)])


def _under(words: tuple[str, ...], change: Callable[[Setting], Pair]) -> Cause:
    """Another crop under some words."""

    def cause(it: Subject) -> Iterator[Interpretation]:
        if it.call.padding in words:
            yield it.each_setting(lambda each: replace(each, padding=change(each)))

    return _transposed(cause)


def _padded_input(it: Subject) -> Iterator[Interpretation]:
    """Yield an input that is padded by what should be cropped: in places of the output, or in elements."""
    if isinstance(it.call.padding, str):
        return
    yield it.each_setting(lambda each: replace(each, padding=(-each.pair[0], -each.pair[1])))
    yield it.each_setting(
        lambda each: replace(each, padding=(-each.pair[0] * each.stride, -each.pair[1] * each.stride))
    )


def _ends_swapped(it: Subject) -> Iterator[Interpretation]:
    """Yield what is cropped at either end at the other: with the output padding at the high end, or before it."""
    if isinstance(it.call.padding, str):
        return
    yield it.each_setting(lambda each: replace(each, padding=each.pair[::-1]))
    yield it.each_setting(
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


def _undilated_length(it: Subject) -> Iterator[Interpretation]:
    yield it.each_axis(lambda axis: replace(axis, windows=axis.count - (axis.window - axis.taps)))


def _one_late(it: Subject) -> Iterator[Interpretation]:
    for by in (1, -1):
        yield it.each_axis(partial(_late, by=by))


def _late(axis: Axis, by: int) -> Axis:
    return replace(axis, low=axis.low - by, high=axis.high + by) if axis.count > 1 else axis


def _overwritten(it: Subject) -> Iterator[Array]:
    """Yield outputs that hold the last contribution alone, of those that meet there, tap by tap in both orders."""
    stage = it.right.stages[0]
    shape = it.kernel.shape[2:]
    if not it.kernel.size or not it.input.size:
        return
    for backwards in (True, False):
        y = np.zeros_like(it.sums)
        for tap in sorted(product(*map(range, shape)), reverse=backwards):
            there = _reached(stage.axes, tap)
            y = np.where(there, convolved(it.input, replace(stage, kernel=alone(it.kernel, tap))), y)
        yield biased(y, it.bias)


def _reached(axes: tuple[Axis, ...], tap: tuple[int, ...]) -> Array:
    """Return whether a tap reads an element there, or what a padding step made: booleans over all windows."""
    found = np.ones((1,) * len(axes), bool)
    for at, (axis, k) in enumerate(zip(axes, tap, strict=True)):
        whole = replace(axis, length=axis.length + max(sum(axis.ahead), 0), ahead=(0, 0))
        inside = reads(whole)[:, k] < whole.length
        found = found & inside.reshape(-1, *(1,) * (len(axes) - at - 1))
    return found


def _as_forward(it: Subject) -> Iterator[Interpretation]:
    """Yield the convolution whose window moves over the input by the stride."""
    word = "same" if it.call.padding == "same_lower" else it.call.padding
    kernel = np.flip(it.kernel, tuple(range(2, it.kernel.ndim)))
    for weights in (kernel, it.kernel):
        yield replace(it, kernel=weights).by_settings(
            replace(each, transposed=False, padding=word if isinstance(word, str) else each.pair)
            for each in it.settings
        )


def _zeros_behind(it: Subject) -> Iterator[Array]:
    extra = [each.output_padding for each in it.settings]
    if any(extra):
        tight = it.each_setting(lambda each: replace(each, output_padding=0)).sums()
        yield biased(np.pad(tight, [(0, 0), (0, 0), *((0, more) for more in extra)]), it.bias)


def _low_lengthened(it: Subject) -> Iterator[Interpretation]:
    yield it.each_axis_by(
        lambda axis, each: replace(axis, low=axis.low + each.output_padding, high=axis.high - each.output_padding)
    )


def _first_only(it: Subject) -> Iterator[Interpretation]:
    if it.call.rank > 1:
        yield it.exchanged("output_padding", [0] * it.call.rank)


def _bias_where_nonzero(it: Subject) -> Iterator[Array]:
    if it.bias is not None:
        yield np.where(it.sums == 0, it.sums, it.result)
        axes = it.right.stages[0].axes
        taps = product(*map(range, it.kernel.shape[2:]))
        reached = np.zeros((1,) * len(axes), bool)
        for tap in taps:
            reached = reached | _reached(axes, tap)
        yield np.where(reached, it.result, it.sums)


CAUSES: dict[str, Cause] = {
    "transposed-pads-input": _transposed(_padded_input),
    "transposed-ends-swapped": _transposed(_ends_swapped),
    "transposed-crop-missing": _each(lambda each: replace(each, padding="valid", output_padding=0)),
    "transposed-axes-swapped": _transposed(lambda it: () if isinstance(it.call.padding, str) else it.swaps("padding")),
    "transposed-same-shifted": _under(("same",), _turned),
    "transposed-lower-shifted": _under(("same_lower",), _turned),
    "transposed-same-ignores-dilation": lambda it: (*_under(SAME, _by_taps)(it), *_under(SAME, _low_by_taps)(it)),
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
    "output-padding-axes-swapped": _transposed(lambda it: it.swaps("output_padding")),
}
