"""
What the sweeps hold, counted by a program that did not make them.

It reads the files of the corpus with a plain YAML reader and the points as `conv-conformance list --sweeps full` prints
them: ids, by value. Of the engine it asks one thing: whether a combination that is nowhere to be found could have been.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from support import result

CASES = Path(__file__).parent.parent / "cases"
#: How many completions of a pair that no point has are tried before it counts as impossible.
COMPLETIONS = 300

Point: TypeAlias = "Mapping[str, str]"


def sweeps(folder: Path = CASES) -> dict[str, dict[str, Any]]:
    """Return the sweeps of a corpus as they are written, by their ids."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*/*.yaml"))]
    found = [sweep for file in files if isinstance(file, dict) for sweep in file.get("sweeps", ())]
    return {sweep["id"]: sweep for sweep in found}


def points(tier: str, *patterns: str) -> list[str]:
    """Return the ids of the points of a tier, or of those that match, as the command line lists them."""
    command = [sys.executable, "-m", "conv_conformance", "list", *patterns, "--sweeps", tier]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if "[" in name]


def parsed(name: str) -> tuple[str, dict[str, str]]:
    """Return the sweep of a point and its values by axis."""
    sweep, _, values = name.rstrip("]").partition("[")
    return sweep, dict(value.split("=", 1) for value in values.split(","))


def text(axis: str, value: Any) -> str:
    """Return a value as it stands in ids."""
    if isinstance(value, Mapping):
        if axis == "storage":
            return ".".join(f"{name}:{text(axis, each)}" for name, each in value.items())
        return ".".join(text(axis, each).replace("x", ":", -1) for each in value.values())
    if isinstance(value, list):
        return "x".join(":".join(map(str, each)) if isinstance(each, list) else text(axis, each) for each in value)
    return str(value)


def tuples(sweep: Mapping[str, Any], strength: int) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield every combination of values of so many axes, as (axis, text)."""
    axes = [[(name, text(name, value)) for value in values] for name, values in sweep["axes"].items()]
    for chosen in itertools.combinations(axes, strength):
        yield from itertools.product(*chosen)


def met(found: Sequence[Point], strength: int) -> set[tuple[tuple[str, str], ...]]:
    """Return the combinations of values of so many axes that points have."""
    return {chosen for point in found for chosen in itertools.combinations(point.items(), strength)}


def plain(sweep: str) -> dict[str, Any]:
    """Return a sweep as the engine reads it."""
    from conv_conformance.corpus.format.cases import read_file

    for path in sorted(CASES.glob("*/*.yaml")):
        if "sweeps:" not in path.read_text():
            continue
        document, _ = read_file(path.read_bytes(), path.name)
        for found in document["sweeps"]:
            if found["id"] == sweep:
                return dict(found)
    raise LookupError(sweep)


def is_possible(sweep: Mapping[str, Any], pair: Sequence[tuple[str, str]]) -> bool:
    """Return whether the rules of a sweep accept a combination with this pair; the engine tries one after the other."""
    from conv_conformance.corpus.sweeps import points as engine

    chance, fixed = random.Random(str(pair)), dict(pair)
    whole = {key: value for key, value in sweep.items() if key not in ("strength", "draws")}
    for _ in range(COMPLETIONS):
        axes = [
            (name, *_one(values, texts, fixed[name] if name in fixed else chance.choice(texts)))
            for name, values, texts in sweep["axes"]
        ]
        if list(engine.points({**whole, "axes": axes}, {})):
            return True
    return False


def _one(values: Sequence[Any], texts: Sequence[str], wanted: str) -> tuple[list[Any], list[str]]:
    return [values[list(texts).index(wanted)]], [wanted]


def report(tier: str, *patterns: str) -> dict[str, Any]:
    """Return, by sweep, the numbers of points, of pairs and triples of values, and of pairs that no point can have."""
    found: dict[str, list[Point]] = {}
    for name in points(tier, *patterns):
        sweep, values = parsed(name)
        found.setdefault(sweep, []).append(values)
    written = sweeps()
    counted: dict[str, Any] = {"enlarged": sum(len(each) for name, each in found.items() if name not in written)}
    for name, sweep in written.items():
        if name in found:
            counted[name] = _counted(sweep, found[name])
    return counted


def _counted(sweep: Mapping[str, Any], found: Sequence[Point]) -> dict[str, Any]:
    wanted, had = set(tuples(sweep, 2)), met(found, 2)
    missing = sorted(wanted - had)
    is_pairwise = sweep.get("strength") == 2
    lacking = [pair for pair in missing if is_pairwise and is_possible(plain(sweep["id"]), pair)]
    return {
        "points": len(found),
        "pairs": len(wanted),
        "met": len(wanted & had),
        "foreign": len(had - wanted),
        "impossible": len(missing) - len(lacking) if is_pairwise else None,
        "lacking": [" ".join("=".join(value) for value in pair) for pair in lacking],
        "triples": len(set(tuples(sweep, 3))),
        "triples_met": len(met(found, 3)),
    }


def main() -> None:
    """Count, print, and keep the figures where asked; exit 1 where a covering array lacks a pair that is possible."""
    parser = result.options(__doc__, "covering")
    parser.add_argument("--sweeps", choices=["quick", "full"], default="full")
    options = parser.parse_args()
    counted = report("quick", "conv-transpose.pairs*") if options.small else report(options.sweeps)
    enlarged = counted.pop("enlarged")
    total = sum(each["points"] for each in counted.values()) + enlarged
    if options.json:
        result.keep(options.json, {"calls": total, "enlarged": enlarged, "sweeps": counted})
    for name, each in counted.items():
        said = f"{each['met']} of {each['pairs']} pairs"
        if each["impossible"] is not None:
            said += f", {each['impossible']} impossible, {len(each['lacking'])} lacking"
        print(f"{name:<36} {each['points']:>5} points, {said}; {each['triples_met']} of {each['triples']} triples")
    print(f"enlarged twins of literal cases: {enlarged}")
    print(f"sweep calls: {total}")
    sys.exit(1 if any(each["lacking"] or each["foreign"] for each in counted.values()) else 0)


if __name__ == "__main__":
    main()
