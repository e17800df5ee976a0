"""
The command line. Holds no logic of its own: it reads options, calls the engine and shows what came of it.

The engine is imported inside the commands, so that `--help` costs no NumPy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from . import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from .case import Case
    from .changes import Comparison
    from .corpus import Corpus
    from .ledger import Ledger

UNUSABLE, NOT_RUN, OUR_FAULT, INTERRUPTED = 2, 3, 4, 130

_PATH = click.Path(path_type=Path, dir_okay=False)

_sweeps = click.option(
    "--sweeps",
    type=click.Choice(["none", "quick", "full"]),
    default="quick",
    show_default=True,
    help="Which sweeps to take besides the literal cases.",
)

_shard = click.option("--shard", metavar="I/N", help="Take the I-th of N parts of the cases.")

#: As in `changes.WORSE`.
_fail_on = click.option(
    "--fail-on",
    metavar="CHANGE,...",
    default="regressed,refuses,unsupported",
    show_default=True,
    help="Exit 1 on these changes.",
)

_mutators = click.option("--mutators", is_flag=True, help="Take also what mechanical mutators make of literal cases.")


def main() -> NoReturn:
    """
    Run the command line and exit with its code.
    """
    is_debug = "--debug" in sys.argv
    try:
        sys.exit(commands(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(UNUSABLE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except Exception as error:
        from .problem import Invalid

        if isinstance(error, Invalid):
            _complain(error)
            sys.exit(UNUSABLE)
        if is_debug:
            raise
        click.echo(f"fault in the suite: {type(error).__name__}: {error} (--debug shows where)", err=True)
        sys.exit(OUR_FAULT)


def _complain(error: Exception) -> None:
    for line in str(error).splitlines():
        click.echo(line, err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="conv-conformance")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def commands(debug: bool) -> None:
    """A conformance suite for convolution layers: who computes something else, what, and why."""


@commands.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode][@device].")
@click.option("--all", "every", is_flag=True, help="Take the compiled and other surfaces as well.")
@_sweeps
@_mutators
@click.option("--ops", metavar="OP,...", help="Only these operations.")
@click.option("--dtypes", metavar="DTYPE,...", help="Only calls whose input has one of these dtypes.")
@click.option("--profile", help="Only cases of this profile's clauses.")
@_shard
@click.option("--jobs", type=click.IntRange(1), help="Targets at once.  [default: number of cores]")
@click.option("--timeout", type=click.FloatRange(0.01), default=60.0, show_default=True, help="Seconds for one call.")
@click.option("--preload", multiple=True, metavar="MODULE", help="Import this first, such as a device plugin.")
@click.option("--audit", is_flag=True, help="Ask also what the adapters say cannot be said.")
@click.option("--known", "ledgers", multiple=True, type=_PATH, help="A ledger of your own, besides the shipped one.")
@click.option("--no-known", is_flag=True, help="Leave the shipped ledger out.")
@click.option("--strict-known", is_flag=True, help="Exit 1 if the ledger says what is no longer so.")
@click.option(
    "--fail-on",
    metavar="WORD,...",
    help="Exit 1 on these: silent, loud, precision, unsupported, fixed.  [default: the first 3, under --profile 4]",
)
@click.option("--record", type=_PATH, help="Write the record (JSON Lines) here.")
@click.option("--resume", type=_PATH, metavar="RECORD", help="Go on with a record that was cut short, as it was begun.")
@click.option("--junit", type=_PATH, help="Write JUnit XML here.")
@click.option("--markdown", type=_PATH, help="Write Markdown here, for $GITHUB_STEP_SUMMARY.")
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
    audit: bool,
    ledgers: Sequence[Path],
    no_known: bool,
    strict_known: bool,
    fail_on: str | None,
    record: Path | None,
    resume: Path | None,
    junit: Path | None,
    markdown: Path | None,
) -> int:
    """Run cases on targets and report every disagreement.

    Without -b, every installed framework; without a path or pattern, the whole corpus.

    Exit codes: 0 nothing unexpected; 1 an unexpected disagreement, crash or timeout; 2 invalid usage or file;
    3 a target could not run; 4 a fault of the suite or an adapter; 130 interrupted.
    """
    from . import campaign, candidates, resuming
    from . import targets as all_targets
    from .problem import Invalid
    from .run import Runner
    from .terms import Limits, Terms

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
        "preload": list(preload),
        "backends": list(backends),
        "every": every,
        "ledgers": list(map(str, ledgers)),
        "no_known": no_known,
    }
    earlier = resuming.begun(resume) if resume is not None else None
    if resume is not None and earlier is not None:
        asked = resuming.agreed(resume, earlier.header, {name: asked[name] for name in _given() if name in asked})
    words = campaign.failures(fail_on, asked["profile"])
    selection, cases = campaign.chosen(asked)
    ledger, about = campaign.ledger(asked["ledgers"], shipped=not asked["no_known"])
    try:
        adapters = all_targets.named(asked["backends"], every=asked["every"])
        adapters = candidates.placed(adapters, (), lambda line: click.echo(line, err=True))
    except Invalid as error:
        _complain(error)
        return NOT_RUN
    terms = Terms(limits=Limits(timeout=timeout), preload=tuple(asked["preload"]), audit=asked["audit"])
    runner = Runner(terms=terms, ledger=ledger, jobs=jobs or campaign.cores())
    begun = campaign.Campaign(
        selection=selection, cases=cases, adapters=adapters, runner=runner, ledger=about, fail_on=words
    )
    with ExitStack() as stack:
        made = begun.perform(_console(stderr=True), stack, record or resume, earlier)
    _show(made.record, cases, ledger, junit=junit, markdown=markdown)
    is_debug = click.get_current_context().find_root().params["debug"]
    for note in [*made.notes, *(made.tracebacks if is_debug else ())]:
        click.echo(note)
    return made.run.exit_code(strict_known=strict_known, fail_on=words)


def _given() -> list[str]:
    """
    Return the names of the parameters that stand on the command line.
    """
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is source]


@commands.command()
@click.option("--of", "package", metavar="PACKAGE", help="Only the names that `run` takes by default of a framework.")
def targets(package: str | None) -> None:
    """List the targets: installed or not, with their modes."""
    from . import targets as all_targets

    if package is not None:
        from .candidates import affected

        click.echo("".join(f"{adapter}\n" for adapter in affected(package, ())), nl=False)
        return
    for name, locator in all_targets.known().items():
        missing = all_targets.missing(name)
        state = f"not installed (no {', '.join(missing)})" if missing else "installed"
        click.echo(f"{name:<18} {state}")
        for mode, about in all_targets.modes_of(locator).items():
            click.echo(f"  {f'+{mode}' if mode else 'plain':<16} {about}")


@commands.command("list")
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--sweeps", type=click.Choice(["none", "quick", "full"]), default="none", show_default=True)
@_mutators
@_shard
def list_(what: Sequence[str], sweeps: str, mutators: bool, shard: str | None) -> None:
    """List case ids, with their titles on a terminal."""
    from .selection import sharded

    cases = sharded(_corpus(what, sweeps, mutators=mutators), shard).cases
    if not sys.stdout.isatty():
        click.echo("".join(f"{case.id}\n" for case in cases), nl=False)
        return
    for case in cases:
        click.echo(f"{click.style(case.id, bold=True)}\n  {case.title} [{', '.join(case.clauses)}]")


@commands.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@_sweeps
@click.option("--redundant", is_flag=True, help="List the literal cases that kill and cite the same, and nothing else.")
@click.option("--lock", "is_release", is_flag=True, help="Where all is well, lock the cases that are new.")
def validate(what: Sequence[str], sweeps: str, redundant: bool, is_release: bool) -> int:
    """Check case files, lint literal cases, and recompute every expectation twice.

    Without paths or patterns also the specification, the lock of released cases, and what each case kills and catches.

    Exit codes: 0 nothing wrong; 1 redundant cases; 2 something wrong.
    """
    from . import lint, lock, specification, worth
    from .corpus import shipped
    from .problem import Invalid
    from .validation import check

    if is_release and (what or redundant):
        raise click.UsageError("--lock takes the whole corpus")
    corpus = _corpus(what, sweeps)
    if redundant:
        groups = worth.redundant(corpus.cases, worth.kept(corpus, shipped()))
        click.echo("".join(f"{'  '.join(ids)}\n" for ids in groups), nl=False)
        return 1 if groups else 0
    problems = [*check(corpus.cases), *lint.check(corpus)]
    if not what:
        problems += [*specification.wrong(corpus), *lint.check_kept(corpus, shipped())]
    if problems:
        raise Invalid(*problems)
    literal = sum(not case.sweep for case in corpus.cases)
    click.echo(
        f"{literal} literal cases and {len(corpus.cases) - literal} sweep points: every expectation holds, twice"
    )
    if not what:
        click.echo(f"{len(corpus.clauses)} clauses, each with its reason and an example")
    if is_release:
        path = shipped() / lock.FILE
        locked = lock.grown(corpus.cases, lock.read(path))
        _write(path, lambda: lock.encoded(locked))
        click.echo(f"{len(locked)} released cases")
    return 0


@commands.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--all", "every", is_flag=True, help="Run every case on every mutant, also once it is noticed.")
@click.option("--with", "strangers", type=_PATH, metavar="FILE.py", help="Score the mutants of this file instead.")
@click.option("--json", "target", type=_PATH, help="Write the score here.")
@click.option("--write", type=_PATH, help="Write which cases kill which mutants here (needs --all).")
@_sweeps
@click.option("--jobs", type=click.IntRange(1), help="Mutants at once.  [default: number of cores]")
def mutants(
    what: Sequence[str],
    every: bool,
    strangers: Path | None,
    target: Path | None,
    write: Path | None,
    sweeps: str,
    jobs: int | None,
) -> int:
    """Score the corpus by the wrong implementations that it notices.

    Each mutant is an evaluator with one fault, everywhere or under a condition; it runs as a target. One is left alone
    once a case that cites the clause which it breaks has noticed it; --all runs everything. Those that are marked
    `needs: sweep` meet points of sweeps instead, and are left out under --sweeps none.

    --with FILE.py scores a stranger's: its dict `mutants` maps names to functions (call, honest) -> output.

    Exit code 1 if a mutant survives, a literal case notices one that is marked, or a clause is not pinned by the cases
    that cite it.
    """
    from .mutants import audit, kills
    from .reports import mutation

    if write is not None and (not every or strangers is not None):
        raise click.UsageError("--write needs --all, and no --with")
    scored = audit.perform(_corpus(what, sweeps), _console(stderr=True), strangers=strangers, every=every, jobs=jobs)
    mutation.show(_console(stderr=False), scored)
    if target is not None:
        _write(target, lambda: mutation.as_json(scored))
    if write is not None:
        _write(write, lambda: kills.encoded(scored.kills))
    return scored.exit_code


@commands.command()
@click.option("--record", type=_PATH, help="Draft entries for what is unexpected in this record.")
@click.option("--write", type=_PATH, metavar="FILE", help="Where to write the draft (- for standard output).")
def known(record: Path | None, write: Path | None) -> None:
    """List what the ledger knows to be wrong, or draft entries for it."""
    if write is None:
        for entry in _ledger((), shipped=True).entries:
            versions = str(entry.versions) or "every version"
            click.echo(f"{click.style(entry.id, bold=True)}  {', '.join(entry.targets)} {versions}")
            click.echo(f"  {entry.reason}\n  {entry.link}")
        return
    if record is None:
        raise click.UsageError("--write needs --record FILE, the record of a run")
    from datetime import date

    from .drafts import draft
    from .record import read

    text = draft(_grouped(read(record)), date.today().isoformat())
    if str(write) == "-":
        click.echo(text, nl=False)
    else:
        _write(write, lambda: text)


@commands.command()
@click.argument("records", type=_PATH, nargs=-1, required=True, metavar="RECORD...")
@click.option("--record", type=_PATH, help="Write the whole record here.")
@click.option("--condensed", type=_PATH, help="Write a record here that only counts agreements and what was not run.")
@click.option("--junit", type=_PATH, help="Write JUnit XML here.")
@click.option("--markdown", type=_PATH, help="Write Markdown here, for $GITHUB_STEP_SUMMARY.")
def report(
    records: Sequence[Path], record: Path | None, condensed: Path | None, junit: Path | None, markdown: Path | None
) -> None:
    """Show a record again, on the terminal or as a file.

    Several records are shown as one, if they are of runs that differ in --shard or in targets.
    """
    from . import merging
    from .gathering import grouped
    from .record import read, write

    merged = merging.merged({path: read(path) for path in dict.fromkeys(records)})
    corpus = _corpus((), _sweeps_of(merged))
    whole = grouped(merged, {case.id: case for case in corpus.cases})
    if record is not None:
        write(whole, record)
    if condensed is not None:
        write(merging.condensed(whole, corpus), condensed)
    _show(whole, corpus, _ledger((), shipped=True), junit=junit, markdown=markdown)


@commands.command()
@click.argument("before", type=_PATH)
@click.argument("after", type=_PATH)
@_fail_on
@click.option(
    "--slower", type=click.FloatRange(1.0), metavar="FACTOR", help="Tell also of calls that take this much longer."
)
@click.option("--json", "target", type=_PATH, help="Write every change here as JSON.")
@click.option("--markdown", type=_PATH, help="Write Markdown here, for $GITHUB_STEP_SUMMARY.")
def diff(
    before: Path, after: Path, fail_on: str, slower: float | None, target: Path | None, markdown: Path | None
) -> int:
    """Say what changed between two records: of two versions, two devices, or without and with a flag.

    Changes: regressed, wrong-otherwise, refuses, unsupported, slower, precision, alternative, moved (still right, with
    other bits), fixed, supported, only-before, only-after.

    Exit codes: 0 no change that --fail-on names; 1 such a change; 2 invalid usage or record; 3 nothing was judged by
    both.
    """
    from . import changes
    from .record import read

    wanted = changes.named(fail_on)
    records = {path: read(path) for path in (before, after)}
    changes.check_whole(records)
    corpus = _corpus((), max((_sweeps_of(record) for record in records.values()), key=["none", "quick", "full"].index))
    cases = {case.id: case for case in corpus.cases}
    found = changes.compared(records[before], records[after], cases, slower=slower)
    return _show_comparison(found, cases, wanted, target, markdown)


def _show_comparison(
    found: Comparison,
    cases: Mapping[str, Case],
    wanted: Sequence[str],
    target: Path | None,
    markdown: Path | None,
    *,
    is_advised: bool = False,
) -> int:
    import json

    from .reports import comparison

    ledger, console = _ledger((), shipped=True), _console(stderr=False)
    comparison.show(console, found, cases, ledger)
    if not any(found.judged.values()):
        return NOT_RUN
    if is_advised:
        console.print(comparison.advice(found), soft_wrap=not console.is_terminal)
    if target is not None:
        _write(target, lambda: json.dumps(comparison.as_json(found), indent=1, ensure_ascii=False) + "\n")
    if markdown is not None:
        _write(markdown, lambda: comparison.markdown(found, cases, ledger))
    return int(any(change.change in wanted for change in found.changes))


@commands.command()
@click.argument("candidate")
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--against", metavar="BASE", help="The release to hold it against.  [default: what is installed]")
@click.option("--env", "place", type=click.Path(path_type=Path), help="An environment that has the candidate.")
@click.option("-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode].")
@_sweeps
@click.option("--jobs", type=click.IntRange(1), help="Targets at once.  [default: number of cores]")
@_fail_on
@click.option("--index-url", metavar="URL", help="Where pip looks for packages.")
@click.option("--pip-args", metavar="ARGS", default="", help="More words for pip install.")
@click.option("--record", type=_PATH, help="Write the record (JSON Lines) of both here.")
@click.option("--json", "target", type=_PATH, help="Write every change here as JSON.")
@click.option("--markdown", type=_PATH, help="Write Markdown here, for $GITHUB_STEP_SUMMARY.")
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
) -> int:
    """Say whether a release is safe for what works with another one.

    CANDIDATE is torch==2.13.0, or torch for the newest. Both run the same cases, in environments that are made with
    pip and kept (see `environments`); everything else is the same on both sides, or is listed.

    Exit codes: 0 nothing that --fail-on names; 1 something is worse; 2 invalid usage; 3 it could not be judged.
    """
    import shlex

    from . import candidates, changes, environments
    from .problem import Invalid
    from .selection import Selection

    console = _console(stderr=True)
    wanted = changes.named(fail_on)
    pip = [*(["--index-url", index_url] if index_url else []), *shlex.split(pip_args)]
    asked, base = candidates.requirement(candidate), candidates.requirement(against) if against else None
    adapters = candidates.affected(asked.name, backends)
    corpus = _corpus(what, sweeps)

    def tell(line: str) -> None:
        console.print(line, soft_wrap=True)

    try:
        before = candidates.side(adapters, base and environments.resolved(base, pip), pip, tell)
        if place is not None:
            after = candidates.at(adapters, place)
        else:
            after = candidates.side(adapters, environments.resolved(asked, pip), pip, tell)
        selection = Selection(what=list(what), sweeps=sweeps)  # type: ignore[arg-type]
        made = candidates.run(selection, corpus, before, after, jobs, console, record)
    except Invalid as error:
        _complain(error)
        return NOT_RUN
    cases = {case.id: case for case in corpus.cases}
    found = candidates.compared(made, before, after, cases)
    return _show_comparison(found, cases, wanted, target, markdown, is_advised=True)


@commands.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--json", "target", type=_PATH, required=True, help="Where to write it (- for standard output).")
@click.option("--sweeps", type=click.Choice(["none", "quick", "full"]), default="none", show_default=True)
@_mutators
def export(what: Sequence[str], target: Path, sweeps: str, mutators: bool) -> None:
    """Write the corpus as one JSON document, arrays written out, for other languages."""
    import json

    from .export import document

    text = json.dumps(document(_corpus(what, sweeps, mutators=mutators)), ensure_ascii=False, allow_nan=False)
    if str(target) == "-":
        click.echo(text)
    else:
        _write(target, lambda: text + "\n")


@commands.command("environments")
@click.option("--prune", is_flag=True, help="Remove them all.")
def environments_(prune: bool) -> None:
    """List the environments that `check` has made and kept, with their sizes."""
    from . import environments

    if prune:
        count, size = environments.pruned()
        click.echo(f"{count} environments removed, {size / 1e9:.1f} GB")
        return
    for home, size in environments.kept().items():
        click.echo(f"{size / 1e9:6.1f} GB  {home}")


def _grouped(record: Any) -> Any:
    from .gathering import grouped, lacks_groups

    # To find the groups that an older record lacks takes the whole corpus.
    cases = _corpus((), _sweeps_of(record)).cases if lacks_groups(record) else ()
    return grouped(record, {case.id: case for case in cases})


def _sweeps_of(record: Any) -> str:
    # To build all sweeps takes many seconds; a record that does not say which it has may have any.
    sweeps: str = record.header.get("selection", {}).get("sweeps", "full")
    return sweeps


def _show(record: Any, corpus: Corpus, ledger: Ledger, *, junit: Path | None, markdown: Path | None) -> None:
    from .reports.terminal import show

    cases = {case.id: case for case in corpus.cases}
    show(_console(stderr=False), record, cases, ledger, corpus.clauses)
    if junit is not None:
        from .reports.junit import render as junit_text

        _write(junit, lambda: junit_text(record, cases))
    if markdown is not None:
        from .reports.markdown import render as markdown_text

        _write(markdown, lambda: markdown_text(record, cases, ledger, corpus.clauses))


def _write(path: Path, text: Callable[[], str]) -> None:
    from .problem import Invalid, Problem

    try:
        path.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise Invalid(Problem(path=str(path), message=f"cannot be written: {error.strerror}")) from error


def _corpus(what: Sequence[str], sweeps: str, *, mutators: bool = False) -> Corpus:
    from . import campaign

    return campaign.corpus(what, sweeps, mutators=mutators)


def _ledger(paths: Sequence[Path], *, shipped: bool) -> Ledger:
    from . import entries

    return entries.load([*(entries.shipped() if shipped else []), *paths])


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    # Import strings and messages are said as they are: `:X:` in one is no emoji, brackets no markup.
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)


def _split(text: str | None) -> list[str]:
    return text.split(",") if text else []
