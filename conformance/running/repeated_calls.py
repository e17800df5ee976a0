"""
Making failing calls again before they are reported.

What one call breaks in its process (a replaced function, a closed file, a changed module) may make later calls fail.
So the smallest call of each group of failures is made again, alone, in a fresh worker. If it does not fail there, the
calls before it in the run are made again before it, and the last one that must come before it is found by bisection.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing

from ..core import Case, Verdict
from ..records import Group, Ledger, Record, Repetition, TargetInfo
from ..workers import (
    REPRODUCED,
    Adapter,
    CallSeen,
    TargetFailed,
    Terms,
    for_each_target,
    make_plan,
    observe,
    smoke_call,
)
from .target_judge import TargetJudge

#: The time limit for the repetitions of one target, in seconds, and the largest number of groups that are repeated.
SECONDS, MOST = 120.0, 10

#: The verdicts that are repeated.
REPEATED = ("disagree", "suite-error", "crash")

#: Findings that need no repetition: statistics are confirmed with other numbers, and chance is no function of the past.
NOT_REPEATED = ("precision", "nondeterministic")


def repetitions(
    record: Record, cases: Sequence[Case], adapters: Sequence[Adapter], terms: Terms, jobs: int, batch: int
) -> Sequence[Repetition]:
    """
    Return the repetitions of the first unexpected failure of each group and target, in the order of the groups.

    `cases` are all cases of the run in its order, and `batch` is the number of cases whose calls one worker makes. Up
    to `jobs` targets are repeated in parallel, but targets on an accelerator one at a time.
    """
    return for_each_target(adapters, lambda adapter: _of_target(record, cases, adapter, terms, batch), terms, jobs)


def _of_target(
    record: Record, cases: Sequence[Case], adapter: Adapter, terms: Terms, batch: int
) -> Iterator[Repetition]:
    name, end = str(adapter), time.monotonic() + SECONDS
    own = {verdict.case: verdict for verdict in record.verdicts if verdict.target == name}
    (info,) = (target for target in record.targets if target.name == name)
    groups = (group for group in record.groups if name in group.targets and group.known is None)
    firsts = (_first([own[case] for case in group.cases if case in own], group) for group in groups)
    places = {case.id: at for at, case in enumerate(cases)}
    # A call before which no other was made has been made alone.
    chosen = [each for each in firsts if each is not None and _is_repeated(each) and places[each.case] % batch]
    for verdict in chosen[:MOST]:
        if time.monotonic() > end:
            return
        at = places[verdict.case]
        yield Rerun(adapter, info, terms, end).repetition(verdict, cases[at - at % batch : at + 1])


def _first(verdicts: Sequence[Verdict], group: Group) -> Verdict | None:
    return next((verdict for verdict in verdicts if group.is_like(verdict)), None)


def _is_repeated(verdict: Verdict) -> bool:
    if verdict.verdict not in REPEATED or verdict.message.endswith(REPRODUCED):
        return False
    return verdict.finding is None or verdict.finding.kind not in NOT_REPEATED


class Rerun:
    """Makes calls of a target again, in fresh workers, until a point in time (of the monotonic clock)."""

    def __init__(self, adapter: Adapter, info: TargetInfo, terms: Terms, end: float) -> None:
        self._adapter = adapter
        self._info = info
        self._terms = terms
        self._end = end

    def repetition(self, verdict: Verdict, cases: Sequence[Case]) -> Repetition:
        """Return what becomes of the call of the last of `cases` when it is made alone, and after the other calls."""
        alone = self._made(cases[-1:])
        if alone is None or _is_same(alone, verdict):
            is_same = alone is not None
            return Repetition(
                case=verdict.case, target=verdict.target, alone=alone.verdict if alone else "not-run", is_same=is_same
            )
        recurs, after = self._preceding(verdict, cases)
        return Repetition(
            case=verdict.case, target=verdict.target, alone=alone.verdict, is_same=False, recurs=recurs, after=after
        )

    def _preceding(self, verdict: Verdict, cases: Sequence[Case]) -> tuple[bool | None, str | None]:
        """Return whether the failure recurs after the other calls, and the last case that must come before it."""

        def fails_after(position: int) -> bool | None:
            made = self._made(cases[position:])
            return None if made is None else _is_same(made, verdict)

        recurs = fails_after(0)
        if not recurs:
            return recurs, None
        # The call fails after the calls from `low` on, and does not after those from `high` on.
        low, high = 0, len(cases) - 1
        while high - low > 1:
            middle = (low + high) // 2
            fails = fails_after(middle)
            if fails is None:
                return True, None
            low, high = (middle, high) if fails else (low, middle)
        return True, cases[low].id

    def _made(self, cases: Sequence[Case]) -> Verdict | None:
        """Return the verdict on the last of the cases, made in one worker after the others; None after the time."""
        plan, last = make_plan(cases), len(cases) - 1
        policy = self._terms.precision
        judge = TargetJudge(plan, self._info.name, lambda _: None, policy=policy, may_doubt=False, diagnose=False)
        judge.begin(self._info, Ledger())
        with closing(observe(self._terms, self._adapter, smoke_call(), plan.calls, plan.follow_ups)) as events:
            for event in events:
                if isinstance(event, TargetFailed) or time.monotonic() > self._end:
                    return None
                if isinstance(event, CallSeen) and event.number >= last:
                    judge.see(event.number, event.observation)
        return judge.finish()[last]


def _is_same(one: Verdict, other: Verdict) -> bool:
    kinds = [verdict.finding and (verdict.finding.kind, verdict.finding.where) for verdict in (one, other)]
    return one.verdict == other.verdict and kinds[0] == kinds[1]
