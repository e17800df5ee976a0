"""The commentary on the clauses: what its loader takes, and how it is held together with clauses and cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from conv_conformance import corpus, quality, specification
from conv_conformance.core.case import Case, Reference
from conv_conformance.core.expectation import Shape
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import Corpus
from conv_conformance.corpus.clauses import Clause
from conv_conformance.specification import Area, Commentary

from ..support.builders import call_of
from ..support.command_line import Command

SAME = """\
title: Same padding
about: The word.
clauses:
  SAME-2:
    why: >
      Because.

      And so.
    example: a.two
    wording:
      tensorflow: SAME
      keras: 'padding="same"'
    history:
      - {link: "https://example.org/1", says: Otherwise.}
  SAME-1: {why: So., example: a.one}
"""
SHAPE = "title: Lengths\nabout: The rest.\nclauses:\n  SHAPE-1: {why: So., example: a.one}\n"


def case(name: str, *clauses: str, sweep: str = "") -> Case:
    """Return a case that nobody executes."""
    return Case(
        id=name,
        title="A fact",
        clauses=clauses,
        sweep=sweep,
        build_call=lambda: call_of("conv", [[[1]]], [[[1]]]),
        build_expectation=lambda: Shape(shape=(1, 1, 1), dtype="float32"),
    )


def known(*cases: Case, **levels: str) -> Corpus:
    """Return a corpus of cases, by default two, and clauses, by default three that are required."""
    cases = cases or (case("a.one", "SHAPE-1", "SAME-1"), case("a.two", "SAME-2"))
    levels = levels or dict.fromkeys(("SHAPE-1", "SAME-1", "SAME-2"), "required")
    clauses = {
        name: Clause(id=name, level=level, sentence="It is so.", line=line)
        for line, (name, level) in enumerate(levels.items(), 1)
    }
    return Corpus(cases=cases, clauses=clauses)


def told(folder: Path, corpus: Corpus, **files: str) -> list[str]:
    """Return what the loader has against some files, by name."""
    for name, content in files.items():
        folder.joinpath(f"{name}.yaml").write_text(content)
    try:
        specification.load_commentary(corpus, folder)
    except Invalid as invalid:
        return [str(problem) for problem in invalid.problems]
    return []


def test_areas_and_what_they_say(tmp_path: Path) -> None:
    """Areas stand in the order of their first clauses, their clauses as they are written, wordings by framework."""
    assert [] == told(tmp_path, known(), same=SAME, shape=SHAPE)
    shape, same = specification.load_commentary(known(), tmp_path)
    so = Commentary(clause="SHAPE-1", why="So.", example="a.one", place=(4, 3), example_place=(4, 32))
    assert shape == Area(
        name="shape", title="Lengths", about="The rest.", path="specification/shape.yaml", commentaries=(so,)
    )
    assert ("same", "Same padding", "The word.") == (same.name, same.title, same.about)
    two, one = same.commentaries
    assert ("SAME-2", "SAME-1") == (two.clause, one.clause)
    assert ("Because.\nAnd so.", "a.two", (4, 3), (9, 14)) == (two.why, two.example, two.place, two.example_place)
    assert [("keras", 'padding="same"'), ("tensorflow", "SAME")] == list(two.wording.items())
    assert (Reference(link="https://example.org/1", says="Otherwise."),) == two.history
    assert ({}, ()) == (one.wording, one.history)


@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ("title: Same padding\n", "", "1:1: missing key 'title'"),
        ("about: The word.", "abuot: The word.", "2:1: unknown key 'abuot' (did you mean 'about'?)"),
        ("about: The word.", "about: 1", "2:8: expected a text, not the number 1 (quote it)"),
        ("example: a.two", "example: a.two\n    exmple: a.two", "10:5: unknown key 'exmple' (did you mean 'example'?)"),
        ("example: a.two", "example: a.two\n    example: a.two", "10:5: duplicate key 'example' (first used"),
        ("example: a.two", "example: A.two", "9:14: 'A.two' is not an id (use dotted kebab-case,"),
        ("example: a.two", "example: a.too", "9:14: 'a.too' is not a literal case (did you mean 'a.two'?)"),
        ("example: a.two", "example: z.z", "9:14: 'z.z' is not a literal case (`conv-conformance list` shows the ids)"),
        ("example: a.two", "example: a.one", "9:14: a.one does not cite SAME-2 (the example of a clause must cite it)"),
        ("    example: a.two\n", "", "5:5: missing key 'example'"),
        ("why: So., ", "", "15:11: missing key 'why'"),
        ("keras:", "kears:", "12:7: unknown framework 'kears' (did you mean 'keras'?)"),
        ("tensorflow: SAME", 'tensorflow: ""', "11:19: the text is empty (write a text, or omit the key)"),
        ("https://example.org/1", "example.org", "14:16: 'example.org' is not a link (start it with https://)"),
        ("SAME-1:", "SAME-3:", "15:3: unknown clause 'SAME-3' (did you mean"),
        ("SAME-1:", "SAME-2:", "15:3: duplicate key 'SAME-2' (first used in line 4)"),
        (SAME, "", "1:1: the file is empty"),
        (SAME, "title: A\nabout: B\nclauses: {}\n", "3:10: an area needs at least one clause"),
        (SAME, "title: A\nabout: B\nclauses: [SAME-1]\n", "3:10: expected a mapping, not a list"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(written: str, instead: str, message: str, tmp_path: Path) -> None:
    """Each fault of a file is told where it stands, with a hint."""
    assert written in SAME
    problems = told(tmp_path, known(), same=SAME.replace(written, instead), shape=SHAPE)
    assert [] != [each for each in problems if each.startswith(f"specification/same.yaml:{message}")]


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Faults of several files, and of what is between them, are told together, in the order of their places."""
    same = SAME.replace("title", "titel").replace("a.two", "a.to")
    assert [
        "clauses.yaml:1:1: SHAPE-1 has no commentary (add one to a file in cases/specification/)",
        "specification/same.yaml:1:1: missing key 'title'",
        "specification/same.yaml:1:1: unknown key 'titel' (did you mean 'title'?)",
        "specification/same.yaml:9:14: 'a.to' is not a literal case (did you mean 'a.two'?)",
        "specification/shape.yaml:1:1: the file is empty",
    ] == told(tmp_path, known(), same=same, shape="")


