"""Gradients beside outputs: asked of a call, answered by a target, and judged as outputs are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.call import Call, PerArray
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Expectation, Output, Refusal
from conv_conformance.core.observation import Observation
from conv_conformance.core.problem import Invalid
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import ARRAYS
from conv_conformance.corpus import load
from conv_conformance.judging.error_bound import gradient_tolerance
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.quality import validation
from conv_conformance.reference import evaluate, gradients
from conv_conformance.running.runner import Runner
from conv_conformance.specification import export, lock
from conv_conformance.workers import wire
from conv_conformance.workers.targets import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support.builders import call_of, ramp
from ..support.gradient_liars import LIES
from ..support.random_calls import calls
from ..support.zoo import case_of

LIARS = Path(__file__).parents[1] / "support" / "gradient_liars.py"
HEAD = """\
about: Gradients.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}}
"""
CASE = (
    HEAD
    + """\
cases:
  - id: a.b
    title: A fact
    input: [[[0], [3], [4], [5]]]
    kernel: [[[1]], [[2]]]
"""
)
OUTPUT = "output: [[[6], [11], [14]]]"
COTANGENT = "cotangent: [[[1], [-2], [3]]]"


def asking(call: Call, cotangent: Any = None, names: tuple[str, ...] | None = None) -> Call:
    """Return a call that asks for the gradients of all its arrays, or of some; of a cotangent of small integers."""
    shape = evaluate(call).shape
    sent = np.resize([1, -2, 3, 2, -1], shape) if cotangent is None else np.asarray(cotangent)
    present = tuple(name for name in ARRAYS if getattr(call, name) is not None)
    dtype = call.input.dtype if call.dtype.output is None else np.dtype(call.dtype.output)
    return replace(call, cotangent=sent.reshape(shape).astype(dtype), gradients=present if names is None else names)


def right(call: Call) -> Output:
    """Return what is expected of a call that asks for gradients."""
    assert call.cotangent is not None
    found = gradients(call, call.cotangent)
    return Output(array=evaluate(call), gradients={name: found[name] for name in call.gradients})


def observed(arrays: dict[str, Array], **more: Any) -> Observation:
    return Observation(
        outcome="returned", arrays=arrays, dtypes={at: each.dtype.name for at, each in arrays.items()}, **more
    )


def answer(call: Call, expectation: Output) -> dict[str, Array]:
    return {"output": expectation.array} | {f"gradient.{name}": each for name, each in expectation.gradients.items()}


#: Two samples and channels, a stride with an unread tail, unequal padding, a bias.
MANY = asking(call_of("conv", ramp(2, 8, 2) % 5 - 2, ramp(3, 2, 2) % 7 - 3, bias=[1, -2], strides=3, padding=((0, 1),)))
TAIL = asking(call_of("conv", ramp(1, 9, 2) % 5 - 2, ramp(2, 2, 2) % 7 - 3, bias=[1, -2], strides=3))
DILATED = asking(call_of("conv", ramp(1, 6, 1), [[[1]], [[-2]]], dilations=2))


# --- the call


def test_a_call_crosses_the_wire_with_what_it_asks() -> None:
    """The cotangent goes beside the arrays and the names beside the parameters; nothing is there without them."""
    line, _, rest = wire.pack_call(3, MANY).partition(b"\n")
    number, form = wire.unpack_call(line)
    arrived = form.call(rest, 0)
    assert (3, MANY.gradients) == (number, arrived.gradients)
    assert arrived.cotangent is not None and MANY.cotangent is not None
    assert MANY.cotangent.tolist() == arrived.cotangent.tolist()
    plain = wire.pack_call(3, replace(MANY, cotangent=None, gradients=()))
    assert b"gradients" not in plain and b"cotangent" not in plain


def test_forms_differ_by_what_is_asked() -> None:
    """What an adapter works out for a call does not hold for one that asks for other gradients."""
    fewer = replace(MANY, gradients=("input",))
    assert len({MANY.form, fewer.form, replace(MANY, gradients=(), cotangent=None).form}) == 3


def test_a_gradient_comes_home() -> None:
    """Axes go back into the order of the call, and merged channels of a depthwise kernel apart again."""
    call = call_of("depthwise_conv", ramp(1, 4, 2), ramp(2, 2, 3), layout={"input": "NWC", "kernel": "MWC"})
    assert call.kernel is not None
    (stage,) = call.stages
    merged = stage.arranged_kernel("OIW")
    assert call.kernel.tolist() == call.bring_home("kernel", merged, "OIW").tolist()
    assert call.kernel.tolist() == call.bring_home("kernel", call.arranged("kernel", "WCM"), "WCM").tolist()
    assert call.input.tolist() == call.bring_home("input", call.arranged("input", "NCW"), "NCW").tolist()


# --- the judge


def judged(expectation: Expectation, arrays: dict[str, Array], call: Call = MANY, **context: Any) -> tuple[Any, ...]:
    judgement = judge(expectation, observed(arrays), Context(call=call, **context))
    found = judgement.finding
    return judgement.verdict, found and found.kind, found and found.where


def test_right_gradients_agree() -> None:
    """The reference's own answer agrees, whichever gradients are asked for."""
    expected = right(MANY)
    assert ("agree", None, None) == judged(expected, answer(MANY, expected))
    one = replace(MANY, gradients=("bias",))
    assert ("agree", None, None) == judged(right(one), answer(one, right(one)), one)


