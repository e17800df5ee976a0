"""
Check that a refused call differs from its twin in one step, so that only this step can cause the refusal.

A step is one key of the format with another value.
A changed number of channels is one step, although it changes several arrays and possibly `groups`.
Other elements are not a step if the dtype changes too. The same elements in another layout are not a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..core import ARRAYS, AnyOf, Array, Call, Case, Expectation, PerArray, Refusal
from ..corpus import Clause, open_choices
from ..reference import Undefined, check_call

#: The keys with one value per call; BY_ARRAY are those with one value per array.
PARAMETERS = (
    "op",
    "strides",
    "padding",
    "padding_mode",
    "dilations",
    "input_dilations",
    "groups",
    "output_padding",
    "accumulate",
    "before",
    "variation",
    "gradients",
)
BY_ARRAY = ("layout", "dtype", "storage")
#: The step of a changed number of channels, whichever axes have it.
CHANNELS = "channels"


def distant(case: Case, clauses: Mapping[str, Clause]) -> Iterator[tuple[str, str]]:
    """
    Yield message and hint for each twin of a case that is not exactly one step away.

    Several steps are allowed if each is needed: with any one undone, the twin is undefined or a clause allows its
    refusal.
    """
    for refusal in refusals(case.expectation):
        found = steps(case.call, refusal.twin)
        if not found:
            yield f"the twin ({refusal.name}) is the same call", "a twin must differ in what is refused"
        elif len(found) > 1 and not all(_is_needed(step, case.call, refusal.twin, clauses) for step in found):
            message = f"the twin ({refusal.name}) is {len(found)} steps away: {', '.join(sorted(found))}"
            yield message, "a twin must differ only in what is refused"


def _is_needed(step: str, call: Call, twin: Call, clauses: Mapping[str, Clause]) -> bool:
    if step not in (*PARAMETERS, *BY_ARRAY, "input") or call.layout != twin.layout or call.op != twin.op:
        return False
    kept: dict[str, Any] = {step: getattr(call, step)}
    taken_back = replace(twin, **kept)
    try:
        check_call(taken_back)
    except Undefined:
        return True
    return any(_is_refusable(clause) for clause in open_choices(taken_back, clauses))


def _is_refusable(clause: Clause) -> bool:
    return any(each.is_refusal for each in clause.alternatives.values())


def refusals(expectation: Expectation) -> Iterator[Refusal]:
    """Yield the refusals of an expectation."""
    alternatives = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
    return (each for each in alternatives if isinstance(each, Refusal))


def steps(call: Call, twin: Call) -> set[str]:
    """Return the steps between a call and a twin: keys of the format and CHANNELS; empty if the calls are equal."""
    found = {key for key in PARAMETERS if getattr(call, key) != getattr(twin, key)}
    found |= {key for key in BY_ARRAY if _differ(getattr(call, key), getattr(twin, key))}
    for name in ARRAYS:
        found |= _between(call, twin, name)
    return found - {"groups"} if CHANNELS in found else found


def _differ(one: PerArray, other: PerArray) -> bool:
    """Return whether two values differ for an array that both calls have; missing arrays are separate steps."""
    pairs = ((getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    return any(a != b for a, b in pairs if None not in (a, b))


def _between(call: Call, twin: Call, name: str) -> set[str]:
    one, other = getattr(call, name), getattr(twin, name)
    if one is None or other is None:
        return set() if one is other else {name}
    letters = call.letters(name)
    if one.ndim != len(letters) or other.ndim != len(letters) or set(letters) != set(twin.letters(name)):
        return set() if _same(one, other) else {name}
    if _same(one, other):
        return set()
    resized = [letter for letter in letters if call.extent(name, letter) != twin.extent(name, letter)]
    if not resized:
        return set() if _same(one, twin.arranged(name, letters)) else {name}
    return {CHANNELS if letter in "CIOM" else name for letter in resized}


def _same(one: Array, other: Array) -> bool:
    """Return whether two arrays have equal shapes and elements; elements of different dtypes count as equal."""
    if one.shape != other.shape:
        return False
    return one.dtype != other.dtype or bool(((one == other) | ((one != one) & (other != other))).all())
