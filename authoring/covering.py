"""
Write the covering arrays: literal cases in which every two features meet, one file for each operation.

    python authoring/covering.py

Choices of every feature (rank, counts, kernel, stride, padding word, layout, dtype, memory…) are combined so that each
pair of choices stands in some case (by allpairspy), with data drawn by the corpus' own generator and kept small enough
for exact sums. What is expected is `output: reference`, with the alternatives of the clauses that leave a choice.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allpairspy import AllPairs

from conv_conformance import reference, rules
from conv_conformance.call import Call
from conv_conformance.corpus import load

FOLDER = Path(__file__).parent.parent / "cases"
#: The largest sum of abs(x * w) + abs(b) whose every partial sum is exact.
LIMITS = {"bfloat16": 2**8, "float16": 2**11}
DEFAULT_LIMIT = 2**12

RANKS = (1, 2, 3)
#: Kernels and lengths by rank, the last axis first in the name.
KERNELS = {
    "k1": ((1,), (1, 1), (1, 1, 1)),
    "k2": ((2,), (3, 2), (1, 3, 2)),
    "k3": ((3,), (2, 3), (2, 1, 3)),
    "k4": ((4,), (1, 4), (2, 2, 4)),
    "k5": ((5,), (3, 5), (1, 2, 5)),
}
LENGTHS = {
    "w4": ((4,), (6, 4), (3, 5, 4)),
    "w7": ((7,), (5, 7), (3, 4, 7)),
    "w10": ((10,), (7, 10), (3, 4, 10)),
    "w18": ((18,), (5, 18), (2, 3, 18)),
}
#: What is taken where a window does not fit.
WIDE = {"w15": ((15,), (13, 15), (6, 9, 15))}
STRIDES = {"s1": (1, 1, 1), "s2": (2, 2, 2), "s3": (3, 3, 3), "s132": (1, 3, 2)}
DILATIONS = {"d1": (1, 1, 1), "d2": (2, 2, 2), "d3": (3, 3, 3), "d213": (2, 1, 3)}
INPUT_DILATIONS = {"q1": (1, 1, 1), "q2": (3, 1, 2)}
PADDINGS: Mapping[str, Any] = {
    "valid": "valid",
    "same": "same",
    "same-lower": "same_lower",
    "causal": "causal",
    "full": "full",
    "p1": ((1, 1), (1, 1), (1, 1)),
    "low": ((0, 1), (1, 0), (2, 0)),
    "high": ((1, 0), (0, 1), (0, 3)),
    "long": ((0, 2), (4, 1), (6, 1)),
    "crop": ((0, 1), (1, -1), (-1, 2)),
}
CROPS: Mapping[str, Any] = {
    "valid": "valid",
    "same": "same",
    "same-lower": "same_lower",
    "p1": ((1, 1), (1, 1), (1, 1)),
    "low": ((0, 1), (1, 0), (2, 0)),
    "high": ((1, 0), (0, 1), (0, 2)),
    "extend": ((0, 0), (0, -1), (-2, 1)),
}
#: Channels, filters, groups.
COUNTS = {
    "c3-o5": (3, 5, 1),
    "c5-o3": (5, 3, 1),
    "c4-o8": (4, 8, 1),
    "c16-o17": (16, 17, 1),
    "c17-o4": (17, 4, 1),
    "c12-o8-g4": (12, 8, 4),
    "c6-o9-g3": (6, 9, 3),
    "c4-o4-g4": (4, 4, 4),
    "c5-o10-g5": (5, 10, 5),
}
#: Channels and multiplier.
MULTIPLES = {"c3-m1": (3, 1), "c3-m2": (3, 2), "c5-m3": (5, 3), "c16-m1": (16, 1), "c17-m2": (17, 2), "c8-m4": (8, 4)}
#: Channels, multiplier, filters.
STAGES = {"c3-m1-o5": (3, 1, 5), "c4-m2-o3": (4, 2, 3), "c5-m3-o17": (5, 3, 17), "c17-m1-o4": (17, 1, 4)}
LAYOUTS = {
    "last": ("N{s}C", "{s}IO", "N{s}C"),
    "first": ("NC{s}", "OI{s}", "NC{s}"),
    "first-from-last": ("N{s}C", "OI{s}", "NC{s}"),
    "last-from-first": ("NC{s}", "{s}OI", "N{s}C"),
}
DTYPES: Mapping[str, Any] = {
    "float32": "float32",
    "float64": "float64",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "int8": "int8",
    "int32": "int32",
    "uint8": "uint8",
    "int64": "int64",
    "complex64": "complex64",
}
STORAGES: Mapping[str, Any] = {
    "": {},
    "strided": {"input": "strided"},
    "offset": {"input": "offset", "kernel": "offset"},
    "transposed": {"kernel": "transposed"},
    "channels-last": {"input": "channels_last", "kernel": "channels_last"},
    "reversed": {"kernel": "reversed"},
}
#: Every so many cases are varied, in turn; eager targets cannot show them.
VARIATIONS = ("inside_graph", "dynamic_shape", "shape_inference", "kernel_constant")
EVERY = 6
MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True, kw_only=True)
class Family:
    """
    The features of one operation, and the choices of each by name.
    """

    op: str
    prefix: str
    about: str
    features: Mapping[str, tuple[Any, ...]]


COMMON = {
    "rank": RANKS,
    "batch": (3, 1),
    "kernel": tuple(KERNELS),
    "length": tuple(LENGTHS),
    "strides": tuple(STRIDES),
    "dilations": tuple(DILATIONS),
    "bias": (False, True),
    "layout": tuple(LAYOUTS),
    "storage": tuple(STORAGES),
}

FAMILIES = (
    Family(
        op="conv",
        prefix="conv",
        about="Every two features of a convolution meet in one of these cases.",
        features={
            **COMMON,
            "padding": tuple(PADDINGS),
            "counts": tuple(COUNTS),
            "dtype": tuple(DTYPES),
            "mode": MODES,
            "input_dilations": tuple(INPUT_DILATIONS),
        },
    ),
    Family(
        op="conv_transpose",
        prefix="conv-transpose",
        about="Every two features of a transposed convolution meet in one of these cases.",
        features={
            **COMMON,
            "padding": tuple(CROPS),
            "counts": tuple(COUNTS),
            "dtype": ("float32", "float64", "bfloat16", "int32"),
            "output_padding": (0, 1),
        },
    ),
    Family(
        op="depthwise_conv",
        prefix="depthwise-conv",
        about="Every two features of a depthwise convolution meet in one of these cases.",
        features={
            **COMMON,
            "padding": tuple(PADDINGS),
            "counts": tuple(MULTIPLES),
            "dtype": ("float32", "float64", "bfloat16", "int32"),
        },
    ),
    Family(
        op="separable_conv",
        prefix="separable-conv",
        about="Every two features of a separable convolution meet in one of these cases.",
        features={
            **COMMON,
            "padding": ("valid", "same", "same-lower", "p1", "low", "high"),
            "counts": tuple(STAGES),
            "dtype": ("float32", "float64"),
        },
    ),
)


def rows(family: Family) -> Iterator[dict[str, Any]]:
    """
    Yield choices of every feature, each pair of choices in one of them where they can meet.
    """
    names = list(family.features)
    partial = lambda row: _can_meet(family, dict(zip(names, row, strict=False)))  # noqa: E731
    for number, row in enumerate(AllPairs(list(family.features.values()), filter_func=partial)):
        turn, rest = divmod(number, EVERY)
        variation = VARIATIONS[turn % len(VARIATIONS)] if rest == EVERY - 1 else ""
        yield {**dict(zip(names, row, strict=True)), "variation": variation}


def _can_meet(family: Family, chosen: Mapping[str, Any]) -> bool:
    return not any(rule(chosen) for rule in RULES)


def _has(chosen: Mapping[str, Any], **wanted: Any) -> bool:
    return all(name in chosen and chosen[name] in choices for name, choices in wanted.items())


#: What cannot meet: no meaning, nothing left, or more clauses to cite than three.
RULES: tuple[Callable[[Mapping[str, Any]], bool], ...] = (
    lambda c: _has(c, padding=("causal",), rank=(2, 3)),
    lambda c: _has(c, mode=MODES[1:], padding=("crop", "long", "valid", "full")),
    lambda c: _has(c, mode=MODES[1:], input_dilations=("q2",)),
    lambda c: _has(c, mode=MODES[1:], kernel=("k5", "k4"), length=("w4",)),
    lambda c: _has(c, mode=MODES[1:], dilations=("d2", "d3", "d213"), padding=("same", "same-lower", "causal")),
    lambda c: _has(c, output_padding=(1,), padding=("valid", "same", "same-lower", "extend")),
    lambda c: _has(c, output_padding=(1,), strides=("s1",)),
    lambda c: _has(c, output_padding=(1,), strides=("s132",), rank=(2, 3)),
    lambda c: _has(c, storage=("channels-last",), rank=(1,)),
    lambda c: _has(c, counts=("c16-o17", "c17-o4"), rank=(3,), kernel=("k5", "k4")),
    lambda c: _has(c, dtype=("uint8", "int8", "complex64"), storage=("channels-last",)),
    lambda c: _choices(c) > 2,
)


def _choices(chosen: Mapping[str, Any]) -> int:
    """
    Return how many clauses that leave a choice will have to be cited.
    """
    strided = _has(chosen, strides=("s2", "s3", "s132"))
    dilated = _has(chosen, dilations=("d2", "d3", "d213"))
    return sum(
        (
            strided and _has(chosen, padding=("same", "same-lower")) and "output_padding" not in chosen,
            strided and dilated,
            "dtype" in chosen and chosen["dtype"] != "float32",
            _has(chosen, padding=("crop", "extend")),
            _has(chosen, strides=("s132",)) and _has(chosen, counts=(*MULTIPLES, *STAGES)),
            _has(chosen, padding=("valid",)) and "output_padding" in chosen and strided,
        )
    )


def plain(family: Family, chosen: Mapping[str, Any], density: float) -> dict[str, Any]:
    """
    Return a case as plain data, but for its clauses and its expectation.
    """
    rank = chosen["rank"]
    space = {1: "W", 2: "HW", 3: "DHW"}[rank]
    layout = [each.format(s=space) for each in LAYOUTS[chosen["layout"]]]
    seed = zlib.crc32(repr(sorted(chosen.items(), key=str)).encode()) % 9000 + 1
    kernel, length = KERNELS[chosen["kernel"]][rank - 1], (LENGTHS | WIDE)[chosen["length"]][rank - 1]
    draw = {"low": 0 if chosen["dtype"] == "uint8" else -3, "high": 3}
    thin = {**draw, "density": density} if density < 1 else draw
    call: dict[str, Any] = {}
    sizes = {"N": chosen["batch"], **dict(zip(space, length, strict=True))}
    taps = dict(zip(space, kernel, strict=True))
    if family.op in ("conv", "conv_transpose"):
        channels, filters, groups = COUNTS[chosen["counts"]]
        parts = (channels, filters // groups) if family.op == "conv_transpose" else (channels // groups, filters)
        call["layout"] = dict(zip(("input", "kernel", "output"), layout, strict=True))
        call["kernel"] = _array(layout[1], {**taps, "I": parts[0], "O": parts[1]}, seed + 1, thin)
        call |= {"groups": groups} if groups > 1 else {}
    elif family.op == "depthwise_conv":
        channels, multiplier = MULTIPLES[chosen["counts"]]
        filters = channels * multiplier
        letters = layout[1].replace("O", "M").replace("I", "C")
        call["layout"] = {"input": layout[0], "kernel": letters, "output": layout[2]}
        call["kernel"] = _array(letters, {**taps, "C": channels, "M": multiplier}, seed + 1, thin)
    else:
        channels, multiplier, filters = STAGES[chosen["counts"]]
        letters = layout[1].replace("O", "M").replace("I", "C")
        names = ("input", "depthwise_kernel", "pointwise_kernel", "output")
        call["layout"] = dict(zip(names, (layout[0], letters, layout[1], layout[2]), strict=True))
        call["depthwise_kernel"] = _array(letters, {**taps, "C": channels, "M": multiplier}, seed + 1, thin)
        ones = dict.fromkeys(space, 1)
        few = {"low": -1, "high": 1}
        call["pointwise_kernel"] = _array(layout[1], {**ones, "I": channels * multiplier, "O": filters}, seed + 2, few)
    call["input"] = _array(layout[0], {**sizes, "C": channels}, seed, draw)
    if chosen["bias"]:
        call["bias"] = [(17 * at + 5) % 13 + (1 if chosen["dtype"] == "uint8" else -6) for at in range(filters)]
    call["dtype"] = chosen["dtype"]
    paddings = CROPS if family.op == "conv_transpose" else PADDINGS
    padding = paddings[chosen["padding"]]
    call["padding"] = padding if isinstance(padding, str) else [list(pair) for pair in padding[-rank:]]
    call["strides"] = list(STRIDES[chosen["strides"]][-rank:])
    call["dilations"] = list(DILATIONS[chosen["dilations"]][-rank:])
    if chosen.get("input_dilations", "q1") != "q1":
        call["input_dilations"] = list(INPUT_DILATIONS[chosen["input_dilations"]][-rank:])
    if chosen.get("mode", "zeros") != "zeros":
        call["padding_mode"] = chosen["mode"]
    if chosen.get("output_padding"):
        call["output_padding"] = 1
    if chosen["storage"]:
        call["storage"] = _storage(chosen["storage"], family.op)
    if chosen["variation"]:
        call["variation"] = chosen["variation"]
    return {"id": _name(family, chosen), "title": _title(family, chosen), **call}


def _storage(name: str, op: str) -> dict[str, str]:
    said = STORAGES[name]
    if op != "separable_conv":
        return dict(said)
    return {("depthwise_kernel" if key == "kernel" else key): value for key, value in said.items()}


def _array(letters: str, sizes: Mapping[str, int], seed: int, draw: Mapping[str, Any]) -> dict[str, Any]:
    return {"shape": [sizes[letter] for letter in letters], "generate": {"lcg": seed, **draw}}


def _name(family: Family, chosen: Mapping[str, Any]) -> str:
    words = [chosen["padding"], chosen["kernel"], chosen["length"], chosen["strides"], chosen["dilations"]]
    words += [chosen["counts"], f"n{chosen['batch']}"]
    words += [] if chosen.get("input_dilations", "q1") == "q1" else [chosen["input_dilations"]]
    words += [] if chosen.get("mode", "zeros") == "zeros" else [chosen["mode"]]
    words += ["op1"] if chosen.get("output_padding") else []
    words += ["biased"] if chosen["bias"] else []
    words += [chosen["dtype"], chosen["layout"], chosen["storage"], chosen["variation"].replace("_", "-")]
    return f"{family.prefix}{chosen['rank']}d.covering.{'-'.join(filter(None, words))}"


def _title(family: Family, chosen: Mapping[str, Any]) -> str:
    rank = chosen["rank"]
    kernel = "x".join(map(str, KERNELS[chosen["kernel"]][rank - 1]))
    length = "x".join(map(str, (LENGTHS | WIDE)[chosen["length"]][rank - 1]))
    stride = "x".join(map(str, STRIDES[chosen["strides"]][-rank:]))
    dilation = "x".join(map(str, DILATIONS[chosen["dilations"]][-rank:]))
    paddings = CROPS if family.op == "conv_transpose" else PADDINGS
    padding = paddings[chosen["padding"]]
    said = f"`{padding}`" if isinstance(padding, str) else f"padding {', '.join(str(list(p)) for p in padding[-rank:])}"
    parts = [f"A kernel of {kernel} over {length}, {said}, stride {stride}, dilation {dilation}"]
    if family.op in ("conv", "conv_transpose"):
        channels, filters, groups = COUNTS[chosen["counts"]]
        parts.append(f"{channels} channels to {filters}" + (f" in {groups} groups" if groups > 1 else ""))
    elif family.op == "depthwise_conv":
        channels, multiplier = MULTIPLES[chosen["counts"]]
        parts.append(f"{channels} channels times {multiplier}")
    else:
        channels, multiplier, filters = STAGES[chosen["counts"]]
        parts.append(f"{channels} channels times {multiplier} to {filters}")
    return ", ".join(parts)


def required(family: Family, chosen: Mapping[str, Any]) -> list[str]:
    """
    Return required clauses that a case is about, the rarer first.
    """
    wanted: list[tuple[bool, str]] = [
        (bool(chosen.get("output_padding")), "TRANS-5"),
        (family.op == "separable_conv", "SEPARABLE-1"),
        (family.op == "depthwise_conv", "DEPTHWISE-3"),
        (family.op == "conv_transpose" and chosen["counts"].count("-") == 2, "TRANS-8"),
        (family.op == "conv_transpose" and chosen["padding"] == "same", "TRANS-4"),
        (family.op == "conv_transpose" and chosen["padding"] == "same-lower", "TRANS-13"),
        (family.op == "conv_transpose" and chosen["padding"] in ("p1", "low", "high"), "TRANS-3"),
        (family.op == "conv_transpose", "TRANS-1"),
        (chosen["variation"] == "shape_inference", "INFER-1"),
        (chosen["variation"] == "dynamic_shape", "VARIATION-2"),
        (chosen["variation"] == "kernel_constant", "VARIATION-1"),
        (chosen.get("mode") == "reflect", "MODE-1"),
        (chosen.get("mode") == "replicate", "MODE-2"),
        (chosen.get("mode") == "circular", "MODE-3"),
        (chosen.get("input_dilations") == "q2", "INDILATION-2"),
        (chosen["padding"] == "causal", "CAUSAL-1"),
        (chosen["padding"] == "full", "FULL-1"),
        (chosen["padding"] == "crop", "PAD-6"),
        (chosen["padding"] == "long", "PAD-3"),
        (chosen["counts"].count("-g") == 1, "GROUP-1"),
        (chosen["padding"] == "same-lower", "LOWER-1"),
        (chosen["padding"] == "same", "SAME-2"),
        (chosen["dilations"] in ("d2", "d3", "d213") and chosen["strides"] != "s1", "STRIDE-5"),
        (chosen["padding"] in ("low", "high"), "PAD-2"),
        (chosen["storage"] in ("strided", "transposed", "reversed", "channels-last"), "STORAGE-1"),
        (chosen["storage"] == "offset", "STORAGE-2"),
        (chosen["layout"] in ("first-from-last", "last-from-first"), "LAYOUT-2"),
        (bool(chosen["bias"]), "BIAS-1"),
        (chosen["dilations"] != "d1", "DILATION-1"),
        (chosen["strides"] != "s1", "STRIDE-1"),
        (True, "CHANNEL-1"),
        (True, "CONV-2"),
    ]
    return [clause for holds, clause in wanted if holds]


def settled(family: Family, chosen: Mapping[str, Any], clauses: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return a whole case, its data thinned out until sums are exact; None where nothing is left of the output.
    """
    for density in (1.0, 0.75, 0.5, 0.3, 0.2, 0.1):
        case = plain(family, chosen, density)
        call = _built(family, case)
        if not rules.RULES["output-not-empty"](call) or not rules.RULES["window-fits"](call):
            return None if chosen["length"] in WIDE else settled(family, {**chosen, "length": "w15"}, clauses)
        largest = float(abs(reference.magnitude(call)).max())
        if largest <= _limit(call):
            break
    else:
        return None
    left_open = [
        clause
        for name, clause in clauses.items()
        if clause.alternatives and all(rules.RULES[rule](call) for rule in clause.when)
    ]
    if len(left_open) > 2:
        return None
    about = [*[clause.id for clause in left_open], *required(family, chosen)][:3]
    return {**case, "clauses": about, "expect": _expectation(left_open, case)}


