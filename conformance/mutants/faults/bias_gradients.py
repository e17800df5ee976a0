"""Faults in the gradient of the bias."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from ...core import Array, Call
from ..evaluator import inner
from .gradient_edits import BackEdit, by_bias
from .gradient_parts import tail, without


def _of(change: Callable[[Array], Array]) -> BackEdit:
    """Return a fault that sums `change(cotangent)`, and not the cotangent, over samples and positions."""
    return by_bias(lambda call, g, gradient: np.asarray(change(g).sum((0, *range(2, g.ndim)))))


def _first_place(g: Array) -> Array:
    return np.asarray(g[inner(slice(1) for _ in g.shape[2:])])


def _along_channels(call: Call, g: Array, gradient: Array) -> Array:
    """Sum over samples and channels, not over samples and positions; repeat or cut the sums to the bias length."""
    totals = g.sum((0, 1)).ravel()
    return np.resize(totals, gradient.shape) if totals.size else np.zeros_like(gradient)


def _taps(call: Call) -> int:
    name = "pointwise_kernel" if call.op == "separable_conv" else "kernel"
    return prod(call.extents(name))


EDITS: dict[str, BackEdit] = {
    "bias-gradient-zero": by_bias(lambda call, g, gradient: np.zeros_like(gradient)),
    "bias-gradient-negated": by_bias(lambda call, g, gradient: -gradient),
    "bias-gradient-counts": _of(np.ones_like),
    "bias-gradient-averaged-over-batch": by_bias(lambda call, g, gradient: gradient / max(g.shape[0], 1)),
    "bias-gradient-averaged-over-places": by_bias(lambda call, g, gradient: gradient / max(prod(g.shape[2:]), 1)),
    "bias-gradient-first-sample-only": _of(lambda g: g[:1]),
    "bias-gradient-last-sample-missing": _of(lambda g: g[: max(len(g) - 1, 1)]),
    "bias-gradient-first-place-only": _of(_first_place),
    "bias-gradient-last-place-missing": _of(lambda g: g[..., : max(g.shape[-1] - 1, 1)]),
    "bias-gradient-first-row-only": _of(lambda g: g[:, :, :1]),
    "bias-gradient-reversed": by_bias(lambda call, g, gradient: gradient[::-1]),
    "bias-gradient-first-filter-everywhere": by_bias(
        lambda call, g, gradient: np.broadcast_to(gradient[:1], gradient.shape)
    ),
    "bias-gradient-summed-over-filters": by_bias(
        lambda call, g, gradient: np.broadcast_to(gradient.sum(), gradient.shape)
    ),
    "bias-gradient-along-channels": by_bias(_along_channels),
    "bias-gradient-per-tap": by_bias(lambda call, g, gradient: gradient * _taps(call)),
    "bias-gradient-clipped": by_bias(lambda call, g, gradient: np.maximum(gradient, 0)),
    "bias-gradient-tail-missing": by_bias(lambda call, g, gradient: without(gradient, tail(4), 0)),
}
