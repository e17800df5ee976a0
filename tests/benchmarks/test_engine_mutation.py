"""The figure of the engine's mutants: its interval, the draw, and what a resumed run keeps."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binomtest

pytest.importorskip("cosmic_ray")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import engine_mutation
from support.mutations import Mutant

ROOT = Path(__file__).parents[2]
MUTANT = Mutant(module="a", function="f", line=1, operator="o", before="x < 1", after="x > 1", source="x > 1")


@pytest.mark.parametrize(("count", "total"), [(0, 20), (1, 20), (19, 20), (20, 20), (54, 60), (500, 900)])
def test_the_interval_is_that_of_wilson(count: int, total: int) -> None:
    """As SciPy computes it."""
    expected = binomtest(count, total).proportion_ci(method="wilson")
    assert engine_mutation.wilson(count, total) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_no_mutants_say_nothing() -> None:
    """Without mutants the share may be any."""
    assert engine_mutation.wilson(0, 0) == (0.0, 1.0)


def test_modules_and_their_tests_exist() -> None:
    for module, tests in engine_mutation.MODULES.items():
        assert (ROOT / "conformance" / module).is_file()
        assert [] == [name for name in tests if not (ROOT / "tests" / name).is_file()]


def test_a_draw_is_that_of_its_seed(tmp_path: Path) -> None:
    """Fewer mutants are the first of more; no two are one program, and each is another program than the module."""
    path = tmp_path / "module.py"
    path.write_text(code := "def f(x: int) -> bool:\n    return x + 1 < 3 and x != 7\n")
    many, few, other = (engine_mutation.drawn(path, "m.py", code, *each) for each in ((12, 1), (5, 1), (12, 2)))
    assert many[:5] == few
    assert [each.source for each in other] != [each.source for each in many]
    assert len({each.source for each in many} | {code}) == len(many) + 1


def test_a_kill_is_kept_and_a_survivor_until_its_tests_change(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    dead, alive = MUTANT, replace(MUTANT, source="x >= 1")
    results = engine_mutation.Results(kept)
    results.add(dead, "tests 1", engine_mutation.Trial(killed="test_f", seconds=1.0))
    results.add(alive, "tests 1", engine_mutation.Trial(killed="", seconds=2.0))
    read = engine_mutation.Results(kept)
    assert read.find(dead, "tests 2") == engine_mutation.Trial(killed="test_f", seconds=1.0)
    assert read.find(alive, "tests 1") == engine_mutation.Trial(killed="", seconds=2.0)
    assert read.find(alive, "tests 2") is None
    assert read.find(replace(MUTANT, source="x"), "tests 1") is None
