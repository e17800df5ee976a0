"""The JAX adapter, each mode against results known by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conv_conformance.backends.jax import Jax
from conv_conformance.backends.jax.settings import documented, pin
from conv_conformance.core.backend import Raised, Target, Unavailable
from conv_conformance.core.call import Variation

from ..support.builders import call_of
from ..support.handwritten import CALLS, PLAIN, arrays, line, taps

jax = pytest.importorskip("jax")

#: Calls that jax.lax has no words for.
UNSUPPORTED = {"reflect", "transposed-groups", "broadcast"}


@pytest.fixture(scope="module", params=["", "jit"])
def backend(request: pytest.FixtureRequest) -> Jax:
    return Jax(Target(name="jax", mode=request.param))


@pytest.mark.parametrize("name", sorted(CALLS.keys() - UNSUPPORTED))
def test_result_is_that_of_the_definition(backend: Jax, name: str) -> None:
    """The result has the values, shape and dtype of the definition, exactly."""
    asked, expected = CALLS[name]
    output = backend.prepare(asked)().arrays["output"]
    assert (output.dtype.name, output.shape) == (asked.dtype.output, np.shape(expected))
    assert output.tolist() == np.asarray(expected).tolist()


@pytest.mark.parametrize("mode", ["", "jit"])
@pytest.mark.parametrize("name", ["window", "before", "bias", "separable-1d", "transposed-pairs", "plane-swapped"])
def test_text_makes_the_same_call(name: str, mode: str) -> None:
    """The recorded text, pasted where the arrays of the case are, gives the same result."""
    asked, _ = CALLS[name]
    outputs = Jax(Target(name="jax", mode=mode)).prepare(asked)()
    assert outputs.call.startswith("jax.jit(lambda input, ") == bool(mode)
    pasted = eval(outputs.call, {"jax": jax, **arrays(asked)})
    assert np.asarray(pasted).tolist() == outputs.arrays["output"].tolist()


def test_limits_hold_for_what_the_api_cannot_say(backend: Jax) -> None:
    """Limits name exactly the calls that jax.lax has no words for."""
    held = {name for name, (asked, _) in CALLS.items() if any(limit.holds(asked) for limit in backend.limits)}
    assert held == UNSUPPORTED


@pytest.mark.parametrize("parameters", [{"dilations": 0}, {"groups": 0}, {"strides": (1, 1)}])
def test_refusals_are_the_frameworks(backend: Jax, parameters: dict[str, object]) -> None:
    """What JAX refuses is raised inside the closure, as JAX's doing."""
    run = backend.prepare(call_of("conv", *PLAIN, **parameters))
    with pytest.raises(Raised):
        run()


@pytest.mark.parametrize("varied", [{"kernel_constant": True}, {"dynamic_shape": True}, {"inside_graph": True}])
def test_variations_are_for_jit(varied: dict[str, bool]) -> None:
    """A variation of the compiled call gives the same result, and is a limit where nothing is compiled."""
    asked = call_of("conv", *PLAIN, variation=Variation(**varied))
    assert [limit.reason for limit in Jax(Target(name="jax")).limits if limit.holds(asked)] == [
        "variation: eager, nothing is compiled"
    ]
    assert Jax(Target(name="jax", mode="jit")).prepare(asked)().arrays["output"].tolist() == line(6, 11, 14)


@pytest.mark.parametrize("name", ["window", "same", "plane-swapped", "transposed-pairs", "float64", "int8-widened"])
def test_shape_and_dtype_are_inferred(backend: Jax, name: str) -> None:
    """Beside the result stands what JAX states of it without computing, and the text makes both."""
    asked, expected = CALLS[name]
    outputs = backend.prepare(replace(asked, variation=Variation(shape_inference=True)))()
    stated = outputs.arrays["inference"]
    assert outputs.arrays["output"].tolist() == np.asarray(expected).tolist()
    assert (stated.shape, stated.dtype.name) == (np.shape(expected), asked.dtype.output)
    with backend._state.x64(asked):
        pasted, output = eval(outputs.call, {"jax": jax, **arrays(asked)})
    assert (pasted.shape, pasted.dtype) == (stated.shape, stated.dtype)
    assert np.asarray(output).tolist() == outputs.arrays["output"].tolist()


