"""
A reader of the YAML that the case files use, in plain Python.

The subset: block mappings and block sequences, flow collections, plain and quoted scalars over several lines, the block
scalars `>` and `|`, and comments. Plain scalars become integers, floats, booleans and null as in YAML 1.1. Anchors,
aliases, tags, complex keys and several documents are not in the subset, and raise `ValueError`.
"""

from __future__ import annotations

import re
from typing import Any

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?\Z")
CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t", "0": "\0"}
#: A key of a block mapping and its colon, at the start of a token.
KEY = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|[^\s\[\]{}"'#,&*!|>%@`][^\n]*?)[ ]*:(?=[ \n]|\Z)""")
SPACE = re.compile(r"(?:[ \n]|(?:(?<=[ \n])|^)#[^\n]*)*")


def read(text: str) -> Any:
    """Return the document in `text` as dictionaries, lists, strings, numbers, booleans and None."""
    reader = _Reader(text)
    document = reader.block(0)
    reader.skip()
    if reader.at < len(text):
        raise reader.error("unexpected text")
    return document


def plain(text: str) -> Any:
    """Return the value of a plain scalar."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if INTEGER.match(text):
        return int(text)
    return float(text) if FLOAT.match(text) else text


class _Reader:
    """A position in a text, and the value that starts there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str) -> ValueError:
        return ValueError(f"line {self.text.count(chr(10), 0, self.at) + 1}: {message}")

    def skip(self) -> None:
        """Move past spaces, line ends and comments."""
        found = SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def column(self) -> int:
        return self.at - self.text.rfind("\n", 0, self.at) - 1

    def starts(self, *starts: str) -> bool:
        return self.text.startswith(starts, self.at)

    def block(self, least: int) -> Any:
        """Return the value that starts at the next token, or None if that token is left of column `least`."""
        self.skip()
        column = self.column()
        if self.at == len(self.text) or column < least:
            return None
        if self.starts("- ", "-\n"):
            return self._sequence(column)
        if KEY.match(self.text, self.at) and not self.starts("[", "{"):
            return self._mapping(column)
        return self._inline(least)

    def _sequence(self, column: int) -> list[Any]:
        items = []
        while self.at < len(self.text) and self.column() == column and self.starts("- ", "-\n"):
            self.at += 1
            items.append(self.block(column + 1))
            self.skip()
        return items

    def _mapping(self, column: int) -> dict[Any, Any]:
        entries: dict[Any, Any] = {}
        while self.at < len(self.text) and self.column() == column and (found := KEY.match(self.text, self.at)):
            key = self._key(found.group(1))
            if key in entries:
                raise self.error(f"repeated key {key!r}")
            self.at = found.end()
            entries[key] = self._value(column)
            self.skip()
        return entries

    def _key(self, text: str) -> Any:
        return _Reader(text).quoted() if text[0] in "\"'" else plain(text)

    def _value(self, column: int) -> Any:
        """Return the value of a key at `column`. A sequence may start in the column of its key."""
        self.skip()
        if self.starts("- ", "-\n") and self.column() == column:
            return self._sequence(column)
        return self._inline(column + 1) if self.starts(">", "|") else self.block(column + 1)

    def _inline(self, least: int) -> Any:
        if self.starts("[", "{"):
            return self.flow()
        if self.starts('"', "'"):
            return self.quoted()
        if self.starts(">", "|"):
            return self._block_scalar(least)
        return self._plain_lines(least)

    def _plain_lines(self, least: int) -> Any:
        """Return a plain scalar in block context; further lines belong to it if they are indented."""
        self._refuse_indicator()
        lines = []
        while True:
            end = self.text.find("\n", self.at)
            end = len(self.text) if end < 0 else end
            line, comment, _ = self.text[self.at : end].partition(" #")
            lines.append(line.strip())
            self.at = end
            following = re.compile(r"\n( *)(?=[^ \n#])").match(self.text, self.at)
            if comment or not following or len(following.group(1)) < max(least, 1):
                return plain(" ".join(lines))
            self.at = following.end()

    def _block_scalar(self, least: int) -> str:
        header = re.compile(r"([>|])(-?)[ ]*\n").match(self.text, self.at)
        if not header:
            raise self.error("this header of a block scalar is not in the subset")
        self.at = header.end()
        lines = []
        margin = 0
        while self.at < len(self.text):
            end = self.text.find("\n", self.at)
            end = len(self.text) if end < 0 else end
            line = self.text[self.at : end]
            indent = len(line) - len(line.lstrip(" "))
            margin = margin or (indent if line.strip() else 0)
            if line.strip() and (indent < margin or indent < least):
                break
            lines.append(line[margin:])
            self.at = min(end + 1, len(self.text))
        while lines and not lines[-1].strip():
            lines.pop()
        body = "\n".join(lines) if header.group(1) == "|" else _folded(lines)
        return body + ("" if header.group(2) or not lines else "\n")

    def flow(self) -> Any:
        """Return the flow value that starts at this position."""
        if self.starts("["):
            return self._flow_list()
        if self.starts("{"):
            return self._flow_mapping()
        return self.quoted() if self.starts('"', "'") else plain(self._flow_plain())

    def _flow_list(self) -> list[Any]:
        items: list[Any] = []
        self._open()
        while not self.starts("]"):
            items.append(self.flow())
            self._separate("]")
        self.at += 1
        return items

    def _flow_mapping(self) -> dict[Any, Any]:
        entries: dict[Any, Any] = {}
        self._open()
        while not self.starts("}"):
            key = self.flow()
            if key in entries:
                raise self.error(f"repeated key {key!r}")
            self.skip()
            if not self.starts(":"):
                raise self.error("a key without a value")
            self._open()
            entries[key] = self.flow()
            self._separate("}")
        self.at += 1
        return entries

    def _open(self) -> None:
        self.at += 1
        self.skip()

    def _separate(self, end: str) -> None:
        self.skip()
        if self.starts(","):
            self._open()
        elif not self.starts(end):
            raise self.error(f"expected a comma or {end}")

    def _flow_plain(self) -> str:
        self._refuse_indicator()
        found = re.compile(r"(?:[^\[\]{},:#]|:(?![ \n,\[\]{}])|(?<![ \n])#)+").match(self.text, self.at)
        if not found:
            raise self.error("expected a value")
        self.at = found.end()
        return " ".join(found.group().split())

    def _refuse_indicator(self) -> None:
        if self.starts("&", "*", "!", "%", "@", "`", "? "):
            raise self.error("this is not in the subset")

    def quoted(self) -> str:
        """Return the quoted scalar that starts at this position. Line ends inside it are folded."""
        quote = self.text[self.at]
        pattern = r'"((?:[^"\\]|\\.)*)"' if quote == '"' else r"'((?:[^']|'')*)'"
        found = re.compile(pattern, re.DOTALL).match(self.text, self.at)
        if not found:
            raise self.error("a quotation mark without its partner")
        self.at = found.end()
        body = (
            _folded([line.strip() for line in found.group(1).split("\n")]) if "\n" in found.group(1) else found.group(1)
        )
        return re.sub(r"\\(.)", self._escape, body) if quote == '"' else body.replace("''", "'")

    def _escape(self, found: re.Match[str]) -> str:
        if found.group(1) not in ESCAPES:
            raise self.error(f"the escape {found.group()} is not in the subset")
        return ESCAPES[found.group(1)]


def _folded(lines: list[str]) -> str:
    """Join lines by spaces; an empty line is a line end, and indented lines keep theirs."""
    text, last = "", ""
    for number, line in enumerate(lines):
        if number:
            is_kept = line[:1] == " " or last[:1] == " "
            text += "\n" if not line or (is_kept and last) else "" if not last else " "
        text, last = text + line, line
    return text
