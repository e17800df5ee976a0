"""
Commands about the corpus itself: `validate`, `mutants`, `export`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from . import options, showing


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@options.sweeps
@click.option("--redundant", is_flag=True, help="List the literal cases that kill and cite the same, and nothing else.")
@click.option("--lock", "is_release", is_flag=True, help="Where all is well, lock what a release has that is new.")
def validate(what: Sequence[str], sweeps: str, redundant: bool, is_release: bool) -> int:
    """
    Check case files, lint literal cases, and recompute every expectation twice.

    Without paths or patterns also the specification, the locks of its versions and of released cases, and what each
    case kills and catches.

    Exit codes: 0 nothing wrong; 1 redundant cases; 2 something wrong.
    """
    from .. import specification
    from ..core import Invalid
    from ..corpus import shipped
    from ..mutants import case_value
    from ..quality import lint, validate_cases
    from ..specification import citation, lock, versions

    if is_release and (what or redundant):
        raise click.UsageError("--lock takes the whole corpus")
    if is_release and not citation.RELEASED:
        raise click.UsageError(
            "--lock is for a release, whose day conformance/specification/citation.py does not name yet"
        )
    corpus = showing.corpus(what, sweeps)
    if redundant:
        groups = case_value.redundant(corpus.cases, case_value.kept(corpus, shipped()))
        click.echo("".join(f"{'  '.join(ids)}\n" for ids in groups), nl=False)
        return 1 if groups else 0
    # What a superseded case expected was right in its day.
    problems = [*validate_cases([case for case in corpus.cases if not case.superseded_by]), *lint.lint_corpus(corpus)]
    if not what:
        problems += [*specification.wrong(corpus), *lint.check_twins(corpus), *lint.check_kept(corpus, shipped())]
    if problems:
        raise Invalid(*problems)
    literal = sum(not case.sweep for case in corpus.cases)
    points = len(corpus.cases) - literal
    counted = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((literal, "literal case"), (points, "sweep point"))
    ]
    click.echo(f"{' and '.join(counted)}: every expectation holds, twice")
    if not what:
        click.echo(f"{len(corpus.clauses)} clauses, each with its reason and an example")
    if is_release:
        path, beside = shipped() / lock.FILE, shipped() / versions.FILE
        locked = lock.grown(corpus.cases, lock.read(path))
        released = versions.grown(versions.read(beside), versions.current(), citation.RELEASED, corpus.clauses)
        showing.write(path, lambda: lock.encoded(locked))
        showing.write(beside, lambda: versions.encoded(released))
        click.echo(f"{len(locked)} released cases, and versions {', '.join(released)} of the specification")
    return 0


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--all", "every", is_flag=True, help="Run every case on every mutant, also once it is noticed.")
@click.option(
    "--with", "strangers", type=options.PATH, metavar="FILE.py", help="Score the mutants of this file instead."
)
@click.option("--json", "target", type=options.PATH, help="Write the score here.")
@click.option("--write", type=options.PATH, help="Write which cases kill which mutants here (needs --all).")
@options.sweeps
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
    """
    Score the corpus by the wrong implementations that it notices.

    Each mutant is an evaluator with one fault, everywhere or under a condition; it runs as a target. One is left alone
    once a case that cites the clause which it breaks has noticed it; --all runs everything. Those that are marked
    `needs: sweep` meet points of sweeps instead, and are left out under --sweeps none.

    --with FILE.py scores a stranger's: its dict `mutants` maps names to functions (call, honest) -> output.

    Exit code 1 if a mutant survives, a literal case notices one that is marked, or a clause is not pinned by the cases
    that cite it.
    """
    from ..mutants import kills, measurement
    from ..reports import mutants as mutation

    if write is not None and (not every or strangers is not None):
        raise click.UsageError("--write needs --all, and no --with")
    progress = partial(mutation.mutant_progress, showing.console(stderr=True))
    scored = measurement.perform(showing.corpus(what, sweeps), progress, strangers=strangers, every=every, jobs=jobs)
    mutation.show(showing.console(stderr=False), scored)
    if target is not None:
        showing.write(target, lambda: mutation.as_json(scored))
    if write is not None:
        showing.write(write, lambda: kills.encoded(scored.kills))
    return scored.exit_code


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@click.option("--json", "target", type=options.PATH, required=True, help="Where to write it (- for standard output).")
@click.option("--sweeps", type=click.Choice(["none", "quick", "full"]), default="none", show_default=True)
@options.mutators
def export(what: Sequence[str], target: Path, sweeps: str, mutators: bool) -> None:
    """Write the corpus as one JSON document, arrays written out, for other languages."""
    import json

    from ..specification import document

    text = json.dumps(document(showing.corpus(what, sweeps, mutators=mutators)), ensure_ascii=False, allow_nan=False)
    if str(target) == "-":
        click.echo(text)
    else:
        showing.write(target, lambda: text + "\n")
