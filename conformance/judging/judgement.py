"""
An expectation judges an observation.

Pure: no clock, no file, no state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core import (
    FORMATS,
    OPERANDS,
    AnyOf,
    Array,
    Call,
    Expectation,
    Finding,
    Fit,
    Observation,
    Output,
    Refusal,
    Shape,
    numpy_type,
)
from . import difference, error_bound
from . import precision as evidence
from .difference import differing, special_kind
from .training_deviation import TrainingRun, training_finding

#: Outcomes that are verdicts by themselves, whatever was expected.
PLAIN = ("unsupported", "not-run", "crash", "timeout", "suite-error")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one observation; `finding` where it is a disagreement."""

    verdict: str
    message: str = ""
    finding: Finding | None = None
    alternative: str | None = None
    #: The class of rounding that the result is of, where that was asked.
    precision: str | None = None
    #: The largest error of that result, in units of u * S.
    error_uS: float | None = None  # noqa: N815 - see Finding
    #: Whether it rests on statistics alone, so that it has to be seen on other numbers too.
    is_doubted: bool = False


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
    #: Whether its numbers were drawn for rounding, so that statistics may be asked.
    is_drawn: bool = False
    #: The lower class of rounding that the target documents, by the input's dtype.
    declared: Mapping[str, str] = field(default_factory=dict)
    #: What is asked of rounding, one of `verdict.POLICIES`.
    policy: str = "declared"

    def asked(self, expectation: Output) -> str | None:
        """
        Return the class of rounding that is asked for, None where it is that of the accumulator.

        What a case asks for comes before what the target documents, but that it lets a transform pass.
        """
        declared = None if self.policy == "strict" else self.declared.get(self.call.dtype.input)
        if expectation.precision == "reassociated":
            return declared or expectation.precision
        return expectation.precision or declared


AGREE = Judgement(verdict="agree")


def judge(expectation: Expectation, observation: Observation, context: Context) -> Judgement:
    """Return the verdict on `observation`."""
    if plain := _unjudged(observation, context.call):
        return plain
    judgement = _by_policy(_judged(expectation, observation, context), context)
    if judgement is not AGREE and judgement.verdict != "agree":
        return judgement
    if context.call.variation.shape_inference and (wrong := _inference(observation)):
        return wrong
    if observation.unsteady:
        return _disagree("nondeterministic", "the same call, made again, gave other bits")
    if observation.inputs_changed:
        return _disagree("inputs-changed", "an array that was passed in had been written to")
    return judgement


def _by_policy(judgement: Judgement, context: Context) -> Judgement:
    """Let go of a class of rounding where none is asked for."""
    if context.policy != "any" or judgement.finding is None or judgement.finding.kind != "precision":
        return judgement
    return Judgement(verdict="agree", precision=judgement.precision, error_uS=judgement.error_uS)


