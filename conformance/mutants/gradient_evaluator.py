"""
The way back of a call in stages, each of which a mutant may replace: the gradients of <cotangent, output>.

Shares no code with the reference and none with the NumPy backend. It says tap by tap which elements met which sums, and
adds in float64, from arrays with the axes of the evaluator: N, C, then space, and kernels O, I, then space (I, O, then
space if transposed). Only what met was multiplied: padding and the zeros of an input dilation are no elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias

import numpy as np

from ..core import COTANGENT, Array, Call, numpy_type
from .evaluator import HONEST, Axis, Told, convolve, inner, kernel_letters, source, wide
from .stored_arrays import placed, read_placed

#: The stages of the way there, which are without a fault.
THERE = replace(HONEST, read=read_placed)
#: Along one axis, the elements that met sums at a tap, and those sums, one beside the other.
Met: TypeAlias = tuple[Array, Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """
    One grouped convolution of a call, as the way back comes upon it.

    `x` is what it received (N, C, space) ahead of any input dilation, `w` its kernel, `g` the cotangent of its sums
    (N, C, space).
    """

    call: Call
    told: Told
    axes: tuple[Axis, ...]
    x: Array
    w: Array
    g: Array


@dataclass(frozen=True, kw_only=True)
class Backward:
    """
    The stages of the way back, in their order; each is a function that a mutant may wrap.

    `send(call)`: the cotangent (N, C, space), as wide as sums are.
    `by_bias(call, g)`: the gradient of the bias.
    `by_kernel(part)`: the gradient of a part's kernel, with the axes of `part.w`.
    `by_input(part)`: the gradient of what a part received, with the axes of `part.x`.
    `unstep(call, g)`: the gradient ahead of the padding step.
    `home(call, name, gradient)`: the gradient of an array with the axes of the array in the call.
    `round(call, name, gradient)`: the gradient in the dtype of its array.
    `finish(call, found)`: all gradients that the call asks for, by the names of arrays.
    """

    send: Callable[[Call], Array]
    by_bias: Callable[[Call, Array], Array]
    by_kernel: Callable[[Part], Array]
    by_input: Callable[[Part], Array]
    unstep: Callable[[Call, Array], Array]
    home: Callable[[Call, str, Array], Array]
    round: Callable[[Call, str, Array], Array]
    finish: Callable[[Call, dict[str, Array]], dict[str, Array]]


def gradients(call: Call, do: Backward) -> dict[str, Array]:
    """Return the gradients that a call asks for, each in the layout and dtype of its array; the call has a meaning."""
    found = dict(_canonical(call, do))
    homes = {name: do.home(call, name, found[name]) for name in call.gradients}
    return do.finish(call, {name: do.round(call, name, each) for name, each in homes.items()})


def _canonical(call: Call, do: Backward) -> Iterator[tuple[str, Array]]:
    """Yield gradients until none that is asked for is ahead, those of the last part first."""
    g, asked = do.send(call), set(call.gradients)
    if "bias" in asked:
        yield "bias", do.by_bias(call, g)
    asked.discard("bias")
    for told, x, w in reversed(steps(call)):
        part = Part(call=call, told=told, axes=measured(told, x, w), x=x, w=w, g=g)
        if told.kernel in asked:
            yield told.kernel, do.by_kernel(part)
        asked.discard(told.kernel)
        if not asked:
            return
        g = do.by_input(part)
    yield "input", g if call.before is None else do.unstep(call, g)


def steps(call: Call) -> list[tuple[Told, Array, Array]]:
    """Return each grouped convolution of a call with what it receives (N, C, space) and its kernel."""
    parts = THERE.translate(call)
    x = THERE.arrange(call, "input", wide(call, THERE.read(call, "input")), parts[0])
    x, found = x if call.before is None else THERE.step(call, x), list[tuple[Told, Array, Array]]()
    for told in parts:
        w = THERE.arrange(call, told.kernel, wide(call, THERE.read(call, told.kernel)), told)
        found.append((told, x, w))
        if told is not parts[-1]:
            x = convolve(x, w, told, THERE)
    return found


def measured(told: Told, x: Array, w: Array) -> tuple[Axis, ...]:
    """Return each spatial axis of a grouped convolution of `x`, which is not dilated yet."""
    lengths = [max(size * q - q + 1, 0) for size, q in zip(x.shape[2:], told.input_dilations, strict=True)]
    return THERE.measure(lengths, w.shape[2:], told)


def send(call: Call) -> Array:
    """Return the cotangent of a call (N, C, space) in float64."""
    letters = call.letters(COTANGENT)
    order = [letters.index(letter) for letter in "NC" + call.spatial]
    return placed(call, COTANGENT).astype(np.float64).transpose(order)


def by_bias(call: Call, g: Array) -> Array:
    """Return the sums of a cotangent over samples and places."""
    return np.asarray(g.sum((0, *range(2, g.ndim))))


def by_kernel(part: Part) -> Array:
    """Return the sums over samples and places of element times cotangent, tap by tap."""
    x, g = by_groups(part.x, part.told), by_groups(part.g, part.told)
    found = np.zeros((*part.w.shape[2:], x.shape[1], g.shape[2], x.shape[2]))
    for tap, elements, sums in meetings(part):
        one, other = _flat(x[inner(np.ix_(*elements))]), _flat(g[inner(np.ix_(*sums))])
        found[tap] = (other @ one.swapaxes(-1, -2)).sum(0)
    return _ungrouped(np.moveaxis(found, (-3, -2, -1), (0, 1, 2)), part)


def by_input(part: Part) -> Array:
    """Return what each element is worth: weight times cotangent, summed over taps and filters."""
    x, g = by_groups(part.x, part.told), by_groups(part.g, part.told)
    filters, found = filters_of(part), np.zeros(x.shape)
    for tap, elements, sums in meetings(part):
        sent = g[inner(np.ix_(*sums))]
        worth = filters[inner(tap)].swapaxes(-1, -2) @ _flat(sent)
        np.add.at(found, inner(np.ix_(*elements)), worth.reshape(*x.shape[:3], *sent.shape[3:]))
    return found.reshape(part.x.shape)


def meetings(part: Part) -> Iterator[tuple[tuple[int, ...], tuple[Array, ...], tuple[Array, ...]]]:
    """Yield each tap with the elements that met sums at it, and these sums, axis by axis."""
    for tap in product(*map(range, part.w.shape[2:])):
        met = [meeting(axis, k, part.told, at) for at, (axis, k) in enumerate(zip(part.axes, tap, strict=True))]
        yield tap, tuple(elements for elements, _ in met), tuple(sums for _, sums in met)


def meeting(axis: Axis, tap: int, told: Told, at: int) -> Met:
    """Return which elements of one axis met which of its sums at a tap."""
    if told.transposed:
        elements = np.arange(axis.length)
        sums = elements * axis.stride + tap * axis.dilation - axis.low
        inside = (sums >= 0) & (sums < axis.out)
        return elements[inside], sums[inside]
    sums = np.arange(axis.out)
    places = sums * axis.stride + tap * axis.dilation - axis.low
    if told.mode != "zeros":
        places = source(places, axis.length, told.mode)
    apart = told.input_dilations[at]
    inside = (places >= 0) & (places < axis.length) & (places % apart == 0)
    return places[inside] // apart, sums[inside]


def by_groups(array: Array, told: Told) -> Array:
    """Return an array (N, C, space) as (N, group, channel of the group, space)."""
    return array.reshape(array.shape[0], told.groups, array.shape[1] // max(told.groups, 1), *array.shape[2:])


def filters_of(part: Part) -> Array:
    """Return a kernel as (group, filter, channel of the group, space)."""
    w, groups = part.w, part.told.groups
    apart = w.reshape(groups, w.shape[0] // max(groups, 1), *w.shape[1:])
    return apart.swapaxes(1, 2) if part.told.transposed else apart


def _ungrouped(found: Array, part: Part) -> Array:
    return (found.swapaxes(1, 2) if part.told.transposed else found).reshape(part.w.shape)


def _flat(array: Array) -> Array:
    return array.reshape(*array.shape[:3], int(np.prod(array.shape[3:])))


def unstep(call: Call, g: Array) -> Array:
    """Return the gradient ahead of the padding step: what was cropped is worth nothing."""
    for axis, (length, (low, high)) in enumerate(zip(call.extents("input"), call.before or (), strict=True), 2):
        places = np.arange(-low, max(length + high, -low))
        inside = (places >= 0) & (places < length)
        found = np.zeros((length, *np.moveaxis(g, axis, 0).shape[1:]))
        found[places[inside]] = np.moveaxis(g, axis, 0)[inside]
        g = np.moveaxis(found, 0, axis)
    return g


def home(call: Call, name: str, gradient: Array) -> Array:
    """Return a canonical gradient with the axes of its array in the call; a depthwise filter c * M + m is m of channel c."""
    if name == "bias":
        return gradient
    letters, have = call.letters(name), canonical_letters(call, name)
    if "M" in letters:
        gradient = gradient.reshape(call.extent(name, "C"), call.extent(name, "M"), *gradient.shape[2:])
    return gradient.transpose([have.index(letter) for letter in letters])


def canonical_letters(call: Call, name: str) -> str:
    """Return the axes of an array in the order of the evaluator."""
    first = "NC" if name == "input" else kernel_letters(call.letters(name), THERE.translate(call)[0])
    return first + call.spatial


def rounded(call: Call, name: str, gradient: Array) -> Array:
    """Return a gradient rounded once to the dtype of its array."""
    return gradient.astype(numpy_type(call.dtype_of(name)))


def finish(call: Call, found: dict[str, Array]) -> dict[str, Array]:
    """Return the gradients as they are."""
    return found


HONEST_BACK = Backward(
    send=send,
    by_bias=by_bias,
    by_kernel=by_kernel,
    by_input=by_input,
    unstep=unstep,
    home=home,
    round=rounded,
    finish=finish,
)
