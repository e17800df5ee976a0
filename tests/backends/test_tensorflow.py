"""The TensorFlow adapter, each mode against results known by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conv_conformance.backends.tensorflow import TensorFlow, settings
from conv_conformance.backends.tensorflow.function import inferred
from conv_conformance.core.backend import Raised, Target, Unavailable
from conv_conformance.core.call import Variation

from ..support.builders import call_of
from ..support.handwritten import CALLS, PLAIN, arrays, line, taps

tf = pytest.importorskip("tensorflow")

#: Calls that tf.nn has no words for.
UNSUPPORTED = {
    *("input-dilations", "same-lower", "causal", "full", "pairs", "negative", "transposed-pairs", "reflect"),
    *("depthwise-1d", "depthwise-3d", "separable-1d", "int8-widened", "broadcast", "transposed-groups"),
}
#: Calls that it refuses: it has no kernels for these dtypes.
REFUSED = {"int8-wraps", "complex64"}
#: With oneDNN the output of an empty batch has the spatial sizes of the input; without, those of the definition.
WRONG_WITH_ONEDNN = {"no-batch"}


@pytest.fixture(scope="module", params=["", "graph"])
def backend(request: pytest.FixtureRequest) -> TensorFlow:
    return TensorFlow(Target(name="tensorflow", mode=request.param))


@pytest.mark.parametrize("name", sorted(CALLS.keys() - UNSUPPORTED - REFUSED - WRONG_WITH_ONEDNN))
def test_result_is_that_of_the_definition(backend: TensorFlow, name: str) -> None:
    """The result has the values, shape and dtype of the definition, exactly."""
    asked, expected = CALLS[name]
    output = backend.prepare(asked)().arrays["output"]
    assert (output.dtype.name, output.shape) == (asked.dtype.output, np.shape(expected))
    assert output.tolist() == np.asarray(expected).tolist()


@pytest.mark.parametrize("mode", ["", "graph"])
@pytest.mark.parametrize("name", ["window", "before", "bias", "separable-2d", "transposed", "permuted"])
def test_text_makes_the_same_call(name: str, mode: str) -> None:
    """The recorded text, pasted where the arrays of the case are, gives the same result."""
    asked, _ = CALLS[name]
    outputs = TensorFlow(Target(name="tensorflow", mode=mode)).prepare(asked)()
    assert outputs.call.startswith("tf.function(lambda input, ") == bool(mode)
    pasted = eval(outputs.call, {"tf": tf, **arrays(asked)})
    assert np.asarray(pasted).tolist() == outputs.arrays["output"].tolist()


def test_limits_hold_for_what_the_api_cannot_say(backend: TensorFlow) -> None:
    """Limits name exactly the calls that tf.nn has no words for."""
    held = {name for name, (asked, _) in CALLS.items() if any(limit.holds(asked) for limit in backend.limits)}
    assert held == UNSUPPORTED


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refusals_are_the_frameworks(backend: TensorFlow, name: str) -> None:
    """What TensorFlow refuses is raised inside the closure, as TensorFlow's doing."""
    run = backend.prepare(CALLS[name][0])
    with pytest.raises(Raised):
        run()


@pytest.mark.parametrize(
    ("padding", "said"),
    [("same_lower", [[0, 0], [1, 0], [0, 0], [0, 0]]), (((1, 2), (0, 3)), [[0, 0], [1, 2], [0, 3], [0, 0]])],
)
def test_rank_2_takes_pairs(padding: object, said: list[list[int]]) -> None:
    """conv2d is told its padding as pairs where it has no word; the output says where they stand."""
    asked = call_of("conv", np.ones((1, 1, 1, 1)), np.arange(1, 3).reshape(2, 1, 1, 1), padding=padding)
    outputs = TensorFlow(Target(name="tensorflow")).prepare(asked)()
    assert f"padding={said}" in outputs.call
    assert outputs.arrays["output"][0, :2, 0, 0].tolist() == [2, 1][: outputs.arrays["output"].shape[1]]


def test_padding_that_a_word_means_is_said_as_the_word() -> None:
    """One element on both sides of three taps is `SAME`, so conv1d can say it."""
    asked = call_of("conv", line(1, 2, 3), taps(1, 2, 3), padding=((1, 1),))
    outputs = TensorFlow(Target(name="tensorflow")).prepare(asked)()
    assert ("'SAME'" in outputs.call, outputs.arrays["output"].tolist()) == (True, line(8, 14, 8))


