"""A call as a function of JAX arrays: evaluated directly, compiled by `jax.jit`, or traced for its output shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...core import Array, Call, ask
from . import parameters

#: A function that returns the output for the input, the kernels and the bias, in this order.
Function: TypeAlias = Callable[..., Any]


def function(library: Any, call: Call, steps: Sequence[parameters.Step]) -> Function:
    """Return the whole call as one function, with `before` and the bias; `library` is `jax.lax`."""
    is_inside = call.variation.inside_graph

    def compute(signal: Any, *others: Any) -> Any:
        signal = signal.T.T if is_inside else signal
        if call.before is not None:
            signal = library.pad(signal, np.zeros((), signal.dtype), parameters.before(call))
        for step, kernel in zip(steps, others, strict=False):
            signal = getattr(library, step.name)(signal, kernel, **step.keywords)
        if call.bias is not None:
            signal = signal + others[-1]
        return signal.T.T if is_inside else signal

    return compute


def jitted(jax: Any, call: Call, compute: Function, placed: Sequence[Any]) -> Any:
    """
    Return the result of `compute`, compiled by `jax.jit`, for the arrays `placed`.

    Raises:
        RuntimeError: if JAX evaluated `compute` without compiling it.

    """
    traced: list[bool] = []

    def noted(*arrays: Any) -> Any:
        traced.append(isinstance(arrays[0], jax.core.Tracer))
        return compute(*arrays, *(placed[1:] if call.variation.kernel_constant else ()))

    compiled = jax.jit(noted)
    arguments = placed[:1] if call.variation.kernel_constant else placed
    if call.variation.dynamic_shape:
        ask(compiled, ask(_larger, jax, call, placed[0]), *arguments[1:])
    output = ask(compiled, *arguments)
    if traced != [True] * (1 + call.variation.dynamic_shape):
        raise RuntimeError("jax.jit did not compile this call; is JAX_DISABLE_JIT set?")
    return output


def _larger(jax: Any, call: Call, signal: Any) -> Any:
    return jax.numpy.pad(signal, [(0, int(letter in call.spatial)) for letter in call.layout.input])


def inferred(jax: Any, compute: Function, placed: Sequence[Any]) -> Array:
    """Return zeros of the shape and dtype that `jax.eval_shape` infers for the output without computing the output."""
    stated = ask(jax.eval_shape, compute, *placed)
    return np.zeros(stated.shape, stated.dtype)
