"""`run`: run cases on targets."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core import POLICIES
from . import exit_codes, options, output

if TYPE_CHECKING:
    from ..records import Ledger
    from ..running import RunOptions


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option(
    "-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode][@device]; repeatable."
)
@click.option("--all", "every", is_flag=True, help="Without -b: also run compiled and other non-default targets.")
@options.sweeps
@options.mutators
@click.option("--ops", metavar="OP,...", help="Run only these operations.")
@click.option("--dtypes", metavar="DTYPE,...", help="Run only calls whose input has one of these dtypes.")
@click.option("--profile", help="Run only the cases that cite a clause of this profile.")
@options.shard
@click.option("--jobs", type=click.IntRange(1), help="Targets to run in parallel.  [default: number of cores]")
@click.option(
    "--timeout",
    type=click.FloatRange(0.01),
    default=60.0,
    show_default=True,
    help="The time limit of one call, in seconds.",
)
@click.option(
    "--start-timeout",
    type=click.FloatRange(0.01),
    default=300.0,
    show_default=True,
    help="The time limit of the start of a worker, which imports the framework, in seconds.",
)
@click.option(
    "--deaths",
    type=click.IntRange(1),
    default=25,
    show_default=True,
    help="After this number of crashes and timeouts, skip calls under conditions under which every call has ended so.",
)
@click.option(
    "--preload",
    multiple=True,
    metavar="MODULE",
    help="Import this module before the adapter, such as a device plugin; repeatable.",
)
@click.option(
    "--tap-audit/--no-tap-audit",
    default=True,
    help="Probe the wrong calls that no known cause explains.  [default: on]",
)
@click.option("--audit", is_flag=True, help="Also make the calls that the adapters report as unsupported.")
@click.option(
    "--precision",
    type=click.Choice(POLICIES),
    default="declared",
    show_default=True,
    help="The required precision: that of each dtype (strict), what the target documents (declared), or none (any).",
)
@click.option(
    "--known",
    "ledgers",
    multiple=True,
    type=options.PATH,
    help="A ledger of known disagreements to use besides the shipped ledger; repeatable.",
)
@click.option("--no-known", is_flag=True, help="Do not use the shipped ledger.")
@click.option(
    "--strict-known", is_flag=True, help="Exit with 1 if a target agrees where the ledger expects a disagreement."
)
@click.option(
    "--fail-on",
    metavar="KIND,...",
    help="Exit with 1 if one of these occurs: silent, loud, precision, unsupported, fixed.  [default: the first three; "
    "with --profile the first four]",
)
@click.option("--record", type=options.PATH, help="Write the record (JSON Lines) to this file.")
@click.option(
    "--resume",
    type=options.PATH,
    metavar="RECORD",
    help="Resume the interrupted run of this record, with the options that the run was started with.",
)
@options.reports
def run(**arguments: Any) -> int:
    """
    Run cases on targets and report every disagreement.

    Without -b, the default targets of all installed frameworks run. Without a path or pattern, the whole corpus runs.

    Exit codes: 0 nothing unexpected; 1 an unexpected disagreement, crash or timeout; 2 invalid usage or file;
    3 a target could not run; 4 a fault of the suite or an adapter; 130 the run was interrupted.
    """
    from ..core import Invalid
    from ..running import Invocation, Runner, invocation, release_check, resumption
    from ..workers import targets

    settings = _options(arguments)
    earlier = resumption.begun(settings.resume) if settings.resume is not None else None
    if earlier is not None:
        settings = settings.resumed(earlier, _given())
    cases = invocation.chosen(settings.selection)
    ledger, about = invocation.ledger(settings.ledgers, shipped=not settings.no_known)
    _warn_of_drafts(ledger)
    try:
        adapters = targets.named_targets(settings.backends, every=settings.every)
        adapters = release_check.placed(adapters, (), lambda line: click.echo(line, err=True))
    except Invalid as error:
        output.complain(error)
        return exit_codes.NOT_RUN
    planned = Invocation(
        selection=settings.selection,
        cases=cases,
        adapters=adapters,
        runner=Runner(terms=settings.terms, ledger=ledger, jobs=settings.jobs or invocation.core_count()),
        ledger=about,
        fail_on=settings.fail_on,
        has_tap_audit=settings.tap_audit,
    )
    path = settings.record or settings.resume
    with ExitStack() as stack:
        progress = output.progress(output.console(stderr=True))
        try:
            outcome = planned.perform(progress, stack, path, earlier)
        except KeyboardInterrupt:
            stack.close()
            output.say("interrupted")
            if path is not None and path.exists():
                output.say(f"the record holds the verdicts so far: continue with `{_resume_command(path)}`")
            return exit_codes.INTERRUPTED
    output.report(outcome.record, cases, ledger, settings.reports)
    is_debug = click.get_current_context().find_root().params["debug"]
    for note in [*outcome.notes, *(outcome.tracebacks if is_debug else ())]:
        click.echo(note)
    return outcome.run.exit_code(strict_known=settings.strict_known, fail_on=settings.fail_on)


def _resume_command(path: Path) -> str:
    return f"conv-conformance run --resume {shlex.quote(str(path))}"


def _options(arguments: dict[str, Any]) -> RunOptions:
    """Return the arguments of the command line as RunOptions; tuples become lists, because a record holds lists."""
    from ..running import RunOptions, invocation

    if arguments["resume"] is not None and arguments["record"] is not None:
        raise click.UsageError("--resume appends to the record that it names; omit --record")
    reports = {name: arguments.pop(name) for name in options.REPORTS}
    lists: dict[str, Any] = {name: list(arguments.pop(name)) for name in ("what", "preload", "backends")}
    split: dict[str, Any] = {
        name: text.split(",") if (text := arguments.pop(name)) else [] for name in ("ops", "dtypes")
    }
    ledgers = list(map(str, arguments.pop("ledgers")))
    fail_on = list(invocation.failures(arguments.pop("fail_on"), arguments["profile"]))
    return RunOptions(**lists, **split, ledgers=ledgers, fail_on=fail_on, reports=reports, **arguments)


def _warn_of_drafts(ledger: Ledger) -> None:
    for entry in ledger.entries:
        if entry.unwritten:
            place = f"{entry.path}:{entry.line}: {entry.id}"
            click.echo(f"{place}: draft, still to be written: {', '.join(entry.unwritten)}", err=True)


def _given() -> list[str]:
    """Return the names of the parameters that the command line sets."""
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is source]
