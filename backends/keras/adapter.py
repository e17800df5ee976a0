"""The Keras adapter: layers, `keras.ops` and `keras.Model.fit`, on each engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from ...core import Array, Call, Outputs, Prepared, Target, Unavailable, ask
from ..jax import State
from ..jax import settings as jax_settings
from ..shared import arguments
from ..tensorflow import settings as tensorflow_settings
from ..torch import settings as torch_settings
from . import fit, function, gradients, gradients_text, parameters

#: Keras' device names. The CPU is not named "cpu:0", because then Keras 3.15 on PyTorch computes no gradient of any
#: variable and trains nothing.
DEVICES = {"cpu": "cpu", "gpu": "gpu:0"}


class Keras:
    """Keras on one engine, which the end of the target's name selects; a process has only one engine."""

    framework = "keras"
    requires = ("keras",)
    differentiates = True
    differentiates_twice = True
    #: Target -> the modules that it imports.
    engines = {
        "keras-tensorflow": ("keras", "tensorflow"),
        "keras-jax": ("keras", "jax"),
        "keras-torch": ("keras", "torch"),
    }
    modes = {
        "": "the layers of keras.layers, with the weights of the call",
        "ops": "the functions of keras.ops",
        "fit": "the layers, trained by keras.Model.fit with an optimizer of keras.optimizers",
    }

    def __init__(self, target: Target) -> None:
        engine = target.name.removeprefix("keras-")
        os.environ["KERAS_BACKEND"] = engine
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        self._engine: Any = self._import(engine)
        self._keras: Any = self._import("keras")
        if self._keras.backend.backend() != engine:
            raise Unavailable(
                f"keras was imported with {self._keras.backend.backend()} before; a process has one engine"
            )
        self._state = State(self._engine) if engine == "jax" else None
        self._device = DEVICES.get(target.device, target.device)
        self._check_device()
        self._is_layer = target.mode != "ops"
        self.version = str(self._keras.__version__)
        self.limits = parameters.LAYER_LIMITS if self._is_layer else parameters.OPERATION_LIMITS
        self.settings = self._settings(engine)
        self.precision = self._documented(engine)
        self.fit = self._fit if target.mode == "fit" else None

    def _import(self, name: str) -> Any:
        try:
            return import_module(name)
        except ImportError as error:
            raise Unavailable(f"{name} cannot be imported: {error}") from error

    def _check_device(self) -> None:
        try:
            with self._keras.device(self._device):
                there = str(self._keras.ops.zeros(1).device).lower()
        except Exception as error:
            raise Unavailable(f"keras has no device {self._device!r} here: {error}") from error
        # Compare the devices, because TensorFlow falls back to the CPU without an error.
        kind = self._device.partition(":")[0].lower()
        if not any(word in there for word in {"gpu": ("gpu", "cuda")}.get(kind, (kind,))):
            raise Unavailable(f"keras has no device {self._device!r} here, it used {there!r}")

    def _documented(self, engine: str) -> dict[str, str]:
        if engine == "tensorflow":
            return tensorflow_settings.documented(self._engine, self._device)
        is_cpu = self._device.startswith("cpu")
        if engine == "jax":
            return jax_settings.documented(self._engine, "cpu" if is_cpu else "gpu")
        return torch_settings.documented(self._engine, "cpu" if is_cpu else "cuda")

    def _settings(self, engine: str) -> dict[str, str]:
        names = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS")
        return {
            "engine": f"{engine} {self._engine.__version__}",
            "device": self._device,
            **({"x64": "for calls with a 64-bit type only"} if self._state else {}),
            **{name: os.environ[name] for name in names if name in os.environ},
        }

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Permute the arrays to the axes of a `data_format`, and return the closure that computes the call."""
        step = parameters.layer(call) if self._is_layer else parameters.operation(call)
        signal = call.place("input", step.layout)
        weights = [call.place(name, letters) for name, letters in step.kernels.items()]
        weights += [call.place("bias", "O")] if call.bias is not None else []
        written = self._written(call, step)
        if self._state:
            self._state.remember(call)
            written += self._state.comment(call)
        make = function.layer if self._is_layer else function.operation
        is_composed = call.bias is not None and not self._is_layer
        if call.gradients:
            arrays = [signal, *weights, call.place("cotangent", step.layout)]
            arrays += arguments.directions(call, gradients.letters(step))
            return Prepared(lambda: Outputs(self._differentiated(call, step, arrays), composed=is_composed), written)

        def run() -> Outputs:
            with self._x64(call), self._keras.device(self._device):
                tensor = function.before(self._keras, call, step, self._place(signal))
                output, inferred = make(self._keras, call, step, tensor, [self._place(weight) for weight in weights])
                found = {"output": ask(self._keras.ops.convert_to_numpy, output)}
            if inferred is not None:
                found["inference"] = inferred
            delivered = {name: call.deliver(array, step.layout) for name, array in found.items()}
            return Outputs(delivered, composed=is_composed)

        return Prepared(run, written)

    def _fit(self, call: Call) -> Callable[[], Outputs]:
        """Return the closure that trains a layer by `keras.Model.fit`."""
        step = parameters.layer(call)
        arrays = [call.place("input", step.layout), *(call.place(name, order) for name, order in step.kernels.items())]
        arrays.append(call.place("target", step.layout))

        def run() -> Outputs:
            with self._x64(call), self._keras.device(self._device):
                return Outputs(fit.trained(self._keras, call, step, arrays))

        return Prepared(run, fit.written(call, step))

    def _written(self, call: Call, step: parameters.Step) -> str:
        if not call.gradients:
            return parameters.written(call, step, is_layer=self._is_layer)
        engine = self._keras.backend.backend()
        return gradients_text.written(call, step, engine, is_layer=self._is_layer)

    def _differentiated(self, call: Call, step: parameters.Step, arrays: Sequence[Array]) -> dict[str, Array]:
        """Return the output and the requested gradients, in the layouts of the call."""
        made = gradients.layer if self._is_layer else gradients.operation
        with self._x64(call), self._keras.device(self._device):
            compute = made(self._keras, call, step)
            placed = [self._place(array) for array in arrays]
            return gradients.differentiated(self._keras, self._engine, call, step, compute, placed)

    def _place(self, array: Array) -> Any:
        # Use device_put, because every other conversion from NumPy makes JAX compile a program for each new shape.
        return ask(self._engine.device_put, array) if self._state else array

    def _x64(self, call: Call) -> AbstractContextManager[Any]:
        return self._state.x64(call) if self._state else nullcontext()
