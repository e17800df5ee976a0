"""
What can be said of a call in a few words: its features, by name.

They name the calls on which a known fault acts (`calls` in the ledger), and tell a run's failing calls from the others.
They are read from parameters, shapes, dtypes and layouts; only those that say so read values, and take generated
integers that were not drawn for whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..core import DTYPES, FORMATS, OPS, PADDING_MODES, PADDINGS, STORAGES, Call, Case, is_complex
from .rules import RULES
from .sizes import VALUES, Axis, SizedCall

#: A word, a whole number, or whether something is so.
FeatureValue: TypeAlias = "str | int | bool"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """
    One feature: what it says, in a sentence, and how it is read; None where there is nothing to say.

    Its values are of one `kind`: `str`, `int` or `bool`. `words` are all there are, where they can be listed.
    """

    sentence: str
    of: Callable[[SizedCall], FeatureValue | None]
    kind: type
    words: tuple[str, ...] = ()

    def value(self, subject: SizedCall) -> FeatureValue | None:
        """Return the feature's value; None, too, where parameters make so little sense that it cannot be told."""
        try:
            return self.of(subject)
        except (ValueError, LookupError, ArithmeticError):
            return None


def features(call: Call) -> Mapping[str, FeatureValue]:
    """Return the features of a call by their names; what is not so, or cannot be said of it, is left out."""
    subject = SizedCall(call)
    found = ((name, feature.value(subject)) for name, feature in FEATURES.items())
    return {name: value for name, value in found if value is not None and value is not False}


def features_of(case: Case) -> Mapping[str, FeatureValue]:
    """Return the features of a case's call, computed once until the case is released."""
    if "features" not in case.derived:
        case.derived["features"] = features(case.outline)
    found: Mapping[str, FeatureValue] = case.derived["features"]
    return found


def _is(sentence: str, of: Callable[[SizedCall], bool]) -> Feature:
    return Feature(sentence=sentence, of=of, kind=bool)


def _number(sentence: str, of: Callable[[SizedCall], int | None]) -> Feature:
    return Feature(sentence=sentence, of=of, kind=int)


def _word(sentence: str, of: Callable[[SizedCall], str | None], words: tuple[str, ...] = ()) -> Feature:
    return Feature(sentence=sentence, of=of, kind=str, words=words)


def _rule(name: str, sentence: str = "", op: str = "") -> Feature:
    """Return a rule of the format as a feature; `op` is the only one for which it can hold."""
    rule = RULES[name]
    return _is(sentence or rule.__doc__ or "", lambda it: op in ("", it.call.op) and rule(it.call))


def _some(sentence: str, test: Callable[[Axis], bool]) -> Feature:
    return _is(sentence, lambda it: any(map(test, it.axes)))


def _every(sentence: str, test: Callable[[Axis], bool]) -> Feature:
    return _is(sentence, lambda it: bool(it.axes) and all(map(test, it.axes)))


def _dtype(name: str) -> Callable[[SizedCall], str | None]:
    def of(it: SizedCall) -> str | None:
        dtype: str | None = getattr(it.call.dtype, name)
        return dtype if dtype != it.call.dtype.input else None

    return of


def _layout(name: str) -> Callable[[SizedCall], str | None]:
    def of(it: SizedCall) -> str | None:
        layout: str | None = getattr(it.call.layout, it.kernel if name == "kernel" else name)
        return layout and _order(layout)

    return of


def _order(letters: str) -> str:
    """Return the letters of a layout with one S for neighbouring spatial ones, the same in every rank."""
    generic = "".join("S" if letter in "DHW" else letter for letter in letters)
    return generic.replace("SSS", "S").replace("SS", "S")


def _is_out_of_order(call: Call) -> bool:
    layouts = (getattr(call.layout, name) for name in call.layout.__dataclass_fields__)
    return any([letter for letter in text if letter in "DHW"] != list(call.spatial) for text in layouts if text)


def _is_channels_first(it: SizedCall) -> bool:
    letters = it.call.letters("input")
    return letters.index("C") < min(map(letters.index, it.call.spatial))


def _has_equal_extents(it: SizedCall) -> bool:
    return len(set(it.call.input.shape)) < it.call.input.ndim


