"""The ledger: an entry hides exactly what it says, and its files are read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conv_conformance import corpus
from conv_conformance.calls.condition import Condition
from conv_conformance.calls.features import FeatureValue
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.problem import Invalid
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.records.ledger import DRAFT_TEXT, Entry, Ledger
from conv_conformance.records.ledger_files import load, shipped
from conv_conformance.records.record import TargetInfo
from packaging.specifiers import SpecifierSet

from ..support.builders import call_of
from ..support.zoo import case_of, outputs

TARGET = TargetInfo(name="torch+layer", framework="torch", version="2.13.0+cpu", settings={"tf32": "off"})
WRONG = Verdict(
    case="conv1d.same.even[length=5]",
    target="torch+layer",
    verdict="disagree",
    finding=Finding(kind="values", message="6, expected 7"),
    message="6, expected 7",
    output_sha256="ab" * 32,
)
AGREES = replace(WRONG, verdict="agree", finding=None, message="")
ENTRY = Entry(
    id="torch.same",
    cases=("conv1d.same.*",),
    targets=("torch*",),
    versions=SpecifierSet(">=2.10,<2.15"),
    verdict="disagree",
    kinds=("values",),
    reason="low and high pads change places",
    link="https://example.org/1",
    since="2026-01-01",
    triage="print(1)",
)


CALL = call_of("conv", [[[1], [2], [3]]], [[[1]], [[2]]], padding="same", strides=3)


def unasked() -> Call:
    raise AssertionError("nobody says anything of its call")


def case(verdict: Verdict, build_call: Callable[[], Call] = unasked) -> Case:
    return replace(case_of(verdict.case, CALL, outputs([])), build_call=build_call)


def judged(ledger: Ledger, verdict: Verdict, build_call: Callable[[], Call] = unasked) -> Verdict:
    return ledger.apply(verdict, case(verdict, build_call))


def stale(ledger: Ledger, verdict: Verdict, build_call: Callable[[], Call] = unasked) -> list[Entry]:
    return ledger.stale([(verdict, case(verdict, build_call))])


def applied(entry: Entry, verdict: Verdict, target: TargetInfo = TARGET, flags: tuple[str, ...] = ("avx2",)) -> str:
    return judged(Ledger(entries=(entry,)).of(target, flags), verdict).verdict


def test_known_fault_is_known() -> None:
    """A verdict that is exactly what an entry says becomes `known`, keeps its finding, and names the entry."""
    known = judged(Ledger(entries=(ENTRY,)).of(TARGET, ()), WRONG)
    assert known == replace(WRONG, verdict="known", known="torch.same")


def test_fault_that_is_gone_is_fixed() -> None:
    """A case that agrees where the ledger says that it would not is `fixed`."""
    fixed = judged(Ledger(entries=(ENTRY,)).of(TARGET, ()), AGREES)
    assert (fixed.verdict, fixed.known, fixed.message) == (
        "fixed",
        "torch.same",
        "the ledger entry torch.same expects a failure here",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": ("shape",)},
        {"kinds": ()},
        {"where": "gradient.kernel"},
        {"where": "second.kernel"},
        {"verdict": "crash", "kinds": ()},
        {"outputs": {WRONG.case: "cd" * 32}},
        {"outputs": {WRONG.case: "0a" * 32}},
        {"cases": ("conv2d.same.*",)},
        {"cases": ("conv1d.same.even[length=[5]]",)},
        {"targets": ("torch",)},
        {"versions": SpecifierSet("<2.13")},
        {"when": {"cpu": "avx512f"}},
        {"when": {"not_cpu": "avx2"}},
        {"when": {"device": "cuda"}},
        {"when": {"environment": {"CONV_TEST": "1"}}},
        {"when": {"settings": {"tf32": "on"}}},
        {"when": {"cpu": "avx2", "device": "cuda"}},
    ],
    ids=str,
)
def test_entry_that_says_something_else_hides_nothing(change: Mapping[str, Any]) -> None:
    """Another kind, place, verdict, output, case, target, version or condition leaves the fault in sight."""
    assert applied(replace(ENTRY, **change), WRONG) == "disagree"


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": {WRONG.case: "ab" * 32}},
        {"outputs": {"another.case": "cd" * 32}},
        {"cases": ("other", "conv1d.same.even[length=?]")},
        {"versions": SpecifierSet("==2.13.0")},
        {"versions": SpecifierSet("")},
        {"when": {"cpu": "avx2", "not_cpu": "amx_bf16", "device": "cpu"}},
        {"when": {"environment": {"CONV_TEST": ""}}},
        {"when": {"settings": {"tf32": "off"}}},
    ],
    ids=str,
)
def test_entry_that_says_so_in_other_words_is_known(change: Mapping[str, Any]) -> None:
    """Patterns, ranges and conditions that hold speak of the fault."""
    assert applied(replace(ENTRY, **change), WRONG) == "known"


def test_the_settings_of_a_record_are_those_of_an_entry(tmp_path: Path) -> None:
    """Both are read from files, so that equal texts are two objects."""
    [entry] = read(tmp_path, TEXT.replace("when: {cpu: avx2, ", "when: {settings: {tf32: off-by-flag}, ")).entries
    for said, is_meant in (("off-by-flag", True), ("off", False), ("on", False)):
        target = replace(TARGET, settings=json.loads(f'{{"tf32": "{said}", "TF_ENABLE_ONEDNN_OPTS": "0"}}'))
        assert entry.speaks_of(target, ()) is is_meant


def test_a_draft_names_what_a_person_must_write() -> None:
    """The fields that hold the placeholder, alone or in a longer text."""
    assert ENTRY.unwritten == []
    assert replace(ENTRY, reason=DRAFT_TEXT, triage=f"# {DRAFT_TEXT}").unwritten == ["reason", "triage"]


def test_environment_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set decides which entries speak."""
    entry = replace(ENTRY, when={"environment": {"CONV_TEST": "1"}})
    monkeypatch.setenv("CONV_TEST", "1")
    assert applied(entry, WRONG) == "known"
    monkeypatch.setenv("CONV_TEST", "0")
    assert applied(entry, WRONG) == "disagree"


