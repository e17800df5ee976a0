"""Validate every expectation of a corpus against both formulations of the exact reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import numpy as np

from .. import reference
from ..core import FORMATS, AnyOf, Array, Call, Case, Expectation, Fit, Output, Problem, Refusal, Shape
from ..corpus import Clause, open_choices
from ..judging import TrainingRun, enclose_training, training_finding
from ..reference import convolution_matrix, matrix_again, trajectory
from .refusal_twins import is_refusable, refusals

#: The functions that compute output, gradients and second-order gradients, by the formulation's name in messages.
ROUTES = {
    "the reference": (reference.evaluate, reference.gradients, reference.second_order),
    "the second formulation": (reference.evaluate_again, reference.gradients_again, reference.second_order_again),
}


def validate_cases(cases: Iterable[Case], clauses: Mapping[str, Clause]) -> Iterator[Problem]:
    """
    Yield a problem for each expectation in `cases` that the reference contradicts, or that wrongs a refusal.

    A refusal is wronged if a clause allows it and the case does not, or if clauses also allow a target to refuse each
    twin of the case. One twin that no clause allows to be refused suffices, because a target need meet only one
    alternative.
    """
    for case in cases:
        messages = chain(_wrong(case.call, case.expectation, frozenset()), _wronged(case, clauses))
        for message in messages:
            yield Problem(path=case.path, line=case.line, column=1, message=f"{case.id}: {message}")


def _wrong(call: Call, expectation: Expectation, switches: frozenset[str]) -> Iterator[str]:
    match expectation:
        case Output():
            for route in ROUTES:
                yield from _recomputed(call, expectation, switches | expectation.switches, route)
        case Fit():
            yield from _off_trajectory(call, expectation)
        case Shape():
            output = reference.evaluate(call)
            if (output.shape, output.dtype.name) != (expectation.shape, expectation.dtype):
                yield f"the reference returns shape {list(output.shape)} and dtype {output.dtype.name}"
        case AnyOf():
            for each in expectation.alternatives.values():
                yield from _wrong(call, each, switches)
        case Refusal():
            yield from _undefined_twin(expectation)


def _off_trajectory(call: Call, fit: Fit) -> Iterator[str]:
    """Yield a message for each checkpoint that is not on the exact trajectory, or that rounding errors could change."""
    exact = trajectory(call)
    dtype = call.dtype_of("kernel")
    certain = enclose_training(call, call.dtype_of("output"), "float64").certain
    unit = FORMATS[dtype].unit
    if not np.array_equal(convolution_matrix(call), matrix_again(call)):
        yield "the two formulations of the reference disagree on the convolution of the training run"
    assert call.kernel is not None
    kernels = exact.kernels.reshape(-1, *call.kernel.shape)
    run = TrainingRun(kernels, exact.losses, through=call.dtype_of("output"), kept="float64", told="float64")
    if wrong := training_finding(fit, call, run):
        yield f"the exact trajectory does not meet the expectation: {wrong.message}"
    for step, checkpoint in fit.checkpoints.items():
        if step > certain:
            yield f"the state after {step} updates is uncertain: a residual of update {certain} may have either sign"
        pairs = ((checkpoint.kernel, exact.kernels[step]), (checkpoint.loss, exact.losses[step]))
        for written, right in pairs:
            flat = None if written is None else np.asarray(written, np.float64).reshape(-1)
            if flat is not None and (np.abs(flat - right) > unit * np.abs(right)).any():
                yield f"after {step} updates: exact value {np.ravel(right).tolist()}, but expected {flat.tolist()}"


def _recomputed(call: Call, expectation: Output, switches: frozenset[str], route: str) -> Iterator[str]:
    evaluate, differentiate, differentiate_twice = ROUTES[route]
    output = evaluate(call, switches)
    yield from _differs(expectation.array, output, route, signed_zero=expectation.signed_zero)
    if call.cotangent is None:
        return
    computed = differentiate(call, call.cotangent, switches)
    for name, each in expectation.gradients.items():
        yield from _differs(each, computed[name], f"gradient.{name}: {route}")
    if not call.second_order:
        return
    computed = differentiate_twice(call, call.cotangent, call.along, switches)
    for name, each in expectation.second_order.items():
        yield from _differs(each, computed[name], f"second.{name}: {route}")


def _differs(array: Array, computed: Array, route: str, *, signed_zero: bool = False) -> Iterator[str]:
    if computed.shape != array.shape:
        yield f"{route} returns shape {list(computed.shape)}, the case expects {list(array.shape)}"
        return
    wrong = ~_same(array, computed, signed_zero=signed_zero)
    if wrong.any():
        index = tuple(int(at) for at in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        yield f"{route} returns {computed[index]} at {list(index)}, the case expects {array[index]}"


def _same(one: Array, other: Array, *, signed_zero: bool) -> Array:
    equal = (one == other) | ((one != one) & (other != other))
    if signed_zero:
        equal &= np.signbit(one.astype(np.float64)) == np.signbit(other.astype(np.float64))
    return np.asarray(equal)


def _wronged(case: Case, clauses: Mapping[str, Clause]) -> Iterator[str]:
    allowed = list(refusals(case.expectation))
    if not allowed:
        for clause in _refusable(case.call, clauses):
            yield f"{clause} allows the refusal of the call, and the case does not"
        return
    open_to = {refusal.name: _refusable(refusal.twin, clauses) for refusal in allowed}
    if all(open_to.values()):
        name, left = min(open_to.items(), key=lambda item: len(item[1]))
        yield f"{', '.join(left)} allows the refusal of the twin ({name}), which must be accepted"


def _refusable(call: Call, clauses: Mapping[str, Clause]) -> list[str]:
    return [clause.id for clause in open_choices(call, clauses) if is_refusable(clause)]


def _undefined_twin(refusal: Refusal) -> Iterator[str]:
    try:
        reference.evaluate(refusal.twin)
    except reference.Undefined as error:
        yield f"the twin ({refusal.name}) is undefined: {error}"
