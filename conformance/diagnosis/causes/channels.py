"""Input channels and filters that are left out, or in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from ...core import Array
from ..canonical_call import Subject
from ..interpretation import Interpretation
from .kinds import Cause

#: Of how many channels kernels make blocks.
BLOCKS = (4, 8, 16)


def _weights(it: Subject, change: Callable[[Array], Iterable[Array]]) -> Iterator[Interpretation]:
    """Yield the call with other weights (O, I, space) in its kernel, or in the pointwise one, or in both."""
    for kernel in change(it.kernel):
        yield it.by_kernel(kernel)
    if it.pointwise is None:
        return
    for pointwise in change(it.pointwise):
        yield it.by_pointwise(pointwise)
        for kernel in change(it.kernel):
            yield replace(it, pointwise=pointwise).by_kernel(kernel)


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
    """Other output channels."""
    return lambda it: it.changed(change)


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


def _fused_pointwise(it: Subject) -> Iterator[Interpretation]:
    """Yield kernels of one tap without their last channel, the first one of a separable call if it has one tap too."""
    one_tap = it.kernel[:1, :1].size == 1
    kernels = [*_without_last(it.kernel)] if one_tap and it.kernel.shape[1] > 1 else [it.kernel]
    for kernel in kernels:
        if it.pointwise is None:
            yield it.by_kernel(kernel)
        else:
            for pointwise in _without_last(it.pointwise):
                yield replace(it, pointwise=pointwise).by_kernel(kernel)


def _without_last(kernel: Array) -> Iterator[Array]:
    return _without(kernel, slice(max(kernel.shape[1] - 1, 1), None))


def _spread_of_one(it: Subject) -> Iterator[Interpretation]:
    """Yield the call whose axes of one element are repeated where they should be padded."""
    if any(
        each.length == 1 and axis.low + axis.high > 0
        for each, axis in zip(it.settings, it.right.stages[0].axes, strict=True)
    ):
        yield it.each_axis(lambda axis: replace(axis, mode="replicate") if axis.length == 1 else axis)


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
    "filters-summed": lambda it: () if it.call.op == "depthwise_conv" else it.changed(_summed),
    "filters-reversed": _filters(lambda y: [y[:, ::-1]]),
    "filters-rolled": _filters(_rolled),
    "first-filter-everywhere": _filters(lambda y: [np.broadcast_to(y[:, :1], y.shape)]),
    "fused-pointwise-skips": _fused_pointwise,
    "length-one-axis-mishandled": _spread_of_one,
}
