"""The table of bugs that releases had, and what it takes for one of them to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from conv_conformance.core.verdict import UNEXPECTED

TABLE = Path(__file__).with_name("releases.yaml")

#: What came of one release or of one bug, as it is kept in JSON.
Kept: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Bug:
    """
    A bug of released versions, and the cases that are to show it.

    `releases` and `mended` are requirements as pip takes them, several separated by blanks; `beside` are those of both.
    `environment` are variables to run with, `python` the version of the interpreter where it is not the running one.
    """

    name: str
    what: str
    sources: Sequence[str]
    targets: Sequence[str]
    cases: Sequence[str]
    releases: Sequence[str]
    mended: str
    beside: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    remark: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """The releases in the order in which they are run, the one that mended it last."""
        return (*self.releases, self.mended)


@dataclass(frozen=True, kw_only=True)
class Unshown:
    """Bugs that no release can be shown to have here, and why not."""

    what: str
    sources: Sequence[str]
    reason: str


def table(path: Path = TABLE) -> tuple[list[Bug], list[Unshown]]:
    """Read the table: what is to be shown, and what cannot be."""
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Bug(**entry) for entry in read["bugs"]], [Unshown(**entry) for entry in read["not_shown"]]


def showing(place: Kept, mended: Kept) -> list[tuple[str, str]]:
    """Return the targets and named cases that fail in one place and agree in the other."""
    return [
        (target, case)
        for target, found in place.get("targets", {}).items()
        for case, verdict in found["cases"].items()
        if verdict["verdict"] in UNEXPECTED and _agrees(mended, target, case)
    ]


def _agrees(place: Kept, target: str, case: str) -> bool:
    cases = place.get("targets", {}).get(target, {}).get("cases", {})
    return bool(cases.get(case, {}).get("verdict") == "agree")


def is_shown(bug: Bug, kept: Kept | None) -> bool:
    """Say whether on each release a named case fails that agrees on the one that mended it."""
    if kept is None or set(bug.places) - set(kept["places"]):
        return False
    places = kept["places"]
    return all(showing(places[release], places[bug.mended]) for release in bug.releases)
