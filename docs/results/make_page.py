"""
Write docs/results/index.md from a record and the ledger.

Run it from the root of the repository: `python docs/results/make_page.py docs/results/cpu.jsonl`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conv_conformance import corpus, entries
from conv_conformance.alternatives import followed
from conv_conformance.case import Case
from conv_conformance.clauses import Clause
from conv_conformance.ledger import Entry
from conv_conformance.record import Record, read
from conv_conformance.reports.markdown import escaped
from conv_conformance.reports.terminal import reasons, unsteady
from conv_conformance.verdict import UNEXPECTED, VERDICTS, Verdict

PAGE = Path("docs/results/index.md")
HEAD = """\
# What today's releases compute

Made from [the record]({record}) of one run by `python docs/results/make_page.py`; the record was made by
`conv-conformance run --all --sweeps full --record {path}`.
An entry below says what a target computes otherwise, by which definition that is wrong, under which condition it was
seen, and shows it in the bare framework. How to contest one: [disputes](../disputes.md).
"""


def page(
    record: Record, path: Path, ledger: Sequence[Entry], cases: Mapping[str, Case], clauses: Mapping[str, Clause]
) -> str:
    """
    Return the page as Markdown.
    """
    known = [verdict for verdict in record.verdicts if verdict.verdict == "known"]
    shown = [entry for entry in ledger if any(verdict.known == entry.id for verdict in known)]
    parts = [
        HEAD.format(record=path.name, path=path.as_posix()),
        _platform(record),
        _table(record),
        *_open(record),
        "## Disagreements\n",
        *(
            _entry(entry, [each for each in known if each.known == entry.id], cases)
            for entry in sorted(shown, key=_rank)
        ),
        "## Inconsistent\n",
        "Who follows several alternatives of one implementation-defined clause, with the number of cases for each.\n",
        *(f"- {escaped(line)}\n" for line in unsteady(followed(record.verdicts, cases, clauses))),
        "## What cannot be said\n",
        "A call is *unsupported* where the framework's API has no words for it; that is scope, not a fault.\n",
        *_unsupported(record),
    ]
    return "\n".join(parts)


def _platform(record: Record) -> str:
    suite, machine = record.header["suite"], record.header["platform"]
    rows = {
        "date": record.header["date"],
        "suite": f"{suite['version']}, corpus `{suite['corpus'][:19]}`",
        "processor": f"{machine['cpu']}, {machine['machine']}: {', '.join(machine['flags'])}",
        "system": f"{machine['os']}, Python {machine['python']}",
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {text} |\n" for name, text in rows.items())


def _table(record: Record) -> str:
    counts = {target.name: record.counts(target.name) for target in record.targets}
    shown = [name for name in VERDICTS if name in ("agree", "disagree") or any(counts[each][name] for each in counts)]
    lines = ["| target | version | " + " | ".join(shown) + " |", "|---|---|" + "---:|" * len(shown)]
    for target in record.targets:
        numbers = " | ".join(str(counts[target.name][name]) for name in shown)
        lines.append(f"| `{target.name}` | {target.version} | {numbers} |")
    return "\n".join(lines) + "\n"


def _open(record: Record) -> Iterator[str]:
    """Yield what the ledger does not know, which should be nothing."""
    for verdict in record.verdicts:
        if verdict.verdict in (*UNEXPECTED, "suite-error"):
            yield f"- **not explained**: `{verdict.case}` on `{verdict.target}`: {escaped(verdict.message)}\n"


def _rank(entry: Entry) -> tuple[bool, str]:
    return "refused" in entry.kinds, entry.id


def _entry(entry: Entry, every: Sequence[Verdict], cases: Mapping[str, Case]) -> str:
    known = [verdict for verdict in every if verdict.known == entry.id]
    kinds = " or ".join(entry.kinds) or entry.verdict
    seen = sorted({verdict.case for verdict in known})
    clauses = dict.fromkeys(clause for case in seen if case in cases for clause in cases[case].clauses)
    links = ", ".join(f"[{clause}](../spec/index.md#{clause.lower()})" for clause in clauses)
    targets = ", ".join(f"`{name}`" for name in dict.fromkeys(verdict.target for verdict in known))
    when = f", where {_conditions(entry)}" if entry.when else ""
    return (
        f"### {entry.id}\n\n"
        f"{known[0].severity}: {kinds}, on {targets}{when}; clauses {links}.\n\n"
        f"{entry.reason}\n\n"
        f"Source: <{entry.link}>. Cases: {', '.join(f'`{case}`' for case in seen)}. For example: "
        f"{escaped(known[0].message[:300])}\n\n"
        f"```python\n{entry.triage}\n```\n"
    )


def _conditions(entry: Entry) -> str:
    said = []
    for name, value in entry.when.items():
        text = ", ".join(f"{key}={wanted}" for key, wanted in value.items()) if isinstance(value, dict) else value
        said.append(f"{name.replace('_', ' ')} is `{text}`")
    return " and ".join(said)


def _unsupported(record: Record) -> Iterator[str]:
    for target in record.targets:
        mine = [verdict for verdict in record.verdicts if verdict.target == target.name]
        said = [f"{count} × {escaped(reason)}" for reason, count in reasons(mine).items()]
        yield f"- `{target.name}`: {'; '.join(said)}\n"


def main() -> None:
    """
    Write the page for the record that is named.
    """
    path = Path(sys.argv[1])
    loaded = corpus.load(sweeps="full")
    cases = {case.id: case for case in loaded.cases}
    ledger = entries.load(entries.shipped()).entries
    PAGE.write_text(page(read(path), path, ledger, cases, loaded.clauses), encoding="utf-8")


if __name__ == "__main__":
    main()
