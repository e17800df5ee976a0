"""
An expectation judges an observation.

Pure: no clock, no file, no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np

from . import numerics
from .call import ARRAYS, Array, Call
from .dtypes import FORMATS, numpy_type
from .expectation import AnyOf, Deferred, Expectation, Output, Refusal, Shape
from .observation import Observation
from .verdict import Finding

#: Outcomes that are verdicts by themselves, whatever was expected.
PLAIN = ("unsupported", "not-run", "crash", "timeout", "suite-error")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """
    The verdict on one observation; `finding` where it is a disagreement.
    """

    verdict: str
    message: str = ""
    finding: Finding | None = None
    alternative: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """
    What besides the observation a judgement rests on.

    `twins` holds, by the refused call, what became of its twin on the same target;
    `result_dtypes` the dtypes that the target's mode returns in place of the call's own.
    """

    call: Call
    twins: Mapping[str, Observation] = field(default_factory=dict)
    result_dtypes: Mapping[str, str] = field(default_factory=dict)


AGREE = Judgement(verdict="agree")


def judge(expectation: Expectation, observation: Observation, context: Context) -> Judgement:
    """
    Return the verdict on `observation`.
    """
    if observation.outcome in PLAIN:
        return Judgement(verdict=observation.outcome, message=observation.message)
    judgement = _judged(expectation, observation, context)
    if judgement is not AGREE and judgement.verdict != "agree":
        return judgement
    if context.call.variation.shape_inference and (wrong := _inference(observation)):
        return wrong
    if observation.unsteady:
        return _disagree("nondeterministic", "the same call, made again, gave other bits")
    if observation.inputs_changed:
        return _disagree("inputs-changed", "an array that was passed in had been written to")
    return judgement


def _judged(expectation: Expectation, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "returned" and (surplus := _unasked(observation, context.call)):
        return Judgement(verdict="suite-error", message=surplus)
    match expectation:
        case Output():
            return _judge_output(expectation, observation, context)
        case Shape():
            return _judge_shape(expectation, observation, context)
        case Refusal():
            return _judge_refusal(expectation, observation, context)
        case AnyOf():
            return _judge_any(expectation, observation, context)
        case Deferred():
            return Judgement(verdict="not-run", message=expectation.reason)


def _unasked(observation: Observation, call: Call) -> str:
    """
    Return what is wrong with the arrays that an adapter returned, by their names; empty where nothing is.
    """
    asked = {"output", "inference"} if call.variation.shape_inference else {"output"}
    if observation.arrays.keys() == asked:
        return ""
    returned = ", ".join(observation.arrays) or "nothing"
    wanted = "output and inference were" if len(asked) > 1 else "output alone was"
    return f"the adapter returned {returned} where {wanted} asked for"


def _inference(observation: Observation) -> Judgement | None:
    """
    Hold what the framework stated ahead of the call against what it returned, whatever was expected of that.
    """
    if observation.outcome == "raised":
        return None
    stated, got = (observation.arrays[name].shape for name in ("inference", "output"))
    if stated != got:
        message = f"the shape was inferred to be {list(stated)}, the result has {list(got)}"
        return _disagree("shape", message, where="inference")
    inferred, returned = (observation.dtypes[name] for name in ("inference", "output"))
    if inferred != returned:
        message = f"the dtype was inferred to be {inferred}, the result has {returned}"
        return _disagree("dtype", message, where="inference")
    return None


def _judge_any(expectation: AnyOf, observation: Observation, context: Context) -> Judgement:
    """
    Return the first alternative that agrees; if none does, what the one says that comes nearest.

    That is the first that expects the same sort of outcome; of those that expect an output, one of the returned shape.
    A refusal whose twin killed the target is not known to be wrong, whatever the others say of theirs.
    """
    judged = {name: _judged(each, observation, context) for name, each in expectation.alternatives.items()}
    for name, judgement in judged.items():
        if judgement.verdict == "agree":
            return Judgement(verdict="agree", alternative=name)
    refused = observation.outcome == "raised"
    same_sort = [
        judged[name] for name, each in expectation.alternatives.items() if isinstance(each, Refusal) == refused
    ]
    nearest = [each for each in same_sort if each.finding is None or each.finding.kind != "shape"]
    unproven = [judged[name] for name, each in expectation.alternatives.items() if refused and _died(each, context)]
    return next(iter([*unproven, *nearest, *same_sort, *judged.values()]))


def _died(alternative: Expectation, context: Context) -> bool:
    """Say whether the twin of a refusal ended the process, or did not end."""
    twin = context.twins.get(alternative.name) if isinstance(alternative, Refusal) else None
    return twin is not None and twin.outcome in ("crash", "timeout")


def _judge_refusal(expectation: Refusal, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "returned":
        return _disagree("not-refused", "the call was accepted, and must be refused")
    if observation.environment:
        return _disagree("refused", f"not a refusal of the call: {observation.message}")
    twin = context.twins.get(expectation.name)
    if twin is None or twin.outcome == "returned":
        return AGREE if twin else Judgement(verdict="not-run", message=f"its twin {expectation.name} was not run")
    if twin.outcome == "raised" and expectation.is_twin_judged:
        return Judgement(verdict="not-run", message=f"refused, but so is its twin ({expectation.name})")
    if twin.outcome == "raised":
        return _disagree("refused", f"refused, but so is its twin ({expectation.name}), which must be accepted")
    return Judgement(verdict=_less(twin.outcome), message=f"its twin ({expectation.name}): {twin.message}")


def _less(outcome: str) -> str:
    # A twin's crash is judged where it is a case; here it only leaves the refusal without proof.
    return "unsupported" if outcome == "unsupported" else "not-run"


def _judge_shape(expectation: Shape, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "raised":
        return _refused(observation)
    got = observation.arrays["output"]
    dtype = context.result_dtypes.get(expectation.dtype, expectation.dtype)
    return _shape(expectation.shape, got) or _dtype(dtype, observation) or AGREE


def _judge_output(expectation: Output, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "raised":
        return _refused(observation)
    got = observation.arrays["output"]
    expected = expectation.array
    name = context.call.dtype.output or ""
    dtype = context.result_dtypes.get(name, name)
    same = dtype == observation.dtypes["output"] and got.shape == expected.shape
    if same and dtype == name and got.tobytes() == expected.tobytes():
        return AGREE
    return (
        _layout(expected, got)
        or _shape(expected.shape, got)
        or _dtype(dtype, observation)
        or _values(expectation, got, dtype, observation, context)
        or AGREE
    )


def _refused(observation: Observation) -> Judgement:
    return _disagree("refused", observation.message)


def _disagree(kind: str, message: str, **details: Any) -> Judgement:
    return Judgement(verdict="disagree", message=message, finding=Finding(kind=kind, message=message, **details))


def _layout(expected: Array, got: Array) -> Judgement | None:
    """
    Find a permutation of the axes that turns the result exactly into the expectation.
    """
    if got.ndim != expected.ndim or sorted(got.shape) != sorted(expected.shape) or _is_constant(expected):
        return None
    if got.shape == expected.shape and _equal(got, expected):
        return None
    for order in permutations(range(got.ndim)):
        moved = got.transpose(order)
        if moved.shape == expected.shape and _equal(moved, expected):
            return _disagree("layout", f"right but for the order of its axes: transposed by {order} it agrees")
    return None


def _is_constant(array: Array) -> bool:
    return not array.size or _equal(array, np.full_like(array, array.flat[0]))


def _equal(one: Array, other: Array) -> bool:
    return bool(np.array_equal(numerics.wide(one), numerics.wide(other), equal_nan=True))


def _shape(expected: tuple[int, ...], got: Array) -> Judgement | None:
    if got.shape == expected:
        return None
    return _disagree("shape", f"shape {list(got.shape)}, expected {list(expected)}")


def _dtype(expected: str, observation: Observation) -> Judgement | None:
    name = observation.dtypes["output"]
    return None if name == expected else _disagree("dtype", f"dtype {name}, expected {expected}")


def _values(
    expectation: Output, got: Array, dtype: str, observation: Observation, context: Context
) -> Judgement | None:
    expected = _rounded(expectation.array, dtype)
    if expectation.signed_zero and (found := _differing(_signs(expected) != _signs(got))):
        return _at("values", "the sign of zero", found, expected, got)
    if dtype[0] in "iu":
        return _at("values", "", found, expected, got) if (found := _differing(expected != got)) else None
    y, seen = numerics.wide(expected), numerics.wide(got)
    if found := _differing((_special(y) != _special(seen)) & ~_overflows(expectation.array, got, context)):
        return _at("nonfinite", "NaN and infinity elsewhere", found, expected, got)
    finite = np.isfinite(y)
    if (y[finite] == seen[finite]).all():
        return None
    allowed = numerics.tolerance(
        context.call,
        expected,
        dtype,
        composed=observation.composed,
        precision=expectation.precision,
        switches=expectation.switches,
    )
    error = np.where(finite, np.abs(np.subtract(seen, y, where=finite, out=np.zeros_like(y))), 0.0)
    if allowed.grid:
        return _off_grid(allowed.grid, error, expected, got)
    return _out_of_bound(allowed, error, expected, got)


def _overflows(expected: Array, got: Array, context: Context) -> Any:
    """
    Mark what is beyond the range of the case's own dtype, and was returned as a number beyond it, of the same sign.

    A mode that returns another dtype may hold what the case's own cannot.
    """
    call = context.call
    own = call.dtype.output or ""
    arrays = (array for name in ARRAYS if (array := getattr(call, name)) is not None)
    if own not in FORMATS or not all(_finite(array).all() for array in arrays):
        return np.zeros(expected.shape, bool)
    y = numerics.wide(expected)
    seen = numerics.wide(got)
    # Where the dtype has no infinity an overflow is a NaN, whose sign says nothing.
    beyond = np.where(np.isnan(y), np.abs(seen), seen * np.sign(y))
    return ~_finite(expected) & (beyond > FORMATS[own].largest)


def _finite(array: Array) -> Any:
    return np.isfinite(numerics.wide(array))


def _rounded(array: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):  # what a narrower dtype cannot hold is infinite in it
        rounded: Array = array.astype(numpy_type(dtype))
    return rounded


def _off_grid(grid: float, error: Array, expected: Array, got: Array) -> Judgement | None:
    if found := _differing(error >= grid / 2):
        return _at("values", "", found, expected, got)
    message = f"exact results were possible; off the grid by up to {error.max() / grid:.2g} of its spacing"
    found = _differing(error > 0)
    assert found is not None
    return _at("precision", message, found, expected, got)


def _out_of_bound(allowed: numerics.Tolerance, error: Array, expected: Array, got: Array) -> Judgement | None:
    assert allowed.bound is not None
    found = _differing(error > allowed.bound)
    if found is None:
        return None
    assert allowed.coarse is not None and allowed.unit is not None
    kind = "values" if (error > allowed.coarse).any() else "precision"
    worst = float((error / np.maximum(allowed.unit, np.finfo(np.float64).tiny)).max())
    return _at(kind, f"error of {worst:.3g} u*S, beyond the proven bound", found, expected, got, max_error_uS=worst)


def _signs(array: Array) -> Any:
    """
    Return 1 for a negative zero, else 0; of complex numbers both parts together.
    """
    parts = _parts(numerics.wide(array))
    return sum((np.signbit(part) & (part == 0)) * 2**place for place, part in enumerate(parts))


def _special(values: Array) -> Any:
    """
    Return 0 for a finite element, else 1 for NaN, 2 and 3 for infinities; of complex numbers both parts together.
    """
    codes = [np.isnan(part) + 2 * np.isposinf(part) + 3 * np.isneginf(part) for part in _parts(values)]
    return sum(code * 4**place for place, code in enumerate(codes))


def _parts(values: Any) -> tuple[Any, ...]:
    return (values.real, values.imag) if np.iscomplexobj(values) else (values,)


def _differing(wrong: Any) -> tuple[tuple[int, ...], int] | None:
    if not wrong.any():
        return None
    first = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return tuple(int(index) for index in first), int(wrong.sum())


def _at(
    kind: str, message: str, found: tuple[tuple[int, ...], int], expected: Array, got: Array, **details: Any
) -> Judgement:
    index, count = found
    wanted, seen = _plain(expected[index]), _plain(got[index])
    place = f"output{list(index)} is {seen}, expected {wanted}; {count} of {expected.size} elements differ"
    text = f"{message}: {place}" if message else place
    near = {"expected_near": _near(expected, index), "got_near": _near(got, index)}
    return _disagree(kind, text, first_index=index, expected=wanted, got=seen, differing=count, **near, **details)


def _near(array: Array, index: tuple[int, ...]) -> tuple[Any, ...]:
    """
    Return up to eight elements in memory order, beginning at most two before `index`.
    """
    flat = array.reshape(-1)
    start = max(int(np.ravel_multi_index(index, array.shape)) - 2, 0)
    return tuple(_plain(value) for value in flat[start : start + 8])


def _plain(value: Any) -> Any:
    """
    Return an element as a number that JSON can hold, or as text where it is none.
    """
    if np.iscomplexobj(value):
        return str(complex(value))
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, int):
        return number
    number = float(number)
    if not np.isfinite(number):
        return str(number)
    return int(number) if number == int(number) and abs(number) < 2**53 else number
