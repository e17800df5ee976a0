"""
The points of the sweeps, from their ids and the files: which call a point is, and which alternatives it has.

The id of a point lists its values by axis, as in `conv.pairs[rank=2,dtype=float32,...]`. The file has the base of the
call and the values of each axis. cases/README.md, "Sweeps", describes how an axis changes the base.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .arrays import CANONICAL, Array, shape
from .dtypes import FLOATS, PARTS
from .geometry import pairs, per_axis
from .outputs import Call, Result, derive

SPATIAL = "DHW"
#: The axes that change sizes. Every other axis has the name of a key of the call.
SIZES = (
    *("rank", "batch", "channels", "filters", "kernel_size", "multiplier", "length"),
    *("group_channels", "group_filters", "bias"),
)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep of a case file, and the defaults of the file."""

    said: Mapping[str, Any]
    defaults: Mapping[str, Any]


def sweeps(documents: Iterator[Mapping[str, Any]]) -> dict[str, Sweep]:
    """Return the sweeps of the case files by id."""
    return {
        sweep["id"]: Sweep(said=sweep, defaults=document.get("defaults", {}))
        for document in documents
        for sweep in document.get("sweeps", ())
    }


def values(name: str, sweep: Sweep) -> dict[str, Any]:
    """Return the values of a point by axis; LookupError if its id has a value that the file does not list."""
    texts = dict(each.split("=", 1) for each in name.partition("[")[2].rstrip("]").split(","))
    found = {}
    for axis, options in sweep.said["axes"].items():
        found[axis] = next((value for value in options if text(axis, value) == texts[axis]), None)
        if found[axis] is None:
            raise LookupError(f"{name}: {axis}={texts[axis]} is in no list of the sweep")
    return found


def text(axis: str, value: Any) -> str:
    """Return a value as an id writes it."""
    if isinstance(value, Mapping) and axis == "storage":
        return ".".join(f"{name}:{each}" for name, each in value.items())
    if isinstance(value, Mapping):
        return ".".join(":".join(text("", each).split("x")) for each in value.values())
    if isinstance(value, list):
        return "x".join(":".join(map(str, each)) if isinstance(each, list) else text("", each) for each in value)
    return str(value)


