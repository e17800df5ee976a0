"""
The judgement of an observation by an expectation.

All functions are pure: they use no clock, no files and no state.
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

#: Outcomes that are also the verdict, whatever the expectation is.
PLAIN = ("unsupported", "not-run", "crash", "timeout", "suite-error")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one observation, with a `finding` if it is a disagreement."""

    verdict: str
    message: str = ""
    finding: Finding | None = None
    alternative: str | None = None
    #: The precision class of the output, if precision was tested.
    precision: str | None = None
    #: The largest error of the output in units of u * S, if precision was tested.
    error_uS: float | None = None  # noqa: N815 - see Finding
    #: Whether only statistical tests failed, so that the caller must confirm the disagreement with new random numbers.
    is_doubted: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """
    The inputs of a judgement, except the expectation and the observation.

    `twins` holds the observations of twins on the same target, by `Refusal.name`.
    `result_dtypes` maps a requested dtype to the dtype that the target's mode returns instead.
    """

    call: Call
    twins: Mapping[str, Observation] = field(default_factory=dict)
    result_dtypes: Mapping[str, str] = field(default_factory=dict)
    #: Whether the case draws its numbers to measure rounding, so that statistical tests are valid.
    is_drawn: bool = False
    #: The lower precision class that the target documents, by input dtype.
    declared: Mapping[str, str] = field(default_factory=dict)
    #: The precision policy of the run, one of `verdict.POLICIES`.
    policy: str = "declared"

    def asked(self, expectation: Output) -> str | None:
        """
        Return the precision class that is required; None means the class of the accumulator.

        The class that the case names takes precedence over the class that the target documents, unless the case names
        `reassociated`.
        """
        declared = None if self.policy == "strict" else self.declared.get(self.call.dtype.input)
        if expectation.precision == "reassociated":
            return declared or expectation.precision
        return expectation.precision or declared


AGREE = Judgement(verdict="agree")


def judge(expectation: Expectation, observation: Observation, context: Context) -> Judgement:
    """Return the judgement of `observation` by `expectation`."""
    if plain := _unjudged(observation, context.call):
        return plain
    judgement = _by_policy(_judged(expectation, observation, context), context)
    if judgement is not AGREE and judgement.verdict != "agree":
        return judgement
    if context.call.variation.shape_inference and (wrong := _inference(observation)):
        return wrong
    if observation.unsteady:
        return _disagree("nondeterministic", "a repetition of the same call returned different bits")
    if observation.inputs_changed:
        return _disagree("inputs-changed", "the call wrote to an array that was passed in")
    return judgement


def _by_policy(judgement: Judgement, context: Context) -> Judgement:
    """Turn a `precision` disagreement into agreement if the policy accepts every precision class."""
    if context.policy != "any" or judgement.finding is None or judgement.finding.kind != "precision":
        return judgement
    return Judgement(verdict="agree", precision=judgement.precision, error_uS=judgement.error_uS)


