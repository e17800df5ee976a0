"""A mutant is the evaluator with one fault in the forward or the backward pass, for all calls or under a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import Array, Call, Refused
from . import named_conditions
from .condition import Condition
from .evaluator import Stages, canonical
from .faults import BACK_EDITS, EDITS, NAMES
from .gradient_evaluator import FORWARD, HONEST_BACK, Backward, gradients

#: Exceptions that a faulty stage may raise. A mutant raises `Refused` instead, because a framework would raise too.
STUMBLES = (ValueError, IndexError, TypeError, OverflowError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault of `faults.yaml` and the name of a condition; if the name is empty, the fault applies to all calls."""

    fault: str
    condition: str = ""

    def __str__(self) -> str:
        return f"{self.fault}/{self.condition}" if self.condition else self.fault

    def prepared(self) -> Prepared:
        """Return a new evaluator that has the fault."""
        return Prepared(
            faulty=EDITS[self.fault](FORWARD) if self.fault in EDITS else FORWARD,
            back=BACK_EDITS[self.fault](HONEST_BACK) if self.fault in BACK_EDITS else HONEST_BACK,
            condition=named_conditions.named(self.condition),
        )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An evaluator with a fault, prepared for one call and for the larger call that `dynamic_shape` runs first."""

    faulty: Stages
    back: Backward
    condition: Condition

    def output(self, call: Call) -> Array:
        """
        Return the output of the faulty evaluator in the call's output layout.

        Raises:
            Refused: if the evaluator refuses the call, or the faulty stage raises one of `STUMBLES`.

        """
        with np.errstate(all="ignore"):
            if not self.condition.holds(call):
                return FORWARD.deliver(call, canonical(call, FORWARD))
            try:
                return self.faulty.deliver(call, self._canonical(call))
            except STUMBLES as error:
                raise Refused(f"{type(error).__name__}: {error}") from error

    def inferred(self, call: Call, output: Array) -> Array:
        """Return zeros with the shape and dtype that the faulty evaluator infers before the call runs."""
        return (self.faulty if self.condition.holds(call) else FORWARD).infer(call, output)

    def gradients(self, call: Call) -> dict[str, Array]:
        """
        Return the gradients that the faulty evaluator computes, each in the layout and dtype of its array.

        Raises:
            Refused: if the faulty stage raises one of `STUMBLES`.

        """
        with np.errstate(all="ignore"):
            if not self.condition.holds(call):
                return gradients(call, HONEST_BACK)
            try:
                faulty = gradients(call, self.back)
            except STUMBLES as error:
                raise Refused(f"{type(error).__name__}: {error}") from error
            return faulty if self.condition.region is None else self._marked(call, faulty)

    def _marked(self, call: Call, faulty: dict[str, Array]) -> dict[str, Array]:
        """
        Return the correct gradients, with the input gradient replaced by the faulty one where the region is True.

        Regions are defined for outputs. They also apply to the input gradient, because it has the same canonical axes.
        If the faulty input gradient has a wrong shape, all of it is returned.
        """
        right = gradients(call, HONEST_BACK)
        if "input" not in faulty or faulty["input"].shape != right["input"].shape:
            return right | {name: each for name, each in faulty.items() if name == "input"}
        letters = call.letters("input")
        order = [letters.index(letter) for letter in "NC" + call.spatial]
        assert self.condition.region is not None
        marked = self.condition.region(right["input"].transpose(order)).transpose(np.argsort(order))
        return right | {"input": np.where(marked, faulty["input"], right["input"])}

    def _canonical(self, call: Call) -> Array:
        faulty = canonical(call, self.faulty)
        if self.condition.region is None:
            return faulty
        right = canonical(call, FORWARD)
        if right.shape != faulty.shape:
            return faulty
        return np.where(self.condition.region(right), faulty, right).astype(faulty.dtype)


def named(under: Mapping[str, Sequence[str]]) -> dict[str, Mutant]:
    """Return, keyed by name, one mutant for each implemented fault and each condition in `under[fault]`."""
    mutants = [
        Mutant(fault=fault, condition=condition)
        for fault, names in under.items()
        if fault in NAMES
        for condition in names
    ]
    return {str(mutant): mutant for mutant in mutants}
