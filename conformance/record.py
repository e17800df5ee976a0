"""
The record of a run: JSON Lines, written as the run goes; every report is drawn from it.

A header, a `ready` line for each target that could run, one line for each verdict, a summary.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from .problem import Invalid, Problem
from .verdict import VERDICTS, Finding, Verdict

FORMAT = "conv-conformance-record/1"

_FINDING = ("kind", "where", "first_index", "expected", "got", "differing", "max_error_uS", "expected_near", "got_near")
_TUPLES = ("first_index", "expected_near", "got_near")


@dataclass(frozen=True, kw_only=True)
class TargetInfo:
    """
    One target of a run, and what it said of itself; `failed` says why it could not run.
    """

    name: str
    framework: str = ""
    version: str = ""
    device: str = "cpu"
    mode: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    #: The dtype that this mode returns where the call's own is another.
    result_dtypes: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None
    #: Seconds for importing the framework and making the backend, for its calls alone, and for everything.
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """
    A run as it was written down.
    """

    header: Mapping[str, Any]
    targets: Sequence[TargetInfo]
    verdicts: Sequence[Verdict]
    #: Whether the run came to its end.
    is_complete: bool

    def counts(self, target: str) -> Counter[str]:
        """
        Return how often each verdict was given to a target.
        """
        return Counter(verdict.verdict for verdict in self.verdicts if verdict.target == target)


class Writer:
    """
    Writes a record line by line.
    """

    def __init__(self, file: IO[str], header: Mapping[str, Any]) -> None:
        self._file = file
        self._write({"format": FORMAT, **header})

    def target(self, info: TargetInfo) -> None:
        """
        Write what a target says of itself.
        """
        self._write({"ready": asdict(info)})

    def verdict(self, verdict: Verdict) -> None:
        """
        Write one verdict.
        """
        self._write(to_line(verdict))

    def summary(self, verdicts: Iterable[Verdict]) -> None:
        """
        Write the counts, which end a complete record.
        """
        summary: dict[str, dict[str, int]] = {}
        for verdict in verdicts:
            counts = summary.setdefault(verdict.target, dict.fromkeys(VERDICTS, 0))
            counts[verdict.verdict] += 1
        self._write({"summary": summary})
        self._file.flush()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(_encode(line) + "\n")


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def to_line(verdict: Verdict) -> dict[str, Any]:
    """
    Return a verdict as the record's line, without the entries that are empty.
    """
    line: dict[str, Any] = {"case": verdict.case, "target": verdict.target, "verdict": verdict.verdict}
    if verdict.severity:
        line["severity"] = verdict.severity
    if verdict.finding is not None:
        line |= {name: value for name in _FINDING if (value := getattr(verdict.finding, name)) is not None}
    for name in ("message", "alternative", "precision", "phase", "call", "output_sha256", "known"):
        if value := getattr(verdict, name):
            line[name] = value
    if verdict.seconds:
        line["seconds"] = verdict.seconds
    return line


def read(path: Path) -> Record:
    """
    Read a record; one that was cut short lacks its summary, and its last line if that was cut too.

    Raises:
        Invalid: if it is not there, of another version, or broken elsewhere than at its end.

    """
    try:
        # Not splitlines: a message may hold separators that JSON leaves as they are, such as U+2028.
        lines = path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")
    except OSError as error:
        raise Invalid(Problem(path=str(path), message=f"cannot be read: {error.strerror}")) from error
    parsed = [_parsed(path, number, line, is_last=number == len(lines)) for number, line in enumerate(lines, 1)]
    _check_format(path, parsed)
    targets: dict[str, TargetInfo] = {}
    verdicts: list[Verdict] = []
    for number, line in enumerate(parsed[1:], 2):
        try:
            _take(line, targets, verdicts)
        except (TypeError, LookupError, ValueError) as error:
            raise _no_line(path, number) from error
    is_complete = len(parsed) > 1 and "summary" in parsed[-1]
    # A record is written as targets become ready; the reader sees them in the order asked for.
    asked = {name: at for at, name in enumerate(parsed[0].get("targets", ()))}
    ordered = sorted(targets.values(), key=lambda target: asked.get(target.name, len(asked)))
    return Record(header=parsed[0], targets=tuple(ordered), verdicts=tuple(verdicts), is_complete=is_complete)


def _take(line: Mapping[str, Any], targets: dict[str, TargetInfo], verdicts: list[Verdict]) -> None:
    if "ready" in line:
        info = TargetInfo(**line["ready"])
        targets[info.name] = info
    elif "case" in line:
        verdict = _from_line(line)
        if verdict.target not in targets or verdict.verdict not in VERDICTS:
            raise LookupError(verdict.target, verdict.verdict)
        verdicts.append(verdict)


def _parsed(path: Path, number: int, line: str, *, is_last: bool) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
        if isinstance(parsed, dict):
            return parsed
    except ValueError:
        if is_last and number > 1:
            return {}
    raise _no_line(path, number)


def _no_line(path: Path, number: int) -> Invalid:
    hint = "see `run --record`"
    return Invalid(Problem(path=str(path), line=number, column=1, message="not a line of a record", hint=hint))


def _check_format(path: Path, parsed: Sequence[Mapping[str, Any]]) -> None:
    found = parsed[0].get("format") if parsed else None
    if found != FORMAT:
        hint = f"this version reads {FORMAT}"
        raise Invalid(
            Problem(path=str(path), message=f"not a record of this format: {found or 'no header'}", hint=hint)
        )
    lacking = [
        f"{part}.{name}" for part, names in _HEADER.items() for name in names if name not in parsed[0].get(part, ())
    ]
    if lacking:
        raise Invalid(Problem(path=str(path), line=1, column=1, message=f"the header lacks {', '.join(lacking)}"))


#: What reports draw from a header.
_HEADER = {"suite": ("version", "corpus"), "platform": ("cpu", "flags", "python")}


def _from_line(line: Mapping[str, Any]) -> Verdict:
    finding = None
    if "kind" in line:
        details = {name: line[name] for name in _FINDING if name in line}
        details |= {name: tuple(details[name]) for name in _TUPLES if name in details}
        finding = Finding(message=line.get("message", ""), **details)
    rest = {name: line[name] for name in Verdict.__dataclass_fields__ if name in line and name != "finding"}
    return Verdict(finding=finding, **rest)
