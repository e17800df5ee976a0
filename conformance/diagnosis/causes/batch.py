"""Samples that are mixed, missing or in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ...core import Array
from ..canonical_call import Subject
from .kinds import Cause


def _samples(change: Callable[[Array], Iterable[Array]]) -> Cause:
    """Other samples."""
    return lambda it: it.changed(change) if len(it.sums) > 1 else ()


def _tails(y: Array) -> Iterator[Array]:
    for start in {1, len(y) // 2, len(y) - 1}:
        changed = y.copy()
        changed[start:] = 0
        yield changed


def _rolled(y: Array) -> Iterator[Array]:
    yield np.roll(y, 1, 0)
    if len(y) > 2:
        yield np.roll(y, -1, 0)


def _summed(y: Array) -> Array:
    return np.broadcast_to(y.sum(0, keepdims=True, dtype=y.dtype), y.shape)


def _filled(it: Subject) -> Iterator[Array]:
    if not len(it.sums):
        yield np.zeros((1, *it.sums.shape[1:]), it.sums.dtype)


CAUSES: dict[str, Cause] = {
    "batch-broadcast": _samples(lambda y: [np.broadcast_to(y[:1], y.shape)]),
    "batch-summed": _samples(lambda y: [_summed(y)]),
    "batch-reversed": _samples(lambda y: [y[::-1]]),
    "batch-rolled": _samples(_rolled),
    "batch-tail-dropped": _samples(_tails),
    "batch-last-stale": _samples(lambda y: [np.concatenate([y[:-1], y[-2:-1]])]),
    "batch-zero-filled": _filled,
}
