"""`list`: list the ids of cases."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from . import options, output


@click.command("list")
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--sweeps", type=click.Choice(["none", "quick", "full"]), default="none", show_default=True)
@options.mutators
@options.shard
def list_cases(what: Sequence[str], sweeps: str, mutators: bool, shard: str | None) -> None:
    """
    List the ids of cases.

    On a terminal, the title and the clauses of each case are also listed.
    """
    from ..corpus import sharded

    cases = sharded(output.corpus(what, sweeps, mutators=mutators), shard).cases
    if not sys.stdout.isatty():
        click.echo("".join(f"{case.id}\n" for case in cases), nl=False)
        return
    for case in cases:
        click.echo(f"{click.style(case.id, bold=True)}\n  {case.title} [{', '.join(case.clauses)}]")
