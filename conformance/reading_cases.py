"""
A case file, read and checked as far as it can be by itself.

The result is plain data (see `Document`), so that it can be kept in a cache.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from . import geometry
from .problem import Problem
from .reading import Reader, Wrong, integer, mapping, sequence, text, word
from .reading_about import ABOUT, read_about
from .reading_arrays import ELEMENTS
from .reading_calls import KEYS, Plain, read_call
from .reading_expectations import Subject, is_refusal, read_expectation, read_fit, text_of_number
from .reading_gradients import with_gradients
from .reading_sweeps import read_sweep
from .tree import Mapping as Tree
from .tree import Node, Scalar, parse

#: A file as plain data: {"cases": [...], "sweeps": [...]}.
Document: TypeAlias = dict[str, Any]

FIT = ("loss", "optimizer", "schedule", "steps", "target")
OPTIMIZERS = {
    "sgd": ("learning_rate", "momentum"),
    "adam": ("learning_rate", "beta_1", "beta_2", "epsilon"),
}


def read_file(content: bytes, path: str) -> tuple[Document, list[Problem]]:
    """
    Return what a case file holds, and everything wrong with it.
    """
    root, problems = parse(content, path)
    reader = Reader(path)
    document: Document = {"cases": [], "sweeps": []}
    if root is None and problems:
        return document, problems
    if root is None or (isinstance(root, Scalar) and not root.text):
        return document, [Problem(path=path, line=1, column=1, message="the file is empty", hint="about, cases")]
    tree = reader.attempt(mapping, root)
    if tree is not None:
        _read_root(reader, tree, document)
    return document, list(dict.fromkeys([*problems, *reader.problems]))


def _read_root(reader: Reader, tree: Tree, document: Document) -> None:
    reader.keys(tree, ("about", "defaults", "cases", "sweeps"), ["about"])
    if "about" in tree.entries:
        reader.attempt(text, tree.entries["about"])
    defaults = reader.attempt(_defaults, reader, tree) or {}
    if not {"cases", "sweeps"} & tree.entries.keys():
        reader.note(tree, "neither cases nor sweeps here")
    for node in _items(reader, tree, "cases"):
        if (case := reader.attempt(read_case, reader, node, defaults)) is not None:
            document["cases"].append(case)
    if "sweeps" in tree.entries:
        for node in _items(reader, tree, "sweeps"):
            if (sweep := reader.attempt(read_sweep, reader, node, defaults)) is not None:
                document["sweeps"].append(sweep)


def _items(reader: Reader, tree: Tree, key: str) -> list[Node]:
    if key not in tree.entries:
        return []
    return reader.attempt(sequence, tree.entries[key]) or []


def _defaults(reader: Reader, tree: Tree) -> dict[str, Node]:
    if "defaults" not in tree.entries:
        return {}
    defaults = mapping(tree.entries["defaults"])
    reader.keys(defaults, (*KEYS, "clauses", "catches", "references", "since"))
    return defaults.entries


def read_case(reader: Reader, node: Node, defaults: dict[str, Node]) -> Plain | None:
    """
    Return one case as plain data; None where its call or its expectation is wrong.
    """
    tree = mapping(node)
    nodes = {**defaults, **tree.entries}
    is_fit = isinstance(nodes.get("op"), Scalar) and nodes["op"].text == "fit"  # type: ignore[union-attr]
    reader.keys(tree, (*ABOUT, *KEYS, "expect", *(FIT if is_fit else ())), ["id", "title", "expect"])
    case = read_about(reader, tree, nodes)
    is_free = is_refusal(nodes.get("expect"))
    call = read_call(reader, nodes, node, is_free=is_free)
    if call is None or "expect" not in nodes:
        return None
    if is_fit:
        _read_training(reader, nodes, node)
        return {**case, "call": None, "expect": read_fit(reader, nodes["expect"], call)}
    return _with_expectation(reader, nodes, node, case, call, is_free=is_free)


def _with_expectation(
    reader: Reader, nodes: dict[str, Node], at: Node, case: Plain, call: Plain, *, is_free: bool
) -> Plain | None:
    settled = None if is_free else check(reader, nodes, at, call)
    if settled is None and not is_free:
        return None
    subject = Subject(call=call, settled=settled)
    expect = read_expectation(reader, nodes["expect"], subject)
    if expect is None:
        return None
    if subject.asked:
        call = with_gradients(reader, call, expect, subject.asked)
    return {**case, "call": call, "expect": expect, "twins": subject.twins, "alternatives": subject.alternatives}


def check(reader: Reader, nodes: dict[str, Node], at: Node, call: Plain) -> Plain | None:
    """
    Return the call with all its parameters; None, and notes, where they contradict each other.
    """
    settled = geometry.settled(call)
    complaints = geometry.complaints(settled)
    for complaint in complaints:
        reader.note(nodes.get(complaint.key, at), complaint.message, complaint.hint)
    if complaints:
        return None
    if geometry.size_out(settled) > ELEMENTS:
        reader.note(at, f"an output of shape {list(geometry.shape_out(settled))}", f"at most {ELEMENTS} elements")
        return None
    return settled


def _read_training(reader: Reader, nodes: dict[str, Node], at: Node) -> None:
    for key in ("target", "loss", "optimizer", "steps"):
        if key not in nodes:
            reader.note(at, f"no {key!r} here", "op: fit needs it")
    for key, read in (("loss", _loss), ("optimizer", _optimizer), ("schedule", _schedule), ("steps", _steps)):
        if key in nodes:
            reader.attempt(read, reader, nodes[key])


def _loss(_: Reader, node: Node) -> None:
    word(node, ("mae", "mse"), "loss")


def _optimizer(reader: Reader, node: Node) -> None:
    entries = mapping(node)
    for name, key in entries.keys.items():
        settings = mapping(entries.entries[word(key, OPTIMIZERS, "optimizer") and name])
        reader.keys(settings, OPTIMIZERS[name], ["learning_rate"])
        for value in settings.entries.values():
            reader.attempt(text_of_number, value)
    if len(entries.entries) != 1:
        raise Wrong(node, "an optimizer is one of sgd, adam")


def _schedule(reader: Reader, node: Node) -> None:
    entries = mapping(node)
    for step, key in entries.keys.items():
        if not step.isdigit():
            reader.note(key, f"{step!r} is no step", "a whole number, with the learning rate from there on")
        reader.attempt(text_of_number, entries.entries[step])


def _steps(_: Reader, node: Node) -> None:
    if integer(node) < 1:
        raise Wrong(node, "no steps")
