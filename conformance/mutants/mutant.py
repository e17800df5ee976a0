"""A mutant: one fault in one stage of the evaluator or of its way back, everywhere or under a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import Array, Call, Refused
from . import named_conditions
from .condition import Condition
from .evaluator import Stages, canonical
from .faults import BACK_EDITS, EDITS, NAMES
from .gradient_evaluator import HONEST_BACK, THERE, Backward, gradients

#: What a faulty stage may stumble over; a framework would raise as well.
STUMBLES = (ValueError, IndexError, TypeError, OverflowError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault of the glossary, and where it acts: everywhere, or only under a condition."""

    fault: str
    condition: str = ""

    def __str__(self) -> str:
        return f"{self.fault}/{self.condition}" if self.condition else self.fault

    def prepared(self) -> Prepared:
        """Return an evaluator that has the fault."""
        return Prepared(
            faulty=EDITS[self.fault](THERE) if self.fault in EDITS else THERE,
            back=BACK_EDITS[self.fault](HONEST_BACK) if self.fault in BACK_EDITS else HONEST_BACK,
            condition=named_conditions.named(self.condition),
        )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An evaluator with a fault, ready for one call, or for a first and a second size."""

    faulty: Stages
    back: Backward
    condition: Condition

    def output(self, call: Call) -> Array:
        """
        Return the output of a call in its own layout, as the faulty evaluator gives it.

        Raises:
            Refused: where the evaluator refuses, or its fault stumbles.

        """
        with np.errstate(all="ignore"):
            if not self.condition.holds(call):
                return THERE.deliver(call, canonical(call, THERE))
            try:
                return self.faulty.deliver(call, self._canonical(call))
            except STUMBLES as error:
                raise Refused(f"{type(error).__name__}: {error}") from error

    def inferred(self, call: Call, output: Array) -> Array:
        """Return zeros of the shape and dtype that the faulty evaluator states ahead of the call."""
        return (self.faulty if self.condition.holds(call) else THERE).infer(call, output)

    def gradients(self, call: Call) -> dict[str, Array]:
        """
        Return the gradients that a call asks for, as the faulty evaluator gives them, each in the layout of its array.

        Raises:
            Refused: where the fault stumbles.

        """
        with np.errstate(all="ignore"):
            if not self.condition.holds(call):
                return gradients(call, HONEST_BACK)
            try:
                found = gradients(call, self.back)
            except STUMBLES as error:
                raise Refused(f"{type(error).__name__}: {error}") from error
            return found if self.condition.region is None else self._marked(call, found)

    def _marked(self, call: Call, found: dict[str, Array]) -> dict[str, Array]:
        """Return the right gradients, but where a region marks that of the input, which has the axes of an output."""
        right = gradients(call, HONEST_BACK)
        if "input" not in found or found["input"].shape != right["input"].shape:
            return right | {name: each for name, each in found.items() if name == "input"}
        letters = call.letters("input")
        order = [letters.index(letter) for letter in "NC" + call.spatial]
        assert self.condition.region is not None
        marked = self.condition.region(right["input"].transpose(order)).transpose(np.argsort(order))
        return right | {"input": np.where(marked, found["input"], right["input"])}

    def _canonical(self, call: Call) -> Array:
        faulty = canonical(call, self.faulty)
        if self.condition.region is None:
            return faulty
        right = canonical(call, THERE)
        if right.shape != faulty.shape:
            return faulty
        return np.where(self.condition.region(right), faulty, right).astype(faulty.dtype)


def named(under: Mapping[str, Sequence[str]]) -> dict[str, Mutant]:
    """Return mutants by name: each fault that has an edit, under its conditions."""
    found = [
        Mutant(fault=fault, condition=condition)
        for fault, names in under.items()
        if fault in NAMES
        for condition in names
    ]
    return {str(mutant): mutant for mutant in found}
