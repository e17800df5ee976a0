"""`cite`: how the suite, a clause or a case is cited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output

if TYPE_CHECKING:
    from ..specification import Citation


@click.command()
@click.argument("what", required=False, metavar="[CLAUSE|CASE]")
@click.option("--bibtex", is_flag=True, help="The BibTeX entry alone, to be appended to a file.")
def cite(what: str | None, bibtex: bool) -> int:
    """
    Show how the suite, a clause (SAME-2) or a case is cited: a sentence, and an entry of BibTeX.

    Both name the version, the place in the documentation, and a digest by which it is known whether another copy says
    the same: what a clause means, what a case computes and expects, else the whole corpus. The version of a clause is
    that of the specification.
    """
    found = _found(what)
    click.echo(found.bibtex if bibtex else f"{found.text}\n\n{found.bibtex}")
    return 0


def _found(what: str | None) -> Citation:
    from ..core import Invalid, Problem, suggestion
    from ..specification import citation

    corpus = output.corpus((), "quick" if what is not None and "[" in what else "none")
    if what is None:
        return citation.of_suite(corpus)
    if clause := corpus.clauses.get(what.upper()):
        return citation.of_clause(clause)
    if case := next((case for case in corpus.cases if case.id == what), None):
        return citation.of_case(case)
    known = {*corpus.clauses, *(case.id for case in corpus.cases)}
    inside = [name for name in corpus.clauses if name.rpartition("-")[0] == what.upper()]
    near = suggestion(what, known) or suggestion(what.upper(), known)
    hint = f"its clauses are {inside[0]} to {inside[-1]}" if len(inside) > 1 else near
    hint = hint or "`conv-conformance list` shows the ids of cases"
    raise Invalid(Problem(path=what, message="no clause and no case of this name", hint=hint))
