"""`report`: print the report of a record, or write it to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import options, output


@click.command()
@click.argument("records", type=options.PATH, nargs=-1, required=True, metavar="RECORD...")
@click.option("--record", type=options.PATH, help="Write the merged record to this file.")
@click.option(
    "--condensed",
    type=options.PATH,
    help="Write a condensed record to this file, which only counts the verdicts agree, unsupported and not-run.",
)
@options.reports
def report(
    records: Sequence[Path],
    record: Path | None,
    condensed: Path | None,
    **files: Path | None,
) -> None:
    """
    Print the report of a record, or write it to files.

    Several records are merged into one. Their runs may differ only in --shard or in targets.
    """
    from ..analysis import attributed, grouped
    from ..records import merge, read_record, write_record

    merged = merge.merged({path: read_record(path) for path in dict.fromkeys(records)})
    corpus = output.corpus((), output.sweeps_of(merged))
    whole = attributed(grouped(merged, {case.id: case for case in corpus.cases}), corpus)
    if record is not None:
        write_record(whole, record)
    if condensed is not None:
        write_record(merge.condensed(whole, corpus), condensed)
    output.report(whole, corpus, output.ledger(), files)
