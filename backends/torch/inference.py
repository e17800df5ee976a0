"""Shape inference in PyTorch: the shape and dtype of a result, from tensors without elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core import Call, ask
from .compiled import Compiled
from .functional import Autocast, Functional
from .layer import Layer
from .parameters import Step


class Meta:
    """The functions or the layers on the meta device."""

    def __init__(self, torch: Any, surface: Any) -> None:
        """Create the surface that corresponds to `surface` on the meta device."""
        self._surface = (Layer if isinstance(surface, Layer) else Functional)(torch, "meta")

    def infer(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return a tensor with the inferred shape and dtype."""
        return self._surface.compute(call, plan, [each if each is None else ask(each.to, "meta") for each in tensors])

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return the Python text of `infer`; `operands` are the texts of its tensors."""
        moved = [each if each == "None" else f"{each}.to('meta')" for each in operands]
        text: str = self._surface.write(call, plan, moved)
        return text


class Fake:
    """The functions on fake tensors, which keep a device such as the CPU; autocast would ignore meta tensors."""

    def __init__(self, torch: Any, surface: Any) -> None:
        """Create the inference for a surface."""
        from torch._subclasses.fake_tensor import FakeTensorMode

        self._mode = FakeTensorMode
        self._surface = surface

    def infer(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return a tensor with the inferred shape and dtype."""
        with ask(self._mode) as mode:
            fakes = [each if each is None else ask(mode.from_tensor, each) for each in tensors]
            return self._surface.compute(call, plan, fakes)

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return an empty text, because this inference has no short text."""
        return ""


class Graph:
    """The graph of a compiled call, whose fake tensors have the inferred shape and dtype."""

    def __init__(self, torch: Any, surface: Compiled) -> None:
        """Create the inference for the surface that compiles."""
        self._surface = surface

    def infer(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return a tensor with the shape and dtype that were inferred when the call was compiled."""
        return self._surface.stated

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return an empty text, because the text of the call already compiles the graph."""
        return ""


#: Surface -> its shape inference; surfaces that are not listed use `Meta`.
WAYS: Mapping[type, Callable[[Any, Any], Any]] = {Compiled: Graph, Autocast: Fake}


def inference(torch: Any, surface: Any) -> Any:
    """Return the shape inference of a surface of the torch target: an object with `infer` and `write`."""
    return WAYS.get(type(surface), Meta)(torch, surface)
