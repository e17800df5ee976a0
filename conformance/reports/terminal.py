"""The report on a terminal or in a log: attributions, a block for each disagreement or group, a table of verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import groupby
from types import MappingProxyType

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..core import VERDICTS, Case, Verdict
from ..corpus import Clause
from ..records import Followed, Ledger, Record, TargetInfo, count_alternatives, inconsistent_targets
from .failure_block import Block, block_of, describe_failure, items

#: The largest number of blocks that are shown; further blocks are only counted.
SHOWN = 25

STYLES = {
    "agree": "green",
    "disagree": "bold red",
    "known": "yellow",
    "fixed": "cyan",
    "unsupported": "dim",
    "not-run": "dim",
    "crash": "bold red",
    "timeout": "bold red",
    "suite-error": "bold magenta",
}
#: Column headers broken into two lines, for a narrow terminal.
BROKEN = {
    "disagree": "dis-\nagree",
    "unsupported": "unsup-\nported",
    "not-run": "not-\nrun",
    "timeout": "time-\nout",
    "suite-error": "suite-\nerror",
}
_SEVERITY = {"silent": "bold red", "loud": "red", "precision": "yellow"}


def show(
    console: Console,
    record: Record,
    cases: Mapping[str, Case],
    ledger: Ledger,
    clauses: Mapping[str, Clause] = MappingProxyType({}),
) -> None:
    """Print the report of a record."""
    for each in record.attributions:
        console.print(Text(each.text, "bold"), soft_wrap=not console.is_terminal)
    if record.attributions:
        console.print()
    found = items(record, cases)
    for item in found[:SHOWN]:
        _show_block(console, block_of(item, record, cases, ledger))
    if left := sum(item.verdicts for item in found[SHOWN:]):
        console.print(f"… and {left} more, all of them in the record (--record FILE)\n", style="bold")
    console.print(counted(console, record), soft_wrap=not console.is_terminal)
    _show_notes(console, record)
    for line in unsteady(count_alternatives(record, cases, clauses)):
        console.print(Text(f"inconsistent: {line}", "yellow"), soft_wrap=not console.is_terminal)


def block_text(verdict: Verdict, case: Case | None, ledger: Ledger) -> str:
    """Return one block as plain text, for reports that are not printed on a terminal."""
    file = StringIO()
    _show_block(Console(file=file, width=100, no_color=True, highlight=False), describe_failure(verdict, case, ledger))
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())


def counted(console: Console, record: Record) -> Table | Text:
    """Return the counts of verdicts in the widest form that fits: table, table with two-line headers, lines of text."""
    wide = console.options.update(max_width=10_000)
    for headers in ({}, BROKEN):
        made = table(record, headers)
        if Measurement.get(console, wide, made).maximum <= console.width:
            return made
    return Text("\n".join(_counts(record, target) for target in record.targets))


def table(record: Record, headers: Mapping[str, str]) -> Table:
    """
    Return the table of targets and verdicts; a column of zeros is left out, except for `agree` and `disagree`.

    `headers` maps verdicts to the headers that replace their names.
    """
    counts = {target.name: record.counts(target.name) for target in record.targets}
    always = ("agree", "disagree")
    shown = [name for name in VERDICTS if name in always or any(counts[target][name] for target in counts)]
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("target", no_wrap=True)
    made.add_column("version", no_wrap=True)
    for name in shown:
        made.add_column(headers.get(name, name), justify="right", no_wrap=True)
    for target in record.targets:
        cells = [_count(name, counts[target.name][name]) for name in shown]
        made.add_row(Text(target.name), Text(_version(target)), *cells)
    return made


def _version(target: TargetInfo) -> str:
    return target.version if target.failed is None else "could not run"


def _counts(record: Record, target: TargetInfo) -> str:
    counts = record.counts(target.name)
    text = ", ".join(f"{name} {counts[name]}" for name in VERDICTS if counts[name])
    return f"{target.name} {_version(target)}: {text}"


def _count(name: str, count: int) -> Text:
    return Text(str(count), style=STYLES[name] if count else "dim")


def _show_block(console: Console, shown: Block) -> None:
    verdict = shown.verdict
    severity = verdict.severity or {"suite-error": "the suite's own fault"}.get(verdict.verdict, verdict.verdict)
    head = Text.assemble(
        (severity, _SEVERITY.get(severity, "bold magenta")),
        "  ",
        (verdict.case, "bold"),
        "  ",
        ", ".join(shown.targets),
        "  ",
    )
    head.append(shown.label, _SEVERITY.get(severity, "bold magenta"))
    console.print(head, soft_wrap=not console.is_terminal)
    body = [f"{shown.title} [{', '.join(shown.clauses)}]"] if shown.title else []
    body += [shown.parameters] if shown.parameters else []
    body += [" ".join(verdict.message.split())]
    for text in body:
        console.print(Text(text), soft_wrap=not console.is_terminal)
    for name, text in [*shown.group, *shown.details]:
        console.print(Text.assemble((f"{name:>8}", "dim"), "  ", text), soft_wrap=True)
    if shown.link:
        console.print(Text(f"    link  {shown.link}", "dim"), soft_wrap=True)
    console.print()


def _show_notes(console: Console, record: Record) -> None:
    for target in record.targets:
        if target.failed is not None:
            line = Text(f"{target.name} could not run: {target.failed}", "bold red")
            console.print(line, soft_wrap=not console.is_terminal)
            for printed in target.printed:
                console.print(Text(f"  | {printed}", "dim"), soft_wrap=True)
    fixed = [(verdict.target, verdict.known, verdict.case) for verdict in record.verdicts if verdict.verdict == "fixed"]
    for (target, entry), group in groupby(sorted(fixed), key=lambda each: each[:2]):
        cases = ", ".join(case for _, _, case in group)
        text = f"fixed: {target} agrees, although ledger entry {entry} expects a disagreement: {cases}"
        console.print(Text(text, "cyan"), soft_wrap=not console.is_terminal)
    if "unsupported" in record.fail_on:
        for target in record.targets:
            _show_unsupported(console, record, target.name)
    if not record.is_complete:
        console.print(Text("the run did not finish", "bold yellow"))


def _show_unsupported(console: Console, record: Record, target: str) -> None:
    """Print the reasons for unsupported calls with counts, for a run that fails on unsupported calls."""
    messages = [each.message for each in record.verdicts if (each.target, each.verdict) == (target, "unsupported")]
    for reason, count in Counter(messages).most_common():
        line = f"unsupported: {target} cannot express {count} required {'case' if count == 1 else 'cases'}: {reason}"
        console.print(Text(line, "bold red"), soft_wrap=not console.is_terminal)


def unsteady(found: Followed) -> list[str]:
    """Return a line for each target that follows several alternatives of one clause, with the counts of each."""
    return [
        f"{target} follows several alternatives: "
        + "; ".join(f"{clause} {_counted(names)}" for clause, names in sorted(clauses.items()))
        for target, clauses in inconsistent_targets(found).items()
    ]


def _counted(names: Counter[str]) -> str:
    """Return a text of alternatives with counts, such as `computes 4, refuses 2`."""
    return ", ".join(f"{name} {count}" for name, count in names.most_common())


def reasons(verdicts: Sequence[Verdict]) -> Mapping[str, int]:
    """Return the reasons why calls were unsupported or not run, with their counts; the most frequent reason first."""
    counted: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.verdict in ("unsupported", "not-run"):
            counted[verdict.message] = counted.get(verdict.message, 0) + 1
    return dict(sorted(counted.items(), key=lambda item: -item[1]))
