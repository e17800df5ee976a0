"""
A mutant: one fault in one stage of the evaluator, everywhere or under a condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..adapter import Refused
from ..call import Array, Call
from . import conditions
from .condition import Condition
from .evaluator import HONEST, Stages, canonical
from .faults import EDITS
from .memory import read_placed

#: What a faulty stage may stumble over; a framework would raise as well.
STUMBLES = (ValueError, IndexError, TypeError, OverflowError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """
    A fault of the glossary, and where it acts: everywhere, or only under a condition.
    """

    fault: str
    condition: str = ""

    def __str__(self) -> str:
        return f"{self.fault}/{self.condition}" if self.condition else self.fault

    def prepared(self) -> Prepared:
        """
        Return an evaluator that has the fault.
        """
        honest = replace(HONEST, read=read_placed)
        return Prepared(
            honest=honest,
            faulty=EDITS[self.fault](honest) if self.fault else honest,
            condition=conditions.named(self.condition),
        )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """
    An evaluator with a fault, ready for one call, or for a first and a second size.
    """

    honest: Stages
    faulty: Stages
    condition: Condition

    def output(self, call: Call) -> Array:
        """
        Return the output of a call in its own layout, as the faulty evaluator gives it.

        Raises:
            Refused: where the evaluator refuses, or its fault stumbles.

        """
        with np.errstate(all="ignore"):
            if not self.condition.holds(call):
                return self.honest.deliver(call, canonical(call, self.honest))
            try:
                return self.faulty.deliver(call, self._canonical(call))
            except STUMBLES as error:
                raise Refused(f"{type(error).__name__}: {error}") from error

    def inferred(self, call: Call, output: Array) -> Array:
        """
        Return zeros of the shape and dtype that the faulty evaluator states ahead of the call.
        """
        return (self.faulty if self.condition.holds(call) else self.honest).infer(call, output)

    def _canonical(self, call: Call) -> Array:
        faulty = canonical(call, self.faulty)
        if self.condition.region is None:
            return faulty
        right = canonical(call, self.honest)
        if right.shape != faulty.shape:
            return faulty
        return np.where(self.condition.region(right), faulty, right).astype(faulty.dtype)


def named(under: Mapping[str, Sequence[str]]) -> dict[str, Mutant]:
    """
    Return mutants by name: each fault that has an edit, under its conditions.
    """
    found = [
        Mutant(fault=fault, condition=condition)
        for fault, names in under.items()
        if fault in EDITS
        for condition in names
    ]
    return {str(mutant): mutant for mutant in found}
