"""Convert YAML nodes to typed values, and collect problems with line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import ParamSpec, TypeVar

from ...core import Problem, suggestion
from .yaml_tree import TRUTHS, Mapping, Node, Scalar, Sequence

P = ParamSpec("P")
T = TypeVar("T")

_INTEGER = re.compile(r"0|-?[1-9]\d{0,9}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class WrongNode(Exception):
    """A node is not what the format requires at its position."""

    def __init__(self, node: Node, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.node = node
        self.message = message
        self.hint = hint


class Reader:
    """Collects the problems of one file; `attempt` calls functions that read nodes and may raise WrongNode."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def note(self, node: Node, message: str, hint: str = "") -> None:
        """Add a problem at the position of a node."""
        self.problems.append(Problem(path=self.path, line=node.line, column=node.column, message=message, hint=hint))

    def attempt(self, read: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return the result of `read`; if it raises WrongNode, note the problem and return None."""
        try:
            return read(*args, **kwargs)
        except WrongNode as wrong:
            self.note(wrong.node, wrong.message, wrong.hint)
            return None

    def keys(self, node: Mapping, known: Collection[str], required: Iterable[str] = ()) -> None:
        """Note a problem for each unknown key of a mapping and for each missing required key."""
        for key in node.keys.keys() - known:
            self.note(node.keys[key], f"unknown key {key!r}", _hint(key, known))
        for key in required:
            if key not in node.entries:
                self.note(node, f"missing key {key!r}")


def _hint(key: str, known: Collection[str]) -> str:
    if " " in key or not key.isidentifier():
        return "inside braces, quote a text that contains a comma"
    return suggestion(key, known) or f"known: {word_list(known)}"


def word_list(words: Iterable[str]) -> str:
    """Return a text that lists the words, separated by commas."""
    return ", ".join(words)


def as_mapping(node: Node) -> Mapping:
    """Return the node if it is a mapping, else raise WrongNode."""
    if not isinstance(node, Mapping):
        raise WrongNode(node, f"expected a mapping, not {described(node)}")
    return node


def sequence(node: Node) -> list[Node]:
    """Return the items of the node if it is a list, else raise WrongNode."""
    if not isinstance(node, Sequence):
        raise WrongNode(node, f"expected a list, not {described(node)}", "put it in brackets")
    return node.items


def as_text(node: Node) -> str:
    """Return the text of a scalar; raise WrongNode if a YAML parser could read the scalar as a number or boolean."""
    if not isinstance(node, Scalar):
        raise WrongNode(node, f"expected a text, not {described(node)}")
    if node.is_plain and _LIKE_A_NUMBER.fullmatch(node.text):
        raise WrongNode(node, f"expected a text, not the number {node.text}", "quote it")
    if node.is_plain and node.text in TRUTHS:
        raise WrongNode(node, f"expected a text, not {node.text}", "quote it")
    if not node.text.strip():
        raise WrongNode(node, "the text is empty", "write a text, or omit the key")
    return node.text.strip()


_LIKE_A_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def integer(node: Node) -> int:
    """Return the integer at a node; raise WrongNode if it has more than ten digits."""
    if not isinstance(node, Scalar):
        raise WrongNode(node, f"expected an integer, not {described(node)}")
    if not node.is_plain or not _INTEGER.fullmatch(node.text):
        hint = "remove the quotes" if not node.is_plain else "at most ten digits" if node.text.isdigit() else ""
        raise WrongNode(node, f"expected an integer, not {described(node)}", hint)
    return int(node.text)


def integers(node: Node) -> tuple[int, ...]:
    """Return the list of integers at a node as a tuple."""
    return tuple(map(integer, sequence(node)))


def word(node: Node, known: Collection[str], what: str) -> str:
    """Return the text of a scalar; raise WrongNode if the text is not one of the known words."""
    if not isinstance(node, Scalar):
        raise WrongNode(node, f"expected {what}, not {described(node)}", f"known: {word_list(known)}")
    if node.text not in known:
        hint = suggestion(node.text, known) or f"known: {word_list(known)}"
        raise WrongNode(node, f"unknown {what} {node.text!r}", hint)
    return node.text


def any_word(node: Node, what: str) -> str:
    """Return the text of a scalar; raise WrongNode if the text is not a word, but accept unknown words."""
    if not isinstance(node, Scalar) or not _WORD.fullmatch(node.text):
        raise WrongNode(node, f"expected {what}, not {described(node)}", "write a word")
    return node.text


def described(node: Node) -> str:
    """Return a short description of a node for messages."""
    if isinstance(node, Scalar):
        return repr(node.text)
    return "a list" if isinstance(node, Sequence) else "a mapping"


def written(node: Node) -> str:
    """Return a node as YAML on one line."""
    if isinstance(node, Scalar):
        return node.text if node.is_plain else f'"{node.text}"'
    if isinstance(node, Sequence):
        return f"[{', '.join(map(written, node.items))}]"
    return f"{{{', '.join(f'{key}: {written(value)}' for key, value in node.entries.items())}}}"
