"""
A corpus: the cases of files and folders, checked together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import cache, clauses, patterns
from .case import Case, Reference
from .clauses import Clause, Fault, Profile
from .problem import Invalid, Problem, suggestion
from .reading_calls import Plain
from .reading_cases import Document, read_file
from .sweeps import Contradiction, Point, expectation, points

if TYPE_CHECKING:
    from .call import Array, Call
    from .expectation import Expectation

Sweeps = Literal["none", "quick", "full"]
#: Files of a corpus folder that hold no cases.
GLOSSARIES = ("clauses.yaml", "faults.yaml", "profiles.yaml")


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """
    Cases with the glossaries that they speak of.

    `digest` is "sha256:" and the digest over the names and contents of all files.
    """

    cases: tuple[Case, ...]
    clauses: Mapping[str, Clause] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    digest: str = ""

    def select(self, wanted: Iterable[str]) -> Corpus:
        """
        Return the corpus of the cases whose id, sweep or file one of the patterns fits; all where there is none.

        Raises:
            Invalid: if a pattern fits nothing.

        """
        wanted = list(wanted)
        chosen = [case for case in self.cases if any(_fits(pattern, case) for pattern in wanted)]
        if lost := [pattern for pattern in wanted if not any(_fits(pattern, case) for case in self.cases)]:
            ids = {case.id for case in self.cases} | {case.sweep for case in self.cases} - {""}
            raise Invalid(*(Problem(path=each, message="no case fits", hint=suggestion(each, ids)) for each in lost))
        return replace(self, cases=tuple(chosen)) if wanted else self


def _fits(pattern: str, case: Case) -> bool:
    return (
        patterns.matches(pattern, case.id)
        or (case.sweep != "" and patterns.matches(pattern, case.sweep))
        or patterns.matches(pattern.removeprefix("./"), case.path)
        or case.path.startswith(f"{pattern.rstrip('/')}/")
    )


def shipped() -> Path:
    """
    Return the folder of the corpus that comes with the suite.
    """
    from . import cases

    return Path(next(iter(cases.__path__)))


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    One file: where it is, and what it is called in messages and reports.
    """

    file: Path
    path: str


def load(paths: Sequence[Path | str] | None = None, *, sweeps: Sweeps = "none") -> Corpus:
    """
    Return the corpus of some files and folders, of the shipped one if none is given; literal cases first.

    `sweeps` adds the points of the sweeps of a tier; `full` includes `quick`.

    Raises:
        Invalid: with every problem of every file.

    """
    problems: list[Problem] = []
    sources = list(_sources([shipped()] if paths is None else paths, is_shipped=paths is None, problems=problems))
    contents = {source: content for source in sources if (content := _content(source, problems)) is not None}
    glossaries = _glossaries(paths, problems)
    documents = [(source, _document(content, source.path, problems)) for source, content in contents.items()]
    assembly = _Assembly(glossaries=glossaries, problems=problems)
    cases = assembly.cases(documents, sweeps)
    if problems:
        raise Invalid(*sorted(dict.fromkeys(problems)))
    return Corpus(cases=cases, **vars(glossaries), digest=_digest(contents))


def _sources(paths: Sequence[Path | str], *, is_shipped: bool, problems: list[Problem]) -> Iterator[Source]:
    for given in dict.fromkeys(map(str, paths)):
        path = Path(given)
        if path.is_dir():
            for file in sorted(path.rglob("*.yaml")):
                inside = file.relative_to(path)
                if file.name not in GLOSSARIES and inside.parts[0] != "known":
                    yield Source(file=file, path=inside.as_posix() if is_shipped else file.as_posix())
        elif path.is_file():
            yield Source(file=path, path=path.as_posix())
        else:
            problems.append(Problem(path=given, message="no such file or folder"))


def _content(source: Source, problems: list[Problem]) -> bytes | None:
    try:
        return source.file.read_bytes()
    except OSError as error:
        problems.append(Problem(path=source.path, message=f"cannot be read: {error.strerror}"))
        return None