def _judged(expectation: Expectation, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "returned" and (surplus := _unasked(observation, context.call)):
        return Judgement(verdict="suite-error", message=surplus)
    return _JUDGES[type(expectation)](expectation, observation, context)


def _unjudged(observation: Observation, call: Call) -> Judgement | None:
    """Return the judgement if the observation alone determines it, whatever the expectation is; else None."""
    if observation.outcome in PLAIN:
        return Judgement(verdict=observation.outcome, message=observation.message)
    if observation.outcome == "returned" and observation.impossible:
        name, text = next(iter(observation.impossible.items()))
        return _disagree("shape", f"it returned {text}, which no array has", where=name)
    # Older adapters ignore `second_order`, and return only first-order gradients.
    answered = any(name.startswith(_second("")) for name in observation.arrays)
    if observation.outcome == "returned" and call.second_order and not answered:
        return Judgement(verdict="unsupported", message="second_order: the adapter returned only gradients")
    return None


def _unasked(observation: Observation, call: Call) -> str:
    """Return a message if an adapter did not return exactly the requested arrays, else an empty string."""
    requested = ["output", *(["inference"] if call.variation.shape_inference else []), *map(_gradient, call.gradients)]
    requested += map(_second, call.second_order)
    if call.training is not None:
        requested = ["kernels", "losses"]
    if observation.arrays.keys() == {*requested}:
        return ""
    returned = ", ".join(observation.arrays) or "nothing"
    return f"the adapter returned {returned}, but the call requests {', '.join(requested)}"


def _gradient(name: str) -> str:
    """Return the key under which a call returns the gradient by the array `name`."""
    return f"gradient.{name}"


def _second(name: str) -> str:
    """Return the key under which a call returns the second-order gradient by an array or the cotangent."""
    return f"second.{name}"


def _inference(observation: Observation) -> Judgement | None:
    """Return a disagreement if the inferred shape or dtype differs from that of the returned output, else None."""
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
    Return the judgement by the first alternative that the observation meets, or else by the nearest alternative.

    If the call was refused, the nearest alternative is the first refusal. Refusals with a twin that crashed or timed
    out come first, because their twins leave them unproven. If the call returned, the nearest alternative is the first
    that expects the returned shape, or else the first that is not a refusal.
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
    """Return the judgement with the name of the alternative stored in its finding."""
    if judgement.finding is None:
        return judgement
    return replace(judgement, finding=replace(judgement.finding, against=alternative))


def _died(alternative: Expectation, context: Context) -> bool:
    """Return whether the alternative is a refusal whose twin crashed or timed out."""
    twin = context.twins.get(alternative.name) if isinstance(alternative, Refusal) else None
    return twin is not None and twin.outcome in ("crash", "timeout")


def _judge_refusal(expectation: Refusal, observation: Observation, context: Context) -> Judgement:
    if observation.outcome == "returned":
        return _disagree("not-refused", "the call was accepted, and must be refused")
    if observation.environment:
        return _disagree("refused", f"memory or a module was missing, which is not a refusal: {observation.message}")
    twin = context.twins.get(expectation.name)
    if twin is None or twin.outcome == "returned":
        return AGREE if twin else Judgement(verdict="not-run", message=f"its twin {expectation.name} was not run")
    if twin.outcome == "raised" and expectation.is_twin_judged:
        return Judgement(verdict="not-run", message=f"refused, but so is its twin ({expectation.name})")
    if twin.outcome == "raised":
        return _disagree("refused", f"refused, but so is its twin ({expectation.name}), which must be accepted")
    return Judgement(verdict=_unproven(twin.outcome), message=f"its twin ({expectation.name}): {twin.message}")


def _unproven(outcome: str) -> str:
    # The twin's own case reports a crash of the twin. For the refused call, the crash only leaves the refusal unproven.
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
            return _disagree("dtype", f"{where} have dtype {dtype}, which is not a float dtype", where=where)
    kernels, losses = observation.arrays["kernels"], observation.arrays["losses"]
    kept, told = observation.dtypes["kernels"], observation.dtypes["losses"]
    # The framework's own optimizer may keep the learning rate in the dtype of the losses, even if the kernel is in a
    # wider dtype.
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
    Return the judgement of the first wrong array: the output, then gradients, then second-order gradients.

    If no array is wrong, the call still disagrees if the precision class of the output is lower than required.
    """
    if observation.outcome == "raised":
        return _refused(observation)
    parts = _parts_of(expectation, context)
    wrong = next((wrong for part in parts if (wrong := _judge_part(part, observation, context))), None)
    return _in_class(wrong, expectation, observation, context)


def _in_class(wrong: Finding | None, expectation: Output, observation: Observation, context: Context) -> Judgement:
    """
    Return a judgement with the precision class of the output; it disagrees if the class is lower than required.

    The class is tested only for cases that draw their numbers to measure rounding. The output must agree or have a
    `precision` finding.
    """
    call, got, dtype = context.call, observation.arrays["output"], observation.dtypes["output"]
    is_rounding = wrong is None or wrong.kind == "precision"
    is_asked = context.is_drawn and not observation.composed and evidence.is_asked(call, dtype)
    if not (is_rounding and is_asked) or expectation.switches:
        return _found(wrong) if wrong else AGREE
    accumulator = error_bound.accumulator(call, dtype)
    by = evidence.yardstick(call, accumulator)
    errors = evidence.errors(got, dtype, by)
    failed = [str(each) for each in evidence.against(errors, by)]
    largest = float(np.abs(errors).max(initial=0.0))
    if not failed:
        right = Judgement(verdict="agree", precision=accumulator)
        return replace(_found(wrong) if wrong else right, error_uS=largest)
    return replace(_lower(wrong, failed, expectation, observation, context), error_uS=largest)


def _lower(
    wrong: Finding | None, failed: list[str], expectation: Output, observation: Observation, context: Context
) -> Judgement:
    """Return the judgement of an output with errors that are not explained by rounding in the accumulator."""
    call, got, dtype = context.call, observation.arrays["output"], observation.dtypes["output"]
    accumulator = error_bound.accumulator(call, dtype)
    found = evidence.likeness(call, got, dtype, accumulator)
    if wrong is None and evidence.is_within(found, context.asked(expectation)):
        return Judgement(verdict="agree", precision=found)
    likeness = f"behaves like {found}" if found else "no lower precision class explains the errors"
    if wrong is not None:
        return replace(_found(replace(wrong, message=f"{likeness}: {wrong.message}")), precision=found)
    message = f"{likeness}: {'; '.join(failed)}"
    return replace(_disagree("precision", message, clauses=evidence.STATISTICS), precision=found, is_doubted=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """
    One of the arrays that a call returns, with its expected value.

    `own` is the dtype that the call requests for the array, `dtype` is the dtype that the target must return, and
    `through` is the narrowest dtype in which the target's mode computes the array.
    `where` is the key of the array: `output`, `gradient.input`, `second.input` and so on. For a gradient, `name` is the
    array by which the call differentiates; for the output, `name` is empty.
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
        """Whether the case requires the sign of zeros in this array, which it can do only for the output."""
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
    """Return the finding with the argument `where`, the key of the array, in its message and in its field `where`."""
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
    elsewhere = (special_kind(y) != special_kind(seen)) & ~_overflows(part, got, context)
    finite = np.isfinite(y)
    if elsewhere.any():
        partial = _partial_overflows(part, y, seen, observation, context)
        elsewhere, finite = elsewhere & ~partial, finite & ~partial
    if found := differing(elsewhere):
        return difference.at("nonfinite", "NaN and infinity elsewhere", found, expected, got, part.where)
    if (y[finite] == seen[finite]).all():
        return None
    allowed = _allowed(part, expected, observation, context)
    error = np.where(finite, np.abs(np.subtract(seen, y, where=finite, out=np.zeros_like(y))), 0.0)
    if allowed.grid:
        return difference.off_grid(allowed.grid, error, expected, got, part.where)
    return difference.out_of_bound(allowed, error, expected, got, part.where)


def _allowed(part: _Part, expected: Array, observation: Observation, context: Context) -> error_bound.Tolerance:
    call, options = context.call, _options(part, observation, context)
    if part.where == _second(part.name):
        return error_bound.second_order_tolerance(call, part.name, expected, part.through, **options)
    if part.name:
        return error_bound.gradient_tolerance(call, part.name, expected, part.through, **options)
    return error_bound.tolerance(call, expected, part.through, **options)


def _options(part: _Part, observation: Observation, context: Context) -> dict[str, Any]:
    return {
        "composed": observation.composed,
        "precision": context.asked(part.expectation),
        "switches": part.expectation.switches,
    }


def _overflows(part: _Part, got: Array, context: Context) -> Any:
    """
    Return a mask of the elements that overflow in the case's dtype but not in the wider dtype of the returned array.

    A mode that returns a dtype with a wider range can represent such elements. The returned elements must exceed the
    largest number of the case's dtype, and have the sign of the expected infinity.
    """
    own, expected = part.own, part.expected
    arrays = (array for name in OPERANDS if (array := getattr(context.call, name)) is not None)
    if own not in FORMATS or not all(_finite(array).all() for array in arrays):
        return np.zeros(expected.shape, bool)
    y = error_bound.widened(expected)
    seen = error_bound.widened(got)
    with np.errstate(invalid="ignore"):  # infinity times the sign of an expected zero
        # In a dtype without infinities an overflow is NaN, whose sign has no meaning.
        beyond = np.where(np.isnan(y), np.abs(seen), seen * np.sign(y))
    return ~_finite(expected) & (beyond > FORMATS[own].largest)


def _partial_overflows(part: _Part, y: Any, seen: Any, observation: Observation, context: Context) -> Any:
    """
    Return a mask of the elements whose exact value `y` is finite, and which partial sums may make infinite or NaN.

    The terms of one sign must add up to more than the largest number: those of the sign of a returned infinity, or
    those of both signs for NaN.
    """
    options = _options(part, observation, context)
    magnitude, largest = error_bound.partial_sums(context.call, part.where, part.name, part.through, **options)
    if np.iscomplexobj(y):  # each part of a complex product is a sum of two products
        return np.isfinite(y) & ~np.isfinite(seen) & (magnitude > largest)
    with np.errstate(invalid="ignore"):
        rises, falls = (magnitude + y) / 2 > largest, (magnitude - y) / 2 > largest
    return np.isfinite(y) & np.where(np.isnan(seen), rises & falls, np.where(seen > 0, rises, falls) & np.isinf(seen))


def _finite(array: Array) -> Any:
    return np.isfinite(error_bound.widened(array))


def _rounded(array: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):  # values beyond the range of a narrower dtype become infinite
        rounded: Array = array.astype(numpy_type(dtype))
    return rounded


#: The function that judges an observation, keyed by the class of the expectation.
_JUDGES: Mapping[type, Callable[[Any, Observation, Context], Judgement]] = {
    Output: _judge_output,
    Fit: _judge_fit,
    Shape: _judge_shape,
    Refusal: _judge_refusal,
    AnyOf: _judge_any,
}
