"""Backends that break their process: each costs its own verdict alone, and leaves no process behind."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from conv_conformance.corpus.loader import Corpus
from conv_conformance.corpus.selection import Selection
from conv_conformance.records import Repetition, read_record
from conv_conformance.reports import run_progress
from conv_conformance.running.fatal_calls import FatalCalls
from conv_conformance.running.invocation import Invocation
from conv_conformance.running.runner import Run, Runner
from conv_conformance.workers.limits import Limits, Terms
from conv_conformance.workers.targets import Adapter, resolve
from rich.console import Console

from ..support import process_breakers, zoo
from ..support.findings import CRASH, FAULT, TIMEOUT, Wrong

BREAKERS = Path(process_breakers.__file__)
CASES = zoo.cases()
LIMITS = Limits(timeout=1.5, start=3.0, grace=0.2)
#: Little memory, and enough time to use it.
NARROW = Limits(timeout=20.0, start=20.0, grace=0.2, memory=250 << 20)

#: On the case `marked` alone; None if all agree.
FOUND: dict[str, Wrong | None] = {
    "dies_of_a_real_time_signal": Wrong(CRASH, None, "killed by SIGRTMIN+6; reproduces alone"),
    "dies_beside_a_daemon": Wrong(CRASH, None, "killed by SIGSEGV; reproduces alone"),
    "leaves_without_a_fault": Wrong(CRASH, None, "the process ended with exit code 0; reproduces alone"),
    "kills_its_parent": Wrong(CRASH, None, "killed by SIGTERM; reproduces alone"),
    "kills_its_parent_at_once": Wrong(CRASH, None, "killed by SIGKILL; reproduces alone"),
    "kills_its_group": Wrong(CRASH, None, "killed by SIGTERM; reproduces alone"),
    "interrupts_itself": Wrong(CRASH, None, "killed by SIGINT [last output: KeyboardInterrupt: mine]"),
    "leaves_its_generator": Wrong(CRASH, None, "the process ended with exit code 1 [last output: GeneratorExit]"),
    "interrupts_its_framework": Wrong(CRASH, None, "killed by SIGINT [last output: KeyboardInterrupt]"),
    "raises_its_own": Wrong(CRASH, None, "exit code 1 [last output: process_breakers.Own: base]"),
    "dies_of_its_message": Wrong(CRASH, None, "the process ended with exit code 3; reproduces alone"),
    "recurses_without_a_limit": Wrong(CRASH, None, "reproduces alone"),
    "stops_itself": Wrong(TIMEOUT, None, "no end within 1.5 s; reproduces alone"),
    "hangs_with_a_child": Wrong(TIMEOUT, None, "no end within 1.5 s; reproduces alone"),
    "ignores_all_signals": Wrong(TIMEOUT, None, "no end within 1.5 s; reproduces alone"),
    "leaves_a_daemon": None,
    "leaves_a_session": None,
    "returns_twice": None,
    "grows_in_a_child": Wrong(CRASH, None, "its memory grew to"),
    "shares_its_memory": None,
    "changes_its_folder": None,
    "forgets_its_environment": None,
    "closes_its_streams": None,
    "replaces_its_streams": None,
    "speaks_another_language": None,
    "is_strict_about_numbers": None,
    "reads_its_input": None,
    "lowers_its_limits": None,
    "is_nice": None,
    "leaves_threads": None,
    "leaves_busy_threads": None,
    "returns_a_list": Wrong(FAULT, None, "must return Outputs, not list"),
    "returns_objects": Wrong(FAULT, None, "output has dtype object, which the case format does not have"),
    "returns_hostility": Wrong(CRASH, None, "exit code 1 [last output: hostile]; reproduces alone"),
    "returns_another_shape": Wrong("disagree", "shape", "shape [1], expected [1, 2, 1]"),
    "returns_other_names": Wrong(FAULT, None, "'int' object has no attribute"),
    "returns_too_much": Wrong(FAULT, None, "MemoryError"),
    "reuses_a_buffer": None,
    "writes_behind_an_array": None,
    "says_too_much": Wrong("disagree", "refused", "ValueError: yyy"),
    "says_escapes": Wrong("disagree", "refused", "alert(1)"),
    "calls_itself_too_much": Wrong("disagree", "values", "output[0, 0, 0] is 1, expected 0"),
    "calls_itself_escapes": Wrong("disagree", "values", "output[0, 0, 0] is 1, expected 0"),
    "calls_itself_a_number": Wrong("disagree", "values", "output[0, 0, 0] is 1, expected 0"),
    "prints_garbage_and_dies": Wrong(CRASH, None, "killed by SIGABRT"),
    "InterruptsThePreparation": Wrong(CRASH, None, "killed by SIGINT [last output: KeyboardInterrupt]"),
}

#: Targets that do not start: the reason, and the exit code of the run.
NOT_STARTED = {
    "LeavesAtTheStart": ("the process ended with exit code 0", 3),
    "SaysGoodbyeAtTheStart": ("the process ended with exit code 1 [last output: no licence]", 3),
    "HangsAtTheStart": ("no end within 3 s", 3),
    "InterruptsTheStart": ("killed by SIGINT", 3),
    "LimitsRaise": ("the process ended with exit code 2", 3),
    "FrameworkIsANumber": ("its framework is 5, which is no name", 4),
    "SettingsAreANumber": ("'int' object has no attribute 'items'", 4),
    "NOT_A_CLASS": ("'int' object is not callable", 4),
    "returns_nothing": ("'NoneType' object has no attribute 'framework'", 4),
}

#: What these break on the case `marked` shows in later calls too.
LATER = ("breaks_numpy", "IsOffByOneAfterwards")
#: What these break may cost any other call: a forged answer comes before one that waits to be sent, and which code
#: still runs without modules is not known.
WILD = ("writes_into_every_pipe", "breaks_its_modules")


def breaker(name: str) -> Adapter:
    return resolve(f"{BREAKERS}:{name}")


def run(name: str, limits: Limits = LIMITS) -> Run:
    return Runner(terms=Terms(limits=limits)).run(CASES, [breaker(name)])


@pytest.mark.parametrize("name", FOUND)
def test_breaker_costs_its_own_verdict_alone(name: str) -> None:
    """The marked call has its verdict and reason; every other call agrees."""
    wrong = FOUND[name]
    made = run(name, NARROW if "memory" in name or "grows" in name or "recurses" in name else LIMITS)
    others = {verdict.case: verdict.message for verdict in made.verdicts if verdict.verdict != "agree"}
    assert set(others) == ({"marked"} if wrong else set()), others
    marked = next(verdict for verdict in made.verdicts if verdict.case == "marked")
    kind = marked.finding.kind if marked.finding else None
    assert (marked.verdict, kind) == ((wrong.verdict, wrong.kind) if wrong else ("agree", None))
    assert wrong is None or wrong.says in marked.message
    assert made.exit_code() == (0 if wrong is None else 4 if wrong.verdict == FAULT else 1)
    assert len(marked.message) < 3000 and len(marked.call) < 20_000


@pytest.mark.parametrize("name", WILD)
def test_wild_breaker_does_not_end_the_run(name: str) -> None:
    """Every call has a verdict, and the run says that something is wrong."""
    made = run(name)
    assert len(list(made.verdicts)) == len(CASES)
    assert made.exit_code() in (1, 4)


@pytest.mark.parametrize("name", NOT_STARTED)
def test_target_that_does_not_start_says_why(name: str) -> None:
    """The target could not run, with a reason; the exit code says whose fault it is."""
    made = run(name)
    reason, code = NOT_STARTED[name]
    assert reason in (made.targets[0].info.failed or "")
    assert ({verdict.verdict for verdict in made.verdicts}, made.exit_code()) == ({"not-run"}, code)


def test_breakers_are_in_the_tables() -> None:
    """Every backend of the module has its expectation; with the miniatures of the zoo there are more than sixty."""
    made = {name for name, value in vars(process_breakers).items() if hasattr(value, "prepare")}
    made -= {"Starts", "IsFragile"}
    made |= {"NOT_A_CLASS", "returns_nothing"}
    assert made == {*FOUND, *NOT_STARTED, *LATER, *WILD}
    assert len(made) >= 55


@pytest.mark.parametrize("name", ["leaves_a_daemon", "dies_beside_a_daemon", "leaves_a_session", "hangs_with_a_child"])
def test_no_descendant_survives(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that have left their parent, or their session, end with the worker."""
    notes = tmp_path / "notes"
    monkeypatch.setenv("MINIATURE_NOTES", str(notes))
    run(name)
    processes = list(map(int, notes.read_text().split()))
    assert processes
    assert [pid for pid in processes if psutil.pid_exists(pid)] == []


