"""The sizes of a call: its spatial axes, its channels, and the kind of values in its arrays."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..core import ARRAYS, Array, Call, dilated

#: The kinds of array values: integers only, some fractions, or some NaN or infinities.
VALUES = ("integers", "fractions", "nonfinite")


class Axis(NamedTuple):
    """
    One spatial axis of a call, or of the first stage of a separable call.

    `length` is the length of the input after the padding step `before`. `padded` is the length of the dilated and
    padded input; for a `conv_transpose`, `padded` equals `length`. `out` is the length of the output. `low` and `high`
    are the padding; for a `conv_transpose`, they are the padding of the forward convolution.
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
    """A call with its sizes, each of which is computed once."""

    def __init__(self, call: Call) -> None:
        self.call = call

    @cached_property
    def kernel(self) -> str:
        """The name of the kernel array; if the call is separable, the name of its first kernel."""
        return "depthwise_kernel" if self.call.op == "separable_conv" else "kernel"

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The spatial axes; empty if the parameters are invalid."""
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
        for (length, taps, window, (low, high)), (stride, input_dilation, extra) in zip(sizes, steps, strict=True):
            padded = max(dilated(length, input_dilation) + low + high, 0)
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
        """The kind of values in the arrays: the last member of `VALUES` that applies to at least one array."""
        return max(
            (_kind_of_values(array) for name in ARRAYS if (array := getattr(self.call, name)) is not None), key=_rank
        )


def _rank(kind: str) -> int:
    return VALUES.index(kind)


def _kind_of_values(array: Array) -> str:
    if array.dtype.kind in "iu":
        return "integers"
    # All indices along an axis of stride 0 hold the same values, so one index is enough. NumPy cannot round narrow
    # floats, so they are cast first.
    array = array[tuple(slice(None if stride else 1) for stride in array.strides)]
    with np.errstate(invalid="ignore"):  # signalling NaNs warn when they are read
        numbers = array if array.dtype.kind in "fc" else array.astype(np.float64)
    if not np.isfinite(numbers).all():
        return "nonfinite"
    return "integers" if (np.rint(numbers) == numbers).all() else "fractions"
