"""Causes in the kernel: taps that are permuted, missing or scaled."""

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
    """Return a kernel (O, I, space) reversed along `axes`, where 0 is the first spatial axis."""
    return np.flip(kernel, tuple(2 + axis for axis in axes))


def _flipped(subject: Subject) -> Iterator[Interpretation]:
    yield subject.by_kernel(reversed_in(subject.kernel, tuple(range(subject.call.rank))))


def _flipped_in_some(subject: Subject) -> Iterator[Interpretation]:
    rank = subject.call.rank
    for count in range(1, rank):
        for axes in combinations(range(rank), count):
            yield subject.by_kernel(reversed_in(subject.kernel, axes))


def _rolled(subject: Subject) -> Iterator[Interpretation]:
    for by in (1, -1):
        yield subject.by_kernel(np.roll(subject.kernel, by, -1))


def _axes_swapped(subject: Subject) -> Iterator[Interpretation]:
    for order in transpositions(subject.call.rank):
        yield from _permuted(subject, order)


def _axes_rolled(subject: Subject) -> Iterator[Interpretation]:
    for by in range(1, subject.call.rank):
        yield from _permuted(subject, tuple((at + by) % subject.call.rank for at in range(subject.call.rank)))


def _permuted(subject: Subject, order: tuple[int, ...]) -> Iterator[Interpretation]:
    """
    Yield calls in which the spatial axes of the kernel are permuted.

    One variant transposes the spatial axes to `order`. Another reads the memory as if the axes had this order.
    """
    axes = (0, 1, *(2 + axis for axis in order))
    turned = subject.kernel.transpose(axes)
    if turned.shape == subject.kernel.shape:
        yield subject.by_kernel(turned)
    yield subject.by_kernel(misread(subject.kernel, axes))


def misread(array: Array, order: Sequence[int]) -> Array:
    """Return an array whose contiguous memory is read as if its axes were in the order `order`."""
    read = np.ascontiguousarray(array).reshape([array.shape[axis] for axis in order])
    return read.transpose([list(order).index(axis) for axis in range(array.ndim)])


def _channels_swapped(subject: Subject) -> Iterator[Interpretation]:
    name = "depthwise_kernel" if subject.call.op == "separable_conv" else "kernel"
    letters, kernel = subject.call.letters(name), subject.call.array(name)
    one, other = ("C", "M") if "M" in letters else ("I", "O")
    if kernel.ndim != len(letters):
        return
    order = list(range(kernel.ndim))
    first, second = letters.index(one), letters.index(other)
    order[first], order[second] = second, first
    # The memory of the kernel may be in the call's layout. In many libraries, the channel axes come first instead.
    for outer in (letters, "OI" + subject.call.spatial, "IO" + subject.call.spatial):
        if sorted(outer) == sorted(letters):
            there = kernel.transpose([letters.index(letter) for letter in outer])
            swap = [outer.index({one: other, other: one}.get(letter, letter)) for letter in outer]
            back = misread(there, swap).transpose([outer.index(letter) for letter in letters])
            yield subject.by_kernel(kernel_of(subject.call, back.astype(subject.kernel.dtype), name))
    swapped = kernel.transpose(order)
    if swapped.shape == kernel.shape:
        yield subject.by_kernel(kernel_of(subject.call, swapped.astype(subject.kernel.dtype), name))


def _taps_and_channels_swapped(subject: Subject) -> Iterator[Interpretation]:
    rank = subject.call.rank
    for axis in range(rank) if subject.kernel.shape[1] > 1 else ():
        order = list(range(2 + rank))
        order[1], order[2 + axis] = order[2 + axis], order[1]
        yield subject.by_kernel(misread(subject.kernel, order))
        yield subject.by_kernel(np.swapaxes(subject.kernel, 1, 2 + axis).reshape(subject.kernel.shape))
    if subject.kernel.shape[1] > 1:
        yield subject.by_kernel(misread(subject.kernel, (0, *range(2, 2 + rank), 1)))


def alone(kernel: Array, tap: Sequence[int]) -> Array:
    """Return a kernel (O, I, space) in which all taps except `tap` are zero."""
    index: tuple[Any, ...] = (slice(None), slice(None), *tap)
    kept = np.zeros_like(kernel)
    kept[index] = kernel[index]
    return kept


def _first_tap(subject: Subject) -> Iterator[Interpretation]:
    if subject.kernel.size:
        ends = -1 if subject.is_transposed else 0
        yield subject.by_kernel(alone(subject.kernel, (ends,) * subject.call.rank))


