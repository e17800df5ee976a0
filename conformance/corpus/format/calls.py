"""
Read calls from case files into plain calls: mappings of the format's keys to values, without line numbers.

A plain call keeps a scalar such as `strides: 2` as it is written. `geometry.settled` broadcasts it over the spatial
axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...core import ARRAYS, OPS, PADDING_MODES, PADDINGS, SPATIAL, STORAGES, TARGET, VARIATIONS, Plain, dtypes
from .array_specs import Spec
from .arrays import read_array
from .reader import Reader, WrongNode, any_word, as_mapping, described, integer, integers, sequence, word
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node, Scalar, Sequence

#: The value of `gradients` that requests all gradients in a sweep, and the value that requests none in a twin.
ALL, NONE = "all", "none"


def _per_axis(node: Node) -> int | tuple[int, ...]:
    return integers(node) if isinstance(node, Sequence) else integer(node)


def _pairs(node: Node) -> int | tuple[tuple[int, int], ...]:
    if isinstance(node, Scalar):
        return integer(node)
    return tuple(_pair(item) for item in sequence(node))


def _pair(node: Node) -> tuple[int, int]:
    if not isinstance(node, Sequence) or len(node.items) != 2:
        raise WrongNode(
            node, f"expected [low, high], not {described(node)}", "write one pair per spatial axis, such as [[1, 1]]"
        )
    low, high = integers(node)
    return low, high


def _padding(node: Node) -> str | int | tuple[tuple[int, int], ...]:
    return word(node, PADDINGS, "padding") if _is_word(node) else _pairs(node)


def _any_padding(node: Node) -> str | int | tuple[tuple[int, int], ...]:
    return any_word(node, "padding") if _is_word(node) else _pairs(node)


def _is_word(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.text.lstrip("-").isdigit()


def _dtype(node: Node) -> dict[str, str]:
    if isinstance(node, Tree):
        return _dtypes(node)
    return {"input": word(node, dtypes.DTYPES, "dtype")}


def _dtypes(node: Tree) -> dict[str, str]:
    known = (*ARRAYS, "output")
    names = {
        word(key, known, "array"): word(node.entries[name], dtypes.DTYPES, "dtype") for name, key in node.keys.items()
    }
    if "input" not in names:
        raise WrongNode(node, "the dtype of the input is missing", "the other arrays default to the dtype of the input")
    return names


def _layout(node: Node) -> dict[str, str]:
    known = (*ARRAYS[:4], "output")
    entries = as_mapping(node)
    return {word(key, known, "layout"): _letters(entries.entries[name]) for name, key in entries.keys.items()}


def _letters(node: Node) -> str:
    if not isinstance(node, Scalar) or not set(node.text) <= set("NDHWCIOM") or len(set(node.text)) != len(node.text):
        raise WrongNode(node, f"{described(node)} is not a layout", "write one letter per axis, such as NWC or WIO")
    return node.text


def _storage(node: Node) -> dict[str, str]:
    if isinstance(node, Tree) and "broadcast" not in node.entries:
        return {word(key, ARRAYS, "array"): _stored(node.entries[name]) for name, key in node.keys.items()}
    return {"all": _stored(node)}


def _stored(node: Node) -> str:
    if isinstance(node, Tree):
        if set(node.entries) != {"broadcast"}:
            raise WrongNode(node, "expected a storage", "write a word, or {broadcast: N} with the letter of an axis")
        return f"broadcast:{word(node.entries['broadcast'], 'NDHWCIOM', 'axis')}"
    if word(node, STORAGES, "storage") == "broadcast":
        raise WrongNode(node, "broadcast needs an axis", "write {broadcast: N}")
    return word(node, STORAGES, "storage")


def _before(node: Node) -> int | tuple[tuple[int, int], ...]:
    entries = as_mapping(node).entries
    if set(entries) != {"pad"}:
        raise WrongNode(node, "expected {pad: [[low, high], ...]}")
    return _pairs(entries["pad"])


def _variation(node: Node) -> dict[str, int]:
    if not isinstance(node, Sequence):
        return _varied(node)
    return {name: value for item in node.items for name, value in _varied(item).items()}


def _varied(node: Node) -> dict[str, int]:
    if isinstance(node, Tree) and set(node.entries) == {"threads"}:
        threads = integer(node.entries["threads"])
        if not 1 <= threads <= 64:
            raise WrongNode(node.entries["threads"], f"threads must be 1 to 64, not {threads}")
        return {"threads": threads}
    name = word(node, VARIATIONS, "variation")
    if name == "threads":
        raise WrongNode(node, "threads needs a number", "write {threads: 4}")
    return {name: 1}


#: The reader of each key of a call, except arrays.
READERS: Mapping[str, Callable[[Node], Any]] = {
    "op": lambda node: word(node, OPS, "op"),
    "layout": _layout,
    "dtype": _dtype,
    "strides": _per_axis,
    "padding": _padding,
    "padding_mode": lambda node: word(node, PADDING_MODES, "padding mode"),
    "dilations": _per_axis,
    "input_dilations": _per_axis,
    "groups": integer,
    "output_padding": _per_axis,
    "accumulate": lambda node: word(node, dtypes.DTYPES, "dtype"),
    "storage": _storage,
    "before": _before,
    "variation": _variation,
}
#: The readers for a call that must be refused. They accept unknown words, which may be the reason for the refusal.
FREE_READERS: Mapping[str, Callable[[Node], Any]] = {
    **READERS,
    "padding": _any_padding,
    "padding_mode": lambda node: any_word(node, "padding mode"),
}
#: Every key of a call whose op is not `fit`.
KEYS = (*READERS, *ARRAYS)


def read_call(
    reader: Reader, nodes: Mapping[str, Node], at: Node, *, base: Plain | None = None, is_free: bool = False
) -> Plain | None:
    """
    Return the plain call that `nodes` and `base` describe, None if it is invalid; a key of `nodes` overrides `base`.

    If `is_free`, only types are checked, because a call that must be refused may have invalid values.
    """
    before = len(reader.problems)
    call: Plain = dict(base or {"dtype": {"input": "float32"}})
    call |= read_keys(reader, nodes, is_free=is_free)
    _require(reader, {**nodes, **call}, at)
    if len(reader.problems) > before:
        return None
    layout = reader.attempt(checked_layout, call, nodes.get("layout", at))
    if layout is None:
        return None
    call["layout"] = layout
    reader.attempt(_check_before, call, nodes.get("before", at))
    _read_arrays(reader, nodes, call, at, is_free=is_free)
    return call if len(reader.problems) == before else None


def read_keys(reader: Reader, nodes: Mapping[str, Node], *, is_free: bool = False) -> Plain:
    """Return the values of all keys except arrays; if `is_free`, accept any word as padding or padding mode."""
    readers = FREE_READERS if is_free else READERS
    read = {key: reader.attempt(readers[key], node) for key, node in nodes.items() if key in readers}
    return {key: value for key, value in read.items() if value is not None}


def _require(reader: Reader, present: Mapping[str, Any], at: Node) -> None:
    for key, hint in (("op", "write for example conv"), ("layout", "write for example {input: NWC, kernel: WIO}")):
        if key not in present:
            reader.note(at, f"missing key {key!r}", hint)


def checked_layout(call: Plain, at: Node) -> dict[str, str]:
    """Return the layouts of a call, including the output layout; raise WrongNode if a layout does not fit the op."""
    letters = OPS[call["op"]]
    layout = {"output": call["layout"].get("input", ""), **call["layout"]}
    spatial = SPATIAL[min(max(len(layout.get("input", "")) - 2, 1), 3)]
    for name, pattern in {**letters, "output": "NSC"}.items():
        wanted = pattern.replace("S", spatial)
        if name == TARGET:
            continue
        if name not in layout:
            raise WrongNode(at, f"the layout of the {name} is missing", f"write for example {wanted}")
        if sorted(layout[name]) != sorted(wanted):
            raise WrongNode(
                at, f"{layout[name]} is not a layout of the {name} here", f"use the letters {wanted} in any order"
            )
    if surplus := layout.keys() - letters.keys() - {"output"}:
        raise WrongNode(at, f"layout of {min(surplus)}: {call['op']} has no {min(surplus)}")
    return layout


def _check_before(call: Plain, node: Node) -> None:
    letters = SPATIAL[len(call["layout"]["input"]) - 2]
    if isinstance(pairs := call.get("before"), tuple) and len(pairs) != len(letters):
        raise WrongNode(
            node, f"{len(pairs)} pairs for {len(letters)} spatial axes", f"write one for each axis of {letters}"
        )


def _read_arrays(reader: Reader, nodes: Mapping[str, Node], call: Plain, at: Node, *, is_free: bool) -> None:
    arrays: dict[str, Spec] = dict(call.get("arrays", {}))
    letters = OPS[call["op"]]
    for name in (*ARRAYS, TARGET):
        if name not in nodes:
            if name in letters and name not in arrays:
                reader.note(at, f"missing key {name!r}", f"{call['op']} needs it")
        elif name not in letters and name != "bias":
            reader.note(nodes[name], f"{call['op']} has no {name}", f"its arrays are {', '.join(letters)} and bias")
        elif spec := read_array(reader, nodes[name], letters_of(call, name), dtype_of(call, name), is_free=is_free):
            arrays[name] = spec
    call["arrays"] = arrays


def letters_of(call: Plain, name: str) -> str:
    """Return the axis letters of an array of the call, in the order of the array's layout."""
    if name == "bias":
        return "O"
    letters: str = call["layout"]["output" if name == TARGET else name]
    return letters


def dtype_of(call: Plain, name: str) -> str:
    """Return the dtype of the array `name` of the call; `name` can also be "output"."""
    dtype: str = call["dtype"].get(name, call["dtype"]["input"])
    return dtype
