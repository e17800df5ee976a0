"""Checks that reject calls without a defined result before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping

from ..core import ARRAYS, FLOATS, PADDING_MODES, PADDINGS, SWITCHES, Array, Call, is_complex, is_integer, numpy_type

OPS = ("conv", "depthwise_conv", "separable_conv", "conv_transpose")


class Undefined(Exception):
    """Raised for a call without a defined result. The message states the reason."""


def check_call(call: Call, switches: Collection[str] = frozenset()) -> None:
    """
    Raise `Undefined` unless the sizes, parameters and dtypes of a call are consistent.

    Each formulation checks the sizes that it derives, such as the length of a padded axis.

    Raises:
        Undefined: if the call has no defined result.
        ValueError: for an unknown switch.

    """
    if unknown := set(switches) - {*SWITCHES}:
        raise ValueError(f"unknown switches of the reference: {', '.join(sorted(unknown))}")
    for reason in _reasons(call):
        raise Undefined(reason)


def check_gradients(call: Call, switches: Collection[str] = frozenset()) -> None:
    """
    Raise `Undefined` unless the call has a defined result and all its arrays have real floating-point dtypes.

    Raises:
        Undefined: if the call has no defined gradients.
        ValueError: for an unknown switch.

    """
    check_call(call, switches)
    for name in ("output", *(name for name in ARRAYS if getattr(call, name) is not None)):
        dtype = getattr(call.dtype, name) or call.dtype.input
        if dtype not in FLOATS:
            raise Undefined(f"gradients need real floating-point dtypes, but {name} is {dtype}")


def of_sums(switches: Collection[str]) -> frozenset[str]:
    """Return `switches` without `operands-…`, which round factors and do not apply to sums without products."""
    return frozenset(switch for switch in switches if not switch.startswith("operands-"))


def check_fit(call: Call, name: str, array: Array, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `array` has the given shape and the dtype of the call's array or output `name`."""
    dtype = getattr(call.dtype, name) or call.dtype.input
    if (array.dtype, array.shape) != (numpy_type(dtype), shape):
        raise ValueError(f"expected {dtype} {shape} like {name}, got {array.dtype} {array.shape}")


def check_directions(call: Call, directions: Mapping[str, Array], switches: Collection[str]) -> None:
    """Raise `Undefined` or ValueError unless `second_order` is defined for this call and these directions."""
    check_gradients(call, switches)
    if call.op == "separable_conv":
        raise Undefined("second_order is not defined for separable_conv")
    if {"input", "kernel"} - {*directions} or {*directions} - {"input", "kernel", "bias"}:
        names = ", ".join(directions) or "none"
        raise ValueError(f"directions must be given for input, kernel and, optionally, bias; got {names}")
    if "bias" in directions and call.bias is None:
        raise ValueError("bias has a direction, but the call has no bias")
    for name, direction in directions.items():
        check_fit(call, name, direction, call.array(name).shape)


def _reasons(call: Call) -> Iterator[str]:
    if call.op not in OPS or call.rank not in (1, 2, 3):
        yield f"unknown operation {call.op} of rank {call.rank}"
    for name, letters in _expected(call).items():
        yield from _array(call, name, letters)
    yield from _parameters(call)
    yield from _padding(call)
    yield from _transposed(call) if call.op == "conv_transpose" else _forward(call)
    yield from _channels(call)
    yield from _dtypes(call)


def _expected(call: Call) -> dict[str, str]:
    # The axis letters of each array that the call needs.
    expected = {"input": f"N{call.spatial}C"}
    if call.op == "separable_conv":
        return {**expected, "depthwise_kernel": f"{call.spatial}CM", "pointwise_kernel": f"{call.spatial}IO"}
    return {**expected, "kernel": f"{call.spatial}{'CM' if call.op == 'depthwise_conv' else 'IO'}"}


def _array(call: Call, name: str, letters: str) -> Iterator[str]:
    array, layout = getattr(call, name), getattr(call.layout, name)
    if array is None or layout is None:
        yield f"{call.op} needs {name} and its layout"
    elif sorted(layout) != sorted(letters) or array.ndim != len(letters):
        yield f"{name} has layout {layout} and {array.ndim} axes, but must have the axes {letters}"


