"""
Gradients by the first formulation: the gradient of an element is a sum over the products that contain the element.

If a layer gathers, its adjoint scatters. If a layer scatters, its adjoint gathers. The gradient of a kernel correlates
the input with the cotangent: dw[k] = sum over n of x[places[k, n]] * g[n].
Zero padding contributes no products. The zeros that `before` adds are elements and contribute products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...core import ARRAYS, Array, Call, permuted
from ..exact.array import Exact, add, dot, exact
from ..exact.rounding import rounded
from ..exact.slices import Bilinear
from ..undefined import check_directions, check_fit, check_gradients, of_sums
from .forward import (
    Layer,
    convolved,
    grouped,
    input_of,
    kernel_of,
    layers_of,
    magnitude,
    parts_of,
    products,
    slotted,
    summed,
    without_slots,
)
from .tap_positions import Correlation, Gather, Scatter, apart

#: A function that rearranges the elements of an array.
Change: TypeAlias = Callable[[Array], Array]


@np.errstate(all="ignore")  # signalling NaNs warn when they are read
def gradients(call: Call, cotangent: Array, switches: Collection[str] = frozenset()) -> dict[str, Array]:
    """
    Return the exact gradients of <cotangent, output> with respect to the arrays of a call, each rounded once.

    `cotangent` has the axes, shape and dtype of the output. Each gradient has the axes, shape and dtype of its array.
    Elements and taps without products have the gradient 0.0. Values between the stages of a separable convolution are
    not rounded.
    The switches of `evaluate` apply, with two differences. `operands-…` also round the cotangent, except for the
    gradient of the bias. `padding-skipped` and `zeros-multiplied` affect only the values between two stages.

    Raises:
        Undefined: if the call has no defined result, or if an array does not have a real floating-point dtype.
        ValueError: for an unknown switch, or if the cotangent does not have the shape and dtype of the output.

    """
    check_gradients(call, switches)
    g, zero_start = _arranged(call, cotangent, switches), "zero-start" in switches
    (upstream,), (summands,) = parts_of(call, "output", g, switches), parts_of(call, "output", g, of_sums(switches))
    found = {"bias": dot(_totals, exact(np.ones((1, 1))), summands.moved(_flat), zero_start=zero_start)}
    for layer, x, w in reversed(_steps(call, switches)):
        found[layer.kernel] = _by_kernel(layer, w.integers.shape).exact(x, upstream, zero_start=zero_start)
        upstream = _by_input(layer, x.integers.shape, w.integers.shape).exact(upstream, w, zero_start=zero_start)
    found["input"] = upstream
    return {name: _rounded(call, name, found[name].moved(home), switches) for name, home in _homes(call).items()}


@np.errstate(all="ignore")
def gradient_magnitudes(call: Call, cotangent: Array, switches: Collection[str] = frozenset()) -> dict[str, Array]:
    """
    Return S of each gradient, the sum of abs(product) over the products of each element, as float64.

    NaN and infinities count as 0, because the judge needs no error bound for the elements that they reach.

    Raises:
        Undefined: as `gradients` does.
        ValueError: as `gradients` does.

    """
    check_gradients(call, switches)
    g = _size(_arranged(call, cotangent, switches))
    found = {"bias": _totals(np.ones((1, 1)), g)}
    for layer, x, w in reversed(_sizes(call, switches)):
        found[layer.kernel] = _by_kernel(layer, w.shape)(x, g)
        g = _by_input(layer, x.shape, w.shape)(g, w)
    found["input"] = g
    return {name: home(found[name]) for name, home in _homes(call).items()}


def gradient_products(call: Call, switches: Collection[str] = frozenset()) -> dict[str, int]:
    """
    Return K of each gradient, the largest number of products in one of its elements.

    A product with a value between two stages counts 1 plus the number of products in that value.

    Raises:
        Undefined: as `gradients` does.

    """
    check_gradients(call, switches)
    ahead, lengths, chain = 0, input_of(call).shape[1:-1], []
    for layer in layers_of(call, switches):
        kernel = kernel_of(call, layer).shape
        chain.append((layer.kernel, kernel[-1], _meetings(layer, lengths), ahead))
        ahead, lengths = math.prod(kernel[1:-1]) * (ahead + 1), _extents(layer)
    batch = call.extent("input", "N")
    found, behind = {"bias": batch * math.prod(lengths)}, 0
    for name, produced, (by_element, by_tap), ahead in reversed(chain):
        found[name] = batch * by_tap * (ahead + behind + 1)
        behind = by_element * produced * (behind + 1)
    found["input"] = behind
    return {name: found[name] for name in ARRAYS if getattr(call, name) is not None}


@np.errstate(all="ignore")
def second_order(
    call: Call, cotangent: Array, directions: Mapping[str, Array], switches: Collection[str] = frozenset()
) -> dict[str, Array]:
    """
    Return the gradients of H = <dx, u> + <dw, v> + <db, t> by `cotangent`, `input` and `kernel`, each rounded once.

    dx, dw and db are the `gradients` of the call for `cotangent`. `directions` holds u as `input` and v as `kernel`. If
    the call has a bias, `directions` may hold t as `bias`. Each direction has the shape and dtype of its array.
    The gradient by `cotangent` is conv(u, w) + conv(x, v) + t, with the convolution of `evaluate`. The gradient by
    `input` is dx with v in place of w. The gradient of H with respect to `kernel` is dw with u in place of x.

    Raises:
        Undefined: as `gradients` does, and for a separable convolution.
        ValueError: as `gradients` does, and for missing, surplus or misshapen directions.

    """
    check_directions(call, directions, switches)
    along_input = replace(call, input=directions["input"])
    along_kernel = replace(call, kernel=directions["kernel"])
    found = {
        "input": gradients(along_kernel, cotangent, switches)["input"],
        "kernel": gradients(along_input, cotangent, switches)["kernel"],
    }
    (one,), (other,) = summed(along_input, switches), summed(along_kernel, switches)
    total = add(one, other)
    if "bias" in directions:
        total = add(total, *parts_of(call, "bias", directions["bias"], switches))
    return {"cotangent": call.deliver(_rounded(call, "output", total, switches), f"N{call.spatial}C"), **found}


def second_order_magnitudes(
    call: Call, cotangent: Array, directions: Mapping[str, Array], switches: Collection[str] = frozenset()
) -> dict[str, Array]:
    """
    Return S of each array that `second_order` returns, as float64; `gradient_magnitudes` defines S.

    Raises:
        Undefined: as `second_order` does.
        ValueError: as `second_order` does.

    """
    check_directions(call, directions, switches)
    along_input, along_kernel = _halves(call, directions)
    return {
        "cotangent": magnitude(along_input, switches) + magnitude(along_kernel, switches),
        "input": gradient_magnitudes(along_kernel, cotangent, switches)["input"],
        "kernel": gradient_magnitudes(along_input, cotangent, switches)["kernel"],
    }


def second_order_products(
    call: Call, directions: Mapping[str, Array], switches: Collection[str] = frozenset()
) -> dict[str, int]:
    """
    Return K of each array that `second_order` returns; `gradient_products` defines K.

    Raises:
        Undefined: as `second_order` does.
        ValueError: as `second_order` does.

    """
    check_directions(call, directions, switches)
    return {**gradient_products(call, switches), "cotangent": sum(map(products, _halves(call, directions)))}


def _halves(call: Call, directions: Mapping[str, Array]) -> tuple[Call, Call]:
    """Return the calls of conv(u, w) + t and of conv(x, v); their outputs sum to the gradient by the cotangent."""
    along_input = replace(call, input=directions["input"], bias=directions.get("bias"))
    return along_input, replace(call, kernel=directions["kernel"], bias=None)


class _Step(NamedTuple):
    """A layer with its input (batch, spatial…, channel) and its kernel (group, tap…, in, out)."""

    layer: Layer
    x: Exact
    w: Exact


def _steps(call: Call, switches: Collection[str]) -> list[_Step]:
    (x,), steps = parts_of(call, "input", input_of(call), switches), list[_Step]()
    for layer in layers_of(call, switches):
        if steps:
            (x,) = convolved(call, steps[-1].layer, (x,), (steps[-1].w,), switches)
        (w,) = parts_of(call, layer.kernel, kernel_of(call, layer), switches)
        steps.append(_Step(layer, x, w))
    return steps


def _sizes(call: Call, switches: Collection[str]) -> list[tuple[Layer, Array, Array]]:
    x, steps = _size(input_of(call)), list[tuple[Layer, Array, Array]]()
    for layer in layers_of(call, switches):
        if steps:
            behind, _, w = steps[-1]
            x = behind.join(behind.sums(behind.split(x), w))
        steps.append((layer, x, _size(kernel_of(call, layer))))
    return steps


def _size(array: Array) -> Array:
    size = np.abs(array.astype(np.float64))
    return np.where(np.isfinite(size), size, 0.0)


def _arranged(call: Call, cotangent: Array, switches: Collection[str]) -> Array:
    *_, last = layers_of(call, switches)
    w = kernel_of(call, last)
    shape = (call.extent("input", "N"), *_extents(last), w.shape[0] * w.shape[-1])
    letters, own = f"N{call.spatial}C", call.letters("output")
    check_fit(call, "output", cotangent, tuple(shape[letters.index(letter)] for letter in own))
    return permuted(cotangent, own, letters)


def _extents(layer: Layer) -> tuple[int, ...]:
    if isinstance(layer.sums, Scatter):
        return layer.sums.extents
    return tuple(place.shape[1] for place in layer.sums.places)


def _ends(layer: Layer, lengths: tuple[int, ...]) -> tuple[int, ...]:
    return layer.sums.extents if isinstance(layer.sums, Scatter) else lengths


def _meetings(layer: Layer, lengths: tuple[int, ...]) -> tuple[int, int]:
    """Return the most taps that use the same input element, and the most elements that one tap uses."""
    by_element = by_tap = 1
    for place, slot in zip(layer.sums.places, _ends(layer, lengths), strict=True):
        meets = place < slot
        taps = meets.sum(0) if isinstance(layer.sums, Scatter) else np.bincount(place[meets])
        by_element *= int(taps.max(initial=0))
        by_tap *= int(meets.sum(1).max(initial=0))
    return by_element, by_tap


def _homes(call: Call) -> dict[str, Change]:
    """Return, by array name, a function that rearranges a computed gradient into the array's layout and shape."""
    homes = {"input": _home(call, "input", input_of)}
    for layer in layers_of(call):
        homes[layer.kernel] = _home(call, layer.kernel, partial(kernel_of, layer=layer))
    return homes if call.bias is None else {**homes, "bias": lambda gradient: gradient}


