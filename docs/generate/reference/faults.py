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

#: The faults that a diagnosis can name, of outputs and of gradients.
KNOWN = {*causes.CAUSES, *backward.CAUSES}

HEAD = """\
# The faults

A fault is one kind of error with one name. [faults.yaml](../../cases/faults.yaml) defines {faults} of them. A case
lists under `catches` the faults whose result differs from the expected one. [Mutants](mutants.md) have these faults
on purpose, and [a diagnosis](record.md#diagnosis) names the faults that reproduce a wrong result exactly. This page
lists the faults by the clause that they break.

Each entry describes the error and its effect. The brackets contain the clause, *mutant* if there is a mutant with the
fault, *cause* if a diagnosis can name the fault, and numbered links to real instances.
"""


def page(corpus: Corpus, areas: Sequence[Area]) -> str:
    """Return the page."""
    mutants = {mutant.fault for mutant in measurement.mutants_of(corpus).values()}
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
    yield from _section("Faults of no single clause", [_row(fault, "", mutants) for fault in of_clause.get("", ())])


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
