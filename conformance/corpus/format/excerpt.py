"""Format a literal case as a short block of YAML, for documentation pages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from .reader import as_mapping, as_text, sequence, written
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node, Scalar, Sequence, parse_yaml

WIDTH = 112
#: An array with more than `ELEMENTS` elements is cut after the first `KEPT` elements.
ELEMENTS, KEPT = 72, 12
#: The keys that are not part of the call. An excerpt shows only `expect` of them, after the call.
BESIDE = {"id", "title", "clauses", "catches", "why", "references", "since", "superseded_by", "expect"}
#: The keys at the start of an excerpt, in this order. The other keys of the call follow in the order of the file.
FIRST = ("op", "layout", "dtype", "input", "kernel", "depthwise_kernel", "pointwise_kernel", "bias")


def read(content: bytes, path: str) -> tuple[str, dict[str, str]]:
    """Return the `about` text of a case file, and the excerpts of its literal cases by id."""
    root, _ = parse_yaml(content, path)
    assert root is not None
    tree = as_mapping(root)
    defaults = as_mapping(tree.entries["defaults"]).entries if "defaults" in tree.entries else {}
    cases = sequence(tree.entries["cases"]) if "cases" in tree.entries else []
    written_out = ({**defaults, **as_mapping(node).entries} for node in cases)
    return as_text(tree.entries["about"]), {
        as_text(entries["id"]): "\n".join(_lines(entries)) for entries in written_out
    }


def _lines(entries: Mapping[str, Node]) -> Iterator[str]:
    call = {key: node for key, node in entries.items() if key not in BESIDE}
    for key in sorted(call, key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST)):
        yield _line(key, call[key], "")
    yield from _expected(as_mapping(entries["expect"]))


def _expected(expect: Tree) -> Iterator[str]:
    if "any_of" not in expect.entries:
        yield _line("expect", expect, "")
        return
    yield "expect:"
    yield "  any_of:"
    for name, node in as_mapping(expect.entries["any_of"]).entries.items():
        yield _line(name, node, "    ")


def _line(key: str, node: Node, indent: str) -> str:
    return textwrap.fill(
        f"{key}: {written(_cut(node))}",
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cut(node: Node) -> Node:
    """Return a node with long arrays cut; a nested array is replaced by its shape and its first elements."""
    if isinstance(node, Tree):
        return node._replace(entries={key: _cut(value) for key, value in node.entries.items()})
    if not isinstance(node, Sequence):
        return node
    elements = list(_elements(node))
    if len(elements) <= ELEMENTS:
        return node
    place = (node.line, node.column)
    values = Sequence(*place, [*elements[:KEPT], Scalar(*place, "…", True)])
    if not isinstance(node.items[0], Sequence):
        return values
    shape = Sequence(*place, [Scalar(*place, str(size), True) for size in _shape(node)])
    return Tree(*place, {"shape": shape, "values": values}, {})


def _elements(node: Node) -> Iterator[Node]:
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _elements(item)
    else:
        yield node


def _shape(node: Node) -> Iterator[int]:
    while isinstance(node, Sequence):
        yield len(node.items)
        if not node.items:
            return
        node = node.items[0]
