"""
Named features of calls.

The key `calls` of a ledger entry selects the affected calls by their features. Reports use features to find what
failing calls have in common. Features depend on parameters, shapes, dtypes and layouts. Only the features under
"Values" read array values. They may run before generated integers are filled in. They then read zeros, which are
integers too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..core import DTYPES, FORMATS, OPS, PADDING_MODES, PADDINGS, STORAGES, Call, Case, is_complex
from .rules import RULES
from .sizes import VALUES, Axis, SizedCall

#: The value of a feature: a string, an integer or a boolean.
FeatureValue: TypeAlias = "str | int | bool"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """
    One feature: a sentence that describes the feature, and a function that computes its value for a call.

    The function `of` returns None if the feature does not apply to the call. All other values have the type `kind`:
    `str`, `int` or `bool`. `words` lists the possible values of type `str`, if they are known.
    """

    sentence: str
    of: Callable[[SizedCall], FeatureValue | None]
    kind: type
    words: tuple[str, ...] = ()

    def value(self, subject: SizedCall) -> FeatureValue | None:
        """Return the feature's value for a call; None if the feature does not apply or the parameters are invalid."""
        try:
            return self.of(subject)
        except (ValueError, LookupError, ArithmeticError):
            return None


def features(call: Call) -> Mapping[str, FeatureValue]:
    """Return the values of a call's features by name; features that are false or do not apply are left out."""
    subject = SizedCall(call)
    values = ((name, feature.value(subject)) for name, feature in FEATURES.items())
    return {name: value for name, value in values if value is not None and value is not False}


def features_of(case: Case) -> Mapping[str, FeatureValue]:
    """Return the features of a case's call; they are cached until the case is released."""
    if "features" not in case.derived:
        case.derived["features"] = features(case.outline)
    cached: Mapping[str, FeatureValue] = case.derived["features"]
    return cached


def _is(sentence: str, of: Callable[[SizedCall], bool]) -> Feature:
    return Feature(sentence=sentence, of=of, kind=bool)


def _number(sentence: str, of: Callable[[SizedCall], int | None]) -> Feature:
    return Feature(sentence=sentence, of=of, kind=int)


def _word(sentence: str, of: Callable[[SizedCall], str | None], words: tuple[str, ...] = ()) -> Feature:
    return Feature(sentence=sentence, of=of, kind=str, words=words)


def _rule(name: str, sentence: str = "", op: str = "") -> Feature:
    """Return a feature that is true if a rule of the case format holds and the operation is `op` (if given)."""
    rule = RULES[name]
    return _is(sentence or rule.__doc__ or "", lambda subject: op in ("", subject.call.op) and rule(subject.call))


def _some(sentence: str, test: Callable[[Axis], bool]) -> Feature:
    return _is(sentence, lambda subject: any(map(test, subject.axes)))


def _every(sentence: str, test: Callable[[Axis], bool]) -> Feature:
    return _is(sentence, lambda subject: bool(subject.axes) and all(map(test, subject.axes)))


def _dtype(name: str) -> Callable[[SizedCall], str | None]:
    def of(subject: SizedCall) -> str | None:
        dtype: str | None = getattr(subject.call.dtype, name)
        return dtype if dtype != subject.call.dtype.input else None

    return of


def _layout(name: str) -> Callable[[SizedCall], str | None]:
    def of(subject: SizedCall) -> str | None:
        layout: str | None = getattr(subject.call.layout, subject.kernel if name == "kernel" else name)
        return layout and _order(layout)

    return of


def _order(letters: str) -> str:
    """Return a layout with one S in place of adjacent spatial axes: `NHWC` and `NDHWC` both become `NSC`."""
    generic = "".join("S" if letter in "DHW" else letter for letter in letters)
    return generic.replace("SSS", "S").replace("SS", "S")


def _is_out_of_order(call: Call) -> bool:
    layouts = (getattr(call.layout, name) for name in call.layout.__dataclass_fields__)
    return any([letter for letter in text if letter in "DHW"] != list(call.spatial) for text in layouts if text)


def _is_channels_first(subject: SizedCall) -> bool:
    letters = subject.call.letters("input")
    return letters.index("C") < min(map(letters.index, subject.call.spatial))


def _has_equal_extents(subject: SizedCall) -> bool:
    return len(set(subject.call.input.shape)) < subject.call.input.ndim


def _storage(name: str) -> Callable[[SizedCall], str | None]:
    def of(subject: SizedCall) -> str | None:
        array = subject.kernel if name == "kernel" else name
        if getattr(subject.call, array) is None:
            return None
        return (getattr(subject.call.storage, array) or "contiguous").partition(":")[0]

    return of


