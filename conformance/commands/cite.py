"""`cite`: print how to cite the suite, a clause or a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output

if TYPE_CHECKING:
    from ..specification import Citation


@click.command()
@click.argument("what", required=False, metavar="[CLAUSE|CASE]")
@click.option("--bibtex", is_flag=True, help="Print only the BibTeX entry, to append it to a file.")
def cite(what: str | None, bibtex: bool) -> int:
    """
    Print how to cite the suite, a clause or a case.

    The output is a reference and a BibTeX entry. Both contain the version, the address in the documentation and a
    digest. The digest identifies the meaning of the clause, the call and expectation of the case, or the whole corpus.
    For a clause such as SAME-2, the version is the version of the specification.
    """
    citation = _citation(what)
    click.echo(citation.bibtex if bibtex else f"{citation.text}\n\n{citation.bibtex}")
    return 0


def _citation(what: str | None) -> Citation:
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
    hint = f"the {what.upper()} clauses are {inside[0]} to {inside[-1]}" if len(inside) > 1 else near
    hint = hint or "`conv-conformance list` prints the ids of all cases"
    raise Invalid(Problem(path=what, message="no clause or case has this name", hint=hint))
