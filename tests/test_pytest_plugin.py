"""The pytest plugin in a repository that is not ours, with backends of its own."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest_plugins = ["pytester"]

MINIATURES = Path(__file__).parent / "support" / "miniatures.py"

BACKENDS = """
import os, time
from conv_conformance import Limit, Outputs

def conv(x, k):
    return sum(x[:, i:i + x.shape[1] - len(k) + 1] @ k[i] for i in range(len(k)))

def serve(call, compute):
    def make():
        output = compute(call.arranged("input", "NWC"), call.arranged("kernel", "WIO"))
        return Outputs({"output": call.deliver(output, "NWC")}, "conv(input, kernel)")
    return make

class Right:
    framework = "right"
    version = "1.5"
    def prepare(self, call):
        with open("calls.txt", "a") as file:
            file.write(f"{os.getppid()} {call.extent('kernel', 'W')}\\n")
        return serve(call, conv)

class Flipped:
    framework = "flipped"
    version = "1.5"
    def prepare(self, call):
        return serve(call, lambda x, k: conv(x, k[::-1]))

class Limited(Right):
    limits = [Limit("Limited has no long kernels", lambda call: call.extent("kernel", "W") > 1)]

class Slow:
    framework = "slow"
    def __init__(self, target):
        self.target = target
    def prepare(self, call):
        def make():
            with open("slow.txt", "a") as file:
                print(self.target, os.getppid(), file=file, flush=True)
            time.sleep(0.2)
            return serve(call, conv)()
        return make
"""

CASES = """
about: Of this repository.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
cases:
  - id: mine.tells
    title: The kernel is not flipped
    clauses: [CONV-1]
    input: [[[0], [3], [4], [5], [0]]]
    kernel: [[[1]], [[2]]]
    expect: {output: [[[6], [11], [14], [5]]]}
  - id: mine.does-not-tell
    title: Nor is a kernel of one tap
    clauses: [CONV-1]
    input: [[[0], [3], [4]]]
    kernel: [[[2]]]
    expect: {output: [[[0], [6], [8]]]}
"""

SWEEP = """
about: Of this repository.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
cases: []
sweeps:
  - id: mine.lengths
    title: Every length
    clauses: [CONV-1]
    tier: quick
    base:
      input: {shape: [1, 7, 1], generate: {lcg: 3, low: -3, high: 3}}
      kernel: {shape: [2, 1, 1], values: [1, 2]}
    axes: {length: [3, 4, 5, 6, 7, 8]}
"""

# The miniatures misbehave on strides of 2.
STRIDED = """
about: Of this repository.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
cases:
  - id: mine.all
    title: Every element
    clauses: [CONV-1]
    input: [[[1], [2], [3]]]
    kernel: [[[2]]]
    expect: {output: [[[2], [4], [6]]]}
  - id: mine.every-second
    title: Every second element
    clauses: [CONV-1]
    input: [[[1], [2], [3]]]
    kernel: [[[2]]]
    strides: 2
    expect: {output: [[[2], [6]]]}
"""

LEDGER = """
entries:
  - id: backends-flip
    cases: [mine.tells]
    targets: ["backends.py:*"]
    versions: "<2"
    is: {verdict: disagree, kind: values}
    reason: It flips the kernel.
    link: https://example.org/1
    since: "2026-01-01"
    triage: print()
"""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """Make a repository with backends, cases, a ledger and a test of its own."""
    pytester.path.joinpath("backends.py").write_text(BACKENDS)
    pytester.path.joinpath("cases.yaml").write_text(CASES)
    pytester.path.joinpath("sweep.yaml").write_text(SWEEP)
    pytester.path.joinpath("strided.yaml").write_text(STRIDED)
    pytester.path.joinpath("ledger.yaml").write_text(LEDGER)
    pytester.path.joinpath("test_own.py").write_text("def test_own(): pass\n")
    return pytester


def run(
    repository: pytest.Pytester, *targets: str, cases: str = "cases.yaml", more: tuple[str, ...] = ()
) -> pytest.RunResult:
    """Run pytest in the repository, on targets of its backends.py."""
    named = [f"--conformance-backend=backends.py:{target}" for target in targets]
    return repository.runpytest_subprocess(*named, "--conformance-cases", cases, *more)


def test_one_test_of_each_case_and_target(repository: pytest.Pytester) -> None:
    """Each literal case is a test on each target, beside the repository's own tests."""
    result = run(repository, "Right", "Limited", more=("--collect-only", "-q"))
    assert [
        "test_own.py::test_own",
        "conformance::backends.py:Right::mine.tells",
        "conformance::backends.py:Right::mine.does-not-tell",
        "conformance::backends.py:Limited::mine.tells",
        "conformance::backends.py:Limited::mine.does-not-tell",
    ] == [line for line in result.outlines if "::" in line]


