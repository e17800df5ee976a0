"""Borders that are filled by another mode, or not everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from ...core import Array
from ..axis import Axis, copied
from ..canonical_call import Subject
from ..interpretation import Interpretation
from .kinds import Cause


def _mode(cause: Cause, *modes: str) -> Cause:
    """A cause that has a meaning under some padding modes alone; without any, under all but zeros."""
    return lambda it: cause(it) if it.call.padding_mode in modes or (not modes and _has_mode(it)) else ()


def _has_mode(it: Subject) -> bool:
    return it.call.padding_mode != "zeros"


def _other(mode: str) -> Cause:
    return lambda it: [it.each_setting(partial(replace, mode=mode))]


def _one_side(it: Subject) -> Iterator[Interpretation]:
    for low, high in ((True, False), (False, True)):
        yield _filled(it, partial(_sided, low=low, high=high))


def _sided(places: Array, axis: Axis, low: bool, high: bool) -> Array:
    """Return where places are filled from, -1 for a zero: at some ends by the mode, at the others not at all."""
    found = copied(places, axis.spread, axis.mode)
    lost = ((places < 0) & (not low)) | ((places >= axis.spread) & (not high))
    return np.where(lost, -1, found)


def _mirrored(it: Subject) -> Iterator[Interpretation]:
    yield _filled(it, lambda places, axis: np.where(places < 0, -places - 1, places) % axis.spread)


def _filled(it: Subject, source: Callable[[Array, Axis], Array]) -> Interpretation:
    """Return the call whose input was padded ahead, each axis from other places."""
    x, done = it.input, []
    for at, axis in enumerate(it.right.stages[0].axes, 2):
        places = np.arange(-axis.low, max(axis.spread + axis.high, -axis.low))
        found = source(places, axis)
        x = _taken(x, found, at)
        done.append(replace(axis, length=len(places), low=0, high=0, mode="zeros"))
    return replace(it.by_axes(done), input=x)


def _taken(x: Array, places: Array, axis: int) -> Array:
    inside = places >= 0
    taken = x.take(np.where(inside, places, 0), axis)
    shape = [1] * x.ndim
    shape[axis] = len(places)
    return np.where(inside.reshape(shape), taken, 0)


def _corners(it: Subject) -> Iterator[Interpretation]:
    if it.call.rank < 2:
        return
    filled = _filled(it, lambda places, axis: copied(places, axis.spread, axis.mode))
    outside = np.zeros(filled.input.shape[2:], int)
    for at, axis in enumerate(it.right.stages[0].axes):
        places = np.arange(filled.input.shape[2 + at]) - axis.low
        beyond = (places < 0) | (places >= axis.spread)
        outside += beyond.reshape(-1, *(1,) * (it.call.rank - at - 1))
    yield replace(filled, input=np.where(outside > 1, 0, filled.input))


def _first_axis(it: Subject) -> Iterator[Interpretation]:
    if it.call.rank > 1:
        first, *rest = it.right.stages[0].axes
        yield it.by_axes((first, *(replace(axis, mode="zeros") for axis in rest)))


def _ahead(cause: Cause) -> Cause:
    """A cause that fills what stands around the elements ahead of the windows."""
    return lambda it: cause(it.spread) if it.input.size and not it.is_transposed else ()


CAUSES: dict[str, Cause] = {
    "mode-ignored": _mode(_other("zeros")),
    "mode-needs-numbers": _mode(lambda it: _other("zeros")(it) if isinstance(it.call.padding, str) else ()),
    "mode-reflect-is-replicate": _mode(_other("replicate"), "reflect"),
    "mode-replicate-is-reflect": _mode(_other("reflect"), "replicate"),
    "mode-circular-is-reflect": _mode(_other("reflect"), "circular"),
    "reflect-repeats-edge": _mode(_other("symmetric"), "reflect"),
    "circular-mirrored": _mode(_ahead(_mirrored), "circular"),
    "mode-first-axis-only": _mode(_first_axis),
    "mode-corners-zero": _mode(_ahead(_corners)),
    "reflect-one-side": _mode(_ahead(_one_side), "reflect"),
    "replicate-one-side": _mode(_ahead(_one_side), "replicate"),
    "circular-one-side": _mode(_ahead(_one_side), "circular"),
}
