"""
Faults that the glossary does not name, written from the glossary alone, before any diagnosis was tuned on them.

None of them is a fault of the glossary in a part of the output or under a condition alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import TypeAlias

import numpy as np
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array
from conv_conformance.mutants.evaluator import Axis, Stages, Told, inner, mixed, padded
from conv_conformance.mutants.faults.edits import Edit, data, finished, first, kernel, shifted, sums

#: Where tap k of the windows at some places stands in the padded input.
Position: TypeAlias = Callable[[int, Array, Axis], Array]
#: Makes the sums of one filter (N, space) of its windows (N, I, taps, space) and its weights (I, taps, 1, ..).
Combine: TypeAlias = Callable[[Array, Array], Array]


def _along(values: Array, axis: int, y: Array) -> Array:
    """Return numbers in the dtype of `y`, to be broadcast along one of its axes."""
    return values.astype(y.dtype).reshape(-1, *(1,) * (y.ndim - axis % y.ndim - 1))


def _odds(y: Array, axis: int) -> Array:
    """Return 1, 3, 5, .. along an axis."""
    return _along(2 * np.arange(y.shape[axis]) + 1, axis, y)


def _odd_negated(y: Array, axis: int) -> Array:
    """Return an array with the second, the fourth, .. entry of an axis negated."""
    places = (np.arange(y.shape[axis]) % 2 == 1).reshape(-1, *(1,) * (y.ndim - axis % y.ndim - 1))
    return np.where(places, np.negative(y), y)


def _moved(y: Array, places: int, axis: int = -1) -> Array:
    """Return an array moved towards the high end of an axis, zeros entering."""
    y = np.roll(y, places, axis).swapaxes(0, axis)
    y[:places] = 0
    return y.swapaxes(0, axis)


def _is_real(y: Array) -> bool:
    return bool(y.dtype.kind != "c")


def _is_exact(y: Array) -> bool:
    return y.dtype.kind not in "fc"


def _quotient(y: Array, by: Array) -> Array:
    """Return a quotient, of integers its whole part."""
    return np.asarray(y // np.asarray(by).astype(y.dtype) if _is_exact(y) else y / by)


def _of_op(op: str, edit: Edit) -> Edit:
    """Make the sums of one operation alone otherwise."""

    def edited(do: Stages) -> Stages:
        faulty = edit(do)
        heard: list[Stages] = [do]

        def translate(call: Call) -> tuple[Told, ...]:
            heard[0] = faulty if call.op == op else do
            return heard[0].translate(call)

        def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
            return heard[0].contract(x, w, axes, said)

        def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
            return heard[0].scatter(x, w, axes, said)

        return replace(do, translate=translate, contract=contract, scatter=scatter)

    return edited


def _between(change: Callable[[Array], Array]) -> Edit:
    """Change what passes from the first stage of a separable convolution to the second."""
    return data(lambda x, said: change(x) if said.kernel == "pointwise_kernel" else x)


# Taps


def _taps(change: Callable[[Array], Array]) -> Edit:
    """Use other taps; they come as one axis, the last of three, row by row."""

    def changed(w: Array, said: Told) -> Array:
        return change(w.reshape(*w.shape[:2], int(np.prod(w.shape[2:]))).copy()).reshape(w.shape)

    return kernel(changed)


def _without_diagonal(w: Array, said: Told) -> Array:
    """In the last two axes the taps of equal indices are dropped, where both have several."""
    if w.ndim < 4 or min(w.shape[-2:]) < 2:
        return w
    return np.asarray(w * np.asarray(1 - np.eye(*w.shape[-2:])).astype(w.dtype))


def _first_two_exchanged(w: Array) -> Array:
    if w.shape[-1] > 2:
        w[..., :2] = w[..., 1::-1].copy()
    return w


def _second_for_first(w: Array) -> Array:
    """The second tap stands in place of the first as well."""
    if w.shape[-1] > 2:
        w[..., 0] = w[..., 1]
    return w


def _middle_thrice(w: Array) -> Array:
    if w.shape[-1] > 2:
        w[..., w.shape[-1] // 2] *= 3
    return w


def _equal_parity_thrice(w: Array, said: Told) -> Array:
    """The products whose tap and channel are both even or both odd are counted three times."""
    taps = np.arange(int(np.prod(w.shape[2:]))).reshape(w.shape[2:])
    axis = 0 if said.transposed else 1
    channels = np.arange(w.shape[axis]).reshape(-1, *(1,) * (w.ndim - axis - 1))
    return np.asarray(w * np.where((taps + channels) % 2 == 0, 3, 1).astype(w.dtype))


def _rows_sheared(w: Array, said: Told) -> Array:
    """Row r of the kernel is rotated by r taps."""
    if w.ndim < 4:
        return w
    return np.stack([np.roll(w[:, :, r], r, -1) for r in range(w.shape[2])], 2) if w.shape[2] else w


def _rows_in_turns(w: Array, said: Told) -> Array:
    """The second, the fourth, .. row of the kernel is read backwards."""
    w = w.copy()
    if w.ndim > 3:
        w[:, :, 1::2] = w[:, :, 1::2, ..., ::-1].copy()
    return w


def _differences(w: Array) -> Array:
    """Each tap has the one before it subtracted."""
    w[..., 1:] -= w[..., :-1].copy()
    return w


# Channels


def _channels(least: int, change: Callable[[Array], Array]) -> Edit:
    """Use other input channels where there are so many."""
    return data(lambda x, said: change(x.copy()) if x.shape[1] >= least else x)


def _third_for_second(x: Array) -> Array:
    x[:, 1] = x[:, 2]
    return x


def _second_and_fourth_exchanged(x: Array) -> Array:
    x[:, [1, 3]] = x[:, [3, 1]]
    return x


def _second_moved(x: Array) -> Array:
    x[:, 1] = _moved(x[:, 1], 1)
    return x


def _second_squared(x: Array) -> Array:
    x[:, 1] *= x[:, 1]
    return x


def _channel_differences(x: Array) -> Array:
    x[:, 1:] -= x[:, :-1].copy()
    return x


def _groups_overlap(x: Array, said: Told) -> Array:
    """In place of its first channel each group but the first reads the last of the group before."""
    share = x.shape[1] // max(said.groups, 1)
    if said.groups < 2 or share < 2:
        return x
    x = x.copy()
    x[:, share::share] = x[:, share - 1 : -1 : share].copy()
    return x


def _weights_by_channel(w: Array, said: Told) -> Array:
    return w * _odds(w, 0 if said.transposed else 1)


# Filters and samples


def _filter_differences(y: Array, said: Told) -> Array:
    y = y.copy()
    y[:, 1:] -= y[:, :-1].copy()
    return y


def _filters_apart(y: Array, said: Told) -> Array:
    """The result of filter o is moved by 2 * o places."""
    return np.stack([np.roll(y[:, o], 2 * o, -1) for o in range(y.shape[1])], 1) if y.shape[1] else y


def _first_and_third_exchanged(y: Array, said: Told) -> Array:
    """At every third place the first and the third of four filters or more change places."""
    y = y.copy()
    if y.shape[1] > 3:
        y[:, [0, 2], ..., ::3] = y[:, [2, 0], ..., ::3]
    return y


def _odd_groups_moved(y: Array, said: Told) -> Array:
    """The results of the second, the fourth, .. group are moved by two places."""
    if said.groups < 2:
        return y
    y = y.copy()
    share = y.shape[1] // said.groups
    for g in range(1, said.groups, 2):
        y[:, g * share : (g + 1) * share] = np.roll(y[:, g * share : (g + 1) * share], 2, -1)
    return y


def _first_tap_by_sample(do: Stages) -> Stages:
    """For sample n the first tap counts 2 * n + 1 times."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        rest = do.contract(x, w, axes, said)
        alone = np.zeros_like(w)
        corner = inner(slice(1) for _ in axes)
        alone[corner] = w[corner]
        return rest + do.contract(x, alone, axes, said) * (_odds(rest, 0) - np.ones((), rest.dtype))

    return replace(do, contract=contract)


