"""
Mutated YAML files: an excerpt of a file with one to three random edits, of its text or of its nodes.

A `random.Random` decides everything, so that a seed and a number name a mutation.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import yaml

Node: TypeAlias = Any

#: Plain scalars that readers may confuse: numbers at the limits of formats, special values, other spellings, words.
SCALARS = (
    *("0", "-0", "-1", "1", "2", "3", "17", "0.1", "-0.5", "1e3", "1.0", "1e308", "1e-400", "1e999999999", "-1e400"),
    *("127", "128", "65536", "1000000", "2147483648", "-9223372036854775808", "9223372036854775808", "9" * 5000),
    *("nan", ".nan", "NaN", "inf", "-inf", ".inf", "true", "false", "True", "yes", "null", "~", "", "=", "<<"),
    *("1_000", "0x10", "0o17", "010", "1:30", "2026-01-01", "1+2j", "1e3j", "1/3", "2**64", "٣", "１２", "\u200b1"),
    *("conv", "conv_transpose", "same", "valid", "full", "causal", "reflect", "reference", "float16", "int8", "bool"),
    *("complex64", "NWC", "NCDHW", "*", "CONV-1", "(((", "{0}", "%s", "../../etc", "a" * 100_000),
)
#: Pieces of text that an edit inserts.
PIECES = (
    *("\0", "\ufeff", "\u202e", "\u2066", "\t", "\x1b[31m", "\x85", "\u2028", "\r", "\r\n", "\x7f", "\ufffe", "\ud7ff"),
    *("&a ", "*a", "<<: *a", "<<: {a: 1}", "!!python/object/apply:os.system [true]", "!!binary ", "!!int ", "! ", "%"),
    *("---\n", "...\n", "? ", "| ", ">-\n", "- ", ": ", "#", '"', "'", "{", "}", "[", "]", ",", "@", "`", "\\", "\n\n"),
    *("[" * 40, "{a: " * 40, "- " * 60, "[" * 20_000, "9" * 400, "a: &a [*a, *a]\nb: &b [*a, *a]\n", "é" * 3000),
)


def excerpt(text: str, chance: random.Random, most: int = 4) -> str:
    """Return a text with at most `most` entries of its longest list or mapping in block style, and all other lines."""
    root = yaml.compose(text, yaml.CSafeLoader)
    starts = max(_starts(root, 2), key=len, default=[])
    if len(starts) <= most:
        return text
    lines = text.splitlines(keepends=True)
    first, last = starts[0], starts[-1]
    ends = [*starts[1:], _end(lines, last)]
    kept = sorted(chance.sample(range(len(starts)), chance.randint(1, most)))
    return "".join(
        [*lines[:first], *(line for at in kept for line in lines[starts[at] : ends[at]]), *lines[ends[-1] :]]
    )


def _starts(node: Node, depth: int) -> Iterable[Sequence[int]]:
    """Yield the first lines of the children of each collection in block style down to a depth."""
    if depth and not isinstance(node, yaml.ScalarNode):
        children = node.value if isinstance(node, yaml.SequenceNode) else [key for key, _ in node.value]
        if not node.flow_style:
            yield [child.start_mark.line for child in children]
        for child in _children(node):
            yield from _starts(child, depth - 1)


def _end(lines: Sequence[str], first: int) -> int:
    """Return the line after an entry in block style: the next line that is indented less than its own lines."""
    width = len(lines[first]) - len(lines[first].lstrip())
    for number in range(first + 1, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip()) <= width:
            return number
    return len(lines)


def _children(node: Node) -> list[Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else []


class Mutator:
    """Mutates texts; `texts` are the files whose values and keys it puts into other places."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.values: dict[str, list[Node]] = {}
        for text in texts:
            for node in _below(yaml.compose(text, yaml.CSafeLoader)):
                for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
                    self.values.setdefault(key.value, []).append(value)
        self.keys = sorted(self.values)

    def mutated(self, text: str, chance: random.Random) -> bytes:
        """Return a text after one to three edits, all of the text or all of its nodes, as UTF-8 where it can be."""
        count = chance.choice((1, 1, 1, 2, 3))
        if chance.random() < 0.35:
            content = text.encode()
            for _ in range(count):
                content = chance.choice(_TEXT_EDITS)(content, chance)
            return content
        root = _copy(yaml.compose(text, yaml.CSafeLoader))
        for _ in range(count):
            self._edit(root, chance)
        written: str = yaml.serialize(root, Dumper=yaml.CSafeDumper, width=10**6, allow_unicode=True)
        return written.encode("utf-8", "surrogatepass")

    def _edit(self, root: Node, chance: random.Random) -> None:
        """Change one node below `root`, drawn with equal chances for every depth."""
        parent = root
        while isinstance(deeper := chance.choice(_children(parent) or [None]), yaml.CollectionNode) and deeper.value:
            if chance.random() < 0.2:
                break
            parent = deeper
        if not parent.value:
            return
        at = chance.randrange(len(parent.value))
        if isinstance(parent, yaml.MappingNode):
            self._edit_mapping(parent, at, chance)
        else:
            self._edit_list(parent, at, chance)

    def _edit_mapping(self, parent: Node, at: int, chance: random.Random) -> None:
        key, value = parent.value[at]
        match chance.randrange(8):
            case 0:
                del parent.value[at]
            case 1:
                parent.value.insert(at, (_copy(key), _copy(value)))
            case 2:
                parent.value[at] = (scalar(chance.choice(self.keys)), value)
            case 3:
                name = chance.choice(self.keys)
                parent.value.append((scalar(name), _copy(chance.choice(self.values[name]))))
            case 4 | 5:
                like = self.values.get(key.value, [value])
                parent.value[at] = (key, _copy(chance.choice(like)))
            case 6:
                other = chance.randrange(len(parent.value))
                (one, first), (two, second) = parent.value[at], parent.value[other]
                parent.value[at], parent.value[other] = (one, second), (two, first)
            case _:
                parent.value[at] = (key, self._replacement(value, chance))

    def _edit_list(self, parent: Node, at: int, chance: random.Random) -> None:
        match chance.randrange(5):
            case 0:
                del parent.value[at]
            case 1:
                parent.value[at:at] = [_copy(parent.value[at]) for _ in range(chance.choice((1, 1, 2, 50)))]
            case 2:
                other = chance.randrange(len(parent.value))
                parent.value[at], parent.value[other] = parent.value[other], parent.value[at]
            case _:
                parent.value[at] = self._replacement(parent.value[at], chance)

    def _replacement(self, node: Node, chance: random.Random) -> Node:  # noqa: PLR0911 -- one return for each edit
        match chance.randrange(9):
            case 0:
                return yaml.SequenceNode("tag:yaml.org,2002:seq", [node], flow_style=True)
            case 1:
                return yaml.MappingNode(
                    "tag:yaml.org,2002:map", [(scalar(chance.choice(self.keys)), node)], flow_style=True
                )
            case 2:
                return yaml.SequenceNode("tag:yaml.org,2002:seq", [], flow_style=True)
            case 3:
                return _copy(chance.choice(self.values[chance.choice(self.keys)]))
            case 4 | 5 if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"-?\d+", node.value):
                return scalar(
                    str(chance.choice((int(node.value[:40]) + 1, int(node.value[:40]) * 1000, 0, -1, 2, 5, 33)))
                )
            case 6:
                return yaml.ScalarNode("tag:yaml.org,2002:str", chance.choice(SCALARS), style='"')
            case _:
                return scalar(chance.choice(SCALARS))


