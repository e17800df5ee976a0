"""Diagnosis of gradients: a cause gives what its mutant gives, nothing is said of what is right or unknown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conv_conformance import corpus, reference
from conv_conformance.core.backend import Refused
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.dtypes import FORMATS
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Diagnosis
from conv_conformance.core.vocabulary import COTANGENT
from conv_conformance.diagnosis.canonical_call import kernel_of, subject_of, wide
from conv_conformance.diagnosis.causes import CAUSES as FORWARD
from conv_conformance.diagnosis.gradients.backward_pass import backward_pass
from conv_conformance.diagnosis.gradients.causes import CAUSES
from conv_conformance.diagnosis.gradients.search import diagnose_gradient
from conv_conformance.mutants.faults import BACK_EDITS
from conv_conformance.mutants.mutant import Mutant

from ...support.builders import call_of
from ...support.command_line import Command, verdicts


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Cases of one stage that ask for gradients of the first order, whatever may be refused."""
    loaded = (case for case in corpus.load(sweeps="none").cases if case.call.gradients and not case.call.second_order)
    return [case for case in loaded if case.call.training is None and case.call.op != "separable_conv"]


def gradients(case: Case) -> dict[str, Array]:
    found = reference.gradients(case.call, case.call.array(COTANGENT))
    return {name: found[name] for name in case.call.gradients}


def is_off(got: Array, right: Array) -> bool:
    """Say whether a gradient of the right shape is wrong by more than rounding."""
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
        back = backward_pass(subject_of(call), canonical(call, "output", call.array(COTANGENT)))
        for name, right in gradients(case).items():
            exact = canonical(call, name, right)
            size = np.abs(exact[np.isfinite(exact)]).max(initial=0)
            # What is expected was rounded once, to the dtype of its array.
            allowed = 2 * FORMATS[call.dtype_of(name)].unit * size
            assert np.allclose(back.to(name), exact, rtol=0, atol=allowed, equal_nan=True), (case.id, name)


#: Causes that only round otherwise: small integers do not show them.
ROUNDING = ("gradient-double-in-single", "gradient-operands-bfloat16", "gradient-operands-tf32")
#: So many gradients are asked about for each cause.
ENOUGH = 8


@pytest.mark.parametrize("fault", sorted(CAUSES.keys() - {*ROUNDING}))
def test_a_cause_is_found(fault: str, cases: list[Case]) -> None:
    """Alone or among others, on at least half of the gradients that it makes wrong, of which there are some."""
    said = Counter(islice(_found(fault, cases), ENOUGH))
    assert said[True] >= max(said[False], 1), said


def _found(fault: str, cases: list[Case]) -> Iterator[bool]:
    """Yield whether a cause is among those that are said of each gradient that its mutant makes wrong."""
    mutant = Mutant(fault=fault).prepared()
    for case in cases:
        try:
            got = mutant.gradients(case.call)
        except Refused:
            continue
        for name, right in gradients(case).items():
            if name in got and is_off(got[name], right):
                found = diagnose_gradient(case.call, name, got[name])
                assert found is not None
                yield fault in (*found.causes, *found.wider)


@pytest.mark.parametrize("fault", ROUNDING)
def test_a_cause_that_rounds_is_found(fault: str) -> None:
    """On numbers that need all their bits."""
    rng = np.random.default_rng(5)
    dtype = "float64" if "double" in fault else "float32"
    x, w, sent = (rng.normal(size=shape).astype(dtype) for shape in ((2, 9, 3), (3, 3, 4), (2, 7, 4)))
    call = call_of("conv", x, w, dtype=dtype, cotangent=sent, gradients=("input", "kernel"))
    got = Mutant(fault=fault).prepared().gradients(call)
    for name in call.gradients:
        found = diagnose_gradient(call, name, got[name])
        assert found is not None and fault in found.causes


def test_of_what_is_right_or_unknown_nothing_is_said(cases: list[Case]) -> None:
    """Numbers that nobody computes, and the right ones."""
    rng = np.random.default_rng(3)
    for case in cases[::3]:
        for name, right in gradients(case).items():
            if right.size < 6 or not np.isfinite(right.astype(np.float64)).all():
                continue
            noise = rng.integers(-99, 99, right.shape).astype(right.dtype)
            assert diagnose_gradient(case.call, name, noise) == Diagnosis(), case.id


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
