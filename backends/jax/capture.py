"""
Capture of the convolutions that a program makes with JAX, at the primitive that all convolutions of JAX use.

The primitive receives a convolution after all transformations: `vmap` has merged its axis into the batch, a padding
string has become pairs, and a transposed convolution has become a convolution with `lhs_dilation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...capture import Operand, Sighting, Sightings, Unsayable, is_called_from
from ...core import SPATIAL

NAME = "jax.lax.conv_general_dilated"
#: The traces that compute an operation or write it into a jaxpr. All other traces forward the operation to these.
FINAL = ("EvalTrace", "DynamicJaxprTrace")
#: The JAX functions that compute the gradients of a convolution, which are convolutions themselves.
GRADIENTS = ("_conv_general_dilated_transpose_lhs", "_conv_general_dilated_transpose_rhs")


def attach(sightings: Sightings) -> Callable[[], None]:
    """Report each convolution that is evaluated or traced; return a function that stops the reports."""
    import jax

    primitive = jax.lax.conv_general_dilated_p
    original = primitive.bind_with_trace
    framework = f"jax {jax.__version__}"

    def bind_with_trace(trace: Any, args: Sequence[Any], *rest: Any) -> Any:
        kind = type(trace).__name__
        if kind not in FINAL or sightings.is_silent:
            return original(trace, args, *rest)
        if not is_called_from(lambda code: code.co_name in GRADIENTS):
            params, is_compiled = rest[-1], kind != "EvalTrace"
            sightings.see(NAME, lambda: _sighting(framework, args, params, is_compiled=is_compiled))
        with sightings.silently():
            return original(trace, args, *rest)

    primitive.bind_with_trace = bind_with_trace

    def release() -> None:
        del primitive.bind_with_trace

    return release


def watch(sightings: Sightings) -> Callable[[], None]:
    """Return a function that does nothing, because `attach` already covers all threads."""
    return lambda: None


def _sighting(framework: str, args: Sequence[Any], params: Mapping[str, Any], *, is_compiled: bool) -> Sighting:
    signal, kernel = args
    rank = len(signal.shape) - 2
    if params["batch_group_count"] != 1:
        raise Unsayable(f"batch_group_count={params['batch_group_count']}")
    if rank not in SPATIAL:
        raise Unsayable(f"{rank} spatial axes")
    spatial, numbers = SPATIAL[rank], params["dimension_numbers"]
    return Sighting(
        op="conv",
        arrays={
            "input": _operand(signal, _letters(numbers.lhs_spec, f"NC{spatial}")),
            "kernel": _operand(kernel, _letters(numbers.rhs_spec, f"OI{spatial}")),
        },
        output=_letters(numbers.out_spec, f"NC{spatial}"),
        said_by=NAME,
        framework=framework,
        strides=params["window_strides"],
        padding=params["padding"],
        dilations=params["rhs_dilation"],
        input_dilations=params["lhs_dilation"],
        groups=params["feature_group_count"],
        is_compiled=is_compiled,
    )


def _letters(spec: Sequence[int], names: str) -> str:
    """Return `names` in the order of the axes; spec[i] is the axis of names[i]."""
    return "".join(letter for _, letter in sorted(zip(spec, names, strict=True)))


def _operand(array: Any, letters: str) -> Operand:
    shape = tuple(size if isinstance(size, int) else None for size in array.shape)
    return Operand(letters, shape, str(array.dtype), array=array)