def test_the_output_is_judged_first() -> None:
    """A gradient counts where the output is right, and the first gradient that is wrong is told."""
    expected, arrays = right(MANY), answer(MANY, right(MANY))
    wrong = {**arrays, "gradient.kernel": arrays["gradient.kernel"] + 1, "gradient.bias": arrays["gradient.bias"] + 1}
    assert ("disagree", "values", "gradient.kernel") == judged(expected, wrong)
    assert ("disagree", "values", "output") == judged(expected, {**wrong, "output": arrays["output"] + 1})


def test_the_message_says_where() -> None:
    """Of values by index, of shapes and dtypes ahead of all."""
    arrays = answer(MANY, right(MANY))
    bias = arrays["gradient.bias"]
    judgement = judge(right(MANY), observed({**arrays, "gradient.bias": bias + 1}), Context(call=MANY))
    assert judgement.message.startswith("gradient.bias[0] is ")
    judgement = judge(right(MANY), observed({**arrays, "gradient.bias": bias[:1]}), Context(call=MANY))
    assert "gradient.bias: shape [1], expected [2]" == judgement.message
    assert judgement.finding is not None and judgement.finding.message == judgement.message


def test_what_was_not_asked_for_is_the_adapters_fault() -> None:
    """A gradient too few or too many is no finding about a framework."""
    arrays = answer(MANY, right(MANY))
    fewer = {name: each for name, each in arrays.items() if name != "gradient.bias"}
    assert "suite-error" == judged(right(MANY), fewer)[0]
    one = replace(MANY, gradients=("input",))
    assert "suite-error" == judged(right(one), arrays, one)[0]


def test_no_adapter_answers_a_call_without_gradients_with_some() -> None:
    plain = replace(MANY, gradients=(), cotangent=None)
    assert "suite-error" == judged(Output(array=evaluate(plain)), answer(MANY, right(MANY)), plain)[0]


def test_the_sign_of_zero_is_of_outputs() -> None:
    """`compare: signed-zero` says nothing of gradients, whose zeros may come from products of any sign."""
    call = asking(call_of("conv", [[[1], [2]]], [[[1]]]), [[[0], [1]]])
    expected = replace(right(call), signed_zero=True)
    arrays = answer(call, expected)
    assert "agree" == judged(expected, {**arrays, "gradient.input": np.array([[[-0.0], [1]]], np.float32)}, call)[0]


