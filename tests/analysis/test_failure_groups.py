"""Groups of failing calls: what was planted is found, exactly, and nothing is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_conformance.analysis.failure_groups import gather
from conv_conformance.calls.condition import Condition, condition_of
from conv_conformance.calls.features import FeatureValue, features_of
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.records.failure_group import Group, GroupCounts
from conv_conformance.records.record import TargetInfo

from ..support.builders import call_of
from ..support.zoo import case_of, outputs

TARGET = TargetInfo(name="torch", framework="torch", version="2.13.0")
LAYER = replace(TARGET, name="torch+layer")
JAX = TargetInfo(name="jax", framework="jax", version="0.10.2")
VALUES = Finding(kind="values", message="3, expected 4")


def drawn(count: int = 1200) -> dict[str, Case]:
    """Return cases whose calls are drawn at random, so that no two features say the same of all of them."""
    chance = random.Random(1)
    return {f"drawn[{number}]": case_of(f"drawn[{number}]", _call(chance), outputs([])) for number in range(count)}


def _call(chance: random.Random) -> Call:
    rank, channels, groups = chance.choice((1, 2, 3)), chance.choice((1, 3, 4, 16, 17, 33)), chance.choice((1, 1, 2))
    length, taps = chance.choice((5, 6, 7)), chance.choice((1, 2, 3))
    return call_of(
        "conv",
        np.ones((chance.choice((1, 2, 3)), *(length,) * rank, channels * groups)),
        np.ones((*(taps,) * rank, channels, chance.choice((1, 3, 8)) * groups)),
        padding=chance.choice(("valid", "same", "full")),
        strides=chance.choice((1, 2, 3)),
        dilations=chance.choice((1, 2)),
        groups=groups,
        dtype=chance.choice((*("float32", "float16", "bfloat16", "int8") * 3, "float8_e5m2")),
        storage={"input": chance.choice(("contiguous", "offset"))},
    )


CASES = drawn()
Features = Mapping[str, FeatureValue]


def failing(acts: Callable[[Features], bool], target: str = "torch", **what: Any) -> list[Verdict]:
    """Return verdicts on all cases: a fault that acts on some calls."""
    wrong = {"verdict": "disagree", "finding": VALUES, **what}
    return [
        Verdict(case=case.id, target=target, **(wrong if acts(features_of(case)) else {"verdict": "agree"}))
        for case in CASES.values()
    ]


def gathered(verdicts: Sequence[Verdict], *targets: TargetInfo) -> Sequence[Group]:
    return gather(verdicts, targets or (TARGET,), CASES)


PLANTED: list[dict[str, Any]] = [
    {"strided": True},
    {"grouped": False},
    {"padding": "same", "stride-past-the-window": True},
    {"rank": 3, "dtype": "bfloat16", "input-storage": "offset"},
    {"rank": 2, "dtype": "bfloat16", "padding": "full", "dilated": True},
    {"channels": ">=17"},
    {"batch": 2, "grouped": True},
    {"rank": 3, "channels": "<=2"},
    {"rank": 1, "dtype": ["bfloat16", "int8"]},
    # All narrow floats but one that few calls have.
    {"rank": 3, "dtype": ["bfloat16", "float16"]},
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: condition_of(planted).text)
def test_planted_condition_is_found(planted: dict[str, Any]) -> None:
    """A fault that acts under a condition is one group, under exactly this condition, seen on every such call."""
    condition = condition_of(planted)
    [group] = gathered(failing(condition.holds))
    count = sum(condition.holds(features_of(case)) for case in CASES.values())
    assert ({name: {*each} for name, each in group.condition.wanted.items()}, group.targets) == (
        {name: {*each} for name, each in condition.wanted.items()},
        {"torch": GroupCounts(count, count)},
    )


def test_several_faults_are_several_groups() -> None:
    """Faults of one kind under three conditions are told apart, the one with the most calls first."""
    planted = [condition_of(each) for each in ({"padding": "same", "strided": True}, {"dtype": "int8", "rank": 3})]
    planted += [condition_of({"channels": 33, "input-storage": "offset"})]
    groups = gathered(failing(lambda found: any(each.holds(found) for each in planted)))
    assert [group.condition.plain for group in groups] == [
        {"padding": "same", "strided": True},
        {"dtype": "int8", "rank": 3},
        {"channels": 33, "input-storage": "offset"},
    ]


@pytest.mark.parametrize("planted", [{"rank": 3, "dtype": "float16"}, {"rank": 1, "dtype": ["bfloat16", "int8"]}])
def test_fault_that_acts_on_some_calls_has_the_condition_of_all(planted: dict[str, Any]) -> None:
    """Where no features tell which calls under a condition fail, the condition is said with how many agree."""
    chance, condition = random.Random(2), condition_of(planted)
    verdicts = failing(lambda found: condition.holds(found) and chance.random() < 0.5)
    [group] = gathered(verdicts)
    count = sum(condition.holds(features_of(case)) for case in CASES.values())
    seen = sum(verdict.verdict == "disagree" for verdict in verdicts)
    assert (group.condition.plain, group.targets) == (planted, {"torch": GroupCounts(seen, count)})
    assert 0 < seen < count


def test_calls_with_nothing_in_common_have_no_condition() -> None:
    """Calls that fail at random are one group, which says so."""
    chance = random.Random(3)
    [group] = gathered(failing(lambda found: chance.random() < 0.01))
    assert (group.condition, group.acts) == (Condition(), "under no condition that these calls alone fulfil")


def test_fault_that_always_acts_needs_no_condition() -> None:
    """Where every call fails, it is said of every call."""
    [group] = gathered(failing(lambda found: True))
    assert (group.acts, group.targets) == ("on every call", {"torch": GroupCounts(len(CASES), len(CASES))})


@pytest.mark.parametrize("seed", range(4))
def test_no_failing_call_is_lost(seed: int) -> None:
    """Whatever fails, each call is in one group, and each group says rightly of how many calls its condition holds."""
    chance = random.Random(seed)
    planted = [condition_of(each) for each in chance.sample(PLANTED, 3)]
    verdicts = failing(lambda found: any(each.holds(found) for each in planted) or chance.random() < 0.02)
    groups = gathered(verdicts)
    failed = {verdict.case for verdict in verdicts if verdict.verdict == "disagree"}
    assert Counter(case for group in groups for case in group.cases) == Counter(failed)
    for group in groups:
        agree = [case for case in CASES if case not in failed and group.condition.holds(features_of(CASES[case]))]
        assert group.targets == {"torch": GroupCounts(len(group.cases), len(group.cases) + len(agree))}
        assert all(group.condition.holds(features_of(CASES[case])) for case in group.cases)


def test_groups_do_not_depend_on_the_order_of_verdicts() -> None:
    """Verdicts come in the order in which targets and batches end; the same run has the same groups."""
    planted = [condition_of(each) for each in PLANTED[2:6]]
    verdicts = failing(lambda found: any(each.holds(found) for each in planted))
    first = gathered(verdicts)
    random.Random(4).shuffle(verdicts)
    assert gathered(verdicts) == first


def test_smallest_call_stands_first() -> None:
    """The smallest call has the fewest elements; ties go to the fewest parameters that are not at their defaults."""
    [group] = gathered(failing(condition_of(PLANTED[2]).holds))
    sizes = {
        case: sum(array.size for array in (CASES[case].call.input, CASES[case].call.kernel)) for case in group.cases
    }
    assert sizes[group.smallest] == min(sizes.values())
    small = {"b": {"strides": 2}, "a": {"strides": 2, "padding": "same"}, "c": {}}
    cases = {
        name: case_of(name, call_of("conv", [[[1]]], [[[1]]], **each), outputs([])) for name, each in small.items()
    }
    wrong = [Verdict(case=name, target="torch", verdict="disagree", finding=VALUES) for name in sorted(cases)]
    assert gather(wrong, [TARGET], cases)[0].cases == ("c", "b", "a")


def test_what_fails_otherwise_is_another_group() -> None:
    """Another verdict, kind, array or ledger entry is another group; the suite's faults come first, known ones last."""
    ids = list(CASES)
    wrong = [
        Verdict(case=ids[0], target="torch", verdict="known", finding=VALUES, known="torch.b"),
        Verdict(case=ids[1], target="torch", verdict="known", finding=VALUES, known="torch.a"),
        Verdict(case=ids[2], target="torch", verdict="disagree", finding=replace(VALUES, kind="refused")),
        Verdict(case=ids[3], target="torch", verdict="crash"),
        Verdict(case=ids[4], target="torch", verdict="disagree", finding=VALUES),
        Verdict(case=ids[5], target="torch", verdict="disagree", finding=replace(VALUES, where="inference")),
        Verdict(case=ids[6], target="torch", verdict="suite-error"),
        Verdict(case=ids[7], target="torch", verdict="unsupported"),
        Verdict(case=ids[8], target="torch", verdict="fixed", known="torch.a"),
    ]
    assert [(each.name, each.verdict, each.kind, each.where, each.known) for each in gathered(wrong)] == [
        ("g1", "suite-error", None, "output", None),
        ("g2", "disagree", "values", "output", None),
        ("g3", "disagree", "values", "inference", None),
        ("g4", "disagree", "refused", "output", None),
        ("g5", "crash", None, "output", None),
        ("g6", "known", "values", "output", "torch.b"),
        ("g7", "known", "values", "output", "torch.a"),
    ]


