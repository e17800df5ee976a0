"""The report of the changes between two records: on a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..analysis import CHANGES, Change, Comparison, Pair
from ..core import Case, Verdict
from ..records import Group, Ledger, group_to_line
from .bare_script import script_lines
from .failure_block import describe_failure, share
from .markdown import SIZE, escaped

FORMAT = "conv-conformance-diff/1"

#: The largest number of groups that are shown for one kind of change; further groups are only counted.
SHOWN = 10
#: The largest number of clauses that are named for a group; the clauses with the most calls come first.
CLAUSES = 4

STYLES = {
    "regressed": "bold red",
    "wrong-otherwise": "red",
    "refuses": "red",
    "unsupported": "red",
    "slower": "yellow",
    "precision": "yellow",
    "alternative": "yellow",
    "moved": "dim",
    "fixed": "green",
    "supported": "green",
    "only-before": "dim",
    "only-after": "dim",
}


def show(console: Console, found: Comparison, cases: Mapping[str, Case], ledger: Ledger) -> None:
    """Print the groups of changes, the worst first, then what was compared, then a table of counts."""
    for group, left in _shown(found):
        if group is None:
            console.print(Text(f"… and {left}\n", "bold"))
            continue
        title = Text.assemble((group.verdict, STYLES[group.verdict]), "  ", (head(group), "bold"))
        console.print(title, soft_wrap=not console.is_terminal)
        for name, text in _lines(group, found, cases, ledger):
            console.print(Text.assemble((f"{name:>8}", "dim"), "  ", text), soft_wrap=True)
        for number, text in enumerate(_script(group, found, cases)):
            label = "script" if number == 0 else ""
            console.print(Text.assemble((f"{label:>8}", "dim"), "  ", text), soft_wrap=True)
        console.print()
    for line in about(found):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    if found.changes:
        console.print(_table(found))


def about(found: Comparison) -> Iterator[str]:
    """Yield lines that state what was compared, what was ignored, and what else differs between the two runs."""
    for pair in found.pairs:
        judged = f"{_calls(found.judged[pair.name])} judged on both sides"
        yield f"{pair.name}: {_versions(pair)}, {judged}, {_total(found, pair)}"
        for side, count in zip(("before", "after"), found.faults(pair), strict=True):
            if count:
                yield f"{pair.name}: {_calls(count)} ignored because of a fault of the suite or the adapter ({side})"
    for side, record, others in (("before", found.before, 0), ("after", found.after, 1)):
        held = {pair[others].name for pair in found.pairs}
        yield from (f"{info.name}: only {side}" for info in record.targets if info.name not in held)
    for name, (was, now) in found.apart.items():
        yield f"not the same: {name} was {was}, is {now}"
    for side, record in (("before", found.before), ("after", found.after)):
        if not record.is_complete:
            yield f"{side}: the run did not finish; the missing calls are judged only on the other side"


def advice(found: Comparison) -> str:
    """Return a paragraph: the counts of changes, and whether models that make such calls can switch safely."""
    counts = Counter(change.change for change in found.changes)
    worse = [f"{counts[kind]:,} {text}" for kind, text in _WORSE.items() if counts[kind]]
    silent = sum(_is_silent(change) for change in found.changes)
    others = [f"{counts[kind]:,} {text}" for kind, text in _OTHERS.items() if counts[kind]]
    others += [f"{found.wrong:,} wrong on both sides"] if found.wrong else []
    judged = f"Of {_calls(sum(found.judged.values()))}"
    if worse:
        summary = f"{judged}: {', '.join(worse)}{f'; {silent:,} wrong without an error' if silent else ''}."
        verdict = "Do not switch if your models make such calls."
    else:
        summary = f"{judged}, none got worse."
        verdict = "As far as these calls show, it is safe to switch."
    return " ".join([summary, *([f"Also: {', '.join(others)}."] if others else []), verdict])


#: The texts of the kinds of change: first the kinds in `WORSE`, then all others.
_WORSE = {"regressed": "regressed", "refuses": "now refused", "unsupported": "now unsupported"}
_OTHERS = {
    "fixed": "fixed",
    "wrong-otherwise": "still wrong, with another result",
    "precision": "right in another precision class",
    "alternative": "following another alternative of a clause",
    "moved": "right with other bits",
    "slower": "slower",
    "supported": "now supported",
    "only-before": "judged only before",
    "only-after": "judged only after",
}


def _is_silent(change: Change) -> bool:
    return change.change == "regressed" and change.after is not None and change.after.severity == "silent"


def _versions(pair: Pair) -> str:
    was, now = (f"{info.framework} {info.version}" for info in pair)
    return was if was == now else f"{was}, now {now}"


def _total(found: Comparison, pair: Pair) -> str:
    count = found.counts(pair.name).total()
    return f"{count} {'change' if count == 1 else 'changes'}" if count else "no change"


def _shown(found: Comparison) -> Iterator[tuple[Group | None, str]]:
    """Yield (group, '') for each group to show, and (None, text) for further groups that are only counted."""
    for kind in CHANGES:
        groups = [group for group in found.groups if group.verdict == kind]
        yield from ((group, "") for group in groups[:SHOWN])
        if left := groups[SHOWN:]:
            yield None, f"{len(left)} more {kind} groups with {sum(len(each.cases) for each in left)} calls"


def head(group: Group) -> str:
    """Return the heading of a group: the number of calls, the targets, and the place and kind of the difference."""
    what = [group.kind] if group.kind else []
    where = [group.where] if group.where != "output" else []
    return "  ".join([_calls(len(group.cases)), ", ".join(group.targets), *where, *what])


def sentence(group: Group) -> str:
    """Return a phrase that describes a group: `disagree (values) of 13 calls on torch`."""
    what = " ".join(([group.where] if group.where != "output" else []) + ([group.kind] if group.kind else []))
    return f"{group.verdict}{f' ({what})' if what else ''} of {_calls(len(group.cases))} on {', '.join(group.targets)}"


def _lines(group: Group, found: Comparison, cases: Mapping[str, Case], ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield labelled lines about a group: condition, counts, clauses, ledger entry and smallest call."""
    yield "means", CHANGES[group.verdict]
    yield "when", group.acts
    yield "seen", ", ".join(f"{share(group, each)} on {name}" for name, each in group.targets.items())
    if clauses := Counter(clause for case in group.cases if case in cases for clause in cases[case].clauses):
        yield "clauses", ", ".join(f"{name} {count}" for name, count in clauses.most_common(CLAUSES))
    if group.known:
        yield "known", group.known
    change, shown = _smallest(group, found)
    yield "smallest", change.case
    if shown is not None:
        block = describe_failure(shown, cases.get(change.case), ledger)
        is_scripted = bool(_script(group, found, cases))
        yield from (
            (name, text)
            for name, text in (("", block.parameters), ("message", " ".join(shown.message.split())))
            if text
        )
        yield from ((name, text) for name, text in block.details if not is_scripted or name in ("expected", "got"))


