"""
Runs of cases on a backend in this process, without a worker; suitable only for backends that neither hang nor crash.

The calls are packed, made and judged as in a run with workers, but there is no smoke call and no ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core import Observation, Verdict, backend_attribute, from_message
from ..records import Ledger, TargetInfo
from ..workers import CallMarks, Plan, TargetCaller, wire
from .target_judge import TargetJudge


def verdicts(plan: Plan, target: str, backend: Any, marks: CallMarks | None = None) -> Iterator[Verdict]:
    """
    Yield each verdict on a backend as soon as the verdict is known; the caller may stop early.

    When a call begins, `marks` receives the call's position in `plan.calls`.
    """
    pending: list[Verdict] = []
    judge = TargetJudge(plan, target, pending.append)
    attributes = {name: backend_attribute(backend, name) for name in ("result_dtypes", "precision")}
    judge.begin(TargetInfo(name=target, **attributes), Ledger())
    header = {"audit": False, "device": "cpu", "follow_ups": plan.follow_ups}
    caller = TargetCaller(backend, header, marks or _NoMarks())
    for number, packed in enumerate(plan.calls):
        judge.see(number, _observed(caller, packed))
        yield from pending
        pending.clear()
    judge.finish()
    yield from pending


def _observed(caller: TargetCaller, packed: bytes) -> Observation:
    end = packed.find(b"\n")
    number, form = wire.unpack_call(packed[:end])
    answer, _ = caller.answer(number, form, packed, end + 1)
    line, _, payload = answer.partition(b"\n")
    message, _ = wire.unpack(line)
    return from_message(message, wire.arrays_of(message, payload, 0))


class _NoMarks:
    """Discards the marks of calls, because no parent process reads them."""

    def mark(self, case: int, phase: int, words: str = "") -> None:
        """Do nothing."""
