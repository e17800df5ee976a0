"""Faults in the batch axis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core import Array, Call, Refused
from ..evaluator import Stages, Told
from .edits import Edit, sums


def _batch_tail(y: Array, params: Told) -> Array:
    y = y.copy()
    y[max(y.shape[0] // 2, 1) :] = 0
    return y


def _refused_empty(stages: Stages) -> Stages:
    def read(call: Call, name: str) -> Array:
        if name == "input" and call.input.shape[call.layout.input.index("N")] == 0:
            raise Refused("the batch is empty")
        return stages.read(call, name)

    return replace(stages, read=read)


def _one_sample_of_none(stages: Stages) -> Stages:
    return replace(
        stages, round=lambda call, y: stages.round(call, y if y.shape[0] else np.zeros((1, *y.shape[1:]), y.dtype))
    )


EDITS: dict[str, Edit] = {
    "batch-broadcast": sums(lambda y, params: np.broadcast_to(y[:1], y.shape)),
    "batch-summed": sums(lambda y, params: np.broadcast_to(y.sum(axis=0, keepdims=True, dtype=y.dtype), y.shape)),
    "batch-reversed": sums(lambda y, params: y[::-1]),
    "batch-rolled": sums(lambda y, params: np.roll(y, 1, axis=0)),
    "batch-tail-dropped": sums(_batch_tail),
    "batch-last-stale": sums(lambda y, params: np.concatenate([y[:-1], y[-2:-1]]) if y.shape[0] > 1 else y),
    "batch-zero-refused": _refused_empty,
    "batch-zero-filled": _one_sample_of_none,
}
