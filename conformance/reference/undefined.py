"""Calls without a meaning, told from the others before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping

from ..core import ARRAYS, FLOATS, Array, Call, is_complex, is_integer, numpy_type

OPS = ("conv", "depthwise_conv", "separable_conv", "conv_transpose")
WORDS = ("valid", "same", "same_lower", "causal", "full")
#: Alternatives of implementation-defined clauses that the reference computes.
SWITCHES = frozenset(
    {
        "trailing-zeros",
        "dilated-nothing",
        "padding-skipped",
        "zeros-multiplied",
        "zero-start",
        "flush-subnormals",
        "operands-8-bits",
        "operands-11-bits",
        "operands-16-bits",
        "operands-float16",
    }
)
MODES = ("zeros", "reflect", "replicate", "circular")


class Undefined(Exception):
    """Raised for a call that has no result; the text says why."""


def check_call(call: Call, switches: Collection[str] = frozenset()) -> None:
    """
    Raise `Undefined` unless the sizes, parameters and dtypes of a call go together.

    Extents that follow from the sizes are left to the formulations.

    Raises:
        Undefined: for a call without a meaning.
        ValueError: for a switch that is none.

    """
    if unknown := set(switches) - SWITCHES:
        raise ValueError(f"no switches of the reference: {', '.join(sorted(unknown))}")
    for reason in _reasons(call):
        raise Undefined(reason)


def check_gradients(call: Call, switches: Collection[str] = frozenset()) -> None:
    """
    Raise `Undefined` unless a call has a meaning and all its arrays are of real floating numbers.

    Raises:
        Undefined: for a call without gradients.
        ValueError: for a switch that is none.

    """
    check_call(call, switches)
    for name in ("output", *(name for name in ARRAYS if getattr(call, name) is not None)):
        dtype = getattr(call.dtype, name) or call.dtype.input
        if dtype not in FLOATS:
            raise Undefined(f"no gradients where {name} is {dtype}")


def of_sums(switches: Collection[str]) -> frozenset[str]:
    """Return the switches that hold for what is added up and not multiplied, the operands of products apart."""
    return frozenset(switch for switch in switches if not switch.startswith("operands-"))


def check_fit(call: Call, name: str, array: Array, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `array` has the dtype that the array called `name` has in the call, and `shape`."""
    dtype = getattr(call.dtype, name) or call.dtype.input
    if (array.dtype, array.shape) != (numpy_type(dtype), shape):
        raise ValueError(f"{array.dtype} {array.shape} where {name} is {dtype} {shape}")


def check_directions(call: Call, directions: Mapping[str, Array], switches: Collection[str]) -> None:
    """Raise `Undefined` or ValueError unless `second_order` has a meaning."""
    check_gradients(call, switches)
    if call.op == "separable_conv":
        raise Undefined("no second order of a separable_conv")
    if {"input", "kernel"} - {*directions} or {*directions} - {"input", "kernel", "bias"}:
        raise ValueError(f"directions are of input, kernel and bias, not of {', '.join(directions) or 'nothing'}")
    if "bias" in directions and call.bias is None:
        raise ValueError("a direction of bias for a call without one")
    for name, direction in directions.items():
        check_fit(call, name, direction, call.array(name).shape)


def _reasons(call: Call) -> Iterator[str]:
    if call.op not in OPS or call.rank not in (1, 2, 3):
        yield f"there is no {call.op} of rank {call.rank}"
    for name, letters in _expected(call).items():
        yield from _array(call, name, letters)
    yield from _parameters(call)
    yield from _padding(call)
    yield from _transposed(call) if call.op == "conv_transpose" else _forward(call)
    yield from _channels(call)
    yield from _dtypes(call)


def _expected(call: Call) -> dict[str, str]:
    # The axis letters of each array that the call must have.
    expected = {"input": f"N{call.spatial}C"}
    if call.op == "separable_conv":
        return {**expected, "depthwise_kernel": f"{call.spatial}CM", "pointwise_kernel": f"{call.spatial}IO"}
    return {**expected, "kernel": f"{call.spatial}{'CM' if call.op == 'depthwise_conv' else 'IO'}"}


def _array(call: Call, name: str, letters: str) -> Iterator[str]:
    array, layout = getattr(call, name), getattr(call.layout, name)
    if array is None or layout is None:
        yield f"a {call.op} without {name}"
    elif sorted(layout) != sorted(letters) or array.ndim != len(letters):
        yield f"{name} has the layout {layout} and {array.ndim} axes, not those of {letters}"


