"""The judge: which kind, in which order, how severe, and what is near enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.call import Call, Variation
from conv_conformance.core.expectation import AnyOf, Expectation, Output, Refusal, Shape
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import KINDS, VERDICTS
from conv_conformance.judging.judgement import Context, Judgement, judge
from conv_conformance.reference import evaluate

from ..support.builders import call_of, ramp

CALL = call_of("conv", [[[0], [3], [4], [5]]], [[[1]], [[2]]])
EXPECTED = np.array([[[6], [11], [14]]], np.float32)
TWO = call_of("conv", ramp(1, 4, 2), ramp(2, 2, 3))
TWIN, RIGHT = Refusal(twin=CALL, name="{strides: 1}"), Output(array=EXPECTED)


def received(text: str) -> str:
    """Return a text as a message of a worker has it: equal to a literal of the suite, and another object."""
    return str(json.loads(json.dumps(text)))


def returned(array: Any, **more: Any) -> Observation:
    array = np.asarray(array)
    return Observation(
        outcome=received("returned"), arrays={"output": array}, dtypes={"output": array.dtype.name}, **more
    )


def raised(message: str = "ValueError: no", **more: Any) -> Observation:
    return Observation(outcome=received("raised"), message=message, **more)


def judged(
    got: Array | Observation, expected: Array | Expectation, call: Call = CALL, **context: Any
) -> tuple[str, str | None]:
    judgement = full(got, expected, call, **context)
    return judgement.verdict, judgement.finding and judgement.finding.kind


def full(got: Array | Observation, expected: Array | Expectation, call: Call = CALL, **context: Any) -> Judgement:
    observation = got if isinstance(got, Observation) else returned(got)
    expectation = Output(array=expected) if isinstance(expected, np.ndarray) else expected
    return judge(expectation, observation, Context(call=call, **context))


def wrong(kind: str) -> tuple[str, str]:
    return "disagree", kind


AGREE = ("agree", None)

# --- plain outcomes


@pytest.mark.parametrize("outcome", ["unsupported", "not-run", "crash", "timeout", "suite-error"])
@pytest.mark.parametrize("expected", [EXPECTED, Shape(shape=(1, 3, 1), dtype="float32"), AnyOf(alternatives={})])
def test_some_outcomes_are_verdicts(outcome: str, expected: Array | Expectation) -> None:
    """Where nothing was returned and nothing refused, the outcome is the verdict, whatever was expected."""
    assert outcome in VERDICTS
    assert judged(Observation(outcome=received(outcome)), expected) == (outcome, None)


def test_right_result_agrees() -> None:
    """The walk-through's result is right."""
    assert judged(EXPECTED, EXPECTED) == AGREE


def test_an_impossible_shape_is_a_wrong_shape() -> None:
    """A worker that states sizes which no array has has returned a wrong result, under the name of that array."""
    stated = Observation(outcome=received("returned"), impossible={"output": "an array of shape [1, -2, 1]"})
    for expected in (EXPECTED, Shape(shape=(1, 3, 1), dtype="float32"), TWIN):
        finding = full(stated, expected).finding
        assert finding is not None
        assert (finding.kind, finding.where) == ("shape", "output")
        assert finding.message == "it returned an array of shape [1, -2, 1], which no array has"


def test_an_adapter_without_second_order_cannot_express_the_call() -> None:
    """Only gradients of the first order are `unsupported`; some of the second order are a fault of the adapter."""
    call = call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), cotangent=ramp(1, 3, 1), gradients=("input",))
    call = replace(call, second_order=("input", "kernel"))
    first = {"output": EXPECTED, "gradient.input": np.asarray(call.input)}
    assert judged(replace(returned(EXPECTED), arrays=first), EXPECTED, call) == ("unsupported", None)
    some = {**first, "second.input": np.asarray(call.input)}
    assert judged(replace(returned(EXPECTED), arrays=some), EXPECTED, call) == ("suite-error", None)
    assert judged(raised(), EXPECTED, call) == wrong("refused")


def test_output_alone_is_asked_for() -> None:
    """A missing output, or one too many, is the adapter's fault, also where a shape alone is expected."""
    none = Observation(outcome="returned")
    two = Observation(outcome="returned", arrays={"output": EXPECTED, "mask": EXPECTED}, dtypes={"output": "float32"})
    for expected in (EXPECTED, Shape(shape=(1, 3, 1), dtype="float32")):
        assert judged(none, expected) == ("suite-error", None)
        assert judged(two, expected) == ("suite-error", None)


# --- what is stated ahead of the call

INFERRED = replace(CALL, variation=Variation(shape_inference=True))


def inferring(output: Array, shape: tuple[int, ...], dtype: str, **more: Any) -> Observation:
    arrays = {"output": output, "inference": np.zeros(shape, dtype)}
    return Observation(
        outcome="returned", arrays=arrays, dtypes={name: each.dtype.name for name, each in arrays.items()}, **more
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [
        ((1, 3, 1), "float32", None),
        ((1, 4, 1), "float32", "shape"),
        ((3,), "float32", "shape"),
        ((1, 3, 1), "float64", "dtype"),
        ((1, 4, 1), "float64", "shape"),
    ],
)
def test_inference_is_that_of_the_result(shape: tuple[int, ...], dtype: str, kind: str | None) -> None:
    """A correct result is wrong in `inference` if its inferred shape or dtype differs; later checks come after this."""
    observation = inferring(EXPECTED, shape, dtype, unsteady=kind is not None)
    for expected in (EXPECTED, Shape(shape=(1, 3, 1), dtype="float32"), AnyOf(alternatives={"a": TWIN, "b": RIGHT})):
        finding = full(observation, expected, INFERRED).finding
        assert (finding and (finding.kind, finding.where, finding.severity)) == (kind and (kind, "inference", "silent"))


