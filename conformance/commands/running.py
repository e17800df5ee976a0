"""
Commands that run cases: `run`, and the targets and cases that it takes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from ..core import POLICIES
from . import codes, options, showing


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode][@device].")
@click.option("--all", "every", is_flag=True, help="Take the compiled and other surfaces as well.")
@options.sweeps
@options.mutators
@click.option("--ops", metavar="OP,...", help="Only these operations.")
@click.option("--dtypes", metavar="DTYPE,...", help="Only calls whose input has one of these dtypes.")
@click.option("--profile", help="Only cases of this profile's clauses.")
@options.shard
@click.option("--jobs", type=click.IntRange(1), help="Targets at once.  [default: number of cores]")
@click.option("--timeout", type=click.FloatRange(0.01), default=60.0, show_default=True, help="Seconds for one call.")
@click.option("--preload", multiple=True, metavar="MODULE", help="Import this first, such as a device plugin.")
@click.option(
    "--tap-audit/--no-tap-audit", default=True, help="Probe wrong calls that no cause explains.  [default: on]"
)
@click.option("--audit", is_flag=True, help="Ask also what the adapters say cannot be said.")
@click.option(
    "--precision",
    type=click.Choice(POLICIES),
    default="declared",
    show_default=True,
    help="Ask for each dtype's own class of rounding, for what a target documents, or for none.",
)
@click.option(
    "--known", "ledgers", multiple=True, type=options.PATH, help="A ledger of your own, besides the shipped one."
)
@click.option("--no-known", is_flag=True, help="Leave the shipped ledger out.")
@click.option("--strict-known", is_flag=True, help="Exit 1 if the ledger says what is no longer so.")
@click.option(
    "--fail-on",
    metavar="WORD,...",
    help="Exit 1 on these: silent, loud, precision, unsupported, fixed.  [default: the first 3, under --profile 4]",
)
@click.option("--record", type=options.PATH, help="Write the record (JSON Lines) here.")
@click.option(
    "--resume", type=options.PATH, metavar="RECORD", help="Go on with a record that was cut short, as it was begun."
)
@options.reports
def run(
    what: Sequence[str],
    backends: Sequence[str],
    every: bool,
    sweeps: str,
    mutators: bool,
    ops: str | None,
    dtypes: str | None,
    profile: str | None,
    shard: str | None,
    jobs: int | None,
    timeout: float,
    preload: Sequence[str],
    tap_audit: bool,
    audit: bool,
    precision: str,
    ledgers: Sequence[Path],
    no_known: bool,
    strict_known: bool,
    fail_on: str | None,
    record: Path | None,
    resume: Path | None,
    **files: Path | None,
) -> int:
    """
    Run cases on targets and report every disagreement.

    Without -b, every installed framework; without a path or pattern, the whole corpus.

    Exit codes: 0 nothing unexpected; 1 an unexpected disagreement, crash or timeout; 2 invalid usage or file;
    3 a target could not run; 4 a fault of the suite or an adapter; 130 interrupted.
    """
    from ..core import Invalid
    from ..running import Runner, invocation, release_check, resumption
    from ..workers import Limits, Terms
    from ..workers import targets as all_targets

    if resume is not None and record is not None:
        raise click.UsageError("--resume writes on where its record ends; leave --record out")
    asked: dict[str, Any] = {
        "what": list(what),
        "sweeps": sweeps,
        "mutators": mutators,
        "profile": profile,
        "shard": shard,
        "ops": _split(ops),
        "dtypes": _split(dtypes),
        "audit": audit,
        "precision": precision,
        "preload": list(preload),
        "backends": list(backends),
        "every": every,
        "ledgers": list(map(str, ledgers)),
        "no_known": no_known,
        "fail_on": list(invocation.failures(fail_on, profile)),
    }
    earlier = resumption.begun(resume) if resume is not None else None
    if resume is not None and earlier is not None:
        asked = resumption.agreed(resume, earlier.header, {name: asked[name] for name in _given() if name in asked})
    selection, cases = invocation.chosen(asked)
    ledger, about = invocation.ledger(asked["ledgers"], shipped=not asked["no_known"])
    for entry in ledger.entries:
        if entry.unwritten:
            click.echo(
                f"{entry.path}:{entry.line}: {entry.id}: still to be written: {', '.join(entry.unwritten)}", err=True
            )
    try:
        adapters = all_targets.named(asked["backends"], every=asked["every"])
        adapters = release_check.placed(adapters, (), lambda line: click.echo(line, err=True))
    except Invalid as error:
        showing.complain(error)
        return codes.NOT_RUN
    terms = Terms(
        limits=Limits(timeout=timeout),
        preload=tuple(asked["preload"]),
        audit=asked["audit"],
        precision=asked["precision"],
    )
    runner = Runner(terms=terms, ledger=ledger, jobs=jobs or invocation.cores())
    begun = invocation.Invocation(
        selection=selection,
        cases=cases,
        adapters=adapters,
        runner=runner,
        ledger=about,
        fail_on=asked["fail_on"],
        has_tap_audit=tap_audit,
    )
    with ExitStack() as stack:
        made = begun.perform(showing.progress(showing.console(stderr=True)), stack, record or resume, earlier)
    showing.report(made.record, cases, ledger, files)
    is_debug = click.get_current_context().find_root().params["debug"]
    for note in [*made.notes, *(made.tracebacks if is_debug else ())]:
        click.echo(note)
    return made.run.exit_code(strict_known=strict_known, fail_on=asked["fail_on"])


def _given() -> list[str]:
    """
    Return the names of the parameters that stand on the command line.
    """
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is source]


@click.command()
@click.option("--of", "package", metavar="PACKAGE", help="Only the names that `run` takes by default of a framework.")
def targets(package: str | None) -> None:
    """List the targets: installed or not, with their modes."""
    from ..workers import targets as all_targets

    if package is not None:
        from ..running import affected

        click.echo("".join(f"{adapter}\n" for adapter in affected(package, ())), nl=False)
        return
    for name, locator in all_targets.known().items():
        missing = all_targets.missing(name)
        state = f"not installed (no {', '.join(missing)})" if missing else "installed"
        click.echo(f"{name:<18} {state}")
        for mode, about in all_targets.modes_of(locator).items():
            click.echo(f"  {f'+{mode}' if mode else 'plain':<16} {about}")


@click.command("list")
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--sweeps", type=click.Choice(["none", "quick", "full"]), default="none", show_default=True)
@options.mutators
@options.shard
def list_(what: Sequence[str], sweeps: str, mutators: bool, shard: str | None) -> None:
    """List case ids, with their titles on a terminal."""
    from ..corpus import sharded

    cases = sharded(showing.corpus(what, sweeps, mutators=mutators), shard).cases
    if not sys.stdout.isatty():
        click.echo("".join(f"{case.id}\n" for case in cases), nl=False)
        return
    for case in cases:
        click.echo(f"{click.style(case.id, bold=True)}\n  {case.title} [{', '.join(case.clauses)}]")


def _split(text: str | None) -> list[str]:
    return text.split(",") if text else []