def test_alternatives_have_gradients_of_their_own() -> None:
    """Values or a refusal, whose twin shows that the call itself is accepted."""
    twin = replace(DILATED, gradients=(), cotangent=None)
    either = AnyOf(alternatives={"computes": right(DILATED), "refuses": Refusal(twin=twin, name="{gradients: none}")})
    arrays = answer(DILATED, right(DILATED))
    assert ("agree", None, None) == judged(either, arrays, DILATED)
    wrong = {**arrays, "gradient.kernel": -arrays["gradient.kernel"]}
    assert ("disagree", "values", "gradient.kernel") == judged(either, wrong, DILATED)
    refused = Observation(outcome="raised", message="no")
    accepted = Context(call=DILATED, twins={"{gradients: none}": observed({"output": arrays["output"]})})
    assert "refuses" == judge(either, refused, accepted).alternative


# --- how near


def test_integers_lie_on_the_grid_of_their_products() -> None:
    """The grid of a gradient is that of its own operands."""
    call = asking(call_of("conv", ramp(1, 4, 1), [[[0.5]], [[0.25]]]))
    grids = {
        name: gradient_tolerance(call, name, each, "float32", composed=False).grid
        for name, each in right(call).gradients.items()
    }
    assert {"input": 0.25, "kernel": 1.0} == grids
    biased = asking(call_of("conv", ramp(1, 4, 1), [[[0.5]]], bias=[0.125]), names=("bias",))
    assert gradient_tolerance(biased, "bias", np.zeros(1, np.float32), "float32", composed=False).grid == 1.0


def test_random_gradients_are_judged_by_a_bound() -> None:
    """K, S and u of the gradient: an error of rounding is allowed, a hundred times that is not."""
    rng = np.random.default_rng(1)
    call = call_of("conv", rng.normal(size=(2, 40, 3)), rng.normal(size=(5, 3, 4)))
    call = replace(asking(call), cotangent=rng.normal(size=(2, 36, 4)).astype(np.float32))
    arrays = answer(call, right(call))
    allowed = gradient_tolerance(call, "kernel", arrays["gradient.kernel"], "float32", composed=False)
    assert allowed.grid is None and allowed.bound is not None
    for times, verdict in ((0.9, "agree"), (3.0, "disagree")):
        shifted = (arrays["gradient.kernel"] + times * allowed.bound).astype(np.float32)
        assert verdict == judged(right(call), {**arrays, "gradient.kernel": shifted}, call)[0]


def test_a_sum_that_stalls_is_wrong() -> None:
    """1600 ones in bfloat16 come to 1600; a sum in bfloat16 stops at 256, and is no question of precision."""
    bfloat16 = np.dtype("bfloat16")
    call = call_of("conv", np.ones((1, 1600, 1)), [[[1]]], bias=[0], dtype="bfloat16")
    call = asking(call, np.ones((1, 1600, 1)), ("bias",))
    arrays = answer(call, right(call))
    assert ("agree", None, None) == judged(right(call), arrays, call)
    stalled = {**arrays, "gradient.bias": np.array([256], bfloat16)}
    assert ("disagree", "values", "gradient.bias") == judged(right(call), stalled, call)


def test_a_narrow_mode_rounds_gradients_too() -> None:
    """Under autocast the gradient comes in the dtype of the array, with the precision of the narrow one."""
    rng = np.random.default_rng(2)
    call = replace(
        asking(call_of("conv", rng.normal(size=(1, 9, 2)), rng.normal(size=(3, 2, 2)))), gradients=("kernel",)
    )
    arrays = answer(call, right(call))
    bfloat16 = np.dtype("bfloat16")
    narrow = {
        "output": arrays["output"].astype(bfloat16),
        "gradient.kernel": arrays["gradient.kernel"].astype(bfloat16).astype(np.float32),
    }
    assert "agree" == judged(right(call), narrow, call, result_dtypes={"float32": "bfloat16"})[0]
    full = {**narrow, "output": arrays["output"]}
    assert ("disagree", "precision", "gradient.kernel") == judged(right(call), full, call)


# --- liars


