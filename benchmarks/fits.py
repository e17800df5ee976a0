"""
What every target makes of the trainings: how far its kernel is from the exact one, update by update, and where it ends.

    python benchmarks/fits.py [-b TARGET]... --json        20 to 35 minutes for all targets on two cores

The trainings are those of the corpus, and the two short decayed ones over 2,000 updates. Of those of the tutorial the
kernel and the loss after every update are kept, to five digits, for what is drawn of them.
`python -m docs.generate.results.fits` and `python -m docs.generate.training.page` make pages of what `--json` keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from conv_conformance import Call, corpus
from conv_conformance.core.case import Case
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.judging.training_enclosure import enclose_training
from conv_conformance.reference.training_path import trajectory
from conv_conformance.workers import wire
from conv_conformance.workers.limits import Limits, Terms
from conv_conformance.workers.plan import smoke_call
from conv_conformance.workers.pool import observe
from conv_conformance.workers.process import CallSeen, TargetFailed, TargetReady
from conv_conformance.workers.targets import DEFAULTS, OTHERS, named_targets
from support import result

OWN = ("keras-tensorflow+fit", "keras-jax+fit", "keras-torch+fit")
#: After how many updates a deviation is told.
STEPS = (1, 2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 250, 500, 1000, 1500, 2000)
#: How long the decayed trainings of the documentation are.
LONG = 2000
#: Of which trainings every update is kept: those of the tutorial.
DRAWN = ("conv1d.fit.one-filter", "conv1d.fit.two-channels", "conv1d.fit.two-filters")


def trainings() -> dict[str, tuple[Case, Call]]:
    """Return the trainings by name, with the call that each is."""
    found: dict[str, tuple[Case, Call]] = {}
    for case in corpus.load().cases:
        if case.call.training is not None:
            found[case.id] = case, case.call
            if case.call.training.schedule == "cosine" and case.call.training.steps < LONG:
                terms = replace(case.call.training, steps=LONG)
                found[f"{case.id}, {LONG} updates"] = case, replace(case.call, training=terms)
    return found


def told(name: str, case: Case, call: Call, seen: Observation, dtypes: dict[str, str]) -> dict[str, Any]:
    """Return what a target made of a training."""
    row: dict[str, Any] = {"training": name, "outcome": seen.outcome}
    if seen.outcome != "returned":
        return {**row, "message": seen.message.partition("\n")[0]}
    judgement = judge(case.expectation, seen, Context(call=call, result_dtypes=dtypes))
    exact, kernels, losses = trajectory(call).kernels, seen.arrays["kernels"], seen.arrays["losses"]
    off = np.abs(kernels.reshape(len(kernels), -1).astype(np.float64) - exact).max(1)
    steps = [step for step in STEPS if step < len(off)]
    return {
        **row,
        "verdict": judgement.verdict,
        "message": judgement.message,
        "kept": seen.dtypes["kernels"],
        "deviation": {step: float(f"{off[step]:.3g}") for step in steps},
        "loss": float(f"{losses[-1]:.6g}"),
        **({"curve": curve(kernels, losses)} if name in DRAWN else {}),
    }


def curve(kernels: Array, losses: Array) -> dict[str, Any]:
    """Return the loss, and each element of the kernel, after 0, 1, 2, … updates."""
    elements = kernels.reshape(len(kernels), -1).T
    loss, *kernel = [[float(f"{value:.5g}") for value in line] for line in (losses.reshape(-1), *elements)]
    return {"loss": loss, "kernel": kernel}


def curves(rows: Mapping[str, Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Take the curves out of the rows of all targets; return each once, with the names of the targets that have it."""
    found: dict[str, dict[str, Any]] = {}
    for target, row in ((target, row) for target, each in rows.items() for row in each if "curve" in row):
        drawn = {"training": row["training"], **row.pop("curve")}
        found.setdefault(json.dumps(drawn), {**drawn, "targets": []})["targets"].append(target)
    return list(found.values())


def described(name: str, call: Call) -> dict[str, Any]:
    """Return the exact way of a training, and how wide its intervals are."""
    assert call.training is not None
    way = trajectory(call)
    within = enclose_training(call, call.dtype_of("output"), "float64")
    width = (within.kernels.high - within.kernels.low).max(1)
    return {
        "training": name,
        "steps": call.training.steps,
        "certain": within.certain,
        "width": {step: float(f"{width[step]:.3g}") for step in STEPS if step <= within.certain},
        "loss": {step: float(f"{way.losses[step]:.9g}") for step in (0, *STEPS) if step < len(way.losses)},
        "kernel": [float(f"{value:.9g}") for value in way.kernels[-1]],
    }


def results(target: str, of: dict[str, tuple[Case, Call]]) -> Iterator[dict[str, Any]]:
    """Yield what a target made of each training."""
    (adapter,) = named_targets([target])
    packed = [wire.pack_call(number, call) for number, (_, call) in enumerate(of.values())]
    dtypes: dict[str, str] = {}
    for event in observe(Terms(limits=Limits(timeout=900.0)), adapter, smoke_call(), packed):
        match event:
            case TargetFailed():
                yield {"training": "", "outcome": "failed", "message": event.reason}
            case TargetReady():
                dtypes = event.about.get("result_dtypes", {})
            case CallSeen():
                name, (case, call) = list(of.items())[event.number]
                yield told(name, case, call, event.observation, dtypes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on all targets, write what came of it."""
    parser = result.options(__doc__, "fits")
    parser.add_argument("-b", "--backend", action="append", default=[], help="targets; all of them where none is named")
    asked = parser.parse_args(arguments)
    of, rows = trainings(), {}
    if asked.small:
        of = dict(islice(of.items(), 1))
    for target in asked.backend or (["numpy"] if asked.small else (*DEFAULTS, *OTHERS, *OWN)):
        rows[target] = list(results(target, of))
        print(target, [row.get("verdict", row["outcome"]) for row in rows[target]], flush=True)
    figures = {
        "trainings": [described(name, call) for name, (_, call) in of.items()],
        "curves": curves(rows),
        "targets": rows,
    }
    if asked.json:
        result.keep(asked.json, figures)


if __name__ == "__main__":
    main()
