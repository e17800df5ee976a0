"""Which alternatives of implementation-defined clauses a target was seen to follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from ..core import Case, Verdict
from ..corpus import Clause
from .record import Record

#: By target and clause, how often each alternative was followed.
Followed: TypeAlias = "dict[str, dict[str, Counter[str]]]"


def followed(verdicts: Iterable[Verdict], cases: Mapping[str, Case], clauses: Mapping[str, Clause]) -> Followed:
    """Count the alternatives that the verdicts name; one that several clauses have alike says nothing about either."""
    found: Followed = {}
    for verdict in verdicts:
        case = cases.get(verdict.case)
        if verdict.alternative and case is not None:
            for clause, name in _named(verdict.alternative, case, clauses):
                found.setdefault(verdict.target, {}).setdefault(clause, Counter())[name] += 1
    return found


def count_alternatives(record: Record, cases: Mapping[str, Case], clauses: Mapping[str, Clause]) -> Followed:
    """Count the alternatives of a record, or return what it counts itself, if it is condensed."""
    if not record.left_out:
        return followed(record.verdicts, cases, clauses)
    return {
        target: {clause: Counter(names) for clause, names in counts.items()}
        for target, counts in record.followed.items()
    }


def inconsistent_targets(found: Followed) -> dict[str, dict[str, Counter[str]]]:
    """Return the targets that follow more than one alternative of a clause, with these clauses."""
    several = {
        target: {clause: names for clause, names in clauses.items() if len(names) > 1}
        for target, clauses in found.items()
    }
    return {target: clauses for target, clauses in several.items() if clauses}


def _named(alternative: str, case: Case, clauses: Mapping[str, Clause]) -> Iterator[tuple[str, str]]:
    """Yield clause and alternative: of `computes` the one clause that has it, of `SAME-4:computes, DTYPE-1:refuses` both."""
    cited = case.choices or case.clauses
    if ":" in alternative:
        pairs = dict(pair.split(":") for pair in alternative.split(", "))
        others = [clauses[clause] for clause in cited if clause in clauses and clause not in pairs]
        yield from (pair for pair in pairs.items() if not _is_shared(clauses.get(pair[0]), pair[1], others))
        return
    having = [clause for clause in cited if clause in clauses and alternative in clauses[clause].alternatives]
    if len(having) == 1:
        yield having[0], alternative


def _is_shared(clause: Clause | None, name: str, others: Iterable[Clause]) -> bool:
    """Say whether another clause refuses by the same twin: `strides: 1` accepted says not which stride was refused."""
    if clause is None or name not in clause.alternatives or not clause.alternatives[name].is_refusal:
        return False
    twin = clause.alternatives[name].twin
    return any(each.is_refusal and each.twin == twin for other in others for each in other.alternatives.values())
