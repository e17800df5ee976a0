"""
A call summed strictly one product after another, each step rounded, in an order of one's choice.

It is what a plain loop computes, and one of the many results that are right within rounding.
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
    Return a call without its bias as a loop over its products sums it in `dtype`, as float64, laid out as the output.

    `order` is `natural` (taps outer, channels inner), `reversed`, or `random`, drawn from `seed` for all outputs
    alike. Products and sums are rounded to `dtype`; the result is not rounded to the call's own.

    Raises:
        Undefined: if the call has no meaning, or is of complex numbers, whose products have parts.

    """
    check_call(call)
    if is_complex(call.dtype.input):
        raise Undefined("products of complex numbers have parts, and no single order")
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
    # One plane a channel, (group, batch, spatial…, 1), times the weights of one tap of it, (group, 1…, out).
    planes = np.ascontiguousarray(np.moveaxis(x, -1, 0))[..., np.newaxis]
    y = layer.sums.zeros(x, kernel)
    for product in order:
        step, channel = steps[product // channels], product % channels
        weights = np.expand_dims(kernel[step.tap][:, channel], tuple(range(1, x.ndim - 1)))
        y[step.added] += planes[channel][step.read] * weights
    return layer.sums.finished(y)
