"""
The pytest plugin: `pytest --conformance-backend torch` collects a test for each literal case and for each sweep.

The setup of the first test of a target runs the cases of all selected tests of this target. Each test then looks up its
own verdicts. The engine is imported inside functions, so that the plugin adds no start-up time without a target.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .core import Case, Verdict
    from .corpus import Corpus
    from .records import Ledger
    from .running import Runner, TargetRun
    from .workers import Adapter

#: The first part of every test id of the plugin.
SUITE = "conformance"
#: The number of disagreements that a failing sweep shows in full; the others are only counted.
SHOWN = 3
#: The user property that carries a notice of a test to pytest's summary and to JUnit XML.
NOTICE = "conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command-line options, and the ini option that names targets if --conformance-backend is missing."""
    group = parser.getgroup("conformance", "conformance of convolution layers")
    group.addoption(
        "--conformance-backend",
        action="append",
        metavar="TARGET",
        help="A target to test, name[+mode][@device]; repeatable.",
    )
    group.addoption(
        "--conformance-cases",
        action="append",
        default=[],
        metavar="PATH|PATTERN",
        help="Test only these cases: a file, folder or id pattern; repeatable. Default: all.",
    )
    group.addoption(
        "--conformance-sweeps",
        choices=["none", "quick", "full"],
        default="quick",
        help="The sweeps to test besides the literal cases.",
    )
    group.addoption(
        "--conformance-profile",
        metavar="NAME",
        help="Test only cases that cite a clause of this profile; fail if a target cannot express a call.",
    )
    group.addoption(
        "--conformance-fail-on",
        metavar="WORD,...",
        help="What fails a test: silent, loud, precision, unsupported, fixed. Default: as in `conv-conformance run`.",
    )
    group.addoption(
        "--conformance-known",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="A ledger of known disagreements to use besides the shipped ledger; repeatable.",
    )
    group.addoption(
        "--conformance-strict-known",
        action="store_true",
        help="Fail if a target agrees where the ledger expects a disagreement.",
    )
    group.addoption(
        "--conformance-timeout", type=float, default=60.0, metavar="S", help="The time limit of one call, in seconds."
    )
    parser.addini(
        "conformance_backends", "The targets, one per line, if --conformance-backend is not given.", "linelist", []
    )


def targets_of(config: pytest.Config) -> Sequence[str]:
    """Return the targets that the user named, without duplicates."""
    named = config.getoption("--conformance-backend") or config.getini("conformance_backends")
    return list(dict.fromkeys(named))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Make pytest-xdist run the tests of one target in one process, unless the user chose a distribution mode."""
    option = config.option
    if targets_of(config) and getattr(option, "numprocesses", None) and option.dist == "no":
        option.dist = "loadgroup"
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """
    Return a scheduler that keeps the tests of one target together, or None for the default scheduler of pytest-xdist.

    Group marks do not work for this: https://github.com/pytest-dev/pytest-xdist/issues/1386.
    """
    if config.option.dist != "loadgroup" or not targets_of(config):
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByTarget(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            suite, *inside = nodeid.split("::")
            return inside[0] if suite == SUITE else str(super()._split_scope(nodeid))

    return ByTarget(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add the suite to the files that pytest collects."""
    report = yield
    if isinstance(collector, pytest.Session) and report.passed and targets_of(collector.config):
        report.result.append(Suite.from_parent(collector, name=SUITE, nodeid=SUITE))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a notice for each case on which a target agrees although the ledger expects a disagreement."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("xfailed")
    notices = [text for report in reports for name, text in report.user_properties if name == NOTICE]
    if notices:
        terminalreporter.section("conformance")
    for text in notices:
        terminalreporter.write_line(text)


class Suite(pytest.Collector):
    """The root collector, which reads the corpus and the ledger once; its children are the targets."""

    def collect(self) -> Iterator[Served]:
        """
        Yield the targets.

        Raises:
            CollectError: if a case file, a ledger, a pattern or the name of a target is wrong.

        """
        from .core import Invalid, printable
        from .records import ledger_files
        from .running import invocation, release_check
        from .workers import targets

        option = self.config.getoption
        try:
            profile = option("--conformance-profile")
            fail_on = invocation.failures(option("--conformance-fail-on"), profile)
            whole = invocation.corpus(option("--conformance-cases"), option("--conformance-sweeps"))
            corpus = invocation.choose(whole, profile=profile)
            ledger = ledger_files.load([*ledger_files.shipped(), *option("--conformance-known")])
            named = [targets.resolve(name) for name in targets_of(self.config)]
            adapters = release_check.placed(named, (), lambda line: None)
        except Invalid as error:
            raise self.CollectError(str(error)) from None
        for clause in corpus.clauses.values():
            self.config.addinivalue_line("markers", f"{clause.id}: {' '.join(clause.sentence.split())}")
        for adapter in adapters:
            served = {"adapter": adapter, "corpus": corpus, "ledger": ledger, "fail_on": fail_on}
            # pytest copies node names into JUnit XML without escaping characters that XML forbids.
            yield Served.from_parent(self, name=printable(str(adapter)), **served)


