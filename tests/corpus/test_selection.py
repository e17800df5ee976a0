"""Parts of a corpus: disjoint, together the whole, the same everywhere, and of much the same cost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from conv_conformance import corpus
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import Corpus
from conv_conformance.corpus.selection import parse_shard, sharded

from ..support.command_line import Command, is_clean


@pytest.fixture(scope="module")
def loaded() -> Corpus:
    """Return the shipped corpus with the quick sweeps."""
    return corpus.load(sweeps="quick")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_parts_are_disjoint_and_together_the_whole(loaded: Corpus, count: int) -> None:
    """Every case is in exactly one part, where it stands in the order of the corpus."""
    parts = [sharded(loaded, f"{number}/{count}").cases for number in range(1, count + 1)]
    places = {case.id: at for at, case in enumerate(loaded.cases)}
    assert Counter(case.id for part in parts for case in part) == Counter(places.keys())
    assert [[places[case.id] for case in part] for part in parts] == [
        sorted(places[case.id] for case in part) for part in parts
    ]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_every_part_has_as_much_of_every_sweep(loaded: Corpus, count: int) -> None:
    """Shards differ by at most one case in each sweep, and in the literal cases of each file."""
    parts = [
        Counter(case.sweep or case.path for case in sharded(loaded, f"{n}/{count}").cases) for n in range(1, count + 1)
    ]
    spread = {
        what: max(part[what] for part in parts) - min(part[what] for part in parts) for part in parts for what in part
    }
    assert {what: by for what, by in spread.items() if by > 1} == {}


SWEEP = """\
about: A sweep of one's own.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}}
sweeps:
  - id: mine.swept
    title: Every length in two dtypes
    clauses: [CONV-1]
    tier: quick
    base:
      input: {shape: [1, 1, 1], generate: {lcg: 1, low: -3, high: 3}}
      kernel: {shape: [1, 1, 1], generate: {lcg: 2, low: -3, high: 3}}
    axes: {length: [1, 2, 3, 4, 5, 6, 7, 8], dtype: [float32, float64]}
    where: []
"""


def test_parts_do_not_follow_the_axes(tmp_path: Path) -> None:
    """Where the fastest axis has as many values as there are parts, each part has all of them nevertheless."""
    path = tmp_path / "mine.yaml"
    path.write_text(SWEEP)
    cases = sharded(corpus.load([path], sweeps="quick"), "1/2").cases
    assert (len(cases), {case.call.dtype.input for case in cases if case.call}) == (8, {"float32", "float64"})


def test_part_of_a_part_of_the_corpus_is_of_what_the_pattern_chooses(command: Command) -> None:
    """Patterns choose first, then the parts are dealt: `list` prints them."""
    whole = command("list", "conv1d.s*").out.splitlines()
    parts = [command("list", "conv1d.s*", "--shard", f"{number}/3").out.splitlines() for number in (1, 2, 3)]
    assert sorted(line for part in parts for line in part) == sorted(whole)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    "shard", ["0/3", "4/3", "1/0", "1", "1/", "/3", "-1/3", "1/3/5", "1.0/3", " 1/3", "a/b", "", "1/9999999"]
)
def test_what_is_no_part_is_refused_in_one_line(command: Command, cases: Path, shard: str) -> None:
    """I/N with I from 1 to N, and nothing else."""
    done = command("run", cases, "-b", "numpy", "--shard", shard)
    assert (done.code, done.out, len(done.err.splitlines()), is_clean(done)) == (2, "", 1, True)
    assert "shard must be I/N with 1 <= I <= N" in done.err


def test_more_parts_than_cases_are_refused(command: Command, cases: Path) -> None:
    """A part without a case would run nothing and look well."""
    done = command("list", cases, "--shard", "1/4")
    assert (done.code, done.err) == (2, "--shard: shard 1/4 of 3 cases: N exceeds the number of cases\n")


def test_last_part_is_one() -> None:
    """N/N is the last part."""
    assert parse_shard("3/3") == (3, 3)
    with pytest.raises(Invalid):
        parse_shard("3/2")
