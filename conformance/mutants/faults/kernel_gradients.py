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


def _swapped(part: Part, gradient: Array) -> Array:
    """Read the memory of the gradient as if the two channel axes were swapped."""
    return gradient.swapaxes(0, 1).reshape(gradient.shape)


def _axes_swapped(part: Part, gradient: Array) -> Array:
    """Read the memory of the gradient as if the spatial axes were in reverse order."""
    return gradient.transpose(0, 1, *range(gradient.ndim - 1, 1, -1)).reshape(gradient.shape)


def _first_tap(part: Part, gradient: Array) -> Array:
    kept = np.zeros_like(gradient)
    first = inner(slice(1) for _ in part.axes)
    kept[first] = gradient[first]
    return kept


def _last_tap_missing(part: Part, gradient: Array) -> Array:
    gradient = gradient.copy()
    gradient[..., -1:] = 0
    return gradient


def _cotangent(change: Callable[[Array], Array]) -> BackEdit:
    """Return a fault that computes the kernel gradient from `change(cotangent)`."""
    return kernel_of(lambda part: replace(part, g=change(part.g)))


def _input(change: Callable[[Array], Array]) -> BackEdit:
    """Return a fault that computes the kernel gradient from `change(input)`."""
    return kernel_of(lambda part: replace(part, x=change(part.x)))


def _samples(select: Callable[[int], slice]) -> BackEdit:
    """Return a fault that computes the kernel gradient only from the slice `select(number of samples)` of samples."""

    def change(part: Part) -> Part:
        kept = select(part.x.shape[0])
        return replace(part, x=part.x[kept], g=part.g[kept])

    return kernel_of(change)


def _averaged_over_batch(part: Part, gradient: Array) -> Array:
    return np.asarray(gradient / max(part.x.shape[0], 1))


def _averaged_over_places(part: Part, gradient: Array) -> Array:
    return gradient / max(int(np.prod(part.g.shape[2:])), 1)


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
    """Return the index of the filter axis of a canonical kernel."""
    return 1 if part.told.transposed else 0


def _channels(part: Part) -> int:
    return 1 - _filters(part)


def _everywhere(axis: Callable[[Part], int]) -> BackEdit:
    """Return a fault that copies the gradient at index 0 of an axis to all indices of that axis."""
    return by_kernel(lambda part, gradient: np.broadcast_to(gradient.take([0], axis(part)), gradient.shape))


def _missing(left_out: Callable[[int], slice], axis: Callable[[Part], int]) -> BackEdit:
    """Return a fault that sets the gradient to 0 in the slice `left_out(length)` of an axis."""
    return by_kernel(lambda part, gradient: without(gradient, left_out, axis(part)))


EDITS: dict[str, BackEdit] = {
    "kernel-gradient-zero": by_kernel(lambda part, gradient: np.zeros_like(gradient)),
    "kernel-gradient-negated": by_kernel(lambda part, gradient: -gradient),
    "kernel-gradient-flipped": by_kernel(lambda part, gradient: np.flip(gradient, tuple(range(2, gradient.ndim)))),
    "kernel-gradient-flipped-one-axis": by_kernel(
        lambda part, gradient: np.flip(gradient, -1) if gradient.ndim > 3 else gradient
    ),
    "kernel-gradient-rolled": by_kernel(lambda part, gradient: np.roll(gradient, 1, axis=-1)),
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
    "kernel-gradient-clipped": by_kernel(lambda part, gradient: np.maximum(gradient, 0)),
    "kernel-gradient-with-decay": by_kernel(lambda part, gradient: gradient + part.w),
    "kernel-gradient-of-zero-lost": by_kernel(lambda part, gradient: np.where(part.w == 0, 0, gradient)),
}
