"""Statistical tests of precision: correct sums pass in any order, and results of fewer bits get the right class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.call import Call
from conv_conformance.core.dtypes import numpy_type
from conv_conformance.core.expectation import Output
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.judging import precision as evidence
from conv_conformance.judging.judgement import AGREE, Context, Judgement, judge
from conv_conformance.reference import evaluate
from conv_conformance.reference.first.sequential_sum import stepwise

from ..support.builders import call_of

ORDERS = ("natural", "reversed", "random")


def drawn(op: str = "conv", dtype: str = "float32", *, filters: int = 8, seed: int = 1, **parameters: Any) -> Call:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(3, 9, 11, 17)), rng.normal(size=(3, 2, 17, filters)) / 8
    if op == "depthwise_conv":
        w = w[..., :2]
    kernels = {"kernel": w} if op != "separable_conv" else {}
    if op == "separable_conv":
        kernels = {"depthwise_kernel": w[..., :2], "pointwise_kernel": rng.normal(size=(1, 1, 34, filters)) / 8}
    return call_of(op, x, dtype=dtype, **kernels, **parameters)


def spoken(call: Call, got: Array, accumulator: str = "float32") -> list[str]:
    by = evidence.yardstick(call, accumulator)
    found = evidence.errors(got, call.dtype.output or "", by)
    return [each.test for each in evidence.against(found, by)]


def rounded(sums: Array, call: Call) -> Array:
    return sums.astype(numpy_type(call.dtype.output or ""))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("op", ["conv", "depthwise_conv", "separable_conv", "conv_transpose"])
def test_nothing_speaks_against_a_plain_loop(op: str, dtype: str, order: str) -> None:
    """In whatever order its products are added, and in whatever dtype it is returned."""
    call, accumulator = drawn(op, dtype), "float64" if dtype == "float64" else "float32"
    got = rounded(stepwise(call, accumulator, order, seed=77), call)
    assert spoken(call, got, accumulator) == []
    assert spoken(call, evaluate(call), accumulator) == []


def test_few_short_sums_in_float16_are_seen_behind_a_rounding_to_bfloat16() -> None:
    """Each of them may be rounded the other way only, and never by as much as u * abs(y) where the steps are short."""
    rng = np.random.default_rng(7)
    x, w = np.abs(rng.normal(size=(3, 6, 15))), np.abs(rng.normal(size=(2, 15, 5)))
    call = call_of("conv", x, w, dtype="bfloat16")
    got = rounded(stepwise(call, "float16", "natural"), call)
    by = evidence.yardstick(call, "float32")
    assert got.size == 75 and (np.abs(got.astype(np.float64) - by.exact) <= 2.0**-8 * np.abs(by.exact)).all()
    assert spoken(call, got)
    assert spoken(call, rounded(stepwise(call, "float32", "natural"), call)) == []


@pytest.mark.parametrize("name", evidence.OPERANDS)
def test_operands_of_fewer_bits_are_named(name: str) -> None:
    """Their sums are within the proven bound, and are told by their errors."""
    call = drawn()
    got = evaluate(call, {evidence.OPERANDS[name]})
    assert "match" in spoken(call, got)
    # No number of this size leaves the range of float16, whose significands are those of TensorFloat-32.
    named = evidence.likeness(call, got, "float32", "float32")
    assert named == ("tf32-like" if name == "float16-like" else name)


@pytest.mark.parametrize("name", evidence.SUMS)
def test_sums_in_a_narrow_accumulator_are_named(name: str) -> None:
    """A plain loop in float16, or in bfloat16, is no sum in float32."""
    call = drawn(dtype="bfloat16")
    got = rounded(stepwise(call, evidence.SUMS[name], "random", seed=5), call)
    assert spoken(call, got) != []
    assert evidence.likeness(call, got, "bfloat16", "float32") == name


def test_a_missing_tap_is_no_class() -> None:
    """Its errors are too large for rounding, and like those of no lower class."""
    call = drawn(filters=16)
    kernel = np.array(call.kernel)
    kernel[1, 1, 5] = 0
    got = evaluate(replace(call, kernel=kernel))
    assert "energy" in spoken(call, got)
    assert evidence.likeness(call, got, "float32", "float32") not in evidence.OPERANDS


def test_one_element_that_is_off() -> None:
    """The largest error speaks, where the others say nothing."""
    call = drawn()
    got = np.array(evaluate(call))
    got[0, 3, 4, 5] += 1e-3 * evidence.yardstick(call, "float32").magnitude[0, 3, 4, 5]
    assert "element" in spoken(call, got)


def test_what_is_not_finite_has_no_error() -> None:
    """It is judged for that elsewhere: a right overflow speaks against nothing."""
    call = drawn(dtype="float16")
    large = replace(call, kernel=np.array(call.kernel) * np.float16(2**14))
    got = evaluate(large)
    assert np.isinf(got).any() and np.isfinite(got).any()
    assert spoken(large, got) == []


def test_nothing_is_concluded_from_few_outputs_but_together() -> None:
    """Of 54 outputs alone nothing is said; of five such calls it is."""
    found = []
    for seed in range(5):
        call = drawn(filters=1, strides=(3, 5), seed=seed)
        by = evidence.yardstick(call, "float32")
        got, right = evaluate(call, {"operands-16-bits"}), evaluate(call)
        assert got.size < evidence.FEWEST and spoken(call, got) == []
        found.append((evidence.errors(got, "float32", by), evidence.errors(right, "float32", by), by))
    assert [*evidence.against_all([(wrong, by) for wrong, _, by in found])]
    assert not [*evidence.against_all([(right, by) for _, right, by in found])]
    assert not [*evidence.against_all([(wrong, by) for wrong, _, by in found[:1]])]


def test_positive_numbers_may_err_as_a_loop_over_them_does() -> None:
    """Errors of long sums of one sign add up: the limit follows the data."""
    rng = np.random.default_rng(3)
    x, w = np.abs(rng.normal(size=(3, 20, 600))), np.abs(rng.normal(size=(1, 600, 8)))
    call = call_of("conv", x, w, dtype="float32")
    by = evidence.yardstick(call, "float32")
    assert by.witness > 3
    assert spoken(call, rounded(stepwise(call, "float32", "random", seed=9), call)) == []


@pytest.mark.parametrize(
    ("found", "asked", "expected"),
    [
        ("tf32-like", "tf32-like", True),
        ("tf32-like", "bfloat16-like", True),
        ("bfloat16x2-like", "tf32-like", True),
        ("bfloat16-like", "tf32-like", False),
        ("float16-accumulation", "bfloat16-accumulation", True),
        ("bfloat16-accumulation", "bfloat16-like", False),
        ("reassociated", "reassociated", True),
        ("reassociated", "tf32-like", False),
        (None, "tf32-like", False),
        ("tf32-like", None, False),
    ],
)
def test_finer_classes_of_one_sort_are_within_a_coarser_one(
    found: str | None, asked: str | None, expected: bool
) -> None:
    """More bits of operands than were asked for are enough, and so are more bits of sums."""
    assert evidence.is_within(found, asked) == expected


def judged(
    call: Call,
    got: Array,
    change: Callable[[Context], Context] = lambda it: it,
    precision: str | None = None,
    **said: Any,
) -> Judgement:
    observation = Observation(outcome="returned", arrays={"output": got}, dtypes={"output": "float32"}, **said)
    context = change(Context(call=call, is_drawn=True))
    return judge(Output(array=evaluate(call), precision=precision), observation, context)


def test_the_judge_tells_the_class_of_what_agrees() -> None:
    """float32 of sums in float32; of numbers that were not drawn for it nothing."""
    call = drawn()
    loop = rounded(stepwise(call, "float32"), call)
    assert judged(call, loop).precision == "float32"
    assert judged(call, loop, lambda it: replace(it, is_drawn=False)) is AGREE
    assert judged(call, loop, composed=True) is AGREE


@pytest.mark.parametrize("switch", ["", "operands-16-bits", "operands-8-bits"])
def test_the_judge_tells_the_largest_error_of_what_was_drawn(switch: str) -> None:
    """Whether it agrees, is of a lower class, or beyond the bound."""
    call = drawn()
    got = evaluate(call, {switch}) if switch else rounded(stepwise(call, "float32"), call)
    found = evidence.errors(got, "float32", evidence.yardstick(call, "float32"))
    assert judged(call, got).error_uS == max(found.max(), -found.min()) > 0
    assert judged(call, got, lambda it: replace(it, is_drawn=False)).error_uS is None


def test_a_lower_class_is_a_doubted_disagreement_over_precision() -> None:
    """Within the bound, so that statistics alone speak, which have to be seen on other numbers."""
    call = drawn()
    judgement = judged(call, evaluate(call, {"operands-16-bits"}))
    assert (judgement.verdict, judgement.precision) == ("disagree", "bfloat16x2-like")
    assert judgement.finding is not None and judgement.finding.kind == "precision"
    assert judgement.is_doubted
    assert "behaves like bfloat16x2-like" in judgement.message and "u*S" in judgement.message


def test_a_class_beyond_the_bound_is_named_and_not_doubted() -> None:
    """What no order of summation can do needs no statistics."""
    call = drawn()
    judgement = judged(call, evaluate(call, {"operands-8-bits"}))
    assert (judgement.verdict, judgement.precision, judgement.is_doubted) == ("disagree", "bfloat16-like", False)
    assert "beyond the proven bound" in judgement.message


def test_a_documented_class_is_told_and_accuses_nobody() -> None:
    """Unless more is asked for; a lower one than is documented is still a disagreement."""
    call = drawn()
    tf32, bfloat16 = (evaluate(call, {f"operands-{bits}-bits"}) for bits in (11, 8))

    def documented(context: Context, policy: str = "declared") -> Context:
        return replace(context, declared={"float32": "tf32-like"}, policy=policy)

    agreed = judged(call, tf32, documented)
    assert replace(agreed, error_uS=None) == Judgement(verdict="agree", precision="tf32-like")
    assert judged(call, bfloat16, documented).verdict == "disagree"
    assert judged(call, tf32, lambda it: documented(it, "strict")).verdict == "disagree"
    assert judged(call, tf32, lambda it: replace(it, declared={"float16": "tf32-like"})).verdict == "disagree"
    # A case that lets a transform pass forbids nothing that is documented; one that asks for a class does.
    assert judged(call, tf32, documented, "reassociated").verdict == "agree"
    assert judged(call, bfloat16, documented, "reassociated").verdict == "disagree"
    assert judged(call, tf32, documented, "float32").verdict == "disagree"


def test_whoever_asks_for_no_class_gets_none() -> None:
    """Under `any` a class is told; wrong values stay wrong."""
    call = drawn()
    for bits, name in ((16, "bfloat16x2-like"), (8, "bfloat16-like")):
        got = evaluate(call, {f"operands-{bits}-bits"})
        judgement = judged(call, got, lambda it: replace(it, policy="any"))
        assert (judgement.verdict, judgement.finding, judgement.precision) == ("agree", None, name)
        assert judgement.error_uS is not None
    off = np.array(evaluate(call))
    off[0] += 1
    assert judged(call, off, lambda it: replace(it, policy="any")).verdict == "disagree"