def _storage(name: str) -> Callable[[SizedCall], str | None]:
    def of(it: SizedCall) -> str | None:
        array = it.kernel if name == "kernel" else name
        if getattr(it.call, array) is None:
            return None
        return (getattr(it.call.storage, array) or "contiguous").partition(":")[0]

    return of


def _is_of_another_rank(call: Call) -> bool:
    given = (call.strides, call.dilations, call.input_dilations, call.output_padding, call.padding, call.before)
    return any(len(each) != call.rank for each in given if each is not None and not isinstance(each, str))


def _multiplier(it: SizedCall) -> int | None:
    return it.call.extent(it.kernel, "M") if "M" in it.call.letters(it.kernel) else None


def _has_one_channel_a_group(it: SizedCall) -> bool:
    return it.call.groups == it.channels > 1


def _group_channels(it: SizedCall) -> int:
    return 1 if it.call.op in ("depthwise_conv", "separable_conv") else it.channels // it.call.groups


def _numeric(it: SizedCall, of: Callable[[Axis], int]) -> int | None:
    return max(map(of, it.axes), default=None)


def _multiples(what: str, sentence: str, of: Callable[[SizedCall], int]) -> dict[str, Feature]:
    def test(block: int) -> Callable[[SizedCall], bool]:
        return lambda it: of(it) > 0 and of(it) % block == 0

    return {f"{what}-by-{block}": _is(f"{sentence} a multiple of {block}.", test(block)) for block in (4, 8, 16)}


