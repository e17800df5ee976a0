"""
How calls fail on a target: by what verdict, and by which causes of the glossary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from . import reference, wire
from .call import Call
from .dtypes import numpy_type
from .expectation import Output
from .judge import Context, judge
from .observation import Observation
from .plan import smoke
from .pool import observe
from .process import Failed, Seen
from .shrinking import Fails
from .targets import Adapter
from .terms import Terms


class NotRun(Exception):
    """
    A target could not run; the message says why.
    """


class Failure(NamedTuple):
    """
    A verdict that is no agreement, the kind of a disagreement, and the causes that give all of the output.
    """

    verdict: str
    kind: str | None
    causes: frozenset[str]

    def is_like(self, other: Failure | None) -> bool:
        """
        Say whether another failure is most likely the same fault, and says no less of it.

        Every cause that explains the other explains this one, or none explains either.
        """
        if other is None or (self.verdict, self.kind) != (other.verdict, other.kind):
            return False
        return self.causes >= other.causes and bool(self.causes) == bool(other.causes)


def failures(calls: Sequence[Call], adapter: Adapter) -> list[Failure | None]:
    """
    Return how each call fails on a target, None where it agrees, cannot be said, or has no meaning.

    Raises:
        NotRun: if the target could not run.

    """
    right = {number: each for number, call in enumerate(calls) if (each := _right(call)) is not None}
    packed = [wire.pack_call(number, calls[number]) for number in right]
    found: list[Failure | None] = [None] * len(calls)
    for event in observe(Terms(), adapter, smoke(), packed):
        if isinstance(event, Failed):
            raise NotRun(event.reason)
        if isinstance(event, Seen):
            found[event.number] = _failure(calls[event.number], right[event.number], event.observation)
    return found


def like(failure: Failure, adapter: Adapter) -> Fails:
    """
    Return what says of calls whether they fail on a target as one did.
    """
    return lambda calls: [failure.is_like(each) for each in failures(calls, adapter)]


def _right(call: Call) -> Output | None:
    try:
        return Output(array=reference.evaluate(call))
    except reference.Undefined:
        return None


def _failure(call: Call, right: Output, observation: Observation) -> Failure | None:
    from .diagnosis import diagnose

    judged = judge(right, observation, Context(call=call))
    if judged.verdict in ("agree", "unsupported", "not-run"):
        return None
    kind = judged.finding.kind if judged.finding is not None else None
    got = observation.arrays.get("output")
    if judged.verdict != "disagree" or got is None or got.dtype != numpy_type(call.dtype_of("output")):
        return Failure(judged.verdict, kind, frozenset())
    said = diagnose(call, got, observation.dtypes["output"])
    return Failure(judged.verdict, kind, frozenset(said.causes if said is not None else ()))
