"""
Cases that mutators make of accepted literal cases, with what is expected of each, by three written rules.

1. A changed call without a meaning is refused, under the clause that the mutator names; its twin is the case itself.
   Where the case itself may be refused, so may the changed call for the same reason.
2. A changed call with a meaning is computed: the result is the reference's.
3. Where clauses leave a choice for it, it is expected what they say, as of the points of sweeps.
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
    """Return a corpus with the cases derived from its accepted literal ones behind them all."""
    return replace(chosen, cases=(*chosen.cases, *derived(chosen.cases, chosen.clauses)))


def derived(cases: tuple[Case, ...], clauses: Mapping[str, Clause]) -> Iterator[Case]:
    """
    Yield what every mutator makes of every accepted literal case among `cases`, in the order of the mutators.

    Not of those that ask for gradients, as trainings do: what becomes of a cotangent under a mutator no rule says.
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
        title=f"{mutator.does.removesuffix('.')}; else: {case.title}",
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
    return _without_echo(expectation if len(found) > 1 else refusal)


def _refusals(expectation: Expectation) -> dict[str, Expectation]:
    """Return the ways in which a case may be refused itself, with twins chosen for it."""
    alternatives = expectation.alternatives if isinstance(expectation, AnyOf) else {}
    return {name: each for name, each in alternatives.items() if isinstance(each, Refusal)}


def expected(call: Call, clauses: Mapping[str, Clause]) -> Expectation:
    """
    Return what is expected of a call that has a meaning, under all clauses that leave a choice for it.

    Raises:
        Undefined: if it has none.

    """
    return _computed(open_choices(call, clauses), call)


def _computed(left: tuple[Clause, ...], call: Call) -> Expectation:
    return _without_echo(expectation_under(left, call, _twins(call)))


def _without_echo(expectation: Expectation) -> Expectation:
    """Let a refused twin say nothing of what is made of a case: the case tells of it already."""
    if isinstance(expectation, Refusal):
        return replace(expectation, is_twin_judged=True)
    if isinstance(expectation, AnyOf):
        each = {name: _without_echo(each) for name, each in expectation.alternatives.items()}
        return replace(expectation, alternatives=each)
    return expectation


def _twins(call: Call) -> Callable[[Twin], Call]:
    return lambda twin: _shipped(twin) if isinstance(twin, str) else patched(call, twin)


@cache
def _shipped(name: str) -> Call:
    """Return the call of a shipped case, which clauses name as a twin."""
    return next(case.call for case in load().cases if case.id == name)