@pytest.mark.parametrize(
    ("version", "is_meant"),
    [("2.9", False), ("2.10.0", True), ("2.14.0.dev20260101", True), ("2.15.0", False), ("?", False), ("trunk", False)],
)
def test_versions_are_a_range(version: str, is_meant: bool) -> None:
    """Nightly builds count as versions; what is no version is in no range."""
    assert ENTRY.speaks_of(replace(TARGET, version=version), ()) is is_meant
    assert replace(ENTRY, versions=SpecifierSet()).speaks_of(replace(TARGET, version=version), ())


@pytest.mark.parametrize("verdict", ["crash", "timeout"])
def test_death_can_be_known(verdict: str) -> None:
    """A crash or timeout has no kind and no output, and is known by its verdict."""
    died = Verdict(case=WRONG.case, target="torch+layer", verdict=verdict)
    assert applied(replace(ENTRY, verdict=verdict, kinds=()), died) == "known"
    assert applied(ENTRY, died) == verdict


@pytest.mark.parametrize("verdict", ["unsupported", "not-run", "suite-error"])
def test_some_verdicts_are_none_of_the_ledgers(verdict: str) -> None:
    """What is out of scope, or our own fault, is never known and never fixed."""
    assert applied(ENTRY, Verdict(case=WRONG.case, target="torch+layer", verdict=verdict)) == verdict


def test_intermittent_fault_is_known_or_agrees() -> None:
    """What shows only sometimes is known when it does, and no news when it does not."""
    entry = replace(ENTRY, intermittent=True)
    assert (applied(entry, WRONG), applied(entry, AGREES)) == ("known", "agree")
    assert stale(Ledger(entries=(entry,)), AGREES) == []


def test_later_entry_may_know_what_the_first_does_not() -> None:
    """An entry that covers the case and says something else does not stand in the way of one that says so."""
    ledger = Ledger(entries=(replace(ENTRY, id="a", kinds=("shape",)), replace(ENTRY, id="b")))
    assert judged(ledger, WRONG).known == "b"


def test_stale_entry_speaks_of_what_was_run() -> None:
    """Stale is what nothing bears out of all that was run; an entry about what was not run is not."""
    ledger = Ledger(entries=(ENTRY,))
    known, other = judged(ledger, WRONG), replace(AGREES, case="conv1d.same.odd")
    assert stale(ledger, known) == []
    assert stale(ledger, AGREES) == [ENTRY]
    assert stale(ledger, judged(ledger, AGREES)) == [ENTRY]
    assert ledger.stale([(known, case(known)), (other, case(other))]) == []
    assert stale(ledger, replace(AGREES, case="conv2d.valid")) == []
    assert stale(ledger, replace(AGREES, verdict="unsupported")) == []
    assert stale(ledger, replace(AGREES, verdict="not-run")) == []


# --- what the calls are like


