"""Drafts of the ledger: what a run found becomes entries that know it, and a person has to write the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conv_conformance.analysis.failure_groups import grouped
from conv_conformance.analysis.ledger_drafts import ledger_draft
from conv_conformance.calls.condition import condition_of
from conv_conformance.calls.features import features_of
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.records.ledger import DRAFT_TEXT, Ledger
from conv_conformance.records.ledger_files import load
from conv_conformance.records.record import Record, TargetInfo

from .test_failure_groups import CASES, LAYER, TARGET, failing

FINDING = Finding(kind="values", message="6, expected 7")
WRONG = Verdict(
    case="a.first", target="torch", verdict="disagree", finding=FINDING, message="6", output_sha256="ab" * 32
)
AGREES = replace(WRONG, verdict="agree", finding=None, message="")


def drafted(verdicts: Sequence[Verdict], *targets: TargetInfo) -> str:
    record = Record(header={}, targets=targets or (TARGET,), verdicts=verdicts, is_complete=True)
    return ledger_draft(grouped(record, CASES), "2026-01-01")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known.yaml"


def read(path: Path, text: str) -> Ledger:
    path.write_text(text)
    return load([path])


def judged(ledger: Ledger, verdicts: Sequence[Verdict], target: TargetInfo = TARGET) -> list[str]:
    """Return what the ledger makes of verdicts; of cases that are not drawn it may ask no call."""
    mine, unasked = ledger.of(target, ()), replace(next(iter(CASES.values())), build_call=NotImplemented)
    cases = [CASES.get(each.case, replace(unasked, id=each.case)) for each in verdicts]
    return [mine.apply(each, case).verdict for each, case in zip(verdicts, cases, strict=True)]


def test_draft_is_a_ledger_that_knows_the_run(path: Path) -> None:
    """A draft loads, makes everything of its run known, and asks a person for reason, link and script."""
    found = [
        WRONG,
        replace(WRONG, case="a.second", output_sha256="ef" * 32),
        replace(WRONG, case='conv."quoted"\\[x=1]', message='said "no"\n: # {'),
        replace(WRONG, case="d", verdict="crash", finding=None, output_sha256=None),
        replace(WRONG, case="e", finding=Finding(kind="refused", message="no"), output_sha256=None),
        replace(WRONG, case="f", finding=replace(FINDING, where="gradient.kernel")),
        AGREES,
        replace(AGREES, verdict="unsupported"),
    ]
    text = drafted(found)
    ledger = read(path, text)
    assert [entry.id for entry in ledger.entries] == [
        "torch.values",
        "torch.gradient-kernel-values",
        "torch.crash",
        "torch.refused",
    ]
    assert judged(ledger, found[:6]) == ["known"] * 6
    assert judged(ledger, [replace(WRONG, output_sha256="00" * 32)]) == ["disagree"]
    assert text.count(DRAFT_TEXT) == 12


def test_many_calls_are_named_by_their_condition(path: Path) -> None:
    """A fault of many calls is one entry for all targets of a framework, with sweep patterns and a condition."""
    condition = condition_of({"padding": "same", "grouped": True, "batch": ">=2"})
    verdicts = [verdict for name in ("torch", "torch+layer") for verdict in failing(condition.holds, name)]
    [entry] = read(path, drafted(verdicts, TARGET, LAYER)).entries
    assert (entry.cases, entry.targets, entry.calls, entry.partly, entry.outputs) == (
        ("drawn[*",),
        ("torch", "torch+layer"),
        condition,
        False,
        {},
    )
    known = Ledger(entries=(entry,))
    for target in (TARGET, LAYER):
        mine = [verdict for verdict in verdicts if verdict.target == target.name]
        said = ["known" if verdict.verdict == "disagree" else "agree" for verdict in mine]
        assert judged(known, mine, target) == said


def test_condition_under_which_some_calls_agree_is_partly_so(path: Path) -> None:
    """What a condition does not tell apart is said with its counts, and agreement is no news then."""
    condition = condition_of({"rank": 3, "dtype": ["float32", "int8"]})
    flips = iter(range(10_000))
    verdicts = failing(lambda found: condition.holds(found) and next(flips) % 2 == 0)
    text = drafted(verdicts)
    [entry] = read(path, text).entries
    seen = sum(verdict.verdict == "disagree" for verdict in verdicts)
    count = sum(condition.holds(features_of(case)) for case in CASES.values())
    assert (entry.partly, f"partly: {{seen: {seen}, of: {count}}}" in text) == (True, True)
    assert "fixed" not in judged(Ledger(entries=(entry,)), verdicts)


def test_groups_of_one_kind_have_ids_of_their_own(path: Path) -> None:
    """Two faults of a target are two entries, the second with a number."""
    one, other = condition_of({"padding": "same", "strided": True}), condition_of({"dtype": "int8", "rank": 3})
    ledger = read(path, drafted(failing(lambda found: one.holds(found) or other.holds(found))))
    assert [(entry.id, entry.calls) for entry in ledger.entries] == [("torch.values", one), ("torch.values-2", other)]


@pytest.mark.parametrize("verdict", ["known", "suite-error", "fixed"])
def test_what_is_known_or_our_own_fault_is_not_drafted(path: Path, verdict: str) -> None:
    """The ledger needs no second entry for what it knows, and none for what is not a framework's."""
    known = replace(WRONG, verdict=verdict, known="torch.a" if verdict == "known" else None)
    assert read(path, drafted([known])).entries == ()


@pytest.mark.parametrize("version", ["?", "trunk"])
def test_draft_speaks_of_a_framework_without_version(path: Path, version: str) -> None:
    """Where a framework tells no version, or none in the usual form, the draft is about every version."""
    target = replace(TARGET, version=version)
    assert judged(read(path, drafted([WRONG], target)), [WRONG], target) == ["known"]


def test_draft_of_nothing_is_an_empty_ledger(path: Path) -> None:
    """Where nothing is unexpected, the draft is a file without entries that loads."""
    assert read(path, drafted([AGREES])).entries == ()
