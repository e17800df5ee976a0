"""The Keras adapter on each engine, by layers and operations, against results known by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance.backends.keras import Keras, parameters

from ..support.builders import call_of
from ..support.handwritten import CALLS
from ..support.keras_process import INFERRED

ROOT = Path(__file__).parents[2]

#: Calls that neither layers nor operations have words for.
UNSUPPORTED = {
    *("input-dilations", "same-lower", "full", "negative", "reflect", "transposed-pairs", "transposed-groups"),
    *("depthwise-3d", "int8-widened", "broadcast"),
}
#: Calls that only layers have words for, by the modes in which a call is made; in `fit` it is made as by the layers.
UNSUPPORTED_BY = {"": set[str](), "ops": {"causal", "pairs"}}
#: Calls that are refused: layers by Keras itself, others by the engine.
REFUSED = {
    ("keras-tensorflow", ""): {"strides-and-dilations", "int8-wraps", "complex64"},
    ("keras-tensorflow", "ops"): {"strides-and-dilations", "int8-wraps", "complex64"},
    ("keras-jax", ""): {"strides-and-dilations", "int8-wraps"},
    ("keras-jax", "ops"): set[str](),
    ("keras-torch", ""): {"strides-and-dilations", "int8-wraps", "int32", "no-length"},
    ("keras-torch", "ops"): {"no-length"},
}
#: With oneDNN the output of an empty batch has the spatial sizes of the input; without, those of the definition.
WRONG_WITH_ONEDNN = {"keras-tensorflow": {"no-batch"}}
#: keras.ops.conv takes no groups of symbols: it wants the kernel to have every channel of the input.
NOT_INFERRED = {("ops", "groups")}


def test_another_kind_of_kernel_decides_the_output() -> None:
    """Keras promotes to the kernel's dtype where it is of a higher kind, and has no parameter for any other output."""
    reason = "dtype.output: Keras has no parameter for it"
    for kernel, output, unsaid in [("int32", "int32", []), ("float32", "int32", [reason])]:
        dtypes = {"input": "int32", "kernel": kernel, "output": output}
        asked = call_of("conv", np.ones((1, 3, 1)), np.ones((2, 1, 1)), dtype=dtypes)
        found = [limit.reason for limit in parameters.OPERATION_LIMITS if limit.holds(asked)]
        assert found == unsaid


@cache
def observed(engine: str) -> dict[str, Any]:
    """Return what a process with this engine observed."""
    missing = [name for name in Keras.engines[engine] if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    command = [sys.executable, "-m", "tests.support.keras_process", engine]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    read: dict[str, Any] = json.loads(found.stdout)
    return read


@pytest.fixture(params=sorted(Keras.engines))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("mode", UNSUPPORTED_BY)
@pytest.mark.parametrize("name", CALLS)
def test_result_is_that_of_the_definition(engine: str, mode: str, name: str) -> None:
    """Each call gives the values, shape and dtype of the definition, is refused or has no words, as listed."""
    asked, expected = CALLS[name]
    got = observed(engine)["results"][mode][name]
    if name in UNSUPPORTED | UNSUPPORTED_BY[mode]:
        assert got == "unsupported"
    elif name in REFUSED[engine, mode]:
        assert got == "raised"
    else:
        right = [asked.dtype.output, list(np.shape(expected)), np.asarray(expected).real.tolist()]
        empty = [asked.dtype.output, list(asked.input.shape), []]
        assert got in ([right, empty] if name in WRONG_WITH_ONEDNN.get(engine, ()) else [right])


@pytest.mark.parametrize("mode", UNSUPPORTED_BY)
@pytest.mark.parametrize("name", INFERRED)
def test_shape_and_dtype_are_inferred(engine: str, mode: str, name: str) -> None:
    """The inferred result has the shape in the call's layout and the dtype; the text infers it in Keras' layout."""
    asked, expected = CALLS[name]
    got = observed(engine)["inferences"][mode][name]
    if (mode, name) in NOT_INFERRED:
        assert got == "raised"
    else:
        layout = parameters.operation(asked).layout
        order = [asked.letters("output").index(letter) for letter in layout]
        shapes = [np.shape(expected), np.transpose(expected, order).shape]
        assert got == [[asked.dtype.output, list(shape)] for shape in shapes]


@pytest.mark.parametrize("mode", UNSUPPORTED_BY)
def test_inference_is_what_keras_says(engine: str, mode: str) -> None:
    """It is asked of Keras, not read off the result; a length below zero, which no array has, counts as refused."""
    stated = ["int8", [1, 7]]
    assert observed(engine)["stated"][mode] == [[stated, stated], "raised"]


def test_layer_cannot_be_given_a_kernel_of_another_rank() -> None:
    """A layer creates its kernel itself: a kernel that lacks an axis is unsupported, and all limits are checked."""
    asked = replace(CALLS["channels-first"][0], kernel=np.ones((1, 2), np.float32), padding=((2, 5),))
    held = [limit.reason.partition(":")[0] for limit in parameters.LAYER_LIMITS if limit.holds(asked)]
    assert held == ["kernel", "padding"]


def test_missing_device_is_unavailable(engine: str) -> None:
    """Without an accelerator `@gpu` is not there, even on an engine that would fall back to the CPU."""
    assert observed(engine)["device"].startswith("keras has no device 'gpu:0' here")


def test_second_engine_is_unavailable(engine: str) -> None:
    """A process that has one engine says so when it is asked for another."""
    assert observed(engine)["engine"] == f"keras was imported with {engine[6:]} before; a process has one engine"


def test_importing_the_adapter_imports_no_keras() -> None:
    """The module loads without Keras, so that targets can be listed without it."""
    code = "import sys, conv_conformance.backends.keras; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
