"""How calls fail on a target: the verdict, and the causes that explain the wrong result."""

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
    """A target could not run; the message states the reason."""


class JudgedCall(NamedTuple):
    """The observation of a call, and the verdict on this observation without a ledger."""

    observation: Observation
    verdict: Verdict


def judge_calls(cases: Sequence[Case], adapter: Adapter) -> list[JudgedCall]:
    """
    Run the cases on a target and return the observation and the verdict of each.

    Raises:
        TargetNotRun: if the target could not run.

    """
    plan = make_plan(cases)
    observations: dict[int, Observation] = {}
    judge = TargetJudge(plan, str(adapter), lambda verdict: None)
    for event in observe(Terms(), adapter, smoke_call(), plan.calls, plan.follow_ups):
        match event:
            case TargetFailed():
                raise TargetNotRun(event.reason)
            case TargetReady():
                judge.begin(describe_target(adapter, event), Ledger())
            case CallSeen():
                observations[event.number] = event.observation
                judge.see(event.number, event.observation)
    return [JudgedCall(observations[number], verdict) for number, verdict in enumerate(judge.finish())]


class Failure(NamedTuple):
    """
    How a call fails: the verdict, the kind and place of the difference, and the causes that explain the whole array.

    `words` are the words in the message of a refusal, without the numbers. Refusals with different words are different
    faults.
    """

    verdict: str
    kind: str | None = None
    where: str = "output"
    causes: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def is_like(self, other: Failure | None) -> bool:
        """
        Return whether another failure is most likely the same fault.

        Both failures must have the same verdict, kind, place and words. In addition, either neither failure
        has a cause, or the other failure has causes and each of these causes explains this failure too.
        """
        if other is None or self._replace(causes=frozenset()) != other._replace(causes=frozenset()):
            return False
        return self.causes >= other.causes and bool(self.causes) == bool(other.causes)


def failing_calls(calls: Sequence[Call], adapter: Adapter) -> list[Failure | None]:
    """
    Return the failure of each call on a target; None if the call agrees, is unsupported or is undefined.

    The clauses determine the expectation of a call. Where a clause leaves a choice, a call may follow any alternative.

    Raises:
        TargetNotRun: if the target could not run.

    """
    every = {number: replace(requested_call.case(call), id=f"call {number}") for number, call in enumerate(calls)}
    defined = {number: case for number, case in every.items() if not isinstance(case.expectation, Shape)}
    failures: list[Failure | None] = [None] * len(calls)
    for number, judged in zip(defined, judge_calls([*defined.values()], adapter), strict=True):
        failures[number] = _failure(judged.verdict)
    return failures


def fails_alike(failure: Failure, adapter: Adapter) -> Fails:
    """Return a function that tests for each of several calls whether the call fails on a target like `failure`."""
    return lambda calls: [failure.is_like(other) for other in failing_calls(calls, adapter)]


def _failure(verdict: Verdict) -> Failure | None:
    if verdict.verdict in ("agree", "unsupported", "not-run"):
        return None
    if (finding := verdict.finding) is None:
        return Failure(verdict.verdict)
    causes = frozenset(verdict.diagnosis.causes if verdict.diagnosis is not None else ())
    words = frozenset(re.findall(r"[^\W\d_]{3,}", verdict.message)) if finding.kind == "refused" else frozenset()
    return Failure(verdict.verdict, finding.kind, finding.where, causes, words)
