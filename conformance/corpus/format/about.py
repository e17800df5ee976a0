"""Read the descriptive keys of a case or sweep: id, title, clauses, references and so on."""

from __future__ import annotations

from typing import Any

from ...core import Plain
from .expectations import ID
from .reader import Reader, WrongNode, as_mapping, as_text, sequence
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node

#: The largest number of clauses that a case can cite.
CLAUSES = 3
ABOUT = ("id", "title", "clauses", "catches", "why", "references", "since", "superseded_by")


def read_about(reader: Reader, tree: Tree, nodes: dict[str, Node]) -> Plain:
    """Return the descriptive keys of a case or sweep as plain data; `places` maps each key to its line and column."""
    about: Plain = {"line": tree.line, "places": {}}
    for key in ABOUT:
        if key in nodes:
            about["places"][key] = (nodes[key].line, nodes[key].column)
            value = reader.attempt(_ABOUT[key], reader, nodes[key])
            about[key] = value if value is not None else _EMPTY.get(key, "")
    return about


_EMPTY: dict[str, Any] = {"clauses": (), "catches": (), "references": ()}


def read_id(node: Node) -> str:
    """Return the id at a node; an id is two or more kebab-case words, separated by dots."""
    found = as_text(node)
    if not ID.fullmatch(found):
        raise WrongNode(node, f"{found!r} is not an id", "use dotted kebab-case, such as conv1d.valid.window-slides")
    return found


def _title(_: Reader, node: Node) -> str:
    title = as_text(node)
    if "\n" in title:
        raise WrongNode(node, "a title must be one line", "write one sentence here, and the rest under `why`")
    return title


def _clauses(_: Reader, node: Node) -> tuple[str, ...]:
    clauses = tuple(as_text(item) for item in sequence(node))
    if not 1 <= len(clauses) <= CLAUSES:
        raise WrongNode(node, f"a case must cite 1 to {CLAUSES} clauses, not {len(clauses)}")
    return _once(node, clauses)


def _catches(_: Reader, node: Node) -> tuple[str, ...]:
    return _once(node, tuple(as_text(item) for item in sequence(node)))


def _once(node: Node, words: tuple[str, ...]) -> tuple[str, ...]:
    for name in words:
        if words.count(name) > 1:
            raise WrongNode(node, f"{name} is listed twice")
    return words


def read_references(reader: Reader, node: Node) -> tuple[tuple[str, str], ...]:
    """Return the references as pairs (link, description)."""
    return tuple(_reference(reader, as_mapping(item)) for item in sequence(node))


def _reference(reader: Reader, entry: Tree) -> tuple[str, str]:
    reader.keys(entry, ("link", "says"), ["link"])
    link = as_text(entry.entries["link"]) if "link" in entry.entries else ""
    if link and not link.startswith(("https://", "http://")):
        reader.note(entry.entries["link"], f"{link!r} is not a link", "start it with https://")
    return link, as_text(entry.entries["says"]) if "says" in entry.entries else ""


_ABOUT: dict[str, Any] = {
    "id": lambda _, node: read_id(node),
    "title": _title,
    "clauses": _clauses,
    "catches": _catches,
    "why": lambda _, node: as_text(node),
    "references": read_references,
    "since": lambda _, node: as_text(node),
    "superseded_by": lambda _, node: read_id(node),
}
