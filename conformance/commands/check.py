"""`check`: test whether it is safe to switch from one release of a framework to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from . import exit_codes, options, output


@click.command()
@click.argument("candidate")
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--against", metavar="BASE", help="The release to compare with.  [default: the installed release]")
@click.option(
    "--env", "place", type=click.Path(path_type=Path), help="An existing environment that contains the candidate."
)
@click.option("-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode]; repeatable.")
@options.sweeps
@click.option("--jobs", type=click.IntRange(1), help="Targets to run in parallel.  [default: number of cores]")
@options.fail_on
@click.option("--index-url", metavar="URL", help="The package index that pip uses.")
@click.option("--pip-args", metavar="ARGS", default="", help="Additional arguments for pip install.")
@click.option("--record", type=options.PATH, help="Write the record of both runs (JSON Lines) to this file.")
@click.option("--json", "target", type=options.PATH, help="Write every change as JSON to this file.")
@click.option(
    "--markdown", type=options.PATH, help="Write the report as Markdown to this file, such as $GITHUB_STEP_SUMMARY."
)
@click.option("--html", type=options.PATH, help="Write the report as a self-contained HTML page to this file.")
def check(
    candidate: str,
    what: Sequence[str],
    against: str | None,
    place: Path | None,
    backends: Sequence[str],
    sweeps: str,
    jobs: int | None,
    fail_on: str,
    index_url: str | None,
    pip_args: str,
    record: Path | None,
    target: Path | None,
    markdown: Path | None,
    html: Path | None,
) -> int:
    """
    Test whether it is safe to switch to another release of a framework.

    CANDIDATE is a release such as torch==2.13.0, or torch for the newest release. Both releases run the same cases. pip
    installs each named release into a separate environment, which is kept for later checks (see `environments`). The
    report also lists other differences between the two runs, such as the platform.

    Exit codes: 0 no change of the kinds in --fail-on; 1 such a change; 2 invalid usage; 3 no comparison was possible;
    4 a fault of the suite or an adapter.
    """
    import shlex

    from ..analysis import comparison
    from ..core import Invalid
    from ..corpus import Selection
    from ..running import release_check
    from ..workers import environments

    console = output.console(stderr=True)
    wanted = comparison.named(fail_on)
    pip = [*(["--index-url", index_url] if index_url else []), *shlex.split(pip_args)]
    asked, base = release_check.requirement(candidate), release_check.requirement(against) if against else None
    if base is not None and base.name != asked.name:
        raise click.UsageError(f"--against must name a release of {asked.name}, not of {base.name}")
    adapters = release_check.affected_targets(asked.name, backends)
    corpus = output.corpus(what, sweeps)

    def tell(line: str) -> None:
        console.print(line, soft_wrap=True)

    try:
        before = release_check.side(adapters, base and environments.resolved(base, pip), pip, tell)
        if place is not None:
            after = release_check.at(adapters, place)
        else:
            after = release_check.side(adapters, environments.resolved(asked, pip), pip, tell)
        selection = Selection(what=list(what), sweeps=sweeps)  # type: ignore[arg-type]
        made = release_check.run(selection, corpus, before, after, jobs, output.progress(console), record)
    except Invalid as error:
        output.complain(error)
        return exit_codes.NOT_RUN
    cases = {case.id: case for case in corpus.cases}
    found = release_check.compared(made, before, after, cases)
    output.comparison(found, corpus, data=target, markdown=markdown, html=html, is_advised=True)
    return output.outcome(found, wanted)
