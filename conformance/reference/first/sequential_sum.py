"""
Sequential summation: the products of a call are added one after another in a chosen order, and every step is rounded.

A simple loop has this result, which is one of many results that are correct within rounding errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Array, Call, is_complex, numpy_type
from ..undefined import Undefined, check_call
from .forward import Layer, input_of, kernel_of, layers_of

ORDERS = ("natural", "reversed", "random")


@np.errstate(all="ignore")
def stepwise(call: Call, dtype: str, order: str = "natural", *, seed: int = 0) -> Array:
    """
    Return the output, without the bias, of a loop that sums the products in `dtype`.

    The array is float64 and has the layout of the output. `order` is `natural` (taps in the outer loop, channels in the
    inner loop), `reversed` or `random`. A random order is drawn from `seed`; all outputs use the same order.
    Products and sums are rounded to `dtype`. The dtype of the call's output has no effect.

    Raises:
        Undefined: if the call has no defined result or a complex dtype.

    """
    check_call(call)
    if is_complex(call.dtype.input):
        raise Undefined("sequential summation is not defined for complex dtypes")
    kind, draw = numpy_type(dtype), np.random.default_rng(seed)
    value = input_of(call).astype(kind)
    for layer in layers_of(call):
        kernel = kernel_of(call, layer).astype(kind)
        steps = _ordered(kernel[0, ..., 0].size, order, draw)
        value = layer.join(_summed(layer, layer.split(value), kernel, steps))
    return call.deliver(value.astype(np.float64), f"N{call.spatial}C")


def _ordered(count: int, order: str, draw: np.random.Generator) -> Sequence[int]:
    if order == "random":
        return [int(step) for step in draw.permutation(count)]
    return range(count) if order == "natural" else range(count)[::-1]


def _summed(layer: Layer, x: Array, kernel: Array, order: Sequence[int]) -> Array:
    steps, channels = list(layer.sums.steps()), x.shape[-1]
    # Each step multiplies one channel's plane (group, batch, spatial…, 1) by one tap's weights (group, 1…, out).
    planes = np.ascontiguousarray(np.moveaxis(x, -1, 0))[..., np.newaxis]
    y = layer.sums.zeros(x, kernel)
    for product in order:
        step, channel = steps[product // channels], product % channels
        weights = np.expand_dims(kernel[step.tap][:, channel], tuple(range(1, x.ndim - 1)))
        y[step.added] += planes[channel][step.read] * weights
    return layer.sums.finished(y)
