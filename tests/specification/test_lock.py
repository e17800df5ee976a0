"""The lock of released cases: what changes the digest of a case, and what is told of one that has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conv_conformance import corpus, quality
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Output, Refusal, Shape
from conv_conformance.core.problem import Invalid
from conv_conformance.quality import lint
from conv_conformance.specification import citation, lock, versions

from ..support.command_line import CASES, Command

ABOUT = "about: Three cases of one's own."


def cases_of(file: Path, content: str = CASES) -> tuple[Case, ...]:
    """Return the cases of a file with some content."""
    file.write_text(content)
    return corpus.load([file]).cases


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("title: The window slides without flipping", "title: It slides"),
        (
            "    clauses: [CONV-1, VALID-1]\n",
            "    why: So.\n    catches: [kernel-flipped]\n    clauses: [VALID-1, CONV-1]\n",
        ),
        ("[[[0], [3], [4], [5]]]", "{shape: [1, 4, 1], values: [0, 3, 4, 5]}"),
        (ABOUT, f"# A remark\n{ABOUT}"),
        ("    kernel: [[[1]], [[2]]]\n", "    kernel: [[[1]], [[2]]]\n    dilations: 1\n    groups: 1\n"),
    ],
)
def test_what_may_change(written: str, instead: str, tmp_path: Path) -> None:
    """Words about a case, and another way to write the same, leave its digest as it is."""
    assert written in CASES
    before = lock.grown(cases_of(tmp_path / "mine.yaml"), {})
    assert before == lock.grown(cases_of(tmp_path / "mine.yaml", CASES.replace(written, instead)), {})


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("clauses: [CONV-1, VALID-1]\n    input: [[[0]", "clauses: [CONV-1]\n    input: [[[0]"),
        ("[[[0], [3], [4], [5]]]", "[[[-0.0], [3], [4], [5]]]"),
        ("    kernel: [[[1]], [[2]]]\n    expect", "    kernel: [[[1]], [[2]]]\n    padding: 0\n    expect"),
        ("    kernel: [[[1]], [[2]]]\n    expect", "    kernel: [[[1]], [[2]]]\n    storage: strided\n    expect"),
        ("    kernel: [[[1]], [[2]]]\n    expect", "    kernel: [[[1]], [[2]]]\n    dtype: float64\n    expect"),
        ("    kernel: [[[1]], [[2]]]\n    expect", "    kernel: [[[1]], [[2]]]\n    bias: [0]\n    expect"),
        (
            "    kernel: [[[1]], [[2]]]\n    expect",
            "    kernel: [[[1]], [[2]]]\n    variation: inside_graph\n    expect",
        ),
        ("expect: {output: [[[6], [11], [14]]]}", "expect: {output: [[[6], [11], [13]]]}"),
        ("expect: {output: [[[6], [11], [14]]]}", "expect: {shape: [1, 3, 1]}"),
        ("[[[6], [11], [14]]]}", "[[[6], [11], [14]]], precision: exact}"),
        ("[[[6], [11], [14]]]}", "[[[6], [11], [14]]], compare: signed-zero}"),
    ],
)
def test_what_is_another_case(written: str, instead: str, tmp_path: Path) -> None:
    """Another call, expectation or clause changes the digest of that case alone, and is told."""
    assert written in CASES
    before = lock.grown(cases_of(tmp_path / "mine.yaml"), {})
    changed = cases_of(tmp_path / "mine.yaml", CASES.replace(written, instead, 1))
    after = lock.grown(changed, {})
    assert ["mine.plain"] == [name for name in before if before[name] != after[name]]
    (problem,) = lock.check(changed, before)
    assert "mine.plain is released, and its meaning has changed" == problem.message
    assert "restore the case, add a new case, and name the new case in superseded_by" == problem.hint


def digest(expectation: object, case: Case) -> str:
    """Return the digest of a case with another expectation."""
    return lock.digest(replace(case, build_expectation=lambda: expectation))  # type: ignore[arg-type, return-value]


def test_digests_of_expectations(tmp_path: Path) -> None:
    """Kind, twin and alternatives of an expectation count, the name of a twin and the bits of a NaN do not."""
    case = cases_of(tmp_path / "mine.yaml")[0]
    call = case.call
    output = Output(array=np.float32([1]))
    twin = Refusal(twin=call, name="a")
    other = Refusal(twin=replace(call, strides=(2,)), name="a")
    kinds = [output, twin, other, Shape(shape=(1,), dtype="float32"), AnyOf(alternatives={"computes": output})]
    kinds += [AnyOf(alternatives={"computes": output, "refuses": each}) for each in (twin, other)]
    assert len(kinds) == len({digest(each, case) for each in kinds})
    assert digest(twin, case) == digest(Refusal(twin=call, name="b"), case)
    bits = [np.array([0x7FC00000 | more], np.uint32).view(np.float32) for more in (0, 1)]
    assert 1 == len({digest(Output(array=nan), case) for nan in bits})


def test_a_released_case_stays(tmp_path: Path) -> None:
    """One that is gone is told, one that is new is not."""
    known = cases_of(tmp_path / "mine.yaml")
    released = lock.grown(known, {})
    assert [] == list(lock.check(known, {}))
    assert [] == list(lock.check(known, released))
    (problem,) = lock.check(known[1:], released)
    assert "lock.json: mine.plain is released, but missing (supersede cases instead of deleting them)" == str(problem)


def test_a_lock_only_grows(tmp_path: Path) -> None:
    """New cases enter, what is locked keeps its digest."""
    known = cases_of(tmp_path / "mine.yaml")
    grown = lock.grown(known, {"mine.plain": "sha256:1", "mine.gone": "sha256:2"})
    assert {"mine.plain", "mine.marked", "mine.symmetric", "mine.gone"} == set(grown)
    assert ("sha256:1", "sha256:2") == (grown["mine.plain"], grown["mine.gone"])


def test_the_file(tmp_path: Path) -> None:
    """A lock has one case a line, sorted, and is read as it was written; no file locks nothing."""
    released = lock.grown(cases_of(tmp_path / "mine.yaml"), {})
    text = lock.encoded(released)
    assert ["mine.marked", "mine.plain", "mine.symmetric"] == [line.split('"')[1] for line in text.splitlines()[1:-1]]
    tmp_path.joinpath(lock.FILE).write_text(text)
    assert released == lock.read(tmp_path / lock.FILE)
    assert {} == lock.read(tmp_path / "nowhere.json")
    for wrong in ("[]", "{", '{"a": 1}'):
        tmp_path.joinpath(lock.FILE).write_text(wrong)
        with pytest.raises(Invalid, match="not a lock of cases"):
            lock.read(tmp_path / lock.FILE)


def test_the_lint_holds_to_the_lock(tmp_path: Path) -> None:
    """What the lock has against a corpus, the lint says."""
    cases_of(tmp_path / "mine.yaml")
    known = corpus.load([tmp_path / "mine.yaml"])
    tmp_path.joinpath(lock.FILE).write_text(lock.encoded({"mine.gone": "sha256:0"}))
    assert "lock.json: mine.gone is released, but missing" in "\n".join(map(str, lint.check_kept(known, tmp_path)))


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the date of a release whose lock files are in the test folder; validation of the cases is skipped."""
    monkeypatch.setattr(lock, "FILE", str(tmp_path / "lock.json"))
    monkeypatch.setattr(versions, "FILE", str(tmp_path / "versions.json"))
    monkeypatch.setattr(quality, "validate_cases", lambda cases, clauses: ())
    monkeypatch.setattr(lint, "lint_corpus", lambda corpus: ())
    monkeypatch.setattr(citation, "RELEASED", "2027-03-09")
    return citation.RELEASED