def test_inference_is_held_against_what_was_returned() -> None:
    """Under a mode with dtypes of its own the one that it returned must have been stated, not the one of the call."""
    narrow = EXPECTED.astype(np.float16)
    modes = {"result_dtypes": {"float32": "float16"}}
    assert judged(inferring(narrow, (1, 3, 1), "float16"), EXPECTED, INFERRED, **modes) == AGREE
    assert judged(inferring(narrow, (1, 3, 1), "float32"), EXPECTED, INFERRED, **modes) == wrong("dtype")


def test_wrong_result_is_told_before_its_inference() -> None:
    """Where the result is wrong, that is what is reported, whatever was stated of it; so is a refusal."""
    for observation, kind in ((inferring(EXPECTED + 1, (3,), "int8"), "values"), (raised(), "refused")):
        finding = full(observation, EXPECTED, INFERRED).finding
        assert finding is not None
        assert (finding.kind, finding.where) == (kind, "output")


def test_inference_is_asked_for_or_not() -> None:
    """An adapter that leaves out the inference that was asked for, or returns one that was not, is at fault."""
    assert judged(returned(EXPECTED), EXPECTED, INFERRED) == ("suite-error", None)
    assert judged(inferring(EXPECTED, (1, 3, 1), "float32"), EXPECTED) == ("suite-error", None)


# --- kinds and their order


def kinds_in_order() -> dict[str, tuple[Observation, Array, Call]]:
    """Return, for each kind, an observation that is wrong in this way and in every later way that it can be as well."""
    wide = EXPECTED.astype(np.float64)
    expected = evaluate(TWO)
    nan = np.array([[[np.nan], [12], [14]]], np.float32)
    unsteady = {"unsteady": True, "inputs_changed": True}
    return {
        "refused": (raised(), EXPECTED, CALL),
        "layout": (returned(expected.swapaxes(1, 2).astype(np.float64), **unsteady), expected, TWO),
        "shape": (returned(np.concatenate([wide, wide]) + 1, **unsteady), EXPECTED, CALL),
        "dtype": (returned(wide + np.nan, **unsteady), EXPECTED, CALL),
        "nonfinite": (returned(nan, **unsteady), EXPECTED, CALL),
        "values": (returned(EXPECTED + 1, **unsteady), EXPECTED, CALL),
        "precision": (returned(EXPECTED + np.float32(2.0**-10), **unsteady), EXPECTED, CALL),
        "nondeterministic": (returned(EXPECTED, **unsteady), EXPECTED, CALL),
        "inputs-changed": (returned(EXPECTED, inputs_changed=True), EXPECTED, CALL),
    }


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "not-refused"])
def test_first_kind_that_holds_is_named(kind: str) -> None:
    """Of several ways of being wrong, the first of the fixed order is reported, with its severity."""
    observation, expected, call = kinds_in_order()[kind]
    finding = full(observation, expected, call).finding
    assert finding is not None
    severity = {"refused": "loud", "precision": "precision"}.get(kind, "silent")
    assert (finding.kind, finding.where, finding.severity) == (kind, "output", severity)


def test_finding_tells_the_first_difference() -> None:
    """A finding has the first differing element in row-major order, both values, the count, and the neighbours."""
    got = EXPECTED.copy()
    got[0, 1:, 0] += 1
    finding = full(got, EXPECTED).finding
    assert finding is not None
    assert (finding.first_index, finding.expected, finding.got, finding.differing) == ((0, 1, 0), 11, 12, 2)
    assert (finding.expected_near, finding.got_near) == ((6, 11, 14), (6, 12, 15))
    assert finding.returned == (6, 12, 15)


def test_a_small_output_is_kept_whole() -> None:
    """Up to 96 elements; of a larger one the row around the first difference has to do."""
    for count, is_kept in ((96, True), (97, False)):
        right = np.arange(count, dtype=np.float32).reshape(1, count, 1)
        finding = full(right + 1, right).finding
        assert finding is not None
        assert finding.returned == (tuple(range(1, count + 1)) if is_kept else None)


@pytest.mark.parametrize("dtype", ["float32", "int32", "complex64"])
@pytest.mark.parametrize("scale", [1, 0.1])
def test_one_wrong_element_is_seen_wherever_it_stands(dtype: str, scale: float) -> None:
    """In any sample, position and channel, first or last, whether the sums are exact or rounded."""
    call = call_of("conv", ramp(3, 3, 2) * (1 if dtype == "int32" else scale), ramp(2, 2, 3), dtype=dtype)
    expected = evaluate(call)
    assert expected.shape == (3, 2, 3)
    for index in np.ndindex(expected.shape):
        got = expected.copy()
        got[index] *= 2
        finding = full(got, expected, call).finding
        assert finding is not None
        assert (finding.kind, finding.first_index, finding.differing) == ("values", index, 1)


# --- layout


