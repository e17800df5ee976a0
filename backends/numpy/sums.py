"""
Convolution and its adjoint, the transposed convolution, in NumPy by windows and matrix products.

Arrays have the axes N, C, then the spatial axes. Kernels have the axes O, I (if transposed I, O), then spatial axes.
Everything is computed in the dtype of the arrays; integers wrap modulo 2**n.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...core import Array, Pairs, ask, dilated

#: The `mode` of `numpy.pad` for each padding mode.
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def convolve(
    x: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    pairs: Pairs,
    mode: str = "zeros",
    dilations: Sequence[int],
    input_dilations: Sequence[int] | None = None,
    groups: int,
) -> Array:
    """
    Return the grouped cross-correlation of `x` (N, C, space) with `kernel` (O, I = C / groups, space).

    The input is dilated, then padded or cropped by `pairs`, then cut into windows. Each group of channels is
    multiplied with its part of the kernel.
    """
    wide = extend(stuff(x, input_dilations or (1,) * len(strides)), pairs, mode)
    patches = windows(wide, kernel.shape[2:], strides, dilations)
    rank = len(strides)
    space, taps = range(3, 3 + rank), range(3 + rank, 3 + 2 * rank)
    columns = split(patches, 1, groups).transpose(1, 0, *space, 2, *taps)
    matrices = split(kernel, 0, groups)
    matrices = matrices.reshape(*matrices.shape[:2], prod(kernel.shape[1:]))
    rows = columns.reshape(groups, prod(columns.shape[1 : 2 + rank]), prod(kernel.shape[1:]))
    sums = (rows @ matrices.swapaxes(1, 2)).reshape(*columns.shape[: 2 + rank], matrices.shape[1])
    return merge(np.moveaxis(sums, (0, -1), (1, 2)))


def convolve_transposed(
    x: Array, kernel: Array, *, strides: Sequence[int], crops: Pairs, dilations: Sequence[int], groups: int
) -> Array:
    """
    Return the adjoint of `convolve` for `x` (N, C, space) and `kernel` (I = C, O = channels of one group, space).

    Each input element adds its products with the kernel to a window of outputs; neighbouring windows are one stride
    apart. `crops` are then removed at the two ends of each axis; a negative crop adds zeros.
    """
    elements, taps = split(x, 1, groups), split(kernel, 0, groups)
    lengths, pairs = reach(x.shape[2:], kernel.shape[2:], strides, dilations, crops)
    sums = np.zeros((x.shape[0], groups, kernel.shape[1], *lengths), x.dtype)
    for tap in np.ndindex(kernel.shape[2:]):
        places = covered(tap, x.shape[2:], strides, dilations)
        sums[_inner(places)] += np.einsum("ngi...,gio->ngo...", elements, taps[_inner(tap)])
    return extend(merge(sums), pairs)


def reach(
    sizes: Sequence[int], taps: Sequence[int], strides: Sequence[int], dilations: Sequence[int], crops: Pairs
) -> tuple[tuple[int, ...], Pairs]:
    """
    Return the uncropped output length of a transposed convolution on each axis, and the pairs that crop this output.

    The length is max((w - 1) * s + (k - 1) * d + 1, 0) for `sizes` w, `taps` k, `strides` s and `dilations` d.
    """
    axes = zip(sizes, taps, strides, dilations, strict=True)
    lengths = [(w - 1) * s + (k - 1) * d + 1 for w, k, s, d in axes]
    # For w = 0 the length may be negative. Then the high pair includes it, so that a negative crop adds to this length.
    pairs = tuple((-low, min(length, 0) - high) for length, (low, high) in zip(lengths, crops, strict=True))
    return tuple(max(length, 0) for length in lengths), pairs


def covered(
    tap: Sequence[int], windows: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[slice, ...]:
    """Return for each spatial axis the slice of positions that a tap meets; `windows` counts the windows by axis."""
    axes = zip(tap, dilations, windows, strides, strict=True)
    return tuple(slice(t * d, t * d + dilated(w, s), s) for t, d, w, s in axes)


def stuff(x: Array, dilations: Sequence[int]) -> Array:
    """Return `x` with dilation - 1 zeros between neighbours along each spatial axis."""
    lengths = [dilated(w, q) for w, q in zip(x.shape[2:], dilations, strict=True)]
    wide = np.zeros((*x.shape[:2], *lengths), x.dtype)
    wide[_inner(slice(None, None, q) for q in dilations)] = x
    return wide


def extend(x: Array, pairs: Pairs, mode: str = "zeros") -> Array:
    """
    Return `x` with (low, high) elements added at the ends of each spatial axis; negative amounts remove elements.

    The length of an axis is at least 0. `numpy.pad` refuses to extend an empty axis in a mode other than zeros.
    """
    added = [(0, 0), (0, 0), *((max(low, 0), max(high, 0)) for low, high in pairs)]
    wide = ask(np.pad, x, added, mode=MODES[mode])  # type: ignore[arg-type]
    kept = (
        slice(max(-low, 0), max(size - max(-high, 0), 0))
        for size, (low, high) in zip(wide.shape[2:], pairs, strict=True)
    )
    cropped: Array = wide[_inner(kept)]
    return cropped


def windows(x: Array, sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Array:
    """Return a view of `x` (N, C, space) as (N, C, positions, taps); there are 0 positions if no window fits."""
    spans = [dilated(k, d) for k, d in zip(sizes, dilations, strict=True)]
    if any(span > size for size, span in zip(x.shape[2:], spans, strict=True)):
        positions = (max((w - k) // s + 1, 0) for w, k, s in zip(x.shape[2:], spans, strides, strict=True))
        return np.empty((*x.shape[:2], *positions, *sizes), x.dtype)
    every = sliding_window_view(x, spans, axis=tuple(range(2, x.ndim)))
    steps = (slice(None, None, step) for step in (*strides, *dilations))
    view: Array = every[_inner(steps)]
    return view


def split(x: Array, axis: int, groups: int) -> Array:
    """
    Return `x` with `axis` split into two axes: (groups, channels of one group).

    `groups` may be 0: a depthwise convolution of 0 channels has 0 groups.
    """
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // max(groups, 1), *x.shape[axis + 1 :])


def merge(x: Array) -> Array:
    """Return `x` (N, groups, channels, space) with axes 1 and 2 merged: (N, groups * channels, space)."""
    return x.reshape(x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:])


def _inner(index: Iterable[Any]) -> tuple[Any, ...]:
    return (..., *index)
