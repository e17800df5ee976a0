"""
Why a call has no meaning, as the NumPy target refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..call import ARRAYS, Call, Pairs, Stage
from ..dtypes import is_complex, is_integer
from .numpy_sums import MODES

#: The padding words of each kind of operation.
WORDS = ("valid", "same", "same_lower", "causal", "full")
WORDS_TRANSPOSED = ("valid", "same", "same_lower")


def objections(call: Call) -> Iterator[str]:
    """
    Yield why the call has no meaning, in an order in which each check may presume those before it.
    """
    yield from _wrong_ranks(call)
    yield from _wrong_parameters(call)
    yield from _wrong_words(call)
    yield from _wrong_channels(call)
    yield from _wrong_types(call)
    if call.op == "conv_transpose":
        yield from _empty_kernels(call.stages[0])


def _wrong_ranks(call: Call) -> Iterator[str]:
    for name in ARRAYS:
        array = getattr(call, name)
        if array is not None and array.ndim != len(call.letters(name)):
            yield f"{name} has {array.ndim} axes, its layout is {call.letters(name)}"


def _wrong_parameters(call: Call) -> Iterator[str]:
    steps = {name: getattr(call, name) for name in ("strides", "dilations", "input_dilations", "output_padding")}
    pairs = {"padding": call.padding if not isinstance(call.padding, str) else None, "before": call.before}
    for name, values in {**steps, **pairs}.items():
        if values is not None and len(values) != call.rank:
            yield f"{name} has {len(values)} entries for {call.rank} spatial axes"
    for name in ("strides", "dilations", "input_dilations"):
        if min(steps[name]) < 1:
            yield f"{name} must be 1 or more, not {steps[name]}"
    if min(call.output_padding) < 0 or (call.op != "conv_transpose" and any(call.output_padding)):
        yield f"output_padding {call.output_padding} has no meaning for {call.op}"


def _wrong_words(call: Call) -> Iterator[str]:
    transposed = call.op == "conv_transpose"
    if isinstance(call.padding, str) and call.padding not in (WORDS_TRANSPOSED if transposed else WORDS):
        yield f"padding {call.padding!r} has no meaning for {call.op}"
    if call.padding == "causal" and call.rank != 1:
        yield "padding 'causal' needs exactly one spatial axis"
    if call.padding_mode not in MODES:
        yield f"padding_mode {call.padding_mode!r} is none of {', '.join(MODES)}"
    if transposed and (call.padding_mode != "zeros" or set(call.input_dilations) != {1}):
        yield "conv_transpose has neither padding_mode nor input_dilations"
    if call.padding_mode != "zeros":
        yield from _wrong_mode(call)


def _wrong_mode(call: Call) -> Iterator[str]:
    for length, pair in zip(call.lengths, call.pairs, strict=True):
        if length == 0 and max(pair) > 0:
            yield f"padding_mode {call.padding_mode!r} has nothing to take from on an empty axis"


def _wrong_channels(call: Call) -> Iterator[str]:
    if call.groups < 1 or (call.op in ("depthwise_conv", "separable_conv") and call.groups != 1):
        yield f"groups {call.groups} has no meaning for {call.op}"
    channels = call.extent("input", "C")
    for stage in call.stages:
        contracted, produced = _channels(stage)
        if contracted != channels:
            yield f"the input of {stage.kernel} has {channels} channels, the kernel takes {contracted}"
        if stage.groups and (channels % stage.groups or produced % stage.groups):
            yield f"{stage.groups} groups do not divide {channels} input and {produced} output channels"
        channels = produced
    if call.op == "separable_conv" and set(call.extents("pointwise_kernel")) != {1}:
        yield "pointwise_kernel has more than one tap"
    if call.bias is not None and call.bias.size != channels:
        yield f"bias has {call.bias.size} elements for {channels} output channels"


def _channels(stage: Stage) -> tuple[int, int]:
    """
    Return how many channels the kernel of a stage takes and how many it produces, all groups together.
    """
    call = stage.call
    if "M" in call.letters(stage.kernel):
        channels = call.extent(stage.kernel, "C")
        return channels, channels * call.extent(stage.kernel, "M")
    contracted, produced = call.extent(stage.kernel, "I"), call.extent(stage.kernel, "O")
    if call.op == "conv_transpose":
        return contracted, produced * stage.groups
    return contracted * stage.groups, produced


def _empty_kernels(stage: Stage) -> Iterator[str]:
    if 0 in stage.window:
        yield "conv_transpose needs a kernel that is not empty"


def _wrong_types(call: Call) -> Iterator[str]:
    output = call.dtype.output or call.dtype.input
    for name in ARRAYS:
        operand = getattr(call.dtype, name)
        if operand is not None and _kind(operand) > _kind(output):
            yield f"sums of {operand} do not fit into {output}"


def _kind(dtype: str) -> int:
    return 0 if is_integer(dtype) else 2 if is_complex(dtype) else 1


def crops(stage: Stage) -> Pairs:
    """
    Return what a transposed convolution takes off each end; output padding gives back at the high one.
    """
    extra = stage.call.output_padding
    return tuple((low, high - more) for (low, high), more in zip(stage.pairs, extra, strict=True))