def test_permuted_axes_are_layout_whatever_the_shape() -> None:
    """Channels first for channels last is `layout`, also where both shapes are the same by chance."""
    expected = evaluate(TWO)
    assert expected.shape == (1, 3, 3)
    assert judged(expected.swapaxes(1, 2), expected, TWO) == wrong("layout")
    plane = call_of("conv", ramp(2, 3, 4, 2), ramp(2, 2, 2, 3))
    output = evaluate(plane)
    assert judged(output.transpose(0, 3, 1, 2), output, plane) == wrong("layout")
    assert judged(output.transpose(0, 2, 1, 3), output, plane) == wrong("layout")


def test_nan_is_moved_with_its_axes() -> None:
    """A NaN where it belongs once the axes are, does not keep it from being `layout`."""
    expected = evaluate(TWO)
    expected[0, 0, 1] = np.nan
    assert judged(expected.swapaxes(1, 2), expected, TWO) == wrong("layout")


@pytest.mark.parametrize("axis", [1, 2])
def test_reversed_axis_is_values(axis: int) -> None:
    """Reversed positions or channels look like shifts and swaps: they are `values`, not `layout`."""
    expected = evaluate(TWO)
    assert judged(np.flip(expected, axis), expected, TWO) == wrong("values")


def test_constant_and_empty_results_tell_no_layout() -> None:
    """Where all elements are equal, or there are none, another order of extents is `shape`."""
    constant = np.full((1, 3, 2), 4, np.float32)
    assert judged(constant.swapaxes(1, 2), constant, TWO) == wrong("shape")
    empty = np.zeros((1, 0, 2), np.float32)
    assert judged(empty.swapaxes(1, 2), empty, TWO) == wrong("shape")


def test_permutation_that_is_right_in_part_is_shape() -> None:
    """Only a permutation that makes the result exactly right is `layout`."""
    expected = evaluate(call_of("conv", ramp(1, 5, 2), ramp(2, 2, 3)))
    got = expected.swapaxes(1, 2).copy()
    got[0, 0, 0] += 1
    assert judged(got, expected, TWO) == wrong("shape")


# --- shape and dtype


def test_shape_expectation_judges_shape_and_dtype() -> None:
    """Where only a shape is expected, any values agree, and another shape or dtype does not."""
    expected = Shape(shape=(1, 3, 1), dtype="float32")
    assert judged(EXPECTED + 5, expected) == AGREE
    assert judged(EXPECTED[:, :2], expected) == wrong("shape")
    assert judged(EXPECTED.astype(np.float64), expected) == wrong("dtype")
    assert judged(raised(), expected) == wrong("refused")
    assert judged(returned(EXPECTED, inputs_changed=True), expected) == wrong("inputs-changed")


def test_result_dtype_of_the_mode_is_expected() -> None:
    """Where a mode returns bfloat16 for float32, that is right, rounded to it; float32 is then `dtype`."""
    import ml_dtypes

    narrow = EXPECTED.astype(ml_dtypes.bfloat16)
    modes = {"result_dtypes": {"float32": "bfloat16"}}
    assert judged(narrow, EXPECTED, **modes) == AGREE
    assert judged(narrow + narrow, EXPECTED, **modes) == wrong("values")
    assert judged(EXPECTED, EXPECTED, **modes) == wrong("dtype")
    assert judged(narrow, EXPECTED) == wrong("dtype")
    assert judged(narrow, Shape(shape=(1, 3, 1), dtype="float32"), **modes) == AGREE


def test_what_the_dtype_of_the_mode_cannot_hold_overflows() -> None:
    """70000 is infinite in float16, and expected to be where a mode returns that."""
    call = call_of("conv", [[[70000], [1]]], [[[1]]])
    modes = {"result_dtypes": {"float32": "float16"}}
    assert judged(np.float16([[[np.inf], [1]]]), evaluate(call), call, **modes) == AGREE
    assert judged(np.float16([[[65504], [1]]]), evaluate(call), call, **modes) == wrong("nonfinite")


def test_what_the_dtype_of_the_mode_can_hold_need_not_overflow() -> None:
    """65504 + 65504 is infinite in float16, and 131008 if a mode returns bfloat16; infinite operands stay infinite."""
    call = call_of("conv", np.float16([[[65504], [65504], [1]]]), np.float16([[[1]], [[1]]]), dtype="float16")
    modes = {"result_dtypes": {"float16": "bfloat16"}}
    expected = evaluate(call)
    assert np.isinf(expected[0, 0, 0])
    wider = np.array([[[131072], [65536]]]).astype("bfloat16")
    assert judged(wider, expected, call, **modes) == AGREE
    assert judged(np.float16([[[65504], [65504]]]), expected, call) == wrong("nonfinite")
    for number in (1000, -131072):
        other = np.array([[[number], [65536]]]).astype("bfloat16")
        assert judged(other, expected, call, **modes) == wrong("nonfinite")
    assert judged(-expected, expected, call) == wrong("nonfinite")
    infinite = call_of("conv", np.float16([[[np.inf], [1], [1]]]), np.float16([[[1]], [[1]]]), dtype="float16")
    assert judged(wider, evaluate(infinite), infinite, **modes) == wrong("nonfinite")


# --- refusals and alternatives


