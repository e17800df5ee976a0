"""Judging the observations of one target."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..core import RAISED, SKIPPED, Case, Diagnosis, Observation, Verdict
from ..judging import Context, Judgement, PooledResults, judge
from ..records import Ledger, TargetInfo
from ..workers import Plan

#: Verdicts that are stored without the text of the call, because there is nothing to reproduce.
WITHOUT_CALL = ("agree", "unsupported", "not-run")


class TargetJudge:
    """
    Judges one target's observations of the calls of a plan.

    If a case allows refusals and its call raised, the case is judged last, after all twins are observed.
    `tell` is called with each verdict. `policy` is the required precision. If only the statistics of rounding errors
    show a disagreement, the verdict is doubted and waits for `settle`, unless `may_doubt` is false.
    """

    def __init__(
        self,
        plan: Plan,
        target: str,
        tell: Callable[[Verdict], None],
        *,
        policy: str = "declared",
        may_doubt: bool = True,
        diagnose: bool = True,
    ) -> None:
        self._plan = plan
        self._info = TargetInfo(name=target)
        self._ledger = Ledger()
        self._tell = tell
        self._policy = policy
        self._may_doubt = may_doubt
        self._diagnose = diagnose
        self._doubted: dict[int, Verdict] = {}
        self._pools = PooledResults()
        self._twins: dict[int, Observation] = {}
        self._is_twin = {number for twins in plan.twins for number in twins.values()}
        self._waiting: dict[int, Observation] = {}
        self._verdicts: dict[int, Verdict] = {}

    def begin(self, info: TargetInfo, ledger: Ledger) -> None:
        """Store the description of the target, and the ledger entries that apply to it."""
        self._info = info
        self._ledger = ledger

    def see(self, number: int, observation: Observation) -> None:
        """Judge an observation, or keep it for `finish` if the call raised and the case allows refusals."""
        if observation.outcome == SKIPPED:
            message = "the worker skipped a call that is not a follow-up"
            observation = Observation(outcome="suite-error", message=message)
        elif number in self._is_twin:
            self._twins[number] = observation
        if number >= len(self._plan.cases):
            return
        if self._plan.twins[number] and observation.outcome == RAISED:
            self._waiting[number] = observation
        else:
            self._judge(number, observation)

    def finish(self, failed: str = "") -> Sequence[Verdict]:
        """
        Judge the kept observations, and the calls that were not made; return the verdicts in the order of the cases.

        `failed` is the reason why the target could not run, else empty.
        """
        for at, observation in self._waiting.items():
            self._judge(at, observation)
        self._weigh()
        for at, verdict in self._doubted.items():
            self._give(at, verdict)
        reason = f"the target could not run: {failed}" if failed else ""
        for at in range(len(self._plan.cases)):
            if at not in self._verdicts:
                never = Observation(outcome="not-run", message=reason or "the call was not made")
                self._judge(at, never)
        return [self._verdicts[at] for at in range(len(self._plan.cases))]

    def abandon(self, reason: str) -> Sequence[Verdict]:
        """Return the verdicts in the order of the cases after a fault of the suite; cases without one are `not-run`."""
        for at, case in enumerate(self._plan.cases):
            if at not in self._verdicts:
                verdict = Verdict(case=case.id, target=self._info.name, verdict="not-run", message=reason)
                self._verdicts[at] = verdict
                self._tell(verdict)
        return [self._verdicts[at] for at in range(len(self._plan.cases))]

    def _judge(self, at: int, observation: Observation) -> None:
        """Judge an observation; if the judge raises, this case alone has the verdict `suite-error`."""
        try:
            judged = self._judged(at, observation)
        except Exception as error:
            fault = replace(
                observation,
                outcome="suite-error",
                message=f"the result could not be judged: {type(error).__name__}: {error}",
                traceback=traceback.format_exc(),
            )
            judged = self._judged(at, fault)
        verdict, is_doubted = judged
        if is_doubted and self._may_doubt:
            self._doubted[at] = verdict
        elif self._policy == "any" or not self._pools.take(at, self._plan.cases[at], verdict, observation):
            self._give(at, verdict)

    def _judged(self, at: int, observation: Observation) -> tuple[Verdict, bool]:
        """Return the verdict on an observation, and whether it is doubted."""
        case = self._plan.cases[at]
        twins = {name: self._twins[number] for name, number in self._plan.twins[at].items() if number in self._twins}
        context = Context(
            call=case.call,
            twins=twins,
            result_dtypes=self._info.result_dtypes,
            is_drawn=case.redraw is not None,
            declared=self._info.precision,
            policy=self._policy,
        )
        judgement = judge(case.expectation, observation, context)
        diagnosis = _diagnosis(case, observation, judgement) if self._diagnose else None
        return _verdict(case, self._info.name, observation, judgement, diagnosis), judgement.is_doubted

    def _give(self, at: int, verdict: Verdict) -> None:
        self._verdicts[at] = verdict = self._ledger.apply(verdict, self._plan.cases[at])
        self._tell(verdict)

    def doubted(self) -> Sequence[Case]:
        """Return the cases with doubted verdicts; the caller must repeat these cases with other numbers."""
        self._weigh()
        return [self._plan.cases[at] for at in self._doubted]

    def _weigh(self) -> None:
        """Judge the pooled results of cases with few outputs; requires that all these cases are observed."""
        for at, verdict, is_doubted in self._pools.weighed():
            if is_doubted and self._may_doubt:
                self._doubted[at] = verdict
            else:
                self._give(at, verdict)

    def settle(self, again: Sequence[Verdict]) -> None:
        """
        Decide the doubted verdicts; `again` holds the verdicts on the same cases with other numbers, in the same order.

        A precision disagreement that does not recur counts as chance, and the verdict of the repetition replaces it.
        """
        for (at, verdict), other in zip(self._doubted.items(), again, strict=True):
            is_seen = other.finding is not None and other.finding.kind == "precision"
            self._give(at, verdict if is_seen else replace(other, output_sha256=verdict.output_sha256))
        self._doubted.clear()


#: The kinds of disagreement that are diagnosed, for outputs and gradients.
_EXPLAINED = ("layout", "shape", "dtype", "nonfinite", "values")


def _diagnosis(case: Case, observation: Observation, judgement: Judgement) -> Diagnosis | None:
    finding = judgement.finding
    if finding is None or finding.kind not in _EXPLAINED or finding.where in observation.impossible:
        return None
    from ..diagnosis import diagnose, diagnose_gradient

    name = finding.where.removeprefix("gradient.")
    if finding.where == "output":
        return diagnose(case.call, observation.arrays["output"], observation.dtypes["output"])
    if name != finding.where and observation.dtypes[finding.where] == case.call.dtype_of(name):
        return diagnose_gradient(case.call, name, observation.arrays[finding.where])
    return None


def _verdict(
    case: Case, target: str, observation: Observation, judgement: Judgement, diagnosis: Diagnosis | None
) -> Verdict:
    output = observation.arrays.get("output")
    is_plain = judgement.verdict in WITHOUT_CALL
    return Verdict(
        case=case.id,
        target=target,
        verdict=judgement.verdict,
        # The message of an agreement is empty. In an audit, it is the limit that declares the call unsupported.
        message=sys.intern(judgement.message or observation.limit) if is_plain else judgement.message,
        finding=judgement.finding,
        alternative=judgement.alternative,
        precision=judgement.precision,
        error_uS=None if judgement.error_uS is None else float(f"{judgement.error_uS:.4g}"),
        phase=observation.phase,
        call="" if is_plain else observation.call,
        diagnosis=diagnosis,
        # Interned to save memory: many verdicts are kept, and many have the same digest.
        output_sha256=None if output is None else sys.intern(hashlib.sha256(output.tobytes()).hexdigest()),
        seconds=observation.seconds,
        traceback=observation.traceback,
    )
