"""Two conforming backends, which use every freedom of the specification or none, agree on the whole default corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from conv_conformance import corpus
from conv_conformance.quality import validation
from conv_conformance.running.runner import Runner
from conv_conformance.workers.limits import Terms
from conv_conformance.workers.targets import resolve

BACKENDS = Path(__file__).parents[1] / "support" / "permissive_backends.py"


@pytest.mark.parametrize("name", ["RefusesAll", "ComputesAll"])
def test_conforming_backend_agrees_everywhere(name: str) -> None:
    """No case fails a backend that refuses all that clauses allow to be refused, nor one that computes all."""
    cases = corpus.load(sweeps="quick").cases
    made = Runner(terms=Terms(diagnose=False)).run(cases, [resolve(f"{BACKENDS}:{name}")])
    assert {verdict.case: verdict.message for verdict in made.verdicts if verdict.verdict != "agree"} == {}
    refused = [verdict for verdict in made.verdicts if "refuses" in (verdict.alternative or "")]
    assert (len(refused) > 500) == (name == "RefusesAll")


WRONGED = """\
about: Refusals that a clause allows.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
cases:
  - id: a.empty-twin
    title: A twin with a window that is longer than its input
    clauses: [PAD-4]
    input: [[[1], [2], [3], [4]]]
    kernel: [[[1]], [[2]], [[3]], [[4]], [[5]]]
    padding: [[-1, 2]]
    expect:
      any_of:
        crops: {output: [[[20]]]}
        refuses: {refusal: {twin: {padding: valid}}}
  - id: a.float64
    title: A dtype that a target may lack
    clauses: [CONV-1]
    dtype: float64
    input: [[[1], [2]]]
    kernel: [[[3]]]
    expect: {output: [[[3], [6]]]}
"""


def test_wronged_refusals_are_found(tmp_path: Path) -> None:
    """A twin that may be refused, and a call that may be refused where the case does not say so."""
    (tmp_path / "a.yaml").write_text(WRONGED)
    loaded = corpus.load([tmp_path / "a.yaml"])
    assert [problem.message for problem in validation.validate_cases(loaded.cases, loaded.clauses)] == [
        "a.empty-twin: EMPTY-1 allows the refusal of the twin ({padding: valid}), which must be accepted",
        "a.float64: DTYPE-FLOAT64 allows the refusal of the call, and the case does not",
    ]
