"""
Cases out of the documents of all files: what one file alone cannot know is checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .case import Case, Reference
from .clauses import unknown
from .glossaries import Glossaries
from .problem import Problem, suggestion
from .reading_calls import Plain
from .reading_cases import Document
from .sweeps import Contradiction, Point, expectation, points

if TYPE_CHECKING:
    from .call import Array, Call
    from .expectation import Expectation

#: Which sweeps a corpus has; `full` includes `quick`.
Sweeps: TypeAlias = Literal["none", "quick", "full"]


class Assembly:
    """
    Puts the documents of all files together: what one file alone cannot know is checked here.
    """

    def __init__(self, *, glossaries: Glossaries, problems: list[Problem]) -> None:
        self.known = glossaries
        self.problems = problems
        self.plain: dict[str, Plain] = {}
        self.built: dict[str, Case] = {}

    def cases(self, documents: Sequence[tuple[str, Document]], sweeps: Sweeps) -> tuple[Case, ...]:
        """
        Return the cases of documents by path, literal ones first, then the points of the sweeps of a tier.
        """
        for path, document in documents:
            for entry in (*document["cases"], *document["sweeps"]):
                self._enter(path, entry)
        for path, document in documents:
            for entry in (*document["cases"], *document["sweeps"]):
                self._check(path, entry)
        literal = [self._case(path, entry) for path, document in documents for entry in document["cases"]]
        self.built |= {case.id: case for case in literal}
        points = (self._points(path, entry, sweeps) for path, document in documents for entry in document["sweeps"])
        return (*literal, *(point for each in points for point in each))

    def _enter(self, path: str, entry: Plain) -> None:
        name = entry.get("id", "")
        if name and name in self.plain:
            first = self.plain[name]
            self._note(path, entry, "id", f"id {name} twice", f"first in {first['path']}:{first['line']}")
        self.plain.setdefault(name, {**entry, "path": path})

    def _note(self, path: str, entry: Plain, key: str, message: str, hint: str) -> None:
        line, column = entry["places"].get(key, (entry["line"], 1))
        self.problems.append(Problem(path=path, line=line, column=column, message=message, hint=hint))

    def _check(self, path: str, entry: Plain) -> None:
        for name in entry.get("clauses", ()):
            if name not in self.known.clauses:
                self._note(path, entry, "clauses", *unknown(name, self.known.clauses, "clause"))
        for name in entry.get("catches", ()):
            if name not in self.known.faults:
                self._note(path, entry, "catches", *unknown(name, self.known.faults, "fault"))
        later = entry.get("superseded_by", "")
        if later and later not in self.plain:
            self._note(path, entry, "superseded_by", f"no case {later}", suggestion(later, self.plain))
        for twin, line, column in entry.get("twins", ()):
            self._check_twin(path, twin, line, column)
        self._check_alternatives(path, entry)

    def _check_twin(self, path: str, twin: str, line: int, column: int) -> None:
        message, hint = "", ""
        if twin not in self.plain or "expect" not in self.plain[twin]:
            message, hint = f"no case {twin}", suggestion(twin, self.plain)
        elif self.plain[twin]["expect"]["kind"] in ("refusal", "deferred"):
            message, hint = f"{twin} is not expected to be accepted", "a twin must be"
        if message:
            self.problems.append(Problem(path=path, line=line, column=column, message=message, hint=hint))

    def _check_alternatives(self, path: str, entry: Plain) -> None:
        cited = [self.known.clauses[name] for name in entry.get("clauses", ()) if name in self.known.clauses]
        known = {name for clause in cited for name in clause.alternatives}
        for name, line, column in entry.get("alternatives", ()):
            if name not in known:
                hint = suggestion(name, known) or f"the cited clauses have: {', '.join(sorted(known)) or 'none'}"
                message = f"{name!r} is no alternative of the cited clauses"
                self.problems.append(Problem(path=path, line=line, column=column, message=message, hint=hint))

    def _case(self, path: str, entry: Plain) -> Case:
        return Case(
            **about(entry, path),
            build_call=partial(_build_call, entry["call"]),
            build_expectation=partial(self._expectation, entry),
        )

    def _points(self, path: str, entry: Plain, tier: Sweeps) -> list[Case]:
        if tier == "none" or (tier == "quick" and entry["tier"] == "full"):
            return []
        try:
            found = [self._point(path, entry, point) for point in points(entry, self.known.clauses)]
        except Contradiction as wrong:
            self._note(path, entry, "id", str(wrong), "leave such points out with a rule under where")
            return []
        if not found:
            self._note(path, entry, "id", "no point left", "the rules under where leave all out")
        return found

    def _point(self, path: str, entry: Plain, point: Point) -> Case:
        def expected() -> Expectation:
            assert case.call is not None
            return expectation(point, case.call, self._twin)

        said = {**about(entry, path), "id": point.id, "sweep": entry["id"]}
        case = Case(**said, build_call=partial(_build_call, point.call), build_expectation=expected)
        return case

    def _expectation(self, entry: Plain) -> Expectation:
        from .building import Setting, build_expectation

        cited = [self.known.clauses[name] for name in entry.get("clauses", ())]
        setting = Setting(
            call=entry["call"],
            find=self._twin,
            evaluate=partial(_evaluate, self.built[entry["id"]]),
            clauses=tuple(clause.id for clause in cited if clause.alternatives),
            switches={name: each.switch for clause in cited for name, each in clause.alternatives.items()},
        )
        return build_expectation(entry["expect"], setting)

    def _twin(self, name: str) -> Call | None:
        return self.built[name].call


def about(entry: Plain, path: str) -> dict[str, Any]:
    """
    Return what a plain case says about itself, as the fields of `Case`.
    """
    said = {key: entry.get(key, "") for key in ("id", "title", "why", "since", "superseded_by")}
    lists = {key: entry.get(key, ()) for key in ("clauses", "catches")}
    references = tuple(Reference(link=link, says=says) for link, says in entry.get("references", ()))
    return {**said, **lists, "references": references, "path": path, "line": entry["line"]}


def _build_call(plain: Plain | None) -> Call | None:
    from .building import build_call

    return None if plain is None else build_call(plain)


def _evaluate(case: Case, switches: frozenset[str]) -> Array:
    from .reference import evaluate

    assert case.call is not None
    return evaluate(case.call, switches)
