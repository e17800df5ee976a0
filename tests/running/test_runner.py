"""A run: every case has one verdict on every target, and the exit code follows from them."""

from __future__ import annotations

import gc
import hashlib
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.call import Call
from conv_conformance.core.expectation import Refusal
from conv_conformance.core.observation import Observation
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.corpus import load, shipped
from conv_conformance.records.ledger import Entry, Ledger
from conv_conformance.records.record import TargetInfo, Timing
from conv_conformance.reference import evaluate, magnitude, products
from conv_conformance.running import target_judge as benches
from conv_conformance.running import target_session as course
from conv_conformance.running.runner import Run, Runner, TargetRun
from conv_conformance.running.target_judge import TargetJudge
from conv_conformance.running.target_session import TargetSession
from conv_conformance.workers import wire
from conv_conformance.workers.limits import Limits, Terms
from conv_conformance.workers.plan import case_batches, make_plan
from conv_conformance.workers.process import TargetFailed
from conv_conformance.workers.targets import resolve
from packaging.specifiers import SpecifierSet

from ..support import zoo
from ..support.builders import call_of
from ..support.zoo import case_of, line, outputs, taps

CASES = zoo.cases()
NUMPY = resolve("numpy")


def verdict(word: str, kind: str | None = None, known: str | None = None) -> Verdict:
    finding = Finding(kind=kind, message="") if kind else None
    return Verdict(case="c", target="t", verdict=word, finding=finding, known=known)


def run_of(*verdicts: Verdict, failed: str | None = None, is_fault: bool = False, **more: Any) -> Run:
    info = TargetInfo(name="t", failed=failed, is_fault=is_fault)
    return Run(targets=[TargetRun(info=info, verdicts=verdicts, **more)])


STALE = Entry(
    **dict.fromkeys(("id", "reason", "link", "since", "triage"), "x"),
    cases=("c",),
    targets=("t",),
    versions=SpecifierSet(),
    verdict="crash",
)


@pytest.mark.parametrize(
    ("made", "code", "strict"),
    [
        (run_of(verdict("agree")), 0, 0),
        (run_of(verdict("agree"), verdict("known"), verdict("unsupported"), verdict("not-run")), 0, 0),
        (run_of(verdict("agree"), verdict("fixed")), 0, 1),
        (run_of(verdict("agree"), stale=[STALE]), 0, 1),
        (run_of(verdict("agree"), verdict("disagree", "values")), 1, 1),
        (run_of(verdict("crash")), 1, 1),
        (run_of(verdict("timeout")), 1, 1),
        (run_of(verdict("unsupported")), 3, 3),
        (run_of(verdict("not-run"), failed="no such device"), 3, 3),
        (run_of(), 3, 3),
        (run_of(verdict("crash"), verdict("suite-error")), 4, 4),
        (run_of(verdict("not-run"), failed="misspelt", is_fault=True), 4, 4),
    ],
)
def test_exit_code(made: Run, code: int, strict: int) -> None:
    """The highest of 4, 3 and 1 that applies, else 0; what is no longer so counts only under --strict-known."""
    assert (made.exit_code(), made.exit_code(strict_known=True)) == (code, strict)


@pytest.mark.parametrize(
    ("made", "words", "code"),
    [
        (run_of(verdict("agree"), verdict("disagree", "values")), ("loud", "precision"), 0),
        (run_of(verdict("agree"), verdict("disagree", "values")), ("silent",), 1),
        (run_of(verdict("agree"), verdict("disagree", "precision")), ("silent", "loud"), 0),
        (run_of(verdict("agree"), verdict("disagree", "refused")), ("loud",), 1),
        (run_of(verdict("agree"), verdict("crash")), ("loud",), 1),
        (run_of(verdict("agree"), verdict("unsupported")), ("unsupported",), 1),
        (run_of(verdict("agree"), verdict("fixed")), ("fixed",), 1),
        (run_of(verdict("agree"), verdict("known")), ("silent", "loud", "precision", "unsupported", "fixed"), 0),
        (run_of(verdict("agree"), verdict("suite-error")), (), 4),
    ],
)
def test_a_run_fails_on_what_it_is_told(made: Run, words: tuple[str, ...], code: int) -> None:
    """By severity, or on what cannot be said or is no longer so; a fault of ours is never passed over."""
    assert made.exit_code(fail_on=words) == code


