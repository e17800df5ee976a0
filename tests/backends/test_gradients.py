"""The gradients of each adapter, and the text of the call that gives them."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.backend import Target
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Output
from conv_conformance.corpus import load

#: One thing each, that an adapter may get wrong on its way back.
IDS = (
    "conv1d.gradients.all-three",
    "conv1d.gradients.bias-alone",
    "conv1d.gradients.output-in-another-order",
    "conv2d.gradients.channels-first",
    "conv2d.gradients.strides-differ-with-tails",
    "conv3d.gradients.all-three",
    "conv1d.gradients.before-crops",
    "conv1d.gradients.bfloat16",
    "conv1d.gradients.float64",
    "conv-transpose2d.gradients.all-three",
    "depthwise-conv2d.gradients.multiplier",
    "separable-conv2d.gradients.channels-first",
    "conv1d.second-order.all-terms",
    "conv1d.second-order.by-the-kernel-alone",
    "conv1d.second-order.bias-without-direction",
    "conv1d.second-order.output-in-another-order",
    "conv1d.second-order.before",
    "conv1d.second-order.bfloat16",
    "conv1d.second-order.float64",
    "conv2d.second-order.channels-first",
    "conv-transpose2d.second-order.plane",
    "depthwise-conv2d.second-order.multiplier",
)
BACKENDS = {"torch": "Torch", "jax": "Jax", "tensorflow": "TensorFlow"}
TARGETS = (
    "torch",
    "torch+layer",
    "torch+autocast",
    "torch+nn-grad",
    "jax",
    "jax+jit",
    "tensorflow",
    "tensorflow+graph",
)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(load().select(list(IDS)).cases)


def expected(case: Case) -> Output:
    if isinstance(case.expectation, AnyOf):
        found = next(each for each in case.expectation.alternatives.values() if isinstance(each, Output))
    else:
        assert isinstance(case.expectation, Output)
        found = case.expectation
    return found


@pytest.mark.filterwarnings("ignore:.*not writable:UserWarning")
@pytest.mark.parametrize("target", TARGETS)
def test_gradients_come_in_the_layouts_of_the_call(target: str, cases: list[Case]) -> None:
    """Every gradient, of either order, has the axes, dtype and numbers of the case; the text gives the same numbers."""
    name, _, mode = target.partition("+")
    made = getattr(import_module(f"conv_conformance.backends.{name}"), BACKENDS[name])
    backend = made(Target(name=name, mode=mode))
    asked = [case for case in cases if not any(one.holds(case.call) for one in backend.limits)]
    assert len(asked) > 3
    for case in asked:
        outputs = backend.prepare(case.call)()
        for array in case.call.gradients:
            right, got = expected(case).gradients[array], outputs.arrays[f"gradient.{array}"]
            assert (right.dtype, right.tolist()) == (got.dtype, got.tolist()), (case.id, array)
        for array in case.call.second_order:
            right, got = expected(case).second_order[array], outputs.arrays[f"second.{array}"]
            assert (right.dtype, right.tolist()) == (got.dtype, got.tolist()), (case.id, array)
        assert_text(outputs.call, case, outputs.arrays)


def assert_text(text: str, case: Case, arrays: Any) -> None:
    """Run the text of a call, and hold the numbers of each gradient, in whatever order of axes, against those given."""
    names = {name: each for name, each in vars(case.call).items() if isinstance(each, np.ndarray)}
    framework = "jax" if "jax." in text else "torch" if "torch." in text else "tensorflow"
    module = import_module(framework)
    names[{"tensorflow": "tf"}.get(framework, framework)] = module
    body, _, remark = text.partition("  # ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = evaluated(body, names, module, is_wide=bool(remark))
    once, twice = found if case.call.second_order else (found, ())
    # The text has the gradients of what moves, whether they are asked for or not.
    named = [(f"gradient.{name}", each) for name, each in zip(case.call.pulled, once, strict=True)]
    named += [(f"second.{name}", each) for name, each in zip(case.call.second_order, twice, strict=True)]
    for where, each in named:
        if where in arrays:
            got = np.asarray(each.detach().double() if framework == "torch" else each).astype(np.float64)
            assert sorted(got.ravel()) == sorted(arrays[where].astype(np.float64).ravel()), (case.id, where)


def evaluated(body: str, names: dict[str, Any], module: Any, *, is_wide: bool) -> Any:
    if not is_wide:
        return eval(body, names)
    with module.enable_x64(True):
        return eval(body, names)
