"""The alternatives of implementation-defined clauses that targets followed in a run, and conditions of rarer ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from conv_conformance.analysis.condition_search import Search, Table
from conv_conformance.calls.case_features import CaseFeatures
from conv_conformance.calls.features import features_of
from conv_conformance.core.case import Case
from conv_conformance.core.verdict import Verdict
from conv_conformance.corpus.clauses import Clause
from conv_conformance.records.alternatives import followed
from conv_conformance.records.record import Record

from .recorded_run import count

#: The number of literal cases named for a rarer alternative, the smallest first; if there are none, 1 point of a sweep.
NAMED = 3
#: The largest number of conditions that may separate the cases of a rarer alternative from the others.
CONDITIONS = 2

#: By clause, target and alternative, the cases in which the target followed it.
Seen: TypeAlias = "dict[str, dict[str, dict[str, list[Case]]]]"


def choices(record: Record, cases: Mapping[str, Case], clauses: Mapping[str, Clause]) -> dict[str, dict[str, Any]]:
    """
    Return, by clause and target, the count of each alternative, and the condition and cases of the rarer ones.

    A target that followed none has `unsaid` instead: the count of the clause's cases that it cannot express.
    """
    seen = _seen(record.verdicts, cases, clauses)
    return {clause: dict(_of_clause(seen[clause], record, cases)) for clause in clauses if clause in seen}


def _seen(verdicts: Sequence[Verdict], cases: Mapping[str, Case], clauses: Mapping[str, Clause]) -> Seen:
    found: Seen = {}
    for verdict in verdicts:
        for of_target in followed([verdict], cases, clauses).values():
            for clause, names in of_target.items():
                of_clause = found.setdefault(clause, {}).setdefault(verdict.target, {})
                for name in names:
                    of_clause.setdefault(name, []).append(cases[verdict.case])
    return found


def _of_clause(
    seen: Mapping[str, Mapping[str, list[Case]]], record: Record, cases: Mapping[str, Case]
) -> Iterator[tuple[str, dict[str, Any]]]:
    asked = {case.id for of_target in seen.values() for some in of_target.values() for case in some}
    unsaid: dict[str, list[Case]] = {}
    for verdict in record.verdicts:
        if verdict.case in asked and verdict.verdict == "unsupported":
            unsaid.setdefault(verdict.target, []).append(cases[verdict.case])
    for target in (info.name for info in record.targets):
        if target in seen:
            ordered = sorted(seen[target].items(), key=lambda item: -len(item[1]))
            (_, common), *others = ordered
            rarer = [{"alternative": name, **_rarer(some, common)} for name, some in others]
            yield target, {"followed": {name: count(some) for name, some in ordered}, "rarer": rarer}
        elif target in unsaid:
            yield target, {"unsaid": count(unsaid[target])}


def _rarer(rare: Sequence[Case], common: Sequence[Case]) -> dict[str, Any]:
    literal = [case.id for case in rare if not case.sweep]
    ordered = CaseFeatures({case.id: case for case in rare}).by_size(literal or [case.id for case in rare])
    return {"where": _where(rare, common), "cases": list(ordered[: NAMED if literal else 1])}


def _where(rare: Sequence[Case], common: Sequence[Case]) -> str:
    """Return the condition that separates the rare cases from the common ones; empty if no simple one does."""
    table = Table([features_of(case) for case in (*rare, *common)])
    rows = np.arange(len(rare), len(rare) + len(common))
    parts = Search(table, rows).parts(range(len(rare)))
    is_obvious = len(parts) <= CONDITIONS and not any(part.others for part in parts)
    return "; or ".join(part.condition.text for part in parts) if is_obvious else ""
