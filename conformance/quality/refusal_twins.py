"""
How far a refused call is from its twin: one step, so that nothing else can be why one is accepted and the other not.

A step is one key of the format that says something else.
A number of channels stands in several arrays and beside `groups`: another one is one step, wherever it is said.
An array of the same shape is no step beside another dtype, nor is one that is only laid out in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..core import ARRAYS, AnyOf, Array, Call, Case, Expectation, PerArray, Refusal
from ..corpus import Clause, open_choices
from ..reference import Undefined, check_call

#: The keys with one value, and those with one for each array.
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
#: What a number of channels is called, whichever axes have it.
CHANNELS = "channels"


def distant(case: Case, clauses: Mapping[str, Clause]) -> Iterator[tuple[str, str]]:
    """
    Yield what is wrong with the twins of a case, and how to mend it.

    A twin may be several steps away where it needs each of them:
    with any one taken back the call would have no meaning, or a clause would leave it to be refused.
    """
    for refusal in refusals(case.expectation):
        found = steps(case.call, refusal.twin)
        if not found:
            yield f"the twin ({refusal.name}) is the same call", "a twin differs in what is refused"
        elif len(found) > 1 and not all(_is_needed(step, case.call, refusal.twin, clauses) for step in found):
            message = f"the twin ({refusal.name}) is {len(found)} steps away: {', '.join(sorted(found))}"
            yield message, "a twin differs in what is refused, and in nothing else"


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
    """Yield the ways in which a call may be refused."""
    alternatives = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
    return (each for each in alternatives if isinstance(each, Refusal))


def steps(call: Call, twin: Call) -> set[str]:
    """Return in what a twin differs from a call: keys of the format, and CHANNELS; empty where they are the same."""
    found = {key for key in PARAMETERS if getattr(call, key) != getattr(twin, key)}
    found |= {key for key in BY_ARRAY if _differ(getattr(call, key), getattr(twin, key))}
    for name in ARRAYS:
        found |= _between(call, twin, name)
    return found - {"groups"} if CHANNELS in found else found


def _differ(one: PerArray, other: PerArray) -> bool:
    """Say whether something else is said of an array that both calls have; what else one has counts by itself."""
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
    """Say whether two arrays hold the same numbers, or cannot be held to it, for not every dtype has all numbers."""
    if one.shape != other.shape:
        return False
    return one.dtype != other.dtype or bool(((one == other) | ((one != one) & (other != other))).all())
