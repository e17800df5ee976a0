"""`validate`: check case files and recompute every expectation."""

from __future__ import annotations

from collections.abc import Sequence

import click

from . import options, output


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
    corpus = output.corpus(what, sweeps)
    if redundant:
        groups = case_value.redundant(corpus.cases, case_value.kept(corpus, shipped()))
        click.echo("".join(f"{'  '.join(ids)}\n" for ids in groups), nl=False)
        return 1 if groups else 0
    # What a superseded case expected was right in its day.
    problems = [*validate_cases([case for case in corpus.cases if not case.superseded_by]), *lint.lint_corpus(corpus)]
    if not what:
        problems += [
            *specification.check_specification(corpus),
            *lint.check_twins(corpus),
            *lint.check_kept(corpus, shipped()),
        ]
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
        output.write(path, lambda: lock.encoded(locked))
        output.write(beside, lambda: versions.encoded(released))
        click.echo(f"{len(locked)} released cases, and versions {', '.join(released)} of the specification")
    return 0