@pytest.mark.parametrize(
    ("calls", "verdict"),
    [
        ({"padding": ("same",), "stride-past-the-window": (True,)}, "known"),
        ({"rank": (2, 1), "grouped": (False,)}, "known"),
        ({"stride": (">=3",), "length": ("<=3",), "multiplier": (1, False)}, "known"),
        ({"padding": ("valid", "same_lower"), "stride-past-the-window": (True,)}, "disagree"),
        ({"padding": ("same",), "stride-past-the-window": (False,)}, "disagree"),
        ({"stride": (">=4",)}, "disagree"),
        ({"length": ("<=2", 4)}, "disagree"),
        ({"multiplier": (0,)}, "disagree"),
        ({"groups": (True,)}, "disagree"),
    ],
    ids=str,
)
def test_entry_may_say_what_the_calls_are_like(calls: Mapping[str, tuple[FeatureValue, ...]], verdict: str) -> None:
    """Besides the id, every feature must have one of its values; what is not there is false, and neither 0 nor 1."""
    ledger = Ledger(entries=(replace(ENTRY, calls=Condition(wanted=calls)),))
    assert judged(ledger, WRONG, lambda: CALL).verdict == verdict


def test_call_is_asked_for_where_the_id_fits() -> None:
    """No call is built for an entry whose patterns do not fit, nor for a verdict that is none of the ledger's."""
    ledger = Ledger(entries=(replace(ENTRY, calls=Condition(wanted={"rank": (1,)})),))
    assert judged(ledger, replace(WRONG, case="another")).verdict == "disagree"
    assert judged(ledger, replace(AGREES, verdict="unsupported")).verdict == "unsupported"
    with pytest.raises(AssertionError):
        judged(ledger, WRONG)


def test_agreement_under_the_condition_is_fixed_unless_it_acts_on_some_calls_only() -> None:
    """`partly` says that other such calls agree: then agreement is no news, but an entry without a fault is stale."""
    entry = replace(ENTRY, calls=Condition(wanted={"padding": ("same",)}))
    ledger, partly = Ledger(entries=(entry,)), Ledger(entries=(replace(entry, partly=True),))
    assert judged(ledger, AGREES, lambda: CALL).verdict == "fixed"
    assert judged(partly, AGREES, lambda: CALL).verdict == "agree"
    assert judged(partly, WRONG, lambda: CALL).verdict == "known"
    assert stale(partly, AGREES, lambda: CALL) == list(partly.entries)
    assert stale(partly, AGREES, lambda: call_of("conv", [[[1]]], [[[1]]])) == []


# --- its files

TEXT = """\
about: What torch gets wrong.
entries:
  - id: torch.same
    cases: ["conv1d.same.*"]
    calls: {op: conv, rank: [1, 2], stride: ">=2", strided: true, padding: [same, same_lower]}
    partly: {seen: 37, of: 120}
    targets: ["torch*"]
    versions: ">=2.10,<2.15"
    when: {cpu: avx2, environment: {TF_ENABLE_ONEDNN_OPTS: "0"}}
    intermittent: {seen: 3, of: 10}
    is:
      verdict: disagree
      kind: values
      outputs: {"conv1d.same.even[length=5]": abab}
    contradicts: [SAME-2, SAME-5]
    reason: low and high pads change places
    link: https://example.org/1
    issue: https://example.org/issues/2
    since: "2026-01-01"
    triage: |
      import torch
      print(torch)
"""


def read(tmp_path: Path, text: str) -> Ledger:
    path = tmp_path / "known.yaml"
    path.write_text(text)
    return load([path])


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(Invalid) as found:
        read(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in found.value.problems]


