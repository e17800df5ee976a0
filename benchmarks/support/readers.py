"""
The readers of YAML files, each used as the commands use it, on one file of its kind.

A reader returns `accepted` if the file has no problem and `contradicted` if the reference or the linter contradicts it.
It raises `Invalid` if the file cannot be used.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from conv_conformance import corpus
from conv_conformance.core import Case, Invalid
from conv_conformance.corpus import Corpus, glossaries, loader
from conv_conformance.quality import lint, validate_cases
from conv_conformance.records import Record, ledger_files, read_record
from conv_conformance.records.reapplied_ledger import held
from conv_conformance.specification import check_specification, corpus_document
from conv_conformance.specification.commentary import FOLDER, read_area

from .result import ROOT

#: Points of a sweep that are computed; a sweep may have thousands.
POINTS = 6
CASES = ROOT / "cases"
RECORD = ROOT / "docs" / "results" / "cpu.jsonl"
#: A case that cites clauses, for a corpus whose glossaries are mutated.
WITNESS = CASES / "conv" / "valid.yaml"


def kinds() -> dict[str, list[Path]]:
    """Return the shipped files of each kind."""
    beside = (*glossaries.NAMES, *loader.BESIDE)
    cases = [file for file in CASES.rglob("*.yaml") if file.relative_to(CASES).parts[0] not in beside]
    return {
        "cases": sorted(cases),
        "specification": sorted((CASES / FOLDER).glob("*.yaml")),
        "ledger": ledger_files.shipped(),
        **{name.removesuffix(".yaml"): [CASES / name] for name in glossaries.NAMES},
    }


def prepare() -> None:
    """
    Read what no mutation changes once, before children are forked: the shipped glossaries, cases and a record.

    The functions that read it are replaced by ones that remember their results. The cache of parsed files is not
    written, so that 100,000 files do not fill it.
    """
    read = glossaries.read_glossaries

    @cache
    def shipped() -> glossaries.Glossaries:
        return read([corpus.shipped()], [])

    def remembered(folders: Any, problems: Any) -> glossaries.Glossaries:
        places = list(folders)
        return shipped() if places == [corpus.shipped()] else read(places, problems)

    loader.read_glossaries = remembered
    loader._shipped_documents = cache(loader._shipped_documents)
    loader._shipped_documents()
    loader.cache.put = lambda name, value: None
    shipped()
    _known_record()
    _shipped_cases()


@cache
def _known_record() -> Record:
    return read_record(RECORD)


@cache
def _shipped_cases() -> Corpus:
    return corpus.load(sweeps="none")


def read_cases(file: Path, chance: random.Random) -> str:
    """Read a case file, make its points, recompute the expectations of all literal cases, and export these."""
    found = corpus.load([file], sweeps="full")
    literal = [case for case in found.cases if not case.sweep]
    points = [case for case in found.cases if case.sweep]
    return _checked(found, [*literal, *chance.sample(points, min(POINTS, len(points)))])


def _checked(found: Corpus, cases: Sequence[Case]) -> str:
    problems = list(validate_cases(cases, found.clauses))
    literal = Corpus(cases=tuple(case for case in cases if not case.sweep), clauses=found.clauses, faults=found.faults)
    problems += lint.lint_corpus(literal)
    corpus_document(literal)
    return "contradicted" if any(map(str, problems)) else "accepted"


def read_glossary(name: str) -> Callable[[Path, random.Random], str]:
    """Return a reader of one glossary: it reads a corpus that holds the glossary and one case file."""

    def read(file: Path, chance: random.Random) -> str:
        folder = file.parent / "corpus"
        folder.mkdir(exist_ok=True)
        for each in glossaries.NAMES:
            (folder / each).unlink(missing_ok=True)
        (folder / name).write_bytes(file.read_bytes())
        (folder / WITNESS.name).write_bytes(WITNESS.read_bytes())
        found = corpus.load([folder])
        list(map(str, check_specification(found)))
        return _checked(found, found.cases[:2])

    return read


def read_specification(file: Path, chance: random.Random) -> str:
    """Read the commentary of one area, and check it beside that of no other area."""
    area, problems = read_area(file.read_bytes(), file.name)
    folder = file.parent / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "area.yaml").write_bytes(file.read_bytes())
    list(map(str, check_specification(_shipped_cases(), folder)))
    if problems or area is None:
        raise Invalid(*problems)
    return "accepted"


def read_ledger(file: Path, chance: random.Random) -> str:
    """Read a ledger, and apply it to a record with failures of every target."""
    ledger = ledger_files.load([file])
    cases = {case.id: case for case in _shipped_cases().cases}
    applied = held(_known_record(), cases, ledger)
    for target in applied.targets:
        mine = ledger.of(target, applied.header["platform"]["flags"])
        mine.stale((verdict, cases[verdict.case]) for verdict in applied.verdicts[:200] if verdict.case in cases)
    for entry in ledger.entries:
        str(entry.versions), entry.unwritten
    return "accepted"


READERS: Mapping[str, Callable[[Path, random.Random], str]] = {
    "cases": read_cases,
    "specification": read_specification,
    "ledger": read_ledger,
    **{name.removesuffix(".yaml"): read_glossary(name) for name in glossaries.NAMES},
}
