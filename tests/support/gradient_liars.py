"""
Backends that compute every output rightly, and one gradient wrongly.

Each is a function from a call and the right gradients to the wrong ones by name; `LIES` says where it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.backend import Outputs, Refused
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array

HONEST = NumPy()
Gradients: TypeAlias = dict[str, Array]
Lie: TypeAlias = Callable[[Call, Gradients], Gradients]


def honest(call: Call) -> dict[str, Array]:
    """Return what NumPy returns, by where."""
    return dict(HONEST.prepare(call)().arrays)


def gradients_of(call: Call) -> Gradients:
    """Return NumPy's gradients by the names of arrays."""
    arrays = honest(call)
    return {name: arrays[f"gradient.{name}"] for name in call.gradients}


def lying(lie: Lie) -> type:
    """Return a backend whose gradients are those of a lie."""

    class Liar:
        framework = "miniature"
        differentiates = True

        def prepare(self, call: Call) -> Callable[[], Outputs]:
            if not call.gradients:
                return lambda: Outputs(honest(call))
            return lambda: Outputs({**honest(call), **_placed(lie(call, gradients_of(call)))}, "liar()")

    return Liar


def _placed(gradients: Gradients) -> dict[str, Array]:
    return {f"gradient.{name}": each for name, each in gradients.items()}


@lying
def zero(call: Call, right: Gradients) -> Gradients:
    return {"input": np.zeros_like(right["input"])}


@lying
def sign_flipped(call: Call, right: Gradients) -> Gradients:
    return {"kernel": -right["kernel"]}


@lying
def kernel_flipped(call: Call, right: Gradients) -> Gradients:
    assert call.kernel is not None
    flipped = call.kernel[::-1].copy()
    return {"input": gradients_of(replace(call, kernel=flipped))["input"]}


@lying
def kernel_gradient_flipped(call: Call, right: Gradients) -> Gradients:
    return {"kernel": right["kernel"][::-1]}


@lying
def channels_transposed(call: Call, right: Gradients) -> Gradients:
    return {"kernel": right["kernel"].swapaxes(-1, -2)}


@lying
def gaps_forgotten(call: Call, right: Gradients) -> Gradients:
    """Do not spread the cotangent by the stride."""
    assert call.cotangent is not None and call.kernel is not None
    wrong = np.zeros_like(right["input"])
    for tap in range(len(call.kernel)):
        wrong[:, tap : tap + call.cotangent.shape[1]] += call.cotangent @ call.kernel[tap].T
    return {"input": wrong}


@lying
def tail_missing(call: Call, right: Gradients) -> Gradients:
    assert call.kernel is not None
    read = (honest(call)["output"].shape[1] - 1) * call.strides[0] + len(call.kernel)
    return {"input": right["input"][:, :read]}


@lying
def tail_not_zero(call: Call, right: Gradients) -> Gradients:
    wrong = right["input"].copy()
    wrong[:, -1] = 7
    return {"input": wrong}


@lying
def padding_shifted(call: Call, right: Gradients) -> Gradients:
    (low, high), *_ = call.pairs
    return {"input": gradients_of(replace(call, padding=((high, low),)))["input"]}


@lying
def bias_of_one_sample(call: Call, right: Gradients) -> Gradients:
    assert call.cotangent is not None
    return {"bias": call.cotangent[0].sum(0)}


@lying
def double(call: Call, right: Gradients) -> Gradients:
    return {"kernel": right["kernel"].astype(np.float64)}


@lying
def not_a_number(call: Call, right: Gradients) -> Gradients:
    return {"input": np.where(right["input"] == right["input"].max(), np.nan, right["input"]).astype(np.float32)}


@lying
def nearly(call: Call, right: Gradients) -> Gradients:
    return {"kernel": right["kernel"] * np.float32(1 + 1e-5)}


def lying_twice(lie: Lie) -> type:
    """Return a backend whose gradients of gradients are those of a lie; all else is right."""

    class Liar:
        framework = "miniature"
        differentiates = True
        differentiates_twice = True

        def prepare(self, call: Call) -> Callable[[], Outputs]:
            wrong = lie(call, twice_of(call)) if call.second_order else {}
            return lambda: Outputs(
                {**honest(call), **{f"second.{name}": each for name, each in wrong.items()}}, "liar()"
            )

    return Liar


def twice_of(call: Call) -> Gradients:
    """Return NumPy's gradients of gradients by `cotangent`, `input` and `kernel`."""
    arrays = honest(call)
    return {name: arrays[f"second.{name}"] for name in call.second_order}


@lying_twice
def second_zero(call: Call, right: Gradients) -> Gradients:
    return {"input": np.zeros_like(right["input"])}


