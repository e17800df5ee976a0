"""
PyTorch's layers, `torch.nn.ConvNd` and `ConvTransposeNd`, as a surface of the torch target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..adapter import Limit, ask
from ..call import Call
from . import text, torch_words as words
from .torch_words import Step


class Layer:
    """
    A layer for each convolution, its weights set to the call's; torch alone takes `padding_mode` here.
    """

    limits: Sequence[Limit] = (words.NOT_COMPILED,)
    result_dtypes: Mapping[str, str] = {}

    def __init__(self, torch: Any, device: str) -> None:
        """
        Take torch; layers are built for the device.
        """
        self._torch = torch
        self._device = device

    def compute(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """
        Return the result for the tensors: input, kernels, bias or None.
        """
        x, *kernels, bias = tensors
        if call.before is not None:
            x = ask(self._torch.nn.functional.pad, x, words.pads(call))
        for step, kernel in zip(plan, kernels, strict=True):
            x = ask(self._layer(step, kernel, bias if step is plan[-1] else None), x)
        return x

    def _layer(self, step: Step, kernel: Any, bias: Any) -> Any:
        build = getattr(self._torch.nn, _name(step))
        options = {"bias": bias is not None, "device": self._device, "dtype": kernel.dtype}
        layer = ask(build, *_sizes(step, kernel.shape), **step.keywords, **options)
        ask(setattr, layer.weight, "data", kernel)
        if bias is not None:
            ask(setattr, layer.bias, "data", bias)
        return layer

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """
        Return the text of what `compute` does with operands of these texts.
        """
        return words.expression(call, plan, operands, self._written)

    def _written(self, step: Step, x: str, kernel: str, bias: str) -> str:
        call = step.stage.call
        shape = step.stage.arranged_kernel(step.letters).shape
        dtype = f"dtype=torch.{getattr(call.dtype, step.stage.kernel)}, device={self._device!r}"
        options = [*text.named({**step.keywords, "bias": bias != "None"}), dtype]
        layer = f"torch.nn.{_name(step)}({', '.join([*map(str, _sizes(step, shape)), *options])})"
        weights = f"'weight': {kernel}" + (f", 'bias': {bias}" if bias != "None" else "")
        return f"torch.func.functional_call({layer}, {{{weights}}}, ({x},))"


def _name(step: Step) -> str:
    return "".join(part.capitalize() for part in step.name.split("_"))


def _sizes(step: Step, shape: Sequence[int]) -> tuple[int, int, tuple[int, ...]]:
    """
    Return the input channels, output channels and kernel size of a layer whose weights have this shape.
    """
    contracted, produced = (shape[step.letters.index(letter)] for letter in "IO")
    if step.name.startswith("conv_transpose"):
        return contracted, produced * step.stage.groups, tuple(shape[2:])
    return contracted * step.stage.groups, produced, tuple(shape[2:])
