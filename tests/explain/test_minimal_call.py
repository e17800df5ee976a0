"""The smallest call that fails like another: what is left out, when it stops, and how it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conv_conformance import corpus, reference
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import Output
from conv_conformance.core.vocabulary import ARRAYS, STORAGES
from conv_conformance.corpus.format import writer
from conv_conformance.diagnosis import is_visible
from conv_conformance.explain.call_failures import Failure
from conv_conformance.explain.minimal_call import Fails, size, smaller, smallest_call

from ..docs.test_guides import ROOT
from ..support.builders import call_of
from ..support.command_line import Command


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Cases that expect an output, of every operation and dtype, with gradients and variations among them."""
    found = [case for case in corpus.load(sweeps="none").cases if _is_plain(case)]
    return found[::9]


def _is_plain(case: Case) -> bool:
    call = case.call
    plain = call.training is None and not call.second_order
    return isinstance(case.expectation, Output) and plain and sum(call.array(each).size for each in _names(call)) < 5000


def _names(call: Call) -> list[str]:
    return [name for name in ARRAYS if getattr(call, name) is not None]


def test_every_step_is_a_call_or_has_no_meaning(cases: list[Case]) -> None:
    """Arrays go together, those of gradients too, or the reference says why they do not."""
    meant = told = sent = 0
    for case in cases[::3]:
        for each in smaller(case.call):
            told += 1
            try:
                shape = reference.evaluate(each).shape
                meant += 1
            except reference.Undefined:
                continue
            assert (each.cotangent is None) == (not each.gradients)
            assert each.cotangent is None or each.cotangent.shape == shape
            sent += each.cotangent is not None
    assert meant > told / 2 > 200 and sent > 100


def showing(cause: str) -> Fails:
    def fails(calls: Sequence[Call]) -> list[bool]:
        return [_is_meant(each) and is_visible(each, cause) for each in calls]

    return fails


def _is_meant(call: Call) -> bool:
    try:
        return reference.evaluate(call).size > 0
    except reference.Undefined:
        return False


@pytest.mark.parametrize(
    ("cause", "elements"),
    [("kernel-flipped", 4), ("stride-ignored", 4), ("bias-ignored", 3), ("groups-ignored", 6), ("batch-reversed", 4)],
)
def test_nothing_is_left_that_could_be_left_out(cause: str, elements: int, cases: list[Case]) -> None:
    """Two taps tell a flipped kernel, two channels in two groups that groups are ignored."""
    fails = showing(cause)
    middling = (case.call for case in cases if 20 < size(case.call)[0] < 300)
    large = next(call for call in middling if fails([call]) == [True])
    found = smallest_call(large, fails)
    assert fails([found]) == [True] and size(found) < size(large)
    assert not any(fails([each for each in smaller(found) if size(each) < size(found)]))
    assert size(found)[0] <= elements


def test_a_separable_call_loses_channels_and_multiples() -> None:
    """With what its pointwise kernel has for them."""
    x, w, p = (np.arange(count) % 7 - 3 for count in (2 * 9 * 5, 3 * 5 * 2, 10 * 4))
    kernels = {"depthwise_kernel": w.reshape(3, 5, 2), "pointwise_kernel": p.reshape(1, 10, 4)}
    found = smallest_call(
        call_of("separable_conv", x.reshape(2, 9, 5), bias=[1, 2, 3, 4], **kernels), showing("kernel-flipped")
    )
    assert found.bias is None
    shapes = [found.array(name).shape for name in ("input", "depthwise_kernel", "pointwise_kernel")]
    assert shapes == [(1, 2, 1), (2, 1, 1), (1, 1, 1)]


def test_what_does_not_shrink_stays() -> None:
    """A call of which no part fails is the smallest."""
    call = next(case.call for case in corpus.load(sweeps="none").cases if case.id.startswith("conv1d.walkthrough."))
    assert smallest_call(call, lambda calls: [False] * len(calls)) is call


def test_likeness() -> None:
    """One verdict, kind and place, and no cause that does not explain the first too, or none that explains either."""
    one = Failure("disagree", "values", causes=frozenset({"a", "b"}))
    assert not one.is_like(one._replace(where="gradient.kernel"))
    assert one.is_like(one._replace(causes=frozenset({"b"})))
    assert not one.is_like(one._replace(causes=frozenset({"b", "c"})))
    assert not one.is_like(one._replace(causes=frozenset({"c"}))) and not one.is_like(one._replace(kind="shape"))
    assert not one.is_like(None) and not one.is_like(one._replace(causes=frozenset()))
    assert Failure("crash").is_like(Failure("crash"))
    refused = Failure("disagree", "refused", words=frozenset({"not", "implemented"}))
    assert refused.is_like(refused) and not refused.is_like(refused._replace(words=frozenset({"wrong", "shape"})))


def test_a_call_is_written_and_read_again(cases: list[Case], tmp_path: Path) -> None:
    """Every array to the bit, every parameter, and what is expected."""
    texts, rights = [], []
    for number, case in enumerate(cases):
        assert isinstance(case.expectation, Output)
        rights.append(case.expectation)
        name = f"conv1d.own.number-{number}"
        texts.append(writer.case(case.call, rights[-1], name=name, title="A title", clauses=case.clauses))
    head, _, _ = texts[0].partition("cases:\n")
    entries = "".join(text.partition("cases:\n")[2] for text in texts)
    (tmp_path / "own.yaml").write_text(f"{head}cases:\n{entries}")
    for case, right, read in zip(cases, rights, corpus.load([tmp_path / "own.yaml"]).cases, strict=True):
        for name in _names(case.call):
            assert read.call.array(name).tobytes() == np.ascontiguousarray(case.call.array(name)).tobytes(), case.id
        assert said(read.call) == said(case.call), case.id
        assert isinstance(read.expectation, Output)
        assert read.expectation.array.tobytes() == right.array.tobytes()
        assert {name: each.tobytes() for name, each in read.expectation.gradients.items()} == {
            name: each.tobytes() for name, each in right.gradients.items()
        }


