"""Gradients of gradients: asked of a call along directions, answered by a target, and judged as gradients are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.call import Call, PerArray
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Output, Refusal
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import ARRAYS, DIRECTIONS
from conv_conformance.corpus import load, shipped
from conv_conformance.corpus.builder import build_call
from conv_conformance.corpus.format.cases import read_file
from conv_conformance.corpus.sweeps import enlarged_cases
from conv_conformance.judging.error_bound import second_order_tolerance
from conv_conformance.quality import validation
from conv_conformance.reference import gradients, second_order, second_order_magnitudes, second_order_products
from conv_conformance.running.runner import Runner
from conv_conformance.specification import export, lock
from conv_conformance.workers import wire
from conv_conformance.workers.targets import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support.builders import call_of, ramp
from ..support.gradient_liars import LIES_TWICE
from ..support.random_calls import calls
from ..support.zoo import case_of
from .test_gradients import CASE, COTANGENT, LIARS, OUTPUT, asking, cases_of, judged, observed, right, run, wrong


def asking_twice(call: Call, names: tuple[str, ...] = ("cotangent", "input", "kernel"), *, seed: int = 1) -> Call:
    """Return a call that asks for gradients and for those of gradients, along directions of small integers."""
    rng, call = np.random.default_rng(seed), asking(call)
    present = [name for name in DIRECTIONS if getattr(call, name) is not None]
    along: dict[str, Any] = {
        DIRECTIONS[name]: rng.choice([-3, -2, -1, 1, 2, 3], call.array(name).shape).astype(call.array(name).dtype)
        for name in present
    }
    return replace(call, second_order=names, **along)


def right_twice(call: Call) -> Output:
    """Return what is expected of such a call."""
    assert call.cotangent is not None
    twice = second_order(call, call.cotangent, call.along)
    return replace(right(call), second_order={name: twice[name] for name in call.second_order})


def answer(expectation: Output) -> dict[str, Array]:
    once = {f"gradient.{name}": each for name, each in expectation.gradients.items()}
    twice = {f"second.{name}": each for name, each in expectation.second_order.items()}
    return {"output": expectation.array, **once, **twice}


#: Two samples and channels, a stride with an unread tail, unequal padding, a bias.
MANY = asking_twice(
    call_of("conv", ramp(2, 8, 2) % 5 - 2, ramp(3, 2, 2) % 7 - 3, bias=[1, -2], strides=3, padding=((0, 1),))
)
#: Input and kernel have as many elements.
ALIKE = asking_twice(call_of("conv", ramp(1, 4, 1), ramp(4, 1, 1) % 3 - 1, bias=[1], padding=2))


# --- the call


def test_a_call_crosses_the_wire_with_its_directions() -> None:
    """They go beside the arrays and the names beside the parameters; nothing is there without them."""
    line, _, rest = wire.pack_call(3, MANY).partition(b"\n")
    arrived = wire.unpack_call(line)[1].call(rest, 0)
    assert (MANY.second_order, MANY.gradients) == (arrived.second_order, arrived.gradients)
    assert {name: each.tolist() for name, each in MANY.along.items()} == {
        name: each.tolist() for name, each in arrived.along.items()
    }
    plain = wire.pack_call(3, asking(call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1))))
    assert b"second_order" not in plain and b"direction" not in plain


def test_forms_differ_by_what_is_differentiated_by() -> None:
    """What an adapter works out for a call does not hold for one that asks for less."""
    still = replace(MANY, bias_direction=None)
    assert len({MANY.form, still.form, replace(MANY, second_order=("input",)).form}) == 3


def test_a_direction_is_laid_out_as_its_array() -> None:
    """It has the axes and the dtype of the array, and lies packed whatever the storage of the array."""
    call = call_of(
        "depthwise_conv",
        ramp(1, 4, 3),
        ramp(2, 2, 3),
        layout={"input": "NWC", "kernel": "MWC"},
        storage={"input": "strided"},
    )
    call = asking_twice(call)
    assert ("MWC", "float32") == (call.letters("kernel_direction"), call.dtype_of("kernel_direction"))
    assert call.place("input_direction", "NWC").flags.c_contiguous
    (stage,) = call.stages
    merged = stage.directed.place_kernel("OIW")
    assert call.kernel_direction is not None
    assert call.kernel_direction.tolist() == call.bring_home("kernel", merged, "OIW").tolist()


def test_gradients_are_needed_of_what_moves() -> None:
    """Whether they are asked for or not."""
    call = replace(MANY, gradients=("bias",), bias_direction=None)
    assert (("input", "kernel"), ("input", "kernel", "bias")) == (call.directions, call.pulled)


# --- the judge


def test_right_ones_agree() -> None:
    """The reference's own answer agrees, whichever are asked for."""
    assert ("agree", None, None) == judged(right_twice(MANY), answer(right_twice(MANY)), MANY)
    one = replace(MANY, second_order=("kernel",))
    assert ("agree", None, None) == judged(right_twice(one), answer(right_twice(one)), one)


