"""Read the glossaries of a corpus: clauses of the specification, faults and profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..calls import rules
from ..core import ARRAYS, SWITCHES, Invalid, Plain, Problem, suggestion
from .format.about import read_id
from .format.calls import KEYS, read_keys
from .format.expectations import NAME, PRECISIONS
from .format.gradients import GRADIENTS, read_none
from .format.reader import Reader, WrongNode, as_mapping, as_text, sequence, word
from .format.yaml_tree import Mapping as Tree
from .format.yaml_tree import Node, Scalar, parse_yaml

LEVELS = ("required", "implementation-defined")
#: The values of `needs` in a condition of a fault. With `sweep`, literal cases need not kill the mutant.
NEEDS = ("sweep",)
CLAUSE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)+")
#: The key of clauses.yaml for the version of the specification; all other keys are clauses.
VERSION = "version"
_NUMBERS = re.compile(r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})")


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """
    One behaviour that an implementation-defined clause allows.

    `switch` names the switch of the reference that computes this behaviour; it is empty for the default behaviour.
    `precision` is the required precision class, if the alternative names one.
    An alternative that allows a refusal has a `twin` instead: the id of a case, or a patch of call keys as plain data.
    """

    switch: str = ""
    precision: str | None = None
    is_refusal: bool = False
    twin: str | Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Clause:
    """
    One numbered clause of the specification; `sentence` is its normative sentence.

    An implementation-defined clause has named `alternatives`. If `when` lists rules, the alternatives apply to every
    call for which all these rules hold. If `when` is empty, they apply to the cases and sweeps that cite the clause.
    `revised` is the version of the specification that last changed the clause's meaning, empty if no version did.
    A withdrawn clause names its replacement in `superseded_by`. `line` is the clause's line in clauses.yaml.
    """

    id: str
    level: str
    sentence: str
    when: tuple[str, ...] = ()
    alternatives: Mapping[str, Alternative] = field(default_factory=dict)
    revised: str = ""
    superseded_by: str = ""
    line: int = 0

    @property
    def anchor(self) -> str:
        """The URL fragment (without `#`) of the clause, on every page that lists all clauses."""
        return self.id.lower()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    One fault of implementations, described by a sentence, its effect and links to real instances.

    `breaks` is the id of the violated clause.
    For each condition in `under`, a further mutant has the fault only in calls that meet the condition.
    `under_sweeps` lists further conditions of this kind, written `{condition: NAME, needs: sweep}`. A point of a sweep
    must kill the mutant of such a condition; literal cases need not.
    """

    id: str
    sentence: str
    breaks: str = ""
    under: tuple[str, ...] = ()
    under_sweeps: tuple[str, ...] = ()
    effect: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A set of clause patterns. A target with this profile must support every case that cites a matching clause."""

    id: str
    about: str
    clauses: tuple[str, ...]


def read_clauses(content: bytes, path: str) -> tuple[dict[str, Clause], list[Problem]]:
    """Return the clauses of a file by id, and the problems of the file."""
    return _read(content, path, _clause)


def read_version(content: bytes, path: str) -> str:
    """
    Return the version of the specification that a file of clauses declares, such as "0.1", or "" if it declares none.

    Raises:
        Invalid: if the declared version is malformed.

    """
    root, problems = parse_yaml(content, path)
    node = root.entries.get(VERSION) if isinstance(root, Tree) else None
    try:
        return _version(node) if node else ""
    except WrongNode as wrong:
        place = {"line": wrong.node.line, "column": wrong.node.column}
        raise Invalid(*problems, Problem(path=path, **place, message=str(wrong), hint=wrong.hint)) from wrong


def version_numbers(version: str) -> tuple[int, ...]:
    """Return a version as a tuple of integers, for sorting; () for an empty string."""
    return tuple(map(int, filter(None, version.split("."))))


def _version(node: Node) -> str:
    found = as_text(node)
    if not _NUMBERS.fullmatch(found):
        raise WrongNode(node, f"{found!r} is not a version of the specification", 'write it in quotes, such as "0.1"')
    return found


def read_faults(content: bytes, path: str) -> tuple[dict[str, Fault], list[Problem]]:
    """Return the faults of a file by name, and the problems of the file."""
    return _read(content, path, _fault)


def read_profiles(content: bytes, path: str) -> tuple[dict[str, Profile], list[Problem]]:
    """Return the profiles of a file by name, and the problems of the file."""
    return _read(content, path, _profile)


def _read(content: bytes, path: str, entry: Any) -> tuple[dict[str, Any], list[Problem]]:
    root, problems = parse_yaml(content, path)
    reader = Reader(path)
    if root is None:
        return {}, problems or [Problem(path=path, line=1, column=1, message="the file is empty")]
    tree = reader.attempt(as_mapping, root)
    keys = tree.keys if tree else {}
    found = {name: reader.attempt(entry, reader, key, tree.entries[name]) for name, key in keys.items() if tree}
    return {name: value for name, value in found.items() if value is not None}, [*problems, *reader.problems]


def _clause(reader: Reader, key: Scalar, node: Node) -> Clause | None:
    if key.text == VERSION:
        _version(node)
        return None
    if not CLAUSE.fullmatch(key.text):
        raise WrongNode(key, f"{key.text!r} is not a clause id", "write capitals and a number, such as SAME-4")
    tree = as_mapping(node)
    level = word(_needed(tree, "level"), LEVELS, "level")
    chosen = ("when", "alternatives") if level == LEVELS[1] else ()
    reader.keys(tree, ("level", "sentence", *chosen, "revised", "superseded_by"))
    when = sequence(tree.entries["when"]) if "when" in tree.entries else ()
    return Clause(
        id=key.text,
        line=key.line,
        level=level,
        sentence=as_text(_needed(tree, "sentence")),
        when=tuple(word(item, rules.RULES, "rule") for item in when),
        alternatives=_alternatives(reader, as_mapping(_needed(tree, "alternatives"))) if chosen else {},
        revised=_version(tree.entries["revised"]) if "revised" in tree.entries else "",
        superseded_by=_text(tree, "superseded_by"),
    )


def _needed(tree: Tree, key: str) -> Node:
    if key not in tree.entries:
        raise WrongNode(tree, f"missing key {key!r}")
    return tree.entries[key]


def _alternatives(reader: Reader, tree: Tree) -> dict[str, Alternative]:
    for name, key in tree.keys.items():
        if not NAME.fullmatch(name):
            reader.note(key, f"{name!r} is not the name of an alternative", "use kebab-case")
    if len(tree.entries) < 2:
        reader.note(tree, "alternatives needs at least two entries")
    return {name: _alternative(reader, as_mapping(node)) for name, node in tree.entries.items()}


def _alternative(reader: Reader, tree: Tree) -> Alternative:
    reader.keys(tree, ("switch", "precision", "refusal"))
    if "refusal" in tree.entries and len(tree.entries) > 1:
        raise WrongNode(tree, "an alternative must be {}, {switch: NAME, precision: CLASS} or {refusal: {twin: …}}")
    if "refusal" not in tree.entries:
        return _computing(tree)
    refusal = as_mapping(tree.entries["refusal"])
    reader.keys(refusal, ("twin",))
    return Alternative(is_refusal=True, twin=_twin(reader, _needed(refusal, "twin")))


def _computing(tree: Tree) -> Alternative:
    nodes = tree.entries
    return Alternative(
        switch=word(nodes["switch"], SWITCHES, "switch") if "switch" in nodes else "",
        precision=word(nodes["precision"], PRECISIONS, "precision") if "precision" in nodes else None,
    )


def _twin(reader: Reader, node: Node) -> str | Plain:
    if isinstance(node, Scalar):
        return read_id(node)
    patch = as_mapping(node)
    reader.keys(patch, [*(key for key in KEYS if key not in ARRAYS), GRADIENTS])
    read = read_keys(reader, patch.entries)
    return {**read, GRADIENTS: read_none(patch.entries[GRADIENTS])} if GRADIENTS in patch.entries else read


def _fault(reader: Reader, key: Scalar, node: Node) -> Fault:
    if not NAME.fullmatch(key.text):
        raise WrongNode(key, f"{key.text!r} is not the name of a fault", "use kebab-case")
    tree = as_mapping(node)
    reader.keys(tree, ("breaks", "sentence", "effect", "links", "under"))
    return Fault(
        id=key.text,
        sentence=as_text(_needed(tree, "sentence")),
        breaks=_text(tree, "breaks"),
        effect=_text(tree, "effect"),
        links=_texts(tree, "links"),
        **_conditions(reader, tree),
    )


def _conditions(reader: Reader, tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return the fields `under` and `under_sweeps` of a fault."""
    found: dict[str, list[str]] = {"under": [], "under_sweeps": []}
    for item in sequence(tree.entries["under"]) if "under" in tree.entries else ():
        if isinstance(item, Scalar):
            found["under"].append(as_text(item))
            continue
        entry = as_mapping(item)
        reader.keys(entry, ("condition", "needs"))
        word(_needed(entry, "needs"), NEEDS, "need")
        found["under_sweeps"].append(as_text(_needed(entry, "condition")))
    return {name: tuple(each) for name, each in found.items()}


def _text(tree: Tree, key: str) -> str:
    return as_text(tree.entries[key]) if key in tree.entries else ""


def _texts(tree: Tree, key: str) -> tuple[str, ...]:
    return tuple(as_text(item) for item in sequence(tree.entries[key])) if key in tree.entries else ()


def _profile(reader: Reader, key: Scalar, node: Node) -> Profile:
    tree = as_mapping(node)
    reader.keys(tree, ("about", "clauses"))
    patterns = tuple(as_text(item) for item in sequence(_needed(tree, "clauses")))
    return Profile(id=key.text, about=as_text(_needed(tree, "about")), clauses=patterns)


def unknown_name(word: str, known: Mapping[str, Any], what: str) -> tuple[str, str]:
    """Return the message and the hint for a name that is not in a glossary."""
    return f"unknown {what} {word!r}", suggestion(word, known) or f"see cases/{what}s.yaml"
