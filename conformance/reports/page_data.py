"""
The data of a page, called a sheet: targets, clauses by area, and the word of each case on each target.

A word summarises a verdict, or a change between two records; a sheet stores each word as one letter. `details` holds
the reasons. The page of a record and the page of a comparison use the same sheet format.
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
    The summary of a case on a target: the letter in a sheet, the sign and the text on the page, and the style.

    `tone` is the style: `bad`, `known`, `good` or `faint`.
    """

    letter: str
    sign: str
    text: str
    tone: str


#: The word of a case without a verdict.
NOTHING = Word("-", "", "no verdict", "faint")
#: The word of each verdict, the worst first; a disagreement has the word of its severity.
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
    """A list of distinct texts or other JSON values; other data refer to a value by its position in the list."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, each: Any) -> int:
        """Return the position of a value; append the value if it is new."""
        key = json.dumps(each)
        if key not in self._places:
            self._places[key] = len(self.all)
            self.all.append(each)
        return self._places[key]


@dataclass(frozen=True, kw_only=True)
class Said:
    """The words of all cases: `letters` by case id, one for each target; `details` by (case id, target position)."""

    words: Sequence[Word]
    letters: Mapping[str, str]
    details: Mapping[tuple[str, int], Mapping[str, Any]]
    texts: Once = field(default_factory=Once)


def sheet(record: Record, corpus: Corpus, ledger: Ledger) -> dict[str, Any]:
    """Return the sheet of a record."""
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


def laid_out(content: Said, corpus: Corpus) -> dict[str, Any]:
    """
    Return the part of a sheet that needs the corpus: words, clauses by area, cases with their arrays, details.

    `details[case][target]` holds the details of one verdict. `case` and `target` are positions in the lists of cases
    and targets. The numbers in `why` are positions in `texts`, and the `runs` of a case is a position in `runs`.
    """
    cases = {case.id: case for case in corpus.cases if case.id in content.letters}
    details: dict[int, dict[int, Mapping[str, Any]]] = {}
    runs = Once()
    places = {name: at for at, name in enumerate(content.letters)}
    for (name, target), detail in content.details.items():
        details.setdefault(places[name], {})[target] = detail
    return {
        "words": [*content.words, NOTHING],
        "areas": areas(corpus, {clause for case in cases.values() for clause in case.clauses}),
        "cases": [_case(name, cases.get(name), letters, runs) for name, letters in content.letters.items()],
        "runs": runs.all,
        "details": details,
        "texts": content.texts.all,
    }


def areas(corpus: Corpus, cited: Iterable[str]) -> list[dict[str, Any]]:
    """
    Return the areas of the specification in reading order, each with its clauses that are in `cited`.

    A clause that belongs to no area is in an area named by the clause id without the number.
    """
    wanted = {*cited}
    read = {each.clause: area.title for area in specification.readable_areas(corpus) for each in area.commentaries}
    found: dict[str, list[dict[str, str]]] = {}
    for name, clause in corpus.clauses.items():
        if name in wanted:
            entry = {"id": name, "sentence": clause.sentence, "level": clause.level}
            found.setdefault(read.get(name, name.rpartition("-")[0]), []).append(entry)
    return [{"title": title, "clauses": clauses} for title, clauses in found.items()]


def word(verdict: Verdict) -> Word:
    """Return the word that summarises a verdict."""
    return WORDS[verdict.severity or "silent"] if verdict.verdict == "disagree" else WORDS[verdict.verdict]


def version(target: TargetInfo) -> str:
    """Return a text with the framework, version and device of a target."""
    return f"{target.framework} {target.version}".strip() + f" on {target.device}"


def shown(verdict: Verdict, case: Case | None, ledger: Ledger, record: Record) -> dict[str, Any]:
    """Return the label, labelled lines, returned numbers and causes of a wrong output; {} for any other verdict."""
    if verdict.finding is None:
        return {}
    block = describe_failure(verdict, case, ledger)
    lines = [*block.details, *(("probes", line) for line in probed(verdict, record))]
    causes = {"causes": list(verdict.diagnosis.causes)} if verdict.diagnosis is not None else {}
    return {
        "label": block.label,
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
    """Yield two lines about a record: suite, corpus and date, then the platform."""
    suite, platform = record.header["suite"], record.header["platform"]
    date = [record.header["date"]] if "date" in record.header else []
    yield ", ".join([f"conv-conformance {suite['version']}", f"corpus {suite['corpus'][:19]}", *date])
    yield ", ".join([platform["cpu"], *([platform["os"]] if "os" in platform else []), f"Python {platform['python']}"])


def _reasons(record: Record) -> Iterator[dict[str, str]]:
    """Yield the attributions, then the groups of unexpected calls, each as a text and the id of one case."""
    for cause in record.attributions:
        yield {"text": cause.text, "case": cause.cases[0]}
    for group in record.groups:
        if group.verdict in UNEXPECTED:
            text = f"{sentence(group)}. When: {group.acts}. Seen: {seen(group, record)}."
            yield {"text": text, "case": group.smallest}


def _notes(record: Record, corpus: Corpus) -> Iterator[str]:
    here = {case.id for case in corpus.cases}
    if unknown := {verdict.case for verdict in record.verdicts} - here:
        cases = f"{len(unknown)} case{'' if len(unknown) == 1 else 's'}"
        yield f"Details of {cases} are missing: the corpus of this page does not contain all cases of the record."
    if (was := record.header["suite"]["corpus"]) != corpus.digest:
        yield (
            f"The run used corpus {was[:19]}, but this page shows the cases of corpus {corpus.digest[:19]}."
            " If a case differs between the two, the page does not show the case of the run."
        )
    if record.left_out:
        yield f"This record only counts the verdicts {', '.join(record.left_out)}: the page does not list such cases."
    if not record.is_complete:
        yield "The run did not finish."


def _target(target: TargetInfo, record: Record) -> dict[str, Any]:
    counts = record.counts(target.name)
    return {
        "name": target.name,
        "version": version(target),
        "failed": target.failed,
        "printed": target.printed,
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
