"""
Commands about records: `report`, `diff`, `known`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from . import options, showing


@click.command()
@click.argument("records", type=options.PATH, nargs=-1, required=True, metavar="RECORD...")
@click.option("--record", type=options.PATH, help="Write the whole record here.")
@click.option(
    "--condensed", type=options.PATH, help="Write a record here that only counts agreements and what was not run."
)
@options.reports
def report(
    records: Sequence[Path],
    record: Path | None,
    condensed: Path | None,
    **files: Path | None,
) -> None:
    """
    Show a record again, on the terminal or as a file.

    Several records are shown as one, if they are of runs that differ in --shard or in targets.
    """
    from ..analysis import attributed, grouped
    from ..records import merge, read, write

    merged = merge.merged({path: read(path) for path in dict.fromkeys(records)})
    corpus = showing.corpus((), showing.sweeps_of(merged))
    whole = attributed(grouped(merged, {case.id: case for case in corpus.cases}), corpus)
    if record is not None:
        write(whole, record)
    if condensed is not None:
        write(merge.condensed(whole, corpus), condensed)
    showing.report(whole, corpus, showing.ledger(), files)


@click.command()
@click.argument("before", type=options.PATH)
@click.argument("after", type=options.PATH)
@options.fail_on
@click.option(
    "--slower", type=click.FloatRange(1.0), metavar="FACTOR", help="Tell also of calls that take this much longer."
)
@click.option("--json", "target", type=options.PATH, help="Write every change here as JSON.")
@click.option("--markdown", type=options.PATH, help="Write Markdown here, for $GITHUB_STEP_SUMMARY.")
@click.option("--html", type=options.PATH, help="Write a page here that needs nothing beside it.")
def diff(
    before: Path,
    after: Path,
    fail_on: str,
    slower: float | None,
    target: Path | None,
    markdown: Path | None,
    html: Path | None,
) -> int:
    """
    Say what changed between two records: of two versions, two devices, or without and with a flag.

    Changes: regressed, wrong-otherwise, refuses, unsupported, slower, precision, alternative, moved (still right, with
    other bits), fixed, supported, only-before, only-after.

    Exit codes: 0 no change that --fail-on names; 1 such a change; 2 invalid usage or record; 3 nothing was judged by
    both; 4 a record has a fault of the suite or an adapter.
    """
    from ..analysis import comparison
    from ..records import read

    wanted = comparison.named(fail_on)
    records = {path: read(path) for path in (before, after)}
    comparison.check_whole(records)
    corpus = showing.corpus(
        (), max((showing.sweeps_of(record) for record in records.values()), key=["none", "quick", "full"].index)
    )
    cases = {case.id: case for case in corpus.cases}
    found = comparison.compared(records[before], records[after], cases, slower=slower)
    showing.comparison(found, corpus, data=target, markdown=markdown, html=html, is_advised=False)
    return showing.outcome(found, wanted)


@click.command()
@click.option("--record", type=options.PATH, help="Draft entries for what is unexpected in this record.")
@click.option("--write", type=options.PATH, metavar="FILE", help="Where to write the draft (- for standard output).")
def known(record: Path | None, write: Path | None) -> None:
    """List what the ledger knows to be wrong, or draft entries for it."""
    if write is None:
        for entry in showing.ledger().entries:
            versions = str(entry.versions) or "every version"
            click.echo(f"{click.style(entry.id, bold=True)}  {', '.join(entry.targets)} {versions}")
            click.echo(f"  {entry.reason}\n  {entry.link}")
        return
    if record is None:
        raise click.UsageError("--write needs --record FILE, the record of a run")
    from datetime import date

    from ..analysis import draft
    from ..records import read

    text = draft(_grouped(read(record)), date.today().isoformat())
    if str(write) == "-":
        click.echo(text, nl=False)
    else:
        showing.write(write, lambda: text)


def _grouped(record: Any) -> Any:
    from ..analysis import grouped, lacks_groups

    # To find the groups that an older record lacks takes the whole corpus.
    cases = showing.corpus((), showing.sweeps_of(record)).cases if lacks_groups(record) else ()
    return grouped(record, {case.id: case for case in cases})