def test_highest_exit_code_of_all_targets_wins() -> None:
    """A target that could not run outweighs a disagreement of another, a fault of ours both."""
    one, three, four = (
        run_of(verdict("crash")),
        run_of(verdict("not-run"), failed="x"),
        run_of(verdict("suite-error")),
    )
    assert Run(targets=[*one.targets, *three.targets]).exit_code() == 3
    assert Run(targets=[*one.targets, *three.targets, *four.targets]).exit_code() == 4


def test_verdicts_stand_in_the_order_of_cases_and_targets() -> None:
    """Whatever was seen first, verdicts come case by case, target by target."""
    made = Runner(jobs=2).run(CASES, [zoo.miniature("off_by_one"), NUMPY])
    assert [(v.target, v.case) for v in made.verdicts] == [
        (str(target), case.id) for target in (zoo.miniature("off_by_one"), NUMPY) for case in CASES
    ]


def test_everything_is_told_once() -> None:
    """A listener hears of each target, then of each of its verdicts, then what they took."""
    heard: list[TargetInfo | Verdict | Timing] = []
    made = Runner().run(CASES[:3], [NUMPY], heard.append)
    assert [type(said).__name__ for said in heard] == ["TargetInfo", "Verdict", "Verdict", "Verdict", "Timing"]
    assert heard[1:4] == list(made.verdicts)


def test_lost_verdict_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer verdicts than cases end the run in an error: none can be dropped on the way."""
    finish = benches.TargetJudge.finish
    monkeypatch.setattr(benches.TargetJudge, "finish", lambda bench, failed: list(finish(bench, failed))[1:])
    with pytest.raises(AssertionError, match="2 verdicts on 3 cases"):
        Runner().run(CASES[:3], [NUMPY])


def test_a_batch_that_was_left_out_is_noticed() -> None:
    """A target has no verdicts to tell of before it has one for every case."""
    course = TargetSession(Terms(), Ledger(), NUMPY, CASES[:3], lambda said: None)
    with pytest.raises(AssertionError, match="0 verdicts on 3 cases"):
        assert course.verdicts


def test_error_of_a_listener_stops_the_run() -> None:
    """A record that cannot be written ends the run with that error, and no worker stays behind."""

    def full_disk(said: TargetInfo | Verdict | Timing) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        Runner(terms=Terms(limits=Limits(grace=0.1))).run(CASES, [NUMPY, zoo.miniature("hangs")], full_disk)


def refused(id: str, groups: int) -> Any:
    arrays = ([[[1, 2], [3, 4]]], [[[1, 1, 1], [1, 1, 1]]])
    refusal = Refusal(twin=call_of("conv", *arrays), name="{groups: 1}")
    return case_of(id, call_of("conv", *arrays, groups=groups), refusal)


def test_twin_is_made_once_and_is_no_case() -> None:
    """Two refusals with one twin make it once; it has no verdict of its own."""
    cases = [refused("three", 3), refused("five", 5)]
    plan = make_plan(cases)
    assert (len(plan.calls), plan.twins) == (3, [{"{groups: 1}": 2}, {"{groups: 1}": 2}])
    made = Runner().run(cases, [NUMPY])
    assert [(v.case, v.verdict) for v in made.verdicts] == [("three", "agree"), ("five", "agree")]


def test_only_full_precision_floats_are_made_twice() -> None:
    """Sums of integers are exact in every order; only fractions can show that the order changes."""
    rounded = call_of("conv", [[[0.1], [0.7]]], taps([3]))
    plan = make_plan([case_of("rounded", rounded, outputs([[[0.3], [2.1]]])), CASES[0]])
    assert [b'"repeat":true' in call for call in plan.calls] == [True, False]


def test_empty_and_nonfinite_inputs_have_a_plan() -> None:
    """An input without elements, or of NaN and infinity alone, is no obstacle to planning."""
    values = [np.zeros((1, 0, 1)), [[[np.nan], [np.inf]]]]
    plan = make_plan([case_of("odd", call_of("conv", each, taps([1])), outputs(line([]))) for each in values])
    assert len(plan.calls) == 2


def test_dtypes_that_a_target_returns_reach_the_verdicts() -> None:
    """What a target says of the dtypes that it returns in place of the call's is what its results are judged by."""
    narrow = np.array(line([5, 8, 11]), np.float16)
    seen = Observation(outcome="returned", arrays={"output": narrow}, dtypes={"output": "float16"})
    for dtypes, word in (({"float32": "float16"}, "agree"), ({}, "disagree")):
        bench = TargetJudge(make_plan(CASES[:1]), "t", lambda said: None)
        bench.begin(TargetInfo(name="t", result_dtypes=dtypes), Ledger())
        bench.see(0, seen)
        assert [verdict.verdict for verdict in bench.finish()] == [word]