def test_output_padding_beside_the_pairs_of_same_is_unsupported() -> None:
    """The pairs (1, 1) are SAME for 7 taps and stride 5, whose output length is at most 5; 2 more are unsupported."""
    signal, kernel = np.ones((1, 1, 1)), np.ones((7, 1, 1))
    limits = TensorFlow(Target(name="tensorflow")).limits
    for extra, unsaid in [(0, []), (2, ["padding: tf.nn takes pairs in rank 2 only, words elsewhere"])]:
        asked = call_of("conv_transpose", signal, kernel, strides=5, padding=((1, 1),), output_padding=extra)
        assert [limit.reason for limit in limits if limit.holds(asked)] == unsaid


def test_groups_that_the_shapes_do_not_show_are_unsupported() -> None:
    """tf.nn reads the number of groups off the shapes, so that it cannot be told another one."""
    asked = call_of("conv", np.ones((1, 3, 4)), np.ones((1, 2, 4)), groups=1)
    reasons = [limit.reason for limit in TensorFlow(Target(name="tensorflow")).limits if limit.holds(asked)]
    assert reasons == ["groups: tf.nn infers them from the shapes"]


def test_transposed_groups_are_unsupported() -> None:
    """tf.nn documents that the depth of a transposed output is that of its filter, whatever its kernels compute."""
    asked = call_of("conv_transpose", np.ones((1, 3, 4)), np.ones((1, 4, 2)), groups=2)
    reasons = [limit.reason for limit in TensorFlow(Target(name="tensorflow")).limits if limit.holds(asked)]
    assert reasons == ["groups: tf.nn.convNd_transpose has none, its output has the channels of its filters"]


@pytest.mark.parametrize("parameters", [{"strides": 0}, {"strides": (1, 1)}])
@pytest.mark.parametrize("padding", ["same", "same_lower", ((1, 1),)])
def test_limits_can_be_asked_of_calls_without_meaning(parameters: dict[str, object], padding: object) -> None:
    """A limit answers for a call that is there to be refused, whose padding cannot be computed."""
    asked = call_of("conv", *PLAIN, padding=padding, **parameters)
    held = [limit.reason for limit in TensorFlow(Target(name="tensorflow")).limits if limit.holds(asked)]
    assert held == ([] if padding == "same" else ["padding: tf.nn takes pairs in rank 2 only, words elsewhere"])


@pytest.mark.parametrize("varied", [{"kernel_constant": True}, {"dynamic_shape": True}, {"inside_graph": True}])
def test_variations_are_for_graphs(varied: dict[str, bool]) -> None:
    """A variation of the compiled call gives the same result, and is a limit where nothing is compiled."""
    asked = call_of("conv", *PLAIN, variation=Variation(**varied))
    assert [limit.reason for limit in TensorFlow(Target(name="tensorflow")).limits if limit.holds(asked)] == [
        "variation: eager, nothing is compiled"
    ]
    assert TensorFlow(Target(name="tensorflow", mode="graph")).prepare(asked)().arrays["output"].tolist() == line(
        6, 11, 14
    )


@pytest.mark.parametrize("name", ["window", "same", "permuted", "transposed", "bfloat16"])
def test_shape_and_dtype_are_inferred(name: str) -> None:
    """Beside the result stands what the graph states of it, its axes in the call's order, and the text makes both."""
    asked, expected = CALLS[name]
    varied = replace(asked, variation=Variation(shape_inference=True))
    outputs = TensorFlow(Target(name="tensorflow", mode="graph")).prepare(varied)()
    stated = outputs.arrays["inference"]
    assert outputs.arrays["output"].tolist() == np.asarray(expected).tolist()
    assert (stated.shape, stated.dtype.name) == (np.shape(expected), asked.dtype.output)
    pasted, output = eval(outputs.call, {"tf": tf, **arrays(asked)})
    assert (tuple(pasted.shape), pasted.dtype.name) == (stated.shape, stated.dtype.name)
    assert np.asarray(output).tolist() == outputs.arrays["output"].tolist()


