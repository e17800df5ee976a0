"""Assemble the cases of all files, and check ids, cited names and twins across the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..calls import is_drawn, redrawn
from ..core import Case, Plain, Problem, Reference, suggestion
from .clauses import unknown_name
from .format.cases import Document
from .glossaries import Glossaries
from .sweeps import enlarged_cases
from .sweeps.points import Contradiction, Point, expectation, hollow, points

if TYPE_CHECKING:
    from ..core import Array, Call, Expectation

#: The tier of sweeps that a corpus includes; `full` includes the sweeps of `quick`.
Sweeps: TypeAlias = Literal["none", "quick", "full"]


#: The path and the document of each file.
Documents: TypeAlias = Sequence[tuple[str, Document]]


class Assembly:
    """
    Builds the cases of all documents; adds each error in ids, cited names and twins to `problems`.

    `elsewhere` reads further documents. Their cases can be twins but are not part of the corpus.
    If `enlarges` is true and sweeps are included, literal cases get enlarged twins: calls of production size.
    """

    def __init__(
        self,
        *,
        glossaries: Glossaries,
        problems: list[Problem],
        elsewhere: Callable[[], Documents],
        enlarges: bool = True,
    ) -> None:
        self.enlarges = enlarges
        self.known = glossaries
        self.problems = problems
        self.elsewhere = elsewhere
        self.plain: dict[str, Plain] = {}
        self.built: dict[str, Case] = {}
        #: The number of combinations that each rule excludes, by sweep. The entry `enlarged` holds the number of
        #: literal cases without an enlarged twin, by reason.
        self.left_out: dict[str, Counter[str]] = {}

    def cases(self, documents: Documents, sweeps: Sweeps) -> tuple[Case, ...]:
        """Return the literal cases, then the enlarged twins, then the points of the sweeps in the tier `sweeps`."""
        for path, document in documents:
            for entry in (*document["cases"], *document["sweeps"]):
                self._enter(path, entry)
        for path, document in documents:
            for entry in (*document["cases"], *document["sweeps"]):
                self._check(path, entry)
        literal = [self._case(path, entry) for path, document in documents for entry in document["cases"]]
        self.built |= {case.id: case for case in literal}
        twins = self._enlarged(documents, sweeps) if self.enlarges and sweeps != "none" else []
        points = (self._points(path, entry, sweeps) for path, document in documents for entry in document["sweeps"])
        return (*literal, *twins, *(point for each in points for point in each))

    def _enter(self, path: str, entry: Plain) -> None:
        name = entry.get("id", "")
        if name and name in self.plain:
            first = self.plain[name]
            self._note(path, entry, "id", f"duplicate id {name}", f"first used in {first['path']}:{first['line']}")
        self.plain.setdefault(name, {**entry, "path": path})

    def _note(self, path: str, entry: Plain, key: str, message: str, hint: str) -> None:
        line, column = entry["places"].get(key, (entry["line"], 1))
        self.problems.append(Problem(path=path, line=line, column=column, message=message, hint=hint))

    def _check(self, path: str, entry: Plain) -> None:
        for name in entry.get("clauses", ()):
            if name not in self.known.clauses:
                self._note(path, entry, "clauses", *unknown_name(name, self.known.clauses, "clause"))
        for name in entry.get("catches", ()):
            if name not in self.known.faults:
                self._note(path, entry, "catches", *unknown_name(name, self.known.faults, "fault"))
        later = entry.get("superseded_by", "")
        if later and self._find(later) is None:
            self._note(path, entry, "superseded_by", f"no case {later}", suggestion(later, self.plain))
        for twin, line, column in entry.get("twins", ()):
            self._check_twin(path, twin, line, column)
        self._check_alternatives(path, entry)

    def _check_twin(self, path: str, twin: str, line: int, column: int) -> None:
        if wrong := self._no_twin(twin):
            message, hint = wrong
            self.problems.append(Problem(path=path, line=line, column=column, message=message, hint=hint))

    def _no_twin(self, name: str) -> tuple[str, str] | None:
        """Return a message and a hint if the case `name` cannot be a twin, else None."""
        entry = self._find(name)
        if entry is None or "expect" not in entry:
            return f"no case {name}", suggestion(name, self.plain)
        if entry["expect"]["kind"] == "refusal" or "training" in entry["call"]:
            return (
                f"{name} cannot be a twin, because it expects a refusal or is a training run",
                "name a case whose call must be accepted",
            )
        return None

    def _find(self, name: str) -> Plain | None:
        if name not in self.plain:
            for path, document in self.elsewhere():
                for entry in document["cases"]:
                    if self.plain.setdefault(entry["id"], entry) is entry:
                        self.built[entry["id"]] = self._case(path, entry)
            self.elsewhere = tuple
        return self.plain.get(name)

    def _check_alternatives(self, path: str, entry: Plain) -> None:
        cited = [self.known.clauses[name] for name in entry.get("clauses", ()) if name in self.known.clauses]
        known = {name for clause in cited for name in clause.alternatives}
        for name, line, column in entry.get("alternatives", ()):
            if name not in known:
                hint = suggestion(name, known) or f"the cited clauses have: {', '.join(sorted(known)) or 'none'}"
                message = f"{name!r} is not an alternative of the cited clauses"
                self.problems.append(Problem(path=path, line=line, column=column, message=message, hint=hint))

    def _case(self, path: str, entry: Plain, call: Plain | None = None) -> Case:
        call = entry["call"] if call is None else call

        def expected() -> Expectation:
            return self._expectation(entry, case)

        case = Case(
            **about(entry, path),
            build_call=partial(_build_call, call),
            build_expectation=expected,
            redraw=(lambda: self._case(path, entry, redrawn(call))) if is_drawn(call) else None,
        )
        return case

    def _points(self, path: str, entry: Plain, tier: Sweeps) -> list[Case]:
        if tier == "none" or (tier == "quick" and entry["tier"] == "full"):
            return []
        try:
            found = list(points(entry, self.known.clauses, self.left_out.setdefault(entry["id"], Counter())))
        except Contradiction as wrong:
            self._note(path, entry, "id", str(wrong), "exclude such points with a rule under `where`")
            return []
        if not found:
            self._note(path, entry, "id", "the sweep has no points", "the rules under `where` exclude all points")
        return [self._point(path, entry, point, entry["id"]) for point in found]

    def _enlarged(self, documents: Documents, tier: Sweeps) -> list[Case]:
        paths = {entry["id"]: path for path, document in documents for entry in document["cases"]}
        literal = (entry for _, document in documents for entry in document["cases"])
        twins = enlarged_cases.points(
            literal, self.known.clauses, self.left_out.setdefault(enlarged_cases.SWEEP, Counter())
        )
        wanted = ((entry, point) for entry, point in twins if tier == "full" or not enlarged_cases.can_wait(entry))
        return [self._point(paths[entry["id"]], entry, point, enlarged_cases.SWEEP) for entry, point in wanted]

    def _check_clauses(self, path: str, entry: Plain, point: Point) -> None:
        """Add a problem for each alternative of a clause of `point` if the twin of the alternative is invalid."""
        for clause in point.clauses:
            for name, each in clause.alternatives.items():
                if isinstance(each.twin, str) and (wrong := self._no_twin(each.twin)):
                    self._note(path, entry, "id", f"the twin of {clause.id}:{name}: {wrong[0]}", wrong[1])

    def _point(self, path: str, entry: Plain, point: Point, sweep: str) -> Case:
        self._check_clauses(path, entry, point)

        def expected() -> Expectation:
            return expectation(point, case.call, self._twin, self.known.clauses)

        def fresh() -> Point:
            return replace(point, call=redrawn(point.call))

        choices = tuple(clause.id for clause in point.clauses)
        fields = {**about(entry, path), "id": point.id, "sweep": sweep, "choices": choices}
        case = Case(
            **fields,
            build_call=partial(_build_call, point.call),
            build_outline=partial(hollow, point.call),
            build_expectation=expected,
            redraw=(lambda: self._point(path, entry, fresh(), sweep)) if is_drawn(point.call) else None,
        )
        return case

    def _expectation(self, entry: Plain, case: Case) -> Expectation:
        from .builder import Setting, build_expectation

        cited = [self.known.clauses[name] for name in entry.get("clauses", ())]
        setting = Setting(
            call=entry["call"],
            find=self._twin,
            evaluate=partial(_evaluate, case),
            differentiate=partial(_differentiate, case),
            differentiate_twice=partial(_differentiate_twice, case),
            clauses=tuple(clause.id for clause in cited if clause.alternatives),
            switches={name: each.switch for clause in cited for name, each in clause.alternatives.items()},
        )
        return build_expectation(entry["expect"], setting)

    def _twin(self, name: str) -> Call:
        self._find(name)
        return self.built[name].call


def about(entry: Plain, path: str) -> dict[str, Any]:
    """Return the descriptive fields of a `Case` (id, title, clauses, references, ...), read from a plain case."""
    fields = {key: entry.get(key, "") for key in ("id", "title", "why", "since", "superseded_by")}
    lists = {key: entry.get(key, ()) for key in ("clauses", "catches")}
    references = tuple(Reference(link=link, says=says) for link, says in entry.get("references", ()))
    return {**fields, **lists, "references": references, "path": path, "line": entry["line"]}


def _build_call(plain: Plain) -> Call:
    from .builder import build_call

    return build_call(plain)


def _differentiate(case: Case, switches: frozenset[str]) -> Mapping[str, Array]:
    from ..reference import gradients

    assert case.call.cotangent is not None
    return gradients(case.call, case.call.cotangent, switches)


def _differentiate_twice(case: Case, switches: frozenset[str]) -> Mapping[str, Array]:
    from ..reference import second_order

    assert case.call.cotangent is not None
    return second_order(case.call, case.call.cotangent, case.call.along, switches)


def _evaluate(case: Case, switches: frozenset[str]) -> Array:
    from ..reference import evaluate

    return evaluate(case.call, switches)
