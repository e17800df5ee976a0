"""Calls that must be refused reach every framework unchanged: each adapter translates invalid parameters, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_conformance import reference
from conv_conformance.backends.jax import adapter as jax
from conv_conformance.backends.jax import parameters as lax
from conv_conformance.backends.keras import parameters as keras_parameters
from conv_conformance.backends.numpy import NumPy
from conv_conformance.backends.shared import arguments
from conv_conformance.backends.tensorflow import parameters as tf_nn
from conv_conformance.backends.torch import limits as torch_limits
from conv_conformance.backends.torch import parameters as torch_parameters
from conv_conformance.backends.torch import text
from conv_conformance.core.backend import Limit, Refused
from conv_conformance.core.call import Call
from conv_conformance.workers import wire

from ..support.builders import call_of, ramp

PLAIN = {
    "conv1d": call_of("conv", ramp(2, 6, 4), ramp(2, 4, 6), bias=ramp(6)),
    "conv2d": call_of("conv", ramp(2, 5, 6, 4), ramp(2, 3, 4, 6), bias=ramp(6)),
    "depthwise2d": call_of("depthwise_conv", ramp(2, 5, 6, 4), ramp(2, 3, 4, 2), bias=ramp(8)),
    "separable2d": call_of(
        "separable_conv", ramp(2, 5, 6, 4), depthwise_kernel=ramp(2, 3, 4, 2), pointwise_kernel=ramp(1, 1, 8, 6)
    ),
    "transposed1d": call_of("conv_transpose", ramp(2, 6, 4), ramp(3, 4, 6), bias=ramp(6)),
    "transposed2d": call_of("conv_transpose", ramp(2, 5, 6, 4), ramp(2, 3, 4, 6), bias=ramp(6)),
}
FAULTS: dict[str, dict[str, Any]] = {
    "unknown word": {"padding": "sideways"},
    "unknown mode": {"padding_mode": "mirror", "padding": "same"},
    "no pairs": {"padding": ()},
    "pairs too many": {"padding": ((0, 0),) * 4},
    "unequal pairs too many": {"padding": ((0, 1),) * 4},
    "no strides": {"strides": ()},
    "strides too many": {"strides": (1,) * 4, "padding": "same"},
    "stride zero": {"strides": (0, 0), "padding": "same_lower"},
    "no dilations": {"dilations": ()},
    "dilations too many": {"dilations": (1,) * 4, "padding": "same"},
    "input dilations too many": {"input_dilations": (1,) * 4},
    "output padding too many": {"output_padding": (0,) * 4},
    "output padding below zero": {"output_padding": (-1, -1)},
    "groups below zero": {"groups": -1},
    "bias of two axes": {"bias": ramp(1, 6).astype(np.float32)},
    "bias without an axis": {"bias": np.ones((), np.float32)},
    "input of one axis": {"input": ramp(6).astype(np.float32)},
}
KERNELS = {
    "kernel of one axis": ramp(6).astype(np.float32),
    "kernel of six axes": ramp(1, 1, 1, 1, 4, 6).astype(np.float32),
}


def _senseless() -> Iterator[tuple[str, Call]]:
    for name, call in PLAIN.items():
        for fault, fields in FAULTS.items():
            yield f"{name}: {fault}", replace(call, **fields)
        for fault, kernel in KERNELS.items():
            yield f"{name}: {fault}", replace(call, **{call.stages[0].kernel: kernel})


CALLS = dict(_senseless())


def _steps_of_torch(call: Call) -> None:
    plan = torch_parameters.steps(call)
    torch_parameters.place(call, plan)
    text.expression(call, plan, text.tensors(call, plan, "cpu"), text.functional)


def _steps_of_jax(call: Call) -> None:
    for is_consistent in (True, False):
        lax.written(call, [lax.step(stage, is_consistent=is_consistent) for stage in call.stages], is_jitted=False)


def _steps_of_keras(call: Call) -> None:
    keras_parameters.written(call, keras_parameters.layer(call), is_layer=True)
    keras_parameters.written(call, keras_parameters.operation(call), is_layer=False)


def _step_of_tensorflow(call: Call) -> None:
    tf_nn.written(call, tf_nn.step(call), is_graph=False)


#: What each adapter works out before its framework is asked, and its limits.
ADAPTERS: dict[str, tuple[Callable[[Call], None], tuple[Limit, ...]]] = {
    "torch": (_steps_of_torch, (*torch_limits.LIMITS, torch_limits.NO_PADDING_MODE)),
    "jax": (_steps_of_jax, jax.LIMITS),
    "keras layers": (_steps_of_keras, keras_parameters.LAYER_LIMITS),
    "keras.ops": (_steps_of_keras, keras_parameters.OPERATION_LIMITS),
    "tensorflow": (_step_of_tensorflow, tf_nn.LIMITS),
}


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", CALLS)
def test_a_senseless_call_is_unsaid_or_said(name: str, adapter: str) -> None:
    """An adapter finds either a limit or words for it; it does not fall over what does not fit."""
    say, limits = ADAPTERS[adapter]
    call = CALLS[name]
    held = [limit.reason for limit in limits if limit.holds(call)]
    if not held:
        say(call)


@pytest.mark.parametrize("name", CALLS)
def test_a_senseless_call_has_no_result(name: str) -> None:
    """Both formulations of the reference and the NumPy target refuse it."""
    call = CALLS[name]
    for evaluate in (reference.evaluate, reference.evaluate_again):
        with pytest.raises(reference.Undefined):
            evaluate(call)
    with pytest.raises(Refused):
        NumPy().prepare(call)()


@pytest.mark.parametrize("name", CALLS)
def test_a_senseless_call_travels(name: str) -> None:
    """It arrives at a worker as it was sent."""
    sent = wire.pack_call(0, CALLS[name])
    line, _, payload = sent.partition(b"\n")
    _, form = wire.unpack_call(line)
    assert sent == wire.pack_call(0, form.call(payload, 0))


def test_no_other_parameter_suffers_from_one_that_does_not_fit() -> None:
    """The output shape that TensorFlow is told stays that of the call with a stride or a dilation of 1."""
    call = PLAIN["transposed1d"]
    shape = tf_nn.step(call).keywords["output_shape"]
    for fields in ({"strides": (-1,)}, {"strides": ()}, {"dilations": (0,)}, {"dilations": (1, 1)}):
        assert shape == tf_nn.step(replace(call, **fields)).keywords["output_shape"]


def test_an_unknown_word_is_passed_on() -> None:
    """The framework is told the word itself, neither a default nor the pairs of another word."""
    one, two = CALLS["conv1d: unknown word"], CALLS["conv2d: unknown word"]
    assert "sideways" == torch_parameters.steps(one)[0].keywords["padding"]
    assert "sideways" == lax.step(one.stages[0], is_consistent=True).keywords["padding"]
    assert "sideways" == keras_parameters.layer(one).keywords["padding"]
    assert "sideways" == tf_nn.step(one).keywords["padding"]
    assert "sideways" == tf_nn.step(two).keywords["padding"]
    transposed = CALLS["transposed1d: unknown word"]
    assert "sideways" == lax.step(transposed.stages[0], is_consistent=True).keywords["padding"]


def test_causal_in_two_axes_is_passed_on() -> None:
    """Where `causal` has no meaning it is a word like any other that has none."""
    call = replace(PLAIN["conv2d"], padding="causal")
    assert "causal" == torch_parameters.steps(call)[0].keywords["padding"]
    assert "causal" == lax.step(call.stages[0], is_consistent=True).keywords["padding"]
    assert "causal" == tf_nn.step(call).keywords["padding"]


def test_a_word_beside_lists_that_do_not_fit_means_what_it_means_beside_fitting_ones() -> None:
    """Only the list is at fault, so the padding says the same."""
    call = replace(PLAIN["conv1d"], padding="same_lower", strides=(2, 2))
    assert replace(call, strides=(2,)).pairs == call.pairs
    assert ((1, 0),) == replace(call, strides=(0,)).pairs


@pytest.mark.parametrize(("bias", "expected"), [(ramp(6), False), (ramp(1), True), (ramp(1, 6), True), (None, False)])
def test_a_bias_that_would_be_broadcast_is_told(bias: Any, expected: bool) -> None:
    """Where a bias is added by hand, one element for all channels would pass unseen, and so would another rank."""
    assert expected == arguments.is_bias_broadcast(replace(PLAIN["conv1d"], bias=bias))
    one = call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), bias=[5])
    assert not arguments.is_bias_broadcast(one)
    assert arguments.is_bias_broadcast(replace(one, bias=ramp(2)))
