"""
Read expectations from case files into plain data.

A plain expectation is a mapping with the key `kind`: output, shape, refusal or any_of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core import TARGET, Plain
from . import geometry
from .arrays import read_array, read_shape
from .calls import KEYS, dtype_of, read_call
from .gradients import GRADIENTS, SECOND_ORDER, Request, read_gradients, read_none, read_second_order
from .reader import Reader, WrongNode, as_mapping, described, word, written
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node, Scalar

KINDS = ("output", "shape", "refusal", "any_of")
BESIDE = (GRADIENTS, SECOND_ORDER, "compare", "precision")
PRECISIONS = (
    "exact",
    "float32",
    "tf32-like",
    "bfloat16-like",
    "float16-like",
    "float16-accumulation",
    "bfloat16-accumulation",
    "reassociated",
)
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """The call of an expectation, and lists of the names and requests that are found while the expectation is read."""

    call: Plain
    #: The settled call, None for a call that must be refused, because only its types are checked.
    settled: Plain | None
    #: Each twin's id, line and column; the ids are checked after all files are read.
    twins: list[tuple[str, int, int]] = field(default_factory=list)
    #: Each alternative's name, line and column; the names are checked after all files are read.
    alternatives: list[tuple[str, int, int]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


def is_refusal(node: Node | None) -> bool:
    """Return whether an expectation is a refusal and allows nothing else."""
    return isinstance(node, Tree) and "refusal" in node.entries


def read_expectation(reader: Reader, node: Node, subject: Subject, *, is_alternative: bool = False) -> Plain | None:
    """Return the plain expectation at a node; if the expectation is invalid, note the problems and return None."""
    return reader.attempt(_read, reader, node, subject, is_alternative=is_alternative)


def _read(reader: Reader, node: Node, subject: Subject, *, is_alternative: bool) -> Plain | None:
    entries = as_mapping(node)
    kinds = [kind for kind in KINDS if kind in entries.entries]
    known = KINDS[:-1] if is_alternative else KINDS
    reader.keys(entries, (*known, *BESIDE) if kinds == ["output"] else known)
    if len(kinds) != 1:
        raise WrongNode(node, "expect needs exactly one of output, shape, refusal, any_of")
    found = _READERS[kinds[0]](reader, entries.entries[kinds[0]], subject, is_alternative)
    if kinds == ["output"]:
        return _beside(reader, entries, subject, found)
    return found


def _output(reader: Reader, node: Node, subject: Subject, is_alternative: bool) -> Plain | None:
    if isinstance(node, Scalar) and node.text == "reference":
        if not geometry.is_generated(subject.call):
            message = "output: reference needs a generated array, but every array of the call is written out"
            raise WrongNode(node, message, "write out the output too")
        return {"kind": "output", "array": "reference"}
    spec = read_array(reader, node, subject.call["layout"]["output"], dtype_of(subject.call, "output"))
    if spec is None:
        return None
    if not is_alternative:
        _check_shape(node, spec["shape"], subject)
    return {"kind": "output", "array": spec}


def _shape(_: Reader, node: Node, subject: Subject, is_alternative: bool) -> Plain:
    shape = read_shape(node)
    if len(shape) != len(layout := subject.call["layout"]["output"]):
        raise WrongNode(node, f"a shape with {len(shape)} axes does not fit the layout {layout} of the output")
    if not is_alternative:
        _check_shape(node, shape, subject)
    return {"kind": "shape", "shape": shape}


def _check_shape(node: Node, shape: tuple[int, ...], subject: Subject) -> None:
    if subject.settled is None:
        return
    if shape != (right := geometry.shape_out(subject.settled)):
        layout = subject.call["layout"]["output"]
        raise WrongNode(node, f"the output must have shape {list(right)} ({layout}), not {list(shape)}")


def _refusal(reader: Reader, node: Node, subject: Subject, _: bool) -> Plain | None:
    entries = as_mapping(node)
    reader.keys(entries, ("twin",), ["twin"])
    if "twin" not in entries.entries:
        return None
    twin = entries.entries["twin"]
    if isinstance(twin, Scalar):
        if not ID.fullmatch(twin.text):
            raise WrongNode(
                twin,
                f"{described(twin)} is not an id",
                "write the id of a case, or a patch of this call such as {strides: 1}",
            )
        subject.twins.append((twin.text, twin.line, twin.column))
        return {"kind": "refusal", "name": twin.text, "twin": twin.text}
    patched = _patched(reader, as_mapping(twin), subject.call)
    return None if patched is None else {"kind": "refusal", "name": written(twin), "twin": patched}


def _patched(reader: Reader, patch: Tree, call: Plain) -> Plain | None:
    reader.keys(patch, (*KEYS, GRADIENTS))
    if not patch.entries:
        raise WrongNode(patch, "the patch of the twin is empty")
    twin = read_call(reader, patch.entries, patch, base=call)
    if twin is None:
        return None
    if GRADIENTS in patch.entries:
        twin[GRADIENTS] = read_none(patch.entries[GRADIENTS])
        for key in ("training", TARGET):  # without gradients there is no training either
            twin.pop(key, None)
    for complaint in geometry.complaints(geometry.settled(twin)):
        at = patch.entries.get(complaint.key, patch)
        reader.note(at, f"the twin must be a valid call: {complaint.key}: {complaint.message}", complaint.hint)
    return twin


def _any_of(reader: Reader, node: Node, subject: Subject, _: bool) -> Plain | None:
    def read(each: Node) -> Plain | None:
        return read_expectation(reader, each, subject, is_alternative=True)

    return read_alternatives(reader, node, subject, read)


def read_alternatives(
    reader: Reader, node: Node, subject: Subject, read: Callable[[Node], Plain | None]
) -> Plain | None:
    """
    Return the plain `any_of` at a node, None if an alternative is invalid; `read` reads one alternative.

    Raises:
        WrongNode: if the node is no mapping of at least two alternatives.

    """
    entries = as_mapping(node)
    if len(entries.entries) < 2:
        raise WrongNode(node, "any_of needs at least two alternatives")
    found: dict[str, Any] = {}
    for name, key in entries.keys.items():
        if not NAME.fullmatch(name):
            reader.note(
                key, f"{name!r} is not the name of an alternative", "use a kebab-case name from cases/clauses.yaml"
            )
        subject.alternatives.append((name, key.line, key.column))
        found[name] = read(entries.entries[name])
    return None if None in found.values() else {"kind": "any_of", "alternatives": found}


_READERS = {"output": _output, "shape": _shape, "refusal": _refusal, "any_of": _any_of}


def _beside(reader: Reader, entries: Tree, subject: Subject, found: Plain | None) -> Plain | None:
    nodes = entries.entries
    beside = _differentiated(reader, nodes, subject)
    if found is None or beside is None:
        return None
    found |= beside
    if "precision" in nodes:
        found["precision"] = word(nodes["precision"], PRECISIONS, "precision")
    if "compare" in nodes:
        found["signed_zero"] = word(nodes["compare"], ("signed-zero",), "comparison") == "signed-zero"
    return found


def _differentiated(reader: Reader, nodes: Mapping[str, Node], subject: Subject) -> Plain | None:
    """Return the plain first- and second-order gradients of an output, {} if it has none, None if they are invalid."""
    if SECOND_ORDER in nodes and GRADIENTS not in nodes:
        reader.note(
            nodes[SECOND_ORDER], "second_order needs gradients beside it", "write the cotangent under `gradients`"
        )
    read = reader.attempt(read_gradients, reader, nodes[GRADIENTS], subject.call) if GRADIENTS in nodes else None
    found = {GRADIENTS: read[1]} if read else {}
    if SECOND_ORDER in nodes:
        read = reader.attempt(read_second_order, reader, nodes[SECOND_ORDER], subject.call, read and read[0])
        found |= {SECOND_ORDER: read[1]} if read else {}
    if read is None:
        return None if {GRADIENTS, SECOND_ORDER} & nodes.keys() else {}
    subject.requests.append(read[0])
    return found
