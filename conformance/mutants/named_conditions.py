"""
The named conditions under which faults apply.

Real faults rarely affect every call. For example, a fault occurs only if a stride is longer than the kernel, if the
number of channels is not a multiple of a block size, or if the batch has a second sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core import DTYPES, KERNELS, Call, is_complex, is_integer
from .condition import Condition, axes, channels, joined, off_block, sized, some, window
from .evaluator import output_dtype
from .objections import produced
from .production_sizes import PRODUCTION
from .regions import REGIONS


def _pairs(call: Call) -> list[tuple[int, int]]:
    return [(axis.low, axis.high) for axis in axes(call)]


def _is(field: str, value: str) -> Callable[[Call], bool]:
    return lambda call: bool(getattr(call, field) == value)


def _of_dtype(name: str) -> Callable[[Call], bool]:
    return lambda call: call.dtype.input == name


def _of_another_rank(name: str) -> Callable[[Call], bool]:
    return lambda call: not isinstance(getattr(call, name), str) and len(getattr(call, name)) != call.rank


def _leaves_filters_over(call: Call) -> bool:
    if call.op != "conv" or call.groups < 1:
        return False
    return call.extent("kernel", "O") % call.groups != 0 == call.extent("input", "C") % call.groups


def _takes_more_channels(call: Call) -> bool:
    letter = "C" if "M" in call.letters(_kernels(call)[0]) else "I"
    return call.extent(_kernels(call)[0], letter) > call.extent("input", "C")


def _has_equal(call: Call) -> bool:
    return len(set(call.input.shape)) < call.input.ndim


def _stored(array: str, name: str) -> Callable[[Call], bool]:
    names = KERNELS if array == "kernel" else (array,)
    return lambda call: any((getattr(call.storage, each) or "").startswith(name) for each in names)


def _kernels(call: Call) -> tuple[str, ...]:
    return ("depthwise_kernel", "pointwise_kernel") if call.op == "separable_conv" else ("kernel",)


#: Maps names to conditions. The condition with the empty name always holds.
CONDITIONS: Mapping[str, Condition] = {
    "": Condition(sentence="All calls and all output elements."),
    # Operation and rank
    "rank-1": Condition(sentence="The call has one spatial axis.", when=lambda call: call.rank == 1),
    "rank-2": Condition(sentence="The call has two spatial axes.", when=lambda call: call.rank == 2),
    "rank-3": Condition(sentence="The call has three spatial axes.", when=lambda call: call.rank == 3),
    "depthwise": Condition(
        sentence="The call is a depthwise convolution.", when=lambda call: call.op == "depthwise_conv"
    ),
    "separable": Condition(
        sentence="The call is a separable convolution.", when=lambda call: call.op == "separable_conv"
    ),
    "transposed": Condition(
        sentence="The call is a transposed convolution.", when=lambda call: call.op == "conv_transpose"
    ),
    "forward": Condition(
        sentence="The call is a convolution, but not depthwise, separable or transposed.",
        when=lambda call: call.op == "conv",
    ),
    # Steps
    "strided": Condition(sentence="A stride is greater than 1.", when=lambda call: max(call.strides, default=1) > 1),
    "unstrided": Condition(sentence="Every stride is 1.", when=lambda call: set(call.strides) == {1}),
    "unequal-strides": Condition(
        sentence="The strides of two axes differ.", when=lambda call: len(set(call.strides)) > 1
    ),
    "dilated": Condition(
        sentence="A dilation is greater than 1.", when=lambda call: max(call.dilations, default=1) > 1
    ),
    "undilated": Condition(sentence="Every dilation is 1.", when=lambda call: set(call.dilations) == {1}),
    "unequal-dilations": Condition(
        sentence="The dilations of two axes differ.", when=lambda call: len(set(call.dilations)) > 1
    ),
    "strided-and-dilated": Condition(
        sentence="A stride is greater than 1, and a dilation is greater than 1.",
        when=lambda call: min(max(call.strides, default=1), max(call.dilations, default=1)) > 1,
    ),
    "stride-of-three": Condition(sentence="A stride is 3 or more.", when=lambda call: max(call.strides, default=1) > 2),
    "dilation-of-three": Condition(
        sentence="A dilation is 3 or more.", when=lambda call: max(call.dilations, default=1) > 2
    ),
    "stride-past-the-window": Condition(
        sentence="The stride is longer than the dilated window in some axis.",
        when=some(lambda axis: axis.stride > window(axis)),
    ),
    "stride-divides-nothing": Condition(
        sentence="In some axis, the length of the input is not a multiple of the stride.",
        when=some(lambda axis: axis.length % axis.stride != 0),
    ),
    "negative-number": Condition(
        sentence="A stride, a dilation or the number of groups is negative.",
        when=lambda call: min(*call.strides, *call.dilations, *call.input_dilations, call.groups) < 0,
    ),
    **{
        f"{name.replace('_', '-')}-of-another-rank": Condition(
            sentence=f"`{name}` does not have exactly one entry for each spatial axis.", when=_of_another_rank(name)
        )
        for name in ("strides", "dilations", "padding", "output_padding")
    },
    "filters-left-over": Condition(
        sentence="`groups` divides the number of input channels, but not the number of filters.",
        when=_leaves_filters_over,
    ),
    "no-groups": Condition(sentence="The number of groups is 0.", when=lambda call: call.groups == 0),
    "kernel-with-more-channels": Condition(
        sentence="The kernel's input-channel axis is longer than the channel axis of the input.",
        when=_takes_more_channels,
    ),
    "input-dilated": Condition(
        sentence="An input dilation is greater than 1.", when=lambda call: max(call.input_dilations, default=1) > 1
    ),
    # Window and lengths
    "even-kernel": Condition(
        sentence="The kernel has an even number of taps in some axis.",
        when=some(lambda axis: axis.taps % 2 == 0 and axis.taps > 0),
    ),
    "odd-kernel": Condition(
        sentence="The kernel has an odd number of taps in every axis.",
        when=sized(lambda call: all(axis.taps % 2 for axis in axes(call))),
    ),
    "one-tap": Condition(
        sentence="The kernel has one tap.", when=sized(lambda call: all(axis.taps == 1 for axis in axes(call)))
    ),
    "many-taps": Condition(
        sentence="The kernel has five taps or more in some axis.", when=some(lambda axis: axis.taps > 4)
    ),
    "window-past-the-input": Condition(
        sentence="The window is longer than the input in some axis, and the input is not empty.",
        when=some(lambda axis: window(axis) > axis.length > 0),
    ),
    "window-is-the-input": Condition(
        sentence="The window is as long as the input in some axis.", when=some(lambda axis: window(axis) == axis.length)
    ),
    "one-output": Condition(
        sentence="The output has length 1 in every spatial axis.",
        when=sized(lambda call: all(axis.out == 1 for axis in axes(call))),
    ),
    "one-output-in-an-axis": Condition(
        sentence="The output has length 1 in some spatial axis.", when=some(lambda axis: axis.out == 1)
    ),
    "one-element": Condition(
        sentence="The input has length 1 in some spatial axis.", when=some(lambda axis: axis.length == 1)
    ),
    "odd-length": Condition(
        sentence="The input has an odd length in some axis.", when=some(lambda axis: axis.length % 2 == 1)
    ),
    "even-length": Condition(
        sentence="The input has an even length in every axis.",
        when=sized(lambda call: all(axis.length % 2 == 0 for axis in axes(call))),
    ),
    "long-input": Condition(
        sentence="The input is longer than 8 in some axis.", when=some(lambda axis: axis.length > 8)
    ),
    "longer-than-16": Condition(
        sentence="The input is longer than 16 in some axis.", when=some(lambda axis: axis.length > 16)
    ),
    "empty-output": Condition(
        sentence="The output has length 0 in some spatial axis.", when=some(lambda axis: axis.out == 0)
    ),
    # Padding
    "padded": Condition(
        sentence="Some axis is padded or cropped.", when=some(lambda axis: (axis.low, axis.high) != (0, 0))
    ),
    "unpadded": Condition(
        sentence="No axis is padded or cropped.", when=sized(lambda call: not any(map(any, _pairs(call))))
    ),
    "padded-by-numbers": Condition(
        sentence="The padding is given as numbers, not by name.", when=lambda call: not isinstance(call.padding, str)
    ),
    "unequal-ends": Condition(
        sentence="The low and the high padding of some axis differ.", when=some(lambda axis: axis.low != axis.high)
    ),
    "unequal-axes": Condition(
        sentence="The padding of two axes differs.", when=sized(lambda call: len(set(_pairs(call))) > 1)
    ),
    "padding-past-the-window": Condition(
        sentence="A padding amount is at least as long as the window.",
        when=some(lambda axis: max(axis.low, axis.high) >= window(axis)),
    ),
    "low-padding-alone": Condition(
        sentence="Some axis is padded at the low end only.", when=some(lambda axis: axis.low > 0 == axis.high)
    ),
    "high-padding-alone": Condition(
        sentence="Some axis is padded at the high end only.", when=some(lambda axis: axis.high > 0 == axis.low)
    ),
    "negative-padding": Condition(
        sentence="A padding amount is negative.", when=some(lambda axis: min(axis.low, axis.high) < 0)
    ),
    "mixed-signs": Condition(
        sentence="One end of an axis is cropped, and the other end is padded.",
        when=some(lambda axis: axis.low * axis.high < 0),
    ),
    **{
        f"padding-{word.replace('_', '-')}": Condition(sentence=f"The padding is `{word}`.", when=_is("padding", word))
        for word in ("valid", "same", "same_lower", "causal", "full")
    },
    **{
        f"mode-{mode}": Condition(sentence=f"The padding mode is `{mode}`.", when=_is("padding_mode", mode))
        for mode in ("reflect", "replicate", "circular")
    },
    "output-padded": Condition(
        sentence="An output padding is greater than 0.", when=lambda call: max(call.output_padding, default=0) > 0
    ),
    "padded-step": Condition(
        sentence="A separate padding step precedes the convolution.", when=lambda call: call.before is not None
    ),
    # Batch and channels
    "one-sample": Condition(
        sentence="The batch has one sample.", when=sized(lambda call: call.extent("input", "N") == 1)
    ),
    "three-samples": Condition(
        sentence="The batch has three samples or more.", when=sized(lambda call: call.extent("input", "N") > 2)
    ),
    "no-samples": Condition(sentence="The batch is empty.", when=sized(lambda call: call.extent("input", "N") == 0)),
    "one-channel": Condition(sentence="The input has one channel.", when=sized(lambda call: channels(call) == 1)),
    "odd-channels": Condition(
        sentence="The number of input channels is odd and greater than 1.",
        when=sized(lambda call: channels(call) % 2 == 1 and channels(call) > 1),
    ),
    **{
        f"channels-off-{block}": Condition(
            sentence=f"The number of input channels is greater than {block} and not a multiple of {block}.",
            when=off_block(channels, block),
        )
        for block in (4, 8, 16)
    },
    "channels-of-a-block": Condition(
        sentence="The number of input channels is a multiple of 4.",
        when=sized(lambda call: channels(call) > 0 and channels(call) % 4 == 0),
    ),
    "sixteen-channels": Condition(
        sentence="There are 16 input channels or more.", when=sized(lambda call: channels(call) > 15)
    ),
    "one-filter": Condition(sentence="There is one output channel.", when=sized(lambda call: produced(call) == 1)),
    **{
        f"filters-off-{block}": Condition(
            sentence=f"The number of output channels is greater than {block} and not a multiple of {block}.",
            when=off_block(produced, block),
        )
        for block in (4, 8, 16)
    },
    "filters-of-a-block": Condition(
        sentence="The number of output channels is a multiple of 4.",
        when=sized(lambda call: produced(call) > 0 and produced(call) % 4 == 0),
    ),
    "sixteen-filters": Condition(
        sentence="There are 16 output channels or more.", when=sized(lambda call: produced(call) > 15)
    ),
    "as-many-filters": Condition(
        sentence="The numbers of input and output channels are equal and greater than 1.",
        when=sized(lambda call: produced(call) == channels(call) > 1),
    ),
    "fewer-filters": Condition(
        sentence="There are fewer output channels than input channels.",
        when=sized(lambda call: produced(call) < channels(call)),
    ),
    "grouped": Condition(sentence="There is more than one group.", when=lambda call: call.groups > 1),
    "three-groups": Condition(sentence="There are three groups or more.", when=lambda call: call.groups > 2),
    "ungrouped": Condition(sentence="There is one group.", when=lambda call: call.groups == 1),
    "one-channel-a-group": Condition(
        sentence="There are two or more groups, and each has one input channel.",
        when=sized(lambda call: call.groups == channels(call) > 1),
    ),
    "multiplied": Condition(
        sentence="The channel multiplier is greater than 1.",
        when=sized(
            lambda call: any("M" in call.letters(name) and call.extent(name, "M") > 1 for name in _kernels(call))
        ),
    ),
    "biased": Condition(sentence="There is a bias.", when=lambda call: call.bias is not None),
    "unbiased": Condition(sentence="There is no bias.", when=lambda call: call.bias is None),
    # Layout, memory, compilation
    "channels-first": Condition(
        sentence="In the input layout, the channel axis precedes the last spatial axis.",
        when=lambda call: call.layout.input.index("C") < call.layout.input.index("W"),
    ),
    "channels-last": Condition(
        sentence="In the input layout, the channel axis follows the last spatial axis.",
        when=lambda call: call.layout.input.index("C") > call.layout.input.index("W"),
    ),
    "kernel-channels-first": Condition(
        sentence="The first axis of a kernel is a channel axis, not a spatial axis.",
        when=lambda call: any(not call.letters(name).startswith(tuple("DHW")) for name in _kernels(call)),
    ),
    "another-output-layout": Condition(
        sentence="The output layout differs from the input layout.",
        when=lambda call: call.layout.output not in (None, call.layout.input),
    ),
    "equal-extents": Condition(sentence="Two axes of the input have the same length.", when=_has_equal),
    **{
        f"{array}-{name.replace('_', '-')}": Condition(
            sentence=f"The storage of the {array} is `{name}`.", when=_stored(array, name)
        )
        for array in ("input", "kernel", "bias")
        for name in ("channels_last", "transposed", "offset", "strided", "broadcast", "reversed", "readonly")
        if (array, name) not in {("bias", "channels_last"), ("bias", "transposed")}
    },
    "compiled": Condition(
        sentence="The call has a variation that needs compilation.", when=lambda call: call.variation.is_compiled
    ),
    # Dtypes
    **{
        f"dtype-{name.replace('_', '-')}": Condition(
            sentence=f"The dtype of the input is `{name}`.", when=_of_dtype(name)
        )
        for name in DTYPES
        if name != "float32"
    },
    "integers": Condition(sentence="The input has an integer dtype.", when=lambda call: is_integer(call.dtype.input)),
    "unsigned": Condition(
        sentence="The input has an unsigned integer dtype.", when=lambda call: call.dtype.input[0] == "u"
    ),
    "narrow-floats": Condition(
        sentence="The input has a floating-point dtype of 16 bits or fewer.",
        when=lambda call: call.dtype.input in ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
    ),
    "complex-numbers": Condition(
        sentence="The input has a complex dtype.", when=lambda call: is_complex(call.dtype.input)
    ),
    "wider-output": Condition(
        sentence="The output dtype differs from the input dtype.",
        when=lambda call: output_dtype(call) != call.dtype.input,
    ),
    "mixed-dtypes": Condition(
        sentence="The dtype of a kernel differs from the dtype of the input.",
        when=lambda call: any(getattr(call.dtype, name) not in (None, call.dtype.input) for name in _kernels(call)),
    ),
    **PRODUCTION,
    # Regions of the output
    **{name: Condition(sentence=sentence, region=region) for name, (sentence, region) in REGIONS.items()},
}


def named(name: str) -> Condition:
    """
    Return the condition called `name`. The condition `a+b` holds if the conditions `a` and `b` both hold.

    Raises:
        KeyError: if no condition has the name.

    """
    return CONDITIONS[name] if name in CONDITIONS else joined([CONDITIONS[each] for each in parts(name)])


def parts(name: str) -> list[str]:
    """Split the name `a+b` into the names `a` and `b`."""
    return name.split("+")
