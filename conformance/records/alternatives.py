"""Counts of the alternatives of implementation-defined clauses that each target followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from ..core import Case, Verdict
from ..corpus import Clause
from .record import Record

#: `counts[target][clause][alternative]` is the number of cases in which the target followed the alternative.
Followed: TypeAlias = "dict[str, dict[str, Counter[str]]]"


def followed(verdicts: Iterable[Verdict], cases: Mapping[str, Case], clauses: Mapping[str, Clause]) -> Followed:
    """
    Count the alternatives that the verdicts name.

    An alternative that several clauses of a case share is not counted, because the verdict does not show which of these
    clauses applied.
    """
    counts: Followed = {}
    for verdict in verdicts:
        case = cases.get(verdict.case)
        if verdict.alternative and case is not None:
            for clause, name in _named(verdict.alternative, case, clauses):
                counts.setdefault(verdict.target, {}).setdefault(clause, Counter())[name] += 1
    return counts


def count_alternatives(record: Record, cases: Mapping[str, Case], clauses: Mapping[str, Clause]) -> Followed:
    """Count the alternatives that targets followed in a record, or return the counts of a condensed record."""
    if not record.left_out:
        return followed(record.verdicts, cases, clauses)
    return {
        target: {clause: Counter(names) for clause, names in counts.items()}
        for target, counts in record.followed.items()
    }


def inconsistent_targets(counts: Followed) -> dict[str, dict[str, Counter[str]]]:
    """Return, by target, the counts of those clauses of which the target followed several alternatives."""
    several = {
        target: {clause: names for clause, names in clauses.items() if len(names) > 1}
        for target, clauses in counts.items()
    }
    return {target: clauses for target, clauses in several.items() if clauses}


def _named(alternative: str, case: Case, clauses: Mapping[str, Clause]) -> Iterator[tuple[str, str]]:
    """
    Yield pairs of a clause and an alternative.

    The name of an alternative, such as `computes`, is paired with the clause that defines this name, unless several
    clauses of the case define it. `SAME-4:computes, DTYPE-1:refuses` states two pairs.
    """
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
    """
    Return whether the alternative `name` of a clause is a refusal, and another clause has a refusal with the same twin.

    A twin is an accepted call, such as the call with `strides: 1`, that confirms the refusal. If two refusals have the
    same twin, the verdict does not show which clause applied.
    """
    if clause is None or name not in clause.alternatives or not clause.alternatives[name].is_refusal:
        return False
    twin = clause.alternatives[name].twin
    alternatives = (alternative for other in others for alternative in other.alternatives.values())
    return any(alternative.is_refusal and alternative.twin == twin for alternative in alternatives)
