"""
Derive the expectations of the corpus again, in plain Python that shares no code with the suite, and compare.

`benchmarks/derivation` reads the case files with a YAML reader of its own and computes with integers and powers of two
by docs/spec and cases/README.md. Every array is compared element by element: with the numbers that a case file states,
and with what the suite expects.

    python benchmarks/rederivation.py --all                 the literal cases and the points of the quick sweeps
    python benchmarks/rederivation.py --points 30 --seed 7  random points of the full sweeps
    python benchmarks/rederivation.py --seeds 1-60          30 random points for each of these seeds
    python benchmarks/rederivation.py --wrong               each deliberate error of the derivation must be noticed

Exit code 1 if an element differs, an expectation is missing on one side, or a deliberate error is not noticed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from derivation import arrays as described
from derivation import engine, geometry, literal_cases, outputs, sweep_points
from derivation.yaml_subset import read
from support import result

#: The largest number of products of a point, so that a point takes seconds at most.
PRODUCTS = 300_000
#: The deliberate errors of the derivation.
FAULTS = (outputs.TAPS_REVERSED, geometry.SAME_EXCHANGED, geometry.CROP_EXCHANGED, described.FIRST_DRAW_KEPT)


class Comparison:
    """The numbers of expectations, arrays and elements that were compared, and a line for each difference."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.differences: list[str] = []

    def compare(self, name: str, found: Mapping[str, tuple[int, int]]) -> None:
        """Enter the numbers of elements, and of those that differ, by array."""
        self.counts["expectations"] += 1
        self.counts["arrays"] += len(found)
        self.counts["elements"] += sum(count for count, _ in found.values())
        for array, (count, differing) in found.items():
            if differing:
                self.differ(name, f"{array}: {differing} of {count} elements differ")

    def differ(self, name: str, what: str) -> None:
        """Print and enter a difference."""
        self.differences.append(f"{name}: {what}")
        print(f"DIFFERS {name}: {what}", flush=True)

    def figures(self, **further: Any) -> dict[str, Any]:
        """Return the numbers and the differences."""
        return {**further, **self.counts, "differences": self.differences}


def literal(every: int = 1) -> dict[str, Any]:
    """Derive the literal cases, or every n-th expectation of them, and return the figures."""
    comparison, corpus = Comparison(), literal_cases.literal()
    cases = engine.cases("none")
    for expectation in corpus.expectations[::every]:
        name = f"{expectation.case} {expectation.alternative}".strip()
        mine = expectation.derive()
        arrays = literal_cases.arrays(mine)
        for array, stated in expectation.stated().items():
            comparison.counts["stated arrays"] += 1
            if differing := literal_cases.differing(arrays[array], stated):
                comparison.differ(name, f"{array}: {differing} elements are not what the file states")
        theirs = dict(engine.outputs(cases[expectation.case])).get(expectation.alternative)
        if theirs is None:
            comparison.differ(name, "the suite expects no output")
            continue
        comparison.compare(name, engine.compared(mine, theirs, expectation.layout))
    left_out = {reason: len(names) for reason, names in corpus.left_out.items()}
    return comparison.figures(cases=corpus.total, left_out=left_out)


def points(tier: str, seeds: Sequence[int], count: int | None) -> dict[str, Any]:
    """Derive points of the sweeps of a tier: `count` random ones for each seed, or all, and return the figures."""
    comparison, cases = Comparison(), engine.cases(tier)
    sweeps = sweep_points.sweeps(literal_cases.files())
    alternatives = switches()
    names = sorted(name for name in cases if name.partition("[")[0] in sweeps and "[" in name)
    for name in names if count is None else drawn(names, seeds, count):
        comparison.counts["points"] += 1
        point = sweep_points.Point(name, sweeps[name.partition("[")[0]])
        if point.products() > PRODUCTS:
            comparison.counts["too large"] += 1
            continue
        theirs = {expected.switches: expected for _, expected in engine.outputs(cases[name])}
        mine = {frozenset(chosen.values()): frozenset(chosen) for chosen in point.switches(alternatives)}
        if mine.keys() != theirs.keys():
            comparison.differ(name, f"the alternatives are {_sorted(mine)}, the suite's {_sorted(theirs)}")
            continue
        for chosen, expected in theirs.items():
            label = f"{name} {' '.join(sorted(chosen))}".strip()
            comparison.compare(label, engine.compared(point.derive(mine[chosen]), expected, point.layout))
    twins = sum("[" in name for name in cases) - len(names)
    return comparison.figures(tier=tier, seeds=[min(seeds), max(seeds)] if count else [], twins=twins)


