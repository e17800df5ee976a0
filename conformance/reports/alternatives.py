"""The table of clauses that leave a choice, with the alternatives that each target of a record follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..corpus import Corpus
from ..records import Record, alternatives


class Choice(NamedTuple):
    """A row: a clause, and for each target the number of cases by alternative, the most frequent first."""

    clause: str
    sentence: str
    followed: Sequence[Mapping[str, int]]


def table(record: Record, corpus: Corpus) -> Sequence[Choice]:
    """Return one row for each clause whose alternatives a target follows, in the order of the specification."""
    cases = {case.id: case for case in corpus.cases}
    found = alternatives.count_alternatives(record, cases, corpus.clauses)
    rows = [
        Choice(clause.id, clause.sentence, [_ordered(found, info.name, clause.id) for info in record.targets])
        for clause in corpus.clauses.values()
        if clause.alternatives
    ]
    return [row for row in rows if any(row.followed)]


def _ordered(found: alternatives.Followed, target: str, clause: str) -> Mapping[str, int]:
    counts = found.get(target, {}).get(clause)
    return dict(counts.most_common()) if counts else {}
