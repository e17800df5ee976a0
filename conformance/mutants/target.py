"""A mutant as a target: an adapter like any other, so that it runs through the same workers and the same judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from .. import __version__
from ..core import Call, Limit, Outputs, Target
from . import named_conditions
from .faults import NAMES
from .mutant import Mutant


class Names(Mapping[str, str]):
    """Every fault, everywhere or under any condition: what the mode of a mutant target may be."""

    def __getitem__(self, name: str) -> str:
        """Return the sentence of the condition."""
        fault, _, condition = name.partition("/")
        if fault not in NAMES:
            raise KeyError(name)
        return named_conditions.named(condition).sentence

    def __iter__(self) -> Iterator[str]:
        """Yield the faults alone."""
        return iter(NAMES)

    def __len__(self) -> int:
        """Return the number of faults."""
        return len(NAMES)


class MutantTarget:
    """
    An evaluator with one fault; its mode is the name of the mutant, `fault` or `fault/condition`.

    Without a mode it has no fault, and must agree with every case.
    """

    framework = "mutant"
    version = __version__
    requires = ("numpy",)
    modes = Names()
    differentiates = True
    limits = (Limit("training: a mutant answers one call", lambda call: call.training is not None),)

    def __init__(self, target: Target) -> None:
        """Make the target of one mutant."""
        fault, _, condition = target.mode.partition("/")
        self._mutant = Mutant(fault=fault, condition=condition)

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return the closure that evaluates the call, under `dynamic_shape` after a larger one."""
        made = self._mutant.prepared()
        if call.variation.dynamic_shape:
            made.output(larger(call))

        def make() -> Outputs:
            output = made.output(call)
            arrays = {"output": output}
            if call.variation.shape_inference:
                arrays["inference"] = made.inferred(call, output)
            if call.gradients:
                arrays |= {f"gradient.{name}": each for name, each in made.gradients(call).items()}
            return Outputs(arrays, str(self._mutant))

        return make


def larger(call: Call) -> Call:
    """Return the call with an input that is longer by one in each spatial axis."""
    more = [(0, int(letter in call.spatial)) for letter in call.letters("input")]
    return replace(call, input=np.pad(call.input, more))
