"""The gradients of the exact reference, against worked examples, differences, the adjoint identity and each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pytest
from conv_conformance.core import SWITCHES
from conv_conformance.core.call import Call, PerArray
from conv_conformance.core.dtypes import FLOATS, numpy_type
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import ARRAYS
from conv_conformance.reference import (
    Undefined,
    evaluate,
    gradient_magnitudes,
    gradient_products,
    gradients,
    gradients_again,
    second_order,
    second_order_again,
)
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from ..support.builders import call_of, ramp
from ..support.formulations import bits, line, whole
from ..support.random_calls import calls, switches

Gradients: TypeAlias = Callable[..., dict[str, Array]]

each_formulation = pytest.mark.parametrize("reference", [gradients, gradients_again], ids=["adjoint", "transposed"])
each_second = pytest.mark.parametrize("reference", [second_order, second_order_again], ids=["adjoint", "transposed"])

OPS = ("conv", "depthwise_conv", "separable_conv", "conv_transpose")
#: Parameters by op, with what goes through each special way of it.
VARIED: dict[str, list[dict[str, Any]]] = {
    "conv": [
        {},
        {"strides": 2, "padding": "same", "groups": 2},
        {"dilations": 2, "padding": "full"},
        {"input_dilations": 2, "padding": -1, "strides": 2},
        {"padding": 2, "padding_mode": "circular"},
        {"padding": 2, "padding_mode": "reflect"},
        {"padding": 4, "padding_mode": "replicate", "strides": 2},
    ],
    "depthwise_conv": [{"padding": "same_lower"}, {"strides": 3, "padding": 3, "padding_mode": "circular"}],
    "separable_conv": [{"padding": 1, "strides": 2}, {"padding": 2, "padding_mode": "reflect"}],
    "conv_transpose": [{"strides": 2, "groups": 2}, {"strides": 3, "padding": 1, "output_padding": 1}, {"padding": -2}],
}


def plain(found: dict[str, Array]) -> dict[str, Any]:
    """Return gradients as flat lists."""
    return {name: gradient.ravel().tolist() for name, gradient in found.items()}


def row(*values: float, dtype: str = "float32") -> Array:
    """Return a cotangent of rank 1 with one channel."""
    return np.array(values).reshape(1, -1, 1).astype(numpy_type(dtype))


def outcome(found: dict[str, Array]) -> dict[str, object]:
    """Return gradients comparable by ==: shapes, dtypes and bits, any NaN as one."""
    return {name: (gradient.shape, gradient.dtype.name, bits(gradient)) for name, gradient in found.items()}


@each_formulation
@pytest.mark.parametrize(
    ("values", "taps", "parameters", "cotangent", "dx", "dw"),
    [
        ((0, 3, 4, 5), (1, 2), {}, (1, -2, 3), [1, 0, -1, 6], [6, 10]),
        ((1,) * 8, (1, 1, 1), {"dilations": 2}, (1,) * 4, [1, 1, 2, 2, 2, 2, 1, 1], [4, 4, 4]),
        (range(1, 9), (1, 10, 100), {"strides": 3}, (1, 2), [1, 10, 100, 2, 20, 200, 0, 0], [9, 12, 15]),
        ((1, 2, 3, 4), (1, 10), {"padding": "same"}, (1, 2, 3, 4), [1, 12, 23, 34], [30, 20]),
        ((1, 2, 3, 4), (1, 10), {"padding": ((-1, 2),)}, (1, 2, 3, 4), [0, 1, 12, 23], [20, 11]),
        ((1, 2), (1, 10), {"input_dilations": 2}, (1, 2), [1, 20], [1, 4]),
        ((1, 2, 3, 4), (1, 10), {"before": ((1, -1),)}, (1, 2, 3), [12, 23, 30, 0], [8, 14]),
        ((1, 2, 3, 4), (1, 10), {"before": ((-9, 2),)}, (), [0, 0, 0, 0], [0, 0]),
    ],
)
def test_a_convolution_by_hand(
    reference: Gradients,
    values: tuple[float, ...],
    taps: tuple[float, ...],
    parameters: dict[str, Any],
    cotangent: tuple[float, ...],
    dx: list[float],
    dw: list[float],
) -> None:
    """Elements go back where they were read, with the tap that read them; what is not read, or cropped, is worth 0."""
    found = reference(line(*values, taps=taps, **parameters), row(*cotangent))
    assert {"input": dx, "kernel": dw} == plain(found)


@each_formulation
@pytest.mark.parametrize(
    ("mode", "dx", "dw"),
    [
        ("circular", [12 + 40, 23, 34 + 1], [23, 18]),
        ("reflect", [12, 23 + 1 + 40, 34], [22, 22]),
        ("replicate", [12 + 1, 23, 34 + 40], [21, 26]),
    ],
)
def test_copies_go_back_to_their_element(reference: Gradients, mode: str, dx: list[float], dw: list[float]) -> None:
    """An element that padding copied is worth what it and its copies are."""
    call = line(1, 2, 3, taps=(1, 10), padding=((1, 1),), padding_mode=mode)
    assert {"input": dx, "kernel": dw} == plain(reference(call, row(1, 2, 3, 4)))


@each_formulation
@pytest.mark.parametrize(
    ("parameters", "cotangent", "dx", "dw"),
    [
        ({}, (1, 2, 3, 4, 5), [321, 543], [7, 10, 13]),
        ({"padding": ((1, 1),)}, (1, 2, 3), [210, 32], [4, 7, 2]),
        ({"padding": ((1, 1),), "output_padding": 1}, (1, 2, 3, 4), [210, 432], [4, 7, 10]),
        ({"padding": ((-1, 0),)}, (9, 1, 2, 3, 4, 5), [321, 543], [7, 10, 13]),
    ],
)
def test_a_transposed_convolution_by_hand(
    reference: Gradients,
    parameters: dict[str, Any],
    cotangent: tuple[float, ...],
    dx: list[float],
    dw: list[float],
) -> None:
    """1, 2 with taps 1, 10, 100 and stride 2: an element is worth what was written for it, added zeros nothing."""
    call = line(1, 2, taps=(1, 10, 100), op="conv_transpose", strides=2, **parameters)
    assert {"input": dx, "kernel": dw} == plain(reference(call, row(*cotangent)))


@each_formulation
def test_both_stages_of_a_separable_convolution_by_hand(reference: Gradients) -> None:
    """The depthwise stage gives 1 * 3 + 2 * 4 = 11, and receives the cotangent 2 times the pointwise 5."""
    call = call_of("separable_conv", [[[1], [2]]], depthwise_kernel=[[[3]], [[4]]], pointwise_kernel=[[[5]]], bias=[6])
    expected = {"input": [30, 40], "depthwise_kernel": [10, 20], "pointwise_kernel": [22], "bias": [2]}
    found = reference(call, row(2))
    assert expected == plain(found)
    assert [*expected] == [*found]


@each_formulation
def test_groups_by_hand(reference: Gradients) -> None:
    """Two channels of their own, each with one tap."""
    found = reference(call_of("conv", [[[1, 2], [3, 4]]], [[[5, 7]]], groups=2), np.float32([[[1, 2], [3, 4]]]))
    assert {"input": [5, 14, 15, 28], "kernel": [1 + 9, 4 + 16]} == plain(found)


@each_formulation
@pytest.mark.parametrize("op", OPS)
def test_a_bias_is_worth_all_positions_of_its_channel(reference: Gradients, op: str) -> None:
    """The gradient of the bias sums the cotangent over samples and positions."""
    call = drawn(op, 2, bias=True)
    g = cotangent_of(call)
    np.testing.assert_array_equal(g.sum((0, 1, 2)), reference(call, g)["bias"])


@each_formulation
def test_sums_are_exact_and_rounded_once(reference: Gradients) -> None:
    """A bfloat16 bias over 300 ones is worth 300; 1 + 2**-11 + 2**-60 is above a tie of float16."""
    ones = call_of("conv", np.ones((1, 300, 1)), [[[1]]], bias=[0], dtype="bfloat16")
    found = reference(ones, row(*[1] * 300, dtype="bfloat16"))
    assert ([300], [300]) == (found["bias"].tolist(), found["kernel"].ravel().tolist())
    dtype = {"input": "float64", "kernel": "float16", "bias": "float16", "output": "float64"}
    found = reference(line(1, 1, 1, bias=[0], dtype=dtype), row(1, 2.0**-11, 2.0**-60, dtype="float64"))
    assert {"input": [1, 2.0**-11, 2.0**-60], "kernel": [1 + 2.0**-10], "bias": [1 + 2.0**-10]} == plain(found)
    assert ["float64", "float16", "float16"] == [gradient.dtype.name for gradient in found.values()]


@each_formulation
def test_copies_add_up_beyond_what_float64_holds(reference: Gradients) -> None:
    """The cotangents of many copies of one element sum to what math.fsum gives, though each is whole."""
    g = np.random.default_rng(0).integers(2**51, 2**52, 10) * 2.0 + 1
    call = line(1, taps=(1,), padding=((4, 5),), padding_mode="replicate", dtype="float64")
    assert {"input": [math.fsum(g)], "kernel": [math.fsum(g)]} == plain(reference(call, row(*g, dtype="float64")))


@each_formulation
def test_between_stages_nothing_is_rounded(reference: Gradients) -> None:
    """The cotangent of the depthwise stage is 1 + 2**-11, which float16 does not hold; half of it goes away again."""
    call = call_of(
        "separable_conv",
        [[[1]]],
        depthwise_kernel=[[[1, 1]]],
        pointwise_kernel=[[[1, 2.0**-11], [-1, 0]]],
        dtype="float16",
    )
    assert [2.0**-11] == reference(call, np.float16([[[1, 1]]]))["input"].ravel().tolist()


@each_formulation
def test_layouts_only_permute(reference: Gradients) -> None:
    """Each gradient has the axes of its array, the cotangent those of the output."""
    x, w, g = ramp(1, 4, 6, 2), ramp(2, 3, 2, 3), ramp(1, 4, 3, 3).astype(np.float32)
    parameters = {"strides": (1, 2), "padding": ((0, 1), (2, 0)), "dtype": "float32"}
    found = reference(call_of("conv", x, w, **parameters), g)
    layout = {"input": "CWHN", "kernel": "OWIH", "output": "WNCH"}
    call = call_of("conv", x.transpose(3, 2, 1, 0), w.transpose(3, 1, 2, 0), layout=layout, **parameters)
    permuted = reference(call, g.transpose(2, 0, 3, 1))
    np.testing.assert_array_equal(found["input"].transpose(3, 2, 1, 0), permuted["input"])
    np.testing.assert_array_equal(found["kernel"].transpose(3, 1, 2, 0), permuted["kernel"])


def drawn(op: str, rank: int, *, bias: bool = False, **parameters: Any) -> Call:
    """Return a call of four channels with whole numbers, in float64, every axis of another length."""
    rng = np.random.default_rng(rank)
    taps, groups = (3, 2, 2)[:rank], parameters.get("groups", 1)
    arrays: dict[str, Any] = {
        "conv": {"kernel": whole(rng, *taps, 4 // groups, 2)},
        "depthwise_conv": {"kernel": whole(rng, *taps, 4, 2)},
        "separable_conv": {
            "depthwise_kernel": whole(rng, *taps, 4, 2),
            "pointwise_kernel": whole(rng, *taps[:0], *(1,) * rank, 8, 2),
        },
        "conv_transpose": {"kernel": whole(rng, *taps, 4, 2)},
    }[op]
    produced = {"depthwise_conv": 8, "conv_transpose": 2 * groups}.get(op, 2)
    arrays |= {"bias": whole(rng, produced)} if bias else {}
    return call_of(op, whole(rng, 2, *(6, 5, 4)[:rank], 4), dtype="float64", **arrays, **parameters)


def cotangent_of(call: Call) -> Array:
    """Return a cotangent of whole numbers, in float64."""
    y = evaluate(call)
    return whole(np.random.default_rng(y.size), *y.shape)


def _varied(ops: tuple[str, ...] = OPS) -> Iterator[Any]:
    for op in ops:
        for rank in (1, 2, 3):
            for parameters in VARIED[op]:
                words = [f"{key}={value}" for key, value in parameters.items()]
                yield pytest.param(op, rank, parameters, id=" ".join([op, str(rank), *words]))


@each_formulation
@pytest.mark.parametrize(("op", "rank", "parameters"), [*_varied()])
def test_the_adjoint_identity(reference: Gradients, op: str, rank: int, parameters: dict[str, Any]) -> None:
    """<conv(x, w), g> = <x, dx> = <w, dw>: a call is linear in each of its arrays."""
    call = drawn(op, rank, **parameters)
    g = cotangent_of(call)
    worth = (evaluate(call) * g).sum()
    for name, gradient in reference(call, g).items():
        assert worth == (call.array(name) * gradient).sum()


@each_formulation
@pytest.mark.parametrize(("op", "rank", "parameters"), [*_varied()])
def test_differences(reference: Gradients, op: str, rank: int, parameters: dict[str, Any]) -> None:
    """One more of an element changes <conv(x, w), g> by its gradient, exactly."""
    call = drawn(op, rank, bias=True, **parameters)
    g, rng = cotangent_of(call), np.random.default_rng(1)
    for name, gradient in reference(call, g).items():
        for at in rng.choice(gradient.size, min(gradient.size, 4), replace=False):
            changed = call.array(name).copy()
            changed.flat[at] += 1
            difference = evaluate(replace(call, **{name: changed})) - evaluate(call)
            assert gradient.flat[at] == (difference * g).sum()


@each_formulation
@pytest.mark.parametrize("before", [((1, 2),), ((-1, 3),), ((-2, -1),), ((2, -7),)])
def test_differences_through_a_step_ahead(reference: Gradients, before: Any) -> None:
    """What `before` adds is no element of the input, what it crops is worth 0."""
    call = drawn("conv", 1, before=before)
    g = cotangent_of(call)
    found = reference(call, g)
    assert call.input.shape == found["input"].shape
    for at in range(call.input.size):
        changed = call.input.copy()
        changed.flat[at] += 1
        difference = evaluate(replace(call, input=changed)) - evaluate(call)
        assert found["input"].flat[at] == (difference * g).sum()


@each_formulation
def test_only_elements_make_products(reference: Gradients) -> None:
    """Infinity times a zero of padding is no product, times an element, or a zero of `before`, it is."""
    found = reference(line(1, 2, taps=(math.inf, 1), padding="same_lower"), row(1, 2))
    assert {"input": [math.inf, 2], "kernel": [2, 5]} == plain(found)
    found = reference(line(1, 2, taps=(3, 1), padding="same_lower"), row(math.inf, 1))
    assert {"input": [math.inf, 1], "kernel": [1, math.inf]} == plain(found)
    found = reference(line(1, 2, taps=(3, 1), before=((1, 0),)), row(math.inf, 1))
    assert bits(np.float32([np.nan, np.inf])) == bits(found["kernel"].ravel())
    cropped = line(1, math.inf, taps=(3, 1), op="conv_transpose", padding=((0, 1),))
    assert {"input": [4, 3], "kernel": [math.inf, 1]} == plain(reference(cropped, row(1, 1)))


@each_formulation
@pytest.mark.parametrize(
    ("g", "w", "x", "dx", "dw"),
    [
        (0.0, math.inf, 1.0, math.nan, 0.0),
        (math.nan, 1.0, 2.0, math.nan, math.nan),
        (-math.inf, -2.0, 0.0, math.inf, math.nan),
        (-0.0, 2.0, 3.0, -0.0, -0.0),
        (-0.0, -2.0, 3.0, 0.0, -0.0),
        (2.0**-149, -0.25, 0.75, -0.0, 2.0**-149),
    ],
)
def test_special_values(reference: Gradients, g: float, w: float, x: float, dx: float, dw: float) -> None:
    """NaN, infinities and zeros follow IEEE 754, term by term; no product at all is 0.0."""
    found = reference(line(x, 1, taps=(w,), strides=2), row(g))
    assert bits(np.float32([dx, 0.0])) == bits(found["input"].ravel())
    assert bits(np.float32([dw])) == bits(found["kernel"].ravel())


@each_formulation
def test_switches_change_values(reference: Gradients) -> None:
    """Subnormals are flushed where they are read and written, sums may start from 0.0."""
    tiny, call = 2.0**-126, line(1, 1, taps=(0.5,))
    flushed = reference(call, row(tiny, -tiny / 2), {"flush-subnormals"})
    assert bits(np.float32([0.0, -0.0])) == bits(flushed["input"].ravel())
    assert [tiny] == flushed["kernel"].ravel().tolist()
    assert [tiny / 2, -tiny / 4] == reference(call, row(tiny, -tiny / 2))["input"].ravel().tolist()
    started = reference(call, row(-0.0, -0.0), {"zero-start"})
    assert bits(np.zeros((1, 2, 1), np.float32)) == bits(started["input"])


@each_formulation
@pytest.mark.parametrize("switch", [switch for switch in sorted(SWITCHES) if switch.startswith("operands-")])
def test_what_is_only_added_is_no_operand(reference: Gradients, switch: str) -> None:
    """Operands are rounded before they are multiplied, the cotangent as well, but a bias is not multiplied."""
    fine = 1 + 2.0**-20
    found = reference(line(1, taps=(1,), bias=[0]), row(fine), {switch})
    assert {"input": [1], "kernel": [1], "bias": [fine]} == plain(found)


@each_formulation
def test_switches_change_lengths(reference: Gradients) -> None:
    """A cotangent of trailing zeros is dropped; one of no elements and their gaps is worth nothing."""
    call = line(1, 2, taps=(7,), op="conv_transpose", strides=3)
    assert {"input": [7, 28], "kernel": [9]} == plain(reference(call, row(1, 2, 3, 4)))
    found = reference(call, row(1, 2, 3, 4, 5, 6), {"trailing-zeros"})
    assert {"input": [7, 28], "kernel": [9]} == plain(found)
    nothing = call_of("conv_transpose", np.zeros((1, 0, 1)), np.ones((5, 1, 1)), strides=3)
    assert [0] * 5 == reference(nothing, row(1, 2, 3, 4), {"dilated-nothing"})["kernel"].ravel().tolist()


@each_formulation
@pytest.mark.parametrize(
    ("x", "w", "parameters"),
    [
        ((0, 4, 2), (3, 2, 5), {}),
        ((1, 0, 2), (3, 2, 5), {"padding": 2}),
        ((1, 4, 0), (3, 0, 5), {}),
        ((1, 4, 2), (3, 2, 0), {}),
        ((1, 2, 2), (3, 2, 5), {}),
        ((1, 4, 2), (0, 2, 5), {}),
        ((1, 4, 2), (3, 2, 5), {"padding": -3}),
        ((1, 4, 0), (3, 0, 5), {"op": "depthwise_conv"}),
        ((1, 0, 2), (3, 2, 5), {"op": "conv_transpose", "padding": -3}),
        ((1, 4, 2), (3, 2, 5), {"op": "conv_transpose", "padding": 9}),
    ],
)
def test_empty_axes(reference: Gradients, x: tuple[int, ...], w: tuple[int, ...], parameters: dict[str, Any]) -> None:
    """What multiplied nothing is worth 0.0, and every gradient has the shape of its array."""
    call = call_of(**{"op": "conv", "input": np.ones(x), "kernel": -np.ones(w), **parameters})
    found = reference(call, np.ones(evaluate(call).shape, np.float32))
    assert bits(np.zeros(x, np.float32)) == bits(found["input"])
    assert bits(np.zeros(w, np.float32)) == bits(found["kernel"])
    assert (x, w) == (found["input"].shape, found["kernel"].shape)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "complex64"])
@each_formulation
def test_integers_and_complex_numbers_have_no_gradients(reference: Gradients, dtype: str) -> None:
    """Not of any array, nor of the output."""
    for name in ("input", "kernel", "output"):
        types = {"input": "float32", "kernel": "float32", "output": "complex64", name: dtype}
        types |= {} if dtype == "complex64" or name != "output" else {"input": dtype, "kernel": dtype}
        with pytest.raises(Undefined, match="gradients need real floating-point dtypes"):
            reference(line(1, taps=(1,), dtype=types), row(1))


@each_formulation
def test_a_cotangent_is_like_the_output(reference: Gradients) -> None:
    """Another shape, dtype, or an unknown switch is refused, and a call without a meaning has no gradients."""
    call = line(1, 2)
    with pytest.raises(ValueError, match=r"expected float32 \(1, 2, 1\) like output, got float32 \(1, 3, 1\)"):
        reference(call, row(1, 2, 3))
    with pytest.raises(ValueError, match="float64"):
        reference(call, row(1, 2, dtype="float64"))
    with pytest.raises(ValueError, match="unknown switches"):
        reference(call, row(1, 2), {"zero-stop"})
    with pytest.raises(Undefined, match="groups must be at least 1"):
        reference(replace(call, groups=0), row(1, 2))


def test_magnitudes_sum_sizes() -> None:
    """S of each gradient, through both stages, in the layout of the array; what is not finite counts as 0."""
    call, g = line(3, -4, 1, taps=(-1, 2), bias=[-5]), row(-1, 2)
    expected = {"input": [1, 2 + 2, 4], "kernel": [3 + 8, 4 + 2], "bias": [3]}
    assert expected == plain(gradient_magnitudes(call, g))
    separable = call_of("separable_conv", [[[3], [-4]]], depthwise_kernel=[[[1]], [[-2]]], pointwise_kernel=[[[-5]]])
    expected = {"input": [10, 20], "depthwise_kernel": [30, 40], "pointwise_kernel": [2 * (3 + 8)]}
    assert expected == plain(gradient_magnitudes(separable, row(-2)))
    infinite = gradient_magnitudes(line(1, 2, taps=(math.inf, 1), padding="same_lower"), row(math.inf, -1))
    assert {"input": [0, 1], "kernel": [1, 2]} == plain(infinite)
    assert {"float64"} == {sizes.dtype.name for sizes in infinite.values()}


@pytest.mark.parametrize(("op", "rank", "parameters"), [*_varied()])
def test_magnitudes_are_gradients_of_sizes(op: str, rank: int, parameters: dict[str, Any]) -> None:
    """Without signs S is the gradient."""
    call = drawn(op, rank, bias=True, **parameters)
    call = replace(call, **{name: abs(call.array(name)) for name in ARRAYS if getattr(call, name) is not None})
    g = abs(cotangent_of(call))
    assert outcome(gradients(call, g)) == outcome(gradient_magnitudes(call, g))


@pytest.mark.parametrize(("op", "rank", "parameters"), [*_varied()])
def test_products_are_counted(op: str, rank: int, parameters: dict[str, Any]) -> None:
    """K is the largest gradient of ones, which counts its products; between two stages sums are counted too."""
    call = drawn(op, rank, bias=True, **parameters)
    ones = {name: np.ones_like(call.array(name)) for name in ARRAYS if getattr(call, name) is not None}
    found = gradients(replace(call, **ones), np.ones_like(evaluate(call)))
    largest = {name: gradient.max() for name, gradient in found.items()}
    if op == "separable_conv":
        taps, produced = math.prod(call.extents("depthwise_kernel")), call.extent("pointwise_kernel", "O")
        largest["input"] *= (produced + 1) / produced
        largest["depthwise_kernel"] *= (produced + 1) / produced
        largest["pointwise_kernel"] = largest["bias"] * (taps + 1)
    assert largest == gradient_products(call)


def test_products_of_what_is_not_read() -> None:
    """A stride as long as the window reads each element once, a circular padding some twice, a crop none."""
    assert {"input": 1, "kernel": 2} == gradient_products(line(*range(6), taps=(1, 2, 3), strides=3))
    circular = line(1, 2, taps=(1,), padding=((1, 0),), padding_mode="circular")
    assert {"input": 2, "kernel": 3} == gradient_products(circular)
    assert {"input": 0, "kernel": 0} == gradient_products(line(1, 2, taps=(1,), padding=((-2, 0),)))
    trailing = line(1, 2, taps=(7,), op="conv_transpose", strides=3, bias=[1])
    assert {"input": 1, "kernel": 2, "bias": 4} == gradient_products(trailing)
    assert {"input": 1, "kernel": 2, "bias": 6} == gradient_products(trailing, {"trailing-zeros"})


@each_second
def test_second_order_by_hand(reference: Gradients) -> None:
    """x = 1, 2, 3 and w = 1, 10 along u = 1, 0, -1 and v = 2, 1, for the cotangent 1, 2."""
    call = line(1, 2, 3, taps=(1, 10), bias=[4])
    directions = {"input": row(1, 0, -1), "kernel": np.float32([[[2]], [[1]]]), "bias": np.float32([7])}
    found = reference(call, row(1, 2), directions)
    expected = {"cotangent": [1 + 4 + 7, -10 + 7 + 7], "input": [2, 1 + 4, 2], "kernel": [1, -2]}
    assert expected == plain(found)


@each_second
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(("op", "rank", "parameters"), [*_varied(("conv", "depthwise_conv", "conv_transpose"))])
def test_second_order_is_the_gradient_of_gradients(
    reference: Gradients, op: str, rank: int, parameters: dict[str, Any], with_bias: bool
) -> None:
    """One more of an element changes H = <dx, u> + <dw, v> + <db, t> by its second-order gradient, exactly."""
    call, rng = drawn(op, rank, bias=with_bias, **parameters), np.random.default_rng(2)
    g = cotangent_of(call)
    names = ("input", "kernel", *(["bias"] if with_bias else []))
    directions = {name: whole(rng, *call.array(name).shape) for name in names}

    def worth(call: Call, g: Array) -> Any:
        found = gradients(call, g)
        return sum((found[name] * direction).sum() for name, direction in directions.items())

    points = {"cotangent": g, "input": call.input, "kernel": call.array("kernel")}
    for name, gradient in reference(call, g, directions).items():
        changed, at = points[name].copy(), rng.integers(gradient.size)
        changed.flat[at] += 1
        moved = worth(call, changed) if name == "cotangent" else worth(replace(call, **{name: changed}), g)
        assert gradient.flat[at] == moved - worth(call, g)
        assert gradient.shape == points[name].shape


@each_second
def test_second_order_needs_directions(reference: Gradients) -> None:
    """One of the input and one of the kernel, like these; of a bias where there is one; of one stage alone."""
    call, g, fitting = line(1, 2, taps=(3,)), row(1, 1), {"input": row(1, 2), "kernel": np.float32([[[1]]])}
    for wrong in ({}, {"input": row(1, 2)}, {**fitting, "output": g}, {**fitting, "bias": np.float32([1])}):
        with pytest.raises(ValueError, match="direction"):
            reference(call, g, wrong)
    with pytest.raises(ValueError, match="like kernel, got float64"):
        reference(call, g, {**fitting, "kernel": np.ones((1, 1, 1))})
    with pytest.raises(Undefined, match="separable"):
        reference(drawn("separable_conv", 1), g, {})
    with pytest.raises(Undefined, match="gradients need"):
        reference(replace(call, dtype=PerArray(input="int8")), g, fitting)


@st.composite
def float_calls(draw: st.DrawFn) -> tuple[Call, frozenset[str], list[Array]]:
    """Draw a call of floats, switches, and a cotangent with directions of the input, the kernels and the bias."""
    call, chosen, dtype = draw(calls()), draw(switches()), draw(st.sampled_from(FLOATS))
    call = _floating(call, dtype)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    try:
        y = evaluate(call, chosen)
    except Undefined:  # a padding mode has nothing to copy
        reject()
    likes = [y, *(call.array(name) for name in ARRAYS if getattr(call, name) is not None)]
    return call, chosen, [_alike(rng, like) for like in likes]


def _floating(call: Call, dtype: str) -> Call:
    names = [name for name in ARRAYS if getattr(call, name) is not None]
    types = {name: getattr(call.dtype, name) for name in (*names, "output")}
    types = {name: of if of in FLOATS else dtype for name, of in types.items()}
    with np.errstate(all="ignore"):
        arrays = {name: call.array(name).real.astype(numpy_type(types[name])) for name in names}
    return replace(call, **arrays, dtype=PerArray(**types))


def _alike(rng: np.random.Generator, like: Array) -> Array:
    special = (0.0, -0.0, 1.0, -2.0, 0.5, math.inf, -math.inf, math.nan)[: rng.integers(1, 9)]
    values = (
        rng.integers(-3, 4, like.shape),
        rng.normal(size=like.shape) * 2.0 ** rng.integers(-6, 3),
        rng.normal(size=like.shape) * 2.0 ** rng.integers(-150, 120, like.shape),
        rng.choice(special, like.shape),
    )[rng.integers(4)]
    with np.errstate(all="ignore"):
        return values.astype(like.dtype)


@settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(drawn=float_calls())
def test_both_formulations_agree(drawn: tuple[Call, Collection[str], list[Array]]) -> None:
    """Bit for bit, over calls of every kind, in the first and the second order."""
    call, chosen, (g, *directions) = drawn
    found = gradients(call, g, chosen)
    assert outcome(found) == outcome(gradients_again(call, g, chosen))
    assert {name: call.array(name).shape for name in found} == {name: found[name].shape for name in found}
    if call.op != "separable_conv":
        along = dict(zip(found, directions, strict=True))
        assert outcome(second_order(call, g, along, chosen)) == outcome(second_order_again(call, g, along, chosen))


@pytest.mark.parametrize("few", [0, math.inf], ids=["slices", "integers"])
@pytest.mark.parametrize(("op", "rank", "parameters"), [*_varied()])
def test_matrix_products_equal_plain_integers(
    op: str, rank: int, parameters: dict[str, Any], few: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast ways in float64 give the bits that slices, Python's integers and Fraction give, for Gaussian data."""
    call, rng = drawn(op, rank, **parameters), np.random.default_rng(3)
    names = [name for name in ARRAYS if getattr(call, name) is not None]
    arrays = {name: rng.normal(size=call.array(name).shape).astype(np.float32) for name in names}
    call = replace(call, **arrays, dtype=PerArray(input="float32", output="float32"))
    g = rng.normal(size=evaluate(call).shape).astype(np.float32)
    fast = outcome(gradients(call, g))
    monkeypatch.setattr("conv_conformance.reference.exact.array.FEW", few)
    assert fast == outcome(gradients(call, g))
    monkeypatch.setattr("conv_conformance.reference.exact.array.LIMIT", 0)
    assert fast == outcome(gradients(call, g))
    if rank < 2:
        assert fast == outcome(gradients_again(call, g))
