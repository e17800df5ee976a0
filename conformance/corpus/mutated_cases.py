"""
Derive cases from accepted literal cases with mutators.

Three rules determine the expectations of the derived cases.

1. If the changed call is undefined, it must be refused under the clause that the mutator names. The twin of the refusal
   is the original case. If the original call may be refused, the changed call may be refused for the same reason.
2. If the changed call is defined, it must be computed. The reference computes the expected output.
3. If clauses leave a choice for the changed call, each of their alternatives is accepted, as for points of sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

from ..core import AnyOf, Call, Case, Expectation, Output, Refusal, Shape
from ..reference import Undefined, check_call
from .clauses import Clause
from .loader import Corpus, load
from .mutators import MUTATORS, Mutator, patched
from .sweeps.points import Twin, expectation_under, open_choices, refusals_under


def with_mutators(chosen: Corpus) -> Corpus:
    """Return a corpus with the cases of `chosen`, and then those that mutators derive from its literal cases."""
    return replace(chosen, cases=(*chosen.cases, *derived(chosen.cases, chosen.clauses)))


def derived(cases: tuple[Case, ...], clauses: Mapping[str, Clause]) -> Iterator[Case]:
    """
    Yield a mutated case for each mutator and each accepted literal case that the mutator applies to.

    The order is that of the mutators, and for each mutator that of the cases.
    Cases that request gradients, including training runs, are skipped, because no rule defines the cotangent of a
    changed call.
    """
    accepted = (case for case in cases if not case.sweep and _is_accepted(case.expectation))
    literal = [case for case in accepted if not case.call.gradients]
    for mutator in MUTATORS.values():
        for case in literal:
            if (call := mutator.change(case.call)) is not None:
                yield _case(case, mutator, call, clauses)


def _is_accepted(expectation: Expectation) -> bool:
    if isinstance(expectation, AnyOf):
        return any(map(_is_accepted, expectation.alternatives.values()))
    return isinstance(expectation, Output | Shape)


def _case(case: Case, mutator: Mutator, call: Call, clauses: Mapping[str, Clause]) -> Case:
    is_refused = not _has_meaning(call)
    left = () if is_refused else _left_open(mutator, call, clauses)
    build = partial(_refused, case, clauses) if is_refused else partial(_computed, left, call)
    return Case(
        id=f"{case.id}[mutator={mutator.name}]",
        title=f"{mutator.does.removesuffix('.')} (changed from: {case.title})",
        clauses=(mutator.clause,) if is_refused else tuple(clause.id for clause in left) or case.clauses,
        choices=tuple(clause.id for clause in (open_choices(case.call, clauses) if is_refused else left)),
        sweep=case.id,
        path=case.path,
        line=case.line,
        build_call=lambda: call,
        build_expectation=build,
    )


def _has_meaning(call: Call) -> bool:
    try:
        check_call(call)
    except Undefined:
        return False
    return True


def _left_open(mutator: Mutator, call: Call, clauses: Mapping[str, Clause]) -> tuple[Clause, ...]:
    named = {mutator.choice, *(clause.id for clause in open_choices(call, clauses))}
    return tuple(clause for name, clause in clauses.items() if name in named)


def _refused(case: Case, clauses: Mapping[str, Clause]) -> Expectation:
    left = open_choices(case.call, clauses)
    refusal = Refusal(twin=case.call, name=case.id)
    found = {"fault": refusal, **refusals_under(left, _twins(case.call)), **_refusals(case.expectation)}
    expectation = AnyOf(alternatives=found, clauses=tuple(clause.id for clause in left))
    return _with_judged_twins(expectation if len(found) > 1 else refusal)


def _refusals(expectation: Expectation) -> dict[str, Expectation]:
    """Return the alternatives of an expectation that allow a refusal, each with its own twin."""
    alternatives = expectation.alternatives if isinstance(expectation, AnyOf) else {}
    return {name: each for name, each in alternatives.items() if isinstance(each, Refusal)}


def expected(call: Call, clauses: Mapping[str, Clause]) -> Expectation:
    """
    Return the expectation of a defined call, with the alternatives of all clauses that leave a choice for it.

    Raises:
        Undefined: if the call is undefined.

    """
    return _computed(open_choices(call, clauses), call)


def _computed(left: tuple[Clause, ...], call: Call) -> Expectation:
    return _with_judged_twins(expectation_under(left, call, _twins(call)))


def _with_judged_twins(expectation: Expectation) -> Expectation:
    """Return the expectation with `is_twin_judged` set in every refusal, because the twin is judged as a case too."""
    if isinstance(expectation, Refusal):
        return replace(expectation, is_twin_judged=True)
    if isinstance(expectation, AnyOf):
        each = {name: _with_judged_twins(each) for name, each in expectation.alternatives.items()}
        return replace(expectation, alternatives=each)
    return expectation


def _twins(call: Call) -> Callable[[Twin], Call]:
    return lambda twin: _shipped(twin) if isinstance(twin, str) else patched(call, twin)


@cache
def _shipped(name: str) -> Call:
    """Return the call of a shipped case that a clause names as a twin."""
    return next(case.call for case in load().cases if case.id == name)
