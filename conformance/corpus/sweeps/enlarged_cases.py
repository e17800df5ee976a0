"""
Enlarge literal cases to sizes for which frameworks use their production kernels.

Literal cases are small, so that a person can check them. Frameworks compute such small calls with generic code.
The enlarged twin of a case has the same operation, parameters, layouts, dtypes and storage, but more samples, channels,
filters, taps and positions. Its numbers are generated.
Cases that differ only in sizes, numbers and layouts share one twin.
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

#: The sweep name of all enlarged twins.
SWEEP = "enlarged"
#: The dtypes for which frameworks have production kernels.
DTYPES = ("float32", "bfloat16", "float16")
#: The sizes that vary between twins, with their values. Each twin uses one row of the covering array `ROWS`.
SIZES: Mapping[str, tuple[int, ...]] = {
    "batch": (3, 4),
    "channels": (3, 16, 17, 64),
    "filters": (3, 16, 17, 32),
    "multiplier": (1, 2, 3),
    "kernel_size": (1, 3, 5),
}
ROWS = tuple(covering_array.pairs([len(values) for values in SIZES.values()], lambda row: True, seed=1))
#: The largest number of taps per axis in calls with three spatial axes. More taps would cost seconds per call.
MOST_TAPS = 3
#: The density of a cotangent. It is small, because gradients are sums over all samples and positions.
SPARSE = (1, 4)
#: The switches that change the shape of the output.
RESHAPING = ("trailing-zeros", "dilated-nothing")
#: The number of windows along each spatial axis, for calls with one, two and three spatial axes.
PLACES = ((33,), (6, 9), (3, 4, 5))


def points(
    cases: Iterable[Plain], clauses: Mapping[str, Clause], left_out: Counter[str]
) -> Iterator[tuple[Plain, Point]]:
    """
    Yield pairs of a plain literal case and its enlarged twin, one pair for each structure.

    `left_out` counts the cases without a twin, by reason.
    """
    seen = set[str]()
    for case in cases:
        reason = _unfit(case)
        if not reason and (structure := _structure(case["call"])) in seen:
            reason = "another case of the same structure has the twin"
        if not reason:
            seen.add(structure)
            sizes = _sizes(case)
            plain = enlarged(case["call"], sizes, crc32(case["id"].encode()) % (MODULUS - 10) + 1)
            reason = "the call is undefined at other sizes"
            if not geometry.complaints(geometry.settled(plain)):
                found = open_choices(hollow(plain), clauses)
                if COTANGENT not in plain or not any(map(_leaves_the_shape, found)):
                    text = ",".join(f"{name}={size}" for name, size in sizes.items())
                    yield case, Point(id=f"{case['id']}[{text}]", call=plain, clauses=found)
                    continue
                reason = "at other sizes, clauses allow several output shapes, but a cotangent has one shape"
        left_out[reason] += 1


def _leaves_the_shape(clause: Clause) -> bool:
    return any(alternative.switch in RESHAPING for alternative in clause.alternatives.values())


def _unfit(case: Plain) -> str:
    call = case["call"]
    if case["expect"]["kind"] in ("refusal", "shape") or "training" in call:
        return "the case does not expect exactly one output"
    if call.get("variation", {}).get("shape_inference"):
        return "the case only infers a shape"
    if dtype_of(call, "input") not in DTYPES:
        return "frameworks have no production kernels for the dtype of the case"
    if any(0 in spec["shape"] for spec in call["arrays"].values()):
        return "an array of the case is empty"
    return ""


def can_wait(case: Plain) -> bool:
    """
    Return whether the enlarged twin of a case belongs to the full tier only.

    A case without gradients belongs to the full tier if its own numbers are generated, because the author of the case
    already chose its sizes. A case with gradients belongs to the full tier if it has

    - second-order gradients,
    - one spatial axis, because frameworks use their 2-D kernels for it,
    - gradients of the bias only, because no convolution kernel computes them,
    - a padding mode other than zeros, because frameworks apply the padding mode as a separate step.
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
    """Return a text that is equal for calls that differ only in sizes, numbers and layouts."""
    settled = geometry.settled(call)
    left = ("arrays", "layout", "groups", COTANGENT, SECOND_ORDER)
    kept = {name: value for name, value in settled.items() if name not in left}
    second = settled.get(SECOND_ORDER, {})
    twice = [[*second.get("directions", ())], [*second.get("names", ())]]
    by_channel, is_grouped = _is_by_channel(settled), settled["groups"] > 1
    return repr([sorted(kept.items()), twice, by_channel, is_grouped, len(settled["layout"]["input"])])


def _is_by_channel(call: Plain) -> bool:
    """Return whether the number of groups equals the number of input channels."""
    return bool(call["groups"] > 1 and call["groups"] == geometry.extents(call, "input")["C"])


def _sizes(case: Plain) -> dict[str, int]:
    """Return the sizes for the operation of a case, from the row of `ROWS` that the CRC-32 of the case's id selects."""
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
    Return a plain call at other sizes, with arrays generated from the seeds `seed`, `seed` + 1 and so on.

    If the number of groups equals the number of channels, the two are also equal in the enlarged call. In every other
    call, the number of groups is kept.
    The numbers of channels and filters are rounded down to multiples of the number of groups.
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
    """Return specs of directions u, v so sparse that S of conv(u, w) + conv(x, v) is below S of the call."""
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
    """Return input lengths that hold `PLACES` windows and then stride - 1 unused elements at the high end."""
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
