"""
The backward pass of a convolution: the gradients of the input x, the kernel w and the bias b for a cotangent g.

Arrays are in canonical order, as in `interpretation`. A transposed convolution is represented by the convolution of its
dilated input with the reversed kernel, so that the same formulas apply.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...core import Array
from ..axis import Axis, reads
from ..canonical_call import Subject
from ..interpretation import Stage, windows


@dataclass(frozen=True, kw_only=True, eq=False)
class BackwardPass:
    """A single convolution with its input (N, C, space) and the cotangent of its output (N, O, space)."""

    input: Array
    stage: Stage
    cotangent: Array

    @cached_property
    def to_input(self) -> Array:
        """The gradient of the input: dx[n,c,i] = sum of w[o,c,k] * g[n,o,p] over o and (p, k) with reads[p,k] = i."""
        stage, (samples, channels, *lengths) = self.stage, self.input.shape
        groups, taps = stage.groups, stage.kernel.shape[2:]
        filters = len(stage.kernel) // max(groups, 1)
        kernel = stage.kernel.reshape(groups, filters, stage.kernel.shape[1], math.prod(taps))
        sent = self.cotangent.reshape(samples, groups, filters, math.prod(stage.counts))
        terms = np.einsum("gock,ngop->ngcpk", kernel, sent).reshape(samples, channels, *stage.counts, *taps)
        # One additional element along each axis collects the terms of taps that read padding.
        total = np.zeros((samples, channels, *(length + 1 for length in lengths)), terms.dtype)
        index: Any = (slice(None), slice(None), *_read_indices(stage.axes))
        np.add.at(total, index, terms)
        elements: Any = (..., *(slice(length) for length in lengths))
        return np.asarray(total[elements])

    @cached_property
    def to_kernel(self) -> Array:
        """The gradient of the kernel, shape (O, C / groups, space)."""
        return np.asarray(self.per_sample.sum(axis=0))

    @cached_property
    def per_sample(self) -> Array:
        """The contribution of each sample to the gradient of the kernel, shape (N, O, C / groups, space)."""
        stage, samples = self.stage, len(self.input)
        groups, places, taps = stage.groups, math.prod(stage.counts), stage.kernel.shape[2:]
        filters, channels = len(stage.kernel) // max(groups, 1), stage.kernel.shape[1]
        taken = windows(self.input, stage.axes).reshape(samples, groups, channels, places, math.prod(taps))
        sent = self.cotangent.reshape(samples, groups, filters, places)
        return np.asarray(np.einsum("ngcpk,ngop->ngock", taken, sent).reshape(samples, *stage.kernel.shape))

    @property
    def to_bias(self) -> Array:
        """The gradient of the bias, shape (O,)."""
        return np.asarray(self.cotangent.sum(axis=(0, *range(2, self.cotangent.ndim))))

    def to(self, name: str) -> Array:
        """Return the gradient of the array `name`, which is `input`, `kernel` or `bias`."""
        return {"input": self.to_input, "kernel": self.to_kernel, "bias": self.to_bias}[name]

    def by(self, **changes: Any) -> BackwardPass:
        """Return the backward pass with another input, stage or cotangent."""
        return replace(self, **changes)

    def by_axes(self, *axes: Axis) -> BackwardPass:
        """Return the backward pass with other axes, but the same number of windows."""
        kept = (replace(axis, windows=old.count) for axis, old in zip(axes, self.stage.axes, strict=True))
        return self.by(stage=replace(self.stage, axes=tuple(kept)))

    def by_kernel(self, kernel: Array) -> BackwardPass:
        """Return the backward pass with another kernel of the same shape."""
        return self.by(stage=replace(self.stage, kernel=kernel))


def _read_indices(axes: tuple[Axis, ...]) -> tuple[Array, ...]:
    rank = len(axes)
    indices = []
    for at, axis in enumerate(axes):
        shape = [1] * (2 * rank)
        shape[at], shape[rank + at] = axis.count, axis.taps
        indices.append(reads(axis).reshape(shape))
    return tuple(indices)


def backward_pass(subject: Subject, cotangent: Array) -> BackwardPass:
    """Return the backward pass of a call with a single stage; `cotangent` is in canonical order (N, O, space)."""
    (stage,) = subject.right.stages
    return BackwardPass(input=subject.input, stage=stage, cotangent=cotangent)