def _home(call: Call, name: str, arranged: Callable[[Call], Array]) -> Change:
    # Arrange the numbers 1 to size like the elements. Each number then identifies an element, and 0 is padding.
    shape, size = call.array(name).shape, call.array(name).size
    numbered: dict[str, Any] = {name: np.arange(1, size + 1).reshape(shape)}
    numbers = arranged(replace(call, **numbered))

    def home(gradient: Array) -> Array:
        elements = np.zeros(size + 1, gradient.dtype)
        elements[numbers] = gradient.reshape(numbers.shape)
        return elements[1:].reshape(shape)

    return home


def _rounded(call: Call, name: str, numbers: Exact, switches: Collection[str]) -> Array:
    dtype = getattr(call.dtype, name) or call.dtype.input
    return rounded(numbers, dtype, flush="flush-subnormals" in switches)


def _flat(g: Array) -> Array:
    """Return a cotangent as (1, summed, channel). The bias gradient sums over the second axis."""
    return g.reshape(1, math.prod(g.shape[:-1]), g.shape[-1])


def _totals(one: Array, g: Array) -> Array:
    # The bias gradient is a sum of products, each of which is 1 times an element of the cotangent.
    totals: Array = one[0] * g.sum(tuple(range(g.ndim - 1)))
    return totals


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sums:
    """
    A gradient of a layer as a function of two arrays: `result(apply(left(one), right(other)))`.

    `apply` computes sums of products. `has_slots` is true if `left` adds slots. If `swaps` is true, `left` rearranges
    the second array and `right` the first.
    """

    apply: Bilinear
    left: Change
    right: Change
    result: Change
    has_slots: bool
    swaps: bool = False

    def __call__(self, one: Array, other: Array) -> Array:
        """Return the sums, computed in float64."""
        left, right = (other, one) if self.swaps else (one, other)
        return self.result(self.apply(self.left(left), self.right(right)))

    def exact(self, one: Exact, other: Exact, *, zero_start: bool) -> Exact:
        """Return the exact sums."""
        left, right = (other, one) if self.swaps else (one, other)
        left = left.moved(self.left)
        left = without_slots(left) if self.has_slots else left
        return dot(self.apply, left, right.moved(self.right), zero_start=zero_start).moved(self.result)


