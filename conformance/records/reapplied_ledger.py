"""A record held against another ledger than that of its run: what was observed stays, what is known of it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..core import Case, Verdict
from .ledger import Ledger
from .record import Record


def held(record: Record, cases: Mapping[str, Case], ledger: Ledger) -> Record:
    """
    Return a record whose `known` and `fixed` verdicts are those of a ledger.

    A verdict on a case that is not among `cases` loses what was known of it, and no groups are left, for what is known
    is grouped by its entry.
    Conditions on the environment are asked of this process, for a record does not hold all of it.
    """
    flags = record.header["platform"]["flags"]
    of = {info.name: ledger.of(info, flags) for info in record.targets}
    named = {entry.id: entry.verdict for entry in ledger.entries}
    verdicts = []
    for verdict in record.verdicts:
        bare = observed(verdict, named)
        case = cases.get(verdict.case)
        verdicts.append(bare if case is None else of[verdict.target].apply(bare, case))
    return replace(record, verdicts=tuple(verdicts), groups=())


def observed(verdict: Verdict, named: Mapping[str, str]) -> Verdict:
    """Return a verdict without the ledger's opinion; `named` has the verdicts that its entries speak of, by their ids."""
    if verdict.verdict == "fixed":
        return replace(verdict, verdict="agree", known=None, message="")
    if verdict.verdict != "known":
        return verdict
    # A death leaves no finding; the record says which one only by the entry that knew of it.
    death = named.get(verdict.known or "", "crash")
    return replace(verdict, verdict="disagree" if verdict.finding is not None else death, known=None)
