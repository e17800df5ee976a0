"""
What is seen of each call: the kernels that a framework took for it, each as a path (layer, name).

A probe is begun before a call and ended after it. The engine and the adapters know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from .onednn import Primitive, Verbose


class Path(NamedTuple):
    """One way that a computation may take."""

    #: Which choice it is, such as `torch.backend` or `onednn`.
    layer: str
    name: str


class Probe(Protocol):
    """Sees which paths the calls of one framework take."""

    #: By layer: every path that the framework itself lists.
    existing: Mapping[str, Sequence[str]]

    def begin(self) -> None:
        """Begin to look."""

    def end(self) -> Iterator[Path]:
        """Yield the paths that were taken since."""


class OneDnn:
    """The primitives of oneDNN, and the memory formats that they read and write."""

    existing: Mapping[str, Sequence[str]] = {}

    def __init__(self, log: str) -> None:
        """Follow the file to which this process prints."""
        self._verbose = Verbose(log)

    def begin(self) -> None:
        """Pass over what was printed before."""
        list(self._verbose.primitives())

    def end(self) -> Iterator[Path]:
        """Yield primitives and formats."""
        for primitive in self._verbose.primitives():
            within: Primitive | None = primitive
            while within is not None:
                yield Path("onednn", within.path)
                within = within.inner
            yield Path("onednn.formats", f"{primitive.kind} {primitive.formats}")


def probes(target: str, pin: str, log: str) -> list[Probe]:
    """Return the probes for a target, as its framework or its engine needs them; they import the framework."""
    name, _, mode = target.partition("+")
    engine = name.removeprefix("keras-")
    made: list[Probe] = [] if engine == "jax" else [OneDnn(log)]
    found: Any = import_module(f".{engine}", __package__)
    return [*made, *found.probes(mode, pin)]
