"""Every miniature through the whole engine: exactly the right verdicts on exactly the right cases."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest
from conv_conformance.core.verdict import Verdict
from conv_conformance.running.runner import Run, Runner
from conv_conformance.workers.limits import Limits, Terms
from conv_conformance.workers.targets import Adapter, resolve

from ..support import miniatures, zoo
from ..support.findings import ELSEWHERE, IMPOSSIBLE, LIES, ON_MARKED, Wrong

CASES = zoo.cases()
SEVERITY = {"refused": "loud", "precision": "precision"}
NOT_RUN = {"NotThere": 3, "Broken": 4, "refuses_everything": 3, "UnsupportedEverything": 3}
LIMITS = Limits(timeout=1.0, grace=0.2)
#: Memory is given out slowly enough that a second may not do.
ROOMY = Limits(timeout=20.0, grace=0.2, memory=150 << 20)


def run(*adapters: Adapter, limits: Limits = LIMITS) -> Run:
    return Runner(terms=Terms(limits=limits)).run(CASES, adapters)


def seen(verdict: Verdict) -> tuple[str, str | None, str | None, str | None]:
    finding = verdict.finding
    return verdict.verdict, finding and finding.kind, finding and finding.where, verdict.severity


def wanted(wrong: Wrong | None) -> tuple[str, str | None, str | None, str | None]:
    if wrong is None:
        return "agree", None, None, None
    if wrong.kind is not None:
        return wrong.verdict, wrong.kind, wrong.where, SEVERITY.get(wrong.kind, "silent")
    return wrong.verdict, None, None, "loud" if wrong.verdict in ("crash", "timeout") else None


def expectation(expected: Mapping[str, Wrong], case: str) -> Wrong | None:
    return expected.get(case, expected.get("*"))


EXPECTED: Mapping[str, Mapping[str, Wrong]] = {
    **{name: {"marked": wrong} for name, wrong in ON_MARKED.items()},
    **ELSEWHERE,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_miniature_is_judged_rightly(name: str) -> None:
    """A miniature is found out on the cases where it lies, with kind, place and severity, and agrees on all others."""
    made = run(zoo.miniature(name), limits=ROOMY if name == "grows" else LIMITS)
    expected = {case.id: expectation(EXPECTED[name], case.id) for case in CASES}
    assert {v.case: seen(v) for v in made.verdicts} == {id: wanted(wrong) for id, wrong in expected.items()}
    messages = {verdict.case: verdict.message for verdict in made.verdicts}
    assert {id: messages[id] for id, wrong in expected.items() if wrong and wrong.says not in messages[id]} == {}
    faults = {wrong.verdict for wrong in expected.values() if wrong}
    usual = 4 if "suite-error" in faults else 1 if faults else 0
    assert made.exit_code() == NOT_RUN.get(name, usual)


@pytest.mark.parametrize("name", LIES)
def test_worker_that_lies_is_a_fault_of_ours_on_one_case(name: str) -> None:
    """A worker that breaks the protocol costs one suite-error, on the case whose turn it was, and no other verdict."""
    made = run(resolve(f"cmd:{sys.executable} {zoo.LYING_WORKER} {name}"))
    found = {verdict.case: verdict.verdict for verdict in made.verdicts if verdict.verdict != "agree"}
    assert found == {"marked": "suite-error", "compiled": "unsupported", "inferred": "unsupported"}
    assert LIES[name] in next(verdict.message for verdict in made.verdicts if verdict.case == "marked")


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_shape_is_a_finding_about_the_target(name: str) -> None:
    """A worker that states a shape that no array has costs one disagreement, and no other verdict."""
    made = run(resolve(f"cmd:{sys.executable} {zoo.LYING_WORKER} {name}"))
    found = {verdict.case: verdict for verdict in made.verdicts if verdict.verdict not in ("agree", "unsupported")}
    assert {case: seen(verdict) for case, verdict in found.items()} == {
        "marked": ("disagree", "shape", "output", "silent")
    }
    assert found["marked"].message == IMPOSSIBLE[name]


def test_zoo_is_large_enough() -> None:
    """Every miniature of the module has its expectation."""
    made = {name for name, thing in vars(miniatures).items() if isinstance(thing, type) and hasattr(thing, "framework")}
    others = {"NumPy", "dies_of_everything", "Device", "waits_to_be_killed"}
    assert made - others == set(EXPECTED)
