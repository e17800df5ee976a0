"""Taps at the wrong places, missing or counted otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from ...core import Array
from ..canonical_call import Subject, kernel_of, transpositions
from ..interpretation import Interpretation, biased, convolved
from .kinds import Cause


def reversed_in(kernel: Array, axes: tuple[int, ...]) -> Array:
    """Return a kernel (O, I, space) reversed in some spatial axes, counted from 0."""
    return np.flip(kernel, tuple(2 + axis for axis in axes))


def _flipped(it: Subject) -> Iterator[Interpretation]:
    yield it.by_kernel(reversed_in(it.kernel, tuple(range(it.call.rank))))


def _flipped_in_some(it: Subject) -> Iterator[Interpretation]:
    rank = it.call.rank
    for many in range(1, rank):
        for axes in combinations(range(rank), many):
            yield it.by_kernel(reversed_in(it.kernel, axes))


def _rolled(it: Subject) -> Iterator[Interpretation]:
    for by in (1, -1):
        yield it.by_kernel(np.roll(it.kernel, by, -1))


def _axes_swapped(it: Subject) -> Iterator[Interpretation]:
    for order in transpositions(it.call.rank):
        yield from _permuted(it, order)


def _axes_rolled(it: Subject) -> Iterator[Interpretation]:
    for by in range(1, it.call.rank):  # of two axes a rotation is a swap
        yield from _permuted(it, tuple((at + by) % it.call.rank for at in range(it.call.rank)))


def _permuted(it: Subject, order: tuple[int, ...]) -> Iterator[Interpretation]:
    """Yield the kernel with its spatial axes in another order, and its memory read as if they stood in it."""
    axes = (0, 1, *(2 + axis for axis in order))
    turned = it.kernel.transpose(axes)
    if turned.shape == it.kernel.shape:
        yield it.by_kernel(turned)
    yield it.by_kernel(misread(it.kernel, axes))


def misread(array: Array, order: Sequence[int]) -> Array:
    """Return an array whose memory is read as if its axes stood in another order."""
    read = np.ascontiguousarray(array).reshape([array.shape[axis] for axis in order])
    return read.transpose([list(order).index(axis) for axis in range(array.ndim)])


def _channels_swapped(it: Subject) -> Iterator[Interpretation]:
    name = "depthwise_kernel" if it.call.op == "separable_conv" else "kernel"
    letters, kernel = it.call.letters(name), it.call.array(name)
    one, other = ("C", "M") if "M" in letters else ("I", "O")
    if kernel.ndim != len(letters):
        return
    order = list(range(kernel.ndim))
    first, second = letters.index(one), letters.index(other)
    order[first], order[second] = second, first
    # As it stands, and with its outer axes first, as many libraries keep it.
    for outer in (letters, "OI" + it.call.spatial, "IO" + it.call.spatial):
        if sorted(outer) == sorted(letters):
            there = kernel.transpose([letters.index(letter) for letter in outer])
            swap = [outer.index({one: other, other: one}.get(letter, letter)) for letter in outer]
            back = misread(there, swap).transpose([outer.index(letter) for letter in letters])
            yield it.by_kernel(kernel_of(it.call, back.astype(it.kernel.dtype), name))
    swapped = kernel.transpose(order)
    if swapped.shape == kernel.shape:
        yield it.by_kernel(kernel_of(it.call, swapped.astype(it.kernel.dtype), name))


def _taps_and_channels_swapped(it: Subject) -> Iterator[Interpretation]:
    rank = it.call.rank
    for axis in range(rank) if it.kernel.shape[1] > 1 else ():
        order = list(range(2 + rank))
        order[1], order[2 + axis] = order[2 + axis], order[1]
        yield it.by_kernel(misread(it.kernel, order))
        yield it.by_kernel(np.swapaxes(it.kernel, 1, 2 + axis).reshape(it.kernel.shape))
    if it.kernel.shape[1] > 1:
        yield it.by_kernel(misread(it.kernel, (0, *range(2, 2 + rank), 1)))


def alone(kernel: Array, tap: Sequence[int]) -> Array:
    """Return a kernel (O, I, space) with zeros in all taps but one."""
    index: tuple[Any, ...] = (slice(None), slice(None), *tap)
    kept = np.zeros_like(kernel)
    kept[index] = kernel[index]
    return kept


def _first_tap(it: Subject) -> Iterator[Interpretation]:
    if it.kernel.size:
        ends = -1 if it.is_transposed else 0
        yield it.by_kernel(alone(it.kernel, (ends,) * it.call.rank))


def _middle_tap(it: Subject) -> Iterator[Interpretation]:
    if it.kernel.size:
        yield it.by_kernel(alone(it.kernel, tuple(k // 2 for k in it.kernel.shape[2:])))
        yield it.by_kernel(alone(it.kernel, tuple((k - 1) // 2 for k in it.kernel.shape[2:])))


def _last_tap(it: Subject, factor: int) -> Iterator[Interpretation]:
    """Yield the kernel with its last tap times a factor: that of all axes, or the last of one axis."""
    if not it.kernel.size:
        return
    last = 0 if it.is_transposed else -1
    places: list[tuple[Any, ...]] = [(last,) * it.call.rank]
    places += [(*(slice(None),) * axis, last) for axis in range(it.call.rank)]
    for place in places:
        kernel = it.kernel.copy()
        kernel[(slice(None), slice(None), *place)] *= factor
        yield it.by_kernel(kernel)
        if it.pointwise is not None:
            yield replace(it, pointwise=it.pointwise * factor).by_kernel(kernel)


def _divided(it: Subject, by: int) -> Iterator[Array]:
    if by > 1:
        yield biased(
            it.sums // np.asarray(by).astype(it.sums.dtype) if it.sums.dtype.kind in "iu" else it.sums / by, it.bias
        )


def _averaged(it: Subject) -> Iterator[Array]:
    for by in {prod(it.kernel.shape[2:]), prod(it.kernel.shape[1:])}:
        yield from _divided(it, by)
    if it.pointwise is not None:
        first, second = it.right.stages
        taps, y = max(prod(it.kernel.shape[2:]), 1), convolved(it.input, first)
        yield biased(convolved(y // taps if y.dtype.kind in "iu" else y / taps, second), it.bias)


def _averaged_over_channels(it: Subject) -> Iterator[Array]:
    return _divided(it, prod(stage.kernel.shape[1] for stage in it.right.stages))


def _activated(it: Subject) -> Iterable[Array]:
    return it.changed(lambda y: [np.maximum(y, 0), np.clip(y, 0, 6)]) if it.sums.dtype.kind != "c" else ()


def _kernel_sign_lost(it: Subject) -> Iterator[Interpretation]:
    kernel = np.abs(it.kernel).astype(it.kernel.dtype)
    yield it.by_kernel(kernel)
    if it.pointwise is not None:
        pointwise = np.abs(it.pointwise).astype(it.pointwise.dtype)
        yield it.by_pointwise(pointwise)
        yield replace(it, pointwise=pointwise).by_kernel(kernel)


def _input_sign_lost(it: Subject) -> Iterator[Interpretation]:
    x = np.abs(it.input).astype(it.input.dtype)
    yield it.by_input(x)
    if it.pointwise is not None:
        first, second = it.right.stages
        between = np.abs(convolved(x, first)).astype(x.dtype)
        yield Interpretation(input=between, stages=(second,), bias=it.bias)


def _kernel_not_flipped_back(it: Subject) -> Iterator[Interpretation]:
    if it.is_transposed:
        yield from _flipped(it)


def _not_flipped_back_in_some(it: Subject) -> Iterator[Interpretation]:
    if it.is_transposed:
        yield from _flipped_in_some(it)


def _forward(cause: Cause) -> Cause:
    return lambda it: () if it.is_transposed else cause(it)


def _pointwise_swapped(it: Subject) -> Iterator[Interpretation]:
    if it.pointwise is not None:
        yield it.by_pointwise(misread(it.pointwise, (1, 0)))
    elif it.kernel[0, 0].size == 1:
        yield from _channels_swapped(it)


def _holes_read(it: Subject) -> Iterator[Interpretation]:
    """Yield windows that read the holes between their taps with the weight of the tap before."""
    stage = it.right.stages[0]
    kernel, axes = stage.kernel, []
    for at, axis in enumerate(stage.axes):
        kernel = np.repeat(kernel, axis.dilation, 2 + at)
        kernel = np.take(kernel, range(axis.window), 2 + at)
        axes.append(replace(axis, taps=axis.window, dilation=1))
    if kernel.shape != stage.kernel.shape:
        stages = (replace(stage, kernel=kernel, axes=tuple(axes)), *it.right.stages[1:])
        yield replace(it.right, stages=stages)


CAUSES: dict[str, Cause] = {
    "kernel-flipped": _forward(_flipped),
    "kernel-flipped-one-axis": _forward(_flipped_in_some),
    "kernel-not-flipped-back": _kernel_not_flipped_back,
    "kernel-not-flipped-back-one-axis": _not_flipped_back_in_some,
    "kernel-rolled": _rolled,
    "kernel-axes-swapped": _axes_swapped,
    "kernel-axes-rolled": _axes_rolled,
    "kernel-channels-swapped": _channels_swapped,
    "kernel-taps-and-channels-swapped": _taps_and_channels_swapped,
    "pointwise-kernel-swapped": _pointwise_swapped,
    "kernel-first-tap-only": _first_tap,
    "kernel-middle-tap-only": _middle_tap,
    "kernel-last-tap-dropped": lambda it: _last_tap(it, 0),
    "kernel-last-tap-twice": lambda it: _last_tap(it, 2),
    "kernel-sign-lost": _kernel_sign_lost,
    "input-sign-lost": _input_sign_lost,
    "mean-instead-of-sum": _averaged,
    "mean-over-channels": _averaged_over_channels,
    "activation-applied": _activated,
    "dilation-holes-read": _holes_read,
}
