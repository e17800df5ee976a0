"""The two formulations of the exact reference, against NumPy, SciPy, worked examples and each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array
from conv_conformance.reference import Undefined, evaluate, evaluate_again
from hypothesis import HealthCheck, given, settings
from scipy import signal

from ..support.builders import call_of, ramp
from ..support.formulations import Evaluate, bits, each_formulation, line, outcome, whole
from ..support.random_calls import calls, switches

NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
AXES = ((7,), (6, 5), (4, 3, 5))


def stuffed(array: Array, by: int) -> Array:
    """Return an array with by - 1 zeros between neighbours of every axis but the last."""
    result = np.zeros((*((n - 1) * by + 1 for n in array.shape[:-1]), array.shape[-1]))
    result[tuple(slice(None, None, by) for _ in array.shape[:-1])] = array
    return result


def correlated(x: Array, w: Array, *, stride: int = 1, dilation: int = 1) -> Array:
    """Return SciPy's correlation of one image (spatial…, in) with a kernel (tap…, in, out)."""
    filters = [signal.correlate(x, stuffed(w[..., o], dilation), "valid", method="direct") for o in range(w.shape[-1])]
    step = (slice(None, None, stride),) * (x.ndim - 1)
    return np.concatenate(filters, -1)[step]


@each_formulation
def test_taps_are_not_flipped(reference: Evaluate) -> None:
    """[0, 3, 4, 5] with taps [1, 2] gives 6, 11, 14."""
    assert [6, 11, 14] == reference(line(0, 3, 4, 5, taps=(1, 2))).ravel().tolist()


@each_formulation
def test_channels_are_summed(reference: Evaluate) -> None:
    """Two channels with a kernel (taps, channels) give 30, 57, 67."""
    call = call_of("conv", [[[0, 0], [3, 6], [4, 7], [5, 8]]], [[[1], [3]], [[2], [4]]])
    assert [30, 57, 67] == reference(call).ravel().tolist()


@each_formulation
def test_filters_stand_side_by_side(reference: Evaluate) -> None:
    """Two filters [1, 2] and [3, 4] give two columns."""
    call = call_of("conv", [[[0], [3], [4], [5]]], [[[1, 3]], [[2, 4]]])
    assert [[[6, 12], [11, 25], [14, 32]]] == reference(call).tolist()


@each_formulation
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"padding": "same"}, [21, 32, 43, 4]),
        ({"padding": "same_lower"}, [10, 21, 32, 43]),
        ({"padding": "causal"}, [10, 21, 32, 43]),
        ({"padding": "causal", "dilations": 2}, [10, 20, 31, 42]),
        ({"padding": "full"}, [10, 21, 32, 43, 4]),
        ({"padding": "same", "strides": 2}, [21, 43]),
        ({"padding": ((-1, 2),)}, [32, 43, 4, 0]),
        ({"padding": ((3, -3),)}, [0, 0, 10]),
        ({"padding": ((-3, 5),)}, [4, 0, 0, 0, 0]),
        ({"padding": ((-6, 1),)}, []),
        ({"input_dilations": 2}, [1, 20, 2, 30, 3, 40]),
        ({"before": ((1, -1),)}, [10, 21, 32]),
        ({"before": ((-3, 0),), "padding": "same"}, [4]),
        ({"before": ((-9, 2),)}, []),
    ],
)
def test_lengths_and_ends(reference: Evaluate, parameters: dict[str, Any], expected: list[int]) -> None:
    """Padding words, negative padding and a step ahead, worked out by hand for 1, 2, 3, 4 with taps 1, 10."""
    assert expected == reference(line(1, 2, 3, 4, taps=(1, 10), **parameters)).ravel().tolist()


@each_formulation
@pytest.mark.parametrize(
    ("taps", "parameters", "expected"),
    [
        ((1, 10, 100), {}, [1, 10, 102, 20, 200]),
        ((1, 10, 100), {"padding": "same"}, [1, 10, 102, 20]),
        ((1, 10, 100), {"padding": "same_lower"}, [10, 102, 20, 200]),
        ((1, 10, 100), {"padding": ((1, 1),)}, [10, 102, 20]),
        ((1, 10, 100), {"padding": ((1, 1),), "output_padding": 1}, [10, 102, 20, 200]),
        ((1, 10, 100), {"padding": ((0, 0),), "output_padding": 2}, [1, 10, 102, 20, 200, 0, 0]),
        ((1, 10, 100), {"padding": ((-1, -2),)}, [0, 1, 10, 102, 20, 200, 0, 0]),
        ((1, 10), {"dilations": 3}, [1, 0, 2, 10, 0, 20]),
        ((7,), {}, [7, 0, 14]),
        ((7,), {"padding": "same"}, [7, 0, 14, 0]),
    ],
)
def test_transposed_ends(
    reference: Evaluate, taps: tuple[int, ...], parameters: dict[str, Any], expected: list[int]
) -> None:
    """Cropping of a transposed convolution of 1, 2 with stride 2, worked out by hand."""
    call = line(1, 2, taps=taps, op="conv_transpose", strides=2, **parameters)
    assert expected == reference(call).ravel().tolist()


