"""Functions that the commands share: load the corpus and the ledger, print to the terminal and write reports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import exit_codes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..analysis import Comparison
    from ..core import Problem
    from ..corpus import Corpus
    from ..records import Ledger
    from ..running import Progress


def complain(error: Exception) -> None:
    """Print an error on standard error, one line for each problem."""
    for line in str(error).splitlines():
        say(line)


def say(line: str) -> None:
    """Print a line on standard error; ignore write errors."""
    with suppress(OSError):
        click.echo(line, err=True)


def console(*, stderr: bool) -> Console:
    """Return a console on standard output or standard error; the console ignores a broken pipe."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            # The reader, such as `head`, has exited. The command continues: it writes its files and sets its exit code.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.file.fileno())
            os.close(null)

    # Messages are printed literally: `:X:` is not an emoji, and brackets are not markup.
    return Piped(stderr=stderr, highlight=False, emoji=False, markup=False)


def progress(console: Console) -> Progress:
    """Return the progress display of a run on a console."""
    from ..reports import run_progress

    return partial(run_progress, console)


def corpus(what: Sequence[str], sweeps: str, *, mutators: bool = False) -> Corpus:
    """Return the cases that paths and id patterns select; raises Invalid if a path or pattern is wrong."""
    from ..running import invocation

    return invocation.corpus(what, sweeps, mutators=mutators)


def lines(labelled: Iterable[tuple[str, str]]) -> Table:
    """Return (label, text) pairs as a table without borders."""
    from rich.table import Column, Table
    from rich.text import Text

    # Long texts continue on the next line; nothing is cut off.
    table = Table.grid("", Column(overflow="fold"), padding=(0, 2))
    for name, value in labelled:
        table.add_row(Text(name), Text(value))
    return table


def ledger() -> Ledger:
    """Return the shipped ledger."""
    from ..records import ledger_files

    return ledger_files.load(ledger_files.shipped())


def sweeps_of(record: Any) -> str:
    """Return which sweeps a record contains: none, quick or full."""
    # A record without this field may contain points of any sweep, so `full` is needed, which takes many seconds.
    sweeps: str = record.header.get("selection", {}).get("sweeps", "full")
    return sweeps


def write(path: Path, text: Callable[[], str]) -> None:
    """Write a text to a file; raises Invalid if the file cannot be written."""
    from ..core import writing

    with writing(path):
        path.write_text(text(), encoding="utf-8")


def report(record: Any, cases: Corpus, known: Ledger, files: Mapping[str, Path | None]) -> None:
    """
    Print the report of a record and write the requested files; `files` maps the keys of `options.REPORTS` to paths.

    If a file cannot be written, the other files are still written, and the error is raised at the end.
    """
    from ..core import writing
    from ..reports import badge, html, junit, markdown, terminal

    by_id = {case.id: case for case in cases.cases}
    texts: Mapping[str, Callable[[], str]] = {
        "junit": lambda: junit.render(record, by_id),
        "markdown": lambda: markdown.render(record, by_id, known, cases.clauses),
        "html": lambda: html.render(record, cases, known),
        "badge": lambda: badge.render(record),
    }

    def show() -> None:
        with writing("standard output"):
            terminal.show(console(stderr=False), record, by_id, known, cases.clauses)

    _run_all([show, *(partial(write, path, texts[name]) for name, path in files.items() if path is not None)])


def _run_all(steps: Sequence[Callable[[], None]]) -> None:
    """Run every step, even after one fails; raises Invalid with the problems of all steps."""
    from ..core import Invalid

    problems: list[Problem] = []
    for step in steps:
        try:
            step()
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(*problems)


def comparison(
    found: Comparison,
    corpus: Corpus,
    *,
    data: Path | None,
    markdown: Path | None,
    html: Path | None,
    is_advised: bool,
) -> None:
    """Print the changes between two records, and write the requested files."""
    from ..reports import diff as reports

    known, out, cases = ledger(), console(stderr=False), {case.id: case for case in corpus.cases}
    reports.show(out, found, cases, known)
    if is_advised and any(found.judged.values()):
        out.print(reports.advice(found), soft_wrap=not out.is_terminal)
    if data is not None:
        write(data, lambda: json.dumps(reports.as_json(found), indent=1, ensure_ascii=False) + "\n")
    if markdown is not None:
        write(markdown, lambda: reports.markdown(found, cases, known))
    if html is not None:
        from ..reports import html as pages

        notes = [reports.advice(found)] if is_advised else []
        write(html, lambda: pages.compared(found, corpus, known, notes))


def outcome(found: Comparison, fail_on: Sequence[str]) -> int:
    """Return the exit code of a comparison."""
    if any(any(found.faults(pair)) for pair in found.pairs):
        return exit_codes.OUR_FAULT
    if not any(found.judged.values()):
        return exit_codes.NOT_RUN
    return int(any(change.change in fail_on for change in found.changes))
