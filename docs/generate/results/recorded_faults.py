"""The data of a run on each fault of the ledger: its targets, its numbers of calls, and its smallest call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from conv_conformance.analysis.failure_groups import grouped
from conv_conformance.calls.case_features import CaseFeatures
from conv_conformance.core.case import Case
from conv_conformance.core.verdict import SEVERITIES, Verdict
from conv_conformance.records.failure_group import Group
from conv_conformance.records.record import Record

from .recorded_run import count

#: The largest number of conditions listed for a fault, those with the most calls first.
TOLD = 3
#: The smallest number of calls in a condition: fewer calls have features in common by chance.
FEWEST = 8


def faults(record: Record, cases: Mapping[str, Case]) -> dict[str, dict[str, Any]]:
    """Return the data of the record on each ledger entry, by id."""
    found: dict[str, list[Verdict]] = {}
    for verdict in record.verdicts:
        if verdict.verdict == "known" and verdict.case in cases:
            found.setdefault(verdict.known or "", []).append(verdict)
    groups = grouped(record, cases).groups
    beside = _by_case(record.verdicts, {verdict.case for every in found.values() for verdict in every})
    return {
        entry: _fault(every, [group for group in groups if group.known == entry], beside, cases)
        for entry, every in sorted(found.items())
    }


def _by_case(verdicts: Iterable[Verdict], wanted: set[str]) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.case in wanted:
            found.setdefault(verdict.case, []).append(verdict)
    return found


def _fault(
    every: Sequence[Verdict], groups: Sequence[Group], beside: Mapping[str, list[Verdict]], cases: Mapping[str, Case]
) -> dict[str, Any]:
    ids = list(dict.fromkeys(verdict.case for verdict in every))
    severities = {verdict.severity or "loud" for verdict in every}
    targets = dict.fromkeys(verdict.target for verdict in every)
    return {
        "severity": min(severities, key=SEVERITIES.index),
        "kinds": sorted({verdict.finding.kind for verdict in every if verdict.finding is not None}),
        "targets": {name: count([cases[each.case] for each in every if each.target == name]) for name in targets},
        "calls": count([cases[case] for case in ids]),
        "acts": list(_acts(groups)),
        "smallest": _smallest(every, ids, cases),
        "beside": dict(_beside([each for case in ids for each in beside[case]], targets)),
    }


def _acts(groups: Iterable[Group]) -> Iterator[dict[str, Any]]:
    """Yield conditions that separate failing calls from agreeing ones, with the numbers of failing and of all calls."""
    told = (group for group in groups if group.condition.wanted and len(group.cases) >= FEWEST)
    for group in sorted(told, key=lambda each: -len(each.cases))[:TOLD]:
        first = next(iter(group.targets))
        yield {"where": group.acts, "target": first, **group.targets[first]._asdict()}


def _smallest(every: Sequence[Verdict], ids: Sequence[str], cases: Mapping[str, Case]) -> dict[str, str]:
    literal = [case for case in ids if not cases[case].sweep]
    smallest = CaseFeatures(cases).by_size(literal or ids)[0]
    verdict = next(each for each in every if each.case == smallest)
    return {"case": smallest, "target": verdict.target, "message": _short(verdict.message)}


def _short(message: str) -> str:
    """Return a message without the last output of a dying process, which differs in each run."""
    return message.partition(" [last output")[0]


def _beside(verdicts: Iterable[Verdict], wrong: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the outcome of each other target on the same calls: one of `_word`, or `mixed`."""
    found: dict[str, set[str]] = {}
    for verdict in verdicts:
        if verdict.target not in wrong and verdict.verdict != "not-run":
            found.setdefault(verdict.target, set()).add(_word(verdict))
    yield from ((target, _together(said)) for target, said in found.items())


def _together(said: set[str]) -> str:
    """Return one outcome for all calls; unsupported calls count only if there are no others."""
    if "fails" in said:
        return "fails"
    asked = said - {"unsupported"}
    return "mixed" if len(asked) > 1 else next(iter(asked or said))


def _word(verdict: Verdict) -> str:
    """Return the outcome of a verdict: `agrees`, `refuses` (as a clause allows), `unsupported` or `fails`."""
    if verdict.verdict in ("agree", "fixed"):
        return "refuses" if "refuses" in (verdict.alternative or "") else "agrees"
    return "unsupported" if verdict.verdict == "unsupported" else "fails"
