"""Mutants: the honest evaluator, the glossary of faults, kills and pins, a stranger's file."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conv_conformance import reference
from conv_conformance.cli import commands
from conv_conformance.core.backend import Refused
from conv_conformance.core.call import Call
from conv_conformance.core.problem import Invalid
from conv_conformance.core.storage import Array
from conv_conformance.corpus import Corpus, load
from conv_conformance.mutants import measurement, named_conditions, score
from conv_conformance.mutants.evaluator import HONEST, evaluate
from conv_conformance.mutants.faults import NAMES
from conv_conformance.mutants.kills import Kills, encoded, read
from conv_conformance.mutants.mutant import Mutant
from conv_conformance.mutants.named_conditions import CONDITIONS
from hypothesis import assume, given, settings

from ..support.random_calls import calls

#: How many clauses lose their cases.
CLAUSES = 10


@cache
def corpus() -> Corpus:
    """Return the literal corpus."""
    return load(sweeps="none")


@settings(max_examples=300, deadline=None)
@given(calls())
def test_the_honest_evaluator_agrees_with_the_reference(call: Call) -> None:
    """A second opinion that shares no code: shapes and dtypes are equal, numbers to a few units of the sum's size."""
    assume(call.padding_mode == "zeros" or 0 not in (*call.lengths, *call.extents("input")))
    try:
        expected = reference.evaluate(call)
    except reference.Undefined:
        return
    computed = evaluate(call, HONEST)
    assert (expected.shape, expected.dtype) == (computed.shape, computed.dtype)
    if expected.dtype.kind in "iu":
        np.testing.assert_array_equal(expected, computed)
    elif expected.dtype.itemsize > 2:
        assert _error(expected, computed) <= 1e-5 * float(np.nan_to_num(reference.magnitude(call)).max(initial=0.0))


def _error(expected: Array, computed: Array) -> float:
    """Return the largest difference between two arrays where both are finite."""
    one, other = expected.astype(np.complex128), computed.astype(np.complex128)
    finite = np.isfinite(one) & np.isfinite(other)
    return float(np.abs(one[finite] - other[finite]).max(initial=0.0))


def test_every_fault_is_named_and_breaks_a_clause() -> None:
    """Each edit has its entry in the glossary, with the clause that it breaks."""
    faults = corpus().faults
    assert sorted(NAMES) == sorted(name for name in NAMES if name in faults and faults[name].breaks in corpus().clauses)


def test_a_fault_that_breaks_a_clause_has_an_edit() -> None:
    """No entry claims a mutant that is not there."""
    assert [] == [name for name, fault in corpus().faults.items() if fault.breaks and name not in NAMES]


def test_every_condition_is_known_and_used() -> None:
    """The conditions of the glossary of faults are those of the code, each tried with some fault."""
    under = [name for fault in corpus().faults.values() for name in (*fault.under, *fault.under_sweeps)]
    assert set(CONDITIONS) - {""} == {part for name in under for part in named_conditions.parts(name)}


def test_there_are_250_mutants_and_120_of_them_under_a_condition() -> None:
    """The counts that the score is a part of."""
    mutants = measurement.mutants_of(corpus())
    assert len(mutants) >= 250
    assert sum(1 for mutant in mutants.values() if mutant.condition) >= 120


def test_joined_conditions_hold_together() -> None:
    """`a+b` holds for the calls of both, and marks what both mark; an unknown part is a KeyError."""
    one, other, both = map(named_conditions.named, ("strided", "biased", "strided+biased"))
    calls = [case.call for case in corpus().cases]
    assert [one.holds(call) and other.holds(call) for call in calls] == [both.holds(call) for call in calls]
    assert {True, False} == {both.holds(call) for call in calls}
    corner = named_conditions.named("last-sample+rank-2+first-place").region
    assert corner is not None
    assert [[[False, False]], [[True, False]]] == corner(np.zeros((2, 1, 2))).tolist()
    with pytest.raises(KeyError):
        named_conditions.named("strided+no-such")