def test_they_are_judged_last() -> None:
    """They count where output and gradients are right, and the first that is wrong is told."""
    expected, arrays = right_twice(MANY), answer(right_twice(MANY))
    changed = {**arrays, "second.input": arrays["second.input"] + 1, "second.kernel": arrays["second.kernel"] + 1}
    assert ("disagree", "values", "second.input") == judged(expected, changed, MANY)
    first = {**changed, "gradient.bias": arrays["gradient.bias"] + 1}
    assert ("disagree", "values", "gradient.bias") == judged(expected, first, MANY)


def test_the_message_says_which() -> None:
    from conv_conformance.judging.judgement import Context, judge

    arrays = answer(right_twice(MANY))
    kernel = arrays["second.kernel"]
    judgement = judge(right_twice(MANY), observed({**arrays, "second.kernel": kernel + 1}), Context(call=MANY))
    assert judgement.message.startswith("second.kernel[0, 0, 0] is ")
    judgement = judge(right_twice(MANY), observed({**arrays, "second.kernel": kernel[:1]}), Context(call=MANY))
    assert "second.kernel: shape [1, 2, 2], expected [3, 2, 2]" == judgement.message


def test_a_worker_that_knows_nothing_of_it_is_not_blamed() -> None:
    """Gradients alone are no answer, and no fault; some of what was asked for is one."""
    arrays = answer(right_twice(MANY))
    unaware = {where: each for where, each in arrays.items() if not where.startswith("second.")}
    assert "unsupported" == judged(right_twice(MANY), unaware, MANY)[0]
    fewer = {where: each for where, each in arrays.items() if where != "second.kernel"}
    assert "suite-error" == judged(right_twice(MANY), fewer, MANY)[0]
    assert "suite-error" == judged(right(asking(MANY)), arrays, replace(MANY, second_order=()))[0]


# --- how near


def test_integers_lie_on_the_grid_of_products_with_directions() -> None:
    """By the cotangent the finer of both products; by an array, of the cotangent and the other array's direction."""
    call = asking_twice(call_of("conv", ramp(1, 4, 1), [[[0.5]], [[0.25]]], bias=[1]))
    along: dict[str, Any] = {
        "input_direction": np.float32([[[1], [0.5], [2], [1]]]),
        "kernel_direction": np.float32([[[3]], [[0.25]]]),
    }

    def grids(call: Call) -> dict[str, float | None]:
        found = right_twice(call).second_order
        return {
            name: second_order_tolerance(call, name, each, "float32", composed=False).grid
            for name, each in found.items()
        }

    assert {"cotangent": 0.125, "input": 0.25, "kernel": 0.5} == grids(replace(call, **along))
    finer = replace(call, **along, bias_direction=np.float32([0.0625]))
    assert {"cotangent": 0.0625, "input": 0.25, "kernel": 0.5} == grids(finer)


