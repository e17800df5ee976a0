"""
Whether literal cases are good ones: that they tell what they claim, can be checked by hand, and stay as they were.

Points of sweeps are not held to it: literal cases are what people read and cite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ..core import (
    COMPLEX_PARTS,
    STRUCTURE_LIMIT,
    AnyOf,
    Case,
    Expectation,
    Invalid,
    Output,
    Problem,
    is_integer,
    matches_pattern,
    suggestion,
)
from ..corpus import Clause, Corpus, open_choices
from ..judging import gradient_tolerance, second_order_tolerance, tolerance
from ..mutants import case_value
from ..specification import lock, versions
from .coded_values import confusable
from .refusal_twins import distant

#: What is wrong, and how to mend it.
Complaint: TypeAlias = tuple[str, str]
#: The clauses that are about rounding, and about numbers that no order of summation makes exact.
ABOUT_NUMBERS = ("ROUND-*", "NUM-*", "NAN-*", "ZERO-*", "SUBNORMAL-*", "PURE-*", "DTYPE-3")


def lint_corpus(corpus: Corpus) -> Iterator[Problem]:
    """Yield what is wrong with the literal cases of a corpus, each by itself."""
    for case in _literal(corpus):
        for message, hint in _complaints(case, corpus):
            yield _problem(case, message, hint)


def check_kept(corpus: Corpus, folder: Path) -> Iterator[Problem]:
    """Yield where a corpus, whole, is not what is kept of it in its folder: its kills, its released cases and versions."""
    yield from versions.check(corpus.clauses, versions.current(folder), versions.read(folder / versions.FILE))
    yield from lock.check(_literal(corpus), lock.read(folder / lock.FILE))
    try:
        kills = case_value.kept(corpus, folder)
    except Invalid as invalid:
        yield from invalid.problems
        return
    by_case = kills.by_case
    for case in _literal(corpus):
        for message, hint in case_value.overrated(case, kills, by_case.get(case.id, ())):
            yield _problem(case, message, hint)


def check_twins(corpus: Corpus) -> Iterator[Problem]:
    """Yield where clauses of a corpus, whole, name twins that are none of its cases: no case may be under them today."""
    known = {case.id for case in _literal(corpus)}
    for clause in corpus.clauses.values():
        for each in clause.alternatives.values():
            if isinstance(each.twin, str) and each.twin and each.twin not in known:
                message = f"{clause.id}: no case {each.twin}, which is to be accepted where another is refused"
                hint = suggestion(each.twin, known)
                yield Problem(path="clauses.yaml", line=clause.line, column=1, message=message, hint=hint)


def _literal(corpus: Corpus) -> Iterator[Case]:
    return (case for case in corpus.cases if not case.sweep)


def _problem(case: Case, message: str, hint: str) -> Problem:
    return Problem(path=case.path, line=case.line, column=1, message=f"{case.id}: {message}", hint=hint)


def _complaints(case: Case, corpus: Corpus) -> Iterator[Complaint]:
    outputs = list(_outputs(case.expectation))
    yield from distant(case, corpus.clauses)
    yield from _decided(case, corpus.clauses)
    yield from _rounded(case, outputs)
    yield from confusable(case, outputs)
    if not case.why and not case.call.gradients:
        yield from _monotonous(outputs)


def _decided(case: Case, clauses: Mapping[str, Clause]) -> Iterator[Complaint]:
    """Complain of an output that is expected without a choice where a clause leaves one."""
    if not isinstance(case.expectation, Output):
        return
    for clause in open_choices(case.call, clauses):
        others = ", ".join(name for name in clause.alternatives if name != "computes")
        hint = f"cite it, and expect any_of: `computes` with this output, {others} as the clause has it"
        yield f"{clause.id} leaves a choice here: {clause.sentence}", hint


def _outputs(expectation: Expectation) -> Iterable[Output]:
    alternatives = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
    return (each for each in alternatives if isinstance(each, Output))


def _rounded(case: Case, outputs: Iterable[Output]) -> Iterator[Complaint]:
    """Yield that numbers are so large, or so finely graded, that the order of summation shows; at most once."""
    if any(matches_pattern(each, name) for each in ABOUT_NUMBERS for name in case.clauses):
        return
    for output in outputs:
        dtype = case.call.dtype.output or case.call.dtype.input
        if output.precision is not None or is_integer(dtype):
            continue
        hint = "smaller numbers, or a clause about rounding"
        if tolerance(case.call, output.array, dtype, composed=False).grid is None:
            limit = STRUCTURE_LIMIT[COMPLEX_PARTS.get(dtype, dtype)]
            yield f"S is beyond {limit:.0f} times the grid of the numbers", hint
            return
        gradients = [("gradient", name, each, gradient_tolerance) for name, each in output.gradients.items()]
        gradients += [("second", name, each, second_order_tolerance) for name, each in output.second_order.items()]
        for order, name, gradient, allowed in gradients:
            own = case.call.dtype_of(name)
            if allowed(case.call, name, gradient, own, composed=False).grid is None:
                yield f"S of {order}.{name} is beyond {STRUCTURE_LIMIT[own]:.0f} times the grid of the numbers", hint
                return


def _monotonous(outputs: Iterable[Output]) -> Iterator[Complaint]:
    """Yield that an output hardly tells one place from another; at most once, alternatives being alike."""
    for output in outputs:
        array, hint = output.array.reshape(-1), "other numbers, or say under why it has to be so"
        if array.size < 2:
            continue
        if ((array == array[0]) | ((array != array) & (array[0] != array[0]))).all():
            yield "every element of the output is the same", hint
            return
        if 2 * np.count_nonzero(array) < array.size:
            yield "more than half of the output is zero", hint
            return
