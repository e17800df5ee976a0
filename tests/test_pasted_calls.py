"""
The text of a call, pasted into a program of the bare framework, gives what the suite saw.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conv_conformance import corpus, targets, wire
from conv_conformance.call import Array
from conv_conformance.case import Case
from conv_conformance.expectation import Output
from conv_conformance.judge import Context, judge
from conv_conformance.plan import smoke
from conv_conformance.pool import observe
from conv_conformance.process import Seen
from conv_conformance.reports.script import script
from conv_conformance.terms import Terms
from conv_conformance.verdict import Verdict

#: So many cases are asked of each target, evenly chosen from all, and so many of them have to be sayable at least.
ASKED, LEAST = 110, 50


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Cases that expect an output, of every operation."""
    found = [case for case in corpus.load(sweeps="none").cases if _is_plain(case)]
    return found[:: len(found) // ASKED]


def _is_plain(case: Case) -> bool:
    call = case.call
    plain = call.training is None and not call.gradients and not call.variation.is_compiled
    return isinstance(case.expectation, Output) and plain and not call.variation.shape_inference


def programs(target: str, cases: list[Case]) -> Iterator[tuple[list[str], Array]]:
    """
    Yield the calls that a target made, from a worker, as programs, each with what it returned, where that is right.

    What is wrong may be memory, and other numbers the next time.
    """
    (adapter,) = targets.named([target])
    packed = [wire.pack_call(number, case.call) for number, case in enumerate(cases)]
    for event in observe(Terms(), adapter, smoke(), packed):
        if isinstance(event, Seen) and event.observation.outcome == "returned":
            case, observation = cases[event.number], event.observation
            program = script(Verdict(case="a.b", target=target, verdict="disagree", call=observation.call), case.call)
            if program and judge(case.expectation, observation, Context(call=case.call)).verdict == "agree":
                yield program, observation.arrays["output"]


@pytest.mark.parametrize("target", ["torch", "tensorflow", "jax", "keras-torch"])
def test_a_pasted_call_gives_what_was_seen(target: str, cases: list[Case]) -> None:
    """
    To the bit, in the order of axes that it was returned in.
    """
    pytest.importorskip(target.rpartition("-")[2])
    made = list(programs(target, cases))
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("pasted_process.py"))]
    asked = json.dumps([program for program, _ in made])
    printed = subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout
    got = json.loads(printed.splitlines()[-1])
    assert len(got) >= LEAST
    for (program, expected), (shape, digits) in zip(made, got, strict=True):
        assert (tuple(shape), digits) == (expected.shape, expected.tobytes().hex()), program[-1]
