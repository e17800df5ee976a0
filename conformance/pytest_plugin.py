"""
The pytest plugin: `pytest --conformance-backend torch` makes a test of each literal case and of each sweep, per target.

Holds no logic of its own: it calls `run` once for each target, when the first test of that target is set up, with the
cases of the tests that were selected, and looks the verdicts up. Without a target it costs nothing: the engine is
imported where it is used.
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

#: What the ids of all our tests begin with.
SUITE = "conformance"
#: A sweep that fails shows as many disagreements, and counts the others.
SHOWN = 3
#: The user property of a test by which a notice reaches the end of the report, and JUnit XML.
NOTICE = "conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, and the ini value that stands for --conformance-backend."""
    group = parser.getgroup("conformance", "conformance of convolution layers")
    group.addoption(
        "--conformance-backend",
        action="append",
        metavar="TARGET",
        help="A target, name[+mode][@device]; can be given more than once.",
    )
    group.addoption(
        "--conformance-cases",
        action="append",
        default=[],
        metavar="PATH|PATTERN",
        help="Only these cases, a file, folder or id pattern; can be given more than once. By default all.",
    )
    group.addoption(
        "--conformance-sweeps", choices=["none", "quick", "full"], default="quick", help="Which sweeps to take."
    )
    group.addoption(
        "--conformance-profile",
        metavar="NAME",
        help="Only cases of this profile's clauses; what a target cannot say of them fails.",
    )
    group.addoption(
        "--conformance-fail-on",
        metavar="WORD,...",
        help="Fail on these: silent, loud, precision, unsupported, fixed. By default as `conv-conformance run` does.",
    )
    group.addoption(
        "--conformance-known",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="A ledger of your own, besides the shipped one.",
    )
    group.addoption(
        "--conformance-strict-known", action="store_true", help="Fail where the ledger says what is no longer so."
    )
    group.addoption("--conformance-timeout", type=float, default=60.0, metavar="S", help="Seconds for one call.")
    parser.addini(
        "conformance_backends", "The targets, one a line, where --conformance-backend is not given.", "linelist", []
    )


def targets_of(config: pytest.Config) -> Sequence[str]:
    """Return the targets that the user asked for, each once."""
    named = config.getoption("--conformance-backend") or config.getini("conformance_backends")
    return list(dict.fromkeys(named))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Let pytest-xdist keep the tests of one target in one process, unless the user chose how to distribute."""
    option = config.option
    if targets_of(config) and getattr(option, "numprocesses", None) and option.dist == "no":
        option.dist = "loadgroup"
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """
    Return what keeps the tests of one target together, or None to leave it to pytest-xdist.

    Marks for the groups would not do: https://github.com/pytest-dev/pytest-xdist/issues/1386.
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
    """Put the suite beside the files that pytest collects."""
    report = yield
    if isinstance(collector, pytest.Session) and report.passed and targets_of(collector.config):
        report.result.append(Suite.from_parent(collector, name=SUITE, nodeid=SUITE))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the notices: what the ledger says that is no longer so."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("xfailed")
    notices = [text for report in reports for name, text in report.user_properties if name == NOTICE]
    if notices:
        terminalreporter.section("conformance")
    for text in notices:
        terminalreporter.write_line(text)


class Suite(pytest.Collector):
    """What the user asked for, read once; its children are the targets."""

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
            # In JUnit XML pytest writes this as it is, also what XML cannot hold.
            yield Served.from_parent(self, name=printable(str(adapter)), **served)


