"""The report of the mutants that the corpus kills, on a terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..mutants import Kills, MarkedMutants, MutantListener, Score, UnpinnedClauses

#: A log gets one line after every `STEP` mutants.
STEP = 50


@contextmanager
def mutant_progress(console: Console, count: int) -> Iterator[MutantListener]:
    """Yield a listener for the names of finished mutants; it advances a bar on a terminal, or prints lines in a log."""
    if not console.is_terminal:
        yield _lines(console, count)
        return
    columns = (TextColumn("mutants"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=count)
        yield lambda name: bars.advance(task)


def _lines(console: Console, count: int) -> MutantListener:
    done = []

    def tell(name: str) -> None:
        done.append(name)
        if len(done) % STEP == 0 or len(done) == count:
            console.print(f"{len(done)} of {count} mutants", soft_wrap=True)

    return tell


def show(console: Console, scored: Score) -> None:
    """
    Print the kills by clause, the survivors and the score; for a complete matrix also the kills by mutant.

    External mutants violate no clause of the specification, so their kills are not counted by clause.
    """
    kills, clauses, unpinned = scored.kills, scored.clauses, scored.unpinned
    if kills.is_whole:
        _by_mutant(console, kills)
        _by_case(console, kills)
    if clauses:
        _by_clause(console, kills, clauses, unpinned)
    for name in kills.survivors:
        console.print(f"survivor: {name}", soft_wrap=True)
    for clause, names in unpinned.items():
        console.print(f"unpinned: {clause}: {_why(names)}", soft_wrap=True)
    console.print(_score(kills, is_own=bool(clauses)), soft_wrap=True)
    if scored.swept:
        console.print(f"killed by sweep points only: {len(scored.swept)}")
    if clauses:
        _marked(console, scored.marked)
        pinned = len([clause for clause in clauses if clause not in unpinned])
        total = len({*clauses, *unpinned})
        console.print(f"{pinned} of {total} clauses are pinned by the cases that cite them")


def _marked(console: Console, marked: MarkedMutants) -> None:
    if marked.left_out:
        console.print(f"{marked.left_out} mutants that need a sweep were skipped")
        return
    for name, case in marked.wrongly.items():
        console.print(f"wrongly marked: {name}: the literal case {case} detects this mutant", soft_wrap=True)
    for name in marked.kills.survivors:
        console.print(f"survivor: {name} (needs: sweep)", soft_wrap=True)
    count = counts(marked.kills)
    console.print(
        f"{count['mutants']} mutants that need a sweep: {count['killed']} killed, "
        f"{len(marked.kills.survivors)} survive, {len(marked.wrongly)} wrongly marked",
        soft_wrap=True,
    )


def _why(names: Sequence[str]) -> str:
    if not names:
        return "no mutant violates this clause"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"no case that cites this clause detects {', '.join(names[:5])}{more}"


def _by_mutant(console: Console, kills: Kills) -> None:
    table = _table("mutant", "kills")
    for name, ids in kills.by_mutant.items():
        table.add_row(name, str(len(ids)))
    console.print(table)
    for names in kills.alike():
        console.print(f"counted as one mutant, because the same cases kill them: {', '.join(names)}", soft_wrap=True)


def _by_case(console: Console, kills: Kills) -> None:
    sole = {ids[0] for ids in kills.by_mutant.values() if len(ids) == 1}
    for case, names in kills.by_case.items():
        if not names:
            console.print(f"kills nothing: {case}", soft_wrap=True)
    spare = sum(1 for case, names in kills.by_case.items() if names and case not in sole)
    console.print(
        f"{len(sole)} cases kill a mutant that no other case kills, {spare} kill only mutants that other cases kill too"
    )


def _by_clause(console: Console, kills: Kills, clauses: Mapping[str, Sequence[str]], unpinned: UnpinnedClauses) -> None:
    table = _table("clause", "mutants", "killed", "killed by citing cases")
    for clause, names in clauses.items():
        killed = [name for name in names if kills.by_mutant[name]]
        cited = len(names) - len(unpinned.get(clause, ()))
        table.add_row(clause, str(len(names)), str(len(killed)), str(cited))
    console.print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for other in others:
        table.add_column(other, justify="right")
    return table


def counts(kills: Kills) -> dict[str, int]:
    """Return the numbers of mutants and of killed mutants; mutants that the same cases kill count as one mutant."""
    repeated = sum(len(names) - 1 for names in kills.alike()) if kills.is_whole else 0
    mutants = len(kills.by_mutant) - repeated
    return {"mutants": mutants, "killed": mutants - len(kills.survivors), "equivalent": 0}


def _score(kills: Kills, *, is_own: bool) -> str:
    count = counts(kills)
    conditional = sum("/" in name for name in kills.by_mutant)
    under = f" ({conditional} under a condition)" if is_own else ""
    return f"{count['mutants']} mutants{under}: {count['killed']} killed, {len(kills.survivors)} survive"


def as_json(scored: Score) -> str:
    """
    Return the counts, the survivors and the unpinned clauses; for a complete matrix also the kills of each mutant.

    `swept` lists the external mutants that only sweep points kill. `needs_sweep` holds the counts of the mutants marked
    `needs: sweep`.
    """
    data = {**_counted(scored.kills), "unpinned": dict(scored.unpinned), "corpus": scored.kills.corpus}
    data |= {"swept": list(scored.swept), "needs_sweep": _as_counted(scored.marked)}
    return json.dumps(data, indent=1) + "\n"


def _counted(kills: Kills) -> dict[str, Any]:
    whole = {"kills": {name: list(ids) for name, ids in kills.by_mutant.items()}} if kills.is_whole else {}
    return {**counts(kills), "survivors": kills.survivors, **whole}


def _as_counted(marked: MarkedMutants) -> dict[str, Any]:
    return {**_counted(marked.kills), "wrongly_marked": dict(marked.wrongly), "left_out": marked.left_out}
