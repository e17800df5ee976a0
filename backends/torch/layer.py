"""PyTorch's layers, `torch.nn.ConvNd` and `ConvTransposeNd`, as a surface of the torch target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import Call, Limit, ask
from ..shared import expressions
from . import parameters, text
from .functional import extended
from .limits import NOT_COMPILED
from .parameters import Step


class Layer:
    """One layer for each convolution, with the weights of the call; only layers have `padding_mode`."""

    limits: Sequence[Limit] = (NOT_COMPILED,)
    result_dtypes: Mapping[str, str] = {}

    def __init__(self, torch: Any, device: str) -> None:
        """Create the surface; layers are created on the device."""
        self._torch = torch
        self._device = device

    def compute(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return the result for `tensors`: the input, the kernels, and the bias or None."""
        x, *kernels, bias = tensors
        if call.before is not None:
            x = ask(extended, self._torch.nn.functional, x, parameters.pads(call), parameters.cuts(call))
        for step, kernel in zip(plan, kernels, strict=True):
            x = ask(self._layer(step, kernel, bias if step is plan[-1] else None), x)
        return x

    def _layer(self, step: Step, kernel: Any, bias: Any) -> Any:
        build: Any = getattr(self._torch.nn, _name(step))
        options = {"bias": bias is not None, "device": self._device, "dtype": kernel.dtype}
        layer = ask(lambda: build(*step.sizes, **step.keywords, **options))
        for name, tensor in (("weight", kernel), ("bias", bias)):
            if isinstance(tensor, self._torch.nn.Parameter):
                ask(setattr, layer, name, tensor)
            elif tensor is not None:
                ask(setattr, getattr(layer, name), "data", tensor)
        return layer

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return the Python text of `compute`; `operands` are the texts of its tensors."""
        return text.expression(call, plan, operands, lambda *step: self._written(call, *step))

    def _written(self, call: Call, step: Step, x: str, kernel: str, bias: str) -> str:
        dtype = getattr(call.dtype, step.kernel)
        has_bias = bias != "None"
        options = [
            *map(str, step.sizes),
            *expressions.named({**step.keywords, "bias": has_bias, "device": self._device}),
        ]
        layer = f"torch.nn.{_name(step)}({', '.join(options)}, dtype=torch.{dtype})"
        weights = f"'weight': {kernel}" + (f", 'bias': {bias}" if has_bias else "")
        return f"torch.func.functional_call({layer}, {{{weights}}}, ({x},))"


def _name(step: Step) -> str:
    return "".join(part.capitalize() for part in step.name.split("_"))
