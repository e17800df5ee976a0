"""A call that the options of `explain` describe, and similar calls that are defined and have an output."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from typing import Any

import numpy as np

from .. import reference
from ..core import (
    PADDINGS,
    SPATIAL,
    TRANSPOSED_PADDINGS,
    Array,
    Call,
    Case,
    Expectation,
    Invalid,
    PerArray,
    Problem,
    Shape,
    numpy_type,
)
from ..corpus import Clause
from . import worked_example

#: The dtype of all arrays. Shapes do not depend on the dtype, and float32 represents small integers exactly.
DTYPE = "float32"
#: The largest number of elements of an array.
ELEMENTS = 20_000_000
#: The text that `objection` ends with if the call is defined but has an empty output.
EMPTY = "the output is empty"
#: The largest number of clauses that `cited` returns.
CITED = 4


@dataclass(frozen=True, kw_only=True)
class Words:
    """
    The values of the options that describe a call: arrays as numbers or sizes, parameters as in the case format.

    `input` and `kernel` are numbers separated by commas (one sample, one channel), or nested lists in JSON. For a
    separable convolution, `kernel` is the depthwise kernel. `input_shape` lists sizes in the order of `layout`; the
    default order is N, the spatial axes, C. `kernel_size` is one number, or one number for each spatial axis.
    """

    op: str = "conv"
    input: str = ""
    kernel: str = ""
    input_shape: str = ""
    kernel_size: str = ""
    filters: int = 1
    layout: str = ""
    strides: str = "1"
    padding: str = "valid"
    padding_mode: str = "zeros"
    dilations: str = "1"
    input_dilations: str = "1"
    output_padding: str = "0"
    groups: int = 1


def call(words: Words) -> Call:
    """
    Return the call that the options describe; the call may be undefined.

    Raises:
        Invalid: if the value of an option has the wrong form.

    """
    x = _input(words)
    rank = x.ndim - 2
    layout = words.layout or f"N{SPATIAL[rank]}C"
    if sorted(layout) != sorted(f"N{SPATIAL[rank]}C"):
        raise _wrong("--layout", layout, f"the letters of N{SPATIAL[rank]}C in some order")
    kernels = _kernels(words, x, layout)
    by_channel = "kernel" if words.op == "depthwise_conv" else "depthwise_kernel"
    letters = {name: SPATIAL[rank] + ("CM" if name == by_channel else "IO") for name in kernels}
    return Call(
        op=words.op,
        input=x,
        **kernels,
        layout=PerArray(input=layout, **letters, output=layout),
        dtype=PerArray(input=DTYPE, **dict.fromkeys(kernels, DTYPE), output=DTYPE),
        strides=_each("--strides", words.strides, rank),
        padding=_padding(words.padding, rank),
        padding_mode=words.padding_mode,
        dilations=_each("--dilations", words.dilations, rank),
        input_dilations=_each("--input-dilations", words.input_dilations, rank),
        output_padding=_each("--output-padding", words.output_padding, rank),
        groups=words.groups,
    )


def _input(words: Words) -> Array:
    if words.input:
        return _array("--input", words.input, (1, -1, 1))
    shape = _numbers("--input-shape", words.input_shape)
    if len(shape) - 2 not in SPATIAL or min(shape) < 0:
        raise _wrong(
            "--input-shape", words.input_shape, "three to five sizes, such as 1,40,1 for batch, steps, channels"
        )
    return _counted("--input-shape", shape)


def _kernels(words: Words, x: Array, layout: str) -> dict[str, Any]:
    """Return the kernels by name; the depthwise kernel of a separable convolution has one filter per channel."""
    if words.op != "separable_conv":
        return {"kernel": _kernel(words, x, layout)}
    depthwise = _kernel(replace(words, op="depthwise_conv", filters=1), x, layout)
    pointwise = _counted("--filters", (*(1,) * (x.ndim - 2), prod(depthwise.shape[-2:]), words.filters))
    return {"depthwise_kernel": depthwise, "pointwise_kernel": pointwise}


def _kernel(words: Words, x: Array, layout: str) -> Array:
    if words.kernel:
        return _array("--kernel", words.kernel, (-1, 1, 1))
    rank = x.ndim - 2
    sizes = _each("--kernel-size", words.kernel_size or "1", rank)
    if min(sizes) < 0:
        raise _wrong("--kernel-size", words.kernel_size, "at least 0 taps")
    channels = x.shape[layout.index("C")]
    ends = {"depthwise_conv": (channels, words.filters), "conv_transpose": (channels, words.filters)}
    return _counted("--kernel-size", (*sizes, *ends.get(words.op, (channels // max(words.groups, 1), words.filters))))


def _counted(option: str, shape: Sequence[int]) -> Array:
    """Return an array of the repeated numbers -3 to 3; raises Invalid if the array exceeds `ELEMENTS` elements."""
    if prod(shape) > ELEMENTS:
        message = f"an array of {prod(shape):,} elements is too large to explain"
        hint = f"use at most {ELEMENTS:,}; lengths do not depend on the batch or, with groups=1, on the channels"
        raise Invalid(Problem(path=option, message=message, hint=hint))
    return (np.arange(prod(shape)) % 7 - 3).reshape(shape).astype(numpy_type(DTYPE))


def _array(option: str, text: str, flat: tuple[int, ...]) -> Array:
    try:
        numbers = json.loads(text) if text.lstrip().startswith("[") else [float(each) for each in text.split(",")]
        given = np.array(numbers)
        with np.errstate(over="ignore"):
            array = given.astype(numpy_type(DTYPE))
    except (ValueError, TypeError, OverflowError) as error:
        raise _wrong(option, text, "numbers separated by commas, or nested lists") from error
    if given.dtype.kind not in "iuf":
        raise _wrong(option, text, "numbers separated by commas, or nested lists of numbers")
    if not np.isfinite(array).all():
        raise _wrong(option, text, f"finite {DTYPE} numbers")
    if array.ndim == 1:
        return array.reshape(flat)
    if array.ndim - 2 not in SPATIAL:
        raise _wrong(option, text, "an array of one axis, or of three to five axes")
    return array


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in text.replace("x", ",").strip("[]()").split(","))
    except ValueError as error:
        raise _wrong(option, text, "integers separated by commas") from error


def _each(option: str, text: str, rank: int) -> tuple[int, ...]:
    numbers = _numbers(option, text)
    if len(numbers) not in (1, rank):
        raise _wrong(option, text, "one number" if rank == 1 else f"one number, or {rank} numbers")
    return numbers * rank if len(numbers) == 1 else numbers


def _padding(text: str, rank: int) -> Any:
    if text.replace("_", "").isalpha():
        return text
    if text.lstrip("-").isdigit():
        return ((int(text), int(text)),) * rank
    try:
        pairs = tuple((int(low), int(high)) for low, high in json.loads(text))
    except (ValueError, TypeError) as error:
        raise _wrong("--padding", text, "a padding name, a number, or a [low, high] pair for each axis") from error
    if len(pairs) != rank:
        raise _wrong("--padding", text, "one [low, high] pair" if rank == 1 else f"{rank} [low, high] pairs")
    return pairs


def _wrong(option: str, text: str, hint: str) -> Invalid:
    return Invalid(Problem(path=option, message=f"got {text!r}" if text else "missing", hint=f"expected {hint}"))


def case(asked: Call) -> Case:
    """
    Return a case with the given call and the expectation that follows from the clauses.

    The expectation of an undefined call is a placeholder: a `Shape` without axes.
    """

    def expectation() -> Expectation:
        from ..corpus import mutated_cases

        try:
            return mutated_cases.expected(asked, _clauses())
        except reference.Undefined:
            return Shape(shape=(), dtype=asked.dtype_of("output"))

    return Case(id="the call", title="", clauses=(), build_call=lambda: asked, build_expectation=expectation)


@cache
def _clauses() -> Mapping[str, Clause]:
    """Return the shipped clauses, which are loaded only once."""
    from .. import corpus

    return corpus.load(sweeps="none").clauses


def cited(asked: Call, known: Mapping[str, Clause]) -> list[str]:
    """
    Return the required clauses that literal cases with the same parameters cite, the most frequent first.

    A clause is returned only if at least a tenth of these cases cite it. Clauses about refusals are omitted.
    """
    from .. import corpus

    same = [case for case in corpus.load(sweeps="none").cases if _profile(case.outline) == _profile(asked)]
    cited = (name for case in same for name in case.clauses if not name.startswith("REFUSE"))
    counts = Counter(name for name in cited if known[name].level == "required")
    return [name for name, count in counts.most_common(CITED) if count >= len(same) / 10]


def _profile(call: Call) -> tuple[Any, ...]:
    """Return a key of a call: which parameters differ from their defaults, and which results the call requests."""
    steps = (call.strides, call.dilations, call.input_dilations)
    padding = call.padding if isinstance(call.padding, str) else "by numbers"
    more = (call.bias is not None, any(call.output_padding), call.before is not None, call.variation)
    asks = (call.gradients, call.training, call.dtype.input, {*vars(call.storage).values()} - {"contiguous", None})
    return (call.op, padding, call.padding_mode, call.groups > 1, *(set(each) != {1} for each in steps), *more, *asks)


def objection(asked: Call) -> str:
    """Return why a call is undefined or has an empty output; an empty string for any other call."""
    shape = worked_example.shape(asked)
    if shape is None:
        return _reason(asked)
    if 0 not in shape or not asked.input.size:
        return ""
    short = [axis for axis in asked.spatial if shape[asked.letters("output").index(axis)] == 0]
    return f"no window fits along {' and '.join(short)}: {EMPTY}" if short else f"there are no filters: {EMPTY}"


def _reason(asked: Call) -> str:
    try:
        reference.evaluate(asked)
    except reference.Undefined as error:
        return str(error)
    return ""


def nearest(asked: Call) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield changes after which a call has an output, as (description of the change, shape of the output)."""
    for description, changed in _changes(asked):
        shape = worked_example.shape(changed)
        if shape is not None and 0 not in shape:
            yield description, shape