def test_sums_by_hand() -> None:
    """S and K, for x = 1, -2, 3, w = 1, -10 and g = 1, -2 along u = 1, 0, -1, v = -2, 1 and t = -7."""
    call = asking(call_of("conv", [[[1], [-2], [3]]], [[[1]], [[-10]]], bias=[4]), [[[1], [-2]]])
    along = {"input": np.float32([[[1], [0], [-1]]]), "kernel": np.float32([[[-2]], [[1]]]), "bias": np.float32([-7])}
    assert call.cotangent is not None
    found = second_order_magnitudes(call, call.cotangent, along)
    expected = {"cotangent": [1 + 4 + 7, 10 + 7 + 7], "input": [2, 5, 2], "kernel": [1, 2]}
    assert expected == {name: each.ravel().tolist() for name, each in found.items()}
    assert {"cotangent": 5, "input": 2, "kernel": 2, "bias": 2} == second_order_products(call, along)
    del along["bias"]
    assert 4 == second_order_products(call, along)["cotangent"]
    assert [5, 17] == second_order_magnitudes(call, call.cotangent, along)["cotangent"].ravel().tolist()


@pytest.mark.parametrize("name", ["cotangent", "input", "kernel"])
def test_random_numbers_are_judged_by_a_bound(name: str) -> None:
    """An error of rounding is allowed, three times the bound is not."""
    rng = np.random.default_rng(1)
    call = asking_twice(call_of("conv", rng.normal(size=(2, 40, 3)), rng.normal(size=(5, 3, 4)), bias=[0] * 4))
    drawn = {
        at: rng.normal(size=getattr(call, at).shape).astype(np.float32) for at in ("cotangent", *DIRECTIONS.values())
    }
    call = replace(call, **drawn)
    expected = right_twice(call)
    arrays = answer(expected)
    allowed = second_order_tolerance(call, name, expected.second_order[name], "float32", composed=False)
    assert allowed.grid is None and allowed.bound is not None
    for times, verdict in ((0.9, "agree"), (3.0, "disagree")):
        shifted = (arrays[f"second.{name}"] + times * allowed.bound).astype(np.float32)
        assert verdict == judged(expected, {**arrays, f"second.{name}": shifted}, call)[0]


def test_narrow_halves_may_be_rounded_before_they_are_added() -> None:
    """Two convolutions that cancel in bfloat16 leave the rounding of each."""
    bfloat16 = np.dtype("bfloat16")
    call = asking_twice(call_of("conv", [[[1]], [[1]]], [[[1]]], dtype="bfloat16"), ("cotangent",))
    along = {
        "input_direction": np.array([[[1000]], [[1000]]], bfloat16),
        "kernel_direction": np.array([[[-1000]]], bfloat16),
    }
    call = replace(call, kernel=np.array([[[1.0078125]]], bfloat16), **along)
    expected = right_twice(call)
    assert [7.8125, 7.8125] == expected.second_order["cotangent"].ravel().astype(float).tolist()
    rounded = (np.array(1000 * 1.0078125).astype(bfloat16) - np.array(1000).astype(bfloat16)).astype(bfloat16)
    halves = {**answer(expected), "second.cotangent": np.full((2, 1, 1), rounded)}
    assert "agree" == judged(expected, halves, call)[0]


# --- what holds without a reference


def contractions(call: Call, arrays: Mapping[str, Array]) -> list[tuple[float, float]]:
    """
    Return pairs of equal numbers: H is linear in the cotangent, <dw, v> in the input and <dx, u> in the kernel.

    So each gradient of H, times what it is the gradient by, comes to H or to its part.
    """
    points = {"cotangent": call.cotangent, "input": call.input, "kernel": call.kernel}
    by = {name: _inner(arrays[f"second.{name}"], points[name]) for name in call.second_order}
    worth = {name: _inner(arrays[f"gradient.{name}"], along) for name, along in call.along.items()}
    parts = {"cotangent": sum(worth.values()), "input": worth["kernel"], "kernel": worth["input"]}
    return [(by[name], parts[name]) for name in by]


