"""Arrays as they are written in case files, checked and made plain: shape, and numbers that the dtype holds."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from ...core import COMPLEX_PARTS, FORMATS, INTEGERS, MODULUS
from . import numbers
from .array_specs import Spec
from .numbers import Number, Real, Unfit
from .reader import Reader, WrongNode, as_mapping, integer, integers, said, word
from .yaml_tree import Mapping, Node, Scalar, Sequence

#: How many elements an array may have.
ELEMENTS = 2**26
#: The density under which S keeps its limit, in the base of a sweep.
FIT = "fit"


def read_array(reader: Reader, node: Node, letters: str, dtype: str, *, is_free: bool = False) -> Spec | None:
    """
    Return the array at a node, None (and notes) where it is wrong.

    `is_free` lets it have another number of axes than the layout: of a call that must be refused.
    """
    spec = reader.attempt(_read, reader, node, dtype)
    if spec is None:
        return None
    spec["dtype"] = dtype
    fits = len(spec["shape"]) == len(letters)
    spec["letters"] = letters if fits else ""
    if not fits and not is_free:
        reader.note(node, f"an array of {len(spec['shape'])} axes", f"its layout is {letters}")
        return None
    return spec


def _read(reader: Reader, node: Node, dtype: str) -> Spec | None:
    if isinstance(node, Sequence):
        return _literal(reader, node, dtype)
    if not isinstance(node, Mapping):
        raise WrongNode(node, f"expected an array, not {said(node)}", "a nested list, or a mapping with shape")
    reader.keys(node, ("shape", *_FORMS), ["shape"])
    forms = [key for key in _FORMS if key in node.entries]
    if len(forms) != 1:
        raise WrongNode(node, "an array needs exactly one of values, fill, one_hot, identity, generate")
    if "shape" not in node.entries:
        return None
    shape = read_shape(node.entries["shape"])
    return _FORMS[forms[0]](reader, node.entries[forms[0]], shape, dtype)


def read_shape(node: Node) -> tuple[int, ...]:
    """Return the sizes of an array."""
    shape = integers(node)
    if any(size < 0 for size in shape):
        raise WrongNode(node, "a negative size")
    if math.prod(shape) > ELEMENTS:
        raise WrongNode(node, f"an array of {math.prod(shape)} elements", f"at most {ELEMENTS}")
    return shape


def _literal(reader: Reader, node: Sequence, dtype: str) -> Spec | None:
    shape: list[int] = []
    level: list[Node] = [node]
    while isinstance(level[0], Sequence):
        size = len(level[0].items)
        inner: list[Node] = []
        for item in level:
            if not isinstance(item, Sequence) or len(item.items) != size:
                raise WrongNode(item, f"ragged: {_sized(item)} where the first has {size}", "rows have equal lengths")
            inner += item.items
        if not inner:
            raise WrongNode(level[0], "an empty list has no shape", "write {shape: [...], values: []}")
        shape.append(size)
        level = inner
    values = _numbers(reader, level, dtype)
    return None if values is None else {"shape": tuple(shape), "values": values}


def _sized(node: Node) -> str:
    return f"{len(node.items)} elements" if isinstance(node, Sequence) else said(node)


def _values(reader: Reader, node: Node, shape: tuple[int, ...], dtype: str) -> Spec | None:
    if not isinstance(node, Sequence):
        raise WrongNode(node, f"expected a flat list of numbers, not {said(node)}")
    if len(node.items) != math.prod(shape):
        raise WrongNode(
            node, f"{len(node.items)} values for {math.prod(shape)} elements", f"the shape is {list(shape)}"
        )
    values = _numbers(reader, node.items, dtype)
    return None if values is None else {"shape": shape, "values": values}


def _numbers(reader: Reader, nodes: list[Node], dtype: str) -> tuple[Number, ...] | None:
    seen = _SEEN.setdefault(dtype, {})
    try:
        # The texts of a corpus repeat; those met before need no second reading.
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
        raise WrongNode(node, f"expected a number, not {said(node)}", "rows have equal depth")
    if node.is_plain == node.text.lower().lstrip("-").startswith("0x"):
        raise WrongNode(node, f"expected a number, not the text {node.text!r}", "hex floats alone stand in quotes")
    try:
        value = numbers.read(node.text, dtype)
    except Unfit as unfit:
        raise WrongNode(node, unfit.message, unfit.hint) from None
    if len(seen := _SEEN.setdefault(dtype, {})) < 2**16:
        seen[node.text, node.is_plain] = value
    return value


def _complex(node: Mapping, dtype: str) -> complex:
    if dtype not in COMPLEX_PARTS:
        raise WrongNode(node, f"a complex number where the dtype is {dtype}" if "re" in node.keys else "not a number")
    if set(node.entries) != {"re", "im"}:
        raise WrongNode(node, "a complex number is {re: ..., im: ...}")
    return complex(*(_real(node.entries[part], COMPLEX_PARTS[dtype]) for part in ("re", "im")))


def _fill(_: Reader, node: Node, shape: tuple[int, ...], dtype: str) -> Spec:
    return {"shape": shape, "fill": _number(node, dtype)}


def _one_hot(_: Reader, node: Node, shape: tuple[int, ...], __: str) -> Spec:
    index = integers(node)
    if len(index) != len(shape) or not all(0 <= i < size for i, size in zip(index, shape, strict=False)):
        raise WrongNode(node, f"{list(index)} is not an index into {list(shape)}", "one entry for each axis, from 0")
    return {"shape": shape, "one_hot": index}


def _identity(_: Reader, node: Node, shape: tuple[int, ...], __: str) -> Spec:
    tap = integer(node)
    if len(shape) < 3 or tap < 0:
        raise WrongNode(
            node, f"no tap {tap} of a kernel of {len(shape)} axes", "one number for all spatial axes, from 0"
        )
    return {"shape": shape, "identity": tap}


def _generate(reader: Reader, node: Node, shape: tuple[int, ...], dtype: str) -> Spec | None:
    rule = as_mapping(node)
    forms = [form for form in ("lcg", "normal") if form in rule.entries]
    if len(forms) != 1:
        raise WrongNode(node, "a generator is either lcg or normal")
    noted = len(reader.problems)
    if forms == ["lcg"]:
        reader.keys(rule, ("lcg", "low", "high", "density"), ["low", "high"])
        return None if len(reader.problems) > noted else {"shape": shape, **_lcg(rule, dtype)}
    reader.keys(rule, ("normal", "scale", "sign", "density", "spread", "mirror"), ["scale"])
    return None if len(reader.problems) > noted else {"shape": shape, **_normal(rule, dtype)}


def _lcg(rule: Mapping, dtype: str) -> Spec:
    low, high = (_bound(rule.entries[key], dtype) for key in ("low", "high"))
    if high < low or high - low >= 2**32:
        raise WrongNode(rule.entries["high"], f"no range from {low} to {high}", "low <= high < low + 2**32")
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
        raise WrongNode(node, f"not every integer up to {value} is a {real}", f"at most 2**{FORMATS[real].bits}")
    return value


def _seed(node: Node) -> int:
    seed = integer(node)
    if not 1 <= seed < MODULUS:
        raise WrongNode(node, f"seed {seed}", "1 to 2**31 - 2")
    return seed


def _density(node: Node) -> tuple[int, int] | str:
    return FIT if isinstance(node, Scalar) and node.text == FIT else _ratio(node)


def _ratio(node: Node) -> tuple[int, int]:
    if not isinstance(node, Scalar) or not re.fullmatch(r"0\.\d{1,9}|1|1\.0", node.text) or not float(node.text):
        raise WrongNode(node, f"density {said(node)}", f"a decimal above 0, at most 1, or {FIT}")
    ratio = Fraction(node.text)
    return ratio.numerator, ratio.denominator


def _normal(rule: Mapping, dtype: str) -> Spec:
    real = COMPLEX_PARTS.get(dtype, dtype)
    if real in INTEGERS:
        raise WrongNode(rule, f"normal numbers are no {dtype}", "use lcg")
    scale = float(_real(rule.entries["scale"], "float64"))
    if not 0 < scale < math.inf or math.frexp(scale)[0] != 0.5:
        raise WrongNode(rule.entries["scale"], f"scale {said(rule.entries['scale'])}", "a power of two, such as 0.25")
    if not 2.0**-900 < 6 * scale <= FORMATS[real].largest:
        raise WrongNode(rule.entries["scale"], f"numbers up to {6 * scale} are beyond {real}")
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
        raise WrongNode(node, f"spread {spread}", "1 to 400: numbers times 2**-spread to 2**spread")
    if 6 * scale * 2.0**spread > FORMATS[dtype].largest or scale * 2.0**-spread < 2.0**-900:
        raise WrongNode(node, f"numbers up to {6 * scale} * 2**{spread} are beyond {dtype}")
    return spread


_FORMS = {"values": _values, "fill": _fill, "one_hot": _one_hot, "identity": _identity, "generate": _generate}
