"""
Gradients in PyTorch by autograd of a surface's output, and second-order gradients by autograd of these gradients.

A method of differentiation has `leaves`, `gradients`, and `write`, which returns the Python text of `gradients`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import COTANGENT, Call, ask
from ..shared import expressions
from . import text
from .layer import Layer
from .nn_grad import NNGrad, NNGradFunctional
from .parameters import Step


class Autograd:
    """`torch.autograd.grad` of a surface's output with respect to its tensors."""

    def __init__(self, torch: Any, surface: Any) -> None:
        """Create the method for a surface; the weights of a layer are `torch.nn.Parameter`."""
        self._torch = torch
        self._surface = surface
        self._has_parameters = isinstance(surface, Layer)

    def leaves(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> list[Any]:
        """Return the tensors (input, kernels, bias or None); the tensors named in `call.pulled` require gradients."""
        named = zip(names(plan), tensors, strict=True)
        return [ask(self._leaf, name, tensor) if name in call.pulled else tensor for name, tensor in named]

    def _leaf(self, name: str, tensor: Any) -> Any:
        is_parameter = self._has_parameters and name != "input"
        return self._torch.nn.Parameter(tensor) if is_parameter else tensor.requires_grad_()

    def gradients(
        self, call: Call, plan: Sequence[Step], leaves: Sequence[Any], output: Any, cotangent: Any
    ) -> dict[str, Any]:
        """Return the gradients of the tensors in `call.pulled`, by name; a second-order call keeps their graph."""
        by_name = dict(zip(names(plan), leaves, strict=True))
        wanted = [by_name[name] for name in call.pulled]
        kept = {"create_graph": True} if call.second_order else {}
        sent = ask(cotangent.to, output.dtype)
        return dict(zip(call.pulled, ask(self._torch.autograd.grad, output, wanted, sent, **kept), strict=True))

    def gradients_again(
        self,
        call: Call,
        plan: Sequence[Step],
        leaves: Sequence[Any],
        gradients: Mapping[str, Any],
        cotangent: Any,
        directions: Sequence[Any],
    ) -> dict[str, Any]:
        """Return the second-order gradients of the call, by array name or `cotangent`."""
        by_name = {**dict(zip(names(plan), leaves, strict=True)), COTANGENT: cotangent}
        wanted = [by_name[name] for name in call.second_order]
        moving = [gradients[name] for name in call.directions]
        found = ask(self._torch.autograd.grad, moving, wanted, list(directions))
        return dict(zip(call.second_order, found, strict=True))

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str], device: str) -> str:
        """Return the Python text of `gradients`; `operands` are the texts of its tensors."""
        given = dict(zip(names(plan), operands, strict=True))
        leaves = {name: f"{given[name]}.requires_grad_()" for name in call.pulled}
        computed = self._surface.write(call, plan, [name if name in leaves else given[name] for name in given])
        sent = COTANGENT if call.second_order else text.cotangent(call, device)
        returned = self._surface.result_dtypes.get(call.dtype.output, call.dtype.output)
        sent += f".to(torch.{returned})" if returned != call.dtype.output else ""
        if not call.second_order:
            body = f"torch.autograd.grad({computed}, [{', '.join(leaves)}], {sent})"
            return expressions.called(f"({expressions.function_of(leaves, body)})", leaves.values())
        body = _written_again(call, computed, list(leaves), sent, text.directions(call, plan, device))
        return expressions.called(
            f"({expressions.function_of([*leaves, COTANGENT], body)})",
            [*leaves.values(), f"{text.cotangent(call, device)}.requires_grad_()"],
        )


def _written_again(call: Call, computed: str, leaves: Sequence[str], sent: str, directions: Sequence[str]) -> str:
    """Return the text of a pair: the gradients of `computed`, and the second-order gradients."""
    first = f"d := torch.autograd.grad({computed}, [{', '.join(leaves)}], {sent}, create_graph=True)"
    moving = ", ".join(f"d[{leaves.index(name)}]" for name in call.directions)
    wanted, along = ", ".join(call.second_order), ", ".join(directions)
    return f"({first}, torch.autograd.grad([{moving}], [{wanted}], [{along}]))"


def names(plan: Sequence[Step]) -> list[str]:
    """Return the names of the tensors of a plan."""
    return ["input", *(step.kernel for step in plan), "bias"]


def letters(call: Call, plan: Sequence[Step]) -> dict[str, str]:
    """Return the layouts of the tensors of a plan and of the cotangent, by name."""
    canonical = "NC" + call.spatial
    own = dict(zip(names(plan), (canonical, *(step.letters for step in plan), "O"), strict=True))
    return {**own, COTANGENT: canonical}


def differentiation(torch: Any, surface: Any) -> Autograd | NNGrad:
    """Return the method by which a surface of the torch target computes gradients."""
    return (NNGrad if isinstance(surface, NNGradFunctional) else Autograd)(torch, surface)
