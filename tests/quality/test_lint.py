"""The lint of literal cases: each check is seen to complain, and to be content with the next best case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import indent

import pytest
from conv_conformance import corpus
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import Corpus
from conv_conformance.mutants import case_value, kills, measurement
from conv_conformance.mutants.kills import Kills
from conv_conformance.quality import lint
from conv_conformance.specification.lock import meaning_digest

from ..support.command_line import Command

HEAD = """\
about: Cases that lack something.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
cases:
"""
PLAIN = "input: [[[1], [2], [4]]]\nkernel: [[[1]], [[2]]]\nexpect: {output: [[[5], [10]]]}"
#: A refusal of a stride of 0, whose twin is still to be said.
REFUSED = "clauses: [REFUSE-4]\ninput: [[[1], [2]]]\nkernel: [[[1]]]\nstrides: 0\nexpect: {{refusal: {{twin: {}}}}}"
#: A transposed call whose dilation and stride, crop and output padding all leave a choice.
CHOICE = """\
clauses: [STRIDE-2]
op: conv_transpose
input: [[[1], [2]]]
kernel: [[[1]], [[2]]]
strides: 2
dilations: 2
output_padding: 1
padding: 0
expect:
  any_of:
    computes: {{output: [[[1], [0], [4], [0], [4], [0]]]}}
    refuses: {{refusal: {{twin: {}}}}}
"""


def written(folder: Path, *bodies: str) -> Corpus:
    """Return a corpus of cases mine.a, mine.b… that cite CONV-1 unless they say otherwise."""
    cases = []
    for name, body in zip("abcd", bodies, strict=False):
        said = body if "clauses:" in body else f"clauses: [CONV-1]\n{body}"
        entry = indent(f"id: mine.{name}\ntitle: A case\n{said}\n", "    ")
        cases.append(f"  - {entry.lstrip()}\n")
    file = folder / "mine.yaml"
    file.write_text(HEAD + "".join(cases))
    return corpus.load([file])


def told(folder: Path, *bodies: str) -> list[str]:
    """Return the messages of the lint about some cases, but for those about choices."""
    messages = [problem.message for problem in lint.lint_corpus(written(folder, *bodies))]
    return [each for each in messages if "leaves a choice here" not in each]


OPEN = "clauses: [SAME-1]\npadding: same\nstrides: 2\ninput: [[[1], [2], [4]]]\nkernel: [[[1]], [[2]]]\n"


def test_a_choice_that_a_clause_leaves_is_no_one_output(tmp_path: Path) -> None:
    """A framework that may refuse is not accused; with the choice the case is fine, and so is one that leaves none."""
    (problem,) = lint.lint_corpus(written(tmp_path, f"{OPEN}expect: {{output: [[[5], [4]]]}}"))
    assert problem.message.startswith("mine.a: SAME-4 leaves a choice here: ")
    hint = "cite the clause and expect any_of: `computes` with its output, and refuses as in the clause"
    assert hint == problem.hint
    chosen = "expect: {any_of: {computes: {output: [[[5], [4]]]}, refuses: {refusal: {twin: {strides: 1}}}}}"
    fine = [
        f"{OPEN.replace('SAME-1', 'SAME-1, SAME-4')}{chosen}",
        f"{OPEN.replace('strides: 2', 'strides: 1')}expect: {{output: [[[5], [10], [4]]]}}",
    ]
    assert [] == [*lint.lint_corpus(written(tmp_path, *fine))]


def test_a_plain_case_is_fine(tmp_path: Path) -> None:
    """Small numbers that differ, and nothing refused: no complaint."""
    assert [] == told(tmp_path, PLAIN)


def test_where_a_problem_stands(tmp_path: Path) -> None:
    """A problem has file and line of its case, and a hint."""
    (problem,) = lint.lint_corpus(written(tmp_path, PLAIN, PLAIN.replace("[5], [10]", "[0], [0]").replace("1", "0")))
    assert (str(tmp_path / "mine.yaml"), 11, 1) == (problem.path, problem.line, problem.column)
    assert problem.message.startswith("mine.b: ")
    assert problem.hint


@pytest.mark.parametrize(
    ("twin", "steps"),
    [
        ("{strides: 1}", None),
        ("{strides: 1, input: [[[1], [3]]]}", "2 steps away: input, strides"),
        ("{strides: 1, padding: same}", "2 steps away: padding, strides"),
        ("{strides: 1, bias: [1]}", "2 steps away: bias, strides"),
        ("{strides: 1, storage: strided}", "2 steps away: storage, strides"),
        ("{strides: 1, input: [[[1, 2], [3, 4]]], kernel: [[[1], [2]]]}", "2 steps away: channels, strides"),
        ("{strides: 1, layout: {input: NCW, kernel: WIO}, input: [[[1, 2]]]}", "2 steps away: layout, strides"),
    ],
)
def test_a_twin_is_one_step_away(twin: str, steps: str | None, tmp_path: Path) -> None:
    """A twin that changes a second key is told with all that it changes."""
    found = told(tmp_path, REFUSED.format(twin))
    assert [f"mine.a: the twin ({twin}) is {steps}"] * (steps is not None) == found


def test_a_number_of_channels_is_one_step(tmp_path: Path) -> None:
    """Groups, and every array that has the channels, change with them."""
    case = "clauses: [REFUSE-3]\ninput: [[[1, 2, 3]]]\nkernel: [[[1, 2, 3]]]\nbias: [1, 2, 3]\ngroups: 2\n"
    twin = "{groups: 1, kernel: [[[1], [2], [3]]], bias: [1]}"
    assert [] == told(tmp_path, case + f"expect: {{refusal: {{twin: {twin}}}}}")
    longer = twin.replace("[1]}", "[1], input: [[[1, 2, 3], [4, 5, 6]]]}")
    (found,) = told(tmp_path, case + f"expect: {{refusal: {{twin: {longer}}}}}")
    assert found.endswith("2 steps away: channels, input")


def test_another_dtype_is_one_step(tmp_path: Path) -> None:
    """Numbers that the twin's dtype does not have are replaced with it; a parameter is not."""
    case = "clauses: [DTYPE-FLOAT64]\ndtype: float64\ninput: [[[1], [1.0e+300]]]\nkernel: [[[1]]]\n"
    expect = "expect: {{any_of: {{computes: {{output: [[[1], [1.0e+300]]]}}, refuses: {{refusal: {{twin: {}}}}}}}}}"
    about = case.replace("[DTYPE-FLOAT64]", "[DTYPE-FLOAT64, ROUND-1]") + expect
    assert [] == told(tmp_path, about.format("{dtype: float32, input: [[[1], [3]]]}"))
    (found,) = told(tmp_path, about.format("{dtype: float32, input: [[[1], [3]]], padding: same}"))
    assert found.endswith("2 steps away: dtype, padding")