def _smallest(group: Group, found: Comparison) -> tuple[Change, Verdict | None]:
    """Return the change of a group's smallest call, and the verdict (before or after) that shows the difference."""
    change = next(each for each in found.changes if _is_of(each, group))
    return change, change.before if group.verdict in ("fixed", "only-before") else change.after or change.before


def _script(group: Group, found: Comparison, cases: Mapping[str, Case]) -> list[str]:
    """Return the lines of a program that makes a group's smallest call; none if the case or verdict is missing."""
    change, shown = _smallest(group, found)
    call = cases[change.case].call if change.case in cases else None
    return script_lines(shown, call) if shown is not None and call is not None else []


def _calls(count: int) -> str:
    return f"{count:,} {'call' if count == 1 else 'calls'}"


def _is_of(change: Change, group: Group) -> bool:
    return (change.change, change.case) == (group.verdict, group.smallest) and change.target in group.targets


def _table(found: Comparison) -> Table:
    counts = {pair.name: found.counts(pair.name) for pair in found.pairs}
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("change", no_wrap=True)
    for name in counts:
        made.add_column(name, justify="right")
    for kind in CHANGES:
        if any(each[kind] for each in counts.values()):
            made.add_row(Text(kind, STYLES[kind]), *(str(each[kind]) for each in counts.values()))
    return made


def markdown(found: Comparison, cases: Mapping[str, Case], ledger: Ledger) -> str:
    """Return the report as Markdown, with at most about `SIZE` bytes."""
    parts = ["# What changed\n", "\n".join(f"- {escaped(line)}" for line in about(found)) + "\n", *_counts(found)]
    size = sum(len(part.encode()) for part in parts)
    for group, left in _shown(found):
        if group is None:
            text = f"… and {left}.\n"
        else:
            labelled = _lines(group, found, cases, ledger)
            lines = [f"- {name}: {escaped(text)}" if name else f"- {escaped(text)}" for name, text in labelled]
            program = _script(group, found, cases)
            fenced = ["", "```python", *program, "```"] if program else []
            text = "\n".join([f"## {group.verdict}: {escaped(head(group))}\n", *lines, *fenced, ""])
        size += len(text.encode())
        if size > SIZE:
            parts.append("… and more groups, listed in the JSON report.\n")
            break
        parts.append(text)
    return "\n".join(parts)


def _counts(found: Comparison) -> Sequence[str]:
    if not found.changes:
        return []
    names = [pair.name for pair in found.pairs]
    counts = {name: found.counts(name) for name in names}
    rows = [["change", *names], ["---", *["---:"] * len(names)]]
    rows += [
        [kind, *(str(counts[name][kind]) for name in names)]
        for kind in CHANGES
        if any(c[kind] for c in counts.values())
    ]
    return ["\n".join("| " + " | ".join(map(escaped, row)) + " |" for row in rows) + "\n"]


def as_json(found: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON data, with every change."""
    return {
        "format": FORMAT,
        "targets": [
            {
                "target": pair.name,
                "before": {"framework": pair.before.framework, "version": pair.before.version},
                "after": {"framework": pair.after.framework, "version": pair.after.version},
                "judged": found.judged[pair.name],
                "counts": dict(found.counts(pair.name)),
            }
            for pair in found.pairs
        ],
        "not_the_same": {name: list(values) for name, values in found.apart.items()},
        "groups": [_plain(group) for group in found.groups],
        "changes": [
            {
                "case": change.case,
                "target": change.target,
                "change": change.change,
                "before": change.before.verdict if change.before is not None else None,
                "after": change.after.verdict if change.after is not None else None,
            }
            for change in found.changes
        ],
    }


def _plain(group: Group) -> dict[str, Any]:
    line = group_to_line(group)
    return {"change": line.pop("verdict"), **line}
