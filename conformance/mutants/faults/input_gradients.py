"""Faults in the gradient of the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array
from ..evaluator import inner
from ..gradient_evaluator import Part, multiplied_pairs
from .gradient_edits import BackEdit, both_of, by_input, forward, input_of
from .gradient_parts import (
    beyond,
    dilations_swapped,
    first_stride,
    flipped,
    flipped_last,
    kernel_swapped,
    strides_swapped,
    tail,
    undilated,
    unstrided,
    unstuffed,
    without,
)


def _first_tap(part: Part) -> Part:
    kept = np.zeros_like(part.w)
    first = inner(slice(1) for _ in part.axes)
    kept[first] = part.w[first]
    return replace(part, w=kept)


def _last_tap_missing(part: Part) -> Part:
    w = part.w.copy()
    w[..., -1:] = 0
    return replace(part, w=w)


def _filters(select: Callable[[Array], Array]) -> Callable[[Part], Part]:
    """Return a function that sets cotangent channels to 0 where the mask `select(channel indices)` is False."""

    def change(part: Part) -> Part:
        left = select(np.arange(part.g.shape[1]))
        return replace(part, g=part.g * left.reshape(-1, *(1,) * len(part.axes)))

    return change


def _first_sample(part: Part, gradient: Array) -> Array:
    gradient = gradient.copy()
    gradient[1:] = 0
    return gradient


def _last_sample_missing(part: Part, gradient: Array) -> Array:
    gradient = gradient.copy()
    gradient[max(gradient.shape[0] - 1, 1) :] = 0
    return gradient


def _summed_over_batch(part: Part, gradient: Array) -> Array:
    return np.broadcast_to(gradient.sum(axis=0, keepdims=True), gradient.shape)


def _averaged_over_batch(part: Part, gradient: Array) -> Array:
    return np.asarray(gradient / max(gradient.shape[0], 1))


def _last_place_missing(part: Part, gradient: Array) -> Array:
    gradient = gradient.copy()
    gradient[..., -1:] = 0
    return gradient


def _first_channel_everywhere(part: Part, gradient: Array) -> Array:
    return np.broadcast_to(gradient[:, :1], gradient.shape)


def _unread(part: Part) -> Array:
    """Return a mask over the spatial axes of the input; it is True at each position that no window reads."""
    unread = np.ones(part.x.shape[2:], bool)
    for _, elements, _ in multiplied_pairs(part):
        unread[np.ix_(*elements)] = False
    return unread


def _ends(part: Part) -> list[int]:
    """Return the end of each spatial axis: 1 + the index of the last input element that a window reads."""
    read = [elements for _, elements, _ in multiplied_pairs(part)]
    return [max((int(each[at].max(initial=-1)) for each in read), default=-1) + 1 for at in range(len(part.axes))]


def _behind(part: Part) -> Array:
    """Return a mask over the spatial axes of the input; it is True where the index along some axis is >= its end."""
    behind = np.ones(part.x.shape[2:], bool)
    behind[tuple(map(slice, _ends(part)))] = False
    return behind


def _filled(mark: Callable[[Part], Array], value: float) -> BackEdit:
    """Return a fault that sets the gradient to `value` where `mark(part)` is True; 0 is correct at these positions."""
    return forward(by_input(lambda part, gradient: np.where(mark(part), value, gradient)))


def _gaps(part: Part) -> Array:
    return np.asarray(_unread(part) & ~_behind(part))


def _tail_stale(part: Part, gradient: Array) -> Array:
    """Along each axis, copy the gradient of the last element that a window reads to all later elements."""
    for axis, end in enumerate(_ends(part), 2):
        if end:
            gradient = gradient.take(np.minimum(np.arange(gradient.shape[axis]), end - 1), axis)
    return gradient


def _tail_missing(part: Part, gradient: Array) -> Array:
    return np.asarray(gradient[inner(map(slice, _ends(part)))])


def _where_zero_lost(part: Part, gradient: Array) -> Array:
    return np.where(part.x == 0, 0, gradient)


EDITS: dict[str, BackEdit] = {
    "input-gradient-zero": by_input(lambda part, gradient: np.zeros_like(gradient)),
    "input-gradient-negated": by_input(lambda part, gradient: -gradient),
    "input-gradient-flipped": by_input(lambda part, gradient: np.flip(gradient, tuple(range(2, gradient.ndim)))),
    "input-gradient-kernel-flipped": input_of(flipped),
    "input-gradient-kernel-flipped-one-axis": input_of(flipped_last),
    "input-gradient-kernel-swapped": input_of(kernel_swapped),
    "input-gradient-first-tap-only": input_of(_first_tap),
    "input-gradient-last-tap-missing": input_of(_last_tap_missing),
    "input-gradient-without-gaps": forward(input_of(unstrided)),
    "input-gradient-strides-swapped": input_of(strides_swapped),
    "input-gradient-first-stride-only": input_of(first_stride),
    "gradient-ignores-dilation": both_of(undilated),
    "input-gradient-dilations-swapped": input_of(dilations_swapped),
    "input-gradient-ignores-input-dilation": input_of(unstuffed),
    "input-gradient-first-filter-only": input_of(_filters(lambda at: at == 0)),
    "input-gradient-last-filter-missing": input_of(_filters(lambda at: at < max(len(at) - 1, 1))),
    "input-gradient-first-channel-everywhere": by_input(_first_channel_everywhere),
    "input-gradient-channels-reversed": by_input(lambda part, gradient: gradient[:, ::-1]),
    "input-gradient-channel-tail-missing": by_input(lambda part, gradient: without(gradient, tail(4), 1)),
    "input-gradient-channels-beyond-16-missing": by_input(lambda part, gradient: without(gradient, beyond(16), 1)),
    "input-gradient-first-sample-only": by_input(_first_sample),
    "input-gradient-last-sample-missing": by_input(_last_sample_missing),
    "input-gradient-summed-over-batch": by_input(_summed_over_batch),
    "input-gradient-averaged-over-batch": by_input(_averaged_over_batch),
    "input-gradient-last-place-missing": by_input(_last_place_missing),
    "input-gradient-rolled": by_input(lambda part, gradient: np.roll(gradient, 1, axis=-1)),
    "input-gradient-clipped": by_input(lambda part, gradient: np.maximum(gradient, 0)),
    "input-gradient-of-zero-lost": by_input(_where_zero_lost),
    "gradient-tail-not-zero": _filled(_behind, 1),
    "gradient-tail-stale": forward(by_input(_tail_stale)),
    "gradient-tail-missing": forward(by_input(_tail_missing)),
    "gradient-gaps-not-zero": _filled(_gaps, 1),
    "gradient-unread-not-a-number": _filled(_unread, np.nan),
}
