"""The glossary of faults, docs/reference/faults.md, from cases/faults.yaml; pages.py writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from conv_conformance.corpus import Corpus
from conv_conformance.corpus.clauses import Fault
from conv_conformance.diagnosis import causes
from conv_conformance.diagnosis.gradients import causes as backward
from conv_conformance.mutants import measurement
from conv_conformance.specification import Area

#: The faults that a diagnosis knows, of outputs and of gradients.
KNOWN = {*causes.CAUSES, *backward.CAUSES}

HEAD = """\
# The faults

Each way of being wrong has one name, in [faults.yaml](../../cases/faults.yaml): {faults} of them. Cases say under
`catches` which of them they tell from what is right, [mutants](mutants.md) have them on purpose, and
[a diagnosis](record.md#diagnosis) names those that give exactly what a framework returned. They are ordered by the
clause that they break.

Behind each stand what is wrong and what comes of it; in brackets the clause, *mutant* if the corpus is scored by it,
*cause* if a diagnosis knows it, and numbers that lead to real instances.
"""


def page(corpus: Corpus, areas: Sequence[Area]) -> str:
    """Return the page."""
    mutants = {mutant.fault for mutant in measurement.of(corpus).values()}
    return "\n".join([HEAD.format(faults=len(corpus.faults)), *_lines(corpus, areas, mutants)])


def _lines(corpus: Corpus, areas: Sequence[Area], mutants: AbstractSet[str]) -> Iterator[str]:
    of_clause: dict[str, list[Fault]] = {}
    for fault in corpus.faults.values():
        of_clause.setdefault(fault.breaks, []).append(fault)
    for area in areas:
        rows = [
            _row(fault, area.name, mutants) for said in area.commentaries for fault in of_clause.get(said.clause, ())
        ]
        yield from _section(area.title, rows)
    yield from _section("Of no one clause", [_row(fault, "", mutants) for fault in of_clause.get("", ())])


def _section(heading: str, rows: Sequence[str]) -> Iterator[str]:
    if rows:
        yield f"## {heading}\n"
        yield from rows
        yield ""


def _row(fault: Fault, area: str, mutants: AbstractSet[str]) -> str:
    clause = [f"[{fault.breaks}](../spec/{area}.md#{fault.breaks.lower()})"] if area else []
    known = [word for word, names in (("mutant", mutants), ("cause", KNOWN)) if fault.id in names]
    links = [f"[{number}]({link})" for number, link in enumerate(fault.links, 1)]
    behind = f" ({', '.join([*clause, *known, *links])})" if clause or known or links else ""
    return f'- <a id="{fault.id}"></a>**`{fault.id}`** {fault.sentence} {fault.effect}{behind}'
