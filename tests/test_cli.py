"""The command line, as a person or a CI job uses it: exit codes, streams, files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conv_conformance import cli, corpus

from .support.command_line import CASES, Command, is_clean, lying
from .workers.test_pool import is_gone

ROOT = Path(__file__).parents[1]

# --- exit codes


def test_agreement_exits_0(command: Command, cases: Path) -> None:
    """NumPy agrees, and the run ends in a table."""
    done = command("run", cases, "-b", "numpy")
    assert done.code == 0
    header, row = done.out.strip().splitlines()
    assert (header.split(), row.split()) == (
        ["target", "version", "agree", "disagree"],
        ["numpy", np.__version__, "3", "0"],
    )
    assert "numpy: 3 cases judged, 0 unexpected" in done.err


def test_disagreement_exits_1(command: Command, cases: Path) -> None:
    """A disagreement is shown with case, title, clauses, parameters and the numbers around it."""
    done = command("run", cases, "-b", lying("off_by_one"))
    assert done.code == 1
    for part in (
        "silent  mine.marked  ",
        "A window that steps by two [CONV-1, VALID-1]",
        "conv, input 1x4x1 NWC, kernel 2x1x1 WIO, strides [2], padding valid, float32",
        "output[0, 0, 0] is 1, expected 0; 2 of 2 elements differ",
        "expected  0 11\n     got  1 12\n",
        "miniature()",
    ):
        assert part in done.out
    assert is_clean(done)


def test_disagreement_of_one_case_alone_exits_1(command: Command, cases: Path) -> None:
    """One case that is picked by its id has the same verdict as among all."""
    assert command("run", cases, "mine.marked", "-b", lying("off_by_one")).code == 1
    assert command("run", cases, "mine.plain", "-b", lying("off_by_one")).code == 0


@pytest.mark.parametrize("name", ["leaves", "hangs"])
def test_death_exits_1(command: Command, cases: Path, name: str) -> None:
    """A crash or a timeout is as unexpected as a disagreement."""
    done = command("run", cases, "-b", lying(name), "--timeout", "0.5")
    assert (done.code, is_clean(done)) == (1, True)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("missing.yaml", "missing.yaml: no such file or folder"),
        ("no.such.case*", "no.such.case*: matches no case (`conv-conformance list` shows the ids)"),
        ("--profile=cor", "no profile named 'cor' (did you mean 'core'?)"),
        ("--ops=pool", "--ops: unknown 'pool' (known: conv, depthwise_conv, "),
        ("--ops=conv,conv_transposed", "--ops: unknown 'conv_transposed' (did you mean 'conv_transpose'?)"),
        ("--dtypes=flot32", "--dtypes: unknown 'flot32' (did you mean 'float32'?)"),
        ("--dtypes=int8", "no case remains"),
        ("--no-such-option", "No such option"),
        ("--timeout=soon", "'soon' is not a valid float"),
        ("--known=missing.yaml", "missing.yaml: cannot be read"),
        ("--record=no/such/folder/r.jsonl", "cannot be written: No such file or directory"),
        ("--junit=no/such/folder/r.xml", "cannot be written: No such file or directory"),
        ("--markdown=no/such/folder/r.md", "cannot be written: No such file or directory"),
    ],
)
def test_unusable_words_exit_2(command: Command, cases: Path, argument: str, says: str) -> None:
    """A missing file, an unknown word or option, a place that cannot be written to: said in a line, exit 2."""
    done = command("run", *([] if "such.case" in argument else [cases]), argument, "-b", "numpy")
    assert (done.code, is_clean(done)) == (2, True)
    assert says in done.err


def test_audit_names_untrue_limits(command: Command, cases: Path) -> None:
    """The last lines of an audit say which limits of an adapter do not hold, and for how many calls."""
    done = command("run", cases, "-b", lying("UnsupportedEverything"), "--audit")
    line = f"audit: {lying('UnsupportedEverything')}: 3 × correct despite the limit: no convolutions"
    assert (done.code, done.out.splitlines()[-1]) == (0, line)


def test_nowhere_to_write_a_report_still_shows_it(command: Command, cases: Path) -> None:
    """A place that cannot be written to is found out at the end; what the run found is not lost with it."""
    done = command("run", cases, "-b", "numpy", "--junit", "no/such/folder/r.xml")
    assert (done.code, done.out.splitlines()[0].split()[:2]) == (2, ["target", "version"])


@pytest.mark.parametrize("words", [("run", "-b", "numpy"), ("validate",), ("list",)])
def test_a_folder_without_cases_exits_2(command: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Nothing checked is no success: the folder may be the wrong one."""
    done = command(*words, tmp_path)
    without, hint = (" without sweeps", "; --sweeps quick adds sweeps") if words == ("list",) else ("", "")
    assert (done.code, done.out, done.err.splitlines()) == (
        2,
        "",
        [f"{tmp_path}: no case here{without} (name a YAML file with cases, or a folder of such files{hint})"],
    )


