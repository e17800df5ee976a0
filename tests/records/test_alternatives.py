"""Which alternatives targets follow, and who follows several."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from conv_conformance import corpus
from conv_conformance.core.verdict import Verdict
from conv_conformance.records.alternatives import followed, inconsistent_targets


def verdict(case: str, alternative: str | None, target: str = "t") -> Verdict:
    return Verdict(case=case, target=target, verdict="agree", alternative=alternative)


def test_a_literal_case_tells_of_the_clause_that_has_the_alternative() -> None:
    """An alternative counts for the cited clause that has it; a verdict without one counts for nothing."""
    loaded = corpus.load(sweeps="quick")
    cases = {case.id: case for case in loaded.cases}
    literal = next(case for case in loaded.cases if "SAME-4" in case.clauses and not case.sweep)
    said = [verdict(literal.id, "computes"), verdict(literal.id, None), verdict("no.such-case", "computes")]
    assert followed(said, cases, loaded.clauses) == {"t": {"SAME-4": Counter(computes=1)}}


def test_several_clauses_are_named_with_their_alternatives() -> None:
    """Where several clauses apply, the alternative names each of them."""
    loaded = corpus.load()
    cases = {case.id: case for case in loaded.cases}
    said = [verdict(loaded.cases[0].id, "SAME-4:computes, DTYPE-INT8:refuses")]
    assert followed(said, cases, loaded.clauses) == {
        "t": {"SAME-4": Counter(computes=1), "DTYPE-INT8": Counter(refuses=1)}
    }


def test_a_refusal_that_several_clauses_explain_says_nothing() -> None:
    """With strides and dilations under `same`, that `strides: 1` is accepted does not tell SAME-4 from STRIDE-2."""
    loaded = corpus.load()
    case = replace(loaded.cases[0], choices=("SAME-4", "STRIDE-2", "DTYPE-INT8"))
    cases = {case.id: case}
    said = [verdict(case.id, "SAME-4:refuses"), verdict(case.id, "SAME-4:computes, STRIDE-2:computes")]
    assert followed(said, cases, loaded.clauses) == {
        "t": {"SAME-4": Counter(computes=1), "STRIDE-2": Counter(computes=1)}
    }
    told = [verdict(case.id, "DTYPE-INT8:refuses"), verdict(case.id, "SAME-4:refuses, STRIDE-2:computes")]
    assert followed(told, cases, loaded.clauses)["t"] == {
        "DTYPE-INT8": Counter(refuses=1),
        "SAME-4": Counter(refuses=1),
        "STRIDE-2": Counter(computes=1),
    }


def test_who_follows_several_alternatives_is_inconsistent() -> None:
    """One alternative however often is consistent, two of one clause are not."""
    found = {
        "steady": {"SAME-4": Counter(computes=9)},
        "unsteady": {"SAME-4": Counter(computes=9, refuses=1), "NAN-3": Counter(skipped=1)},
    }
    assert inconsistent_targets(found) == {"unsteady": {"SAME-4": Counter(computes=9, refuses=1)}}