@pytest.mark.parametrize(
    ("observation", "twin", "verdict"),
    [
        (raised(), returned(EXPECTED), AGREE),
        (raised(), raised(), wrong("refused")),
        (raised(), Observation(outcome="unsupported"), ("unsupported", None)),
        (raised(), Observation(outcome="crash"), ("not-run", None)),
        (raised(), Observation(outcome="suite-error"), ("not-run", None)),
        (raised(), None, ("not-run", None)),
        (raised("MemoryError: ", environment=True), returned(EXPECTED), wrong("refused")),
        (returned(EXPECTED), returned(EXPECTED), wrong("not-refused")),
        (returned(EXPECTED), None, wrong("not-refused")),
        (Observation(outcome="crash"), returned(EXPECTED), ("crash", None)),
    ],
)
def test_refusal_needs_a_twin_that_is_accepted(
    observation: Observation, twin: Observation | None, verdict: tuple[str, str | None]
) -> None:
    """A refusal counts only beside its twin's result, and never for want of memory."""
    twins: Mapping[str, Observation] = {} if twin is None else {TWIN.name: twin}
    assert judged(observation, TWIN, twins=twins) == verdict


def test_refused_twin_that_is_judged_elsewhere_is_not_held_against_the_refusal() -> None:
    """If another case judges the twin, its refusal only leaves this refusal unproven; a result is still no refusal."""
    judged_elsewhere = replace(TWIN, is_twin_judged=True)
    assert judged(raised(), judged_elsewhere, twins={TWIN.name: raised()}) == ("not-run", None)
    assert judged(raised(), judged_elsewhere, twins={TWIN.name: returned(EXPECTED)}) == ("agree", None)
    assert judged(returned(EXPECTED), judged_elsewhere, twins={TWIN.name: raised()}) == wrong("not-refused")


ANY = AnyOf(
    alternatives={
        "computes": Output(array=EXPECTED),
        "refuses": TWIN,
        "pads": Output(array=np.array([[[6], [11], [14], [5]]], np.float32)),
    }
)


@pytest.mark.parametrize(
    ("observation", "alternative"),
    [(returned(EXPECTED), "computes"), (returned(np.float32([[[6], [11], [14], [5]]])), "pads"), (raised(), "refuses")],
)
def test_any_alternative_agrees_and_is_named(observation: Observation, alternative: str) -> None:
    """Each alternative of an implementation-defined clause is right, and the verdict says which was followed."""
    judgement = full(observation, ANY, twins={TWIN.name: returned(EXPECTED)})
    assert (judgement.verdict, judgement.alternative) == ("agree", alternative)


@pytest.mark.parametrize(
    ("observation", "kind"),
    [
        (returned(EXPECTED + 1), "values"),
        (returned(np.float32([[[6], [11], [14], [6]]])), "values"),
        (returned(EXPECTED[:, :1]), "shape"),
        (raised(environment=True), "refused"),
        (returned(EXPECTED, inputs_changed=True), "inputs-changed"),
        (returned(EXPECTED, unsteady=True), "nondeterministic"),
    ],
)
def test_no_alternative_that_agrees_is_a_disagreement(observation: Observation, kind: str) -> None:
    """A result that is none of the alternatives is judged by the first that expects a result."""
    assert judged(observation, ANY, twins={TWIN.name: returned(EXPECTED)}) == wrong(kind)


def test_refusal_where_no_alternative_refuses_is_refused() -> None:
    """An implementation-defined result is still a result: refusing is no way out."""
    results = AnyOf(alternatives={"computes": Output(array=EXPECTED), "shape": Shape(shape=(1, 3, 1), dtype="float32")})
    assert judged(raised(), results) == wrong("refused")


@pytest.mark.parametrize("outcome", ["crash", "timeout"])
def test_refusal_whose_twin_died_is_not_held_against_it(outcome: str) -> None:
    """A call may be refused for two reasons: where the twin of one died, that of the other proves no fault."""
    other = Refusal(twin=CALL, name="{dtype: float32}")
    either = AnyOf(alternatives={"first": TWIN, "second": other})
    twins = {TWIN.name: raised(), other.name: Observation(outcome=outcome, message="killed")}
    assert judged(raised(), either, twins=twins) == ("not-run", None)
    assert judged(raised(), either, twins={**twins, other.name: raised()}) == wrong("refused")
    assert judged(raised(environment=True), either, twins=twins) == wrong("refused")


def test_result_where_every_alternative_refuses_is_not_refused() -> None:
    """Where each alternative is a refusal, a result is none of them."""
    assert judged(returned(EXPECTED), AnyOf(alternatives={"one": TWIN}), twins={}) == wrong("not-refused")


# --- zeros, NaN, infinities


def signed(*values: float) -> Array:
    return np.array(values, np.float32).reshape(1, -1, 1)


def test_zeros_are_equal_unless_their_sign_is_asked_for() -> None:
    """0.0 equals -0.0, except under `compare: signed-zero`, where the first wrong sign is `values`."""
    assert judged(signed(-0.0, 1), signed(0.0, 1)) == AGREE
    asked = Output(array=signed(0.0, -0.0), signed_zero=True)
    assert judged(signed(0.0, -0.0), asked) == AGREE
    assert judged(signed(0.0, 0.0), asked) == wrong("values")
    assert judged(signed(0.0, 5.0), asked) == wrong("values")


SHORT = call_of("conv", [[[1], [2]]], [[[1]]])


