"""
Arrays of a call: read from a case, or drawn by the generator that cases/README.md describes.

Elements are stored flat in canonical order: batch, depth, height, width, channels for an input or output; depth,
height, width, input channels, output channels (`C`, `M` for a depthwise kernel) for a kernel.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from .dtypes import PARTS, Number, parsed, rounded

#: The letters of axes in canonical order. A depthwise kernel has C, M, which no other kernel has.
CANONICAL = "NDHWCIOM"
MODULUS = 2**31 - 1
#: The fault "first-draw-kept" keeps the first x after the seed.
FIRST_DRAW_KEPT = "first-draw-kept"

Part: TypeAlias = "list[Number]"


@dataclass(frozen=True)
class Array:
    """
    An array of one dtype: `sizes` by letter in canonical order, and its elements flat in the same order.

    `parts` holds the list of the numbers, and for a complex dtype a second list with the imaginary parts.
    """

    sizes: Mapping[str, int]
    dtype: str
    parts: tuple[Part, ...]

    @property
    def real(self) -> str:
        """The dtype of a part."""
        return PARTS.get(self.dtype, self.dtype)


def shape(spec: Any) -> list[int]:
    """Return the shape of an array as it is written in a case."""
    if isinstance(spec, Mapping):
        return list(spec["shape"])
    found = []
    while isinstance(spec, list):
        found.append(len(spec))
        spec = spec[0] if spec else None
    return found


def build(spec: Any, layout: str, dtype: str, fault: str = "") -> Array:
    """Return the array that a case describes, whose axes have the letters `layout`."""
    extents = shape(spec)
    letters = sorted(layout, key=CANONICAL.index)
    sizes = {letter: extents[layout.index(letter)] for letter in letters}
    if isinstance(spec, Mapping) and "generate" in spec:
        return Array(sizes, dtype, _generated(spec["generate"], sizes, dtype, fault))
    if isinstance(spec, Mapping) and "fill" in spec:
        count = math.prod(extents)
        names = ["re", "im"] if dtype in PARTS else ["re"]
        numbers = [rounded(parsed(_part(spec["fill"], name)), PARTS.get(dtype, dtype)) for name in names]
        return Array(sizes, dtype, tuple([number] * count for number in numbers))
    written = _permuted(list(_written(spec, layout)), extents, [layout.index(letter) for letter in letters])
    parts = (written,) if dtype not in PARTS else ([_part(n, "re") for n in written], [_part(n, "im") for n in written])
    real = PARTS.get(dtype, dtype)
    return Array(sizes, dtype, tuple([rounded(parsed(number), real) for number in part] for part in parts))


def _part(written: Any, name: str) -> Any:
    return written[name] if isinstance(written, Mapping) else written if name == "re" else 0


def _written(spec: Any, layout: str) -> Iterator[Any]:
    """Yield the elements as they are written, row-major in the layout."""
    if isinstance(spec, list):
        for each in spec:
            yield from _written(each, layout) if isinstance(each, list) else (each,)
    elif "values" in spec:
        yield from spec["values"]
    else:
        for place in itertools.product(*map(range, spec["shape"])):
            if "one_hot" in spec:
                yield int(list(place) == spec["one_hot"])
            else:
                at = dict(zip(layout, place, strict=True))
                yield int(at["I"] == at["O"] and all(at[a] == spec["identity"] for a in "DHW" if a in at))


def _permuted(elements: list[Any], extents: Sequence[int], order: Sequence[int]) -> list[Any]:
    """Return row-major elements with their axes in another order."""
    steps = [math.prod(extents[axis + 1 :]) for axis in range(len(extents))]
    if len(elements) != math.prod(extents):
        raise ValueError(f"{len(elements)} elements in an array of shape {list(extents)}")
    places = itertools.product(*(range(0, extents[axis] * steps[axis], steps[axis] or 1) for axis in order))
    return [elements[sum(place)] for place in places] if elements else []


def in_layout(elements: list[Any], sizes: Mapping[str, int], layout: str) -> tuple[list[Any], list[int]]:
    """Return elements in canonical order row-major in a layout, and the shape."""
    letters = list(sizes)
    return _permuted(elements, list(sizes.values()), [letters.index(a) for a in layout]), [sizes[a] for a in layout]


def draws(seed: int, fault: str = "") -> Iterator[int]:
    """Yield x <- 16807 * x mod (2**31 - 1), without the first x after the seed."""
    x = seed if fault == FIRST_DRAW_KEPT else seed * 16807 % MODULUS
    while True:
        x = x * 16807 % MODULUS
        yield x


def _generated(rule: Mapping[str, Any], sizes: Mapping[str, int], dtype: str, fault: str) -> tuple[Part, ...]:
    chance = draws(rule["lcg"] if "lcg" in rule else rule["normal"], fault)
    density = Fraction(str(rule["density"])) if "density" in rule else None
    spread = rule.get("spread")
    count = 2 if dtype in PARTS else 1
    parts: tuple[Part, ...] = tuple([] for _ in range(count))
    for _ in range(math.prod(sizes.values())):
        is_kept = density is None or next(chance) < density * MODULUS
        power = 0 if spread is None else next(chance) * (2 * spread + 1) // MODULUS - spread
        for part in parts:
            number = _number(rule, chance, power, PARTS.get(dtype, dtype))
            part.append(number if is_kept else (0, 0))
    if "mirror" in rule:
        for part in parts:
            _mirror(part, sizes, negated=rule["mirror"] == "negated")
    return parts


def _number(rule: Mapping[str, Any], chance: Iterator[int], power: int, dtype: str) -> Number:
    """Draw one number and round it to the dtype."""
    if "lcg" in rule:
        return rounded((rule["low"] + next(chance) * (rule["high"] - rule["low"] + 1) // MODULUS, 0), dtype)
    total = sum(itertools.islice(chance, 12)) - 6 * MODULUS
    m, e = scale(rule["scale"])
    return rounded((abs(total * m) if "sign" in rule else total * m, e - 31 + power), dtype)


def scale(written: Any) -> tuple[int, int]:
    """Return the scale of a normal generator."""
    found = parsed(written)
    if isinstance(found, str):
        raise ValueError(f"{written!r} is no scale")  # noqa: TRY004 -- the type is right, the text is not
    return found


def _mirror(part: Part, sizes: Mapping[str, int], *, negated: bool) -> None:
    """Overwrite the second half of the channels (of a kernel: of the contracted ones) by the first half."""
    letters = list(sizes)
    axis = letters.index("I" if "I" in sizes else "C")
    channels = sizes[letters[axis]]
    step = math.prod(list(sizes.values())[axis + 1 :])
    half = channels // 2
    for place, number in enumerate(part):
        if place // step % channels < half:
            copy = (-number[0], number[1]) if negated and not isinstance(number, str) else number
            part[place + half * step] = copy
