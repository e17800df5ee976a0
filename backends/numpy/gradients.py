"""
Gradients of the convolutions of `sums`, accumulated tap by tap.

Arrays have the same axes as in `sums`, and everything is computed in the dtype of the arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from ...core import Array, Pairs
from .sums import covered, extend, merge, reach, split, stuff

#: An index that selects the elements that one tap reads or writes.
Places: TypeAlias = tuple[Any, ...]


def convolve_back(
    g: Array,
    x: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    pairs: Pairs,
    mode: str = "zeros",
    dilations: Sequence[int],
    input_dilations: Sequence[int] | None = None,
    groups: int,
) -> tuple[Array, Array]:
    """Return the gradients of <g, convolve(x, kernel)> with respect to `x` and `kernel`; `g` has the output's axes."""
    stuffed = stuff(x, steps := input_dilations or (1,) * len(strides))
    wide = split(extend(stuffed, pairs, mode), 1, groups)
    sent, taps = split(g, 1, groups), split(kernel, 0, groups)
    by_wide, by_taps = np.zeros_like(wide), np.zeros_like(taps)
    for tap, places in _taps(kernel, g.shape[2:], strides, dilations):
        by_wide[places] += _products("ngop,goi->ngip", sent, taps[tap], shape=wide[places].shape)
        by_taps[tap] = _products("ngop,ngip->goi", sent, wide[places], shape=taps[tap].shape)
    by_stuffed = unextend(merge(by_wide), stuffed.shape[2:], pairs, mode)
    elements: Places = (..., *(slice(None, None, q) for q in steps))
    return by_stuffed[elements], by_taps.reshape(kernel.shape)


def convolve_transposed_back(
    g: Array,
    x: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    crops: Pairs,
    dilations: Sequence[int],
    groups: int,
) -> tuple[Array, Array]:
    """Return the gradients of <g, convolve_transposed(x, kernel)> with respect to `x` and `kernel`."""
    lengths, pairs = reach(x.shape[2:], kernel.shape[2:], strides, dilations, crops)
    sent = split(unextend(g, lengths, pairs), 1, groups)
    elements, taps = split(x, 1, groups), split(kernel, 0, groups)
    by_elements, by_taps = np.zeros_like(elements), np.zeros_like(taps)
    for tap, places in _taps(kernel, x.shape[2:], strides, dilations):
        by_elements += _products("ngop,gio->ngip", sent[places], taps[tap], shape=elements.shape)
        by_taps[tap] = _products("ngop,ngip->gio", sent[places], elements, shape=taps[tap].shape)
    return merge(by_elements), by_taps.reshape(kernel.shape)


def unextend(g: Array, lengths: Sequence[int], pairs: Pairs, mode: str = "zeros") -> Array:
    """
    Return the gradient of <g, extend(x, pairs, mode)> with respect to `x`, whose spatial lengths are `lengths`.

    To find the origin of each extended element, `extend` is applied to the indices 1, 2, …; a 0 then marks padding.
    """
    size, (batch, channels) = prod(lengths), g.shape[:2]
    origins = extend(np.arange(1, size + 1).reshape(1, 1, *lengths), pairs, mode).reshape(-1)
    sums = np.zeros((size + 1, batch * channels), g.dtype)
    np.add.at(sums, origins, g.reshape(batch * channels, origins.size).T)
    return sums[1:].T.reshape(batch, channels, *lengths)


def _taps(
    kernel: Array, windows: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Iterator[tuple[Places, Places]]:
    """Yield each tap's index, and the index of the elements that the tap meets; `windows` counts windows by axis."""
    for tap in np.ndindex(kernel.shape[2:]):
        yield (..., *tap), (..., *covered(tap, windows, strides, dilations))


def _products(sums: str, one: Array, other: Array, *, shape: Sequence[int]) -> Array:
    """Merge the spatial axes into one axis p; return np.einsum(sums, one, other), reshaped to `shape`."""
    flat = (each.reshape(*each.shape[:3], prod(each.shape[3:])) if each.ndim > 3 else each for each in (one, other))
    products: Array = np.einsum(sums, *flat)
    return products.reshape(shape)