def _limit(call: Call) -> int:
    dtype = call.dtype.input
    return 100 if dtype in ("int8", "uint8") else LIMITS.get(dtype, DEFAULT_LIMIT)


def _built(family: Family, case: Mapping[str, Any]) -> Call:
    import tempfile

    text = document(family, [{**case, "clauses": ["CONV-2"], "expect": {"output": "reference"}}])
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        (loaded,) = load([file.name]).cases
        assert loaded.call is not None
        return loaded.call


def _expectation(left_open: list[Any], case: Mapping[str, Any]) -> dict[str, Any]:
    if not left_open:
        return {"output": "reference"}
    twin: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for clause in left_open:
        for name, each in clause.alternatives.items():
            if each.is_refusal:
                twin |= {key: _said(value) for key, value in each.twin.items()}
                # An output padding wants a stride.
                twin |= {"output_padding": 0} if "output_padding" in case and "strides" in twin else {}
            elif not outputs or each.switch:
                outputs[name] = {"output": "reference"}
    return {"any_of": {**outputs, **({"refuses": {"refusal": {"twin": twin}}} if twin else {})}}


def _said(value: Any) -> Any:
    return value["input"] if isinstance(value, Mapping) else value


def document(family: Family, cases: list[dict[str, Any]]) -> str:
    """
    Return the text of a case file.
    """
    lines = ["# yaml-language-server: $schema=../case.schema.json", "about: >", f"  {family.about}"]
    lines += [f"defaults: {{op: {family.op}}}", "cases:"]
    for case in cases:
        for at, (key, value) in enumerate(_in_order(case).items()):
            lines.append(f"{'  - ' if at == 0 else '    '}{key}: {_flow(value)}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _in_order(case: Mapping[str, Any]) -> dict[str, Any]:
    first = ("id", "title", "clauses", "layout", "dtype", "input", "kernel", "depthwise_kernel", "pointwise_kernel", "bias")
    ordered = {key: case[key] for key in first if key in case}
    return {**ordered, **{key: value for key, value in case.items() if key not in ordered and key != "expect"}, "expect": case["expect"]}


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    text = str(value)
    return f'"{text}"' if any(mark in text for mark in "`[]{},:") and isinstance(value, str) else text


def main() -> None:
    """
    Write one file for each family.
    """
    for family in FAMILIES:
        (FOLDER / family.op / "covering.yaml").unlink(missing_ok=True)
    clauses = load(sweeps="none").clauses
    for family in FAMILIES:
        found = [case for chosen in rows(family) if (case := settled(family, chosen, clauses)) is not None]
        path = FOLDER / family.op / "covering.yaml"
        path.write_text(document(family, found), encoding="utf-8")
        print(f"{path.relative_to(FOLDER.parent)}: {len(found)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
