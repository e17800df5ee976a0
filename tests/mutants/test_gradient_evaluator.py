"""The way back of the evaluator: right without a fault, and faults that change gradients alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from conv_conformance import reference
from conv_conformance.core.backend import Target
from conv_conformance.core.call import Call, PerArray
from conv_conformance.core.case import Case
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import ARRAYS
from conv_conformance.corpus import load
from conv_conformance.mutants.faults import BACK_EDITS, EDITS
from conv_conformance.mutants.gradient_evaluator import HONEST_BACK, gradients
from conv_conformance.mutants.mutant import Mutant
from conv_conformance.mutants.sweep_only import noticing
from conv_conformance.mutants.target import MutantTarget
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ..support.random_calls import calls


@cache
def cases() -> dict[str, Case]:
    """Return the literal cases that ask for gradients, by their ids."""
    asking = (case for case in load(sweeps="none").cases if case.call.gradients)
    return {case.id: case for case in asking}


def call_of(name: str) -> Call:
    return cases()[name].call


def arrays_of(call: Call, mutant: str = "") -> dict[str, Array]:
    return dict(MutantTarget(Target(name="mutant", mode=mutant)).prepare(call)().arrays)


@settings(max_examples=150, deadline=None)
@given(calls(), st.integers(0, 2**31))
def test_the_way_back_agrees_with_the_reference(call: Call, seed: int) -> None:
    """Small integers of every op, padding, mode, group and layout have the exact gradients."""
    assume(call.padding_mode == "zeros" or 0 not in (*call.lengths, *call.extents("input")))
    present = [name for name in ARRAYS if getattr(call, name) is not None]
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {
        name: rng.integers(-3, 4, getattr(call, name).shape).astype(np.float32) for name in present
    }
    call = replace(call, dtype=PerArray(**dict.fromkeys([*present, "output"], "float32")), **drawn)
    try:
        output = reference.evaluate(call)
    except reference.Undefined:
        return
    cotangent = rng.integers(-3, 4, output.shape).astype(np.float32)
    call = replace(call, cotangent=cotangent, gradients=tuple(present))
    found = gradients(call, HONEST_BACK)
    for name, expected in reference.gradients(call, cotangent).items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)
        assert found[name].dtype == expected.dtype


def test_no_case_notices_the_evaluator_without_a_fault() -> None:
    """It gives what every literal case that asks for gradients expects."""
    assert [] == list(noticing(Mutant(fault=""), list(cases().values())))


@pytest.mark.parametrize("name", sorted(BACK_EDITS))
def test_a_fault_of_the_way_back_leaves_outputs_right(name: str) -> None:
    """Whatever it does to gradients."""
    call = call_of("conv2d.gradients.samples-of-the-bias")
    assert arrays_of(call)["output"].tobytes() == arrays_of(call, name)["output"].tobytes()


def test_a_fault_of_the_way_there_leaves_gradients_right() -> None:
    """A flipped kernel is noticed by the output, its gradient is that of the kernel as it is."""
    call = call_of("conv1d.gradients.all-three")
    right, wrong = arrays_of(call), arrays_of(call, "kernel-flipped")
    assert right["output"].tolist() != wrong["output"].tolist()
    assert all(right[at].tolist() == wrong[at].tolist() for at in right if at != "output")


def test_no_fault_is_of_both_ways() -> None:
    """A name says which way it goes."""
    assert not EDITS.keys() & BACK_EDITS.keys()


def test_only_the_gradients_that_are_asked_for_are_given() -> None:
    """By their names, beside the output."""
    assert ["output", "gradient.kernel"] == list(arrays_of(call_of("conv1d.gradients.kernel-alone")))


def test_a_condition_about_calls_holds_for_gradients() -> None:
    """Where it does not hold they are right."""
    call = call_of("conv1d.gradients.all-three")
    right = arrays_of(call)["gradient.kernel"].tolist()
    assert right == arrays_of(call, "kernel-gradient-zero/strided")["gradient.kernel"].tolist()
    assert right != arrays_of(call, "kernel-gradient-zero/unstrided")["gradient.kernel"].tolist()


def test_a_region_is_of_the_gradient_of_the_input() -> None:
    """In a later sample alone, whatever the layout; that of the kernel stays right."""
    call = call_of("conv1d.gradients.batch-last")
    right = arrays_of(call)
    wrong = arrays_of(call, "cotangent-ignored/later-samples")
    at = call.layout.input.index("N")
    differs = right["gradient.input"] != wrong["gradient.input"]
    assert not differs.take(0, at).any()
    assert differs.take(1, at).any()
    assert right["gradient.kernel"].tolist() == wrong["gradient.kernel"].tolist()


def test_what_accumulates_is_right_once() -> None:
    """The second call of a prepared one doubles, the first of the next does not."""
    call = call_of("conv1d.gradients.bias-alone")
    run = MutantTarget(Target(name="mutant", mode="gradient-accumulates")).prepare(call)
    once, twice = (run().arrays["gradient.bias"] for _ in range(2))
    assert (2 * once).tolist() == twice.tolist()
    assert once.tolist() == arrays_of(call, "gradient-accumulates")["gradient.bias"].tolist()


@pytest.mark.parametrize(
    ("fault", "case"),
    [
        ("bias-gradient-narrow", "conv2d.gradients.float16-bias-over-many"),
        ("kernel-gradient-narrow", "conv2d.gradients.float16-kernel-over-many"),
        ("input-gradient-narrow", "conv1d.gradients.bfloat16-input-over-many"),
        ("gradient-operands-tf32", "conv1d.gradients.full-precision"),
        ("gradient-double-in-single", "conv1d.gradients.full-precision-float64"),
        ("gradient-accumulates", "conv1d.gradients.full-precision"),
        ("cotangent-overwritten", "conv1d.gradients.nothing-is-written-to"),
        ("kernel-gradient-of-zero-lost", "conv1d.gradients.zero-taps"),
        ("input-gradient-channels-beyond-16-missing", "conv2d.gradients.seventeen-channels"),
        ("step-gradient-of-the-border", "conv1d.gradients.before-crops"),
        ("mode-gradient-averaged", "conv2d.gradients.replicate"),
        ("separable-gradient-of-the-input", "separable-conv1d.gradients.all"),
    ],
)
def test_a_fault_of_gradients_is_noticed_where_it_is_meant_to_be(fault: str, case: str) -> None:
    """Numbers, memory, repetition, blocks and borders are each noticed by the case that is for them."""
    assert [case] == list(noticing(Mutant(fault=fault), [cases()[case]]))