def scalar(text: str) -> Node:
    """Return a plain scalar, with the type that YAML 1.1 gives its text."""
    return yaml.ScalarNode(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False)), text)


_RESOLVER = yaml.resolver.Resolver()


def _copy(node: Node) -> Node:
    if isinstance(node, yaml.ScalarNode):
        return yaml.ScalarNode(node.tag, node.value, style=node.style)
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(node.tag, list(map(_copy, node.value)), flow_style=node.flow_style)
    pairs = [(_copy(key), _copy(value)) for key, value in node.value]
    return yaml.MappingNode(node.tag, pairs, flow_style=node.flow_style)


def _below(root: Node) -> Iterable[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += _children(node)


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True) or [b"\n"]


def _delete_lines(content: bytes, chance: random.Random) -> bytes:
    lines = _lines(content)
    at = chance.randrange(len(lines))
    del lines[at : at + chance.choice((1, 1, 2, 5))]
    return b"".join(lines)


def _duplicate_line(content: bytes, chance: random.Random) -> bytes:
    lines = _lines(content)
    at = chance.randrange(len(lines))
    lines[at:at] = lines[at : at + chance.choice((1, 1, 3))]
    return b"".join(lines)


def _swap_lines(content: bytes, chance: random.Random) -> bytes:
    lines = _lines(content)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _indent_line(content: bytes, chance: random.Random) -> bytes:
    lines = _lines(content)
    at = chance.randrange(len(lines))
    lines[at] = chance.choice((b"  ", b" ", b"\t", b"")) + lines[at].lstrip(b" ")
    return b"".join(lines)


def _truncate(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _flip_bits(content: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(content or b"a")
    for _ in range(chance.choice((1, 1, 2, 8))):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _insert(content: bytes, chance: random.Random) -> bytes:
    at = chance.choice((0, len(content), *(chance.randrange(len(content) + 1) for _ in range(6))))
    return content[:at] + chance.choice(PIECES).encode() + content[at:]


def _replace_word(content: bytes, chance: random.Random) -> bytes:
    words = list(re.finditer(rb"[\w.+-]+", content))
    if not words:
        return content
    word = chance.choice(words)
    return content[: word.start()] + chance.choice(SCALARS).encode() + content[word.end() :]


_TEXT_EDITS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    _delete_lines,
    _duplicate_line,
    _swap_lines,
    _indent_line,
    _truncate,
    _flip_bits,
    _insert,
    _insert,
    _replace_word,
    _replace_word,
)
