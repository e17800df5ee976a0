"""Causes in output lengths: a wrong number of windows, or windows at the ends that are not computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from ...core import Array
from ..axis import Axis
from ..canonical_call import Subject
from ..interpretation import Interpretation
from .kinds import Cause


def _places(change: Callable[[Array], Iterable[Array]]) -> Cause:
    """Return a cause that changes the output along its spatial axes."""
    return lambda subject: subject.changed(change) if 0 not in subject.sums.shape[2:] else ()


def _extended(y: Array) -> Iterator[Array]:
    for axis in range(2, y.ndim):
        last = np.take(y, [-1], axis)
        for more in (np.zeros_like(last), last):
            yield np.concatenate([y, more], axis)


def _shortened(y: Array) -> Iterator[Array]:
    for axis in range(2, y.ndim):
        yield np.take(y, range(y.shape[axis] - 1), axis)


def _last(y: Array, axis: int) -> tuple[slice | int, ...]:
    return (*(slice(None),) * axis, -1)


def _last_zero(y: Array) -> Iterator[Array]:
    for axis in range(2, y.ndim):
        changed = y.copy()
        changed[_last(y, axis)] = 0
        yield changed


def _stale(y: Array, axis: int) -> Iterator[Array]:
    if y.shape[axis] > 1:
        changed = y.copy()
        changed[_last(y, axis)] = np.take(y, -2, axis)
        yield changed


def _reversed(y: Array) -> Iterator[Array]:
    for axis in range(2, y.ndim):
        yield np.flip(y, axis)


def _rest(axis: Axis) -> int:
    return (axis.spread + axis.low + axis.high - axis.window) % axis.stride


def _has_room(axis: Axis) -> bool:
    return axis.spread + axis.low + axis.high >= axis.window


def _counted(subject: Subject, least: Callable[[Axis], int]) -> Iterator[Interpretation]:
    """
    Yield the call with one more window along some axes.

    These axes have at least `least(axis)` positions after the last window.
    """
    if subject.is_transposed:
        return

    def more(axis: Axis) -> Axis:
        rest = _rest(axis)
        return replace(axis, high=axis.high + axis.stride - rest) if _has_room(axis) and rest >= least(axis) else axis

    yield subject.each_axis(more)


def _without_room(subject: Subject, count: int) -> Iterator[Interpretation]:
    """Yield the call with `count` windows along each axis that is too short for a single window."""
    if not subject.is_transposed and not all(map(_has_room, subject.right.stages[0].axes)):
        yield subject.each_axis(lambda axis: axis if _has_room(axis) else replace(axis, windows=count))


CAUSES: dict[str, Cause] = {
    "length-off-by-one": _places(_extended),
    "tail-window-dropped": _places(_shortened),
    "tail-window-zero": _places(_last_zero),
    "last-row-stale": _places(lambda y: _stale(y, 2)),
    "last-column-stale": _places(lambda y: _stale(y, y.ndim - 1)),
    "places-reversed": _places(_reversed),
    "length-rounded-up": partial(_counted, least=lambda axis: 1),
    "length-rounded-to-nearest": partial(_counted, least=lambda axis: (axis.stride + 1) // 2),
    "length-negative": partial(_without_room, count=2),
    "window-longer-than-input-computed": partial(_without_room, count=1),
}
