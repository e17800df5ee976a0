"""
Literal cases at the sizes that production kernels are made for.

A literal case is small, so that a person can check it; frameworks compute small calls in general ways.
Its enlarged twin has the same operation, parameters, layouts, dtypes and storage, over more samples, channels, filters,
taps and places, with drawn numbers.
Cases that differ in their sizes and numbers alone share one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from zlib import crc32

from ...core import COTANGENT, MODULUS, Plain
from ..clauses import Clause
from ..format import geometry
from ..format.array_specs import Spec
from ..format.arrays import FIT
from ..format.calls import dtype_of
from ..format.gradients import SECOND_ORDER
from . import covering_array
from .axes import at
from .points import Point, hollow, open_choices

#: What the twins are called together.
SWEEP = "enlarged"
#: The dtypes that production kernels exist for.
DTYPES = ("float32", "bfloat16", "float16")
#: What varies: a twin takes a row of the covering array of these.
SIZES: Mapping[str, tuple[int, ...]] = {
    "batch": (3, 4),
    "channels": (3, 16, 17, 64),
    "filters": (3, 16, 17, 32),
    "multiplier": (1, 2, 3),
    "kernel_size": (1, 3, 5),
}
ROWS = tuple(covering_array.pairs([len(values) for values in SIZES.values()], lambda row: True, seed=1))
#: Of three spatial axes none has more taps than this, whose sums would take seconds otherwise.
MOST_TAPS = 3
#: How much of a cotangent is not zero: its sums run over all samples and places.
SPARSE = (1, 4)
#: Alternatives under which an output has another shape.
RESHAPING = ("trailing-zeros", "dilated-nothing")
#: For how many windows each axis has room, by rank.
PLACES = ((33,), (6, 9), (3, 4, 5))


def points(
    cases: Iterable[Plain], clauses: Mapping[str, Clause], left_out: Counter[str]
) -> Iterator[tuple[Plain, Point]]:
    """
    Yield plain literal cases with their enlarged twins, one for each structure.

    `left_out` counts why others have none.
    """
    seen = set[str]()
    for case in cases:
        reason = _unfit(case)
        if not reason and (structure := _structure(case["call"])) in seen:
            reason = "a case of the same structure has one"
        if not reason:
            seen.add(structure)
            sizes = _sizes(case)
            plain = enlarged(case["call"], sizes, crc32(case["id"].encode()) % (MODULUS - 10) + 1)
            reason = "it has no meaning at other sizes"
            if not geometry.complaints(geometry.settled(plain)):
                found = open_choices(hollow(plain), clauses)
                if COTANGENT not in plain or not any(map(_leaves_the_shape, found)):
                    text = ",".join(f"{name}={size}" for name, size in sizes.items())
                    yield case, Point(id=f"{case['id']}[{text}]", call=plain, clauses=found)
                    continue
                reason = "its output may have several shapes at other sizes, and its cotangent has one"
        left_out[reason] += 1


def _leaves_the_shape(clause: Clause) -> bool:
    return any(alternative.switch in RESHAPING for alternative in clause.alternatives.values())


def _unfit(case: Plain) -> str:
    call = case["call"]
    if case["expect"]["kind"] in ("refusal", "shape", "fit"):
        return "it is about no result"
    if call.get("variation", {}).get("shape_inference"):
        return "it is about a shape"
    if dtype_of(call, "input") not in DTYPES:
        return "no production kernel has its dtype"
    if any(0 in spec["shape"] for spec in call["arrays"].values()):
        return "it is about nothing"
    return ""


def can_wait(case: Plain) -> bool:
    """
    Say whether the twin of a case is for the full tier alone.

    So it is where a case has drawn numbers itself, at sizes that it was given for what it shows; of gradients of
    gradients; and of gradients along one axis, for which frameworks take the kernels that they have for two, of the
    bias alone, which no kernel of a convolution makes, and behind a padding mode, which is a step of its own.
    """
    call = case["call"]
    if COTANGENT in call:
        has_mode = call.get("padding_mode", "zeros") != "zeros"
        is_plain_sum = list(call["gradients"]) == ["bias"]
        return SECOND_ORDER in call or len(geometry.spatial(call)) == 1 or has_mode or is_plain_sum
    return _is_drawn(case)


def _is_drawn(case: Plain) -> bool:
    return all("lcg" in spec for name, spec in case["call"]["arrays"].items() if name != "bias")


def _structure(call: Plain) -> str:
    """Return all of a call but its sizes, its numbers and their layouts."""
    settled = geometry.settled(call)
    left = ("arrays", "layout", "groups", COTANGENT, SECOND_ORDER)
    kept = {name: value for name, value in settled.items() if name not in left}
    second = settled.get(SECOND_ORDER, {})
    twice = [[*second.get("directions", ())], [*second.get("names", ())]]
    by_channel, is_grouped = _is_by_channel(settled), settled["groups"] > 1
    return repr([sorted(kept.items()), twice, by_channel, is_grouped, len(settled["layout"]["input"])])


def _is_by_channel(call: Plain) -> bool:
    """Say whether each channel is a group of its own."""
    return bool(call["groups"] > 1 and call["groups"] == geometry.extents(call, "input")["C"])


def _sizes(case: Plain) -> dict[str, int]:
    """Return the sizes of one row, chosen by the case's id, as far as its operation has them."""
    row = ROWS[crc32(case["id"].encode()) % len(ROWS)]
    sizes = {name: values[at] for (name, values), at in zip(SIZES.items(), row, strict=True)}
    op, rank = case["call"]["op"], len(geometry.spatial(case["call"]))
    if op == "depthwise_conv":
        del sizes["filters"]
    elif op != "separable_conv":
        del sizes["multiplier"]
    return {**sizes, "kernel_size": min(sizes["kernel_size"], MOST_TAPS)} if rank == len(PLACES) else sizes


