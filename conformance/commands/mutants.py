"""`mutants`: measure which wrong implementations the corpus detects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from . import options, output


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option(
    "--all", "every", is_flag=True, help="Run every case on every mutant, even after a case has detected the mutant."
)
@click.option(
    "--with",
    "external",
    type=options.PATH,
    metavar="FILE.py",
    help="Measure the mutants of this file instead of the shipped mutants.",
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

    A mutant is an evaluator with one fault. The fault applies always or under a condition. A mutant runs as a target
    until a case that cites the violated clause detects the mutant; with --all every case runs. Mutants marked
    `needs: sweep` run on sweep points instead of literal cases, and are skipped under --sweeps none.

    --with FILE.py measures external mutants. The file defines a dict `mutants` that maps names to functions
    (call, honest) -> output, where honest(call) returns the correct output.

    Exit codes: 0 every mutant is detected; 1 a mutant survives, a literal case detects a mutant marked `needs: sweep`,
    or no case that cites a clause detects a mutant that violates this clause; 2 invalid usage.
    """
    from ..mutants import kills, measurement
    from ..reports import mutants as mutation

    if write is not None and (not every or external is not None):
        raise click.UsageError("--write needs --all and cannot be combined with --with")
    progress = partial(mutation.mutant_progress, output.console(stderr=True))
    scored = measurement.perform(output.corpus(what, sweeps), progress, external=external, every=every, jobs=jobs)
    mutation.show(output.console(stderr=False), scored)
    if target is not None:
        output.write(target, lambda: mutation.as_json(scored))
    if write is not None:
        output.write(write, lambda: kills.encoded(scored.kills))
    return scored.exit_code
