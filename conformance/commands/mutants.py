"""`mutants`: score the corpus by the wrong implementations that it notices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from . import options, output


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--all", "every", is_flag=True, help="Run every case on every mutant, also once it is noticed.")
@click.option(
    "--with", "strangers", type=options.PATH, metavar="FILE.py", help="Score the mutants of this file instead."
)
@click.option("--json", "target", type=options.PATH, help="Write the score here.")
@click.option("--write", type=options.PATH, help="Write which cases kill which mutants here (needs --all).")
@options.sweeps
@click.option("--jobs", type=click.IntRange(1), help="Mutants at once.  [default: number of cores]")
def mutants(
    what: Sequence[str],
    every: bool,
    strangers: Path | None,
    target: Path | None,
    write: Path | None,
    sweeps: str,
    jobs: int | None,
) -> int:
    """
    Score the corpus by the wrong implementations that it notices.

    Each mutant is an evaluator with one fault, everywhere or under a condition; it runs as a target. One is left alone
    once a case that cites the clause which it breaks has noticed it; --all runs everything. Those that are marked
    `needs: sweep` meet points of sweeps instead, and are left out under --sweeps none.

    --with FILE.py scores a stranger's: its dict `mutants` maps names to functions (call, honest) -> output.

    Exit code 1 if a mutant survives, a literal case notices one that is marked, or a clause is not pinned by the cases
    that cite it.
    """
    from ..mutants import kills, measurement
    from ..reports import mutants as mutation

    if write is not None and (not every or strangers is not None):
        raise click.UsageError("--write needs --all, and no --with")
    progress = partial(mutation.mutant_progress, output.console(stderr=True))
    scored = measurement.perform(output.corpus(what, sweeps), progress, strangers=strangers, every=every, jobs=jobs)
    mutation.show(output.console(stderr=False), scored)
    if target is not None:
        output.write(target, lambda: mutation.as_json(scored))
    if write is not None:
        output.write(write, lambda: kills.encoded(scored.kills))
    return scored.exit_code