@pytest.mark.parametrize(("again", "word"), [(16, "disagree"), (24, "agree")])
def test_what_statistics_speak_against_is_seen_on_other_numbers(again: int, word: str) -> None:
    """A doubted verdict is reported only if it recurs with other numbers; otherwise it was chance."""
    (case,) = load(sweeps="none").select(["conv2d.rounding.float32"]).cases
    assert case.redraw is not None
    fresh = case.redraw()
    assert fresh.call.input.shape == case.call.input.shape
    assert fresh.id == case.id and (fresh.call.input == case.call.input).mean() < 0.01
    told: list[Verdict] = []
    bench, other = (
        TargetJudge(make_plan([each]), "t", tell) for each, tell in ((case, told.append), (fresh, lambda _: None))
    )
    bench.see(0, computed(case.call, 16))
    assert not told and [each.id for each in bench.doubted()] == [case.id]
    other.see(0, computed(fresh.call, again))
    (seen,) = other.finish()
    bench.settle([seen])
    (verdict,) = bench.finish()
    assert told == [verdict]
    assert (verdict.verdict, verdict.precision) == (word, "bfloat16x2-like" if word == "disagree" else "float32")
    assert word == "agree" or verdict.message != seen.message


@pytest.mark.parametrize(("share", "word"), [(0.5, "disagree"), (0.0, "agree")])
def test_results_of_few_outputs_are_weighed_together(share: float, word: str) -> None:
    """Results of few outputs are judged as a pool; a doubted pool must recur with other numbers to be reported."""
    path = shipped() / "numerics" / "rounding.yaml"
    cases = load([path], sweeps="full").select(["conv.rounding.few-outputs*dtype=float32*"]).cases
    told: list[Verdict] = []
    bench = TargetJudge(make_plan(cases), "t", told.append)
    for number, case in enumerate(cases):
        bench.see(number, off(case.call, share))
    waiting = [case for case in cases if case.id not in {verdict.case for verdict in told}]
    assert len(waiting) > 3 and all(verdict.verdict == "agree" for verdict in told)
    assert [case.id for case in bench.doubted()] == [case.id for case in waiting if word == "disagree"]
    verdicts = {verdict.case: verdict.verdict for verdict in bench.finish()}
    assert {verdicts[case.id] for case in waiting} == {word}
    assert len(told) == len(cases)


def off(call: Call, share: float) -> Observation:
    """Return what is off by a share of the bound for any order of summation, in every element."""
    bound = products(call) * 2.0**-24 * magnitude(call)
    output = (evaluate(call) + share * bound).astype(np.float32)
    return Observation(outcome="returned", arrays={"output": output}, dtypes={"output": "float32"})


def computed(call: Call, bits: int) -> Observation:
    output = evaluate(call, {f"operands-{bits}-bits"} if bits < 24 else ())
    return Observation(outcome="returned", arrays={"output": output}, dtypes={"output": "float32"})


