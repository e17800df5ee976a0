"""The scripts of the ledger's entries: what shows a fault, what a script has to print, and how one is run."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conv_conformance.records import ledger_files
from conv_conformance.records.ledger import Entry
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
HERE = Path(sys.executable)


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("triage", ROOT / "benchmarks" / "triage.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["triage"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()


def _entry(script: str = "", verdict: str = "disagree", *kinds: str, **rest: Any) -> Entry:
    said = {"cases": ("*",), "targets": ("torch",), "versions": SpecifierSet(), "reason": "", "link": "", "since": ""}
    return Entry(id="e", verdict=verdict, kinds=kinds, triage=script, **{**said, **rest})


def test_every_script_of_the_ledger_keeps_the_rules() -> None:
    """Each script ends with what came and what is right, and prints something ahead of what ends it."""
    ledger = ledger_files.load(ledger_files.shipped()).entries
    assert [] == [line for entry in ledger for line in SCRIPT.broken(entry)]


@pytest.mark.parametrize(
    ("script", "verdict", "kind", "expected"),
    [
        ("print(1, 'right is', 2)", "disagree", "values", 0),
        ("print(1)\nprint(1, 'right is an error')", "crash", "", 0),
        ("with open('f'):\n    print(1, 'right is 2')", "disagree", "values", 0),
        ("print(1, 'is wrong')", "disagree", "values", 1),
        ("print(1, 'right is', 2)\nx = 1", "disagree", "values", 1),
        ("print(1, 'right is', 2)", "disagree", "refused", 1),
        ("print(1, 'right is', 2)", "crash", "", 1),
        ("print(1)", "disagree", "refused", 2),
    ],
)
def test_a_script_that_breaks_the_rules_is_told(script: str, verdict: str, kind: str, expected: int) -> None:
    """A script has to end with `print(GOT, "right is", RIGHT)`; what is refused or crashes follows what is accepted."""
    kinds = (kind,) if kind else ()
    assert expected == len(list(SCRIPT.broken(_entry(script, verdict, *kinds))))


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        ("[1.0, 2.0] right is [1.0, 3.0]\n", True),
        ("first\n(2, 3)  right is (2, 4)", True),
        ("(0, 8, 2) right is an error", True),
        ("[nan, 1.0] right is [nan,  1.0]\n", False),
        ("1 right is 2\n1 right is 1\n", False),
        ("wrong", False),
        ("", False),
    ],
)
def test_the_last_line_says_whether_something_differs(stdout: str, *, expected: bool) -> None:
    """What came and what is right are compared as texts, in the last line alone, spaces aside."""
    assert expected == SCRIPT.differs(stdout)


WRONG, RIGHT = "1 right is 2", "2 right is 2"


@pytest.mark.parametrize(
    ("verdict", "kinds", "code", "stdout", "expected"),
    [
        ("disagree", ["values"], 0, WRONG, True),
        ("disagree", ["values"], 0, RIGHT, False),
        ("disagree", ["values"], 1, WRONG, False),
        ("disagree", ["not-refused"], 0, "1 right is an error", True),
        ("disagree", ["not-refused"], 1, "", False),
        ("disagree", ["refused"], 1, "beside", True),
        ("disagree", ["refused"], 1, "", False),
        ("disagree", ["refused"], -6, "beside", False),
        ("disagree", ["refused"], 0, WRONG, False),
        ("disagree", ["shape", "refused"], 0, WRONG, True),
        ("disagree", ["shape", "refused"], 1, "beside", True),
        ("crash", [], -11, "beside", True),
        ("crash", [], -11, "", False),
        ("crash", [], 1, "beside", False),
        ("crash", [], None, "beside", False),
        ("timeout", [], None, "", True),
        ("timeout", [], 0, WRONG, False),
    ],
)
def test_what_shows_a_fault(verdict: str, kinds: list[str], code: int | None, stdout: str, *, expected: bool) -> None:
    """A wrong result is printed, a refusal ends by an exception, a crash by a signal, a timeout does not end."""
    ending = SCRIPT.Ending(code=code, stdout=stdout)
    assert expected == SCRIPT.shows(_entry("", verdict, *kinds), ending)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("print('a')", (0, "a", "")),
        ("print('a')\nraise ValueError('first\\nsecond')", (1, "a", "ValueError: first\nsecond")),
        (
            "import traceback\ntry:\n    0 / 0\nexcept ArithmeticError:\n    traceback.print_exc()\nprint('a')",
            (0, "a", ""),
        ),
        ("import os\nprint('a')\nos.abort()", (-6, "a", "")),
        ("raise ValueError(__file__)", (1, "", "ValueError: script.py")),
    ],
)
def test_a_script_is_run_whatever_it_does(script: str, expected: tuple[int | None, str, str]) -> None:
    """Exit code or signal, what was printed, and what was raised are kept, without the folders of this machine."""
    ending = SCRIPT.run(_entry(script), HERE, timeout=300)
    assert expected == (ending.code, ending.stdout, ending.stderr)


def test_a_script_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script is stopped after its time, and what it printed until then is kept."""
    assert SCRIPT.run(_entry("import time\ntime.sleep(600)"), HERE, timeout=0.2).code is None

    def stopped(*_: Any, **__: Any) -> None:
        raise SCRIPT.subprocess.TimeoutExpired("", 1, output=b"a\n")

    monkeypatch.setattr(SCRIPT.subprocess, "run", stopped)
    assert SCRIPT.Ending(code=None, stdout="a") == SCRIPT.run(_entry(), HERE, timeout=1)


