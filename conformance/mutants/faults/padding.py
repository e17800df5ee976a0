"""Faults in padding: words, numbers, modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...core import Array, Pairs, Refused
from ..evaluator import Axis, Stages, Told, padded, span
from .edits import Edit, first, measured


def _pairs(change: Callable[[Pairs], Pairs]) -> Edit:
    """Misread padding that is given in numbers."""
    return first(
        lambda said: said if isinstance(said.padding, str) else replace(said, padding=tuple(change(said.padding)))
    )


def _each(change: Callable[[int, int], tuple[int, int]]) -> Edit:
    return _pairs(lambda pairs: tuple(change(low, high) for low, high in pairs))


def _word(old: str, new: str) -> Edit:
    """Take one padding word for another."""
    return first(lambda said: replace(said, padding=new) if said.padding == old and not said.transposed else said)


def _settled(words: Sequence[str], change: Callable[[Axis], tuple[int, int]]) -> Edit:
    """Pad other amounts under some words; the length follows from them."""

    def changed(axis: Axis, said: Told) -> Axis:
        if said.transposed or said.padding not in words:
            return axis
        return _padded_by(axis, *change(axis))

    return measured(changed)


SAME = ("same", "same_lower")


def _window(axis: Axis) -> int:
    return span(axis.taps, axis.dilation)


def _halves(total: int, axis: Axis) -> tuple[int, int]:
    return total // 2, total - total // 2


def _end(axis: Axis, window: int) -> int:
    return (-(-axis.length // axis.stride) - 1) * axis.stride + window - axis.length


def _missing(axis: Axis) -> int:
    return max(_end(axis, _window(axis)), 0)


def _from_first_axis(do: Stages) -> Stages:
    def measure(lengths: Sequence[int], taps: Sequence[int], said: Told) -> tuple[Axis, ...]:
        axes = do.measure(lengths, taps, said)
        if said.transposed or said.padding not in SAME:
            return axes
        return tuple(replace(axis, low=axes[0].low, high=axis.low + axis.high - axes[0].low) for axis in axes)

    return replace(do, measure=measure)


def _causal_at_the_end(axis: Axis) -> tuple[int, int]:
    return axis.low - (axis.length - 1) % axis.stride, 0


def _edge(do: Stages) -> Stages:
    """Zeros are wanted, the border's values are padded."""
    return replace(do, fill=lambda x, axes, said: do.fill(x, axes, said if _empty(x) else _mode(said, "replicate")))


def _ones(do: Stages) -> Stages:
    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        inside = do.fill(np.ones_like(x), axes, replace(said, mode="zeros"))
        return do.fill(x, axes, said) + (1 - inside if said.mode == "zeros" else 0)

    return replace(do, fill=fill)


def _empty(x: Array) -> bool:
    return x.size == 0


def _mode(said: Told, mode: str) -> Told:
    return replace(said, mode=mode) if said.mode == "zeros" else said


def _confused(old: str, new: str) -> Edit:
    return first(lambda said: replace(said, mode=new) if said.mode == old else said)


def _capped_at_kernel(axis: Axis, said: Told) -> Axis:
    if said.transposed:
        return axis
    most = max(_window(axis) - 1, 0)
    return _padded_by(axis, min(axis.low, most), min(axis.high, most))


