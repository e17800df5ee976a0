"""A group of failing calls: which verdicts belong to it, and what it says of its condition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conv_conformance.calls.condition import condition_of
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.records.failure_group import Group, GroupCounts

GROUP = Group(
    targets={"torch": GroupCounts(1, 1)}, verdict="known", kind="shape", where="gradient.input", known="m", cases=("b",)
)
LIKE = Verdict(
    case="b",
    target="torch",
    verdict="known",
    known="m",
    finding=Finding(kind="shape", message="", where="gradient.input"),
)


def test_a_verdict_is_like_the_group_that_has_its_kind() -> None:
    """The same verdict, entry, kind and array; a crash has no finding, and is like a group without kind."""
    assert GROUP.is_like(LIKE)
    crashes = Group(targets={"torch": GroupCounts(1, 1)}, verdict="crash", cases=("b",))
    assert crashes.is_like(Verdict(case="c", target="jax", verdict="crash"))
    assert not crashes.is_like(Verdict(case="c", target="jax", verdict="timeout"))


@pytest.mark.parametrize(
    "change",
    [
        *({"verdict": verdict} for verdict in ("disagree", "timeout")),
        *({"known": known} for known in ("a", "z")),
        *({"finding": Finding(kind=kind, message="", where="gradient.input")} for kind in ("dtype", "values")),
        *({"finding": Finding(kind="shape", message="", where=where)} for where in ("gradient.bias", "output")),
    ],
    ids=str,
)
def test_a_verdict_that_differs_in_one_thing_is_not_like_the_group(change: dict[str, Any]) -> None:
    """Whether the other name comes before or after that of the group in the alphabet."""
    assert not GROUP.is_like(replace(LIKE, **change))


@pytest.mark.parametrize(
    ("count", "targets", "acts"),
    [
        (3, [(3, 3)], "on every call"),
        (3, [(3, 3), (2, 2)], "on every call"),
        (3, [(3, 5)], "on too few calls to say when"),
        (3, [(3, 6)], "under no condition that these calls alone fulfil"),
        (3, [(3, 4), (3, 5)], "under no condition that these calls alone fulfil"),
        (3, [(3, 3), (3, 5)], "on too few calls to say when"),
        (2, [(2, 9)], "on too few calls to say when"),
        (4, [(4, 9)], "under no condition that these calls alone fulfil"),
    ],
)
def test_a_group_without_condition_says_why(count: int, targets: list[tuple[int, int]], acts: str) -> None:
    """Three failing calls and three others are enough to look for a condition; the others are those of all targets."""
    counts = {f"target{at}": GroupCounts(*each) for at, each in enumerate(targets)}
    group = replace(GROUP, targets=counts, cases=tuple("abcd"[:count]))
    assert group.acts == acts
    assert group.is_exact is (acts == "on every call")
    assert replace(group, condition=condition_of({"strided": True})).acts == "a stride is not 1"
