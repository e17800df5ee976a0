"""The features of calls, and conditions that ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance.calls.condition import Condition, condition_of
from conv_conformance.calls.features import FEATURES, FeatureValue, features, features_of
from conv_conformance.core.call import Call, Variation
from conv_conformance.corpus import load
from conv_conformance.reference import evaluate
from conv_conformance.reference.undefined import Undefined
from hypothesis import given, reject, settings

from ..support.builders import call_of, ramp
from ..support.random_calls import calls

#: Of a plain conv1d, 1x4x1 NWC, two taps; whatever else could be said does not hold.
PLAIN = {
    "op": "conv",
    "rank": 1,
    "dtype": "float32",
    "padding": "valid",
    "padding_mode": "zeros",
    "stride": 1,
    "dilation": 1,
    "groups-divide": True,
    "batch": 1,
    "channels": 1,
    "filters": 1,
    "group-channels": 1,
    "groups": 1,
    "even-kernel": True,
    "equal-extents": True,
    "unread": 0,
    "column-taps": 2,
    "length": 4,
    "kernel-size": 2,
    "output-length": 3,
    "input-layout": "NSC",
    "kernel-layout": "SIO",
    "output-layout": "NSC",
    "input-storage": "contiguous",
    "kernel-storage": "contiguous",
    "threads": 1,
    "values": "integers",
}


def plain(op: str = "conv", length: int = 4, taps: int = 2, **parameters: Any) -> Call:
    return call_of(op, ramp(1, length, 1), ramp(taps, 1, 1), **parameters)


def test_plain_call_has_the_features_of_a_plain_call() -> None:
    """What holds is said, what does not is left out."""
    assert features(plain()) == PLAIN


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (plain(strides=3), {"column-strided": True, "stride": 3, "stride-past-the-window": True, "one-column": True}),
        (plain(strides=3), {"strided": True, "unread": 2}),
        (plain(strides=3, taps=3), {"strided": True, "stride-leaves-a-remainder": True, "unread": 1}),
        (plain(strides=2, dilations=2), {"dilated": True, "stride-with-dilation": True, "column-dilated": True}),
        (
            call_of("conv", ramp(1, 7, 4, 6), ramp(3, 2, 3, 4), strides=(2, 1), groups=2),
            {"row-strided": True, "rows": 3, "column-taps": 2, "group-channels": 3, "unread": 0},
        ),
        (plain(padding="same"), {"padding": "same", "unequal-padding": True, "high-padding-alone": True}),
        (plain(padding="causal"), {"padding": "causal", "low-padding-alone": True, "padded": True}),
        (plain(padding=((-1, 2),)), {"padding": "pairs", "negative-padding": True, "padding-past-the-window": True}),
        (
            plain(padding=((2, 2),), padding_mode="reflect"),
            {"padding_mode": "reflect", "padding-past-the-window": True},
        ),
        (plain(padding=((4, 0),), padding_mode="reflect"), {"reflect-past-the-input": True}),
        (plain(padding=((5, 0),), padding_mode="circular"), {"circular-past-the-input": True}),
        (plain(padding=((-1, 2),)), {"cropped-low-padded-high": True}),
        (plain(length=2), {"columns-as-filters": True}),
        (plain(input_dilations=2), {"input-dilated": True, "output-length": 6}),
        (plain(length=1), {"one-element": True, "window-longer-than-input": True, "empty-output": True}),
        (plain(length=5), {"odd-length": True, "length": 5}),
        (call_of("conv", ramp(2, 3, 5), ramp(1, 5, 1)), {"equal-extents": None, "channels-first": None}),
        (plain(length=2), {"window-is-the-input": True, "one-output": True, "one-output-in-an-axis": True}),
        (plain(length=1, padding=1), {"window-past-the-input": True, "output-length": 2}),
        (plain(taps=1), {"one-tap": True}),
        (plain(dtype="bfloat16"), {"dtype": "bfloat16", "narrow-dtype": True}),
        (plain(dtype="int8"), {"integer-dtype": True}),
        (plain(dtype="complex64"), {"complex-dtype": True}),
        (
            plain(dtype={"input": "int8", "kernel": "int16", "output": "int32"}, accumulate="int32"),
            {"mixed-dtypes": True, "kernel-dtype": "int16", "output-dtype": "int32", "accumulate": "int32"},
        ),
        (plain(bias=[1]), {"bias": True, "bias-storage": "contiguous"}),
        (plain(before=((1, -1),)), {"before": True}),
        (plain(strides=0), {"below-one": True, "stride": 0}),
        (plain(padding=((0, 0), (0, 0))), {"of-another-rank": True}),
        (plain(groups=2), {"grouped": True, "groups": 2}),
        (
            call_of("conv", ramp(2, 3, 8), ramp(1, 1, 16), groups=8),
            {"one-channel-a-group": True, "channels-by-8": True, "filters-by-16": True, "batch": 2, "filters": 16},
        ),
        (call_of("depthwise_conv", ramp(1, 3, 2), ramp(1, 2, 3)), {"multiplier": 3, "filters": 6, "group-channels": 1}),
        (
            call_of(
                "separable_conv",
                ramp(1, 3, 2),
                depthwise_kernel=ramp(2, 2, 3),
                pointwise_kernel=ramp(1, 6, 4),
                storage={"depthwise_kernel": "offset", "pointwise_kernel": "reversed"},
            ),
            {"filters": 4, "kernel-size": 2, "kernel-storage": "offset", "pointwise-kernel-storage": "reversed"},
        ),
        (plain("conv_transpose", strides=3), {"transposed-valid-with-gaps": True, "output-length": 11}),
        (plain("conv_transpose", padding=-1), {"transposed-negative-padding": True, "output-length": 7}),
        (plain("conv_transpose", padding=3), {"transposed-nothing-left": True}),
        (
            plain("conv_transpose", padding=0, strides=2, output_padding=2),
            {"output-padded": True, "output-padding-past-the-window": True},
        ),
        (
            plain("conv_transpose", padding=0, dilations=3, output_padding=2),
            {"output-padding-past-the-stride": True},
        ),
        (
            call_of(
                "conv", ramp(1, 1, 2, 3), ramp(1, 1, 1, 1), layout={"input": "NCWH", "kernel": "OIHW", "output": "NHWC"}
            ),
            {
                "spatial-out-of-order": True,
                "channels-first": True,
                "kernel-channels-first": True,
                "another-output-layout": True,
                "input-layout": "NCS",
                "kernel-layout": "OIS",
            },
        ),
        (plain(storage={"input": "broadcast:N"}), {"input-storage": "broadcast"}),
        (plain(variation=Variation(kernel_constant=True)), {"kernel_constant": True, "compiled": True}),
        (plain(variation=Variation(dynamic_shape=True)), {"dynamic_shape": True, "compiled": True}),
        (plain(variation=Variation(inside_graph=True)), {"inside_graph": True, "compiled": True}),
        (plain(variation=Variation(shape_inference=True, threads=4)), {"shape_inference": True, "threads": 4}),
        (call_of("conv", ramp(0, 3, 1), ramp(1, 1, 1)), {"zero-batch": True, "batch": 0}),
        (call_of("conv", ramp(1, 0, 1), ramp(1, 1, 1)), {"zero-length-input": True, "length": 0}),
        (call_of("conv", ramp(1, 3, 0), ramp(1, 0, 1)), {"zero-channels": True, "channels": 0}),
        (call_of("conv", ramp(1, 3, 1), ramp(1, 1, 0)), {"zero-filters": True, "filters": 0}),
        (call_of("conv", ramp(1, 3, 1), ramp(0, 1, 1)), {"zero-taps": True, "kernel-size": 0}),
        (call_of("conv", ramp(1, 2, 2, 1), ramp(1, 1, 1, 1), strides=(1, 2)), {"unequal-strides": True}),
        (call_of("conv", ramp(1, 2, 2, 1), ramp(1, 1, 1, 1), dilations=(1, 2)), {"unequal-dilations": True}),
        (call_of("conv", [[[0.5]]], [[[1]]]), {"values": "fractions"}),
        (
            call_of("conv", [[[0.5]]], [[[np.inf]]], padding=1),
            {"values": "nonfinite", "nonfinite-kernel-over-zeros": True},
        ),
        (
            call_of("conv_transpose", [[[0.5]]], [[[np.inf]]]),
            {"values": "nonfinite", "transposed-nonfinite-kernel": True},
        ),
        (call_of("conv", [[[-0.0]]], [[[1]]]), {"values": "integers", "negative-zero": True}),
        (call_of("conv", [[[1e-40]]], [[[1]]]), {"values": "fractions", "subnormal": True}),
    ],
    ids=lambda each: ",".join(each) if isinstance(each, dict) else "",
)
def test_what_is_so_is_said(call: Call, said: dict[str, FeatureValue]) -> None:
    """Each feature is said of a call that has it, with its value."""
    found = features(call)
    assert {name: found.get(name) for name in said} == said


def test_every_feature_is_shown_above() -> None:
    """No feature is in the table that no call of these tests has."""
    [cases] = [mark.args[1] for mark in test_what_is_so_is_said.pytestmark]
    blocks = {f"{what}-by-{block}" for what in ("channels", "filters") for block in (4, 8, 16)}
    assert (
        FEATURES.keys() - PLAIN.keys() - blocks == {name for _, said in cases for name in said} - PLAIN.keys() - blocks
    )


def test_every_feature_is_said_in_a_sentence() -> None:
    """Each has a sentence of its own, from which conditions are worded and the page of the ledger is made."""
    sentences = [feature.sentence for feature in FEATURES.values()]
    assert [each for each in sentences if not each.endswith(".") or sentences.count(each) > 1] == []
    assert [name for name in FEATURES if not Condition(wanted={name: (True,)}).text] == []


@given(calls())
@settings(max_examples=60, deadline=None)
def test_sizes_are_those_of_the_reference(call: Call) -> None:
    """The lengths and the number of channels of the output are what the reference computes."""
    try:
        shape = dict(zip(call.letters("output"), evaluate(call).shape, strict=True))
    except Undefined:
        reject()
    found = features(call)
    assert found["filters"] == shape["C"]
    assert found["output-length"] == max(shape[letter] for letter in call.spatial)
    assert found.get("empty-output", False) == (0 in [shape[letter] for letter in call.spatial])


def test_every_literal_call_has_features() -> None:
    """Also of calls that make no sense something is said."""
    said = {case.id: features_of(case) for case in load(sweeps="none").cases}
    assert all(said.values())
    kinds = {(name, type(value)) for found in said.values() for name, value in found.items()}
    assert kinds == {(name, FEATURES[name].kind) for name, _ in kinds}


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (
            {"op": "conv", "rank": 3, "padding": "same", "stride-past-the-window": True},
            "op conv, rank 3, padding same, a stride is longer than the window",
        ),
        ({"strided": False, "channels": ">=17"}, "not strided, channels >=17"),
        ({"padding": ["same", "same_lower"], "batch": [0, 3]}, "padding same or same_lower, batch 0 or 3"),
    ],
)
def test_condition_is_said_in_words(plain: dict[str, Any], text: str) -> None:
    """A condition reads as a list of what holds, in the case format's words, and is written as it was read."""
    assert (condition_of(plain).text, condition_of(plain).plain) == (text, plain)


