"""`validate`: check case files and recompute every expectation."""

from __future__ import annotations

from collections.abc import Sequence

import click

from . import options, output


@click.command()
@click.argument("what", nargs=-1, metavar="[PATH|ID-PATTERN]...")
@options.sweeps
@click.option(
    "--redundant",
    is_flag=True,
    help="Only list the literal cases that detect the same mutants and cite the same clauses.",
)
@click.option(
    "--lock",
    "is_release",
    is_flag=True,
    help="If all checks pass, record the new cases and the specification as released.",
)
def validate(what: Sequence[str], sweeps: str, redundant: bool, is_release: bool) -> int:
    """
    Check case files and recompute every expectation.

    Two independent formulations compute each expectation, and a linter checks the literal cases.

    Without paths or patterns, `validate` also checks the specification, the locks of its released versions and of
    released cases, and the stored list of mutants and faults that each case detects.

    Exit codes: 0 no problem; 1 --redundant found redundant cases; 2 invalid usage, or a problem was found.
    """
    from .. import specification
    from ..core import Invalid
    from ..corpus import shipped
    from ..mutants import case_value
    from ..quality import lint, validate_cases
    from ..specification import citation, lock, versions

    if is_release and (what or redundant):
        raise click.UsageError("--lock needs the whole corpus: omit paths, patterns and --redundant")
    if is_release and not citation.RELEASED:
        raise click.UsageError(
            "--lock needs a release: set RELEASED in conformance/specification/citation.py to the release date first"
        )
    corpus = output.corpus(what, sweeps)
    if redundant:
        groups = case_value.redundant(corpus.cases, case_value.kept(corpus, shipped()))
        click.echo("".join(f"{'  '.join(ids)}\n" for ids in groups), nl=False)
        return 1 if groups else 0
    # Skip superseded cases: their expectations were correct under an earlier version of the specification.
    judged = [case for case in corpus.cases if not case.superseded_by]
    problems = [*validate_cases(judged, corpus.clauses), *lint.lint_corpus(corpus)]
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
    click.echo(f"{' and '.join(counted)}: both formulations confirm every expectation")
    if not what:
        click.echo(f"{len(corpus.clauses)} clauses, each with a rationale and an example")
    if is_release:
        path, beside = shipped() / lock.FILE, shipped() / versions.FILE
        locked = lock.grown(corpus.cases, lock.read(path))
        released = versions.grown(versions.read(beside), versions.current(), citation.RELEASED, corpus.clauses)
        output.write(path, lambda: lock.encoded(locked))
        output.write(beside, lambda: versions.encoded(released))
        click.echo(f"{len(locked)} released cases; released versions of the specification: {', '.join(released)}")
    return 0
