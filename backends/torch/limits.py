"""The calls that PyTorch cannot express, as `Limit` objects."""

from __future__ import annotations

from collections.abc import Iterator

from ...core import Call, Limit
from ..shared import arguments
from .parameters import WORDS


def _is_lopsided(call: Call) -> bool:
    if call.op == "conv_transpose" or call.padding in WORDS or call.stages[0].is_padding_senseless:
        return False
    return any(low != high for low, high in call.pairs)


def _is_lopsided_crop(call: Call) -> bool:
    """
    Return whether `padding` and `output_padding` cannot express the crop of a transposed convolution.

    The parameters are padding = low and output_padding = low - high + extra. torch requires that output_padding is not
    negative, and less than the stride or less than the dilation. Crops with low = high always count as expressible,
    because then an output padding that is too large is part of the call itself.
    """
    if call.op != "conv_transpose" or call.stages[0].is_padding_senseless:
        return False
    if not arguments.fits(call):
        return any(low != high for low, high in call.pairs)
    axes = zip(call.pairs, call.output_padding, call.strides, call.dilations, strict=True)
    # Check extra < 0 separately, because the sum with low - high may hide it.
    return any(
        low != high and (extra < 0 or not 0 <= low - high + extra < max(s, d)) for (low, high), extra, s, d in axes
    )


def _is_other_depthwise(call: Call) -> bool:
    return arguments.is_grouped_by_channels(call) or arguments.has_other_channels(call)


def _lies(call: Call, storage: str) -> bool:
    return storage in vars(call.storage).values()


def _results(call: Call) -> Iterator[int]:
    """Yield the spatial sizes of the output."""
    stage = call.stages[0]
    sizes = zip(call.lengths, stage.window, stage.strides, stage.pairs, call.output_padding, strict=True)
    for w, k, s, (low, high), extra in sizes:
        if call.op == "conv_transpose":
            yield (w - 1) * s + k - low - high + extra
        else:
            yield (w + low + high - k) // s + 1


#: The limits of every mode.
LIMITS = (
    Limit("torch's convNd has one padding for both ends of an axis", _is_lopsided),
    Limit(
        "torch's conv_transposeNd has one padding for both ends, and gives back few at the high end", _is_lopsided_crop
    ),
    Limit(
        "torch's conv_transposeNd has no padding words",
        lambda call: call.op == "conv_transpose" and call.stages[0].is_padding_senseless,
    ),
    Limit("torch's convNd has no input dilation", lambda call: call.input_dilations != arguments.ones(call)),
    Limit(
        "torch's convNd has no output_padding",
        lambda call: call.op != "conv_transpose" and arguments.has_output_padding(call),
    ),
    Limit(
        "torch's convNd has no parameter for the result's dtype",
        lambda call: call.dtype.output not in (None, call.dtype.input),
    ),
    Limit("torch's groups say of a depthwise convolution only how many channels the input has", _is_other_depthwise),
    Limit("torch has no separable convolution, its second step is any other", arguments.has_wide_pointwise),
    Limit("torch's tensors have no negative strides", lambda call: _lies(call, "reversed")),
    Limit("torch's tensors have no read-only flag", lambda call: _lies(call, "readonly")),
)
#: A limit of `torch.nn.grad`, which has no padding strings.
LOPSIDED = Limit(
    "torch.nn.grad has one padding for both ends of an axis",
    lambda call: not call.stages[0].is_padding_senseless and any(low != high for low, high in call.pairs),
)
#: A limit of functions; layers have `padding_mode`.
NO_PADDING_MODE = Limit("torch's convNd has no padding_mode", lambda call: call.padding_mode != "zeros")
NOT_COMPILED = Limit("eager: nothing is compiled", lambda call: call.variation.is_compiled)
#: The compiled graph of the backward pass cannot be differentiated again.
ONCE = Limit("second_order: torch.compile has no double backward", lambda call: bool(call.second_order))
#: By design, torch.compile compiles again for a size of 0 or 1. Then one graph cannot serve both sizes of the call.
SPECIALISED = Limit(
    "torch.compile specialises sizes 0 and 1",
    lambda call: call.variation.dynamic_shape and min(*call.extents("input"), *call.lengths, *_results(call)) < 2,
)
#: For a dynamic size, the graph's fake tensors have symbols as sizes, and not numbers.
OPEN = Limit(
    "torch.compile infers no number for a dynamic size",
    lambda call: call.variation.dynamic_shape and call.variation.shape_inference,
)