def test_the_reason_of_an_abort_is_kept() -> None:
    """Of the log of a process that aborts the line is kept that says why, without time, process and stack."""
    log = (
        "I0000 00:00:1 7 a.cc:1] on\nF0000 00:00:2.3   7 b.cc:4] Check failed: x\n*** Check failure stack trace: ***\n"
    )
    assert SCRIPT.last_words(log) == "b.cc:4] Check failed: x"


def test_a_script_has_the_variables_of_its_entry_and_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script sees what `when` says of the environment, and nothing that could choose another kernel."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    script = "import os\nprint([os.environ.get(name) for name in ('ONEDNN_MAX_CPU_ISA', 'PYTHONPATH', 'A')])"
    assert "[None, None, '1']" == SCRIPT.run(_entry(script, when={"environment": {"A": "1"}}), HERE, 300).stdout


@pytest.mark.parametrize(
    ("when", "version", "expected"),
    [
        ({}, "2.13.0", True),
        ({}, "2.12.0", False),
        ({"cpu": "no-such-flag"}, "2.13.0", False),
        ({"environment": {"A": "1"}, "not_environment": {"B": ""}}, "2.13.0", True),
    ],
)
def test_conditions_are_those_of_this_machine(when: dict[str, Any], version: str, *, expected: bool) -> None:
    """Version and processor are what they are here; the variables of an entry are set for its script."""
    assert expected == SCRIPT.holds(_entry(when=when, versions=SpecifierSet(">=2.13")), {"torch": version})


@pytest.mark.parametrize(
    ("kinds", "intermittent", "expected"),
    [(["values"], False, 1), (["values"], True, 5), (["values", "nonfinite"], False, 5), (["nonfinite"], False, 1)],
)
def test_a_fault_that_may_hide_is_looked_for_again_and_again(
    kinds: list[str], *, intermittent: bool, expected: int
) -> None:
    """The script of an intermittent fault, or of one that shows memory, is run several times."""
    entry = _entry("print(0, 'right is 1')", "disagree", *kinds, intermittent=intermittent)
    found = SCRIPT.triage(entry, HERE, {}, SCRIPT.argparse.Namespace(repeat=5, timeout=300))
    assert (expected, expected) == (found["shown"], found["runs"])


def test_a_run_that_showed_the_fault_is_kept(tmp_path: Path) -> None:
    """Of several runs one is kept that showed the fault, and how many did."""
    seen = tmp_path / "seen"
    script = f"open({str(seen)!r}, 'a').write('.')\nprint(len(open({str(seen)!r}).read()) % 2, 'right is 1')"
    options = SCRIPT.argparse.Namespace(repeat=5, timeout=300)
    found = SCRIPT.triage(_entry(script, "disagree", "values", intermittent=True), HERE, {"torch": "2.13"}, options)
    assert (2, 5, "0 right is 1") == (found["shown"], found["runs"], found["stdout"])


def test_what_other_entries_printed_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One script that is run again takes its place among the others, in the order of the ledger, without lost ones."""
    results = tmp_path / "triage.json"
    results.write_text(json.dumps({"gone": 1, "b": 2, "a": 3}))
    monkeypatch.setattr(SCRIPT, "RESULTS", results)
    SCRIPT._keep({"b": 4}, ["a", "b", "c"])
    assert [("a", 3), ("b", 4)] == list(json.loads(results.read_text()).items())


def test_the_suite_is_not_in_the_environment_of_the_scripts() -> None:
    """An environment in which the suite is installed is no evidence, and is refused."""
    with pytest.raises(SystemExit, match="this suite is installed there"):
        SCRIPT.versions(HERE)


def test_what_is_kept_names_no_folder_of_a_machine() -> None:
    """What scripts printed is published, and names no folder of the machine that ran them."""
    kept = json.loads(SCRIPT.RESULTS.read_text(encoding="utf-8"))
    assert [] == [name for name, found in kept.items() if "/tmp" in found["stdout"] + found["stderr"]]  # noqa: S108
