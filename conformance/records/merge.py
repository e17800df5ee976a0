"""Merge the records of several runs into one, and condense a record by counting agreements instead of listing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from ..core import Invalid, Problem
from ..corpus import Corpus, parse_shard
from .alternatives import count_alternatives
from .record import Record, TargetInfo, Timing, verdict_counts

#: The verdicts that a condensed record counts and does not list.
COUNTED = ("agree", "unsupported", "not-run")

#: The header entries that must be equal in all records to be merged.
_SAME = ("suite", "selection", "terms", "ledger")


def merged(records: Mapping[Path, Record]) -> Record:
    """
    Merge records that cover different shards of the corpus, different targets, or both.

    The result is complete if each record is complete and no target lacks a shard. The machines may differ; the header
    of the result lists them all. Condensed records are merged into a condensed record, which has the sums of their
    counts and all their groups.

    Raises:
        Invalid: if the suite, corpus, selection, terms or ledger differ, if only some of the records are condensed, or
            if two records contain the same case on the same target.

    """
    (first, record), *others = records.items()
    if not others:
        return record
    for path, other in others:
        _check(first, record, path, other)
    (_check_parts if record.left_out else _check_twice)(records)
    headers = [part.header for part in records.values()]
    return Record(
        header=_header(headers),
        targets=_targets(records),
        verdicts=tuple(verdict for part in records.values() for verdict in part.verdicts),
        tap_audits=tuple(audit for part in records.values() for audit in part.tap_audits),
        repetitions=tuple(each for part in records.values() for each in part.repetitions),
        is_complete=all(part.is_complete for part in records.values()) and not missing(headers),
        **(_merged_counts(records.values()) if record.left_out else {}),
    )


def condensed(record: Record, corpus: Corpus) -> Record:
    """
    Return a condensed record, which counts `agree`, `unsupported` and `not-run` verdicts and lists all other verdicts.

    The condensed record also counts the messages of `unsupported` and `not-run` verdicts, and the alternatives that
    each target follows.

    Raises:
        Invalid: if the run did not finish.

    """
    if not record.is_complete:
        raise Invalid(
            Problem(path="--condensed", message="the run did not finish", hint="resume it with `run --resume`")
        )
    kept = [verdict for verdict in record.verdicts if verdict.verdict not in COUNTED]
    return replace(
        record,
        header={**record.header, "left_out": list(COUNTED)},
        verdicts=kept,
        summary=record.summary or verdict_counts(record.verdicts),
        followed=count_alternatives(record, {case.id: case for case in corpus.cases}, corpus.clauses),
        unsaid={target.name: record.reasons(target.name) for target in record.targets},
    )


def missing(headers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the shards, such as `2/4`, that are missing for at least one target."""
    present: dict[str, set[str | None]] = {}
    for header in headers:
        for target in header.get("targets", ()):
            present.setdefault(target, set()).add(_shard(header))
    wanted = {f"{index}/{count}" for count in _shard_counts(headers) for index in range(1, count + 1)}
    return sorted({part for parts in present.values() if None not in parts for part in wanted - parts})


def _shard(header: Mapping[str, Any]) -> str | None:
    shard: str | None = header.get("selection", {}).get("shard")
    return shard


def _shard_counts(headers: Iterable[Mapping[str, Any]]) -> set[int]:
    return {parse_shard(shard)[1] for header in headers if (shard := _shard(header)) is not None}


def _merged_counts(records: Iterable[Record]) -> dict[str, Any]:
    """Return the groups and the summed counts of condensed records, keyed by the field names of `Record`."""
    groups = [group for record in records for group in record.groups]
    fields: dict[str, Any] = {
        "groups": tuple(replace(group, name=f"g{number}") for number, group in enumerate(groups, 1))
    }
    for name in ("summary", "followed", "unsaid"):
        fields[name] = reduce(_added, (getattr(record, name) for record in records))
    return fields


def _added(one: Any, other: Any) -> Any:
    """Return the sum of two counts, or of two nested mappings of counts; a missing key counts as 0."""
    if not isinstance(one, Mapping):
        return one + other
    shared = {name: _added(value, other[name]) for name, value in one.items() if name in other}
    return {**one, **other, **shared}


