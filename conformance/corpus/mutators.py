"""
Mutators: mechanical changes of one part of a call, independent of what the case tests.

Every mutator is applied to every accepted literal case; `mutated_cases` derives the expectation of the changed call.
The page docs/reference/mutators.md is generated from the table below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from ..core import ARRAYS, Array, Call, is_complex, is_integer, numpy_type

#: Returns the changed call, or None if the change does not apply to the call.
Change: TypeAlias = "Callable[[Call], Call | None]"

#: A word that no framework accepts as padding or as padding mode.
UNKNOWN_WORD = "sideways"
#: For each dtype, the dtype that replaces it. The replacement has the same kind, so that the output may keep its dtype.
#: If possible, the replacement is wider, so that every value stays exact.
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
    One named change of a call.

    `does` describes the change.
    `clause` is the id of the clause under which an undefined changed call is refused, empty if every changed call is
    defined.
    `legal` states when the changed call is defined, empty if it never is.
    `choice` is the id of a clause that leaves a choice for a defined changed call, in addition to the clauses whose
    `when` rules hold.
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
    """Replace an array and make its storage contiguous, because the old storage may not fit the new shape."""
    storage: dict[str, Any] = {name: "contiguous"}
    return _with(replace(call, storage=replace(call.storage, **storage)), name, array)


def _kernels(call: Call) -> Iterator[str]:
    return (name for name in ARRAYS if "kernel" in name and getattr(call, name) is not None)


def _main_kernel(call: Call) -> str:
    return call.stages[0].kernel


def _lengthened(call: Call, name: str, letter: str) -> Call:
    """Append a slice of ones along an axis; unlike zeros, ones change the result if an implementation reads them."""
    array = call.array(name)
    at = call.letters(name).index(letter)
    one = np.ones([1 if axis == at else size for axis, size in enumerate(array.shape)], array.dtype)
    return _with_array(call, name, np.concatenate([array, one], axis=at))


def _shortened(call: Call, name: str, letter: str, to: int | None = None) -> Call | None:
    """Cut an axis to length `to` (default: one element less); None if nothing would be left or cut off."""
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
    """Return the change that applies `resize` to one axis; the name "kernel" means the kernel of the first stage."""

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
    """
    Set `groups` and cut the kernel to floor(C / groups) input channels.

    The kernel of a transposed convolution stays the same.
    Return None if floor(C / groups) is 0 or exceeds the number of the kernel's input channels.
    """
    if call.op == "conv_transpose":
        return replace(call, groups=groups)
    left = call.extent("input", "C") // groups
    cut = call if left == call.extent("kernel", "I") else _shortened(call, "kernel", "I", left)
    return None if cut is None else replace(cut, groups=groups)


def _groups_beside_channels(call: Call) -> Call | None:
    """Set the smallest `groups` that does not divide C; for conv, prefer one that divides the number of filters."""
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
        fixes_channels = op == "conv_transpose" and call.bias is not None
        is_empty = not call.extent("input", "C")
        if call.op != op or fixes_channels or is_empty:
            return None
        return replace(call, groups=2 * call.groups)

    return change


def _groups(groups: int) -> Change:
    return lambda call: None if call.op in BY_CHANNEL else replace(call, groups=groups)


def _last(name: str, value: int, op: tuple[str, ...] = (*FORWARD, "conv_transpose")) -> Change:
    """Return the change that sets the last entry of a per-axis parameter to `value`."""

    def change(call: Call) -> Call | None:
        if call.op not in op:
            return None
        return _with(call, name, (*getattr(call, name)[:-1], value))

    return change


def _output_padding_negative(call: Call) -> Call | None:
    """Set output_padding to -1 if the padding is explicit, because a padding word allows no output_padding at all."""
    is_explicit = call.op == "conv_transpose" and not isinstance(call.padding, str)
    return _last("output_padding", -1)(call) if is_explicit else None


def _one_less(name: str) -> Change:
    """Return the change that drops the last entry, except from two entries, because one entry could be broadcast."""
    return lambda call: None if call.rank == 2 else _with(call, name, getattr(call, name)[:-1])


def _one_more(name: str) -> Change:
    return lambda call: _with(call, name, (*getattr(call, name), 1))


def _pair_less(call: Call) -> Call | None:
    return None if call.rank == 2 else replace(call, padding=call.pairs[:-1])


def _pair_more(call: Call) -> Call:
    return replace(call, padding=(*call.pairs, (0, 0)))


def _output_padding_more(call: Call) -> Call | None:
    is_explicit = call.op == "conv_transpose" and not isinstance(call.padding, str)
    return replace(call, output_padding=(*call.output_padding, 0)) if is_explicit else None


def _unknown_padding(call: Call) -> Call | None:
    # Combined with a padding word, output_padding would be a second error in the call.
    return None if any(call.output_padding) else replace(call, padding=UNKNOWN_WORD)


def _unknown_mode(call: Call) -> Call:
    return replace(call, padding_mode=UNKNOWN_WORD)


def _causal(call: Call) -> Call | None:
    is_undefined = call.op in FORWARD and call.rank > 1 and call.padding_mode == "zeros"
    return replace(call, padding="causal") if is_undefined else None


def _causal_transposed(call: Call) -> Call | None:
    is_undefined = call.op == "conv_transpose" and not any(call.output_padding)
    return replace(call, padding="causal") if is_undefined else None


def _in_dtype(call: Call, dtypes: Mapping[str, str]) -> Call:
    """Cast each named array to its dtype; a cast from complex to real keeps only the real part."""
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
        does="The kernel (in a separable convolution, the depthwise kernel) loses its outermost axis.",
        change=_kernel_axis_dropped,
        clause="REFUSE-1",
    ),
    Mutator(
        name="kernel-axis-added",
        does="The kernel (in a separable convolution, the depthwise kernel) gets a leading axis of length 1.",
        change=_kernel_axis_added,
        clause="REFUSE-1",
    ),
    Mutator(
        name="kernel-channel-added",
        does="The kernel has one input channel more.",
        change=_resized(_PLAIN, "kernel", "I", _lengthened),
        clause="REFUSE-2",
    ),
    Mutator(
        name="kernel-channel-dropped",
        does="The kernel has one input channel less; at least one is left.",
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
        does="The kernel of a depthwise stage has one channel less than the input; at least one is left.",
        change=_resized(BY_CHANNEL, "kernel", "C", _shortened),
        clause="REFUSE-2",
    ),
    Mutator(
        name="pointwise-channel-added",
        does="The pointwise kernel has one input channel more than the depthwise stage produces.",
        change=_resized(("separable_conv",), "pointwise_kernel", "I", _lengthened),
        clause="REFUSE-13",
    ),
    Mutator(
        name="pointwise-channel-dropped",
        does="The pointwise kernel has one input channel less than the depthwise stage produces; at least one is left.",
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
        does="The bias has one element less than there are output channels; at least one is left.",
        change=_bias_shortened,
        clause="REFUSE-6",
    ),
    Mutator(
        name="bias-axis-added",
        does="The bias gets a leading axis of length 1.",
        change=_bias_axis_added,
        clause="REFUSE-12",
    ),
    Mutator(
        name="groups-beside-channels",
        does="`groups` does not divide the C input channels; the kernel has floor(C / groups) input channels.",
        change=_groups_beside_channels,
        clause="REFUSE-3",
    ),
    Mutator(
        name="groups-beside-filters",
        does="`groups` divides the C input channels but not the filters; the kernel has C / groups input channels.",
        change=_groups_beside_filters,
        clause="REFUSE-3",
    ),
    Mutator(
        name="groups-doubled",
        does="`groups` is doubled; the kernel stays the same.",
        change=_groups_doubled("conv"),
        clause="REFUSE-2",
    ),
    Mutator(
        name="groups-doubled-transposed",
        does="`groups` of a transposed convolution without bias is doubled; the kernel stays the same.",
        change=_groups_doubled("conv_transpose"),
        clause="REFUSE-3",
        legal="If the doubled `groups` divides the input channels. The output then has twice as many channels.",
    ),
    Mutator(name="groups-zero", does="`groups` is 0.", change=_groups(0), clause="REFUSE-3"),
    Mutator(name="groups-negative", does="`groups` is -1.", change=_groups(-1), clause="REFUSE-3"),
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
        does="The output padding of the last spatial axis is -1, in a call with explicit padding.",
        change=_output_padding_negative,
        clause="REFUSE-7",
    ),
    Mutator(
        name="strides-too-few",
        does="The strides lack their last entry, in a call with one or three spatial axes.",
        change=_one_less("strides"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="strides-too-many",
        does="The strides have one extra entry, 1.",
        change=_one_more("strides"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="dilations-too-few",
        does="The dilations lack their last entry, in a call with one or three spatial axes.",
        change=_one_less("dilations"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="dilations-too-many",
        does="The dilations have one extra entry, 1.",
        change=_one_more("dilations"),
        clause="REFUSE-8",
    ),
    Mutator(
        name="pads-too-few",
        does="The explicit padding lacks its last pair, in a call with one or three spatial axes.",
        change=_pair_less,
        clause="REFUSE-8",
    ),
    Mutator(
        name="pads-too-many",
        does="The explicit padding has one extra pair, [0, 0].",
        change=_pair_more,
        clause="REFUSE-8",
    ),
    Mutator(
        name="output-paddings-too-many",
        does="The output padding has one extra entry, 0, in a call with explicit padding.",
        change=_output_padding_more,
        clause="REFUSE-8",
    ),
    Mutator(
        name="padding-word-unknown",
        does=f"The padding is the unknown word `{UNKNOWN_WORD}`.",
        change=_unknown_padding,
        clause="REFUSE-9",
    ),
    Mutator(
        name="padding-mode-unknown",
        does=f"The padding mode is the unknown word `{UNKNOWN_WORD}`.",
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
        does="Every kernel has another dtype of the same kind as the input dtype: a wider one if possible.",
        change=_kernel_dtype,
        legal="Always. The arrays are multiplied without a cast, and the output keeps its dtype.",
        choice="DTYPE-2",
    ),
    Mutator(
        name="bias-dtype",
        does="The bias has another dtype of the same kind: a wider one if possible.",
        change=_bias_dtype,
        legal="Always. The bias is added without a cast, and the output keeps its dtype.",
        choice="DTYPE-2",
    ),
    Mutator(
        name="kernel-complex",
        does="Every kernel is complex64, although the output is real.",
        change=_kernel_complex,
        clause="REFUSE-14",
    ),
    Mutator(
        name="output-integer",
        does="The output is int32, although the input dtype is not an integer dtype.",
        change=_output_integer,
        clause="REFUSE-14",
    ),
)
#: Every mutator by name.
MUTATORS: Mapping[str, Mutator] = {mutator.name: mutator for mutator in _EVERY}


def patched(call: Call, patch: Mapping[str, Any]) -> Call:
    """
    Apply a patch of a clause to `call` and return the result, which is the twin of `call`.

    Examples of patches are `strides: 1`, `padding: valid` and a dtype.
    A single integer in the patch applies to every spatial axis. A dtype applies to every array and to the output.
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
