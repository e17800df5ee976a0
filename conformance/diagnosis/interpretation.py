"""
A call as a correct or faulty implementation computes it.

Arrays are in canonical order: input (N, C, space), kernels (O, I, space), sums (N, O, space).
A transposed convolution is represented by the convolution of its dilated input with the reversed kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core import Array
from .axis import Axis, reads


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """
    One grouped convolution: its kernel (O, C / groups, space) and its axes.

    If `skips` is false, a tap that reads no element contributes weight * 0. If `skips` is true, such a tap contributes
    no term, as in a transposed convolution. The two results differ only if a weight is NaN or infinite.
    """

    kernel: Array
    axes: tuple[Axis, ...]
    groups: int = 1
    skips: bool = False

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of outputs along each spatial axis."""
        return tuple(axis.count for axis in self.axes)

    @property
    def leaves_out(self) -> bool:
        """Whether `skips` is true and changes the result, because weight * 0 is NaN for some weight."""
        return self.skips and self.kernel.dtype.kind in "fc" and not np.isfinite(self.kernel).all()


@dataclass(frozen=True, kw_only=True, eq=False)
class Interpretation:
    """A call as an implementation computes it; `outside` is the value that taps read outside the input."""

    input: Array
    stages: tuple[Stage, ...]
    bias: Array | None = None
    outside: float = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output: (N, O, space)."""
        return (len(self.input), len(self.stages[-1].kernel), *self.stages[-1].counts)

    @property
    def products(self) -> int:
        """The number of products that all stages compute."""
        return sum(math.prod(each.counts) * each.kernel.size for each in self.stages) * len(self.input)

    @property
    def read(self) -> int:
        """The number of elements that all taps of all windows read. An element counts each time it is read."""
        return len(self.input) * sum(
            math.prod((*each.counts, *each.kernel.shape[1:], each.groups)) for each in self.stages
        )

    def sums(self) -> Array:
        """Return the output (N, O, space) without the bias."""
        y = self.input
        for stage in self.stages:
            y = convolved(y, stage, self.outside)
        return y

    def at(self, index: Sequence[int]) -> Any:
        """
        Return the output element at `index` = (n, o, position along each axis), with the bias.

        The call must have a single stage.
        """
        (stage,) = self.stages
        sample, output, *places = index
        share = stage.kernel.shape[1]
        first = output // (len(stage.kernel) // stage.groups) * share
        window = self.input[sample, first : first + share]
        for at, (axis, place) in enumerate(zip(stage.axes, places, strict=True), 1):
            found = reads(axis)[place]
            inside = (found < axis.length).reshape(-1, *(1,) * (window.ndim - at - 1))
            window = np.where(inside, window.take(np.minimum(found, axis.length - 1), at), self.outside)
        total = (window * stage.kernel[output]).sum(dtype=window.dtype)
        return total if self.bias is None else total + self.bias[output]

    def result(self) -> Array:
        """Return the output (N, O, space) with the bias."""
        return biased(self.sums(), self.bias)


def biased(sums: Array, bias: Array | None) -> Array:
    """Return sums (N, O, space) plus the bias (O,), if there is one."""
    return sums if bias is None else sums + bias.reshape(-1, *(1,) * (sums.ndim - 2))


def convolved(x: Array, stage: Stage, outside: float = 0) -> Array:
    """Return the sums (N, O, space) of one grouped convolution; `outside` is the value read outside the input."""
    if stage.leaves_out:
        return _tap_by_tap(x, stage)
    groups, counts, filters = stage.groups, stage.counts, len(stage.kernel)
    columns = windows(x, stage.axes, outside)
    places, taps = math.prod(counts), math.prod(stage.kernel.shape[2:])
    columns = columns.reshape(len(x), groups, -1, places, taps) if columns.size else columns
    if not columns.size or not filters:
        return np.zeros((len(x), filters, *counts), np.result_type(x, stage.kernel))
    columns = columns.transpose(0, 1, 3, 2, 4).reshape(len(x), groups, places, -1)
    kernel = stage.kernel.reshape(groups, filters // groups, -1).transpose(0, 2, 1)
    return (columns @ kernel).transpose(0, 1, 3, 2).reshape(len(x), filters, *counts)


def _tap_by_tap(x: Array, stage: Stage) -> Array:
    """Return the sums (N, O, space) of one grouped convolution without the products of taps that read no element."""
    total = np.zeros((len(x), len(stage.kernel), *stage.counts), np.result_type(x, stage.kernel))
    for tap in np.ndindex(*stage.kernel.shape[2:]):
        axes = tuple(
            replace(axis, taps=1, dilation=1, low=axis.low - k * axis.dilation, windows=axis.count)
            for axis, k in zip(stage.axes, tap, strict=True)
        )
        one = stage.kernel[(slice(None), slice(None), *(slice(k, k + 1) for k in tap))]
        # Zeros of the padding step count as elements.
        whole = tuple(replace(axis, length=axis.length + sum(axis.ahead), ahead=(0, 0)) for axis in axes)
        elements = np.ones((1, 1, *(axis.length for axis in whole)), bool)
        reached = windows(elements, whole).reshape(stage.counts)
        total += np.where(reached, convolved(x, Stage(kernel=one, axes=axes, groups=stage.groups)), 0)
    return total


def windows(x: Array, axes: Sequence[Axis], outside: float = 0) -> Array:
    """
    Return the values that the taps of all windows read.

    The result has the axes N and C, then an axis of windows for each spatial axis, and then an axis of taps for each
    spatial axis.
    """
    rank = len(axes)
    around = np.full((*x.shape[:2], *(length + 1 for length in x.shape[2:])), outside, x.dtype)
    around[(slice(None), slice(None), *(slice(length) for length in x.shape[2:]))] = x
    index: list[Any] = [slice(None), slice(None)]
    for at, axis in enumerate(axes):
        shape = [1] * (2 * rank)
        shape[at], shape[rank + at] = axis.count, axis.taps
        index.append(reads(axis).reshape(shape))
    found: Array = around[tuple(index)]
    return found
