"""The checks by which the NumPy target refuses an invalid call, and their messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core import ARRAYS, PADDINGS, TRANSPOSED_PADDINGS, Call, Pairs, Stage, is_complex, is_integer
from .sums import MODES

#: Operation -> the parameters that the operation does not have, with their neutral values.
FOREIGN: Mapping[str, Mapping[str, int | str]] = {
    "conv": {"output_padding": 0},
    "depthwise_conv": {"output_padding": 0, "groups": 1},
    "separable_conv": {"output_padding": 0, "groups": 1},
    "conv_transpose": {"padding_mode": "zeros", "input_dilations": 1},
}


def objections(call: Call) -> Iterator[str]:
    """Yield the reasons why the call is invalid; only the first is reliable, as each check needs the earlier ones."""
    yield from _wrong_ranks(call)
    yield from _wrong_parameters(call)
    yield from _foreign_parameters(call)
    yield from _wrong_windows(call)
    yield from _wrong_channels(call)
    yield from _wrong_types(call)


def _wrong_ranks(call: Call) -> Iterator[str]:
    for name in ARRAYS:
        array = getattr(call, name)
        if array is not None and array.ndim != len(call.letters(name)):
            yield f"{name} has {array.ndim} axes, but its layout {call.letters(name)} has {len(call.letters(name))}"


def _wrong_parameters(call: Call) -> Iterator[str]:
    steps = {name: getattr(call, name) for name in ("strides", "dilations", "input_dilations", "output_padding")}
    pairs = {"padding": call.padding if not isinstance(call.padding, str) else None, "before": call.before}
    for name, values in {**steps, **pairs}.items():
        if values is not None and len(values) != call.rank:
            yield f"{name} has {len(values)} entries for {call.rank} spatial axes"
    for name in ("strides", "dilations", "input_dilations"):
        if min(steps[name]) < 1:
            yield f"{name} must be at least 1, got {steps[name]}"
    if min(call.output_padding) < 0:
        yield f"output_padding must be at least 0, got {call.output_padding}"
    if call.groups < 1:
        yield f"groups must be at least 1, got {call.groups}"


def _foreign_parameters(call: Call) -> Iterator[str]:
    for name, nothing in FOREIGN[call.op].items():
        value = getattr(call, name)
        if set(value if isinstance(value, tuple) else [value]) != {nothing}:
            yield f"{call.op} has no {name}, got {value}"


def _wrong_windows(call: Call) -> Iterator[str]:
    transposed = call.op == "conv_transpose"
    if isinstance(call.padding, str) and call.padding not in (TRANSPOSED_PADDINGS if transposed else PADDINGS):
        yield f"padding {call.padding!r} is not defined for {call.op}"
    if call.padding == "causal" and call.rank != 1:
        yield "padding 'causal' needs exactly one spatial axis"
    if call.padding_mode not in MODES:
        yield f"padding_mode must be one of {', '.join(MODES)}, got {call.padding_mode!r}"
    if transposed and 0 in call.extents("kernel"):
        yield "conv_transpose needs a kernel with at least one tap"


def _wrong_channels(call: Call) -> Iterator[str]:
    channels = call.extent("input", "C")
    for stage in call.stages:
        contracted, produced = _channels(stage)
        if contracted != channels:
            yield f"{stage.kernel} expects {contracted} input channels, got {channels}"
        if stage.groups and (channels % stage.groups or produced % stage.groups):
            yield f"groups={stage.groups} must divide the {channels} input channels and the {produced} output channels"
        channels = produced
    if call.op == "separable_conv" and set(call.extents("pointwise_kernel")) != {1}:
        yield "pointwise_kernel has more than one tap"
    if call.bias is not None and call.bias.size != channels:
        yield f"bias has {call.bias.size} elements for {channels} output channels"


def _channels(stage: Stage) -> tuple[int, int]:
    """Return the numbers of input and of output channels of a stage's kernel, summed over all groups."""
    call = stage.call
    if "M" in call.letters(stage.kernel):
        channels = call.extent(stage.kernel, "C")
        return channels, channels * call.extent(stage.kernel, "M")
    contracted, produced = call.extent(stage.kernel, "I"), call.extent(stage.kernel, "O")
    if call.op == "conv_transpose":
        return contracted, produced * stage.groups
    return contracted * stage.groups, produced


def _wrong_types(call: Call) -> Iterator[str]:
    output = call.dtype.output or call.dtype.input
    for name in ARRAYS:
        operand = getattr(call.dtype, name)
        if operand is not None and _kind(operand) > _kind(output):
            yield f"{name} of {operand} cannot be summed in {output}"


def _kind(dtype: str) -> int:
    return 0 if is_integer(dtype) else 2 if is_complex(dtype) else 1


def crops(stage: Stage) -> Pairs:
    """Return the elements that a transposed convolution removes at each end: (low, high - output padding)."""
    extra = stage.call.output_padding
    return tuple((low, high - more) for (low, high), more in zip(stage.pairs, extra, strict=True))
