"""
Whether diagnosis finds the condition under which a fault applies: on held-out sweep points, and on the literal cases.

    python benchmarks/conditions.py [--points N] [--seed S] [--faults NAME ...] [--json]

Diagnosis was tuned on the literal cases. The held-out set are N points of the full sweeps, drawn by a seed, that the
quick sweeps do not have; tuning used none of them. On each set, every fault of the glossary that diagnosis knows is
injected under each condition that the glossary names for it, and `attribute` finds a cause and a condition in the
verdicts of that target. Two rules count:

loose: the cause is the one injected, and among the calls on which the fault shows, the condition holds for exactly
those on which it applied. A fault that applies in a portion of each output needs that portion in every output, and no
further condition. What meets the strict rule meets this one.

strict: the causes and conditions that are reported reproduce every wrong output of the set, to the last, and would make
no other output wrong.

Fewer failing calls than three never get a condition; these targets are counted apart. The time of diagnosis is measured
on the literal cases.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from multiprocessing import get_context
from typing import Any

import numpy as np
from conv_conformance import corpus, diagnosis
from conv_conformance.analysis.causes import attribute
from conv_conformance.calls.features import features_of
from conv_conformance.calls.portions import PORTIONS
from conv_conformance.core.backend import Refused
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Verdict
from conv_conformance.diagnosis.applicability import CauseVisibility, plain
from conv_conformance.diagnosis.causes import CAUSES
from conv_conformance.diagnosis.narrowed_causes import WIDER
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.mutants import named_conditions
from conv_conformance.mutants.faults import EDITS
from conv_conformance.mutants.mutant import Mutant
from conv_conformance.records.attribution import Attribution
from conv_conformance.records.failure_group import MIN_CALLS
from conv_conformance.reference import evaluate
from support import result

TARGET = "mutant"
SEED = 20261126
#: The seed of the held-out points, and the input elements times kernel elements that one may have.
HELD_OUT, LARGEST = 20261203, 2_000_000


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was found of one fault under one condition, and how many calls fail."""

    fault: str
    condition: str
    failing: int
    outcome: str
    is_exact: bool
    said: str


def outputs(cases: Sequence[Case]) -> list[Case]:
    """Return the cases of which an output is expected, though they may be refused, and nothing else."""
    found = [case for case in cases if case.call.training is None and [*plain(case)]]
    return [case for case in found if not case.call.gradients and not case.call.variation.shape_inference]


def shown(fault: str, cases: Sequence[Case], condition: str = "") -> dict[str, Verdict]:
    """Return the disagreements of a fault that acts under a condition, without one everywhere."""
    made = Mutant(fault=fault, condition=condition).prepared()
    return {case.id: verdict for case in cases if (verdict := _verdict(case, made.output)) is not None}


def _verdict(case: Case, compute: Callable[[Call], Array]) -> Verdict | None:
    try:
        got = compute(case.call)
    except Refused:
        return None
    seen = Observation(outcome="returned", arrays={"output": got}, dtypes={"output": got.dtype.name})
    judged = judge(case.expectation, seen, Context(call=case.call))
    if judged.verdict != "disagree" or judged.finding is None or judged.finding.kind == "precision":
        return None
    start = time.perf_counter()
    said = diagnosis.diagnose(case.call, got, got.dtype.name)
    seconds = time.perf_counter() - start
    return Verdict(
        case=case.id, target=TARGET, verdict="disagree", finding=judged.finding, diagnosis=said, seconds=seconds
    )


@cache
def agreed(case: Case) -> Verdict:
    """Return the verdict on a call that is right."""
    return Verdict(case=case.id, target=TARGET, verdict="agree", alternative=next(plain(case)) or None)


