"""Diagnosis names the causes that give what was returned, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import conv_conformance
import numpy as np
import pytest
from conv_conformance import reference
from conv_conformance.calls.output_region import smallest_region
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.dtypes import numpy_type
from conv_conformance.core.expectation import Output
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Diagnosis, Verdict
from conv_conformance.corpus import load
from conv_conformance.diagnosis import diagnose
from conv_conformance.diagnosis.canonical_call import subject_of
from conv_conformance.diagnosis.causes import CAUSES
from conv_conformance.diagnosis.gradients.causes import CAUSES as BACKWARD
from conv_conformance.diagnosis.narrowed_causes import WIDER, narrowed
from conv_conformance.records.record import verdict_from_line, verdict_to_line
from conv_conformance.reports.failure_block import describe_failure
from conv_conformance.running.runner import Runner
from conv_conformance.workers.targets import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support import zoo
from ..support.builders import call_of
from ..support.random_calls import calls

PACKAGE = Path(conv_conformance.__file__).parent
#: The walk-through's convolution.
WALK = call_of("conv", [[[0], [3], [4], [5]]], [[[1]], [[2]]])
#: An image of three columns over two channels, four filters, two groups, a bias and unequal padding.
RNG = np.random.default_rng(5)
LARGE = call_of(
    "conv",
    RNG.integers(-9, 10, (3, 7, 5, 4)),
    RNG.integers(-9, 10, (3, 2, 2, 6)),
    bias=RNG.integers(-9, 10, 6),
    groups=2,
    strides=(3, 2),
    padding=((1, 0), (2, 1)),
)


def said(call: Call, got: Any) -> Diagnosis | None:
    array = np.asarray(got, numpy_type(call.dtype_of("output")))
    return diagnose(call, array, call.dtype_of("output"))


def literal() -> list[Case]:
    return [case for case in load(sweeps="none").cases if isinstance(case.expectation, Output)]


def test_right_results_are_those_of_the_corpus() -> None:
    """What diagnosis computes without a cause is what every literal case expects."""
    differing = []
    for case in literal():
        call, expected = case.call, case.expectation
        assert isinstance(expected, Output)
        if call.training is None:
            with np.errstate(all="ignore"):
                made = subject_of(call).result.astype(numpy_type(call.dtype_of("output")))
            letters = call.letters("output")
            made = made.transpose([("NC" + call.spatial).index(letter) for letter in letters])
            if made.shape != expected.array.shape or not np.array_equal(
                wide(made), wide(expected.array), equal_nan=True
            ):
                differing.append(case.id)
    assert [] == [name for name in differing if ".rounding." not in name]


def wide(array: Array) -> Array:
    return array.astype(np.complex128)


def test_every_cause_is_in_the_glossary() -> None:
    """And there are many."""
    assert len(CAUSES) >= 60
    assert not CAUSES.keys() - load(sweeps="none").faults.keys()


def test_diagnosis_and_mutants_share_no_code() -> None:
    """Neither imports the other, so that a mistake of one is no mistake of both."""
    for one, other in (("diagnosis", "mutants"), ("mutants", "diagnosis")):
        for path in (PACKAGE / one).rglob("*.py"):
            assert not [name for name in imported(path) if other in name.split(".")], path


def imported(path: Path) -> Iterator[str]:
    """Yield the names of all modules that a file imports, and of what it imports from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{each.name}" for each in node.names)


