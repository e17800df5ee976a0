"""
Lint literal cases: each must be able to detect faults, be checkable by hand, and stay unchanged after a release.

Points of sweeps are exempt, because people read and cite only literal cases.
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
    Fit,
    Invalid,
    Output,
    Problem,
    is_integer,
    matches_pattern,
    suggestion,
)
from ..corpus import Clause, Corpus, open_choices
from ..judging import gradient_tolerance, partial_sums, second_order_tolerance, tolerance, widened
from ..mutants import case_value
from ..specification import lock, versions
from .coded_values import confusable
from .refusal_twins import distant

#: (message, hint) for the author of a case.
Complaint: TypeAlias = tuple[str, str]
#: The clause about partial sums that overflow.
PARTIAL_SUMS = "ROUND-6"
#: Patterns of clauses about rounding and special values. A case that cites one of them may have inexact sums.
ABOUT_NUMBERS = ("ROUND-*", "NUM-*", "NAN-*", "ZERO-*", "SUBNORMAL-*", "PURE-*", "DTYPE-3")


def lint_corpus(corpus: Corpus) -> Iterator[Problem]:
    """Yield the problems of each literal case, without comparing it with other cases."""
    for case in _literal(corpus):
        for message, hint in _complaints(case, corpus):
            yield _problem(case, message, hint)


def check_kept(corpus: Corpus, folder: Path) -> Iterator[Problem]:
    """Yield a problem for each contradiction between a whole corpus and its kills.json, lock.json or versions.json."""
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
    """
    Yield a problem for each clause that names a twin that is not a literal case of the whole corpus.

    A missing twin is a problem even if no case needs it yet.
    """
    known = {case.id for case in _literal(corpus)}
    for clause in corpus.clauses.values():
        for each in clause.alternatives.values():
            if isinstance(each.twin, str) and each.twin and each.twin not in known:
                message = f"{clause.id}: the twin {each.twin} is not a case of the corpus"
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
    yield from _overflowing(case, outputs)
    yield from confusable(case, outputs)
    if not case.why and not case.call.gradients:
        yield from _uniform(outputs)


def _decided(case: Case, clauses: Mapping[str, Clause]) -> Iterator[Complaint]:
    """Yield a complaint for each clause that leaves a choice although the case expects a single result."""
    if not isinstance(case.expectation, (Output, Fit)):
        return
    for clause in open_choices(case.call, clauses):
        first, *others = clause.alternatives
        hint = f"cite the clause and expect any_of: `{first}` with its output, and {', '.join(others)} as in the clause"
        yield f"{clause.id} leaves a choice here: {clause.sentence}", hint


def _outputs(expectation: Expectation) -> Iterable[Output]:
    alternatives = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
    return (each for each in alternatives if isinstance(each, Output))


def _rounded(case: Case, outputs: Iterable[Output]) -> Iterator[Complaint]:
    """Yield at most one complaint if S is so large that the summation order could change a result."""
    if any(matches_pattern(each, name) for each in ABOUT_NUMBERS for name in case.clauses):
        return
    for output in outputs:
        dtype = case.call.dtype.output or case.call.dtype.input
        if output.precision is not None or is_integer(dtype):
            continue
        hint = "use smaller numbers, or cite a clause about rounding"
        if tolerance(case.call, output.array, dtype, composed=False).grid is None:
            limit = STRUCTURE_LIMIT[COMPLEX_PARTS.get(dtype, dtype)]
            yield f"S exceeds {limit:.0f} times the grid, the power of two that divides all products", hint
            return
        gradients = [("gradient", name, each, gradient_tolerance) for name, each in output.gradients.items()]
        gradients += [("second", name, each, second_order_tolerance) for name, each in output.second_order.items()]
        for order, name, gradient, allowed in gradients:
            own = case.call.dtype_of(name)
            if allowed(case.call, name, gradient, own, composed=False).grid is None:
                yield f"S of {order}.{name} exceeds {STRUCTURE_LIMIT[own]:.0f} times the grid of its products", hint
                return


def _overflowing(case: Case, outputs: Iterable[Output]) -> Iterator[Complaint]:
    """Yield at most one complaint if partial sums of a finite result may overflow: then infinities are correct too."""
    dtype = case.call.dtype.output or case.call.dtype.input
    if is_integer(dtype) or PARTIAL_SUMS in case.clauses:
        return
    for output in outputs:
        magnitude, largest = partial_sums(case.call, "output", "", dtype, composed=False, switches=output.switches)
        if (np.isfinite(widened(output.array)) & (magnitude > largest)).any():
            yield (
                "partial sums may overflow, so that an infinity or NaN is correct too",
                (f"use smaller numbers, or cite {PARTIAL_SUMS}"),
            )
            return


def _uniform(outputs: Iterable[Output]) -> Iterator[Complaint]:
    """Yield at most one complaint if all elements of an output are equal or more than half are zero."""
    for output in outputs:
        array, hint = output.array.reshape(-1), "use other numbers, or explain under `why`"
        if array.size < 2:
            continue
        if ((array == array[0]) | ((array != array) & (array[0] != array[0]))).all():
            yield "all elements of the output are equal", hint
            return
        if 2 * np.count_nonzero(array) < array.size:
            yield "more than half of the output is zero", hint
            return