# Places and tiles, along the last axis


def _third_from_two_further(y: Array, said: Told) -> Array:
    """Every third place holds what belongs two places further."""
    y = y.copy()
    y[..., ::3] = np.roll(y, -2, -1)[..., ::3]
    return y


def _chequered(call: Call, y: Array) -> Array:
    """Zeros stand at the places whose indices add up to an odd number."""
    if y.shape[-1] < 3:
        return y
    places = sum(np.indices(y.shape[2:]))
    return np.asarray(y * np.asarray(places % 2 == 0).astype(y.dtype))


def _leaking(y: Array, said: Told) -> Array:
    """The result of each place is added to the next one."""
    y = y.copy()
    y[..., 1:] += y[..., :-1].copy()
    return y


def _neighbours_exchanged(y: Array, said: Told) -> Array:
    """The places of each pair change places, where there are three or more."""
    y = y.copy()
    if y.shape[-1] > 2:
        even = y.shape[-1] // 2 * 2
        y[..., 0:even:2], y[..., 1:even:2] = y[..., 1:even:2].copy(), y[..., 0:even:2].copy()
    return y


def _larger_of_neighbours(y: Array, said: Told) -> Array:
    """Each place holds the larger one of its result and the next."""
    y = y.copy()
    if _is_real(y):
        y[..., :-1] = np.maximum(y[..., :-1], y[..., 1:])
    return y


