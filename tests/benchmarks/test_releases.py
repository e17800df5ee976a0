"""Bugs of released versions: the table names cases that exist, and a bug counts as shown by runs alone."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conv_conformance import corpus
from conv_conformance.core import patterns
from conv_conformance.workers.targets import resolve

from ..support.command_line import lying

ROOT = Path(__file__).parents[2]


def _scripts() -> tuple[Any, Any, Any]:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return tuple(
            importlib.import_module(name) for name in ("releases", "support.releases_page", "support.releases_table")
        )
    finally:
        sys.path.pop(0)


RELEASES, PAGE, TABLE = _scripts()
BUGS, UNSHOWN = TABLE.table()
RESULTS = json.loads(RELEASES.RESULTS.read_text(encoding="utf-8"))
BUG = TABLE.Bug(
    name="a.bug",
    what="One is two.",
    sources=["https://github.com/a/b/issues/1"],
    targets=["numpy"],
    cases=["a.one", "a.two"],
    releases=["a==1", "a==2"],
    mended="a==3",
)


def place(target: str = "numpy", **verdicts: str) -> dict[str, Any]:
    """Return what is kept of a release on which these cases, without their `a.`, had these verdicts."""
    cases = {f"a.{name}": {"verdict": verdict} for name, verdict in verdicts.items()}
    found = {"counts": {"agree": 1}, "unexpected": [], "cases": cases}
    return {"versions": {"python": "3", "a": "9"}, "targets": {target: found}}


def kept(first: dict[str, Any], second: dict[str, Any], mended: dict[str, Any]) -> dict[str, Any]:
    """Return the results of the bug above on its two releases and on the one that mended it."""
    return {"date": "2026-11-25", "places": {"a==1": first, "a==2": second, "a==3": mended}}


BAD, GOOD = place(one="disagree", two="agree"), place(one="agree", two="agree")


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_each_pattern_of_the_table_fits_a_literal_case(bug: Any) -> None:
    """No bug is shown by a case that is not there, and each target is known."""
    ids = [case.id for case in corpus.load(sweeps="none").cases]
    assert [] == [wanted for wanted in bug.cases if not any(patterns.matches_pattern(wanted, each) for each in ids)]
    assert list(bug.targets) == [str(resolve(target)) for target in bug.targets]


def test_each_bug_of_the_table_has_a_name_of_its_own_and_links() -> None:
    """Results are kept by name, and every entry says who reported what."""
    assert len(BUGS) == len({bug.name for bug in BUGS})
    assert all(link.startswith("https://") for entry in (*BUGS, *UNSHOWN) for link in entry.sources)
    assert all(entry.sources for entry in (*BUGS, *UNSHOWN))


def test_the_committed_results_are_of_the_table() -> None:
    """Every bug was run on exactly the releases that the table names."""
    ran = {name: tuple(results["places"]) for name, results in RESULTS["bugs"].items()}
    assert {bug.name: bug.places for bug in BUGS} == ran


def test_the_page_is_drawn_from_the_committed_results() -> None:
    """docs/results/releases.md agrees with table and results."""
    assert PAGE.page(BUGS, UNSHOWN, RESULTS) == (ROOT / "docs" / "results" / "releases.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verdict", ["disagree", "crash", "timeout"])
def test_what_fails_there_and_agrees_here_shows_a_bug(verdict: str) -> None:
    """A disagreement, a death and a hang are failures."""
    assert [("numpy", "a.one")] == TABLE.showing(place(one=verdict, two="agree"), GOOD)


@pytest.mark.parametrize("verdict", ["agree", "unsupported", "not-run", "suite-error", "known"])
def test_what_does_not_fail_there_shows_nothing(verdict: str) -> None:
    """What a release has no words for, and a fault of ours, are not its bugs."""
    assert [] == TABLE.showing(place(one=verdict), GOOD)


@pytest.mark.parametrize("mended", [place(one="disagree"), place(one="unsupported"), place(), {"failed": "pip: no"}])
def test_what_does_not_agree_here_shows_nothing(mended: dict[str, Any]) -> None:
    """A case shows a bug only if the mended release was asked and agreed."""
    assert [] == TABLE.showing(BAD, mended)


def test_another_target_of_the_mended_release_does_not_count() -> None:
    """The same target has to fail there and to agree here."""
    assert [] == TABLE.showing(BAD, place(target="torch", one="agree"))


def test_a_bug_is_shown_if_every_release_shows_it() -> None:
    """One release on which all named cases agree is one too many."""
    assert TABLE.is_shown(BUG, kept(BAD, place(one="agree", two="crash"), GOOD))
    assert not TABLE.is_shown(BUG, kept(BAD, GOOD, GOOD))


@pytest.mark.parametrize("results", [None, {"places": {"a==1": BAD, "a==3": GOOD}}])
def test_a_bug_that_was_not_run_on_all_its_releases_is_not_shown(results: Any) -> None:
    """Results from before the table changed show nothing."""
    assert not TABLE.is_shown(BUG, results)


def test_what_is_shown_and_what_is_not_stand_apart() -> None:
    """A bug that no run shows is listed with what came of the runs."""
    machine = {"cpu": "c", "machine": "m", "flags": ["f"], "os": "o"}
    results = {"platform": machine, "bugs": {"a.bug": kept(BAD, {"failed": "pip: ERROR: none"}, GOOD)}}
    shown, _, missed = PAGE.page([BUG], [], results).partition("## Not shown")
    assert "### a.bug" not in shown
    assert "a==2: pip: ERROR: none" in missed


def test_a_release_that_does_not_install_says_why() -> None:
    """A missing interpreter and a failing command are results, with the line that tells most."""
    bench = RELEASES.Bench(folder=Path(), wheel=Path())
    bug = TABLE.Bug(**{**vars(BUG), "python": "0.1"})
    assert {"failed": "there is no python0.1 here"} == RELEASES.placed(bug, "a==1", bench)
    program = "print('ERROR: no such release\\n\\nhint: upgrade'); raise SystemExit(1)"
    with pytest.raises(RELEASES.Failed, match=r"^pip: ERROR: no such release$"):
        RELEASES.command("pip", sys.executable, "-c", program)


def test_a_run_elsewhere_is_read_from_its_record() -> None:
    """The named cases run under the environment's interpreter, and what disagrees is kept with kind and message."""
    found = RELEASES.run(Path(sys.executable), lying("too_long"), (), ("conv1d.strides.two",))
    [verdict] = [RELEASES._kept(verdict) for verdict in found.verdicts]
    assert ("disagree", "shape") == (verdict["verdict"], verdict["kind"])
    assert "shape [1, 6, 1], expected [1, 3, 1]" == verdict["message"]


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--only takes names of the table."""
    monkeypatch.setattr(sys, "argv", ["releases.py", "--only", "nothing"])
    with pytest.raises(SystemExit, match="2"):
        RELEASES.main()
    assert "not in the table: nothing" in capsys.readouterr().err
