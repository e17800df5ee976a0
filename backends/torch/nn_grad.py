"""Gradients in PyTorch by the functions of `torch.nn.grad`, without autograd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import Call, Limit, ask
from ..shared import arguments, expressions
from . import text
from .functional import Functional
from .limits import LOPSIDED, NO_PADDING_MODE, NOT_COMPILED
from .parameters import Step


class NNGrad:
    """`torch.nn.grad.convNd_input` and `convNd_weight`, which need no autograd graph."""

    def __init__(self, torch: Any, surface: Any) -> None:
        """Create the method, which does not use `surface`."""
        self._functions = torch.nn.grad

    def leaves(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> list[Any]:
        """Return the tensors unchanged."""
        return list(tensors)

    def gradients(
        self, call: Call, plan: Sequence[Step], leaves: Sequence[Any], output: Any, cotangent: Any
    ) -> dict[str, Any]:
        """Return the requested gradients, by array name."""
        (step,), (x, kernel, _) = plan, leaves
        operands: dict[str, tuple[Any, Any]] = {"input": (x.shape, kernel), "kernel": (x, kernel.shape)}
        found, keywords = {}, _keywords(call, step)
        for name in call.gradients:
            function: Any = getattr(self._functions, _function(step, name))
            one, other = operands[name]
            found[name] = ask(function, one, other, cotangent, **keywords)
        return found

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str], device: str) -> str:
        """Return the Python text of `gradients`; `operands` are the texts of its tensors."""
        (step,), (x, kernel, _) = plan, operands
        sources = {"input": (f"{x}.shape", kernel), "kernel": (x, f"{kernel}.shape")}
        sent, keywords = text.cotangent(call, device), _keywords(call, step)
        written = (
            expressions.function(f"torch.nn.grad.{_function(step, name)}", *sources[name], sent, **keywords)
            for name in call.gradients
        )
        return f"[{', '.join(written)}]"


class NNGradFunctional(Functional):
    """The functions of `torch.nn.functional`, for calls whose gradients `torch.nn.grad` can express."""

    limits: Sequence[Limit] = (
        Limit("torch.nn.grad computes only gradients", lambda call: not call.gradients),
        Limit("second_order: torch.nn.grad has no gradients of gradients", lambda call: bool(call.second_order)),
        Limit("torch.nn.grad has convNd only", lambda call: call.op not in ("conv", "depthwise_conv")),
        Limit("torch.nn.grad has no gradient of a bias", lambda call: "bias" in call.gradients),
        Limit("torch.nn.grad has no step before a convolution", lambda call: call.before is not None),
        LOPSIDED,
        NO_PADDING_MODE,
        NOT_COMPILED,
    )


def _function(step: Step, name: str) -> str:
    return f"{step.name}_{'input' if name == 'input' else 'weight'}"


def _keywords(call: Call, step: Step) -> Mapping[str, Any]:
    """Return the keyword arguments of a step for `torch.nn.grad`, which has no padding strings."""
    if call.stages[0].is_padding_senseless or not arguments.fits(call):
        return step.keywords
    return {**step.keywords, "padding": tuple(low for low, _ in call.pairs)}
