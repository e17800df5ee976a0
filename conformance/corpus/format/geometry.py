"""
Compute the output shape of a plain call and check its parameters for contradictions.

No arrays are built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from ...core import COMPLEX, INTEGERS, PADDING_MODES, PADDINGS, SPATIAL, Plain, suggestion
from .array_specs import Spec, recast
from .arrays import FIT
from .calls import dtype_of, letters_of
from .numbers import Unfit


class Complaint(NamedTuple):
    """One contradiction in a call, with the key at which it is reported, a message and a hint."""

    key: str
    message: str
    hint: str = ""


_ONES = ("strides", "dilations", "input_dilations")


def settled(call: Plain) -> Plain:
    """Return the call with a value for every parameter, and with scalars broadcast over the spatial axes."""
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
    return SPATIAL[len(call["layout"]["input"]) - 2]


def extents(call: Plain, name: str) -> dict[str, int]:
    """Return the size of each axis of an array, by axis letter."""
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
    """Return the length of an input axis after the separate padding step that `before` requests."""
    return max(extents(call, "input")[letter] + sum(call["before"][axis] if "before" in call else ()), 0)


def _total(word: str, length: int, window: int, stride: int) -> int:
    """Return the total padding low + high of a padding word, along one axis of a forward convolution."""
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
    """Return all contradictions in a settled call; the list is empty if the call is defined."""
    found = [*_ranks(call), *_sizes(call), *_words(call), *_padding(call), *_op(call)]
    more = (_channels, _storage, _empty_kernel, _nothing_to_copy, _dtypes, _densities, _accumulator)
    return found or [complaint for each in more for complaint in each(call)]


def _ranks(call: Plain) -> Iterator[Complaint]:
    for name, spec in call["arrays"].items():
        if sorted(spec["letters"]) != sorted(letters := letters_of(call, name)):
            yield Complaint(name, f"an array with {len(spec['shape'])} axes does not fit the layout {letters}")


def _sizes(call: Plain) -> Iterator[Complaint]:
    rank = len(spatial(call))
    for key in (*_ONES, "output_padding"):
        least = 0 if key == "output_padding" else 1
        if len(call[key]) != rank:
            yield Complaint(
                key, f"{len(call[key])} entries for {rank} spatial axes", f"write one for each axis of {spatial(call)}"
            )
        elif min(call[key]) < least:
            yield Complaint(key, f"must be at least {least}, not {min(call[key])}")
    for key in ("padding", "before"):
        if isinstance(call.get(key), tuple) and len(call[key]) != rank:
            message = f"{len(call[key])} pairs for {rank} spatial axes"
            yield Complaint(key, message, f"write one for each axis of {spatial(call)}")
    if call["groups"] < 1:
        yield Complaint("groups", f"must be at least 1, not {call['groups']}")


def _words(call: Plain) -> Iterator[Complaint]:
    for key, known in (("padding", PADDINGS), ("padding_mode", PADDING_MODES)):
        if isinstance(call[key], str) and call[key] not in known:
            hint = suggestion(call[key], known) or f"known: {', '.join(known)}"
            yield Complaint(key, f"unknown {key.replace('_', ' ')} {call[key]!r}", hint)


def _padding(call: Plain) -> Iterator[Complaint]:
    padding, is_transposed = call["padding"], call["op"] == "conv_transpose"
    if padding == "causal" and len(spatial(call)) > 1:
        yield Complaint("padding", "causal needs exactly one spatial axis")
    if padding in ("causal", "full") and is_transposed:
        yield Complaint("padding", f"conv_transpose does not accept {padding}", "use valid, same, same_lower or pairs")
    if any(call["output_padding"]) and isinstance(padding, str):
        yield Complaint(
            "output_padding", f"output_padding cannot be combined with padding: {padding}", "write the padding as pairs"
        )
    if call["padding_mode"] not in PADDING_MODES[1:]:
        return
    if any(q > 1 for q in call["input_dilations"]):
        yield Complaint("padding_mode", f"{call['padding_mode']} cannot be combined with input_dilations above 1")
    if isinstance(padding, tuple) and any(p < 0 for pair in padding for p in pair):
        yield Complaint("padding_mode", f"{call['padding_mode']} cannot be combined with negative padding")


def _op(call: Plain) -> Iterator[Complaint]:
    op = call["op"]
    if op in ("depthwise_conv", "separable_conv") and call["groups"] != 1:
        yield Complaint("groups", f"{op} does not accept groups", "each channel is already one group")
    if op != "conv_transpose":
        if any(call["output_padding"]):
            yield Complaint("output_padding", f"{op} does not accept output_padding", "only conv_transpose does")
        return
    if any(q > 1 for q in call["input_dilations"]):
        yield Complaint(
            "input_dilations",
            "conv_transpose does not accept input_dilations",
            "the strides of conv_transpose dilate the input",
        )
    if call["padding_mode"] != "zeros":
        yield Complaint(
            "padding_mode",
            f"conv_transpose does not accept {call['padding_mode']}",
            "the padding of conv_transpose crops the output",
        )


def _channels(call: Plain) -> Iterator[Complaint]:
    op, channels, groups = call["op"], extents(call, "input")["C"], call["groups"]
    if op in ("depthwise_conv", "separable_conv"):
        yield from _depthwise(call, channels)
    elif (contracted := extents(call, "kernel")["I"]) * (1 if op == "conv_transpose" else groups) != channels:
        formula = "C" if op == "conv_transpose" or groups == 1 else "C / groups"
        beside = f" and groups = {groups}" if groups > 1 else ""
        yield Complaint("kernel", f"I = {contracted} must be {formula}, with C = {channels}{beside}")
    if op == "conv_transpose" and channels % groups:
        yield Complaint("groups", f"{groups} does not divide the {channels} input channels")
    if op == "conv" and (filters := extents(call, "kernel")["O"]) % groups:
        yield Complaint("groups", f"{groups} does not divide the {filters} filters")
    if "bias" in call["arrays"] and (elements := extents(call, "bias")["O"]) != channels_out(call):
        yield Complaint("bias", f"{elements} elements for {channels_out(call)} output channels")


def _depthwise(call: Plain, channels: int) -> Iterator[Complaint]:
    name = _first_kernel(call)
    kernel = extents(call, name)
    if kernel["C"] != channels:
        yield Complaint(name, f"C = {kernel['C']} must equal the number of input channels, {channels}")
    if call["op"] == "depthwise_conv":
        return
    pointwise = extents(call, "pointwise_kernel")
    if pointwise["I"] != kernel["C"] * kernel["M"]:
        produced = kernel["C"] * kernel["M"]
        yield Complaint("pointwise_kernel", f"I = {pointwise['I']} must equal C * M = {produced}")
    if any(pointwise[letter] != 1 for letter in spatial(call)):
        yield Complaint("pointwise_kernel", "the spatial sizes of a pointwise kernel must be 1")


def _empty_kernel(call: Plain) -> Iterator[Complaint]:
    if call["op"] == "conv_transpose" and any(extents(call, "kernel")[letter] == 0 for letter in spatial(call)):
        yield Complaint("kernel", "conv_transpose does not accept a kernel without taps")


def _nothing_to_copy(call: Plain) -> Iterator[Complaint]:
    if call["padding_mode"] == "zeros":
        return
    taps = extents(call, _first_kernel(call))
    for axis, (letter, length) in enumerate(zip(spatial(call), lengths_out(call), strict=True)):
        if not _length_in(call, axis, letter) and taps[letter] and length:
            yield Complaint("padding_mode", f"{call['padding_mode']} cannot pad an axis of length 0")


def _dtypes(call: Plain) -> Iterator[Complaint]:
    output, names = dtype_of(call, "output"), [dtype_of(call, name) for name in call["arrays"]]
    if output in INTEGERS and not all(name in INTEGERS for name in names):
        yield Complaint(
            "dtype", f"the output cannot be {output}", f"not all arrays have integer dtypes: {', '.join(names)}"
        )
    if output not in COMPLEX and any(name in COMPLEX for name in names):
        yield Complaint(
            "dtype", f"the output cannot be {output}", f"some arrays have complex dtypes: {', '.join(names)}"
        )
    for name, dtype in zip(call["arrays"], names, strict=True):
        try:
            recast(call["arrays"][name], dtype)
        except Unfit as unfit:
            yield Complaint("dtype", f"{name}: {unfit.message}", unfit.hint)


def _densities(call: Plain) -> Iterator[Complaint]:
    for name, spec in call["arrays"].items():
        if spec.get("density") == FIT:
            yield Complaint(name, f"density: {FIT} is allowed only for the input in the base of a sweep")


def _accumulator(call: Plain) -> Iterator[Complaint]:
    name, output = call.get("accumulate", ""), dtype_of(call, "output")
    if name and ((name in INTEGERS) != (output in INTEGERS) or (name in COMPLEX and output not in COMPLEX)):
        yield Complaint(
            "accumulate", f"{output} output cannot be accumulated in {name}", "use a dtype of the same kind"
        )


def _storage(call: Plain) -> Iterator[Complaint]:
    for name, storage in call.get("storage", {}).items():
        if name == "all":
            yield from _stored_everywhere(call, storage)
        elif name not in call["arrays"]:
            yield Complaint("storage", f"storage of {name}: the call has no {name}")
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
    """Return a message and a hint if an array cannot have memory stride 0 along an axis, else None."""
    if not axis:
        return None
    if axis not in letters_of(call, name):
        return f"{name} has no axis {axis}", f"the layout of {name} is {letters_of(call, name)}"
    spec: Spec = call["arrays"][name]
    if spec["shape"][spec["letters"].index(axis)] == 0:
        return f"{name} is empty along {axis}", "broadcast needs at least one element"
    if "fill" in spec or spec["shape"][spec["letters"].index(axis)] == 1 or _repeats(spec, axis):
        return None
    return f"the values of {name} differ along {axis}", "broadcast needs equal values"


def _repeats(spec: Spec, axis: str) -> bool:
    if "values" not in spec:
        return False
    at = spec["letters"].index(axis)
    inner, size = math.prod(spec["shape"][at + 1 :]), spec["shape"][at]
    values = spec["values"]
    # Compare texts, because the texts of -0.0 and 0.0 differ and the texts of two NaNs are equal.
    return all(
        repr(values[i]) == repr(values[i - i // inner % size * inner]) for i in range(len(values)) if i // inner % size
    )


def is_generated(call: Plain) -> bool:
    """Return whether some array is not written out; only then may the expected output be `reference`."""
    return any("values" not in spec for spec in call["arrays"].values())


def size_out(call: Plain) -> int:
    """Return the number of elements of the output of a settled call."""
    return math.prod(shape_out(call))


def work(call: Plain) -> int:
    """Return the number of output elements of a settled call, times taps, times input channels."""
    kernel = extents(call, _first_kernel(call))
    taps = math.prod(kernel[letter] for letter in spatial(call))
    return size_out(call) * taps * extents(call, "input")["C"]