@pytest.mark.parametrize(
    ("got", "causes"),
    [
        ([[[3], [10], [13]]], {"kernel-flipped", "kernel-rolled"}),  # 0 * 2 + 3 * 1, 3 * 2 + 4 * 1, 4 * 2 + 5 * 1
        ([[[0], [3], [4]]], {"kernel-first-tap-only", "kernel-middle-tap-only", "kernel-last-tap-dropped"}),
        ([[[6], [11], [14], [5]]], {"valid-is-same", "valid-pads-the-end"}),
        ([[[6], [11]]], {"tail-window-dropped"}),
        ([[[14], [11], [6]]], {"places-reversed"}),
        ([[[3], [5.5], [7]]], {"mean-instead-of-sum"}),
        ([[[6], [11], [0]]], {"tail-window-zero"}),
        ([[[6, 11, 14]]], {"layout-output-transposed"}),
    ],
)
def test_the_walkthrough_by_hand(got: Any, causes: set[str]) -> None:
    """[0, 3, 4, 5] under [1, 2] is [6, 11, 14]; what else it may be has its names."""
    found = said(WALK, got)
    assert found is not None
    assert causes <= {*found.causes}
    assert ("exact" if len(found.causes) == 1 else "ambiguous") == found.confidence


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("padding-axes-swapped", {"padding": ((2, 1), (1, 0)), "strides": (1, 1)}),
        ("padding-ignored", {"padding": ((0, 0), (0, 0)), "strides": (1, 1)}),
        ("padding-symmetric", {"padding": ((1, 1), (2, 2)), "strides": (1, 1)}),
        ("strides-swapped", {"strides": (2, 3)}),
        ("stride-ignored", {"strides": (1, 1)}),
        ("bias-reversed", {"bias": np.array(LARGE.bias)[::-1]}),
        ("bias-subtracted", {"bias": -np.array(LARGE.bias)}),
        ("kernel-flipped", {"kernel": np.array(LARGE.kernel)[::-1, ::-1]}),
        ("batch-reversed", {"input": np.array(LARGE.input)[::-1]}),
    ],
)
def test_another_call_is_named(cause: str, change: dict[str, Any]) -> None:
    """What another call gives, by the reference, has one explanation: in what they differ."""
    got = reference.evaluate(replace(LARGE, **change))
    asked = replace(LARGE, strides=(1, 1)) if "padding" in change else LARGE
    found = said(asked, got)
    assert found is not None and (found.causes, found.confidence) == ((cause,), "exact")


def test_a_part_is_explained() -> None:
    """Where filters from the third on are flipped, and the first two right; the first column reads padding alone."""
    asked = replace(LARGE, strides=(1, 1))
    got = np.array(reference.evaluate(asked))
    got[..., 2:] = reference.evaluate(replace(asked, kernel=np.array(LARGE.kernel)[::-1, ::-1]))[..., 2:]
    expected = Diagnosis(causes=("kernel-flipped",), confidence="partial", region="in filter from 2, W from 1")
    assert expected == said(asked, got)


def test_a_portion_is_named() -> None:
    """Where every second column is flipped; the first one reads padding alone."""
    asked = replace(LARGE, strides=(1, 1))
    got = np.array(reference.evaluate(asked))
    got[:, :, 1::2] = reference.evaluate(replace(asked, kernel=np.array(LARGE.kernel)[::-1, ::-1]))[:, :, 1::2]
    portion = "in every second place of the last axis"
    assert Diagnosis(causes=("kernel-flipped",), confidence="partial", region=portion) == said(asked, got)


def test_a_hole_in_an_axis_is_no_portion() -> None:
    """Columns in the middle alone are what no cause is known to make wrong."""
    asked = replace(LARGE, strides=(1, 1))
    got = np.array(reference.evaluate(asked))
    got[:, :, 2:4] = reference.evaluate(replace(asked, kernel=np.array(LARGE.kernel)[::-1, ::-1]))[:, :, 2:4]
    assert got.shape[2] > 5
    assert Diagnosis() == said(asked, got)


def test_many_zeros_are_a_part() -> None:
    """The filters behind the last full block of four are zero, in every sample but the first."""
    got = np.array(reference.evaluate(LARGE))
    got[1:, ..., 4:] = 0
    found = said(LARGE, got)
    assert found is not None
    assert (found.confidence, found.region) == ("partial", "in sample from 1, filter from 4")
    assert "filter-tail-dropped" in found.causes


