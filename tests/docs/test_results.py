"""The pages of the results: what is taken from a run, and what they say of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conv_conformance import corpus
from conv_conformance.core.case import Case
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.corpus.clauses import Alternative, Clause
from conv_conformance.records import ledger_files
from conv_conformance.records.ledger import Entry, Ledger
from conv_conformance.records.record import Record, TargetInfo
from packaging.specifiers import SpecifierSet

from docs.generate.results import (
    disagreements,
    fault_entries,
    portability,
    recorded_choices,
    recorded_faults,
    recorded_run,
)

from ..support.builders import call_of, ramp
from ..support.zoo import case_of, outputs

HEADER = {
    "date": "2026-11-25T12:00:00+00:00",
    "suite": {"version": "0", "corpus": "sha256:0"},
    "selection": {"sweeps": "full"},
    "platform": {"machine": "m", "cpu": "c", "flags": ["avx2"], "os": "o", "python": "3"},
}
SILENT = Finding(kind="values", message="")
LOUD = Finding(kind="refused", message="")


def _case(name: str, length: int, sweep: str = "", **parameters: Any) -> Case:
    call = call_of("conv", ramp(1, length, 1), ramp(2, 1, 1), **parameters)
    return replace(case_of(name, call, outputs([])), sweep=sweep, clauses=("POINT-1",) if sweep else ("LITERAL-1",))


CASES = {
    case.id: case
    for case in (
        _case("long", 9),
        _case("short", 3, padding="same"),
        *(_case(f"points[length={length}]", length, "points", strides=2, padding="same") for length in range(4, 12)),
        *(_case(f"others[length={length}]", length, "others", padding="same") for length in range(2, 16)),
    )
}
POINTS = tuple(case.id for case in CASES.values() if case.sweep == "points")
OTHERS = tuple(case.id for case in CASES.values() if case.sweep == "others")


def _record(*verdicts: Verdict) -> Record:
    names = dict.fromkeys(verdict.target for verdict in verdicts)
    targets = [TargetInfo(name=name, framework=recorded_run.framework(name), version="1.0") for name in names]
    return Record(header=HEADER, targets=targets, verdicts=verdicts, is_complete=True)


def _said(case: str, verdict: str = "agree", target: str = "torch", **rest: Any) -> Verdict:
    return Verdict(case=case, target=target, verdict=verdict, **rest)


def _known(case: str, target: str = "torch", finding: Finding = SILENT, entry: str = "e") -> Verdict:
    return _said(case, "known", target, finding=finding, known=entry, message="is 1, expected 2 [last output: @ 0x1]")


def test_a_run_is_counted_by_target_and_verdict() -> None:
    """Literal cases and points of sweeps are counted apart; what has no words is counted by its reason."""
    unsaid = [_said(case, "unsupported", message="no words") for case in ("long", *POINTS[:2])]
    found = recorded_run.run(_record(_said("short"), *unsaid, _said(POINTS[2], "not-run", message="cut")), CASES)
    target = {"framework": "torch", "version": "1.0", "unsaid": {"no words": 3}}
    verdicts = {"agree": (1, 0), "unsupported": (1, 2), "not-run": (0, 1)}
    assert {"torch": {**target, "verdicts": verdicts}} == found["targets"]
    assert [] == found["unexplained"]


def test_a_target_that_stopped_early_is_told() -> None:
    """A target with fewer verdicts than another has not come to its end; a page must not pass it off as whole."""
    record = _record(_said("long"), _said("short"), _said("long", target="jax"))
    assert {"jax": [1, 2]} == recorded_run.run(record, CASES)["unfinished"]


def test_what_nothing_explains_is_told() -> None:
    """A disagreement, a crash and a fault of the suite that no entry knows are named."""
    verdicts = [_said("long", "crash"), _said("short", "suite-error"), _said(POINTS[0], "disagree"), _said(POINTS[1])]
    found = recorded_run.run(_record(*verdicts), CASES)
    assert ["long", "short", POINTS[0]] == [each["case"] for each in found["unexplained"]]


def test_a_fault_is_counted_by_target() -> None:
    """Of a fault are told its worst severity, its calls by target, the smallest, and how others fare."""
    record = _record(
        *(_known(case) for case in ("long", "short", *POINTS)),
        _known("long", "torch+layer", LOUD),
        _known("short", "jax", entry="another"),
        _said("long", target="jax"),
        _said("short", target="tensorflow"),
        _said("short", target="numpy", alternative="SAME-4:refuses"),
        _said("long", "unsupported", "tensorflow"),
        _said("short", "unsupported", "keras-jax"),
        _said("short", target="keras-tensorflow", alternative="SAME-4:refuses"),
        _said("long", target="keras-tensorflow"),
        _said("short", "not-run", "keras-torch"),
    )
    every = recorded_faults.faults(record, CASES)
    found = every["e"]
    assert ["another", "e"] == list(every)
    assert ("silent", ["refused", "values"]) == (found["severity"], found["kinds"])
    assert {"torch": (2, 8), "torch+layer": (1, 0)} == found["targets"]
    assert (2, 8) == found["calls"]
    assert {"case": "short", "target": "torch", "message": "is 1, expected 2"} == found["smallest"]
    fare = {"jax": "fails", "tensorflow": "agrees", "numpy": "refuses", "keras-jax": "unsupported"}
    assert {**fare, "keras-tensorflow": "mixed"} == found["beside"]


def test_the_smallest_case_is_a_literal_one() -> None:
    """A literal case is named before smaller points of sweeps, for it has a page."""
    assert "long" == recorded_faults.faults(_record(*map(_known, (*POINTS, "long"))), CASES)["e"]["smallest"]["case"]


def test_the_smallest_of_a_fault_of_sweeps_alone_is_a_point() -> None:
    """Where no literal case shows a fault, its smallest call is that of a point."""
    found = recorded_faults.faults(_record(*map(_known, reversed(POINTS))), CASES)["e"]
    assert POINTS[0] == found["smallest"]["case"]


def test_a_fault_is_told_by_its_condition() -> None:
    """What tells the calls of a fault from those that agree stands beside how many of those under it fail."""
    others = (_said(case, target=target) for case in ("long", "short", *OTHERS) for target in ("torch", "jax"))
    record = _record(*map(_known, POINTS), *(_known(case, "jax", entry="another") for case in POINTS), *others)
    acts = recorded_faults.faults(record, CASES)["e"]["acts"]
    assert [{"where": "a stride is not 1", "target": "torch", "seen": 8, "of": 8}] == acts
    few = _record(*map(_known, POINTS[1:]), *(_said(case) for case in ("long", "short", *OTHERS)))
    assert [] == recorded_faults.faults(few, CASES)["e"]["acts"]


CLAUSE = Clause(
    id="SAME-4",
    level="implementation-defined",
    sentence="",
    alternatives={"computes": Alternative(), "refuses": Alternative(is_refusal=True)},
)


def _follows(alternative: str, *cases: str, target: str = "torch") -> list[Verdict]:
    return [_said(case, target=target, alternative=f"SAME-4:{alternative}") for case in cases]


def _choices(*verdicts: Verdict) -> Any:
    return recorded_choices.choices(_record(*verdicts), CASES, {"SAME-4": CLAUSE})["SAME-4"]


def test_alternatives_are_counted_by_target() -> None:
    """Who follows which alternative is counted, literal cases and points apart; who cannot say it is told."""
    unsaid = [_said(case, "unsupported", "jax") for case in (*POINTS, "long")]
    found = _choices(*_follows("computes", "short", *POINTS), *_follows("refuses", "short", target="numpy"), *unsaid)
    assert {
        "torch": {"followed": {"computes": (1, 8)}, "rarer": []},
        "jax": {"unsaid": (0, 8)},
        "numpy": {"followed": {"refuses": (1, 0)}, "rarer": []},
    } == found


def test_the_rarer_alternative_has_cases_and_a_condition() -> None:
    """Of a target that follows several alternatives the rarer is told by its feature, literal and small cases first."""
    found = _choices(*_follows("refuses", *POINTS), *_follows("computes", *OTHERS, "short"))["torch"]
    assert ["computes", "refuses"] == list(found["followed"])
    assert [{"alternative": "refuses", "where": "a stride is not 1", "cases": [POINTS[0]]}] == found["rarer"]


def test_a_literal_case_is_named_and_no_point() -> None:
    """Cases of the rarer alternative are named that people can look up, where there are any."""
    rare = [OTHERS[0], OTHERS[3], "long"]
    found = _choices(*_follows("refuses", *rare), *_follows("computes", *OTHERS[1:3], *OTHERS[4:], "short"))["torch"]
    assert {"alternative": "refuses", "where": "", "cases": ["long"]} == found["rarer"][0]


def _like(count: int, **parameters: Any) -> list[Case]:
    return [_case(f"{parameters}[length={length}]", length, "s", **parameters) for length in range(9, 9 + count)]


STRIDED, DILATED, WIDE, PLAIN = _like(9, strides=2), _like(9, dilations=2), _like(9, dtype="float64"), _like(40)


@pytest.mark.parametrize(
    ("rare", "common", "expected"),
    [
        (STRIDED, PLAIN, "a stride is not 1"),
        (STRIDED, [STRIDED[4], *PLAIN], ""),
        (STRIDED + DILATED, PLAIN, "a stride is not 1; or a dilation is not 1"),
        (STRIDED + DILATED + WIDE, PLAIN, ""),
    ],
)
def test_a_condition_is_told_where_it_is_obvious(rare: list[Case], common: list[Case], expected: str) -> None:
    """One condition or two that hold for all of the rare calls and for no other are told, and nothing else."""
    assert expected == recorded_choices._where(rare, common)


def _run(*verdicts: Verdict) -> dict[str, Any]:
    record = _record(*verdicts)
    said = {
        **recorded_run.run(record, CASES),
        "faults": recorded_faults.faults(record, CASES),
        "choices": recorded_choices.choices(record, CASES, {"SAME-4": CLAUSE}),
    }
    return dict(json.loads(json.dumps(said)))


def test_targets_that_behave_alike_share_a_row() -> None:
    """Targets of one framework with the same alternatives are one row, with the range of their counts."""
    run = _run(
        *_follows("computes", "short", *POINTS),
        *_follows("computes", "short", "long", target="torch+layer"),
        *_follows("refuses", "short", target="torch+compile"),
        *_follows("refuses", "short", target="jax"),
        *(_said("short", "unsupported", target) for target in ("keras-jax", "keras-torch")),
    )
    (choice,) = portability.clauses({"SAME-4": CLAUSE}, {"cpu": run})
    assert [
        ("torch", ["torch", "torch+layer"], {"computes": ("1 to 2", "0 to 8")}),
        ("torch", ["torch+compile"], {"refuses": ("1", "0")}),
        ("jax", ["jax"], {"refuses": ("1", "0")}),
    ] == [(row.framework, row.targets, row.counts) for row in choice.rows]
    assert ["keras-jax", "keras-torch"] == choice.unsaid
    assert [["SAME-4", "*differs*", "refuses", "", "", "", ""]] == portability.table([choice])


def test_an_inconsistent_target_is_marked() -> None:
    """A target that follows both alternatives is inconsistent, in the overview and in its row."""
    steady = _follows("computes", *OTHERS, target="jax+jit")
    unsteady = [
        _follows("refuses", *POINTS, target=name) + _follows("computes", *OTHERS, target=name)
        for name in ("torch", "jax")
    ]
    run = _run(*steady, *unsteady[0], *unsteady[1])
    (choice,) = portability.clauses({"SAME-4": CLAUSE}, {"cpu": run})
    assert ("*inconsistent*", "*differs*") == (choice.cell("torch"), choice.cell("jax"))
    row = choice.rows[0]
    assert (True, {"computes": ("0", "14"), "refuses": ("0", "8")}) == (row.is_inconsistent, row.counts)


def test_a_second_run_stands_beside_the_first() -> None:
    """What a target follows in another run is told under the name of that run, where it is something else."""
    alike = _follows("computes", "short", target="jax")
    runs = {"cpu": _run(*_follows("refuses", "short"), *alike), "other": _run(*_follows("computes", "short"), *alike)}
    (choice,) = portability.clauses({"SAME-4": CLAUSE}, runs)
    assert [["torch"], ["torch (other)"], ["jax"]] == [row.targets for row in choice.rows]
    assert "*differs*" == choice.cell("torch")


def _entry(name: str, *kinds: str, **rest: Any) -> Entry:
    said: dict[str, Any] = {"verdict": "disagree", "cases": ("*",), "targets": ("torch",), "versions": SpecifierSet()}
    written = {"reason": "", "link": "https://example.org/docs", "since": "", "triage": "print(1)"}
    return Entry(**{"id": name, "kinds": kinds, **said, **written, **rest})


def _faults(
    *every: Entry,
    runs: dict[str, Any] | None = None,
    triage: dict[str, Any] | None = None,
    causes: dict[str, Any] | None = None,
) -> Any:
    return fault_entries.faults(Ledger(entries=every), runs or {}, triage or {}, causes or {})


def test_silent_faults_come_first() -> None:
    """Faults stand by severity, then by framework, then by how often they were seen."""
    runs = {"cpu": _run(*(_known(case, entry="b") for case in POINTS), _known("long", entry="a"))}
    every = [
        _entry("d", verdict="crash"),
        _entry("c", "refused", "shape", targets=("tensorflow+*",)),
        _entry("f", "precision"),
        _entry("e", "refused", targets=("keras-jax",)),
        _entry("a", "values"),
        _entry("b", "not-refused"),
        _entry("g", "values", targets=("keras-*",)),
    ]
    found = _faults(*every, runs=runs)
    assert list("gcbaedf") == [fault.id for fault in found]
    assert [("silent", ["keras", "tensorflow", "torch"]), ("loud", ["keras", "torch"]), ("precision", ["torch"])] == [
        (severity, [framework for framework, _ in some]) for severity, some in fault_entries.grouped(found)
    ]


def test_a_fault_is_seen_in_several_runs() -> None:
    """Runs have their cases in common, so that the most of one is told; releases and targets are named once."""
    runs = {"one": _run(_known("long"), _known(POINTS[0])), "two": _run(_known("long"), _known("short", "torch+layer"))}
    (fault,) = _faults(_entry("e", "values"), runs=runs)
    assert (2, 1, ["torch", "torch+layer"], ["torch 1.0"]) == (
        fault.literal,
        fault.sweeps,
        fault.targets,
        fault.releases,
    )


def test_conditions_are_said_in_words() -> None:
    """The conditions of an entry, and that a fault is seen on some calls or at times only, are said in words."""
    when = {"cpu": "avx512f", "not_cpu": "amx_tile", "device": "cpu", "not_environment": {"A": "0", "B": ""}}
    (fault,) = _faults(_entry("e", "values", when=when, partly=True, intermittent=True))
    assert fault.conditions == (
        "intermittently and on some calls where the processor has `avx512f`; the processor has no `amx_tile`; "
        "the device is `cpu`; the environment does not have `A=0, B=`"
    )
    (fault,) = _faults(_entry("e", "values", when={"device": "cpu"}))
    assert fault.conditions == "on the calls described above where the device is `cpu`"


@pytest.mark.parametrize(
    ("link", "issue", "source", "tracked"),
    [
        ("https://github.com/a/b/issues/7", "", "", "[a/b#7](https://github.com/a/b/issues/7)"),
        ("https://github.com/a/b/pull/7", "", "[a/b#7](https://github.com/a/b/pull/7)", ""),
        ("https://a.b/c", "", "[a.b/c](https://a.b/c)", ""),
        (
            "https://a.b/c",
            "https://github.com/a/b/issues/7",
            "[a.b/c](https://a.b/c)",
            "[a/b#7](https://github.com/a/b/issues/7)",
        ),
    ],
)
def test_an_issue_is_no_documentation(link: str, issue: str, source: str, tracked: str) -> None:
    """A report in a tracker says where a fault is known; any other link is documentation, source or a change."""
    (fault,) = _faults(_entry("e", "values", link=link, issue=issue))
    assert (source, tracked) == (fault.source, fault.tracked)


def test_a_fault_contradicts_what_its_entry_names() -> None:
    """The clauses are those of the entry, not all that its cases pin."""
    (fault,) = _faults(_entry("e", "values", contradicts=("SAME-1", "PAD-4")), runs={"cpu": _run(_known("long"))})
    assert fault.definition == "[SAME-1](../spec/index.md#same-1), [PAD-4](../spec/index.md#pad-4)"


@pytest.mark.parametrize(
    ("holds", "shown", "expected"),
    [
        (True, 1, ""),
        (True, 0, "It did not show the fault, though its conditions held"),
        (False, 0, "The conditions of the entry did not hold there. It did not show the fault"),
        (False, 1, "The conditions of the entry did not hold there. It showed the fault nevertheless"),
    ],
)
def test_a_script_that_says_otherwise_is_told(*, holds: bool, shown: int, expected: str) -> None:
    """A script that does not show its fault, or shows it where its conditions do not hold, is no silent success."""
    script = {"script": "print(1)", "holds": holds, "shown": shown, "stdout": "1", "stderr": "E: 2", "ended": "SIGABRT"}
    (fault,) = _faults(_entry("e", "values"), triage={"e": script})
    assert (expected, "1\nE: 2\n(SIGABRT)") == (fault.contrary, fault.printed)


def test_what_an_older_script_printed_is_not_shown() -> None:
    """What was printed by another script than the entry's is not shown as its output."""
    now, then, never = _faults(
        _entry("a", "values"),
        _entry("b", "values"),
        _entry("c", "values"),
        triage={"a": {"script": "print(1)"}, "b": {"script": "print(2)"}},
    )
    assert [True, False, False] == [now.is_run, then.is_run, never.is_run]