def _is_of_another_rank(call: Call) -> bool:
    parameters = (call.strides, call.dilations, call.input_dilations, call.output_padding, call.padding, call.before)
    return any(len(each) != call.rank for each in parameters if each is not None and not isinstance(each, str))


def _multiplier(subject: SizedCall) -> int | None:
    return subject.call.extent(subject.kernel, "M") if "M" in subject.call.letters(subject.kernel) else None


def _has_one_channel_a_group(subject: SizedCall) -> bool:
    return subject.call.groups == subject.channels > 1


def _group_channels(subject: SizedCall) -> int:
    return 1 if subject.call.op in ("depthwise_conv", "separable_conv") else subject.channels // subject.call.groups


def _numeric(subject: SizedCall, of: Callable[[Axis], int]) -> int | None:
    return max(map(of, subject.axes), default=None)


def _multiples(what: str, sentence: str, of: Callable[[SizedCall], int]) -> dict[str, Feature]:
    def test(block: int) -> Callable[[SizedCall], bool]:
        return lambda subject: of(subject) > 0 and of(subject) % block == 0

    return {f"{what}-by-{block}": _is(f"{sentence} a multiple of {block}.", test(block)) for block in (4, 8, 16)}


#: All features by name. If several features select the same calls, a report names the one that is listed first here.
FEATURES: Mapping[str, Feature] = {
    "op": _word("The operation.", lambda subject: subject.call.op, tuple(op for op in OPS if op != "fit")),
    "rank": _number("The number of spatial axes.", lambda subject: subject.call.rank),
    # Dtypes
    "dtype": _word("The dtype of the input.", lambda subject: subject.call.dtype.input, DTYPES),
    "integer-dtype": _rule("integer-dtype", "The dtype of the input is an integer."),
    "narrow-dtype": _is(
        "The dtype of the input is a float of 16 bits or fewer.",
        lambda subject: (
            subject.call.dtype.input in FORMATS and FORMATS[subject.call.dtype.input].bits < FORMATS["float32"].bits
        ),
    ),
    "complex-dtype": _is("The dtype of the input is complex.", lambda subject: is_complex(subject.call.dtype.input)),
    "mixed-dtypes": _rule("mixed-dtypes"),
    "kernel-dtype": _word(
        "The dtype of the kernel, if it differs from that of the input.",
        lambda subject: _dtype(subject.kernel)(subject),
        DTYPES,
    ),
    "output-dtype": _word("The dtype of the output, if it differs from that of the input.", _dtype("output"), DTYPES),
    "accumulate": _word(
        "The dtype of the accumulator that the call names.", lambda subject: subject.call.accumulate, DTYPES
    ),
    # Padding
    "padding": _word(
        "The padding: its name, or `pairs` for explicit padding.",
        lambda subject: subject.call.padding if isinstance(subject.call.padding, str) else "pairs",
        (*PADDINGS, "pairs"),
    ),
    "padding_mode": _word("The padding mode.", lambda subject: subject.call.padding_mode, PADDING_MODES),
    "padded": _some("Something is padded or cropped.", lambda axis: (axis.low, axis.high) != (0, 0)),
    "unequal-padding": _rule("unequal-padding"),
    "low-padding-alone": _some("An axis is padded at its low end only.", lambda axis: axis.low > 0 == axis.high),
    "high-padding-alone": _some("An axis is padded at its high end only.", lambda axis: axis.high > 0 == axis.low),
    "negative-padding": _rule("negative-padding"),
    "transposed-negative-padding": _rule("transposed-negative-padding", op="conv_transpose"),
    "cropped-low-padded-high": _some(
        "An axis is cropped at its low end and padded at its high end.", lambda axis: axis.low < 0 < axis.high
    ),
    "padding-past-the-window": _some(
        "A padding is at least as long as the window.", lambda axis: max(axis.low, axis.high) >= axis.window
    ),
    "reflect-past-the-input": _rule(
        "reflect-past-the-input", "A padding of mode `reflect` is at least as long as the input."
    ),
    "circular-past-the-input": _rule(
        "circular-past-the-input", "A padding of mode `circular` is longer than the input."
    ),
    "before": _is("A step pads or crops ahead of the convolution.", lambda subject: subject.call.before is not None),
    # Strides and dilations
    "strided": _is("A stride is not 1.", lambda subject: max(subject.call.strides) > 1),
    "unequal-strides": _is("Strides differ between axes.", lambda subject: len(set(subject.call.strides)) > 1),
    "stride-past-the-window": _some("A stride is longer than the window.", lambda axis: axis.stride > axis.window),
    "stride-leaves-a-remainder": _some(
        "In an axis, the last window ends before the end of the padded input.",
        lambda axis: axis.padded > axis.window and (axis.padded - axis.window) % axis.stride != 0,
    ),
    "dilated": _is("A dilation is not 1.", lambda subject: max(subject.call.dilations) > 1),
    "unequal-dilations": _is("Dilations differ between axes.", lambda subject: len(set(subject.call.dilations)) > 1),
    "stride-with-dilation": _rule("stride-with-dilation"),
    "input-dilated": _is("An input dilation is not 1.", lambda subject: max(subject.call.input_dilations) > 1),
    "stride": _number("The largest stride.", lambda subject: max(subject.call.strides)),
    "dilation": _number("The largest dilation.", lambda subject: max(subject.call.dilations)),
    "below-one": _is(
        "A stride, a dilation or the number of groups is below 1.",
        lambda subject: (
            min(*subject.call.strides, *subject.call.dilations, *subject.call.input_dilations, subject.call.groups) < 1
        ),
    ),
    "of-another-rank": _is(
        "A parameter has not one entry for each spatial axis.", lambda subject: _is_of_another_rank(subject.call)
    ),
    "column-strided": _is("The stride along the last axis is not 1.", lambda subject: subject.call.strides[-1] > 1),
    "column-dilated": _is("The dilation along the last axis is not 1.", lambda subject: subject.call.dilations[-1] > 1),
    "row-strided": _is(
        "The stride along the axis before the last is not 1.",
        lambda subject: subject.call.rank > 1 and subject.call.strides[-2] > 1,
    ),
    # Transposed
    "transposed-valid-with-gaps": _rule("transposed-valid-with-gaps", op="conv_transpose"),
    "transposed-nothing-left": _rule(
        "transposed-nothing-left", "A transposed convolution is left no output.", op="conv_transpose"
    ),
    "output-padded": _is("An output padding is not 0.", lambda subject: max(subject.call.output_padding) > 0),
    "output-padding-past-the-window": _rule("output-padding-past-the-window", op="conv_transpose"),
    "output-padding-past-the-stride": _rule("output-padding-past-the-stride", op="conv_transpose"),
    # Groups, channels, batch
    "grouped": _rule("grouped", "There is more than one group."),
    "one-channel-a-group": _is("There are as many groups as channels, and several.", _has_one_channel_a_group),
    "groups-divide": _rule("groups-divide"),
    "bias": _is("There is a bias.", lambda subject: subject.call.bias is not None),
    "batch": _number("The number of samples.", lambda subject: subject.call.extent("input", "N")),
    "channels": _number("The number of input channels.", lambda subject: subject.channels),
    **_multiples("channels", "The number of input channels is", lambda subject: subject.channels),
    "filters": _number("The number of output channels.", lambda subject: subject.filters),
    **_multiples("filters", "The number of output channels is", lambda subject: subject.filters),
    "group-channels": _number("The number of input channels in each group.", _group_channels),
    "groups": _number("The number of groups.", lambda subject: subject.call.groups),
    "multiplier": _number("The channel multiplier of a depthwise kernel.", _multiplier),
    # Sizes
    "one-tap": _every("The kernel has one tap.", lambda axis: axis.taps == 1),
    "even-kernel": _some(
        "The kernel has an even number of taps in an axis.", lambda axis: axis.taps > 0 == axis.taps % 2
    ),
    "odd-length": _some("The input has an odd length in an axis.", lambda axis: axis.length % 2 == 1),
    "equal-extents": _is("Two axes of the input have the same length.", _has_equal_extents),
    "one-element": _some("The input has length 1 in an axis.", lambda axis: axis.length == 1),
    "one-output": _every("The output has length 1 in every spatial axis.", lambda axis: axis.out == 1),
    "one-output-in-an-axis": _some("The output has length 1 in an axis.", lambda axis: axis.out == 1),
    "one-column": _is("The output has length 1 in its last axis.", lambda subject: subject.axes[-1].out == 1),
    "window-is-the-input": _some(
        "The window is as long as the input in an axis.", lambda axis: axis.window == axis.length
    ),
    "window-past-the-input": _some(
        "The window is longer than the unpadded input.", lambda axis: axis.window > axis.length > 0
    ),
    "window-longer-than-input": _rule("window-longer-than-input"),
    "unread": _number(
        "The number of elements of the padded input after the last window; the largest number of any axis.",
        lambda subject: _numeric(
            subject, lambda axis: max(axis.padded - axis.window - (axis.out - 1) * axis.stride, 0)
        ),
    ),
    "rows": _number("The length of the output in its second-last spatial axis.", lambda subject: subject.axes[-2].out),
    "columns-as-filters": _is(
        "The output is as long in its last axis as it has channels.",
        lambda subject: subject.axes[-1].out == subject.filters,
    ),
    "column-taps": _number("The number of taps along the last spatial axis.", lambda subject: subject.axes[-1].taps),
    "length": _number(
        "The length of the longest spatial axis of the input.",
        lambda subject: _numeric(subject, lambda axis: axis.length),
    ),
    "kernel-size": _number(
        "The number of taps along the longest spatial axis of the kernel.",
        lambda subject: _numeric(subject, lambda axis: axis.taps),
    ),
    "output-length": _number(
        "The length of the longest spatial axis of the output.",
        lambda subject: _numeric(subject, lambda axis: axis.out),
    ),
    # Empty arrays
    "zero-batch": _rule("zero-batch", "The batch has no sample."),
    "zero-length-input": _rule("zero-length-input", "The input has length 0 in an axis."),
    "zero-channels": _rule("zero-channels", "The input has no channel."),
    "zero-filters": _rule("zero-filters"),
    "zero-taps": _rule("zero-taps", "The kernel has no tap."),
    "empty-output": _some("The output has length 0 in an axis.", lambda axis: axis.out == 0),
    # Layouts, memory and variations
    "input-layout": _word("The layout of the input, with S for its spatial axes: `NSC`, `NCS`.", _layout("input")),
    "kernel-layout": _word(
        "The layout of the (first) kernel, with S for its spatial axes: `SIO`, `OIS`, `SCM`.", _layout("kernel")
    ),
    "output-layout": _word("The layout of the output, with S for its spatial axes.", _layout("output")),
    "channels-first": _is("The channel axis of the input comes before its spatial axes.", _is_channels_first),
    "kernel-channels-first": _is(
        "An axis of channels stands first in the (first) kernel.",
        lambda subject: subject.call.letters(subject.kernel)[0] not in subject.call.spatial,
    ),
    "another-output-layout": _is(
        "The layout of the output differs from that of the input.",
        lambda subject: subject.call.layout.output != subject.call.layout.input,
    ),
    "spatial-out-of-order": _is(
        "The spatial axes of an array are not in the order D, H, W.", lambda subject: _is_out_of_order(subject.call)
    ),
    "input-storage": _word("The storage of the input.", _storage("input"), STORAGES),
    "kernel-storage": _word("The storage of the (first) kernel.", _storage("kernel"), STORAGES),
    "pointwise-kernel-storage": _word(
        "The storage of the second kernel of a separable convolution.", _storage("pointwise_kernel"), STORAGES
    ),
    "bias-storage": _word("The storage of the bias.", _storage("bias"), STORAGES),
    "compiled": _is(
        "The call has a variation that only compiled targets support.",
        lambda subject: subject.call.variation.is_compiled,
    ),
    "kernel_constant": _is(
        "The kernel is a constant of the graph.", lambda subject: subject.call.variation.kernel_constant
    ),
    "dynamic_shape": _is(
        "The compiled function was first called with an input of another size.",
        lambda subject: subject.call.variation.dynamic_shape,
    ),
    "inside_graph": _is(
        "Identity operations surround the convolution in the graph.",
        lambda subject: subject.call.variation.inside_graph,
    ),
    "shape_inference": _is("The shape is inferred first.", lambda subject: subject.call.variation.shape_inference),
    "threads": _number(
        "The number of threads that make the call at the same time.", lambda subject: subject.call.variation.threads
    ),
    # Values
    "values": _word(
        "The values of the arrays: all `integers`, some `fractions`, or some `nonfinite` (NaN or infinity).",
        lambda subject: subject.values,
        VALUES,
    ),
    "negative-zero": _rule("negative-zero"),
    "subnormal": _is(
        RULES["subnormal"].__doc__ or "",
        lambda subject: subject.values != "integers" and RULES["subnormal"](subject.call),
    ),
    "nonfinite-kernel-over-zeros": _is(
        RULES["nonfinite-kernel-over-zeros"].__doc__ or "",
        lambda subject: subject.values == "nonfinite" and RULES["nonfinite-kernel-over-zeros"](subject.call),
    ),
    "transposed-nonfinite-kernel": _is(
        RULES["transposed-nonfinite-kernel"].__doc__ or "",
        lambda subject: subject.values == "nonfinite" and RULES["transposed-nonfinite-kernel"](subject.call),
    ),
}