def test_numpy_beside_a_breaker_is_whole() -> None:
    """A target that dies of a real-time signal costs the target beside it nothing."""
    cases = [case for case in CASES if case.id not in ("compiled", "inferred", "threads")]
    made = Runner(terms=Terms(limits=LIMITS)).run(cases, [breaker("dies_of_a_real_time_signal"), resolve("numpy")])
    assert {verdict.verdict for verdict in made.targets[1].verdicts} == {"agree"}


def test_exception_of_the_suite_fails_one_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised while a target is served becomes the failure of this target; the other one finishes."""
    from conv_conformance.running import target_session

    observe = target_session.observe

    def failing(terms: Terms, adapter: Adapter, *more: object) -> object:
        events = observe(terms, adapter, *more)  # type: ignore[arg-type]
        if adapter.target.name != "numpy":
            next(events)
            next(events)
            raise ArithmeticError("mine")
        return events

    monkeypatch.setattr(target_session, "observe", failing)
    made = Runner(terms=Terms(limits=LIMITS)).run(CASES[:3], [breaker("returns_a_list"), resolve("numpy")])
    assert made.targets[0].info.failed == "fault in the suite: ArithmeticError: mine"
    assert [verdict.verdict for verdict in made.targets[0].verdicts] == ["not-run"] * 3
    assert [verdict.verdict for verdict in made.targets[1].verdicts] == ["agree"] * 3
    assert ("ArithmeticError" in made.targets[0].traceback, made.exit_code()) == (True, 4)


def test_result_that_cannot_be_judged_costs_one_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of the judge is a fault of the suite on one case."""
    from conv_conformance.running import target_judge

    judge = target_judge.judge

    def failing(expectation: object, observation: object, context: object) -> object:
        if context.call.strides == (2,) and observation.outcome == "returned":  # type: ignore[attr-defined]
            raise ArithmeticError("mine")
        return judge(expectation, observation, context)  # type: ignore[arg-type]

    monkeypatch.setattr(target_judge, "judge", failing)
    made = Runner(terms=Terms(limits=LIMITS)).run(CASES[:3], [resolve("numpy")])
    assert [verdict.verdict for verdict in made.verdicts] == ["agree", "suite-error", "agree"]
    (fault,) = (verdict for verdict in made.verdicts if verdict.verdict == "suite-error")
    assert fault.message == "the result could not be judged: ArithmeticError: mine"


