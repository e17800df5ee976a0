"""Changes of a `Part`, from which faulty gradients are computed."""

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
    """Return a function that reorders the values of the field `name` among the axes of a part."""

    def change(part: Part) -> Part:
        values = [getattr(axis, name) for axis in part.axes][order] * len(part.axes)
        changed: list[dict[str, Any]] = [{name: value} for value in values]
        return replace(part, axes=tuple(replace(axis, **more) for axis, more in zip(part.axes, changed, strict=False)))

    return change


def unstuffed(part: Part) -> Part:
    """Ignore input dilation."""
    lengths = zip(part.axes, part.x.shape[2:], strict=True)
    ones = (1,) * len(part.axes)
    return replace(
        part,
        told=replace(part.told, input_dilations=ones),
        axes=tuple(replace(axis, length=length) for axis, length in lengths),
    )


def flipped(part: Part) -> Part:
    """Reverse the kernel in every spatial axis."""
    return replace(part, w=np.flip(part.w, tuple(range(2, part.w.ndim))))


def flipped_last(part: Part) -> Part:
    """Reverse the kernel in its last axis, if it has two or more spatial axes."""
    return replace(part, w=np.flip(part.w, -1)) if part.w.ndim > 3 else part


def kernel_swapped(part: Part) -> Part:
    """Read the memory of the kernel as if its two channel axes were swapped."""
    w = part.w
    return replace(part, w=w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1))


unstrided = each_axis(lambda axis: replace(axis, stride=1))
undilated = each_axis(lambda axis: replace(axis, dilation=1))
strides_swapped = _reordered("stride", slice(None, None, -1))
first_stride = _reordered("stride", slice(1))
dilations_swapped = _reordered("dilation", slice(None, None, -1))


def without(gradient: Array, left_out: Callable[[int], slice], axis: int) -> Array:
    """Return a copy with zeros at the indices `left_out(length)` of an axis."""
    gradient = gradient.copy()
    gradient[(slice(None),) * axis + (left_out(gradient.shape[axis]),)] = 0
    return gradient


def last(count: int) -> slice:
    """Return the last of `count` indices, or none if there is only one."""
    return slice(max(count - 1, 1), None)


def tail(block: int) -> Callable[[int], slice]:
    """Return a function from a length to the indices after its last full block; none if the length is <= `block`."""
    return lambda count: slice(count // block * block if count > block else count, None)


def beyond(place: int) -> Callable[[int], slice]:
    """Return a function from a length to the indices >= `place`."""
    return lambda count: slice(place, None)