def test_a_bench_that_may_not_doubt_gives_the_verdict() -> None:
    """The one for other numbers is the last word."""
    (case,) = load(sweeps="none").select(["conv2d.rounding.float32"]).cases
    bench = TargetJudge(make_plan([case]), "t", lambda _: None, may_doubt=False)
    bench.see(0, computed(case.call, 16))
    assert not bench.doubted()
    assert [verdict.verdict for verdict in bench.finish()] == ["disagree"]


def test_ledger_reaches_the_verdicts() -> None:
    """A failure that an entry matches is `known`; agreement where it expects a failure is `fixed`; others stay."""
    name = str(zoo.miniature("off_by_one"))
    wrong = np.array(line([1, 12]), np.float32)
    entry = replace(
        STALE,
        id="e",
        cases=("marked",),
        targets=(name,),
        verdict="disagree",
        kinds=("values",),
        versions=SpecifierSet(),
        outputs={"marked": hashlib.sha256(wrong.tobytes()).hexdigest()},
    )
    another = replace(entry, id="g", targets=("another",))
    ledger = Ledger(entries=(another, entry, replace(entry, id="f", cases=("plain",))))
    made = Runner(ledger=ledger).run(CASES, [zoo.miniature("off_by_one")])
    counts = Counter((v.verdict, v.known) for v in made.verdicts if v.verdict != "agree")
    assert counts == {("known", "e"): 1, ("fixed", "f"): 1}
    assert [stale.id for stale in made.targets[0].stale] == ["f"]
    assert (made.exit_code(), made.exit_code(strict_known=True)) == (0, 1)


@pytest.mark.parametrize(
    ("values", "weights", "is_repeated"), [(1, 1, False), (0.3, 1, True), (1, 0.3, True), (float("nan"), 1, False)]
)
def test_calls_whose_sums_round_are_made_twice(values: float, weights: float, is_repeated: bool) -> None:
    """Only where a sum is rounded does another order show; fractions of the kernel round it as well as the input's."""
    call = call_of("conv", np.full((1, 4, 1), values), np.full((2, 1, 1), weights))
    [packed] = make_plan([case_of("c", call, outputs(line([0])))]).calls
    assert wire.unpack_call(packed.split(b"\n")[0])[1].is_repeated == is_repeated


# --- batches


def told(batch: int) -> tuple[list[Verdict], list[TargetInfo | Timing]]:
    """Return the verdicts of a run in batches of so many cases, without their times, and what else was told."""
    heard: list[TargetInfo | Verdict | Timing] = []
    made = Runner(batch=batch).run(CASES, [zoo.miniature("off_by_one"), NUMPY], heard.append)
    rest = [said for said in heard if not isinstance(said, Verdict)]
    assert len(heard) - len(rest) == 2 * len(CASES)
    return [replace(verdict, seconds=0.0) for verdict in made.verdicts], rest


def test_batches_change_no_verdict() -> None:
    """Whatever the batch, the verdicts are the same, in the same order; each target tells once that it is ready."""
    whole, several = told(len(CASES)), told(6)
    assert several[0] == whole[0]
    for (_, rest), count in ((whole, 1), (several, 3)):
        assert sorted(Counter(said.name for said in rest if isinstance(said, TargetInfo)).values()) == [1, 1]
        assert sorted(Counter(said.target for said in rest if isinstance(said, Timing)).values()) == [count] * 2


def test_seconds_of_batches_add_up() -> None:
    """A target's seconds are the sums of what its batches took."""
    heard: list[TargetInfo | Verdict | Timing] = []
    made = Runner(batch=6).run(CASES, [NUMPY], heard.append)
    timings = [said.seconds for said in heard if isinstance(said, Timing)]
    for name in ("import", "calls", "total"):
        assert made.targets[0].info.seconds[name] == pytest.approx(sum(seconds[name] for seconds in timings))
    assert made.targets[0].info.seconds["total"] > made.targets[0].info.seconds["calls"] > 0


