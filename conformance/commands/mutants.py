"""`mutants`: measure which wrong implementations the corpus detects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from . import options, output


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--all", "every", is_flag=True, help="Run every case on every mutant, even after a case has detected it.")
@click.option(
    "--with", "external", type=options.PATH, metavar="FILE.py", help="Measure the mutants of this file instead."
)
@click.option("--json", "target", type=options.PATH, help="Write the score as JSON to this file.")
@click.option("--write", type=options.PATH, help="Write which cases detect which mutants to this file (needs --all).")
@options.sweeps
@click.option("--jobs", type=click.IntRange(1), help="Mutants to run in parallel.  [default: number of cores]")
def mutants(
    what: Sequence[str],
    every: bool,
    external: Path | None,
    target: Path | None,
    write: Path | None,
    sweeps: str,
    jobs: int | None,
) -> int:
    """
    Measure which wrong implementations the corpus detects.

    A mutant is an evaluator with one fault, which applies always or under a condition. It runs as a target until a case
    that cites the violated clause detects it; --all runs every case. Mutants marked `needs: sweep` run on sweep points
    instead of literal cases, and are skipped under --sweeps none.

    --with FILE.py measures external mutants: the dict `mutants` of the file maps names to functions
    (call, honest) -> output.

    Exit codes: 0 every mutant is detected; 1 a mutant survives, a literal case detects a mutant marked `needs: sweep`,
    or the cases that cite a clause miss a mutant that violates it; 2 invalid usage.
    """
    from ..mutants import kills, measurement
    from ..reports import mutants as mutation

    if write is not None and (not every or external is not None):
        raise click.UsageError("--write needs --all and excludes --with")
    progress = partial(mutation.mutant_progress, output.console(stderr=True))
    scored = measurement.perform(output.corpus(what, sweeps), progress, strangers=external, every=every, jobs=jobs)
    mutation.show(output.console(stderr=False), scored)
    if target is not None:
        output.write(target, lambda: mutation.as_json(scored))
    if write is not None:
        output.write(write, lambda: kills.encoded(scored.kills))
    return scored.exit_code
