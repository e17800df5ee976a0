"""
Gradients as they are written beside an output, made plain.

The cotangent and the names of what is asked for belong to the call, the gradients to the expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...core import COTANGENT, FLOATS, Plain
from . import geometry
from .array_specs import Spec
from .arrays import read_array
from .calls import ALL, NONE, dtype_of, letters_of
from .reader import Reader, WrongNode, as_mapping, sequence, word
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node, Scalar

#: The key of gradients beside an output, in the base of a sweep and in the patch of a twin.
GRADIENTS = "gradients"
#: That of gradients of gradients, beside gradients.
SECOND_ORDER = "second_order"
#: How a gradient is written that the reference computes.
REFERENCE = "reference"
#: What gradients are differentiated by once more.
TWICE = (COTANGENT, "input", "kernel")


class Asked(NamedTuple):
    """
    What is asked for beside an output, and where it is written.

    `second_order` holds the `directions` by the names of arrays and the `names` of what is differentiated by.
    """

    cotangent: Spec
    names: tuple[str, ...]
    node: Node
    second_order: Plain | None = None


def read_gradients(reader: Reader, node: Node, call: Plain) -> tuple[Asked, Plain] | None:
    """Return what is asked for beside an output, and the plain gradients by the names of arrays; None where it is wrong."""
    entries = as_mapping(node)
    reader.keys(entries, (COTANGENT, *call["arrays"]), [COTANGENT])
    check_differentiable(node, call)
    names = tuple(name for name in call["arrays"] if name in entries.entries)
    if not names:
        raise WrongNode(node, "gradients of nothing", f"gradients of {', '.join(call['arrays'])} can be asked for")
    if COTANGENT not in entries.entries:
        return None
    cotangent = _cotangent(reader, entries.entries[COTANGENT], call)
    found = {name: _gradient(reader, entries.entries[name], call, name) for name in names}
    if cotangent is None or None in found.values():
        return None
    _check_written(entries.entries, found, call, [cotangent])
    return Asked(cotangent, names, node), found


def read_second_order(reader: Reader, node: Node, call: Plain, asked: Asked | None) -> tuple[Asked, Plain] | None:
    """
    Return what is asked for, with the directions of arrays, and the plain gradients by the cotangent, input and kernel.

    It is None where they are wrong, or the gradients beside them were.
    """
    entries = as_mapping(node)
    if call["op"] == "separable_conv":
        raise WrongNode(node, "second_order of a separable_conv", "conv, depthwise_conv or conv_transpose")
    needed = ["input", "kernel", "expect"]
    reader.keys(entries, (*call["arrays"], "expect"), needed)
    if not {*needed} <= entries.entries.keys():
        return None
    present = [name for name in call["arrays"] if name in entries.entries]
    directions = {name: _shaped(reader, entries.entries[name], call, name) for name in present}
    expected = as_mapping(entries.entries["expect"])
    reader.keys(expected, TWICE)
    names = tuple(name for name in TWICE if name in expected.entries)
    if not names:
        raise WrongNode(expected, "second_order of nothing", "by the cotangent, by the input, by the kernel")
    found = {name: _gradient(reader, expected.entries[name], call, name) for name in names}
    if asked is None or None in (*directions.values(), *found.values()):
        return None
    drawn = [asked.cotangent, *(spec for spec in directions.values() if spec is not None)]
    _check_written(expected.entries, found, call, drawn)
    return asked._replace(second_order={"directions": directions, "names": names}), found


def read_asked(reader: Reader, tree: Tree, call: Plain) -> Plain | None:
    """Return the base of a sweep with its cotangent, which follows the shape of each output, and what is asked for."""
    reader.keys(tree, tree.entries, [COTANGENT, GRADIENTS])
    if not {COTANGENT, GRADIENTS} <= tree.entries.keys():
        return None
    check_differentiable(tree, call)
    cotangent = read_array(reader, tree.entries[COTANGENT], call["layout"]["output"], dtype_of(call, "output"))
    names = _names(tree.entries[GRADIENTS], call)
    if cotangent is None:
        return None
    if "values" in cotangent or "one_hot" in cotangent:
        raise WrongNode(tree.entries[COTANGENT], "a cotangent of one shape alone", "generate or fill it")
    return {**call, COTANGENT: cotangent, GRADIENTS: names}


def _names(node: Node, call: Plain) -> str | tuple[str, ...]:
    if isinstance(node, Scalar):
        return word(node, (ALL,), "choice of gradients")
    return tuple(word(item, tuple(call["arrays"]), "array") for item in sequence(node))


def read_none(node: Node) -> str:
    """Return what the patch of a twin says of gradients: that it asks for none."""
    return word(node, (NONE,), "choice of gradients of a twin")


def check_differentiable(node: Node, call: Plain) -> None:
    """Raise Wrong where a call has no gradients, or the format no words for them."""
    for name in (*call["arrays"], "output"):
        if (dtype := dtype_of(call, name)) not in FLOATS:
            raise WrongNode(node, f"gradients where {name} is {dtype}", "only real floating numbers have them")
    if "variation" in call:
        raise WrongNode(node, "gradients beside a variation", "a case of its own")


def _cotangent(reader: Reader, node: Node, call: Plain) -> Spec | None:
    spec = read_array(reader, node, call["layout"]["output"], dtype_of(call, "output"))
    right = geometry.shape_out(geometry.settled(call))
    if spec is not None and spec["shape"] != right:
        message = f"a cotangent of shape {list(spec['shape'])}"
        raise WrongNode(node, message, f"it has that of the output, {list(right)} ({call['layout']['output']})")
    return spec


def _gradient(reader: Reader, node: Node, call: Plain, name: str) -> Spec | str | None:
    if isinstance(node, Scalar) and node.text == REFERENCE:
        return REFERENCE
    return _cotangent(reader, node, call) if name == COTANGENT else _shaped(reader, node, call, name)


def _shaped(reader: Reader, node: Node, call: Plain, name: str) -> Spec | None:
    """Return an array of the shape and dtype of the one called `name`."""
    spec = read_array(reader, node, letters_of(call, name), dtype_of(call, name))
    sizes = geometry.extents(call, name)
    right = tuple(sizes[letter] for letter in letters_of(call, name))
    if spec is not None and spec["shape"] != right:
        raise WrongNode(node, f"an array of shape {list(spec['shape'])}", f"it has that of {name}, {list(right)}")
    return spec


def _check_written(nodes: dict[str, Node], found: Plain, call: Plain, sent: Iterable[Spec]) -> None:
    if geometry.is_generated(call) or any("values" not in spec for spec in sent):
        return
    for name, gradient in found.items():
        if gradient == REFERENCE:
            message = f"gradient of {name}: reference where every array is written out"
            raise WrongNode(nodes[name], message, "write the gradient out too")


def with_gradients(reader: Reader, call: Plain, expect: Plain, asked: Iterable[Asked]) -> Plain:
    """
    Return the call with what all its outputs ask for; the twins of its refusals ask for it too.

    Where only some alternatives have gradients, or others than the first, it is noted.
    """
    first, *others = asked
    for other in others:
        if (other.cotangent, other.names) != (first.cotangent, first.names):
            reader.note(other.node, "another cotangent, or gradients of other arrays, than in the first alternative")
        elif other.second_order != first.second_order:
            reader.note(other.node, "another second_order than in the first alternative")
    for output in _outputs(expect):
        if GRADIENTS not in output:
            reader.note(first.node, "gradients in some alternatives only", "the call asks for them or does not")
        elif isinstance(array := output["array"], dict) and array["shape"] != first.cotangent["shape"]:
            reader.note(first.node, "an alternative of another shape than the cotangent")
    more = {COTANGENT: first.cotangent, GRADIENTS: first.names}
    if first.second_order is not None:
        more[SECOND_ORDER] = first.second_order
    for refusal in _patched(expect):
        refusal["twin"] = {**more, **refusal["twin"]}
    return {**call, **more}


def _each(expect: Plain) -> Iterator[Plain]:
    yield from expect["alternatives"].values() if expect["kind"] == "any_of" else [expect]


def _outputs(expect: Plain) -> Iterator[Plain]:
    return (each for each in _each(expect) if each["kind"] == "output")


def _patched(expect: Plain) -> Iterator[Plain]:
    return (each for each in _each(expect) if each["kind"] == "refusal" and isinstance(each["twin"], dict))
