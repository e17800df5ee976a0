"""
Which alternatives targets follow, and who follows several.
"""

from __future__ import annotations

from collections import Counter

from conv_conformance import corpus
from conv_conformance.alternatives import followed, inconsistent
from conv_conformance.verdict import Verdict


def verdict(case: str, alternative: str | None, target: str = "t") -> Verdict:
    return Verdict(case=case, target=target, verdict="agree", alternative=alternative)


def test_a_literal_case_tells_of_the_clause_that_has_the_alternative() -> None:
    """
    An alternative counts for the cited clause that has it; a verdict without one counts for nothing.
    """
    loaded = corpus.load(sweeps="quick")
    cases = {case.id: case for case in loaded.cases}
    literal = next(case for case in loaded.cases if "SAME-4" in case.clauses and not case.sweep)
    said = [verdict(literal.id, "computes"), verdict(literal.id, None), verdict("no.such-case", "computes")]
    assert followed(said, cases, loaded.clauses) == {"t": {"SAME-4": Counter(computes=1)}}


def test_several_clauses_are_named_with_their_alternatives() -> None:
    """
    Where several clauses apply, the alternative names each of them.
    """
    loaded = corpus.load()
    cases = {case.id: case for case in loaded.cases}
    said = [verdict(loaded.cases[0].id, "SAME-4:computes, DTYPE-INT8:refuses")]
    assert followed(said, cases, loaded.clauses) == {
        "t": {"SAME-4": Counter(computes=1), "DTYPE-INT8": Counter(refuses=1)}
    }


def test_who_follows_several_alternatives_is_inconsistent() -> None:
    """
    One alternative however often is consistent, two of one clause are not.
    """
    found = {
        "steady": {"SAME-4": Counter(computes=9)},
        "unsteady": {"SAME-4": Counter(computes=9, refuses=1), "NAN-3": Counter(skipped=1)},
    }
    assert inconsistent(found) == {"unsteady": {"SAME-4": Counter(computes=9, refuses=1)}}
