"""The versions of the specification: what a released one promises, and what is told of clauses that break it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conv_conformance import corpus, specification
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import clauses
from conv_conformance.corpus.clauses import Clause
from conv_conformance.corpus.sweeps import points
from conv_conformance.quality import lint
from conv_conformance.running import invocation
from conv_conformance.specification import citation, versions
from conv_conformance.specification.versions import Promise, Version, Versions

from ..support.builders import call_of

WRITTEN = """\
version: "0.1"
SAME-1:
  level: required
  sentence: The output has length ceil(W / stride).
SAME-2:
  level: implementation-defined
  sentence: A framework may refuse a stride.
  when: [same-with-stride]
  alternatives:
    computes: {}
    refuses: {refusal: {twin: {strides: 1}}}
"""
WITHDRAWN = WRITTEN.replace('"0.1"', '"0.2"').replace(
    "ceil(W / stride).\n",
    "ceil(W / stride).\n  superseded_by: SAME-3\nSAME-3:\n  level: required\n  sentence: The output has length W.\n",
)


def read(text: str) -> dict[str, Clause]:
    """Return the clauses of a file, which is right."""
    found, problems = clauses.read_clauses(text.encode(), "clauses.yaml")
    assert [] == problems
    return found


def told(text: str, released: Versions) -> list[str]:
    """Return what is told of a file of clauses, line by line."""
    version = clauses.read_version(text.encode(), "clauses.yaml")
    return [str(problem) for problem in versions.check(read(text), version, released)]


def released(*texts: str) -> Versions:
    """Return versions that were released one after the other."""
    made: Versions = {}
    for text in texts:
        made = versions.grown(made, clauses.read_version(text.encode(), ""), "2027-03-09", read(text))
    return made


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("required", "required # so"),
        ("The output has length ceil(W / stride).", "'The output has length\n    ceil(W / stride).'"),
        (
            "  level: required\n  sentence: The output has length ceil(W / stride).\n",
            "  sentence: >\n    The output has length\n    ceil(W / stride).\n  level: required\n",
        ),
    ],
)
def test_what_may_change(written: str, instead: str) -> None:
    """How a clause is written down is not what it says."""
    assert written in WRITTEN
    assert [] == told(WRITTEN.replace(written, instead, 1), released(WRITTEN))


@pytest.mark.parametrize(
    ("written", "instead", "name"),
    [
        ("The output", "An output", "SAME-1"),
        (
            "level: required\n",
            "level: implementation-defined\n  alternatives: {a: {}, b: {precision: exact}}\n",
            "SAME-1",
        ),
        ("  when: [same-with-stride]\n", "", "SAME-2"),
        ("computes:", "calculates:", "SAME-2"),
        ("computes: {}", "computes: {precision: exact}", "SAME-2"),
        ("computes: {}", "computes: {switch: trailing-zeros}", "SAME-2"),
        ("{strides: 1}", "{strides: 2}", "SAME-2"),
        ("stride.\n", "stride.\n  superseded_by: SAME-1\n", "SAME-2"),
    ],
)
def test_the_meaning_stays_under_a_version(written: str, instead: str, name: str) -> None:
    """Another sentence, level, rule or alternative is told, and so is a withdrawal."""
    assert written in WRITTEN
    (line,) = told(WRITTEN.replace(written, instead, 1), released(WRITTEN))
    assert line.startswith("clauses.yaml:")
    assert line.endswith(f"{name}: its meaning differs from version 0.1, which is released (increase the version)")


def test_a_clause_of_a_released_version_stays() -> None:
    """One that is gone is told, also under a new version."""
    gone = WRITTEN[: WRITTEN.index("SAME-2")]
    line = (
        "clauses.yaml: SAME-2 is in version 0.1, but missing now "
        "(to withdraw a clause, keep it and name another clause in superseded_by)"
    )
    assert [line] == told(gone, released(WRITTEN))
    assert [line] == told(gone.replace("0.1", "0.2"), released(WRITTEN))


def test_no_clause_comes_into_a_released_version() -> None:
    """A new one takes a new version."""
    more = WRITTEN + "SAME-9: {level: required, sentence: More.}\n"
    assert ["clauses.yaml:12:1: SAME-9: is new, but version 0.1 is already released (increase the version)"] == told(
        more, released(WRITTEN)
    )
    assert [] == told(more.replace("0.1", "0.2"), released(WRITTEN))
    assert [] == told(more, {})


def test_an_anchor_stays() -> None:
    """Whatever makes anchors of ids, links that are out there lead to the old ones."""
    one = released(WRITTEN)["0.1"]
    other = replace(one, clauses={**one.clauses, "SAME-1": one.clauses["SAME-1"]._replace(anchor="same1")})
    change = "its anchor changed from #same1 to #same-1 (restore the anchor; links use it)"
    assert [f"clauses.yaml:2:1: SAME-1: {change}"] == told(WRITTEN, {"0.1": other})


def test_an_id_is_never_given_to_another_question() -> None:
    """Under a new version a clause that says something else has to say that its question is the old one."""
    changed = WRITTEN.replace("The output", "An output").replace("0.1", "0.10")
    hint = 'add revised: "0.10", or use a new id if the clause answers another question'
    assert [f"clauses.yaml:2:1: SAME-1: its meaning differs from version 0.2 ({hint})"] == told(
        changed, released(WRITTEN, WRITTEN.replace("0.1", "0.2"))
    )
    said = changed.replace("required\n", 'required\n  revised: "0.10"\n')
    assert [] == told(said, released(WRITTEN, WRITTEN.replace("0.1", "0.2")))
    again = said.replace("An output", "Some output").replace('version: "0.10"', 'version: "0.11"')
    assert 1 == len(told(again, released(WRITTEN, said)))


def test_what_is_withdrawn_stays_so() -> None:
    """Its sentence remains, and another one is not written under its id."""
    assert [] == told(WITHDRAWN, released(WRITTEN))
    locked = released(WRITTEN, WITHDRAWN)
    line = "SAME-1: was withdrawn in version 0.2 and must not change (use a new id)"
    later = WITHDRAWN.replace('version: "0.2"', 'version: "0.3"')
    assert [] == told(later, locked)
    assert [f"clauses.yaml:2:1: {line}"] == told(later.replace("  superseded_by: SAME-3\n", ""), locked)
    revised = later.replace("required\n", 'required\n  revised: "0.3"\n', 1).replace("ceil(W", "floor(W")
    assert [f"clauses.yaml:2:1: {line}"] == told(revised, locked)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SAME-4", "superseded by SAME-4, which is not a clause (did you mean 'SAME-3'?)"),
        ("SAME-1", "superseded by SAME-1, which is itself withdrawn (name a clause that is in force)"),
    ],
)
def test_what_supersedes_is_in_force(name: str, message: str) -> None:
    """It is there, and not withdrawn itself."""
    line = f"clauses.yaml:2:1: SAME-1: {message}"
    assert [line] == told(WITHDRAWN.replace("superseded_by: SAME-3", f"superseded_by: {name}"), {})


def test_versions_count_up() -> None:
    """As numbers, not as texts."""
    line = "clauses.yaml: version '0.9' is lower than 0.10, which is already released (increase the version)"
    assert [line] == told(WRITTEN.replace("0.1", "0.9"), released(WRITTEN.replace("0.1", "0.10")))
    assert [] == told(WRITTEN.replace("0.1", "1.0"), released(WRITTEN.replace("0.1", "0.10")))


def test_a_released_version_is_not_changed() -> None:
    """It is entered once, with its day."""
    first = released(WRITTEN)
    assert first == versions.grown(first, "0.1", "2028-01-01", {})
    assert ["0.1", "0.2"] == list(versions.grown(first, "0.2", "2028-01-01", {}))


def test_the_file(tmp_path: Path) -> None:
    """It is read as it was written, oldest first, one clause a line; no file promises nothing."""
    made = released(WRITTEN.replace("0.1", "0.10"), WRITTEN.replace("0.1", "0.9"), WITHDRAWN)
    file = tmp_path / versions.FILE
    file.write_text(versions.encoded(made))
    assert made == versions.read(file)
    assert ["0.2", "0.9", "0.10"] == list(versions.read(file))
    assert 1 == sum('"SAME-1": "same-1 sha256:' in line and "SAME-3" in line for line in file.read_text().splitlines())
    assert {} == versions.read(tmp_path / "none.json")
    for wrong in ("[]", "{", '{"0.1": {}}', '{"0.1": {"date": "", "clauses": {"A-1": "x"}}}', '{"a": {"clauses": {}}}'):
        file.write_text(wrong)
        with pytest.raises(Invalid, match="not versions of the specification"):
            versions.read(file)


@pytest.mark.parametrize("said", ["'1'", "'01.2'", "'0.1.2'", "'a'", "0.1", "[]"])
def test_a_version_is_two_numbers(said: str) -> None:
    """Anything else is told, where it stands, by both who read it."""
    content = f"version: {said}\n".encode()
    with pytest.raises(Invalid, match=r"^clauses.yaml:1:10: "):
        clauses.read_version(content, "clauses.yaml")
    assert 1 == len(clauses.read_clauses(content, "clauses.yaml")[1])
    assert "" == clauses.read_version(b"A-1: {level: required, sentence: B}\n", "")


def test_the_lint_holds_to_the_versions(tmp_path: Path) -> None:
    """What the versions of a folder have against its clauses, the lint says; the shipped ones are kept."""
    known = corpus.load()
    tmp_path.joinpath("clauses.yaml").write_text(WRITTEN)
    promise = {"SAME-99": Promise("same-99", "sha256:0")}
    tmp_path.joinpath(versions.FILE).write_text(versions.encoded({"0.1": Version(date="", clauses=promise)}))
    lines = "\n".join(map(str, lint.check_kept(known, tmp_path)))
    assert "clauses.yaml: SAME-99 is in version 0.1, but missing now" in lines
    assert [] == list(lint.check_kept(known, corpus.shipped()))
    assert "0.1" == versions.current()


def test_what_is_withdrawn_asks_nothing_of_new_calls() -> None:
    """Points of sweeps have no choice by it, and no literal case has to cite it."""
    call = call_of("conv", [[[1.0], [2.0], [3.0]]], [[[1.0]]], padding="same", strides=2)
    known = read(WRITTEN)
    assert ["SAME-2"] == [each.id for each in points.open_choices(call, known)]
    assert () == points.open_choices(call, {**known, "SAME-2": replace(known["SAME-2"], superseded_by="SAME-1")})
    uncited = [
        str(each) for each in specification.check_commentary((), corpus.Corpus(cases=(), clauses=read(WITHDRAWN)))
    ]
    assert "SAME-3" in "".join(each for each in uncited if "no literal case cites" in each)
    assert "SAME-1" not in "".join(each for each in uncited if "no literal case cites" in each)


def test_a_superseded_case_is_run_where_it_is_named() -> None:
    """Among others it is left out, alone it is not."""
    first, second, *_ = corpus.load().cases
    old = replace(first, superseded_by=second.id)
    assert (second,) == invocation.choose(corpus.Corpus(cases=(old, second))).cases
    assert (old,) == invocation.choose(corpus.Corpus(cases=(old,))).cases


def test_a_clause_is_cited_by_the_version_of_the_specification(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the day of that version, whatever the suite's is."""
    clause = corpus.load().clauses["SAME-2"]
    made = {"0.1": Version(date="2027-03-09", clauses={})}
    tmp_path.joinpath("versions.json").write_text(versions.encoded(made))
    monkeypatch.setattr(versions, "FILE", str(tmp_path / "versions.json"))
    cited = citation.of_clause(clause)
    assert "Specification 0.1, 2027-03-09. spec/0.1.html#same-2 (clause sha256:" in cited.text
    assert "  year = {2027},\n  month = {3},\n  howpublished = {Specification 0.1, 2027-03-09},\n" in cited.bibtex
    assert cited.key == "conv-conformance-specification-0.1-same-2"
