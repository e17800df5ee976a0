"""
The ledger of known faults (the entries of cases/known/), and its application to verdicts.

An entry applies to a verdict only if everything in it matches: the case, the features of its call, the target, its
version, the conditions, the verdict, its kind and array and, where the entry lists it, the digest of the output.
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

#: Placeholder in a draft for a field that a person must write.
DRAFT_TEXT = "to be written by a person"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    One known fault.

    `cases` are patterns of case ids (only `*` and `?` are special); `targets` are patterns of target names.
    `versions` is a version specifier of the framework, such as `>=2.13,<2.15`.
    `calls` is a condition on the features of a case's call.
    `when` holds more conditions, all of which must hold: `cpu` and `not_cpu` name a CPU flag, and `device` a device;
    `environment` maps variables to the values that they must have (empty: not set), `not_environment` to values that
    they must not all have; `settings` maps settings of the target to their values.
    `verdict`, `kinds` and `where` describe the known result. Several kinds are possible: uninitialised memory is
    reported as `values` in one run and as `nonfinite` in another.
    `outputs` maps a case id to the sha256 of its wrong output.
    `partly`: some of these calls agree, the same ones in every run. `intermittent`: a call agrees in some runs.
    `contradicts` names the clauses that the fault breaks. `link` is the framework's documentation, source or issue;
    `issue` is its entry in a public tracker.
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
        """The names of the fields that still hold the placeholder of a draft."""
        return [name for name in ("reason", "link", "triage") if DRAFT_TEXT in getattr(self, name)]

    def speaks_of(self, target: TargetInfo, flags: Sequence[str]) -> bool:
        """Return whether the entry applies to a target on a machine with these CPU flags."""
        return (
            any(matches_pattern(pattern, target.surface) for pattern in self.targets)
            and _is_version(self.versions, target.version)
            and _holds(self.when, target, flags)
        )

    def covers(self, case: Case) -> bool:
        """Return whether the entry applies to a case; call features are computed only for an entry with `calls`."""
        if not any(matches_pattern(pattern, case.id) for pattern in self.cases):
            return False
        return not self.calls.wanted or self.calls.holds(features_of(case))

    def says(self, verdict: Verdict) -> bool:
        """Return whether a verdict, its finding and its output digest match the entry."""
        if verdict.verdict != self.verdict:
            return False
        finding = verdict.finding
        if finding is not None and (finding.kind not in self.kinds or finding.where != self.where):
            return False
        digest = self.outputs.get(verdict.case)
        return digest is None or digest == verdict.output_sha256


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All entries, in the order of the files; the first entry that matches a verdict decides."""

    entries: tuple[Entry, ...] = ()

    def of(self, target: TargetInfo, flags: Sequence[str]) -> Ledger:
        """Return a ledger of the entries that apply to a target on a machine with these CPU flags."""
        return Ledger(entries=tuple(entry for entry in self.entries if entry.speaks_of(target, flags)))

    def apply(self, verdict: Verdict, case: Case) -> Verdict:
        """
        Return the verdict on a case after this ledger, which must be the one of its target, is applied.

        A failure that an entry matches becomes `known`. Agreement where an entry expects a failure becomes `fixed`.
        Other verdicts are returned unchanged.
        """
        if verdict.verdict in UNEXPECTED:
            known = next((entry for entry in self.entries if entry.says(verdict) and entry.covers(case)), None)
            return verdict if known is None else replace(verdict, verdict="known", known=known.id)
        if verdict.verdict == "agree":
            always = (entry for entry in self.entries if not (entry.intermittent or entry.partly))
            fixed = next((entry for entry in always if entry.covers(case)), None)
            message = f"the ledger entry {fixed.id} expects a failure here" if fixed is not None else ""
            return verdict if fixed is None else replace(verdict, verdict="fixed", known=fixed.id, message=message)
        return verdict

    def stale(self, results: Iterable[tuple[Verdict, Case]]) -> list[Entry]:
        """Return the entries (of one target) that apply to a case that was run, and that matched no verdict."""
        ran = [(verdict, case) for verdict, case in results if verdict.verdict not in ("not-run", "unsupported")]
        matched = {verdict.known for verdict, _ in ran if verdict.verdict == "known"}
        unmatched = (entry for entry in self.entries if entry.id not in matched and not entry.intermittent)
        return [entry for entry in unmatched if any(entry.covers(case) for _, case in ran)]


def _is_version(versions: SpecifierSet, version: str) -> bool:
    try:
        return versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not versions


def _is_environment(wanted: Mapping[str, str], target: TargetInfo) -> bool:
    return all(_variable(name, target) == value for name, value in wanted.items())


def _variable(name: str, target: TargetInfo) -> str:
    """Return an environment variable as the target reports it, else as this process has it; empty if it is not set."""
    reported = target.settings.get(name)
    return os.environ.get(name, "") if reported is None else reported.replace("unset", "")


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