def test_cases_are_let_go_of_batch_by_batch() -> None:
    """Of all that was built, the last batch is left, and is built again where somebody asks."""
    cases = zoo.cases()
    Runner(batch=6).run(cases, [NUMPY])
    assert [at for at, case in enumerate(cases) if {"call", "expectation"} & vars(case).keys()] == list(range(12, 17))


def test_case_that_was_let_go_of_leaves_no_arrays() -> None:
    """A call and its stages name each other; without them nothing is left to the garbage collector."""
    array = np.ones((1, 4, 1), np.float32)
    case = replace(CASES[0], build_call=lambda: call_of("conv", array.copy(), taps([1, 2])))
    assert case.call.stages[0].call is case.call
    gone = weakref.ref(case.call)
    gc.disable()
    try:
        case.release()
        assert gone() is None
    finally:
        gc.enable()


def test_batch_ends_with_the_memory_that_its_arrays_take() -> None:
    """Cases are taken until the arrays of calls and expectations come to so many bytes, or there are so many cases."""
    large = [case_of(f"c{n}", call_of("conv", np.ones((1, 1000, 1)), taps([1])), outputs(line([0]))) for n in range(5)]
    assert [list(each) for each in case_batches(large, range(5), 2)] == [[0, 1], [2, 3], [4]]
    assert [list(each) for each in case_batches(large, range(5), 9, 20_000)] == [[0, 1, 2], [3, 4]]
    assert [list(each) for each in case_batches(large, [4, 1], 9, 1)] == [[4], [1]]
    assert list(case_batches(large, [])) == []


def test_target_that_could_not_run_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in the first batch is not tried in the next: the reason is told once, and holds for every case."""
    started = []

    def fails(*asked: object) -> Iterator[TargetFailed]:
        started.append(asked)
        yield TargetFailed(reason="no such device")

    monkeypatch.setattr(course, "observe", fails)
    heard: list[TargetInfo | Verdict | Timing] = []
    made = Runner(batch=6).run(CASES, [NUMPY], heard.append)
    assert (len(started), [said.failed for said in heard if isinstance(said, TargetInfo)]) == (1, ["no such device"])
    assert {(v.verdict, v.message) for v in made.verdicts} == {("not-run", "the target could not run: no such device")}
    assert (len(list(made.verdicts)), made.exit_code()) == (len(CASES), 3)


@pytest.mark.parametrize(("cases", "stale"), [(("marked", "plain"), []), (("plain", "symmetric", "plane"), ["e"])])
def test_ledger_is_held_against_the_whole_run(cases: tuple[str, ...], stale: list[str]) -> None:
    """An entry that one batch bears out is not stale for another; one that none does is, once."""
    name = str(zoo.miniature("off_by_one"))
    entry = replace(STALE, id="e", cases=cases, targets=(name,), verdict="disagree", kinds=("values",))
    asked = [case for case in CASES if case.id in ("marked", "plain", "symmetric", "plane")]
    assert len(asked) == 4
    made = Runner(ledger=Ledger(entries=(entry,)), batch=1).run(asked, [zoo.miniature("off_by_one")])
    assert [entry.id for entry in made.targets[0].stale] == stale


def test_slim_verdicts_hold_no_call() -> None:
    """Of what agrees, or was not made, nobody pastes the call; of all else everybody does."""
    adapters = [zoo.miniature("off_by_one"), zoo.miniature("UnsupportedEverything")]
    calls = {(v.verdict, v.call) for v in Runner().run(CASES[:3], adapters).verdicts}
    assert calls == {("agree", ""), ("disagree", "miniature()"), ("unsupported", "")}


def test_equal_texts_are_kept_once() -> None:
    """The digest of the same output is one text for all targets: hundreds of thousands of verdicts are kept."""
    one, other = Runner().run(CASES[:1], [NUMPY, zoo.miniature("off_by_one")]).verdicts
    assert one.output_sha256 is other.output_sha256
    assert not hasattr(one, "__dict__")
