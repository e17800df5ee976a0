"""`known`: list the entries of the ledger, or draft new entries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options, output


@click.command()
@click.option("--record", type=options.PATH, help="Draft entries for the unexpected verdicts of this record.")
@click.option(
    "--write", type=options.PATH, metavar="FILE", help="The file to write the draft to, or - for standard output."
)
def known(record: Path | None, write: Path | None) -> None:
    """List the entries of the ledger, or draft new entries."""
    if write is None:
        for entry in output.ledger().entries:
            versions = str(entry.versions) or "every version"
            click.echo(f"{click.style(entry.id, bold=True)}  {', '.join(entry.targets)} {versions}")
            click.echo(f"  {entry.reason}\n  {entry.link}")
        return
    if record is None:
        raise click.UsageError("--write needs --record FILE, the record of a run")
    from datetime import date

    from ..analysis import ledger_draft
    from ..records import read_record

    text = ledger_draft(_grouped(read_record(record)), date.today().isoformat())
    if str(write) == "-":
        click.echo(text, nl=False)
    else:
        output.write(write, lambda: text)


def _grouped(record: Any) -> Any:
    from ..analysis import grouped, lacks_groups

    # Records of older versions contain no groups. Computing the groups needs the whole corpus.
    cases = output.corpus((), output.sweeps_of(record)).cases if lacks_groups(record) else ()
    return grouped(record, {case.id: case for case in cases})
