"""Causes in padding: wrong amounts, the wrong end, the wrong axis or wrong values."""

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
    """Return a cause that replaces explicit padding or crop amounts by `change(low, high)` on every axis."""

    def cause(subject: Subject) -> Iterator[Interpretation]:
        if not isinstance(subject.call.padding, str):
            yield subject.each_setting(lambda each: replace(each, padding=change(*each.pair)))

    return cause


def _string(old: str, new: str) -> Cause:
    def cause(subject: Subject) -> Iterator[Interpretation]:
        if subject.call.padding == old and not subject.is_transposed:
            yield subject.each_setting(lambda each: replace(each, padding=new))

    return cause


def _amounts(*paddings: str, change: Callable[[Setting], Pair]) -> Cause:
    """Return a cause that changes the padding amounts of forward convolutions whose padding string is in `paddings`."""

    def cause(subject: Subject) -> Iterator[Interpretation]:
        if subject.call.padding in paddings and not subject.is_transposed:
            yield subject.each_setting(lambda each: replace(each, padding=change(each)))

    return cause


def _is_explicit(subject: Subject) -> bool:
    return not isinstance(subject.call.padding, str)


def _exchanged(subject: Subject) -> Iterator[Interpretation]:
    if _is_explicit(subject):
        yield from subject.swaps("padding")


def _of_one_axis(subject: Subject, at: int) -> Iterator[Interpretation]:
    if _is_explicit(subject) and subject.call.rank > 1:
        yield subject.exchanged("padding", [range(subject.call.rank)[at]] * subject.call.rank)


def _interleaved(subject: Subject) -> Iterator[Interpretation]:
    if not _is_explicit(subject):
        return
    pairs = [each.pair for each in subject.settings]
    listed = [low for low, _ in pairs] + [high for _, high in pairs]
    paired = [end for pair in pairs for end in pair]
    rank = len(pairs)
    for found in (list(pairwise(listed))[::2], list(zip(paired[:rank], paired[rank:], strict=True))):
        yield subject.by_settings(
            replace(each, padding=pair) for each, pair in zip(subject.settings, found, strict=True)
        )


def _capped(subject: Subject) -> Iterator[Interpretation]:
    if not subject.is_transposed:
        yield subject.each_axis(
            lambda axis: replace(axis, low=min(axis.low, axis.window - 1), high=min(axis.high, axis.window - 1))
        )


