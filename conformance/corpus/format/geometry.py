"""
What follows from the parameters of a call alone: its output's shape, and whether they contradict each other.

Works on plain calls, without arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from ...core import COMPLEX, INTEGERS, PADDING_MODES, PADDINGS, Plain, suggestion
from .array_specs import Spec, recast
from .arrays import FIT
from .calls import SPATIAL, dtype_of, letters_of
from .numbers import Unfit


class Complaint(NamedTuple):
    """What is wrong with the value of one key of a call."""

    key: str
    message: str
    hint: str = ""


_ONES = ("strides", "dilations", "input_dilations")


def settled(call: Plain) -> Plain:
    """Return the call with every parameter there, scalars spread over the spatial axes."""
    rank = len(call["layout"]["input"]) - 2
    full: Plain = {"padding": "valid", "padding_mode": "zeros", "groups": 1, "output_padding": 0, **call}
    for key in (*_ONES, "output_padding"):
        value = full.get(key, 1)
        full[key] = (value,) * rank if isinstance(value, int) else tuple(value)
    for key in ("padding", "before"):
        if isinstance(full.get(key), int):
            full[key] = ((full[key], full[key]),) * rank
    return full


def spatial(call: Plain) -> str:
    """Return the letters of the spatial axes."""
    return SPATIAL[len(call["layout"]["input"]) - 3]


def extents(call: Plain, name: str) -> dict[str, int]:
    """Return the sizes of an array by the letters of its axes."""
    spec: Spec = call["arrays"][name]
    return dict(zip(spec["letters"], spec["shape"], strict=True))


def channels_out(call: Plain) -> int:
    """Return the number of output channels."""
    if call["op"] == "depthwise_conv":
        kernel = extents(call, "kernel")
        return kernel["C"] * kernel["M"]
    produced = extents(call, "pointwise_kernel" if call["op"] == "separable_conv" else "kernel")["O"]
    return produced * int(call["groups"]) if call["op"] == "conv_transpose" else produced


def lengths_out(call: Plain) -> tuple[int, ...]:
    """Return the spatial sizes of the output of a settled call."""
    return tuple(_length_out(call, axis, letter) for axis, letter in enumerate(spatial(call)))


def _length_out(call: Plain, axis: int, letter: str) -> int:
    taps, padding = extents(call, _first_kernel(call))[letter], call["padding"]
    stride = int(call["strides"][axis])
    window = (taps - 1) * call["dilations"][axis] + 1 if taps else 0
    length = _length_in(call, axis, letter)
    if call["op"] == "conv_transpose":
        left = _transposed(length, window, stride, padding, axis) + int(call["output_padding"][axis])
        return max(left, 0)
    dilation = call["input_dilations"][axis]
    padded = (length - 1) * dilation + 1 if length > 0 else 0
    padded += _total(padding, padded, window, stride) if isinstance(padding, str) else sum(padding[axis])
    return int(max((max(padded, 0) - window) // stride + 1, 0))


def _first_kernel(call: Plain) -> str:
    return "depthwise_kernel" if call["op"] == "separable_conv" else "kernel"


def _length_in(call: Plain, axis: int, letter: str) -> int:
    """Return the length of an axis after `before`."""
    return max(extents(call, "input")[letter] + sum(call["before"][axis] if "before" in call else ()), 0)


def _total(word: str, length: int, window: int, stride: int) -> int:
    """Return how much a padding word adds to an axis of a forward convolution."""
    if word in ("same", "same_lower"):
        return max((-(-length // stride) - 1) * stride + window - length, 0)
    return {"valid": 0, "causal": window - 1, "full": 2 * (window - 1)}[word]


def _transposed(length: int, window: int, stride: int, padding: str | tuple[tuple[int, int], ...], axis: int) -> int:
    if padding in ("same", "same_lower"):
        return length * stride
    return (length - 1) * stride + window - (0 if isinstance(padding, str) else sum(padding[axis]))


def shape_out(call: Plain) -> tuple[int, ...]:
    """Return the shape of the output of a settled call, in the layout of the output."""
    sizes = dict(zip(spatial(call), lengths_out(call), strict=True))
    sizes |= {"N": extents(call, "input")["N"], "C": channels_out(call)}
    return tuple(sizes[letter] for letter in call["layout"]["output"])


def complaints(call: Plain) -> list[Complaint]:
    """Return everything that contradicts itself in a settled call; nothing where it has a meaning."""
    found = [*_ranks(call), *_sizes(call), *_words(call), *_padding(call), *_op(call)]
    more = (_channels, _storage, _empty_kernel, _nothing_to_copy, _dtypes, _densities, _accumulator)
    return found or [complaint for each in more for complaint in each(call)]


def _ranks(call: Plain) -> Iterator[Complaint]:
    for name, spec in call["arrays"].items():
        if sorted(spec["letters"]) != sorted(letters := letters_of(call, name)):
            yield Complaint(name, f"an array of {len(spec['shape'])} axes", f"its layout is {letters}")


def _sizes(call: Plain) -> Iterator[Complaint]:
    rank = len(spatial(call))
    for key in (*_ONES, "output_padding"):
        least = 0 if key == "output_padding" else 1
        if len(call[key]) != rank:
            yield Complaint(
                key, f"{len(call[key])} entries for {rank} spatial axes", f"one for each of {spatial(call)}"
            )
        elif min(call[key]) < least:
            yield Complaint(key, f"{min(call[key])} is below {least}")
    for key in ("padding", "before"):
        if isinstance(call.get(key), tuple) and len(call[key]) != rank:
            yield Complaint(key, f"{len(call[key])} pairs for {rank} spatial axes", f"one for each of {spatial(call)}")
    if call["groups"] < 1:
        yield Complaint("groups", f"{call['groups']} groups")


def _words(call: Plain) -> Iterator[Complaint]:
    for key, known in (("padding", PADDINGS), ("padding_mode", PADDING_MODES)):
        if isinstance(call[key], str) and call[key] not in known:
            hint = suggestion(call[key], known) or f"known: {', '.join(known)}"
            yield Complaint(key, f"unknown {key.replace('_', ' ')} {call[key]!r}", hint)


def _padding(call: Plain) -> Iterator[Complaint]:
    padding, is_transposed = call["padding"], call["op"] == "conv_transpose"
    if padding == "causal" and len(spatial(call)) > 1:
        yield Complaint("padding", "causal in more than one spatial axis", "it is of rank 1")
    if padding in ("causal", "full") and is_transposed:
        yield Complaint("padding", f"{padding} for conv_transpose", "valid, same, same_lower or pairs")
    if any(call["output_padding"]) and isinstance(padding, str):
        yield Complaint("output_padding", f"output_padding beside padding {padding}", "write the padding as pairs")
    if call["padding_mode"] not in PADDING_MODES[1:]:
        return
    if any(q > 1 for q in call["input_dilations"]):
        yield Complaint("padding_mode", f"{call['padding_mode']} together with input_dilations")
    if isinstance(padding, tuple) and any(p < 0 for pair in padding for p in pair):
        yield Complaint("padding_mode", f"{call['padding_mode']} together with negative padding")


def _op(call: Plain) -> Iterator[Complaint]:
    op = call["op"]
    if op in ("depthwise_conv", "separable_conv") and call["groups"] != 1:
        yield Complaint("groups", f"groups for {op}", "its groups are its channels")
    if op != "conv_transpose":
        if any(call["output_padding"]):
            yield Complaint("output_padding", f"output_padding for {op}", "only conv_transpose has it")
        return
    if any(q > 1 for q in call["input_dilations"]):
        yield Complaint("input_dilations", "input_dilations for conv_transpose", "its strides are that")
    if call["padding_mode"] != "zeros":
        yield Complaint("padding_mode", f"{call['padding_mode']} for conv_transpose", "its padding is a crop")


def _channels(call: Plain) -> Iterator[Complaint]:
    op, channels, groups = call["op"], extents(call, "input")["C"], call["groups"]
    if op in ("depthwise_conv", "separable_conv"):
        yield from _depthwise(call, channels)
    elif (contracted := extents(call, "kernel")["I"]) * (1 if op == "conv_transpose" else groups) != channels:
        beside = f" in {groups} groups" if groups > 1 else ""
        yield Complaint("kernel", f"I = {contracted} for {channels} input channels{beside}", "I is what is contracted")
    if (op == "conv_transpose" and channels % groups) or (op == "conv" and extents(call, "kernel")["O"] % groups):
        yield Complaint("groups", f"{groups} groups do not divide the channels")
    if "bias" in call["arrays"] and extents(call, "bias")["O"] != channels_out(call):
        yield Complaint("bias", f"{extents(call, 'bias')['O']} elements for {channels_out(call)} output channels")


def _depthwise(call: Plain, channels: int) -> Iterator[Complaint]:
    name = _first_kernel(call)
    kernel = extents(call, name)
    if kernel["C"] != channels:
        yield Complaint(name, f"C = {kernel['C']} for {channels} input channels")
    if call["op"] == "depthwise_conv":
        return
    pointwise = extents(call, "pointwise_kernel")
    if pointwise["I"] != kernel["C"] * kernel["M"]:
        yield Complaint("pointwise_kernel", f"I = {pointwise['I']} for {kernel['C'] * kernel['M']} channels")
    if any(pointwise[letter] != 1 for letter in spatial(call)):
        yield Complaint("pointwise_kernel", "more than one tap", "its spatial sizes are 1")


def _empty_kernel(call: Plain) -> Iterator[Complaint]:
    if call["op"] == "conv_transpose" and any(extents(call, "kernel")[letter] == 0 for letter in spatial(call)):
        yield Complaint("kernel", "an empty kernel for conv_transpose")


def _nothing_to_copy(call: Plain) -> Iterator[Complaint]:
    if call["padding_mode"] == "zeros":
        return
    taps = extents(call, _first_kernel(call))
    for axis, (letter, length) in enumerate(zip(spatial(call), lengths_out(call), strict=True)):
        if not _length_in(call, axis, letter) and taps[letter] and length:
            yield Complaint("padding_mode", f"{call['padding_mode']} of an axis of length 0")


def _dtypes(call: Plain) -> Iterator[Complaint]:
    output, names = dtype_of(call, "output"), [dtype_of(call, name) for name in call["arrays"]]
    if output in INTEGERS and not all(name in INTEGERS for name in names):
        yield Complaint("dtype", f"an output of {output} from {', '.join(names)}", "integers come from integers")
    if output not in COMPLEX and any(name in COMPLEX for name in names):
        yield Complaint("dtype", f"an output of {output} from {', '.join(names)}", "it is complex")
    for name, dtype in zip(call["arrays"], names, strict=True):
        try:
            recast(call["arrays"][name], dtype)
        except Unfit as unfit:
            yield Complaint("dtype", f"{name}: {unfit.message}", unfit.hint)


def _densities(call: Plain) -> Iterator[Complaint]:
    for name, spec in call["arrays"].items():
        if spec.get("density") == FIT:
            yield Complaint(name, f"density: {FIT}", "it is of the input of a sweep")


def _accumulator(call: Plain) -> Iterator[Complaint]:
    name, output = call.get("accumulate", ""), dtype_of(call, "output")
    if name and ((name in INTEGERS) != (output in INTEGERS) or (name in COMPLEX and output not in COMPLEX)):
        yield Complaint("accumulate", f"an output of {output} is not accumulated in {name}", "both are of one kind")


def _storage(call: Plain) -> Iterator[Complaint]:
    for name, storage in call.get("storage", {}).items():
        if name == "all":
            yield from _stored_everywhere(call, storage)
        elif name not in call["arrays"]:
            yield Complaint("storage", f"storage of {name}, which is not there")
        elif wrong := _not_equal(call, name, storage.partition(":")[2]):
            yield Complaint("storage", *wrong)


def _stored_everywhere(call: Plain, storage: str) -> Iterator[Complaint]:
    axis = storage.partition(":")[2]
    having = [name for name in call["arrays"] if axis in letters_of(call, name)]
    if not having:
        yield Complaint("storage", f"no array has an axis {axis}")
    for name in having:
        if wrong := _not_equal(call, name, axis):
            yield Complaint("storage", *wrong)


def _not_equal(call: Plain, name: str, axis: str) -> tuple[str, str] | None:
    """Say why an array cannot have stride 0 along an axis."""
    if not axis:
        return None
    if axis not in letters_of(call, name):
        return f"{name} has no axis {axis}", f"its layout is {letters_of(call, name)}"
    spec: Spec = call["arrays"][name]
    if spec["shape"][spec["letters"].index(axis)] == 0:
        return f"{name} is empty along {axis}", "broadcast needs an element"
    if "fill" in spec or spec["shape"][spec["letters"].index(axis)] == 1 or _repeats(spec, axis):
        return None
    return f"the values of {name} differ along {axis}", "under broadcast they must be equal"


def _repeats(spec: Spec, axis: str) -> bool:
    if "values" not in spec:
        return False
    at = spec["letters"].index(axis)
    inner, size = math.prod(spec["shape"][at + 1 :]), spec["shape"][at]
    values = spec["values"]
    # repr tells -0.0 from 0.0 and takes nan for nan.
    return all(
        repr(values[i]) == repr(values[i - i // inner % size * inner]) for i in range(len(values)) if i // inner % size
    )


def is_generated(call: Plain) -> bool:
    """Say whether an array of the call is generated, filled or one-hot, so that the reference may give the output."""
    return any("values" not in spec for spec in call["arrays"].values())


def size_out(call: Plain) -> int:
    """Return the number of elements of the output of a settled call."""
    return math.prod(shape_out(call))