class Served(pytest.Collector):
    """One target; its children are the tests of it."""

    def __init__(
        self, *, adapter: Adapter, corpus: Corpus, ledger: Ledger, fail_on: Sequence[str], **node: Any
    ) -> None:
        super().__init__(**node)
        self.fail_on = fail_on
        self._adapter = adapter
        self._corpus = corpus
        self.ledger = ledger

    def collect(self) -> Iterator[Test]:
        """Yield a test for each literal case, then one for each sweep."""
        tests: dict[str, list[Case]] = {}
        for case in self._corpus.cases:
            tests.setdefault(case.sweep or case.id, []).append(case)
        for name, cases in tests.items():
            yield Test.from_parent(self, name=name, cases=cases)

    @cached_property
    def served(self) -> TargetRun:
        """The run of the tests that were selected."""
        tests = [item for item in self.session.items if isinstance(item, Test) and item.parent is self]
        cases = [case for test in tests for case in test.cases]
        with _device(self._adapter):
            return self._runner().run(cases, [self._adapter]).targets[0]

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on each case."""
        return {verdict.case: verdict for verdict in self.served.verdicts}

    def _runner(self) -> Runner:
        from .running import Runner
        from .workers import Limits, Terms

        limits = Limits(timeout=self.config.getoption("--conformance-timeout"))
        return Runner(terms=Terms(limits=limits), ledger=self.ledger)


def _device(adapter: Adapter) -> AbstractContextManager[object]:
    """Return what to hold while a target runs: the only accelerator must not be shared between processes."""
    if not adapter.is_exclusive:
        return nullcontext()
    from filelock import FileLock

    # One lock a user, for another's file cannot be opened; where there is no getuid, the folder is the user's own.
    user = os.getuid() if hasattr(os, "getuid") else ""
    return FileLock(Path(tempfile.gettempdir(), f"conv-conformance-device-{user}.lock"))


class Test(pytest.Item):
    """One literal case, or all points of one sweep, on one target."""

    __test__ = False

    def __init__(self, *, cases: Sequence[Case], **node: Any) -> None:
        super().__init__(**node)
        self.cases = cases
        for clause in dict.fromkeys(clause for case in cases for clause in case.clauses):
            self.add_marker(clause)

    @property
    def target(self) -> Served:
        """The target."""
        assert isinstance(self.parent, Served)
        return self.parent

    @cached_property
    def verdicts(self) -> Mapping[str, Sequence[Verdict]]:
        """The verdicts of this test, by their names."""
        found: dict[str, list[Verdict]] = {}
        for case in self.cases:
            verdict = self.target.verdicts[case.id]
            found.setdefault(verdict.verdict, []).append(verdict)
        return found

    def setup(self) -> None:
        """Get the verdicts; a target that could not run and a fault of the suite are errors, not failures."""
        failed = self.target.served.info.failed
        if failed is not None:
            pytest.fail(f"{self.target.name} could not run: {failed}", pytrace=False)
        self._fail("suite-error")

    def runtest(self) -> None:
        """Fail, skip, expect to fail or pass, as the verdicts say."""
        from .core import UNEXPECTED, counts_as_failure

        every = [verdict for found in self.verdicts.values() for verdict in found]
        self._tell(every)
        self._show([verdict for verdict in every if counts_as_failure(verdict, self.target.fail_on)])
        if self.config.getoption("--conformance-strict-known"):
            self._fail("fixed")
        for verdict in self.verdicts.get("fixed", ()):
            self.user_properties.append((NOTICE, f"fixed: {verdict.case} on {verdict.target}: {verdict.message}"))
        if known := self.verdicts.get("known"):
            pytest.xfail(f"known: {', '.join(dict.fromkeys(str(verdict.known) for verdict in known))}")
            # Only under --runxfail.
            self._fail("known")
        if not self.verdicts.keys() - {"unsupported", "not-run", *UNEXPECTED}:
            pytest.skip("; ".join(dict.fromkeys(f"{verdict.verdict}: {verdict.message}" for verdict in every)))

    def _fail(self, *names: str) -> None:
        """Fail if there are verdicts of these names, with what the terminal report says of them."""
        self._show([verdict for name in names for verdict in self.verdicts.get(name, ())])

    def _show(self, found: Sequence[Verdict]) -> None:
        if found:
            pytest.fail(self._text(found), pytrace=False)

    def _tell(self, every: Sequence[Verdict]) -> None:
        """Put what a reader of JUnit XML needs of the verdicts that do not agree among properties, and into system-out."""
        from .core import printable
        from .reports import failure_lines

        cases = {case.id: case for case in self.cases}
        quiet = ("agree", "unsupported", "not-run")
        for verdict in [each for each in every if each.verdict not in quiet][:SHOWN]:
            lines = [printable(line) for line in failure_lines(verdict, self.target.served.info, cases[verdict.case])]
            self.add_report_section("call", "stdout", "\n".join([verdict.case, *lines]) + "\n")
            self.user_properties += [
                (f"{NOTICE}.{name}", text) for name, _, text in (line.partition(": ") for line in lines)
            ]

    def _text(self, found: Sequence[Verdict]) -> str:
        from .reports import block_text

        cases = {case.id: case for case in self.cases}
        blocks = [block_text(verdict, cases[verdict.case], self.target.ledger) for verdict in found[:SHOWN]]
        left = [f"… and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return "\n".join([*blocks, *left])

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return what pytest calls the test in its report."""
        # Not the end of the node's id, whose dots pytest would show as colons.
        return self.path, None, f"{self.name} on {self.target.name}"