def test_inference_is_what_jax_says(backend: Jax, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked of JAX, not read off the result; where JAX refuses to infer, the call is refused."""
    asked = call_of("conv", *PLAIN, variation=Variation(shape_inference=True))
    monkeypatch.setattr(jax, "eval_shape", lambda *_: jax.ShapeDtypeStruct((7,), np.dtype("int8")))
    assert backend.prepare(asked)().arrays["inference"].tolist() == [0] * 7
    monkeypatch.setattr(jax, "eval_shape", lambda *_: np.zeros((1, 2)) @ np.zeros((1, 2)))
    with pytest.raises(Raised):
        backend.prepare(asked)()


def test_jit_proves_that_it_compiled() -> None:
    """A jit that silently runs eagerly is an error of the suite, not a result."""
    run = Jax(Target(name="jax", mode="jit")).prepare(call_of("conv", line(1, 2), taps(1)))
    with jax.disable_jit(), pytest.raises(RuntimeError, match="did not compile"):
        run()


def test_64_bits_do_not_leak() -> None:
    """A call with a 64-bit type leaves the next one as it was: JAX narrows by default."""
    backend = Jax(Target(name="jax"))
    backend.prepare(CALLS["float64"][0])()
    assert not jax.config.jax_enable_x64


def test_caches_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some hundreds of different calls what JAX compiled is dropped, for it keeps every one."""
    backend = Jax(Target(name="jax"))
    cleared: list[bool] = []
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(True))
    for length in range(1, 302):
        backend.prepare(call_of("conv", np.ones((1, length, 1)), taps(1)))
    assert cleared == [True]


def test_negative_output_padding_is_unsupported() -> None:
    """JAX is told an output padding as pairs, where a negative one would be a crop that nobody asked for."""
    asked = call_of("conv_transpose", line(1, 2), taps(1, 2), padding=((0, 0),), output_padding=-1)
    assert [limit.reason.partition(":")[0] for limit in Jax(Target(name="jax")).limits if limit.holds(asked)] == [
        "output_padding"
    ]


#: The classes of rounding that the values of JAX's option document.
CLASSES = {"bfloat16": {"float32": "bfloat16-like"}, "tensorfloat32": {"float32": "tf32-like"}}


@pytest.mark.parametrize(("platform", "said"), [("cpu", {}), ("gpu", {"float32": "tf32-like"})])
def test_the_default_of_a_platform_is_what_jax_documents(platform: str, said: dict[str, str]) -> None:
    """On the CPU nothing lower, on a GPU TensorFloat-32."""
    assert documented(jax, platform) == said


@pytest.mark.parametrize("precision", ["bfloat16", "tensorfloat32", "highest"])
def test_a_pinned_precision_is_read_back(precision: str) -> None:
    """A mode that pins the precision shows it as JAX has it then."""
    assert Jax(Target(name="jax")).settings["default_matmul_precision"] == "None"
    try:
        backend = Jax(Target(name="jax", mode=f"matmul-{precision}"))
        assert backend.settings["default_matmul_precision"] == precision
        assert backend.precision == CLASSES.get(precision, {})
        assert backend.prepare(CALLS["window"][0])().arrays["output"].tolist() == CALLS["window"][1]
    finally:
        jax.config.update("jax_default_matmul_precision", None)


@pytest.mark.parametrize("error", [AttributeError("Unrecognized config option"), ValueError("new enum value\nmust be")])
def test_a_release_without_the_setting_is_unavailable(error: Exception) -> None:
    """A release that has no such option, or no such value of it, says so in one line."""

    def update(option: str, value: str) -> None:
        raise error

    old = SimpleNamespace(__version__="0.2", config=SimpleNamespace(update=update))
    with pytest.raises(Unavailable, match=r"^jax 0\.2 has no such setting as matmul-highest: [^\n]+\Z"):
        pin(old, "matmul-highest")


def test_missing_device_is_unavailable() -> None:
    """A device that is not there is said while the backend is made."""
    with pytest.raises(Unavailable, match="no device 'tpu:7'"):
        Jax(Target(name="jax", device="tpu:7"))


def test_importing_the_adapter_imports_no_jax() -> None:
    """The module loads without JAX, so that targets can be listed without it."""
    code = "import sys, conv_conformance.backends.jax; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