def drawn(names: Sequence[str], seeds: Iterable[int], count: int) -> Iterator[str]:
    """Yield `count` random names for each seed."""
    for seed in seeds:
        yield from random.Random(seed).sample(names, min(count, len(names)))


def switches() -> dict[str, dict[str, str]]:
    """Return the alternatives that have a switch, by clause and name, from cases/clauses.yaml."""
    clauses = read((literal_cases.CASES / "clauses.yaml").read_text(encoding="utf-8"))
    return {
        clause: {name: each["switch"] for name, each in said["alternatives"].items() if each and "switch" in each}
        for clause, said in clauses.items()
        if isinstance(said, dict) and "alternatives" in said
    }


def noticed(every: int = 1) -> dict[str, int]:
    """Return how many literal expectations differ from those of the suite under each error of the derivation."""
    expectations, cases = literal_cases.literal().expectations[::every], engine.cases("none")
    return {fault: sum(_is_noticed(each, cases, fault) for each in expectations) for fault in FAULTS}


def _is_noticed(expectation: literal_cases.Expectation, cases: Mapping[str, Any], fault: str) -> bool:
    theirs = dict(engine.outputs(cases[expectation.case]))[expectation.alternative]
    found = engine.compared(expectation.derive(fault), theirs, expectation.layout)
    return any(differing for _, differing in found.values())


def _sorted(options: Iterable[frozenset[str]]) -> list[list[str]]:
    return sorted(sorted(each) for each in options)


def seed_range(text: str) -> Sequence[int]:
    """Return the seeds of a text such as `7` or `1-60`."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def told(figures: Mapping[str, Any]) -> str:
    """Return a line about figures."""
    counts = ", ".join(f"{number:,} {name}" for name, number in figures.items() if isinstance(number, int))
    return f"{counts}, {len(figures['differences'])} differences"


def main() -> int:
    """Derive what the options ask for; print and keep the figures."""
    parser = result.options(__doc__, "rederivation")
    parser.add_argument("--all", action="store_true", help="the literal cases and the points of the quick sweeps")
    parser.add_argument("--points", type=int, default=30, metavar="N", help="random points a seed (%(default)s)")
    parser.add_argument("--seed", "--seeds", type=seed_range, metavar="A[-B]", help="the seeds of random points")
    parser.add_argument("--wrong", action="store_true", help="the deliberate errors of the derivation")
    options = parser.parse_args()
    if not (options.all or options.seed or options.wrong or options.small):
        options.seed = range(1, 2)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    every = 20 if options.small else 1
    found: dict[str, Any] = {}
    if options.all or options.small:
        found["literal"] = literal(every)
    if options.small:
        found["random"] = points("quick", [1], 10)
    if options.all:
        found["quick"] = points("quick", [0], None)
    if options.seed:
        found["random"] = points("full", options.seed, options.points)
    for name, figures in found.items():
        print(f"{name}: {told(figures)}")
    faults = noticed(every) if options.wrong or options.small else {}
    for fault, count in faults.items():
        print(f"deliberate error {fault}: {count} expectations differ")
    if options.json:
        result.keep(options.json, {**found, "faults": faults})
    is_wrong = any(figures["differences"] for figures in found.values())
    return int(is_wrong or not all(faults.values()))


if __name__ == "__main__":
    sys.exit(main())
