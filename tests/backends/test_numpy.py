"""The NumPy target: against results known by hand, against the reference, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import conv_conformance.backends.numpy
import numpy as np
import pytest
from conv_conformance import reference
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core import dtypes
from conv_conformance.core.backend import Raised, Refused, Target, Unavailable
from conv_conformance.core.call import Call, PerArray, Variation
from conv_conformance.core.dtypes import DTYPES
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import ARRAYS, STORAGES
from hypothesis import HealthCheck, assume, given, settings

from ..support.builders import call_of, ramp
from ..support.handwritten import CALLS, PLAIN, arrays, line, taps
from ..support.random_calls import calls

KERNEL = ramp(2, 3, 3, 4)
INPUT = ramp(2, 4, 5, 3) % 5


def result(call: Call) -> Array:
    return NumPy().prepare(call)().arrays["output"]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_result_is_that_of_the_definition(name: str) -> None:
    """Every call known by hand has the values, shape and dtype of the definition."""
    asked, expected = CALLS[name]
    output = result(asked)
    assert (output.dtype.name, output.shape) == (asked.dtype.output, np.shape(expected))
    assert output.tolist() == np.asarray(expected).tolist()


def test_nothing_eager_is_unsupported() -> None:
    """The limits hold for no call known by hand, and for each variation that a compiler or an inference shows."""
    assert [name for name, (asked, _) in CALLS.items() if any(limit.holds(asked) for limit in NumPy.limits)] == []
    for variation in ("kernel_constant", "dynamic_shape", "inside_graph"):
        varied = call_of("conv", *PLAIN, variation=Variation(**{variation: True}))
        assert [limit.reason for limit in NumPy.limits if limit.holds(varied)] == ["eager: nothing is compiled"]
    inferring = call_of("conv", *PLAIN, variation=Variation(shape_inference=True))
    assert [limit.reason for limit in NumPy.limits if limit.holds(inferring)] == [
        "nothing is inferred ahead of the call"
    ]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_text_makes_the_same_call(name: str) -> None:
    """The recorded text, pasted where the arrays of the case are, gives the same result."""
    asked, _ = CALLS[name]
    outputs = NumPy().prepare(asked)()
    pasted = eval(outputs.call, {"conv_conformance": conv_conformance, **arrays(asked)})
    output = outputs.arrays["output"]
    assert (pasted.dtype, pasted.tolist()) == (output.dtype, output.tolist())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_of_the_format_is_taken(dtype: str) -> None:
    """Small whole numbers give the exact result in every dtype, which the result keeps."""
    output = result(call_of("conv", line(0, 3, 1, 1), taps(1, 2), dtype=dtype))
    assert (output.dtype.name, output.astype("complex64").ravel().tolist()) == (dtype, [6, 5, 3])


def test_narrow_floats_need_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package of narrow floats, exactly the calls that name such a dtype anywhere are unsupported."""
    narrow = call_of("conv", *PLAIN, dtype={"input": "float32", "output": "bfloat16"})
    others = [call_of("conv", *PLAIN, dtype=dtype) for dtype in ("uint8", "float32", "float16", "int32")]
    assert not any(limit.holds(narrow) for limit in NumPy.limits)
    monkeypatch.setattr(dtypes, "numpy_type", lambda name: np.dtype(dtypes.NARROW.get(name, name)))
    assert [limit.reason for limit in NumPy.limits if limit.holds(narrow)] == [
        "no narrow floats where ml_dtypes is not installed"
    ]
    assert not any(limit.holds(other) for other in others for limit in NumPy.limits)


@pytest.mark.parametrize("storage", [f"{name}:N" if name == "broadcast" else name for name in STORAGES])
def test_storage_makes_no_difference(storage: str) -> None:
    """The same values in another memory order have the same result; unused memory, which is NaN, is not read."""
    same = np.broadcast_to(INPUT[:1], INPUT.shape)
    stored = {"input": storage, "kernel": "contiguous" if ":" in storage else storage}
    output = result(call_of("conv", same, KERNEL, padding="same", strides=2, storage=stored))
    assert output.tolist() == result(call_of("conv", same, KERNEL, padding="same", strides=2)).tolist()


@pytest.mark.parametrize(("mode", "first", "last"), [("reflect", 2, 2), ("replicate", 1, 3), ("circular", 3, 1)])
def test_padding_modes_fill_from_the_input(mode: str, first: int, last: int) -> None:
    """Around 1, 2, 3 stand 2 and 2 (reflect), 1 and 3 (replicate), 3 and 1 (circular)."""
    output = result(call_of("conv", line(1, 2, 3), taps(1, 10), padding=1, padding_mode=mode))
    assert output.tolist() == line(first + 10, 21, 32, 3 + 10 * last)


