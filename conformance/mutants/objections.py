"""The reasons why a call is undefined. Each reason has a name, so that a mutant can ignore a single reason."""

from __future__ import annotations

from collections.abc import Iterator

from ..core import PADDING_MODES, Call, is_complex, is_integer

PADDING_NAMES = {
    "conv": ("valid", "same", "same_lower", "causal", "full"),
    "conv_transpose": ("valid", "same", "same_lower"),
}


def objections(call: Call) -> Iterator[str]:
    """
    Yield the names of the reasons why a call is undefined.

    A check may raise an exception if an earlier check has found a reason.
    """
    for check in (_axes, _entries, _steps, _padding_name, _modes, _groups, _channels, _bias, _kinds):
        yield from check(call)


def _axes(call: Call) -> Iterator[str]:
    for name in ("input", "kernel", "depthwise_kernel", "pointwise_kernel"):
        array = getattr(call, name)
        if array is not None and array.ndim != len(call.letters(name)):
            yield "rank"
    if call.bias is not None and call.bias.ndim != 1:
        yield "bias-rank"


def _entries(call: Call) -> Iterator[str]:
    lists = [call.strides, call.dilations, call.input_dilations, call.output_padding, call.before]
    if not isinstance(call.padding, str):
        lists.append(call.padding)
    if any(entries is not None and len(entries) != call.rank for entries in lists):
        yield "entries"


def _steps(call: Call) -> Iterator[str]:
    if min(call.strides) < 1:
        yield "stride"
    if min(call.dilations) < 1:
        yield "dilation"
    if min(call.input_dilations) < 1:
        yield "input-dilation"
    if min(call.output_padding) < 0:
        yield "output-padding"
    if any(call.output_padding) and (call.op != "conv_transpose" or isinstance(call.padding, str)):
        yield "output-padding"


def _padding_name(call: Call) -> Iterator[str]:
    if not isinstance(call.padding, str):
        return
    known = PADDING_NAMES["conv_transpose" if call.op == "conv_transpose" else "conv"]
    if call.padding not in known:
        yield "word"
    if call.padding == "causal" and call.rank != 1:
        yield "causal-rank"


def _modes(call: Call) -> Iterator[str]:
    if call.padding_mode not in PADDING_MODES:
        yield "mode"
    if call.op == "conv_transpose" and (call.padding_mode != "zeros" or max(call.input_dilations) > 1):
        yield "transposed-extras"
    if call.op == "conv_transpose" and 0 in call.extents("kernel"):
        yield "transposed-empty-kernel"


def _groups(call: Call) -> Iterator[str]:
    if call.groups < 1 or (call.groups > 1 and call.op in ("depthwise_conv", "separable_conv")):
        yield "groups"
        return
    produced = call.extent("kernel", "O") if call.op == "conv" else 0
    if call.extent("input", "C") % call.groups or produced % call.groups:
        yield "groups"


def _channels(call: Call) -> Iterator[str]:
    channels = call.extent("input", "C")
    if call.op == "conv" and call.extent("kernel", "I") * call.groups != channels:
        yield "channels"
    if call.op == "conv_transpose" and call.extent("kernel", "I") != channels:
        yield "channels"
    if call.op == "depthwise_conv" and call.extent("kernel", "C") != channels:
        yield "channels"
    if call.op == "separable_conv":
        yield from _stages(call, channels)


def _stages(call: Call, channels: int) -> Iterator[str]:
    if call.extent("depthwise_kernel", "C") != channels:
        yield "channels"
    between = channels * call.extent("depthwise_kernel", "M")
    if call.extent("pointwise_kernel", "I") != between or set(call.extents("pointwise_kernel")) != {1}:
        yield "pointwise"


def _bias(call: Call) -> Iterator[str]:
    if call.bias is not None and call.bias.shape != (produced(call),):
        yield "bias"


def produced(call: Call) -> int:
    """Return the number of output channels of a call."""
    if call.op == "depthwise_conv":
        return call.extent("kernel", "C") * call.extent("kernel", "M")
    if call.op == "separable_conv":
        return call.extent("pointwise_kernel", "O")
    return call.extent("kernel", "O") * (call.groups if call.op == "conv_transpose" else 1)


def _kinds(call: Call) -> Iterator[str]:
    output = _kind(call.dtype.output or call.dtype.input)
    operands = [call.dtype.input, call.dtype.kernel, call.dtype.depthwise_kernel, call.dtype.pointwise_kernel]
    if any(_kind(name) > output for name in (*operands, call.dtype.bias) if name):
        yield "kinds"


def _kind(dtype: str) -> int:
    return 0 if is_integer(dtype) else 2 if is_complex(dtype) else 1