def _digest(contents: Mapping[Source, bytes]) -> str:
    whole = hashlib.sha256()
    for source, content in sorted(contents.items(), key=lambda item: item[0].path):
        whole.update(f"{source.path}\0{len(content)}\0".encode() + content)
    return f"sha256:{whole.hexdigest()}"


def _document(content: bytes, path: str, problems: list[Problem]) -> Document:
    name = cache.key(content)
    if (kept := cache.get(name)) is not None:
        document: Document = kept
        return document
    document, found = read_file(content, path)
    problems += found
    if not found:
        cache.put(name, document)
    return document


@dataclass(frozen=True, kw_only=True)
class Glossaries:
    """
    What cases may cite.
    """

    clauses: dict[str, Clause] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)


def _glossaries(paths: Sequence[Path | str] | None, problems: list[Problem]) -> Glossaries:
    """Read the shipped glossaries, and those in the folders that are given."""
    found = Glossaries()
    folders = dict.fromkeys(Path(path).resolve() for path in (shipped(), *(paths or ())) if Path(path).is_dir())
    readers: tuple[tuple[dict[str, Any], str, Any], ...] = (
        (found.clauses, "clauses.yaml", clauses.read_clauses),
        (found.faults, "faults.yaml", clauses.read_faults),
        (found.profiles, "profiles.yaml", clauses.read_profiles),
    )
    for folder in folders:
        for known, name, read in readers:
            if (folder / name).is_file():
                entries, wrong = read((folder / name).read_bytes(), name)
                known |= entries
                problems += wrong
    return found


class _Assembly:
    """
    Puts the documents of all files together: what one file alone cannot know is checked here.
    """

    def __init__(self, *, glossaries: Glossaries, problems: list[Problem]) -> None:
        self.known = glossaries
        self.problems = problems
        self.plain: dict[str, Plain] = {}
        self.built: dict[str, Case] = {}

    def cases(self, documents: Sequence[tuple[Source, Document]], sweeps: Sweeps) -> tuple[Case, ...]:
        for source, document in documents:
            for entry in (*document["cases"], *document["sweeps"]):
                self._enter(source.path, entry)
        for source, document in documents:
            for entry in (*document["cases"], *document["sweeps"]):
                self._check(source.path, entry)
        literal = [self._case(source.path, entry) for source, document in documents for entry in document["cases"]]
        self.built |= {case.id: case for case in literal}
        points = (
            self._points(source.path, entry, sweeps) for source, document in documents for entry in document["sweeps"]
        )
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
                self._note(path, entry, "clauses", *clauses.unknown(name, self.known.clauses, "clause"))
        for name in entry.get("catches", ()):
            if name not in self.known.faults:
                self._note(path, entry, "catches", *clauses.unknown(name, self.known.faults, "fault"))
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
        from .building import build_expectation

        cited = [self.known.clauses[name] for name in entry.get("clauses", ()) if name in self.known.clauses]
        switches = {name: each.switch for clause in cited for name, each in clause.alternatives.items()}
        case = self.built[entry["id"]]
        return build_expectation(entry["expect"], entry["call"], self._twin, lambda: _evaluate(case), switches)

    def _twin(self, name: str) -> Call | None:
        return self.built[name].call


def about(entry: Plain, path: str) -> dict[str, Any]:
    """
    Return what a plain case says about itself, as the fields of `Case`.
    """
    said: dict[str, Any] = {
        key: entry[key] for key in ("id", "title", "clauses", "catches", "why", "since") if key in entry
    }
    references = tuple(Reference(link=link, says=says) for link, says in entry.get("references", ()))
    superseded = entry.get("superseded_by", "")
    return {
        "clauses": (),
        **said,
        "references": references,
        "superseded_by": superseded,
        "path": path,
        "line": entry["line"],
    }


def _build_call(plain: Plain | None) -> Call | None:
    from .building import build_call

    return None if plain is None else build_call(plain)


def _evaluate(case: Case) -> Array:
    from .reference import evaluate

    assert case.call is not None
    return evaluate(case.call)
