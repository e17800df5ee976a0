"""Tap audits of a run. Each audit examines one call of a group: the smallest suitable call that no cause explains."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from ..core import DEATHS, AnyOf, Array, Call, Case, Output, Verdict
from ..diagnosis import CallFunction, TapAudit, audit_taps
from ..records import Record
from ..workers import Adapter, CallSeen, TargetFailed, Terms, for_each_target, observe, smoke_call, wire

#: The largest number of groups audited on one target, and the time limit of an audit in seconds. The time includes the
#: start of the worker.
MOST, SECONDS = 3, 30.0
#: At most this many calls of a group are tried, the smallest call first, until one of them can be audited.
TRIED = 4


def audits(
    record: Record, cases: Mapping[str, Case], adapters: Sequence[Adapter], terms: Terms, jobs: int
) -> Sequence[TapAudit]:
    """
    Return tap audits of wrong outputs that no cause explains, at most one for each group and target.

    Each audit examines the group's smallest call that can be audited. Up to `jobs` targets are audited in parallel,
    but targets on an accelerator are audited one at a time.
    """
    return for_each_target(adapters, lambda adapter: _of_target(record, cases, adapter, terms), terms, jobs)


def _of_target(record: Record, cases: Mapping[str, Case], adapter: Adapter, terms: Terms) -> Iterator[TapAudit]:
    own = {verdict.case: verdict for verdict in record.verdicts if verdict.target == str(adapter)}
    # After a death, further calls may cost a minute each.
    if any(verdict.verdict in DEATHS for verdict in own.values()):
        return
    groups = (group for group in record.groups if str(adapter) in group.targets)
    unexplained = ([case for case in group.cases if case in own and is_unexplained(own[case])] for group in groups)
    for members in [each for each in unexplained if each][:MOST]:
        yield from _of_group(members, cases, adapter, terms)


def _of_group(members: Sequence[str], cases: Mapping[str, Case], adapter: Adapter, terms: Terms) -> Iterator[TapAudit]:
    """Try to audit the smallest calls of a group, one after another, and yield the first audit."""
    for case in [case for case in members if _has_one_output(cases[case])][:TRIED]:
        found = audit_taps(cases[case].build_call(), probe_caller(adapter, terms))
        if found is not None:
            yield replace(found, case=case, target=str(adapter))
            return


def _has_one_output(case: Case) -> bool:
    """Return whether a case allows exactly one output (a refusal does not count) and is not a training run."""
    expected = case.build_expectation()
    allowed = expected.alternatives.values() if isinstance(expected, AnyOf) else [expected]
    return sum(isinstance(each, Output) for each in allowed) == 1 and case.build_call().training is None


def is_unexplained(verdict: Verdict) -> bool:
    """Return whether a verdict reports wrong values in the output and no cause explains them."""
    if verdict.verdict != "disagree" or verdict.finding is None or verdict.diagnosis is None:
        return False
    is_of_output = verdict.finding.where == "output" and verdict.finding.kind in ("values", "nonfinite")
    return is_of_output and not verdict.diagnosis.causes


def probe_caller(adapter: Adapter, terms: Terms) -> CallFunction:
    """
    Return a function that evaluates calls on a target in one worker.

    The function stops at the first missing answer, or after the time limit SECONDS.
    """
    once = replace(terms, limits=replace(terms.limits, deaths=1))

    def ask(calls: Sequence[Call]) -> list[Array | None]:
        answers: list[Array | None] = [None] * len(calls)
        end = time.monotonic() + SECONDS
        packed = [wire.pack_call(number, call) for number, call in enumerate(calls)]
        with closing(observe(once, adapter, smoke_call(), packed)) as events:
            for event in events:
                if isinstance(event, CallSeen):
                    answers[event.number] = event.observation.arrays.get("output")
                is_lost = isinstance(event, TargetFailed) or (
                    isinstance(event, CallSeen) and answers[event.number] is None
                )
                if is_lost or time.monotonic() > end:
                    break
        return answers

    return ask
