"""
Cases on a backend in this very process, without a worker: for what is known to neither hang nor die.

The calls are packed, made and judged as in a run; only the smoke call and the ledger are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import wire
from .ledger import Ledger
from .observation import Observation, from_message
from .record import TargetInfo
from .run import Bench, Plan
from .verdict import Verdict
from .worker import Bench as Workbench


def verdicts(plan: Plan, target: str, backend: Any) -> Iterator[Verdict]:
    """
    Yield the verdicts on a backend, each as soon as what it rests on has been seen; a caller may stop at any.
    """
    given: list[Verdict] = []

    def tell(said: TargetInfo | Verdict) -> None:
        if isinstance(said, Verdict):
            given.append(said)

    bench = Bench(plan, target, Ledger(), tell)
    work = Workbench(backend, {"audit": False, "device": "cpu"}, _Unmarked())
    for number, packed in enumerate(plan.calls):
        bench.see(number, _observed(work, packed))
        yield from given
        given.clear()
    bench.finish(None)
    yield from given


def _observed(work: Workbench, packed: bytes) -> Observation:
    end = packed.find(b"\n")
    number, form = wire.unpack_call(packed[:end])
    answer, _ = work.observe(number, form, packed, end + 1)
    line, _, payload = answer.partition(b"\n")
    message, _ = wire.unpack(line)
    return from_message(message, wire.arrays_of(message, payload, 0))


class _Unmarked:
    """
    Takes no notes of progress: nobody watches this process.
    """

    def mark(self, case: int, phase: int) -> None:
        """Do nothing."""