def recorded(name: str, path: Path, cases: list[zoo.Case]) -> None:
    """Run cases on a breaker through the whole of a run, with its record."""
    planned = Invocation(
        selection=Selection(),
        cases=Corpus(cases=tuple(cases), clauses={}, profiles={}, digest="sha256:0"),
        adapters=[breaker(name)],
        runner=Runner(terms=Terms(limits=LIMITS)),
        has_tap_audit=False,
    )
    with ExitStack() as stack, path.with_suffix(".log").open("w") as log:
        console = Console(file=log)
        planned.perform(lambda *arguments: run_progress(console, *arguments), stack, path)


@pytest.mark.parametrize("name", LATER)
def test_later_failures_name_the_call_after_which_they_begin(name: str, tmp_path: Path) -> None:
    """A call that fails only because of the marked call says so, and names it."""
    path = tmp_path / "r.jsonl"
    recorded(name, path, CASES)
    record = read_record(path)
    assert record.repetitions
    unlike = [
        each for each in record.repetitions if each.case != "marked" and not (each.recurs and each.after == "marked")
    ]
    assert unlike == []
    assert {each.alone for each in record.repetitions if each.case != "marked"} == {"agree"}


def test_failure_of_its_own_is_the_same_alone(tmp_path: Path) -> None:
    """A call that fails by itself fails again when it is made alone."""
    path = tmp_path / "r.jsonl"
    recorded("calls_itself_a_number", path, CASES)
    (again,) = read_record(path).repetitions
    assert (again.case, again.alone, again.is_same, again.after) == ("marked", "disagree", True, None)


def test_fatal_calls_are_avoided_and_the_others_made() -> None:
    """After the limit of deaths, calls like those that died are not made; all others are."""
    first = CASES[1]
    deadly = [replace(first, id=f"deadly-{number}") for number in range(16)]
    harmless = [replace(CASES[0], id=f"harmless-{number}") for number in range(16)]
    cases = [case for pair in zip(deadly, harmless, strict=True) for case in pair]
    terms = Terms(limits=replace(LIMITS, deaths=12))
    made = Runner(terms=terms).run(cases, [breaker("leaves_without_a_fault")])
    found = {verdict.case: (verdict.verdict, verdict.message) for verdict in made.verdicts}
    assert {found[case.id][0] for case in harmless} == {"agree"}
    assert [found[case.id][0] for case in deadly] == ["crash"] * 12 + ["not-run"] * 4
    assert found["deadly-15"][1].startswith("not run: all 12 calls made so far with ")
    fragile = Runner(terms=terms).run(cases, [breaker("IsFragile")])
    assert {verdict.verdict for verdict in fragile.verdicts if verdict.case.startswith("deadly")} == {"crash"}


def test_a_call_that_was_not_made_is_no_evidence() -> None:
    """Skipped calls do not count as calls that were answered, so that calls like them stay skipped."""
    deadly, harmless = CASES[1], CASES[0]
    fatal = FatalCalls([*[deadly] * 30, *[harmless] * 20])
    for number in range(12):
        fatal.note(number, "crash")
    for number in range(30, 42):
        fatal.note(number, "returned")
    assert fatal.reason(20).startswith("all 12 calls")
    fatal.note(20, "not-run")
    assert fatal.reason(21).startswith("all 12 calls")
    assert fatal.reason(45) == ""
    fatal.note(22, "returned")
    assert fatal.reason(23) == ""


def test_call_that_cannot_be_made_again_says_so() -> None:
    """Nothing is claimed of a call that was not made."""
    again = Repetition(case="a", target="b", alone="not-run", is_same=False)
    assert again.text == "it could not be made again"