def _edge_values(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.padding_mode == "zeros" and not subject.is_transposed and subject.input.size:
        for mode in ("replicate", "reflect", "circular", "symmetric"):
            yield subject.each_axis(partial(replace, mode=mode))


def _ones(subject: Subject) -> Iterator[Interpretation]:
    if not subject.is_transposed:
        yield replace(subject.spread.right, outside=1)


def _beside_in_memory(subject: Subject) -> Iterator[Interpretation]:
    """Yield the call in which padding of the last axis reads elements of the neighbouring rows in memory."""
    x, axis = subject.spread.input, subject.spread.right.stages[0].axes[-1]
    length = x.shape[-1]
    if subject.is_transposed or not x.size or axis.mode != "zeros":
        return
    places = np.arange(-axis.low, max(length + axis.high, -axis.low))
    rows = np.arange(x.size // length)[:, None] * length + places
    wide = x.reshape(-1)[np.clip(rows, 0, x.size - 1)].reshape(*x.shape[:-1], len(places))
    filled = replace(axis, length=len(places), low=0, high=0)
    yield replace(subject.by_axes((*subject.spread.right.stages[0].axes[:-1], filled)), input=wide)


def _missing(each: Setting, window: int, *, negative: bool = False) -> int:
    """
    Return the total padding (low + high) of `same` for windows of the length `window`.

    A negative total counts as 0 unless `negative` is true.
    """
    end = (-(-each.places // each.stride) - 1) * each.stride + window - each.places
    return end if negative else max(end, 0)


def _halves(total: int, each: Setting) -> Pair:
    low = (total + (each.padding == "same_lower")) // 2
    return low, total - low


def _total(total: Callable[[Setting], int]) -> Cause:
    """
    Return a cause that changes the total padding (low + high) of `same` and `same_lower` to `total(setting)`.

    If the total is odd, the extra position is at the end that the padding string selects. For `same_lower`, a second
    variant puts the extra position at the high end.
    """

    def cause(subject: Subject) -> Iterator[Interpretation]:
        if subject.call.padding in SAME and not subject.is_transposed:
            yield subject.each_setting(lambda each: replace(each, padding=_halves(total(each), each)))
            if subject.call.padding == "same_lower" and any(total(each) != sum(each.pair) for each in subject.settings):
                yield subject.each_setting(
                    lambda each: replace(each, padding=(total(each) // 2, total(each) - total(each) // 2))
                )

    return cause


def _from_first_axis(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.padding in SAME and not subject.is_transposed and subject.call.rank > 1:
        low = subject.settings[0].pair[0]
        yield subject.each_setting(lambda each: replace(each, padding=(low, sum(each.pair) - low)))


def _as_long_as_input(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.padding in SAME and not subject.is_transposed:
        yield subject.each_setting(lambda each: replace(each, stride=1))
        if any(stride > 1 for stride in subject.call.strides):
            yield subject.each_setting(lambda each: replace(each, stride=1, padding=padded("same", 1, each.window, 1)))


def _length_down(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.padding in SAME and not subject.is_transposed:
        yield subject.each_axis(lambda axis: replace(axis, windows=axis.spread // axis.stride or axis.count))


def _lower_shifted(each: Setting) -> Pair:
    low, high = each.pair
    return (low + 1, high - 1) if low == high > 0 else (low, high)


def _one_late(each: Setting) -> Pair:
    low = each.pair[0]
    return (low + 1, -1) if low else (0, 0)


def _step(subject: Subject, change: Callable[[Pair], Pair]) -> Iterator[Interpretation]:
    if subject.call.before is not None:
        yield subject.each_setting(lambda each: replace(each, ahead=change(each.ahead)))


def _high_first_axis(subject: Subject) -> Iterator[Interpretation]:
    if not subject.is_transposed and subject.call.variation.inside_graph:
        first, *rest = subject.right.stages[0].axes
        yield subject.by_axes((replace(first, low=0, high=first.low + first.high), *rest))
    elif subject.call.variation.inside_graph and not isinstance(subject.call.padding, str):
        cropped, *others = subject.settings
        yield subject.by_settings((replace(cropped, padding=(0, sum(cropped.pair))), *others))


def _axes_turned(axis: Axis) -> Axis:
    return replace(axis, low=axis.high, high=axis.low)


def _ends_swapped(subject: Subject) -> Iterator[Interpretation]:
    if _is_explicit(subject) and not subject.is_transposed:
        yield subject.each_axis(_axes_turned)
        for at in range(subject.call.rank) if subject.call.rank > 1 else ():
            axes = subject.right.stages[0].axes
            yield subject.by_axes(_axes_turned(axis) if number == at else axis for number, axis in enumerate(axes))


def _ignored(subject: Subject) -> Iterator[Interpretation]:
    if _is_explicit(subject):
        yield subject.each_setting(lambda each: replace(each, padding=(0, 0)))
        if subject.is_transposed:
            return
        for order in transpositions(subject.call.rank):
            at = next(number for number, to in enumerate(order) if number != to)
            axes = subject.right.stages[0].axes
            yield subject.by_axes(
                replace(axis, low=0, high=0) if number == at else axis for number, axis in enumerate(axes)
            )


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
    "valid-is-same": _string("valid", "same"),
    "valid-pads-the-end": _amounts("valid", change=lambda each: (0, 1)),
    "same-padding-low": _string("same", "same_lower"),
    "same-padding-high": _string("same_lower", "same"),
    "same-is-valid": lambda subject: (*_string("same", "valid")(subject), *_string("same_lower", "valid")(subject)),
    "same-ignores-stride": _total(lambda each: max(each.window - 1, 0)),
    "same-keeps-length": _as_long_as_input,
    "same-rounds-length-down": _length_down,
    "same-ignores-dilation": _total(lambda each: _missing(each, each.taps)),
    "same-padding-capped": _amounts(
        *SAME, change=lambda each: (min(each.pair[0], each.places), min(each.pair[1], each.places))
    ),
    "same-pads-negative": _total(lambda each: _missing(each, each.window, negative=True)),
    "same-from-first-axis": _from_first_axis,
    "same-half-kernel": _amounts(*SAME, change=lambda each: (each.taps // 2, each.taps // 2)),
    "same-all-high": _amounts(*SAME, change=lambda each: (0, sum(each.pair))),
    "same-all-low": _amounts(*SAME, change=lambda each: (sum(each.pair), 0)),
    "same-lower-shifted": _amounts("same_lower", change=_lower_shifted),
    "causal-reads-future": _amounts("causal", change=lambda each: each.pair[::-1]),
    "causal-is-same": _string("causal", "same"),
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
    "full-is-same": _string("full", "same"),
    "full-ignores-dilation": _amounts("full", change=lambda each: (each.taps - 1, each.taps - 1)),
    "full-one-more": _amounts("full", change=lambda each: (each.window, each.window)),
    "padding-step-lost": partial(_step, change=lambda pair: (0, 0)),
    "pad-folded-wrongly": partial(_step, change=lambda pair: pair[::-1]),
    "graph-moves-padding": _high_first_axis,
}
