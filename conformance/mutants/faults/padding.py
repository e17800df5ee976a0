"""Faults in padding names such as `same`, in padding amounts, and in padding modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...core import Array, Pairs, Refused
from ..evaluator import Axis, Stages, Told, padded, span
from .edits import Edit, first, measured


def _pairs(change: Callable[[Pairs], Pairs]) -> Edit:
    """Return a fault that changes the (low, high) pairs of a call whose padding is given as numbers."""
    return first(
        lambda params: (
            params if isinstance(params.padding, str) else replace(params, padding=tuple(change(params.padding)))
        )
    )


def _each(change: Callable[[int, int], tuple[int, int]]) -> Edit:
    return _pairs(lambda pairs: tuple(change(low, high) for low, high in pairs))


def _word(old: str, new: str) -> Edit:
    """Return a fault that replaces the padding name `old` by `new`, except in transposed convolutions."""
    return first(
        lambda params: replace(params, padding=new) if params.padding == old and not params.transposed else params
    )


def _settled(names: Sequence[str], change: Callable[[Axis], tuple[int, int]]) -> Edit:
    """Return a fault that changes the padding amounts and the output length, if the padding name is in `names`."""

    def changed(axis: Axis, params: Told) -> Axis:
        if params.transposed or params.padding not in names:
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


def _from_first_axis(stages: Stages) -> Stages:
    def measure(lengths: Sequence[int], taps: Sequence[int], params: Told) -> tuple[Axis, ...]:
        axes = stages.measure(lengths, taps, params)
        if params.transposed or params.padding not in SAME:
            return axes
        return tuple(replace(axis, low=axes[0].low, high=axis.low + axis.high - axes[0].low) for axis in axes)

    return replace(stages, measure=measure)


def _causal_at_the_end(axis: Axis) -> tuple[int, int]:
    return axis.low - (axis.length - 1) % axis.stride, 0


def _edge(stages: Stages) -> Stages:
    """Pad with copies of the border elements instead of zeros."""
    return replace(
        stages, fill=lambda x, axes, params: stages.fill(x, axes, params if _empty(x) else _mode(params, "replicate"))
    )


def _ones(stages: Stages) -> Stages:
    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        inside = stages.fill(np.ones_like(x), axes, replace(params, mode="zeros"))
        return stages.fill(x, axes, params) + (1 - inside if params.mode == "zeros" else 0)

    return replace(stages, fill=fill)


def _empty(x: Array) -> bool:
    return x.size == 0


def _mode(params: Told, mode: str) -> Told:
    return replace(params, mode=mode) if params.mode == "zeros" else params


def _confused(old: str, new: str) -> Edit:
    return first(lambda params: replace(params, mode=new) if params.mode == old else params)


def _capped_at_kernel(axis: Axis, params: Told) -> Axis:
    if params.transposed:
        return axis
    most = max(_window(axis) - 1, 0)
    return _padded_by(axis, min(axis.low, most), min(axis.high, most))


def _padded_by(axis: Axis, low: int, high: int) -> Axis:
    room = axis.length + low + high - _window(axis)
    return replace(axis, low=low, high=high, out=room // axis.stride + 1 if room >= 0 else 0)


def _valid_padded(axis: Axis, params: Told) -> Axis:
    """With padding `valid`, pad one zero at the high end of each axis; with stride 1, one more window fits."""
    return _padded_by(axis, 0, 1) if params.padding == "valid" and not params.transposed else axis


def _as_long_as_the_input(axis: Axis, params: Told) -> Axis:
    if params.transposed or params.padding not in SAME:
        return axis
    low = max(_window(axis) - 1, 0) // 2
    return replace(axis, stride=1, low=low, high=max(_window(axis) - 1, 0) - low, out=axis.length)


def _length_down(axis: Axis, params: Told) -> Axis:
    if params.transposed or params.padding not in SAME or axis.length < axis.stride:
        return axis
    return replace(axis, out=axis.length // axis.stride)


def _interleaved(pairs: Pairs) -> Pairs:
    """List all low amounts, then all high amounts; but read the list as consecutive (low, high) pairs."""
    flat = [low for low, _ in pairs] + [high for _, high in pairs]
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _neighbour(stages: Stages) -> Stages:
    """Pad the last axis with adjacent memory, which holds the previous row and the next row, instead of zeros."""

    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        if params.mode != "zeros" or _empty(x):
            return stages.fill(x, axes, params)
        axis = axes[-1]
        length = x.shape[-1]
        places = np.arange(-axis.low, max(length + axis.high, -axis.low))
        flat = x.reshape(-1)
        rows = np.arange(flat.size // length)[:, None] * length + places
        wide = flat[np.clip(rows, 0, flat.size - 1)].reshape(*x.shape[:-1], len(places))
        done = tuple(replace(each, low=0, high=0) if each is axes[-1] else each for each in axes)
        return stages.fill(wide, done, params)

    return replace(stages, fill=fill)


def _repeated_edge(stages: Stages) -> Stages:
    """In mode reflect, repeat the border element, as mode `symmetric` of `numpy.pad` does."""

    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        if params.mode != "reflect":
            return stages.fill(x, axes, params)
        for at, axis in enumerate(axes, 2):
            there = np.arange(-axis.low, x.shape[at] + axis.high) % (2 * x.shape[at])
            x = x.take(np.minimum(there, 2 * x.shape[at] - 1 - there), at)
        return x

    return replace(stages, fill=fill)


def _zero_corners(stages: Stages) -> Stages:
    """In modes other than zeros, fill a position with zero if the position is outside the input in two or more axes."""

    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        filled = stages.fill(x, axes, params)
        if params.mode == "zeros" or len(axes) < 2:
            return filled
        outside = np.zeros(filled.shape[2:], int)
        for at, axis in enumerate(axes):
            places = np.arange(-axis.low, x.shape[at + 2] + axis.high)
            beyond = (places < 0) | (places >= x.shape[at + 2])
            outside += beyond.reshape(-1, *(1,) * (len(axes) - at - 1))
        return np.where(outside > 1, 0, filled)

    return replace(stages, fill=fill)


def _first_axis_mode(stages: Stages) -> Stages:
    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        if params.mode == "zeros":
            return stages.fill(x, axes, params)
        first_pair = ((axes[0].low, axes[0].high), *((0, 0),) * (len(axes) - 1))
        rest = ((0, 0), *((axis.low, axis.high) for axis in axes[1:]))
        return padded(padded(x, first_pair, params.mode), rest, "zeros")

    return replace(stages, fill=fill)


def _one_side(mode: str) -> Edit:
    def edit(stages: Stages) -> Stages:
        def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
            if params.mode != mode:
                return stages.fill(x, axes, params)
            low = tuple((axis.low, 0) for axis in axes)
            high = tuple((0, axis.high) for axis in axes)
            return padded(padded(x, low, mode), high, "zeros")

        return replace(stages, fill=fill)

    return edit


def _mode_needs_numbers(stages: Stages) -> Stages:
    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        return stages.fill(x, axes, replace(params, mode="zeros") if isinstance(params.padding, str) else params)

    return replace(stages, fill=fill)


def _long_window_refused(axis: Axis, params: Told) -> Axis:
    if not params.transposed and params.padding in SAME and _window(axis) > axis.length:
        raise Refused("the window is longer than the input")
    return axis


def _step_folded(stages: Stages) -> Stages:
    """Swap the low and the high amounts of the separate padding step."""
    return replace(
        stages, step=lambda call, x: padded(x, tuple((high, low) for low, high in call.before or ()), "zeros")
    )


def _step_lost(stages: Stages) -> Stages:
    return replace(stages, step=lambda call, x: x)


def _circular_mirrored(stages: Stages) -> Stages:
    """In mode circular, mirror the input at the low end of each axis, and wrap around only at the high end."""

    def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
        if params.mode != "circular":
            return stages.fill(x, axes, params)
        for at, axis in enumerate(axes, 2):
            places = np.arange(-axis.low, x.shape[at] + axis.high)
            x = x.take(np.where(places < 0, -places - 1, places) % x.shape[at], at)
        return x

    return replace(stages, fill=fill)


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
    "mode-ignored": first(lambda params: replace(params, mode="zeros")),
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
