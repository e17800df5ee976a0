"""Attribution over all cases: the cause, its number of wrong outputs, its condition and the counter-evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conv_conformance import corpus, reference
from conv_conformance.analysis.causes import MOST, attribute, attributed
from conv_conformance.calls.condition import Condition
from conv_conformance.calls.features import features_of
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Output
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Diagnosis, Verdict
from conv_conformance.diagnosis import diagnose
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.mutants.mutant import Mutant
from conv_conformance.records.attribution import Attribution, attribution_from_line, attribution_to_line
from conv_conformance.records.failure_group import GroupCounts
from conv_conformance.records.ledger import Ledger
from conv_conformance.records.record import Record, read_record, write_record
from conv_conformance.reports import junit, markdown, terminal
from rich.console import Console

from ..records.test_record import HEADER
from .test_failure_groups import TARGET

#: By case, shape and bytes of a wrong output.
DIAGNOSES: dict[tuple[str, tuple[int, ...], bytes], Diagnosis | None] = {}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """Cases of plain convolutions with one and two axes."""
    loaded = corpus.load(sweeps="none").cases
    chosen = (case for case in loaded if case.id.startswith(("conv1d.", "conv2d.")) and _is_plain(case))
    return {case.id: case for case in chosen}


def _is_plain(case: Case) -> bool:
    plain = isinstance(case.expectation, Output) and case.call.training is None and not case.call.gradients
    return plain and case.call.dtype.input == "float32" and not case.call.variation.shape_inference


def verdicts(cases: Iterable[Case], *mutants: Mutant, target: str = "wrong") -> list[Verdict]:
    """Return the verdicts on a target with these faults; on each call the first whose condition holds applies."""
    return [_verdict(case, mutants, target) for case in cases]


def _verdict(case: Case, mutants: Iterable[Mutant], target: str) -> Verdict:
    made = (_judged(case, mutant.prepared().output(case.call), target) for mutant in mutants)
    agreed = Verdict(case=case.id, target=target, verdict="agree")
    return next((each for each in made if each.verdict == "disagree"), agreed)


def _judged(case: Case, got: Array, target: str) -> Verdict:
    seen = Observation(outcome="returned", arrays={"output": got}, dtypes={"output": got.dtype.name})
    judged = judge(case.expectation, seen, Context(call=case.call))
    if judged.verdict == "agree":
        return Verdict(case=case.id, target=target, verdict="agree")
    found = _diagnosed(case, got)
    return Verdict(case=case.id, target=target, verdict="disagree", finding=judged.finding, diagnosis=found)


def _diagnosed(case: Case, got: Array) -> Diagnosis | None:
    """Return the diagnosis of an output, which is looked for once: one fault gives the same under many conditions."""
    key = (case.id, got.shape, got.tobytes())
    if key not in DIAGNOSES:
        DIAGNOSES[key] = diagnose(case.call, got, got.dtype.name)
    return DIAGNOSES[key]


@pytest.mark.parametrize(
    ("fault", "condition", "holds"),
    [
        ("kernel-flipped", "strided", lambda call: max(call.strides) > 1),
        ("same-padding-low", "", lambda call: True),
        ("stride-ignored", "rank-2", lambda call: call.rank == 2),
    ],
)
def test_cause_and_condition_are_those_that_acted(
    cases: dict[str, Case], fault: str, condition: str, holds: Callable[[Call], bool]
) -> None:
    """Of the calls on which the fault would show, the condition holds for those that are wrong and no others."""
    given = verdicts(cases.values(), Mutant(fault=fault, condition=condition))
    (found,) = attribute(given, cases)
    wrong = {each.case for each in given if each.verdict == "disagree"}
    everywhere = verdicts(cases.values(), Mutant(fault=fault))
    showing = {each.case for each in everywhere if each.verdict == "disagree"}
    assert (fault, len(wrong), ()) == (found.cause, len(found.cases), found.against)
    assert wrong == {*found.cases} == {case for case in showing if found.condition.holds(features_of(cases[case]))}
    assert wrong == {case for case in showing if holds(cases[case].call)}


@pytest.mark.parametrize(
    ("fault", "region", "portion"),
    [
        ("kernel-flipped", "inside", "away from every border"),
        ("kernel-flipped", "later-samples", "in every sample but the first"),
        ("bias-twice", "last-filter", "in the last output channel"),
        ("padding-with-ones", "first-place", "in the first place of the last axis"),
        ("kernel-rolled", "filters-beyond-blocks-of-4", "in each output channel behind the last full block of 4"),
    ],
)
def test_a_portion_of_each_output_is_named(cases: dict[str, Case], fault: str, region: str, portion: str) -> None:
    """Of calls that no cause explains alone, for too little of them is wrong, it is told too that this is the fault."""
    given = verdicts([*cases.values()][::2], Mutant(fault=fault, condition=region))
    (found,) = attribute(given, cases)
    wrong = {each.case for each in given if each.verdict == "disagree"}
    assert (fault, portion, Condition(), ()) == (found.cause, found.portion, found.condition, found.against)
    assert wrong == {*found.cases}


def test_a_portion_has_a_condition_too(cases: dict[str, Case]) -> None:
    """The last sample is wrong where there is one axis alone."""
    lines = [case for case in cases.values() if case.call.rank == 1]
    planes = [case for case in cases.values() if case.call.rank == 2]
    given = verdicts(lines, Mutant(fault="kernel-flipped", condition="last-sample")) + verdicts(planes)
    (found,) = attribute(given, cases)
    assert "in the last sample of several, where rank 1" == found.acts


def test_few_calls_among_few_have_a_weak_condition(cases: dict[str, Case]) -> None:
    """What tells them exactly is said, and that it may be chance."""
    named = [case for case in cases.values() if "bias" in case.id and case.call.bias is not None]
    given = verdicts(named, Mutant(fault="bias-twice"))
    wrong = [each for each in given if each.verdict == "disagree"]
    told = [each for each in wrong if cases[each.case].call.rank == 2][:3]
    others = [replace(each, verdict="agree", diagnosis=None) for each in wrong if cases[each.case].call.rank == 1][:6]
    (found,) = attribute([*told, *others], cases)
    assert (3, True) == (len(found.cases), found.is_weak)
    assert "(which of so few calls may be chance)" in found.acts
    assert not any(found.condition.holds(features_of(cases[each.case])) for each in others)


def test_two_faults_are_told_apart(cases: dict[str, Case]) -> None:
    """Each is named, and what explains most stands first."""
    faults = (Mutant(fault="kernel-flipped", condition="rank-2"), Mutant(fault="same-padding-low", condition="rank-1"))
    found = attribute(verdicts(cases.values(), *faults), cases)
    assert {"kernel-flipped", "same-padding-low"} == {each.cause for each in found}
    assert list(found) == sorted(found, key=lambda each: -len(each.cases))


def test_what_agrees_nevertheless_is_against_it(cases: dict[str, Case]) -> None:
    """Calls on which the cause would show, under its condition, and which are right: no more than half of them."""
    given = verdicts(cases.values(), Mutant(fault="kernel-flipped"))
    wrong = [at for at, each in enumerate(given) if each.verdict == "disagree"]
    for at in wrong[::7]:
        given[at] = Verdict(case=given[at].case, target="wrong", verdict="agree")
    found = attribute(given, cases)
    right = {given[at].case for at in wrong[::7]}
    assert {"kernel-flipped"} == {each.cause for each in found}
    assert {case for each in found for case in each.against} <= right
    assert any(f"against it: {each.against[0]}" in each.text for each in found if each.against)


def test_targets_with_one_cause_stand_together(cases: dict[str, Case]) -> None:
    """And what explains few calls, known ones or none, is no cause of the target."""
    one = verdicts(cases.values(), Mutant(fault="kernel-flipped"))
    other = [replace(each, target="other") for each in one]
    (found,) = attribute([*one, *other], cases)
    assert ["wrong", "other"] == list(found.targets)
    wrong = [each for each in one if each.verdict == "disagree"]
    assert attribute(wrong[:2], cases) == ()
    assert attribute([replace(each, verdict="known") for each in wrong], cases) == ()
    assert attribute([replace(each, diagnosis=Diagnosis()) for each in wrong], cases) == ()


def test_a_shape_that_is_right_says_nothing_of_a_cause() -> None:
    """A case that asks for a shape alone agrees with whoever flips its kernel, and is not against it."""
    everything = corpus.load(sweeps="none").cases
    loaded = {case.id: case for case in everything if case.id.startswith("conv1d.walkthrough.")}
    shape = loaded["conv1d.walkthrough.forty-items-have-36-positions"]
    plain = {name: case for name, case in loaded.items() if _is_plain(case)}
    given = verdicts(plain.values(), Mutant(fault="kernel-flipped"))
    (found,) = attribute([*given, Verdict(case=shape.id, target="wrong", verdict="agree")], loaded)
    assert ("kernel-flipped", (), "wherever it shows") == (found.cause, found.against, found.acts)


def test_what_agrees_by_an_alternative_is_against_it_too() -> None:
    """A call that may be refused, and was computed, says as much as one that may not; one that was refused, nothing."""
    loaded = corpus.load(sweeps="none").cases
    flipped, right, refused = [], [], []
    for case in loaded:
        call, is_told = case.call, isinstance(case.expectation, Output | AnyOf)
        if call.op != "conv" or call.rank != 1 or call.gradients or call.training is not None or not is_told:
            continue
        if call.dtype.input == "float32" and isinstance(case.expectation, Output):
            flipped.append(case)
        elif call.dtype.input != "float32" and isinstance(case.expectation, AnyOf):
            right.append(Verdict(case=case.id, target="wrong", verdict="agree", alternative="computes"))
            refused.append(Verdict(case=case.id, target="wrong", verdict="agree", alternative="refuses"))
    wrong = [each for each in verdicts(flipped, Mutant(fault="kernel-flipped")) if each.verdict == "disagree"]
    assert len(wrong) > 30 < len(right)
    known = {case.id: case for case in loaded}
    (found,) = attribute([*wrong, *right], known)
    assert (found.cause, found.condition.text) == ("kernel-flipped", "dtype float32")
    assert not attribute([*wrong, *refused], known)[0].condition.wanted


def test_a_cause_that_gives_little_of_what_is_wrong_is_not_told(cases: dict[str, Case]) -> None:
    """Halving is averaging where a window has two taps; where it has three, what is wrong has no cause."""

    def halved(call: Call) -> Array:
        right: Array = reference.evaluate(call) / 2
        return right.astype(call.input.dtype)

    made = [_judged(case, halved(case.call), "wrong") for case in cases.values()]
    explained = [each for each in made if each.diagnosis is not None and "mean-instead-of-sum" in each.diagnosis.causes]
    assert len(explained) > 20
    assert attribute(made, cases) == ()


def test_few_causes_are_told(cases: dict[str, Case]) -> None:
    """The commonest of many."""
    names = (
        "kernel-flipped",
        "stride-ignored",
        "bias-ignored",
        "batch-reversed",
        "filters-reversed",
        "padding-ignored",
    )
    given = verdicts(cases.values(), *(Mutant(fault=name) for name in names))
    assert len({each.cause for each in attribute(given, cases)}) <= MOST


FOUND = Attribution(
    cause="stride-ignored",
    means="The window moves by one.",
    targets={"torch": GroupCounts(4, 5)},
    portion="in the last sample",
    condition=Condition(wanted={"strided": (True,)}),
    is_weak=True,
    cases=("a", "b"),
    against=("c", "d"),
)


def test_a_line_of_the_record_and_back() -> None:
    """Nothing is lost."""
    assert attribution_from_line(json.loads(json.dumps(attribution_to_line(FOUND)))) == FOUND


def test_the_words() -> None:
    """Cause, its meaning, how much it explains, when it acts and what is against it."""
    assert (
        "stride-ignored (The window moves by one) explains 4 of 5 wrong outputs of torch, in the last sample, "
        "where a stride is not 1 (which of so few calls may be chance); against it: c and 1 more, where it would show."
        == FOUND.text
    )
    plain = replace(FOUND, means="", portion="", condition=Condition(), against=())
    assert "stride-ignored explains 4 of 5 wrong outputs of torch, wherever it shows." == plain.text


def test_every_report_tells_it_at_the_top(cases: dict[str, Case], tmp_path: Path) -> None:
    """The terminal and Markdown begin with it, JUnit's failures end with it, the record has a line."""
    given = verdicts(cases.values(), Mutant(fault="kernel-flipped"), target=TARGET.name)
    loaded = corpus.Corpus(cases=tuple(cases.values()), faults=corpus.load(sweeps="none").faults)
    record = attributed(Record(header=HEADER, targets=(TARGET,), verdicts=given, is_complete=True), loaded)
    (found,) = record.attributions
    assert found.means == loaded.faults["kernel-flipped"].sentence
    file = StringIO()
    terminal.show(Console(file=file, width=80, highlight=False), record, cases, Ledger())
    assert file.getvalue().startswith("kernel-flipped (The kernel is reversed in every spatial axis")
    assert found.text in markdown.render(record, cases, Ledger()).split("\n| target")[0]
    failures = [*ElementTree.fromstring(junit.render(record, cases)).iter("failure")]  # noqa: S314 - our own text
    assert len(failures) == len(found.cases)
    assert all((failure.text or "").endswith(found.text) for failure in failures)
    write_record(record, tmp_path / "run.jsonl")
    assert (found,) == tuple(read_record(tmp_path / "run.jsonl").attributions)
