"""Functions that change a `Part`, so that the gradients computed from the part are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Array
from ..evaluator import Axis
from ..gradient_evaluator import Part


def each_axis(change: Callable[[Axis], Axis]) -> Callable[[Part], Part]:
    """Return a function that applies `change` to every axis of a part."""
    return lambda part: replace(part, axes=tuple(map(change, part.axes)))


def _reordered(name: str, order: slice) -> Callable[[Part], Part]:
    """
    Return a function that reorders the values that the axes of a part have in the field `name`.

    The slice `order` selects the new values from the list of old values. If it selects one value, all axes get it.
    """

    def change(part: Part) -> Part:
        values = [getattr(axis, name) for axis in part.axes][order] * len(part.axes)
        changed: list[dict[str, Any]] = [{name: value} for value in values]
        return replace(part, axes=tuple(replace(axis, **more) for axis, more in zip(part.axes, changed, strict=False)))

    return change


def unstuffed(part: Part) -> Part:
    """Return a copy of the part without input dilation."""
    lengths = zip(part.axes, part.x.shape[2:], strict=True)
    ones = (1,) * len(part.axes)
    return replace(
        part,
        told=replace(part.told, input_dilations=ones),
        axes=tuple(replace(axis, length=length) for axis, length in lengths),
    )


def flipped(part: Part) -> Part:
    """Return a copy of the part whose kernel is reversed in every spatial axis."""
    return replace(part, w=np.flip(part.w, tuple(range(2, part.w.ndim))))


def flipped_last(part: Part) -> Part:
    """If there are two or more spatial axes, return a copy of the part whose kernel is reversed in the last axis."""
    return replace(part, w=np.flip(part.w, -1)) if part.w.ndim > 3 else part


def kernel_swapped(part: Part) -> Part:
    """Return a copy of the part; the kernel's memory is read as if the two channel axes were swapped."""
    w = part.w
    return replace(part, w=w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1))


unstrided = each_axis(lambda axis: replace(axis, stride=1))
undilated = each_axis(lambda axis: replace(axis, dilation=1))
strides_swapped = _reordered("stride", slice(None, None, -1))
first_stride = _reordered("stride", slice(1))
dilations_swapped = _reordered("dilation", slice(None, None, -1))


def without(gradient: Array, left_out: Callable[[int], slice], axis: int) -> Array:
    """Return a copy of `gradient` with zeros in the slice `left_out(length)` of `axis`."""
    gradient = gradient.copy()
    gradient[(slice(None),) * axis + (left_out(gradient.shape[axis]),)] = 0
    return gradient


def last(count: int) -> slice:
    """Return a slice that selects the last of `count` indices, or no index if `count` is 1."""
    return slice(max(count - 1, 1), None)


def tail(block: int) -> Callable[[int], slice]:
    """Return a function from a length to the slice after the last full block. A length <= `block` gives no indices."""
    return lambda count: slice(count // block * block if count > block else count, None)


def beyond(place: int) -> Callable[[int], slice]:
    """Return a function from a length to the slice of all indices >= `place`."""
    return lambda count: slice(place, None)
