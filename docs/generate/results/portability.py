"""The content of docs/results/portability.md: which targets follow which alternative of each clause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conv_conformance.corpus.clauses import Clause

from .recorded_run import framework

#: Frameworks in the order of rows, by their names in targets.
FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}
#: The columns of the overview, by the prefix of their targets' names. The suite's own NumPy target is left out.
COLUMNS = {
    "torch": "PyTorch",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
    "keras-tensorflow": "Keras on TensorFlow",
    "keras-jax": "Keras on JAX",
    "keras-torch": "Keras on PyTorch",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    Targets of one framework that follow the same alternatives.

    `followed` holds, by alternative, the numbers of literal cases and points of sweeps of each target.
    `rarer` holds the conditions and example cases of alternatives other than the most common one.
    A row without alternatives cannot express any of the calls.
    """

    framework: str
    version: str
    targets: Sequence[str]
    followed: Mapping[str, Sequence[Sequence[int]]]
    rarer: Sequence[Mapping[str, Any]] = ()

    @property
    def is_inconsistent(self) -> bool:
        """Whether the targets follow several alternatives."""
        return len(self.followed) > 1

    @property
    def counts(self) -> Mapping[str, tuple[str, str]]:
        """By alternative, the numbers of literal cases and of points of sweeps as text: `12`, or `7 to 12`."""
        parts = {name: tuple(zip(*counts, strict=True)) for name, counts in self.followed.items()}
        return {name: (_range(literal), _range(sweeps)) for name, (literal, sweeps) in parts.items()}


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An implementation-defined clause with its rows; targets in `unsaid` cannot express any of its calls."""

    clause: Clause
    rows: Sequence[Row]
    unsaid: Sequence[str]

    def cell(self, column: str) -> str:
        """Return the overview's cell for the targets of a column; empty if they cannot express the calls."""
        rows = [row for row in self.rows if any(re.split(r"[+ ]", name)[0] == column for name in row.targets)]
        followed = {alternative for row in rows for alternative in row.followed}
        if len(followed) < 2:
            return "".join(followed)
        return "*inconsistent*" if all(row.is_inconsistent for row in rows) else "*differs*"


def clauses(every: Mapping[str, Clause], runs: Mapping[str, Any]) -> Sequence[Choice]:
    """Return the implementation-defined clauses that the runs tested, in the order of the specification."""
    chosen = [clause for clause in every.values() if clause.alternatives]
    return [choice for clause in chosen if (choice := _choice(clause, runs)).rows]


def _choice(clause: Clause, runs: Mapping[str, Any]) -> Choice:
    seen = dict(_seen(clause, runs))
    alike: dict[tuple[Any, ...], list[str]] = {}
    for label, (version, said) in seen.items():
        if "followed" in said:
            rarer = tuple((each["alternative"], each["where"], *each["cases"]) for each in said["rarer"])
            key = (framework(label), version, tuple(sorted(said["followed"])), rarer)
            alike.setdefault(key, []).append(label)
    rows = [_row(key[0], key[1], labels, [seen[label][1] for label in labels]) for key, labels in alike.items()]
    unsaid = [label for label, (_, said) in seen.items() if "unsaid" in said]
    return Choice(clause=clause, rows=sorted(rows, key=lambda row: [*FRAMEWORKS].index(row.framework)), unsaid=unsaid)


def _seen(clause: Clause, runs: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    """Yield (target, version, followed) of the first run, and of the other runs where they differ from the first."""
    first = next(iter(runs))
    usual = runs[first]["choices"].get(clause.id, {})
    for name, run in runs.items():
        for target, said in run["choices"].get(clause.id, {}).items():
            label = target if name == first else f"{target} ({name})"
            if name == first or _followed(said) != _followed(usual.get(target, {})):
                yield label, (run["targets"][target]["version"], said)


def _followed(said: Mapping[str, Any]) -> set[str]:
    return set(said.get("followed", ()))


def _row(name: str, version: str, labels: Sequence[str], said: Sequence[Mapping[str, Any]]) -> Row:
    followed = {each: [some["followed"][each] for some in said] for each in said[0]["followed"]}
    return Row(framework=name, version=version, targets=labels, followed=followed, rarer=said[0]["rarer"])


def table(choices: Sequence[Choice]) -> Sequence[Sequence[str]]:
    """Return the rows of the overview: the clause, then the cell of each column."""
    return [[choice.clause.id, *map(choice.cell, COLUMNS)] for choice in choices]


def unsaid(runs: Mapping[str, Any]) -> Mapping[str, Sequence[tuple[str, Sequence[str]]]]:
    """Return, by framework, the reasons for unsupported calls, each with its targets."""
    found: dict[str, dict[str, list[str]]] = {}
    for target, said in next(iter(runs.values()))["targets"].items():
        for reason in said["unsaid"]:
            found.setdefault(framework(target), {}).setdefault(reason, []).append(target)
    return {name: list(reasons.items()) for name, reasons in found.items()}
