"""
TensorFlow: `tf.nn`, called as it is or inside a `tf.function`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from ..adapter import Outputs, Target, Unavailable, ask
from ..call import Array, Call
from . import tf_nn, words

#: The words for devices, in TensorFlow's own.
DEVICES = {"cpu": "CPU:0", "gpu": "GPU:0"}


class TensorFlow:
    """
    The convolutions of `tf.nn`; a layout is passed as `data_format` where it is one, else the axes are permuted.
    """

    framework = "tensorflow"
    requires = ("tensorflow",)
    modes = {
        "": "tf.nn, operation by operation",
        "graph": "the whole call inside one tf.function; dynamic_shape leaves the spatial sizes open",
    }

    def __init__(self, target: Target) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        self._tf: Any = import_module("tensorflow")
        self._device = self._find(target.device)
        self._compiles = target.mode == "graph"
        self._tf.get_logger().setLevel("ERROR")  # it warns of one graph a call, which is what is wanted here
        self.version = str(self._tf.__version__)
        self.limits = tf_nn.LIMITS if self._compiles else (*tf_nn.LIMITS, words.EAGER)
        self.settings = self._settings()

    def _find(self, device: str) -> str:
        config = self._tf.config
        for gpu in config.list_physical_devices("GPU"):
            config.experimental.set_memory_growth(gpu, True)
        name = "/device:" + DEVICES.get(device, device)
        there = [one.name for one in config.list_logical_devices()]
        if name not in there:
            raise Unavailable(f"tensorflow has no device {device!r}, it has {', '.join(there)}")
        return name

    def _settings(self) -> dict[str, str]:
        config = self._tf.config
        return {
            "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "unset"),
            "intra_op_parallelism_threads": str(config.threading.get_intra_op_parallelism_threads()),
            "inter_op_parallelism_threads": str(config.threading.get_inter_op_parallelism_threads()),
            "tensor_float_32": str(config.experimental.tensor_float_32_execution_enabled()),
            "device": self._device,
        }

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """
        Bring the arrays into the order of a `data_format`; return the closure that convolves them.
        """
        step = tf_nn.step(call)
        arrays = [
            call.place("input", step.data_format),
            *(call.place(name, letters) for name, letters in step.kernels.items()),
            *([call.place("bias", "O")] if call.bias is not None else []),
        ]
        written = tf_nn.written(call, step, is_graph=self._compiles)
        compute = self._function(call, step)
        make = self._graphed if self._compiles else self._called

        def run() -> Outputs:
            with self._tf.device(self._device):
                output = ask(make(call, step, compute, arrays).numpy)
            return Outputs({"output": call.deliver(output, step.data_format)}, written, call.bias is not None)

        return run

    def _function(self, call: Call, step: tf_nn.Step) -> Callable[..., Any]:
        tf, is_inside = self._tf, call.variation.inside_graph
        operation = getattr(tf.nn, step.name)

        def compute(signal: Any, *others: Any) -> Any:
            signal = tf.transpose(tf.transpose(signal)) if is_inside else signal
            if call.before is not None:
                added, cut = words.before(call, step.data_format)
                signal = tf.pad(signal, added)[cut]
            signal = operation(signal, *others[: len(step.kernels)], **self._keywords(call, step, signal))
            if call.bias is not None:
                signal = tf.nn.bias_add(signal, others[-1], data_format=step.data_format)
            return tf.transpose(tf.transpose(signal)) if is_inside else signal

        return compute

    def _keywords(self, call: Call, step: tf_nn.Step, signal: Any) -> dict[str, Any]:
        keywords = dict(step.keywords)
        if call.op == "conv_transpose" and call.variation.dynamic_shape:
            keywords["output_shape"] = self._open_shape(call, step, signal)
        return keywords

    def _open_shape(self, call: Call, step: tf_nn.Step, signal: Any) -> Any:
        # An output grows with its input, by the stride.
        sizes, strides = (
            dict(zip(call.spatial, call.lengths, strict=True)),
            dict(zip(call.spatial, call.strides, strict=True)),
        )
        now = self._tf.shape(signal)
        return [
            length + (now[axis] - sizes[letter]) * strides[letter] if letter in sizes else length
            for axis, (letter, length) in enumerate(zip(step.data_format, step.keywords["output_shape"], strict=True))
        ]

    def _called(self, call: Call, step: tf_nn.Step, compute: Callable[..., Any], arrays: Sequence[Array]) -> Any:
        return ask(compute, *(ask(self._tf.constant, array) for array in arrays))

    def _graphed(self, call: Call, step: tf_nn.Step, compute: Callable[..., Any], arrays: Sequence[Array]) -> Any:
        tf, traced = self._tf, list[bool]()
        varied = call.variation
        given, captured = (arrays[:1], arrays[1:]) if varied.kernel_constant else (arrays, ())

        def noted(*tensors: Any) -> Any:
            traced.append(not tf.executing_eagerly())
            return compute(*tensors, *map(tf.constant, captured))

        tensors = [ask(tf.constant, array) for array in given]
        function = ask(tf.function, noted, autograph=False, input_signature=self._signature(call, step, tensors))
        if varied.dynamic_shape:
            ask(function, ask(self._larger, call, step, tensors[0]), *tensors[1:])
        output = ask(function, *tensors)
        if traced != [True]:
            raise RuntimeError("tf.function did not build one graph; is run_functions_eagerly set?")
        return output

    def _signature(self, call: Call, step: tf_nn.Step, tensors: Sequence[Any]) -> list[Any]:
        specs = [self._tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors]
        if call.variation.dynamic_shape:
            sizes = zip(step.data_format, tensors[0].shape, strict=True)
            shape = [None if letter in call.spatial else size for letter, size in sizes]
            specs[0] = self._tf.TensorSpec(shape, tensors[0].dtype)
        return specs

    def _larger(self, call: Call, step: tf_nn.Step, signal: Any) -> Any:
        return self._tf.pad(signal, [[0, int(letter in call.spatial)] for letter in step.data_format])
