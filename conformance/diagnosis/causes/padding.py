"""Padding of another amount, at another end, of another axis or of other numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from ..axis import Axis
from ..axis_parameters import Setting, padded
from ..canonical_call import Subject, transpositions
from ..interpretation import Interpretation
from .kinds import Cause

Pair = tuple[int, int]
SAME = ("same", "same_lower")


def _numbers(change: Callable[[int, int], Pair]) -> Cause:
    """Padding that is given in numbers, changed end by end; of a transposed convolution it is the crop."""

    def cause(it: Subject) -> Iterator[Interpretation]:
        if not isinstance(it.call.padding, str):
            yield it.each_setting(lambda each: replace(each, padding=change(*each.pair)))

    return cause


def _word(old: str, new: str) -> Cause:
    def cause(it: Subject) -> Iterator[Interpretation]:
        if it.call.padding == old and not it.is_transposed:
            yield it.each_setting(lambda each: replace(each, padding=new))

    return cause


def _amounts(*words: str, change: Callable[[Setting], Pair]) -> Cause:
    """Other amounts under some words of a forward convolution."""

    def cause(it: Subject) -> Iterator[Interpretation]:
        if it.call.padding in words and not it.is_transposed:
            yield it.each_setting(lambda each: replace(each, padding=change(each)))

    return cause


def _is_given(it: Subject) -> bool:
    return not isinstance(it.call.padding, str)


def _exchanged(it: Subject) -> Iterator[Interpretation]:
    if _is_given(it):
        yield from it.swaps("padding")


def _of_one_axis(it: Subject, at: int) -> Iterator[Interpretation]:
    if _is_given(it) and it.call.rank > 1:
        yield it.exchanged("padding", [range(it.call.rank)[at]] * it.call.rank)


def _interleaved(it: Subject) -> Iterator[Interpretation]:
    if not _is_given(it):
        return
    pairs = [each.pair for each in it.settings]
    listed = [low for low, _ in pairs] + [high for _, high in pairs]
    paired = [end for pair in pairs for end in pair]
    rank = len(pairs)
    for found in (list(pairwise(listed))[::2], list(zip(paired[:rank], paired[rank:], strict=True))):
        yield it.by_settings(replace(each, padding=pair) for each, pair in zip(it.settings, found, strict=True))


def _capped(it: Subject) -> Iterator[Interpretation]:
    if not it.is_transposed:
        yield it.each_axis(
            lambda axis: replace(axis, low=min(axis.low, axis.window - 1), high=min(axis.high, axis.window - 1))
        )


def _edge_values(it: Subject) -> Iterator[Interpretation]:
    if it.call.padding_mode == "zeros" and not it.is_transposed and it.input.size:
        for mode in ("replicate", "reflect", "circular", "symmetric"):
            yield it.each_axis(partial(replace, mode=mode))


def _ones(it: Subject) -> Iterator[Interpretation]:
    if not it.is_transposed:
        yield replace(it.spread.right, outside=1)


def _beside_in_memory(it: Subject) -> Iterator[Interpretation]:
    """Yield padding of the last axis that reads what stands beside a row in memory."""
    x, axis = it.spread.input, it.spread.right.stages[0].axes[-1]
    length = x.shape[-1]
    if it.is_transposed or not x.size or axis.mode != "zeros":
        return
    places = np.arange(-axis.low, max(length + axis.high, -axis.low))
    rows = np.arange(x.size // length)[:, None] * length + places
    wide = x.reshape(-1)[np.clip(rows, 0, x.size - 1)].reshape(*x.shape[:-1], len(places))
    filled = replace(axis, length=len(places), low=0, high=0)
    yield replace(it.by_axes((*it.spread.right.stages[0].axes[:-1], filled)), input=wide)


def _missing(each: Setting, window: int, *, negative: bool = False) -> int:
    """How much `same` has to pad, for a window of that length."""
    end = (-(-each.places // each.stride) - 1) * each.stride + window - each.places
    return end if negative else max(end, 0)


def _halves(total: int, each: Setting) -> Pair:
    low = (total + (each.padding == "same_lower")) // 2
    return low, total - low


def _either_half(cause: Callable[[Setting], int]) -> Cause:
    """The odd element of an amount under `same`, at the end where it belongs or at the high one."""

    def found(it: Subject) -> Iterator[Interpretation]:
        if it.call.padding in SAME and not it.is_transposed:
            yield it.each_setting(lambda each: replace(each, padding=_halves(cause(each), each)))
            if it.call.padding == "same_lower" and any(cause(each) != sum(each.pair) for each in it.settings):
                yield it.each_setting(
                    lambda each: replace(each, padding=(cause(each) // 2, cause(each) - cause(each) // 2))
                )

    return found


def _from_first_axis(it: Subject) -> Iterator[Interpretation]:
    if it.call.padding in SAME and not it.is_transposed and it.call.rank > 1:
        low = it.settings[0].pair[0]
        yield it.each_setting(lambda each: replace(each, padding=(low, sum(each.pair) - low)))


def _as_long_as_input(it: Subject) -> Iterator[Interpretation]:
    if it.call.padding in SAME and not it.is_transposed:
        yield it.each_setting(lambda each: replace(each, stride=1))
        if any(stride > 1 for stride in it.call.strides):
            yield it.each_setting(lambda each: replace(each, stride=1, padding=padded("same", 1, each.window, 1)))


def _length_down(it: Subject) -> Iterator[Interpretation]:
    if it.call.padding in SAME and not it.is_transposed:
        yield it.each_axis(lambda axis: replace(axis, windows=axis.spread // axis.stride or axis.count))


def _lower_shifted(each: Setting) -> Pair:
    low, high = each.pair
    return (low + 1, high - 1) if low == high > 0 else (low, high)


def _one_late(each: Setting) -> Pair:
    low = each.pair[0]
    return (low + 1, -1) if low else (0, 0)


def _step(it: Subject, change: Callable[[Pair], Pair]) -> Iterator[Interpretation]:
    if it.call.before is not None:
        yield it.each_setting(lambda each: replace(each, ahead=change(each.ahead)))


def _high_first_axis(it: Subject) -> Iterator[Interpretation]:
    if not it.is_transposed and it.call.variation.inside_graph:
        first, *rest = it.right.stages[0].axes
        yield it.by_axes((replace(first, low=0, high=first.low + first.high), *rest))
    elif it.call.variation.inside_graph and not isinstance(it.call.padding, str):
        cropped, *others = it.settings
        yield it.by_settings((replace(cropped, padding=(0, sum(cropped.pair))), *others))


def _axes_turned(axis: Axis) -> Axis:
    return replace(axis, low=axis.high, high=axis.low)


def _ends_swapped(it: Subject) -> Iterator[Interpretation]:
    if _is_given(it) and not it.is_transposed:
        yield it.each_axis(_axes_turned)
        for at in range(it.call.rank) if it.call.rank > 1 else ():
            axes = it.right.stages[0].axes
            yield it.by_axes(_axes_turned(axis) if number == at else axis for number, axis in enumerate(axes))


def _ignored(it: Subject) -> Iterator[Interpretation]:
    if _is_given(it):
        yield it.each_setting(lambda each: replace(each, padding=(0, 0)))
        if it.is_transposed:
            return
        for order in transpositions(it.call.rank):
            at = next(number for number, to in enumerate(order) if number != to)
            axes = it.right.stages[0].axes
            yield it.by_axes(replace(axis, low=0, high=0) if number == at else axis for number, axis in enumerate(axes))


CAUSES: dict[str, Cause] = {
    "padding-ignored": _ignored,
    "padding-halved": _numbers(lambda low, high: (int(low / 2), int(high / 2))),
    "padding-doubled": _numbers(lambda low, high: (2 * low, 2 * high)),
    "padding-ends-swapped": _ends_swapped,
    "padding-axes-swapped": _exchanged,
    "padding-first-axis-only": partial(_of_one_axis, at=0),
    "padding-last-axis-only": partial(_of_one_axis, at=-1),
    "padding-symmetric": _numbers(lambda low, high: (low, low)),
    "padding-symmetric-high": _numbers(lambda low, high: (high, high)),
    "padding-low-missing": _numbers(lambda low, high: (min(low, 0), high)),
    "padding-high-missing": _numbers(lambda low, high: (low, min(high, 0))),
    "padding-interleaved": _interleaved,
    "padding-capped-at-kernel": _capped,
    "padding-with-edge-values": _edge_values,
    "padding-with-ones": _ones,
    "padding-reads-memory": _beside_in_memory,
    "crop-ignored": _numbers(lambda low, high: (max(low, 0), max(high, 0))),
    "crop-taken-as-padding": _numbers(lambda low, high: (abs(low), abs(high))),
    "crop-wrong-end": _numbers(lambda low, high: (high, low) if min(low, high) < 0 else (low, high)),
    "crop-cancels-padding": _numbers(
        lambda low, high: (0, low + high) if low < 0 < high else (low + high, 0) if high < 0 < low else (low, high)
    ),
    "valid-is-same": _word("valid", "same"),
    "valid-pads-the-end": _amounts("valid", change=lambda each: (0, 1)),
    "same-padding-low": _word("same", "same_lower"),
    "same-padding-high": _word("same_lower", "same"),
    "same-is-valid": lambda it: (*_word("same", "valid")(it), *_word("same_lower", "valid")(it)),
    "same-ignores-stride": _either_half(lambda each: max(each.window - 1, 0)),
    "same-keeps-length": _as_long_as_input,
    "same-rounds-length-down": _length_down,
    "same-ignores-dilation": _either_half(lambda each: _missing(each, each.taps)),
    "same-padding-capped": _amounts(
        *SAME, change=lambda each: (min(each.pair[0], each.places), min(each.pair[1], each.places))
    ),
    "same-pads-negative": _either_half(lambda each: _missing(each, each.window, negative=True)),
    "same-from-first-axis": _from_first_axis,
    "same-half-kernel": _amounts(*SAME, change=lambda each: (each.taps // 2, each.taps // 2)),
    "same-all-high": _amounts(*SAME, change=lambda each: (0, sum(each.pair))),
    "same-all-low": _amounts(*SAME, change=lambda each: (sum(each.pair), 0)),
    "same-lower-shifted": _amounts("same_lower", change=_lower_shifted),
    "causal-reads-future": _amounts("causal", change=lambda each: each.pair[::-1]),
    "causal-is-same": _word("causal", "same"),
    "causal-one-late": _amounts("causal", change=_one_late),
    "causal-both-ends": _amounts("causal", change=lambda each: (each.pair[0], each.pair[0])),
    "causal-ignores-dilation": _amounts("causal", change=lambda each: (each.taps - 1, 0)),
    "causal-dilation-starts-late": _amounts(
        "causal", change=lambda each: (each.taps * each.dilation, 0) if each.dilation > 1 else each.pair
    ),
    "causal-stride-aligned-last": _amounts(
        "causal", change=lambda each: (each.pair[0] - (each.places - 1) % each.stride, 0)
    ),
    "full-one-side": _amounts("full", change=lambda each: (each.pair[0], 0)),
    "full-is-same": _word("full", "same"),
    "full-ignores-dilation": _amounts("full", change=lambda each: (each.taps - 1, each.taps - 1)),
    "full-one-more": _amounts("full", change=lambda each: (each.window, each.window)),
    "padding-step-lost": partial(_step, change=lambda pair: (0, 0)),
    "pad-folded-wrongly": partial(_step, change=lambda pair: pair[::-1]),
    "graph-moves-padding": _high_first_axis,
}
