"""Causes in the batch: samples that are mixed, missing or permuted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ...core import Array
from ..canonical_call import Subject
from .kinds import Cause


def _samples(change: Callable[[Array], Iterable[Array]]) -> Cause:
    """Return a cause that changes the output along the batch axis if the batch has at least two samples."""
    return lambda subject: subject.changed(change) if len(subject.sums) > 1 else ()


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


def _filled(subject: Subject) -> Iterator[Array]:
    if not len(subject.sums):
        yield np.zeros((1, *subject.sums.shape[1:]), subject.sums.dtype)


CAUSES: dict[str, Cause] = {
    "batch-broadcast": _samples(lambda y: [np.broadcast_to(y[:1], y.shape)]),
    "batch-summed": _samples(lambda y: [_summed(y)]),
    "batch-reversed": _samples(lambda y: [y[::-1]]),
    "batch-rolled": _samples(_rolled),
    "batch-tail-dropped": _samples(_tails),
    "batch-last-stale": _samples(lambda y: [np.concatenate([y[:-1], y[-2:-1]])]),
    "batch-zero-filled": _filled,
}
