"""Faults in the gradient of the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array
from ..evaluator import inner
from ..gradient_evaluator import Part, meetings
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
    """Return the part of whose cotangent some channels are zero; `select` marks those that are left."""

    def change(part: Part) -> Part:
        left = select(np.arange(part.g.shape[1]))
        return replace(part, g=part.g * left.reshape(-1, *(1,) * len(part.axes)))

    return change


def _first_sample(part: Part, found: Array) -> Array:
    found = found.copy()
    found[1:] = 0
    return found


def _last_sample_missing(part: Part, found: Array) -> Array:
    found = found.copy()
    found[max(found.shape[0] - 1, 1) :] = 0
    return found


def _summed_over_batch(part: Part, found: Array) -> Array:
    return np.broadcast_to(found.sum(axis=0, keepdims=True), found.shape)


def _averaged_over_batch(part: Part, found: Array) -> Array:
    return np.asarray(found / max(found.shape[0], 1))


def _last_place_missing(part: Part, found: Array) -> Array:
    found = found.copy()
    found[..., -1:] = 0
    return found


def _first_channel_everywhere(part: Part, found: Array) -> Array:
    return np.broadcast_to(found[:, :1], found.shape)


def _unread(part: Part) -> Array:
    """Mark what no window reads, of the shape of the space of the input."""
    unread = np.ones(part.x.shape[2:], bool)
    for _, elements, _ in meetings(part):
        unread[np.ix_(*elements)] = False
    return unread


def _ends(part: Part) -> list[int]:
    """Return for each axis where the last element stands that a window reads, and 1 more."""
    read = [elements for _, elements, _ in meetings(part)]
    return [max((int(each[at].max(initial=-1)) for each in read), default=-1) + 1 for at in range(len(part.axes))]


def _behind(part: Part) -> Array:
    """Mark what stands behind the last element that a window reads, in some axis."""
    behind = np.ones(part.x.shape[2:], bool)
    behind[tuple(map(slice, _ends(part)))] = False
    return behind


def _filled(mark: Callable[[Part], Array], value: float) -> BackEdit:
    """Put a value where zero belongs."""
    return forward(by_input(lambda part, found: np.where(mark(part), value, found)))


def _gaps(part: Part) -> Array:
    return np.asarray(_unread(part) & ~_behind(part))


def _tail_stale(part: Part, found: Array) -> Array:
    """Behind the last element that is read its gradient is repeated."""
    for axis, end in enumerate(_ends(part), 2):
        if end:
            found = found.take(np.minimum(np.arange(found.shape[axis]), end - 1), axis)
    return found


def _tail_missing(part: Part, found: Array) -> Array:
    return np.asarray(found[inner(map(slice, _ends(part)))])


def _where_zero_lost(part: Part, found: Array) -> Array:
    return np.where(part.x == 0, 0, found)


EDITS: dict[str, BackEdit] = {
    "input-gradient-zero": by_input(lambda part, found: np.zeros_like(found)),
    "input-gradient-negated": by_input(lambda part, found: -found),
    "input-gradient-flipped": by_input(lambda part, found: np.flip(found, tuple(range(2, found.ndim)))),
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
    "input-gradient-channels-reversed": by_input(lambda part, found: found[:, ::-1]),
    "input-gradient-channel-tail-missing": by_input(lambda part, found: without(found, tail(4), 1)),
    "input-gradient-channels-beyond-16-missing": by_input(lambda part, found: without(found, beyond(16), 1)),
    "input-gradient-first-sample-only": by_input(_first_sample),
    "input-gradient-last-sample-missing": by_input(_last_sample_missing),
    "input-gradient-summed-over-batch": by_input(_summed_over_batch),
    "input-gradient-averaged-over-batch": by_input(_averaged_over_batch),
    "input-gradient-last-place-missing": by_input(_last_place_missing),
    "input-gradient-rolled": by_input(lambda part, found: np.roll(found, 1, axis=-1)),
    "input-gradient-clipped": by_input(lambda part, found: np.maximum(found, 0)),
    "input-gradient-of-zero-lost": by_input(_where_zero_lost),
    "gradient-tail-not-zero": _filled(_behind, 1),
    "gradient-tail-stale": forward(by_input(_tail_stale)),
    "gradient-tail-missing": forward(by_input(_tail_missing)),
    "gradient-gaps-not-zero": _filled(_gaps, 1),
    "gradient-unread-not-a-number": _filled(_unread, np.nan),
}
