"""Causes in padding modes: padding that is filled by the wrong mode, or only in part."""

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
    """Return a cause restricted to the padding modes `modes`, or to all modes except `zeros` if `modes` is empty."""
    return lambda subject: (
        cause(subject) if subject.call.padding_mode in modes or (not modes and _has_mode(subject)) else ()
    )


def _has_mode(subject: Subject) -> bool:
    return subject.call.padding_mode != "zeros"


def _other(mode: str) -> Cause:
    return lambda subject: [subject.each_setting(partial(replace, mode=mode))]


def _one_side(subject: Subject) -> Iterator[Interpretation]:
    for low, high in ((True, False), (False, True)):
        yield _filled(subject, partial(_sided, low=low, high=high))


def _sided(positions: Array, axis: Axis, low: bool, high: bool) -> Array:
    """
    Return the source position from which the padding mode copies each element, or -1 for a zero.

    An end is padded with zeros if its flag, `low` or `high`, is False.
    """
    sources = copied(positions, axis.spread, axis.mode)
    is_zero = ((positions < 0) & (not low)) | ((positions >= axis.spread) & (not high))
    return np.where(is_zero, -1, sources)


def _mirrored(subject: Subject) -> Iterator[Interpretation]:
    yield _filled(subject, lambda at, axis: np.where(at < 0, -at - 1, at) % axis.spread)


def _filled(subject: Subject, source: Callable[[Array, Axis], Array]) -> Interpretation:
    """Return the call on an explicitly padded input. Position p copies the element `source(p, axis)`; -1 means zero."""
    x, axes = subject.input, []
    for at, axis in enumerate(subject.right.stages[0].axes, 2):
        positions = np.arange(-axis.low, max(axis.spread + axis.high, -axis.low))
        x = _gathered(x, source(positions, axis), at)
        axes.append(replace(axis, length=len(positions), low=0, high=0, mode="zeros"))
    return replace(subject.by_axes(axes), input=x)


def _gathered(x: Array, sources: Array, axis: int) -> Array:
    inside = sources >= 0
    gathered = x.take(np.where(inside, sources, 0), axis)
    shape = [1] * x.ndim
    shape[axis] = len(sources)
    return np.where(inside.reshape(shape), gathered, 0)


def _corners(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.rank < 2:
        return
    filled = _filled(subject, lambda positions, axis: copied(positions, axis.spread, axis.mode))
    outside = np.zeros(filled.input.shape[2:], int)
    for at, axis in enumerate(subject.right.stages[0].axes):
        positions = np.arange(filled.input.shape[2 + at]) - axis.low
        beyond = (positions < 0) | (positions >= axis.spread)
        outside += beyond.reshape(-1, *(1,) * (subject.call.rank - at - 1))
    yield replace(filled, input=np.where(outside > 1, 0, filled.input))


def _first_axis(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.rank > 1:
        first, *rest = subject.right.stages[0].axes
        yield subject.by_axes((first, *(replace(axis, mode="zeros") for axis in rest)))


def _ahead(cause: Cause) -> Cause:
    """Return a cause that applies `cause` to the dilated input, except for transposed convolutions and empty inputs."""
    return lambda subject: cause(subject.spread) if subject.input.size and not subject.is_transposed else ()


CAUSES: dict[str, Cause] = {
    "mode-ignored": _mode(_other("zeros")),
    "mode-needs-numbers": _mode(
        lambda subject: _other("zeros")(subject) if isinstance(subject.call.padding, str) else ()
    ),
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
