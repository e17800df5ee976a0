"""
Read the gradients of an output from case files into plain data.

The cotangent and the names of the requested gradients become part of the call. The expected gradients become part of
the expectation.
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

#: The key for gradients in an expected output, in the base of a sweep and in the patch of a twin.
GRADIENTS = "gradients"
#: The key for second-order gradients in an expected output that has gradients.
SECOND_ORDER = "second_order"
#: An expected gradient with this value is computed by the reference.
REFERENCE = "reference"
#: The arrays whose second-order gradients a case can expect.
TWICE = (COTANGENT, "input", "kernel")


class Request(NamedTuple):
    """
    The gradients that an expectation requests, and the node where they are written.

    `second_order` holds `directions`, the specs of the directions by array name, and `names`, the names of the arrays
    whose second-order gradients are requested.
    """

    cotangent: Spec
    names: tuple[str, ...]
    node: Node
    second_order: Plain | None = None


def read_gradients(reader: Reader, node: Node, call: Plain) -> tuple[Request, Plain] | None:
    """Return the request, and the expected plain gradients by array name; None if the gradients are invalid."""
    entries = as_mapping(node)
    reader.keys(entries, (COTANGENT, *call["arrays"]), [COTANGENT])
    check_differentiable(node, call)
    names = tuple(name for name in call["arrays"] if name in entries.entries)
    if not names:
        raise WrongNode(node, "gradients needs at least one array", f"choose from {', '.join(call['arrays'])}")
    if COTANGENT not in entries.entries:
        return None
    cotangent = _cotangent(reader, entries.entries[COTANGENT], call)
    found = {name: _gradient(reader, entries.entries[name], call, name) for name in names}
    if cotangent is None or None in found.values():
        return None
    _check_written(entries.entries, found, call, [cotangent])
    return Request(cotangent, names, node), found


def read_second_order(reader: Reader, node: Node, call: Plain, request: Request | None) -> tuple[Request, Plain] | None:
    """
    Return `request` with its second-order part, and the expected plain second-order gradients by array name.

    Return None if the second-order part is invalid, or if `request` is None.
    """
    entries = as_mapping(node)
    if call["op"] == "separable_conv":
        raise WrongNode(
            node, "separable_conv does not accept second_order", "use conv, depthwise_conv or conv_transpose"
        )
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
        raise WrongNode(expected, "second_order expects no gradient", f"choose from {', '.join(TWICE)}")
    found = {name: _gradient(reader, expected.entries[name], call, name) for name in names}
    if request is None or None in (*directions.values(), *found.values()):
        return None
    drawn = [request.cotangent, *(spec for spec in directions.values() if spec is not None)]
    _check_written(expected.entries, found, call, drawn)
    return request._replace(second_order={"directions": directions, "names": names}), found


def read_sweep_gradients(reader: Reader, tree: Tree, call: Plain) -> Plain | None:
    """
    Return the base of a sweep with its cotangent and the requested gradients, None if they are invalid.

    The cotangent is not written out, so that it can be generated for the output shape of each point.
    """
    reader.keys(tree, tree.entries, [COTANGENT, GRADIENTS])
    if not {COTANGENT, GRADIENTS} <= tree.entries.keys():
        return None
    check_differentiable(tree, call)
    cotangent = read_array(reader, tree.entries[COTANGENT], call["layout"]["output"], dtype_of(call, "output"))
    names = _names(tree.entries[GRADIENTS], call)
    if cotangent is None:
        return None
    if "values" in cotangent or "one_hot" in cotangent:
        raise WrongNode(
            tree.entries[COTANGENT], "the cotangent of a sweep must fit every output shape", "generate or fill it"
        )
    return {**call, COTANGENT: cotangent, GRADIENTS: names}


def _names(node: Node, call: Plain) -> str | tuple[str, ...]:
    if isinstance(node, Scalar):
        return word(node, (ALL,), "choice of gradients")
    return tuple(word(item, tuple(call["arrays"]), "array") for item in sequence(node))


def read_none(node: Node) -> str:
    """Return the value of `gradients` in the patch of a twin; raise WrongNode if it is not `none`."""
    return word(node, (NONE,), "choice of gradients of a twin")


def check_differentiable(node: Node, call: Plain) -> None:
    """Raise WrongNode if a call is not differentiable, or if the format does not support its gradients."""
    for name in (*call["arrays"], "output"):
        if (dtype := dtype_of(call, name)) not in FLOATS:
            raise WrongNode(node, f"{name} is {dtype}, which has no gradients", "use real floating-point dtypes")
    if "variation" in call:
        raise WrongNode(node, "gradients cannot be combined with a variation", "write a separate case")


def _cotangent(reader: Reader, node: Node, call: Plain) -> Spec | None:
    spec = read_array(reader, node, call["layout"]["output"], dtype_of(call, "output"))
    right = geometry.shape_out(geometry.settled(call))
    if spec is not None and spec["shape"] != right:
        message = f"the cotangent must have the shape of the output, {list(right)}, not {list(spec['shape'])}"
        raise WrongNode(node, message, f"the layout of the output is {call['layout']['output']}")
    return spec


def _gradient(reader: Reader, node: Node, call: Plain, name: str) -> Spec | str | None:
    if isinstance(node, Scalar) and node.text == REFERENCE:
        return REFERENCE
    return _cotangent(reader, node, call) if name == COTANGENT else _shaped(reader, node, call, name)


def _shaped(reader: Reader, node: Node, call: Plain, name: str) -> Spec | None:
    """Return the spec of the array at a node; the array must have the shape and dtype of the call's array `name`."""
    spec = read_array(reader, node, letters_of(call, name), dtype_of(call, name))
    sizes = geometry.extents(call, name)
    right = tuple(sizes[letter] for letter in letters_of(call, name))
    if spec is not None and spec["shape"] != right:
        raise WrongNode(node, f"must have the shape of {name}, {list(right)}, not {list(spec['shape'])}")
    return spec


def _check_written(nodes: dict[str, Node], found: Plain, call: Plain, sent: Iterable[Spec]) -> None:
    if geometry.is_generated(call) or any("values" not in spec for spec in sent):
        return
    for name, gradient in found.items():
        if gradient == REFERENCE:
            message = f"gradient of {name}: reference needs a generated array, but every array is written out"
            raise WrongNode(nodes[name], message, "write out the gradient too")


def with_gradients(reader: Reader, call: Plain, expect: Plain, requests: Iterable[Request]) -> Plain:
    """
    Return the call with the requested gradients, and add the same request to each patched twin in `expect`.

    Note a problem if only some alternatives have gradients, or if the requests of the alternatives differ.
    """
    first, *others = requests
    for other in others:
        if (other.cotangent, other.names) != (first.cotangent, first.names):
            message = "all alternatives must request gradients of the same arrays, with the same cotangent"
            reader.note(other.node, message)
        elif other.second_order != first.second_order:
            reader.note(other.node, "all alternatives must have the same directions and requests under second_order")
    for output in _outputs(expect):
        if GRADIENTS not in output:
            reader.note(first.node, "only some alternatives have gradients", "write gradients in all or in none")
        elif isinstance(array := output["array"], dict) and array["shape"] != first.cotangent["shape"]:
            reader.note(first.node, "the outputs of all alternatives must have the shape of the cotangent")
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