def test_what_is_fixed_agrees() -> None:
    """A call that agrees where the ledger says otherwise stands against a condition like any other."""
    verdicts = failing(condition_of({"strided": True, "dilated": True}).holds)
    fixed = [replace(each, verdict="fixed") if each.verdict == "agree" else each for each in verdicts]
    assert [group.condition for group in gathered(fixed)] == [group.condition for group in gathered(verdicts)]


def test_targets_of_a_framework_share_a_group() -> None:
    """The same fault on two surfaces of one framework is one group; another framework's is another."""
    condition = condition_of({"padding": "same", "strided": True})
    verdicts = [verdict for name in ("torch", "torch+layer", "jax") for verdict in failing(condition.holds, name)]
    count = sum(condition.holds(features_of(case)) for case in CASES.values())
    assert [group.targets for group in gathered(verdicts, TARGET, LAYER, JAX)] == [
        {"jax": GroupCounts(count, count)},
        {"torch": GroupCounts(count, count), "torch+layer": GroupCounts(count, count)},
    ]


def test_targets_that_fail_on_other_calls_do_not_share_a_group() -> None:
    """A call of the second target that violates the first condition separates them, as do too few shared calls."""
    wide, narrow = condition_of({"strided": True}), condition_of({"strided": True, "grouped": True})
    most = condition_of({"strided": True, "channels": ">=2"})
    for one, other in ((wide, narrow), (narrow, wide), (most, wide)):
        groups = gathered([*failing(one.holds), *failing(other.holds, "torch+layer")], TARGET, LAYER)
        found = {(*group.targets,): group.condition for group in groups}
        assert found == {("torch",): one, ("torch+layer",): other}


