"""
Cases on a backend in this very process, without a worker: for what is known to neither hang nor die.

The calls are packed, made and judged as in a run; only the smoke call and the ledger are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core import Observation, Verdict, backend_attribute, from_message
from ..records import Ledger, TargetInfo
from ..workers import CallMarks, Plan, wire
from ..workers import TargetCaller as Workbench
from .target_judge import TargetJudge


def verdicts(plan: Plan, target: str, backend: Any, marks: CallMarks | None = None) -> Iterator[Verdict]:
    """
    Yield the verdicts on a backend, each as soon as what it rests on has been seen; a caller may stop at any.

    `marks` is told of each call that is begun, by its number in the plan.
    """
    given: list[Verdict] = []
    bench = TargetJudge(plan, target, given.append)
    said = {name: backend_attribute(backend, name) for name in ("result_dtypes", "precision")}
    bench.begin(TargetInfo(name=target, **said), Ledger())
    header = {"audit": False, "device": "cpu", "follow_ups": plan.follow_ups}
    work = Workbench(backend, header, marks or _Unmarked())
    for number, packed in enumerate(plan.calls):
        bench.see(number, _observed(work, packed))
        yield from given
        given.clear()
    bench.finish()
    yield from given


def _observed(work: Workbench, packed: bytes) -> Observation:
    end = packed.find(b"\n")
    number, form = wire.unpack_call(packed[:end])
    answer, _ = work.answer(number, form, packed, end + 1)
    line, _, payload = answer.partition(b"\n")
    message, _ = wire.unpack(line)
    return from_message(message, wire.arrays_of(message, payload, 0))


class _Unmarked:
    """Takes no notes of progress: nobody watches this process."""

    def mark(self, case: int, phase: int, words: str = "") -> None:
        """Do nothing."""