#: Every feature. Of several that tell the same calls from the others, a report says the first.
FEATURES: Mapping[str, Feature] = {
    "op": _word("The operation.", lambda it: it.call.op, tuple(op for op in OPS if op != "fit")),
    "rank": _number("The number of spatial axes.", lambda it: it.call.rank),
    # Dtypes
    "dtype": _word("The dtype of the input.", lambda it: it.call.dtype.input, DTYPES),
    "integer-dtype": _rule("integer-dtype", "The input is of integers."),
    "narrow-dtype": _is(
        "The input is of floats of 16 bits or fewer.",
        lambda it: it.call.dtype.input in FORMATS and FORMATS[it.call.dtype.input].bits < FORMATS["float32"].bits,
    ),
    "complex-dtype": _is("The input is complex.", lambda it: is_complex(it.call.dtype.input)),
    "mixed-dtypes": _rule("mixed-dtypes"),
    "kernel-dtype": _word(
        "The dtype of the kernel, where it is not the input's.", lambda it: _dtype(it.kernel)(it), DTYPES
    ),
    "output-dtype": _word("The dtype of the output, where it is not the input's.", _dtype("output"), DTYPES),
    "accumulate": _word("The accumulator that the call names.", lambda it: it.call.accumulate, DTYPES),
    # Padding
    "padding": _word(
        "The padding: its word, or `pairs`.",
        lambda it: it.call.padding if isinstance(it.call.padding, str) else "pairs",
        (*PADDINGS, "pairs"),
    ),
    "padding_mode": _word("What is padded with.", lambda it: it.call.padding_mode, PADDING_MODES),
    "padded": _some("Something is padded or cropped.", lambda axis: (axis.low, axis.high) != (0, 0)),
    "unequal-padding": _rule("unequal-padding"),
    "low-padding-alone": _some("Only the low end of an axis is padded.", lambda axis: axis.low > 0 == axis.high),
    "high-padding-alone": _some("Only the high end of an axis is padded.", lambda axis: axis.high > 0 == axis.low),
    "negative-padding": _rule("negative-padding"),
    "transposed-negative-padding": _rule("transposed-negative-padding", op="conv_transpose"),
    "cropped-low-padded-high": _some(
        "An axis is cropped at its low end and padded at its high end.", lambda axis: axis.low < 0 < axis.high
    ),
    "padding-past-the-window": _some(
        "A padding is at least as long as the window.", lambda axis: max(axis.low, axis.high) >= axis.window
    ),
    "reflect-past-the-input": _rule(
        "reflect-past-the-input", "A padding of mode `reflect` is not shorter than the input."
    ),
    "circular-past-the-input": _rule(
        "circular-past-the-input", "A padding of mode `circular` is longer than the input."
    ),
    "before": _is("A step pads or crops ahead of the convolution.", lambda it: it.call.before is not None),
    # Strides and dilations
    "strided": _is("A stride is not 1.", lambda it: max(it.call.strides) > 1),
    "unequal-strides": _is("Strides differ between axes.", lambda it: len(set(it.call.strides)) > 1),
    "stride-past-the-window": _some("A stride is longer than the window.", lambda axis: axis.stride > axis.window),
    "stride-leaves-a-remainder": _some(
        "A stride leaves elements of the padded input behind the last window.",
        lambda axis: axis.padded > axis.window and (axis.padded - axis.window) % axis.stride != 0,
    ),
    "dilated": _is("A dilation is not 1.", lambda it: max(it.call.dilations) > 1),
    "unequal-dilations": _is("Dilations differ between axes.", lambda it: len(set(it.call.dilations)) > 1),
    "stride-with-dilation": _rule("stride-with-dilation"),
    "input-dilated": _is("An input dilation is not 1.", lambda it: max(it.call.input_dilations) > 1),
    "stride": _number("The longest stride.", lambda it: max(it.call.strides)),
    "dilation": _number("The longest dilation.", lambda it: max(it.call.dilations)),
    "below-one": _is(
        "A stride, a dilation or the number of groups is below 1.",
        lambda it: min(*it.call.strides, *it.call.dilations, *it.call.input_dilations, it.call.groups) < 1,
    ),
    "of-another-rank": _is(
        "A parameter has not one entry for each spatial axis.", lambda it: _is_of_another_rank(it.call)
    ),
    "column-strided": _is("The stride along the last axis is not 1.", lambda it: it.call.strides[-1] > 1),
    "column-dilated": _is("The dilation along the last axis is not 1.", lambda it: it.call.dilations[-1] > 1),
    "row-strided": _is(
        "The stride along the axis before the last is not 1.", lambda it: it.call.rank > 1 and it.call.strides[-2] > 1
    ),
    # Transposed
    "transposed-valid-with-gaps": _rule("transposed-valid-with-gaps", op="conv_transpose"),
    "transposed-nothing-left": _rule(
        "transposed-nothing-left", "A transposed convolution is left no output.", op="conv_transpose"
    ),
    "output-padded": _is("An output padding is not 0.", lambda it: max(it.call.output_padding) > 0),
    "output-padding-past-the-window": _rule("output-padding-past-the-window", op="conv_transpose"),
    "output-padding-past-the-stride": _rule("output-padding-past-the-stride", op="conv_transpose"),
    # Groups, channels, batch
    "grouped": _rule("grouped", "There is more than one group."),
    "one-channel-a-group": _is("There are as many groups as channels, and several.", _has_one_channel_a_group),
    "groups-divide": _rule("groups-divide"),
    "bias": _is("There is a bias.", lambda it: it.call.bias is not None),
    "batch": _number("The number of samples.", lambda it: it.call.extent("input", "N")),
    "channels": _number("The number of input channels.", lambda it: it.channels),
    **_multiples("channels", "The number of input channels is", lambda it: it.channels),
    "filters": _number("The number of output channels.", lambda it: it.filters),
    **_multiples("filters", "The number of output channels is", lambda it: it.filters),
    "group-channels": _number("The number of input channels of a group.", _group_channels),
    "groups": _number("The number of groups.", lambda it: it.call.groups),
    "multiplier": _number("The channel multiplier of a depthwise kernel.", _multiplier),
    # Sizes
    "one-tap": _every("The kernel has one tap.", lambda axis: axis.taps == 1),
    "even-kernel": _some("A kernel has an even number of taps.", lambda axis: axis.taps > 0 == axis.taps % 2),
    "odd-length": _some("The input has an odd length in an axis.", lambda axis: axis.length % 2 == 1),
    "equal-extents": _is("Two axes of the input are equally long.", _has_equal_extents),
    "one-element": _some("The input has length 1 in an axis.", lambda axis: axis.length == 1),
    "one-output": _every("The output has one position.", lambda axis: axis.out == 1),
    "one-output-in-an-axis": _some("The output has length 1 in an axis.", lambda axis: axis.out == 1),
    "one-column": _is("The output has length 1 in its last axis.", lambda it: it.axes[-1].out == 1),
    "window-is-the-input": _some("The window is as long as the input.", lambda axis: axis.window == axis.length),
    "window-past-the-input": _some(
        "The window is longer than the input without its padding.", lambda axis: axis.window > axis.length > 0
    ),
    "window-longer-than-input": _rule("window-longer-than-input"),
    "unread": _number(
        "The most elements of an axis of the padded input that lie behind its last window.",
        lambda it: _numeric(it, lambda axis: max(axis.padded - axis.window - (axis.out - 1) * axis.stride, 0)),
    ),
    "rows": _number("The output's length in the axis before its last.", lambda it: it.axes[-2].out),
    "columns-as-filters": _is(
        "The output is as long in its last axis as it has channels.", lambda it: it.axes[-1].out == it.filters
    ),
    "column-taps": _number("The kernel's taps along the last axis.", lambda it: it.axes[-1].taps),
    "length": _number("The longest axis of the input.", lambda it: _numeric(it, lambda axis: axis.length)),
    "kernel-size": _number("The longest axis of the kernel.", lambda it: _numeric(it, lambda axis: axis.taps)),
    "output-length": _number("The longest axis of the output.", lambda it: _numeric(it, lambda axis: axis.out)),
    # Empties
    "zero-batch": _rule("zero-batch", "The batch has no sample."),
    "zero-length-input": _rule("zero-length-input", "The input has length 0 in an axis."),
    "zero-channels": _rule("zero-channels", "The input has no channel."),
    "zero-filters": _rule("zero-filters"),
    "zero-taps": _rule("zero-taps", "The kernel has no tap."),
    "empty-output": _some("The output has length 0 in an axis.", lambda axis: axis.out == 0),
    # Layouts, memory and the way of calling
    "input-layout": _word("The axes of the input, S for the spatial ones: `NSC`, `NCS`.", _layout("input")),
    "kernel-layout": _word("The axes of the (first) kernel: `SIO`, `OIS`, `SCM`.", _layout("kernel")),
    "output-layout": _word("The axes of the output.", _layout("output")),
    "channels-first": _is("The channels of the input stand before its spatial axes.", _is_channels_first),
    "kernel-channels-first": _is(
        "An axis of channels stands first in the (first) kernel.",
        lambda it: it.call.letters(it.kernel)[0] not in it.call.spatial,
    ),
    "another-output-layout": _is(
        "The output has another layout than the input.", lambda it: it.call.layout.output != it.call.layout.input
    ),
    "spatial-out-of-order": _is(
        "The spatial axes of an array do not stand in the order D, H, W.", lambda it: _is_out_of_order(it.call)
    ),
    "input-storage": _word("How the input lies in memory.", _storage("input"), STORAGES),
    "kernel-storage": _word("How the (first) kernel lies in memory.", _storage("kernel"), STORAGES),
    "pointwise-kernel-storage": _word(
        "How a separable call's second kernel lies in memory.", _storage("pointwise_kernel"), STORAGES
    ),
    "bias-storage": _word("How the bias lies in memory.", _storage("bias"), STORAGES),
    "compiled": _is("The call is varied as only a compiled one can be.", lambda it: it.call.variation.is_compiled),
    "kernel_constant": _is("The kernel is a constant of the graph.", lambda it: it.call.variation.kernel_constant),
    "dynamic_shape": _is("It was compiled for another size.", lambda it: it.call.variation.dynamic_shape),
    "inside_graph": _is("Identities stand around it in the graph.", lambda it: it.call.variation.inside_graph),
    "shape_inference": _is("The shape is inferred first.", lambda it: it.call.variation.shape_inference),
    "threads": _number("From how many threads it is called at once.", lambda it: it.call.variation.threads),
    # Values
    "values": _word(
        "What the arrays hold: `integers`, `fractions`, or a NaN or infinity (`nonfinite`).",
        lambda it: it.values,
        VALUES,
    ),
    "negative-zero": _rule("negative-zero"),
    "subnormal": _is(
        RULES["subnormal"].__doc__ or "", lambda it: it.values != "integers" and RULES["subnormal"](it.call)
    ),
    "nonfinite-kernel-over-padding": _is(
        RULES["nonfinite-kernel-over-padding"].__doc__ or "",
        lambda it: it.values == "nonfinite" and RULES["nonfinite-kernel-over-padding"](it.call),
    ),
    "transposed-nonfinite-kernel": _is(
        RULES["transposed-nonfinite-kernel"].__doc__ or "",
        lambda it: it.values == "nonfinite" and RULES["transposed-nonfinite-kernel"](it.call),
    ),
}