REFUSED: dict[str, Call] = {
    "zero-stride": call_of("conv", *PLAIN, strides=0),
    "zero-dilation": call_of("conv", *PLAIN, dilations=0),
    "zero-input-dilation": call_of("conv", *PLAIN, input_dilations=0),
    "zero-groups": call_of("conv", *PLAIN, groups=0),
    "two-strides": call_of("conv", *PLAIN, strides=(1, 1)),
    "two-pairs": call_of("conv", *PLAIN, padding=((0, 0), (0, 0))),
    "input-of-rank-2": call_of("conv", [[1, 2]], taps(1, 2), layout={"input": "NWC"}),
    "kernel-of-rank-2": call_of("conv", PLAIN[0], [[1, 2]], layout={"input": "NWC", "kernel": "WIO"}),
    "channels": call_of("conv", PLAIN[0], ramp(2, 2, 1)),
    "groups": call_of("conv", ramp(1, 4, 3), ramp(2, 1, 4), groups=2),
    "outputs-in-groups": call_of("conv", ramp(1, 4, 2), ramp(2, 1, 3), groups=2),
    "bias": call_of("conv", *PLAIN, bias=[1, 2]),
    "depthwise-channels": call_of("depthwise_conv", ramp(1, 4, 2), ramp(2, 4, 1)),
    "depthwise-groups": call_of("depthwise_conv", ramp(1, 4, 2), ramp(2, 2, 1), groups=2),
    "pointwise-taps": call_of(
        "separable_conv", ramp(1, 4, 1), depthwise_kernel=ramp(2, 1, 1), pointwise_kernel=ramp(2, 1, 1)
    ),
    "padding-word": call_of("conv", *PLAIN, padding="sam"),
    "padding-mode": call_of("conv", *PLAIN, padding_mode="mirror"),
    "causal-plane": call_of("conv", ramp(1, 2, 2, 1), ramp(1, 1, 1, 1), padding="causal"),
    "reflect-nothing": call_of("conv", np.zeros((1, 0, 1)), taps(1), padding=1, padding_mode="reflect"),
    "output-padding": call_of("conv", *PLAIN, output_padding=1),
    "transposed-causal": call_of("conv_transpose", *PLAIN, padding="causal"),
    "transposed-full": call_of("conv_transpose", *PLAIN, padding="full"),
    "transposed-mode": call_of("conv_transpose", *PLAIN, padding_mode="reflect"),
    "transposed-input-dilation": call_of("conv_transpose", *PLAIN, input_dilations=2),
    "transposed-empty-kernel": call_of("conv_transpose", PLAIN[0], np.zeros((0, 1, 1)), padding=((-2, -2),)),
    "float-into-integer": call_of("conv", *PLAIN, dtype={"input": "float32", "output": "int32"}),
    "complex-into-float": call_of("conv", *PLAIN, dtype={"input": "complex64", "output": "float32"}),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_calls_without_meaning_are_refused(name: str) -> None:
    """A call that means nothing is refused, as a framework would, when it is made."""
    run = NumPy().prepare(REFUSED[name])
    with pytest.raises((Refused, Raised)):
        run()


@pytest.mark.parametrize("kernel", [taps(1, 2, 3, 4, 5), np.zeros((5, 1, 3))])
def test_window_longer_than_the_input_gives_an_empty_output(kernel: Any) -> None:
    """Where no window fits there are no positions, whatever the channels."""
    assert result(call_of("conv", PLAIN[0], kernel)).shape == (1, 0, np.shape(kernel)[2])


def test_transposed_of_no_elements_is_zeros() -> None:
    """Of no elements (0 - 1) * 2 + 1 + 3 = 2 places are left, and nothing was sent to them."""
    call = call_of("conv_transpose", np.zeros((1, 0, 1)), taps(1), strides=2, padding=((-3, 0),))
    assert result(call).tolist() == line(0, 0)


@pytest.mark.parametrize("text", ["jit", "@gpu"])
def test_other_modes_and_devices_are_unavailable(text: str) -> None:
    """NumPy has one mode and one device."""
    mode, _, device = text.partition("@")
    with pytest.raises(Unavailable, match="numpy has no modes and one device"):
        NumPy(Target(name="numpy", mode=mode, device=device or "cpu"))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls())
def test_result_equals_the_reference(drawn: Call) -> None:
    """On whole numbers every order of summation is exact, and the result equals the reference's."""
    names = [name for name in ARRAYS if getattr(drawn, name) is not None]
    whole = {name: ramp(*getattr(drawn, name).shape).astype("int32") % 3 for name in names}
    call = replace(drawn, **whole, dtype=PerArray(**dict.fromkeys([*names, "output"], "int32")))
    assume(call.padding_mode == "zeros" or 0 not in call.lengths)
    try:
        expected = reference.evaluate(call)
    except reference.Undefined:
        with pytest.raises(Refused):
            result(call)
    else:
        output = result(call)
        assert (output.dtype, output.shape, output.tolist()) == (expected.dtype, expected.shape, expected.tolist())
