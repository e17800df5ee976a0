"""
Mechanical mutators: each makes one thing about a call wrong, or another, without knowing what the call is about.

A mutator is applied to every accepted literal case; `derivation` says what is then expected, by rule.
The page docs/reference/mutators.md is written from the table below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from ..core import ARRAYS, Array, Call, is_complex, is_integer, numpy_type

#: Returns the changed call, None where the change cannot be made to this call.
Change: TypeAlias = "Callable[[Call], Call | None]"

#: A word that no framework knows, for padding and for what stands in it.
UNKNOWN_WORD = "sideways"
#: The dtype that stands for another: of the same kind, so that the output's may stay; wider, so that values may.
ANOTHER = {
    "float8_e4m3fn": "float32",
    "float8_e5m2": "float32",
    "float16": "float32",
    "bfloat16": "float32",
    "float32": "float64",
    "float64": "float32",
    "int8": "int16",
    "int16": "int32",
    "int32": "int64",
    "int64": "int32",
    "uint8": "uint16",
    "uint16": "uint32",
    "uint32": "uint64",
    "uint64": "uint32",
    "complex64": "complex128",
    "complex128": "complex64",
}
FORWARD = ("conv", "depthwise_conv", "separable_conv")
BY_CHANNEL = ("depthwise_conv", "separable_conv")


@dataclass(frozen=True, kw_only=True)
class Mutator:
    """
    One change, by name.

    `does` says what it changes; `clause` is the one under which the changed call is refused where it has no meaning,
    empty where it always has one; `legal` says when it has one, empty for never;
    `choice` is a clause that leaves it open then, besides those whose rules hold.
    """

    name: str
    does: str
    change: Change
    clause: str = ""
    legal: str = ""
    choice: str = ""


def _with(call: Call, name: str, value: Any) -> Call:
    fields: dict[str, Any] = {name: value}
    return replace(call, **fields)


def _with_array(call: Call, name: str, array: Array) -> Call:
    """Replace an array; the new one is contiguous, for how the old one lay may make no sense of it."""
    storage: dict[str, Any] = {name: "contiguous"}
    return _with(replace(call, storage=replace(call.storage, **storage)), name, array)


def _kernels(call: Call) -> Iterator[str]:
    return (name for name in ARRAYS if "kernel" in name and getattr(call, name) is not None)


def _main_kernel(call: Call) -> str:
    return call.stages[0].kernel


def _lengthened(call: Call, name: str, letter: str) -> Call:
    """Add one element to an axis, of ones: an implementation that reads it shows."""
    array = call.array(name)
    at = call.letters(name).index(letter)
    one = np.ones([1 if axis == at else size for axis, size in enumerate(array.shape)], array.dtype)
    return _with_array(call, name, np.concatenate([array, one], axis=at))


def _shortened(call: Call, name: str, letter: str, to: int | None = None) -> Call | None:
    """Take the last element off an axis, or all from `to` on; None where nothing would be left."""
    size = call.extent(name, letter)
    left = size - 1 if to is None else to
    if not 0 < left < size:
        return None
    at = call.letters(name).index(letter)
    return _with_array(call, name, call.array(name).take(range(left), axis=at))


def _kernel_axis_dropped(call: Call) -> Call | None:
    kernel = call.array(_main_kernel(call))
    return _with_array(call, _main_kernel(call), kernel[0]) if kernel.shape[0] else None


def _kernel_axis_added(call: Call) -> Call:
    return _with_array(call, _main_kernel(call), call.array(_main_kernel(call))[None])


def _bias_axis_added(call: Call) -> Call | None:
    return None if call.bias is None else _with_array(call, "bias", call.bias[None])


def _resized(op: tuple[str, ...], name: str, letter: str, resize: Callable[[Call, str, str], Call | None]) -> Change:
    """Return the change of one axis of one array, `kernel` for the first of a separable convolution too."""

    def change(call: Call) -> Call | None:
        if call.op not in op:
            return None
        return resize(call, _main_kernel(call) if name == "kernel" else name, letter)

    return change


def _pointwise_tap_added(call: Call) -> Call | None:
    return _lengthened(call, "pointwise_kernel", call.spatial[-1]) if call.op == "separable_conv" else None


def _bias_lengthened(call: Call) -> Call | None:
    return None if call.bias is None else _lengthened(call, "bias", "O")


def _bias_shortened(call: Call) -> Call | None:
    return None if call.bias is None else _shortened(call, "bias", "O")


def _in_groups(call: Call, groups: int) -> Call | None:
    """Ask for groups with a kernel of as many input channels as one of them has, rounded down; None for none."""
    if call.op == "conv_transpose":
        return replace(call, groups=groups)
    left = call.extent("input", "C") // groups
    cut = call if left == call.extent("kernel", "I") else _shortened(call, "kernel", "I", left)
    return None if cut is None else replace(cut, groups=groups)


def _groups_beside_channels(call: Call) -> Call | None:
    """Take the least groups that divide the filters and not the channels, else the least that divide no channels."""
    if call.op not in ("conv", "conv_transpose") or call.groups != 1:
        return None
    channels, filters = call.extent("input", "C"), call.extent("kernel", "O")
    beside = [groups for groups in range(2, channels) if channels % groups]
    if call.op == "conv":
        beside.sort(key=lambda groups: filters % groups != 0)
    return _in_groups(call, beside[0]) if beside else None


def _groups_beside_filters(call: Call) -> Call | None:
    if call.op != "conv" or call.groups != 1:
        return None
    channels, filters = call.extent("input", "C"), call.extent("kernel", "O")
    beside = (groups for groups in range(2, channels + 1) if not channels % groups and filters % groups)
    return _in_groups(call, groups) if (groups := next(beside, 0)) else None


def _groups_doubled(op: str) -> Change:
    def change(call: Call) -> Call | None:
        has_length_of_its_own = op == "conv_transpose" and call.bias is not None
        is_empty = not call.extent("input", "C")
        if call.op != op or has_length_of_its_own or is_empty:
            return None
        return replace(call, groups=2 * call.groups)

    return change


def _groups(groups: int) -> Change:
    return lambda call: None if call.op in BY_CHANNEL else replace(call, groups=groups)


def _last(name: str, value: int, op: tuple[str, ...] = (*FORWARD, "conv_transpose")) -> Change:
    """Return the change of a parameter along the last spatial axis alone."""

    def change(call: Call) -> Call | None:
        if call.op not in op:
            return None
        return _with(call, name, (*getattr(call, name)[:-1], value))

    return change


def _output_padding_negative(call: Call) -> Call | None:
    """Speak of pairs alone: beside a word an output padding has no meaning anyway."""
    is_said = call.op == "conv_transpose" and not isinstance(call.padding, str)
    return _last("output_padding", -1)(call) if is_said else None


def _one_less(name: str) -> Change:
    """Return the change that leaves no entry, or two; one alone may stand for every axis."""
    return lambda call: None if call.rank == 2 else _with(call, name, getattr(call, name)[:-1])


def _one_more(name: str) -> Change:
    return lambda call: _with(call, name, (*getattr(call, name), 1))


def _pair_less(call: Call) -> Call | None:
    return None if call.rank == 2 else replace(call, padding=call.pairs[:-1])


def _pair_more(call: Call) -> Call:
    return replace(call, padding=(*call.pairs, (0, 0)))


def _output_padding_more(call: Call) -> Call | None:
    is_said = call.op == "conv_transpose" and not isinstance(call.padding, str)
    return replace(call, output_padding=(*call.output_padding, 0)) if is_said else None


def _unknown_padding(call: Call) -> Call | None:
    # An output padding beside a word would be a second fault.
    return None if any(call.output_padding) else replace(call, padding=UNKNOWN_WORD)


def _unknown_mode(call: Call) -> Call:
    return replace(call, padding_mode=UNKNOWN_WORD)


def _causal(call: Call) -> Call | None:
    is_without_meaning = call.op in FORWARD and call.rank > 1 and call.padding_mode == "zeros"
    return replace(call, padding="causal") if is_without_meaning else None


def _causal_transposed(call: Call) -> Call | None:
    is_without_meaning = call.op == "conv_transpose" and not any(call.output_padding)
    return replace(call, padding="causal") if is_without_meaning else None


def _in_dtype(call: Call, dtypes: Mapping[str, str]) -> Call:
    """Convert arrays; a complex number becomes its real part in a real dtype."""
    for name, dtype in dtypes.items():
        array = call.array(name)
        real = array.real if array.dtype.kind == "c" and not is_complex(dtype) else array
        with np.errstate(all="ignore"):
            call = _with_array(call, name, real.astype(numpy_type(dtype)))
    fields: dict[str, Any] = dict(dtypes)
    return replace(call, dtype=replace(call.dtype, **fields))


def _kernel_dtype(call: Call) -> Call:
    dtype = ANOTHER[call.dtype.input]
    return _in_dtype(call, dict.fromkeys(_kernels(call), dtype))


def _bias_dtype(call: Call) -> Call | None:
    return None if call.bias is None else _in_dtype(call, {"bias": ANOTHER[call.dtype.bias or call.dtype.input]})


def _kernel_complex(call: Call) -> Call | None:
    if is_complex(call.dtype.output or call.dtype.input):
        return None
    return _in_dtype(call, dict.fromkeys(_kernels(call), "complex64"))


def _output_integer(call: Call) -> Call | None:
    if is_integer(call.dtype.input):
        return None
    return replace(call, dtype=replace(call.dtype, output="int32"))


_TRANSPOSED = ("conv_transpose",)
_PLAIN = ("conv", "conv_transpose")

_EVERY = (
    Mutator(
        name="kernel-axis-dropped",
        does="The kernel, the first of a separable convolution, loses its outermost axis.",
        change=_kernel_axis_dropped,
        clause="REFUSE-1",
    ),
    Mutator(
        name="kernel-axis-added",
        does="The kernel, the first of a separable convolution, gets an axis of one element in front.",
        change=_kernel_axis_added,
        clause="REFUSE-1",
    ),
    Mutator(
        name="kernel-channel-added",
        does="The kernel contracts one input channel more.",
        change=_resized(_PLAIN, "kernel", "I", _lengthened),
        clause="REFUSE-2",
    ),
    Mutator(
        name="kernel-channel-dropped",
        does="The kernel contracts one input channel less, where one is left.",
        change=_resized(_PLAIN, "kernel", "I", _shortened),
        clause="REFUSE-2",
    ),
    Mutator(
        name="depthwise-channel-added",
        does="The kernel of a depthwise stage has one channel more than the input.",
        change=_resized(BY_CHANNEL, "kernel", "C", _lengthened),
        clause="REFUSE-2",
    ),
    Mutator(
        name="depthwise-channel-dropped",
        does="The kernel of a depthwise stage has one channel less than the input, where one is left.",
        change=_resized(BY_CHANNEL, "kernel", "C", _shortened),
        clause="REFUSE-2",
    ),
    Mutator(
        name="pointwise-channel-added",
        does="The pointwise kernel contracts one channel more than the depthwise stage gives.",
        change=_resized(("separable_conv",), "pointwise_kernel", "I", _lengthened),
        clause="REFUSE-13",
    ),
    Mutator(
        name="pointwise-channel-dropped",
        does="The pointwise kernel contracts one channel less than the depthwise stage gives, where one is left.",
        change=_resized(("separable_conv",), "pointwise_kernel", "I", _shortened),
        clause="REFUSE-13",
    ),
    Mutator(
        name="pointwise-tap-added",
        does="The pointwise kernel has two taps along the last spatial axis.",
        change=_pointwise_tap_added,
        clause="REFUSE-13",
    ),
    Mutator(
        name="bias-element-added",
        does="The bias has one element more than there are output channels.",
        change=_bias_lengthened,
        clause="REFUSE-6",
    ),
    Mutator(
        name="bias-element-dropped",
        does="The bias has one element less than there are output channels, where one is left.",
        change=_bias_shortened,
        clause="REFUSE-6",
    ),
    Mutator(
        name="bias-axis-added",
        does="The bias gets an axis of one element in front.",
        change=_bias_axis_added,
        clause="REFUSE-12",
    ),
    Mutator(
        name="groups-beside-channels",
        does="There are groups that do not divide the input channels, and a kernel that would fit rounded down.",
        change=_groups_beside_channels,
        clause="REFUSE-3",
    ),
    Mutator(
        name="groups-beside-filters",
        does="There are groups that divide the input channels and not the filters, and a kernel for them.",
        change=_groups_beside_filters,
        clause="REFUSE-3",
    ),
    Mutator(
        name="groups-doubled",
        does="There are twice as many groups, and the same kernel.",
        change=_groups_doubled("conv"),
        clause="REFUSE-2",
    ),
    Mutator(
        name="groups-doubled-transposed",
        does="There are twice as many groups in a transposed convolution without a bias, and the same kernel.",
        change=_groups_doubled("conv_transpose"),
        clause="REFUSE-3",
        legal="They divide the input channels: the kernel has all of these, and the output twice as many channels.",
    ),
    Mutator(name="groups-zero", does="There are no groups.", change=_groups(0), clause="REFUSE-3"),
    Mutator(name="groups-negative", does="There is minus one group.", change=_groups(-1), clause="REFUSE-3"),
    Mutator(
        name="stride-zero",
        does="The stride of the last spatial axis is 0.",
        change=_last("strides", 0),
        clause="REFUSE-4",
    ),
    Mutator(
        name="stride-negative",
        does="The stride of the last spatial axis is -1.",
        change=_last("strides", -1),
        clause="REFUSE-4",
    ),
    Mutator(
        name="dilation-zero",
        does="The dilation of the last spatial axis is 0.",
        change=_last("dilations", 0),
        clause="REFUSE-5",
    ),
    Mutator(
        name="dilation-negative",
        does="The dilation of the last spatial axis is -1.",
        change=_last("dilations", -1),
        clause="REFUSE-5",
    ),
    Mutator(
        name="input-dilation-zero",
        does="The input dilation of the last spatial axis is 0.",
        change=_last("input_dilations", 0, FORWARD),
        clause="REFUSE-10",
    ),
    Mutator(
        name="output-padding-negative",
        does="The output padding of the last spatial axis is -1, beside padding in pairs.",
        change=_output_padding_negative,
        clause="REFUSE-7",
    ),
    Mutator(
        name="strides-too-few",
        does="The strides lack their last entry, in one spatial axis or in three.",
        change=_one_less("strides"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="strides-too-many",
        does="The strides have one entry more, a 1.",
        change=_one_more("strides"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="dilations-too-few",
        does="The dilations lack their last entry, in one spatial axis or in three.",
        change=_one_less("dilations"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="dilations-too-many",
        does="The dilations have one entry more, a 1.",
        change=_one_more("dilations"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="pads-too-few",
        does="The padding, in pairs, lacks the last one, in one spatial axis or in three.",
        change=_pair_less,
        clause="REFUSE-8",
    ),
    Mutator(
        name="pads-too-many",
        does="The padding, in pairs, has one more, of zeros.",
        change=_pair_more,
        clause="REFUSE-8",
    ),
    Mutator(
        name="output-paddings-too-many",
        does="The output padding has one entry more, a 0, beside padding in pairs.",
        change=_output_padding_more,
        clause="REFUSE-8",
    ),
    Mutator(
        name="padding-word-unknown",
        does=f"The padding is the word `{UNKNOWN_WORD}`.",
        change=_unknown_padding,
        clause="REFUSE-9",
    ),
    Mutator(
        name="padding-mode-unknown",
        does=f"The padding mode is the word `{UNKNOWN_WORD}`.",
        change=_unknown_mode,
        clause="REFUSE-9",
    ),
    Mutator(
        name="causal-in-several-axes",
        does="The padding is `causal`, with more than one spatial axis.",
        change=_causal,
        clause="REFUSE-11",
    ),
    Mutator(
        name="causal-transposed",
        does="The padding of a transposed convolution is `causal`.",
        change=_causal_transposed,
        clause="REFUSE-9",
    ),
    Mutator(
        name="kernel-dtype",
        does="Every kernel has another dtype than the input, of the same kind: wider, or else narrower.",
        change=_kernel_dtype,
        legal="Always: the arrays are multiplied as they are, and the output keeps its dtype.",
        choice="DTYPE-2",
    ),
    Mutator(
        name="bias-dtype",
        does="The bias has another dtype, of the same kind: wider, or else narrower.",
        change=_bias_dtype,
        legal="Always: the bias is added as it is, and the output keeps its dtype.",
        choice="DTYPE-2",
    ),
    Mutator(
        name="kernel-complex",
        does="Every kernel is complex64, and the output is real.",
        change=_kernel_complex,
        clause="REFUSE-14",
    ),
    Mutator(
        name="output-integer",
        does="The output is int32, and the input is not of integers.",
        change=_output_integer,
        clause="REFUSE-14",
    ),
)
#: Every mutator by its name.
MUTATORS: Mapping[str, Mutator] = {mutator.name: mutator for mutator in _EVERY}


def patched(call: Call, patch: Mapping[str, Any]) -> Call:
    """
    Return a call with other values of some keys, as clauses write them: `strides: 1`, `padding: valid`, `dtype`.

    One dtype is that of every array and of the output.
    """
    fields: dict[str, Any] = {}
    for key, value in patch.items():
        if key == "dtype":
            call = _in_dtype(call, {name: value["input"] for name in ARRAYS if getattr(call, name) is not None})
            call = replace(call, dtype=replace(call.dtype, output=value["input"]))
        elif key == "padding":
            fields[key] = ((value, value),) * call.rank if isinstance(value, int) else value
        else:
            fields[key] = (value,) * call.rank if isinstance(value, int) else value
    return replace(call, **fields)