def test_what_is_small_beside_the_bound_is_no_evidence() -> None:
    """Noise lies within the rounding of large sums of a cause that gives small numbers: that says nothing of it."""
    rng = np.random.default_rng(5)
    call = call_of("conv", 2.0**40 * rng.normal(size=(2, 9, 5)), rng.normal(size=(3, 5, 4)))
    noise = rng.normal(size=(2, 7, 4)).astype(np.float32)
    assert Diagnosis() == said(call, noise)


def test_a_bias_makes_noise_no_evidence() -> None:
    """Noise added to a large bias is close to a cause's output of this bias; noise is no evidence for that cause."""
    rng = np.random.default_rng(5)
    call = call_of("conv", rng.normal(size=(2, 9, 5)), rng.normal(size=(3, 5, 4)), bias=2.0**22 * np.ones(4))
    noise = (2.0**22 + rng.normal(size=(2, 7, 4))).astype(np.float32)
    assert Diagnosis() == said(call, noise)


def test_a_list_that_is_too_long_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two causes each is told, unless two are too many."""
    short = call_of("conv", [[[1], [2], [4]]], [[[1]], [[3]]])
    found = said(short, [[[5], [10]]])
    assert found is not None and len(found.causes) > 1
    monkeypatch.setattr("conv_conformance.diagnosis.search.LONGEST", 1)
    assert Diagnosis() == said(short, [[[5], [10]]])


def test_what_nothing_explains() -> None:
    """One element off, an array of noise, and one of another rank."""
    right = np.array(reference.evaluate(LARGE))
    off = right.copy()
    off[1, 1, 3, 4] += 1
    noise = np.random.default_rng(1).integers(-99, 99, right.shape)
    for got in (off, noise, right[0], np.zeros((2, 2))):
        assert Diagnosis() == said(LARGE, got)


def test_rounding_is_no_cause() -> None:
    """Of drawn numbers a result within its bound is right, and explains nothing; a flipped kernel does."""
    rng = np.random.default_rng(3)
    call = call_of("conv", rng.normal(size=(2, 9, 5)), rng.normal(size=(3, 5, 4)))
    flipped = reference.evaluate(replace(call, kernel=np.array(call.kernel)[::-1]))
    nudged = np.nextafter(flipped, np.float32(np.inf))
    assert Diagnosis(causes=("kernel-flipped",), confidence="exact") == said(call, nudged)
    assert Diagnosis() == said(call, np.nextafter(reference.evaluate(call), np.float32(np.inf)))


@settings(max_examples=60, deadline=None)
@given(calls(), st.integers(0, 2**31))
def test_noise_is_explained_by_nothing_and_stumbles_over_nothing(call: Call, seed: int) -> None:
    """Whatever the call: a result of many random numbers is not one of a cause."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(size) for size in rng.integers(1, 5, len(call.letters("output"))))
    got = rng.integers(1, 120, shape).astype(numpy_type(call.dtype_of("output")))
    found = diagnose(call, got, call.dtype_of("output"))
    if got.size >= 12 and len(np.unique(got)) > 6:
        assert Diagnosis() == found


def test_a_call_that_is_too_large_is_left_alone() -> None:
    """What its taps read would be held at once."""
    call = call_of("conv", np.zeros((1, 4000, 300)), np.zeros((9, 300, 1)))
    assert said(call, np.ones((1, 3992, 1))) is None


def test_a_region_in_words() -> None:
    """Each axis is named where it is not whole."""
    wrong = np.zeros((3, 4, 6), bool)
    wrong[1:, 2, ::2] = True
    assert "sample from 1, filter 2, W 0, 2, 4" == smallest_region(wrong).text(("sample", "filter", "W"))
    assert "everywhere" == smallest_region(np.ones((1, 2, 3), bool)).text("NCW")