@pytest.mark.parametrize("name", LIES)
def test_a_liar_is_found_out(name: str) -> None:
    """Each wrong gradient is a disagreement of its kind, and says where; the output is right."""
    from ..support import gradient_liars

    call = TAIL if "tail" in name or name == "gaps_forgotten" else MANY
    outputs = getattr(gradient_liars, name)().prepare(call)()
    arrays = {at: np.asarray(each) for at, each in outputs.arrays.items()}
    assert ("disagree", *LIES[name]) == judged(right(call), arrays, call)


def run(name: str, *cases: Case) -> list[tuple[str, str | None, str | None]]:
    made = Runner().run(list(cases), [resolve(f"{LIARS}:{name}")])
    return [(each.verdict, each.finding and each.finding.where, each.alternative) for each in made.targets[0].verdicts]


def test_gradients_come_through_a_worker() -> None:
    """A target in a process of its own is asked, answers and is judged."""
    many = case_of("many", MANY, right(MANY))
    assert [("disagree", "gradient.kernel", None)] == run("sign_flipped", many)
    assert [("suite-error", None, None)] == run("forgetful", many)


def test_a_target_without_gradients_says_so() -> None:
    """An adapter that does not speak of gradients is not asked for any."""
    plain = replace(MANY, gradients=(), cotangent=None)
    cases = case_of("many", MANY, right(MANY)), case_of("plain", plain, Output(array=evaluate(plain)))
    assert [("unsupported", None, None), ("agree", None, None)] == run("indifferent", *cases)


def test_a_refusal_to_go_back_is_an_alternative() -> None:
    """The twin without gradients is called, and was accepted."""
    twin = replace(DILATED, gradients=(), cotangent=None)
    either = AnyOf(alternatives={"computes": right(DILATED), "refuses": Refusal(twin=twin, name="{gradients: none}")})
    assert [("agree", None, "refuses")] == run("refuses_backward", case_of("dilated", DILATED, either))


# --- NumPy


@settings(max_examples=60, deadline=None)
@given(calls(), st.integers(0, 2**31))
def test_numpy_agrees_with_the_reference(call: Call, seed: int) -> None:
    """NumPy's own way back gives the exact gradients of small integers, for every op, padding and mode."""
    present = [name for name in ARRAYS if getattr(call, name) is not None]
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {
        name: rng.integers(-3, 4, getattr(call, name).shape).astype(np.float32) for name in present
    }
    call = replace(call, dtype=PerArray(**dict.fromkeys([*present, "output"], "float32")), **drawn)
    try:
        call = asking(call)
        expected = right(call)
        found = NumPy().prepare(call)().arrays
    except Exception as error:
        if type(error).__name__ in ("Refused", "Raised", "Undefined"):
            return
        raise
    for name, each in expected.gradients.items():
        assert each.tolist() == found[f"gradient.{name}"].tolist(), name


# --- case files


def cases_of(folder: Path, text: str, **options: Any) -> tuple[Case, ...]:
    path = folder / "x.yaml"
    path.write_text(text)
    return load([path], **options).cases


def wrong(folder: Path, text: str) -> str:
    with pytest.raises(Invalid) as raised:
        cases_of(folder, text)
    return str(raised.value)


def test_a_case_asks_and_expects(tmp_path: Path) -> None:
    """The cotangent and the names are the call's, the gradients the expectation's."""
    beside = f"    expect: {{{OUTPUT}, gradients: {{{COTANGENT}, kernel: [[[6]], [[10]]]}}}}\n"
    (case,) = cases_of(tmp_path, CASE + beside)
    assert case.call.cotangent is not None
    assert (("kernel",), [[[1], [-2], [3]]]) == (case.call.gradients, case.call.cotangent.tolist())
    assert isinstance(case.expectation, Output)
    assert [[[6]], [[10]]] == case.expectation.gradients["kernel"].tolist()


