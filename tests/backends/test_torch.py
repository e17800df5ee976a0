"""The torch target, each mode against results known by hand; what torch refuses and what it has no words for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import conv_conformance.core.storage
import numpy as np
import pytest
from conv_conformance.backends.torch import Torch
from conv_conformance.backends.torch.settings import pin
from conv_conformance.backends.torch.tensors import moved, tensor
from conv_conformance.core.backend import Raised, Target, Unavailable, ask
from conv_conformance.core.call import Call, Variation
from conv_conformance.core.dtypes import numpy_type

from ..support.builders import call_of, ramp
from ..support.handwritten import CALLS, PLAIN, arrays, line, taps

torch = pytest.importorskip("torch")
from torch._subclasses import FakeTensor  # noqa: E402 - only where torch is there

pytestmark = [
    # torch tells that it copies an input to pad it unequally; the result is what is judged.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
    # The compiler's own imports.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

#: Calls that torch's functions have no words for.
UNSUPPORTED = {
    "input-dilations",
    "same-lower",
    "causal",
    "pairs",
    "negative",
    "reflect",
    "int8-widened",
    "transposed-same",
}
#: Calls that torch has words for and refuses.
RAISED = {
    "same": "padding='same' is not supported for strided convolutions",
    "no-length": "Kernel size can't be greater than actual input size",
}
COMPUTED = sorted(CALLS.keys() - UNSUPPORTED - RAISED.keys())
#: What a compiled target makes in the tests; a compilation takes a second.
COMPILED = ["window", "before", "before-crops-all", "bias", "separable-2d", "transposed-pairs", "plane-swapped"]
#: Layers of integers cannot be built, for their weights would require gradients.
LAYERS = [name for name in COMPUTED if not CALLS[name][0].dtype.input.startswith("int")]


def target(mode: str = "", device: str = "cpu") -> Torch:
    return Torch(Target(name="torch", mode=mode, device=device))


@pytest.fixture(scope="module")
def compiled() -> Iterator[Torch]:
    yield target("compile")
    torch.compiler.reset()


def agrees(backend: Torch, asked: Call, expected: object, dtype: str | None = None) -> bool:
    output = backend.prepare(asked)().arrays["output"]
    assert (output.dtype.name, output.shape) == (dtype or asked.dtype.output, np.shape(expected))
    return bool(output.tolist() == np.asarray(expected).tolist())


@pytest.mark.parametrize("name", COMPUTED)
def test_functions_give_the_result_of_the_definition(name: str) -> None:
    """torch.nn.functional gives the values, shape and dtype of the definition."""
    assert agrees(target(), *CALLS[name])


@pytest.mark.parametrize("name", LAYERS)
def test_layers_give_the_result_of_the_definition(name: str) -> None:
    """torch.nn's layers, their weights set to the call's, give the values, shape and dtype of the definition."""
    assert agrees(target("layer"), *CALLS[name])


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_functions_give_the_result_of_the_definition(compiled: Torch, name: str) -> None:
    """torch.compile gives the same, and has compiled exactly one graph for it, a call made before or not."""
    for _ in range(2):
        assert agrees(compiled, *CALLS[name])
        assert compiled.surface.graphs == 1


@pytest.mark.parametrize("name", ["window", "bias", "float64"])
def test_autocast_returns_what_it_declares(name: str) -> None:
    """Under autocast float32 comes back as bfloat16 and float64 as it was."""
    asked, expected = CALLS[name]
    backend = target("autocast")
    dtype = backend.result_dtypes.get(asked.dtype.input, asked.dtype.input)
    assert dtype == {"float32": "bfloat16", "float64": "float64"}[asked.dtype.input]
    if name == "float64":
        assert agrees(backend, asked, expected)
    else:
        rounded = np.asarray(expected).astype("float32").astype(numpy_type("bfloat16"))
        assert agrees(backend, asked, rounded, dtype)


@pytest.mark.parametrize("varied", [{"kernel_constant": True}, {"dynamic_shape": True}, {"inside_graph": True}])
def test_variations_are_for_compiled_targets(compiled: Torch, varied: dict[str, bool]) -> None:
    """A variation of the compiled call gives the same result in one graph, and is a limit where nothing is compiled."""
    asked = call_of("conv", *PLAIN, variation=Variation(**varied))
    for mode in ("", "layer", "autocast"):
        assert reasons(target(mode), asked) == ["eager: nothing is compiled"]
    assert reasons(compiled, asked) == []
    assert agrees(compiled, asked, line(6, 11, 14))
    assert compiled.surface.graphs == 1


@pytest.mark.parametrize("mode", ["", "layer", "autocast"])
@pytest.mark.parametrize("name", ["window", "bias", "before", "plane-swapped", "transposed-pairs", "separable-1d"])
def test_shape_and_dtype_are_inferred(mode: str, name: str) -> None:
    """Beside the result stands what torch states of it, its axes in the call's order; under autocast its own dtype."""
    asked, expected = CALLS[name]
    backend = target(mode)
    outputs = backend.prepare(inferring(asked))()
    stated = outputs.arrays["inference"]
    assert outputs.arrays["output"].tolist() == np.asarray(expected).tolist()
    assert (stated.shape, stated.dtype.name) == (np.shape(expected), backend.result_dtypes.get("float32", "float32"))