def test_any_nan_equals_any_nan() -> None:
    """Payload and sign of a NaN do not count, its place does."""
    odd = np.array([0xFFC00001, 0x3F800000], np.uint32).view(np.float32).reshape(1, 2, 1)
    assert judged(odd, signed(np.nan, 1), SHORT) == AGREE
    assert judged(signed(3, 1), signed(np.nan, 1), SHORT) == wrong("nonfinite")
    assert judged(signed(1, np.nan), signed(np.nan, 1), SHORT) == wrong("nonfinite")


@pytest.mark.parametrize("got", [(1, 2), (np.nan, 2), (-np.inf, 2), (np.inf, np.inf)])
def test_infinities_must_be_where_they_belong(got: tuple[float, float]) -> None:
    """An infinity of the other sign, a NaN or a number in its place, or one too many, is `nonfinite`."""
    assert judged(signed(*got), signed(np.inf, 2), SHORT) == wrong("nonfinite")


def test_finite_elements_beside_a_nan_are_judged() -> None:
    """A NaN that is expected does not hide a wrong number beside it."""
    poisoned = call_of("conv", [[[np.nan], [1], [2]]], [[[1]]])
    assert judged(signed(np.nan, 1, 2), signed(np.nan, 1, 2), poisoned) == AGREE
    assert judged(signed(np.nan, 1, 9), signed(np.nan, 1, 2), poisoned) == wrong("values")


# --- integers and complex numbers


def test_integers_are_judged_exactly() -> None:
    """Integers must be equal, element by element, with the wrap-around of their dtype."""
    call = call_of("conv", [[[100], [100]]], [[[1]], [[1]]], dtype="int8")
    wrapped = np.array([[[-56]]], np.int8)
    assert evaluate(call).tolist() == wrapped.tolist()
    assert judged(wrapped, wrapped, call) == AGREE
    assert judged(np.array([[[127]]], np.int8), wrapped, call) == wrong("values")
    short = call_of("conv", [[[300]]], [[[1]]], dtype="int16")
    assert judged(np.array([[[300 - 256]]], np.int16), evaluate(short), short) == wrong("values")
    large = np.array([[[2**62], [2**62 + 1]]], np.int64)
    assert judged(large + np.array([[[0], [1]]]), large, call_of("conv", [[[1]]], [[[1]]], dtype="int64")) == wrong(
        "values"
    )


def test_complex_numbers_are_judged_in_both_parts() -> None:
    """A wrong imaginary part is `values`, a NaN in one part alone `nonfinite` where the other was expected."""
    call = call_of("conv", [[[1 + 2j], [3 - 1j]]], [[[1j]]], dtype="complex64")
    expected = evaluate(call)
    assert expected.ravel().tolist() == [-2 + 1j, 1 + 3j]
    assert judged(expected, expected, call) == AGREE
    assert judged(expected.conj(), expected, call) == wrong("values")
    assert judged(np.array([[[complex(-2, np.nan)], [1 + 3j]]], np.complex64), expected, call) == wrong("nonfinite")


# --- structure: the grid


def test_result_off_the_grid_rounds_to_it() -> None:
    """Small integers: less than half a grid step off is `precision`, half a step or more `values`."""
    assert judged(EXPECTED + np.float32(0.49), EXPECTED) == wrong("precision")
    assert judged(EXPECTED + np.float32(0.5), EXPECTED) == wrong("values")


def test_grid_scales_with_the_data() -> None:
    """Powers of two in the arrays make the grid finer: 2**-6 is a whole step of it."""
    call = call_of("conv", np.array([[[1], [3]]]) * 2.0**-3, np.array([[[1]]]) * 2.0**-3)
    expected = evaluate(call)
    assert judged(expected + np.float32(2.0**-6), expected, call) == wrong("values")
    assert judged(expected + np.float32(2.0**-8), expected, call) == wrong("precision")


def test_bias_belongs_to_the_grid() -> None:
    """A bias finer than the products makes the grid as fine as itself."""
    call = call_of("conv", [[[1], [2]]], [[[4]]], bias=[0.25])
    expected = evaluate(call)
    assert expected.ravel().tolist() == [4.25, 8.25]
    assert judged(expected - np.float32(0.25), expected, call) == wrong("values")
    assert judged(expected - np.float32(0.1), expected, call) == wrong("precision")


# --- rounding: the bound


def random_call(dtype: str = "float32", taps: int = 64, **more: Any) -> Call:
    draw = np.random.default_rng(7).normal
    return call_of("conv", draw(size=(2, 100, 8)), draw(size=(taps, 8, 4)), dtype=dtype, **more)


def summed(call: Call, order: Any, dtype: Any = np.float32) -> Array:
    """Return the sums of products in a chosen order of taps and channels, each addition rounded to `dtype`."""
    assert call.kernel is not None
    taps, channels, _ = call.kernel.shape
    length = call.input.shape[1] - taps + 1
    x, k = call.input.astype(dtype), call.kernel.astype(dtype)
    sums = np.zeros((call.input.shape[0], length, call.kernel.shape[2]), dtype)
    for at in order(range(taps * channels)):
        tap, channel = divmod(at, channels)
        sums = sums + x[:, tap : tap + length, channel, None] * k[tap, channel]
    return sums


def shuffled(places: Any) -> Any:
    return np.random.default_rng(3).permutation(len(places)).tolist()