def _middle_tap(subject: Subject) -> Iterator[Interpretation]:
    if subject.kernel.size:
        yield subject.by_kernel(alone(subject.kernel, tuple(k // 2 for k in subject.kernel.shape[2:])))
        yield subject.by_kernel(alone(subject.kernel, tuple((k - 1) // 2 for k in subject.kernel.shape[2:])))


def _last_tap(subject: Subject, factor: int) -> Iterator[Interpretation]:
    """Yield calls that multiply the last tap of each filter, or the last taps along one axis, by `factor`."""
    if not subject.kernel.size:
        return
    last = 0 if subject.is_transposed else -1
    places: list[tuple[Any, ...]] = [(last,) * subject.call.rank]
    places += [(*(slice(None),) * axis, last) for axis in range(subject.call.rank)]
    for place in places:
        kernel = subject.kernel.copy()
        kernel[(slice(None), slice(None), *place)] *= factor
        yield subject.by_kernel(kernel)
        if subject.pointwise is not None:
            yield replace(subject, pointwise=subject.pointwise * factor).by_kernel(kernel)


def _divided(subject: Subject, by: int) -> Iterator[Array]:
    if by > 1:
        yield biased(
            subject.sums // np.asarray(by).astype(subject.sums.dtype)
            if subject.sums.dtype.kind in "iu"
            else subject.sums / by,
            subject.bias,
        )


def _averaged(subject: Subject) -> Iterator[Array]:
    for by in {prod(subject.kernel.shape[2:]), prod(subject.kernel.shape[1:])}:
        yield from _divided(subject, by)
    if subject.pointwise is not None:
        first, second = subject.right.stages
        taps, y = max(prod(subject.kernel.shape[2:]), 1), convolved(subject.input, first)
        yield biased(convolved(y // taps if y.dtype.kind in "iu" else y / taps, second), subject.bias)


def _averaged_over_channels(subject: Subject) -> Iterator[Array]:
    return _divided(subject, prod(stage.kernel.shape[1] for stage in subject.right.stages))


def _activated(subject: Subject) -> Iterable[Array]:
    return subject.changed(lambda y: [np.maximum(y, 0), np.clip(y, 0, 6)]) if subject.sums.dtype.kind != "c" else ()


def _kernel_sign_lost(subject: Subject) -> Iterator[Interpretation]:
    kernel = np.abs(subject.kernel).astype(subject.kernel.dtype)
    yield subject.by_kernel(kernel)
    if subject.pointwise is not None:
        pointwise = np.abs(subject.pointwise).astype(subject.pointwise.dtype)
        yield subject.by_pointwise(pointwise)
        yield replace(subject, pointwise=pointwise).by_kernel(kernel)


def _input_sign_lost(subject: Subject) -> Iterator[Interpretation]:
    x = np.abs(subject.input).astype(subject.input.dtype)
    yield subject.by_input(x)
    if subject.pointwise is not None:
        first, second = subject.right.stages
        between = np.abs(convolved(x, first)).astype(x.dtype)
        yield Interpretation(input=between, stages=(second,), bias=subject.bias)


def _kernel_not_flipped_back(subject: Subject) -> Iterator[Interpretation]:
    if subject.is_transposed:
        yield from _flipped(subject)


def _not_flipped_back_in_some(subject: Subject) -> Iterator[Interpretation]:
    if subject.is_transposed:
        yield from _flipped_in_some(subject)


def _forward(cause: Cause) -> Cause:
    return lambda subject: () if subject.is_transposed else cause(subject)


def _pointwise_swapped(subject: Subject) -> Iterator[Interpretation]:
    if subject.pointwise is not None:
        yield subject.by_pointwise(misread(subject.pointwise, (1, 0)))
    elif subject.kernel[0, 0].size == 1:
        yield from _channels_swapped(subject)


def _holes_read(subject: Subject) -> Iterator[Interpretation]:
    """Yield the call that also reads elements between dilated taps, with the weight of the preceding tap."""
    stage = subject.right.stages[0]
    kernel, axes = stage.kernel, []
    for at, axis in enumerate(stage.axes):
        kernel = np.repeat(kernel, axis.dilation, 2 + at)
        kernel = np.take(kernel, range(axis.window), 2 + at)
        axes.append(replace(axis, taps=axis.window, dilation=1))
    if kernel.shape != stage.kernel.shape:
        stages = (replace(stage, kernel=kernel, axes=tuple(axes)), *subject.right.stages[1:])
        yield replace(subject.right, stages=stages)


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
    "kernel-last-tap-dropped": lambda subject: _last_tap(subject, 0),
    "kernel-last-tap-twice": lambda subject: _last_tap(subject, 2),
    "kernel-sign-lost": _kernel_sign_lost,
    "input-sign-lost": _input_sign_lost,
    "mean-instead-of-sum": _averaged,
    "mean-over-channels": _averaged_over_channels,
    "activation-applied": _activated,
    "dilation-holes-read": _holes_read,
}
