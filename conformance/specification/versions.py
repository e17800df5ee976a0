"""
The versions of the specification that are released: what each clause says in them, so that none is edited unseen.

A version promises ids, anchors and meaning: level, sentence, condition and alternatives of every clause.
Commentary, examples and cases may change under it.
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
    """What a version promises of one clause: its anchor, the digest of its meaning, and what supersedes it, if anything."""

    anchor: str
    digest: str
    superseded_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A released version: its day, YYYY-MM-DD, and promises by clause."""

    date: str
    clauses: Mapping[str, Promise]


#: Versions by number, oldest first.
Versions = Mapping[str, Version]


def current(folder: Path | None = None) -> str:
    """
    Return the version that the clauses in a folder are, in that of the shipped corpus if none is given.

    Raises:
        Invalid: if they do not say it rightly.

    """
    from ..corpus import shipped

    file = (folder or shipped()) / _CLAUSES
    return read_version(file.read_bytes(), _CLAUSES) if file.is_file() else ""


def check(clauses: Mapping[str, Clause], version: str, released: Versions) -> Iterator[Problem]:
    """Yield where clauses, as a version of the specification, break what released versions promise."""
    yield from _lost(clauses)
    if not released:
        return
    last = list(released)[-1]
    if version_numbers(version) < version_numbers(last):
        message = f"version {version!r} comes before {last}, which is released"
        yield Problem(path=_CLAUSES, message=message, hint="versions count up")
        return
    promised = {name: (number, each) for number, made in released.items() for name, each in made.clauses.items()}
    for name, (number, promise) in promised.items():
        if name not in clauses:
            hint = "it may be withdrawn: it stays, with superseded_by: the id of another"
            yield Problem(path=_CLAUSES, message=f"{name} is in version {number}, and gone", hint=hint)
        elif found := _broken(clauses[name], version, number, promise):
            yield _problem(clauses[name], *found)
    for clause in clauses.values():
        if version in released and clause.id not in promised:
            yield _problem(clause, f"is new, and version {version} is released", "count version up")


def _lost(clauses: Mapping[str, Clause]) -> Iterator[Problem]:
    """Yield which clauses are superseded by none that is in force."""
    for clause in clauses.values():
        if clause.superseded_by and clause.superseded_by not in clauses:
            hint = suggestion(clause.superseded_by, clauses)
            yield _problem(clause, f"superseded by {clause.superseded_by}, which is no clause", hint)
        elif clause.superseded_by and clauses[clause.superseded_by].superseded_by:
            hint = "name the one that is in force"
            yield _problem(clause, f"superseded by {clause.superseded_by}, which is withdrawn itself", hint)


def _broken(clause: Clause, version: str, last: str, promise: Promise) -> tuple[str, str] | None:
    """Return how a clause breaks what the last version that has it promises, and a hint; None if it does not."""
    now = promise_of(clause)
    if now.anchor != promise.anchor:
        return f"its anchor was #{promise.anchor}, and is #{now.anchor}", "links lead to the old one"
    if version == last and now != promise:
        return f"says something else than in version {last}, which is released", "count version up"
    if promise.superseded_by and not (now.digest == promise.digest and now.superseded_by):
        return f"is withdrawn in version {last}, and says something else", "an id is never given to another question"
    if now.digest != promise.digest and version_numbers(clause.revised) <= version_numbers(last):
        hint = f'another question takes another id; the same one says revised: "{version}"'
        return f"says something else than in version {last}", hint
    return None


def _problem(clause: Clause, message: str, hint: str) -> Problem:
    return Problem(path=_CLAUSES, line=clause.line, column=1, message=f"{clause.id}: {message}", hint=hint)


def promise_of(clause: Clause) -> Promise:
    """
    Return what is promised of a clause.

    The digest is over level, sentence, rules, and of each alternative what is said: what a later version adds to
    alternatives changes no digest of those that are without it.
    """
    alternatives = {name: _said(each) for name, each in clause.alternatives.items()}
    meaning = [clause.level, clause.sentence, clause.when, alternatives]
    digest = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()
    return Promise(clause.anchor, f"sha256:{digest}", clause.superseded_by)


def _said(alternative: Alternative) -> dict[str, Any]:
    return {name: value for name, value in asdict(alternative).items() if value}


def address(version: str, clause: Clause | None = None) -> str:
    """Return where a version of the specification is, or a clause in it: in every bundle, and below the documentation."""
    return f"spec/{version}.html#{clause.anchor}" if clause else f"spec/{version}.html"


def grown(released: Versions, version: str, date: str, clauses: Mapping[str, Clause]) -> Versions:
    """Return the versions with one more, unless it is one of them; none that is released is changed."""
    made = Version(date=date, clauses={name: promise_of(clause) for name, clause in clauses.items()})
    return released if version in released else {**released, version: made}


def read(path: Path) -> Versions:
    """
    Return the versions in a file, none where there is no such file.

    Raises:
        Invalid: if it holds something else.

    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = {number: _version(each) for number, each in content.items()}
        return {number: found[number] for number in sorted(found, key=version_numbers)}
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise Invalid(Problem(path=str(path), message=f"no versions of the specification: {error}")) from error


def _version(content: Mapping[str, Mapping[str, str]]) -> Version:
    clauses = {name: Promise(*words.split(" ")) for name, words in content["clauses"].items()}
    return Version(date=str(content["date"]), clauses=clauses)


def encoded(released: Versions) -> str:
    """Return the text of a file: oldest first, one clause a line, in the order of the specification."""
    content = {
        number: {
            "date": each.date,
            "clauses": {name: " ".join(filter(None, promise)) for name, promise in each.clauses.items()},
        }
        for number, each in sorted(released.items(), key=lambda item: version_numbers(item[0]))
    }
    return json.dumps(content, indent=1) + "\n"