@pytest.mark.parametrize(
    "order", [list, lambda places: places[::-1], shuffled], ids=["forward", "backward", "shuffled"]
)
def test_every_order_of_summation_is_near_enough(order: Any) -> None:
    """A float32 sum in any order stays within the proven bound."""
    call = random_call()
    expected = evaluate(call)
    got = summed(call, order)
    assert (got != expected).any()
    assert judged(got, expected, call) == AGREE


def test_dropped_tap_is_values() -> None:
    """One product of 512 left out is a wrong value, not rounding."""
    call = random_call()
    assert judged(summed(call, lambda places: list(places)[:-1]), evaluate(call), call) == wrong("values")


def test_nothing_at_all_is_values() -> None:
    """Zeros in place of long sums are wrong values, however many products the bound counts."""
    call = random_call()
    expected = evaluate(call)
    assert judged(np.zeros_like(expected), expected, call) == wrong("values")


def test_narrow_inputs_are_precision() -> None:
    """Inputs rounded to bfloat16 on the way show as `precision`, with the error in units of u * S."""
    import ml_dtypes

    call = random_call()
    narrow = call_of(
        "conv",
        call.input.astype(ml_dtypes.bfloat16).astype(np.float32),
        call.kernel.astype(ml_dtypes.bfloat16),  # type: ignore[union-attr]
    )
    finding = full(evaluate(narrow), evaluate(call), call).finding
    assert finding is not None
    assert (finding.kind, finding.severity) == ("precision", "precision")
    assert finding.max_error_uS is not None
    assert finding.max_error_uS > 1


def test_an_infinity_in_place_of_a_zero_warns_of_nothing() -> None:
    """It is judged like any other number that is not finite."""
    call = call_of("conv", np.zeros((1, 3, 1)), np.ones((2, 1, 1)))
    assert judged(np.full((1, 2, 1), np.inf, np.float32), evaluate(call), call) == wrong("nonfinite")


def test_an_error_beyond_all_units_is_a_number() -> None:
    """Of sums that nearly vanish u * S is no measure; the record holds finite numbers alone, and nothing warns."""
    call = call_of("conv", np.full((1, 3, 1), 1e-320), np.full((2, 1, 1), 0.3), dtype="float64")
    expected = evaluate(call)
    finding = full(np.full_like(expected, 1e30), expected, call).finding
    assert finding is not None and finding.max_error_uS is not None
    assert finding.kind == "values" and np.isfinite(finding.max_error_uS)


def test_result_rounded_to_a_narrow_output_is_near_enough() -> None:
    """float16 in and out, summed in float32, is within the bound; one more unit of float16 everywhere is not."""
    call = random_call("float16", taps=3)
    expected = evaluate(call)
    assert judged(summed(call, list, np.float32).astype(np.float16), expected, call) == AGREE
    assert judged((expected.astype(np.float64) * (1 + 2.0**-7)).astype(np.float16), expected, call)[0] == "disagree"


def test_float64_is_judged_as_float64() -> None:
    """A float64 convolution that was summed in float32 is found out."""
    call = random_call("float64")
    assert judged(summed(call, list, np.float64), evaluate(call), call) == AGREE
    assert judged(summed(call, list).astype(np.float64), evaluate(call), call)[0] == "disagree"


def test_bias_added_in_a_step_of_its_own_is_near_enough() -> None:
    """Rounding before a large bias is added, and again behind it, is within the bound."""
    call = random_call("float16", taps=3, bias=[100.0, -100.0, 50.0, 0.125])
    without = random_call("float16", taps=3)
    got = (evaluate(without) + call.bias).astype(np.float16)  # type: ignore[operator]
    assert judged(got, evaluate(call), call) == AGREE


def test_bias_that_cancels_leaves_the_rounding_before_it() -> None:
    """If the bias cancels the sum, only its rounding error is left: 0 is within the bound, a large error is not."""
    first = evaluate(random_call("float16", taps=3))[0, 0]
    call = random_call("float16", taps=3, bias=-first)
    expected = evaluate(call)
    assert (expected[0, 0] != 0).all()
    got = expected.copy()
    got[0, 0] = 0
    assert judged(got, expected, call) == AGREE
    got[0, 0, 0] = abs(first[0]) * 2.0**-7
    assert judged(got, expected, call)[0] == "disagree"


def test_unsteady_result_within_the_bound_is_nondeterministic() -> None:
    """Both results are near enough, and still they differ."""
    call = random_call()
    assert judged(returned(summed(call, list), unsteady=True), evaluate(call), call) == wrong("nondeterministic")


def test_a_mode_that_narrows_is_allowed_the_rounding_of_its_operands_and_no_more() -> None:
    """Under autocast both operands are rounded to bfloat16 first; a lost tap is still seen."""
    rng = np.random.default_rng(11)
    x, w = rng.standard_normal((1, 70, 3)).astype("float32"), rng.standard_normal((4, 3, 2)).astype("float32")
    call, modes = call_of("conv", x, w), {"float32": "bfloat16"}
    x, w = (array.astype("bfloat16").astype("float32") for array in (x, w))
    assert (
        judged(evaluate(call_of("conv", x, w)).astype("bfloat16"), evaluate(call), call, result_dtypes=modes) == AGREE
    )
    w[0, 0] = 0
    lost = evaluate(call_of("conv", x, w)).astype("bfloat16")
    assert judged(lost, evaluate(call), call, result_dtypes=modes) == wrong("values")