def _parameters(call: Call) -> Iterator[str]:
    for name in ("strides", "dilations", "input_dilations", "output_padding"):
        values = getattr(call, name)
        if len(values) != call.rank:
            yield f"{name} has {len(values)} entries for {call.rank} spatial axes"
        least = 0 if name == "output_padding" else 1
        if min(values) < least:
            yield f"{name} must be at least {least}, not {min(values)}"
    if call.groups < 1:
        yield f"groups must be at least 1, not {call.groups}"


def _padding(call: Call) -> Iterator[str]:
    if call.padding_mode not in PADDING_MODES:
        yield f"unknown padding_mode {call.padding_mode}"
    if isinstance(call.padding, str):
        if call.padding not in PADDINGS:
            yield f"unknown padding {call.padding}"
        return
    if len(call.padding) != call.rank:
        yield f"padding has {len(call.padding)} pairs for {call.rank} spatial axes"
    if call.padding_mode != "zeros" and any(min(pair) < 0 for pair in call.padding):
        yield f"padding_mode {call.padding_mode} cannot be combined with negative padding"


def _forward(call: Call) -> Iterator[str]:
    if any(call.output_padding):
        yield f"{call.op} does not accept output_padding"
    if call.padding == "causal" and call.rank != 1:
        yield "causal padding requires a single spatial axis"
    if call.padding_mode != "zeros" and max(call.input_dilations) > 1:
        yield f"padding_mode {call.padding_mode} cannot be combined with input_dilations above 1"


def _transposed(call: Call) -> Iterator[str]:
    if call.padding in ("causal", "full"):
        yield f"conv_transpose does not accept {call.padding} padding"
    if call.padding_mode != "zeros" or max(call.input_dilations) > 1:
        yield "conv_transpose does not accept padding_mode or input_dilations"
    if isinstance(call.padding, str) and any(call.output_padding):
        yield f"output_padding cannot be combined with padding: {call.padding}"
    if 0 in call.extents("kernel"):
        yield "conv_transpose needs a kernel with at least one tap in each axis"


def _channels(call: Call) -> Iterator[str]:
    channels = call.extent("input", "C")
    by_channel = call.op in ("depthwise_conv", "separable_conv")
    produced = yield from _depthwise(call, channels) if by_channel else _grouped(call, channels)
    if call.bias is not None and call.bias.shape != (produced,):
        yield f"bias must have shape {(produced,)}, not {call.bias.shape}"


def _grouped(call: Call, channels: int) -> Generator[str, None, int]:  # returns the number of output channels
    groups, contracted, produced = call.groups, call.extent("kernel", "I"), call.extent("kernel", "O")
    transposed = call.op == "conv_transpose"
    if channels % groups:
        yield f"groups={groups} must divide the {channels} input channels"
    if not transposed and produced % groups:
        yield f"groups={groups} must divide the {produced} filters"
    needed = channels if transposed else channels // groups
    if contracted != needed:
        yield f"the kernel has I = {contracted}, but {channels} input channels and groups={groups} need I = {needed}"
    return produced * groups if transposed else produced


def _depthwise(call: Call, channels: int) -> Generator[str, None, int]:  # returns the number of output channels
    kernel = "kernel" if call.op == "depthwise_conv" else "depthwise_kernel"
    produced = channels * call.extent(kernel, "M")
    if call.groups != 1:
        yield f"{call.op} does not accept groups"
    if call.extent(kernel, "C") != channels:
        yield f"{kernel} has C = {call.extent(kernel, 'C')}, but the input has {channels} channels"
    if call.op == "depthwise_conv":
        return produced
    if set(call.extents("pointwise_kernel")) != {1}:
        yield f"pointwise_kernel must have one tap in each axis, not {call.extents('pointwise_kernel')}"
    if call.extent("pointwise_kernel", "I") != produced:
        yield f"pointwise_kernel has I = {call.extent('pointwise_kernel', 'I')}, but must have I = C * M = {produced}"
    return call.extent("pointwise_kernel", "O")


def _dtypes(call: Call) -> Iterator[str]:
    output = call.dtype.output or call.dtype.input
    arrays = [name for name in ARRAYS if getattr(call, name) is not None]
    names = [getattr(call.dtype, name) or call.dtype.input for name in arrays]
    if is_integer(output) and not all(map(is_integer, names)):
        yield f"the output cannot be {output} if the arrays are {', '.join(names)}"
    if not is_complex(output) and any(map(is_complex, names)):
        yield f"the output cannot be {output} if the arrays are {', '.join(names)}"