def test_every_entry_of_a_file_is_read(tmp_path: Path) -> None:
    """A file says everything that an entry can hold."""
    [entry] = read(tmp_path, TEXT).entries
    assert entry == replace(
        ENTRY,
        when={"cpu": "avx2", "environment": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
        outputs={"conv1d.same.even[length=5]": "abab"},
        calls=Condition(
            wanted={
                "op": ("conv",),
                "rank": (1, 2),
                "stride": (">=2",),
                "strided": (True,),
                "padding": ("same", "same_lower"),
            }
        ),
        partly=True,
        intermittent=True,
        contradicts=("SAME-2", "SAME-5"),
        issue="https://example.org/issues/2",
        triage="import torch\nprint(torch)",
        path=str(tmp_path / "known.yaml"),
        line=3,
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("    reason: low and high pads change places\n", "", "known.yaml:3:5: missing key 'reason'"),
        ("reason:", "raeson:", "known.yaml:16:5: unknown key 'raeson' (did you mean 'reason'?)"),
        ("verdict: disagree", "verdict: agree", "known.yaml:12:16: "),
        ("verdict: disagree", "verdict: disagre", "did you mean 'disagree'?"),
        ("kind: values", "kind: value", "known.yaml:13:13: "),
        ("kind: values", "kind: [values, value]", "known.yaml:13:22: "),
        ("      kind: values\n", "", "known.yaml:12:7: a disagreement needs a kind"),
        ('">=2.10,<2.15"', '"2.10 to 2.15"', "known.yaml:8:15: Invalid specifier"),
        ("cpu: avx2", "gpu: avx2", "known.yaml:9:12: unknown key 'gpu'"),
        (
            "{seen: 3, of: 10}",
            "{seen: 3}",
            "known.yaml:10:19: expected the keys `seen` and `of` (write {seen: 3, of: 10})",
        ),
        ("{seen: 3, of: 10}", "{seen: 11, of: 10}", "known.yaml:10:19: seen in 11 of 10 runs"),
        ("rank: [", "rnak: [", "known.yaml:5:23: unknown key 'rnak' (did you mean 'rank'?)"),
        ("padding: [same", "padding: [smae", "known.yaml:5:77: unknown value 'smae' (did you mean 'same'?)"),
        ("strided: true", "strided: truly", "known.yaml:5:61: unknown truth value 'truly' (did you mean 'true'?)"),
        ("strided: true", "strided: yes", "known.yaml:5:61: some YAML parsers read yes as a boolean"),
        ("reason: low and high pads change places", "reason: true", "known.yaml:16:13: expected a text, not true"),
        ("rank: [1, 2]", "rank: [1, two]", "known.yaml:5:33: expected an integer, not 'two'"),
        ('stride: ">=2"', 'stride: ">2"', "known.yaml:5:45: expected an integer, not '>2' (write 17, or a bound: "),
        ("padding: [same, same_lower]", "padding: []", "known.yaml:5:76: the list of values is empty"),
        ("{op: conv, rank", "{}  # {op: conv, rank", "known.yaml:5:12: `calls` names no feature (leave `calls` out)"),
        ("{seen: 37, of: 120}", "{seen: 0, of: 120}", "known.yaml:6:13: seen in 0 of 120 calls"),
        ('["conv1d.same.*"]', "conv1d.same.*", "known.yaml:4:12: "),
        ("- id: torch.same", "- id: torch.same\n    id: again", "known.yaml:4:5: "),
        ("entries:", "entires:", "known.yaml:2:1: unknown key 'entires' (did you mean 'entries'?)"),
        (TEXT, "", "known.yaml: the file is empty (write `entries: []`)"),
        (TEXT, "entries: 3\n", "known.yaml:1:10: "),
        (TEXT, "entries: [", "known.yaml:2:1: not YAML"),
        ("verdict: disagree", "verdict: crash", "known.yaml:13:13: a crash has no kind"),
    ],
)
def test_fault_of_a_file_is_reported_in_its_place(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Whatever is wrong with a ledger file is said with file, line and column."""
    assert old in TEXT
    found = problems(tmp_path, TEXT.replace(old, new, 1))
    assert [each for each in found if problem in each], found


def test_all_faults_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    """A wrong entry does not hide the next one's faults, nor a wrong file those of another."""
    one, two, none = (tmp_path / name for name in ("one.yaml", "two.yaml", "none.yaml"))
    one.write_text(
        TEXT.replace("kind: values", "kind: value") + TEXT[TEXT.index("  - id") :].replace("id: torch.same", "di: x")
    )
    two.write_text(TEXT.replace("link:", "lnik:"))
    with pytest.raises(Invalid) as found:
        load([one, two, none])
    places = {Path(problem.path).name for problem in found.value.problems}
    assert places == {"one.yaml", "two.yaml", "none.yaml"}
    assert len([problem for problem in found.value.problems if problem.path == str(one)]) >= 2


def test_id_is_used_once(tmp_path: Path) -> None:
    """Two entries of one id are a fault, with the place of the first."""
    twice = TEXT + TEXT[TEXT.index("  - id") :]
    [problem] = problems(tmp_path, twice)
    assert problem == f"known.yaml:23:1: the id 'torch.same' occurs twice (first in {tmp_path}/known.yaml:3)"


def test_shipped_ledger_loads() -> None:
    """The shipped entries are valid, and each names the clauses of the specification that it contradicts."""
    clauses = corpus.load().clauses
    astray = {entry.id: entry.contradicts for entry in load(shipped()).entries if not _is_of(entry, clauses)}
    assert {} == astray


def _is_of(entry: Entry, clauses: Collection[str]) -> bool:
    return bool(entry.contradicts) and set(entry.contradicts) <= set(clauses)


@pytest.mark.parametrize(("kind", "verdict"), [("values", "known"), ("nonfinite", "known"), ("shape", "disagree")])
def test_an_entry_may_know_several_kinds(kind: str, verdict: str) -> None:
    """Memory that nobody wrote to is a number at one time and NaN at another, and never another shape."""
    entry = replace(ENTRY, kinds=("values", "nonfinite"), outputs={})
    wrong = replace(WRONG, finding=Finding(kind=kind, message="memory"))
    assert applied(entry, wrong) == verdict
