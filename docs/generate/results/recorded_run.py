"""The data of a run on itself and on its targets: machine, versions, counts, and unexplained verdicts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from conv_conformance.core.case import Case
from conv_conformance.core.verdict import UNEXPECTED, VERDICTS, Verdict
from conv_conformance.records.record import Record


class Count(NamedTuple):
    """The numbers of literal cases and of points of sweeps."""

    literal: int
    sweeps: int


def count(cases: Sequence[Case]) -> Count:
    """Return the numbers of literal cases and of points of sweeps among the cases."""
    sweeps = sum(bool(case.sweep) for case in cases)
    return Count(len(cases) - sweeps, sweeps)


def run(record: Record, cases: Mapping[str, Case]) -> dict[str, Any]:
    """Return the data of the header, and the version, verdict counts and unsupported reasons of each target."""
    header = record.header
    by_target: dict[str, dict[str, list[Case]]] = {}
    unsaid = {info.name: Counter[str]() for info in record.targets}
    for verdict in record.verdicts:
        if verdict.verdict == "unsupported":
            unsaid[verdict.target][verdict.message] += 1
        if verdict.case in cases:
            by_verdict = by_target.setdefault(verdict.target, {})
            by_verdict.setdefault(verdict.verdict, []).append(cases[verdict.case])
    targets = {
        info.name: {
            "framework": info.framework,
            "version": info.version,
            "verdicts": _counted(by_target.get(info.name, {})),
            "unsaid": dict(unsaid[info.name].most_common()),
        }
        for info in record.targets
    }
    unexplained = [_told(verdict) for verdict in record.verdicts if verdict.verdict in (*UNEXPECTED, "suite-error")]
    return {
        "date": header["date"],
        "suite": header["suite"],
        "sweeps": header["selection"]["sweeps"],
        "platform": header["platform"],
        "targets": targets,
        "unfinished": dict(_unfinished(record)),
        "unexplained": unexplained,
    }


def _unfinished(record: Record) -> Iterator[tuple[str, list[int]]]:
    """Yield each target with fewer verdicts than others, as (name, [its verdicts, the largest number])."""
    counts = Counter(verdict.target for verdict in record.verdicts)
    most = max(counts.values(), default=0)
    yield from ((name, [number, most]) for name, number in counts.items() if number < most)


def _counted(by_verdict: Mapping[str, Sequence[Case]]) -> dict[str, Count]:
    return {name: count(by_verdict[name]) for name in VERDICTS if name in by_verdict}


def _told(verdict: Verdict) -> dict[str, str]:
    return {"case": verdict.case, "target": verdict.target, "message": verdict.message}


def frameworks(targets: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the frameworks of targets, each with its targets, in order; Keras is one framework, whatever its engine."""
    found: dict[str, list[str]] = {}
    for name in targets:
        found.setdefault(framework(name), []).append(name)
    yield from found.items()


def framework(target: str) -> str:
    """Return the framework of a target, or of a pattern of targets: `keras` of `keras-jax+ops`."""
    return re.split(r"[-+* ]", target)[0]