def test_a_disagreement_is_a_failure_with_its_block(repository: pytest.Pytester) -> None:
    """A disagreement fails with the report's own text: what was expected, what came, the call; without a traceback."""
    result = run(repository, "Flipped")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["silent  mine.tells  backends.py:Flipped  values", "*expected  6 11 14  5", "*got  3 10 13 10"]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_what_the_ledger_knows_is_expected_to_fail(repository: pytest.Pytester) -> None:
    """A disagreement that a ledger tells exactly is an xfail; --runxfail makes it a failure."""
    known = ("--conformance-known", "ledger.yaml")
    run(repository, "Flipped", more=known).assert_outcomes(passed=2, xfailed=1)
    run(repository, "Flipped", more=(*known, "--runxfail")).assert_outcomes(passed=2, failed=1)


def test_what_is_fixed_passes_with_a_notice(repository: pytest.Pytester) -> None:
    """Where the ledger says what is no longer so, the test passes with a notice, and fails if the user is strict."""
    known = ("--conformance-known", "ledger.yaml")
    result = run(repository, "Right", more=known)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["fixed: mine.tells on backends.py:Right: *backends-flip*"])
    run(repository, "Right", more=(*known, "--conformance-strict-known")).assert_outcomes(passed=2, failed=1)


def test_what_cannot_be_said_is_skipped(repository: pytest.Pytester) -> None:
    """A call that an API has no words for is skipped, with the adapter's reason."""
    result = run(repository, "Limited", more=("-rs",))
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * unsupported: Limited has no long kernels"])


@pytest.mark.parametrize(
    ("miniature", "outcomes", "says"),
    [
        ("segfault", {"passed": 1, "failed": 1}, "*killed by SIGSEGV; reproduces alone*"),
        ("hangs", {"passed": 1, "failed": 1}, "*no end within 1 s*"),
        ("has_no_kernel", {"passed": 1, "failed": 1}, "*NotImplementedError*"),
        ("raises", {"passed": 1, "errors": 1}, "*no such layer*"),
        ("UnsupportedEverything", {"skipped": 2}, "*unsupported: no convolutions*"),
        ("NotThere", {"errors": 2}, "*miniatures.py:NotThere could not run: *"),
        ("refuses_everything", {"errors": 2}, "*could not run: its first call, a plain conv1d, failed: *"),
    ],
)
def test_miniatures_get_what_they_deserve(
    repository: pytest.Pytester, miniature: str, outcomes: dict[str, int], says: str
) -> None:
    """
    A framework's fault is a failure of the test of that case alone, a fault of the adapter an error.

    What has no words is skipped, and a target that cannot run is an error of each test, in one line.
    """
    result = repository.runpytest_subprocess(
        f"--conformance-backend={MINIATURES}:{miniature}",
        "--conformance-cases=strided.yaml",
        "--conformance-timeout=1",
        "--deselect=test_own.py",
        "-rs",
    )
    result.assert_outcomes(**outcomes, deselected=1)
    result.stdout.fnmatch_lines([says])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_wrong_name_is_said_once(repository: pytest.Pytester) -> None:
    """A target that does not exist, and a wrong file, stop the collection with the command line's message."""
    result = repository.runpytest_subprocess("--conformance-backend", "nunpy")
    result.stdout.fnmatch_lines(["nunpy: no backend named 'nunpy' (did you mean 'numpy'?)"])
    assert pytest.ExitCode.INTERRUPTED == result.ret
    run(repository, "Right", cases="none.yaml").stdout.fnmatch_lines(["none.yaml: *"])


