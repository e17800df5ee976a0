"""How calls fail on a target: by what verdict, and by which causes of the glossary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..core import Call, Case, Observation, Shape, Verdict
from ..records import Ledger
from ..running import TargetJudge, describe_target
from ..workers import Adapter, CallSeen, TargetFailed, TargetReady, Terms, make_plan, observe, smoke_call
from . import requested_call
from .minimal_call import Fails


class TargetNotRun(Exception):
    """A target could not run; the message says why."""


class JudgedCall(NamedTuple):
    """What became of a call, and the verdict on it, whatever the ledger knows."""

    observation: Observation
    verdict: Verdict


def judge_calls(cases: Sequence[Case], adapter: Adapter) -> list[JudgedCall]:
    """
    Return what became of each case on a target.

    Raises:
        NotRun: if the target could not run.

    """
    plan = make_plan(cases)
    seen: dict[int, Observation] = {}
    bench = TargetJudge(plan, str(adapter), lambda verdict: None)
    for event in observe(Terms(), adapter, smoke_call(), plan.calls, plan.follow_ups):
        match event:
            case TargetFailed():
                raise TargetNotRun(event.reason)
            case TargetReady():
                bench.begin(describe_target(adapter, event), Ledger())
            case CallSeen():
                seen[event.number] = event.observation
                bench.see(event.number, event.observation)
    return [JudgedCall(seen[number], verdict) for number, verdict in enumerate(bench.finish())]


class Failure(NamedTuple):
    """
    A verdict that is no agreement, the kind and place of a disagreement, and the causes that give all of the array.

    `words` are those of a refusal, without its numbers: one that says something else is another fault.
    """

    verdict: str
    kind: str | None = None
    where: str = "output"
    causes: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def is_like(self, other: Failure | None) -> bool:
        """
        Say whether another failure is most likely the same fault, and says no less of it.

        Every cause that explains the other explains this one, or none explains either.
        """
        if other is None or self._replace(causes=frozenset()) != other._replace(causes=frozenset()):
            return False
        return self.causes >= other.causes and bool(self.causes) == bool(other.causes)


def failing_calls(calls: Sequence[Call], adapter: Adapter) -> list[Failure | None]:
    """
    Return how each call fails on a target, None where it agrees, cannot be said, or has no meaning.

    What is expected of a call is what the clauses have it, those included that leave a choice.

    Raises:
        NotRun: if the target could not run.

    """
    every = {number: replace(requested_call.case(call), id=f"call {number}") for number, call in enumerate(calls)}
    meant = {number: each for number, each in every.items() if not isinstance(each.expectation, Shape)}
    found: list[Failure | None] = [None] * len(calls)
    for number, each in zip(meant, judge_calls([*meant.values()], adapter), strict=True):
        found[number] = _failure(each.verdict)
    return found


def fails_alike(failure: Failure, adapter: Adapter) -> Fails:
    """Return what says of calls whether they fail on a target as one did."""
    return lambda calls: [failure.is_like(each) for each in failing_calls(calls, adapter)]


def _failure(verdict: Verdict) -> Failure | None:
    if verdict.verdict in ("agree", "unsupported", "not-run"):
        return None
    if (finding := verdict.finding) is None:
        return Failure(verdict.verdict)
    causes = frozenset(verdict.diagnosis.causes if verdict.diagnosis is not None else ())
    words = frozenset(re.findall(r"[^\W\d_]{3,}", verdict.message)) if finding.kind == "refused" else frozenset()
    return Failure(verdict.verdict, finding.kind, finding.where, causes, words)
