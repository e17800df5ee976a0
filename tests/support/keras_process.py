"""
A separate process for Keras, which supports one engine per process.

It prints the output of each call of `handwritten` as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from conv_conformance.backends.keras import Keras
from conv_conformance.core.backend import Raised, Target, Unavailable
from conv_conformance.core.call import Variation

from .handwritten import CALLS, arrays

#: What is asked of inference, and shapes that Keras is made to state.
INFERRED = ("window", "bias", "same", "permuted", "float64", "separable-1d", "transposed", "groups")
STATED = ((1, 7), (1, -1, 1))


def observe(backend: Keras, name: str) -> Any:
    """Return `unsupported`, `raised`, or the dtype, shape and values of a call."""
    import keras

    asked = CALLS[name][0]
    if any(limit.holds(asked) for limit in backend.limits):
        return "unsupported"
    try:
        outputs = backend.prepare(asked)()
    except Raised:
        return "raised"
    output = outputs.arrays["output"]
    with backend._x64(asked):
        pasted = keras.ops.convert_to_numpy(eval(outputs.call, {"keras": keras, **arrays(asked)}))
    assert pasted.tolist() == output.tolist(), outputs.call
    return [
        output.dtype.name,
        list(output.shape),
        output.astype(complex if name == "complex64" else float).real.tolist(),
    ]


def infer(backend: Keras, name: str) -> Any:
    """Return the dtype and shape that are stated of a call, and those that the pasted text states; or `raised`."""
    import keras

    asked = replace(CALLS[name][0], variation=Variation(shape_inference=True))
    try:
        outputs = backend.prepare(asked)()
    except Raised:
        return "raised"
    with backend._x64(asked):
        pasted, output = eval(outputs.call, {"keras": keras, **arrays(asked)})
        assert keras.ops.convert_to_numpy(output).tolist() == outputs.arrays["output"].tolist(), outputs.call
    stated = outputs.arrays["inference"]
    return [[stated.dtype.name, list(stated.shape)], [pasted.dtype, list(pasted.shape)]]


def infer_stated(backend: Keras, shape: tuple[int, ...]) -> Any:
    """Return what is inferred where Keras, in its layers and its operations, states this shape in int8."""
    import keras
    from keras.src.ops.nn import Conv

    spec = SimpleNamespace(shape=shape, dtype="int8")
    with (
        patch.object(keras.layers.Conv1D, "compute_output_shape", lambda *_: shape),
        patch.object(keras.layers.Conv1D, "compute_output_spec", lambda *_: spec),
        patch.object(Conv, "symbolic_call", lambda *_, **__: spec),
    ):
        return infer(backend, "window")


def refuse(*parts: str) -> str:
    """Return how a target that is not there is refused."""
    try:
        Keras(Target(name=parts[0], device=parts[1]))
    except Unavailable as error:
        return str(error)
    return "available"


if __name__ == "__main__":
    engine = sys.argv[1]
    made = {mode: Keras(Target(name=engine, mode=mode)) for mode in Keras.modes}
    print(
        json.dumps(
            {
                "results": {mode: {name: observe(made[mode], name) for name in CALLS} for mode in made},
                "inferences": {mode: {name: infer(made[mode], name) for name in INFERRED} for mode in made},
                "stated": {mode: [infer_stated(made[mode], shape) for shape in STATED] for mode in made},
                "device": refuse(engine, "gpu"),
                "engine": refuse("keras-jax" if engine != "keras-jax" else "keras-torch", "cpu"),
            }
        )
    )
