"""A stranger's backend of ten lines: named by file or import string, and judged on exactly the cases that tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Expectation, Output
from conv_conformance.reference import evaluate

from ..support.command_line import Command, verdicts

STRANGER = """\
from dataclasses import replace
import numpy as np
from conv_conformance.backends.numpy import NumPy

class Flipped:
    framework = "flipped"

    def prepare(self, call):
        axes = [call.letters("kernel").index(letter) for letter in call.spatial]
        return NumPy().prepare(replace(call, kernel=np.flip(call.kernel, axes)))
"""

#: Literal cases of the corpus with finite results, and without refusals: what a flipped kernel does there is known.
SOME = (
    "conv1d.valid.*",
    "conv1d.walkthrough.t*",
    "conv1d.same.*",
    "conv1d.window.*",
    "conv2d.window.*",
    "conv1d.channels.*",
)


def with_output(patterns: Sequence[str]) -> list[Case]:
    cases = corpus.load().select(patterns).cases
    return [case for case in cases if isinstance(case.expectation, (Output, AnyOf))]


def tells(case: Case) -> bool:
    """Say whether a flipped kernel gives another result than every one that is expected."""
    call = case.call
    assert call.kernel is not None
    axes = [call.letters("kernel").index(letter) for letter in call.spatial]
    flipped = evaluate(replace(call, kernel=np.flip(call.kernel, axes)))
    return not any(np.array_equal(flipped, array) for array in arrays(case.expectation))


def arrays(expectation: Expectation) -> list[np.ndarray]:
    if isinstance(expectation, AnyOf):
        return [array for each in expectation.alternatives.values() for array in arrays(each)]
    return [expectation.array] if isinstance(expectation, Output) else []


@pytest.mark.parametrize("way", ["file", "import"])
def test_flipped_kernel_disagrees_where_it_tells(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A ten-line backend that flips the kernel, given as file or import string, fails exactly the expected cases."""
    assert len(STRANGER.splitlines()) <= 10
    (tmp_path / "stranger.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(str(tmp_path))
    target = {"file": f"{tmp_path}/stranger.py:Flipped", "import": "stranger:Flipped"}[way]
    asked = with_output(SOME)
    telling = {case.id for case in asked if tells(case)}
    assert 10 < len(telling) < len(asked)
    record = tmp_path / "r.jsonl"
    done = command("run", *(case.id for case in asked), "--sweeps", "none", "-b", target, "--record", record)
    found = verdicts(record)
    assert done.code == 1
    assert {case for case, (verdict, _, _) in found.items() if verdict == "disagree"} == telling
    assert {said for said in found.values() if said[0] != "agree"} == {("disagree", "values", "output")}


TRANSPOSING = STRANGER.replace("Flipped", "Transposing").replace(
    STRANGER[STRANGER.index("        axes") :],
    """\
        run, last = NumPy().prepare(call), call.layout.output.index("C")
        return lambda: Outputs({"output": np.moveaxis(run().arrays["output"], last, 1)})
""",
)


def is_telling_layout(call: Call) -> bool:
    """Say whether an output's values show in which order its axes are."""
    output = evaluate(call)
    return output.size > 0 and len(np.unique(output)) > 1


def test_channels_first_for_channels_last_is_layout(command: Command, tmp_path: Path) -> None:
    """A backend that returns channels first where channels last are asked for is told so."""
    (tmp_path / "stranger.py").write_text("from conv_conformance import Outputs\n" + TRANSPOSING)
    cases = with_output(["conv1d.walkthrough.t*", "conv2d.window.*"])
    asked = [case for case in cases if is_telling_layout(case.call) and case.call.layout.output[-1] == "C"]  # type: ignore[arg-type, union-attr, index]
    assert len(asked) > 4
    record = tmp_path / "r.jsonl"
    words = ("--sweeps", "none", "-b", f"{tmp_path}/stranger.py:Transposing", "--record", record)
    assert command("run", *(case.id for case in asked), *words).code == 1
    assert set(verdicts(record).values()) == {("disagree", "layout", "output")}
