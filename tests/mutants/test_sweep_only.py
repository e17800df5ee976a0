"""Mutants that need a sweep: their marks, what meets them, and what is told of them."""

from __future__ import annotations

import json
import random
from functools import cache, partial
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from conv_conformance.cli import commands
from conv_conformance.corpus import Corpus, load
from conv_conformance.corpus.clauses import read_faults
from conv_conformance.mutants import measurement, sweep_only
from conv_conformance.mutants.kills import Kills
from conv_conformance.mutants.mutant import Mutant
from conv_conformance.mutants.result import Score
from conv_conformance.mutants.sweep_only import MarkedMutants
from conv_conformance.reports import mutants
from conv_conformance.specification.lock import meaning_digest
from rich.console import Console

#: How many of them are tried.
SOME = 12

#: One that literal cases notice, one that nothing notices, one that is marked rightly.
FLIPPED, UNSEEN, WIDE = (
    Mutant(fault="kernel-flipped", condition="rank-1"),
    Mutant(fault="bias-ignored", condition="mode-circular+rank-3+dtype-uint8"),
    Mutant(fault="kernel-flipped", condition="five-by-five+dtype-bfloat16"),
)


@cache
def literal() -> Corpus:
    """Return the corpus without sweeps."""
    return load(sweeps="none")


@cache
def swept() -> Corpus:
    """Return the corpus with its quick sweeps."""
    return load(sweeps="quick")


def test_sixty_mutants_need_a_sweep() -> None:
    """The glossary marks as many, none of which is tried on literal cases too."""
    needy = measurement.needing_sweeps(literal())
    assert len(needy) >= 60
    assert set() == needy.keys() & measurement.mutants_of(literal()).keys()


def test_points_of_quick_sweeps_notice_what_needs_a_sweep() -> None:
    """A sample of the marked mutants: none survives the quick sweeps, and no literal case notices one."""
    needy = measurement.needing_sweeps(literal())
    some = {name: needy[name] for name in random.Random(1).sample(sorted(needy), SOME)}
    found = sweep_only.measure(swept(), some)
    assert ([], {}, 0) == (found.kills.survivors, found.wrongly, found.left_out)
    points = {case.id for case in swept().cases if case.sweep}
    assert points.issuperset(case for ids in found.kills.by_mutant.values() for case in ids)


def test_without_sweeps_what_needs_them_is_left_out() -> None:
    """What is left out is counted, and told; nothing survives."""
    needy = measurement.needing_sweeps(literal())
    found = sweep_only.measure(literal(), needy)
    assert MarkedMutants(left_out=len(needy)) == found
    assert f"{len(needy)} mutants that need a sweep were skipped" in told(found)


def told(found: MarkedMutants) -> list[str]:
    """Return the lines that a person is shown of marked mutants."""
    shown = StringIO()
    scored = Score(kills=Kills(cases=(), by_mutant={}), clauses={"CONV-1": []}, marked=found)
    mutants.show(Console(width=200, file=shown), scored)
    return shown.getvalue().splitlines()


def test_a_wrong_mark_is_told_in_one_line() -> None:
    """A marked mutant that a literal case notices is wrongly marked, and one that no point notices survives."""
    found = sweep_only.measure(swept(), {str(each): each for each in (FLIPPED, UNSEEN, WIDE)})
    assert ([str(FLIPPED)], [str(UNSEEN)]) == (list(found.wrongly), found.kills.survivors)
    noticing = found.wrongly[str(FLIPPED)]
    assert noticing in {case.id for case in literal().cases}
    assert f"wrongly marked: {FLIPPED}: the literal case {noticing} detects this mutant" in told(found)
    assert f"survivor: {UNSEEN} (needs: sweep)" in told(found)
    assert "3 mutants that need a sweep: 2 killed, 1 survive, 1 wrongly marked" in told(found)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (MarkedMutants(), 0),
        (MarkedMutants(left_out=2), 0),
        (MarkedMutants(kills=Kills(cases=("a",), by_mutant={"x": ("a",)})), 0),
        (MarkedMutants(kills=Kills(cases=("a",), by_mutant={"x": ()})), 1),
        (MarkedMutants(wrongly={"x": "a"}), 1),
    ],
)
def test_marks_decide_the_exit_code(found: MarkedMutants, code: int) -> None:
    """A survivor or a wrong mark is 1, what was left out is not."""
    assert code == Score(kills=Kills(cases=(), by_mutant={}), marked=found).exit_code


