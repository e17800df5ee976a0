"""The report as Markdown, for the summary page of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ..core import OPERANDS, VERDICTS, Case
from ..corpus import Clause
from ..records import Group, Ledger, Record, count_alternatives
from .failure_block import Block, block_of, items
from .terminal import unsteady

#: The largest size of a report in bytes, because GitHub refuses a step summary above 1 MiB. Longer reports are cut.
SIZE = 900_000


def render(
    record: Record, cases: Mapping[str, Case], ledger: Ledger, clauses: Mapping[str, Clause] = MappingProxyType({})
) -> str:
    """Return the report as Markdown; blocks beyond `SIZE` bytes are only counted."""
    attributions = [f"{escaped(each.text)}\n" for each in record.attributions]
    parts = ["# Convolution conformance\n", *attributions, _platform(record), _table(record), *_failures(record)]
    found = items(record, cases)
    if found:
        parts.append(f"## Unexpected: {sum(item.verdicts for item in found)}\n")
    size = sum(len(part.encode()) for part in parts)
    for number, item in enumerate(found):
        text = _block(block_of(item, record, cases, ledger))
        size += len(text.encode())
        if size > SIZE:
            left = sum(item.verdicts for item in found[number:])
            parts.append(f"… and {left} more; the record holds all of them.\n")
            break
        parts.append(text)
    return "\n".join([*parts, _unsteady(record, cases, clauses), _known(record), _unsupported(record)])


def _platform(record: Record) -> str:
    suite, machine = record.header["suite"], record.header["platform"]
    cpu, date = f"{machine['cpu']} ({', '.join(machine['flags'])})", record.header.get("date", "")
    return (
        f"conv-conformance {escaped(suite['version'])}, corpus {code(suite['corpus'][:19])}, {escaped(date)}, "
        f"{escaped(cpu)}, Python {escaped(machine['python'])}\n"
    )


def _table(record: Record) -> str:
    counts = {target.name: record.counts(target.name) for target in record.targets}
    shown = [name for name in VERDICTS if name == "agree" or any(counts[target][name] for target in counts)]
    rows = [["target", "version", *shown], ["---", "---", *["---:"] * len(shown)]]
    for target in record.targets:
        rows.append([target.name, target.version, *(str(counts[target.name][name]) for name in shown)])
    return "\n".join("| " + " | ".join(map(escaped, row)) + " |" for row in rows) + "\n"


def _failures(record: Record) -> list[str]:
    lines: list[str] = []
    for target in record.targets:
        if target.failed is not None:
            lines.append(f"**{escaped(target.name)} could not run:** {escaped(target.failed)}\n")
            lines += [*fenced(target.printed), ""] if target.printed else []
    return lines


def _block(shown: Block) -> str:
    verdict = shown.verdict
    targets = ", ".join(map(code, shown.targets))
    label = escaped(shown.label)
    lines = [f"### {verdict.severity or verdict.verdict}: {code(verdict.case)} on {targets}: {label}\n"]
    if shown.title:
        lines.append(f"{escaped(shown.title)} ({escaped(', '.join(shown.clauses))})  ")
        lines.append(f"{escaped(shown.parameters)}  ")
    lines.append(f"{escaped(verdict.message)}\n")
    if shown.group:
        lines += [*(f"- {name}: {escaped(text)}" for name, text in shown.group), ""]
    if shown.details:
        lines += [*fenced([_detail(name, text) for name, text in shown.details], "python"), ""]
    return "\n".join(lines)


def _known(record: Record) -> str:
    known = [group for group in record.groups if group.known is not None]
    lines = ["<details><summary>Known to the ledger</summary>\n", *map(_known_group, known), "\n</details>\n"]
    return "\n".join(lines) if known else ""


def _known_group(group: Group) -> str:
    condition = f", {escaped(group.acts)}" if group.condition.wanted else ""
    on = ", ".join(f"{escaped(name)} {each.seen}" for name, each in group.targets.items())
    return f"- {escaped(group.known or '')}: {group.kind or group.verdict} on {on}{condition}"


def _detail(name: str, text: str) -> str:
    if name == "call":
        return text
    return f"{name} = {text}" if name in OPERANDS else f"# {name:>8}  {text}"


def _unsteady(record: Record, cases: Mapping[str, Case], clauses: Mapping[str, Clause]) -> str:
    lines = [f"- {escaped(line)}" for line in unsteady(count_alternatives(record, cases, clauses))]
    return "\n".join(["## Inconsistent\n", *lines, ""]) if lines else ""


def _unsupported(record: Record) -> str:
    lines = ["<details><summary>Unsupported or not run, with reasons</summary>\n"]
    for target in record.targets:
        reasons = record.reasons(target.name)
        lines += [f"- {escaped(target.name)}: {count} × {escaped(reason)}" for reason, count in reasons.items()]
    return "\n".join([*lines, "\n</details>\n"]) if len(lines) > 1 else ""


def code(text: str) -> str:
    """Return a text as a code span, whose delimiter is longer than any run of backticks in the text."""
    line = " ".join(text.split())
    ticks = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def fenced(lines: Sequence[str], language: str = "") -> Iterator[str]:
    """Yield lines as a code block, whose fence is longer than any run of backticks in the lines."""
    fence = "`" * max(3, 1 + max(map(_longest_run, lines), default=0))
    yield f"{fence}{language}"
    yield from lines
    yield fence


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def escaped(text: str) -> str:
    """Return a text on one line, with the special characters of Markdown escaped."""
    for special in "\\`*_[]<>|#":
        text = text.replace(special, f"\\{special}")
    return " ".join(text.split())
