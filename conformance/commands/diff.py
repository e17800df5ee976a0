"""`diff`: report what changed between two records."""

from __future__ import annotations

from pathlib import Path

import click

from . import options, output


@click.command()
@click.argument("before", type=options.PATH)
@click.argument("after", type=options.PATH)
@options.fail_on
@click.option(
    "--slower",
    type=click.FloatRange(1.0),
    metavar="FACTOR",
    help="Also report calls whose time grew by at least this factor.",
)
@click.option("--json", "target", type=options.PATH, help="Write every change as JSON to this file.")
@click.option(
    "--markdown", type=options.PATH, help="Write the report as Markdown to this file, such as $GITHUB_STEP_SUMMARY."
)
@click.option("--html", type=options.PATH, help="Write the report as a self-contained HTML page to this file.")
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
    Report what changed between two records.

    The records may come from two versions, from two devices, or from runs without and with a flag.

    Kinds of change: regressed, wrong-otherwise, refuses, unsupported, slower, precision, alternative, moved (still
    right, with other bits), fixed, supported, only-before, only-after.

    Exit codes: 0 no change of the kinds in --fail-on; 1 such a change; 2 invalid usage or record; 3 no call was judged
    in both records; 4 a record contains a fault of the suite or an adapter.
    """
    from ..analysis import comparison
    from ..records import read_record

    wanted = comparison.named(fail_on)
    records = {path: read_record(path) for path in (before, after)}
    comparison.check_whole(records)
    corpus = output.corpus(
        (), max((output.sweeps_of(record) for record in records.values()), key=["none", "quick", "full"].index)
    )
    cases = {case.id: case for case in corpus.cases}
    found = comparison.compared(records[before], records[after], cases, slower=slower)
    output.comparison(found, corpus, data=target, markdown=markdown, html=html, is_advised=False)
    return output.outcome(found, wanted)
