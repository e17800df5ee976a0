"""A record held against another ledger: the observations stay, what is known of them changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conv_conformance.analysis.failure_groups import grouped
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.records.ledger import Entry, Ledger
from conv_conformance.records.reapplied_ledger import held
from conv_conformance.records.record import Record, TargetInfo
from packaging.specifiers import SpecifierSet

from ..support.builders import call_of
from ..support.zoo import case_of, outputs

CALL = call_of("conv", [[[1], [2], [3]]], [[[1]], [[2]]])
CASES = {name: case_of(name, CALL, outputs([])) for name in ("a.one", "a.two", "a.three")}
ENTRY = Entry(
    id="torch.wrong",
    cases=("a.one", "a.two"),
    targets=("torch",),
    versions=SpecifierSet(">=2"),
    verdict="disagree",
    kinds=("values",),
    when={"cpu": "avx2"},
    reason="",
    link="",
    since="",
    triage="",
)
DIES = replace(ENTRY, id="torch.dies", cases=("a.three",), verdict="timeout", kinds=())
HEADER = {"platform": {"flags": ["avx2"]}}
WRONG = Verdict(
    case="a.one",
    target="torch",
    verdict="disagree",
    message="6, expected 7",
    finding=Finding(kind="values", message="6, expected 7"),
)
AGREES = Verdict(case="a.two", target="torch", verdict="agree")
DEAD = Verdict(case="a.three", target="torch", verdict="timeout", message="no end within 60 s")


def record(*verdicts: Verdict, flags: list[str] | None = None) -> Record:
    """Return a record of one run of torch 2.1."""
    header = HEADER if flags is None else {"platform": {"flags": flags}}
    return Record(header=header, targets=[TargetInfo(name="torch", version="2.1")], verdicts=verdicts, is_complete=True)


def said(whole: Record) -> list[tuple[str, str | None]]:
    """Return the verdicts with the entries that they name."""
    return [(verdict.verdict, verdict.known) for verdict in whole.verdicts]


def test_what_nobody_knew_becomes_known() -> None:
    """Of a run without a ledger, the one of today knows the disagreement, the death, and what no longer is."""
    whole = held(record(WRONG, AGREES, DEAD), CASES, Ledger(entries=(ENTRY, DIES)))
    assert [("known", "torch.wrong"), ("fixed", "torch.wrong"), ("known", "torch.dies")] == said(whole)


def test_what_was_known_is_no_longer() -> None:
    """Without a ledger, the verdicts are what was observed: the finding, the agreement, the death."""
    before = held(record(WRONG, AGREES, DEAD), CASES, Ledger(entries=(ENTRY, DIES)))
    kept = Ledger(entries=(replace(DIES, cases=("b.*",)),))
    assert [("disagree", None), ("agree", None), ("timeout", None)] == said(held(before, CASES, kept))
    assert WRONG == held(before, CASES, kept).verdicts[0]


def test_groups_of_another_ledger_are_let_go_of() -> None:
    """What was grouped by the entries of the run's ledger has to be grouped anew."""
    whole = grouped(record(WRONG), CASES)
    assert (len(whole.groups), held(whole, CASES, Ledger(entries=(ENTRY,))).groups) == (1, ())


@pytest.mark.parametrize(
    ("entry", "flags"), [(ENTRY, ["avx512f"]), (replace(ENTRY, versions=SpecifierSet("<2")), ["avx2"])]
)
def test_conditions_are_those_of_the_record(entry: Entry, flags: list[str]) -> None:
    """The machine and the version are the record's, not this process'."""
    assert [("disagree", None)] == said(held(record(WRONG, flags=flags), CASES, Ledger(entries=(entry,))))


def test_of_a_case_that_is_gone_nothing_is_known() -> None:
    """Its verdict stays as it was observed."""
    assert [("disagree", None)] == said(held(record(WRONG), {}, Ledger(entries=(ENTRY,))))
