"""
PyTorch's functions, `torch.nn.functional`, as a surface of the torch target.

A surface has four members. `limits` are its limits. `result_dtypes` maps an input dtype to the output dtype, if they
differ. `compute` computes a call, and `write` returns the Python text of `compute`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import Call, Limit, ask
from . import parameters, text
from .limits import NO_PADDING_MODE, NOT_COMPILED
from .parameters import Step


class Functional:
    """The functions without compilation or autocast."""

    limits: Sequence[Limit] = (NO_PADDING_MODE, NOT_COMPILED)
    result_dtypes: Mapping[str, str] = {}

    def __init__(self, torch: Any, device: str) -> None:
        """Create the surface; the tensors of calls are on the device already."""
        self._functional = torch.nn.functional

    def compute(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return the result for `tensors`: the input, the kernels, and the bias or None."""
        x, *kernels, bias = tensors
        if call.before is not None:
            x = ask(extended, self._functional, x, parameters.pads(call), parameters.cuts(call))
        for step, kernel in zip(plan, kernels, strict=True):
            function = getattr(self._functional, step.name)
            x = ask(function, x, kernel, bias if step is plan[-1] else None, **step.keywords)
        return x

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return the Python text of `compute`; `operands` are the texts of its tensors."""
        return text.expression(call, plan, operands, text.functional)


class Autocast:
    """The functions under autocast: except for float64, floats are computed in bfloat16 and the result is bfloat16."""

    limits = Functional.limits
    result_dtypes: Mapping[str, str] = dict.fromkeys(("float32", "float16", "float8_e4m3fn", "float8_e5m2"), "bfloat16")

    def __init__(self, torch: Any, device: str) -> None:
        """Create the surface for the device type of `device`."""
        self._functional = Functional(torch, device)
        self._kind = torch.device(device).type
        self._autocast = lambda: torch.autocast(self._kind, torch.bfloat16)

    def compute(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return the result for `tensors`: the input, the kernels, and the bias or None."""
        with ask(self._autocast):
            return self._functional.compute(call, plan, tensors)

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return the Python text of `compute`; `operands` are the texts of its tensors."""
        return (
            f"torch.autocast({self._kind!r}, torch.bfloat16)(lambda: {self._functional.write(call, plan, operands)})()"
        )


def extended(functional: Any, x: Any, pads: Sequence[int], cuts: Sequence[slice]) -> Any:
    """Return `x` padded by `torch.nn.functional.pad`, then sliced by `cuts` if `pad` does not accept the crop."""
    x = functional.pad(x, pads)
    return x[(..., *cuts)] if cuts else x