def test_condition_of_nothing_holds() -> None:
    """Where nothing is asked for, every call will do."""
    assert Condition().holds({})


SWEEP = """\
about: A sweep of one's own.
sweeps:
  - id: mine.sweep
    title: Integers, thinned or not, in several dtypes
    clauses: [CONV-1]
    base:
      op: conv
      layout: {input: NWC, kernel: WIO, output: NWC}
      dtype: float32
      input: {shape: [2, 7, 3], generate: {lcg: 1, low: -3, high: 3, density: 0.5}}
      kernel: {shape: [2, 3, 3], generate: {lcg: 2, low: 0, high: 3}}
      bias: {shape: [3], generate: {normal: 3, scale: 1}}
    axes: {length: [3, 5], strides: [1, 3], dtype: [float32, bfloat16, complex64], groups: [1, 3]}
"""


def test_features_of_points_need_no_integers_drawn(tmp_path: Path) -> None:
    """What is said of a point without drawing its integers is what is said of its call."""
    path = tmp_path / "mine.yaml"
    path.write_text(SWEEP)
    points = [case for case in load([path], sweeps="full").cases if case.sweep]
    said = [features_of(case) for case in points]
    assert all("call" not in vars(case) for case in points)
    assert said == [features(case.call) for case in points]
    assert len(said) > 10