def cost(cases: Sequence[Case], many: int = 1000) -> dict[str, float]:
    """
    Return what the diagnosis of one wrong output of a literal case takes (median), and that of a run with `many`.

    To the run belongs what explains them together; the faults are drawn, and each is a target with its right cases.
    """
    wrong: list[Verdict] = []
    verdicts: list[Verdict] = []
    for fault in map(str, np.random.default_rng(SEED).permutation(sorted(CAUSES.keys() & EDITS.keys()))):
        failing = shown(fault, cases)
        wrong += failing.values()
        agreeing = (agreed(case) for case in cases if case.id not in failing)
        verdicts += [replace(verdict, target=fault) for verdict in (*failing.values(), *agreeing)]
        if len(wrong) >= many:
            break
    start = time.perf_counter()
    attribute(verdicts, {case.id: case for case in cases})
    seconds = [verdict.seconds for verdict in wrong[:many]]
    return {
        "median_ms": round(sorted(seconds)[len(seconds) // 2] * 1e3, 1),
        f"seconds_of_{many}": round(sum(seconds) + time.perf_counter() - start, 1),
    }


def trials(fault: str, under: Sequence[str], cases: Sequence[Case]) -> Iterator[Trial]:
    """Yield what is found of a fault under each of some conditions."""
    everywhere, by_id = shown(fault, cases), {case.id: case for case in cases}
    showing = _showing()
    for name in under:
        condition = named_conditions.named(name)
        if condition.region is not None:
            failing = shown(fault, cases, name)
        else:
            failing = {case: said for case, said in everywhere.items() if condition.holds(by_id[case].call)}
        acting = {*failing}
        verdicts = [failing.get(case.id) or agreed(case) for case in cases]
        found = attribute(verdicts, by_id, showing) if len(acting) >= MIN_CALLS else ()
        yield Trial(
            fault=fault,
            condition=name,
            failing=len(acting),
            outcome="right"
            if _is_of_region(fault, found, condition.region)
            else _outcome(fault, found, acting, {*everywhere} if condition.region is None else set(), by_id),
            is_exact=_is_same(found, acting, by_id),
            said="; ".join(each.text for each in found),
        )


def _is_same(found: Sequence[Attribution], acting: set[str], cases: Mapping[str, Case]) -> bool:
    """Say whether what was said explains each wrong output, and would make no other call of the corpus wrong."""
    explained = {case for each in found for case in each.cases}
    said = {
        case
        for each in found
        for case in cases
        if each.condition.holds(features_of(cases[case]))
        and (case in explained or _showing().on(case, each.cause, each.portion))
    }
    return acting == explained == said


def _is_of_region(fault: str, found: Sequence[Attribution], region: Callable[[Array], Array] | None) -> bool:
    """Say whether what explains most is the fault itself, in the region in which it acts, and nothing else is said."""
    if region is None or not found:
        return False
    first = found[0]
    is_it = first.cause == fault or fault in WIDER.get(first.cause, ())
    if not is_it or not first.portion or first.condition.wanted or first.against:
        return False
    mark = PORTIONS[first.portion]
    return all((mark(array.shape) == region(array)).all() for array in _shapes() if array.size)


@cache
def _shapes() -> list[Array]:
    """Return an array for each shape that an output of the corpus has, in the order N, O, then space."""
    return [np.zeros(shape) for shape in {_shape(case.call) for case in CASES}]


def _shape(call: Call) -> tuple[int, ...]:
    extents = dict(zip(call.letters("output"), evaluate(call).shape, strict=True))
    return tuple(extents[letter] for letter in "NC" + call.spatial)


def _outcome(
    fault: str, found: Sequence[Attribution], acting: set[str], shows: set[str], cases: Mapping[str, Case]
) -> str:
    """Return `right`, `few` calls, `none` said, another `cause`, or another `condition`."""
    if len(acting) < MIN_CALLS:
        return "few"
    if _is_same(found, acting, cases):
        return "right"
    if not found:
        return "none"
    same = [each for each in found if each.cause == fault or fault in WIDER.get(each.cause, ())]
    if found[0] not in same:
        return "cause"
    said = {case for case in shows if any(each.condition.holds(features_of(cases[case])) for each in same)}
    return "right" if said == acting and not any(each.portion for each in same) else "condition"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One fault with its conditions."""

    fault: str
    under: tuple[str, ...]

    def trials(self) -> list[Trial]:
        """Return what is found of it."""
        return list(trials(self.fault, self.under, CASES))


CASES: list[Case] = []


@cache
def _showing() -> CauseVisibility:
    """Return where causes show, for all faults that a process tries."""
    return CauseVisibility({case.id: case for case in CASES})


def counted(made: Sequence[Trial]) -> dict[str, int]:
    """Return the number of targets on which enough calls fail, by the rule that they meet, and of the others."""
    told = [each for each in made if each.outcome != "few"]
    outcomes = Counter(each.outcome for each in told)
    return {
        "targets": len(told),
        "loose": outcomes["right"],
        "strict": sum(each.is_exact for each in told),
        **{f"another_{name}": outcomes[name] for name in ("condition", "cause")},
        "none": outcomes["none"],
        "too_few_calls": len(made) - len(told),
    }


def found_on(cases: Sequence[Case], faults: Sequence[str], under: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the counts on a set of cases, those of faults everywhere and under a condition apart."""
    CASES[:] = cases
    asked = [Task(fault=name, under=("", *under[name])) for name in faults]
    with get_context("fork").Pool() as processes:
        made = [trial for each in processes.imap(Task.trials, asked, chunksize=1) for trial in each]
    return {
        "cases": len(cases),
        "everywhere": counted([each for each in made if not each.condition]),
        "under_a_condition": counted([each for each in made if each.condition]),
        "not_right": [vars(each) for each in made if each.outcome in ("condition", "cause", "none")],
    }


def held_out(points: int, seed: int) -> list[Case]:
    """Return drawn points of the full sweeps that the quick sweeps lack, with at most `LARGEST` products."""
    quick = {case.id for case in corpus.load(sweeps="quick").cases}
    return sampled([case for case in corpus.load(sweeps="full").cases if case.id not in quick], points, seed)


def sampled(others: Sequence[Case], points: int, seed: int) -> list[Case]:
    """Return so many drawn cases that have an output to expect, and no more than `LARGEST` products."""
    drawn = random.Random(seed).sample(others, len(others))
    fitting = (case for case in drawn if _products(case.call) <= LARGEST)
    return list(islice((case for each in fitting for case in outputs([each])), points))


def _products(call: Call) -> int:
    kernels = [call.array(name) for name in ("kernel", "depthwise_kernel") if getattr(call, name) is not None]
    return call.input.size * max(kernel.size for kernel in kernels)


def main() -> None:
    parser = result.options(__doc__, "conditions")
    parser.add_argument("--points", type=int, default=1200, help="of the held-out set (%(default)s)")
    parser.add_argument("--seed", type=int, default=HELD_OUT, help="that draws them (%(default)s)")
    parser.add_argument("--faults", nargs="+", default=sorted(CAUSES.keys() & EDITS.keys()))
    given = parser.parse_args()
    loaded = corpus.load(sweeps="none")
    literal = outputs(loaded.cases)
    if given.small:
        literal, given.faults = literal[::40], given.faults[::100]
    points = sampled(literal, 20, given.seed) if given.small else held_out(given.points, given.seed)
    under = {name: loaded.faults[name].under for name in given.faults}
    figures = {
        "seed": given.seed,
        **cost(literal, 10 if given.small else 1000),
        "held_out": found_on(points, given.faults, under),
        "literal": found_on(literal, given.faults, under),
    }
    print(json.dumps(figures, indent=1))
    if given.json:
        result.keep(given.json, figures)


if __name__ == "__main__":
    main()
