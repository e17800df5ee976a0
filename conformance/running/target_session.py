"""The session of one target in a run: it runs the batches of cases, each in a separate worker."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from time import perf_counter

from ..core import Case, Invalid, Problem, Verdict, one_line, printable
from ..records import Entry, Ledger, Record, TargetInfo, Timing
from ..workers import (
    Adapter,
    CallSeen,
    Interrupted,
    Plan,
    TargetFailed,
    TargetReady,
    Terms,
    machine,
    make_plan,
    observe,
    smoke_call,
)
from .fatal_calls import FatalCalls
from .target_judge import TargetJudge

#: The largest number of characters that is kept of the name and version of a framework, and of the name of a setting.
LONGEST = 100


class TargetSession:
    """
    Runs batches of cases on one target and collects the verdicts.

    `tell` is called with the description of the target, with every verdict and with the timing of each batch. The
    verdicts of an `earlier` record are reused without calling `tell`. A target that could not run is not started again.
    """

    def __init__(
        self,
        terms: Terms,
        ledger: Ledger,
        adapter: Adapter,
        cases: Sequence[Case],
        tell: Callable[[TargetInfo | Verdict | Timing], None],
        earlier: Record | None = None,
    ) -> None:
        self._terms = terms
        self._whole_ledger = ledger
        self._adapter = adapter
        self._cases = cases
        self._tell = tell
        #: The description of the target, with the total seconds of all batches.
        self.info = TargetInfo(name=str(adapter), device=adapter.target.device, release=adapter.release)
        self.traceback = ""
        self._before: TargetInfo | None = None
        self._verdicts: list[Verdict | None] = [None] * len(cases)
        self._ledger = Ledger()
        self._is_told = False
        self._unmatched: set[str] = set()
        self._matched: set[str | None] = set()
        if earlier is not None:
            self._reuse(earlier)

    def _reuse(self, earlier: Record) -> None:
        for info in earlier.targets:
            if info.name == self.info.name:
                self._before = self.info = info
                self._ledger = self._whole_ledger.of(info, machine.describe()["flags"])
        known = {verdict.case: verdict for verdict in earlier.verdicts if verdict.target == self.info.name}
        self._verdicts = [known.get(case.id) for case in self._cases]
        self._note_entries(at for at, verdict in enumerate(self._verdicts) if verdict is not None)

    @property
    def is_exclusive(self) -> bool:
        """Whether no other worker may use the device of the target at the same time."""
        return self._adapter.is_exclusive

    def owes(self, at: int) -> bool:
        """Return whether the case at position `at` has no verdict yet."""
        return self._verdicts[at] is None

    def serve(self, places: Sequence[int], plan: Plan) -> None:
        """
        Run the cases at the positions `places` that have no verdict yet; `plan` is the plan of all cases at `places`.

        An exception of the suite becomes the failure of this target, so that the other targets of the run can finish.

        Raises:
            AssertionError: if the number of verdicts is not the number of cases.
            Interrupted: if the caller stops the run.
            Invalid: if an earlier run is resumed and the target cannot run, or differs from its recorded description.

        """
        owed = [at for at in places if self.owes(at)]
        if not owed:
            return
        made = self._made(plan if len(owed) == len(places) else make_plan([self._cases[at] for at in owed]))
        assert len(made) == len(owed), f"{len(made)} verdicts on {len(owed)} cases"
        for at, verdict in zip(owed, made, strict=True):
            self._verdicts[at] = verdict
        self._note_entries(owed)

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """
        The verdict on each case, in the order of the cases.

        Raises:
            AssertionError: if a case has no verdict.

        """
        given = [verdict for verdict in self._verdicts if verdict is not None]
        assert len(given) == len(self._cases), f"{len(given)} verdicts on {len(self._cases)} cases"
        return given

    def _note_entries(self, places: Iterable[int]) -> None:
        results = [(verdict, self._cases[at]) for at in places if (verdict := self._verdicts[at]) is not None]
        self._unmatched |= {entry.id for entry in self._ledger.stale(results)}
        self._matched |= {verdict.known for verdict, _ in results if verdict.verdict == "known"}

    @property
    def stale(self) -> list[Entry]:
        """The ledger entries that apply to at least one case that was run, but matched no verdict."""
        return [entry for entry in self._ledger.entries if entry.id in self._unmatched - self._matched]

    def _made(self, plan: Plan) -> Sequence[Verdict]:
        began, imported = perf_counter(), 0.0
        judge = TargetJudge(
            plan, self.info.name, self._tell, policy=self._terms.precision, diagnose=self._terms.diagnose
        )
        try:
            if self.info.failed is None:
                imported = self._observe(plan, judge)
            if doubted := judge.doubted():
                judge.settle(self._made_again([case.redraw() for case in doubted if case.redraw is not None]))
            verdicts = judge.finish(self.info.failed or "")
        except (Interrupted, Invalid):
            raise
        except Exception as error:
            reason = f"fault in the suite: {type(error).__name__}: {error}"
            self._fail(TargetFailed(reason=printable(reason), is_fault=True, traceback=traceback.format_exc()))
            verdicts = judge.abandon(reason)
        calls = sum(verdict.seconds for verdict in verdicts)
        self._clock({"import": imported, "calls": calls, "total": perf_counter() - began})
        return verdicts

    def _observe(self, plan: Plan, judge: TargetJudge) -> float:
        """Make the calls of a plan, and judge each observation; return the seconds of the import."""
        imported = 0.0
        fatal = FatalCalls(plan.cases)
        for event in observe(self._terms, self._adapter, smoke_call(), plan.calls, plan.follow_ups, fatal.reason):
            match event:
                case TargetReady():
                    imported = event.seconds
                    self._begin(describe_target(self._adapter, event))
                    judge.begin(self.info, self._ledger)
                case CallSeen():
                    fatal.note(event.number, event.observation.outcome)
                    judge.see(event.number, event.observation)
                case TargetFailed():
                    self._fail(event)
        return imported

    def _made_again(self, cases: Sequence[Case]) -> Sequence[Verdict]:
        """Return the verdicts on doubted cases, which now have other numbers, without calling `tell`."""
        plan = make_plan(cases)
        judge = TargetJudge(
            plan,
            self.info.name,
            lambda _: None,
            policy=self._terms.precision,
            may_doubt=False,
            diagnose=self._terms.diagnose,
        )
        judge.begin(self.info, Ledger())
        for event in observe(self._terms, self._adapter, smoke_call(), plan.calls, plan.follow_ups):
            if isinstance(event, CallSeen):
                judge.see(event.number, event.observation)
        return judge.finish()

    def _begin(self, info: TargetInfo) -> None:
        if self._before is not None:
            _check_same(self._before, info)
        self.info = replace(info, seconds=self.info.seconds)
        self._ledger = self._whole_ledger.of(info, machine.describe()["flags"])
        if not self._is_told:
            self._is_told = True
            self._tell(info)

    def _fail(self, failed: TargetFailed) -> None:
        if self._before is not None:
            # Do not write the failure, so that the record can be resumed later.
            raise Invalid(Problem(path=self.info.name, message=f"cannot run now: {failed.reason}"))
        self.info = replace(self.info, failed=failed.reason, is_fault=failed.is_fault, printed=failed.printed)
        self.traceback = failed.traceback
        self._tell(self.info)

    def _clock(self, seconds: dict[str, float]) -> None:
        timing = Timing(target=self.info.name, seconds={name: round(value, 6) for name, value in seconds.items()})
        self.info = timing.added(self.info)
        self._tell(timing)


def describe_target(adapter: Adapter, ready: TargetReady) -> TargetInfo:
    """Return the description of a target from its `ready` event."""
    about = ready.about
    return TargetInfo(
        name=str(adapter),
        framework=one_line(about["framework"], LONGEST),
        version=one_line(about.get("version", "?"), LONGEST),
        device=adapter.target.device,
        mode=adapter.target.mode,
        release=adapter.release,
        settings={one_line(name, LONGEST): one_line(value) for name, value in about.get("settings", {}).items()},
        result_dtypes=about.get("result_dtypes", {}),
        precision={one_line(name): one_line(value) for name, value in about.get("precision", {}).items()},
    )


def _check_same(before: TargetInfo, now: TargetInfo) -> None:
    for name in ("framework", "version", "mode", "settings", "result_dtypes", "precision"):
        was, value = getattr(before, name), getattr(now, name)
        if was != value:
            message = f"its {name.replace('_', ' ')} changed from {_shown(was)} in the record to {_shown(value)} now"
            hint = "resume with the options and versions of the recorded run"
            raise Invalid(Problem(path=now.name, message=message, hint=hint))


def _shown(value: object) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
