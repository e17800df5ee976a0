"""
Keras in a process of its own, for it has one engine a process: prints what each call known by hand gives, as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from conv_conformance.adapter import Raised, Target, Unavailable
from conv_conformance.backends.keras import Keras

from .handwritten import CALLS, arrays


def observe(backend: Keras, name: str) -> Any:
    """
    Return `unsupported`, `raised`, or the dtype, shape and values of a call.
    """
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


def refuse(*parts: str) -> str:
    """
    Return how a target that is not there is refused.
    """
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
                "device": refuse(engine, "gpu"),
                "engine": refuse("keras-jax" if engine != "keras-jax" else "keras-torch", "cpu"),
            }
        )
    )
