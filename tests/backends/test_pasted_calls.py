"""The text of a call, pasted into a program of the bare framework, gives what the suite saw."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from conv_conformance import corpus
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Expectation, Output
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Verdict
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.reports.bare_script import script_lines
from conv_conformance.workers import targets, wire
from conv_conformance.workers.limits import Terms
from conv_conformance.workers.plan import smoke_call
from conv_conformance.workers.pool import observe
from conv_conformance.workers.process import CallSeen

from ..support.pasted_process import digits

#: Of so many cases the call is pasted, those that a target can say of every fifth, then of those behind these.
PASTED, STEP = 200, 5


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Cases of which an output may be expected, of every operation."""
    found = [case for case in corpus.load(sweeps="none").cases if _is_plain(case)]
    return [case for first in range(STEP) for case in found[first::STEP]]


def _is_plain(case: Case) -> bool:
    call = case.call
    plain = call.training is None and not call.gradients and not call.variation.is_compiled
    return plain and not call.variation.shape_inference and any(isinstance(each, Output) for each in _ways(case))


def _ways(case: Case) -> Iterable[Expectation]:
    return case.expectation.alternatives.values() if isinstance(case.expectation, AnyOf) else (case.expectation,)


def programs(target: str, cases: list[Case]) -> Iterator[tuple[list[str], Array]]:
    """
    Yield the calls that a target made, from a worker, as programs, each with what it returned, where that is right.

    What is wrong may be memory, and other numbers the next time.
    """
    (adapter,) = targets.named_targets([target])
    packed = [wire.pack_call(number, case.call) for number, case in enumerate(cases)]
    for event in observe(Terms(), adapter, smoke_call(), packed):
        if isinstance(event, CallSeen) and event.observation.outcome == "returned":
            case, observation = cases[event.number], event.observation
            program = script_lines(
                Verdict(case="a.b", target=target, verdict="disagree", call=observation.call), case.call
            )
            if program and judge(case.expectation, observation, Context(call=case.call)).verdict == "agree":
                yield program, observation.arrays["output"]


@pytest.mark.parametrize(
    "target", ["torch", "torch+layer", "tensorflow", "jax", "keras-torch", "keras-tensorflow", "keras-jax"]
)
def test_a_pasted_call_gives_what_was_seen(target: str, cases: list[Case]) -> None:
    """To the bit, in the order of axes that it was returned in."""
    pytest.importorskip(target.partition("+")[0].rpartition("-")[2])
    made = list(islice(programs(target, cases), PASTED))
    command = [sys.executable, "-W", "ignore", str(Path(__file__).parents[1] / "support" / "pasted_process.py")]
    asked = json.dumps([program for program, _ in made])
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    got = json.loads(done.stdout.splitlines()[-1])
    assert len(got) == PASTED
    for (program, expected), (shape, bits) in zip(made, got, strict=True):
        assert (tuple(shape), bits in _digits(expected)) == (expected.shape, True), program[-1]


def _digits(expected: Array) -> list[str]:
    """Return the bits of an array, of bfloat16, which NumPy does not have, those as float32 as well."""
    arrays = [expected] if expected.dtype.name != "bfloat16" else [expected, expected.astype("float32")]
    return [*map(digits, arrays)]