class Point:
    """
    A point of a sweep as a call.

    `said` holds the keys of the call, with every array in canonical order of its axes, so that the layouts of the point
    do not matter. `layout` is the layout of the output and of the gradients' arrays, by name.
    """

    def __init__(self, name: str, sweep: Sweep) -> None:
        self.name, self.sweep = name, sweep
        self.values = values(name, sweep)
        self.base = {**sweep.defaults, **sweep.said["base"]}
        said = {**self.base, **{axis: value for axis, value in self.values.items() if axis not in SIZES}}
        written = self.base["layout"]
        self.rank = self.values.get("rank", sum(letter in SPATIAL for letter in written["input"]))
        self.letters = SPATIAL[-self.rank :]
        said = {key: self._cut(value) if key != "layout" else value for key, value in said.items()}
        self.groups = said.get("groups", 1)
        self.arrays = [name for name in ("input", "kernel", "depthwise_kernel", "pointwise_kernel") if name in said]
        self.said = said
        self.layout = {name: self._wide(letters) for name, letters in said["layout"].items()}
        self.layout = {"output": self.layout["input"], "bias": "O", **self.layout}
        sizes = self._sizes({name: dict(zip(written[name], shape(said[name]), strict=True)) for name in self.arrays})
        self._write(sizes)

    def _wide(self, letters: str) -> str:
        return letters.replace("W", self.letters) if "rank" in self.values else letters

    def _cut(self, value: Any) -> Any:
        """Return the last `rank` of three entries, if the rank varies."""
        if isinstance(value, Mapping) and "pad" in value:
            return {"pad": self._cut(value["pad"])}
        is_cut = "rank" in self.values and isinstance(value, list) and len(value) == 3
        return value[-self.rank :] if is_cut else value

    def _sizes(self, sizes: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        """Return the sizes of the arrays by their letters, after every axis of the sweep."""
        if "rank" in self.values:
            for each in sizes.values():
                each.update(dict.fromkeys(self.letters, each["W"]))
        first, last = sizes[self.arrays[1]], sizes[self.arrays[-1]]
        x, values, op = sizes["input"], self.values, self.said["op"]
        x["N"] = values.get("batch", x["N"])
        x["C"] = (
            values["group_channels"] * self.groups if "group_channels" in values else values.get("channels", x["C"])
        )
        if "kernel_size" in values:
            first.update(zip(self.letters, per_axis(self._cut(values["kernel_size"]), self.rank), strict=True))
        first["M"] = values.get("multiplier", first.get("M", 1))
        if op in ("conv", "conv_transpose"):
            del first["M"]
            first["I"] = x["C"] if op == "conv_transpose" else x["C"] // self.groups
        else:
            first["C"] = x["C"]
        if op == "separable_conv":
            last["I"] = x["C"] * first["M"]
            last.update(dict.fromkeys(self.letters, 1))
        self._set_filters(last)
        if "length" in values:
            self._set_lengths(x, first)
        if "bias" in self.said and values.get("bias", "with") == "with":
            sizes["bias"] = {"O": self._filters(first, last)}
        return sizes

    def _set_filters(self, last: dict[str, int]) -> None:
        values, is_transposed = self.values, self.said["op"] == "conv_transpose"
        if "group_filters" in values:
            last["O"] = values["group_filters"] * (1 if is_transposed else self.groups)
        elif "filters" in values:
            last["O"] = values["filters"] // (self.groups if is_transposed else 1)

    def _filters(self, first: Mapping[str, int], last: Mapping[str, int]) -> int:
        if self.said["op"] == "depthwise_conv":
            return first["C"] * first["M"]
        return last["O"] * (self.groups if self.said["op"] == "conv_transpose" else 1)

    def _set_lengths(self, x: dict[str, int], first: Mapping[str, int]) -> None:
        words = per_axis(self._cut(self.values["length"]), self.rank)
        strides, dilations = (per_axis(self.said.get(key, 1), self.rank) for key in ("strides", "dilations"))
        padding = self.said.get("padding", "valid")
        is_reduced = not isinstance(padding, str) and self.said["op"] != "conv_transpose"
        around = [sum(pair) for pair in pairs(padding, self.rank)] if is_reduced else [0] * self.rank
        for axis, letter in enumerate(self.letters):
            length, s = (first[letter] - 1) * dilations[axis] + 1 - around[axis], strides[axis]
            later = self.rank - 1 - axis
            lengths = {
                "below": max(length - 1, 0),
                "window": max(length, 1),
                "above": max(length + 1, 1),
                "stride": max(length + s, 1),
                "long": max(length + (3 + later) * s + 1, 1),
            }
            x[letter] = lengths[words[axis]] if isinstance(words[axis], str) else words[axis]

    def _write(self, sizes: Mapping[str, Mapping[str, int]]) -> None:
        """Put arrays of these sizes into `said`, in canonical order of their axes."""
        layout = {}
        for name in (*self.arrays, "bias"):
            written = self.said.get(name)
            if name not in sizes:
                self.said.pop(name, None)
            elif isinstance(written, list):
                layout[name] = self.base["layout"][name]
            else:
                letters = self.layout[name]
                layout[name] = "".join(sorted(letters, key=CANONICAL.index))
                self.said[name] = {**written, "shape": [sizes[name][letter] for letter in layout[name]]}
        layout["output"] = "".join(sorted(self.layout["output"], key=CANONICAL.index))
        self.said["layout"] = layout
        rule = self.said["input"].get("generate", {}) if isinstance(self.said["input"], Mapping) else {}
        if rule.get("density") == "fit":
            self.said["input"]["generate"] = {**rule, "density": self._density(sizes)}

    def _density(self, sizes: Mapping[str, Mapping[str, int]]) -> Fraction:
        """Return the density `fit`: the mean of S is at most 0.4 times the limit for the dtype, in thousandths."""
        dtype = self.said.get("dtype", "float32")
        dtype = dtype if isinstance(dtype, str) else dtype["input"]
        if dtype not in FLOATS:
            return Fraction(1)
        mean = _mean(self.said["input"]["generate"])
        for name in self.arrays[1:]:
            taps = math.prod(sizes[name][letter] for letter in sizes[name] if letter in (*self.letters, "I"))
            mean *= _mean(self.said[name]["generate"]) * taps
        share = Fraction(2, 5) * FLOATS[dtype].exact_sums / max(mean, Fraction(1))
        return Fraction(1) if share >= 1 else Fraction(max(math.floor(1000 * share), 1), 1000)

    def switches(self, alternatives: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
        """
        Return the choices that change the numbers of this point: the switch of each, by its alternative's name.

        `alternatives` has the alternatives with a switch of each clause. A point has every combination of the choices
        of the clauses that apply to it.
        """
        strides, dilations = (per_axis(self.said.get(key, 1), self.rank) for key in ("strides", "dilations"))
        x, kernel = (dict(zip(self.said["layout"][n], shape(self.said[n]), strict=True)) for n in self.arrays[:2])
        lows = pairs(self.said.get("before", {"pad": 0})["pad"], self.rank)
        lengths = [max(x[a] + sum(pair), 0) for a, pair in zip(self.letters, lows, strict=True)]
        windows = [(kernel[a] - 1) * d + 1 for a, d in zip(self.letters, dilations, strict=True)]
        applying = [name for name in self.sweep.said.get("clauses", ()) if name.startswith("NUM-")]
        if self.said["op"] == "conv_transpose":
            gaps = [s > window for s, window in zip(strides, windows, strict=True)]
            if any(gaps) and self.said.get("padding", "valid") == "valid":
                applying.append("TRANS-7")
            if any(w == 0 and s > 1 for w, s in zip(lengths, strides, strict=True)):
                applying.append("EMPTY-7")
        if self._has_subnormals():
            applying.append("SUBNORMAL-1")
        found = [
            [{}, *({name: switch} for name, switch in alternatives.get(clause, {}).items())] for clause in applying
        ]
        return [{name: switch for each in row for name, switch in each.items()} for row in itertools.product(*found)]

    def _has_subnormals(self) -> bool:
        """Return whether an array has a subnormal number, or the smallest input times the smallest tap is one."""
        call = Call(self.said)
        dtype = PARTS.get(call.dtype("input"), call.dtype("input"))
        if dtype not in FLOATS:
            return False
        sizes = {name: _smallest(array) for name, array in call.arrays.items() if array.real in FLOATS}
        taps = min((sizes[name] for name in self.arrays[1:] if name in sizes), default=Fraction(1))
        least = Fraction(2) ** FLOATS[dtype].least
        return any(0 < size < least for size in (*sizes.values(), sizes["input"] * taps))

    def products(self) -> int:
        """Return an upper bound of the number of products, and of the elements to draw, without drawing them."""
        sizes = [shape(self.said[name]) for name in self.arrays]
        kernels = [math.prod(each) for each in sizes[1:]]
        x = math.prod(sizes[0])
        channels = max(dict(zip(self.said["layout"]["input"], sizes[0], strict=True))["C"], 1)
        return max(x, x // channels * max(kernels), *kernels)

    def derive(self, names: frozenset[str] = frozenset(), fault: str = "") -> Result:
        """Derive the output and the gradients with the alternatives of these names."""
        expect: dict[str, Any] = {}
        if "gradients" in self.base:
            sizes = Call(self.said, names, fault).output_sizes()
            wanted = self.base["gradients"]
            present = [name for name in (*self.arrays, "bias") if name in self.said]
            listed = present if wanted == "all" else [name for name in wanted if name in present]
            cotangent = {**self.base["cotangent"], "shape": list(sizes.values())}
            expect = {"gradients": {"cotangent": cotangent, **dict.fromkeys(listed, "reference")}}
        return derive(self.said, expect, names, fault)


def _smallest(array: Array) -> Fraction:
    """Return the smallest magnitude of a finite number that is not zero; 1 if there is none."""
    finite = ((m, e) for part in array.parts for m, e in (n for n in part if not isinstance(n, str)) if m)
    return min((abs(m) * Fraction(2) ** e for m, e in finite), default=Fraction(1))


def _mean(rule: Mapping[str, Any]) -> Fraction:
    """Return the mean magnitude of the integers that a rule draws."""
    numbers = range(rule["low"], rule["high"] + 1)
    return Fraction(sum(map(abs, numbers)), len(numbers))