def _inner(one: Array, other: Any) -> float:
    return float((one.astype(np.float64) * other.astype(np.float64)).sum())


def answered(case: Case) -> Output:
    alternatives = case.expectation.alternatives.values() if isinstance(case.expectation, AnyOf) else [case.expectation]
    return next(each for each in alternatives if isinstance(each, Output))


def second_order_cases() -> list[Case]:
    return [case for case in load().cases if case.call.second_order]


def test_every_case_is_linear_where_it_has_to_be() -> None:
    """The numbers of the corpus keep what holds without any reference, wherever all gradients are written."""
    held = 0
    for case in second_order_cases():
        if {*case.call.directions} <= {*case.call.gradients}:
            assert all(one == other for one, other in contractions(case.call, answer(answered(case)))), case.id
            held += 1
    assert held > 40


@pytest.mark.parametrize(
    "name", ["second_zero", "only_the_input_moves", "only_the_kernel_moves", "bias_stands_still", "first_order_again"]
)
def test_a_liar_is_not_linear(name: str) -> None:
    """The same equations tell a wrong answer, so they can fail."""
    from ..support import gradient_liars

    arrays = getattr(gradient_liars, name)().prepare(ALIKE)().arrays
    assert any(one != other for one, other in contractions(ALIKE, arrays))
    assert all(one == other for one, other in contractions(ALIKE, answer(right_twice(ALIKE))))


# --- liars


@pytest.mark.parametrize("name", LIES_TWICE)
def test_a_liar_is_found_out(name: str) -> None:
    """Each wrong gradient of gradients is a disagreement of its kind, and says where; all else is right."""
    from ..support import gradient_liars

    call = ALIKE if name == "directions_swapped" else MANY
    arrays = {at: np.asarray(each) for at, each in getattr(gradient_liars, name)().prepare(call)().arrays.items()}
    assert ("disagree", *LIES_TWICE[name]) == judged(right_twice(call), arrays, call)


def test_they_come_through_a_worker() -> None:
    """A target in a process of its own is asked and judged; one that gives less than it promised is at fault."""
    many = case_of("many", MANY, right_twice(MANY))
    assert [("disagree", "second.input", None)] == run("first_order_again", many)
    assert [("suite-error", None, None)] == run("forgetful_twice", many)


def test_a_target_that_stays_at_gradients_says_so() -> None:
    """An adapter that does not speak of the second order is not asked for it, and is for gradients."""
    first = asking(call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1)))
    cases = case_of("many", MANY, right_twice(MANY)), case_of("first", first, right(first))
    assert [("unsupported", None, None), ("agree", None, None)] == run("once", *cases)
    made = Runner().run([cases[0]], [resolve(f"{LIARS}:once")])
    assert made.targets[0].verdicts[0].message.startswith("second_order: ")


# --- NumPy


@settings(max_examples=60, deadline=None)
@given(calls(), st.integers(0, 2**31))
def test_numpy_agrees_with_the_reference(call: Call, seed: int) -> None:
    """NumPy's own way gives the exact numbers, for every op of one stage, padding and mode."""
    if call.op == "separable_conv":
        return
    present = [name for name in ARRAYS if getattr(call, name) is not None]
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {
        name: rng.integers(-3, 4, getattr(call, name).shape).astype(np.float32) for name in present
    }
    call = replace(call, dtype=PerArray(**dict.fromkeys([*present, "output"], "float32")), **drawn)
    try:
        call = asking_twice(call, seed=seed)
        expected = right_twice(call)
        found = NumPy().prepare(call)().arrays
    except Exception as error:
        if type(error).__name__ in ("Refused", "Raised", "Undefined"):
            return
        raise
    for name, each in expected.second_order.items():
        assert each.tolist() == found[f"second.{name}"].tolist(), name
    assert all(one == other for one, other in contractions(call, found))


