"""
Run cases on targets: from cases to verdicts.

The command line, the pytest plugin and everything else that runs cases call `run`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TypeAlias

from ..core import SEVERITIES, Case, Verdict, counts_as_failure, give_back
from ..records import Entry, Ledger, Record, TargetInfo, Timing
from ..workers import BATCH_SIZE, Adapter, Plan, Terms, case_batches, make_plan
from .target_session import TargetSession

#: What a run tells while it goes: a target has started or failed, a verdict was given, some cases took so long.
Listener: TypeAlias = Callable[["TargetInfo | Verdict | Timing"], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetRun:
    """Every verdict on one target."""

    info: TargetInfo
    verdicts: Sequence[Verdict]
    stale: Sequence[Entry] = ()
    traceback: str = ""

    @property
    def has_executed(self) -> bool:
        """Whether at least one case was made."""
        return any(verdict.verdict not in ("unsupported", "not-run") for verdict in self.verdicts)

    @property
    def untrue(self) -> Mapping[str, int]:
        """Of an audit: limits in spite of which calls were computed rightly, and how many."""
        return Counter(each.message for each in self.verdicts if each.verdict == "agree" and each.message)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """Every verdict of a run, target by target in the order asked for."""

    targets: Sequence[TargetRun]

    @property
    def verdicts(self) -> Iterator[Verdict]:
        """Every verdict."""
        for target in self.targets:
            yield from target.verdicts

    def exit_code(self, *, strict_known: bool = False, fail_on: Sequence[str] = SEVERITIES) -> int:
        """Return 4 for a fault of ours, else 3 if a target could not or did not run, else 1 for a failure, else 0."""
        verdicts = {verdict.verdict for verdict in self.verdicts}
        if "suite-error" in verdicts or any(target.info.is_fault for target in self.targets):
            return 4
        if any(target.info.failed is not None or not target.has_executed for target in self.targets):
            return 3
        is_stale = any(target.stale for target in self.targets) or "fixed" in verdicts
        is_failed = any(counts_as_failure(verdict, fail_on) for verdict in self.verdicts)
        return 1 if is_failed or (strict_known and is_stale) else 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Runner:
    """How to run: on which terms, against which ledger, how many targets at once, at most how many cases in a batch."""

    terms: Terms = field(default_factory=Terms)
    ledger: Ledger = field(default_factory=Ledger)
    jobs: int = 2
    batch: int = BATCH_SIZE

    def run(
        self,
        cases: Sequence[Case],
        adapters: Sequence[Adapter],
        tell: Listener = lambda _: None,
        earlier: Record | None = None,
    ) -> Run:
        """
        Return the verdicts on every case and target; what an `earlier` record holds of them is not run again.

        All targets go through one batch of cases before they come to the next but one, so that each case is built once
        for all of them, and let go of when they are done with it.
        """
        tell = _one_at_a_time(tell)
        courses = [TargetSession(self.terms, self.ledger, adapter, cases, tell, earlier) for adapter in adapters]
        with ThreadPoolExecutor(max_workers=self.jobs) as threads:
            try:
                self._go(cases, courses, threads)
            except BaseException:
                self.terms.stopped.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return Run(targets=[_finished(course) for course in courses])

    def _go(self, cases: Sequence[Case], courses: Sequence[TargetSession], threads: ThreadPoolExecutor) -> None:
        """Let every target go through every batch, whose plan is made while the batch before it is run."""
        device = threading.Lock()
        owed = (at for at in range(len(cases)) if any(course.owes(at) for course in courses))
        before: Sequence[int] = ()
        running: Sequence[Future[None]] = ()
        for places in case_batches(cases, owed, self.batch):
            plan = make_plan([cases[at] for at in places])
            give_back()
            begun = [
                threads.submit(_serve, course, places, plan, device, running[at] if running else None)
                for at, course in enumerate(courses)
            ]
            _wait(running)
            for at in before:
                cases[at].release()
            give_back()
            before, running = places, begun
        _wait(running)


def _serve(
    course: TargetSession, places: Sequence[int], plan: Plan, device: threading.Lock, before: Future[None] | None
) -> None:
    """Let a target go through a batch once it is through with the one before; the accelerator serves one at a time."""
    if before is not None:
        before.result()
    with device if course.is_exclusive else nullcontext():
        course.serve(places, plan)


def _wait(running: Sequence[Future[None]]) -> None:
    for each in as_completed(running):
        each.result()


def _finished(course: TargetSession) -> TargetRun:
    return TargetRun(info=course.info, verdicts=course.verdicts, stale=course.stale, traceback=course.traceback)


def _one_at_a_time(tell: Listener) -> Listener:
    lock = threading.Lock()

    def locked(said: TargetInfo | Verdict | Timing) -> None:
        with lock:
            tell(said)

    return locked
