"""Read sweeps from case files into plain data: a base call, axes with their values, and rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ...calls import rules
from ...core import COTANGENT, SPATIAL, Plain
from ..sweeps.axes import BIAS, LENGTHS, SHAPES
from .about import ABOUT, read_about
from .calls import KEYS, READERS, checked_layout, read_call
from .gradients import read_sweep_gradients
from .reader import Reader, WrongNode, as_mapping, integer, integers, sequence, word
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node, Scalar, Sequence

TIERS = ("quick", "full")
#: The names of axes. The op and the arrays cannot be axes, because other required keys depend on them.
AXES = (*SHAPES, *(key for key in READERS if key != "op"))
#: The largest number of combinations in a sweep, before the rules of the sweep are applied.
POINTS = 200_000
#: The only supported strength of a covering array: it covers all pairs of values, but not all triples.
STRENGTH = 2


def read_sweep(reader: Reader, node: Node, defaults: dict[str, Node]) -> Plain | None:
    """
    Return one sweep as plain data, None if the sweep is invalid.

    `axes` is a list with (name, values, texts) for each axis; the texts are the values as they are written in ids.
    """
    tree = as_mapping(node)
    needed = ("id", "title", "base", "axes")
    reader.keys(tree, (*ABOUT, "tier", "base", "axes", "where", "strength", "draws"), needed)
    sweep = read_about(reader, tree, {**defaults, **tree.entries})
    if not {"base", "axes"} <= tree.entries.keys():
        return None
    base = reader.attempt(_base, reader, tree.entries["base"], defaults)
    chosen = reader.attempt(_chosen, tree)
    axes = reader.attempt(_axes, reader, tree.entries["axes"], base, bool(chosen))
    where = reader.attempt(_where, tree.entries["where"]) if "where" in tree.entries else ()
    tier = reader.attempt(word, tree.entries["tier"], TIERS, "tier") if "tier" in tree.entries else "quick"
    if base is None or axes is None or where is None or tier is None or chosen is None:
        return None
    return {**sweep, "base": base, "axes": axes, "where": where, "tier": tier, **chosen}


def _chosen(tree: Tree) -> dict[str, int]:
    """Return {"strength": 2} (covering array), {"draws": n} (random rows) or {} (all combinations)."""
    found: dict[str, int] = {key: integer(tree.entries[key]) for key in ("strength", "draws") if key in tree.entries}
    if len(found) > 1:
        raise WrongNode(
            tree.entries["draws"],
            "strength cannot be combined with draws",
            "write one of them, or neither for all combinations",
        )
    if found.get("strength", STRENGTH) != STRENGTH:
        raise WrongNode(tree.entries["strength"], f"strength must be {STRENGTH}, not {found['strength']}")
    if not 1 <= found.get("draws", 1) <= POINTS:
        raise WrongNode(tree.entries["draws"], f"draws must be 1 to {POINTS}, not {found['draws']}")
    return found


def _base(reader: Reader, node: Node, defaults: dict[str, Node]) -> Plain | None:
    tree = as_mapping(node)
    reader.keys(tree, (*KEYS, COTANGENT, "gradients"))
    call = read_call(reader, {**defaults, **tree.entries}, node)
    if call is None or not {COTANGENT, "gradients"} & tree.entries.keys():
        return call
    return read_sweep_gradients(reader, tree, call)


def _axes(
    reader: Reader, node: Node, base: Plain | None, is_chosen: bool
) -> list[tuple[str, list[Any], list[str]]] | None:
    tree = as_mapping(node)
    reader.keys(tree, AXES)
    noted = len(reader.problems)
    axes = [(name, tree.entries[name]) for name in tree.entries if name in AXES]
    found = [(name, reader.attempt(_values, name, values, base)) for name, values in axes]
    if not found:
        raise WrongNode(node, "a sweep needs at least one axis")
    if not is_chosen and math.prod(len(values[0]) for _, values in found if values) > POINTS:
        raise WrongNode(node, f"the sweep has more than {POINTS} points", "select some of them with strength or draws")
    return [(name, *values) for name, values in found if values] if len(reader.problems) == noted else None


def _values(name: str, node: Node, base: Plain | None) -> tuple[list[Any], list[str]]:
    read = _SHAPE_READERS.get(name, _size) if name in SHAPES else READERS[name]
    if name == "layout" and base is not None:
        read = partial(_layout, base)
    items = sequence(node)
    if not items:
        raise WrongNode(node, f"the axis {name} has no values")
    texts = [stored(item) if name == "storage" else label(item) for item in items]
    for item, text in zip(items, texts, strict=True):
        if texts.count(text) > 1:
            raise WrongNode(item, f"{name}={text} is listed twice")
    return [read(item) for item in items], texts


def _layout(base: Plain, node: Node) -> dict[str, str]:
    return checked_layout({**base, "layout": READERS["layout"](node)}, node)


def _size(node: Node) -> int | tuple[int, ...]:
    sizes = integers(node) if isinstance(node, Sequence) else (integer(node),)
    if any(size < 0 for size in sizes):
        raise WrongNode(node, "sizes must not be negative")
    return sizes if isinstance(node, Sequence) else sizes[0]


def _length(node: Node) -> int | str | tuple[int | str, ...]:
    """Return one length for all spatial axes or a tuple with one per axis; a length is an integer or a name."""
    return tuple(map(_one_length, node.items)) if isinstance(node, Sequence) else _one_length(node)


def _one_length(node: Node) -> int | str:
    if isinstance(node, Scalar) and not node.text.lstrip("-").isdigit():
        return word(node, LENGTHS, "length")
    size = _size(node)
    if isinstance(size, tuple):
        raise WrongNode(node, "a length cannot be a list inside a list")
    return size


def _rank(node: Node) -> int:
    rank = integer(node)
    if not 1 <= rank <= len(SPATIAL):
        raise WrongNode(node, f"rank must be 1 to {len(SPATIAL)}, not {rank}")
    return rank


#: The readers of the shape axes whose values are not merely sizes.
_SHAPE_READERS: Mapping[str, Callable[[Node], Any]] = {
    "length": _length,
    "rank": _rank,
    "bias": lambda node: word(node, BIAS, "value of the axis bias"),
}


def _where(node: Node) -> tuple[str, ...]:
    return tuple(word(item, (*rules.RULES, rules.SENSIBLE), "rule") for item in sequence(node))


def label(node: Node, between: str = "x") -> str:
    """Return the text of an axis value as it is written in ids: `3`, `2x1`, `1:2x0:1`, `NWC.WIO`."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Tree):
        return ".".join(label(value, ":") for value in node.entries.values())
    return between.join(label(item, ":") for item in node.items)


def stored(node: Node) -> str:
    """Return the text of a storage as it is written in ids: `strided`, `input:strided.kernel:offset`, `broadcast:N`."""
    if isinstance(node, Tree):
        return ".".join(f"{name}:{stored(value)}" for name, value in node.entries.items())
    return label(node)