def _first_place_thrice(y: Array, said: Told) -> Array:
    y = y.copy()
    y[..., :1] *= 3
    return y


def _rows_moved(y: Array, said: Told) -> Array:
    """Row r of the output is rotated by r places."""
    if y.ndim < 4 or not y.shape[2]:
        return y
    return np.stack([np.roll(y[:, :, r], r, -1) for r in range(y.shape[2])], 2)


def _tiles_without_second_tap(do: Stages) -> Stages:
    """At the first place of each tile of three the second tap is missing."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        y = do.contract(x, w, axes, said)
        if w.shape[-1] < 3:
            return y
        less = w.copy()
        less[..., 1] = 0
        y[..., ::3] = do.contract(x, less, axes, said)[..., ::3]
        return y

    return replace(do, contract=contract)


def _tiles_of_five_mirrored(y: Array, said: Told) -> Array:
    """Each whole tile of five comes backwards, where there are more than five places."""
    y = y.copy()
    if y.shape[-1] > 5:
        for start in range(0, y.shape[-1] // 5 * 5, 5):
            y[..., start : start + 5] = y[..., start : start + 5][..., ::-1].copy()
    return y


def _seams_thrice(y: Array, said: Told) -> Array:
    """The first place of each tile of three but the first counts three times."""
    y = y.copy()
    y[..., 3::3] *= 3
    return y


def _tiles_relative(y: Array, said: Told) -> Array:
    """The places of a tile of six are given as differences from its first."""
    places = np.arange(y.shape[-1])
    return np.where(places % 6 == 0, y, y - y[..., places // 6 * 6])


# Windows


def _where_it_belongs(k: int, places: Array, axis: Axis) -> Array:
    return places * axis.stride + k * axis.dilation


def _windows(x: Array, axes: Sequence[Axis], position: Position = _where_it_belongs) -> Array:
    """Return what each tap reads at each place: (N, C, taps, space)."""
    found = []
    for tap in product(*(range(axis.taps) for axis in axes)):
        under = x
        for at, (k, axis) in enumerate(zip(tap, axes, strict=True), 2):
            under = under.take(position(k, np.arange(axis.out), axis) % max(x.shape[at], 1), at)
        found.append(under)
    return np.stack(found, 2) if found else np.zeros((*x.shape[:2], 0, *(axis.out for axis in axes)), x.dtype)


def _reading(position: Position) -> Edit:
    """Let taps read elsewhere, beyond the end from the start on."""
    return _read_as(lambda x, axes: _windows(x, axes, position))


def _read_as(windows: Callable[[Array, Sequence[Axis]], Array]) -> Edit:
    """Let taps read other windows of a forward convolution."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        read = windows(x, axes)
        flat = w.reshape(*w.shape[:2], read.shape[2])
        y = np.zeros((x.shape[0], w.shape[0], *(axis.out for axis in axes)), np.result_type(x, w))
        for tap in range(read.shape[2]):
            y += mixed(read[:, :, tap], flat[:, :, tap], said.groups)
        return y

    return lambda do: replace(do, contract=contract)


