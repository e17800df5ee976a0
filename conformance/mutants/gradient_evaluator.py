"""
The backward pass computes the gradients of <cotangent, output> in stages, for one call.

A mutant can replace single stages. The module shares no code with the reference or the NumPy backend.
For each tap, the module lists pairs (p, t): the tap multiplies input element p, and the product is added to output
element t. Zeros that padding or input dilation inserts are in no pair. Gradients are accumulated in float64. Arrays
have the canonical axes of the module `evaluator`.
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

#: The correct stages of the forward pass; they read arrays in the memory layout of the call's storage.
FORWARD = replace(HONEST, read=read_placed)
#: The pairs of one axis at one tap, as two arrays of equal length: the input indices and the output indices.
AxisPairs: TypeAlias = tuple[Array, Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """
    One grouped convolution of a call in the backward pass.

    `x` is the input of the convolution before input dilation, `w` is the kernel, and `g` is the cotangent of the
    output. All three arrays have canonical axes.
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
    The stages of the backward pass, in order of execution; a mutant wraps one or more of these functions.

    Each entry states what the function returns:

    `send(call)`: the cotangent with canonical axes, in float64.
    `by_bias(call, g)`: the gradient of the bias.
    `by_kernel(part)`: the gradient of the part's kernel, with the axes of `part.w`.
    `by_input(part)`: the gradient of the part's input, with the axes of `part.x`.
    `unstep(call, g)`: the gradient of the padding step's input, computed from the gradient `g` of the step's output.
    `home(call, name, gradient)`: the gradient of the array `name`, transposed to the call's layout of this array.
    `round(call, name, gradient)`: the gradient of the array `name`, rounded to the dtype of this array.
    `finish(call, gradients)`: the gradients that the call requests, keyed by array name.
    """

    send: Callable[[Call], Array]
    by_bias: Callable[[Call, Array], Array]
    by_kernel: Callable[[Part], Array]
    by_input: Callable[[Part], Array]
    unstep: Callable[[Call, Array], Array]
    home: Callable[[Call, str, Array], Array]
    round: Callable[[Call, str, Array], Array]
    finish: Callable[[Call, dict[str, Array]], dict[str, Array]]


def gradients(call: Call, stages: Backward) -> dict[str, Array]:
    """Return the gradients that a defined call requests, each in the layout and dtype of its array."""
    canonical = dict(_canonical(call, stages))
    arranged = {name: stages.home(call, name, canonical[name]) for name in call.gradients}
    return stages.finish(call, {name: stages.round(call, name, gradient) for name, gradient in arranged.items()})


def _canonical(call: Call, stages: Backward) -> Iterator[tuple[str, Array]]:
    """
    Yield (name, gradient) for each requested gradient, with canonical axes.

    The parts are processed in reverse order. Processing stops when all requested gradients are computed.
    """
    g, requested = stages.send(call), set(call.gradients)
    if "bias" in requested:
        yield "bias", stages.by_bias(call, g)
    requested.discard("bias")
    for params, x, w in reversed(steps(call)):
        part = Part(call=call, told=params, axes=measured(params, x, w), x=x, w=w, g=g)
        if params.kernel in requested:
            yield params.kernel, stages.by_kernel(part)
        requested.discard(params.kernel)
        if not requested:
            return
        g = stages.by_input(part)
    yield "input", g if call.before is None else stages.unstep(call, g)


def steps(call: Call) -> list[tuple[Told, Array, Array]]:
    """Return the parameters, the input and the kernel of each grouped convolution of a call, with canonical axes."""
    parts = FORWARD.translate(call)
    x = FORWARD.arrange(call, "input", wide(call, FORWARD.read(call, "input")), parts[0])
    if call.before is not None:
        x = FORWARD.step(call, x)
    convolutions: list[tuple[Told, Array, Array]] = []
    for params in parts:
        w = FORWARD.arrange(call, params.kernel, wide(call, FORWARD.read(call, params.kernel)), params)
        convolutions.append((params, x, w))
        if params is not parts[-1]:
            x = convolve(x, w, params, FORWARD)
    return convolutions


def measured(params: Told, x: Array, w: Array) -> tuple[Axis, ...]:
    """Return the geometry of a grouped convolution's spatial axes; `x` is the input before input dilation."""
    lengths = [max(size * q - q + 1, 0) for size, q in zip(x.shape[2:], params.input_dilations, strict=True)]
    return FORWARD.measure(lengths, w.shape[2:], params)


def send(call: Call) -> Array:
    """Return the cotangent of a call, with canonical axes, in float64."""
    letters = call.letters(COTANGENT)
    order = [letters.index(letter) for letter in "NC" + call.spatial]
    return placed(call, COTANGENT).astype(np.float64).transpose(order)


def by_bias(call: Call, g: Array) -> Array:
    """Return db[c] = sum over n, t of g[n, c, t]."""
    return np.asarray(g.sum((0, *range(2, g.ndim))))


def by_kernel(part: Part) -> Array:
    """
    Return the gradient of a part's kernel.

    In each group: dw[o, i, k] = sum of x[n, i, p] * g[n, o, t] over n and the pairs (p, t) of tap k.
    """
    x, g = by_groups(part.x, part.told), by_groups(part.g, part.told)
    gradient = np.zeros((*part.w.shape[2:], x.shape[1], g.shape[2], x.shape[2]))
    for tap, elements, sums in multiplied_pairs(part):
        inputs, cotangents = _flat(x[inner(np.ix_(*elements))]), _flat(g[inner(np.ix_(*sums))])
        gradient[tap] = (cotangents @ inputs.swapaxes(-1, -2)).sum(0)
    return _ungrouped(np.moveaxis(gradient, (-3, -2, -1), (0, 1, 2)), part)