def test_the_bound_is_as_long_as_the_alternative() -> None:
    """A transposed result that ends with zeros is judged by sums that end with none."""
    rng = np.random.default_rng(12)
    x, w = rng.standard_normal((1, 3, 2)).astype("float32"), rng.standard_normal((2, 2, 1)).astype("float32")
    call = call_of("conv_transpose", x, w, strides=4)
    expected = Output(array=evaluate(call, {"trailing-zeros"}), switches=frozenset({"trailing-zeros"}))
    near = np.nextafter(expected.array, np.float32(9))
    assert (1, 12, 1) == near.shape
    assert judged(near, expected, call) == AGREE
    near[0, 11] = 1
    assert judged(near, expected, call) == wrong("values")


def test_an_expectation_rounded_to_a_narrower_dtype_allows_what_was_rounded() -> None:
    """9 is 8 in float8_e5m2: a mode that returns bfloat16 may say 9, and not 10."""
    call = call_of("conv", [[[3.0], [3.0], [3.0]]], [[[1.0]], [[1.0]], [[1.0]]], dtype="float8_e5m2")
    modes = {"float8_e5m2": "bfloat16"}
    assert [[[8.0]]] == evaluate(call).astype("float32").tolist()
    for value, judgement in ((9.0, AGREE), (8.0, AGREE), (7.5, AGREE), (10.0, wrong("values"))):
        got = np.array([[[value]]]).astype("bfloat16")
        assert judged(got, evaluate(call), call, result_dtypes=modes) == judgement


# --- found by lying backends


def test_signed_zero_counts_in_both_parts_of_a_complex_number() -> None:
    """Where the sign of zero is asked for, it is so of real and imaginary parts."""
    call = call_of("conv", [[[1], [2]]], [[[1]]], dtype="complex64")
    expected = np.array([[[complex(-0.0, 1.0)], [complex(1.0, -0.0)]]], np.complex64)
    signed = Output(array=expected, signed_zero=True)
    assert judged(expected, signed, call) == AGREE
    assert judged(expected + np.complex64(0), signed, call) == wrong("values")
    assert judged(expected + np.complex64(0), expected, call) == AGREE
    for at in (0, 1):
        part = np.roll(expected, at, axis=1)[:, :1]
        assert judged(part + np.complex64(0), Output(array=part, signed_zero=True), call) == wrong("values")


def test_nothing_but_nan_does_not_tell_its_axes_apart() -> None:
    """An output that is NaN throughout is constant: of another shape it is `shape`, not `layout`."""
    expected = np.full((1, 3, 1), np.nan, np.float32)
    assert judged(expected.transpose(0, 2, 1), expected) == wrong("shape")


def test_nan_loosens_nothing_for_its_neighbours() -> None:
    """Beside a NaN small integers are judged as exactly as without one, also in a composition in bfloat16."""
    call = call_of("conv", [[[np.nan], [21], [21], [21]]], [[[1]], [[2]]], dtype="bfloat16")
    expected = evaluate(call)
    assert judged(returned(expected, composed=True), expected, call) == AGREE
    off = (expected.astype(np.float32) + 0.75).astype(expected.dtype)
    assert judged(returned(off, composed=True), expected, call) == wrong("values")


def test_complex_accumulator_is_as_precise_as_its_parts() -> None:
    """A case may name complex64 as its accumulator; float32 is what each part is then summed in."""
    numbers = np.random.default_rng(5).standard_normal((2, 1, 9, 1)).astype(np.float32)
    for accumulate in ("complex64", "float32"):
        call = call_of("conv", numbers[0], numbers[1, :, :3].reshape(3, 1, 1), dtype="complex64", accumulate=accumulate)
        expected = evaluate(call)
        assert judged((expected * (1 + 2.0**-23)).astype(np.complex64), expected, call) == AGREE
        assert judged((expected * (1 + 2.0**-12)).astype(np.complex64), expected, call) == wrong("precision")


def test_accumulator_that_a_case_assumes_is_allowed() -> None:
    """Sums kept in float16 are near enough where the case says so, and nowhere else."""
    for accumulate, verdict in (("float16", "agree"), (None, "disagree")):
        call = random_call("float16", taps=9, accumulate=accumulate)
        assert judged(summed(call, list, np.float16), evaluate(call), call)[0] == verdict


@pytest.mark.parametrize(
    ("bits", "agrees"),
    [
        (24, {"exact", "float32", "tf32-like", "bfloat16-like", "float16-like", "reassociated"}),
        (11, {"tf32-like", "bfloat16-like", "float16-like"}),
        (8, {"bfloat16-like"}),
    ],
)
def test_a_case_may_ask_for_a_class_of_rounding(bits: int, agrees: set[str]) -> None:
    """Operands rounded to fewer bits are within the classes of as few, and of no finer one."""
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((1, 200, 3)).astype("float32"), rng.standard_normal((3, 3, 2)).astype("float32")
    call = call_of("conv", x, w)
    x, w = (np.ldexp(np.rint(np.ldexp(m, bits)), e - bits).astype("float32") for m, e in map(np.frexp, (x, w)))
    got = evaluate(call_of("conv", x, w))
    classes = ("exact", "float32", "tf32-like", "bfloat16-like", "float16-like", "reassociated")
    expected = {name: Output(array=evaluate(call), precision=name) for name in classes}
    assert {name for name in classes if judged(got, expected[name], call) == AGREE} == agrees