def enlarged(call: Plain, sizes: Mapping[str, int], seed: int) -> Plain:
    """
    Return a plain call at other sizes, its arrays drawn anew from `seed` on.

    Groups stay as many, or as many as channels; they share channels and filters evenly, rounded down.
    """
    settled = geometry.settled(call)
    arrays = {name: _drawn(spec, seed + number) for number, (name, spec) in enumerate(settled["arrays"].items())}
    arrays["input"]["density"] = FIT
    if COTANGENT in settled:
        settled[COTANGENT] = {**_drawn(settled[COTANGENT], seed + len(arrays)), "density": SPARSE}
    values: dict[str, object] = dict(sizes)
    if settled["groups"] > 1:
        groups = sizes["channels"] if _is_by_channel(settled) else settled["groups"]
        del values["channels"], values["filters"]
        values |= {"groups": groups, "group_channels": max(sizes["channels"] // groups, 1)}
        values |= {"group_filters": max(sizes["filters"] // groups, 1)}
    grown = at({**settled, "arrays": arrays}, values)
    there = at(
        {**grown, "arrays": {**grown["arrays"], "input": arrays["input"]}}, {**values, "length": _lengths(grown)}
    )
    if SECOND_ORDER in settled:
        directions = _directions(settled[SECOND_ORDER]["directions"], there, seed + len(arrays) + 1)
        there[SECOND_ORDER] = {**settled[SECOND_ORDER], "directions": directions}
    return there


def _directions(names: Iterable[str], call: Plain, seed: int) -> dict[str, Spec]:
    """Return directions so sparse that the two convolutions along them together stay below the S of the call."""
    above, below = call["arrays"]["input"]["density"]
    densities = {"input": (above, 2 * below), "kernel": SPARSE}
    drawn = {name: _drawn(call["arrays"][name], seed + number) for number, name in enumerate(names)}
    for name, spec in drawn.items():
        if name in densities:
            spec["density"] = densities[name]
    return drawn


def _drawn(spec: Spec, seed: int) -> Spec:
    drawn: Spec = {"letters": spec["letters"], "shape": spec["shape"], "dtype": spec["dtype"]}
    return {**drawn, "lcg": seed, "low": -3, "high": 3}


def _lengths(call: Plain) -> tuple[int, ...]:
    """Return lengths with room for `PLACES` windows, and for one place less than a stride behind them."""
    letters = geometry.spatial(call)
    places = PLACES[len(letters) - 1]
    if call["op"] == "conv_transpose":
        return places
    return tuple(_length(call, axis, places[axis]) for axis in range(len(letters)))


def _length(call: Plain, axis: int, places: int) -> int:
    kernel = "depthwise_kernel" if call["op"] == "separable_conv" else "kernel"
    taps, stride = geometry.extents(call, kernel)[geometry.spatial(call)[axis]], call["strides"][axis]
    padded = 0 if isinstance(call["padding"], str) else sum(call["padding"][axis])
    window = (taps - 1) * call["dilations"][axis] + 1
    return int(max(window - padded + places * stride - 1, places))