def _sorted(x: Array, axes: Sequence[Axis]) -> Array:
    return np.sort(_windows(x, axes), axis=2) if _is_real(x) else _windows(x, axes)


def _relative(x: Array, axes: Sequence[Axis]) -> Array:
    """The elements under the window are taken as differences from the first of them."""
    read = _windows(x, axes)
    return np.concatenate([read[:, :, :1], read[:, :, 1:] - read[:, :, :1]], 2)


def _summing(combine: Combine) -> Edit:
    """Make the sums of each filter of a forward convolution of real numbers otherwise."""

    def edit(do: Stages) -> Stages:
        def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
            right = do.contract(x, w, axes, said)
            if not _is_real(right) or not w.size or not right.size:
                return right
            read = _windows(x, axes)
            weights = w.reshape(*w.shape[:2], read.shape[2], *(1,) * len(axes))
            filters = w.shape[0] // said.groups
            for o in range(w.shape[0]):
                start = o // filters * w.shape[1]
                right[:, o] = combine(read[:, start : start + w.shape[1]], weights[o])
            return right

        return replace(do, contract=contract)

    return edit


def _largest_channel(read: Array, weights: Array) -> Array:
    return np.asarray((read * weights).max(1).sum(1))


def _largest_tap(read: Array, weights: Array) -> Array:
    return np.asarray((read * weights).sum(1).max(1))


def _distances(read: Array, weights: Array) -> Array:
    """Elements and weights are subtracted from each other in place of being multiplied."""
    return np.asarray((np.maximum(read, weights) - np.minimum(read, weights)).sum((1, 2)))


def _large_products(read: Array, weights: Array) -> Array:
    """Products from -2 to 2 are left out."""
    made = read * weights
    return np.asarray(np.where((made > 2) | (made + np.asarray(2, made.dtype) < 0), made, 0).sum((1, 2)))


def _starting_over(read: Array, weights: Array) -> Array:
    """After a tap that brings the sum beyond 8 it starts again at zero."""
    made = (read * weights).sum(1)
    y: Array = np.zeros_like(made[:, 0])
    for tap in range(made.shape[1]):
        y = np.where(y > 8, 0, y).astype(made.dtype) + made[:, tap]
    return y


# Borders


def _beside_padding_thrice(do: Stages) -> Stages:
    """The first element of the last axis counts three times where padding stands before it."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        if axes[-1].low > 0:
            x = x.copy()
            x[..., :1] *= 3
        return do.fill(x, axes, said)

    return replace(do, fill=fill)


def _zeros_in_the_middle(do: Stages) -> Stages:
    """The zeros that belong to the two ends of the last axis stand in the middle of the input."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        axis, half = axes[-1], x.shape[-1] // 2
        if said.mode != "zeros" or min(axis.low, axis.high) < 0 or x.shape[-1] < 2:
            return do.fill(x, axes, said)
        zeros = np.zeros((*x.shape[:-1], axis.low + axis.high), x.dtype)
        apart = np.concatenate([x[..., :half], zeros, x[..., half:]], -1)
        return do.fill(apart, (*axes[:-1], replace(axis, low=0, high=0)), said)

    return replace(do, fill=fill)


