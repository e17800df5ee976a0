"""Gradients in JAX by `jax.vjp` of a call's function, and second-order gradients by `jax.vjp` of the gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import ARRAYS, COTANGENT, DIRECTIONS, Array, Call
from ..shared import arguments
from . import parameters
from .function import Function


def differentiated(jax: Any, call: Call, compute: Function) -> Function:
    """Return the function from (arrays of the call, cotangent) to (output, gradients of the `pulled` arrays)."""
    wanted = [at for at, name in enumerate(_present(call)) if name in call.pulled]

    def compute_back(*arrays: Any) -> Sequence[Any]:
        *given, cotangent = arrays

        def of_wanted(*chosen: Any) -> Any:
            replaced = dict(zip(wanted, chosen, strict=True))
            return compute(*(replaced.get(at, array) for at, array in enumerate(given)))

        output, pull = jax.vjp(of_wanted, *(given[at] for at in wanted))
        return (output, *pull(cotangent))

    return compute_back


def differentiated_twice(jax: Any, call: Call, compute: Function) -> Function:
    """
    Return the function from (arrays, cotangent, directions) to (output, gradients, second-order gradients).

    The second-order gradients are the gradients of the sum of <gradient, direction> over all arrays with a direction.
    """
    once, present = differentiated(jax, call, compute), [*_present(call), COTANGENT]
    moved = [present.index(name) for name in call.second_order]
    directed = [1 + call.pulled.index(name) for name in call.directions]

    def compute_twice(*arrays: Any) -> Sequence[Any]:
        given, directions = arrays[: len(present)], arrays[len(present) :]

        def of_moved(*chosen: Any) -> Any:
            replaced = dict(zip(moved, chosen, strict=True))
            found = once(*(replaced.get(at, array) for at, array in enumerate(given)))
            return tuple(found[at] for at in directed), found

        _, pull, found = jax.vjp(of_moved, *(given[at] for at in moved), has_aux=True)
        return (*found, *pull(directions))

    return compute_twice


def directions(call: Call) -> list[Array]:
    """Return the directions of a call, in the layouts that the JAX function expects."""
    (stage,) = call.stages
    placed = {
        "input": call.place(DIRECTIONS["input"], call.layout.input),
        "kernel": stage.directed.place_kernel(parameters.kernel_letters(stage)),
    }
    if call.bias_direction is not None:
        placed["bias"] = call.place(DIRECTIONS["bias"], "O").reshape(parameters.bias_shape(call))
    return [placed[name] for name in call.directions]


def _present(call: Call) -> list[str]:
    return [name for name in ARRAYS if getattr(call, name) is not None]


def delivered(call: Call, returned: Sequence[Array]) -> Mapping[str, Array]:
    """Return the output and the gradients in the call's layouts, by name (`output`, `gradient.input`, …)."""
    output, *gradients = returned
    letters = {"input": call.layout.input, "bias": "O", COTANGENT: call.letters(COTANGENT)}
    letters |= {stage.kernel: parameters.kernel_letters(stage) for stage in call.stages}
    # The bias was added in a shape that broadcasts, so its gradient has that shape too.
    flat = [each.reshape(-1) if name == "bias" else each for name, each in zip(call.pulled, gradients, strict=False)]
    return {"output": output, **arguments.homes(call, [*flat, *gradients[len(flat) :]], letters)}