def test_graph_states_its_result(compiled: Torch) -> None:
    """A compiled call's inference is read off its one graph; one for open sizes states no extents."""
    asked, expected = CALLS["transposed-pairs"]
    stated = compiled.prepare(inferring(asked))().arrays["inference"]
    assert (stated.shape, stated.dtype.name) == (np.shape(expected), "float32")
    assert compiled.surface.graphs == 1
    both = replace(asked, variation=Variation(shape_inference=True, dynamic_shape=True))
    assert reasons(compiled, both) == ["torch.compile infers no number for a dynamic size"]


@pytest.mark.parametrize("mode", ["", "layer", "autocast"])
def test_inference_is_what_torch_says(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked of torch, not read off the result, by tensors without elements; what it refuses is refused."""
    backend = target(mode)
    surface = backend._inference._surface
    compute = surface.compute

    def shorter(call: Call, plan: object, tensors: list[torch.Tensor]) -> object:
        result = compute(call, plan, tensors)
        has_elements = result.device.type == "cpu" and not isinstance(result, FakeTensor)
        return result if has_elements else result[..., :2].to(torch.int8)

    monkeypatch.setattr(surface, "compute", shorter)
    stated = backend.prepare(inferring(CALLS["window"][0]))().arrays["inference"]
    assert (stated.tolist(), stated.dtype.name) == (line(0, 0), "int8")
    monkeypatch.setattr(surface, "compute", lambda *_: ask(torch.nn.functional.conv1d, None, None))
    with pytest.raises(Raised):
        backend.prepare(inferring(CALLS["window"][0]))()


def inferring(asked: Call) -> Call:
    return replace(asked, variation=Variation(shape_inference=True))


def test_threads_share_one_graph(compiled: Torch) -> None:
    """The first of four threads compiles, and all of them call its graph."""
    run = compiled.prepare(replace(CALLS["window"][0], variation=Variation(threads=4)))
    with ThreadPoolExecutor(4) as threads:
        made = [threads.submit(run) for _ in range(4)]
    assert [each.result().arrays["output"].tolist() for each in made] == [line(6, 11, 14)] * 4
    assert compiled.surface.graphs == 1


@pytest.mark.parametrize("storage", ["transposed", "offset", "strided"])
def test_dynamic_shape_keeps_the_storage(compiled: Torch, storage: str) -> None:
    """The larger input lies in memory like the call's own, or torch would compile again for other strides."""
    asked = call_of(
        "conv",
        ramp(1, 4, 5, 2),
        ramp(2, 2, 2, 1),
        storage={"input": storage},
        variation=Variation(dynamic_shape=True),
    )
    assert agrees(compiled, asked, target().prepare(call_of("conv", asked.input, asked.kernel))().arrays["output"])


@pytest.mark.parametrize("kernel", [taps(1, 2, 3, 4), taps(1, 2, 3, 4, 5)])
def test_dynamic_shape_is_limited_where_torch_specialises(compiled: Torch, kernel: object) -> None:
    """torch makes another graph for an output of size 0 or 1, so one graph cannot serve both calls."""
    asked = call_of("conv", PLAIN[0], kernel, variation=Variation(dynamic_shape=True))
    assert reasons(compiled, asked) == ["torch.compile specialises sizes 0 and 1"]


def test_a_call_that_was_not_compiled_is_an_error(compiled: Torch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch falls back to eager, or to what it compiled before, the target raises and returns no result."""
    assert agrees(compiled, *CALLS["window"])
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    with pytest.raises(RuntimeError, match="made 0 graphs, expected 1"):
        compiled.prepare(CALLS["window"][0])()


def reasons(backend: Torch, asked: Call) -> list[str]:
    return [limit.reason for limit in backend.limits if limit.holds(asked)]


def test_limits_hold_for_what_the_functions_cannot_say() -> None:
    """The limits of the functions name exactly the calls that torch has no words for."""
    assert {name for name, (asked, _) in CALLS.items() if reasons(target(), asked)} == UNSUPPORTED


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_limits_are_true(name: str) -> None:
    """Asked all the same, torch refuses what a limit is about; no part of the call is dropped."""
    run = target().prepare(CALLS[name][0])
    with pytest.raises(Raised):
        run()


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ("reversed", "torch's tensors have no negative strides"),
        ("readonly", "torch's tensors have no read-only flag"),
    ],
)
def test_memory_that_tensors_cannot_have_is_a_limit(storage: str, reason: str) -> None:
    """A tensor has neither negative strides nor a read-only flag, whichever array it is."""
    for name in ("input", "kernel", "bias"):
        asked = call_of("conv", *PLAIN, bias=[1], storage={name: storage})
        assert reasons(target(), asked) == [reason]


def test_padding_mode_is_for_layers() -> None:
    """torch's layers take a padding mode, its functions have no parameter for it."""
    asked = call_of("conv", line(1, 2, 3), taps(1, 10), padding=1, padding_mode="circular")
    assert reasons(target(), asked) == ["torch's convNd has no padding_mode"]
    assert reasons(target("layer"), asked) == []
    assert agrees(target("layer"), asked, line(13, 21, 32, 13))


REFUSED: dict[str, tuple[Call, str]] = {
    "same-with-stride": (CALLS["same"][0], "padding='same' is not supported for strided convolutions"),
    "negative-padding": (call_of("conv", *PLAIN, padding=-1), "negative padding is not supported"),
    "zero-stride": (call_of("conv", *PLAIN, strides=0), "non-positive stride is not supported"),
    "channels": (call_of("conv", PLAIN[0], ramp(2, 2, 1)), "to have 2 channels, but got 1 channels"),
    "bias": (call_of("conv", *PLAIN, bias=[1, 2]), "expected bias to be 1-dimensional with 1 elements"),
    "window": (call_of("conv", PLAIN[0], taps(1, 2, 3, 4, 5)), "Kernel size can't be greater than actual input size"),
    "float8": (call_of("conv", *PLAIN, dtype="float8_e5m2"), "not implemented for 'Float8_e5m2'"),
    "extending": (call_of("conv_transpose", *PLAIN, padding=-1), "negative padding is not supported"),
    "output-padding": (
        call_of("conv_transpose", *PLAIN, padding=1, output_padding=1),
        "output padding must be smaller",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_torch_refuses_is_raised(name: str) -> None:
    """A call that torch has words for and refuses is raised, with torch's own message, when it is made."""
    asked, message = REFUSED[name]
    run = target().prepare(asked)
    with pytest.raises(Raised) as raised:
        run()
    assert message in str(raised.value.__cause__)
    assert reasons(target(), asked) == []


def test_layers_of_integers_are_refused_by_torch() -> None:
    """torch builds no layer whose weights are integers."""
    with pytest.raises(Raised) as raised:
        target("layer").prepare(CALLS["int32"][0])()
    assert "can require gradients" in str(raised.value.__cause__)


@pytest.mark.parametrize(
    ("padding", "output_padding", "expected"),
    [
        (((0, 0),), 0, [1, 2, 5, 4, 9, 6, 9]),
        (((1, 1),), 0, [2, 5, 4, 9, 6]),
        (((1, 0),), 0, [2, 5, 4, 9, 6, 9]),
        (((1, 1),), 1, [2, 5, 4, 9, 6, 9]),
        (((0, 0),), 1, [1, 2, 5, 4, 9, 6, 9, 0]),
        (((1, 2),), 1, [2, 5, 4, 9, 6]),
        ("same_lower", 0, [2, 5, 4, 9, 6, 9]),
    ],
)
def test_transposed_crops_become_padding_and_output_padding(
    padding: object, output_padding: int, expected: list[int]
) -> None:
    """A crop (low, high) is torch's padding = low with output_padding = low - high, where torch takes that much."""
    asked = call_of(
        "conv_transpose", line(1, 2, 3), taps(1, 2, 3), strides=2, padding=padding, output_padding=output_padding
    )
    assert agrees(target(), asked, line(*expected))
    assert agrees(target("layer"), asked, line(*expected))


@pytest.mark.parametrize(("padding", "output_padding"), [(((0, 1),), 0), (((2, 0),), 0), (((2, 1),), 1)])
def test_crops_beyond_output_padding_are_a_limit(padding: object, output_padding: int) -> None:
    """torch gives back fewer than max(stride, dilation) elements at the high end; other unequal crops have no words."""
    asked = call_of(
        "conv_transpose", line(1, 2, 3), taps(1, 2, 3), strides=2, padding=padding, output_padding=output_padding
    )
    assert reasons(target(), asked) == [
        "torch's conv_transposeNd has one padding for both ends, and gives back few at the high end"
    ]


@pytest.mark.parametrize("storage", ["channels_last", "transposed", "offset", "strided"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_storage_reaches_torch_and_makes_no_difference(storage: str, dtype: str) -> None:
    """A tensor has the strides of its array, and the result is the same; memory beside the elements is NaN."""
    x, kernel = ramp(2, 4, 5, 3) % 5, ramp(2, 3, 3, 4) % 3
    asked = call_of("conv", x, kernel, dtype=dtype, storage={"input": storage, "kernel": storage})
    plain = target().prepare(call_of("conv", x, kernel, dtype=dtype))().arrays["output"]
    assert agrees(target(), asked, plain)
    array = asked.place("input", "NCHW")
    assert tensor(torch, array, dtype, "cpu").stride() == tuple(step // array.itemsize for step in array.strides)


def test_strides_survive_the_way_to_a_device() -> None:
    """A tensor that is not dense keeps its strides on another device; torch's own `to` would pack it."""
    strided = torch.zeros(2, 3, 8)[:, :, ::2]
    assert moved(torch, strided, "meta").stride() == (24, 8, 2)


@pytest.mark.parametrize("mode", ["", "layer", "autocast"])
@pytest.mark.parametrize(
    "name",
    ["window", "before", "before-crops-all", "bias", "bfloat16", "broadcast", "separable-1d", "transposed-pairs"],
)
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_text_makes_the_same_call(mode: str, name: str) -> None:
    """The recorded text, pasted where the arrays of the case are, gives the same result."""
    asked, _ = CALLS[name]
    outputs = target(mode).prepare(asked)()
    assert pasted(outputs.call, asked) == outputs.arrays["output"].astype("float32").tolist()


@pytest.mark.parametrize("varied", [{}, {"kernel_constant": True}, {"dynamic_shape": True}, {"inside_graph": True}])
def test_text_compiles_the_same_call(compiled: Torch, varied: dict[str, bool]) -> None:
    """The recorded text of a compiled call gives the same result, variations included."""
    asked = call_of("conv", *PLAIN, bias=[100], variation=Variation(**varied))
    outputs = compiled.prepare(asked)()
    torch.compiler.reset()
    assert pasted(outputs.call, asked) == line(106, 111, 114)


@pytest.mark.parametrize("mode", ["", "layer"])
@pytest.mark.parametrize("name", ["bias", "separable-1d", "transposed-pairs"])
def test_text_infers_and_computes(mode: str, name: str) -> None:
    """Under inference the text is a pair: a tensor of the meta device, in torch's order of axes, and the result."""
    asked, expected = CALLS[name]
    stated, output = evaluated(target(mode).prepare(inferring(asked))().call, asked)
    order = [asked.layout.output.index(letter) for letter in f"NC{asked.spatial}"]  # type: ignore[union-attr]
    assert (stated.device.type, stated.shape) == ("meta", np.transpose(expected, order).shape)
    assert output.tolist() == np.asarray(expected).tolist()


def pasted(text: str, asked: Call) -> object:
    return evaluated(text, asked).tolist()


def evaluated(text: str, asked: Call) -> Any:
    return eval(text, {"torch": torch, "numpy": np, "conv_conformance": conv_conformance, **arrays(asked)})


def test_only_separable_calls_are_composed() -> None:
    """torch has one call for everything but a separable convolution, bias included."""
    names = ["bias", "before", "depthwise-2d", "groups", "separable-1d", "separable-2d", "transposed-groups"]
    composed = [name for name in names if target().prepare(CALLS[name][0])().composed]
    assert composed == ["separable-1d", "separable-2d"]


@pytest.mark.parametrize(
    ("mode", "device", "message"),
    [
        ("", "no-such-device", "no device 'no-such-device' here"),
        ("jit", "cpu", "torch has no mode 'jit'"),
        ("tf32", "cpu", "needs a CUDA device"),
    ],
)
def test_what_is_not_there_is_unavailable(mode: str, device: str, message: str) -> None:
    """A device, mode or setting that is not there is said when the target is made, in one line."""
    with pytest.raises(Unavailable, match=message):
        target(mode, device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_unavailable(device: str) -> None:
    """torch@gpu without a GPU is unavailable, with the device in torch's own word."""
    word = "cuda" if device == "gpu" else device
    with pytest.raises(Unavailable, match=f"no device '{word}' here"):
        target("", device)


def test_a_compiler_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch+compile says that it needs a C++ compiler where there is none."""
    from torch._inductor import cpp_builder

    def missing() -> str:
        raise RuntimeError("No working C++ compiler found\nand more")

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", missing)
    with pytest.raises(Unavailable, match=r"needs a C\+\+ compiler: No working C\+\+ compiler found$"):
        target("compile")


def test_deterministic_is_pinned_and_recorded() -> None:
    """The mode sets torch's flag for the process, and the settings show it."""
    try:
        assert target("deterministic").settings["deterministic"] == "True"
    finally:
        torch.use_deterministic_algorithms(False)
    assert target().settings["deterministic"] == "False"


@pytest.mark.parametrize(
    ("mode", "read"),
    [
        ("matmul-high", {"float32_matmul_precision": "high"}),
        ("matmul-medium", {"float32_matmul_precision": "medium"}),
        ("fpmath-bf16", {"onednn.conv.fp32_precision": "bf16"}),
        ("no-onednn", {"onednn": "off"}),
    ],
)
def test_a_pinned_setting_is_read_back(mode: str, read: dict[str, str]) -> None:
    """A mode that pins a setting shows it as torch has it then; nothing else reads otherwise than by default."""
    usual = target().settings
    try:
        backend = target(mode)
        found = backend.settings
        lower = {"float32": "bfloat16-like", "complex64": "bfloat16-like"} if mode == "fpmath-bf16" else {}
        assert backend.precision == lower
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.backends.mkldnn.conv.fp32_precision = torch.backends.mkldnn.matmul.fp32_precision = "none"
        torch.backends.mkldnn.enabled = True
    beside = {"onednn.matmul.fp32_precision"} if mode.startswith("matmul") else set()
    other = {name: value for name, value in found.items() if usual[name] != value and name not in beside}
    assert read == {name: value.removeprefix(f"{usual[name]}, ") for name, value in other.items()}
    assert usual == target().settings


@pytest.mark.parametrize("mode", ["matmul-high", "fpmath-bf16"])
def test_a_release_without_the_setting_is_unavailable(mode: str) -> None:
    """A release that has no such setting says so in one line; nothing is pinned in its place."""
    onednn = SimpleNamespace(is_available=lambda: True)
    old = SimpleNamespace(__version__="1.11", backends=SimpleNamespace(mkldnn=onednn))
    with pytest.raises(Unavailable, match=rf"^torch 1\.11 has no such setting as {mode}: .+$"):
        pin(old, mode, "cpu")
    assert vars(onednn).keys() == {"is_available"}


@pytest.mark.parametrize("mode", ["no-onednn", "fpmath-bf16"])
def test_a_build_without_onednn_is_unavailable(mode: str) -> None:
    """Where torch is built without oneDNN, nothing about it can be pinned."""
    backends = SimpleNamespace(mkldnn=SimpleNamespace(is_available=lambda: False))
    with pytest.raises(Unavailable, match=r"^torch 2\.13 is built without oneDNN$"):
        pin(SimpleNamespace(__version__="2.13", backends=backends), mode, "cpu")


@pytest.mark.parametrize("is_new", [True, False])
def test_tf32_is_said_in_the_words_of_the_release(is_new: bool) -> None:
    """On CUDA, TF32 is allowed by the precision of each operation, or where there is none by the flags of before."""
    matmul, cudnn = SimpleNamespace(), SimpleNamespace(**({"conv": SimpleNamespace()} if is_new else {}))
    backends = SimpleNamespace(cuda=SimpleNamespace(matmul=matmul), cudnn=cudnn)
    pin(SimpleNamespace(device=torch.device, backends=backends), "tf32", "cuda")
    if is_new:
        assert (matmul.fp32_precision, cudnn.conv.fp32_precision) == ("tf32", "tf32")
    else:
        assert (matmul.allow_tf32, cudnn.allow_tf32) == (True, True)


def test_importing_the_adapter_imports_no_torch() -> None:
    """The framework is imported when the target is made, not before."""
    program = "import sys, conv_conformance.backends.torch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