def test_targets_that_come_to_much_the_same_share_a_group() -> None:
    """Where the second fails on nearly all of the calls, it is counted how many of them agree."""
    wide, most = condition_of({"strided": True}), condition_of({"strided": True, "channels": ">=2"})
    counts = [sum(each.holds(features_of(case)) for case in CASES.values()) for each in (wide, most)]
    [group] = gathered([*failing(wide.holds), *failing(most.holds, "torch+layer")], TARGET, LAYER)
    assert (group.condition, group.targets) == (
        wide,
        {"torch": GroupCounts(counts[0], counts[0]), "torch+layer": GroupCounts(counts[1], counts[0])},
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_group_of_several_targets_has_the_calls_of_all(swapped: bool) -> None:
    """Where each fails on calls under one condition, the group has all of them."""
    condition, chance = condition_of({"padding": "same", "strided": True}), random.Random(5)
    verdicts = failing(lambda found: condition.holds(found) and chance.random() < 0.95)
    verdicts += failing(condition.holds, "torch+layer")
    [group] = gathered(verdicts, *((LAYER, TARGET) if swapped else (TARGET, LAYER)))
    wrong = [verdict for verdict in verdicts if verdict.verdict == "disagree"]
    seen = Counter(verdict.target for verdict in wrong)
    assert {*group.cases} == {verdict.case for verdict in wrong}
    assert group.targets == {name: GroupCounts(seen[name], seen["torch+layer"]) for name in group.targets}
    assert seen["torch"] < seen["torch+layer"]


def test_calls_with_nothing_in_common_are_one_group_if_they_are_the_same() -> None:
    """Without a condition the calls alone say whether it is one fault."""
    ids = [{*random.Random(seed).sample(sorted(CASES), 20)} for seed in (1, 2)]

    def failed(*which: int) -> list[Verdict]:
        return [
            Verdict(case=case, target=name, verdict="disagree" if case in ids[at] else "agree", finding=VALUES)
            for name, at in zip(("torch", "torch+layer"), which, strict=True)
            for case in CASES
        ]

    assert [len(gathered(failed(*which), TARGET, LAYER)) for which in ((0, 0), (0, 1))] == [1, 2]


def test_cases_that_are_not_there_are_grouped_without_a_condition() -> None:
    """A record of another corpus can be shown: nothing is said of calls that nobody has."""
    wrong = [Verdict(case=f"old.{n}", target="torch", verdict="disagree", finding=VALUES) for n in range(9)]
    [group] = gathered([*wrong, Verdict(case="old.9", target="torch", verdict="agree")])
    assert (group.condition, group.targets, len(group.cases)) == (Condition(), {"torch": GroupCounts(9, 10)}, 9)
