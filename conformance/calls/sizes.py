"""A call under examination: its spatial axes with their sizes, its channels, and what its arrays hold, worked out once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..core import ARRAYS, Array, Call, dilated

#: What arrays may hold, the usual first: whole numbers, fractions too, NaN or an infinity too.
VALUES = ("integers", "fractions", "nonfinite")


class Axis(NamedTuple):
    """
    One spatial axis of a call, of its first stage where it is separable.

    `length` is the input's, after `before`; `padded` that of the dilated and padded input; `low` and `high` are the
    padding, of the forward convolution where the call is transposed; `out` is the output's length.
    """

    length: int
    taps: int
    window: int
    stride: int
    low: int
    high: int
    padded: int
    out: int


class SizedCall:
    """A call, and what is worked out of it once."""

    def __init__(self, call: Call) -> None:
        self.call = call

    @cached_property
    def kernel(self) -> str:
        """The name of the kernel, of the first one where the call is separable."""
        return "depthwise_kernel" if self.call.op == "separable_conv" else "kernel"

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The spatial axes; none where the parameters make no sense."""
        try:
            return tuple(self._axes())
        except ValueError:
            return ()

    def _axes(self) -> Iterator[Axis]:
        call = self.call
        if min(*call.strides, *call.dilations, *call.input_dilations) < 1:
            return
        sizes = zip(call.lengths, call.extents(self.kernel), call.stages[0].window, call.pairs, strict=True)
        steps = zip(call.strides, call.input_dilations, call.output_padding, strict=True)
        for (length, taps, window, (low, high)), (stride, spread, extra) in zip(sizes, steps, strict=True):
            padded = max(dilated(length, spread) + low + high, 0)
            out = (padded - window) // stride + 1
            if call.op == "conv_transpose":
                padded, out = length, (length - 1) * stride + window - low - high + extra
            yield Axis(length, taps, window, stride, low, high, padded, max(out, 0))

    @cached_property
    def channels(self) -> int:
        """The number of input channels."""
        return self.call.extent("input", "C")

    @cached_property
    def filters(self) -> int:
        """The number of output channels."""
        call = self.call
        if call.op == "depthwise_conv":
            return call.extent("kernel", "C") * call.extent("kernel", "M")
        if call.op == "separable_conv":
            return call.extent("pointwise_kernel", "O")
        return call.extent("kernel", "O") * (call.groups if call.op == "conv_transpose" else 1)

    @cached_property
    def values(self) -> str:
        """What the arrays hold, the most unusual of it: one of `VALUES`."""
        return max((_held(array) for name in ARRAYS if (array := getattr(self.call, name)) is not None), key=_rank)


def _rank(word: str) -> int:
    return VALUES.index(word)


def _held(array: Array) -> str:
    if array.dtype.kind in "iu":
        return "integers"
    # What repeats in memory is looked at once; NumPy knows of no narrow float whether it is whole.
    array = array[tuple(slice(None if stride else 1) for stride in array.strides)]
    with np.errstate(invalid="ignore"):  # signalling NaNs warn when they are read
        numbers = array if array.dtype.kind in "fc" else array.astype(np.float64)
    if not np.isfinite(numbers).all():
        return "nonfinite"
    return "integers" if (np.rint(numbers) == numbers).all() else "fractions"