def test_the_reference_gives_gradients_of_generated_arrays(tmp_path: Path) -> None:
    """`reference` stands where something is drawn."""
    drawn = "cotangent: {shape: [1, 3, 1], fill: 1}"
    beside = f"    expect: {{{OUTPUT}, gradients: {{{drawn}, input: reference, kernel: reference}}}}\n"
    (case,) = cases_of(tmp_path, CASE + beside)
    assert isinstance(case.expectation, Output)
    assert [[[7]], [[12]]] == case.expectation.gradients["kernel"].tolist()
    assert ["input", "kernel"] == list(case.expectation.gradients)


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ("gradients: {}", "missing key 'cotangent'"),
        (f"gradients: {{{COTANGENT}}}", "gradients needs at least one array"),
        (f"gradients: {{{COTANGENT}, bias: [1]}}", "unknown key 'bias'"),
        ("gradients: {cotangent: [[[1], [2]]], kernel: [[[7]], [[12]]]}", "the shape of the output, [1, 3, 1]"),
        (f"gradients: {{{COTANGENT}, kernel: [[[7]]]}}", "must have the shape of kernel, [2, 1, 1]"),
        (f"gradients: {{{COTANGENT}, kernel: reference}}", "reference needs a generated array"),
        ("second_order: {input: [[[0], [0], [0], [1]]], kernel: [[[1]], [[1]]], expect: {input: [[[1]]]}}", "needs"),
    ],
)
def test_what_is_wrong_with_gradients_is_told(tmp_path: Path, beside: str, message: str) -> None:
    assert message in wrong(tmp_path, CASE + f"    expect: {{{OUTPUT}, {beside}}}\n")


def test_integers_have_no_gradients(tmp_path: Path) -> None:
    """Nor have complex numbers here, nor a case of how a call is made."""
    beside = f"    expect: {{{OUTPUT}, gradients: {{{COTANGENT}, kernel: [[[6]], [[10]]]}}}}\n"
    assert "input is int32, which has no gradients" in wrong(tmp_path, CASE + "    dtype: int32\n" + beside)
    assert "input is complex64, which has no gradients" in wrong(tmp_path, CASE + "    dtype: complex64\n" + beside)
    assert "cannot be combined with a variation" in wrong(tmp_path, CASE + "    variation: inside_graph\n" + beside)


ALTERNATIVES = """\
    dilations: 2
    clauses: [GRAD-11]
    expect:
      any_of:
        computes: {output: [[[8], [13]]], gradients: {cotangent: [[[1], [-2]]], input: [[[1], [-2], [2], [-4]]]}}
        refuses: {refusal: {twin: {gradients: none}}}
"""


def test_a_twin_asks_for_gradients_as_well_unless_it_says_none(tmp_path: Path) -> None:
    """A twin of another output is sent ones."""
    (case,) = cases_of(tmp_path, CASE + ALTERNATIVES)
    assert isinstance(case.expectation, AnyOf)
    refusal = case.expectation.alternatives["refuses"]
    assert isinstance(refusal, Refusal) and refusal.twin.gradients == () and refusal.twin.cotangent is None
    (case,) = cases_of(tmp_path, CASE + ALTERNATIVES.replace("{gradients: none}", "{dilations: 1}"))
    assert isinstance(case.expectation, AnyOf)
    refusal = case.expectation.alternatives["refuses"]
    assert isinstance(refusal, Refusal) and refusal.twin.cotangent is not None
    assert (("input",), [[[1], [1], [1]]]) == (refusal.twin.gradients, refusal.twin.cotangent.tolist())


def test_alternatives_ask_for_the_same(tmp_path: Path) -> None:
    """The call asks once, whatever is expected of it."""
    one = "computes: {output: [[[8], [13]]], gradients: {cotangent: [[[1], [-2]]], input: [[[1], [-2], [2], [-4]]]}}"
    text = CASE + ALTERNATIVES
    refusing = "refuses: {refusal: {twin: {gradients: none}}}"
    other = one.replace("computes", "refuses")
    assert "the same cotangent" in wrong(tmp_path, text.replace(refusing, other.replace("[-2]]]", "[5]]]", 1)))
    bare = "refuses: {output: [[[8], [13]]]}"
    assert "only some alternatives have gradients" in wrong(tmp_path, text.replace(refusing, bare))


