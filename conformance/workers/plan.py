"""What every target is asked: the packed calls of some cases, and of the twins of their refusals."""

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
    """What every target of a run is asked: a packed call for each case, at the case's position, then for each twin."""

    cases: Sequence[Case]
    calls: Sequence[bytes]
    #: For each case, the numbers of the twins of its refusals, by their names.
    twins: Sequence[dict[str, int]]

    @cached_property
    def follow_ups(self) -> dict[int, list[int]]:
        """By twin, the numbers of the calls one of which must have been raised before anybody asks for it."""
        found: dict[int, list[int]] = {}
        for number, twins in enumerate(self.twins):
            for twin in set(twins.values()):
                found.setdefault(twin, []).append(number)
        return found


#: At most so many cases are held at a time, with their calls and expectations, and so many bytes of arrays; twice that
#: where one batch follows another. Each batch has workers of its own, whose imports take seconds.
BATCH_SIZE, BYTES = 4000, 400_000_000


def case_batches(
    cases: Sequence[Case], places: Iterable[int], most: int = BATCH_SIZE, weight: int = BYTES
) -> Iterator[Sequence[int]]:
    """Yield the places of cases in batches, each once its cases are built: `most` cases, or `weight` bytes of arrays."""
    batch: list[int] = []
    built = 0
    for at in places:
        batch.append(at)
        built += _weight(cases[at])
        if len(batch) >= most or built >= weight:
            yield batch
            batch, built = [], 0
    if batch:
        yield batch


def _weight(case: Case) -> int:
    """Return how many bytes the arrays of a case take, the call's twice: it is packed as well."""
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
            for each in expectation.alternatives.values():
                yield from _expected(each)


def _arrays(call: Call) -> Iterator[Array]:
    return (array for name in OPERANDS if (array := getattr(call, name)) is not None)


def make_plan(cases: Sequence[Case]) -> Plan:
    """Pack the calls of the cases, and of the twins of their refusals, each twin once."""
    calls = [wire.pack_call(at, case.call, repeat=_is_full_precision(case.call)) for at, case in enumerate(cases)]
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
    """Return the refusals that an expectation allows, whose twins are called as well."""
    match expectation:
        case Refusal():
            return [expectation]
        case AnyOf():
            return [found for each in expectation.alternatives.values() for found in allowed_refusals(each)]
        case _:
            return []


def _is_full_precision(call: Call) -> bool:
    if call.training is not None:  # a training is made of calls, each of which is a case of its own
        return False
    # Sums of small integers are exact in every order, so only these can show that the order changes.
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
    """Return the call that every target must complete before any case: [0, 3, 4, 5] with the kernel [1, 2]."""
    return wire.pack_call(-1, SMOKE)