def test_a_sweep_is_one_test(repository: pytest.Pytester) -> None:
    """All points of a sweep are one test, which shows some of its disagreements and counts the others."""
    result = run(repository, "Right", "Flipped", cases="sweep.yaml")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED conformance::backends.py:Flipped::mine.lengths*"])
    assert 3 == sum(line.startswith("silent  mine.lengths[") for line in result.outlines)
    result.stdout.fnmatch_lines(["… and 3 more"])
    without = run(repository, "Flipped", cases="sweep.yaml", more=("--conformance-sweeps", "none"))
    without.stdout.fnmatch_lines(["sweep.yaml: no case here without sweeps (*)"])


def test_ini_names_the_targets(repository: pytest.Pytester) -> None:
    """The ini value stands for the option, one target a line."""
    repository.makeini("[pytest]\nconformance_backends =\n    backends.py:Right\n    backends.py:Limited\n")
    run(repository).assert_outcomes(passed=4, skipped=1)


def test_only_what_was_selected_is_made(repository: pytest.Pytester) -> None:
    """The engine runs once for a target, with the cases of the tests that -k left of this target."""
    run(repository, "Right", "Limited", more=("-k", "does-not-tell")).assert_outcomes(passed=2, deselected=3)
    made = repository.path.joinpath("calls.txt").read_text().splitlines()
    # The smoke call has a kernel of two taps and comes first; Limited does not make it.
    assert ["2", "1", "1"] == [line.split()[1] for line in made]


def test_under_a_profile_everything_must_be_said(repository: pytest.Pytester) -> None:
    """What a target has no words for is a failure there, unless told otherwise; an unknown profile is said once."""
    profile = ("--conformance-profile", "core")
    run(repository, "Limited", more=profile).assert_outcomes(passed=2, failed=1)
    run(repository, "Limited", more=(*profile, "--conformance-fail-on", "silent")).assert_outcomes(passed=2, skipped=1)
    run(repository, "Right", more=("--conformance-profile", "cor")).stdout.fnmatch_lines(
        ["--profile: no profile*core*"]
    )


def test_fails_on_what_it_is_told(repository: pytest.Pytester) -> None:
    """A silent disagreement is skipped, with its reason, where only loud ones are to fail."""
    result = run(repository, "Flipped", more=("--conformance-fail-on", "loud", "-rs"))
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*disagree: output*"])


def test_last_failed_runs_again(repository: pytest.Pytester) -> None:
    """--lf takes the tests that failed, and nothing else."""
    run(repository, "Flipped").assert_outcomes(passed=2, failed=1)
    run(repository, "Flipped", more=("--lf",)).assert_outcomes(failed=1, deselected=2)


def test_junit_has_targets_as_classes(repository: pytest.Pytester) -> None:
    """JUnit XML names the target as the class and the case as the test."""
    run(repository, "Limited", more=("--junitxml", "junit.xml"))
    text = repository.path.joinpath("junit.xml").read_text()
    assert 'classname="conformance.backends.py:Limited" name="mine.does-not-tell"' in text
    assert 'message="unsupported: Limited has no long kernels"' in text


def test_a_target_may_be_of_another_environment(repository: pytest.Pytester) -> None:
    """Its tests bear the name that was asked for; what is no environment stops the collection."""
    words = ("--conformance-cases", "cases.yaml", "-v")
    result = repository.runpytest_subprocess(f"--conformance-backend=numpy={sys.prefix}", *words)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"conformance::numpy={sys.prefix}::mine.tells PASSED*"])
    wrong = repository.runpytest_subprocess("--conformance-backend=numpy=/nowhere", *words)
    wrong.stdout.fnmatch_lines(["/nowhere: no environment here*"])


def test_clauses_are_markers(repository: pytest.Pytester) -> None:
    """-m takes the tests of a clause, and --strict-markers has nothing against it."""
    result = run(repository, "Right", more=("-m", "CONV-1", "--strict-markers"))
    result.assert_outcomes(passed=2, deselected=1)
    run(repository, "Right", more=("-m", "CONV-2")).assert_outcomes(deselected=3)