def _check(first: Path, record: Record, path: Path, other: Record) -> None:
    if list(record.left_out) != list(other.left_out):
        condensed_one, whole_one = (first, path) if record.left_out else (path, first)
        message = f"{condensed_one} is condensed and {whole_one} is not"
        raise Invalid(Problem(path=str(path), message=message, hint=f"condense {whole_one} too"))
    for part in _SAME:
        was, now = (_without_shard(some.header.get(part, {})) for some in (record, other))
        for name in {**was, **now}:
            if was.get(name) != now.get(name):
                message = f"{part}.{name} is {now.get(name)} here and {was.get(name)} in {first}"
                raise Invalid(Problem(path=str(path), message=message, hint=_HINT))
    if len(_shard_counts([record.header, other.header])) > 1:
        message = f"shard {_shard(other.header)} does not fit shard {_shard(record.header)} in {first}"
        raise Invalid(Problem(path=str(path), message=message, hint=_HINT))


_HINT = "records can be merged if their runs differ only in --shard or in targets"


def _without_shard(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "shard"}


def _check_twice(records: Mapping[Path, Record]) -> None:
    origins: dict[tuple[str, str], Path] = {}
    for path, record in records.items():
        for verdict in record.verdicts:
            before = origins.setdefault((verdict.case, verdict.target), path)
            if before is not path:
                raise _twice(path, f"{verdict.case} on {verdict.target}", before)


def _check_parts(records: Mapping[Path, Record]) -> None:
    """Reject condensed records that share a shard of a target, because the shard's cases would be counted twice."""
    shards: dict[str, list[tuple[str | None, Path]]] = {}
    for path, record in records.items():
        part = _shard(record.header)
        for target in record.targets:
            earlier = shards.setdefault(target.name, [])
            for other, before in earlier:
                if part == other or None in (part, other):
                    raise _twice(path, target.name if part is None else f"shard {part} of {target.name}", before)
            earlier.append((part, path))


def _twice(path: Path, subject: str, before: Path) -> Invalid:
    return Invalid(Problem(path=str(path), message=f"{subject} is also in {before}", hint=_HINT))


def _targets(records: Mapping[Path, Record]) -> tuple[TargetInfo, ...]:
    merged_info: dict[str, TargetInfo] = {}
    first: dict[str, Path] = {}
    for path, record in records.items():
        for info in record.targets:
            before = merged_info.get(info.name)
            if before is not None and before.identity != info.identity:
                names = [name for name in vars(info) if getattr(before.identity, name) != getattr(info.identity, name)]
                was, now = getattr(before, names[0]), getattr(info, names[0])
                message = f"{info.name}: its {names[0]} is {now} here and {was} in {first[info.name]}"
                raise Invalid(Problem(path=str(path), message=message, hint=_HINT))
            first.setdefault(info.name, path)
            timing = Timing(target=info.name, seconds=info.seconds)
            merged_info[info.name] = info if before is None else timing.added(before)
    return tuple(merged_info.values())


def _header(headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    header = dict(headers[0])
    header["targets"] = list(dict.fromkeys(name for other in headers for name in other.get("targets", ())))
    if "selection" in header:
        parts = sorted({shard for other in headers if (shard := _shard(other)) is not None}, key=parse_shard)
        header["selection"] = {**header["selection"], "shard": ", ".join(parts) if missing(headers) else None}
    machines = [other["platform"] for other in headers]
    different = [machine for index, machine in enumerate(machines) if machine not in machines[:index]]
    if len(different) > 1:
        header |= {"platform": _platform(different), "platforms": different}
    return header


def _platform(machines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """
    Return one platform for several machines.

    Different values of an entry are joined by ` / `. A CPU flag is kept only if all machines have it.
    """
    names: dict[str, Any] = {
        name: " / ".join(dict.fromkeys(str(machine.get(name, "")) for machine in machines)) for name in machines[0]
    }
    counts = Counter(flag for machine in machines for flag in machine["flags"])
    return {**names, "flags": [flag for flag in machines[0]["flags"] if counts[flag] == len(machines)]}