def _parameters(call: Call) -> Iterator[str]:
    for name in ("strides", "dilations", "input_dilations", "output_padding"):
        values = getattr(call, name)
        if len(values) != call.rank:
            yield f"{name} has {len(values)} entries for {call.rank} spatial axes"
        if min(values) < (0 if name == "output_padding" else 1):
            yield f"{name} is {min(values)}"
    if call.groups < 1:
        yield f"groups is {call.groups}"


def _padding(call: Call) -> Iterator[str]:
    if call.padding_mode not in MODES:
        yield f"there is no padding mode {call.padding_mode}"
    if isinstance(call.padding, str):
        if call.padding not in WORDS:
            yield f"there is no padding {call.padding}"
        return
    if len(call.padding) != call.rank:
        yield f"padding has {len(call.padding)} pairs for {call.rank} spatial axes"
    if call.padding_mode != "zeros" and any(min(pair) < 0 for pair in call.padding):
        yield f"padding_mode {call.padding_mode} with negative padding"


def _forward(call: Call) -> Iterator[str]:
    if any(call.output_padding):
        yield f"output_padding belongs to conv_transpose, not to {call.op}"
    if call.padding == "causal" and call.rank != 1:
        yield "causal padding is for one spatial axis"
    if call.padding_mode != "zeros" and max(call.input_dilations) > 1:
        yield f"padding_mode {call.padding_mode} with input_dilations"


def _transposed(call: Call) -> Iterator[str]:
    if call.padding in ("causal", "full"):
        yield f"conv_transpose has no {call.padding} padding"
    if call.padding_mode != "zeros" or max(call.input_dilations) > 1:
        yield "conv_transpose has no padding_mode and no input_dilations"
    if isinstance(call.padding, str) and any(call.output_padding):
        yield "output_padding beside a padding word"
    if 0 in call.extents("kernel"):
        yield "conv_transpose with an empty kernel"


def _channels(call: Call) -> Iterator[str]:
    channels = call.extent("input", "C")
    by_channel = call.op in ("depthwise_conv", "separable_conv")
    produced = yield from _depthwise(call, channels) if by_channel else _grouped(call, channels)
    if call.bias is not None and call.bias.shape != (produced,):
        yield f"a bias of shape {call.bias.shape} for {produced} output channels"


def _grouped(call: Call, channels: int) -> Generator[str, None, int]:  # returns the channels produced
    groups, contracted, produced = call.groups, call.extent("kernel", "I"), call.extent("kernel", "O")
    transposed = call.op == "conv_transpose"
    if channels % groups or (not transposed and produced % groups):
        yield f"{groups} groups do not divide {channels} input and {produced} output channels"
    if contracted != (channels if transposed else channels // groups):
        yield f"the kernel contracts {contracted} of {channels} channels in {groups} groups"
    return produced * groups if transposed else produced


def _depthwise(call: Call, channels: int) -> Generator[str, None, int]:  # returns the channels produced
    kernel = "kernel" if call.op == "depthwise_conv" else "depthwise_kernel"
    produced = channels * call.extent(kernel, "M")
    if call.groups != 1:
        yield f"{call.op} takes no groups"
    if call.extent(kernel, "C") != channels:
        yield f"a {kernel} for {call.extent(kernel, 'C')} channels meets {channels}"
    if call.op == "depthwise_conv":
        return produced
    if set(call.extents("pointwise_kernel")) != {1}:
        yield f"the pointwise_kernel extends over {call.extents('pointwise_kernel')}"
    if call.extent("pointwise_kernel", "I") != produced:
        yield f"the pointwise_kernel contracts {call.extent('pointwise_kernel', 'I')} of {produced} channels"
    return call.extent("pointwise_kernel", "O")


def _dtypes(call: Call) -> Iterator[str]:
    output = call.dtype.output or call.dtype.input
    arrays = [name for name in ARRAYS if getattr(call, name) is not None]
    names = [getattr(call.dtype, name) or call.dtype.input for name in arrays]
    if is_integer(output) and not all(map(is_integer, names)):
        yield f"an output of {output} from {', '.join(names)}"
    if not is_complex(output) and any(map(is_complex, names)):
        yield f"an output of {output} from {', '.join(names)}"