RAN = {"date": "", "cpu": "", "python": "", "versions": {}, "holds": True, "shown": 1, "runs": 1} | {
    "ended": "exit code 0",
    "stdout": "1 right is 2",
    "stderr": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a repository with the pages of one run."""
    results = tmp_path / disagreements.RESULTS
    results.mkdir(parents=True)
    ledger = ledger_files.load(ledger_files.shipped()).entries
    (results / "seen.json").write_text(json.dumps({"cpu": _run(_known("long", entry=ledger[0].id))}))
    (results / "triage.json").write_text(json.dumps({entry.id: {**RAN, "script": entry.triage} for entry in ledger}))
    (results / "causes.json").write_text("{}")
    (results / "cpu.jsonl").write_text(json.dumps(HEADER) + "\n")
    for path, text in disagreements.pages(tmp_path, corpus.load()).items():
        (tmp_path / path).write_text(text)
    return tmp_path


def test_a_page_tells_what_is_unfinished_and_unexplained(tmp_path: Path) -> None:
    """What a run did not come to, and what nothing explains, stand on the page of the run."""
    results = tmp_path / disagreements.RESULTS
    results.mkdir(parents=True)
    verdicts = [_said("long"), _said("short"), _said("long", "crash", "jax", message="killed")]
    (results / "seen.json").write_text(json.dumps({"cpu": _run(*verdicts)}))
    (results / "triage.json").write_text("{}")
    (results / "causes.json").write_text("{}")
    page = disagreements.pages(tmp_path, corpus.load())[disagreements.RESULTS / "index.md"]
    assert "`jax` is not complete: 1 of 2 cases." in page
    assert "1 call **not explained**:\n\n- `long` on `jax`: killed\n" in page


def test_the_page_tells_why(root: Path) -> None:
    """The cause, what probes show, and the smallest call stand at the entry; nothing does where none was looked for."""
    entry = ledger_files.load(ledger_files.shipped()).entries[0]
    why = {"cause": "", "case": "long", "target": "jax", "version": "jax 0.10.2", "cpu": "a processor"}
    found = {entry.id: {**why, "taps": ["7 probes", "  0.2"], "small": "cases:\n  - id: long-shrunk\n"}}
    (root / disagreements.CAUSES).write_text(json.dumps(found))
    page = disagreements.pages(root, corpus.load())[disagreements.RESULTS / "disagreements.md"]
    assert page.count("- **Cause**: no fault of the glossary (`long` on `jax`, jax 0.10.2, a processor).") == 1
    assert "```text\n7 probes\n  0.2\n```" in page and "```yaml\ncases:\n  - id: long-shrunk\n```" in page
    assert page.count("<details>") == 1


def test_pages_that_agree_are_not_stale(root: Path) -> None:
    """Pages as they were drawn are what runs, ledger and scripts say."""
    assert [] == list(disagreements.stale(root, corpus.load()))


def test_a_page_that_says_something_else_is_stale(root: Path) -> None:
    """A page that was changed by hand, one that is missing, and a record of another run are told."""
    results = root / disagreements.RESULTS
    (results / "portability.md").write_text("# Otherwise\n")
    (results / "disagreements.md").unlink()
    (results / "cpu.jsonl").write_text(json.dumps({**HEADER, "date": "later"}) + "\n")
    told = [line.partition(":")[0] for line in disagreements.stale(root, corpus.load())]
    assert [f"docs/results/{name}" for name in ("cpu.jsonl", "disagreements.md", "portability.md")] == told


def test_an_entry_without_proof_is_told(root: Path) -> None:
    """A script that was changed since, one never run and one that showed nothing where it should are told."""
    path = root / disagreements.TRIAGE
    kept = json.loads(path.read_text())
    changed, lost, hidden, elsewhere, *_ = kept
    kept[changed]["script"] = "print(2)"
    kept[hidden]["shown"] = kept[elsewhere]["shown"] = 0
    kept[elsewhere]["holds"] = False
    path.write_text(json.dumps({name: found for name, found in kept.items() if name != lost}))
    told = [line for line in disagreements.stale(root, corpus.load()) if line.startswith("docs/results/triage.json")]
    unrun = [f"docs/results/triage.json: {each}: script not run" for each in (changed, lost)]
    assert [*unrun, f"docs/results/triage.json: {hidden}: its script does not show the fault"] == [
        line.partition(" (run ")[0] for line in told
    ]


def test_an_entry_that_went_away_is_told(root: Path) -> None:
    """Pages that speak of an entry which the ledger no longer has are to be made anew, not drawn."""
    results = root / disagreements.RESULTS
    (results / "seen.json").write_text(json.dumps({"cpu": _run(_known("long", entry="gone"))}))
    expected = ["docs/results/seen.json: the ledger has no entry gone: pass the records to --run again"]
    assert expected == list(disagreements.stale(root, corpus.load()))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["torch", "torch+layer", "jax"], "PyTorch, `jax`"),
        (["torch"], "`torch`"),
        (["jax+jit", "torch", "jax"], "JAX, `torch`"),
    ],
)
def test_a_framework_stands_for_all_its_targets(names: list[str], expected: str) -> None:
    """All targets of a framework are called by its name, some of them by their own."""
    assert expected == disagreements._brief(names, ["torch", "torch+layer", "jax", "jax+jit"])
