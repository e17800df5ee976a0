"""
A call in the words of `jax.lax`: functions, keywords, text.

Imports no JAX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ...core import ARRAYS, COTANGENT, DIRECTIONS, Array, Call, Stage
from ..shared import arguments, expressions

#: The padding words of `jax.lax.conv_general_dilated`.
WORDS = {"valid": "VALID", "same": "SAME", "same_lower": "SAME_LOWER"}
#: The padding words of `jax.lax.conv_transpose`.
TRANSPOSED_WORDS = {"valid": "VALID", "same": "SAME"}

T = TypeVar("T")


class Step(NamedTuple):
    """One call of `jax.lax`: the function's name, its keywords, and the kernel as text."""

    name: str
    keywords: Mapping[str, Any]
    kernel: str


def kernel_letters(stage: Stage) -> str:
    """Return the axes of a kernel as JAX is to receive it: the call's own, a depthwise `WCM` as `WIO`."""
    letters = stage.call.letters(stage.kernel)
    return letters.replace("C", "I").replace("M", "O") if "M" in letters else letters


def kernels(call: Call) -> list[Array]:
    """Return the kernels of a call as JAX is to receive them."""
    if call.kernel is not None and "M" not in call.letters("kernel"):
        return [call.place("kernel", call.letters("kernel"))]
    return [stage.place_kernel(kernel_letters(stage)) for stage in call.stages]


def step(stage: Stage, *, is_consistent: bool) -> Step:
    """Return one convolution; `is_consistent` says that `conv_transpose` takes the padding of the forward one."""
    call, letters = stage.call, kernel_letters(stage)
    source = call.layout.input if stage is call.stages[0] else call.layout.output
    shared: dict[str, Any] = {"rhs_dilation": _ordered(stage.dilations, call, letters)}
    if stage is call.stages[-1] and call.dtype.output != call.dtype.input:
        shared["preferred_element_type"] = call.dtype.output
    written = expressions.kernel(stage, letters)
    strides = _ordered(stage.strides, call, letters)
    if call.op == "conv_transpose":
        keywords = {"strides": strides, **_cropping(stage, letters, is_consistent), **shared}
        # transpose_kernel flips the kernel and swaps its I and O: given the forward kernel, the adjoint results.
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
    # JAX defines its words for an undilated input only; its message asks for pairs there.
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
    # Older versions take the padding of the dilated input; pairs of a wrong number stay so.
    windows = (*stage.window, *(1,) * len(pairs))
    around = [(size - 1 - low, size - 1 - high) for size, (low, high) in zip(windows, pairs, strict=False)]
    return {"padding": _ordered(tuple(around), call, letters)}


def _ordered(values: tuple[T, ...], call: Call, letters: str) -> tuple[T, ...]:
    # JAX reads what is spatial in the order of the kernel's letters.
    order = [letter for letter in letters if letter in call.spatial]
    if order == list(call.spatial) or len(values) != len(order):
        return values
    return tuple(values[call.spatial.index(letter)] for letter in order)


def before(call: Call) -> tuple[tuple[int, int, int], ...]:
    """Return what `jax.lax.pad` is to do ahead of the convolution: (low, high, interior) for each axis of the input."""
    assert call.before is not None
    pairs = dict(zip(call.spatial, call.before, strict=True))
    return tuple((*pairs.get(letter, (0, 0)), 0) for letter in call.layout.input)


def bias_shape(call: Call) -> tuple[int, ...]:
    """Return the shape in which a bias is added to the output."""
    return tuple(call.extent("bias", "O") if letter == "C" else 1 for letter in call.letters("output"))


def written(call: Call, steps: Sequence[Step], *, is_jitted: bool) -> str:
    """Return a call as text, `is_jitted` inside one `jax.jit`."""
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
    """Return the text of the gradients of `body`; compiled, of a function of every array of the call."""
    pulled = gradients(call, body)
    if not is_jitted:
        return pulled
    given = [name for name in (*ARRAYS, COTANGENT, *DIRECTIONS.values()) if getattr(call, name) is not None]
    return expressions.called(f"jax.jit({expressions.function_of(given, pulled)})", given)


def gradients(call: Call, body: str) -> str:
    """Return the text of the gradients of `body`, which names the arrays of a call; of a pair where it asks for theirs."""
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
