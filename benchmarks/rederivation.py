"""
Derive the outputs of random sweep points once more, from the files and the written definition alone.

It shares nothing with the engine: it reads the sweeps with a plain YAML reader and the points by their ids, draws the
arrays by the generator that cases/README.md describes, and sums products of whole numbers and fractions in Python's own
loops. Only then it asks the engine what it expects of these points, and compares.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import covering
import yaml

MODULUS = 2**31 - 1
SPATIAL = ("W", "HW", "DHW")
CANONICAL = "NDHWCIOM"
#: Significant bits, exponent of the smallest normal number, and the largest S that every order of summation keeps.
FLOATS = {
    "float64": (53, -1022, 2**41),
    "float32": (24, -126, 2**12),
    "float16": (11, -14, 2**11),
    "bfloat16": (8, -126, 2**8),
    "float8_e4m3fn": (4, -6, 2**4),
    "float8_e5m2": (3, -14, 2**3),
}
COMPLEX = {"complex64": "float32", "complex128": "float64"}
ONES = {"strides": 1, "dilations": 1, "input_dilations": 1, "output_padding": 0}
#: Points with more products than this are passed over.
PRODUCTS = 400_000


class Point:
    """One point of a sweep: its parameters spread over the spatial axes, the sizes of its arrays by letters."""

    def __init__(self, defaults: Mapping[str, Any], sweep: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        values = {
            axis: next(value for value in options if covering.text(axis, value) == texts[axis])
            for axis, options in sweep["axes"].items()
        }
        self.said = {**defaults, **sweep["base"]}
        self.rank = values.pop("rank", len(self.said["layout"]["input"]) - 2)
        self.is_wide = "rank" in sweep["axes"]
        self.values = {axis: self._cut(value) for axis, value in values.items()}
        self.said |= {axis: value for axis, value in self.values.items() if axis in (*ONES, *WORDS)}
        self.op = self.said["op"]
        self.layout = {"output": self.said["layout"]["input"], **self.said["layout"]}
        self.layout = {name: letters.replace("W", SPATIAL[self.rank - 1]) for name, letters in self.layout.items()}
        dtype = self.said.get("dtype", "float32")
        self.dtype = dtype if isinstance(dtype, str) else dtype["input"]
        self.groups = self.said.get("groups", 1)
        self.steps = {name: self._spread(self.said.get(name, one)) for name, one in ONES.items()}
        self.before = self._pairs(self.said.get("before", {"pad": 0})["pad"])
        self.sizes = self._sizes()
        self.padding = self.said.get("padding", "valid")
        self.arrays = {name: self._array(name) for name in self.sizes}

    def _cut(self, value: Any) -> Any:
        if isinstance(value, Mapping) and "pad" in value:
            return {"pad": self._cut(value["pad"])}
        return value[-self.rank :] if self.is_wide and isinstance(value, list) and len(value) == 3 else value

    def _spread(self, value: Any) -> list[int]:
        return [value] * self.rank if isinstance(value, int) else list(value)

    def _pairs(self, value: Any) -> list[list[int]]:
        return [[value, value] for _ in range(self.rank)] if isinstance(value, int) else list(value)

    def _sizes(self) -> dict[str, dict[str, int]]:
        """Return the sizes of the arrays by their letters."""
        letters, base, values = SPATIAL[self.rank - 1], self.said, self.values
        names = [name for name in ("input", "kernel", "depthwise_kernel", "pointwise_kernel") if name in base]
        sizes = {}
        for name in names:
            written = dict(zip(base["layout"][name], base[name]["shape"], strict=True))
            sizes[name] = {letter: written["W" if letter in "DHW" else letter] for letter in self.layout[name]}
        first = "depthwise_kernel" if "depthwise_kernel" in base else "kernel"
        last = "pointwise_kernel" if "pointwise_kernel" in base else "kernel"
        sizes["input"]["N"] = values.get("batch", sizes["input"]["N"])
        channels = values.get("channels", values.get("group_channels", 0) * self.groups) or sizes["input"]["C"]
        sizes["input"]["C"] = channels
        taps = values.get("kernel_size")
        if taps is not None:
            sizes[first] |= dict(zip(letters, self._spread(taps), strict=True))
        if "multiplier" in values:
            sizes[first]["M"] = values["multiplier"]
        filters = values.get("filters", values.get("group_filters", 0) * self.groups)
        if filters:
            sizes[last]["O"] = filters // self.groups if base["op"] == "conv_transpose" else filters
        if first == "kernel" and "I" in sizes["kernel"]:
            sizes["kernel"]["I"] = channels if base["op"] == "conv_transpose" else channels // self.groups
        else:
            sizes[first]["C"] = channels
        if last == "pointwise_kernel":
            sizes[last]["I"] = channels * sizes[first]["M"]
        if "length" in values:
            spread = values["length"] if isinstance(values["length"], list) else [values["length"]] * self.rank
            windows = [
                (sizes[first][letter] - 1) * d + 1 for letter, d in zip(letters, self.steps["dilations"], strict=True)
            ]
            for axis, (letter, length) in enumerate(zip(letters, spread, strict=True)):
                sizes["input"][letter] = self._length(axis, windows[axis], length)
        if "bias" in base and values.get("bias", "with") == "with":
            sizes["bias"] = {"O": self.channels_out(sizes)}
        return sizes

    def _length(self, axis: int, window: int, word: Any) -> int:
        if isinstance(word, int):
            return word
        padding, stride = self.said.get("padding", "valid"), self.steps["strides"][axis]
        if not isinstance(padding, str) and self.said["op"] != "conv_transpose":
            window -= sum(self._pairs(padding)[axis])
        behind = self.rank - 1 - axis
        more = {"below": -1, "window": 0, "above": 1, "stride": stride, "long": (3 + behind) * stride + 1}[word]
        return max(window + more, 0 if word == "below" else 1)

    def channels_out(self, sizes: Mapping[str, Mapping[str, int]]) -> int:
        """Return the number of output channels."""
        if self.said["op"] == "depthwise_conv":
            return sizes["kernel"]["C"] * sizes["kernel"]["M"]
        last = "pointwise_kernel" if "pointwise_kernel" in sizes else "kernel"
        return sizes[last]["O"] * (self.groups if self.said["op"] == "conv_transpose" else 1)

    def _array(self, name: str) -> dict[tuple[int, ...], Any]:
        """Return the elements of an array by their places in canonical order."""
        letters = sorted(self.sizes[name], key=CANONICAL.index)
        places = list(itertools.product(*(range(self.sizes[name][letter]) for letter in letters)))
        rule = self.said[name]["generate"]
        return dict(zip(places, self._drawn(rule, len(places)), strict=True))

    def _drawn(self, rule: Mapping[str, Any], count: int) -> Iterator[Any]:
        draws = generator(rule.get("lcg", rule.get("normal")))
        density = self._density(rule.get("density", 1))
        parts = 2 if self.dtype in COMPLEX else 1
        for _ in range(count):
            kept = "density" not in rule or Fraction(next(draws), MODULUS) < density
            numbers = [self._number(rule, draws) if kept else self._number(rule, draws) * 0 for _ in range(parts)]
            yield tuple(numbers) if parts == 2 else numbers[0]

    def _number(self, rule: Mapping[str, Any], draws: Iterator[int]) -> Any:
        if "lcg" in rule:
            return rule["low"] + next(draws) * (rule["high"] - rule["low"] + 1) // MODULUS
        total = sum(next(draws) for _ in range(12)) - 6 * MODULUS
        return rounded(Fraction(total, 2**31) * Fraction(rule["scale"]), COMPLEX.get(self.dtype, self.dtype))

    def _density(self, density: Any) -> Fraction:
        if density != "fit":
            return Fraction(str(density))
        if self.dtype not in FLOATS:
            return Fraction(1)
        expected = mean(self.said["input"]["generate"])
        for name, sizes in self.sizes.items():
            if "kernel" in name:
                expected *= mean(self.said[name]["generate"])
                expected *= math.prod(size for letter, size in sizes.items() if letter not in "OCM")
        share = 0.4 * FLOATS[self.dtype][2] / max(expected, 1.0)
        return Fraction(1) if share >= 1 else Fraction(max(math.floor(1000 * share), 1), 1000)


#: The keys of a call that an axis may bear, beside those of `ONES`.
WORDS = ("layout", "dtype", "padding", "padding_mode", "groups", "storage", "before", "variation", "accumulate")


def mean(rule: Mapping[str, Any]) -> float:
    """Return the mean magnitude of the whole numbers that a rule draws."""
    numbers = range(rule["low"], rule["high"] + 1)
    return sum(map(abs, numbers)) / len(numbers)


def generator(seed: int) -> Iterator[int]:
    """Yield x <- 16807 x mod (2**31 - 1), without the first."""
    x = seed * 16807 % MODULUS
    while True:
        x = x * 16807 % MODULUS
        yield x


def rounded(value: Fraction, dtype: str) -> Fraction:
    """Round to nearest, ties to even; whole numbers to the dtype's range, modulo 2**n."""
    if dtype not in FLOATS:
        bits = int(dtype.lstrip("uint"))
        wrapped = int(value) % 2**bits
        return Fraction(wrapped - 2**bits if dtype[0] == "i" and wrapped >= 2 ** (bits - 1) else wrapped)
    if not value:
        return value
    bits, least, _ = FLOATS[dtype]
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent = max(exponent if size >= Fraction(2) ** exponent else exponent - 1, least)
    unit = Fraction(2) ** (exponent - bits + 1)
    return round(value / unit) * unit