@each_formulation
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_convolutions_agree_with_scipy(reference: Evaluate, axes: tuple[int, ...], mode: str) -> None:
    """With NumPy's padding and SciPy's correlation: all ranks, strides, dilations, unequal pads, padding modes."""
    rng = np.random.default_rng(len(axes))
    x, w = whole(rng, 2, *axes, 3), whole(rng, *(2, 3, 2)[: len(axes)], 3, 2)
    for stride, dilation, pair in ((1, 1, (0, 0)), (2, 1, (1, 2)), (1, 2, (9, 13)), (3, 2, (0, 4))):
        padded = np.pad(x, [(0, 0), *[pair] * len(axes), (0, 0)], NUMPY_MODES[mode])  # type: ignore[call-overload]
        call = call_of(
            "conv",
            x,
            w,
            dtype="float64",
            strides=stride,
            dilations=dilation,
            padding=(pair,) * len(axes),
            padding_mode=mode,
        )
        expected = [correlated(image, w, stride=stride, dilation=dilation) for image in padded]
        np.testing.assert_array_equal(np.stack(expected), reference(call))


@each_formulation
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_one_element_is_copied_everywhere(reference: Evaluate, mode: str) -> None:
    """An axis of length 1 has nothing but its element to copy."""
    call = line(5, taps=(1, 10, 100), padding=((3, 2),), padding_mode=mode)
    assert [555] * 4 == reference(call).ravel().tolist()


@each_formulation
@pytest.mark.parametrize("axes", AXES)
def test_transposed_convolutions_agree_with_scipy(reference: Evaluate, axes: tuple[int, ...]) -> None:
    """A transposed convolution is SciPy's full convolution of the stuffed input with the stuffed kernel."""
    rng = np.random.default_rng(len(axes))
    x, w = whole(rng, *axes, 1), whole(rng, *(2, 3, 2)[: len(axes)], 1)
    for stride, dilation in ((1, 1), (2, 1), (3, 2)):
        call = call_of(
            "conv_transpose", x[np.newaxis], w[..., np.newaxis], dtype="float64", strides=stride, dilations=dilation
        )
        expected = signal.convolve(stuffed(x, stride), stuffed(w, dilation), "full", method="direct")
        np.testing.assert_array_equal(expected, reference(call)[0])


@each_formulation
def test_a_line_agrees_with_numpy(reference: Evaluate) -> None:
    """numpy.correlate is the convolution, numpy.convolve the one with flipped taps and the transposed one."""
    rng = np.random.default_rng(1)
    x, w = whole(rng, 12), whole(rng, 5)
    assert np.correlate(x, w, "valid").tolist() == reference(line(*x, taps=tuple(w))).ravel().tolist()
    assert (
        np.convolve(x, w, "full").tolist() == reference(line(*x, taps=tuple(w[::-1]), padding="full")).ravel().tolist()
    )
    assert (
        np.convolve(x, w, "full").tolist() == reference(line(*x, taps=tuple(w), op="conv_transpose")).ravel().tolist()
    )


@each_formulation
def test_groups_do_not_meet(reference: Evaluate) -> None:
    """A grouped convolution is one for each group, side by side; a depthwise one has a group for each channel."""
    rng = np.random.default_rng(2)
    x, w = whole(rng, 1, 6, 5, 4), whole(rng, 2, 3, 2, 6)
    groups = [correlated(x[0, ..., 2 * g : 2 * g + 2], w[..., 3 * g : 3 * g + 3]) for g in (0, 1)]
    call = call_of("conv", x, w, groups=2, dtype="float64")
    np.testing.assert_array_equal(np.concatenate(groups, -1), reference(call)[0])
    channels = [correlated(x[0, ..., c : c + 1], w[..., c % 2, np.newaxis, :3]) for c in range(4)]
    call = call_of("depthwise_conv", x, np.stack([w[..., c % 2, :3] for c in range(4)], -2), dtype="float64")
    np.testing.assert_array_equal(np.concatenate(channels, -1), reference(call)[0])


@each_formulation
def test_groups_of_a_transposed_convolution(reference: Evaluate) -> None:
    """Each group of a transposed convolution has its own rows of the kernel."""
    rng = np.random.default_rng(3)
    x, w = whole(rng, 1, 4, 4), whole(rng, 3, 4, 2)
    halves = [
        reference(call_of("conv_transpose", x[..., rows], w[:, rows], strides=2)) for rows in (slice(2), slice(2, 4))
    ]
    call = call_of("conv_transpose", x, w, strides=2, groups=2)
    np.testing.assert_array_equal(np.concatenate(halves, -1), reference(call))


