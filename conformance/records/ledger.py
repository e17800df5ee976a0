"""
What is known to be wrong: the entries of cases/known/, and how a verdict is held against them.

An entry hides a fault only if the ledger says exactly so: the case, what its call is like, the target, its version,
the conditions, and the verdict with its kind, place and, where it is given, the bits of the output.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from ..calls import Condition, features_of
from ..core import UNEXPECTED, Case, Verdict, matches_pattern
from .record import TargetInfo

#: What a draft has in the place of what only a person can say.
DRAFT_TEXT = "to be written by a person"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    One known fault.

    `cases` are id patterns (only `*` and `?` are special), `targets` are patterns of target names,
    `versions` a version specifier of the framework, such as `>=2.13,<2.15`.
    `calls` is what the call of a case must be like besides.
    `when` holds conditions, all of which must hold: `cpu` and `not_cpu` name a CPU flag, `device` a device,
    `environment` maps variables to their values (empty: not set), `not_environment` to values that they have not.
    `verdict`, `kinds` and `where` are what is known: memory that nobody wrote to is `values` now and `nonfinite` then.
    `outputs` maps a case to the sha256 of its wrong output.
    `partly` says that some of these calls agree, always the same; `intermittent`, that one agrees at times.
    `contradicts` names the clauses that it breaks, `link` where the framework speaks of it, `issue` its public tracker.
    """

    id: str
    cases: tuple[str, ...]
    targets: tuple[str, ...]
    versions: SpecifierSet
    verdict: str
    reason: str
    link: str
    since: str
    triage: str
    kinds: tuple[str, ...] = ()
    where: str = "output"
    outputs: Mapping[str, str] = field(default_factory=dict)
    when: Mapping[str, Any] = field(default_factory=dict)
    calls: Condition = field(default_factory=Condition)
    partly: bool = False
    intermittent: bool = False
    contradicts: tuple[str, ...] = ()
    issue: str = ""
    path: str = ""
    line: int = 0

    @property
    def unwritten(self) -> list[str]:
        """What of it is still a draft's, and to be written by a person."""
        return [name for name in ("reason", "link", "triage") if DRAFT_TEXT in getattr(self, name)]

    def speaks_of(self, target: TargetInfo, flags: Sequence[str]) -> bool:
        """Say whether the entry speaks of this target under these conditions."""
        return (
            any(matches_pattern(pattern, target.surface) for pattern in self.targets)
            and _is_version(self.versions, target.version)
            and _holds(self.when, target, flags)
        )

    def covers(self, case: Case) -> bool:
        """Say whether the entry speaks of this case; its call is asked for only where `calls` is used."""
        if not any(matches_pattern(pattern, case.id) for pattern in self.cases):
            return False
        return not self.calls.wanted or self.calls.holds(features_of(case))

    def says(self, verdict: Verdict) -> bool:
        """Say whether a verdict is exactly what is known."""
        if verdict.verdict != self.verdict:
            return False
        found = verdict.finding
        if found is not None and (found.kind not in self.kinds or found.where != self.where):
            return False
        wanted = self.outputs.get(verdict.case)
        return wanted is None or wanted == verdict.output_sha256


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Every entry, in the order of the files; the first that speaks of a verdict decides."""

    entries: tuple[Entry, ...] = ()

    def of(self, target: TargetInfo, flags: Sequence[str]) -> Ledger:
        """Return the entries that speak of one target under these conditions."""
        return Ledger(entries=tuple(entry for entry in self.entries if entry.speaks_of(target, flags)))

    def apply(self, verdict: Verdict, case: Case) -> Verdict:
        """Return the verdict on a case as the ledger (of its target) sees it: `known`, `fixed`, or as it was."""
        if verdict.verdict in UNEXPECTED:
            known = next((entry for entry in self.entries if entry.says(verdict) and entry.covers(case)), None)
            return verdict if known is None else replace(verdict, verdict="known", known=known.id)
        if verdict.verdict == "agree":
            always = (entry for entry in self.entries if not (entry.intermittent or entry.partly))
            fixed = next((entry for entry in always if entry.covers(case)), None)
            message = f"the ledger's entry {fixed.id} says that it would not agree" if fixed is not None else ""
            return verdict if fixed is None else replace(verdict, verdict="fixed", known=fixed.id, message=message)
        return verdict

    def stale(self, seen: Iterable[tuple[Verdict, Case]]) -> list[Entry]:
        """Return the entries (of one target) that speak of something that was run, and that nothing run bears out."""
        ran = [(verdict, case) for verdict, case in seen if verdict.verdict not in ("not-run", "unsupported")]
        borne_out = {verdict.known for verdict, _ in ran if verdict.verdict == "known"}
        unproven = (entry for entry in self.entries if entry.id not in borne_out and not entry.intermittent)
        return [entry for entry in unproven if any(entry.covers(case) for _, case in ran)]


def _is_version(versions: SpecifierSet, version: str) -> bool:
    try:
        return versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not versions


def _is_environment(wanted: Mapping[str, str], target: TargetInfo) -> bool:
    return all(_variable(name, target) == value for name, value in wanted.items())


def _variable(name: str, target: TargetInfo) -> str:
    """Return a variable of the environment, as the target says that it has it, empty where it is not set."""
    said = target.settings.get(name)
    return os.environ.get(name, "") if said is None else said.replace("unset", "")


def _holds(when: Mapping[str, Any], target: TargetInfo, flags: Sequence[str]) -> bool:
    tests: dict[str, Callable[[Any], bool]] = {
        "cpu": lambda flag: flag in flags,
        "not_cpu": lambda flag: flag not in flags,
        "device": lambda device: target.device == device,
        "environment": lambda wanted: _is_environment(wanted, target),
        "not_environment": lambda unwanted: not _is_environment(unwanted, target),
        "settings": lambda wanted: all(target.settings.get(name, "") == value for name, value in wanted.items()),
    }
    return all(tests[name](value) for name, value in when.items())
