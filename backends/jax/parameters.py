"""
Translates a call to `jax.lax`: function names, keyword arguments, and Python text.

Does not import JAX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ...core import ARRAYS, COTANGENT, DIRECTIONS, Array, Call, Stage
from ..shared import arguments, expressions

#: The padding strings of `jax.lax.conv_general_dilated`.
WORDS = {"valid": "VALID", "same": "SAME", "same_lower": "SAME_LOWER"}
#: The padding strings of `jax.lax.conv_transpose`.
TRANSPOSED_WORDS = {"valid": "VALID", "same": "SAME"}

T = TypeVar("T")


class Step(NamedTuple):
    """One call of a function of `jax.lax`: the function's name, its keyword arguments, and the text of the kernel."""

    name: str
    keywords: Mapping[str, Any]
    kernel: str


def kernel_letters(stage: Stage) -> str:
    """Return the layout in which JAX receives a kernel: the call's layout, but `WIO` for a depthwise `WCM`."""
    letters = stage.call.letters(stage.kernel)
    return letters.replace("C", "I").replace("M", "O") if "M" in letters else letters


def kernels(call: Call) -> list[Array]:
    """Return the kernels of a call in the layouts of `kernel_letters`."""
    if call.kernel is not None and "M" not in call.letters("kernel"):
        return [call.place("kernel", call.letters("kernel"))]
    return [stage.place_kernel(kernel_letters(stage)) for stage in call.stages]


def step(stage: Stage, *, is_consistent: bool) -> Step:
    """
    Return the `jax.lax` call of one stage.

    `is_consistent` states whether `jax.lax.conv_transpose` has the parameter `use_consistent_padding`. With this
    parameter it accepts the padding of the forward convolution.
    """
    call, letters = stage.call, kernel_letters(stage)
    source = call.layout.input if stage is call.stages[0] else call.layout.output
    shared: dict[str, Any] = {"rhs_dilation": _ordered(stage.dilations, call, letters)}
    if stage is call.stages[-1] and call.dtype.output != call.dtype.input:
        shared["preferred_element_type"] = call.dtype.output
    written = expressions.kernel(stage, letters)
    strides = _ordered(stage.strides, call, letters)
    if call.op == "conv_transpose":
        keywords = {"strides": strides, **_cropping(stage, letters, is_consistent), **shared}
        # transpose_kernel flips the kernel and swaps its axes I and O, so that the result is the convolution's adjoint.
        numbers = (source, letters.translate(str.maketrans("IO", "OI")), call.layout.output)
        return Step("conv_transpose", {**keywords, "dimension_numbers": numbers, "transpose_kernel": True}, written)
    numbers = (source, letters, call.layout.output)
    keywords = {"window_strides": strides, **_padding(stage, letters), **shared, "dimension_numbers": numbers}
    return Step("conv_general_dilated", keywords, written)


def _padding(stage: Stage, letters: str) -> dict[str, Any]:
    call = stage.call
    keywords: dict[str, Any] = {}
    is_dilated = stage is call.stages[0] and call.input_dilations != arguments.ones(call)
    if is_dilated:
        keywords["lhs_dilation"] = _ordered(call.input_dilations, call, letters)
    if stage.groups != 1:
        keywords["feature_group_count"] = stage.groups
    # JAX defines its padding strings only without lhs_dilation. With lhs_dilation, JAX's error message asks for pairs.
    if isinstance(stage.padding, str) and stage.padding in WORDS and not is_dilated:
        return {"padding": WORDS[stage.padding], **keywords}
    if stage.is_padding_senseless:
        return {"padding": stage.padding, **keywords}
    return {"padding": _ordered(stage.pairs, call, letters), **keywords}


