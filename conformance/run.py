"""
Run cases on targets: from cases to verdicts.

The command line, the pytest plugin and everything else that runs cases call `run`.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TypeAlias

import numpy as np

from . import platforms, wire
from .call import ARRAYS, Array, Call, PerArray
from .case import Case
from .expectation import AnyOf, Deferred, Expectation, Refusal
from .judge import Context, Judgement, judge
from .ledger import Entry, Ledger
from .observation import Observation, readable
from .pool import observe
from .process import Failed, Ready, Seen
from .record import TargetInfo
from .targets import Adapter
from .terms import Terms
from .verdict import UNEXPECTED, Verdict

#: What a run tells while it goes: a target has started or failed, a verdict was given.
Tell: TypeAlias = Callable[["TargetInfo | Verdict"], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """
    What every target of a run is asked: a packed call for each case that can be executed, then for each twin.
    """

    cases: Sequence[Case]
    calls: Sequence[bytes]
    #: The number of each case's call, by the case's position; none where nothing is executed.
    numbers: Sequence[int | None]
    #: For each case, the numbers of the twins of its refusals, by their names.
    twins: Sequence[dict[str, int]]


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetRun:
    """
    Every verdict on one target.
    """

    info: TargetInfo
    verdicts: Sequence[Verdict]
    stale: Sequence[Entry] = ()
    #: Of an audit: limits in spite of which calls were computed rightly, and how many.
    untrue: Mapping[str, int] = field(default_factory=dict)
    #: Whether the adapter is to blame that nothing ran.
    is_fault: bool = False
    traceback: str = ""

    @property
    def has_executed(self) -> bool:
        """Whether at least one case was made."""
        return any(verdict.verdict not in ("unsupported", "not-run") for verdict in self.verdicts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """
    Every verdict of a run, target by target in the order asked for.
    """

    targets: Sequence[TargetRun]

    @property
    def verdicts(self) -> Iterator[Verdict]:
        """Every verdict."""
        for target in self.targets:
            yield from target.verdicts

    def exit_code(self, *, strict_known: bool = False) -> int:
        """
        Return 4 for a fault of ours, else 3 if a target could not or did not run, else 1 for the unexpected, else 0.
        """
        verdicts = {verdict.verdict for verdict in self.verdicts}
        if "suite-error" in verdicts or any(target.is_fault for target in self.targets):
            return 4
        if any(target.info.failed is not None or not target.has_executed for target in self.targets):
            return 3
        is_stale = any(target.stale for target in self.targets) or "fixed" in verdicts
        return 1 if verdicts & set(UNEXPECTED) or (strict_known and is_stale) else 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Runner:
    """
    How to run: on which terms, against which ledger, how many targets at once.
    """

    terms: Terms = field(default_factory=Terms)
    ledger: Ledger = field(default_factory=Ledger)
    jobs: int = 2

    def run(self, cases: Sequence[Case], adapters: Sequence[Adapter], tell: Tell = lambda _: None) -> Run:
        """
        Return the verdicts on every case and target.
        """
        plan = make_plan(cases)
        device, said = threading.Lock(), threading.Lock()

        def serve(adapter: Adapter) -> TargetRun:
            with device if adapter.is_exclusive else nullcontext():
                return self._serve(plan, adapter, _one_at_a_time(tell, said))

        with ThreadPoolExecutor(max_workers=self.jobs) as threads:
            try:
                return Run(targets=list(threads.map(serve, adapters)))
            except BaseException:
                self.terms.stopped.set()
                raise

    def _serve(self, plan: Plan, adapter: Adapter, tell: Tell) -> TargetRun:
        """
        Return the verdicts on one target.

        Raises:
            AssertionError: if there are not as many verdicts as cases.

        """
        began = perf_counter()
        bench = Bench(plan, str(adapter), self.ledger, tell)
        failed: Failed | None = None
        for event in observe(self.terms, adapter, smoke(), plan.calls):
            match event:
                case Ready():
                    bench.begin(_info(adapter, event))
                case Seen():
                    bench.see(event.number, event.observation)
                case Failed():
                    failed = event
        if failed is not None:
            bench.begin(TargetInfo(name=str(adapter), device=adapter.target.device, failed=failed.reason))
        verdicts = bench.finish(failed)
        assert len(verdicts) == len(plan.cases), f"{len(verdicts)} verdicts on {len(plan.cases)} cases"
        return TargetRun(
            info=bench.timed(perf_counter() - began),
            verdicts=verdicts,
            stale=bench.stale(),
            untrue=bench.untrue,
            is_fault=failed is not None and failed.is_fault,
            traceback=failed.traceback if failed is not None else "",
        )


class Bench:
    """
    Where the observations of one target are judged, each as soon as what it rests on has been seen.
    """

    def __init__(self, plan: Plan, target: str, ledger: Ledger, tell: Tell) -> None:
        self._plan = plan
        self._target = target
        self._ledger = ledger
        self._tell = tell
        self._info = TargetInfo(name=target)
        self._twins: dict[int, Observation] = {}
        self._is_twin = {number for twins in plan.twins for number in twins.values()}
        self._position = {number: at for at, number in enumerate(plan.numbers) if number is not None}
        self._waiting: dict[int, Observation] = {}
        self._verdicts: dict[int, Verdict] = {}
        self.untrue: Counter[str] = Counter()

    def begin(self, info: TargetInfo) -> None:
        """
        Take down what the target says of itself.
        """
        self._info = info
        self._ledger = self._ledger.of(info, platforms.describe()["flags"])
        self._tell(info)

    def see(self, number: int, observation: Observation) -> None:
        """
        Take an observation: judge it, or keep it until its twins have been seen.
        """
        if number in self._is_twin:
            self._twins[number] = observation
        at = self._position.get(number)
        if at is None:
            return
        if self._plan.twins[at]:
            self._waiting[at] = observation
        else:
            self._judge(at, observation)

    def finish(self, failed: Failed | None) -> Sequence[Verdict]:
        """
        Judge what had to wait, and what was never made; return the verdicts in the order of the cases.
        """
        for at, observation in self._waiting.items():
            self._judge(at, observation)
        reason = f"the target could not run: {failed.reason}" if failed else ""
        for at, case in enumerate(self._plan.cases):
            if at not in self._verdicts:
                never = Observation(outcome="not-run", message=reason or _deferred(case.expectation))
                self._judge(at, never)
        return [self._verdicts[at] for at in range(len(self._plan.cases))]

    def stale(self) -> list[Entry]:
        """
        Return the ledger's entries that nothing run bears out.
        """
        return self._ledger.stale((verdict, self._plan.cases[at]) for at, verdict in self._verdicts.items())

    def timed(self, seconds: float) -> TargetInfo:
        """
        Return what the target says of itself, with the seconds that everything took, and its calls alone.
        """
        calls = sum(verdict.seconds for verdict in self._verdicts.values())
        times = {**self._info.seconds, "calls": round(calls, 6), "total": round(seconds, 6)}
        return replace(self._info, seconds=times)

    def _judge(self, at: int, observation: Observation) -> None:
        case = self._plan.cases[at]
        twins = {name: self._twins[number] for name, number in self._plan.twins[at].items() if number in self._twins}
        context = Context(call=case.call or _SMOKE, twins=twins, result_dtypes=self._info.result_dtypes)
        verdict = _verdict(case, self._target, observation, judge(case.expectation, observation, context))
        if observation.limit and verdict.verdict == "agree":
            self.untrue[observation.limit] += 1
        self._verdicts[at] = verdict = self._ledger.apply(verdict, case)
        self._tell(verdict)


def make_plan(cases: Sequence[Case]) -> Plan:
    """
    Pack the calls of the cases, and of the twins of their refusals, each twin once.
    """
    calls: list[bytes] = []
    numbers: list[int | None] = []
    twins: list[dict[str, int]] = []
    seen: dict[bytes, int] = {}
    for case in cases:
        if case.call is None or isinstance(case.expectation, Deferred):
            numbers.append(None)
        else:
            numbers.append(len(calls))
            calls.append(wire.pack_call(len(calls), case.call, repeat=_is_full_precision(case.call)))
    for case, number in zip(cases, numbers, strict=True):
        refusals = _refusals(case.expectation) if number is not None else ()
        twins.append({refusal.name: _add_twin(refusal.twin, calls, seen) for refusal in refusals})
    return Plan(cases=cases, calls=calls, numbers=numbers, twins=twins)


def _add_twin(twin: Call, calls: list[bytes], seen: dict[bytes, int]) -> int:
    digest = hashlib.sha256(wire.pack_call(0, twin)).digest()
    if digest not in seen:
        seen[digest] = len(calls)
        calls.append(wire.pack_call(len(calls), twin))
    return seen[digest]


def _refusals(expectation: Expectation) -> list[Refusal]:
    match expectation:
        case Refusal():
            return [expectation]
        case AnyOf():
            return [found for each in expectation.alternatives.values() for found in _refusals(each)]
        case _:
            return []


def _is_full_precision(call: Call) -> bool:
    # Sums of small integers are exact in every order, so only these can show that the order changes.
    arrays = (array for name in ARRAYS if name != "bias" and (array := getattr(call, name)) is not None)
    return call.input.dtype.kind not in "iu" and not all(map(_is_integral, arrays))


def _is_integral(array: Array) -> bool:
    values = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    finite = values[np.isfinite(values)]
    return bool((finite.real == np.rint(finite.real)).all() and (finite.imag == np.rint(finite.imag)).all())


def _deferred(expectation: Expectation) -> str:
    return expectation.reason if isinstance(expectation, Deferred) else "it was never made"


def _verdict(case: Case, target: str, observation: Observation, judgement: Judgement) -> Verdict:
    output = observation.arrays.get("output")
    return Verdict(
        case=case.id,
        target=target,
        verdict=judgement.verdict,
        message=judgement.message,
        finding=judgement.finding,
        alternative=judgement.alternative,
        phase=observation.phase,
        call=observation.call,
        output_sha256=None if output is None else hashlib.sha256(output.tobytes()).hexdigest(),
        seconds=observation.seconds,
        traceback=observation.traceback,
    )


def _info(adapter: Adapter, ready: Ready) -> TargetInfo:
    about = ready.about
    return TargetInfo(
        name=str(adapter),
        framework=readable(about["framework"]),
        version=readable(about.get("version", "?")),
        device=adapter.target.device,
        mode=adapter.target.mode,
        settings={readable(name): readable(value) for name, value in about.get("settings", {}).items()},
        result_dtypes=about.get("result_dtypes", {}),
        seconds={"import": round(ready.seconds, 6)},
    )


def _one_at_a_time(tell: Tell, lock: threading.Lock) -> Tell:
    def locked(said: TargetInfo | Verdict) -> None:
        with lock:
            tell(said)

    return locked


_SMOKE = Call(
    op="conv",
    input=np.array([[[0], [3], [4], [5]]], np.float32),
    kernel=np.array([[[1]], [[2]]], np.float32),
    layout=PerArray(input="NWC", kernel="WIO", output="NWC"),
    dtype=PerArray(input="float32", kernel="float32", output="float32"),
    strides=(1,),
    dilations=(1,),
    input_dilations=(1,),
    output_padding=(0,),
)


def smoke() -> bytes:
    """
    Return the call that every target must complete before any case: [0, 3, 4, 5] with the kernel [1, 2].
    """
    return wire.pack_call(-1, _SMOKE)