def test_junit_says_clauses_version_and_call(repository: pytest.Pytester) -> None:
    """As properties, and as system-out where pytest is told to write that; nothing of a test that passes."""
    run(repository, "Flipped", more=("--junitxml", "junit.xml", "-o", "junit_logging=system-out"))
    root = ElementTree.parse(repository.path / "junit.xml")  # noqa: S314 - our own text
    tests = {test.get("name"): test for test in root.iter("testcase")}
    said = {each.get("name"): each.get("value") for each in tests["mine.tells"].iter("property")}
    assert said == {
        "conformance.backends.py:Flipped": "flipped 1.5",
        "conformance.clauses": "CONV-1",
        "conformance.cause": "kernel-flipped or kernel-rolled: each gives exactly this",
        "conformance.call": "conv(input, kernel)",
    }
    text = tests["mine.tells"].findtext("system-out") or ""
    assert "clauses: CONV-1\ncause: kernel-flipped or" in text
    assert "exactly this\ncall: conv(input, kernel)" in text
    assert not list(tests["mine.does-not-tell"].iter("property"))


def outcomes(path: Path) -> dict[tuple[str, str], str]:
    """Return what JUnit XML says of each test, by target and case."""
    found = {}
    for test in ElementTree.parse(path).iter("testcase"):  # noqa: S314 - our own text
        said = [child.tag for child in test if child.tag in ("failure", "skipped", "error")]
        target = (test.get("classname") or "").removeprefix("conformance.")
        found[target, test.get("name") or ""] = said[0] if said else "passed"
    return found


@pytest.mark.parametrize(
    ("ledger", "seen"), [("", {"passed", "failure", "skipped"}), ("ledger.yaml", {"passed", "skipped"})]
)
def test_junit_agrees_with_that_of_a_run(repository: pytest.Pytester, ledger: str, seen: set[str]) -> None:
    """Case by case, of what is right, wrong and not to be said, and of what a ledger knows."""
    targets = ("Right", "Flipped", "Limited")
    known = ("--conformance-known", ledger) if ledger else ()
    run(repository, *targets, more=("--junitxml", "pytest.xml", *known))
    words = [word for target in targets for word in ("-b", f"backends.py:{target}")]
    words += ["--known", ledger] if ledger else []
    repository.run(sys.executable, "-m", "conv_conformance", "run", "cases.yaml", *words, "--junit", "run.xml")
    by_run = outcomes(repository.path / "run.xml")
    by_pytest = {key: said for key, said in outcomes(repository.path / "pytest.xml").items() if key in by_run}
    assert (by_run, set(by_run.values()), len(by_run)) == (by_pytest, seen, 6)


def test_one_process_serves_one_target(repository: pytest.Pytester) -> None:
    """Under pytest-xdist one process runs all tests of a target, without a word on the command line."""
    result = run(repository, "Right", "Flipped", cases="sweep.yaml", more=("-n", "2", "-v"))
    result.assert_outcomes(passed=2, failed=1)
    many = run(repository, "Right", more=("-n", "2", "-v"))
    many.assert_outcomes(passed=3)
    assert 1 == len({line.split()[0] for line in many.outlines if "PASSED conformance::" in line})


def test_a_choice_of_distribution_is_kept(repository: pytest.Pytester) -> None:
    """A user who chooses how pytest-xdist distributes gets that."""
    result = run(repository, "Right", more=("-n", "2", "--dist", "worksteal", "-v"))
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*WorkStealingScheduling*"])


def test_one_process_at_a_time_has_the_device(repository: pytest.Pytester) -> None:
    """Two processes of pytest-xdist never use an accelerator at the same time."""
    run(repository, "Slow@fake:0", "Slow@fake:1", more=("-n", "2")).assert_outcomes(passed=5)
    users = repository.path.joinpath("slow.txt").read_text().splitlines()
    assert 2 == len(set(users))
    assert 2 == len([user for user, _ in groupby(users)])


def test_no_target_no_cost(tmp_path: Path) -> None:
    """Without a target the plugin imports neither NumPy nor the rest of the engine."""
    program = (
        "import sys, pytest; pytest.main(['--collect-only', '-q']);"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('numpy', 'rich', 'conv_conformance')))"
    )
    made = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (
        "['conv_conformance', 'conv_conformance.exports', 'conv_conformance.pytest_plugin']"
        == made.stdout.splitlines()[-1]
    )
