"""What there is to be reached, and why some of it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("existing.yaml")

#: Said where nothing is in the way but that the corpus has no such case; reasons that begin so say what it would be.
NO_CASE = "no case takes it"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why paths that match a pattern cannot be reached; `lacking` restricts this to processors without a feature."""

    path: str
    why: str
    lacking: str = ""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A choice that a framework makes: its paths (or patterns of paths, if it lists none) and their source."""

    title: str
    source: str
    paths: Sequence[str]
    reasons: Sequence[Reason]

    def missing(self, reached: Sequence[str], flags: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the paths that nothing reached, each with the reason; `flags` are the processor's features."""
        for path in self.paths:
            if not any(fnmatchcase(name, path) for name in reached):
                yield path, self._why(path, flags)

    def _why(self, path: str, flags: Sequence[str]) -> str:
        fitting = (one.why for one in self.reasons if fnmatchcase(path, one.path) and one.lacking not in flags)
        return next(fitting, NO_CASE)


def layers(listed: Mapping[str, Sequence[str]]) -> dict[str, Layer]:
    """Return the layers by name; `listed` is what frameworks list by themselves."""
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: _layer(entry, listed.get(name, ())) for name, entry in written.items()}


def _layer(entry: Mapping[str, Any], listed: Sequence[str]) -> Layer:
    paths = [f"{head} {tail}" for head, tails in entry.get("paths", {}).items() for tail in tails]
    reasons = [Reason(**reason) for reason in entry["reasons"]]
    return Layer(title=entry["title"], source=entry["source"], paths=[*listed, *paths], reasons=reasons)
