"""Causes in channels: input channels or filters that are missing, permuted or summed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from ...core import Array
from ..canonical_call import Subject
from ..interpretation import Interpretation
from .kinds import Cause

#: The numbers of channels that vectorised implementations process in one block.
BLOCKS = (4, 8, 16)


def _weights(subject: Subject, change: Callable[[Array], Iterable[Array]]) -> Iterator[Interpretation]:
    """Yield calls with `change` applied to the kernel, to the pointwise kernel, or to both kernels."""
    for kernel in change(subject.kernel):
        yield subject.by_kernel(kernel)
    if subject.pointwise is None:
        return
    for pointwise in change(subject.pointwise):
        yield subject.by_pointwise(pointwise)
        for kernel in change(subject.kernel):
            yield replace(subject, pointwise=pointwise).by_kernel(kernel)


def _without(kernel: Array, gone: slice, factor: int = 0) -> Iterator[Array]:
    kept = kernel.copy()
    kept[:, gone] = factor
    yield kept


def _tails(kernel: Array) -> Iterator[Array]:
    count = kernel.shape[1]
    for block in BLOCKS:
        if count > block and count % block:
            yield from _without(kernel, slice(count // block * block, None))


def _filters(change: Callable[[Array], Iterable[Array]]) -> Cause:
    """Return a cause that changes the output along its channel axis."""
    return lambda subject: subject.changed(change)


def _emptied(y: Array, start: int) -> Iterator[Array]:
    if y.shape[1] > start:
        emptied = y.copy()
        emptied[:, start:] = 0
        yield emptied


def _filter_tails(y: Array) -> Iterator[Array]:
    for block in BLOCKS:
        if y.shape[1] > block and y.shape[1] % block:
            yield from _emptied(y, y.shape[1] // block * block)


def _stale_tails(y: Array) -> Iterator[Array]:
    count = y.shape[1]
    for block in BLOCKS:
        start = count // block * block
        if start and start != count:
            stale = y.copy()
            stale[:, start:] = y[:, start - block : start - block + count - start]
            yield stale


def _summed(y: Array) -> Iterator[Array]:
    yield np.broadcast_to(y.sum(axis=1, keepdims=True, dtype=y.dtype), y.shape)


def _rolled(y: Array) -> Iterator[Array]:
    yield np.roll(y, 1, axis=1)
    if y.shape[1] > 2:
        yield np.roll(y, -1, axis=1)


def _fused_pointwise(subject: Subject) -> Iterator[Interpretation]:
    """Yield the call in which every kernel with a single tap lacks its last input channel."""
    one_tap = subject.kernel[:1, :1].size == 1
    kernels = [*_without_last(subject.kernel)] if one_tap and subject.kernel.shape[1] > 1 else [subject.kernel]
    for kernel in kernels:
        if subject.pointwise is None:
            yield subject.by_kernel(kernel)
        else:
            for pointwise in _without_last(subject.pointwise):
                yield replace(subject, pointwise=pointwise).by_kernel(kernel)


def _without_last(kernel: Array) -> Iterator[Array]:
    return _without(kernel, slice(max(kernel.shape[1] - 1, 1), None))


def _spread_of_one(subject: Subject) -> Iterator[Interpretation]:
    """Yield the call in which axes of length 1 are padded with copies of their only element."""
    if any(
        each.length == 1 and axis.low + axis.high > 0
        for each, axis in zip(subject.settings, subject.right.stages[0].axes, strict=True)
    ):
        yield subject.each_axis(lambda axis: replace(axis, mode="replicate") if axis.length == 1 else axis)


CAUSES: dict[str, Cause] = {
    "first-channel-only": partial(_weights, change=lambda w: _without(w, slice(1, None))),
    "last-channel-dropped": partial(_weights, change=_without_last),
    "channel-tail-dropped": partial(_weights, change=_tails),
    "channels-beyond-8-dropped": partial(_weights, change=lambda w: _without(w, slice(8, None))),
    "channels-beyond-16-dropped": partial(_weights, change=lambda w: _without(w, slice(16, None))),
    "channels-beyond-32-dropped": partial(_weights, change=lambda w: _without(w, slice(32, None))),
    "channels-reversed": partial(_weights, change=lambda w: [w[:, ::-1]]),
    "channels-rolled": partial(_weights, change=lambda w: [np.roll(w, by, 1) for by in (1, -1)[: w.shape[1] - 1]]),
    "filter-tail-dropped": _filters(_filter_tails),
    "filter-tail-stale": _filters(_stale_tails),
    "filters-beyond-8-dropped": _filters(lambda y: _emptied(y, 8)),
    "filters-beyond-16-dropped": _filters(lambda y: _emptied(y, 16)),
    "filters-beyond-32-dropped": _filters(lambda y: _emptied(y, 32)),
    "filters-summed": lambda subject: () if subject.call.op == "depthwise_conv" else subject.changed(_summed),
    "filters-reversed": _filters(lambda y: [y[:, ::-1]]),
    "filters-rolled": _filters(_rolled),
    "first-filter-everywhere": _filters(lambda y: [np.broadcast_to(y[:, :1], y.shape)]),
    "fused-pointwise-skips": _fused_pointwise,
    "length-one-axis-mishandled": _spread_of_one,
}