def test_a_twin_takes_the_steps_that_it_needs(tmp_path: Path) -> None:
    """With stride 1 an output padding of 1 would be refusable, so that both change; the dilation need not."""
    assert [] == told(tmp_path, CHOICE.format("{strides: 1, output_padding: 0}"))
    (found,) = told(tmp_path, CHOICE.format("{strides: 1, output_padding: 0, dilations: 1}"))
    assert found.endswith("3 steps away: dilations, output_padding, strides")


def test_a_twin_is_another_call(tmp_path: Path) -> None:
    """A patch that says what holds anyway makes no twin."""
    (found,) = told(tmp_path, CHOICE.format("{strides: 2}"))
    assert found == "mine.a: the twin ({strides: 2}) is the same call"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("[[[5], [10], [0]]]", None),
        ("[[[5], [5], [5]]]", "all elements of the output are equal"),
        ("[[[nan], [nan], [nan]]]", "all elements of the output are equal"),
        ("[[[5], [0], [0]]]", "more than half of the output is zero"),
        ("[[[5], [5]]]", "all elements of the output are equal"),
        ("[[[5], [0]]]", None),
        ("[[[0]]]", None),
    ],
)
def test_outputs_tell_their_places(output: str, message: str | None, tmp_path: Path) -> None:
    """A constant output, or one mostly of zeros, is told, unless `why` says why it has to be so."""
    length = output.count("],") + 1
    body = f"input: {[[[at + 1] for at in range(length)]]}\nkernel: [[[1]]]\nexpect: {{output: {output}}}"
    assert [f"mine.a: {message}"] * (message is not None) == told(tmp_path, body)
    assert [] == told(tmp_path, f"why: It has to be so.\n{body}")


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [("bfloat16", 2**8), ("float16", 2**11), ("float32", 2**12), ("float64", 2**41)],
)
def test_sums_are_exact_in_any_order(dtype: str, largest: int, tmp_path: Path) -> None:
    """S may reach the limit of its dtype, on the grid of the numbers, and not go beyond."""
    arrays = "input: [[[{}], [1]]]\nkernel: [[[2]]]\nexpect: {{output: [[[{}], [2]]]}}"
    body = f"clauses: [{{}}]\ndtype: {dtype}\n{arrays}"
    assert [] == told(tmp_path, body.format("CONV-1", largest, 2 * largest))
    message = f"mine.a: S exceeds {largest} times the grid, the power of two that divides all products"
    assert [message] == told(tmp_path, body.format("CONV-1", 2 * largest, 4 * largest))
    assert [message] == told(tmp_path, body.format("CONV-1", largest, 2 * largest).replace("[1]]]", "[0.5]]]"))
    assert [] == told(tmp_path, body.format("ROUND-2", 2 * largest, 4 * largest))
    precise = body.format("CONV-1", 2 * largest, 4 * largest).replace("]}", "], precision: exact}")
    assert [] == told(tmp_path, precise)


