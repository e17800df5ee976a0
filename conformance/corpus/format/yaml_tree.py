"""
Parse YAML text into a tree whose nodes have line and column.

The tree is built from the events of libyaml, without recursion.
Only YAML that all parsers read in the same way is accepted. Anchors, aliases, tags, second documents and duplicate keys
are errors, and so are plain (unquoted) scalars that YAML 1.1 and 1.2 read differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import yaml

from ...core import Problem

#: The largest nesting depth of sequences and mappings.
DEPTH = 32
TOO_DEEP = f"nested deeper than {DEPTH} levels"


class Scalar(NamedTuple):
    """A scalar; `is_plain` is true if the text is written without quotes."""

    line: int
    column: int
    text: str
    is_plain: bool


class Sequence(NamedTuple):
    """A list of nodes."""

    line: int
    column: int
    items: list[Node]


class Mapping(NamedTuple):
    """A mapping: `entries` holds the value node of each key, and `keys` holds the node of each key itself."""

    line: int
    column: int
    entries: dict[str, Node]
    keys: dict[str, Scalar]


Node: TypeAlias = Scalar | Sequence | Mapping


def parse_yaml(content: bytes, path: str, *, has_truths: bool = False) -> tuple[Node | None, list[Problem]]:
    """
    Return the tree and the problems of a YAML file; the tree is None if the file cannot be parsed to its end.

    If `has_truths`, the unquoted scalars true and false are allowed. The case format does not use them.
    """
    text, problems = _decode(content, path)
    if text is None:
        return None, problems
    builder = _Builder(path, TRUTHS if has_truths else ())
    try:
        for event in _events(text):
            builder.take(event)
    except _Stop:
        return None, builder.problems
    except yaml.MarkedYAMLError as error:
        return None, [*builder.problems, _from_mark(error, path)]
    except yaml.reader.ReaderError as error:
        return None, [*builder.problems, _at(text, int(error.position), path, error.reason)]
    return builder.root, builder.problems


def _decode(content: bytes, path: str) -> tuple[str | None, list[Problem]]:
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        hint = "save it as UTF-8 without a BOM"
        return None, [Problem(path=path, line=1, column=1, message="the file begins with a byte order mark", hint=hint)]
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        return None, [_at(before, len(before), path, "not UTF-8", "save the file as UTF-8")]
    wrong = [_at(text, match.start(), path, f"control character {match[0]!r}") for match in _CONTROL.finditer(text)]
    return (None if wrong else text), wrong[:20]


# The characters that YAML defines as not printable, except tab and line ends.
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _at(text: str, index: int, path: str, message: str, hint: str = "") -> Problem:
    line = text.count("\n", 0, index) + 1
    column = index - (text.rfind("\n", 0, index) + 1) + 1
    return Problem(path=path, line=line, column=column, message=message, hint=hint)


def _from_mark(error: yaml.MarkedYAMLError, path: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    if "nesting depth" in str(error.problem):  # libyaml reads ahead and reaches its own limit first
        return Problem(path=path, line=line, column=column, message=TOO_DEEP, hint="flatten it")
    return Problem(path=path, line=line, column=column, message=f"not YAML: {error.problem}", hint=error.context or "")


def _events(text: str) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    get_event: Callable[[], Any] = loader.get_event
    try:
        while not isinstance(event := get_event(), yaml.StreamEndEvent):
            yield event
    finally:
        loader.dispose()


#: The spellings of booleans that every YAML parser accepts.
TRUTHS = ("true", "false")


class _Stop(Exception):
    """An error makes the rest of the file meaningless, so parsing stops."""


class _Builder:
    """Builds the tree from parser events; `stack` holds the open sequences and mappings."""

    def __init__(self, path: str, fine: tuple[str, ...]) -> None:
        self.path = path
        #: Plain scalars that are accepted although parsers may read them differently.
        self.fine = fine
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.stack: list[Sequence | Mapping] = []
        #: For each node in `stack`: the key whose value is read next, or None in a sequence or if a key is read next.
        self.pending: list[Scalar | None] = []
        self.documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()
            self.pending.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"aliases are not allowed: *{event.anchor}", "write the value out")
            self._add(_scalar_of(event, "", is_plain=False))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event)

    def _scalar(self, event: Any) -> None:
        if event.anchor or event.tag:
            self._decorated(event)
        text = event.value
        is_plain = event.implicit[0] and not event.style
        if is_plain and text not in self.fine and (wrong := surprise(text)):
            self._refuse(event, *wrong)
        mark = event.start_mark
        self._add(Scalar(mark.line + 1, mark.column + 1, text, is_plain))

    def _open(self, event: Any) -> None:
        if event.anchor or event.tag:
            self._decorated(event)
        if len(self.stack) == DEPTH:
            self._refuse(event, TOO_DEEP, "flatten it")
            raise _Stop
        mark = event.start_mark
        is_sequence = isinstance(event, yaml.SequenceStartEvent)
        place = (mark.line + 1, mark.column + 1)
        node: Sequence | Mapping = Sequence(*place, []) if is_sequence else Mapping(*place, {}, {})
        self._add(node)
        self.stack.append(node)
        self.pending.append(None)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(event, "the file has a second document", "write one document per file")
            raise _Stop

    def _decorated(self, event: Any) -> None:
        if event.anchor:
            self._refuse(event, f"anchors are not allowed: &{event.anchor}", "write the value out where it is used")
        if event.tag:
            self._refuse(event, f"tags are not allowed: {event.tag}", "remove it")

    def _add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
        elif isinstance(parent := self.stack[-1], Sequence):
            parent.items.append(node)
        elif (key := self.pending[-1]) is None:
            self.pending[-1] = self._key(node, parent)
        else:
            parent.entries.setdefault(key.text, node)
            parent.keys.setdefault(key.text, key)
            self.pending[-1] = None

    def _key(self, node: Node, parent: Mapping) -> Scalar:
        if not isinstance(node, Scalar):
            self._note(node.line, node.column, "a key must be a text, not a list or a mapping", "")
            return Scalar(node.line, node.column, "", False)
        if node.text in parent.keys:
            first = parent.keys[node.text]
            self._note(node.line, node.column, f"duplicate key {node.text!r}", f"first used in line {first.line}")
        return node

    def _refuse(self, event: Any, message: str, hint: str) -> None:
        self._note(event.start_mark.line + 1, event.start_mark.column + 1, message, hint)

    def _note(self, line: int, column: int, message: str, hint: str) -> None:
        self.problems.append(Problem(path=self.path, line=line, column=column, message=message, hint=hint))


def _scalar_of(event: Any, text: str, *, is_plain: bool) -> Scalar:
    return Scalar(event.start_mark.line + 1, event.start_mark.column + 1, text, is_plain)


_SURPRISES = [
    (r"", "missing value", "write a value, or omit the key"),
    (r"~|null|Null|NULL", "{0} is null", "omit the key"),
    (
        # N is not listed, because it names the batch axis and no parser in use reads it as a boolean.
        r"y|Y|n|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE",
        "some YAML parsers read {0} as a boolean",
        "quote it if it is a text",
    ),
    (r"<<|=", "{0} has a special meaning in YAML", "write the keys out"),
    (r"[-+]?\d+(:[0-5]?\d)+(\.\d*)?", "YAML 1.1 reads {0} as a base-60 number", "quote it if it is a text"),
    (r"\d{4}-\d\d?-\d\d?([Tt ].*)?", "some YAML parsers read {0} as a date", "quote it"),
    (r"[-+]?0[xX].*", "{0} is hexadecimal", 'write integers in decimal, and hex floats in quotes: "0x1.8p-3"'),
    (r"[-+]?0[oObB]\w*", "{0} is an octal or binary integer", "write it in decimal"),
    (r"[-+]?0\d[\d_]*", "YAML 1.1 reads {0} as octal", "remove the leading zero"),
    (r"[-+]?\d[\d_]*_[\d_.]*([eE].*)?", "{0} has underscores", "remove them"),
    (r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)", "{0} is not a number in the case format", "write nan, inf or -inf"),
    (
        r"[-+]?(NaN|NAN|Nan|Inf|INF|Infinity|infinity)|\+inf|[-+]nan",
        "{0} is not a number in the case format",
        "write nan, inf or -inf",
    ),
    (r"\+(\d+\.?\d*|\.\d+)([eE].*)?", "{0} has a plus sign", "remove it"),
    (r"-?(\d+|\d+\.|\d*\.\d+)[eE][-+]?\d+", "YAML 1.1 reads {0} as text", "write for example 1.0e-05"),
    (r"-?(\d+\.|\.\d+)", "{0} needs digits on both sides of the dot", "add the missing 0"),
    (r"-0", "-0 is the integer 0", "write 0 or -0.0"),
]  # fmt: skip
_FINE = re.compile(r"-?(0|[1-9]\d*)\.\d+([eE][-+]\d+)?|0|-?[1-9]\d*|[A-Za-z][a-z]{3,}")
_COMPILED = [(re.compile(pattern), message, hint) for pattern, message, hint in _SURPRISES]


@lru_cache(maxsize=65536)
def surprise(text: str) -> tuple[str, str] | None:
    """Return a message and a hint if YAML parsers disagree on the type of the unquoted scalar `text`, else None."""
    if _FINE.fullmatch(text) and text not in ("null", "Null", "true", "True", "false", "False", "Infinity", "infinity"):
        return None
    for pattern, message, hint in _COMPILED:
        if pattern.fullmatch(text):
            return message.format(text), hint
    return None