def test_validate_locks_a_release(command: Command, tmp_path: Path, day: str) -> None:
    """`validate --lock` enters what is new into the locks of the shipped corpus, and leaves what is locked."""
    first = "conv1d.valid.window-slides-without-flipping"
    tmp_path.joinpath("lock.json").write_text(
        lock.encoded({first: lock.digest(corpus.load().select([first]).cases[0])})
    )
    known = lock.read(tmp_path / "lock.json")
    done = command("validate", "--lock", "--sweeps", "none")
    assert (0, "") == (done.code, done.err)
    locked = lock.read(tmp_path / "lock.json")
    assert f"{len(locked)} released cases; released versions of the specification: 0.1\n" in done.out
    (version,) = versions.read(tmp_path / "versions.json").values()
    assert (day, set(corpus.load().clauses)) == (version.date, set(version.clauses))
    assert known.items() <= locked.items()
    assert {case.id for case in corpus.load().cases} == locked.keys()


def test_what_is_not_locked(command: Command, tmp_path: Path, day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the corpus, one that breaks a promise, a version without a day."""
    assert 2 == command("validate", "--lock", "conv1d.valid.*").code
    tmp_path.joinpath("lock.json").write_text(lock.encoded({"mine.gone": "sha256:0"}))
    done = command("validate", "--lock", "--sweeps", "none")
    assert 2 == done.code
    assert f"{lock.FILE}: mine.gone is released, but missing" in done.err
    assert not tmp_path.joinpath("versions.json").exists()
    monkeypatch.setattr(citation, "RELEASED", "")
    done = command("validate", "--lock", "--sweeps", "none")
    assert (2, 1) == (done.code, sum("--lock needs a release" in line for line in done.err.splitlines()))
