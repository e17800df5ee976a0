"""A mutant as a target: a backend that runs in the same workers, and is judged as a framework is."""

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
    """The modes of a mutant target: every fault, alone (`fault`) or under a condition (`fault/condition`)."""

    def __getitem__(self, name: str) -> str:
        """Return the description of the condition."""
        fault, _, condition = name.partition("/")
        if fault not in NAMES:
            raise KeyError(name)
        return named_conditions.named(condition).sentence

    def __iter__(self) -> Iterator[str]:
        """Yield the faults without a condition."""
        return iter(NAMES)

    def __len__(self) -> int:
        """Return the number of faults."""
        return len(NAMES)


class MutantTarget:
    """
    A backend that evaluates calls with one fault; the mode is the name of the mutant, `fault` or `fault/condition`.

    Without a mode it has no fault, and its outputs must agree with every case.
    """

    framework = "mutant"
    version = __version__
    requires = ("numpy",)
    modes = Names()
    differentiates = True
    limits = (Limit("training: a mutant computes single calls only", lambda call: call.training is not None),)

    def __init__(self, target: Target) -> None:
        """Create the target of the mutant that `target.mode` names."""
        fault, _, condition = target.mode.partition("/")
        self._mutant = Mutant(fault=fault, condition=condition)

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return the closure that evaluates the call; with `dynamic_shape`, a larger call is evaluated first."""
        evaluator = self._mutant.prepared()
        if call.variation.dynamic_shape:
            evaluator.output(larger(call))

        def make() -> Outputs:
            output = evaluator.output(call)
            arrays = {"output": output}
            if call.variation.shape_inference:
                arrays["inference"] = evaluator.inferred(call, output)
            if call.gradients:
                arrays |= {f"gradient.{name}": each for name, each in evaluator.gradients(call).items()}
            return Outputs(arrays, str(self._mutant))

        return make


def larger(call: Call) -> Call:
    """Return the call with its input one element longer in each spatial axis."""
    more = [(0, int(letter in call.spatial)) for letter in call.letters("input")]
    return replace(call, input=np.pad(call.input, more))