def _changes(asked: Call) -> Iterator[tuple[str, Call]]:
    ones = (1,) * asked.rank
    if min(asked.strides) < 1:
        yield "strides: 1", replace(asked, strides=ones)
    if min(asked.input_dilations) < 1:
        yield "input_dilations: 1", replace(asked, input_dilations=ones)
    paddings = TRANSPOSED_PADDINGS if asked.op == "conv_transpose" else PADDINGS
    if isinstance(asked.padding, str) and (asked.padding not in paddings or asked.padding == "causal"):
        yield from ((f"padding: {name}", replace(asked, padding=name)) for name in paddings)
    if any(asked.output_padding):
        yield "output_padding: 0", replace(asked, output_padding=(0,) * asked.rank)
    if asked.padding == "valid" and asked.op != "conv_transpose":
        yield "padding: same", replace(asked, padding="same")
    if set(asked.dilations) != {1}:
        yield "dilations: 1", replace(asked, dilations=ones)
    if asked.kernel is not None and asked.kernel.ndim == len(asked.letters("kernel")):
        yield from _shorter(asked)
        yield from _other_layouts(asked)
        yield from _fitting_channels(asked)
        if asked.groups < 1:
            yield "groups: 1", replace(asked, groups=1)
        if asked.groups > 1:
            ungrouped = _fitting_channels(replace(asked, groups=1))
            yield from ((f"groups: 1, {description}", changed) for description, changed in ungrouped)


