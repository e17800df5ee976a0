"""What `capture` sees of a program, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conv_conformance import corpus
from conv_conformance.capture import capture
from conv_conformance.capture.call_log import BATCH, Operand, Sighting, Sightings, log_of, magnitude, storage_of
from conv_conformance.capture.case_file import ELEMENTS, Model, read, text, write_case_file
from conv_conformance.core import storage

TORCH = """
import threading
import torch
from torch.nn import functional as F
x, w = torch.ones(2, 3, 9, 8), torch.ones(4, 3, 3, 2)
F.conv2d(x, w, padding="same")
F.conv2d(x, w, torch.ones(4), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
F.conv2d(x.to(memory_format=torch.channels_last), w)
with torch.autocast("cpu", dtype=torch.bfloat16):
    F.conv2d(x, w, padding="same")
with torch.inference_mode():
    F.conv_transpose1d(torch.ones(5, 4, 7), torch.ones(4, 2, 3), stride=2, padding=1, output_padding=1, groups=2)
torch.nn.functional.conv1d(torch.ones(4, 9), torch.ones(6, 2, 3), groups=2)
kernel = torch.ones(4, 3, 5, requires_grad=True)
F.conv1d(torch.ones(1, 3, 8), kernel).sum().backward()
thread = threading.Thread(target=lambda: F.conv3d(torch.ones(1, 2, 3, 4, 5), torch.ones(1, 2, 1, 2, 3)))
thread.start()
thread.join()
"""
COMPILED = """
import torch
layer = torch.nn.Conv1d(2, 3, 3, padding="same").eval()
compiled = torch.compile(layer, fullgraph=True)
with torch.no_grad():
    for _ in range(3):
        compiled(torch.ones(1, 2, 8))
"""
JAX = """
import jax
import jax.numpy as jnp
from jax import lax
x, w = jnp.ones((2, 9, 8, 3)), jnp.ones((3, 2, 3, 4))
def conv(x, w):
    return lax.conv_general_dilated(x, w, (2, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
conv(x, w)
conv(x, w)
jax.grad(lambda w: jax.jit(conv)(x, w).sum())(w)
jax.vmap(lambda x: lax.conv_general_dilated(
    x, jnp.ones((4, 1, 3)), (1,), [(2, 0)], dimension_numbers=("NCW", "OIW", "NCW"), feature_group_count=2
))(jnp.ones((5, 1, 2, 8)))
lax.conv_transpose(x, w, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
"""
TENSORFLOW = """
import tensorflow as tf
x, w = tf.ones((2, 9, 8, 3)), tf.ones((3, 2, 3, 4))
tf.nn.convolution(x, w, strides=1, padding="SAME", dilations=2)
tf.nn.conv1d(tf.ones((2, 9, 3)), tf.ones((3, 3, 4)), 2, "VALID")
tf.nn.conv2d_transpose(x, tf.ones((3, 2, 4, 3)), (2, 18, 16, 4), 2)
tf.nn.depthwise_conv2d(x, tf.ones((2, 3, 3, 2)), (1, 1, 1, 1), [[0, 0], [1, 0], [2, 1], [0, 0]])
tf.raw_ops.Conv2D(input=x, filter=w, strides=[1, 2, 2, 1], padding="VALID")
graph = tf.function(lambda x: tf.nn.conv2d(x, w, 1, "SAME"), input_signature=[tf.TensorSpec((None, 7, 6, 3))])
graph(tf.ones((5, 7, 6, 3)))
with tf.GradientTape() as tape:
    tape.watch(w)
    y = tf.nn.conv2d(x, w, 2, "VALID")
tape.gradient(y, w)
tf.function(lambda x: tf.nn.conv1d(x, tf.ones((2, 1, 1)), 1, "VALID"),
            input_signature=[tf.TensorSpec((None, None, 1))]).get_concrete_function()
"""
KERAS = """
import keras
signal = keras.Input((9, 6))
x = keras.layers.Conv1D(8, 3, padding="causal", dilation_rate=2)(signal)
x = keras.layers.SeparableConv1D(4, 2, depth_multiplier=3)(x)
x = keras.layers.Conv1DTranspose(5, 3, strides=2, padding="same")(x)
model = keras.Model(signal, x)
import numpy as np
model(np.ones((2, 9, 6), "float32"))
keras.ops.conv(np.ones((1, 4, 5, 4), "float32"), np.ones((2, 2, 2, 6), "float32"), padding="same")
"""


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Return how a command of the suite ended."""
    words = (sys.executable, "-m", "conv_conformance", *words)
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def captured(folder: Path, program: str, *, code: int = 0) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the sweeps of the case file that is captured of a program, and the whole file."""
    (folder / "infer.py").write_text(program)
    done = command("capture", "-o", "model.yaml", "--", sys.executable, "infer.py", cwd=folder)
    assert done.returncode == code, done.stderr
    document = yaml.safe_load((folder / "model.yaml").read_text())
    assert not log_of(folder / "model.yaml").exists()
    return document.get("sweeps", []), document


def outlines(sweeps: Sequence[Mapping[str, Any]]) -> list[tuple[str, tuple[int, ...], tuple[int, ...], Any]]:
    """Return what sweeps say beside shapes that follow: op, sizes of input and kernel, and the parameters."""
    told = ("dtype", "strides", "padding", "dilations", "input_dilations", "output_padding", "groups", "storage")
    ones = ([1], [1, 1], [1, 1, 1])
    found = []
    for base in (sweep["base"] for sweep in sweeps):
        sizes = [tuple(base[name]["shape"]) for name in base if name == "input" or "kernel" in name]
        said = {name: base[name] for name in told if name in base and base[name] != "float32"}
        said = {name: value for name, value in said.items() if name == "output_padding" or value not in ones}
        found.append((base["op"], sizes[0], sizes[1], said))
    return found


@pytest.fixture(scope="module")
def torch_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what was captured of TORCH, once."""
    folder = tmp_path_factory.mktemp("torch")
    captured(folder, TORCH)
    return folder


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what was captured of SMALL, once."""
    folder = tmp_path_factory.mktemp("small")
    captured(folder, SMALL)
    return folder


def sweeps_of(file: Path) -> list[dict[str, Any]]:
    """Return the sweeps of a case file."""
    sweeps: list[dict[str, Any]] = yaml.safe_load(file.read_text())["sweeps"]
    return sweeps


def test_torch_is_seen_as_it_computes(torch_folder: Path) -> None:
    """After casts and in any thread, with the word `same` and the memory order; a gradient is no call."""
    sweeps = sweeps_of(torch_folder / "model.yaml")
    none, nothing = [[0, 0]], [[0, 0], [0, 0]]
    assert outlines(sweeps) == [
        ("conv", (2, 3, 9, 8), (4, 3, 3, 2), {"padding": "same"}),
        ("conv", (2, 3, 9, 8), (4, 3, 3, 2), {"strides": [2, 1], "padding": [[1, 1], [0, 0]], "dilations": [1, 2]}),
        ("conv", (2, 3, 9, 8), (4, 3, 3, 2), {"padding": nothing, "storage": {"input": "channels_last"}}),
        ("conv", (2, 3, 9, 8), (4, 3, 3, 2), {"padding": "same", "dtype": "bfloat16"}),
        (
            "conv_transpose",
            (5, 4, 7),
            (4, 2, 3),
            {"strides": [2], "padding": [[1, 1]], "output_padding": [1], "groups": 2},
        ),
        ("conv", (1, 4, 9), (6, 2, 3), {"padding": none, "groups": 2}),
        ("conv", (1, 3, 8), (4, 3, 5), {"padding": none}),
        ("conv", (1, 2, 3, 4, 5), (1, 2, 1, 2, 3), {"padding": [*nothing, [0, 0]]}),
    ]
    assert "bias" in sweeps[1]["base"]


def test_a_captured_file_can_be_run(torch_folder: Path) -> None:
    """The case file loads, and what it expects is what NumPy and torch compute."""
    done = command("run", "model.yaml", "-b", "numpy", "-b", "torch", cwd=torch_folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "torch: 8 cases judged, 0 unexpected" in done.stderr


def test_what_torch_compiles_is_still_compiled_and_seen(tmp_path: Path) -> None:
    """Under `fullgraph` nothing breaks the graph, and each call of the compiled code is counted."""
    sweeps, _ = captured(tmp_path, COMPILED)
    assert outlines(sweeps) == [("conv", (1, 2, 8), (3, 2, 3), {"padding": [[1, 1]]})]
    assert sweeps[0]["title"].endswith("made 3 times")
    assert sweeps[0]["why"].endswith("compiled or traced")


def test_jax_is_seen_at_its_primitive(tmp_path: Path) -> None:
    """Batches of `vmap` are whole, words are pairs, a transposed convolution is one of a dilated input."""
    sweeps, _ = captured(tmp_path, JAX)
    same = {"strides": [2, 1], "padding": [[1, 1], [0, 1]]}
    stuffed = {"padding": [[2, 2], [1, 1]], "input_dilations": [2, 2]}
    assert outlines(sweeps) == [
        ("conv", (2, 9, 8, 3), (3, 2, 3, 4), same),
        ("conv", (5, 2, 8), (4, 1, 3), {"padding": [[2, 0]], "groups": 2}),
        ("conv", (2, 9, 8, 3), (3, 2, 3, 4), stuffed),
    ]
    assert command("run", "model.yaml", "-b", "jax", cwd=tmp_path).returncode == 0


def test_tensorflow_is_seen_in_words_and_in_operations(tmp_path: Path) -> None:
    """A dilation stays one, a single axis stays single; an open batch gets a size, an open length none."""
    sweeps, document = captured(tmp_path, TENSORFLOW)
    assert outlines(sweeps) == [
        ("conv", (2, 9, 8, 3), (3, 2, 3, 4), {"padding": "same", "dilations": [2, 2]}),
        ("conv", (2, 9, 3), (3, 3, 4), {"strides": [2], "padding": "valid"}),
        ("conv_transpose", (2, 9, 8, 3), (3, 2, 4, 3), {"strides": [2, 2], "padding": "same"}),
        ("depthwise_conv", (2, 9, 8, 3), (2, 3, 3, 2), {"padding": [[1, 0], [2, 1]]}),
        ("conv", (2, 9, 8, 3), (3, 2, 3, 4), {"strides": [2, 2], "padding": "valid"}),
        ("conv", (BATCH, 7, 6, 3), (3, 2, 3, 4), {"padding": "same"}),
    ]
    assert "any batch" in sweeps[5]["why"]
    assert "tf.nn.conv1d: the size of axis W of NWC is unknown" in document["about"]
    assert command("run", "model.yaml", "-b", "tensorflow", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("engine", ["jax", "tensorflow", "torch"])
def test_keras_is_seen_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """Whatever the engine, what Keras is asked for is seen once, and nothing of what it asks for in turn."""
    monkeypatch.setenv("KERAS_BACKEND", engine)
    sweeps, document = captured(tmp_path, KERAS)
    assert outlines(sweeps) == [
        ("conv", (2, 13, 6), (3, 6, 8), {"padding": "valid", "dilations": [2]}),
        ("separable_conv", (2, 9, 8), (2, 8, 3), {"padding": "valid"}),
        ("conv_transpose", (2, 8, 4), (3, 5, 4), {"strides": [2], "padding": "same"}),
        ("conv", (1, 4, 5, 4), (2, 2, 2, 6), {"padding": "same", "groups": 2}),
    ]
    assert document["about"].startswith("4 distinct convolutions of a program, 4 calls")
    assert f"on {engine}" in sweeps[0]["why"]


@pytest.mark.parametrize("program", [TORCH.splitlines(), JAX.splitlines()])
def test_results_are_what_they_were(tmp_path: Path, program: list[str]) -> None:
    """A program under capture computes the same bits."""
    ending = "print(sum(float(each.sum()) for each in (x, w)), conv(x, w).sum() if 'conv' in dir() else F.conv2d(x, w))"
    (tmp_path / "infer.py").write_text("\n".join([*program, ending]))
    bare = subprocess.run([sys.executable, "infer.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    watched = command("capture", "-o", "model.yaml", "--", sys.executable, "infer.py", cwd=tmp_path)
    assert bare.stdout
    assert watched.stdout == bare.stdout


SMALL = "import torch\ntorch.nn.functional.conv1d(torch.full((1, 2, 5), 123.4375), torch.full((3, 2, 2), 567.875))\n"


def test_no_value_is_written_down(small_folder: Path) -> None:
    """Neither data nor weights are in the file: what stands there is drawn."""
    written = (small_folder / "model.yaml").read_text()
    assert "123" not in written
    assert "567" not in written


EVALUATED = """
import jax, jax.numpy as jnp
jax.lax.conv_general_dilated(jnp.full((1, 1, 4), -7.5), jnp.ones((1, 1, 2)), (1,), "VALID")
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (SMALL, "values up to 123 in the input, 568 in the kernel"),
        (EVALUATED, "values up to 7.5 in the input, 1"),
        (
            "import tensorflow as tf\ntf.nn.conv1d(tf.ones((1, 4, 1)) * -3, tf.ones((2, 1, 1)), 1, 'VALID')\n",
            "up to 3 in",
        ),
    ],
)
def test_magnitudes_are_told_if_they_are_asked_for(tmp_path: Path, program: str, told: str) -> None:
    """The largest of each array, in `why`; where a program is traced there are none."""
    (tmp_path / "infer.py").write_text(program)
    done = command("capture", "-o", "model.yaml", "--ranges", "--", sys.executable, "infer.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert told in " ".join((tmp_path / "model.yaml").read_text().split())


def test_a_magnitude_is_the_largest_that_was_seen() -> None:
    """Over all calls and processes; of nothing, and of what cannot be asked, there is none."""
    assert magnitude(np.array([1.0, -3.0])) == 3.0
    assert magnitude(np.array([3 + 4j])) == 5.0
    assert np.isnan(magnitude(np.zeros(0)))
    assert np.isnan(magnitude(object()))


def test_a_program_that_is_killed_leaves_what_it_made(tmp_path: Path) -> None:
    """Distinct calls are there at once, their counts within a factor of two."""
    program = SMALL + "import os, signal\n"
    program += "for _ in range(10):\n    torch.nn.functional.conv1d(torch.ones(1, 2, 6), torch.ones(3, 2, 2))\n"
    sweeps, _ = captured(tmp_path, program + "os.kill(os.getpid(), signal.SIGKILL)\n", code=137)
    assert [sweep["title"].partition("made ")[2] for sweep in sweeps] == ["once", "8 times"]


def test_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    """But for a program that ends well and makes nothing: then it is 3."""
    captured(tmp_path, SMALL + "raise SystemExit(7)\n", code=7)
    sweeps, _ = captured(tmp_path, "print('nothing')\n", code=3)
    assert sweeps == []
    assert corpus.load([tmp_path / "model.yaml"]).cases == ()


def test_children_are_watched_too(tmp_path: Path) -> None:
    """A process that the program starts, or forks, adds to the same file."""
    # A fork that comes after torch has threads would wait for them for ever.
    forked = "torch.nn.functional.conv1d(torch.ones(1, 2, 8), torch.ones(3, 2, 2))"
    program = "import os, subprocess, sys, torch\nsubprocess.run([sys.executable, 'other.py'], check=True)\n"
    program += f"if os.fork() == 0:\n    {forked}\n    os._exit(0)\nos.wait()\n{SMALL}"
    (tmp_path / "other.py").write_text(SMALL.replace("5)", "7)"))
    sweeps, _ = captured(tmp_path, program)
    assert sorted(sweep["base"]["input"]["shape"] for sweep in sweeps) == [[1, 2, 5], [1, 2, 7], [1, 2, 8]]


def test_what_python_imports_at_its_start_is_still_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment's own `sitecustomize` runs as if ours were not there."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import builtins\nbuiltins.OWN = __file__\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "own"))
    captured(tmp_path, SMALL + "assert OWN.endswith('own/sitecustomize.py')\nimport sitecustomize\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "model.yaml", "--", "no-such-program"], "no-such-program: cannot be run: No such file or directory"),
        (["-o", "no/model.yaml", "--", "true"], "no/model.yaml: cannot be written: No such file or directory"),
        (["-o", "model.yaml"], "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, and nothing left behind."""
    done = command("capture", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_as_a_module_and_as_a_context(small_folder: Path, tmp_path: Path) -> None:
    """The same file comes of all three ways."""
    first = sweeps_of(small_folder / "model.yaml")
    (tmp_path / "infer.py").write_text(SMALL)
    words = [sys.executable, "-m", "conv_conformance.capture", "-o", "module.yaml", "infer.py"]
    subprocess.run(words, cwd=tmp_path, check=True)
    inside = "".join(f"    {line}\n" for line in SMALL.splitlines())
    program = f"from conv_conformance.capture import capture\nwith capture('context.yaml'):\n{inside}"
    program += SMALL.replace("5)", "6)")
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    for name in ("module", "context"):
        assert [sweep["base"] for sweep in sweeps_of(tmp_path / f"{name}.yaml")] == [sweep["base"] for sweep in first]


def test_a_block_that_raises_leaves_its_calls(tmp_path: Path) -> None:
    """The context writes its file, however it ends."""
    with pytest.raises(ZeroDivisionError), capture(tmp_path / "model.yaml"):
        raise ZeroDivisionError
    assert (tmp_path / "model.yaml").exists()


def operand(letters: str, *shape: int) -> Operand:
    """Return an array of a call that is made up."""
    return Operand(letters, shape, "float32")


def sighting(**changes: Any) -> Sighting:
    """Return a call that is made up."""
    arrays = {"input": operand("NWC", 4, 9, 2), "kernel": operand("WIO", 3, 2, 5)}
    said = {"strides": (1,), "padding": "valid", "dilations": (1,), "said_by": "f", "framework": "g 1"}
    return Sighting(**{"op": "conv", "arrays": arrays, "output": "NWC", **said, **changes})


def logged(folder: Path, *looks: Callable[[], Sighting]) -> Model:
    """Return the model of a log of made up calls."""
    sightings = Sightings(str(log_of(folder / "model.yaml")))
    for look in looks:
        sightings.see("f", look)
    sightings.settle()
    return write_case_file(folder / "model.yaml")


def test_a_fault_of_ours_does_not_stop_a_program(tmp_path: Path) -> None:
    """It is written down instead."""
    assert logged(tmp_path, lambda: 1 / 0).unsaid == {
        ("f", "fault in the suite: ZeroDivisionError: division by zero"): 1
    }


def test_what_makes_no_sense_is_not_a_case(tmp_path: Path) -> None:
    """A call whose parameters contradict its shapes, which the program saw refused, would make the file unreadable."""
    model = logged(tmp_path, sighting, lambda: sighting(groups=3))
    assert len(model.layers) == 1
    assert next(why for _, why in model.unsaid).startswith("kernel: I = 2")
    assert corpus.load([tmp_path / "model.yaml"], sweeps="full").cases[0].id == "model.001-conv1d-3-2-to-5[batch=4]"


def test_a_batch_is_cut_that_would_make_arrays_too_large(tmp_path: Path) -> None:
    """By the input or by the output, whichever is larger."""
    length = ELEMENTS // 16
    arrays = {"input": operand("NWC", 64, length, 2), "kernel": operand("WIO", 1, 2, 8)}
    logged(tmp_path, lambda: sighting(arrays=arrays))
    written = yaml.safe_load((tmp_path / "model.yaml").read_text())["sweeps"][0]
    assert written["axes"] == {"batch": [2]}
    assert "the batch size was 64" in written["why"]


def test_other_batches_and_dtypes_may_be_asked_for(tmp_path: Path) -> None:
    """A value more on an axis is a call more."""
    logged(tmp_path, sighting)
    written = (
        (tmp_path / "model.yaml").read_text().replace("batch: [4]", "batch: [4, 1]\n    dtype: [float32, bfloat16]")
    )
    (tmp_path / "model.yaml").write_text(written)
    assert len(corpus.load([tmp_path / "model.yaml"], sweeps="full").cases) == 4


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    """As of a program that was killed while it wrote."""
    log = log_of(tmp_path / "model.yaml")
    Sightings(str(log)).see("f", sighting)
    log.write_text(log.read_text() + log.read_text()[:40])
    assert read(log).total == 1


def test_counts_of_processes_add_up(tmp_path: Path) -> None:
    """Of one process the last count holds."""
    log = log_of(tmp_path / "model.yaml")
    sightings = Sightings(str(log))
    for _ in range(3):
        sightings.see("f", sighting)
    sightings.settle()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["count"] for line in lines] == [1, 2, 3]
    log.write_text(log.read_text() + json.dumps({**lines[0], "pid": -1, "count": 5}) + "\n")
    assert read(log).total == 8
    assert "made 8 times" in text(read(log), "My Model!")
    assert "- id: my-model.001" in text(read(log), "My Model!")


@pytest.mark.parametrize("letters", ["NCHW", "NHWC", "OIHW", "HWIO", "NWC"])
@pytest.mark.parametrize("word", ["contiguous", "channels_last", "transposed"])
def test_storage_is_told_from_strides(letters: str, word: str) -> None:
    """What `storage` makes of pairwise different sizes has the strides that are told as the same word."""
    array = np.ones((4, 2, 3, 5)[: len(letters)], np.float32)
    stored = storage.stored(array, word, letters)
    strides = [stride // stored.itemsize for stride in stored.strides]
    told, is_exact = storage_of(letters, stored.shape, strides)
    assert is_exact
    again = storage.stored(array, told, letters)
    assert again.strides == stored.strides


@pytest.mark.parametrize("word", ["offset", "strided"])
def test_storage_without_a_word_gets_the_nearest(word: str) -> None:
    """Dense along its last axis or not; a note says what the strides were."""
    stored = storage.stored(np.ones((4, 2, 3), np.float32), word, "NCW")
    strides = [stride // stored.itemsize for stride in stored.strides]
    assert storage_of("NCW", stored.shape, strides) == (word, False)
    arrays = {"input": Operand("NCW", stored.shape, "float32", strides), "kernel": operand("OIW", 1, 2, 1)}
    plain = sighting(arrays=arrays, output="NCW").plain()
    assert plain["call"]["storage"] == {"input": word}
    assert "written as" in plain["notes"][0]


def test_the_programs_side_needs_the_standard_library_alone() -> None:
    """It runs in environments that have nothing of ours."""
    program = "import sys; import conv_conformance.capture\n"
    program += "assert not {'numpy', 'yaml', 'click'} & set(sys.modules), sorted(sys.modules)\n"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent)


def test_a_program_may_go_elsewhere_and_share_memory(tmp_path: Path) -> None:
    """The file is where it was asked for, and one whose arrays had a stride of 0 can be run."""
    (tmp_path / "other").mkdir()
    program = "import os\nimport torch\nfrom conv_conformance.capture import capture\nwith capture('model.yaml'):\n"
    program += "    torch.nn.functional.conv1d(torch.ones(1, 2, 5).expand(3, 2, 5), torch.ones(4, 2, 2))\n"
    subprocess.run([sys.executable, "-c", program + "    os.chdir('other')\n"], cwd=tmp_path, check=True)
    assert "written as contiguous" in " ".join((tmp_path / "model.yaml").read_text().split())
    assert len(corpus.load([tmp_path / "model.yaml"], sweeps="full").cases) == 1