def _judged(expectation: Expectation, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "returned" and (surplus := _unasked(observation, context.call)):
        return Judgement(verdict="suite-error", message=surplus)
    return _JUDGES[type(expectation)](expectation, observation, context)


def _unjudged(observation: Observation, call: Call) -> Judgement | None:
    """Return the verdict that an observation is by itself; a worker may never have heard of the second order."""
    if observation.outcome in PLAIN:
        return Judgement(verdict=observation.outcome, message=observation.message)
    answered = any(at.startswith(_second("")) for at in observation.arrays)
    if observation.outcome == "returned" and call.second_order and not answered:
        return Judgement(verdict="unsupported", message="second_order: gradients alone were returned")
    return None


def _unasked(observation: Observation, call: Call) -> str:
    """Return what is wrong with the arrays that an adapter returned, by their names; empty where nothing is."""
    asked = ["output", *(["inference"] if call.variation.shape_inference else []), *map(_gradient, call.gradients)]
    asked += map(_second, call.second_order)
    if call.training is not None:
        asked = ["kernels", "losses"]
    if observation.arrays.keys() == {*asked}:
        return ""
    returned = ", ".join(observation.arrays) or "nothing"
    wanted = f"{', '.join(asked[:-1])} and {asked[-1]} were" if len(asked) > 1 else "output alone was"
    return f"the adapter returned {returned} where {wanted} asked for"


def _gradient(name: str) -> str:
    """Return where the gradient of an array is."""
    return f"gradient.{name}"


def _second(name: str) -> str:
    """Return where the gradient of gradients by an array or the cotangent is."""
    return f"second.{name}"


def _inference(observation: Observation) -> Judgement | None:
    """Hold what the framework stated ahead of the call against what it returned, whatever was expected of that."""
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
    each_judged = ((name, _judged(each, observation, context)) for name, each in expectation.alternatives.items())
    judged = {name: _against(name, judgement) for name, judgement in each_judged}
    for name, judgement in judged.items():
        if judgement.verdict == "agree":
            return replace(judgement, alternative=name)
    refused = observation.outcome == "raised"
    same_sort = [
        judged[name] for name, each in expectation.alternatives.items() if isinstance(each, Refusal) == refused
    ]
    nearest = [each for each in same_sort if each.finding is None or each.finding.kind != "shape"]
    unproven = [judged[name] for name, each in expectation.alternatives.items() if refused and _died(each, context)]
    return next(iter([*unproven, *nearest, *same_sort, *judged.values()]))


def _against(alternative: str, judgement: Judgement) -> Judgement:
    """Return a judgement whose finding tells of which alternative it is said."""
    if judgement.finding is None:
        return judgement
    return replace(judgement, finding=replace(judgement.finding, against=alternative))


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
    wrong = difference.shape(expectation.shape, got) or difference.dtype(dtype, observation.dtypes["output"])
    return _found(wrong) if wrong else AGREE


def _judge_fit(expectation: Fit, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "raised":
        return _refused(observation)
    is_foreign, name = not observation.composed, context.call.dtype.output or ""
    through = _narrowest(name, context.result_dtypes.get(name, name))
    for where, dtype in observation.dtypes.items():
        if dtype not in FORMATS:
            return _disagree("dtype", f"{where} have dtype {dtype}", where=where)
    kernels, losses = observation.arrays["kernels"], observation.arrays["losses"]
    kept, told = observation.dtypes["kernels"], observation.dtypes["losses"]
    # An optimizer of the target's own may keep its rate, and a loop its losses, in one dtype for all models.
    kept = _narrowest(kept, told) if is_foreign else kept
    run = TrainingRun(kernels, losses, through, kept, told, is_foreign=is_foreign)
    wrong = training_finding(expectation, context.call, run)
    if wrong is None:
        return AGREE
    return _disagree(wrong.kind, wrong.message, where=wrong.where, first_index=wrong.at)


def _narrowest(*dtypes: str) -> str:
    return min(dtypes, key=lambda dtype: FORMATS[dtype].bits)


def _judge_output(expectation: Output, observation: Observation, context: Context) -> Judgement:
    """
    Return what is wrong with the output, else with the first gradient that is wrong, in the order of the call.

    Gradients of gradients are the last.
    """
    if observation.outcome == "raised":
        return _refused(observation)
    parts = _parts_of(expectation, context)
    wrong = next((wrong for part in parts if (wrong := _judge_part(part, observation, context))), None)
    return _in_class(wrong, expectation, observation, context)


def _in_class(wrong: Finding | None, expectation: Output, observation: Observation, context: Context) -> Judgement:
    """
    Return a judgement with the class of rounding of the output, a disagreement where that is lower than is asked for.

    Asked only where the numbers were drawn for it, of outputs that agree by the bound or differ by rounding alone.
    """
    call, got, dtype = context.call, observation.arrays["output"], observation.dtypes["output"]
    is_rounding = wrong is None or wrong.kind == "precision"
    is_asked = context.is_drawn and not observation.composed and evidence.is_asked(call, dtype)
    if not (is_rounding and is_asked) or expectation.switches:
        return _found(wrong) if wrong else AGREE
    accumulator = error_bound.accumulator(call, dtype)
    by = evidence.yardstick(call, accumulator)
    errors = evidence.errors(got, dtype, by)
    spoken = [str(each) for each in evidence.against(errors, by)]
    largest = float(np.abs(errors).max(initial=0.0))
    if not spoken:
        right = Judgement(verdict="agree", precision=accumulator)
        return replace(_found(wrong) if wrong else right, error_uS=largest)
    return replace(_lower(wrong, spoken, expectation, observation, context), error_uS=largest)


def _lower(
    wrong: Finding | None, spoken: list[str], expectation: Output, observation: Observation, context: Context
) -> Judgement:
    """Return the judgement on errors that rounding in the accumulator does not explain, which `spoken` says."""
    call, got, dtype = context.call, observation.arrays["output"], observation.dtypes["output"]
    accumulator = error_bound.accumulator(call, dtype)
    found = evidence.likeness(call, got, dtype, accumulator)
    if wrong is None and evidence.is_within(found, context.asked(expectation)):
        return Judgement(verdict="agree", precision=found)
    said = f"behaves like {found}" if found else "no lower class explains it"
    if wrong is not None:
        return replace(_found(replace(wrong, message=f"{said}: {wrong.message}")), precision=found)
    message = f"{said}: {'; '.join(spoken)}"
    return replace(_disagree("precision", message), precision=found, is_doubted=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """
    One array of those that a call returns, and what is expected of it.

    `own` is the dtype that the call asks for, `dtype` the one that the target has to return, `through` the narrowest
    that the target's mode computes it in. `where` is `output`, `gradient.input`, `second.input` and so on, `name` the
    array that it is the gradient of.
    """

    expectation: Output
    expected: Array
    own: str
    dtype: str
    through: str
    where: str = "output"
    name: str = ""

    @property
    def signed_zero(self) -> bool:
        """Whether -0.0 differs from 0.0; of a gradient nobody says so."""
        return self.expectation.signed_zero and self.where == "output"


def _parts_of(expectation: Output, context: Context) -> Iterator[_Part]:
    name = context.call.dtype.output or ""
    returned = context.result_dtypes.get(name, name)
    expected = expectation.array
    yield _Part(expectation=expectation, expected=expected, own=name, dtype=returned, through=returned)
    gradients = [(_gradient(array), array, expectation.gradients[array]) for array in context.call.gradients]
    gradients += [(_second(array), array, expectation.second_order[array]) for array in context.call.second_order]
    for where, array, expected in gradients:
        own = context.call.dtype_of(array)
        through = _narrowest(own, returned) if returned != name else own
        part = _Part(expectation=expectation, expected=expected, own=own, dtype=own, through=through)
        yield replace(part, where=where, name=array)


def _judge_part(part: _Part, observation: Observation, context: Context) -> Finding | None:
    got, dtype = observation.arrays[part.where], observation.dtypes[part.where]
    expected = part.expected
    same = part.dtype == dtype and got.shape == expected.shape
    if same and part.dtype == part.own and got.tobytes() == expected.tobytes():
        return None
    wrong = (
        difference.layout(expected, got)
        or difference.shape(expected.shape, got)
        or difference.dtype(part.dtype, dtype)
        or _values(part, got, observation, context)
    )
    return wrong and _located(wrong, part.where)


def _located(wrong: Finding, where: str) -> Finding:
    """Return a difference of an output as one of what is at `where`, in its message too."""
    if where == "output":
        return wrong
    return replace(wrong, where=where, message=wrong.message if where in wrong.message else f"{where}: {wrong.message}")


def _refused(observation: Observation) -> Judgement:
    return _disagree("refused", observation.message)


def _disagree(kind: str, message: str, **details: Any) -> Judgement:
    return _found(Finding(kind=kind, message=message, **details))


def _found(finding: Finding) -> Judgement:
    return Judgement(verdict="disagree", message=finding.message, finding=finding)


def _values(part: _Part, got: Array, observation: Observation, context: Context) -> Finding | None:
    expected = _rounded(part.expected, part.dtype)
    if part.signed_zero and (found := differing(difference.signs(expected) != difference.signs(got))):
        return difference.at("values", "the sign of zero", found, expected, got, part.where)
    if part.dtype[0] in "iu":
        found = differing(expected != got)
        return difference.at("values", "", found, expected, got, part.where) if found else None
    y, seen = error_bound.widened(expected), error_bound.widened(got)
    if found := differing((special_kind(y) != special_kind(seen)) & ~_overflows(part, got, context)):
        return difference.at("nonfinite", "NaN and infinity elsewhere", found, expected, got, part.where)
    finite = np.isfinite(y)
    if (y[finite] == seen[finite]).all():
        return None
    allowed = _allowed(part, expected, observation, context)
    error = np.where(finite, np.abs(np.subtract(seen, y, where=finite, out=np.zeros_like(y))), 0.0)
    if allowed.grid:
        return difference.off_grid(allowed.grid, error, expected, got, part.where)
    return difference.out_of_bound(allowed, error, expected, got, part.where)


def _allowed(part: _Part, expected: Array, observation: Observation, context: Context) -> error_bound.Tolerance:
    call = context.call
    said: dict[str, Any] = {
        "composed": observation.composed,
        "precision": context.asked(part.expectation),
        "switches": part.expectation.switches,
    }
    if part.where == _second(part.name):
        return error_bound.second_order_tolerance(call, part.name, expected, part.through, **said)
    if part.name:
        return error_bound.gradient_tolerance(call, part.name, expected, part.through, **said)
    return error_bound.tolerance(call, expected, part.through, **said)


def _overflows(part: _Part, got: Array, context: Context) -> Any:
    """
    Mark what is beyond the range of the case's own dtype, and was returned as a number beyond it, of the same sign.

    A mode that returns another dtype may hold what the case's own cannot.
    """
    own, expected = part.own, part.expected
    arrays = (array for name in OPERANDS if (array := getattr(context.call, name)) is not None)
    if own not in FORMATS or not all(_finite(array).all() for array in arrays):
        return np.zeros(expected.shape, bool)
    y = error_bound.widened(expected)
    seen = error_bound.widened(got)
    with np.errstate(invalid="ignore"):  # an infinity where zero is expected
        # Where the dtype has no infinity an overflow is a NaN, whose sign says nothing.
        beyond = np.where(np.isnan(y), np.abs(seen), seen * np.sign(y))
    return ~_finite(expected) & (beyond > FORMATS[own].largest)


def _finite(array: Array) -> Any:
    return np.isfinite(error_bound.widened(array))


def _rounded(array: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):  # what a narrower dtype cannot hold is infinite in it
        rounded: Array = array.astype(numpy_type(dtype))
    return rounded


#: How each expectation judges an observation.
_JUDGES: Mapping[type, Callable[[Any, Observation, Context], Judgement]] = {
    Output: _judge_output,
    Fit: _judge_fit,
    Shape: _judge_shape,
    Refusal: _judge_refusal,
    AnyOf: _judge_any,
}
