"""A mutant as a target: workers run its backend, and the judge judges its outputs, as for a framework."""

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
    """The modes of a mutant target: `fault` applies a fault to all calls; `fault/condition` adds a condition."""

    def __getitem__(self, name: str) -> str:
        """Return the description of the condition in the mode `name`."""
        fault, _, condition = name.partition("/")
        if fault not in NAMES:
            raise KeyError(name)
        return named_conditions.named(condition).sentence

    def __iter__(self) -> Iterator[str]:
        """Yield the modes without a condition, which are the names of the faults."""
        return iter(NAMES)

    def __len__(self) -> int:
        """Return the number of faults."""
        return len(NAMES)


class MutantTarget:
    """
    A backend that evaluates calls with one fault; the target's mode names the mutant.

    Without a mode, the backend has no fault and must pass every case.
    """

    framework = "mutant"
    version = __version__
    requires = ("numpy",)
    modes = Names()
    differentiates = True
    limits = (Limit("training: a mutant computes single calls only", lambda call: call.training is not None),)

    def __init__(self, target: Target) -> None:
        """Create the backend of the mutant that `target.mode` names."""
        fault, _, condition = target.mode.partition("/")
        self._mutant = Mutant(fault=fault, condition=condition)

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return a closure that evaluates the call; if the call has `dynamic_shape`, run a larger call beforehand."""
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
    """Return a copy of the call with an input that is one element longer in each spatial axis."""
    more = [(0, int(letter in call.spatial)) for letter in call.letters("input")]
    return replace(call, input=np.pad(call.input, more))
