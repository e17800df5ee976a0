"""The YAML that is let in, and what is refused at its place."""

from __future__ import annotations

import time

import pytest
import yaml
from conv_conformance.corpus.format import yaml_tree
from conv_conformance.corpus.format.cases import read_file
from conv_conformance.corpus.format.yaml_tree import Mapping, Scalar, Sequence, parse_yaml


def told(text: str | bytes) -> list[str]:
    """Return what is wrong with a YAML text."""
    return [str(problem) for problem in parse_yaml(text if isinstance(text, bytes) else text.encode(), "x")[1]]


def test_every_node_knows_its_place() -> None:
    """Lines and columns count from 1, for keys and values."""
    root, problems = parse_yaml(b"a:\n  - b: [1, 'x']\n", "x")
    assert problems == []
    inner = Mapping(2, 5, {"b": Sequence(2, 8, [Scalar(2, 9, "1", True), Scalar(2, 12, "x", False)])}, {})
    assert isinstance(root, Mapping)
    items = root.entries["a"]
    assert isinstance(items, Sequence)
    found = items.items[0]
    assert isinstance(found, Mapping)
    assert inner.entries == found.entries
    assert Scalar(1, 1, "a", True) == root.keys["a"]
    assert Scalar(2, 5, "b", True) == found.keys["b"]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("1e3", "as text"),
        ("1.5e3", "as text"),
        ("1:30", "base-60"),
        ("1_000", "underscores"),
        ("017", "octal"),
        ("0x1F", "hexadecimal"),
        ("0x1.8p-3", "hexadecimal"),
        ("0o17", "octal or binary"),
        ("0b1", "octal or binary"),
        ("yes", "boolean"),
        ("no", "boolean"),
        ("on", "boolean"),
        ("off", "boolean"),
        ("y", "boolean"),
        ("n", "boolean"),
        ("True", "boolean"),
        ("~", "null"),
        ("null", "null"),
        ("", "missing value"),
        ("2024-01-31", "date"),
        (".nan", "write nan"),
        (".inf", "write nan, inf"),
        ("-.Inf", "write nan, inf"),
        ("NaN", "write nan"),
        ("Infinity", "write nan, inf"),
        ("+5", "plus sign"),
        ("+inf", "write nan, inf"),
        (".5", "both sides"),
        ("5.", "both sides"),
        ("-0", "-0.0"),
        ("<<", "special meaning"),
    ],
)
def test_surprises_of_yaml_are_flagged_with_a_hint(word: str, says: str) -> None:
    """A plain scalar that readers of YAML 1.1 and 1.2 understand differently is refused, in quotes it is a text."""
    (problem,) = told(f"a:\n  b: {word}\n")
    assert problem.startswith("x:2:")
    assert says in problem
    assert problem.endswith(")")
    assert [] == told(f'a:\n  b: "{word}"\n')


@pytest.mark.parametrize(
    "word", ["0", "-3", "2.5", "-0.0", "1.0e-05", "1.0e+05", "nan", "inf", "-inf", "N", "valid", "a b"]
)
def test_what_all_readers_agree_on_passes(word: str) -> None:
    """Numbers with dot and signed exponent, words, and N, which names the batch axis."""
    assert [] == told(f"a: {word}\n")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: 1\na: 2\n", "x:2:1: duplicate key 'a' (first used in line 1)"),
        (b"a: &x 1\n", "x:1:4: anchors are not allowed: &x (write the value out where it is used)"),
        (b"a: *x\n", "x:1:4: aliases are not allowed: *x (write the value out)"),
        (b"a: !!python/object:os.system 1\n", "x:1:4: tags are not allowed: tag:yaml.org,2002:python/object:os.system"),
        (b"a: !x [1]\n", "x:1:4: tags are not allowed: !x"),
        (b"a: 1\n---\nb: 1\n", "x:2:1: the file has a second document"),
        (b"? [1]\n: 2\n", "x:1:3: a key must be a text, not a list or a mapping"),
        (b"a: [1,\n", "x:2:1: not YAML"),
        (b"a: 1\n\tb: 2\n", "x:2:1: not YAML"),
        (b"a: 1\nb: \xff\n", "x:2:4: not UTF-8"),
        (b"a: 1\nb: x\x00\n", "x:2:5: control character '\\x00'"),
        (b"\xef\xbb\xbfa: 1\n", "x:1:1: the file begins with a byte order mark"),
        ("a: 1\n".encode("utf-16"), "x:1:1: the file begins with a byte order mark"),
        ("a: ü\n".encode("latin-1"), "x:1:4: not UTF-8"),
    ],
)
def test_what_is_not_let_in_is_refused_at_its_place(content: bytes, problem: str) -> None:
    """Duplicates, anchors, aliases, tags, documents, broken YAML, other encodings."""
    assert told(content)[0].startswith(problem)


@pytest.mark.parametrize("content", [b"", b"\n", b"# a comment\n", b"---\n", b"...\n"])
def test_an_empty_file_is_told(content: bytes) -> None:
    """A file without a mapping is no corpus without cases."""
    (problem,) = read_file(content, "x")[1]
    assert problem.path == "x"
    assert problem.line == 1


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 10**6,
        b"{a: " * 10**6,
        b"- " * 10**6,
        b"? " * 10**6,
        b"a: " + b"[" * 10**6 + b"]" * 10**6,
        b"cases: [" + b"[" * 10**6,
    ],
    ids=["brackets", "braces", "dashes", "question marks", "balanced", "inside cases"],
)
def test_a_million_levels_are_refused_at_once(content: bytes) -> None:
    """Neither recursion nor time: the reader stops at level 33."""
    start = time.perf_counter()
    problems = read_file(content, "x")[1]
    assert time.perf_counter() - start < 1
    assert any("nested deeper than 32 levels" in problem.message for problem in problems)
    assert all(problem.line == 1 for problem in problems)


def test_a_bomb_of_aliases_does_not_go_off() -> None:
    """Each alias is a problem, none is followed."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    start = time.perf_counter()
    problems = told("\n".join(lines))
    assert time.perf_counter() - start < 1
    assert "x:1:5: anchors are not allowed: &a0 (write the value out where it is used)" == problems[0]
    assert 12 + 11 * 9 == len(problems)


def test_many_problems_are_told_at_once() -> None:
    """One reading tells them all."""
    assert ["x:1:4", "x:2:4", "x:3:1", "x:4:4"] == [told_[:5] for told_ in told("a: yes\nb: !t 1\na: 1\nc: 017\n")]


def test_without_libyaml_the_tree_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML was built without libyaml, its own reader gives the same nodes and problems, and stops as early."""
    text = b"a: [1, {b: 2}]\nc: yes\nc: &x 3\n"
    with_libyaml = parse_yaml(text, "x")
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert with_libyaml == parse_yaml(text, "x")
    assert "nested deeper" in told(b"[" * 10**6)[0]


def test_the_limit_of_levels_is_the_documented_one() -> None:
    """32 levels pass, 33 do not."""
    assert [] == told("[" * yaml_tree.DEPTH + "1" + "]" * yaml_tree.DEPTH)
    assert 1 == len(told("[" * (yaml_tree.DEPTH + 1) + "1" + "]" * (yaml_tree.DEPTH + 1)))
