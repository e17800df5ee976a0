"""Re-apply a ledger to a record: the observations stay, but `known` and `fixed` verdicts change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..core import Case, Verdict
from .ledger import Ledger
from .record import Record


def held(record: Record, cases: Mapping[str, Case], ledger: Ledger) -> Record:
    """
    Return the record with the `known` and `fixed` verdicts that `ledger` implies.

    A verdict on a case that is not in `cases` becomes neither `known` nor `fixed`. The groups are removed, because they
    depend on the ledger entries. If an entry has a condition on an environment variable that the record does not
    contain, the variable of this process is used.
    """
    flags = record.header["platform"]["flags"]
    ledgers = {info.name: ledger.of(info, flags) for info in record.targets}
    verdict_of = {entry.id: entry.verdict for entry in ledger.entries}
    verdicts = []
    for verdict in record.verdicts:
        bare = observed(verdict, verdict_of)
        case = cases.get(verdict.case)
        verdicts.append(bare if case is None else ledgers[verdict.target].apply(bare, case))
    return replace(record, verdicts=tuple(verdicts), groups=())


def observed(verdict: Verdict, named: Mapping[str, str]) -> Verdict:
    """Return the verdict as it was before a ledger was applied; `named` maps each entry's id to the entry's verdict."""
    if verdict.verdict == "fixed":
        return replace(verdict, verdict="agree", known=None, message="")
    if verdict.verdict != "known":
        return verdict
    # Neither a crash nor a timeout has a finding, so only the ledger entry distinguishes a crash from a timeout.
    unobserved = named.get(verdict.known or "", "crash")
    return replace(verdict, verdict="disagree" if verdict.finding is not None else unobserved, known=None)
