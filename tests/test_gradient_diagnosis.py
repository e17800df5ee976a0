"""
Diagnosis of gradients: a cause gives what its mutant gives, nothing is said of what is right or unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.call import COTANGENT, Array, Call
from conv_conformance.case import Case
from conv_conformance.diagnosis import backward
from conv_conformance.diagnosis.backward.causes import CAUSES
from conv_conformance.diagnosis.backward.way import way
from conv_conformance.diagnosis.causes import CAUSES as FORWARD
from conv_conformance.diagnosis.subject import kernel_of, subject, wide
from conv_conformance.dtypes import FORMATS
from conv_conformance.expectation import Output
from conv_conformance.mutants.faults import BACK_EDITS
from conv_conformance.mutants.mutant import Mutant
from conv_conformance.verdict import Diagnosis

from .commands import Command, verdicts


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Cases of one stage that ask for gradients of the first order."""
    loaded = corpus.load(sweeps="none").cases
    return [case for case in loaded if case.call.gradients and not case.call.second_order and _is_plain(case)]


def _is_plain(case: Case) -> bool:
    return isinstance(case.expectation, Output) and case.call.training is None and case.call.op != "separable_conv"


def gradients(case: Case) -> dict[str, Array]:
    assert isinstance(case.expectation, Output)
    return dict(case.expectation.gradients)


def is_off(got: Array, right: Array) -> bool:
    """
    Say whether a gradient of the right shape is wrong by more than rounding.
    """
    if (got.shape, got.dtype) != (right.shape, right.dtype):
        return False
    one, other = got.astype(np.float64), right.astype(np.float64)
    # One hundredth is more than any mutant that only rounds otherwise makes, two steps of bfloat16.
    return not np.allclose(one, other, rtol=1e-2, atol=1e-3 * np.abs(other).max(initial=1e-9), equal_nan=True)


def test_causes_are_faults_of_the_glossary() -> None:
    """By their names, none of which is a fault of the forward call."""
    assert CAUSES.keys() <= BACK_EDITS.keys() and not CAUSES.keys() & FORWARD.keys()


def canonical(call: Call, name: str, array: Array) -> Array:
    if name == "kernel":
        return kernel_of(call, wide(call, array), name)
    letters = call.letters(name)
    order = range(1) if name == "bias" else [letters.index(each) for each in "NC" + call.spatial]
    return wide(call, array).transpose(tuple(order))


def test_the_way_back_gives_what_is_expected(cases: list[Case]) -> None:
    """Of every array, in every mode, group and dtype."""
    for case in cases:
        call = case.call
        back = way(subject(call), canonical(call, "output", call.array(COTANGENT)))
        for name, right in gradients(case).items():
            exact = canonical(call, name, right)
            size = np.abs(exact[np.isfinite(exact)]).max(initial=0)
            # What is expected was rounded once, to the dtype of its array.
            allowed = 2 * FORMATS[call.dtype_of(name)].unit * size
            assert np.allclose(back.to(name), exact, rtol=0, atol=allowed, equal_nan=True), (case.id, name)


@pytest.mark.parametrize("fault", sorted(CAUSES))
def test_a_cause_is_found(fault: str, cases: list[Case]) -> None:
    """Alone or among others, where it shows in a call; what is said instead explains all of it too."""
    mutant, said = Mutant(fault=fault).prepared(), Counter[str]()
    for case in cases[::4]:
        got = mutant.gradients(case.call)
        for name, right in gradients(case).items():
            if name in got and is_off(got[name], right):
                found = backward.diagnose(case.call, name, got[name])
                assert found is not None
                said["found" if fault in (*found.causes, *found.wider) else "not"] += 1
    assert not said or said["found"] > 3 * said["not"] or said.total() < 3, said


def test_of_what_is_right_or_unknown_nothing_is_said(cases: list[Case]) -> None:
    """Numbers that nobody computes, and the right ones."""
    rng = np.random.default_rng(3)
    for case in cases[::3]:
        for name, right in gradients(case).items():
            if right.size < 6 or not np.isfinite(right.astype(np.float64)).all():
                continue
            noise = rng.integers(-99, 99, right.shape).astype(right.dtype)
            assert backward.diagnose(case.call, name, noise) == Diagnosis(), case.id


WRONG = """
from conv_conformance.backends.numpy import NumPy

class Mean(NumPy):
    differentiates = True

    def prepare(self, call):
        make = super().prepare(call)
        def made():
            found = make()
            for name in ("gradient.kernel",):
                if name in found.arrays:
                    found.arrays[name] = -found.arrays[name]
            return found
        return made
"""


def test_a_run_names_the_cause_of_a_gradient(tmp_path: Path, command: Command) -> None:
    """In the block and in the record; what is told of all wrong outputs is of outputs alone."""
    (tmp_path / "wrong.py").write_text(WRONG)
    record = tmp_path / "run.jsonl"
    done = command("run", "conv1d.gradients.*", "-b", f"{tmp_path / 'wrong.py'}:Mean", "--record", record)
    assert done.code == 1 and "kernel-gradient-negated" in done.out
    assert {"gradient.kernel"} == {where for _, _, where in verdicts(record).values() if where}
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert not [line for line in lines if "cause" in line or "tap_audit" in line]
