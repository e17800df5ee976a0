"""
The way back through a call: what reaches the input, the kernel and the bias of what is sent back from the output.

All of it is in canonical order, as in `interpretation`: a transposed convolution is that of its spread input with the
reversed kernel, so that its gradients are those of a convolution too.
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
class Way:
    """A single convolution, its input (N, C, space) and the cotangent of its output (N, O, space)."""

    input: Array
    stage: Stage
    cotangent: Array

    @cached_property
    def to_input(self) -> Array:
        """The gradient of the input, of its shape: what each window takes gets back what it is worth there."""
        stage, (samples, channels, *lengths) = self.stage, self.input.shape
        groups, taps = stage.groups, stage.kernel.shape[2:]
        filters = len(stage.kernel) // max(groups, 1)
        kernel = stage.kernel.reshape(groups, filters, stage.kernel.shape[1], math.prod(taps))
        sent = self.cotangent.reshape(samples, groups, filters, math.prod(stage.counts))
        worth = np.einsum("gock,ngop->ngcpk", kernel, sent).reshape(samples, channels, *stage.counts, *taps)
        found = np.zeros((samples, channels, *(length + 1 for length in lengths)), worth.dtype)
        places: Any = (slice(None), slice(None), *_places(stage.axes))
        np.add.at(found, places, worth)
        elements: Any = (..., *(slice(length) for length in lengths))
        return np.asarray(found[elements])

    @cached_property
    def to_kernel(self) -> Array:
        """The gradient of the kernel, of its shape (O, C / groups, space)."""
        return np.asarray(self.per_sample.sum(axis=0))

    @cached_property
    def per_sample(self) -> Array:
        """What each sample adds to the gradient of the kernel: (N, O, C / groups, space)."""
        stage, samples = self.stage, len(self.input)
        groups, places, taps = stage.groups, math.prod(stage.counts), stage.kernel.shape[2:]
        filters, channels = len(stage.kernel) // max(groups, 1), stage.kernel.shape[1]
        taken = windows(self.input, stage.axes).reshape(samples, groups, channels, places, math.prod(taps))
        sent = self.cotangent.reshape(samples, groups, filters, places)
        return np.asarray(np.einsum("ngcpk,ngop->ngock", taken, sent).reshape(samples, *stage.kernel.shape))

    @property
    def to_bias(self) -> Array:
        """The gradient of the bias: (O,)."""
        return np.asarray(self.cotangent.sum(axis=(0, *range(2, self.cotangent.ndim))))

    def to(self, name: str) -> Array:
        """Return the gradient of the array of that name."""
        return {"input": self.to_input, "kernel": self.to_kernel, "bias": self.to_bias}[name]

    def by(self, **changes: Any) -> Way:
        """Return the way with another input, stage or cotangent."""
        return replace(self, **changes)

    def by_axes(self, *axes: Axis) -> Way:
        """Return the way with other axes, of as many windows as there are."""
        kept = (replace(axis, windows=old.count) for axis, old in zip(axes, self.stage.axes, strict=True))
        return self.by(stage=replace(self.stage, axes=tuple(kept)))

    def by_kernel(self, kernel: Array) -> Way:
        """Return the way with another kernel of the same shape."""
        return self.by(stage=replace(self.stage, kernel=kernel))


def _places(axes: tuple[Axis, ...]) -> tuple[Array, ...]:
    rank = len(axes)
    found = []
    for at, axis in enumerate(axes):
        shape = [1] * (2 * rank)
        shape[at], shape[rank + at] = axis.count, axis.taps
        found.append(reads(axis).reshape(shape))
    return tuple(found)


def way(it: Subject, cotangent: Array) -> Way:
    """Return the way back through a call of one stage; `cotangent` is in canonical order."""
    (stage,) = it.right.stages
    return Way(input=it.input, stage=stage, cotangent=cotangent)