def padded(point: Point, x: Any, length: int, axis: int, low: int) -> Any:
    """Return how a place of the padded, dilated input is read: a place of the input, None for a zero."""
    place, mode = x - low, point.said.get("padding_mode", "zeros")
    step = point.steps["input_dilations"][axis]
    whole = (length - 1) * step + 1 if length else 0
    if not 0 <= place < whole:
        if mode == "zeros":
            return None
        if mode == "replicate":
            place = min(max(place, 0), whole - 1)
        elif mode == "circular":
            place %= whole
        else:
            period = max(2 * (whole - 1), 1)
            place = min(place % period, period - place % period) if whole > 1 else 0
    return place // step if place % step == 0 else None


def pads(point: Point, lengths: Sequence[int], windows: Sequence[int]) -> list[tuple[int, int]]:
    """Return the low and high padding of each axis of a forward convolution."""
    found = []
    for axis, (length, window) in enumerate(zip(lengths, windows, strict=True)):
        step, stride, word = point.steps["input_dilations"][axis], point.steps["strides"][axis], point.padding
        whole = (length - 1) * step + 1 if length else 0
        total = max((-(-whole // stride) - 1) * stride + window - whole, 0)
        words = {
            "valid": (0, 0),
            "same": (total // 2, total - total // 2),
            "same_lower": (total - total // 2, total // 2),
            "causal": (window - 1, 0),
            "full": (window - 1, window - 1),
        }
        found.append(words[word] if isinstance(word, str) else tuple(point._pairs(word)[axis]))
    return found


def ahead(point: Point) -> tuple[dict[tuple[int, ...], Any], list[int]]:
    """Return the input after `before`, with its lengths."""
    letters = SPATIAL[point.rank - 1]
    lengths = [point.sizes["input"][letter] for letter in letters]
    moved = {}
    for (n, *places, c), value in point.arrays["input"].items():
        at = tuple(place + low for place, (low, _) in zip(places, point.before, strict=True))
        moved[(n, *at, c)] = value
    return moved, [max(length + low + high, 0) for length, (low, high) in zip(lengths, point.before, strict=True)]


def times(one: Any, other: Any) -> Any:
    """Return a product, of complex numbers as pairs."""
    if isinstance(one, tuple):
        return one[0] * other[0] - one[1] * other[1], one[0] * other[1] + one[1] * other[0]
    return one * other


def plus(one: Any, other: Any) -> Any:
    """Return a sum, of complex numbers as pairs."""
    return (one[0] + other[0], one[1] + other[1]) if isinstance(one, tuple) else one + other


def forward(point: Point, kernel: str, data: Any, lengths: list[int]) -> dict[tuple[int, ...], Any]:
    """Return a forward convolution of `data` (places N, space, C) with a kernel, by the definition."""
    letters, sizes = SPATIAL[point.rank - 1], point.sizes[kernel]
    is_depthwise = "M" in sizes
    windows = [
        (sizes[a] - 1) * d + 1 if sizes[a] else 0 for a, d in zip(letters, point.steps["dilations"], strict=True)
    ]
    around = pads(point, lengths, windows)
    out = []
    for axis, (low, high) in enumerate(around):
        step = point.steps["input_dilations"][axis]
        whole = max(((lengths[axis] - 1) * step + 1 if lengths[axis] else 0) + low + high, 0)
        out.append(max((whole - windows[axis]) // point.steps["strides"][axis] + 1, 0))
    channels = sizes["C"] * sizes["M"] if is_depthwise else sizes["O"]
    per_group = channels // point.groups
    result = {}
    for n, *at, o in itertools.product(range(point.sizes["input"]["N"]), *map(range, out), range(channels)):
        total: Any = (0, 0) if point.dtype in COMPLEX else 0
        for taps in itertools.product(*(range(sizes[a]) for a in letters)):
            places = [
                padded(point, p * s + k * d, length, axis, low)
                for axis, (p, s, k, d, length, (low, _)) in enumerate(
                    zip(at, point.steps["strides"], taps, point.steps["dilations"], lengths, around, strict=True)
                )
            ]
            if None in places:
                continue
            if is_depthwise:
                terms = [(o // sizes["M"], (*taps, o // sizes["M"], o % sizes["M"]))]
            else:
                terms = [(o // per_group * sizes["I"] + i, (*taps, i, o)) for i in range(sizes["I"])]
            for c, weight in terms:
                value = data.get((n, *places, c))
                if value is not None:
                    total = plus(total, times(value, point.arrays[kernel][weight]))
        result[(n, *at, o)] = total
    return result


def transposed(point: Point, data: Any, lengths: list[int]) -> dict[tuple[int, ...], Any]:
    """Return a transposed convolution: each element adds a scaled kernel to the output, then its ends are cropped."""
    letters, sizes, zero = SPATIAL[point.rank - 1], point.sizes["kernel"], (0, 0) if point.dtype in COMPLEX else 0
    out, lows = [], []
    for axis, letter in enumerate(letters):
        stride, window = point.steps["strides"][axis], (sizes[letter] - 1) * point.steps["dilations"][axis] + 1
        crop = max(window - stride, 0)
        if point.padding in ("same", "same_lower"):
            lows.append(crop // 2 if point.padding == "same" else crop - crop // 2)
            out.append(lengths[axis] * stride)
        else:
            low, high = (0, 0) if point.padding == "valid" else point._pairs(point.padding)[axis]
            lows.append(low)
            left = (lengths[axis] - 1) * stride + window - low - high + point.steps["output_padding"][axis]
            out.append(max(left, 0))
    shape = [range(point.sizes["input"]["N"]), *map(range, out), range(sizes["O"] * point.groups)]
    result = dict.fromkeys(itertools.product(*shape), zero)
    per_group = sizes["I"] // point.groups
    for (n, *places, c), value in data.items():
        for taps in itertools.product(*(range(sizes[a]) for a in letters)):
            at = [
                p * s + k * d - low
                for p, s, k, d, low in zip(
                    places, point.steps["strides"], taps, point.steps["dilations"], lows, strict=True
                )
            ]
            for o in range(sizes["O"]):
                key = (n, *at, c // per_group * sizes["O"] + o)
                if key in result:
                    result[key] = plus(result[key], times(value, point.arrays["kernel"][(*taps, c, o)]))
    return result


def derived(point: Point) -> dict[tuple[int, ...], Any]:
    """Return the output of a point by places (N, space, C), rounded once."""
    data, lengths = ahead(point)
    inside = {
        key: value
        for key, value in data.items()
        if all(0 <= place < length for place, length in zip(key[1:-1], lengths, strict=True))
    }
    if any(low > 0 or high > 0 for low, high in point.before):
        zero = (0, 0) if point.dtype in COMPLEX else 0
        shape = [range(point.sizes["input"]["N"]), *map(range, lengths), range(point.sizes["input"]["C"])]
        inside = {key: inside.get(key, zero) for key in itertools.product(*shape)}
    if point.op == "conv_transpose":
        result = transposed(point, inside, lengths)
    elif point.op == "separable_conv":
        result = pointwise(point, forward(point, "depthwise_kernel", inside, lengths))
    else:
        result = forward(point, "kernel", inside, lengths)
    real = COMPLEX.get(point.dtype, point.dtype)
    final = {}
    for key, value in result.items():
        total = plus(value, point.arrays["bias"][key[-1:]]) if "bias" in point.arrays else value
        final[key] = (
            tuple(rounded(Fraction(part), real) for part in total)
            if isinstance(total, tuple)
            else rounded(Fraction(total), real)
        )
    return final


def pointwise(point: Point, stage: Mapping[tuple[int, ...], Any]) -> dict[tuple[int, ...], Any]:
    """Return the second step of a separable convolution: sums over channels alone."""
    sizes, ones = point.sizes["pointwise_kernel"], (0,) * point.rank
    result: dict[tuple[int, ...], Any] = {}
    for (*at, i), value in stage.items():
        for o in range(sizes["O"]):
            term = times(value, point.arrays["pointwise_kernel"][(*ones, i, o)])
            key = (*at, o)
            result[key] = plus(result[key], term) if key in result else term
    return result


def products(point: Point) -> int:
    """Return about how many products a point takes."""
    kernels = [math.prod(sizes.values()) for name, sizes in point.sizes.items() if "kernel" in name]
    return math.prod(point.sizes["input"].values()) * max(kernels)


def chosen(count: int, seed: int) -> list[tuple[str, Point]]:
    """Return so many random points, of those that have an output and take no more than `PRODUCTS` products."""
    written, defaults = covering.sweeps(), {}
    for path in sorted(covering.CASES.glob("*/*.yaml")):
        file = yaml.safe_load(path.read_text())
        defaults |= {sweep["id"]: file.get("defaults", {}) for sweep in file.get("sweeps", ())}
    names = [name for name in covering.points("full") if covering.parsed(name)[0] in written]
    found: list[tuple[str, Point]] = []
    for name in random.Random(seed).sample(names, len(names)):
        sweep, texts = covering.parsed(name)
        point = Point(defaults[sweep], written[sweep], texts)
        if 0 < products(point) <= PRODUCTS and derived(point):
            found.append((name, point))
        if len(found) == count:
            break
    return found


def compared(points: Sequence[tuple[str, Point]]) -> list[dict[str, Any]]:
    """Return what was derived of each point, and whether the engine expects the same."""
    from conv_conformance import corpus
    from conv_conformance.core.expectation import AnyOf, Output

    cases = {case.id: case for case in corpus.load(sweeps="full").cases}
    rows = []
    for name, point in points:
        expectation = cases[name].expectation
        ways = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
        (expected, *_) = [way for way in ways if isinstance(way, Output) and not way.switches]
        mine = derived(point)
        wrong = _differing(point, mine, expected.array)
        rows.append({"point": name, "elements": len(mine), "differing": wrong, "first": _first(mine)})
    return rows


def _differing(point: Point, mine: Mapping[tuple[int, ...], Any], array: Any) -> int:
    """Count the elements that differ; an output of another size differs everywhere."""
    canonical = "N" + SPATIAL[point.rank - 1] + "C"
    moved = array.transpose([point.layout["output"].index(letter) for letter in canonical])
    if moved.size != len(mine):
        return max(len(mine), moved.size)
    kind = complex if point.dtype in COMPLEX else float
    return sum(_number(value) != kind(moved[key]) for key, value in mine.items())


def _number(value: Any) -> Any:
    return complex(*map(float, value)) if isinstance(value, tuple) else float(value)


def _first(mine: Mapping[tuple[int, ...], Any]) -> str:
    return ", ".join(str(_number(value)) for value in itertools.islice(mine.values(), 3)) or "nothing"


def main() -> None:
    """Derive, print a line for each point, and exit 1 where the engine expects something else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = compared(chosen(options.points, options.seed))
    for row in rows:
        print(f"{'same ' if not row['differing'] else 'OTHER'} {row['elements']:>6} elements  {row['point']}")
    wrong = sum(bool(row["differing"]) for row in rows)
    print(f"derived {len(rows)} points once more: {wrong} wrong")
    if options.json:
        options.json.write_text(json.dumps({"seed": options.seed, "points": rows}, indent=2) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
