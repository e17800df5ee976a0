"""The TensorFlow adapter: `tf.nn`, called operation by operation or inside a `tf.function`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ...core import Array, Call, Outputs, Prepared, Target, Unavailable
from ..shared import arguments
from . import function, gradients, parameters, settings

#: Device in a target's name -> TensorFlow's name of the device.
DEVICES = {"cpu": "CPU:0", "gpu": "GPU:0"}


class TensorFlow:
    """The convolutions of `tf.nn`; arrays whose layout is not a `data_format` are permuted to one."""

    framework = "tensorflow"
    requires = ("tensorflow",)
    differentiates = True
    differentiates_twice = True
    modes = {
        "": "tf.nn, operation by operation",
        "graph": "the whole call inside one tf.function; dynamic_shape makes its spatial sizes unknown (None)",
        **settings.SENTENCES,
    }

    def __init__(self, target: Target) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        self._tf: Any = settings.imported(target.mode)
        self._device = self._find(target.device)
        self._compiles = target.mode == "graph"
        self._tf.get_logger().setLevel("ERROR")  # TensorFlow warns that each call builds a graph, which is intended
        self._trained = arguments.Kept()
        self.version = str(self._tf.__version__)
        self.limits = (
            parameters.LIMITS if self._compiles else (*parameters.LIMITS, arguments.EAGER, arguments.NOT_INFERRED)
        )
        self.settings = self._settings()
        self.precision = settings.documented(self._tf, self._device)

    def _find(self, device: str) -> str:
        config = self._tf.config
        for gpu in config.list_physical_devices("GPU"):
            config.experimental.set_memory_growth(gpu, True)
        name = "/device:" + DEVICES.get(device, device)
        names = [logical.name for logical in config.list_logical_devices()]
        if name not in names:
            raise Unavailable(f"tensorflow has no device {device!r}, it has {', '.join(names)}")
        return name

    def _settings(self) -> dict[str, str]:
        config = self._tf.config
        return {
            "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "unset"),
            "onednn": settings.uses_onednn(),
            "intra_op_parallelism_threads": str(config.threading.get_intra_op_parallelism_threads()),
            "inter_op_parallelism_threads": str(config.threading.get_inter_op_parallelism_threads()),
            "tensor_float_32": str(config.experimental.tensor_float_32_execution_enabled()),
            "device": self._device,
        }

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Permute the arrays to the axes of a `data_format`, and return the closure that computes the call."""
        step = parameters.step(call)
        arrays = [
            call.place("input", step.data_format),
            *(call.place(name, letters) for name, letters in step.kernels.items()),
            *([call.place("bias", "O")] if call.bias is not None else []),
        ]
        written = parameters.written(call, step, is_graph=self._compiles)
        compute = function.function(self._tf, call, step)
        if call.gradients:
            differentiate = gradients.differentiated_twice if call.second_order else gradients.differentiated
            compute = differentiate(self._tf, call, compute)
            arrays.append(call.place("cotangent", step.data_format))
            arrays += arguments.directions(call, gradients.letters(step))

        def run() -> Outputs:
            with self._tf.device(self._device):
                found = self._compute(call, step, compute, arrays)
            if call.gradients:
                delivered = gradients.delivered(call, step, found)
            else:
                delivered = {name: call.deliver(array, step.data_format) for name, array in found.items()}
            return Outputs(delivered, composed=call.bias is not None)

        return Prepared(run, written)

    def _compute(
        self, call: Call, step: parameters.Step, compute: function.Function, arrays: Sequence[Array]
    ) -> dict[str, Array]:
        if self._compiles and call.training is not None:
            made = self._trained.of(call.form, lambda: self._tf.function(compute, autograph=False))
            return function.called(self._tf, call, made, arrays)
        if self._compiles:
            return function.graphed(self._tf, call, step, compute, arrays)
        return function.called(self._tf, call, compute, arrays)
