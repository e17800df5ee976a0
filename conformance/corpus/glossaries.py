"""The glossaries of a corpus: the clauses, faults and profiles that its cases can cite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core import Problem, patterns, suggestion
from . import clauses
from .clauses import Clause, Fault, Profile

#: The files of a corpus folder that hold no cases.
NAMES = ("clauses.yaml", "faults.yaml", "profiles.yaml")


@dataclass(frozen=True, kw_only=True)
class Glossaries:
    """Clauses, faults and profiles by name."""

    clauses: dict[str, Clause] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)


def read_glossaries(folders: Iterable[Path], problems: list[Problem]) -> Glossaries:
    """Return the merged glossaries of all folders, and add their errors to `problems`."""
    found = Glossaries()
    readers: tuple[tuple[dict[str, Any], str, Any], ...] = (
        (found.clauses, "clauses.yaml", clauses.read_clauses),
        (found.faults, "faults.yaml", clauses.read_faults),
        (found.profiles, "profiles.yaml", clauses.read_profiles),
    )
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        for entries, name, read in readers:
            if (folder / name).is_file():
                more, wrong = read((folder / name).read_bytes(), name)
                entries.update(more)
                problems += wrong
    problems += _idle_patterns(found)
    return found


def _idle_patterns(found: Glossaries) -> Iterator[Problem]:
    """Yield a problem for each clause pattern in a profile that matches no clause."""
    for profile in found.profiles.values():
        for pattern in profile.clauses:
            if not any(patterns.matches_pattern(pattern, clause) for clause in found.clauses):
                message = f"{profile.id}: no clause matches {pattern!r}"
                yield Problem(path="profiles.yaml", message=message, hint=suggestion(pattern, found.clauses))
