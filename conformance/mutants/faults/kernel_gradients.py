"""Faults in the gradient of a kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array
from ..evaluator import inner
from ..gradient_evaluator import Part
from .gradient_edits import BackEdit, by_kernel, forward, kernel_of
from .gradient_parts import (
    dilations_swapped,
    first_stride,
    last,
    strides_swapped,
    tail,
    undilated,
    unstrided,
    unstuffed,
    without,
)


def _swapped(part: Part, found: Array) -> Array:
    """The memory of the gradient is read as if its two channel axes had changed places."""
    return found.swapaxes(0, 1).reshape(found.shape)


def _axes_swapped(part: Part, found: Array) -> Array:
    """The memory of the gradient is read as if its spatial axes stood in the reverse order."""
    return found.transpose(0, 1, *range(found.ndim - 1, 1, -1)).reshape(found.shape)


def _first_tap(part: Part, found: Array) -> Array:
    kept = np.zeros_like(found)
    first = inner(slice(1) for _ in part.axes)
    kept[first] = found[first]
    return kept


def _last_tap_missing(part: Part, found: Array) -> Array:
    found = found.copy()
    found[..., -1:] = 0
    return found


def _cotangent(change: Callable[[Array], Array]) -> BackEdit:
    """Compute the gradient from another cotangent."""
    return kernel_of(lambda part: replace(part, g=change(part.g)))


def _input(change: Callable[[Array], Array]) -> BackEdit:
    """Compute the gradient from another input."""
    return kernel_of(lambda part: replace(part, x=change(part.x)))


def _samples(start: Callable[[int], slice]) -> BackEdit:
    """Compute the gradient from some samples alone."""

    def change(part: Part) -> Part:
        kept = start(part.x.shape[0])
        return replace(part, x=part.x[kept], g=part.g[kept])

    return kernel_of(change)


def _averaged_over_batch(part: Part, found: Array) -> Array:
    return np.asarray(found / max(part.x.shape[0], 1))


def _averaged_over_places(part: Part, found: Array) -> Array:
    return found / max(int(np.prod(part.g.shape[2:])), 1)


def _last_place_missing(g: Array) -> Array:
    g = g.copy()
    g[..., -1:] = 0
    return g


def _first_place(g: Array) -> Array:
    kept = np.zeros_like(g)
    first = inner(slice(1) for _ in g.shape[2:])
    kept[first] = g[first]
    return kept


def _filters(part: Part) -> int:
    """Return the axis of a kernel along which its filters stand."""
    return 1 if part.told.transposed else 0


def _channels(part: Part) -> int:
    return 1 - _filters(part)


def _everywhere(axis: Callable[[Part], int]) -> BackEdit:
    """Give all along an axis what belongs to the first there."""
    return by_kernel(lambda part, found: np.broadcast_to(found.take([0], axis(part)), found.shape))


def _missing(left_out: Callable[[int], slice], axis: Callable[[Part], int]) -> BackEdit:
    """Leave zeros in some of the gradient along an axis."""
    return by_kernel(lambda part, found: without(found, left_out, axis(part)))


EDITS: dict[str, BackEdit] = {
    "kernel-gradient-zero": by_kernel(lambda part, found: np.zeros_like(found)),
    "kernel-gradient-negated": by_kernel(lambda part, found: -found),
    "kernel-gradient-flipped": by_kernel(lambda part, found: np.flip(found, tuple(range(2, found.ndim)))),
    "kernel-gradient-flipped-one-axis": by_kernel(lambda part, found: np.flip(found, -1) if found.ndim > 3 else found),
    "kernel-gradient-rolled": by_kernel(lambda part, found: np.roll(found, 1, axis=-1)),
    "kernel-gradient-axes-swapped": by_kernel(_axes_swapped),
    "kernel-gradient-channels-swapped": by_kernel(_swapped),
    "kernel-gradient-first-tap-only": by_kernel(_first_tap),
    "kernel-gradient-last-tap-missing": by_kernel(_last_tap_missing),
    "kernel-gradient-ignores-stride": forward(kernel_of(unstrided)),
    "kernel-gradient-strides-swapped": kernel_of(strides_swapped),
    "kernel-gradient-first-stride-only": kernel_of(first_stride),
    "kernel-gradient-ignores-dilation": kernel_of(undilated),
    "kernel-gradient-dilations-swapped": kernel_of(dilations_swapped),
    "kernel-gradient-ignores-input-dilation": kernel_of(unstuffed),
    "kernel-gradient-first-filter-everywhere": _everywhere(_filters),
    "kernel-gradient-first-channel-everywhere": _everywhere(_channels),
    "kernel-gradient-last-channel-missing": _missing(last, _channels),
    "kernel-gradient-channel-tail-missing": _missing(tail(4), _channels),
    "kernel-gradient-filter-tail-missing": _missing(tail(4), _filters),
    "kernel-gradient-averaged-over-batch": by_kernel(_averaged_over_batch),
    "kernel-gradient-averaged-over-places": by_kernel(_averaged_over_places),
    "kernel-gradient-first-sample-only": _samples(lambda count: slice(1)),
    "kernel-gradient-last-sample-missing": _samples(lambda count: slice(max(count - 1, 1))),
    "kernel-gradient-first-place-only": _cotangent(_first_place),
    "kernel-gradient-last-place-missing": _cotangent(_last_place_missing),
    "kernel-gradient-of-clipped-input": _input(lambda x: np.maximum(x, 0)),
    "kernel-gradient-clipped": by_kernel(lambda part, found: np.maximum(found, 0)),
    "kernel-gradient-with-decay": by_kernel(lambda part, found: found + part.w),
    "kernel-gradient-of-zero-lost": by_kernel(lambda part, found: np.where(part.w == 0, 0, found)),
}