class Served(pytest.Collector):
    """The collector of one target; its children are the tests."""

    def __init__(
        self, *, adapter: Adapter, corpus: Corpus, ledger: Ledger, fail_on: Sequence[str], **node: Any
    ) -> None:
        super().__init__(**node)
        self.fail_on = fail_on
        self._adapter = adapter
        self._corpus = corpus
        self.ledger = ledger

    def collect(self) -> Iterator[Test]:
        """Yield a test for each literal case, then a test for each sweep."""
        tests: dict[str, list[Case]] = {}
        for case in self._corpus.cases:
            tests.setdefault(case.sweep or case.id, []).append(case)
        for name, cases in tests.items():
            yield Test.from_parent(self, name=name, cases=cases)

    @cached_property
    def served(self) -> TargetRun:
        """The result of running the cases of all selected tests on this target."""
        tests = [item for item in self.session.items if isinstance(item, Test) and item.parent is self]
        cases = [case for test in tests for case in test.cases]
        with _device(self._adapter):
            return self._runner().run(cases, [self._adapter]).targets[0]

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on each case, by case id."""
        return {verdict.case: verdict for verdict in self.served.verdicts}

    def _runner(self) -> Runner:
        from .running import Runner
        from .workers import Limits, Terms

        limits = Limits(timeout=self.config.getoption("--conformance-timeout"))
        return Runner(terms=Terms(limits=limits), ledger=self.ledger)


def _device(adapter: Adapter) -> AbstractContextManager[object]:
    """Return the context in which a target runs: a lock between processes if the target needs exclusive access."""
    if not adapter.is_exclusive:
        return nullcontext()
    from filelock import FileLock

    # Each user has a separate lock file, because a user cannot open the lock file of another user. On Windows, which
    # has no getuid, each user has a separate temporary folder.
    user = os.getuid() if hasattr(os, "getuid") else ""
    return FileLock(Path(tempfile.gettempdir(), f"conv-conformance-device-{user}.lock"))


class Test(pytest.Item):
    """The test of one literal case, or of all points of one sweep, on one target."""

    __test__ = False

    def __init__(self, *, cases: Sequence[Case], **node: Any) -> None:
        super().__init__(**node)
        self.cases = cases
        for clause in dict.fromkeys(clause for case in cases for clause in case.clauses):
            self.add_marker(clause)

    @property
    def target(self) -> Served:
        """The collector of the target that this test runs on."""
        assert isinstance(self.parent, Served)
        return self.parent

    @cached_property
    def verdicts(self) -> Mapping[str, Sequence[Verdict]]:
        """The verdicts of this test, by verdict name (`agree`, `known`, ...)."""
        by_kind: dict[str, list[Verdict]] = {}
        for case in self.cases:
            verdict = self.target.verdicts[case.id]
            by_kind.setdefault(verdict.verdict, []).append(verdict)
        return by_kind

    def setup(self) -> None:
        """Run the target on first use; raise an error if the target cannot run or the suite has a fault."""
        info = self.target.served.info
        if info.failed is not None:
            pytest.fail("\n".join([f"{self.target.name} could not run: {info.failed}", *info.printed]), pytrace=False)
        self._fail("suite-error")

    def runtest(self) -> None:
        """Fail, skip, xfail or pass, depending on the verdicts of this test."""
        from .core import UNEXPECTED, counts_as_failure

        every = [verdict for verdicts in self.verdicts.values() for verdict in verdicts]
        self._record_details(every)
        self._show([verdict for verdict in every if counts_as_failure(verdict, self.target.fail_on)])
        if self.config.getoption("--conformance-strict-known"):
            self._fail("fixed")
        for verdict in self.verdicts.get("fixed", ()):
            self.user_properties.append((NOTICE, f"fixed: {verdict.case} on {verdict.target}: {verdict.message}"))
        if known := self.verdicts.get("known"):
            pytest.xfail(f"known: {', '.join(dict.fromkeys(str(verdict.known) for verdict in known))}")
            # pytest.xfail raises, except under --runxfail; then a known disagreement is a failure.
            self._fail("known")
        if not self.verdicts.keys() - {"unsupported", "not-run", *UNEXPECTED}:
            pytest.skip("; ".join(dict.fromkeys(f"{verdict.verdict}: {verdict.message}" for verdict in every)))

    def _fail(self, *names: str) -> None:
        """Fail if this test has verdicts with one of these names, and show the terminal report of these verdicts."""
        self._show([verdict for name in names for verdict in self.verdicts.get(name, ())])

    def _show(self, failing: Sequence[Verdict]) -> None:
        if failing:
            pytest.fail(self._text(failing), pytrace=False)

    def _record_details(self, every: Sequence[Verdict]) -> None:
        """Add details of verdicts that do not agree to the user properties and the captured output, for JUnit XML."""
        from .core import printable
        from .reports import failure_lines

        cases = {case.id: case for case in self.cases}
        quiet = ("agree", "unsupported", "not-run")
        for verdict in [verdict for verdict in every if verdict.verdict not in quiet][:SHOWN]:
            lines = [printable(line) for line in failure_lines(verdict, self.target.served.info, cases[verdict.case])]
            self.add_report_section("call", "stdout", "\n".join([verdict.case, *lines]) + "\n")
            self.user_properties += [
                (f"{NOTICE}.{name}", text) for name, _, text in (line.partition(": ") for line in lines)
            ]

    def _text(self, failing: Sequence[Verdict]) -> str:
        from .reports import block_text

        cases = {case.id: case for case in self.cases}
        blocks = [block_text(verdict, cases[verdict.case], self.target.ledger) for verdict in failing[:SHOWN]]
        left = [f"… and {len(failing) - SHOWN} more"] if len(failing) > SHOWN else []
        return "\n".join([*blocks, *left])

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the location and the name that pytest shows in its report."""
        # Do not derive the name from the node id, because pytest would show the dots of the id as colons.
        return self.path, None, f"{self.name} on {self.target.name}"