def test_inference_is_what_the_graph_says() -> None:
    """The graph states the inference: a size, rank or dtype other than the result's is reported, None is not."""
    output = np.zeros((1, 3, 1), np.float32)
    stated = {"wrong": [1, 4, 1], "open": [1, None, 1], "short": [1, 3]}
    graphs = {
        name: SimpleNamespace(output_shapes=tf.TensorShape(shape), output_dtypes=tf.int8)
        for name, shape in stated.items()
    }
    assert {name: inferred(graph, output).shape for name, graph in graphs.items()} == {
        "wrong": (1, 4, 1),
        "open": (1, 3, 1),
        "short": (1, 3),
    }
    assert inferred(graphs["open"], output).dtype == np.int8
    with pytest.raises(Raised):
        inferred(SimpleNamespace(output_shapes=tf.TensorShape(None)), output)


def test_nothing_is_inferred_without_a_graph() -> None:
    """Eager TensorFlow states nothing ahead of a call."""
    asked = call_of("conv", *PLAIN, variation=Variation(shape_inference=True))
    held = [limit.reason for limit in TensorFlow(Target(name="tensorflow")).limits if limit.holds(asked)]
    assert held == ["variation: nothing is inferred ahead of the call"]


def test_open_sizes_reach_the_output_shape() -> None:
    """A transposed convolution in one graph for two sizes grows its output with its input."""
    asked = call_of("conv_transpose", line(1, 2, 3), taps(1, 2, 3), strides=2, variation=Variation(dynamic_shape=True))
    output = TensorFlow(Target(name="tensorflow", mode="graph")).prepare(asked)().arrays["output"]
    assert output.tolist() == line(1, 2, 5, 4, 9, 6, 9)


def test_graph_proves_that_it_was_built() -> None:
    """A tf.function that silently runs eagerly is an error of the suite, not a result."""
    run = TensorFlow(Target(name="tensorflow", mode="graph")).prepare(call_of("conv", line(1, 2), taps(1)))
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.raises(RuntimeError, match="did not build one graph"):
            run()
    finally:
        tf.config.run_functions_eagerly(False)


def test_missing_device_is_unavailable() -> None:
    """A device that is not there is said while the backend is made."""
    with pytest.raises(Unavailable, match="no device 'GPU:7'"):
        TensorFlow(Target(name="tensorflow", device="GPU:7"))


def test_tensor_float_32_is_pinned_and_recorded() -> None:
    """The mode forbids TensorFloat-32 for the process, and the settings show it as TensorFlow has it then."""
    assert TensorFlow(Target(name="tensorflow")).settings["tensor_float_32"] == "True"
    try:
        assert TensorFlow(Target(name="tensorflow", mode="no-tf32")).settings["tensor_float_32"] == "False"
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)


def test_onednn_is_off_before_the_import() -> None:
    """In a process of its own the mode computes without oneDNN, as TensorFlow itself says."""
    code = (
        "from conv_conformance.core.backend import Target; from conv_conformance.backends.tensorflow import TensorFlow;"
        "found = TensorFlow(Target(name='tensorflow', mode='no-onednn')).settings;"
        "print(found['TF_ENABLE_ONEDNN_OPTS'], found['onednn'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False"


@pytest.mark.parametrize("said", ["True", "unknown"])
def test_onednn_that_is_not_off_is_unavailable(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where TensorFlow was imported with oneDNN before, or does not tell, nothing passes for a result without it."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setattr(settings, "uses_onednn", lambda: said)
    with pytest.raises(Unavailable, match=r"^tensorflow \S+ does not confirm that oneDNN is off"):
        TensorFlow(Target(name="tensorflow", mode="no-onednn"))


def test_a_release_that_does_not_tell_of_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow has no public word for it; a release that lacks the private one leaves it unknown."""
    assert settings.uses_onednn() in ("True", "False")
    monkeypatch.setitem(sys.modules, "tensorflow.python.util._pywrap_util_port", SimpleNamespace())
    assert settings.uses_onednn() == "unknown"


def test_a_release_without_the_setting_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that has no such setting says so in one line."""
    old = SimpleNamespace(__version__="2.3", config=SimpleNamespace(experimental=SimpleNamespace()))
    monkeypatch.setitem(sys.modules, "tensorflow", old)
    with pytest.raises(Unavailable, match=r"^tensorflow 2\.3 has no such setting as no-tf32: .+$"):
        settings.imported("no-tf32")


def test_importing_the_adapter_imports_no_tensorflow() -> None:
    """The module loads without TensorFlow, so that targets can be listed without it."""
    code = "import sys, conv_conformance.backends.tensorflow; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