def _cropping(stage: Stage, letters: str, is_consistent: bool) -> dict[str, Any]:
    call = stage.call
    if isinstance(stage.padding, str) and stage.padding in TRANSPOSED_WORDS:
        return {"padding": TRANSPOSED_WORDS[stage.padding]}
    if stage.is_padding_senseless:
        return {"padding": stage.padding}
    more = call.output_padding if arguments.fits(call) else (0,) * len(stage.pairs)
    pairs = [(low, high - extra) for (low, high), extra in zip(stage.pairs, more, strict=True)]
    if is_consistent:
        return {"padding": _ordered(tuple(pairs), call, letters), "use_consistent_padding": True}
    # Older versions of JAX expect the padding of the dilated input. A wrong number of pairs is kept for JAX to refuse.
    windows = (*stage.window, *(1,) * len(pairs))
    around = [(size - 1 - low, size - 1 - high) for size, (low, high) in zip(windows, pairs, strict=False)]
    return {"padding": _ordered(tuple(around), call, letters)}


def _ordered(values: tuple[T, ...], call: Call, letters: str) -> tuple[T, ...]:
    # JAX expects one value for each spatial axis, in the order of the axes in the kernel's layout.
    order = [letter for letter in letters if letter in call.spatial]
    if order == list(call.spatial) or len(values) != len(order):
        return values
    return tuple(values[call.spatial.index(letter)] for letter in order)


def before(call: Call) -> tuple[tuple[int, int, int], ...]:
    """Return the `padding_config` of `jax.lax.pad` for `call.before`: (low, high, interior) for each input axis."""
    assert call.before is not None
    pairs = dict(zip(call.spatial, call.before, strict=True))
    return tuple((*pairs.get(letter, (0, 0)), 0) for letter in call.layout.input)


def bias_shape(call: Call) -> tuple[int, ...]:
    """Return the shape in which the bias broadcasts to the output: its size on the axis C, 1 on all other axes."""
    return tuple(call.extent("bias", "O") if letter == "C" else 1 for letter in call.letters("output"))


def written(call: Call, steps: Sequence[Step], *, is_jitted: bool) -> str:
    """Return a call as Python text; with `is_jitted`, inside one `jax.jit`."""
    body = _written(call, steps)
    if call.gradients:
        return _written_back(call, body, is_jitted=is_jitted)
    if not is_jitted and not call.variation.shape_inference:
        return body
    present = [name for name in ARRAYS if getattr(call, name) is not None]
    given = ["input"] if call.variation.kernel_constant else present
    function = expressions.function_of(given, body)
    compiled = f"jax.jit({function})" if is_jitted else function
    if call.variation.shape_inference:
        return expressions.inferred(compiled, "jax.eval_shape(f, {})", given)
    return expressions.called(compiled, given)


def _written_back(call: Call, body: str, *, is_jitted: bool) -> str:
    """Return the text of the gradients of `body`; with `is_jitted`, inside one `jax.jit` of all arrays."""
    pulled = gradients(call, body)
    if not is_jitted:
        return pulled
    given = [name for name in (*ARRAYS, COTANGENT, *DIRECTIONS.values()) if getattr(call, name) is not None]
    return expressions.called(f"jax.jit({expressions.function_of(given, pulled)})", given)


def gradients(call: Call, body: str) -> str:
    """
    Return the text of the gradients of `body`, an expression in the names of the call's arrays.

    For a second-order call, the text evaluates to a pair: gradients, second-order gradients.
    """
    once = _pulled(call.pulled, body, COTANGENT)
    if not call.second_order:
        return once
    along = ", ".join(DIRECTIONS[name] for name in call.directions)
    return f"({once}, {_pulled(call.second_order, _pulled(call.directions, body, COTANGENT), f'({along})')})"


def _pulled(names: Sequence[str], body: str, sent: str) -> str:
    return f"jax.vjp({', '.join((expressions.function_of(names, body), *names))})[1]({sent})"


def _written(call: Call, steps: Sequence[Step]) -> str:
    signal = "input"
    if call.before is not None:
        signal = f"jax.lax.pad(input, input.dtype.type(0), {before(call)!r})"
    for one in steps:
        signal = expressions.function(f"jax.lax.{one.name}", signal, one.kernel, **one.keywords)
    if call.bias is not None:
        signal = f"{signal} + bias.reshape{bias_shape(call)!r}"
    return signal
