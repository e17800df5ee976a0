"""The record: what was written is read back, and what is no record is refused in one line."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conv_conformance.core.foreign_text import one_line, printable
from conv_conformance.core.problem import Invalid
from conv_conformance.core.verdict import VERDICTS, Diagnosis, Finding, Verdict
from conv_conformance.diagnosis import TapAudit
from conv_conformance.records import Attribution, Group, GroupCounts, Record, line_schema
from conv_conformance.records.ledger import Ledger
from conv_conformance.records.record import (
    FORMAT,
    TargetInfo,
    Writer,
    read_record,
    verdict_counts,
    verdict_from_line,
    verdict_to_line,
    write_record,
)
from conv_conformance.records.repetition import Repetition
from conv_conformance.reports import junit, markdown, terminal
from rich.console import Console

HEADER: dict[str, Any] = {
    "suite": {"version": "0.1.0", "spec": "draft", "corpus": "sha256:00"},
    "date": "2026-01-01T00:00:00+00:00",
    "platform": {"machine": "x86_64", "cpu": "CPU", "flags": ["avx2"], "os": "Linux", "python": "3.11.7"},
}
#: What a framework or a user may put into a text.
HOSTILE = "<b>&\"'`|]]>[/red][bold]*_\\\x00\r\n\x85\u2028\ufffe é"
TARGETS = [
    TargetInfo(name="torch", framework="torch", version="2.13.0", settings={"threads": "2"}, seconds={"import": 0.5}),
    TargetInfo(name="jax@gpu", device="gpu", failed="no such device"),
    TargetInfo(name=f"cmd:{HOSTILE}", framework=HOSTILE, version=HOSTILE, result_dtypes={"float32": "bfloat16"}),
]
FINDING = Finding(
    kind="values",
    message="output[0, 1, 0] is 2, expected 3",
    first_index=(0, 1, 0),
    expected=3,
    got="nan",
    differing=2,
    max_error_uS=1.5,
    expected_near=(1, 3),
    got_near=(1, "nan"),
    returned=(1, "nan", 2.5),
)
VERDICTS_GIVEN = [
    Verdict(
        case="a",
        target="torch",
        verdict="agree",
        alternative="VALID-2:empty",
        error_uS=0.0,
        seconds=0.25,
        output_sha256="ab",
    ),
    Verdict(case="b", target="torch", verdict="disagree", finding=FINDING, message=FINDING.message, call="f(x)"),
    Verdict(case="c", target="torch", verdict="known", finding=FINDING, message=FINDING.message, known="torch.c"),
    Verdict(case="d", target="torch", verdict="crash", message="killed by SIGSEGV", phase="call"),
    Verdict(case="a", target="jax@gpu", verdict="not-run", message="the target could not run"),
    Verdict(case=f"e{HOSTILE}", target=TARGETS[2].name, verdict="suite-error", message=HOSTILE, call=HOSTILE),
    Verdict(case="f", target=TARGETS[2].name, verdict="unsupported", message=HOSTILE),
    Verdict(case="g", target=TARGETS[2].name, verdict="fixed", message=HOSTILE, known="x"),
    Verdict(
        case="h",
        target=TARGETS[2].name,
        verdict="disagree",
        message=HOSTILE,
        finding=Finding(kind="refused", message=HOSTILE),
    ),
]


def written(header: dict[str, Any] = HEADER) -> str:
    file = StringIO()
    writer = Writer(file, header)
    for target in TARGETS:
        writer.target(target)
    for verdict in VERDICTS_GIVEN:
        writer.verdict(verdict)
    writer.summary(verdict_counts(VERDICTS_GIVEN))
    return file.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    path.write_text(written(), encoding="utf-8")
    return path


def test_record_is_read_as_it_was_written(path: Path) -> None:
    """Targets, verdicts and header are read back unchanged, except for unprintable characters in their texts."""
    record = read_record(path)
    assert list(record.targets) == [*TARGETS[:2], _clean(TARGETS[2])]
    assert list(record.verdicts) == [*VERDICTS_GIVEN[:5], *map(_clean, VERDICTS_GIVEN[5:])]
    assert (record.header, record.is_complete) == ({"format": FORMAT, **HEADER}, True)


def _clean(said: Any) -> Any:
    """Return a target or a verdict as it is read."""
    values = {each.name: getattr(said, each.name) for each in fields(said)}
    texts = {name: printable(value) for name, value in values.items() if isinstance(value, str)}
    texts |= {name: one_line(values[name]) for name in ("framework", "version") if name in values}
    finding = getattr(said, "finding", None)
    return replace(said, **texts, **({"finding": _clean(finding)} if finding is not None else {}))


@pytest.mark.parametrize("bad", ["\\ud800", "\\u0000", "\\u001b[31m", "\\u009b", "\x7f", "\x9b"])
def test_what_no_file_can_hold_is_replaced(path: Path, bad: str) -> None:
    """Half of a surrogate pair, or what a terminal would obey, in a record that somebody else wrote."""
    path.write_text(written().replace("killed by SIGSEGV", f"killed{bad} by"), "utf-8")
    message = read_record(path).verdicts[3].message
    assert message.isprintable() and message.startswith("killed") and message.endswith("by")


def test_targets_stand_in_the_order_asked_for(path: Path) -> None:
    """Whichever target was ready first, a report shows them as the run did."""
    names = [target.name for target in reversed(TARGETS)]
    path.write_text(written({**HEADER, "targets": names}), encoding="utf-8")
    assert [target.name for target in read_record(path).targets] == [printable(name) for name in names]


def test_summary_counts_every_verdict() -> None:
    """The last line counts each verdict of each target, also those that were not given."""
    summary = json.loads(written().strip().split("\n")[-1])["summary"]
    assert summary["torch"] == {**dict.fromkeys(VERDICTS, 0), "agree": 1, "disagree": 1, "known": 1, "crash": 1}
    assert sum(count for counts in summary.values() for count in counts.values()) == len(VERDICTS_GIVEN)


def test_record_may_be_cut_anywhere(path: Path) -> None:
    """What a killed run left is read up to the last whole line, and is not complete."""
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole) - 1, 13):
        path.write_bytes(whole[:end])
        record = read_record(path)
        assert len(record.verdicts) == whole[:end].count(b'\n{"case":') - (
            whole[end - 1 :][:1] != b"\n" and is_cut(whole, end)
        )
        assert not record.is_complete


def is_cut(whole: bytes, end: int) -> bool:
    """Say whether the line that was cut at `end` had begun with a case and is not yet whole JSON."""
    line = whole[:end].rpartition(b"\n")[2]
    return line.startswith(b'{"case":') and not line.endswith(b"}")


@pytest.mark.parametrize(
    "diagnosis",
    [
        None,
        Diagnosis(),
        Diagnosis(causes=("kernel-flipped",), confidence="exact"),
        Diagnosis(causes=("a", "b"), wider=("c", "d"), confidence="ambiguous"),
        Diagnosis(causes=("a",), wider=("c",), confidence="partial", region="in the last channel"),
    ],
    ids=str,
)
def test_a_diagnosis_is_read_as_it_was_written(diagnosis: Diagnosis | None) -> None:
    """So are a missing diagnosis and one without causes, which are not the same."""
    verdict = replace(VERDICTS_GIVEN[1], diagnosis=diagnosis)
    assert verdict_from_line(json.loads(json.dumps(verdict_to_line(verdict)))) == verdict


def test_what_is_found_at_the_end_of_a_run_is_read_from_a_complete_record_alone(path: Path) -> None:
    """Without the summary, groups, causes, audits and repetitions may be some of them, and none is read."""
    counts, finding = {"torch": GroupCounts(1, 2)}, {"products": 2, "probes": 2, "taps": 2, "kernel": 2, "parts": ()}
    whole = Record(
        header=HEADER,
        targets=TARGETS,
        verdicts=VERDICTS_GIVEN,
        is_complete=True,
        groups=(Group(targets=counts, verdict="disagree", kind="values", cases=("b",)),),
        attributions=(Attribution(cause="kernel-flipped", targets=counts, cases=("b",)),),
        tap_audits=(TapAudit(case="b", target="torch", is_bias_wrong=False, adds_up=True, **finding),),
        repetitions=(Repetition(case="b", target="torch", alone="disagree", is_same=True),),
    )
    write_record(whole, path)
    read = read_record(path)
    found = ("groups", "attributions", "tap_audits", "repetitions")
    assert {name: tuple(getattr(read, name)) for name in found} == {name: getattr(whole, name) for name in found}
    lines = path.read_bytes().splitlines(keepends=True)
    assert b'{"summary"' == lines[-1][:10]
    path.write_bytes(b"".join(lines[:-1]))
    cut = read_record(path)
    assert (cut.is_complete, [verdict.case for verdict in cut.verdicts]) == (
        False,
        [each.case for each in read.verdicts],
    )
    assert {name: tuple(getattr(cut, name)) for name in found} == dict.fromkeys(found, ())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: "", ":1:1: not a line of a record"),
        (lambda text: "hello\n", ":1:1: not a line of a record"),
        (lambda text: "[]\n", ":1:1: not a line of a record"),
        (
            lambda text: "{}\n",
            ": not a record of this format: no header (this version reads conv-conformance-record/1)",
        ),
        (
            lambda text: text.replace("record/1", "record/2", 1),
            "not a record of this format: conv-conformance-record/2",
        ),
        (lambda text: text.replace('"corpus"', '"corps"', 1), ":1:1: not a line of a record: suite must contain"),
        (lambda text: text.replace('"platform":{', '"platfrom":{', 1), ":1:1: not a line of a record: must contain"),
        (lambda text: text.replace('{"case":"a"', '{"case":"a', 1), ":5:1: not a line of a record"),
        (lambda text: text.replace('"verdict":"agree"', '"verdict":"agrees"', 1), ":5:1: not a line of a record"),
        (lambda text: text.replace('"verdict":"agree"', '"verdicts":"agree"', 1), ":5:1: not a line of a record"),
        (lambda text: text.replace('"target":"torch"', '"target":"tensorflow"', 1), ":5:1: not a line of a record"),
        (lambda text: text.replace('"framework":', '"framewrok":', 1), ":2:1: not a line of a record"),
        (lambda text: text.replace('"first_index":[0,1,0]', '"first_index":7', 1), ":6:1: not a line of a record"),
        (
            lambda text: text.replace('"case":"b"', '"case":"a"', 1),
            ":6:1: not a line of a record: a second verdict on a",
        ),
        (
            lambda text: text.replace('"case":"a"', '"case":["a"]', 1),
            ":5:1: not a line of a record: case must be string",
        ),
        (lambda text: text.replace('"seconds":', '"seconds":NaN,"more":', 1), "not a line of a record"),
        (lambda text: text.replace('"agree":1', '"agree":2', 1), "the summary counts 2 times agree on torch, and the"),
        (lambda text: text.replace('"case":"a"', f'"more":{"[" * 9999}{"]" * 9999},"case":"a"', 1), ":5:1: not a line"),
    ],
)
def test_broken_record_is_refused_in_one_line(path: Path, change: Any, problem: str) -> None:
    """Another version, a broken header or line: said with its place, never a traceback."""
    path.write_text(change(written()), encoding="utf-8")
    with pytest.raises(Invalid) as found:
        read_record(path)
    assert problem in str(found.value)
    assert "\n" not in str(found.value)


def test_a_summary_need_not_count_what_is_not_there(path: Path) -> None:
    """A verdict or a target that a summary leaves out is one of no cases."""
    *lines, last = written().strip().split("\n")
    counts = json.loads(last)["summary"]
    few = {target: {name: n for name, n in each.items() if n} for target, each in counts.items()}
    for summary, is_right in (
        (few, True),
        ({**few, "keras": {"agree": 0}}, True),
        ({**few, "keras": {"agree": 1}}, False),
    ):
        path.write_text("\n".join([*lines, json.dumps({"summary": summary})]) + "\n", encoding="utf-8")
        if is_right:
            assert read_record(path).is_complete
        else:
            with pytest.raises(Invalid, match="counts 1 times agree on keras, and the record lists 0"):
                read_record(path)
    path.write_text("\n".join([*lines, json.dumps({"summary": {"torch": few["torch"]}})]) + "\n", encoding="utf-8")
    with pytest.raises(Invalid, match="counts 0 times"):
        read_record(path)


def test_missing_record_is_said_so(tmp_path: Path) -> None:
    """A record that is not there, or is a folder, is a problem of its path."""
    for name in ("none.jsonl", "."):
        with pytest.raises(Invalid, match="cannot be read"):
            read_record(tmp_path / name)


# --- the reports that are drawn from it


def test_junit_is_valid_whatever_the_texts(path: Path) -> None:
    """The XML parses, counts rightly, and maps each verdict to what JUnit knows."""
    root = ElementTree.fromstring(junit.render(read_record(path)))  # noqa: S314 - our own text
    suites = [{name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} for suite in root]
    assert suites == [
        {"tests": "4", "failures": "2", "errors": "0", "skipped": "1"},
        {"tests": "2", "failures": "0", "errors": "1", "skipped": "1"},
        {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"},
    ]
    tests = [[child.tag for child in test] for test in root.iter("testcase")]
    expected = ["", "failure", "skipped", "failure", "error", "skipped", "error", "skipped", "", "failure"]
    told = [False, True, True, True, False, False, True, False, True, True]
    assert tests == [
        [*([tag] if tag else []), *(["system-out"] if is_told else [])]
        for tag, is_told in zip(expected, told, strict=True)
    ]


def test_junit_names_its_own_encoding(path: Path) -> None:
    """The declaration says utf-8, in which the file is written, whatever the locale."""
    assert junit.render(read_record(path)).startswith('<?xml version="1.0" encoding="utf-8"?>\n<testsuites')


def test_markdown_shows_texts_as_they_are(path: Path) -> None:
    """No text of a framework becomes markup or a second row of the table."""
    text = markdown.render(read_record(path), {}, Ledger())
    rows = [line for line in text.split("\n") if line.startswith("| ")]
    assert len(rows) == 2 + len(TARGETS)
    assert {len(row.replace("\\|", "").split("|")) for row in rows} == {len(rows[0].split("|"))}
    assert "<b>" not in "\n".join(rows)


def test_markdown_keeps_within_what_a_summary_may_be(path: Path) -> None:
    """A thousand long disagreements are cut below a mebibyte, and it says how many are left out."""
    record = read_record(path)
    many = [Verdict(case=f"c{n}", target="torch", verdict="crash", message="x" * 2000) for n in range(1000)]
    text = markdown.render(
        type(record)(header=record.header, targets=record.targets, verdicts=many, is_complete=True), {}, Ledger()
    )
    assert len(text.encode()) < 1 << 20
    assert "more; the record holds all of them" in text


def shown(path: Path, **options: Any) -> str:
    file = StringIO()
    terminal.show(Console(file=file, highlight=False, **options), read_record(path), {}, Ledger())
    return file.getvalue()


def test_terminal_shows_silent_faults_first(path: Path) -> None:
    """A fault of ours stands before all, then silent ones, then loud ones."""
    text = shown(path)
    assert text.index("the suite's own fault") < text.index("silent  b") < text.index("loud  d")


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_table_shows_every_count_in_every_width(path: Path, width: int) -> None:
    """However narrow the terminal, no count is left out and no line is too long."""
    record = read_record(path)
    every = [
        Verdict(case=f"c{n}", target="torch", verdict=word) for n, word in enumerate(VERDICTS) for _ in range(1000 + n)
    ]
    full = type(record)(header=HEADER, targets=TARGETS[:2], verdicts=every, is_complete=True)
    file = StringIO()
    console = Console(file=file, width=width, color_system=None)
    console.print(terminal.counted(console, full))
    lines = file.getvalue().splitlines()
    assert {n for n in range(1000, 1000 + len(VERDICTS)) if not any(str(n) in line for line in lines)} == set()
    assert max(map(len, lines)) <= width


def test_narrow_table_has_headers_of_two_lines(path: Path) -> None:
    """A table that is too wide breaks its headers; one that still is too wide becomes lines of text."""
    every = [Verdict(case=word, target="torch", verdict=word) for word in VERDICTS]
    full = type(read_record(path))(header=HEADER, targets=TARGETS[:1], verdicts=every, is_complete=True)
    for width, begins in [
        (100, "target  version  agree  disagree"),
        (80, " " * 25 + "dis-"),
        (40, "torch 2.13.0: agree 1,"),
    ]:
        file = StringIO()
        console = Console(file=file, width=width, color_system=None)
        console.print(terminal.counted(console, full))
        assert file.getvalue().startswith(begins)


def test_no_color_means_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR a terminal gets no colour codes, without it some."""
    assert "\x1b[1;31m" in shown(path, force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    codes = shown(path, force_terminal=True).split("\x1b[")[1:]
    assert {code.split("m")[0] for code in codes if code.split("m")[0] not in ("0", "1", "2")} == set()


def test_record_that_was_cut_says_so(path: Path) -> None:
    """A report of an incomplete record says that the run did not finish."""
    assert "did not finish" not in shown(path)
    path.write_text("\n".join(path.read_text(encoding="utf-8").split("\n")[:-2]), encoding="utf-8")
    assert "the run did not finish" in shown(path)


# --- the schema of its lines


def test_page_and_schema_have_the_same_entries() -> None:
    """Each table of the page lists exactly the entries of its line's schema."""
    page = (Path(__file__).parents[2] / "docs/reference/record.md").read_text(encoding="utf-8")
    sections = {
        title.strip("`"): text for title, text in re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", page, re.MULTILINE)
    }
    schema = json.loads(line_schema.SCHEMA.read_text(encoding="utf-8"))["definitions"]
    tables = {"header": "The header", "verdict": "A verdict"}
    for name in ("header", "ready", "verdict", "group", "cause", "repetition", "tap_audit"):
        table = sections[tables.get(name, name)].split("|---|---|")[1].split("\n\n")[0]
        listed = [entry for row in table.strip().splitlines() for entry in re.findall(r"`(\w+)`", row.split("|")[1])]
        lines = schema[name]["properties"]
        assert listed == list(lines[name]["properties"] if name in ("ready", "tap_audit") else lines), name


def test_every_line_that_is_written_fits_the_schema() -> None:
    """So do the lines of a whole record; a line of an unknown type is left to newer readers."""
    lines = [json.loads(line) for line in written().strip().split("\n")]
    assert [line_schema.line_problem(line) for line in lines] == [""] * len(lines)
    assert line_schema.line_problem({"future": 1}) == ""
    assert {entry for entry in line_schema.LINES if any(next(iter(line)) == entry for line in lines)} >= {
        "format",
        "ready",
        "case",
        "summary",
    }
