"""
The ledger of known faults (the entries of cases/known/), and its application to verdicts.

An entry applies to a verdict only if all its fields match: the case, the features of the call, the target, the version
of the framework, the further conditions, the verdict, the kind, the array and, if the entry states it, the digest of
the output.
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

#: The placeholder, in a drafted entry, for a field that a person must write.
DRAFT_TEXT = "to be written by a person"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    One known fault.

    `cases` are patterns of case ids (only `*` and `?` are special); `targets` are patterns of target names.
    `versions` is a version specifier of the framework, such as `>=2.13,<2.15`.
    `calls` is a condition on the features of a case's call.
    `when` contains further conditions, all of which must be met. `cpu` names a CPU flag that the machine must have, and
    `not_cpu` names a flag that it must not have. `device` names a device. `environment` maps variables to the values
    that they must have (an empty value means that the variable is not set), and `not_environment` maps variables to
    values that they must not all have. `settings` maps settings of the target to the values that they must have.
    `verdict`, `kinds` and `where` describe the known result. An entry can list several kinds, because a read of
    uninitialised memory, for example, is reported as `values` in one run and as `nonfinite` in another.
    `outputs` maps a case id to the SHA-256 digest of the wrong output.
    `partly` is true if some of the covered calls agree, and the same calls agree in every run. `intermittent` is true
    if a call agrees in some runs and fails in others.
    `contradicts` names the clauses that the fault violates. `link` leads to the framework's documentation, source or
    issue. `issue` leads to the report of the fault in a public issue tracker.
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
        """Return whether the entry applies to a case; call features are computed only if the entry has `calls`."""
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
    """All entries, in the order of the files; if several entries match a verdict, the first one applies."""

    entries: tuple[Entry, ...] = ()

    def of(self, target: TargetInfo, flags: Sequence[str]) -> Ledger:
        """Return a ledger of the entries that apply to a target on a machine with these CPU flags."""
        return Ledger(entries=tuple(entry for entry in self.entries if entry.speaks_of(target, flags)))

    def apply(self, verdict: Verdict, case: Case) -> Verdict:
        """
        Apply the ledger to the verdict on a case, and return the resulting verdict.

        The ledger must be the one that `of` returns for the target of the verdict.
        A failure that an entry matches becomes `known`. An agreement becomes `fixed` if an entry covers the case and is
        neither `partly` nor `intermittent`. Other verdicts are returned unchanged.
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
        """
        Return the stale entries. A stale entry covers a case that was run, but matches no verdict.

        An `intermittent` entry is never stale. All results must belong to the target of this ledger.
        """
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
    """
    Return the value of an environment variable; an empty string means that the variable is not set.

    The settings of the target take precedence over the environment of this process.
    """
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