def test_wrong_file_runs_nothing(command: Command, cases: Path, tmp_path: Path) -> None:
    """With one wrong file among several, all its problems are said with their places, and nothing is run."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        CASES.replace("strides: 2", "stride: 2").replace("[[[2]], [[2]]]", "[[[2]], [2]]").replace("mine", "my")
    )
    record = tmp_path / "r.jsonl"
    done = command("run", cases, wrong, "-b", "numpy", "--record", record)
    assert (done.code, done.out, record.exists()) == (2, "", False)
    assert {line.split(": ")[0].rsplit(":", 2)[1] for line in done.err.splitlines()} >= {"15", "21"}
    assert "did you mean 'strides'?" in done.err


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("no-such-backend", "no backend named 'no-such-backend' (known backends: "),
        ("torhc", "no backend named 'torhc' (did you mean 'torch'?)"),
        ("torch+layers", "torch has no mode 'layers' (did you mean 'layer'?)"),
        ("missing.py:Class", "missing.py:Class: no such file"),
        ("no.such.module:Class", "No module named 'no"),
        ("no_such_module:X", "no_such_module:X: ModuleNotFoundError: No module named 'no_such_module'"),
        ("json:Class", "json has no 'Class'"),
        ("numpy@cuda", "one device, cpu; got numpy@cuda"),
        ("cmd:no-such-program worker.js", "No such file or directory: 'no-such-program'"),
        ("cmd:node 'worker.js", "not a command: No closing quotation"),
        ("cmd:", "no command"),
    ],
)
def test_target_that_cannot_run_exits_3(command: Command, cases: Path, target: str, says: str) -> None:
    """A target that was asked for and cannot run is an error, never a skip."""
    done = command("run", cases, "-b", target)
    assert (done.code, is_clean(done)) == (3, True)
    assert says in " ".join((done.out + done.err).split())


def test_missing_device_exits_3(command: Command, cases: Path) -> None:
    """torch@cuda without a GPU could not run."""
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    if Path("/dev/nvidiactl").exists():
        pytest.skip("there is a GPU here")
    done = command("run", cases, "-b", "torch@cuda", "-b", "numpy")
    assert (done.code, is_clean(done)) == (3, True)
    assert "torch@cuda could not run: Unavailable: " in done.out


def test_target_without_a_word_for_any_case_exits_3(command: Command, cases: Path) -> None:
    """A run in which a target executed nothing proves nothing."""
    assert command("run", cases, "-b", lying("UnsupportedEverything")).code == 3


@pytest.mark.parametrize(
    ("name", "text"), [("raises", "KeyError: 'no such layer'"), ("Broken", "RuntimeError: misspelt")]
)
def test_fault_of_an_adapter_exits_4(command: Command, cases: Path, name: str, text: str) -> None:
    """An adapter's fault is ours, is said, and shows its traceback only under --debug."""
    done = command("run", cases, "-b", lying(name))
    assert (done.code, is_clean(done)) == (4, True)
    assert text in " ".join(done.out.split())
    debug = command("--debug", "run", cases, "-b", lying(name))
    assert debug.code == 4
    assert debug.out.count("Traceback (most recent call last)") == 1
    assert "miniatures.py" in debug.out


