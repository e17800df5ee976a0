"""`run`: run cases on targets."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from ..core import POLICIES
from . import exit_codes, options, output

if TYPE_CHECKING:
    from ..records import Ledger
    from ..running import RunOptions


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
def run(**words: Any) -> int:
    """
    Run cases on targets and report every disagreement.

    Without -b, every installed framework; without a path or pattern, the whole corpus.

    Exit codes: 0 nothing unexpected; 1 an unexpected disagreement, crash or timeout; 2 invalid usage or file;
    3 a target could not run; 4 a fault of the suite or an adapter; 130 interrupted.
    """
    from ..core import Invalid
    from ..running import Invocation, Runner, invocation, release_check, resumption
    from ..workers import targets

    asked = _options(words)
    earlier = resumption.begun(asked.resume) if asked.resume is not None else None
    if earlier is not None:
        asked = asked.resumed(earlier, _given())
    cases = invocation.chosen(asked.selection)
    ledger, about = invocation.ledger(asked.ledgers, shipped=not asked.no_known)
    _warn_of_drafts(ledger)
    try:
        adapters = targets.named_targets(asked.backends, every=asked.every)
        adapters = release_check.placed(adapters, (), lambda line: click.echo(line, err=True))
    except Invalid as error:
        output.complain(error)
        return exit_codes.NOT_RUN
    begun = Invocation(
        selection=asked.selection,
        cases=cases,
        adapters=adapters,
        runner=Runner(terms=asked.terms, ledger=ledger, jobs=asked.jobs or invocation.core_count()),
        ledger=about,
        fail_on=asked.fail_on,
        has_tap_audit=asked.tap_audit,
    )
    with ExitStack() as stack:
        progress = output.progress(output.console(stderr=True))
        made = begun.perform(progress, stack, asked.record or asked.resume, earlier)
    output.report(made.record, cases, ledger, asked.reports)
    is_debug = click.get_current_context().find_root().params["debug"]
    for note in [*made.notes, *(made.tracebacks if is_debug else ())]:
        click.echo(note)
    return made.run.exit_code(strict_known=asked.strict_known, fail_on=asked.fail_on)


def _options(words: dict[str, Any]) -> RunOptions:
    """Return the options from the parameters of the command line; lists are what a record would hold."""
    from ..running import RunOptions, invocation

    if words["resume"] is not None and words["record"] is not None:
        raise click.UsageError("--resume writes on where its record ends; leave --record out")
    reports = {name: words.pop(name) for name in options.REPORTS}
    lists: dict[str, Any] = {name: list(words.pop(name)) for name in ("what", "preload", "backends")}
    split: dict[str, Any] = {name: text.split(",") if (text := words.pop(name)) else [] for name in ("ops", "dtypes")}
    ledgers = list(map(str, words.pop("ledgers")))
    fail_on = list(invocation.failures(words.pop("fail_on"), words["profile"]))
    return RunOptions(**lists, **split, ledgers=ledgers, fail_on=fail_on, reports=reports, **words)


def _warn_of_drafts(ledger: Ledger) -> None:
    for entry in ledger.entries:
        if entry.unwritten:
            place = f"{entry.path}:{entry.line}: {entry.id}"
            click.echo(f"{place}: still to be written: {', '.join(entry.unwritten)}", err=True)


def _given() -> list[str]:
    """Return the names of the parameters that stand on the command line."""
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is source]
