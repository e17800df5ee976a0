"""
Translates a call to PyTorch: function names, keyword arguments, arrays.

Does not import torch.
No parameter is dropped. A parameter that torch lacks is passed under its name in the case format. So torch refuses the
call if the caller did not check the limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...core import DIRECTIONS, Array, Call, Stage
from ..shared import arguments, expressions

#: The padding strings of torch's `conv`; its `conv_transpose` has none.
WORDS = ("valid", "same")


class Step(NamedTuple):
    """
    One convolution: the function's name (`conv1d`), its keyword arguments, and its kernel.

    `kernel` is the name of the kernel, `letters` the kernel's layout in torch, and `source` the kernel's Python text.
    `sizes` are (input channels, output channels, kernel size).
    """

    name: str
    keywords: Mapping[str, Any]
    kernel: str
    letters: str
    source: str
    sizes: tuple[int, int, tuple[int, ...]]


def steps(call: Call) -> tuple[Step, ...]:
    """Return the convolutions by which torch computes the call: two for a separable call, else one."""
    transposed = call.op == "conv_transpose"
    name = f"{'conv_transpose' if transposed else 'conv'}{call.rank}d"
    letters = ("IO" if transposed else "OI") + call.spatial
    return tuple(
        Step(name, _keywords(stage), stage.kernel, letters, expressions.kernel(stage, letters), _sizes(stage, letters))
        for stage in call.stages
    )


def _sizes(stage: Stage, letters: str) -> tuple[int, int, tuple[int, ...]]:
    shape = stage.arranged_kernel(letters).shape
    contracted, produced = ((*shape, 1, 1)[letters.index(letter)] for letter in "IO")
    if stage.call.op == "conv_transpose":
        return contracted, produced * stage.groups, shape[2:]
    return contracted * stage.groups, produced, shape[2:]


def place(call: Call, plan: Sequence[Step]) -> list[tuple[Array, str]]:
    """Return pairs (array for torch, name of its dtype) of a call: the input, the kernels, and the bias, if any."""
    arrays = [(call.place("input", "NC" + call.spatial), call.dtype.input)]
    for n, step in enumerate(plan):
        # Use the stage only for a depthwise kernel: computing stages takes longer than the rest of this function.
        own = "M" not in call.letters(step.kernel)
        placed = call.place(step.kernel, step.letters) if own else call.stages[n].place_kernel(step.letters)
        arrays.append((placed, getattr(call.dtype, step.kernel)))
    if call.bias is not None:
        arrays.append((call.place("bias", "O"), call.dtype.bias or call.dtype.input))
    return arrays


def place_cotangent(call: Call) -> tuple[Array, str]:
    """Return the cotangent in torch's layout, and the name of its dtype."""
    return call.place("cotangent", "NC" + call.spatial), call.dtype_of("cotangent")


def place_directions(call: Call, plan: Sequence[Step]) -> list[tuple[Array, str]]:
    """Return the directions of a call in torch's layouts, each with the name of its dtype."""
    (stage,), (step,) = call.stages, plan
    placed = {
        "input": lambda: call.place(DIRECTIONS["input"], "NC" + call.spatial),
        "kernel": lambda: stage.directed.place_kernel(step.letters),
        "bias": lambda: call.place(DIRECTIONS["bias"], "O"),
    }
    return [(placed[name](), call.dtype_of(name)) for name in call.directions]


def pads(call: Call) -> tuple[int, ...]:
    """
    Return `before` in the order of torch's `pad`, from the last axis to the first; empty if the call has no `before`.

    A crop is a negative amount, but 0 if `cuts` returns slices that crop.
    """
    amounts = (amount for pair in reversed(call.before or ()) for amount in pair)
    return tuple(max(amount, 0) for amount in amounts) if cuts(call) else tuple(amounts)


def cuts(call: Call) -> tuple[slice, ...]:
    """
    Return the slices that crop the spatial axes after torch's `pad`, or () if `pad` itself can crop.

    torch's `pad` refuses a crop that is longer than the axis, even if the axis is padded too.
    """
    if call.before is None:
        return ()
    axes = list(zip(call.extents("input"), call.before, strict=True))
    if all(w + min(low, 0) + min(high, 0) >= 0 for w, (low, high) in axes):
        return ()
    return tuple(slice(max(-low, 0), max(w + max(low, 0) + high, 0)) for w, (low, high) in axes)


def _keywords(stage: Stage) -> dict[str, Any]:
    call = stage.call
    keywords: dict[str, Any] = {"stride": stage.strides, "dilation": stage.dilations, "groups": stage.groups}
    if call.op == "conv_transpose":
        keywords.update(_cropping(stage))
    else:
        keywords["padding"] = _padding(stage)
    if stage is call.stages[0]:
        keywords.update(_foreign(call))
    if call.dtype.output not in (None, call.dtype.input):
        keywords["dtype"] = call.dtype.output
    return keywords


def _padding(stage: Stage) -> Any:
    if stage.padding in WORDS or stage.is_padding_senseless:
        return stage.padding
    return tuple(low if low == high else (low, high) for low, high in stage.pairs)


def _cropping(stage: Stage) -> dict[str, Any]:
    """
    Return keyword arguments for the crop (low, high): padding = low, output_padding = low - high + output padding.

    torch removes `padding` elements at each end, and `output_padding` restores elements at the high end.
    """
    extra = stage.call.output_padding
    if stage.is_padding_senseless:
        return {"padding": stage.padding, "output_padding": extra}
    padding = tuple(low for low, _ in stage.pairs)
    if len(padding) != len(extra):
        return {"padding": padding, "output_padding": extra}
    back = tuple(low - high + more for (low, high), more in zip(stage.pairs, extra, strict=True))
    return {"padding": padding, "output_padding": back}


def _foreign(call: Call) -> dict[str, Any]:
    foreign: dict[str, Any] = {}
    if call.padding_mode != "zeros":
        foreign["padding_mode"] = call.padding_mode
    if call.input_dilations != arguments.ones(call):
        foreign["input_dilation"] = call.input_dilations
    if call.op != "conv_transpose" and arguments.has_output_padding(call):
        foreign["output_padding"] = call.output_padding
    return foreign
