"""
The record of a run: a JSON Lines file that is written during the run, and from which every report is made.

The file has a header, a `ready` line for each target, a line for each verdict, and a `timing` line for each batch of
cases on a target. Then the file has a line for each group of failing calls, each attribution to a cause, each
repetition of a failing call and each tap audit. The last line is a summary. See docs/reference/record.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from ..core import SEVERITIES, VERDICTS, Diagnosis, Finding, Invalid, Problem, Verdict, one_line, printable, writing
from ..diagnosis import TapAudit, audit_from_line, audit_to_line
from .attribution import Attribution, attribution_from_line, attribution_to_line
from .failure_group import Group, group_from_line, group_to_line
from .line_schema import line_problem
from .repetition import Repetition, repetition_from_line, repetition_to_line

FORMAT = "conv-conformance-record/1"

_FINDING = (
    "kind",
    "where",
    "first_index",
    "expected",
    "got",
    "differing",
    "max_error_uS",
    "expected_near",
    "got_near",
    "returned",
    "differing_at",
    "against",
    "clauses",
)
_TUPLES = ("first_index", "expected_near", "got_near", "returned", "differing_at", "clauses")


@dataclass(frozen=True, kw_only=True)
class TargetInfo:
    """One target of a run, as its worker described it; `failed` is the reason why the target could not run."""

    name: str
    framework: str = ""
    version: str = ""
    device: str = "cpu"
    mode: str = ""
    #: The release or environment in the target's name, such as `==2.12.1`; empty for the installed framework.
    release: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    #: Maps the output dtype of a call to the dtype that this mode returns instead.
    result_dtypes: Mapping[str, str] = field(default_factory=dict)
    #: Maps the dtype of the input to the lower precision class that this mode documents.
    precision: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None
    #: Whether `failed` reports a fault of the adapter.
    is_fault: bool = False
    #: The last lines that the worker of a target that could not run has printed.
    printed: tuple[str, ...] = ()
    #: Times in seconds: `import` (of framework and backend), `calls` (only the calls), and `total`.
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def surface(self) -> str:
        """The name of the target without its release or environment."""
        return self.name.removesuffix(self.release)

    @property
    def identity(self) -> TargetInfo:
        """The same information without the times."""
        return replace(self, seconds={})


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The time of one batch of cases on a target: `import`, `calls` and `total`, in seconds."""

    target: str
    seconds: Mapping[str, float]

    def added(self, info: TargetInfo) -> TargetInfo:
        """Return `info` with the seconds of this batch added to the seconds of `info`."""
        names = dict.fromkeys([*info.seconds, *self.seconds])
        sums = {name: info.seconds.get(name, 0.0) + self.seconds.get(name, 0.0) for name in names}
        return replace(info, seconds={name: round(seconds, 6) for name, seconds in sums.items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """The content of a record file."""

    header: Mapping[str, Any]
    targets: Sequence[TargetInfo]
    verdicts: Sequence[Verdict]
    #: Whether the run finished, so that the record has a summary.
    is_complete: bool
    #: Groups of failing calls; empty if the suite that wrote the record is too old for groups.
    groups: Sequence[Group] = ()
    #: Causes that explain wrong outputs; empty if the suite that wrote the record is too old for attributions.
    attributions: Sequence[Attribution] = ()
    #: Results of probing calls whose wrong outputs no cause explains.
    tap_audits: Sequence[TapAudit] = ()
    #: What failing calls did when they were made again.
    repetitions: Sequence[Repetition] = ()
    #: `summary[target][verdict]`: the number of verdicts of this kind. Only condensed records have this field and the
    #: next two fields.
    summary: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    #: `followed[target][clause][alternative]`: the number of cases in which the target followed the alternative.
    followed: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    #: `unsaid[target][reason]`: the number of calls that were unsupported or not run for this reason.
    unsaid: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def left_out(self) -> Sequence[str]:
        """The verdicts that a condensed record counts and does not list; empty for a full record."""
        names: Sequence[str] = self.header.get("left_out", ())
        return names

    @property
    def fail_on(self) -> Sequence[str]:
        """The members of `FAILURES` that make the run fail."""
        names: Sequence[str] = self.header.get("fail_on", SEVERITIES)
        return names

    def counts(self, target: str) -> Counter[str]:
        """Return the number of verdicts of each kind on a target."""
        return Counter((self.summary if self.left_out else self._counted).get(target, {}))

    def reasons(self, target: str) -> Mapping[str, int]:
        """Count the reasons why calls of a target were unsupported or not run; the most frequent reason is first."""
        if self.left_out:
            return self.unsaid.get(target, {})
        verdicts = (verdict for verdict in self.verdicts if verdict.verdict in ("unsupported", "not-run"))
        return dict(Counter(verdict.message for verdict in verdicts if verdict.target == target).most_common())

    @cached_property
    def _counted(self) -> Mapping[str, Mapping[str, int]]:
        return verdict_counts(self.verdicts)


def verdict_counts(verdicts: Iterable[Verdict]) -> dict[str, dict[str, int]]:
    """Return `counts[target][verdict]`, the number of verdicts of each kind; zeros are included."""
    counts: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        counts.setdefault(verdict.target, dict.fromkeys(VERDICTS, 0))[verdict.verdict] += 1
    return counts


class Writer:
    """
    Writes a record line by line.

    If `header` is None, the writer continues a file that has a header; `targets` are the targets already in this file.
    """

    def __init__(
        self, file: IO[str], header: Mapping[str, Any] | None = None, targets: Iterable[TargetInfo] = ()
    ) -> None:
        self._file = file
        self._written = {info.name: info.identity for info in targets}
        if header is not None:
            self._write({"format": FORMAT, **header})

    def target(self, info: TargetInfo) -> None:
        """Write the `ready` line of a target, unless the same line has already been written."""
        if self._written.get(info.name) != info.identity:
            self._written[info.name] = info.identity
            self._write({"ready": asdict(info)})

    def timing(self, timing: Timing) -> None:
        """Write the time of a batch of cases."""
        self._write({"timing": {"target": timing.target, **timing.seconds}})

    def verdict(self, verdict: Verdict) -> None:
        """Write one verdict."""
        self._write(verdict_to_line(verdict))

    def group(self, group: Group) -> None:
        """Write a group of failing calls."""
        self._write(group_to_line(group))

    def attribution(self, attribution: Attribution) -> None:
        """Write the attribution of wrong outputs to one cause."""
        self._write(attribution_to_line(attribution))

    def repetition(self, repetition: Repetition) -> None:
        """Write what a failing call did when it was made again."""
        self._write(repetition_to_line(repetition))

    def tap_audit(self, audit: TapAudit) -> None:
        """Write the result of probing one call with a wrong output."""
        self._write(audit_to_line(audit))

    def summary(self, counts: Mapping[str, Mapping[str, int]], **more: Any) -> None:
        """Write the counts by target and verdict: the last line of a complete record."""
        self._write({"summary": counts, **more})
        self._file.flush()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(_encode(line) + "\n")


def write_record(record: Record, path: Path) -> None:
    """
    Write a record to a file.

    Raises:
        Invalid: if the file cannot be written.

    """
    with writing(path), path.open("w", encoding="utf-8") as file:
        writer = Writer(file, record.header)
        for target in record.targets:
            writer.target(target)
        for verdict in record.verdicts:
            writer.verdict(verdict)
        for group in record.groups:
            writer.group(group)
        for attribution in record.attributions:
            writer.attribution(attribution)
        for repetition in record.repetitions:
            writer.repetition(repetition)
        for audit in record.tap_audits:
            writer.tap_audit(audit)
        if record.left_out:
            writer.summary(record.summary, followed=record.followed, unsaid=record.unsaid)
        elif record.is_complete:
            writer.summary(verdict_counts(record.verdicts))


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def verdict_to_line(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the plain data of a record line, without empty entries."""
    line: dict[str, Any] = {"case": verdict.case, "target": verdict.target, "verdict": verdict.verdict}
    if verdict.severity:
        line["severity"] = verdict.severity
    if verdict.finding is not None:
        line |= {name: value for name in _FINDING if (value := getattr(verdict.finding, name)) is not None}
    for name in ("message", "alternative", "precision", "phase", "call", "output_sha256", "known"):
        if value := getattr(verdict, name):
            line[name] = value
    if verdict.error_uS is not None:
        line["error_uS"] = verdict.error_uS
    if verdict.diagnosis is not None:
        line["diagnosis"] = _diagnosis(verdict.diagnosis)
    if verdict.seconds:
        line["seconds"] = verdict.seconds
    return line


def _diagnosis(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    more: dict[str, Any] = {"region": diagnosis.region} if diagnosis.region else {}
    more |= {"wider": list(diagnosis.wider)} if diagnosis.wider else {}
    return [{"fault": name, "confidence": diagnosis.confidence, **more} for name in diagnosis.causes]


def read_record(path: Path) -> Record:
    """
    Read a record. If the file is truncated, the result has no summary, and a truncated last line is ignored.

    Each line is checked by the schema of records, so that all other code may rely on its form.

    Raises:
        Invalid: if the file cannot be read, has another format, or has a malformed line that is not the last one; if it
            has two verdicts on one case and target; or if its summary does not count its verdicts.

    """
    lines = _lines(path)
    header = next(lines, None)
    if header is None:
        raise _no_line(path, 1)
    _check_format(path, header)
    if problem := line_problem(header):
        raise _no_line(path, 1, problem)
    targets: dict[str, TargetInfo] = {}
    seen: set[tuple[str, str]] = set()
    verdicts: list[Verdict] = []
    groups: list[Group] = []
    causes: list[Attribution] = []
    audits: list[TapAudit] = []
    repetitions: list[Repetition] = []
    line: Mapping[str, Any] = {}
    number = 1
    for number, line in enumerate(lines, 2):
        if problem := line_problem(line):
            raise _no_line(path, number, problem)
        if "case" in line and (line["case"], line["target"]) in seen:
            raise _no_line(path, number, f"a second verdict on {line['case']} on {line['target']}")
        if "case" in line:
            seen.add((line["case"], line["target"]))
        try:
            if "repetition" in line:
                repetitions.append(repetition_from_line(line))
            else:
                _add_line(line, targets, verdicts, groups, causes, audits)
        except (TypeError, LookupError, ValueError, AttributeError) as error:
            raise _no_line(path, number) from error
    if "summary" in line and "left_out" not in header:
        _check_summary(path, number, line["summary"], verdicts)
    # `ready` lines are in the order in which workers started; the header has the order that the user requested.
    order = {name: index for index, name in enumerate(header.get("targets", ()))}
    ordered = sorted(targets.values(), key=lambda target: order.get(target.name, len(order)))
    # Only the summary line of a condensed record has these keys.
    more = {name: line.get(name, {}) for name in ("summary", "followed", "unsaid")} if "left_out" in header else {}
    return Record(
        header=header,
        targets=tuple(ordered),
        verdicts=tuple(verdicts),
        is_complete="summary" in line,
        groups=tuple(groups) if "summary" in line else (),
        attributions=tuple(causes) if "summary" in line else (),
        tap_audits=tuple(audits) if "summary" in line else (),
        repetitions=tuple(repetitions) if "summary" in line else (),
        **more,
    )


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the parsed lines of a file; a truncated last line is yielded as an empty mapping."""
    try:
        # Split at newlines only: `str.splitlines` would also split at U+2028, which JSON does not escape.
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if (parsed := parsed_line(line)) is not None:
                    yield parsed
                elif number == 1 or next(file, None) is not None:
                    raise _no_line(path, number)
                else:
                    yield {}
    except OSError as error:
        raise Invalid(Problem(path=str(path), message=f"cannot be read: {error.strerror}")) from error


def parsed_line(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a record line, or None if the line is malformed or truncated."""
    try:
        parsed = json.loads(line.decode("utf-8", errors="replace"), parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict):
        return None
    return _readable(parsed) if _UNWRITABLE.search(line) else parsed


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


#: Matches what `printable` changes, raw or as JSON escapes; it may also match text that `printable` leaves as it is.
_UNWRITABLE = re.compile(
    rb"\\u(?i:d[89a-f]|00[0189]|061c|20(?:0[ef]|2[89a-e]|6[6-9]))|\x7f|\xc2[\x80-\x9f]|\xd8\x9c"
    rb"|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|::|##\["
)


def _readable(value: Any) -> Any:
    """Return plain data with all strings made printable, because the record may come from another program."""
    if isinstance(value, dict):
        return {printable(name): _readable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_readable(each) for each in value]
    return printable(value) if isinstance(value, str) else value


def _add_line(
    line: Mapping[str, Any],
    targets: dict[str, TargetInfo],
    verdicts: list[Verdict],
    groups: list[Group],
    causes: list[Attribution],
    audits: list[TapAudit],
) -> None:
    if "ready" in line:
        known = {name: value for name, value in line["ready"].items() if name in TargetInfo.__dataclass_fields__}
        known |= {name: one_line(known[name]) for name in ("framework", "version")}
        info = TargetInfo(**{**known, "printed": tuple(known.get("printed", ()))})
        targets[info.name] = info if info.name not in targets else replace(info, seconds=targets[info.name].seconds)
    elif "case" in line:
        verdict = verdict_from_line(line)
        if verdict.target not in targets or verdict.verdict not in VERDICTS:
            raise LookupError(verdict.target, verdict.verdict)
        verdicts.append(verdict)
    elif "group" in line:
        groups.append(group_from_line(line))
    elif "cause" in line:
        causes.append(attribution_from_line(line))
    elif "tap_audit" in line:
        audits.append(audit_from_line(line))
    elif "timing" in line:
        timing = dict(line["timing"])
        name = timing.pop("target")
        targets[name] = Timing(target=name, seconds=timing).added(targets[name])


def _check_summary(
    path: Path, number: int, summary: Mapping[str, Mapping[str, int]], verdicts: Sequence[Verdict]
) -> None:
    counted = verdict_counts(verdicts)
    for target in {**counted, **summary}:
        for name in VERDICTS:
            stated, listed = summary.get(target, {}).get(name, 0), counted.get(target, {}).get(name, 0)
            if stated != listed:
                message = f"the summary counts {stated} times {name} on {target}, and the record lists {listed}"
                hint = "the file was changed or damaged after the run; run again"
                raise Invalid(Problem(path=str(path), line=number, column=1, message=message, hint=hint))


def _no_line(path: Path, number: int, problem: str = "") -> Invalid:
    message = f"not a line of a record{f': {printable(problem)}' if problem else ''}"
    return Invalid(Problem(path=str(path), line=number, column=1, message=message, hint="see docs/reference/record.md"))


def _check_format(path: Path, header: Mapping[str, Any]) -> None:
    version = header.get("format")
    if version != FORMAT:
        hint = f"this version reads {FORMAT}"
        raise Invalid(
            Problem(path=str(path), message=f"not a record of this format: {version or 'no header'}", hint=hint)
        )


def verdict_from_line(line: Mapping[str, Any]) -> Verdict:
    """Return the verdict that a record line contains."""
    finding = None
    if "kind" in line:
        details = {name: line[name] for name in _FINDING if name in line}
        details |= {name: tuple(details[name]) for name in _TUPLES if name in details}
        finding = Finding(message=line.get("message", ""), **details)
    # Ids, digests and messages repeat, so intern them to store each string only once.
    rest = {name: _interned(line[name]) for name in _FIELDS if name in line}
    return Verdict(finding=finding, diagnosis=_diagnosis_from_line(line), **rest)


def _diagnosis_from_line(line: Mapping[str, Any]) -> Diagnosis | None:
    if "diagnosis" not in line:
        return None
    causes = line["diagnosis"]
    if not causes:
        return Diagnosis()
    first = causes[0]
    return Diagnosis(
        causes=tuple(sys.intern(cause["fault"]) for cause in causes),
        wider=tuple(map(sys.intern, first.get("wider", ()))),
        confidence=first["confidence"],
        region=first.get("region", ""),
    )


_FIELDS = [name for name in Verdict.__dataclass_fields__ if name not in ("finding", "diagnosis")]


def _interned(value: Any) -> Any:
    return sys.intern(value) if isinstance(value, str) else value
