"""Records of parts shown as one, and a record without what needs no line of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conv_conformance import corpus
from conv_conformance.analysis.failure_groups import grouped
from conv_conformance.analysis.ledger_drafts import ledger_draft
from conv_conformance.core.problem import Invalid
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.records.alternatives import count_alternatives
from conv_conformance.records.merge import COUNTED, condensed, merged
from conv_conformance.records.record import Record, TargetInfo, read_record, write_record

from ..support.command_line import Command, is_clean, lying

CORPUS = corpus.load().select(["conv1d.same.*", "conv1d.valid.*"])
CASES = {case.id: case for case in CORPUS.cases}
IDS = list(CASES)
TORCH = TargetInfo(
    name="torch", framework="torch", version="2.13.0", seconds={"import": 1.0, "calls": 0.5, "total": 2.0}
)
JAX = TargetInfo(name="jax", framework="jax", version="0.10.2")
FINDING = Finding(kind="values", message="it differs")


def header(shard: str | None = None, targets: tuple[str, ...] = ("torch", "jax"), **more: Any) -> dict[str, Any]:
    return {
        "format": "conv-conformance-record/1",
        "suite": {"version": "0.1.0", "spec": "draft", "corpus": "sha256:00"},
        "date": "2026-01-01T00:00:00+00:00",
        "platform": {"machine": "x86_64", "cpu": "A", "flags": ["avx2", "fma"], "os": "Linux", "python": "3.11.7"},
        "targets": list(targets),
        "selection": {"what": [], "sweeps": "none", "shard": shard},
        "terms": {"audit": False, "preload": []},
        "ledger": {"shipped": True, "files": [], "digest": "sha256:11"},
        **more,
    }


def verdict(case: int, target: str, word: str = "agree", **more: Any) -> Verdict:
    return Verdict(case=IDS[case], target=target, verdict=word, **more)


def part(number: int, *targets: TargetInfo, shard: str | None = "", **more: Any) -> Record:
    """Return the record of one part of two: a case that agrees, and one that one target gets wrong."""
    names = tuple(target.name for target in targets)
    given = [verdict(2 * number, name, output_sha256="ab") for name in names]
    given += [verdict(2 * number + 1, name, "disagree", finding=FINDING, message="it differs") for name in names]
    where = f"{number}/2" if shard == "" else shard
    made = Record(header=header(where, names), targets=targets, verdicts=given, is_complete=True)
    return replace(made, **more)


BOTH = {Path("one"): part(1, TORCH, JAX), Path("two"): part(2, TORCH, JAX)}


def test_parts_are_the_whole() -> None:
    """Verdicts come together, seconds add up, and the header says that it is the whole."""
    whole = merged(BOTH)
    assert len(whole.verdicts) == 8
    assert [(target.name, dict(target.seconds)) for target in whole.targets] == [
        ("torch", {"import": 2.0, "calls": 1.0, "total": 4.0}),
        ("jax", {}),
    ]
    assert (whole.is_complete, whole.header) == (True, header(None))


def test_one_record_stays_as_it_is() -> None:
    """There is nothing to put together."""
    assert merged({Path("one"): BOTH[Path("one")]}) is BOTH[Path("one")]


def test_records_of_other_targets_come_together() -> None:
    """A job for each target, and one record of all; also where each is in two parts."""
    whole = merged({Path("one"): part(1, TORCH, shard=None), Path("two"): part(1, JAX, shard=None)})
    assert (whole.header["targets"], whole.is_complete) == (["torch", "jax"], True)
    four = {Path(f"{n}{info.name}"): part(n, info) for n in (1, 2) for info in (TORCH, JAX)}
    assert (merged(four).is_complete, merged(four).header["selection"]["shard"]) == (True, None)
    mixed = {Path("jax"): part(3, JAX, shard=None), Path("one"): part(1, TORCH), Path("two"): part(2, TORCH)}
    assert merged(mixed).is_complete


@pytest.mark.parametrize(
    ("parts", "shard"),
    [
        ({Path("one"): part(1, TORCH), Path("two"): part(2, JAX)}, "1/2, 2/2"),
        ({Path("one"): part(1, TORCH, JAX), Path("two"): part(2, JAX)}, "1/2, 2/2"),
        ({Path("one"): part(1, TORCH, shard="1/3"), Path("two"): part(2, TORCH, shard="3/3")}, "1/3, 3/3"),
    ],
)
def test_missing_part_leaves_it_incomplete(parts: dict[Path, Record], shard: str) -> None:
    """Where a target lacks a part, the record says which parts there are, and that it did not come to its end."""
    whole = merged(parts)
    assert (whole.is_complete, whole.header["selection"]["shard"]) == (False, shard)


def test_part_that_was_cut_short_leaves_it_incomplete() -> None:
    """The whole is complete if each part is."""
    assert merged({**BOTH, Path("two"): replace(BOTH[Path("two")], is_complete=False)}).is_complete is False


def changed(**more: Any) -> Record:
    return replace(BOTH[Path("two")], header=header("2/2", **more))


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (BOTH[Path("one")], f"two: {IDS[2]} on torch is also in one"),
        (changed(suite={"version": "0.1.0", "corpus": "sha256:01"}), "two: suite.spec is None here and draft in one"),
        (
            changed(suite={"version": "0.1.0", "spec": "draft", "corpus": "sha256:01"}),
            "two: suite.corpus is sha256:01 here and sha256:00 in one",
        ),
        (
            changed(selection={"what": [], "sweeps": "full", "shard": "2/2"}),
            "two: selection.sweeps is full here and none in one",
        ),
        (
            changed(selection={"what": [], "sweeps": "none", "shard": "2/3"}),
            "two: shard 2/3 does not fit shard 1/2 in one",
        ),
        (changed(terms={"audit": True, "preload": []}), "two: terms.audit is True here and False in one"),
        (
            changed(ledger={"shipped": False, "files": [], "digest": "sha256:11"}),
            "two: ledger.shipped is False here and True in one",
        ),
        (changed(left_out=["agree"]), "two: two is condensed and one is not"),
        (
            replace(BOTH[Path("two")], targets=[replace(TORCH, version="2.12.0"), JAX]),
            "two: torch: its version is 2.12.0 here and 2.13.0 in one",
        ),
    ],
)
def test_conflicts_are_refused_in_one_line(second: Record, says: str) -> None:
    """Another corpus, selection, ledger or version, or a case twice: nothing is shown as one."""
    with pytest.raises(Invalid) as found:
        merged({Path("one"): BOTH[Path("one")], Path("two"): second})
    assert str(found.value).startswith(says)
    assert "\n" not in str(found.value)


def test_machines_may_differ() -> None:
    """The header then names them all, with the flags that all have."""
    other = {"machine": "x86_64", "cpu": "B", "flags": ["fma", "avx512f"], "os": "Linux", "python": "3.11.7"}
    found = merged({Path("one"): BOTH[Path("one")], Path("two"): changed(platform=other)}).header
    assert found["platform"] == {**header()["platform"], "cpu": "A / B", "flags": ["fma"]}
    assert [machine["cpu"] for machine in found["platforms"]] == ["A", "B"]


# --- condensed


def whole() -> Record:
    unsaid = [verdict(0, "torch", "unsupported", message="no words"), verdict(0, "jax", "not-run", message="never")]
    again = verdict(6, "torch", "unsupported", message="no words")
    follows = [verdict(at, "torch", alternative="SAME-4:computes") for at in (8, 9)]
    made = merged(BOTH)
    return grouped(replace(made, verdicts=[*made.verdicts, *unsaid, again, *follows]), CASES)


def test_condensed_record_counts_and_lists_the_rest(tmp_path: Path) -> None:
    """Written and read again, it has the counts, reasons, alternatives and groups of the whole, and fewer lines."""
    full = whole()
    write_record(condensed(full, CORPUS), tmp_path / "r.jsonl")
    small = read_record(tmp_path / "r.jsonl")
    assert [each.verdict for each in small.verdicts] == ["disagree"] * 4
    assert small.left_out == list(COUNTED)
    for name in ("torch", "jax"):
        assert (small.counts(name), small.reasons(name)) == (full.counts(name), full.reasons(name))
    assert small.reasons("torch") == {"no words": 2}
    assert (
        count_alternatives(small, {}, {})
        == count_alternatives(full, CASES, CORPUS.clauses)
        == {"torch": {"SAME-4": {"computes": 2}}}
    )
    assert (list(small.groups), list(small.targets)) == (list(full.groups), list(full.targets))
    assert (len(full.groups) > 0, small.is_complete) == (True, True)


def test_condensed_record_drafts_the_same_entries(tmp_path: Path) -> None:
    """What the ledger is to know is what is listed."""
    full = whole()
    write_record(condensed(full, CORPUS), tmp_path / "r.jsonl")
    assert ledger_draft(read_record(tmp_path / "r.jsonl"), "2026-01-01") == ledger_draft(full, "2026-01-01")


def test_condensed_record_can_be_condensed_again(tmp_path: Path) -> None:
    """Nothing is lost the second time."""
    once = condensed(whole(), CORPUS)
    write_record(condensed(once, CORPUS), tmp_path / "twice.jsonl")
    write_record(once, tmp_path / "once.jsonl")
    assert (tmp_path / "twice.jsonl").read_text() == (tmp_path / "once.jsonl").read_text()


def small_part(number: int, *targets: TargetInfo, shard: str | None = "") -> Record:
    """Return `part` with an alternative that each target follows, and a reason, condensed."""
    full = part(number, *targets, shard=shard)
    more = [verdict(7 + number, info.name, alternative="SAME-4:computes") for info in targets]
    unsaid = [verdict(4 + number, info.name, "unsupported", message="no words") for info in targets]
    return condensed(grouped(replace(full, verdicts=[*full.verdicts, *more, *unsaid]), CASES), CORPUS)


@pytest.mark.parametrize(
    "parts",
    [
        {Path("torch"): small_part(1, TORCH, shard=None), Path("jax"): small_part(1, JAX, shard=None)},
        {Path("one"): small_part(1, TORCH, JAX), Path("two"): small_part(2, TORCH, JAX)},
    ],
    ids=["targets", "shards"],
)
def test_condensed_records_come_together(parts: dict[Path, Record], tmp_path: Path) -> None:
    """Of other targets or other parts: counts, alternatives and reasons add up; no verdict or group is lost."""
    write_record(merged(parts), tmp_path / "r.jsonl")
    together = read_record(tmp_path / "r.jsonl")
    assert (together.is_complete, together.left_out, together.header["selection"]["shard"]) == (
        True,
        list(COUNTED),
        None,
    )
    for name in ("torch", "jax"):
        those = [record for record in parts.values() if name in record.header["targets"]]
        assert +together.counts(name) == {"agree": 2 * len(those), "disagree": len(those), "unsupported": len(those)}
        assert together.reasons(name) == {"no words": len(those)}
        assert count_alternatives(together, {}, {})[name] == {"SAME-4": {"computes": len(those)}}
    assert sorted((each.case, each.target) for each in together.verdicts) == sorted(
        (each.case, each.target) for record in parts.values() for each in record.verdicts
    )
    assert [group.name for group in together.groups] == [f"g{n}" for n in range(1, len(together.groups) + 1)]
    assert [group.cases for group in together.groups] == [
        group.cases for each in parts.values() for group in each.groups
    ]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (small_part(2, TORCH, shard="1/2"), "two: shard 1/2 of torch is also in one"),
        (small_part(2, TORCH, shard=None), "two: torch is also in one"),
        (small_part(2, JAX, TORCH, shard="1/2"), "two: shard 1/2 of torch is also in one"),
        (BOTH[Path("two")], "two: one is condensed and two is not"),
    ],
)
def test_condensed_records_that_may_overlap_are_refused(second: Record, says: str) -> None:
    """What they agree on is not listed, so a case in both would be counted twice."""
    with pytest.raises(Invalid) as found:
        merged({Path("one"): small_part(1, TORCH), Path("two"): second})
    assert str(found.value).startswith(says)


def test_incomplete_record_is_not_condensed() -> None:
    """Its counts would look like those of a whole."""
    with pytest.raises(Invalid, match="did not finish"):
        condensed(replace(whole(), is_complete=False), CORPUS)


# --- as a person does it


@pytest.fixture
def parts(command: Command, cases: Path, tmp_path: Path) -> list[Path]:
    records = [tmp_path / f"{number}.jsonl" for number in (1, 2, 3)]
    for number, record in enumerate(records, 1):
        words = ("--sweeps", "none", "--shard", f"{number}/3", "--record", record)
        command("run", cases, "-b", lying("off_by_one"), "-b", "numpy", *words)
    return records


def test_report_shows_parts_as_one(command: Command, cases: Path, parts: list[Path], tmp_path: Path) -> None:
    """The table, the record that is written, and its condensed form say what one run says."""
    undisturbed, together, small = (tmp_path / f"{name}.jsonl" for name in ("undisturbed", "together", "small"))
    words = ("--sweeps", "none", "--record", undisturbed)
    one = command("run", cases, "-b", lying("off_by_one"), "-b", "numpy", *words)
    done = command("report", *parts, "--record", together, "--condensed", small)
    assert (done.code, done.out.splitlines()[-3:]) == (0, one.out.splitlines()[-3:])
    for record in (together, small):
        assert command("report", record).out == done.out
    assert lines(together, "case") == lines(undisturbed, "case")
    assert [line["verdict"] for line in lines(small, "case")] == ["disagree"]
    assert lines(together, "summary") == lines(undisturbed, "summary")


def lines(record: Path, kind: str) -> list[dict[str, Any]]:
    """Return the lines of one kind in order, without seconds."""
    parsed = [json.loads(line) for line in record.read_text().splitlines()]
    found = [{key: value for key, value in line.items() if key != "seconds"} for line in parsed if kind in line]
    return sorted(found, key=json.dumps)


def test_report_of_a_part_twice_is_refused(command: Command, parts: list[Path], tmp_path: Path) -> None:
    """The same file named twice is one; a copy of it is a conflict."""
    copy = tmp_path / "copy.jsonl"
    copy.write_text(parts[0].read_text())
    assert command("report", parts[0], parts[0]).code == 0
    done = command("report", parts[0], copy)
    assert (done.code, done.out, len(done.err.splitlines()), is_clean(done)) == (2, "", 1, True)


def test_report_of_some_parts_says_that_it_is_not_all(command: Command, parts: list[Path]) -> None:
    """A missing part is not passed over in silence."""
    assert command("report", *parts[:2]).out.splitlines()[-1] == "the run did not finish"
    assert "did not finish" not in command("report", *parts).out