def _shorter(asked: Call) -> Iterator[tuple[str, Call]]:
    """Yield the call with its kernel cut to the lengths of the input, if the kernel is longer along some axis."""
    kernel, letters = asked.array("kernel"), asked.letters("kernel")
    for axis, length in zip(asked.spatial, asked.lengths, strict=True):
        kernel = kernel.take(range(min(kernel.shape[letters.index(axis)], max(length, 1))), letters.index(axis))
    if kernel.shape != asked.array("kernel").shape:
        sizes = ", ".join(str(kernel.shape[letters.index(axis)]) for axis in asked.spatial)
        yield f"kernel size: {sizes}", replace(asked, kernel=kernel)


def _other_layouts(asked: Call) -> Iterator[tuple[str, Call]]:
    """Yield for each two input axes the call with these axes exchanged and the kernel resized to the new channels."""
    letters = asked.letters("input")
    for one, other in ((at, to) for at in range(len(letters)) for to in range(at + 1, len(letters))):
        x = np.swapaxes(asked.input, one, other)
        channels = x.shape[letters.index("C")]
        kernel = asked.array("kernel")
        if asked.op != "conv_transpose" and channels != asked.extent("input", "C"):
            at = asked.letters("kernel").index("C" if "C" in asked.letters("kernel") else "I")
            kernel = np.resize(kernel, [channels if axis == at else size for axis, size in enumerate(kernel.shape)])
        sizes = "x".join(map(str, x.shape))
        changed = replace(asked, input=x, kernel=kernel)
        yield f"input {sizes} {letters}: {letters[one]} and {letters[other]} exchanged", changed


def _fitting_channels(asked: Call) -> Iterator[tuple[str, Call]]:
    """Yield the call with its kernel resized to C / groups channels, if its number of channels differs."""
    kernel, letters = asked.array("kernel"), asked.letters("kernel")
    if asked.op == "conv" and asked.groups and "I" in letters:
        wanted = asked.extent("input", "C") // asked.groups
        at = letters.index("I")
        if wanted != kernel.shape[at]:
            sizes = [wanted if axis == at else size for axis, size in enumerate(kernel.shape)]
            yield f"kernel {'x'.join(map(str, sizes))} {letters}", replace(asked, kernel=np.resize(kernel, sizes))
