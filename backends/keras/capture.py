"""
Capture of the convolutions that a program makes with Keras, at the functions that layers and operations both call.

While such a function runs, the engine's own calls are not captured, because they belong to a call that was reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from typing import Any

from ...capture import Operand, Sighting, Sightings, Unsayable, bound_arguments
from ...core import SPATIAL

# The functions of `keras.src.backend.nn` have the names of the format's operations, and TensorFlow's kernel layouts.
from ..tensorflow import KERNELS


def attach(sightings: Sightings) -> Callable[[], None]:
    """Report each convolution that a layer or operation requests; return a function that stops the reports."""
    import keras

    nn = keras.src.backend.nn
    originals = {name: getattr(nn, name) for name in KERNELS}
    for name, function in originals.items():
        setattr(nn, name, _seeing(sightings, keras, name, function))

    def release() -> None:
        for name, function in originals.items():
            setattr(nn, name, function)

    return release


def watch(sightings: Sightings) -> Callable[[], None]:
    """Return a function that does nothing, because `attach` already covers all threads."""
    return lambda: None


def _seeing(sightings: Sightings, keras: Any, op: str, function: Callable[..., Any]) -> Callable[..., Any]:
    parameters = signature(function)
    framework = f"keras {keras.__version__} on {keras.config.backend()}"

    @wraps(function)
    def conv(*args: Any, **kwargs: Any) -> Any:
        if not sightings.is_silent and not _is_shape_inference(keras):
            said = f"keras.ops.{op}", framework, keras.config.image_data_format()
            sightings.see(said[0], lambda: _sighting(op, *said, bound_arguments(parameters, args, kwargs)))
        with sightings.silently():
            return function(*args, **kwargs)

    return conv


def _is_shape_inference(keras: Any) -> bool:
    """Return whether Keras is inferring shapes; while it does, it replaces unknown sizes by arbitrary numbers."""
    scope = getattr(keras.src.backend.common, "symbolic_scope", None)
    return bool(scope is not None and scope.in_symbolic_scope())


def _sighting(op: str, said_by: str, framework: str, data_format: str, asked: Mapping[str, Any]) -> Sighting:
    signal = asked["inputs"]
    rank = len(signal.shape) - 2
    if rank not in SPATIAL:
        raise Unsayable(f"{rank} spatial axes")
    spatial = SPATIAL[rank]
    layout = f"NC{spatial}" if (asked["data_format"] or data_format) == "channels_first" else f"N{spatial}C"
    arrays = {"input": _operand(signal, layout)}
    arrays |= {key: _operand(asked[key], spatial + letters) for key, letters in KERNELS[op].items()}
    strides, dilations = _spread(asked["strides"], rank), _spread(asked["dilation_rate"], rank)
    extra = asked.get("output_padding")
    if _is_unsaid(asked["padding"], list(arrays.values())[1], strides, dilations, extra):
        raise Unsayable("output_padding together with padding 'same'")
    is_in_pairs = asked["padding"] == "valid" and extra is not None
    return Sighting(
        op=op,
        arrays=arrays,
        output=layout,
        said_by=said_by,
        framework=framework,
        strides=strides,
        padding=[(0, 0)] * rank if is_in_pairs else asked["padding"],
        dilations=dilations,
        output_padding=_spread(extra, rank) if is_in_pairs else (),
        groups=arrays["input"].extent("C") // max(arrays["kernel"].extent("I"), 1) if op == "conv" else 1,
    )


def _is_unsaid(word: str, kernel: Operand, strides: Sequence[int], dilations: Sequence[int], extra: Any) -> bool:
    """Return whether `same` with this output padding is inexpressible: the output length is not W * stride."""
    if word != "same" or extra is None:
        return False
    windows = [(k - 1) * d + 1 for k, d in zip(kernel.shape[: len(strides)], dilations, strict=True)]  # type: ignore[operator]
    return any(more != s - k % 2 for more, s, k in zip(_spread(extra, len(strides)), strides, windows, strict=True))


def _spread(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _operand(array: Any, letters: str) -> Operand:
    shape = tuple(size if isinstance(size, int) else None for size in array.shape)
    dtype = str(getattr(array.dtype, "name", array.dtype)).removeprefix("torch.")
    return Operand(letters, shape, dtype, array=array)
