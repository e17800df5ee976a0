"""
What a page shows, as plain data: targets, clauses by area, and of each case what is said of it on every target.

A sheet has the same form whether it is of one record or of two that are compared: of a case on a target it says one
word, which is a letter there, and in `details` why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import specification
from ..core import UNEXPECTED, VERDICTS, Case, Verdict
from ..corpus import Corpus
from ..records import Ledger, Record, TargetInfo
from . import alternatives, rounding
from .diff import sentence
from .failure_block import describe_failure, parameter_text, probed, seen
from .pictures import nearby, pictures


class Word(NamedTuple):
    """
    A word that is said of a case on a target: its letter in a sheet, its sign on the page, and how it looks.

    `tone` is `bad`, `known`, `good` or `faint`.
    """

    letter: str
    sign: str
    text: str
    tone: str


#: A target was not asked.
NOTHING = Word("-", "", "not asked", "faint")
#: What is said of a verdict, the worst first; a disagreement has the word of its severity.
WORDS: Mapping[str, Word] = {
    "suite-error": Word("e", "‼", "suite-error", "bad"),
    "silent": Word("s", "✗", "disagree, silent", "bad"),
    "loud": Word("l", "!", "disagree, loud", "bad"),
    "crash": Word("c", "†", "crash", "bad"),
    "timeout": Word("t", "∞", "timeout", "bad"),
    "precision": Word("p", "≈", "disagree, precision", "bad"),
    "known": Word("k", "k", "known", "known"),
    "fixed": Word("f", "f", "fixed", "known"),
    "agree": Word("a", "✓", "agree", "good"),
    "unsupported": Word("u", "–", "unsupported", "faint"),
    "not-run": Word("n", "·", "not-run", "faint"),
}


class Once:
    """What stands in many places, texts or other plain data, each once."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, each: Any) -> int:
        """Return at which place it is."""
        key = json.dumps(each)
        if key not in self._places:
            self._places[key] = len(self.all)
            self.all.append(each)
        return self._places[key]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What is said of cases on targets: `letters` by the id of a case, one for each target, and `details` by both."""

    words: Sequence[Word]
    letters: Mapping[str, str]
    details: Mapping[tuple[str, int], Mapping[str, Any]]
    texts: Once = field(default_factory=Once)


def sheet(record: Record, corpus: Corpus, ledger: Ledger) -> dict[str, Any]:
    """Return what the page of a record shows."""
    return {
        "title": "Convolution conformance",
        "about": list(about(record)),
        "notes": list(_notes(record, corpus)),
        "why": list(_reasons(record)),
        "counted": VERDICTS,
        "targets": [_target(target, record) for target in record.targets],
        "choices": alternatives.table(record, corpus),
        "rounding": rounding.plot(record),
        **laid_out(_said(record, corpus, ledger), corpus),
    }


def laid_out(said: Said, corpus: Corpus) -> dict[str, Any]:
    """
    Return the part of a sheet that is drawn from the corpus: words, clauses by area, cases with their arrays.

    `details` are by the position of a case, then by that of a target; texts that stand there as numbers are entries of
    `texts`, and the `runs` of a case one of `runs`.
    """
    cases = {case.id: case for case in corpus.cases if case.id in said.letters}
    details: dict[int, dict[int, Mapping[str, Any]]] = {}
    runs = Once()
    places = {name: at for at, name in enumerate(said.letters)}
    for (name, target), detail in said.details.items():
        details.setdefault(places[name], {})[target] = detail
    return {
        "words": [*said.words, NOTHING],
        "areas": areas(corpus, {clause for case in cases.values() for clause in case.clauses}),
        "cases": [_case(name, cases.get(name), letters, runs) for name, letters in said.letters.items()],
        "runs": runs.all,
        "details": details,
        "texts": said.texts.all,
    }


def areas(corpus: Corpus, cited: Iterable[str]) -> list[dict[str, Any]]:
    """
    Return the areas of the specification with those of their clauses that are cited, in reading order.

    A clause of no area stands in one of its own name, up to its number.
    """
    wanted = {*cited}
    read = {each.clause: area.title for area in specification.readable_areas(corpus) for each in area.commentaries}
    found: dict[str, list[dict[str, str]]] = {}
    for name, clause in corpus.clauses.items():
        if name in wanted:
            said = {"id": name, "sentence": clause.sentence, "level": clause.level}
            found.setdefault(read.get(name, name.rpartition("-")[0]), []).append(said)
    return [{"title": title, "clauses": clauses} for title, clauses in found.items()]


def word(verdict: Verdict) -> Word:
    """Return the word of a verdict."""
    return WORDS[verdict.severity or "silent"] if verdict.verdict == "disagree" else WORDS[verdict.verdict]


def version(target: TargetInfo) -> str:
    """Return framework, version and device of a target."""
    return f"{target.framework} {target.version}".strip() + f" on {target.device}"


def shown(verdict: Verdict, case: Case | None, ledger: Ledger, record: Record) -> dict[str, Any]:
    """Return what is told of a wrong output, nothing of another verdict: labelled lines, what was returned, its causes."""
    if verdict.finding is None:
        return {}
    told = describe_failure(verdict, case, ledger)
    lines = [*told.details, *(("probes", line) for line in probed(verdict, record))]
    causes = {"causes": list(verdict.diagnosis.causes)} if verdict.diagnosis is not None else {}
    return {
        "label": told.label,
        "lines": [list(line) for line in lines],
        "returned": nearby(verdict.finding),
        **causes,
    }


def _said(record: Record, corpus: Corpus, ledger: Ledger) -> Said:
    cases = {case.id: case for case in corpus.cases}
    names = {target.name: at for at, target in enumerate(record.targets)}
    letters = {verdict.case: [NOTHING.letter] * len(names) for verdict in record.verdicts}
    details, texts = {}, Once()
    for verdict in record.verdicts:
        at = names[verdict.target]
        letters[verdict.case][at] = word(verdict).letter
        if verdict.verdict != "agree" or verdict.message or verdict.alternative:
            why = [texts.place(text) for text in _why(verdict)]
            more = shown(verdict, cases.get(verdict.case), ledger, record)
            details[verdict.case, at] = {"why": why, **more}
    joined = {name: "".join(each) for name, each in letters.items()}
    return Said(words=tuple(WORDS.values()), letters=joined, details=details, texts=texts)


def _why(verdict: Verdict) -> Iterator[str]:
    if verdict.known:
        yield f"known: {verdict.known}"
    if verdict.alternative:
        yield f"alternative: {verdict.alternative}"
    if verdict.message:
        yield verdict.message


def about(record: Record) -> Iterator[str]:
    """Yield what a record is of: suite, corpus and date, then the platform."""
    suite, platform = record.header["suite"], record.header["platform"]
    date = [record.header["date"]] if "date" in record.header else []
    yield ", ".join([f"conv-conformance {suite['version']}", f"corpus {suite['corpus'][:19]}", *date])
    yield ", ".join([platform["cpu"], *([platform["os"]] if "os" in platform else []), f"Python {platform['python']}"])


def _reasons(record: Record) -> Iterator[dict[str, str]]:
    """Yield which causes explain wrong outputs, and what unexpected calls have in common, each with a case."""
    for cause in record.attributions:
        yield {"text": cause.text, "case": cause.cases[0]}
    for group in record.groups:
        if group.verdict in UNEXPECTED:
            text = f"{sentence(group)}. Acts: {group.acts}. Seen: {seen(group, record)}."
            yield {"text": text, "case": group.smallest}


def _notes(record: Record, corpus: Corpus) -> Iterator[str]:
    here = {case.id for case in corpus.cases}
    if unknown := {verdict.case for verdict in record.verdicts} - here:
        cases = f"{len(unknown)} case{'' if len(unknown) == 1 else 's'}"
        yield f"Of {cases} nothing is drawn, for they are not in the corpus that this page is drawn from."
    if (was := record.header["suite"]["corpus"]) != corpus.digest:
        yield (
            f"The run was of corpus {was[:19]}, and the cases are drawn from corpus {corpus.digest[:19]}:"
            " what has changed between them is drawn as it is now."
        )
    if record.left_out:
        yield f"This record only counts what is {' or '.join(record.left_out)}: such cases are not drawn."
    if not record.is_complete:
        yield "The run did not come to its end."


def _target(target: TargetInfo, record: Record) -> dict[str, Any]:
    counts = record.counts(target.name)
    return {
        "name": target.name,
        "version": version(target),
        "failed": target.failed,
        "counts": {name: counts[name] for name in VERDICTS if counts[name]},
    }


def _case(name: str, case: Case | None, letters: str, runs: Once) -> dict[str, Any]:
    if case is None:
        return {"id": name, "title": "", "clauses": [], "letters": letters}
    call = case.outline
    return {
        "id": name,
        "title": case.title,
        "clauses": list(case.clauses),
        "letters": letters,
        "op": call.op,
        "rank": call.rank,
        "dtype": call.dtype.input,
        "parameters": parameter_text(call),
        **({"sweep": case.sweep} if case.sweep else _drawn(case, runs)),
    }


def _drawn(case: Case, runs: Once) -> dict[str, Any]:
    drawn = pictures(case.call, case.expectation)
    return {**drawn, "runs": runs.place(drawn["runs"])} if "runs" in drawn else drawn
