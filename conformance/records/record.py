"""
The record of a run: JSON Lines, written as the run goes; every report is drawn from it.

A header, a `ready` line for each target, one line for each verdict, a `timing` line for each batch of cases on a
target, a line for each group of failing calls, a summary. See docs/reference/record.md.
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

from ..core import SEVERITIES, VERDICTS, Diagnosis, Finding, Invalid, Problem, Verdict, printable, writing
from ..diagnosis import TapAudit, audit_from_line, audit_to_line
from .attribution import Attribution, attribution_from_line, attribution_to_line
from .failure_group import Group, group_from_line, group_to_line

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
)
_TUPLES = ("first_index", "expected_near", "got_near", "returned", "differing_at")


@dataclass(frozen=True, kw_only=True)
class TargetInfo:
    """One target of a run, and what it said of itself; `failed` says why it could not run."""

    name: str
    framework: str = ""
    version: str = ""
    device: str = "cpu"
    mode: str = ""
    #: Which release or environment the name asks for, such as `==2.12.1`; empty for what is installed.
    release: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    #: The dtype that this mode returns where the call's own is another.
    result_dtypes: Mapping[str, str] = field(default_factory=dict)
    #: The lower class of rounding that this mode documents, by the input's dtype.
    precision: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None
    #: Whether the adapter is to blame for that.
    is_fault: bool = False
    #: Seconds for importing the framework and making the backend, for its calls alone, and for everything.
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def surface(self) -> str:
        """Its name without the release that it asks for."""
        return self.name.removesuffix(self.release)

    @property
    def said(self) -> TargetInfo:
        """What it said of itself, without the seconds."""
        return replace(self, seconds={})


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one batch of cases took on a target: `import`, `calls` and `total`, in seconds."""

    target: str
    seconds: Mapping[str, float]

    def added(self, info: TargetInfo) -> TargetInfo:
        """Return the target with these seconds added to its own."""
        names = dict.fromkeys([*info.seconds, *self.seconds])
        both = {name: info.seconds.get(name, 0.0) + self.seconds.get(name, 0.0) for name in names}
        return replace(info, seconds={name: round(each, 6) for name, each in both.items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """A run as it was written down."""

    header: Mapping[str, Any]
    targets: Sequence[TargetInfo]
    verdicts: Sequence[Verdict]
    #: Whether the run came to its end.
    is_complete: bool
    #: What its failing calls have in common; none in a record that was written before there were groups.
    groups: Sequence[Group] = ()
    #: Which causes explain its wrong outputs; none in a record that was written before there were attributions.
    attributions: Sequence[Attribution] = ()
    #: What probes show of wrong outputs that no cause explains.
    tap_audits: Sequence[TapAudit] = ()
    #: Of a condensed record, by target: how often each verdict was given; how often each alternative of each clause was
    #: followed; why calls were unsupported or not run, and how often.
    summary: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    followed: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    unsaid: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def left_out(self) -> Sequence[str]:
        """The verdicts that a condensed record counts, and does not list."""
        names: Sequence[str] = self.header.get("left_out", ())
        return names

    @property
    def fail_on(self) -> Sequence[str]:
        """What its run fails on, of `FAILURES`."""
        words: Sequence[str] = self.header.get("fail_on", SEVERITIES)
        return words

    def counts(self, target: str) -> Counter[str]:
        """Return how often each verdict was given to a target."""
        return Counter((self.summary if self.left_out else self._counted).get(target, {}))

    def reasons(self, target: str) -> Mapping[str, int]:
        """Return why calls of a target were unsupported or not run, with counts, the commonest first."""
        if self.left_out:
            return self.unsaid.get(target, {})
        unsaid = (each for each in self.verdicts if each.verdict in ("unsupported", "not-run"))
        return dict(Counter(each.message for each in unsaid if each.target == target).most_common())

    @cached_property
    def _counted(self) -> Mapping[str, Mapping[str, int]]:
        return verdict_counts(self.verdicts)


def verdict_counts(verdicts: Iterable[Verdict]) -> dict[str, dict[str, int]]:
    """Return by target how often each verdict was given, also those that were not."""
    found: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.target, dict.fromkeys(VERDICTS, 0))[verdict.verdict] += 1
    return found


class Writer:
    """Writes a record line by line; without a header it goes on with one that has one, and with these `targets`."""

    def __init__(
        self, file: IO[str], header: Mapping[str, Any] | None = None, targets: Iterable[TargetInfo] = ()
    ) -> None:
        self._file = file
        self._said = {info.name: info.said for info in targets}
        if header is not None:
            self._write({"format": FORMAT, **header})

    def target(self, info: TargetInfo) -> None:
        """Write what a target says of itself, unless that is written already."""
        if self._said.get(info.name) != info.said:
            self._said[info.name] = info.said
            self._write({"ready": asdict(info)})

    def timing(self, timing: Timing) -> None:
        """Write what a batch of cases took."""
        self._write({"timing": {"target": timing.target, **timing.seconds}})

    def verdict(self, verdict: Verdict) -> None:
        """Write one verdict."""
        self._write(verdict_to_line(verdict))

    def group(self, group: Group) -> None:
        """Write a group of failing calls."""
        self._write(group_to_line(group))

    def attribution(self, found: Attribution) -> None:
        """Write what a cause explains."""
        self._write(attribution_to_line(found))

    def tap_audit(self, found: TapAudit) -> None:
        """Write what probes show of one wrong output."""
        self._write(audit_to_line(found))

    def summary(self, counts: Mapping[str, Mapping[str, int]], **more: Any) -> None:
        """Write the counts, by target and verdict, which end a complete record."""
        self._write({"summary": counts, **more})
        self._file.flush()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(_encode(line) + "\n")


def write_record(record: Record, path: Path) -> None:
    """
    Write a whole record.

    Raises:
        Invalid: if it cannot be written.

    """
    with writing(path), path.open("w", encoding="utf-8") as file:
        writer = Writer(file, record.header)
        for target in record.targets:
            writer.target(target)
        for verdict in record.verdicts:
            writer.verdict(verdict)
        for group in record.groups:
            writer.group(group)
        for found in record.attributions:
            writer.attribution(found)
        for audit in record.tap_audits:
            writer.tap_audit(audit)
        if record.left_out:
            writer.summary(record.summary, followed=record.followed, unsaid=record.unsaid)
        elif record.is_complete:
            writer.summary(verdict_counts(record.verdicts))


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def verdict_to_line(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the record's line, without the entries that are empty."""
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


def _diagnosis(said: Diagnosis) -> list[dict[str, Any]]:
    more: dict[str, Any] = {"region": said.region} if said.region else {}
    more |= {"wider": list(said.wider)} if said.wider else {}
    return [{"fault": name, "confidence": said.confidence, **more} for name in said.causes]


def read_record(path: Path) -> Record:
    """
    Read a record; one that was cut short lacks its summary, and its last line if that was cut too.

    Raises:
        Invalid: if it is not there, of another version, or broken elsewhere than at its end.

    """
    lines = _lines(path)
    header = next(lines, None)
    if header is None:
        raise _no_line(path, 1)
    _check_format(path, header)
    targets: dict[str, TargetInfo] = {}
    verdicts: list[Verdict] = []
    found: list[Group] = []
    causes: list[Attribution] = []
    audits: list[TapAudit] = []
    line: Mapping[str, Any] = {}
    for number, line in enumerate(lines, 2):
        try:
            _take(line, targets, verdicts, found, causes, audits)
        except (TypeError, LookupError, ValueError, AttributeError) as error:
            raise _no_line(path, number) from error
    # A record is written as targets become ready; the reader sees them in the order asked for.
    asked = {name: at for at, name in enumerate(header.get("targets", ()))}
    ordered = sorted(targets.values(), key=lambda target: asked.get(target.name, len(asked)))
    # What only a condensed record has behind its counts.
    more = {name: line.get(name, {}) for name in ("summary", "followed", "unsaid")} if "left_out" in header else {}
    return Record(
        header=header,
        targets=tuple(ordered),
        verdicts=tuple(verdicts),
        is_complete="summary" in line,
        groups=tuple(found) if "summary" in line else (),
        attributions=tuple(causes) if "summary" in line else (),
        tap_audits=tuple(audits) if "summary" in line else (),
        **more,
    )


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a file, parsed; of the last one, if it was cut short, nothing is left."""
    try:
        # Not as text: a message may hold separators that JSON leaves as they are, such as U+2028.
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
    """Return what a line of a record says, None where it is no such line, or was cut short."""
    try:
        parsed = json.loads(line.decode("utf-8", errors="replace"))
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    return _readable(parsed) if _UNWRITABLE.search(line) else parsed


#: What may be a control character or half of a surrogate pair, as it stands or as JSON escapes it.
_UNWRITABLE = re.compile(rb"\\u(?i:d[89a-f]|00[0189])|\x7f|\xc2[\x80-\x9f]")


def _readable(value: Any) -> Any:
    """Return plain data whose texts can be written anywhere, whoever wrote the record."""
    if isinstance(value, dict):
        return {printable(name): _readable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_readable(each) for each in value]
    return printable(value) if isinstance(value, str) else value


def _take(
    line: Mapping[str, Any],
    targets: dict[str, TargetInfo],
    verdicts: list[Verdict],
    found: list[Group],
    causes: list[Attribution],
    audits: list[TapAudit],
) -> None:
    if "ready" in line:
        info = TargetInfo(**line["ready"])
        targets[info.name] = info if info.name not in targets else replace(info, seconds=targets[info.name].seconds)
    elif "case" in line:
        verdict = verdict_from_line(line)
        if verdict.target not in targets or verdict.verdict not in VERDICTS:
            raise LookupError(verdict.target, verdict.verdict)
        verdicts.append(verdict)
    elif "group" in line:
        found.append(group_from_line(line))
    elif "cause" in line:
        causes.append(attribution_from_line(line))
    elif "tap_audit" in line:
        audits.append(audit_from_line(line))
    elif "timing" in line:
        timing = dict(line["timing"])
        name = timing.pop("target")
        targets[name] = Timing(target=name, seconds=timing).added(targets[name])


def _no_line(path: Path, number: int) -> Invalid:
    hint = "see `run --record`"
    return Invalid(Problem(path=str(path), line=number, column=1, message="not a line of a record", hint=hint))


def _check_format(path: Path, header: Mapping[str, Any]) -> None:
    found = header.get("format")
    if found != FORMAT:
        hint = f"this version reads {FORMAT}"
        raise Invalid(
            Problem(path=str(path), message=f"not a record of this format: {found or 'no header'}", hint=hint)
        )
    lacking = [
        f"{part}.{name}" for part, names in _HEADER.items() for name in names if name not in header.get(part, ())
    ]
    if lacking:
        raise Invalid(Problem(path=str(path), line=1, column=1, message=f"the header lacks {', '.join(lacking)}"))


#: What reports draw from a header.
_HEADER = {"suite": ("version", "corpus"), "platform": ("cpu", "flags", "python")}


def verdict_from_line(line: Mapping[str, Any]) -> Verdict:
    """Return the verdict of a record's line."""
    finding = None
    if "kind" in line:
        details = {name: line[name] for name in _FINDING if name in line}
        details |= {name: tuple(details[name]) for name in _TUPLES if name in details}
        finding = Finding(message=line.get("message", ""), **details)
    # Ids, digests and reasons come again and again: each text is kept once.
    rest = {name: _once(line[name]) for name in _FIELDS if name in line}
    return Verdict(finding=finding, diagnosis=_diagnosed(line), **rest)


def _diagnosed(line: Mapping[str, Any]) -> Diagnosis | None:
    if "diagnosis" not in line:
        return None
    causes = line["diagnosis"]
    if not causes:
        return Diagnosis()
    first = causes[0]
    return Diagnosis(
        causes=tuple(sys.intern(each["fault"]) for each in causes),
        wider=tuple(map(sys.intern, first.get("wider", ()))),
        confidence=first["confidence"],
        region=first.get("region", ""),
    )


_FIELDS = [name for name in Verdict.__dataclass_fields__ if name not in ("finding", "diagnosis")]


def _once(value: Any) -> Any:
    return sys.intern(value) if isinstance(value, str) else value
