"""
The runner: it runs cases on targets and returns the verdicts.

The command line and the pytest plugin both call `Runner.run`.
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

#: A function that a run calls with each verdict, each timing, and the description of each started or failed target.
Listener: TypeAlias = Callable[["TargetInfo | Verdict | Timing"], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetRun:
    """The verdicts on one target, with its stale ledger entries."""

    info: TargetInfo
    verdicts: Sequence[Verdict]
    stale: Sequence[Entry] = ()
    traceback: str = ""

    @property
    def has_executed(self) -> bool:
        """Whether the call of at least one case was made."""
        return any(verdict.verdict not in ("unsupported", "not-run") for verdict in self.verdicts)

    @property
    def untrue(self) -> Mapping[str, int]:
        """In an audit: declared limit -> number of calls that agree although this limit declares them unsupported."""
        return Counter(verdict.message for verdict in self.verdicts if verdict.verdict == "agree" and verdict.message)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """The results of a run, target by target in the requested order."""

    targets: Sequence[TargetRun]

    @property
    def verdicts(self) -> Iterator[Verdict]:
        """All verdicts, target by target."""
        for target in self.targets:
            yield from target.verdicts

    def exit_code(self, *, strict_known: bool = False, fail_on: Sequence[str] = SEVERITIES) -> int:
        """
        Return the exit code of the run: the highest that applies.

        4: the suite or an adapter has a fault. 3: a target could not run, or made no call. 1: a verdict is in
        `fail_on`, or with `strict_known` a ledger entry is stale or a verdict is `fixed`. 0: none of these applies.
        """
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
    """Runs cases; `jobs` is the number of targets in parallel, `batch` the maximum number of cases in a batch."""

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
        Return the verdict on every case and target; verdicts in the record `earlier` are reused.

        A target starts batch n only after all targets have finished batch n - 2. So each case is built once for all
        targets, and its arrays are released when all targets have finished its batch.
        """
        tell = _one_at_a_time(tell)
        sessions = [TargetSession(self.terms, self.ledger, adapter, cases, tell, earlier) for adapter in adapters]
        with ThreadPoolExecutor(max_workers=self.jobs) as threads:
            try:
                self._run_batches(cases, sessions, threads)
            except BaseException:
                self.terms.stopped.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return Run(targets=[_finished(session) for session in sessions])

    def _run_batches(
        self, cases: Sequence[Case], sessions: Sequence[TargetSession], threads: ThreadPoolExecutor
    ) -> None:
        """Run every batch on every target; the plan of a batch is made while the previous batch runs."""
        device = threading.Lock()
        owed = (at for at in range(len(cases)) if any(session.owes(at) for session in sessions))
        before: Sequence[int] = ()
        running: Sequence[Future[None]] = ()
        for places in case_batches(cases, owed, self.batch):
            plan = make_plan([cases[at] for at in places])
            give_back()
            submitted = [
                threads.submit(_serve, session, places, plan, device, running[at] if running else None)
                for at, session in enumerate(sessions)
            ]
            _wait(running)
            for at in before:
                cases[at].release()
            give_back()
            before, running = places, submitted
        _wait(running)


def _serve(
    session: TargetSession, places: Sequence[int], plan: Plan, device: threading.Lock, before: Future[None] | None
) -> None:
    """Run a batch on a target after the target's previous batch; only one target at a time uses the accelerator."""
    if before is not None:
        before.result()
    with device if session.is_exclusive else nullcontext():
        session.serve(places, plan)


def _wait(running: Sequence[Future[None]]) -> None:
    for future in as_completed(running):
        future.result()


def _finished(session: TargetSession) -> TargetRun:
    return TargetRun(info=session.info, verdicts=session.verdicts, stale=session.stale, traceback=session.traceback)


def _one_at_a_time(tell: Listener) -> Listener:
    lock = threading.Lock()

    def locked(event: TargetInfo | Verdict | Timing) -> None:
        with lock:
            tell(event)

    return locked
