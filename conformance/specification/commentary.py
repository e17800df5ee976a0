"""
Read the commentary on the clauses: each clause's reason, its example case, and its spelling in frameworks.

Each file in `cases/specification/` describes one area of the specification, with its clauses in reading order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..core import Invalid, Problem, Reference, suggestion
from ..corpus import Mapping as Tree
from ..corpus import (
    Node,
    Reader,
    Scalar,
    as_mapping,
    as_text,
    parse_yaml,
    read_id,
    read_references,
    unknown_name,
    word_list,
)

if TYPE_CHECKING:
    from ..core import Case
    from ..corpus import Clause, Corpus

#: The folder of a corpus that holds the commentary.
FOLDER = "specification"
#: The frameworks that `wording` accepts as keys.
FRAMEWORKS = ("keras", "torch", "jax", "tensorflow", "onnx", "numpy", "scipy")


@dataclass(frozen=True, kw_only=True)
class Commentary:
    """
    The commentary on one clause.

    `why` is the reason for the clause. `example` is the id of the smallest literal case that shows the clause.
    `wording` maps each framework to its spelling of the clause. `history` lists references, such as issues.
    `place` is the (line, column) of the clause in the commentary file, and `example_place` that of the example.
    """

    clause: str
    why: str
    example: str
    wording: Mapping[str, str] = field(default_factory=dict)
    history: tuple[Reference, ...] = ()
    place: tuple[int, int] = (0, 0)
    example_place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class Area:
    """One page of the specification. `name` is the stem of its file; `path` is relative to the corpus folder."""

    name: str
    title: str
    about: str
    path: str
    commentaries: tuple[Commentary, ...]


def load_commentary(corpus: Corpus, folder: Path | None = None) -> tuple[Area, ...]:
    """
    Return the areas in `folder` (default: the shipped commentary), in the order of their first clauses.

    Raises:
        Invalid: if a file has a problem, or if clauses, commentary and literal cases are inconsistent.

    """
    areas, problems = _read(corpus, folder)
    if problems:
        raise Invalid(*problems)
    order = list(corpus.clauses)
    return tuple(sorted(areas, key=lambda area: min(order.index(each.clause) for each in area.commentaries)))


def readable_areas(corpus: Corpus, folder: Path | None = None) -> tuple[Area, ...]:
    """Return the areas of all files that can be read. Problems, such as unknown clauses, are ignored."""
    return tuple(_read(corpus, folder)[0])


def check_specification(corpus: Corpus, folder: Path | None = None) -> list[Problem]:
    """Return the problems with which `load_commentary` would raise Invalid."""
    return _read(corpus, folder)[1]


def _read(corpus: Corpus, folder: Path | None) -> tuple[list[Area], list[Problem]]:
    from ..corpus import shipped

    folder = folder or shipped() / FOLDER
    read = [read_area(file.read_bytes(), f"{FOLDER}/{file.name}") for file in sorted(folder.glob("*.yaml"))]
    areas = [area for area, _ in read if area is not None]
    problems = [*(each for _, found in read for each in found), *check_commentary(areas, corpus)]
    return areas, sorted(dict.fromkeys(problems))


def read_area(content: bytes, path: str) -> tuple[Area | None, list[Problem]]:
    """Return (area, problems) of a commentary file; the area is None if the file cannot be read."""
    root, problems = parse_yaml(content, path)
    reader = Reader(path)
    if root is None:
        return None, problems or [Problem(path=path, line=1, column=1, message="the file is empty")]
    area = reader.attempt(_area, reader, root)
    return area, [*problems, *reader.problems]


def _area(reader: Reader, root: Node) -> Area:
    tree = as_mapping(root)
    reader.keys(tree, ("title", "about", "clauses"), ("title", "about", "clauses"))
    clauses = reader.attempt(as_mapping, tree.entries["clauses"]) if "clauses" in tree.entries else None
    if clauses is not None and not clauses.entries:
        reader.note(clauses, "an area needs at least one clause")
    entries = ((key, clauses.entries[name]) for name, key in clauses.keys.items()) if clauses else ()
    found = [reader.attempt(_commentary, reader, key, node) for key, node in entries]
    return Area(
        name=Path(reader.path).stem,
        title=_text(reader, tree, "title"),
        about=_text(reader, tree, "about"),
        path=reader.path,
        commentaries=tuple(each for each in found if each is not None),
    )


def _commentary(reader: Reader, key: Scalar, node: Node) -> Commentary:
    tree = as_mapping(node)
    reader.keys(tree, ("why", "example", "wording", "history"), ("why", "example"))
    entries = tree.entries
    example = entries.get("example", key)
    return Commentary(
        clause=key.text,
        why=_text(reader, tree, "why"),
        example=(reader.attempt(read_id, example) or "") if "example" in entries else "",
        wording=(reader.attempt(_wording, reader, entries["wording"]) or {}) if "wording" in entries else {},
        history=_history(reader, entries["history"]) if "history" in entries else (),
        place=(key.line, key.column),
        example_place=(example.line, example.column),
    )


def _text(reader: Reader, tree: Tree, key: str) -> str:
    return (reader.attempt(as_text, tree.entries[key]) or "") if key in tree.entries else ""


def _wording(reader: Reader, node: Node) -> Mapping[str, str]:
    tree = as_mapping(node)
    for name in tree.keys.keys() - FRAMEWORKS:
        hint = suggestion(name, FRAMEWORKS) or f"known: {word_list(FRAMEWORKS)}"
        reader.note(tree.keys[name], f"unknown framework {name!r}", hint)
    return {name: _text(reader, tree, name) for name in FRAMEWORKS if name in tree.entries}


def _history(reader: Reader, node: Node) -> tuple[Reference, ...]:
    found = reader.attempt(read_references, reader, node) or ()
    return tuple(Reference(link=link, says=says) for link, says in found)


def check_commentary(areas: Collection[Area], corpus: Corpus) -> Iterator[Problem]:
    """
    Yield each inconsistency between clauses, commentary and literal cases.

    Every clause must have exactly one commentary, and the commentary's example must cite the clause. A literal case
    must cite every required clause that is not withdrawn.
    """
    literal = {case.id: case for case in corpus.cases if not case.sweep}
    first: dict[str, str] = {}
    for area in areas:
        for each in area.commentaries:
            yield from _misplaced(area, each, corpus.clauses, first)
            yield from _unshown(area, each, literal)
    cited = {name for case in literal.values() for name in case.clauses}
    for clause in corpus.clauses.values():
        if clause.id not in first:
            message, hint = f"{clause.id} has no commentary", f"add one to a file in cases/{FOLDER}/"
            yield Problem(path="clauses.yaml", line=clause.line, column=1, message=message, hint=hint)
        if clause.level == "required" and not clause.superseded_by and clause.id not in cited:
            message, hint = f"no literal case cites {clause.id}", "write a case that detects a violation"
            yield Problem(path="clauses.yaml", line=clause.line, column=1, message=message, hint=hint)


def _misplaced(
    area: Area, commentary: Commentary, clauses: Mapping[str, Clause], first: dict[str, str]
) -> Iterator[Problem]:
    """Yield a problem if the clause is unknown or has two commentaries; `first` maps clauses to earlier positions."""
    line, column = commentary.place
    if commentary.clause not in clauses:
        message, hint = unknown_name(commentary.clause, clauses, "clause")
        yield Problem(path=area.path, line=line, column=column, message=message, hint=hint)
    elif commentary.clause in first:
        hint = f"the first commentary is in {first[commentary.clause]}"
        yield Problem(
            path=area.path, line=line, column=column, message=f"{commentary.clause} has two commentaries", hint=hint
        )
    first.setdefault(commentary.clause, f"{area.path}:{line}")


def _unshown(area: Area, commentary: Commentary, literal: Mapping[str, Case]) -> Iterator[Problem]:
    """Yield a problem if a commentary's example is not a literal case or does not cite the clause."""
    line, column = commentary.example_place
    if commentary.example and commentary.example not in literal:
        message = f"{commentary.example!r} is not a literal case"
        hint = suggestion(commentary.example, literal) or "`conv-conformance list` shows the ids"
        yield Problem(path=area.path, line=line, column=column, message=message, hint=hint)
    elif commentary.example and commentary.clause not in literal[commentary.example].clauses:
        message = f"{commentary.example} does not cite {commentary.clause}"
        yield Problem(
            path=area.path, line=line, column=column, message=message, hint="the example of a clause must cite it"
        )