@lying_twice
def directions_swapped(call: Call, right: Gradients) -> Gradients:
    """Take the direction of the input for that of the kernel, and the other way round; both have as many elements."""
    assert call.input_direction is not None and call.kernel_direction is not None
    u = call.kernel_direction.reshape(call.input.shape)
    v = call.input_direction.reshape(call.kernel_direction.shape)
    return twice_of(replace(call, input_direction=u, kernel_direction=v))


@lying_twice
def only_the_input_moves(call: Call, right: Gradients) -> Gradients:
    assert call.kernel_direction is not None
    still = np.zeros_like(call.kernel_direction)
    return {"cotangent": twice_of(replace(call, kernel_direction=still))["cotangent"]}


@lying_twice
def only_the_kernel_moves(call: Call, right: Gradients) -> Gradients:
    assert call.input_direction is not None
    still = np.zeros_like(call.input_direction)
    return {"cotangent": twice_of(replace(call, input_direction=still))["cotangent"]}


@lying_twice
def bias_stands_still(call: Call, right: Gradients) -> Gradients:
    return {"cotangent": twice_of(replace(call, bias_direction=None))["cotangent"]}


@lying_twice
def first_order_again(call: Call, right: Gradients) -> Gradients:
    """Leave the arrays where their directions have to stand."""
    return {name: each for name, each in gradients_of(call).items() if name in right}


@lying_twice
def first_kernel_again(call: Call, right: Gradients) -> Gradients:
    return {"kernel": gradients_of(call)["kernel"]}


@lying_twice
def second_transposed(call: Call, right: Gradients) -> Gradients:
    return {"kernel": right["kernel"].swapaxes(-1, -2)}


@lying_twice
def second_double(call: Call, right: Gradients) -> Gradients:
    return {"cotangent": right["cotangent"].astype(np.float64)}


@lying_twice
def second_nearly(call: Call, right: Gradients) -> Gradients:
    return {"input": right["input"] * np.float32(1 + 1e-5)}


class forgetful:  # noqa: N801 - a backend is named as the others are
    """It answers with the output alone."""

    framework = "miniature"
    differentiates = True

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return lambda: Outputs({"output": honest(call)["output"]})


class forgetful_twice:  # noqa: N801 - a backend is named as the others are
    """It says that it gives gradients of gradients, and gives gradients alone."""

    framework = "miniature"
    differentiates = True
    differentiates_twice = True

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        arrays = honest(call)
        return lambda: Outputs({where: each for where, each in arrays.items() if not where.startswith("second.")})


class once:  # noqa: N801 - a backend is named as the others are
    """It gives gradients, and says nothing of theirs."""

    framework = "miniature"
    differentiates = True

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return lambda: Outputs(honest(call))


class indifferent:  # noqa: N801 - a backend is named as the others are
    """It says nothing of gradients, and gives none."""

    framework = "miniature"

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return lambda: Outputs({"output": honest(replace(call, gradients=(), cotangent=None))["output"]})


class refuses_backward:  # noqa: N801 - a backend is named as the others are
    """It refuses to go back where there is a dilation."""

    framework = "miniature"
    differentiates = True

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        def run() -> Outputs:
            if call.gradients and max(call.dilations) > 1:
                raise Refused("no gradient of a dilated convolution")
            return Outputs(honest(call))

        return run


#: What the judge says of each, as (kind, where).
LIES: Mapping[str, tuple[Any, str]] = {
    "zero": ("values", "gradient.input"),
    "sign_flipped": ("values", "gradient.kernel"),
    "kernel_flipped": ("values", "gradient.input"),
    "kernel_gradient_flipped": ("values", "gradient.kernel"),
    "channels_transposed": ("layout", "gradient.kernel"),
    "gaps_forgotten": ("values", "gradient.input"),
    "tail_missing": ("shape", "gradient.input"),
    "tail_not_zero": ("values", "gradient.input"),
    "padding_shifted": ("values", "gradient.input"),
    "bias_of_one_sample": ("values", "gradient.bias"),
    "double": ("dtype", "gradient.kernel"),
    "not_a_number": ("nonfinite", "gradient.input"),
    "nearly": ("precision", "gradient.kernel"),
}
LIES_TWICE: Mapping[str, tuple[Any, str]] = {
    "second_zero": ("values", "second.input"),
    "directions_swapped": ("values", "second.cotangent"),
    "only_the_input_moves": ("values", "second.cotangent"),
    "only_the_kernel_moves": ("values", "second.cotangent"),
    "bias_stands_still": ("values", "second.cotangent"),
    "first_order_again": ("values", "second.input"),
    "first_kernel_again": ("values", "second.kernel"),
    "second_transposed": ("layout", "second.kernel"),
    "second_double": ("dtype", "second.cotangent"),
    "second_nearly": ("precision", "second.input"),
}