def test_kills_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A matrix survives its file."""
    kills = Kills(cases=["a", "b", "c"], by_mutant={"x": ("a", "c"), "y": ()}, corpus="sha256:0", is_whole=True)
    path = tmp_path / "kills.json"
    path.write_text(encoded(kills))
    assert kills == read(path)


def test_a_broken_matrix_is_said_in_one_line(tmp_path: Path) -> None:
    """No traceback for a file that is none."""
    path = tmp_path / "kills.json"
    path.write_text("{}")
    with pytest.raises(Invalid, match="not a kill matrix"):
        read(path)


def test_mutants_with_equal_kills_are_found() -> None:
    """They count once."""
    kills = Kills(cases=["a", "b"], by_mutant={"x": ("a",), "y": ("a",), "z": ("a", "b"), "w": ()})
    assert [["x", "y"]] == kills.alike()


def test_a_clause_whose_cases_are_gone_is_unpinned() -> None:
    """Take the cases of ten clauses away, one after the other: no case that cites it notices its mutants."""
    whole, everything, earlier = corpus(), measurement.mutants_of(corpus()), measurement.kept()
    broken = score.by_clause(whole, everything)
    for clause in random.Random(2).sample([name for name in score.pinnable(whole) if name in broken], CLAUSES):
        left = replace(whole, cases=tuple(case for case in whole.cases if clause not in case.clauses))
        mutants = {name: everything[name] for name in broken[clause][:2]}
        kills = score.measure(left, mutants, earlier=earlier)
        assert {clause: sorted(mutants)} == {
            name: sorted(missed) for name, missed in score.unpinned(left, mutants, kills).items() if name == clause
        }


def test_a_clause_with_its_cases_is_pinned() -> None:
    """The other side of the test above: with its cases the same clause is not named."""
    whole, everything = corpus(), measurement.mutants_of(corpus())
    clause = "BIAS-3"
    mutants = {name: everything[name] for name in score.by_clause(whole, everything)[clause]}
    kills = score.measure(whole, mutants, earlier=measurement.kept())
    assert clause not in score.unpinned(whole, mutants, kills)


def test_a_mutant_without_a_fault_survives() -> None:
    """The score can fall: an evaluator without a fault is noticed by no case."""
    few = replace(corpus(), cases=tuple(case for case in corpus().cases if case.path == "conv/walkthrough.yaml"))
    honest = Mutant(fault="bias-ignored", condition="dtype-float8-e5m2")
    assert ["bias-ignored/dtype-float8-e5m2"] == score.measure(few, {str(honest): honest}).survivors


STRANGER = """\
import numpy as np

calls = ["what is reset"] * 2


def reset():
    calls.clear()


def honestly(call, honest):
    return honest(call)


def flipped(call, honest):
    return honest(call)[..., ::-1]


def refusing(call, honest):
    raise ValueError("no")


def second_call(call, honest):
    calls.append(call)
    output = honest(call)
    return output if len(calls) != 2 else output + 1


def overwriting(call, honest):
    output = honest(call)
    if call.input.flags.writeable:
        call.input[...] = 0
    return output


def nothing(call, honest):
    return None


mutants = {
    "honestly": honestly,
    "flipped": flipped,
    "refusing": refusing,
    "second-call": second_call,
    "overwriting": overwriting,
    "nothing": nothing,
}
"""


def test_a_strangers_mutants_are_scored(tmp_path: Path) -> None:
    """Only the one without a fault survives; what is reset, written to, raised or not returned is noticed."""
    file, target = tmp_path / "strange.py", tmp_path / "score.json"
    file.write_text(STRANGER)
    words = ["mutants", "conv1d.valid.*", "--with", str(file), "--json", str(target)]
    result = CliRunner().invoke(commands, words, standalone_mode=False)
    said = json.loads(target.read_text())
    assert (1, 6, 5, 0, ["honestly"]) == (
        result.return_value,
        said["mutants"],
        said["killed"],
        said["equivalent"],
        said["survivors"],
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mutants = {}", "the file must define `mutants`"),
        ("mutants = {'x': 1}", "the file must define `mutants`"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("def (", "cannot be imported: SyntaxError"),
    ],
)
def test_a_strangers_file_that_is_none_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    """No traceback for another person's file."""
    file = tmp_path / "strange.py"
    file.write_text(text)
    words = ["mutants", "--sweeps", "none", "--with", str(file)]
    with pytest.raises(Invalid, match=message):
        CliRunner().invoke(commands, words, standalone_mode=False, catch_exceptions=False)


def test_a_refusal_without_a_meaning_is_refused() -> None:
    """What `honest` raises is a refusal."""
    case = next(case for case in corpus().cases if case.id == "conv1d.refusals.too-few-kernel-channels")
    with pytest.raises(Refused):
        evaluate(case.call, HONEST)
