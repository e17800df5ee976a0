"""The page of what each target keeps: what is taken from a record, and what it says of it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.corpus import Corpus
from conv_conformance.records.record import Record, TargetInfo, write_record

from docs.generate import output
from docs.generate.results import kept_numbers, precision, recorded_precision, sum_orders

HEADER = {
    "date": "2026-11-25T12:00:00+00:00",
    "suite": {"version": "0", "corpus": "sha256:0"},
    "selection": {"what": ["*.numerics.*"], "sweeps": "full", "dtypes": []},
    "platform": {"machine": "m", "cpu": "c", "flags": ["avx2"], "os": "o", "python": "3"},
}
ORDER = f"{sum_orders.CASE}[dtype=float32]"
COPY, PRODUCT = "conv1d.numerics.a-copy-between-other-sizes", "conv1d.numerics.one-product"
SMALL, HALF = "conv1d.numerics.a-small-term-between-two-that-cancel", "conv1d.numerics.half-way-between-two-numbers"
PINNED = "torch+matmul-high"
SUBNORMAL = "conv1d.special-values.subnormal-input"
CHANNELS = f"conv1d.{recorded_precision.SUMS}-over-channels[dtype=float32,layout=NWC.WIO]"
ANOTHER = {**HEADER, "suite": {"version": "1", "corpus": "sha256:0"}}
TAPS = f"conv1d.{recorded_precision.SUMS}-over-taps[dtype=float32,layout=NWC.WIO]"
LOST = Finding(kind="precision", message="")


@pytest.fixture(scope="module")
def loaded() -> Corpus:
    files = ("numerics/conv.yaml", "conv/special-values.yaml")
    return corpus.load([corpus.shipped() / file for file in files], sweeps="full")


def _said(
    case: str, alternative: str | None = None, target: str = "torch", bits: str = "aa" * 32, **rest: Any
) -> Verdict:
    verdict = "disagree" if "finding" in rest else "agree"
    return Verdict(
        case=case, target=target, verdict=verdict, alternative=alternative, output_sha256=bits or None, **rest
    )


def _record(*verdicts: Verdict, **infos: Any) -> Record:
    names = dict.fromkeys(verdict.target for verdict in verdicts)
    targets = [TargetInfo(name=name, framework="torch", version="1.0", **infos) for name in names]
    return Record(header=HEADER, targets=targets, verdicts=verdicts, is_complete=True)


def _run(loaded: Corpus, *verdicts: Verdict, **infos: Any) -> dict[str, Any]:
    run = recorded_precision.run([_record(*verdicts, **infos)], loaded, "")
    # As it comes back from the file.
    read: dict[str, Any] = json.loads(json.dumps(run))
    return read


def _cells(run: dict[str, Any], target: str = "torch", dtype: str = "float32") -> dict[str, str]:
    kept = run["targets"][target]["dtypes"][dtype]
    return {head: say(dtype, kept) for head, say in kept_numbers.COLUMNS.items()}


def _output(sums: Sequence[float]) -> str:
    output = np.broadcast_to(np.array(sums, np.float32)[None, :, None], (3, 3, 20))
    return hashlib.sha256(output.tobytes()).hexdigest()


def _added(row: Array, parts: Sequence[Array]) -> float:
    """Add the parts of a row one by one, each in turn, then the sums in pairs: as a vector of lanes is folded."""
    lanes = []
    for part in parts:
        total = np.float32(0)
        for at in part:
            total = np.float32(total + row[at])
        lanes.append(total)
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [np.float32(lanes[at] + lanes[at + half]) for at in range(half)]
    return float(lanes[0])


def _rows() -> list[Array]:
    rows = [np.ones(33, np.float32) for _ in range(3)]
    for row, at in zip(rows, (0, 16, 32), strict=True):
        row[at] = 2.0**24
    return rows


PLACES = np.arange(33)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([PLACES], "one by one"),
        ([PLACES[::-1]], "one by one, the last first"),
        *(([PLACES[at::n] for at in range(n)], f"{n} partial sums") for n in (2, 4, 8, 16, 32)),
        *((np.split(PLACES, range(32 // n, 32, 32 // n)), f"{n} sums of neighbours") for n in (2, 4, 8, 32)),
    ],
)
def test_an_order_is_told_by_the_ones_that_it_loses(loaded: Corpus, parts: Sequence[Array], name: str) -> None:
    """Each order leaves other ones beside the large term, so that the bits of three sums name it."""
    bits = _output([_added(row, parts) for row in _rows()])
    assert name == _cells(_run(loaded, _said(ORDER, bits=bits)))["33 channels are added"]


@pytest.mark.parametrize(
    ("sums", "told"),
    [
        ([2**24 + 32] * 3, "none lost"),
        ([2**24 + 4, 2**24 + 12, 2**24 + 32], "another order, 4 + 12 + 32 of 32 ones kept"),
        ([0, 1, 2], "another order"),
    ],
)
def test_an_order_without_a_name_is_told_by_what_it_keeps(loaded: Corpus, sums: Sequence[float], told: str) -> None:
    """A wider sum loses nothing; of any other order it is told how many ones each sum kept, where that is readable."""
    assert told == _cells(_run(loaded, _said(ORDER, bits=_output(sums))))["33 channels are added"]


def test_results_of_few_bits_tell_no_order(loaded: Corpus) -> None:
    """In bfloat16 every order ends at 2^24."""
    run = _run(loaded, _said(ORDER.replace("float32", "bfloat16"), "computes"))
    assert "-" == _cells(run, dtype="bfloat16")["33 channels are added"]
    narrowed = _run(loaded, _said(ORDER), result_dtypes={"float32": "bfloat16"})
    assert "-" == _cells(narrowed)["33 channels are added"]


def test_what_is_kept_is_said_by_the_alternatives(loaded: Corpus) -> None:
    """Operands, the width of a sum, rounding and subnormals are those of the alternatives that were followed."""
    said = {COPY: "all-bits", PRODUCT: "nearest", SMALL: "lost", HALF: "nearest-even", SUBNORMAL: "kept"}
    cells = _cells(_run(loaded, _said(CHANNELS), _said(TAPS), *(_said(case, name) for case, name in said.items())))
    assert cells == {
        "operands": "all bits",
        "bits of a sum": "at least 21, not 31",
        "rounding": "nearest even",
        "subnormals": "kept",
        "33 channels are added": "-",
        "transform": "none",
        "made again": "same bits",
    }


def test_other_alternatives_read_otherwise(loaded: Corpus) -> None:
    """Fewer bits of operands, a wider sum, another rounding, flushed subnormals and a transform are told."""
    said = {COPY: "transform", PRODUCT: "eleven-bits", SMALL: "kept", HALF: "otherwise", SUBNORMAL: "flushed"}
    cells = _cells(_run(loaded, _said(CHANNELS), *(_said(case, name) for case, name in said.items())))
    assert ("11 bits", "at least 31", "flushed") == (cells["operands"], cells["bits of a sum"], cells["subnormals"])
    assert ("nearest even in 1, otherwise in 1", "1 of 1 copies") == (cells["rounding"], cells["transform"])


def test_calls_that_disagree_with_each_other_are_counted(loaded: Corpus) -> None:
    """Where the calls of a target keep different bits, each answer has the number of its calls."""
    run = _run(loaded, _said(COPY, "all-bits"), _said(PRODUCT, "eight-bits"), _said(SMALL, finding=LOST))
    assert "all bits in 1, 8 bits in 1" == _cells(run)["operands"]
    assert "-" == _cells(run)["bits of a sum"]


def test_a_small_term_that_is_lost_tells_a_narrow_sum(loaded: Corpus) -> None:
    """A disagreement on a term 20 bits below means that the accumulator has fewer than 21."""
    assert "fewer than 21" == _cells(_run(loaded, _said(TAPS, finding=LOST), _said(SMALL, "lost")))["bits of a sum"]
    both = _run(loaded, _said(TAPS, finding=LOST), _said(CHANNELS))
    assert "at least 21 in 1, fewer than 21 in 1" == _cells(both)["bits of a sum"]


def test_other_bits_of_the_same_call_are_counted(loaded: Corpus) -> None:
    """A call that gives other bits when it is made again counts, and its numbers count for what they are."""
    run = _run(loaded, _said(TAPS, finding=Finding(kind="nondeterministic", message="")))
    assert ("other bits in 1", "at least 21") == (_cells(run)["made again"], _cells(run)["bits of a sum"])


def test_a_narrower_result_tells_of_products_alone(loaded: Corpus) -> None:
    """Under autocast a copy has fewer bits than its own, whatever was kept; a product of float16 is rounded twice."""
    said = [_said(COPY, "all-bits"), _said(PRODUCT, "eight-bits")]
    run = _run(loaded, *said, result_dtypes={"float32": "bfloat16"})
    assert "8 bits" == _cells(run)["operands"]
    point = next(case.id for case in loaded.cases if case.sweep == "conv.numerics.products" and "=float16" in case.id)
    run = _run(loaded, _said(point, "NUM-2:otherwise"), result_dtypes={"float16": "bfloat16"})
    assert "-" == _cells(run, dtype="float16")["operands"]


def test_what_was_refused_leaves_a_dash(loaded: Corpus) -> None:
    """A dtype in which nothing was returned has no row; its targets are named."""
    refused = _said(COPY, bits="", target="tensorflow", finding=Finding(kind="refused", message=""))
    sections = kept_numbers.sections({"default": _run(loaded, _said(COPY, "all-bits"), refused)})
    (section, *_) = sections
    assert (["tensorflow"], [["torch"]]) == (section.without, [row.targets for row in section.kept])


def _bits(loaded: Corpus, *bits: str, target: str = "torch", **infos: Any) -> dict[str, Any]:
    cases = (COPY, PRODUCT, SMALL)
    return _run(
        loaded, *(_said(case, bits=each * 32, target=target) for case, each in zip(cases, bits, strict=True)), **infos
    )


def test_differing_bits_are_counted(loaded: Corpus) -> None:
    """Of the results that two runs have, so many are the same; one that only one of them returned counts apart."""
    runs = {"default": _bits(loaded, "aa", "bb", "cc"), "one thread": _bits(loaded, "aa", "ff", "")}
    found = kept_numbers.compared(runs, "torch", "float32")["one thread"]
    assert (kept_numbers.Same(1, 2, 1), "1 of 2, 1 refused") == (found, str(found))
    refused = {"default": runs["default"], "refused": _bits(loaded, "", "", "")}
    assert "3 refused" == str(kept_numbers.compared(refused, "torch", "float32")["refused"])
    (*_, said) = kept_numbers.summary(runs, ", ".join)
    assert "1 of 2 results have other bits, and 1 are refused in one of the two: in float32 on torch." in said
    same = {"default": runs["default"], "again": runs["default"]}
    assert "**Again**: all 3 results have the same bits." == list(kept_numbers.summary(same, ", ".join))[-1]


def test_cases_that_one_run_has_not_are_not_compared(loaded: Corpus) -> None:
    """A run of fewer cases is held against the other where both have one."""
    whole = _bits(loaded, "aa", "bb", "cc")
    runs = {"default": whole, "less": _run(loaded, _said(COPY))}
    assert kept_numbers.Same(1, 1) == kept_numbers.compared(runs, "torch", "float32")["less"]
    records = [_record(_said(PRODUCT)), _record(_said(COPY, target="torch+compile"))]
    together = {"default": recorded_precision.run(records, loaded, "")}
    assert kept_numbers.Same() == kept_numbers.compared(together, "torch+compile", "float32")["plain"]


def test_what_is_kept_otherwise_in_another_run_is_told(loaded: Corpus) -> None:
    """Where another run keeps other numbers, the summary says what was kept before."""
    runs = {name: _run(loaded, _said(SUBNORMAL, name)) for name in ("kept", "flushed")}
    (*_, said) = kept_numbers.summary(runs, ", ".join)
    assert said.endswith("; subnormals: flushed, not kept, in float32 on torch.")


def _with(run: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**run, "targets": {**run["targets"], **other["targets"]}}


def test_a_setting_is_held_against_the_plain_target(loaded: Corpus) -> None:
    """Of a pinned setting is told what reads otherwise, and how many results have the bits of the plain target."""
    plain = _bits(loaded, "aa", "bb", "cc", settings={"a": "1", "b": "2"})
    pinned = _bits(loaded, "aa", "bb", "ff", target="torch+matmul-high", settings={"a": "1", "b": "3"})
    runs = {"default": _with(plain, pinned)}
    assert [("torch+matmul-high", "b: 3", {"float32": kept_numbers.Same(2, 3)})] == list(kept_numbers.settings(runs))
    assert "**Settings** that change bits: torch+matmul-high." in kept_numbers.summary(runs, ", ".join)


@pytest.mark.parametrize(("last", "said"), [("cc", "change no bit of any result here"), ("", "but which calls")])
def test_a_setting_that_changes_no_bit_is_told(loaded: Corpus, last: str, said: str) -> None:
    """A setting that reads back and changes nothing is told apart from one that has calls refused."""
    plain, pinned = (_bits(loaded, "aa", "bb", each, target=name) for each, name in (("cc", "torch"), (last, PINNED)))
    assert any(said in each for each in kept_numbers.summary({"default": _with(plain, pinned)}, ", ".join))


def test_a_record_becomes_a_page(loaded: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is taken in under its name; a page that is not what the runs say is stale."""
    monkeypatch.setattr(precision, "ROOT", tmp_path)
    monkeypatch.setattr(output, "ROOT", tmp_path)
    monkeypatch.setattr(corpus, "load", lambda **_: loaded)
    (tmp_path / precision.RESULTS).mkdir(parents=True)
    assert [] == list(precision.stale(tmp_path))
    write_record(_record(_said(COPY, "all-bits"), _said(ORDER)), tmp_path / "record.jsonl")
    for name in ("default", "one thread"):
        words = ["results/precision.py", "--run", name, "--under", "taskset -c 0", str(tmp_path / "record.jsonl")]
        monkeypatch.setattr(sys, "argv", words)
        precision.main()
    assert [] == list(precision.stale(tmp_path))
    text = (tmp_path / precision.PAGE).read_text()
    assert "| `torch` | all bits | - | - | - | another order | none | same bits |" in text
    assert "taskset -c 0 conv-conformance run '*.numerics.*' --sweeps full -b torch --jobs 1" in text
    (tmp_path / precision.PAGE).write_text(text + "\n")
    assert ["docs/results/precision.md: out of date (run python -m docs.generate.results.precision)"] == list(
        precision.stale(tmp_path)
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"is_complete": False}, "is not complete"),
        ({"header": ANOTHER}, "its suite or corpus differs"),
    ],
)
def test_records_that_do_not_belong_are_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    """A run that was cut short, or one of another corpus, is not taken in."""
    record = _record(_said(COPY, "all-bits"))
    write_record(record, tmp_path / "one.jsonl")
    write_record(replace(record, **changed), tmp_path / "two.jsonl")
    with pytest.raises(SystemExit, match=message):
        precision.see([tmp_path / "one.jsonl", tmp_path / "two.jsonl"], "")
