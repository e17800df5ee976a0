"""
The released versions of the specification, with a digest of each clause, so that later changes are detected.

A version promises that every clause keeps its id, its anchor and its meaning: level, sentence, condition and
alternatives. Commentary, examples and cases may change without a new version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..core import Invalid, Problem, suggestion
from ..corpus import Alternative, Clause, read_version, version_numbers

FILE = "versions.json"
_CLAUSES = "clauses.yaml"


class Promise(NamedTuple):
    """What a version promises for one clause: its anchor, the digest of its meaning, and the superseding clause."""

    anchor: str
    digest: str
    superseded_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A released version: its release date, YYYY-MM-DD, and its promises by clause id."""

    date: str
    clauses: Mapping[str, Promise]


#: Released versions by version number, oldest first.
Versions = Mapping[str, Version]


def current(folder: Path | None = None) -> str:
    """
    Return the version of the specification that clauses.yaml in `folder` states (default: the shipped corpus).

    Raises:
        Invalid: if the version is malformed.

    """
    from ..corpus import shipped

    file = (folder or shipped()) / _CLAUSES
    return read_version(file.read_bytes(), _CLAUSES) if file.is_file() else ""


def check(clauses: Mapping[str, Clause], version: str, released: Versions) -> Iterator[Problem]:
    """Yield a problem for each promise of a released version that the clauses of `version` break."""
    yield from _lost(clauses)
    if not released:
        return
    last = list(released)[-1]
    if version_numbers(version) < version_numbers(last):
        message = f"version {version!r} is lower than {last}, which is already released"
        yield Problem(path=_CLAUSES, message=message, hint="increase the version")
        return
    promised = {name: (number, each) for number, made in released.items() for name, each in made.clauses.items()}
    for name, (number, promise) in promised.items():
        if name not in clauses:
            hint = "to withdraw a clause, keep it and name another clause in superseded_by"
            yield Problem(path=_CLAUSES, message=f"{name} is in version {number}, but missing now", hint=hint)
        elif found := _broken(clauses[name], version, number, promise):
            yield _problem(clauses[name], *found)
    for clause in clauses.values():
        if version in released and clause.id not in promised:
            yield _problem(clause, f"is new, but version {version} is already released", "increase the version")


def _lost(clauses: Mapping[str, Clause]) -> Iterator[Problem]:
    """Yield a problem for each clause whose `superseded_by` names an unknown or withdrawn clause."""
    for clause in clauses.values():
        if clause.superseded_by and clause.superseded_by not in clauses:
            hint = suggestion(clause.superseded_by, clauses)
            yield _problem(clause, f"superseded by {clause.superseded_by}, which is not a clause", hint)
        elif clause.superseded_by and clauses[clause.superseded_by].superseded_by:
            hint = "name a clause that is in force"
            yield _problem(clause, f"superseded by {clause.superseded_by}, which is itself withdrawn", hint)


def _broken(clause: Clause, version: str, last: str, promise: Promise) -> tuple[str, str] | None:
    """Return (message, hint) if a clause breaks `promise`, which version `last` made, else None."""
    now = promise_of(clause)
    if now.anchor != promise.anchor:
        return f"its anchor changed from #{promise.anchor} to #{now.anchor}", "restore the anchor; links use it"
    if version == last and now != promise:
        return f"its meaning differs from version {last}, which is released", "increase the version"
    if promise.superseded_by and not (now.digest == promise.digest and now.superseded_by):
        return f"was withdrawn in version {last} and must not change", "use a new id"
    if now.digest != promise.digest and version_numbers(clause.revised) <= version_numbers(last):
        hint = f'add revised: "{version}", or use a new id if the clause answers another question'
        return f"its meaning differs from version {last}", hint
    return None


def _problem(clause: Clause, message: str, hint: str) -> Problem:
    return Problem(path=_CLAUSES, line=clause.line, column=1, message=f"{clause.id}: {message}", hint=hint)


def promise_of(clause: Clause) -> Promise:
    """
    Return the promise for a clause.

    The digest covers the level, the sentence, the condition (`when`) and the non-default fields of each alternative. A
    field that a later version adds therefore leaves the digests of older clauses unchanged.
    """
    alternatives = {name: _non_default_fields(each) for name, each in clause.alternatives.items()}
    meaning = [clause.level, clause.sentence, clause.when, alternatives]
    digest = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()
    return Promise(clause.anchor, f"sha256:{digest}", clause.superseded_by)


def _non_default_fields(alternative: Alternative) -> dict[str, Any]:
    return {name: value for name, value in asdict(alternative).items() if value}


def address(version: str, clause: Clause | None = None) -> str:
    """Return the path of a version's page, or of a clause on it, both in bundles and in the documentation."""
    return f"spec/{version}.html#{clause.anchor}" if clause else f"spec/{version}.html"


def grown(released: Versions, version: str, date: str, clauses: Mapping[str, Clause]) -> Versions:
    """Return the released versions with `version` added, or unchanged if `version` is already released."""
    made = Version(date=date, clauses={name: promise_of(clause) for name, clause in clauses.items()})
    return released if version in released else {**released, version: made}


def read(path: Path) -> Versions:
    """
    Return the versions in a file, or an empty mapping if the file does not exist.

    Raises:
        Invalid: if the file does not hold versions.

    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = {number: _version(each) for number, each in content.items()}
        return {number: found[number] for number in sorted(found, key=version_numbers)}
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise Invalid(Problem(path=str(path), message=f"not versions of the specification: {error}")) from error


def _version(content: Mapping[str, Mapping[str, str]]) -> Version:
    clauses = {name: Promise(*words.split(" ")) for name, words in content["clauses"].items()}
    return Version(date=str(content["date"]), clauses=clauses)


def encoded(released: Versions) -> str:
    """Return the versions as JSON text, oldest first, with one clause per line in the order of the specification."""
    content = {
        number: {
            "date": each.date,
            "clauses": {name: " ".join(filter(None, promise)) for name, promise in each.clauses.items()},
        }
        for number, each in sorted(released.items(), key=lambda item: version_numbers(item[0]))
    }
    return json.dumps(content, indent=1) + "\n"
