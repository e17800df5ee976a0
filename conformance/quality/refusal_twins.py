"""
Check that a refused call differs from its twin in one step, so that only this step can cause the refusal.

A step is one key of the case format whose value differs.
A changed number of channels is one step, although it changes several arrays and possibly `groups`.
Changed elements are not a step if the dtype changes too. Elements rearranged for another layout are not a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..core import ARRAYS, AnyOf, Array, Call, Case, Expectation, PerArray, Refusal
from ..corpus import Clause, open_choices
from ..reference import Undefined, check_call

#: The keys of the case format with one value per call. The keys in BY_ARRAY have one value per array.
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
#: The name of the step for a changed number of channels, in any array.
CHANNELS = "channels"


def distant(case: Case, clauses: Mapping[str, Clause]) -> Iterator[tuple[str, str]]:
    """
    Yield (message, hint) for each twin of a case that is not exactly one step away from the case's call.

    Several steps are allowed if each is needed. A step is needed if the twin without this step is undefined, or if a
    clause allows the refusal of the twin without this step.
    """
    for refusal in refusals(case.expectation):
        found = steps(case.call, refusal.twin)
        if not found:
            yield f"the twin ({refusal.name}) is the same call", "the twin must differ in the key that is refused"
        elif len(found) > 1 and not all(_is_needed(step, case.call, refusal.twin, clauses) for step in found):
            message = f"the twin ({refusal.name}) is {len(found)} steps away: {', '.join(sorted(found))}"
            yield message, "the twin must differ only in the key that is refused"


def _is_needed(step: str, call: Call, twin: Call, clauses: Mapping[str, Clause]) -> bool:
    if step not in (*PARAMETERS, *BY_ARRAY, "input") or call.layout != twin.layout or call.op != twin.op:
        return False
    kept: dict[str, Any] = {step: getattr(call, step)}
    undone = replace(twin, **kept)
    try:
        check_call(undone)
    except Undefined:
        return True
    return any(is_refusable(clause) for clause in open_choices(undone, clauses))


def is_refusable(clause: Clause) -> bool:
    """Return whether a clause allows a refusal."""
    return any(each.is_refusal for each in clause.alternatives.values())


def refusals(expectation: Expectation) -> Iterator[Refusal]:
    """Yield each refusal that an expectation allows."""
    alternatives = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
    return (each for each in alternatives if isinstance(each, Refusal))


def steps(call: Call, twin: Call) -> set[str]:
    """Return the steps between a call and a twin, as keys of the case format or CHANNELS; empty for equal calls."""
    found = {key for key in PARAMETERS if getattr(call, key) != getattr(twin, key)}
    found |= {key for key in BY_ARRAY if _differ(getattr(call, key), getattr(twin, key))}
    for name in ARRAYS:
        found |= _between(call, twin, name)
    return found - {"groups"} if CHANNELS in found else found


def _differ(one: PerArray, other: PerArray) -> bool:
    """
    Return whether the two values of a key differ for any array that both calls have.

    An array that only one call has is a separate step, which `_between` finds.
    """
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
    """Return whether two arrays have equal shapes and, if their dtypes are equal, equal elements."""
    if one.shape != other.shape:
        return False
    return one.dtype != other.dtype or bool(((one == other) | ((one != one) & (other != other))).all())