def test_validate_computes_gradients_twice(tmp_path: Path) -> None:
    """A wrong number in a gradient is told by both formulations."""
    beside = f"    expect: {{{OUTPUT}, gradients: {{{COTANGENT}, kernel: [[[6]], [[11]]]}}}}\n"
    found = [str(problem) for problem in validation.validate_cases(cases_of(tmp_path, CASE + beside), {})]
    assert 2 == len(found)
    assert all("gradient.kernel: " in each and "returns 10.0 at [1, 0, 0]" in each for each in found)


def test_gradients_are_part_of_what_a_case_says(tmp_path: Path) -> None:
    """The lock tells another gradient; the export has cotangent, names and gradients."""
    beside = f"    expect: {{{OUTPUT}, gradients: {{{COTANGENT}, kernel: [[[6]], [[10]]]}}}}\n"
    (case,) = cases_of(tmp_path, CASE + beside)
    digest = lock.digest(case)
    (other,) = cases_of(tmp_path, CASE + beside.replace("[10]", "[11]"))
    assert digest.startswith("sha256:") and digest != lock.digest(other)
    said = export.call(case.call)
    assert (("kernel",), [1.0, -2.0, 3.0]) == (said["gradients"], said["arrays"]["cotangent"]["values"])
    assert [6.0, 10.0] == export.expectation(case.expectation, case.call)["gradients"]["kernel"]["values"]


SWEEP = (
    HEAD
    + """\
sweeps:
  - id: a.b
    title: Drawn
    base:
      input: {shape: [1, 5, 2], generate: {lcg: 1, low: -3, high: 3}}
      kernel: {shape: [2, 2, 2], generate: {lcg: 2, low: -3, high: 3}}
      bias: {shape: [2], generate: {lcg: 3, low: -3, high: 3}}
      cotangent: {shape: [1, 1, 1], generate: {lcg: 4, low: -2, high: 2}}
      gradients: all
    axes: {rank: [1, 2], strides: [1, 2], bias: [with, without]}
"""
)


def test_the_points_of_a_sweep_ask_for_gradients(tmp_path: Path) -> None:
    """The cotangent follows the shape of each output, `all` the arrays that a point has."""
    cases = cases_of(tmp_path, SWEEP, sweeps="full")
    assert 8 == len(cases)
    for case in cases:
        assert case.call.cotangent is not None
        assert isinstance(case.expectation, Output)
        assert case.expectation.array.shape == case.call.cotangent.shape
        wanted = ("input", "kernel", "bias") if "bias=with]" in case.id else ("input", "kernel")
        assert wanted == case.call.gradients == tuple(case.expectation.gradients)
    assert [] == list(validation.validate_cases(cases, {}))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("      gradients: all\n", "", "missing key 'gradients'"),
        ("gradients: all", "gradients: every", "choice of gradients"),
        ("gradients: all", "gradients: [output]", "array"),
        ("generate: {lcg: 4, low: -2, high: 2}", "values: [1]", "must fit every output shape"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_told(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert message in wrong(tmp_path, SWEEP.replace(before, after))


def test_some_gradients_may_be_chosen(tmp_path: Path) -> None:
    cases = cases_of(tmp_path, SWEEP.replace("gradients: all", "gradients: [kernel]"), sweeps="full")
    assert {("kernel",)} == {case.call.gradients for case in cases}


def test_every_gradient_of_the_corpus_holds_for_numpy() -> None:
    """NumPy, which is no reference, agrees with every literal case that asks for gradients."""
    cases = [case for case in load().cases if case.call.gradients]
    assert len(cases) > 120
    made = Runner().run(cases, [resolve("numpy")])
    assert {"agree"} == {verdict.verdict for verdict in made.targets[0].verdicts}
