"""
The plan of a run: the packed calls that every target makes.

These are the calls of the cases, and the twins of the refusals that the cases allow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core import OPERANDS, AnyOf, Array, Call, Case, Expectation, Output, PerArray, Refusal
from . import wire


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The packed calls that every target makes: `calls[i]` is the call of `cases[i]`. The twins come after these."""

    cases: Sequence[Case]
    calls: Sequence[bytes]
    #: One mapping for each case: name of an allowed refusal -> position of the refusal's twin in `calls`.
    twins: Sequence[dict[str, int]]

    @cached_property
    def follow_ups(self) -> dict[int, list[int]]:
        """Twin -> its triggers, as positions in `calls`: the twin is called only if at least one trigger raised."""
        triggers: dict[int, list[int]] = {}
        for number, twins in enumerate(self.twins):
            for twin in set(twins.values()):
                triggers.setdefault(twin, []).append(number)
        return triggers


#: A batch ends when it has BATCH_SIZE cases, or BYTES bytes of arrays. Smaller batches would save memory, since at most
#: two batches are in memory at a time. But each batch starts new workers, whose imports take seconds.
BATCH_SIZE, BYTES = 4000, 400_000_000


def case_batches(
    cases: Sequence[Case], places: Iterable[int], most: int = BATCH_SIZE, weight: int = BYTES
) -> Iterator[Sequence[int]]:
    """Yield `places`, positions in `cases`, in batches; a batch ends when it has `most` cases or `weight` bytes."""
    batch: list[int] = []
    built = 0
    for index in places:
        batch.append(index)
        built += _weight(cases[index])
        if len(batch) >= most or built >= weight:
            yield batch
            batch, built = [], 0
    if batch:
        yield batch


def _weight(case: Case) -> int:
    """Return the bytes of a case's arrays; the arrays of the call count twice, because packing copies them."""
    expected = {id(array): array.nbytes for array in _expected(case.expectation)}
    return 2 * sum(array.nbytes for array in _arrays(case.call)) + sum(expected.values())


def _expected(expectation: Expectation) -> Iterator[Array]:
    match expectation:
        case Output():
            yield expectation.array
            yield from expectation.gradients.values()
            yield from expectation.second_order.values()
        case Refusal():
            yield from _arrays(expectation.twin)
        case AnyOf():
            for alternative in expectation.alternatives.values():
                yield from _expected(alternative)


def _arrays(call: Call) -> Iterator[Array]:
    return (array for name in OPERANDS if (array := getattr(call, name)) is not None)


def make_plan(cases: Sequence[Case]) -> Plan:
    """Return the plan of `cases`; a twin that several refusals share is packed once."""
    calls = [wire.pack_call(index, case.call, repeat=_is_full_precision(case.call)) for index, case in enumerate(cases)]
    seen: dict[bytes, int] = {}
    twins = [
        {refusal.name: _add_twin(refusal.twin, calls, seen) for refusal in allowed_refusals(case.expectation)}
        for case in cases
    ]
    return Plan(cases=cases, calls=calls, twins=twins)


def _add_twin(twin: Call, calls: list[bytes], seen: dict[bytes, int]) -> int:
    digest = hashlib.sha256(wire.pack_call(0, twin)).digest()
    if digest not in seen:
        seen[digest] = len(calls)
        calls.append(wire.pack_call(len(calls), twin))
    return seen[digest]


def allowed_refusals(expectation: Expectation) -> list[Refusal]:
    """Return the refusals that an expectation allows: the expectation itself, or refusals among its alternatives."""
    match expectation:
        case Refusal():
            return [expectation]
        case AnyOf():
            return [refusal for other in expectation.alternatives.values() for refusal in allowed_refusals(other)]
        case _:
            return []


def _is_full_precision(call: Call) -> bool:
    if call.training is not None:  # other cases repeat the calls of its steps
        return False
    # Sums of small integers are exact in every order, so only other values reveal that the order of summation varies.
    arrays = (array for name in OPERANDS if name != "bias" and (array := getattr(call, name)) is not None)
    return call.input.dtype.kind not in "iu" and not all(map(_is_integral, arrays))


def _is_integral(array: Array) -> bool:
    values = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    finite = values[np.isfinite(values)]
    return bool((finite.real == np.rint(finite.real)).all() and (finite.imag == np.rint(finite.imag)).all())


SMOKE = Call(
    op="conv",
    input=np.array([[[0], [3], [4], [5]]], np.float32),
    kernel=np.array([[[1]], [[2]]], np.float32),
    layout=PerArray(input="NWC", kernel="WIO", output="NWC"),
    dtype=PerArray(input="float32", kernel="float32", output="float32"),
    strides=(1,),
    dilations=(1,),
    input_dilations=(1,),
    output_padding=(0,),
)


def smoke_call() -> bytes:
    """Return the packed smoke call, which a target must complete first: input [0, 3, 4, 5], kernel [1, 2]."""
    return wire.pack_call(-1, SMOKE)
