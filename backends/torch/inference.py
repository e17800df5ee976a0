"""What PyTorch states of a result before it computes, by tensors that have a shape and a dtype and no elements."""

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
        """Take torch and the surface that is asked; its layers are built on the meta device too."""
        self._surface = (Layer if isinstance(surface, Layer) else Functional)(torch, "meta")

    def infer(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return a tensor of the shape and dtype that are stated."""
        return self._surface.compute(call, plan, [each if each is None else ask(each.to, "meta") for each in tensors])

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return the text of what `infer` does with operands of these texts."""
        moved = [each if each == "None" else f"{each}.to('meta')" for each in operands]
        text: str = self._surface.write(call, plan, moved)
        return text


class Fake:
    """The functions on fake tensors, which say that they are on a device: autocast leaves those of meta alone."""

    def __init__(self, torch: Any, surface: Any) -> None:
        """Take the surface that is asked."""
        from torch._subclasses.fake_tensor import FakeTensorMode

        self._mode = FakeTensorMode
        self._surface = surface

    def infer(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return a tensor of the shape and dtype that are stated."""
        with ask(self._mode) as mode:
            fakes = [each if each is None else ask(mode.from_tensor, each) for each in tensors]
            return self._surface.compute(call, plan, fakes)

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return nothing, for it has no short text."""
        return ""


class Graph:
    """The graph of a compiled call, from whose fake tensors the code was made."""

    def __init__(self, torch: Any, surface: Compiled) -> None:
        """Take the surface that compiles."""
        self._surface = surface

    def infer(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """Return a tensor of the shape and dtype that were stated when the call was compiled."""
        return self._surface.stated

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return nothing, for the text of the call compiles it already."""
        return ""


#: How a surface is asked; others by the meta device.
WAYS: Mapping[type, Callable[[Any, Any], Any]] = {Compiled: Graph, Autocast: Fake}


def inference(torch: Any, surface: Any) -> Any:
    """Return how a surface of the torch target is asked what it will return: an object with `infer` and `write`."""
    return WAYS.get(type(surface), Meta)(torch, surface)