def test_every_case_holds_for_numpy() -> None:
    """NumPy, which is no reference, agrees with every literal case of the second order."""
    cases = second_order_cases()
    assert len(cases) > 45
    made = Runner().run(cases, [resolve("numpy")])
    assert {"agree"} == {verdict.verdict for verdict in made.targets[0].verdicts}


# --- case files

DIRECTED = "input: [[[0], [0], [0], [1]]], kernel: [[[1]], [[1]]]"
SECOND = f"second_order: {{{DIRECTED}, expect: {{cotangent: [[[3], [7], [11]]], kernel: [[[0]], [[3]]]}}}}"
BESIDE = f"    expect: {{{OUTPUT}, gradients: {{{COTANGENT}, kernel: [[[6]], [[10]]]}}, {SECOND}}}\n"


def test_a_case_asks_and_expects(tmp_path: Path) -> None:
    """Directions and names are the call's, what is expected is the expectation's; both formulations hold it."""
    (case,) = cases_of(tmp_path, CASE + BESIDE)
    assert isinstance(case.expectation, Output)
    assert (("cotangent", "kernel"), ("input", "kernel")) == (case.call.second_order, case.call.directions)
    assert [[[0]], [[3]]] == case.expectation.second_order["kernel"].tolist()
    assert [] == list(validation.validate_cases([case], {}))
    found = [
        str(problem)
        for problem in validation.validate_cases(cases_of(tmp_path, CASE + BESIDE.replace("[11]]]", "[12]]]")), {})
    ]
    assert 2 == len(found)
    assert all("second.cotangent: " in each and "returns 11.0 at [0, 2, 0]" in each for each in found)