def test_a_run_says_it() -> None:
    """A target that flips kernels is told of it, in the record and in what reports show; a right one is not."""
    made = Runner().run(zoo.cases(), [zoo.miniature("flips_the_kernel"), resolve("numpy")])
    found = {verdict.case: verdict for verdict in made.verdicts if verdict.target != "numpy"}
    assert Diagnosis(causes=("kernel-flipped",), confidence="exact") == found["rounding"].diagnosis
    assert [{"fault": "kernel-flipped", "confidence": "exact"}] == verdict_to_line(found["rounding"])["diagnosis"]
    assert ("cause", "kernel-flipped: it gives exactly this") in describe_failure(found["rounding"], None).details
    assert found["symmetric"].diagnosis is None
    assert not any(verdict.diagnosis for verdict in made.verdicts if verdict.target == "numpy")


def test_a_record_keeps_it() -> None:
    """What is read is what was written."""
    for diagnosis in (
        None,
        Diagnosis(),
        Diagnosis(causes=("kernel-flipped", "kernel-rolled"), confidence="ambiguous"),
        Diagnosis(causes=("kernel-flipped",), confidence="partial", region="in sample from 1"),
    ):
        verdict = Verdict(case="a.b", target="t", verdict="disagree", diagnosis=diagnosis)
        assert verdict == verdict_from_line(verdict_to_line(verdict))


@pytest.mark.parametrize(
    ("diagnosis", "words"),
    [
        (Diagnosis(), "none known"),
        (Diagnosis(causes=("a",), confidence="exact"), "a: it gives exactly this"),
        (Diagnosis(causes=("a", "b"), confidence="ambiguous"), "a or b: each gives exactly this"),
        (Diagnosis(causes=("a",), confidence="partial", region="in W 3"), "a, in W 3 alone: the rest is right"),
        (
            Diagnosis(causes=("a",), wider=("b", "c"), confidence="exact"),
            "a: it gives exactly this, as does b or c of more calls",
        ),
    ],
)
def test_in_words(diagnosis: Diagnosis, words: str) -> None:
    """How sure it is stands in the text."""
    assert words == str(diagnosis)


def test_the_narrower_of_two_causes_is_said() -> None:
    """It says as much of the call, and less of others; what implies it is told beside it."""
    assert set(WIDER) | {name for wider in WIDER.values() for name in wider} <= {*CAUSES, *BACKWARD}
    assert narrowed(["stride-ignored", "depthwise-stride-ignored", "places-reversed"]) == (
        ("depthwise-stride-ignored", "places-reversed"),
        ("stride-ignored",),
    )
    assert narrowed(["stride-ignored"]) == (("stride-ignored",), ())
    x, w = np.arange(36.0).reshape(2, 9, 2) ** 2, np.arange(1.0, 7.0).reshape(3, 2, 1)
    call = call_of("depthwise_conv", x, w, strides=2)
    found = said(call, reference.evaluate(replace(call, strides=(1,))))
    assert found is not None
    assert ("depthwise-stride-ignored", True) == (found.causes[0], "stride-ignored" in found.wider)


def test_a_transposed_weight_that_is_not_finite_meets_no_gap() -> None:
    """What no tap reaches is no term: an infinite weight beside it makes no NaN."""
    x, w = np.arange(1.0, 7.0).reshape(1, 3, 2), np.ones((2, 2, 4))
    w[1, 0, 2] = np.inf
    call = call_of("conv_transpose", x, w, strides=3)
    right = reference.evaluate(call)
    assert np.isinf(right).any() and not np.isnan(right).any()
    lost = right.copy()
    lost[np.isinf(lost)] = np.nan
    found = said(call, lost)
    assert found is not None and "nan-for-infinity" in found.causes


def test_what_is_small_beside_large_numbers_is_still_told_apart() -> None:
    """A lost bias is less than sums of the largest elements may be off; no cause but that one is said."""
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(3, 9, 6)), rng.normal(size=(3, 6, 4))
    x[0] *= 1e6
    call = call_of("conv", x, w, bias=rng.normal(size=4) / 8)
    found = said(call, reference.evaluate(replace(call, bias=np.zeros(4, np.float32))))
    assert found is not None
    assert {"bias-ignored"} == set(found.causes)
