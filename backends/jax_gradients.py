"""
Gradients in JAX: the function of a call, with `jax.vjp` around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..call import ARRAYS, Array, Call
from . import lax
from .jax_function import Function


def differentiated(jax: Any, call: Call, compute: Function) -> Function:
    """
    Return the function from the arrays of a call and the cotangent to the output and the gradients asked for.
    """
    wanted = [at for at, name in enumerate(_present(call)) if name in call.gradients]

    def compute_back(*arrays: Any) -> Sequence[Any]:
        *given, cotangent = arrays

        def of_wanted(*chosen: Any) -> Any:
            replaced = dict(zip(wanted, chosen, strict=True))
            return compute(*(replaced.get(at, array) for at, array in enumerate(given)))

        output, pull = jax.vjp(of_wanted, *(given[at] for at in wanted))
        return (output, *pull(cotangent))

    return compute_back


def _present(call: Call) -> list[str]:
    return [name for name in ARRAYS if getattr(call, name) is not None]


def delivered(call: Call, returned: Sequence[Array]) -> Mapping[str, Array]:
    """
    Return what `differentiated` returned by where, in the layouts of the call.
    """
    output, *gradients = returned
    letters = {"input": call.layout.input, "bias": "O"}
    letters |= {stage.kernel: lax.kernel_letters(stage) for stage in call.stages}
    names = [name for name in _present(call) if name in call.gradients]
    found = dict(zip(names, gradients, strict=True))
    if "bias" in found:  # it was added in the shape that broadcasts
        found["bias"] = found["bias"].reshape(-1)
    homes = {f"gradient.{name}": call.bring_home(name, each, letters[name]) for name, each in found.items()}
    return {"output": output, **homes}