def test_every_way_of_lying_in_memory_is_written(tmp_path: Path) -> None:
    """Each that the format has, in words that it reads again."""
    for number, storage in enumerate(STORAGES):
        word = "broadcast:C" if storage == "broadcast" else storage
        call = call_of("conv", [[[[1, 1], [2, 2], [3, 3]]]], [[[[1], [10]]]], storage={"input": word})
        right = Output(array=reference.evaluate(call))
        text = writer.case(call, right, name="conv1d.own.a", title="A title", clauses=("CONV-1",))
        path = tmp_path / f"own-{number}.yaml"
        path.write_text(text)
        (read,) = corpus.load([path]).cases
        assert (read.call.storage.input or "contiguous") == word


def said(call: Call) -> list[object]:
    """Return the parameters of a call."""
    steps = (call.strides, call.dilations, call.input_dilations, call.output_padding, call.groups)
    arrays = [*_names(call), "output"]
    letters = [call.letters(name) for name in arrays if name != "bias"]
    stored = [getattr(call.storage, name) or "contiguous" for name in arrays[:-1]]
    words = (call.op, call.padding, call.padding_mode, call.before, call.accumulate, call.variation, call.gradients)
    return [*steps, *words, *letters, *map(call.dtype_of, arrays), *stored]


def test_the_command_prints_a_case_and_a_program(command: Command, tmp_path: Path) -> None:
    """Of what does not fail it says so; without a case and a target it is refused."""
    text = (ROOT / "docs" / "guides" / "write-a-backend.md").read_text()
    taps = text.split("```python\n")[1].split("```")[0]
    (tmp_path / "flipped.py").write_text(taps.replace("::stride]", "::stride, :, ::-1]"))
    target = f"{tmp_path / 'flipped.py'}:Taps"
    done = command("explain", "conv1d.walkthrough.forty-items-by-36-windows", "-b", target, "--shrink")
    assert done.code == 0
    written, _, program = done.out.partition("\n\n")
    (tmp_path / "own.yaml").write_text(written + "\n")
    (case,) = corpus.load([tmp_path / "own.yaml"]).cases
    assert (case.call.input.shape, case.call.array("kernel").shape) == ((1, 3, 1), (3, 1, 1))
    assert program.splitlines()[0] == "import numpy as np" and len(program.splitlines()) <= 10
    right = command("explain", "conv1d.walkthrough.forty-items-by-36-windows", "-b", "numpy", "--shrink")
    assert (0, "does not fail on numpy" in right.out) == (right.code, True)
    assert command("explain", "--shrink", "-b", "numpy").code == 2


@pytest.mark.parametrize(
    ("liar", "case", "asked"),
    [
        ("gradient_liars.py:kernel_gradient_flipped", "conv1d.gradients.unread-tail", ("kernel",)),
        ("gradient_liars.py:bias_of_one_sample", "conv1d.gradients.samples-of-the-bias", ("bias",)),
        ("gradient_liars.py:kernel_gradient_flipped", "conv1d.gradients.float64", ("kernel",)),
    ],
)
def test_what_is_printed_is_a_case_that_fails_alike(
    command: Command, tmp_path: Path, liar: str, case: str, asked: tuple[str, ...]
) -> None:
    """Of gradients those alone that are wrong; it is valid, clauses that leave a choice included, and fails again."""
    target = str(Path(__file__).parents[1] / "support" / liar)
    done = command("explain", case, "-b", target, "--shrink")
    (tmp_path / "own.yaml").write_text(done.out.partition("\n\n")[0] + "\n")
    (small,) = corpus.load([tmp_path / "own.yaml"]).cases
    assert (small.call.gradients, small.id) == (asked, f"{case}-shrunk")
    assert command("validate", tmp_path / "own.yaml").code == 0
    assert command("run", tmp_path / "own.yaml", "-b", target).code == 1


NEGATIVE = """
import numpy as np
from conv_conformance.backends.numpy import NumPy

class Negative(NumPy):
    def prepare(self, call):
        run = NumPy.prepare(self, call)

        def make():
            found = run()
            zeros = {where: np.where(array == 0, -0.0, array) for where, array in found.arrays.items()}
            return found._replace(arrays={where: each.astype("float32") for where, each in zeros.items()})

        return make
"""


def test_what_fails_by_its_case_alone_is_told(command: Command, tmp_path: Path) -> None:
    """The sign of a zero is asked of a case, and no smaller call keeps the question."""
    (tmp_path / "negative.py").write_text(NEGATIVE)
    target = f"{tmp_path / 'negative.py'}:Negative"
    done = command("explain", "conv1d.special-values.negative-zero-bias", "-b", target, "--shrink")
    assert done.code == 0
    assert (
        " only because this case requires more than the clauses: the sign of zero: output[0, 0, 1] is -0.0" in done.out
    )


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("conv1d.refusals.stride-zero", "is undefined, so a target must refuse it"),
        ("conv1d.second-order.all-terms", "asks for second-order gradients"),
        ("conv1d.fit.one-filter", "is a training run"),
    ],
)
def test_what_cannot_be_made_small_is_told(command: Command, case: str, why: str) -> None:
    """With the reason, and nothing is run for it."""
    done = command("explain", case, "-b", "numpy", "--shrink")
    assert (done.code, done.out.startswith(f"{case}: {why}")) == (0, True)