@each_formulation
def test_separable_is_depthwise_and_pointwise(reference: Evaluate) -> None:
    """The spatial parameters belong to the depthwise stage; the pointwise one mixes its channels; then the bias."""
    rng = np.random.default_rng(4)
    x, depthwise, pointwise = whole(rng, 1, 9, 2), whole(rng, 3, 2, 2), whole(rng, 1, 4, 3)
    call = call_of(
        "separable_conv",
        x,
        depthwise_kernel=depthwise,
        pointwise_kernel=pointwise,
        bias=[1, 2, 3],
        strides=2,
        padding=((1, 0),),
        dtype="float64",
    )
    padded = np.pad(x[0], [(1, 0), (0, 0)])
    middle = [correlated(padded[:, c : c + 1], depthwise[:, c, np.newaxis], stride=2) for c in (0, 1)]
    expected = np.concatenate(middle, -1) @ pointwise[0] + [1, 2, 3]
    np.testing.assert_array_equal(expected, reference(call)[0])


@each_formulation
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 2), (0, -1)), ((-1, 1), (3, 0))])
def test_transposed_is_the_adjoint(reference: Evaluate, padding: tuple[tuple[int, int], ...]) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, cropping and groups included."""
    rng = np.random.default_rng(5)
    x, w = whole(rng, 2, 9, 8, 4), whole(rng, 2, 3, 2, 6)
    parameters = {"dtype": "float64", "strides": (2, 3), "dilations": (3, 1), "padding": padding, "groups": 2}
    forward = reference(call_of("conv", x, w, **parameters))
    y = whole(rng, *forward.shape)
    # How many elements at the high end no window reaches.
    extents = ((2 - 1) * 3 + 1, 3)
    spare = [(n + sum(pair) - k) % s for n, pair, k, s in zip((9, 8), padding, extents, (2, 3), strict=True)]
    back = reference(
        call_of(
            "conv_transpose",
            y,
            w,
            layout={"input": "NHWC", "kernel": "HWOI"},
            output_padding=tuple(spare),
            **parameters,
        )
    )
    assert x.shape == back.shape
    assert (forward * y).sum() == (x * back).sum()


@each_formulation
def test_layouts_only_permute(reference: Evaluate) -> None:
    """Spatial parameters stay in the order H, W whatever the layouts."""
    x, w = ramp(1, 4, 6, 2), ramp(2, 3, 2, 3)
    parameters = {"strides": (1, 2), "padding": ((0, 1), (2, 0))}
    plain = reference(call_of("conv", x, w, **parameters))
    layout = {"input": "CWHN", "kernel": "OWIH", "output": "WNCH"}
    call = call_of("conv", x.transpose(3, 2, 1, 0), w.transpose(3, 1, 2, 0), layout=layout, **parameters)
    np.testing.assert_array_equal(plain.transpose(2, 0, 3, 1), reference(call))


@each_formulation
def test_complex_parts_agree_with_numpy(reference: Evaluate) -> None:
    """Complex numbers multiply without conjugation."""
    rng = np.random.default_rng(6)
    x, w = (whole(rng, n) + 1j * whole(rng, n) for n in (8, 3))
    expected = np.convolve(x, w[::-1], "valid")
    assert expected.tolist() == reference(line(*x, taps=tuple(w), dtype="complex64")).ravel().tolist()
    mixed = line(*x, taps=tuple(w.real), dtype={"input": "complex128", "kernel": "float32", "output": "complex128"})
    assert np.convolve(x, w.real[::-1], "valid").tolist() == reference(mixed).ravel().tolist()


@each_formulation
@pytest.mark.parametrize(
    ("x", "w", "parameters", "shape"),
    [
        ((0, 4, 2), (3, 2, 5), {}, (0, 2, 5)),
        ((1, 0, 2), (3, 2, 5), {}, (1, 0, 5)),
        ((1, 4, 0), (3, 0, 5), {}, (1, 2, 5)),
        ((1, 4, 2), (3, 2, 0), {}, (1, 2, 0)),
        ((1, 2, 2), (3, 2, 5), {}, (1, 0, 5)),
        ((1, 0, 2), (3, 2, 5), {"padding": "same"}, (1, 0, 5)),
        ((1, 4, 2), (0, 2, 5), {}, (1, 5, 5)),
        ((1, 4, 2), (3, 2, 0), {"padding": ((1, 1),)}, (1, 4, 0)),
    ],
)
def test_empty_axes(
    reference: Evaluate, x: tuple[int, ...], w: tuple[int, ...], parameters: dict[str, Any], shape: tuple[int, ...]
) -> None:
    """Nothing to sum gives zeros, nothing to produce an empty array."""
    result = reference(call_of("conv", np.ones(x), -np.ones(w), **parameters))
    assert shape == result.shape
    assert bits(np.zeros(shape, np.float32)) == bits(result)


@each_formulation
def test_padding_of_an_empty_axis(reference: Evaluate) -> None:
    """Padding alone is convolved as well: zeros times negative taps are -0.0."""
    result = reference(call_of("conv", np.ones((1, 0, 2)), -np.ones((3, 2, 5)), padding=2))
    assert bits(np.full((1, 2, 5), -0.0, np.float32)) == bits(result)


def _undefined() -> Iterator[tuple[str, Call]]:
    x, w = np.ones((1, 4, 4)), np.ones((2, 2, 6))
    yield "I = 2, but 4 input channels", call_of("conv", x, w)
    yield "groups=3 must divide the 4 input channels", call_of("conv", x, w, groups=3)
    yield "strides must be at least 1, not 0", call_of("conv", x, w, groups=2, strides=0)
    yield "dilations must be at least 1, not 0", call_of("conv", x, w, groups=2, dilations=0)
    yield "groups must be at least 1, not 0", call_of("conv", x, w, groups=0)
    yield "does not accept output_padding", call_of("conv", x, w, groups=2, output_padding=1)
    yield "bias must have shape", call_of("conv", x, w, groups=2, bias=[1, 2])
    yield (
        "reflect cannot be combined with negative",
        call_of("conv", x, w, groups=2, padding=-1, padding_mode="reflect"),
    )
    yield (
        "reflect cannot be combined with input_dilations",
        call_of("conv", x, w, groups=2, padding_mode="reflect", input_dilations=2),
    )
    yield "a single spatial axis", call_of("conv", np.ones((1, 2, 2, 4)), np.ones((1, 1, 4, 1)), padding="causal")
    yield "must have the axes WIO", call_of("conv", x, np.ones((2, 2)), layout={"input": "NWC", "kernel": "WIO"})
    yield "does not accept groups", call_of("depthwise_conv", x, np.ones((2, 4, 1)), groups=2)
    yield "has C = 3, but the input has 4 channels", call_of("depthwise_conv", x, np.ones((2, 3, 1)))
    yield "output cannot be int8", call_of("conv", x, w, groups=2, dtype={"input": "float32", "output": "int8"})
    yield "output cannot be float32", call_of("conv", x, w, groups=2, dtype={"input": "complex64", "output": "float32"})
    transposed = np.ones((2, 4, 3))
    yield "at least one tap", call_of("conv_transpose", x, transposed[:0])
    yield "does not accept causal padding", call_of("conv_transpose", x, transposed, padding="causal")
    yield (
        "output_padding cannot be combined with padding: valid",
        call_of("conv_transpose", x, transposed, output_padding=1),
    )
    yield "does not accept padding_mode or input_dilations", call_of("conv_transpose", x, transposed, input_dilations=2)
    yield "cannot pad an axis of length 0", call_of("conv", x[:, :0], w, groups=2, padding=2, padding_mode="circular")


@each_formulation
@pytest.mark.parametrize(("padding", "length"), [(1, 0), (2, 0), ("same", 0), (-1, 3)])
def test_a_crop_that_leaves_nothing(reference: Evaluate, padding: Any, length: int) -> None:
    """A crop as long as the transposed output, or longer, leaves length 0, never less."""
    x = np.ones((1, 0 if padding == "same" else 1, 1))
    call = call_of("conv_transpose", x, np.ones((1, 1, 2)), padding=padding)
    assert (1, length, 2) == reference(call).shape


@each_formulation
@pytest.mark.parametrize(("reason", "call"), [*_undefined()])
def test_undefined(reference: Evaluate, reason: str, call: Call) -> None:
    """A call without a meaning says why instead of giving a result."""
    with pytest.raises(Undefined, match=reason):
        reference(call)


@each_formulation
def test_padding_that_is_skipped_is_of_forward_convolutions(reference: Evaluate) -> None:
    """A transposed one multiplies zeros or scatters, whatever a forward one makes of its padding: -0.0 + 0.0 is 0.0."""
    call = call_of("conv_transpose", [[[1.0], [-2.0]]], [[[0.0]], [[0.0]]])
    multiplied = reference(call, frozenset({"zeros-multiplied"}))
    both = reference(call, frozenset({"zeros-multiplied", "padding-skipped"}))
    assert both.tobytes() == multiplied.tobytes()
    assert not np.signbit(both[0, -1, 0])


@settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(call=calls(), chosen=switches())
def test_both_formulations_agree(call: Call, chosen: frozenset[str]) -> None:
    """Bit for bit, or both undefined, over calls of every kind."""
    assert outcome(evaluate, call, chosen) == outcome(evaluate_again, call, chosen)