def _by_input(layer: Layer, values: tuple[int, ...], kernel: tuple[int, ...]) -> _Sums:
    """Return the function of cotangent and kernel that computes a layer's input gradient (batch, spatial…, channel)."""
    if isinstance(layer.sums, Scatter):
        return _Sums(
            apply=Gather(places=layer.sums.places),
            left=lambda g: slotted(grouped(g, kernel[0], kernel[-1])),
            right=_turned,
            result=layer.join,
            has_slots=True,
        )
    places, taps = zip(*map(apart, layer.sums.places, values[1:-1]), strict=True)
    return _Sums(
        apply=Scatter(places=places, extents=values[1:-1]),
        left=lambda g: grouped(g, kernel[0], kernel[-1]),
        right=lambda w: _turned(w[(slice(None), *np.ix_(*taps))]),
        result=layer.join,
        has_slots=False,
    )


def _by_kernel(layer: Layer, kernel: tuple[int, ...]) -> _Sums:
    """Return the function of input and cotangent that computes a layer's kernel gradient (group, tap…, in, out)."""
    groups, *_, contracted, produced = kernel
    apply = Correlation(places=layer.sums.places)
    if isinstance(layer.sums, Scatter):  # a tap reads the cotangent at the positions that the tap wrote
        return _Sums(
            apply=apply,
            left=lambda g: slotted(grouped(g, groups, produced)),
            right=lambda x: grouped(x, groups, contracted),
            result=_turned,
            has_slots=True,
            swaps=True,
        )
    return _Sums(
        apply=apply,
        left=lambda x: slotted(grouped(x, groups, contracted)),
        right=lambda g: grouped(g, groups, produced),
        result=lambda w: w,
        has_slots=True,
    )


def _turned(w: Array) -> Array:
    return w.swapaxes(-1, -2)
