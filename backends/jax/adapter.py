"""The JAX adapter: `jax.lax`, called operation by operation or compiled by `jax.jit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np

from ...core import Call, Limit, Outputs, Prepared, Target, Unavailable, ask
from ..shared import COPIES, EAGER, Kept, arguments
from . import function, gradients, parameters, settings
from .state import State


def _has_inexpressible_output_padding(call: Call) -> bool:
    """
    Return whether the call has an output padding that cannot be subtracted from the high crop of each axis.

    The subtraction needs padding as pairs, and one non-negative output padding for each spatial axis.
    """
    is_valid = call.op == "conv_transpose" and len(call.output_padding) == call.rank and min(call.output_padding) >= 0
    return arguments.has_output_padding(call) and not (is_valid and not isinstance(call.padding, str))


LIMITS = (
    Limit("padding_mode: jax.lax pads with zeros", lambda call: call.padding_mode != "zeros"),
    Limit(
        "groups: jax.lax.conv_transpose has no feature_group_count",
        lambda call: call.op == "conv_transpose" and call.groups != 1,
    ),
    Limit("groups: a depthwise convolution has one for each channel in jax.lax", arguments.is_grouped_by_channels),
    Limit("kernel: jax.lax has the channels of a depthwise one merged with its filters", arguments.has_other_channels),
    Limit(
        "input_dilations: jax.lax.conv_transpose has no lhs_dilation",
        lambda call: call.op == "conv_transpose" and call.input_dilations != arguments.ones(call),
    ),
    Limit(
        "output_padding: jax.lax has pairs for it, which say no less and no other number of it",
        _has_inexpressible_output_padding,
    ),
    Limit(
        "pointwise_kernel: jax.lax has no separable convolution, its second step is any", arguments.has_wide_pointwise
    ),
    Limit("bias: jax.lax has none, and adding this one would broadcast it", arguments.is_bias_broadcast),
    COPIES,
    Limit(
        "dtype.output: preferred_element_type is of one convolution, a separable one takes two",
        lambda call: call.op == "separable_conv" and call.dtype.output != call.dtype.input,
    ),
    Limit(
        "dtype.bias: jax.lax has no bias, and adding one of another dtype promotes the output",
        lambda call: call.bias is not None and call.dtype.bias not in (call.dtype.input, call.dtype.output),
    ),
)

#: The largest number of plans that an adapter keeps, one for each form of call.
MOST_PLANS = 4096


class Jax:
    """
    `jax.lax.conv_general_dilated` and `jax.lax.conv_transpose`; their dimension numbers express any layout.

    Results have JAX's default precision, unless the mode sets another one.
    64-bit types are enabled only for calls that use one.
    """

    framework = "jax"
    requires = ("jax",)
    differentiates = True
    differentiates_twice = True
    modes = {
        "": "jax.lax, operation by operation",
        "jit": "the whole call inside one jax.jit, which compiles again for each size",
        **settings.SENTENCES,
    }

    def __init__(self, target: Target) -> None:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        self._jax: Any = import_module("jax")
        if target.mode in settings.PRECISIONS:
            settings.pin(self._jax, target.mode)
        self._device = self._find(target.device)
        self._compiles = target.mode == "jit"
        self._state = State(self._jax)
        #: Form of a call -> the steps and the text of such calls.
        self._plans: dict[Hashable, tuple[Sequence[parameters.Step], str]] = {}
        self._trained = Kept()
        # Passing a device to `device_put` costs twice as much as setting the default device of the process.
        self._jax.config.update("jax_default_device", self._device)
        self._is_consistent = "use_consistent_padding" in signature(self._jax.lax.conv_transpose).parameters
        self.version = str(self._jax.__version__)
        self.limits = LIMITS if self._compiles else (*LIMITS, EAGER)
        self.settings = self._settings()
        self.precision = settings.documented(self._jax, self._device.platform)

    def _find(self, device: str) -> Any:
        platform, _, index = device.partition(":")
        try:
            return self._jax.devices(platform)[int(index or 0)]
        except (RuntimeError, IndexError, ValueError) as error:
            raise Unavailable(f"jax has no device {device!r}: {error}") from error

    def _settings(self) -> dict[str, str]:
        found = {name: os.environ[name] for name in ("XLA_FLAGS", "JAX_PLATFORMS") if name in os.environ}
        return {
            "jaxlib": import_module("jaxlib").__version__,
            "device": str(self._device.device_kind),
            "default_matmul_precision": str(self._jax.config.jax_default_matmul_precision),
            "x64": "for calls with a 64-bit type only",
            **found,
        }

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Copy the arrays in the layouts of the call, and return the closure that computes the call from the copies."""
        steps, written = self._planned(call)
        arrays = [call.place("input", call.layout.input), *parameters.kernels(call)]
        if call.bias is not None:
            arrays.append(call.place("bias", "O").reshape(parameters.bias_shape(call)))
        is_inferred = call.variation.shape_inference
        compute = function.function(self._jax.lax, call, steps)
        if call.gradients:
            differentiate = gradients.differentiated_twice if call.second_order else gradients.differentiated
            compute = differentiate(self._jax, call, compute)
            arrays.append(call.place("cotangent", call.letters("cotangent")))
            arrays += gradients.directions(call) if call.second_order else []

        def run() -> Outputs:
            with self._state.x64(call):
                # Unlike jax.numpy.asarray, device_put does not compile a program for each new shape.
                placed = [ask(self._jax.device_put, array) for array in arrays]
                found = {"inference": function.inferred(self._jax, compute, placed)} if is_inferred else {}
                returned = self._compute(call, compute, placed)
                if call.gradients:
                    found |= gradients.delivered(call, [ask(np.asarray, each) for each in returned])
                else:
                    found["output"] = ask(np.asarray, returned)
                return Outputs(found, composed=len(steps) > 1 or call.bias is not None)

        return Prepared(run, written)

    def _compute(self, call: Call, compute: function.Function, placed: Sequence[Any]) -> Any:
        if self._compiles and call.training is not None:
            return ask(self._trained.of(call.form, lambda: self._jax.jit(compute)), *placed)
        return function.jitted(self._jax, call, compute, placed) if self._compiles else ask(compute, *placed)

    def _planned(self, call: Call) -> tuple[Sequence[parameters.Step], str]:
        form = call.form
        if form not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._state.remember(call)
            steps = [parameters.step(stage, is_consistent=self._is_consistent) for stage in call.stages]
            self._plans[form] = (
                steps,
                parameters.written(call, steps, is_jitted=self._compiles) + self._state.comment(call),
            )
        return self._plans[form]