LAYOUT = """\
clauses: [{clause}]
dtype: {dtype}
input: {input}
kernel: {kernel}
expect: {{output: {output}}}
"""


#: What fits float8_e5m2, and may be rounded.
NARROW = {"dtype": "float8_e5m2", "clause": "LAYOUT-1, ROUND-2", "output": "[[[5, 2], [8, 6]]]"}


def coded(**said: str) -> str:
    """Return a case about layouts with two rows, two channels and two filters."""
    good = {
        "clause": "LAYOUT-1",
        "dtype": "float32",
        "input": "[[[1, 2], [3, 4]]]",
        "kernel": "[[[1, 2], [3, 4]]]",
        "output": "[[[7, 10], [15, 22]]]",
    }
    return LAYOUT.format(**{**good, **said})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, None),
        ({"input": "[[[1, 2], [3, 3]]]"}, "two elements of the input are equal"),
        ({"kernel": "[[[1, 2], [2, 4]]]"}, "two elements of the kernel are equal"),
        # Two products of 4 and 4 would be beyond what float8 sums: slices alone are looked at.
        (NARROW | {"kernel": "[[[1, 2], [2, 0]]]"}, None),
        (NARROW | {"kernel": "[[[1, 1], [0, 0]]]"}, "two slices of the kernel along O are equal"),
        ({"output": "[[[7, 10], [10, 22]]]"}, "the output does not change when its axes are permuted to NCW"),
        ({"clause": "CONV-1", "kernel": "[[[1, 2], [2, 4]]]", "output": "[[[7, 10], [10, 22]]]"}, None),
    ],
)
def test_values_are_coded_where_layouts_are_told_apart(
    said: dict[str, str], message: str | None, tmp_path: Path
) -> None:
    """A case that cites LAYOUT-* has numbers that tell their places, and an output without symmetry."""
    assert [f"mine.a: {message}"] * (message is not None) == told(tmp_path, coded(**said))


def test_sweeps_are_not_held_to_it(tmp_path: Path) -> None:
    """A point of a sweep may be constant."""
    file = tmp_path / "sweeps.yaml"
    file.write_text(
        HEAD.replace("cases:", "sweeps:")
        + "  - id: mine.zeros\n    title: Zeros\n    clauses: [CONV-1]\n    tier: quick\n"
        + "    base: {input: {shape: [1, 5, 1], fill: 0}, kernel: {shape: [1, 1, 1], fill: 1}}\n"
        + "    axes: {strides: [1, 2]}\n"
    )
    points = corpus.load([file], sweeps="quick")
    assert 2 == len(points.cases)
    assert [] == list(lint.lint_corpus(points))


def test_clauses_name_twins_that_are_there() -> None:
    """Those of the shipped corpus are; one whose case is gone is told with its clause, though no case is under it."""
    whole = corpus.load(sweeps="none")
    assert [] == list(lint.check_twins(whole))
    gone = replace(whole, cases=tuple(case for case in whole.cases if case.id != "conv1d.empties.one-channel"))
    (told,) = map(str, lint.check_twins(gone))
    assert "EMPTY-4: the twin conv1d.empties.one-channel is not a case of the corpus" in told
    assert told.startswith("clauses.yaml:")


def matrix(known: Corpus, **by_mutant: tuple[str, ...]) -> Kills:
    """Return kills for every mutant of the glossary, by name with _ for -."""
    rows = dict.fromkeys(measurement.mutants_of(known), ("mine.a",)) | {
        name.replace("_", "-"): cases for name, cases in by_mutant.items()
    }
    return Kills(
        cases=[case.id for case in known.cases], by_mutant=rows, corpus=meaning_digest(known.cases), is_whole=True
    )


def kept(folder: Path, known: Corpus, found: Kills) -> list[str]:
    """Return what is told of a corpus beside a file of kills."""
    folder.joinpath(kills.FILE).write_text(kills.encoded(found))
    return [str(problem) for problem in lint.check_kept(known, folder)]