def test_exact_asks_for_every_bit() -> None:
    """One unit in the last place is within the bound of float32, and not exact."""
    call = call_of("conv", np.full((1, 4, 1), 0.1), np.full((2, 1, 1), 0.3))
    near = np.nextafter(evaluate(call), np.float32(1))
    assert judged(near, Output(array=evaluate(call), precision="float32"), call) == AGREE
    assert judged(near, Output(array=evaluate(call), precision="exact"), call) == wrong("precision")


def test_a_composition_may_round_between_its_steps_whatever_class_is_asked_for() -> None:
    """A separable convolution of two float16 steps is no finer than float16 between them; as one call it would be."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1, 40, 2)).astype("float16")
    depthwise, pointwise = rng.standard_normal((3, 2, 2)), rng.standard_normal((1, 4, 1))
    call = call_of(
        "separable_conv", x, depthwise_kernel=depthwise, pointwise_kernel=pointwise, dtype={"input": "float16"}
    )
    between = evaluate(call_of("depthwise_conv", x, depthwise, dtype="float16"))
    got = evaluate(call_of("conv", between, pointwise, dtype="float16"))
    expected = Output(array=evaluate(call), precision="float32")
    assert judged(returned(got, composed=True), expected, call) == AGREE
    assert judged(returned(got), expected, call) == wrong("precision")


LARGE = 2.0**127
#: Exact sums 2^127 and 2^127; the terms of the first sign add up to 2^128, which is beyond float32.
OVERFLOWING = call_of("conv", [[[LARGE], [LARGE], [LARGE], [LARGE]]], [[[1]], [[1]], [[-1]]])
BOTH_SIGNS = call_of("conv", [[[LARGE], [LARGE], [LARGE], [LARGE]]], [[[1]], [[1]], [[-1]], [[-1]]])
RISING = np.array([[[LARGE], [LARGE]]], np.float32)


@pytest.mark.parametrize(
    ("call", "expected", "got", "agrees"),
    [
        (OVERFLOWING, RISING, [LARGE, np.inf], True),
        (OVERFLOWING, RISING, [np.inf, np.inf], True),
        (OVERFLOWING, RISING, [-np.inf, LARGE], False),
        (OVERFLOWING, RISING, [np.nan, LARGE], False),
        (OVERFLOWING, RISING, [np.inf, 0], False),
        (BOTH_SIGNS, np.zeros((1, 1, 1), np.float32), [np.nan], True),
        (BOTH_SIGNS, np.zeros((1, 1, 1), np.float32), [-np.inf], True),
        (BOTH_SIGNS, np.zeros((1, 1, 1), np.float32), [LARGE], False),
    ],
)
def test_partial_sums_may_overflow(call: Call, expected: Array, got: list[float], agrees: bool) -> None:
    """An infinity needs terms of its sign beyond the largest number, NaN of both; finite results are judged as ever."""
    found = full(np.array(got, np.float32).reshape(expected.shape), expected, call)
    assert (found.verdict == "agree") == agrees


def test_partial_sums_of_ordinary_size_do_not_overflow() -> None:
    """An infinity where all terms together are small is wrong, as it is in float64 where float32 alone overflows."""
    assert (
        full(np.array([[[6], [np.inf], [14]]], np.float32), np.array([[[6], [11], [14]]], np.float32)).verdict
        != "agree"
    )
    wide = call_of("conv", OVERFLOWING.input, OVERFLOWING.array("kernel"), dtype="float64")
    expected = RISING.astype(np.float64)
    assert full(np.full_like(expected, np.inf), expected, wide).verdict == "disagree"


def test_partial_sums_of_a_gradient_may_overflow() -> None:
    """The gradient of the kernel is a sum over positions."""
    arrays = ([[[LARGE], [LARGE], [LARGE]]], [[[0]]])
    call = call_of("conv", *arrays, cotangent=np.array([[[1], [1], [-1]]], np.float32), gradients=("kernel",))
    expected = Output(
        array=np.zeros((1, 3, 1), np.float32), gradients={"kernel": np.full((1, 1, 1), LARGE, np.float32)}
    )
    for value, verdict in ((np.inf, "agree"), (np.nan, "disagree")):
        gradient = np.full((1, 1, 1), value, np.float32)
        got = Observation(
            outcome="returned",
            arrays={"output": expected.array, "gradient.kernel": gradient},
            dtypes={"output": "float32", "gradient.kernel": "float32"},
        )
        assert full(got, expected, call).verdict == verdict


def test_a_transform_may_be_inexact_on_integers() -> None:
    """A target that documents transforms is judged by their bound, on integers too; a wrong integer stays wrong."""
    expected = np.array([[[6], [11], [14]]], np.float32)
    near, off = expected + np.float32(2.0**-12), expected + np.float32(1)
    assert full(near, expected).verdict == "disagree"
    assert full(near, expected, declared={"float32": "reassociated"}).verdict == "agree"
    assert full(near, expected, policy="any").verdict == "agree"
    assert full(off, expected, declared={"float32": "reassociated"}).verdict == "disagree"
    assert full(off, expected, policy="any").verdict == "disagree"
