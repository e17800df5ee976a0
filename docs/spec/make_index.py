"""
Write docs/spec/index.md from cases/clauses.yaml: run it from the root of the repository after changing a clause.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CLAUSES = Path("cases/clauses.yaml")
INDEX = Path("docs/spec/index.md")
HEAD = """\
# The clauses

One question, one sentence each.
*Required* clauses leave no choice; for *implementation-defined* ones the permitted alternatives stand behind.
Ids are never given to another question. The source is [cases/clauses.yaml](../../cases/clauses.yaml).
"""


def index(text: str) -> str:
    """
    Return the page for the text of clauses.yaml, whose comments after the first paragraph are the areas.
    """
    clauses = yaml.safe_load(text)
    return HEAD + "\n".join(_lines(text, clauses)) + "\n"


def _lines(text: str, clauses: dict[str, Any]) -> Iterator[str]:
    _, _, rest = text.partition("\n\n")
    for line in rest.splitlines():
        name = line.removesuffix(":")
        if line.startswith("# "):
            yield f"\n## {line[2:]}\n"
        elif name in clauses:
            yield _entry(name, clauses[name])


def _entry(name: str, clause: dict[str, Any]) -> str:
    choice = f" (*implementation-defined*: {', '.join(clause['alternatives'])})" if "alternatives" in clause else ""
    return f'- <a id="{name.lower()}"></a>**{name}** {" ".join(clause["sentence"].split())}{choice}'


if __name__ == "__main__":
    INDEX.write_text(index(CLAUSES.read_text(encoding="utf-8")), encoding="utf-8")
