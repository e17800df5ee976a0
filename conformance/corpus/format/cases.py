"""
Read a case file and check everything that does not depend on other files.

The result is plain data (see `Document`), so that it can be cached.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from ...core import Plain, Problem
from . import geometry
from .about import ABOUT, read_about
from .arrays import ELEMENTS
from .calls import KEYS, read_call
from .expectations import Subject, is_refusal, read_expectation
from .gradients import with_gradients
from .reader import Reader, as_mapping, as_text, sequence
from .sweeps import read_sweep
from .trainings import TRAINING, read_fit, read_training
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node, Scalar, parse_yaml

#: A case file as plain data: {"cases": [...], "sweeps": [...]}.
Document: TypeAlias = dict[str, Any]


def read_file(content: bytes, path: str) -> tuple[Document, list[Problem]]:
    """Return the document of a case file, and the problems of the file."""
    root, problems = parse_yaml(content, path)
    reader = Reader(path)
    document: Document = {"cases": [], "sweeps": []}
    if root is None and problems:
        return document, problems
    if root is None or (isinstance(root, Scalar) and not root.text):
        return document, [
            Problem(path=path, line=1, column=1, message="the file is empty", hint="write the keys about and cases")
        ]
    tree = reader.attempt(as_mapping, root)
    if tree is not None:
        _read_root(reader, tree, document)
    return document, list(dict.fromkeys([*problems, *reader.problems]))


def _read_root(reader: Reader, tree: Tree, document: Document) -> None:
    reader.keys(tree, ("about", "defaults", "cases", "sweeps"), ["about"])
    if "about" in tree.entries:
        reader.attempt(as_text, tree.entries["about"])
    defaults = reader.attempt(_defaults, reader, tree) or {}
    if not {"cases", "sweeps"} & tree.entries.keys():
        reader.note(tree, "missing key 'cases' or 'sweeps'")
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
    defaults = as_mapping(tree.entries["defaults"])
    reader.keys(defaults, (*KEYS, "clauses", "catches", "references", "since"))
    return defaults.entries


def read_case(reader: Reader, node: Node, defaults: dict[str, Node]) -> Plain | None:
    """Return one case as plain data, None if its call or its expectation is invalid."""
    tree = as_mapping(node)
    nodes = {**defaults, **tree.entries}
    is_fit = isinstance(nodes.get("op"), Scalar) and nodes["op"].text == "fit"  # type: ignore[union-attr]
    reader.keys(tree, (*ABOUT, *KEYS, "expect", *(TRAINING if is_fit else ())), ["id", "title", "expect"])
    case = read_about(reader, tree, nodes)
    is_free = is_refusal(nodes.get("expect"))
    call = read_call(reader, nodes, node, is_free=is_free)
    if call is None or "expect" not in nodes:
        return None
    if is_fit:
        return _with_training(reader, nodes, node, case, call)
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
    if subject.requests:
        call = with_gradients(reader, call, expect, subject.requests)
    return {**case, "call": call, "expect": expect, "twins": subject.twins, "alternatives": subject.alternatives}


#: The largest amount of work that a case may cost the reference, which takes about 20 s for it: see `geometry.work`.
WORK = 2**31


def check(reader: Reader, nodes: dict[str, Node], at: Node, call: Plain) -> Plain | None:
    """Return the settled call; if its parameters contradict each other, note the problems and return None."""
    settled = geometry.settled(call)
    complaints = geometry.complaints(settled)
    for complaint in complaints:
        reader.note(nodes.get(complaint.key, at), complaint.message, complaint.hint)
    if complaints:
        return None
    if geometry.size_out(settled) > ELEMENTS:
        shape = list(geometry.shape_out(settled))
        reader.note(at, f"the output of shape {shape} has more than {ELEMENTS} elements")
        return None
    if (work := geometry.work(settled)) > WORK:
        message = f"output elements x taps x input channels are {work}, and may be {WORK}"
        reader.note(at, message, "use a smaller input or kernel")
        return None
    return settled


def _with_training(reader: Reader, nodes: dict[str, Node], at: Node, case: Plain, call: Plain) -> Plain | None:
    call = read_training(reader, nodes, at, call)
    if check(reader, nodes, at, call) is None or "training" not in call:
        return None
    subject = Subject(call=call, settled=None)
    expect = read_fit(reader, nodes["expect"], subject)
    if expect is None:
        return None
    return {**case, "call": call, "expect": expect, "twins": subject.twins, "alternatives": subject.alternatives}