def test_every_clause_stands_in_one_area(tmp_path: Path) -> None:
    """A clause of two areas is told at the second."""
    again = SHAPE.replace("SHAPE-1:", "SAME-1: {why: So., example: a.one}\n  SHAPE-1:")
    problems = told(tmp_path, known(), same=SAME, shape=again)
    first = "the first commentary is in specification/same.yaml:15"
    assert [f"specification/shape.yaml:4:3: SAME-1 has two commentaries ({first})"] == problems


def test_every_required_clause_is_cited_by_a_literal_case(tmp_path: Path) -> None:
    """A required clause that only a sweep cites is told, one that leaves a choice is not."""
    shape = "title: A\nabout: B\nclauses:\n  ONE-1: {why: So., example: a.one}\n  TWO-1: {why: So., example: a.one}\n"
    cases = (case("a.one", "ONE-1"), case("a.two[n=1]", "TWO-1", sweep="a.two"))
    unshown = "specification/shape.yaml:5:30: a.one does not cite TWO-1 (the example of a clause must cite it)"
    uncited = "clauses.yaml:2:1: no literal case cites TWO-1 (write a case that detects a violation)"
    levels = {"ONE-1": "required", "TWO-1": "required"}
    assert [uncited, unshown] == told(tmp_path, known(*cases, **levels), shape=shape)
    levels["TWO-1"] = "implementation-defined"
    assert [unshown] == told(tmp_path, known(*cases, **levels), shape=shape)


def test_an_example_is_a_literal_case(tmp_path: Path) -> None:
    """A point of a sweep is none."""
    same = SAME.replace("a.two", "a.two-points")
    cases = (case("a.one", "SHAPE-1", "SAME-1", "SAME-2"), case("a.two-points", "SAME-2", sweep="a.two"))
    (problem,) = told(tmp_path, known(*cases), same=same, shape=SHAPE)
    assert problem.startswith("specification/same.yaml:9:14: 'a.two-points' is not a literal case")


def test_the_commentary_is_no_case_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus is read without it, also where it is a folder of the user's."""
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cases" / "specification"
    folder.mkdir(parents=True)
    folder.joinpath("same.yaml").write_text(SAME)
    assert () == corpus.load([folder.parent]).cases


def test_validate_holds_the_specification_together(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path or pattern `validate` checks the shipped commentary too, and says how many clauses have theirs."""
    monkeypatch.setattr(
        quality, "validate_cases", lambda cases, clauses: ()
    )  # what takes long, and is tested elsewhere
    whole = command("validate", "--sweeps", "none")
    assert (0, "") == (whole.code, whole.err)
    assert f"{len(corpus.load().clauses)} clauses, each with a rationale and an example" in whole.out
    monkeypatch.setattr("conv_conformance.specification.commentary.FOLDER", "nowhere")
    told = command("validate", "--sweeps", "none")
    assert told.code == 2
    assert "CONV-1 has no commentary (add one to a file in cases/nowhere/)" in told.err
    some = command("validate", "--sweeps", "none", "conv1d.valid.*")
    assert (0, "") == (some.code, some.err)
    assert "clauses" not in some.out