def _modes_read_deeper(do: Stages) -> Stages:
    """A padding mode other than zeros takes its elements of an input that lacks the two outer ones of each axis."""

    def fill(x: Array, axes: Sequence[Axis], said: Told) -> Array:
        if said.mode == "zeros" or min(x.shape[2:]) < 4 or min(min(axis.low, axis.high) for axis in axes) < 0:
            return do.fill(x, axes, said)
        core = x[inner(slice(1, -1) for _ in axes)]
        deeper = padded(core, tuple((axis.low + 1, axis.high + 1) for axis in axes), said.mode)
        at = inner(slice(axis.low, axis.low + size) for axis, size in zip(axes, x.shape[2:], strict=True))
        deeper[at] = x
        return deeper

    return replace(do, fill=fill)


def _rescaled_at_borders(do: Stages) -> Stages:
    """Sums are scaled up by how many taps there are for each one that does not read padding."""

    def contract(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        y = do.contract(x, w, axes, said)
        inside = np.ones((1, 1, *(axis.length for axis in axes)), np.int64)
        plain = replace(said, mode="zeros", groups=1)
        all_taps = np.ones((1, 1, *w.shape[2:]), np.int64)
        reached = do.contract(do.fill(inside, axes, plain), all_taps, axes, plain)
        return _quotient(y * np.asarray(all_taps.size).astype(y.dtype), np.maximum(reached, 1))

    return replace(do, contract=contract)


# Arithmetic


def _modulo_seven(y: Array, said: Told) -> Array:
    return np.asarray(y % np.asarray(7, y.dtype)) if _is_real(y) else y


def _in_steps_of_three(x: Array, said: Told) -> Array:
    """Each element is taken for the multiple of three below it."""
    return np.asarray(x - x % np.asarray(3, x.dtype)) if _is_real(x) else x


def _centred(x: Array, said: Told) -> Array:
    """Each channel of a sample has its mean subtracted."""
    if _is_exact(x) or not x.size:
        return x
    return np.asarray(x - x.mean(tuple(range(2, x.ndim)), keepdims=True))


def _normalised(w: Array, said: Told) -> Array:
    """The kernel is divided by the sum of its magnitudes."""
    return w if _is_exact(w) or not w.size else w / max(float(np.abs(w).sum()), 1.0)


def _one_more_below_zero(y: Array, said: Told) -> Array:
    """One is added to each negative sum."""
    return y + (y < 0).astype(y.dtype) if _is_real(y) else y


def _squared(y: Array, said: Told) -> Array:
    return y * y


def _quarter_turn(y: Array, said: Told) -> Array:
    """Complex sums are multiplied by i."""
    return y if _is_real(y) else y * np.asarray(1j, y.dtype)


# Steps


def _growing_stride(k: int, places: Array, axis: Axis) -> Array:
    """After every second window the next one starts one element late."""
    return np.asarray(places * axis.stride + places // 2 + k * axis.dilation)


def _second_window_late(k: int, places: Array, axis: Axis) -> Array:
    """The second, the fourth, .. window starts one element late."""
    return np.asarray(places * axis.stride + places % 2 + k * axis.dilation)


def _growing_dilation(k: int, places: Array, axis: Axis) -> Array:
    """The distance between taps grows by one dilation from tap to tap."""
    return places * axis.stride + k * (k + 1) // 2 * axis.dilation


def _longer_strides(said: Told) -> Told:
    """A stride that is not 1 is one longer."""
    return said if said.transposed else replace(said, strides=tuple(s + 1 if s > 1 else s for s in said.strides))


def _squared_dilations(said: Told) -> Told:
    return replace(said, dilations=tuple(d * d for d in said.dilations))


def _padding_tripled(said: Told) -> Told:
    if isinstance(said.padding, str) or said.transposed:
        return said
    return replace(said, padding=tuple((3 * low, 3 * high) for low, high in said.padding))


# Transposed


def _odd_elements_late(do: Stages) -> Stages:
    """The second, the fourth, .. element of the last axis adds one place further than it should."""

    def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        odd = (np.arange(x.shape[-1]) % 2 == 1).astype(x.dtype)
        late = _moved(do.scatter(x * odd, w, axes, said), 1)
        return do.scatter(x * (np.ones((), x.dtype) - odd), w, axes, said) + late

    return replace(do, scatter=scatter)


def _window_starts_negated(do: Stages) -> Stages:
    """With a stride, the first place of each window but the first has the other sign."""

    def scatter(x: Array, w: Array, axes: Sequence[Axis], said: Told) -> Array:
        y = do.scatter(x, w, axes, said)
        axis = axes[-1]
        places = np.arange(y.shape[-1]) + axis.low
        starts = (places % axis.stride == 0) & (places > 0)
        return np.where(starts & (axis.stride > 1), np.negative(y), y)

    return replace(do, scatter=scatter)


# Depthwise


def _by_multiple(y: Array, said: Told) -> Array:
    """The result of multiple m of a channel counts 2 * m + 1 times."""
    multiples = np.arange(y.shape[1]) % max(y.shape[1] // max(said.groups, 1), 1)
    return y * _along(2 * multiples + 1, 1, y)


def _neighbour_subtracted(y: Array, said: Told) -> Array:
    """Each channel of the output has the one before it subtracted, the first the last."""
    return y - np.roll(y, 1, 1)


# Bias


def _bias(change: Callable[[Array, Array], Array]) -> Edit:
    """Change the biases, which come with as many axes as the output."""
    return shifted(lambda call, y, bias: y + change(y, bias.reshape(-1, *(1,) * (y.ndim - 2))))


FAULTS: dict[str, Edit] = {
    # Taps
    "diagonal-taps-dropped": kernel(_without_diagonal),
    "odd-taps-negated": _taps(lambda w: _odd_negated(w, -1)),
    "taps-scaled-by-position": _taps(lambda w: w * _odds(w, -1)),
    "first-two-taps-exchanged": _taps(_first_two_exchanged),
    "second-tap-for-first": _taps(_second_for_first),
    "middle-tap-thrice": _taps(_middle_thrice),
    "equal-parity-thrice": kernel(_equal_parity_thrice),
    "taps-accumulated": _taps(lambda w: np.cumsum(w, -1, dtype=w.dtype)),
    "taps-differenced": _taps(_differences),
    "taps-sorted": _taps(lambda w: np.sort(w, -1) if _is_real(w) else w),
    "neighbouring-taps-multiplied": _taps(lambda w: w * np.roll(w, -1, -1)),
    "kernel-rows-sheared": kernel(_rows_sheared),
    "kernel-rows-in-turns": kernel(_rows_in_turns),
    # Channels
    "third-channel-for-second": _channels(3, _third_for_second),
    "second-and-fourth-channel-exchanged": _channels(4, _second_and_fourth_exchanged),
    "second-channel-moved": _channels(2, _second_moved),
    "second-channel-squared": _channels(2, _second_squared),
    "channels-differenced": _channels(2, _channel_differences),
    "odd-channels-negated": _channels(2, lambda x: _odd_negated(x, 1)),
    "channels-weighted-by-index": kernel(_weights_by_channel),
    "groups-overlap": data(_groups_overlap),
    "largest-channel-for-sum": _summing(_largest_channel),
    # Filters and samples
    "filters-differenced": sums(_filter_differences),
    "filters-apart": sums(_filters_apart),
    "filters-weighted-by-index": sums(lambda y, said: y * _odds(y, 1)),
    "odd-filters-negated": finished(lambda call, y: _odd_negated(y, 1)),
    "filters-exchanged-at-third-places": sums(_first_and_third_exchanged),
    "odd-groups-moved": sums(_odd_groups_moved),
    "samples-weighted-by-index": sums(lambda y, said: y * _odds(y, 0)),
    "odd-samples-negated": sums(lambda y, said: _odd_negated(y, 0)),
    "first-tap-by-sample": _first_tap_by_sample,
    # Places and tiles
    "third-places-from-two-further": sums(_third_from_two_further),
    "places-chequered": finished(_chequered),
    "places-weighted-by-index": sums(lambda y, said: y * _odds(y, -1)),
    "places-accumulated": sums(lambda y, said: np.cumsum(y, -1, dtype=y.dtype)),
    "places-leaking": sums(_leaking),
    "odd-places-negated": sums(lambda y, said: _odd_negated(y, -1)),
    "neighbouring-places-exchanged": sums(_neighbours_exchanged),
    "larger-of-neighbouring-places": sums(_larger_of_neighbours),
    "first-place-thrice": sums(_first_place_thrice),
    "rows-moved": sums(_rows_moved),
    "tiles-without-second-tap": _tiles_without_second_tap,
    "tiles-of-five-mirrored": sums(_tiles_of_five_mirrored),
    "seams-of-tiles-thrice": sums(_seams_thrice),
    "tiles-of-six-relative": sums(_tiles_relative),
    # Windows
    "windows-sorted": _read_as(_sorted),
    "windows-relative": _read_as(_relative),
    "largest-tap-for-sum": _summing(_largest_tap),
    "distances-for-products": _summing(_distances),
    "small-products-dropped": _summing(_large_products),
    "sums-starting-over": _summing(_starting_over),
    # Borders
    "element-beside-padding-thrice": _beside_padding_thrice,
    "padding-in-the-middle": _zeros_in_the_middle,
    "modes-read-deeper": _modes_read_deeper,
    "sums-rescaled-at-borders": _rescaled_at_borders,
    # Arithmetic
    "sums-modulo-seven": sums(_modulo_seven),
    "sums-squared": sums(_squared),
    "one-more-below-zero": sums(_one_more_below_zero),
    "input-in-steps-of-three": data(_in_steps_of_three),
    "input-centred": data(_centred),
    "kernel-normalised": kernel(_normalised),
    "complex-quarter-turn": sums(_quarter_turn),
    # Steps
    "stride-growing": _reading(_growing_stride),
    "second-windows-late": _reading(_second_window_late),
    "dilation-growing": _reading(_growing_dilation),
    "stride-one-longer": first(_longer_strides),
    "dilation-squared": first(_squared_dilations),
    "padding-tripled": first(_padding_tripled),
    # Shapes
    "places-standing-twice": sums(lambda y, said: np.repeat(y, 2, -1)),
    "channels-standing-twice": finished(lambda call, y: np.repeat(y, 2, 1)),
    # Transposed
    "transposed-odd-elements-late": _odd_elements_late,
    "transposed-window-starts-negated": _window_starts_negated,
    "transposed-elements-weighted": _of_op("conv_transpose", data(lambda x, said: x * _odds(x, -1))),
    # Depthwise
    "depthwise-multiples-weighted": _of_op("depthwise_conv", sums(_by_multiple)),
    "depthwise-neighbour-subtracted": _of_op("depthwise_conv", sums(_neighbour_subtracted)),
    "depthwise-taps-squared": _of_op("depthwise_conv", kernel(lambda w, said: w * w)),
    # Separable
    "separable-middle-in-steps-of-ten": _between(
        lambda x: np.asarray(x - x % np.asarray(10, x.dtype)) if _is_real(x) else x
    ),
    "separable-middle-alternating": _between(lambda x: _odd_negated(x, 1)),
    "separable-middle-moved": _between(lambda x: _second_moved(x.copy()) if x.shape[1] > 1 else x),
    "separable-pointwise-squared": kernel(lambda w, said: w * w if said.kernel == "pointwise_kernel" else w),
    # Bias
    "bias-weighted-by-place": _bias(lambda y, bias: bias * _odds(y, -1)),
    "bias-weighted-by-sample": _bias(lambda y, bias: bias * _odds(y, 0)),
    "bias-squared": _bias(lambda y, bias: bias * bias),
    "bias-accumulated": _bias(lambda y, bias: np.cumsum(bias, 0, dtype=bias.dtype)),
    "bias-multiplied": shifted(lambda call, y, bias: y * bias.reshape(-1, *(1,) * (y.ndim - 2))),
}
