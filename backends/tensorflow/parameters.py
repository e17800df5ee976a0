"""
Translates a call to `tf.nn`: function name, keyword arguments, and Python text.

Does not import TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ...core import COTANGENT, DIRECTIONS, Call, Limit
from ..shared import arguments, expressions

#: The padding strings of `tf.nn`.
WORDS = {"valid": "VALID", "same": "SAME"}


class Step(NamedTuple):
    """
    One call of a function of `tf.nn`: the function's name, the layouts of its kernels, its keyword arguments.

    `data_format` is the layout of the input and of the output.
    """

    name: str
    kernels: Mapping[str, str]
    keywords: Mapping[str, Any]
    data_format: str


def step(call: Call) -> Step:
    """Return the function of `tf.nn` that expresses a call without its bias and `before`."""
    layout = arguments.data_format(call)
    shared = {"padding": _padding(call, layout), "data_format": layout}
    return _STEPS[call.op](call, layout, shared)


def _conv(call: Call, layout: str, shared: dict[str, Any]) -> Step:
    strides, dilations = list(call.strides), list(call.dilations)
    keywords: dict[str, Any] = {"strides": strides, **shared, "dilations": dilations}
    if call.rank == 1:
        keywords = {"stride": strides, **shared, "dilations": dilations}
    if call.rank == 3:
        keywords = {"strides": _full(strides, layout), **shared, "dilations": _full(dilations, layout)}
    return Step(f"conv{call.rank}d", {"kernel": call.spatial + "IO"}, keywords, layout)


def _depthwise(call: Call, layout: str, shared: dict[str, Any]) -> Step:
    kernels = {"kernel": "HWCM"}
    if call.op == "separable_conv":
        kernels = {"depthwise_kernel": "HWCM", "pointwise_kernel": "HWIO"}
    keywords = {"strides": _full(list(call.strides), layout), **shared, "dilations": list(call.dilations)}
    return Step("depthwise_conv2d" if len(kernels) == 1 else "separable_conv2d", kernels, keywords, layout)


def _transposed(call: Call, layout: str, shared: dict[str, Any]) -> Step:
    keywords = {"output_shape": _output_shape(call, layout), "strides": list(call.strides), **shared}
    return Step(
        f"conv{call.rank}d_transpose",
        {"kernel": call.spatial + "OI"},
        {**keywords, "dilations": list(call.dilations)},
        layout,
    )


_STEPS = {
    "conv": _conv,
    "depthwise_conv": _depthwise,
    "separable_conv": _depthwise,
    "conv_transpose": _transposed,
}


def _full(values: list[int], layout: str) -> list[int]:
    return [1, 1, *values] if layout[1] == "C" else [1, *values, 1]


def _padding(call: Call, layout: str) -> Any:
    stage = call.stages[0]
    if stage.is_padding_senseless:
        return stage.padding
    if call.rank == 2 and call.padding not in WORDS:
        pairs = [list(pair) for pair in stage.pairs]
        return [[0, 0], [0, 0], *pairs] if layout[1] == "C" else [[0, 0], *pairs, [0, 0]]
    word = arguments.meaning(stage, _words(call))
    return WORDS[word] if word else stage.pairs


def _output_shape(call: Call, layout: str) -> list[int]:
    stage = call.stages[0]
    sizes = {"N": call.extent("input", "N"), "C": call.extent("kernel", "O") * call.groups}
    # Replace invalid parameters in this computation only. Then output_shape is valid, and TensorFlow itself refuses the
    # invalid parameters. Replace a negative size by 0, as the specification defines; it would end the process.
    strides = _sensible(call.strides, call.rank)
    windows = replace(stage, dilations=_sensible(call.dilations, call.rank)).window
    nothing = (0,) * call.rank
    crops = nothing if stage.is_padding_senseless else (*map(sum, stage.pairs), *nothing)
    axes = zip(call.spatial, call.lengths, strides, windows, crops, (*call.output_padding, *nothing), strict=False)
    for letter, size, stride, window, crop, more in axes:
        sizes[letter] = max((size - 1) * stride + window - crop + more, 0)
    return [sizes[letter] for letter in layout]


def _sensible(steps: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return tuple(max(step, 1) for step in (*steps, *(1,) * rank)[:rank])


def written(call: Call, one: Step, *, is_graph: bool) -> str:
    """Return a call as Python text; with `is_graph`, inside a `tf.function`."""
    operands = {
        name: expressions.array(call, name, axes) for name, axes in {"input": one.data_format, **one.kernels}.items()
    }
    operands |= {"bias": "bias"} if call.bias is not None else {}
    if call.gradients:
        return _written_back(call, one, operands, is_graph=is_graph)
    if not is_graph:
        return _written(call, one, operands)
    given = {name: operands[name] for name in (["input"] if call.variation.kernel_constant else operands)}
    body = _written(call, one, {**operands, **{name: name for name in given}})
    function = expressions.function("tf.function", expressions.function_of(given, body), autograph=False)
    if call.variation.shape_inference:
        return expressions.inferred(function, "f.get_concrete_function({}).structured_outputs", given.values())
    return expressions.called(function, given.values())


def _written_back(call: Call, one: Step, operands: Mapping[str, str], *, is_graph: bool) -> str:
    """Return the text of the gradients, in which tensors have the names of the arrays."""
    axes = {"input": one.data_format, **one.kernels, "bias": "O"}
    given = {**operands, COTANGENT: COTANGENT}
    given |= {DIRECTIONS[name]: expressions.array(call, DIRECTIONS[name], axes[name]) for name in call.directions}
    inside = {name: name for name in given} if is_graph else given
    watched = [name for name in (*call.pulled, COTANGENT) if name in (*call.pulled, *call.second_order)]
    made = [f"{name} := tf.convert_to_tensor({inside[name]})" for name in watched]
    body = _written(call, one, {**inside, **{name: name for name in watched}})
    taped = _taped("t", f"y := {body}", call.pulled)
    pulled = f"t.gradient(y, [{', '.join(call.pulled)}], {COTANGENT})"
    if call.second_order:
        taped = _taped("o", f"{taped}, d := {pulled}", call.second_order)
        moving = ", ".join(f"d[{call.pulled.index(name)}]" for name in call.directions)
        along = ", ".join(inside[DIRECTIONS[name]] for name in call.directions)
        pulled = f"(d, o.gradient([{moving}], [{', '.join(call.second_order)}], [{along}]))"
    written = f"({', '.join(made)}, {taped}, {pulled})[-1]"
    if not is_graph:
        return written
    function = expressions.function("tf.function", expressions.function_of(given, written), autograph=False)
    return expressions.called(function, given.values())


def _taped(tape: str, steps: str, names: Sequence[str]) -> str:
    """Return the text of `steps` under a gradient tape that watches the tensors `names`."""
    opened = f"{tape} := tf.GradientTape(), {tape}.__enter__(), {tape}.watch([{', '.join(names)}])"
    return f"{opened}, {steps}, {tape}.__exit__(None, None, None)"


def _written(call: Call, one: Step, operands: Mapping[str, str]) -> str:
    signal = operands["input"]
    if call.before is not None:
        signal = arguments.before_text(call, one.data_format, "tf.pad", signal)
    kernels = [operands[name] for name in one.kernels]
    signal = expressions.function(f"tf.nn.{one.name}", signal, *kernels, **one.keywords)
    if call.bias is not None:
        signal = expressions.function("tf.nn.bias_add", signal, operands["bias"], data_format=one.data_format)
    if call.layout.output == one.data_format:
        return signal
    return f"tf.transpose({signal}, {[one.data_format.index(letter) for letter in call.letters('output')]!r})"


def _is_padding_unsaid(call: Call) -> bool:
    return call.rank != 2 and arguments.is_unsaid(call.stages[0], _words(call))


def _words(call: Call) -> list[str]:
    """Return the padding strings that a call may use; SAME excludes output padding, as it limits the output length."""
    return [word for word in WORDS if word != "same" or not arguments.has_output_padding(call)]


def _is_extra_unsaid(call: Call) -> bool:
    is_said = call.op == "conv_transpose" and len(call.output_padding) == call.rank and min(call.output_padding) >= 0
    return arguments.has_output_padding(call) and not is_said


LIMITS = (
    Limit("padding_mode: tf.nn pads with zeros", lambda call: call.padding_mode != "zeros"),
    Limit("input_dilations: tf.nn has none", lambda call: call.input_dilations != arguments.ones(call)),
    Limit("output_padding: tf.nn has none, it is in the output_shape of a transposed convolution", _is_extra_unsaid),
    Limit(
        "rank: tf.nn has depthwise_conv2d and separable_conv2d only",
        lambda call: call.op in ("depthwise_conv", "separable_conv") and call.rank != 2,
    ),
    Limit("padding: tf.nn takes pairs in rank 2 only, words elsewhere", _is_padding_unsaid),
    Limit("groups: tf.nn infers them from the shapes", arguments.infers_other_groups),
    Limit("groups: a depthwise convolution has one for each channel in tf.nn", arguments.is_grouped_by_channels),
    Limit(
        "groups: tf.nn.convNd_transpose has none, its output has the channels of its filters",
        lambda call: call.op == "conv_transpose" and call.groups != 1,
    ),
    Limit("groups: tf.nn.conv3d has none", lambda call: call.op == "conv" and call.rank == 3 and call.groups != 1),
    Limit("dtype.output: tf.nn has no parameter for it", lambda call: call.dtype.output != call.dtype.input),
    arguments.COPIES,
)