def test_a_case_kills_something_and_what_it_claims(tmp_path: Path) -> None:
    """A case that no mutant fails, and a fault under `catches` that passes it, are told."""
    known = written(tmp_path, PLAIN, f"catches: [kernel-flipped, bias-ignored]\n{PLAIN}")
    assert 3 == len(kept(tmp_path, known, matrix(known)))
    assert [] == kept(tmp_path, known, matrix(known, kernel_flipped=("mine.b",), bias_ignored=("mine.a", "mine.b")))
    (claim,) = kept(tmp_path, known, matrix(known, kernel_flipped=("mine.b",)))
    hint = "change its numbers, or remove the fault from `catches`"
    assert f"mine.b: the case does not catch bias-ignored ({hint})" in claim


def test_a_case_that_kills_nothing_says_why_it_is_there(tmp_path: Path) -> None:
    """A reason is enough."""
    known = written(tmp_path, PLAIN, PLAIN)
    (nothing,) = kept(tmp_path, known, matrix(known))
    assert "mine.b: the case kills no mutant" in nothing
    known = written(tmp_path, PLAIN, f"why: It is what people look for first.\n{PLAIN}")
    assert [] == kept(tmp_path, known, matrix(known))


def test_kills_are_those_of_this_corpus_and_of_these_mutants(tmp_path: Path) -> None:
    """A matrix that is missing, or of others, is told with the command, and nothing is drawn from it."""
    known = written(tmp_path, PLAIN, PLAIN)
    command = "(run `conv-conformance mutants --all --write cases/kills.json`)"
    (problem,) = lint.check_kept(known, tmp_path)
    assert f"kills.json: the file does not exist {command}" == str(problem)
    other = matrix(written(tmp_path, PLAIN))
    assert [f"kills.json: the kills were measured on another corpus {command}"] == kept(tmp_path, known, other)
    more = matrix(known, kernel_folded=("mine.a",))
    assert [f"kills.json: the kills were measured on other mutants {command}"] == kept(tmp_path, known, more)
    tmp_path.joinpath(kills.FILE).write_text("{}")
    with pytest.raises(Invalid, match="not a kill matrix"):
        case_value.kept(known, tmp_path)


def test_redundant_cases(tmp_path: Path) -> None:
    """Cases with the same kills and clauses are told as a group; those that kill nothing are not."""
    known = written(tmp_path, PLAIN, PLAIN, PLAIN, f"clauses: [CONV-2]\n{PLAIN}")
    everything = ("mine.a", "mine.b", "mine.c", "mine.d")
    alike = Kills(cases=everything, by_mutant={"kernel-flipped": everything})
    assert [["mine.a", "mine.b", "mine.c"]] == case_value.redundant(known.cases, alike)
    apart = Kills(cases=everything, by_mutant={"kernel-flipped": everything, "bias-ignored": ("mine.b",)})
    assert [["mine.a", "mine.c"]] == case_value.redundant(known.cases, apart)
    nothing = Kills(cases=everything, by_mutant={"kernel-flipped": ("mine.d",)})
    assert [] == case_value.redundant(known.cases, nothing)


def test_validate_lists_what_is_redundant(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`validate --redundant` prints a group a line and ends with 1, or prints nothing; without kills it says so."""
    monkeypatch.setattr(case_value, "FILE", str(tmp_path / kills.FILE))
    assert 2 == command("validate", "--redundant").code
    known = corpus.load()
    cases, names = [case.id for case in known.cases], list(measurement.mutants_of(known))
    numbered = {
        name: tuple(case for at, case in enumerate(cases, 1) if at >> bit & 1) for bit, name in enumerate(names)
    }
    apart = Kills(cases=cases, by_mutant=numbered, corpus=meaning_digest(known.cases), is_whole=True)
    tmp_path.joinpath(kills.FILE).write_text(kills.encoded(apart))
    assert (0, "", "") == command("validate", "--redundant")
    pair = tuple(case.id for case in known.cases if case.clauses == ("REFUSE-4",))[:2]
    alike = replace(apart, by_mutant=dict.fromkeys(names, pair))
    tmp_path.joinpath(kills.FILE).write_text(kills.encoded(alike))
    assert (1, f"{pair[0]}  {pair[1]}\n", "") == command("validate", "--redundant")


def test_validate_lints(command: Command, tmp_path: Path) -> None:
    """Files of one's own are linted; the kills and the lock of the shipped corpus are not asked about them."""
    written(tmp_path, PLAIN)
    assert 0 == command("validate", tmp_path / "mine.yaml").code
    written(tmp_path, PLAIN, REFUSED.format("{strides: 1, padding: same}"))
    done = command("validate", tmp_path / "mine.yaml")
    assert (2, "") == (done.code, done.out)
    assert [
        f"{tmp_path}/mine.yaml:11:1: mine.b: the twin ({{strides: 1, padding: same}}) is 2 steps away: padding, "
    ] == [line.split("strides (")[0] for line in done.err.splitlines()]
