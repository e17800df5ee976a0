"""Read the arrays of case files into array specs, and check their shapes and numbers."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from ...core import COMPLEX_PARTS, FORMATS, INTEGERS, MODULUS
from . import numbers
from .array_specs import Spec
from .numbers import Number, Real, Unfit
from .reader import Reader, WrongNode, as_mapping, described, integer, integers, word
from .yaml_tree import Mapping, Node, Scalar, Sequence

#: The largest number of elements of an array.
ELEMENTS = 2**26
#: The input density in the base of a sweep that is replaced, at each point, by a ratio that keeps S within its limit.
FIT = "fit"


def read_array(reader: Reader, node: Node, letters: str, dtype: str, *, is_free: bool = False) -> Spec | None:
    """
    Return the spec of the array at a node; if the array is invalid, note the problems and return None.

    If `is_free`, the array may have more or fewer axes than the layout, as in a call that must be refused.
    """
    spec = reader.attempt(_read, reader, node, dtype)
    if spec is None:
        return None
    spec["dtype"] = dtype
    fits = len(spec["shape"]) == len(letters)
    spec["letters"] = letters if fits else ""
    if not fits and not is_free:
        reader.note(node, f"an array with {len(spec['shape'])} axes does not fit the layout {letters}")
        return None
    return spec


def _read(reader: Reader, node: Node, dtype: str) -> Spec | None:
    if isinstance(node, Sequence):
        return _literal(reader, node, dtype)
    if not isinstance(node, Mapping):
        raise WrongNode(
            node, f"expected an array, not {described(node)}", "write a nested list, or a mapping with shape"
        )
    reader.keys(node, ("shape", *_FORMS), ["shape"])
    forms = [key for key in _FORMS if key in node.entries]
    if len(forms) != 1:
        raise WrongNode(node, "an array needs exactly one of values, fill, one_hot, identity, generate")
    if "shape" not in node.entries:
        return None
    shape = read_shape(node.entries["shape"])
    return _FORMS[forms[0]](reader, node.entries[forms[0]], shape, dtype)


def read_shape(node: Node) -> tuple[int, ...]:
    """Return the shape that is written at a node."""
    shape = integers(node)
    if any(size < 0 for size in shape):
        raise WrongNode(node, "sizes must not be negative")
    if math.prod(shape) > ELEMENTS:
        raise WrongNode(node, f"an array can have at most {ELEMENTS} elements, not {math.prod(shape)}")
    return shape


def _literal(reader: Reader, node: Sequence, dtype: str) -> Spec | None:
    shape: list[int] = []
    level: list[Node] = [node]
    while isinstance(level[0], Sequence):
        size = len(level[0].items)
        inner: list[Node] = []
        for item in level:
            if not isinstance(item, Sequence) or len(item.items) != size:
                raise WrongNode(
                    item,
                    f"ragged array: {_sized(item)} where the first row has {size}",
                    "all rows need the same length",
                )
            inner += item.items
        if not inner:
            raise WrongNode(level[0], "an empty list has no shape", "write {shape: [...], values: []}")
        shape.append(size)
        level = inner
    values = _numbers(reader, level, dtype)
    return None if values is None else {"shape": tuple(shape), "values": values}


def _sized(node: Node) -> str:
    return f"{len(node.items)} elements" if isinstance(node, Sequence) else described(node)


def _values(reader: Reader, node: Node, shape: tuple[int, ...], dtype: str) -> Spec | None:
    if not isinstance(node, Sequence):
        raise WrongNode(node, f"expected a flat list of numbers, not {described(node)}")
    if len(node.items) != math.prod(shape):
        raise WrongNode(node, f"shape {list(shape)} needs {math.prod(shape)} values, not {len(node.items)}")
    values = _numbers(reader, node.items, dtype)
    return None if values is None else {"shape": shape, "values": values}


def _numbers(reader: Reader, nodes: list[Node], dtype: str) -> tuple[Number, ...] | None:
    seen = _SEEN.setdefault(dtype, {})
    try:
        # Look up texts that were parsed before, because the same numbers occur throughout a corpus.
        return tuple([seen[node.text, node.is_plain] for node in nodes])  # type: ignore[union-attr]
    except (KeyError, AttributeError):
        found = [reader.attempt(_number, node, dtype) for node in nodes]
    return None if None in found else tuple(value for value in found if value is not None)


_SEEN: dict[str, dict[tuple[str, bool], Number]] = {}


def _number(node: Node, dtype: str) -> Number:
    if isinstance(node, Mapping):
        return _complex(node, dtype)
    if dtype in COMPLEX_PARTS:
        return complex(_real(node, COMPLEX_PARTS[dtype]), 0.0)
    return _real(node, dtype)


def _real(node: Node, dtype: str) -> Real:
    if not isinstance(node, Scalar):
        raise WrongNode(node, f"expected a number, not {described(node)}", "all rows need the same depth")
    if node.is_plain == node.text.lower().lstrip("-").startswith("0x"):
        raise WrongNode(
            node, f"expected a number, not the text {node.text!r}", "quote hex floats, and no other numbers"
        )
    try:
        value = numbers.read(node.text, dtype)
    except Unfit as unfit:
        raise WrongNode(node, unfit.message, unfit.hint) from None
    if len(seen := _SEEN.setdefault(dtype, {})) < 2**16:
        seen[node.text, node.is_plain] = value
    return value


def _complex(node: Mapping, dtype: str) -> complex:
    if dtype not in COMPLEX_PARTS:
        raise WrongNode(node, f"{dtype} cannot represent a complex number" if "re" in node.keys else "not a number")
    if set(node.entries) != {"re", "im"}:
        raise WrongNode(node, "a complex number must be {re: ..., im: ...}")
    return complex(*(_real(node.entries[part], COMPLEX_PARTS[dtype]) for part in ("re", "im")))


def _fill(_: Reader, node: Node, shape: tuple[int, ...], dtype: str) -> Spec:
    return {"shape": shape, "fill": _number(node, dtype)}


def _one_hot(_: Reader, node: Node, shape: tuple[int, ...], __: str) -> Spec:
    index = integers(node)
    if len(index) != len(shape) or not all(0 <= i < size for i, size in zip(index, shape, strict=False)):
        raise WrongNode(
            node, f"{list(index)} is not an index into shape {list(shape)}", "write one index per axis, starting at 0"
        )
    return {"shape": shape, "one_hot": index}


def _identity(_: Reader, node: Node, shape: tuple[int, ...], __: str) -> Spec:
    tap = integer(node)
    if len(shape) < 3 or tap < 0:
        raise WrongNode(
            node,
            f"a kernel with {len(shape)} axes has no tap {tap}",
            "write the index of a tap, starting at 0; it applies to every spatial axis",
        )
    return {"shape": shape, "identity": tap}


def _generate(reader: Reader, node: Node, shape: tuple[int, ...], dtype: str) -> Spec | None:
    rule = as_mapping(node)
    forms = [form for form in ("lcg", "normal") if form in rule.entries]
    if len(forms) != 1:
        raise WrongNode(node, "a generator needs exactly one of lcg and normal")
    noted = len(reader.problems)
    if forms == ["lcg"]:
        reader.keys(rule, ("lcg", "low", "high", "density"), ["low", "high"])
        return None if len(reader.problems) > noted else {"shape": shape, **_lcg(rule, dtype)}
    reader.keys(rule, ("normal", "scale", "sign", "density", "spread", "mirror"), ["scale"])
    return None if len(reader.problems) > noted else {"shape": shape, **_normal(rule, dtype)}


def _lcg(rule: Mapping, dtype: str) -> Spec:
    low, high = (_bound(rule.entries[key], dtype) for key in ("low", "high"))
    if high < low or high - low >= 2**32:
        raise WrongNode(
            rule.entries["high"], f"low = {low} and high = {high} are not a range", "low <= high < low + 2**32"
        )
    spec: Spec = {"lcg": _seed(rule.entries["lcg"]), "low": low, "high": high}
    if "density" in rule.entries:
        spec["density"] = _density(rule.entries["density"])
    return spec


def _bound(node: Node, dtype: str) -> int:
    value = integer(node)
    real = COMPLEX_PARTS.get(dtype, dtype)
    try:
        numbers.from_integer(value, real)
    except Unfit as unfit:
        raise WrongNode(node, unfit.message, unfit.hint) from None
    if real not in INTEGERS and abs(value) > 2 ** FORMATS[real].bits:
        raise WrongNode(
            node, f"{real} cannot represent every integer up to {value}", f"use at most 2**{FORMATS[real].bits}"
        )
    return value


def _seed(node: Node) -> int:
    seed = integer(node)
    if not 1 <= seed < MODULUS:
        raise WrongNode(node, f"a seed must be 1 to 2**31 - 2, not {seed}")
    return seed


def _density(node: Node) -> tuple[int, int] | str:
    is_fit = isinstance(node, Scalar) and node.text == FIT
    return FIT if is_fit else _ratio(node, f"in the base of a sweep, {FIT} is also possible")


def _ratio(node: Node, hint: str = "") -> tuple[int, int]:
    if not isinstance(node, Scalar) or not re.fullmatch(r"0\.\d{1,9}|1|1\.0", node.text) or not float(node.text):
        raise WrongNode(node, f"density must be a decimal above 0 and at most 1; got {described(node)}", hint)
    ratio = Fraction(node.text)
    return ratio.numerator, ratio.denominator


def _normal(rule: Mapping, dtype: str) -> Spec:
    real = COMPLEX_PARTS.get(dtype, dtype)
    if real in INTEGERS:
        raise WrongNode(rule, f"`normal` cannot generate {dtype}", "use lcg")
    scale = float(_real(rule.entries["scale"], "float64"))
    if not 0 < scale < math.inf or math.frexp(scale)[0] != 0.5:
        message = f"scale must be a power of two, such as 0.25; got {described(rule.entries['scale'])}"
        raise WrongNode(rule.entries["scale"], message)
    if not 2.0**-900 < 6 * scale <= FORMATS[real].largest:
        raise WrongNode(rule.entries["scale"], f"{real} cannot represent numbers up to {6 * scale}")
    spec: Spec = {"normal": _seed(rule.entries["normal"]), "scale": scale}
    if "sign" in rule.entries:
        spec["sign"] = word(rule.entries["sign"], ("positive",), "sign")
    if "mirror" in rule.entries:
        spec["mirror"] = word(rule.entries["mirror"], ("same", "negated"), "mirror")
    if "density" in rule.entries:
        spec["density"] = _ratio(rule.entries["density"])
    if "spread" in rule.entries:
        spec["spread"] = _spread(rule.entries["spread"], scale, real)
    return spec


def _spread(node: Node, scale: float, dtype: str) -> int:
    spread = integer(node)
    if not 0 < spread <= 400:
        raise WrongNode(node, f"spread must be 1 to 400, not {spread}", "numbers are scaled by 2**-spread to 2**spread")
    if 6 * scale * 2.0**spread > FORMATS[dtype].largest or scale * 2.0**-spread < 2.0**-900:
        raise WrongNode(node, f"{dtype} cannot represent numbers up to {6 * scale} * 2**{spread}")
    return spread


_FORMS = {"values": _values, "fill": _fill, "one_hot": _one_hot, "identity": _identity, "generate": _generate}