def test_sweeps_hide_no_weak_literal_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its mark a mutant that only sweeps notice survives: kills that count are by literal cases alone."""
    monkeypatch.setattr(measurement, "mutants_of", lambda _: {str(WIDE): WIDE})
    monkeypatch.setattr(measurement, "needing_sweeps", lambda _: {str(WIDE): WIDE})
    some = swept().select(["conv1d.valid.*", "conv2d.*kernel_size=5*"])
    scored = measurement.perform(
        some, partial(mutants.mutant_progress, Console(quiet=True)), external=None, every=False, jobs=2
    )
    assert ([str(WIDE)], [], 1) == (scored.kills.survivors, scored.marked.kills.survivors, scored.exit_code)
    assert [case.id for case in some.cases if not case.sweep] == scored.kills.cases


def test_what_is_kept_is_not_about_sweeps() -> None:
    """The shipped kills are those of literal cases and of unmarked mutants, also beside a corpus with its sweeps."""
    kept = measurement.kept()
    assert kept is not None
    assert {kept.corpus} == {meaning_digest(literal().cases), meaning_digest(swept().cases)}
    assert set(measurement.mutants_of(swept())) == set(kept.by_mutant)


def test_mutants_meet_quick_sweeps_unless_told_otherwise() -> None:
    """The default of `--sweeps`."""
    assert ["quick"] == [each.default for each in commands.commands["mutants"].params if each.name == "sweeps"]


ENTRY = "fault:\n  sentence: So.\n  under: [rank-1, {condition: rank-1+biased, needs: sweep}]\n"


def test_a_mark_is_read() -> None:
    """What needs a sweep stands apart from what does not."""
    faults, problems = read_faults(ENTRY.encode(), "faults.yaml")
    assert ([], ("rank-1",), ("rank-1+biased",)) == (problems, faults["fault"].under, faults["fault"].under_sweeps)


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        ("{condition: rank-1, needs: sweeps}", "unknown need 'sweeps'"),
        ("{condition: rank-1}", "missing key 'needs'"),
        ("{needs: sweep}", "missing key 'condition'"),
        ("{condition: rank-1, needs: sweep, tier: quick}", "unknown key 'tier'"),
        ("[rank-1]", "expected a mapping"),
    ],
)
def test_a_mark_is_read_strictly(instead: str, message: str) -> None:
    """Anything else is told with its place."""
    _, (problem,) = read_faults(ENTRY.replace("{condition: rank-1+biased, needs: sweep}", instead).encode(), "f.yaml")
    assert (("f.yaml", 3), True) == ((problem.path, problem.line), message in problem.message)


STRANGER = """\
def small_only(call, honest):
    output = honest(call)
    return output if call.rank != 1 or call.extent("input", "C") < 64 else -output


mutants = {"small-only": small_only}
"""


@pytest.mark.parametrize(("sweeps", "survivors"), [("quick", []), ("none", ["small-only"])])
def test_a_strangers_mutants_meet_sweeps(sweeps: str, survivors: list[str], tmp_path: Path) -> None:
    """One that is right for small calls is noticed by points of sweeps alone, and survives without them."""
    file, target = tmp_path / "strange.py", tmp_path / "score.json"
    file.write_text(STRANGER)
    words = ["mutants", "conv1d.valid.*", *(["conv1d.*channels=64*"] if sweeps == "quick" else []), "--with", str(file)]
    result = CliRunner().invoke(
        commands, [*words, "--sweeps", sweeps, "--json", str(target)], standalone_mode=False, catch_exceptions=False
    )
    said = json.loads(target.read_text())
    swept_ones = [name for name in ("small-only",) if name not in survivors]
    assert (survivors, swept_ones) == (said["survivors"], said["swept"])
    assert ("killed by sweep points only: 1" in result.output.splitlines()) == bool(swept_ones)