def test_the_reference_gives_them_of_drawn_directions(tmp_path: Path) -> None:
    """`reference` stands where something is drawn, and nowhere else."""
    drawn = BESIDE.replace("input: [[[0], [0], [0], [1]]]", "input: {shape: [1, 4, 1], one_hot: [0, 3, 0]}")
    (case,) = cases_of(tmp_path, CASE + drawn.replace("[[[3], [7], [11]]]", "reference"))
    assert isinstance(case.expectation, Output)
    assert [[[3], [7], [11]]] == case.expectation.second_order["cotangent"].tolist()
    plain = wrong(tmp_path, CASE + BESIDE.replace("[[[3], [7], [11]]]", "reference"))
    assert "reference needs a generated array" in plain


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (", kernel: [[[1]], [[1]]]", "", "missing key 'kernel'"),
        ("cotangent: [[[3], [7], [11]]], kernel: [[[0]], [[3]]]", "", "second_order expects no gradient"),
        ("[[[0], [0], [0], [1]]]", "[[[0]]]", "must have the shape of input"),
        ("[[[3], [7], [11]]]", "[[[3], [7]]]", "the shape of the output, [1, 3, 1], not [1, 2, 1]"),
        (DIRECTED, f"{DIRECTED}, bias: [1]", "unknown key 'bias'"),
        (f"gradients: {{{COTANGENT}, kernel: [[[6]], [[10]]]}}, ", "", "second_order needs gradients"),
        ("kernel: [[[6]], [[10]]]}, ", "kernel: [[[6]]]}, ", "must have the shape of kernel"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert BESIDE != BESIDE.replace(before, after)
    assert message in wrong(tmp_path, CASE + BESIDE.replace(before, after))


def test_alternatives_ask_for_the_same(tmp_path: Path) -> None:
    """The call asks once; a twin moves as the call does, unless it asks for no gradients."""
    inside = BESIDE.strip().removeprefix("expect: ")
    other = inside.replace("input: [[[0], [0], [0], [1]]]", "input: [[[1], [0], [0], [0]]]")
    head = CASE + "    clauses: [GRAD-11]\n    expect:\n      any_of:\n"
    text = f"{head}        computes: {inside}\n        refuses: {other}\n"
    assert "all alternatives must have the same directions and requests under second_order" in wrong(tmp_path, text)
    refusing = f"{head}        computes: {inside}\n        refuses: {{refusal: {{twin: {{dilations: 2}}}}}}\n"
    (case,) = cases_of(tmp_path, refusing)
    assert isinstance(case.expectation, AnyOf)
    refusal = case.expectation.alternatives["refuses"]
    assert isinstance(refusal, Refusal)
    assert (("cotangent", "kernel"), [[[1]], [[1]]]) == (
        refusal.twin.second_order,
        refusal.twin.along["kernel"].tolist(),
    )
    (case,) = cases_of(tmp_path, refusing.replace("{dilations: 2}", "{gradients: none}"))
    assert isinstance(case.expectation, AnyOf)
    refusal = case.expectation.alternatives["refuses"]
    assert isinstance(refusal, Refusal) and ((), {}) == (refusal.twin.second_order, refusal.twin.along)


def test_a_separable_one_has_none(tmp_path: Path) -> None:
    """Its two kernels have no words here."""
    text = CASE.replace("kernel: [[[1]], [[2]]]", "depthwise_kernel: [[[1]], [[2]]]\n    pointwise_kernel: [[[1]]]")
    text = text.replace("kernel: WIO", "depthwise_kernel: WCM, pointwise_kernel: WIO").replace(
        "op: conv,", "op: separable_conv,"
    )
    beside = BESIDE.replace("kernel: [[[6]], [[10]]]}, ", "input: [[[1], [0], [-1], [6]]]}, ")
    assert "separable_conv does not accept second_order" in wrong(tmp_path, text + beside)


def test_they_are_part_of_what_a_case_says(tmp_path: Path) -> None:
    """The lock tells another number and another direction; the export has all of it."""
    (case,) = cases_of(tmp_path, CASE + BESIDE)
    digest = lock.digest(case)
    for before, after in (("[[0]], [[3]]]", "[[0]], [[4]]]"), ("[0], [1]]]", "[1], [1]]]")):
        (other,) = cases_of(tmp_path, CASE + BESIDE.replace(before, after))
        assert digest != lock.digest(other)
    said = export.call(case.call)
    assert (["cotangent", "kernel"], [0, 0, 0, 1]) == (
        [*said["second_order"]],
        said["arrays"]["input_direction"]["values"],
    )
    assert [0, 3] == export.expectation(case.expectation, case.call)["second_order"]["kernel"]["values"]


def test_an_enlarged_twin_has_drawn_directions() -> None:
    """They have the sizes of its arrays, and all of the second order is judged on the grid."""
    document, _ = read_file(shipped().joinpath("conv", "second-order.yaml").read_bytes(), "second-order.yaml")
    twins = enlarged_cases.points(document["cases"], load(sweeps="none").clauses, Counter())
    call = next(build_call(point.call) for entry, point in twins if entry["id"] == "conv1d.second-order.all-terms")
    assert call.cotangent is not None and call.extent("input", "C") > 2
    assert {name: each.shape for name, each in call.along.items()} == {
        name: call.array(name).shape for name in ("input", "kernel", "bias")
    }
    for name, each in second_order(call, call.cotangent, call.along).items():
        assert np.count_nonzero(each) * 4 > each.size
        assert second_order_tolerance(call, name, each, "float32", composed=False).grid == 1.0


def test_gradients_stay_as_they_are() -> None:
    """Asking for theirs changes no gradient."""
    plain = replace(MANY, second_order=(), **dict.fromkeys(DIRECTIONS.values()))
    one, other = NumPy().prepare(plain)().arrays, NumPy().prepare(MANY)().arrays
    assert all(one[where].tolist() == other[where].tolist() for where in one)
    assert MANY.cotangent is not None
    assert set(gradients(MANY, MANY.cotangent)) == {"input", "kernel", "bias"}