def by_input(part: Part) -> Array:
    """
    Return the gradient of a part's input.

    In each group: dx[n, i, p] = sum of w[o, i, k] * g[n, o, t] over o, k and the pairs (p, t) of tap k.
    """
    x, g = by_groups(part.x, part.told), by_groups(part.g, part.told)
    filters, gradient = filters_of(part), np.zeros(x.shape)
    for tap, elements, sums in multiplied_pairs(part):
        cotangent = g[inner(np.ix_(*sums))]
        terms = filters[inner(tap)].swapaxes(-1, -2) @ _flat(cotangent)
        np.add.at(gradient, inner(np.ix_(*elements)), terms.reshape(*x.shape[:3], *cotangent.shape[3:]))
    return gradient.reshape(part.x.shape)


def multiplied_pairs(part: Part) -> Iterator[tuple[tuple[int, ...], tuple[Array, ...], tuple[Array, ...]]]:
    """
    Yield (tap, inputs, outputs) for each tap; `inputs` and `outputs` hold one index array for each spatial axis.

    Along an axis, the tap multiplies input element inputs[i] and adds the product to output element outputs[i].
    """
    for tap in product(*map(range, part.w.shape[2:])):
        pairs = [axis_pairs(axis, k, part.told, at) for at, (axis, k) in enumerate(zip(part.axes, tap, strict=True))]
        yield tap, tuple(elements for elements, _ in pairs), tuple(sums for _, sums in pairs)


def axis_pairs(axis: Axis, tap: int, params: Told, at: int) -> AxisPairs:
    """
    Return the input indices and the output indices that a tap pairs along one axis.

    In a forward convolution, output element t reads the dilated input at position t * stride + tap * dilation - low.
    Padding modes other than zeros map a position outside the input to an input element. In mode zeros, such a position
    is in no pair. In a transposed convolution, input element p contributes to output element
    p * stride + tap * dilation - low.
    """
    if params.transposed:
        elements = np.arange(axis.length)
        sums = elements * axis.stride + tap * axis.dilation - axis.low
        inside = (sums >= 0) & (sums < axis.out)
        return elements[inside], sums[inside]
    sums = np.arange(axis.out)
    places = sums * axis.stride + tap * axis.dilation - axis.low
    if params.mode != "zeros":
        places = source(places, axis.length, params.mode)
    apart = params.input_dilations[at]
    inside = (places >= 0) & (places < axis.length) & (places % apart == 0)
    return places[inside] // apart, sums[inside]


def by_groups(array: Array, params: Told) -> Array:
    """Return an array with canonical axes whose channel axis is split into (groups, channels of a group)."""
    return array.reshape(array.shape[0], params.groups, array.shape[1] // max(params.groups, 1), *array.shape[2:])


def filters_of(part: Part) -> Array:
    """Return the kernel of a part, with the channel axes (groups, filters of a group, channels of a group)."""
    w, groups = part.w, part.told.groups
    apart = w.reshape(groups, w.shape[0] // max(groups, 1), *w.shape[1:])
    return apart.swapaxes(1, 2) if part.told.transposed else apart


def _ungrouped(gradient: Array, part: Part) -> Array:
    return (gradient.swapaxes(1, 2) if part.told.transposed else gradient).reshape(part.w.shape)


def _flat(array: Array) -> Array:
    return array.reshape(*array.shape[:3], int(np.prod(array.shape[3:])))


def unstep(call: Call, g: Array) -> Array:
    """Return the gradient of the padding step's input. The gradient is 0 at elements that the step cropped."""
    for axis, (length, (low, high)) in enumerate(zip(call.extents("input"), call.before or (), strict=True), 2):
        places = np.arange(-low, max(length + high, -low))
        inside = (places >= 0) & (places < length)
        gradient = np.zeros((length, *np.moveaxis(g, axis, 0).shape[1:]))
        gradient[places[inside]] = np.moveaxis(g, axis, 0)[inside]
        g = np.moveaxis(gradient, 0, axis)
    return g


def home(call: Call, name: str, gradient: Array) -> Array:
    """
    Return the gradient of the array `name`, transposed from canonical axes to the call's layout of this array.

    In a depthwise kernel, output channel c * M + m is filter m of channel c.
    """
    if name == "bias":
        return gradient
    letters, have = call.letters(name), canonical_letters(call, name)
    if "M" in letters:
        gradient = gradient.reshape(call.extent(name, "C"), call.extent(name, "M"), *gradient.shape[2:])
    return gradient.transpose([have.index(letter) for letter in letters])


def canonical_letters(call: Call, name: str) -> str:
    """Return the axis letters of an array, in canonical order."""
    first = "NC" if name == "input" else kernel_letters(call.letters(name), FORWARD.translate(call)[0])
    return first + call.spatial


def rounded(call: Call, name: str, gradient: Array) -> Array:
    """Return a gradient, rounded once to the dtype of its array."""
    return gradient.astype(numpy_type(call.dtype_of(name)))


def finish(call: Call, gradients: dict[str, Array]) -> dict[str, Array]:
    """Return the gradients unchanged."""
    return gradients


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
