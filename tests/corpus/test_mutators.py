"""Mechanical mutators of accepted cases: refused, or legal by a rule that is written down."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance import reference
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.backend import Refused
from conv_conformance.core.call import Call, Variation
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Expectation, Output, Refusal, Shape
from conv_conformance.corpus import Corpus, load
from conv_conformance.corpus.mutated_cases import derived, with_mutators
from conv_conformance.corpus.mutators import MUTATORS, patched
from conv_conformance.running.runner import Runner
from conv_conformance.workers.targets import resolve

from docs.generate.reference import mutators as mutators_page

from ..support.builders import call_of, ramp
from ..support.command_line import Command, is_clean
from ..support.zoo import case_of, miniature

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
ACCEPTING = resolve(f"{SUPPORT / 'lenient_backend.py'}:Accepting")
PLAIN = call_of("conv", ramp(1, 4, 2), ramp(2, 2, 3), bias=ramp(3))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load()


@pytest.fixture(scope="module")
def sample(corpus: Corpus) -> list[Case]:
    """Return what the mutators make of every thirtieth literal case, and of the first that each can be applied to."""
    calls = [(case, case.call) for case in corpus.cases]
    firsts = [next(case for case, call in calls if mutator.change(call)) for mutator in MUTATORS.values()]
    chosen = {case.id: case for case in (*corpus.cases[::30], *firsts)}
    return list(derived(tuple(chosen.values()), corpus.clauses))


def _is_plain(case: Case) -> bool:
    call = case.call
    is_output = isinstance(case.expectation, Output)
    return is_output and call.dtype.input == "float32" and call.variation == Variation()


def _name(case: Case) -> str:
    return case.id.rpartition("[mutator=")[2].removesuffix("]")


def _made(call: Call, mutator: str, corpus: Corpus, expectation: Expectation | None = None) -> Case:
    """Return what a mutator makes of a case with this call."""
    case = case_of("a.b", call, expectation or Output(array=reference.evaluate(call)))
    (made,) = (made for made in derived((case,), corpus.clauses) if _name(made) == mutator)
    return made


def test_there_are_many_and_each_applies(sample: list[Case]) -> None:
    """At least twenty, and none that no case of the corpus knows."""
    assert len(MUTATORS) >= 20
    assert MUTATORS.keys() == {_name(case) for case in sample}


def test_each_names_the_clause_of_its_refusal(corpus: Corpus) -> None:
    """A mutator names the clause under which it is refused, or says when it is legal, or both."""
    for mutator in MUTATORS.values():
        assert mutator.clause or mutator.legal
        assert {mutator.clause, mutator.choice} - {""} <= corpus.clauses.keys()
        assert mutator.does.endswith(".")


def test_a_call_without_a_meaning_is_refused_and_its_case_is_the_twin(corpus: Corpus) -> None:
    """Rule 1: a stride of zero."""
    made = _made(PLAIN, "stride-zero", corpus)
    assert ("a.b[mutator=stride-zero]", "a.b", ("REFUSE-4",)) == (made.id, made.sweep, made.clauses)
    assert isinstance(made.expectation, Refusal)
    assert ("a.b", PLAIN.input.tobytes()) == (made.expectation.name, made.expectation.twin.input.tobytes())
    assert (0,) == made.call.strides


def test_where_the_case_may_be_refused_so_may_what_is_made_of_it(corpus: Corpus) -> None:
    """Rule 1: an input of dtype int8 is a reason of its own, whose twin is the case in float32."""
    made = _made(call_of("conv", ramp(1, 4, 2), ramp(2, 2, 3), dtype="int8"), "stride-zero", corpus)
    assert isinstance(made.expectation, AnyOf)
    assert ["fault", "refuses"] == list(made.expectation.alternatives)
    fault, refuses = made.expectation.alternatives.values()
    assert isinstance(fault, Refusal) and isinstance(refuses, Refusal)
    assert ("int8", "float32") == (fault.twin.dtype.input, refuses.twin.dtype.input)
    assert ((1,), (1,)) == (fault.twin.strides, refuses.twin.strides)


def test_a_refused_case_is_told_of_once(corpus: Corpus) -> None:
    """Where a target refuses the case itself, nothing is said of what is made of it."""
    case = case_of("a.b", PLAIN, Output(array=reference.evaluate(PLAIN)))
    run = Runner().run([case, *derived((case,), corpus.clauses)], [miniature("refuses_everything_else")])
    assert ["disagree"] == [verdict.verdict for verdict in run.verdicts if verdict.case == "a.b"]
    assert {"not-run"} == {verdict.verdict for verdict in run.verdicts if verdict.case != "a.b"}


def test_a_reason_that_the_case_gives_itself_is_kept(corpus: Corpus) -> None:
    """Rule 1: a case may have chosen a better twin than its clause has."""
    own = Refusal(twin=replace(PLAIN, padding="same"), name="{padding: same}")
    expectation = AnyOf(alternatives={"computes": Output(array=reference.evaluate(PLAIN)), "refuses": own})
    made = _made(PLAIN, "stride-zero", corpus, expectation)
    assert isinstance(made.expectation, AnyOf)
    kept = made.expectation.alternatives["refuses"]
    assert isinstance(kept, Refusal)
    assert kept.twin is own.twin


def test_a_call_with_a_meaning_is_computed(corpus: Corpus) -> None:
    """Rule 2: doubling `groups` of a transposed convolution with an unchanged kernel doubles the output channels."""
    call = call_of("conv_transpose", ramp(1, 3, 2), ramp(2, 2, 3))
    made = _made(call, "groups-doubled-transposed", corpus)
    assert isinstance(made.expectation, Output)
    assert (1, 4, 6) == made.expectation.array.shape
    odd = call_of("conv_transpose", ramp(1, 3, 3), ramp(2, 3, 3))
    assert isinstance(_made(odd, "groups-doubled-transposed", corpus).expectation, Refusal)


def test_where_clauses_leave_a_choice_each_alternative_will_do(corpus: Corpus) -> None:
    """Rule 3: a kernel of another dtype is multiplied as it is, or refused."""
    for name in ("kernel-dtype", "bias-dtype"):
        made = _made(PLAIN, name, corpus)
        assert "DTYPE-2" in made.clauses
        assert isinstance(made.expectation, AnyOf)
        kinds = {type(each) for each in made.expectation.alternatives.values()}
        assert {Output, Refusal} == kinds
        computed = next(each for each in made.expectation.alternatives.values() if isinstance(each, Output))
        assert reference.evaluate(PLAIN).tobytes() == computed.array.tobytes()


@pytest.mark.parametrize(
    "expectation",
    [
        Refusal(twin=PLAIN, name="a.c"),
        AnyOf(alternatives={"a": Refusal(twin=PLAIN, name="a.c"), "b": Refusal(twin=PLAIN, name="a.c")}),
    ],
)
def test_what_is_not_accepted_is_left_alone(expectation: Expectation, corpus: Corpus) -> None:
    """Nothing is made of a case that must be refused."""
    assert [] == list(derived((case_of("a.b", PLAIN, expectation),), corpus.clauses))


def test_a_point_of_a_sweep_is_left_alone(corpus: Corpus) -> None:
    """Nor of the points of sweeps, nor of what was made already."""
    case = case_of("a.b", PLAIN, Shape(shape=(1, 3, 3), dtype="float32"))
    once = with_mutators(Corpus(cases=(case,), clauses=corpus.clauses))
    assert len(once.cases) > 20
    assert [case.id for case in once.cases] == [
        case.id for case in with_mutators(replace(once)).cases[: len(once.cases)]
    ]
    assert {"", "a.b"} == {case.sweep for case in once.cases}
    assert [] == list(derived((replace(case, sweep="a.sweep"),), corpus.clauses))


def test_the_reference_agrees_with_the_rules(sample: list[Case]) -> None:
    """Both formulations have a result exactly where an output is expected."""
    for case in sample:
        results = {
            evaluate: _result(evaluate, case.call) for evaluate in (reference.evaluate, reference.evaluate_again)
        }
        is_refused = {value is None for value in results.values()}
        assert is_refused == {not _computes(case.expectation)}, case.id


def test_the_table_says_who_may_have_a_meaning(sample: list[Case]) -> None:
    """What never has a meaning is never computed, what always has one is never a fault."""
    for case in sample:
        mutator = MUTATORS[_name(case)]
        assert mutator.legal if _computes(case.expectation) else mutator.clause, case.id


def _computes(expectation: Expectation) -> bool:
    if isinstance(expectation, AnyOf):
        return any(map(_computes, expectation.alternatives.values()))
    return isinstance(expectation, Output)


def _result(evaluate: Any, call: Call) -> Any:
    try:
        return evaluate(call)
    except reference.Undefined:
        return None


def test_numpy_refuses_or_agrees(sample: list[Case]) -> None:
    """On the sample, through the engine; `conv-conformance run --mutators -b numpy` does all of the corpus."""
    made = Runner().run(sample, [resolve("numpy")])
    assert {"agree", "unsupported"} == {verdict.verdict for verdict in made.verdicts}
    unsupported = [verdict.message for verdict in made.verdicts if verdict.verdict == "unsupported"]
    assert {"eager: nothing is compiled", "nothing is inferred ahead of the call"} == set(unsupported)


def test_accepting_is_noticed_for_every_mutator(corpus: Corpus) -> None:
    """An implementation that accepts undefined calls, or widens, disagrees on the first plain case of each mutator."""
    every = list(derived(tuple(filter(_is_plain, corpus.cases)), corpus.clauses))
    firsts = list({_name(case): case for case in reversed(every)}.values())
    firsts += [case for case in every if _name(case) == "groups-doubled-transposed" and _computes(case.expectation)][:1]
    made = Runner().run(firsts, [ACCEPTING])
    noticed = Counter((verdict.verdict, verdict.case.partition("=")[2]) for verdict in made.verdicts)
    assert MUTATORS.keys() == {name.removesuffix("]") for verdict, name in noticed if verdict == "disagree"}
    assert {"disagree"} == {verdict for verdict, _ in noticed}


@pytest.mark.parametrize("name", MUTATORS)
def test_a_mutator_changes_the_call_and_not_the_case(name: str, corpus: Corpus) -> None:
    """What comes out is another call; the arrays of the case are as they were."""
    case = next(case for case in corpus.cases if MUTATORS[name].change(case.call) is not None)
    before = case.call.input.tobytes(), case.call.form
    changed = MUTATORS[name].change(case.call)
    assert changed is not None
    assert changed.form != case.call.form
    assert before == (case.call.input.tobytes(), case.call.form)


def test_a_patch_of_a_call_is_that_of_its_plain_form(corpus: Corpus) -> None:
    """Twins that clauses name are made of calls as sweeps make them of plain ones."""
    call = call_of("conv", ramp(1, 4, 2), ramp(2, 2, 3), dtype={"input": "int8", "output": "int32"}, padding="same")
    floats = patched(call, {"dtype": {"input": "float32"}, "strides": 2, "padding": 1})
    assert ("float32", "float32", "float32") == (floats.dtype.input, floats.dtype.kernel, floats.dtype.output)
    assert (np.float32, np.float32) == (floats.input.dtype, floats.kernel.dtype if floats.kernel is not None else None)
    assert ((2,), ((1, 1),)) == (floats.strides, floats.padding)
    assert "valid" == patched(call, {"padding": "valid"}).padding


def test_numpy_alone_in_one_process(corpus: Corpus) -> None:
    """The first of each mutator raises Refused where it has no meaning, also without the engine."""
    for case in {_name(case): case for case in derived(corpus.cases[:40], corpus.clauses)}.values():
        if isinstance(case.expectation, Refusal):
            with pytest.raises(Refused):
                NumPy().prepare(case.call)()


def test_the_page_is_that_of_the_table() -> None:
    """docs/reference/mutators.md is written by docs/generate/reference/mutators.py, and nothing has changed since."""
    assert mutators_page.PAGE.read_text(encoding="utf-8") == mutators_page.page()


# --- the command line


def test_list_shows_what_is_made(command: Command, cases: Path) -> None:
    """With `--mutators` the derived ids stand behind those of the cases."""
    plain, more = command("list", cases).out.splitlines(), command("list", "--mutators", cases).out.splitlines()
    assert more[: len(plain)] == plain
    assert "mine.plain[mutator=stride-zero]" in more[len(plain) :]
    assert {"[mutator="} == {"[mutator=" if "[mutator=" in line else line for line in more[len(plain) :]}


def test_a_run_takes_them_by_pattern(command: Command, cases: Path, tmp_path: Path) -> None:
    """Their ids are patterns like any other, and their twins travel with them."""
    record = tmp_path / "record.jsonl"
    done = command("run", "--mutators", cases, "*[mutator=stride-zero]", "-b", "numpy", "--record", record)
    assert (0, True) == (done.code, is_clean(done))
    assert "numpy: 3 cases judged, 0 unexpected" in done.err
    assert (0, True) == ((shown := command("report", record)).code, is_clean(shown))


def test_a_disagreement_names_case_and_mutator(command: Command, cases: Path, tmp_path: Path) -> None:
    """Also where it is shown from a record, which knows ids alone."""
    record = tmp_path / "record.jsonl"
    locator = f"{SUPPORT / 'lenient_backend.py'}:Accepting"
    done = command("run", "--mutators", cases, "mine.plain", "-b", locator, "--record", record)
    assert 1 == done.code
    for part in ("mine.plain[mutator=kernel-axis-dropped]", "[REFUSE-"):
        assert part in done.out
    shown = command("report", record)
    assert (0, True) == (shown.code, is_clean(shown))
    assert "mine.plain[mutator=kernel-axis-dropped]" in shown.out