def test_fault_of_the_suite_exits_4(command: Command, cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error prints one line, and a traceback under --debug."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("conv_conformance.running.runner.make_plan", fails)
    done = command("run", cases, "-b", "numpy")
    assert (done.code, is_clean(done)) == (4, True)
    assert done.err.endswith("fault in the suite: ZeroDivisionError: by zero (--debug shows the traceback)\n")
    monkeypatch.setattr(sys, "argv", ["conv-conformance", "--debug", "run", str(cases), "-b", "numpy"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.fixture
def interrupted(tmp_path: Path, cases: Path) -> Callable[[int], tuple[int, str, Path]]:
    """Return a function that sends a signal to a run whose worker hangs, and says its exit code, stderr and record."""

    def interrupt(number: int) -> tuple[int, str, Path]:
        notes, record = tmp_path / "notes", tmp_path / "r.jsonl"
        words = [
            "-m",
            "conv_conformance",
            "run",
            str(cases),
            "-b",
            lying("waits_to_be_killed"),
            "--record",
            str(record),
        ]
        environment = {**os.environ, "MINIATURE_NOTES": str(notes)}
        # What a shell starts in the background ignores the signal, and so would what is started here.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        running = subprocess.Popen([sys.executable, *words], env=environment, stderr=subprocess.PIPE, text=True)
        signal.signal(signal.SIGINT, before)
        end = time.monotonic() + 20
        while not (_is_written(notes, 1) and _is_written(record, 2)) and time.monotonic() < end:
            time.sleep(0.02)
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
        assert is_gone(int(notes.read_text()))
        return running.returncode, err, record

    return interrupt


def _is_written(file: Path, lines: int) -> bool:
    return file.exists() and len(file.read_text().splitlines()) >= lines


def test_interrupt_exits_130(interrupted: Callable[[int], tuple[int, str, Path]]) -> None:
    """An interrupted run ends its workers, exits 130 and prints the command that continues it."""
    code, err, record = interrupted(signal.SIGINT)
    assert (code, "Traceback" in err) == (130, False)
    assert err.splitlines()[-2:] == [
        "interrupted",
        f"the record holds the verdicts so far: continue with `conv-conformance run --resume {record}`",
    ]


DEAF = """
import os, signal, time
from conv_conformance import cli
cli._normalise_process()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: os.write(1, b"heard\\n"))
os.write(1, b"ready\\n")
while True:
    time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_a_process_that_is_deaf(number: int) -> None:
    """A process whose main thread does not act on the first signal ends at the second."""
    deaf = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == "ready\n"
    deaf.send_signal(number)
    assert deaf.stdout.readline() == "heard\n"
    assert deaf.poll() is None
    deaf.send_signal(number)
    _, err = deaf.communicate(timeout=10)
    assert (deaf.returncode, err) == (130, "interrupted again: ended at once\n")


def test_interrupt_of_an_import_is_one_line(tmp_path: Path) -> None:
    """An interruption while the command line is imported prints no traceback."""
    (tmp_path / "click.py").write_text(
        "import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(9)"
    )
    code = "import sys; sys.path.insert(0, {!r})\nfrom conv_conformance.__main__ import main\nmain()"
    words = [sys.executable, "-c", code.format(str(tmp_path))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_killed_run_leaves_what_it_has_written(
    command: Command, interrupted: Callable[[int], tuple[int, str, Path]]
) -> None:
    """The record is written line by line: even a run that is killed leaves one that can be read."""
    code, _, record = interrupted(signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert [next(iter(json.loads(line))) for line in record.read_text().splitlines()] == ["format", "ready"]
    assert command("report", record).out.splitlines()[-1] == "the run did not finish"


# --- what stands where


def test_help_imports_nothing_heavy() -> None:
    """`--help` of the whole and of `run` loads neither NumPy nor a framework nor the engine."""
    code = (
        "import sys; sys.argv[1:] = {!r}\n"
        "from conv_conformance.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {{'numpy', 'torch', 'jax', 'tensorflow', 'keras', 'rich', 'yaml', 'psutil'}}\n"
        "heavy.add('conv_conformance.running.runner')\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    for words in (["--help"], ["run", "--help"], ["--version"]):
        made = subprocess.run([sys.executable, "-c", code.format(words)], capture_output=True, text=True, check=True)
        assert made.stdout.splitlines()[-1] == "[]"


def test_engine_imports_no_framework(cases: Path) -> None:
    """A whole run loads no framework in the process that judges."""
    code = (
        "import sys; sys.argv[1:] = {!r}\n"
        "from conv_conformance.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({{'torch', 'jax', 'tensorflow', 'keras'}} & set(sys.modules)))"
    )
    words = ["run", str(cases), "-b", "numpy"]
    made = subprocess.run([sys.executable, "-c", code.format(words)], capture_output=True, text=True, check=True)
    assert made.stdout.splitlines()[-1] == "[]"


def test_pipe_gets_plain_text(cases: Path) -> None:
    """Where the output is no terminal there are no colour codes and no progress bars, with NO_COLOR or without."""
    for extra in ({}, {"NO_COLOR": "1"}):
        words = [sys.executable, "-m", "conv_conformance", "run", str(cases), "-b", lying("off_by_one")]
        made = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **extra}, check=False)
        assert (made.returncode, "\x1b" in made.stdout + made.stderr) == (1, False)
        assert "silent  mine.marked" in made.stdout


def test_list_prints_whole_ids(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piped, `list` prints one whole id a line, sweep points too, however narrow the terminal is said to be."""
    monkeypatch.setenv("COLUMNS", "20")
    for sweeps in ("none", "quick"):
        done = command("list", "conv1d.*", "--sweeps", sweeps)
        loaded = corpus.load(sweeps=sweeps).select(["conv1d.*"])  # type: ignore[arg-type]
        assert done.out.splitlines() == [case.id for case in loaded.cases]
        assert max(len(case.id) for case in loaded.cases) > 20


def test_targets_are_listed(command: Command) -> None:
    """`targets` names every adapter, whether its framework is installed, and its modes."""
    done = command("targets")
    names = {line.split()[0] for line in done.out.splitlines() if not line.startswith(" ")}
    assert names >= {"numpy", "torch", "jax", "tensorflow", "keras-jax", "keras-tensorflow", "keras-torch"}
    assert done.code == 0


def test_validate_finds_a_wrong_expectation(command: Command, cases: Path, tmp_path: Path) -> None:
    """`validate` recomputes every expectation, and names file and line of one that does not hold."""
    assert command("validate", cases).code == 0
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CASES.replace("[11], [14]", "[11], [15]"))
    done = command("validate", wrong)
    assert done.code == 2
    assert f"{wrong}:4" in done.err


# --- the record and the reports that are drawn from it


def test_report_shows_what_the_run_showed(command: Command, cases: Path, tmp_path: Path) -> None:
    """The reports of a record equal those of its run, except for text that only the case file contains."""
    record, xml, page = (tmp_path / name for name in ("r.jsonl", "r.xml", "r.md"))
    ran = command(
        "run", cases, "-b", lying("off_by_one"), "-b", "numpy", "--record", record, "--junit", xml, "--markdown", page
    )
    first = xml.read_text()
    done = command("report", record, "--junit", xml)
    assert (ran.code, done.code) == (1, 0)
    assert done.out.splitlines()[-3:] == ran.out.splitlines()[-3:]
    assert "did not finish" not in done.out
    assert xml.read_text() == re.sub("\nclauses: .*", "", first)
    assert [suite.get("failures") for suite in ElementTree.fromstring(first)] == ["1", "0"]  # noqa: S314 - our own text
    assert "### silent: `mine.marked`" in page.read_text()


def test_what_a_run_does_not_fail_on_is_shown_and_skipped(command: Command, cases: Path, tmp_path: Path) -> None:
    """With --fail-on loud, a silent disagreement exits with 0, is reported, and is skipped in JUnit XML."""
    xml = tmp_path / "r.xml"
    words = ("run", cases, "-b", lying("off_by_one"), "--junit", xml)
    done = command(*words, "--fail-on", "loud")
    assert (done.code, "silent  mine.marked" in done.out) == (0, True)
    suite = ElementTree.fromstring(xml.read_text())[0]  # noqa: S314 - our own text
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert [each.get("message", "")[:9] for each in suite.iter("skipped")] == ["disagree:"]
    assert command(*words, "--fail-on", "silent,loud").code == 1
    refused = command(*words, "--fail-on", "silnet")
    assert (refused.code, refused.err.splitlines()[0]) == (2, "--fail-on: unknown 'silnet' (did you mean 'silent'?)")


NO_STRIDES = """
from conv_conformance import Limit
from conv_conformance.backends.numpy import NumPy

class NoStrides(NumPy):
    limits = [Limit("no strides", lambda call: max(call.strides) > 1)]
"""


def test_under_a_profile_everything_must_be_said(command: Command, cases: Path, tmp_path: Path) -> None:
    """Under a profile, an unsupported call fails, in JUnit XML too, with the reason; without, it is skipped."""
    xml, backend = tmp_path / "r.xml", tmp_path / "backend.py"
    backend.write_text(NO_STRIDES)
    words = ("run", cases, "-b", f"{backend}:NoStrides", "--sweeps", "none", "--junit", xml)
    assert command(*words).code == 0
    done = command(*words, "--profile", "core")
    assert (done.code, "cannot express 1 required case: no strides" in done.out) == (1, True)
    failures = list(ElementTree.fromstring(xml.read_text()).iter("failure"))  # noqa: S314 - our own text
    assert {failure.get("type") for failure in failures} == {"unsupported"}
    assert command(*words, "--profile", "core", "--fail-on", "silent,loud,precision").code == 0


@pytest.mark.parametrize("text", ["", "hello", '{"format":"conv-conformance-record/0"}\n'])
def test_report_of_no_record_exits_2(command: Command, tmp_path: Path, text: str) -> None:
    """What is no record, or one of another version, is refused in one line."""
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    done = command("report", path)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)


def test_report_of_a_cut_record_says_so(command: Command, cases: Path, tmp_path: Path) -> None:
    """What a killed run left behind is reported, and said to be incomplete."""
    record = tmp_path / "r.jsonl"
    command("run", cases, "-b", "numpy", "--record", record)
    record.write_bytes(record.read_bytes()[:-200])
    done = command("report", record)
    assert (done.code, done.out.splitlines()[-1]) == (0, "the run did not finish")
