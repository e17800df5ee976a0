"""The report as JUnit XML: a test suite for each target, a test case for each verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from xml.etree import ElementTree

from ..core import Case, Verdict, counts_as_failure
from ..records import Group, Record, TargetInfo
from .failure_block import failure_lines, probed, repeated

# The characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(record: Record, cases: Mapping[str, Case] = MappingProxyType({})) -> str:
    """Return the report as XML; a verdict on a case in `cases` also lists the clauses and caught faults."""
    root = ElementTree.Element("testsuites", name="conv-conformance")
    groups: dict[tuple[str, str], list[Group]] = {}
    for group, target, case in _members(record):
        groups.setdefault((target, case), []).append(group)
    for info in record.targets:
        mine = [verdict for verdict in record.verdicts if verdict.target == info.name]
        counts = record.counts(info.name)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=clean(f"{info.name} ({info.framework} {info.version})"),
            tests=str(len(mine) + (info.failed is not None)),
            failures=str(sum(counts_as_failure(verdict, record.fail_on) for verdict in mine)),
            errors=str(counts["suite-error"] + (info.failed is not None)),
            skipped=str(sum(_is_skipped(verdict, record) for verdict in mine)),
        )
        if info.failed is not None:
            _add_failed(suite, info)
        for verdict in mine:
            test = _add(suite, record, verdict, groups.get((verdict.target, verdict.case), ()))
            if verdict.verdict not in ("agree", "unsupported", "not-run"):
                lines = [f"fixed: {verdict.message}"] if verdict.verdict == "fixed" else []
                lines += failure_lines(verdict, info, cases.get(verdict.case))
                ElementTree.SubElement(test, "system-out").text = clean("\n".join(lines))
    ElementTree.indent(root)
    # Write the XML declaration here, because ElementTree's declaration would name the encoding of the locale.
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _add_failed(suite: ElementTree.Element, info: TargetInfo) -> None:
    """Add a test that has an error, because the tests of a target that could not run are only skipped."""
    test = ElementTree.SubElement(suite, "testcase", classname=clean(info.name), name="the target runs", time="0")
    error = ElementTree.SubElement(test, "error", type="could-not-run", message=clean(info.failed or ""))
    error.text = clean("\n".join(info.printed)) or None


def _members(record: Record) -> Iterator[tuple[Group, str, str]]:
    several = (group for group in record.groups if len(group.cases) > 1)
    return ((group, target, case) for group in several for target in group.targets for case in group.cases)


def _is_skipped(verdict: Verdict, record: Record) -> bool:
    return verdict.verdict not in ("agree", "fixed", "suite-error") and not counts_as_failure(verdict, record.fail_on)


def _add(suite: ElementTree.Element, record: Record, verdict: Verdict, groups: Sequence[Group]) -> ElementTree.Element:
    test = ElementTree.SubElement(
        suite, "testcase", classname=clean(verdict.target), name=clean(verdict.case), time=f"{verdict.seconds:.6f}"
    )
    message = clean(verdict.message)
    if counts_as_failure(verdict, record.fail_on):
        kind = verdict.finding.kind if verdict.finding else verdict.verdict
        failure = ElementTree.SubElement(test, "failure", type=kind, message=message)
        lines = [f"group {each.name}, {len(each.cases)} calls: {each.acts}" for each in groups if each.is_like(verdict)]
        cause = [] if verdict.diagnosis is None else [f"cause: {verdict.diagnosis}"]
        causes = (each for each in record.attributions if verdict.target in each.targets and verdict.case in each.cases)
        lines += [f"shared cause: {each.text}" for each in causes]
        lines += [f"made again: {each.text}" for each in repeated(verdict, record)]
        failure.text = clean("\n".join([verdict.message, *cause, verdict.call, *lines, *probed(verdict, record)]))
    elif verdict.verdict == "suite-error":
        ElementTree.SubElement(test, "error", type="suite-error", message=message)
    elif _is_skipped(verdict, record):
        ElementTree.SubElement(test, "skipped", message=f"{verdict.verdict}: {message}")
    return test


def clean(text: str) -> str:
    """Return a text in which U+FFFD replaces each character that XML does not allow."""
    return _FORBIDDEN.sub("\ufffd", text)
