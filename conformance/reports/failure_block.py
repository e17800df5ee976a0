"""The block that reports show for one disagreement, or for a group of disagreements (by its smallest call)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..core import ARRAYS, OPERANDS, SEVERITIES, UNEXPECTED, Array, Call, Case, Verdict, one_line
from ..records import Group, GroupCounts, Ledger, Record, Repetition, TargetInfo
from .bare_script import written
from .short_numbers import numeral

#: Reports write out arrays of at most this many elements.
WRITTEN_OUT = 24
#: The largest number of causes that are listed for a group.
TOLD = 3
#: If a group has at most this many calls, each of its literal cases has a separate block.
HANDFUL = 5


@dataclass(frozen=True, kw_only=True)
class Block:
    """The contents of a block: one disagreement, or the smallest call of a group with lines about the group."""

    verdict: Verdict
    targets: Sequence[str]
    title: str
    clauses: Sequence[str]
    #: Operation and parameters, spelt as in the case format.
    parameters: str
    #: Labelled lines: the cause, the expected and actual numbers near the first difference, the arrays, the call.
    details: Sequence[tuple[str, str]]
    link: str = ""
    #: Labelled lines about the group: the condition, the number of failing calls, the causes, the id of the group.
    group: Sequence[tuple[str, str]] = ()

    @property
    def label(self) -> str:
        """The kind of the difference (after the array's name, except for the output), or else the verdict."""
        finding = self.verdict.finding
        if finding is None:
            return self.verdict.verdict
        return finding.kind if finding.where == "output" else f"{finding.where} {finding.kind}"


class Item(NamedTuple):
    """What one block shows: a verdict, the group that the verdict represents (if any), and the number of verdicts."""

    verdict: Verdict
    group: Group | None = None
    verdicts: int = 1


def failure_lines(verdict: Verdict, target: TargetInfo, case: Case | None) -> list[str]:
    """
    Return lines about one verdict for JUnit XML.

    The lines contain the version of the target, the clauses, the faults that the case catches, the cause, the ledger
    entry and the call.
    """
    lines = [f"{target.name}: {target.framework} {target.version}"]
    if case is not None:
        lines.append(f"clauses: {', '.join(case.clauses)}")
        lines += [f"catches: {', '.join(case.catches)}"] if case.catches else []
    lines += [f"cause: {verdict.diagnosis}"] if verdict.diagnosis is not None else []
    lines += [f"known: {verdict.known}"] if verdict.known else []
    lines += [f"call: {verdict.call}"] if verdict.call else []
    return lines


def unexpected(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the unexpected verdicts and the faults of the suite."""
    return [verdict for verdict in verdicts if verdict.verdict in (*UNEXPECTED, "suite-error")]


def items(record: Record, cases: Mapping[str, Case]) -> list[Item]:
    """
    Return the items of a report; each unexpected verdict belongs to exactly one item, alone or with its group.

    Faults of the suite come first. The other items are sorted by severity, then by decreasing number of verdicts, then
    by case and target.
    """
    left = {(verdict.target, verdict.case): verdict for verdict in unexpected(record.verdicts)}
    found: list[Item] = []
    for group in record.groups:
        together = _together(group, cases)
        members = [key for key in _keys(group, together) if key in left and group.is_like(left[key])]
        if len(together) > 1 and members:
            found.append(Item(left[members[0]], group, len(members)))
            left = {key: verdict for key, verdict in left.items() if key not in {*members}}
    return sorted([*found, *map(Item, left.values())], key=_place)


def _together(group: Group, cases: Mapping[str, Case]) -> Sequence[str]:
    """Return the cases of a group that share a block: all cases of a large group, the sweep points of a small one."""
    if len(group.cases) > HANDFUL:
        return group.cases
    return [case for case in group.cases if case in cases and cases[case].sweep]


def _keys(group: Group, together: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((target, case) for case in together for target in group.targets)


def _place(item: Item) -> tuple[int, int, str, str]:
    return (_rank(item.verdict), -item.verdicts, item.verdict.case, item.verdict.target)


def _rank(verdict: Verdict) -> int:
    # Faults of the suite come first, because other verdicts may depend on them.
    return -1 if verdict.verdict == "suite-error" else SEVERITIES.index(verdict.severity or "loud")


def block_of(item: Item, record: Record, cases: Mapping[str, Case], ledger: Ledger) -> Block:
    """Return the block of one item of a record."""
    shown = describe_failure(item.verdict, cases.get(item.verdict.case), ledger)
    causes, others = shown.details[: len(_cause(item.verdict))], shown.details[len(_cause(item.verdict)) :]
    shown = replace(shown, details=[*_again(item, record), *causes, *_probes(item, record), *others])
    if item.group is None:
        return shown
    group = item.group
    lines = [("when", group.acts), ("seen", seen(group, record)), *_causes(group, record)]
    lines.append(("ids", f"in the record: group {group.name}"))
    return replace(shown, targets=tuple(group.targets), group=lines)


def _again(item: Item, record: Record) -> list[tuple[str, str]]:
    """Return what a call did when it was made again, or else another call of the same group."""
    own = [("again", each.text) for each in repeated(item.verdict, record)]
    if own:
        return own
    groups = (
        [item.group]
        if item.group is not None
        else [group for group in record.groups if item.verdict.case in group.cases and group.is_like(item.verdict)]
    )
    others = (
        each
        for group in groups
        for each in record.repetitions
        if each.target in group.targets and each.case in group.cases and each.target == item.verdict.target
    )
    return [("again", f"{each.case}: {each.text}") for each in others][:1]


def repeated(verdict: Verdict, record: Record) -> list[Repetition]:
    """Return the repetition of a call; an empty list if it was not made again."""
    return [each for each in record.repetitions if (each.case, each.target) == (verdict.case, verdict.target)]


def _probes(item: Item, record: Record) -> list[tuple[str, str]]:
    """Return what the probes of a call found, or else what the probes of another call of the same group found."""
    lines = probed(item.verdict, record)
    if not lines and item.group is not None:
        targets, members = item.group.targets, {*item.group.cases}
        others = (each for each in record.tap_audits if each.target in targets and each.case in members)
        lines = next(([f"of {each.case}:", *each.lines] for each in others), [])
    return [("" if at else "probes", line) for at, line in enumerate(lines)]


def probed(verdict: Verdict, record: Record) -> list[str]:
    """Return what the probes of a call found, as lines; no lines if the call was not probed."""
    own = [each for each in record.tap_audits if (each.case, each.target) == (verdict.case, verdict.target)]
    return [line for each in own for line in each.lines]


def _causes(group: Group, record: Record) -> list[tuple[str, str]]:
    """Return a line with a group's most frequent causes, and the number of wrong outputs that each cause explains."""
    cases = {*group.cases}
    members = (verdict for verdict in record.verdicts if verdict.target in group.targets and verdict.case in cases)
    diagnoses = [verdict.diagnosis for verdict in members if verdict.diagnosis is not None and group.is_like(verdict)]
    counts = Counter(name for each in diagnoses for name in each.causes)
    if not diagnoses:
        return []
    named = [f"{name} {'all' if count == len(diagnoses) else count}" for name, count in counts.most_common(TOLD)]
    of_how_many = f"{len(diagnoses)} wrong outputs"
    text = f"of {of_how_many}: {', '.join(named)}" if named else f"no known cause explains any of {of_how_many}"
    return [("causes", text)]


def seen(group: Group, record: Record) -> str:
    """Return a text: how many calls under the condition of a group fail, and how many other calls agree."""
    shares = {name: share(group, each) for name, each in group.targets.items()}
    first = next(iter(group.targets))
    counts, (failing, of) = record.counts(first), group.targets[first]
    others = counts["agree"] + counts["fixed"] - (of - failing)
    if len({*shares.values()}) > 1:
        return ", ".join(f"{name} {text}" for name, text in shares.items())
    return f"{shares[first]}{' on each' if len(shares) > 1 else ''}; {others or 'no'} others agree"


def share(group: Group, each: GroupCounts) -> str:
    """Return how many of the calls under a group's condition fail on one target: `9 of 9 such calls`."""
    return f"{each.seen} of {each.of} {'such calls' if group.condition.wanted else 'calls'}"


def describe_failure(verdict: Verdict, case: Case | None, ledger: Ledger = Ledger()) -> Block:  # noqa: B008 - frozen
    """Return the block of one verdict; without the case, the block contains only what the record holds."""
    call = case.call if case is not None else None
    return Block(
        verdict=verdict,
        targets=(verdict.target,),
        title=one_line(case.title) if case is not None else "",
        clauses=_clauses(verdict, case),
        parameters=parameter_text(call) if call is not None else "",
        details=[*_cause(verdict), *_numbers(verdict), *_reproduction(verdict, call)],
        link=_link(verdict, case, ledger),
    )


def _cause(verdict: Verdict) -> list[tuple[str, str]]:
    return [] if verdict.diagnosis is None else [("cause", str(verdict.diagnosis))]


def _numbers(verdict: Verdict) -> list[tuple[str, str]]:
    finding = verdict.finding
    if finding is None or finding.expected_near is None or finding.got_near is None:
        return []
    expected, got = aligned(finding.expected_near, finding.got_near)
    return [("expected", expected), ("got", got)]


def aligned(expected: Sequence[Any], got: Sequence[Any]) -> tuple[str, str]:
    """Return two rows of numbers as texts with aligned columns."""
    texts = [(numeral(one), numeral(other)) for one, other in zip(expected, got, strict=True)]
    widths = [max(map(len, pair)) for pair in texts]
    rows = [" ".join(pair[side].rjust(width) for pair, width in zip(texts, widths, strict=True)) for side in (0, 1)]
    return rows[0], rows[1]


def parameter_text(call: Call) -> str:
    """Return the text of a call in the spelling of the case format: operation, shapes, non-default parameters."""
    shapes = [
        f"{name} {'x'.join(map(str, call.array(name).shape))} {call.letters(name)}"
        for name in ARRAYS
        if getattr(call, name) is not None
    ]
    ones, zeros = (1,) * call.rank, (0,) * call.rank
    values: Mapping[str, Any] = {
        "strides": call.strides if call.strides != ones else None,
        "padding": call.padding,
        "padding_mode": call.padding_mode if call.padding_mode != "zeros" else None,
        "dilations": call.dilations if call.dilations != ones else None,
        "input_dilations": call.input_dilations if call.input_dilations != ones else None,
        "groups": call.groups if call.groups != 1 else None,
        "output_padding": call.output_padding if call.output_padding != zeros else None,
        "before pad": call.before,
    }
    parameters = [f"{name} {_plain(value)}" for name, value in values.items() if value is not None]
    trained = [f"{call.training.steps} updates by {call.training.optimizer}"] if call.training is not None else []
    return ", ".join([call.op, *shapes, *parameters, call.dtype.input, *trained])


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    return str(value)


def _reproduction(verdict: Verdict, call: Call | None) -> list[tuple[str, str]]:
    if not verdict.call:
        return []
    used = [] if call is None else [(name, text) for name, text in small_arrays(call) if name in verdict.call]
    return [*used, ("call", verdict.call)]


def small_arrays(call: Call) -> list[tuple[str, str]]:
    """Return (name, Python code) for each array of a call that is small enough to write out."""
    return [(name, written(call.array(name))) for name in OPERANDS if _is_small(call, name)]


def _is_small(call: Call, name: str) -> bool:
    array: Array | None = getattr(call, name)
    return array is not None and array.size <= WRITTEN_OUT


def _link(verdict: Verdict, case: Case | None, ledger: Ledger) -> str:
    for entry in ledger.entries:
        if entry.id == verdict.known:
            return f"{entry.link} ({entry.path}:{entry.line})"
    return ", ".join(f"docs/spec/index.md#{clause.lower()}" for clause in _clauses(verdict, case))


def _clauses(verdict: Verdict, case: Case | None) -> Sequence[str]:
    """Return the clauses that were judged: those that the finding names, or else those that the case cites."""
    if verdict.finding is not None and verdict.finding.clauses:
        return verdict.finding.clauses
    return case.clauses if case is not None else ()