def _padded_by(axis: Axis, low: int, high: int) -> Axis:
    room = axis.length + low + high - _window(axis)
    return replace(axis, low=low, high=high, out=room // axis.stride + 1 if room >= 0 else 0)


def _valid_padded(axis: Axis, said: Told) -> Axis:
    """One zero is padded behind, so that one window more fits where the stride is 1."""
    return _padded_by(axis, 0, 1) if said.padding == "valid" and not said.transposed else axis


def _as_long_as_the_input(axis: Axis, said: Told) -> Axis:
    if said.transposed or said.padding not in SAME:
        return axis
    low = max(_window(axis) - 1, 0) // 2
    return replace(axis, stride=1, low=low, high=max(_window(axis) - 1, 0) - low, out=axis.length)


def _length_down(axis: Axis, said: Told) -> Axis:
    if said.transposed or said.padding not in SAME or axis.length < axis.stride:
        return axis
    return replace(axis, out=axis.length // axis.stride)


def _interleaved(pairs: Pairs) -> Pairs:
    """All low amounts stand before all high ones, and are read as pairs."""
    flat = [low for low, _ in pairs] + [high for _, high in pairs]
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _neighbour(do: Stages) -> Stages:
    """What stands beside a row in memory is read as its padding: the next row's, or the next sample's, elements."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        if said.mode != "zeros" or _empty(x):
            return do.fill(x, axes, said)
        axis = axes[-1]
        length = x.shape[-1]
        places = np.arange(-axis.low, max(length + axis.high, -axis.low))
        flat = x.reshape(-1)
        rows = np.arange(flat.size // length)[:, None] * length + places
        wide = flat[np.clip(rows, 0, flat.size - 1)].reshape(*x.shape[:-1], len(places))
        done = tuple(replace(each, low=0, high=0) if each is axes[-1] else each for each in axes)
        return do.fill(wide, done, said)

    return replace(do, fill=fill)


def _repeated_edge(do: Stages) -> Stages:
    """Reflection takes the border element twice."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        if said.mode != "reflect":
            return do.fill(x, axes, said)
        for at, axis in enumerate(axes, 2):
            there = np.arange(-axis.low, x.shape[at] + axis.high) % (2 * x.shape[at])
            x = x.take(np.minimum(there, 2 * x.shape[at] - 1 - there), at)
        return x

    return replace(do, fill=fill)


def _zero_corners(do: Stages) -> Stages:
    """A mode fills the sides of the input and leaves zeros in the corners."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        filled = do.fill(x, axes, said)
        if said.mode == "zeros" or len(axes) < 2:
            return filled
        outside = np.zeros(filled.shape[2:], int)
        for at, axis in enumerate(axes):
            places = np.arange(-axis.low, x.shape[at + 2] + axis.high)
            beyond = (places < 0) | (places >= x.shape[at + 2])
            outside += beyond.reshape(-1, *(1,) * (len(axes) - at - 1))
        return np.where(outside > 1, 0, filled)

    return replace(do, fill=fill)


def _first_axis_mode(do: Stages) -> Stages:
    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        if said.mode == "zeros":
            return do.fill(x, axes, said)
        first_pair = ((axes[0].low, axes[0].high), *((0, 0),) * (len(axes) - 1))
        rest = ((0, 0), *((axis.low, axis.high) for axis in axes[1:]))
        return padded(padded(x, first_pair, said.mode), rest, "zeros")

    return replace(do, fill=fill)


def _one_side(mode: str) -> Edit:
    def edit(do: Stages) -> Stages:
        def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
            if said.mode != mode:
                return do.fill(x, axes, said)
            low = tuple((axis.low, 0) for axis in axes)
            high = tuple((0, axis.high) for axis in axes)
            return padded(padded(x, low, mode), high, "zeros")

        return replace(do, fill=fill)

    return edit


def _mode_needs_numbers(do: Stages) -> Stages:
    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        return do.fill(x, axes, replace(said, mode="zeros") if isinstance(said.padding, str) else said)

    return replace(do, fill=fill)


def _long_window_refused(axis: Axis, said: Told) -> Axis:
    if not said.transposed and said.padding in SAME and _window(axis) > axis.length:
        raise Refused("the window is longer than the input")
    return axis


def _step_folded(do: Stages) -> Stages:
    """The padding step ahead is merged into the convolution with its ends swapped."""
    return replace(do, step=lambda call, x: padded(x, tuple((high, low) for low, high in call.before or ()), "zeros"))


def _step_lost(do: Stages) -> Stages:
    return replace(do, step=lambda call, x: x)


def _circular_mirrored(do: Stages) -> Stages:
    """Before the first element the input is mirrored, behind the last it begins again."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        if said.mode != "circular":
            return do.fill(x, axes, said)
        for at, axis in enumerate(axes, 2):
            places = np.arange(-axis.low, x.shape[at] + axis.high)
            x = x.take(np.where(places < 0, -places - 1, places) % x.shape[at], at)
        return x

    return replace(do, fill=fill)


EDITS: dict[str, Edit] = {
    "padding-ignored": _pairs(lambda pairs: ((0, 0),) * len(pairs)),
    "padding-halved": _each(lambda low, high: (int(low / 2), int(high / 2))),
    "padding-doubled": _each(lambda low, high: (2 * low, 2 * high)),
    "padding-ends-swapped": _each(lambda low, high: (high, low)),
    "padding-axes-swapped": _pairs(lambda pairs: pairs[::-1]),
    "padding-first-axis-only": _pairs(lambda pairs: (pairs[0],) * len(pairs)),
    "padding-last-axis-only": _pairs(lambda pairs: (pairs[-1],) * len(pairs)),
    "padding-symmetric": _each(lambda low, high: (low, low)),
    "padding-symmetric-high": _each(lambda low, high: (high, high)),
    "padding-low-missing": _each(lambda low, high: (min(low, 0), high)),
    "padding-high-missing": _each(lambda low, high: (low, min(high, 0))),
    "padding-interleaved": _pairs(_interleaved),
    "padding-capped-at-kernel": measured(_capped_at_kernel),
    "padding-with-edge-values": _edge,
    "padding-with-ones": _ones,
    "padding-reads-memory": _neighbour,
    "crop-ignored": _each(lambda low, high: (max(low, 0), max(high, 0))),
    "crop-taken-as-padding": _each(lambda low, high: (abs(low), abs(high))),
    "crop-wrong-end": _each(lambda low, high: (high, low) if min(low, high) < 0 else (low, high)),
    "crop-cancels-padding": _each(
        lambda low, high: (0, low + high) if low < 0 < high else (low + high, 0) if high < 0 < low else (low, high)
    ),
    "valid-is-same": _word("valid", "same"),
    "valid-pads-the-end": measured(_valid_padded),
    "same-padding-low": _word("same", "same_lower"),
    "same-padding-high": _word("same_lower", "same"),
    "same-is-valid": _word("same", "valid"),
    "same-ignores-stride": _settled(SAME, lambda axis: _halves(max(_window(axis) - 1, 0), axis)),
    "same-keeps-length": measured(_as_long_as_the_input),
    "same-ignores-dilation": _settled(SAME, lambda axis: _halves(max(_end(axis, axis.taps), 0), axis)),
    "same-pads-negative": _settled(SAME, lambda axis: _halves(_end(axis, _window(axis)), axis)),
    "same-half-kernel": _settled(SAME, lambda axis: (axis.taps // 2, axis.taps // 2)),
    "same-all-high": _settled(("same",), lambda axis: (0, _missing(axis))),
    "same-all-low": _settled(SAME, lambda axis: (_missing(axis), 0)),
    "same-from-first-axis": _from_first_axis,
    "same-window-longer-refused": measured(_long_window_refused),
    "same-padding-capped": _settled(SAME, lambda axis: (min(axis.low, axis.length), min(axis.high, axis.length))),
    "same-lower-shifted": _settled(
        ("same_lower",),
        lambda axis: (axis.low + 1, axis.high - 1) if axis.low == axis.high > 0 else (axis.low, axis.high),
    ),
    "same-rounds-length-down": measured(_length_down),
    "causal-reads-future": _settled(("causal",), lambda axis: (0, axis.low)),
    "causal-is-same": _word("causal", "same"),
    "causal-one-late": _settled(("causal",), lambda axis: (axis.low + 1, -1) if axis.low else (axis.low, 0)),
    "causal-ignores-dilation": _settled(("causal",), lambda axis: (max(axis.taps - 1, 0), 0)),
    "causal-dilation-starts-late": _settled(
        ("causal",), lambda axis: (axis.dilation * axis.taps if axis.taps > 1 and axis.dilation > 1 else axis.low, 0)
    ),
    "causal-stride-aligned-last": _settled(("causal",), _causal_at_the_end),
    "causal-both-ends": _settled(("causal",), lambda axis: (axis.low, axis.low)),
    "full-one-side": _settled(("full",), lambda axis: (axis.low, 0)),
    "full-ignores-dilation": _settled(("full",), lambda axis: (max(axis.taps - 1, 0), max(axis.taps - 1, 0))),
    "full-one-more": _settled(("full",), lambda axis: (_window(axis), _window(axis))),
    "full-is-same": _word("full", "same"),
    "mode-ignored": first(lambda said: replace(said, mode="zeros")),
    "mode-reflect-is-replicate": _confused("reflect", "replicate"),
    "mode-replicate-is-reflect": _confused("replicate", "reflect"),
    "mode-circular-is-reflect": _confused("circular", "reflect"),
    "mode-first-axis-only": _first_axis_mode,
    "mode-corners-zero": _zero_corners,
    "mode-needs-numbers": _mode_needs_numbers,
    "reflect-repeats-edge": _repeated_edge,
    "circular-one-side": _one_side("circular"),
    "circular-mirrored": _circular_mirrored,
    "replicate-one-side": _one_side("replicate"),
    "reflect-one-side": _one_side("reflect"),
    "pad-folded-wrongly": _step_folded,
    "padding-step-lost": _step_lost,
}
