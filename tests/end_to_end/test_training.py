"""Trainings: read, followed without rounding, enclosed, executed step by step and judged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from inspect import isfunction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.backend import Outputs
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Fit
from conv_conformance.core.observation import Observation
from conv_conformance.core.problem import Invalid
from conv_conformance.core.storage import Array
from conv_conformance.core.training import Training
from conv_conformance.core.verdict import Verdict
from conv_conformance.corpus import load
from conv_conformance.explain.verdict_account import account_lines
from conv_conformance.judging.interval import Interval
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.judging.training_enclosure import enclose_training
from conv_conformance.quality import validation
from conv_conformance.reference.training_path import convolution_matrix, matrix_again, trajectory
from conv_conformance.reports.bare_script import script_lines
from conv_conformance.running.runner import Runner
from conv_conformance.specification import export, lock
from conv_conformance.workers import wire
from conv_conformance.workers.targets import resolve
from conv_conformance.workers.training_loop import fitted
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support import training_liars

LIARS = Path(__file__).parents[1] / "support" / "training_liars.py"
CASE = """\
about: A training.
defaults: {op: fit, layout: {input: NWC, kernel: WIO, output: NWC}}
cases:
  - id: a.b
    title: A fact
    clauses: [TRAIN-1]
    input: [[[0], [3], [4], [5]]]
    target: [[[6], [11], [14]]]
    kernel: [[[0]], [[1]]]
    loss: mae
    optimizer: {adam: {learning_rate: 0.05}}
    steps: 3
    expect: {checkpoints: {0: {loss: 6.33333333}}, outcome: {loss_below: 10}}
"""


def read(tmp_path: Path, *changes: tuple[str, str]) -> Case:
    """Return the case above with some of its texts replaced."""
    text = CASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "a.yaml").write_text(text)
    (case,) = load([tmp_path / "a.yaml"]).cases
    return case


def call_in(tmp_path: Path, *changes: tuple[str, str]) -> Call:
    """Return its call."""
    return read(tmp_path, *changes).call


@cache
def shipped() -> tuple[Case, ...]:
    """Return the trainings of the shipped corpus."""
    return tuple(case for case in load().cases if ".fit." in case.id)


def short() -> tuple[Case, ...]:
    """Return those that are over soon."""
    return tuple(case for case in shipped() if case.call.training and case.call.training.steps <= 250)


def followed(call: Call) -> Outputs:
    """Return what a training by NumPy comes to."""
    return fitted(call, NumPy().prepare)


def fit_of(case: Case) -> Any:
    """Return what a case requires of a training run, also if it allows a refusal."""
    expectation = case.expectation
    return expectation.alternatives["computes"] if isinstance(expectation, AnyOf) else expectation


def verdict_on(expectation: Fit, call: Call, kernels: Array, losses: Array, *, composed: bool = True) -> Any:
    """Return the judgement on a training."""
    arrays = {"kernels": kernels, "losses": losses}
    dtypes = {name: array.dtype.name for name, array in arrays.items()}
    seen = Observation(outcome="returned", arrays=arrays, dtypes=dtypes, composed=composed)
    return judge(expectation, seen, Context(call=call))


def test_a_training_is_a_convolution_with_a_target_and_terms(tmp_path: Path) -> None:
    """What is not said has the defaults of the paper."""
    call = call_in(tmp_path)
    assert "conv" == call.op
    assert ("kernel",) == call.gradients
    assert [6, 11, 14] == call.array("target").ravel().tolist()
    assert Training(loss="mae", optimizer="adam", learning_rate=0.05, epsilon=1e-7, steps=3) == call.training


WRONG = {
    "a bias": (("    loss: mae", "    bias: [1]\n    loss: mae"), "a training run cannot have the key bias"),
    "a target of another shape": (("[[[6], [11], [14]]]", "[[[6], [11]]]"), "the target must have the shape"),
    "a step ahead": (
        ("loss: mae", "before: {pad: [[1, 0]]}\n    loss: mae"),
        "a training run cannot have the key before",
    ),
    "an integer": (("loss: mae", "dtype: int8\n    loss: mae"), "a training run cannot use int8"),
    "a rate of 0": (("0.05", "0"), "must be above 0, not 0"),
    "a beta of 1": (("0.05}", "0.05, beta_1: 1}"), "must be at least 0 and below 1, not 1"),
    "no steps": (("steps: 3", "steps: 0"), "steps must be 1 to 10000, not 0"),
    "more steps than anybody waits for": (("steps: 3", "steps: 10001"), "steps must be 1 to 10000, not 10001"),
    "a checkpoint behind the end": (("{0: {", "{4: {"), "step 4 is after the last step, 3"),
    "a checkpoint of nothing": (("{loss: 6.33333333}", "{}"), "a checkpoint needs kernel or loss"),
    "a kernel of another shape": (("{loss: 6.33333333}", "{kernel: [[[1]]]}"), "the kernel must have shape"),
    "an unknown schedule": (("steps: 3", "schedule: linear\n    steps: 3"), "unknown schedule 'linear'"),
    "an unknown optimizer": (("adam", "adamw"), "unknown optimizer 'adamw'"),
    "a setting of the other optimizer": (("0.05}", "0.05, momentum: 0.5}"), "unknown setting 'momentum'"),
    "two optimizers": (("0.05}}", "0.05}, sgd: {learning_rate: 1}}"), "one of sgd and adam"),
    "no rate": (("learning_rate: 0.05", "beta_1: 0.5"), "missing key 'learning_rate'"),
    "no loss": (("    loss: mae\n", ""), "missing key 'loss'"),
    "padding that does not fit": (("loss: mae", "padding: [1, 2, 3]\n    loss: mae"), "expected"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_training_is_told(tmp_path: Path, name: str) -> None:
    """One line with its place."""
    change, message = WRONG[name]
    with pytest.raises(Invalid, match=message):
        read(tmp_path, change)


def test_the_wire_carries_a_training(tmp_path: Path) -> None:
    """Its terms, its target and each kind of schedule."""
    for schedule in ("cosine", "{1: 0.02, 2: 0.01}"):
        call = call_in(tmp_path, ("steps: 3", f"schedule: {schedule}\n    steps: 3"))
        packed = wire.pack_call(0, call)
        end = packed.index(b"\n")
        _, form = wire.unpack_call(packed[:end])
        back = form.call(packed, end + 1)
        assert call.training == back.training
        assert call.array("target").tolist() == back.array("target").tolist()
        assert call.form == replace(back).form


def test_a_rate_holds_from_the_step_that_is_named(tmp_path: Path) -> None:
    """The first update is number 0."""
    training = call_in(tmp_path, ("steps: 3", "schedule: {2: 0.01, 1: 0.02}\n    steps: 3")).training
    assert training is not None
    assert [0.05, 0.02, 0.01, 0.01] == [training.rate(step) for step in range(4)]
    cosine = replace(training, schedule="cosine", steps=4)
    assert [0.05, 0.025, 0.0] == pytest.approx([cosine.rate(step) for step in (0, 2, 4)], abs=1e-17)


def test_the_first_update_of_adam_is_the_rate(tmp_path: Path) -> None:
    """Whatever the gradient, but for epsilon: here of 4 and 12 thirds, both negative."""
    way = trajectory(call_in(tmp_path))
    gradient = np.array([7, 12]) / 3
    assert (0.05 * gradient / (gradient + 1e-7)) == pytest.approx(way.kernels[1] - way.kernels[0], rel=1e-15)
    assert [19 / 3] == pytest.approx(way.losses[:1])


def test_gradient_descent_by_hand(tmp_path: Path) -> None:
    """Two updates with a momentum: 0.5 times the first change is made again."""
    change = ("adam: {learning_rate: 0.05}", "sgd: {learning_rate: 0.3, momentum: 0.5}")
    way = trajectory(call_in(tmp_path, change))
    # The outputs are 3, 4 and 5, all too small; then 6.6, 10.9 and 13.8, of which the first is too large.
    assert [0, 1, 0.7, 2.2] == pytest.approx(way.kernels[:2].ravel().tolist())
    assert [0.7 + 0.35 + 0.3 * 7 / 3, 2.2 + 0.6 + 0.3 * 6 / 3] == pytest.approx(way.kernels[2].tolist())


@pytest.mark.parametrize("case", shipped(), ids=lambda case: case.id)
def test_both_formulations_give_one_matrix(case: Case) -> None:
    """Column by column as it is evaluated, row by row as it is differentiated; and it computes the output."""
    assert case.call.kernel is not None
    assert np.array_equal(convolution_matrix(case.call), matrix_again(case.call))
    wide = replace(case.call, gradients=(), training=None)
    output = NumPy().prepare(wide)().arrays["output"].reshape(-1)
    assert output == pytest.approx(convolution_matrix(case.call) @ case.call.kernel.reshape(-1), rel=1e-5)


@pytest.mark.parametrize("case", shipped(), ids=lambda case: case.id)
def test_the_exact_way_and_that_of_numpy_are_enclosed(case: Case) -> None:
    """At every update that is certain, in intervals that are narrower than an update."""
    call = case.call
    assert call.training is not None
    exact, seen = trajectory(call), followed(call).arrays
    within = enclose_training(call, call.dtype_of("output"), "float64")
    steps = within.certain + 1
    assert steps > 100 or steps == call.training.steps + 1 or call.training.loss == "mse"
    for kernels, losses in ((exact.kernels, exact.losses), (seen["kernels"], seen["losses"])):
        flat = kernels.reshape(len(kernels), -1)[:steps]
        assert ((within.kernels.low <= flat) & (flat <= within.kernels.high)).all()
        assert ((within.losses.low[:, 0] <= losses[:steps]) & (losses[:steps] <= within.losses.high[:, 0])).all()
    share = 0.01 if call.training.loss == "mae" else 0.5
    assert (within.kernels.high - within.kernels.low).max() < share * call.training.learning_rate


@settings(max_examples=40, deadline=None, database=None)
@given(
    st.lists(st.integers(-9, 9), min_size=21, max_size=21),
    st.sampled_from(["adam", "sgd"]),
    st.sampled_from(["mae", "mse"]),
)
def test_random_trainings_stay_enclosed(numbers: list[int], optimizer: str, loss: str) -> None:
    """With sums in float32 in an order of its own, and the kernel kept in float32."""
    call = random_training(numbers, optimizer, loss)
    exact, within = trajectory(call), enclose_training(call, "float32", "float32")
    drifting = drifted(call)
    for way in (exact.kernels, drifting):
        flat = way.reshape(len(way), -1)[: within.certain + 1]
        assert ((within.kernels.low <= flat) & (flat <= within.kernels.high)).all()


def random_training(numbers: list[int], optimizer: str, loss: str) -> Call:
    """Return a training of eight updates on twelve inputs, six targets and a kernel of three, in tenths."""
    (case,) = (case for case in shipped() if case.id == "conv1d.fit.one-filter")
    tenths = np.array(numbers, np.float32) / 10
    terms = Training(loss=loss, optimizer=optimizer, learning_rate=0.01, momentum=0.5, steps=8)
    x, target, kernel = tenths[:12].reshape(2, 6, 1), tenths[12:18].reshape(2, 3, 1), tenths[18:].reshape(3, 1, 1)
    return replace(case.call, input=x, target=target, kernel=kernel, strides=(2,), padding=((1, 0),), training=terms)


def drifted(call: Call) -> Array:
    """Return the kernels of a training computed in float32, with products summed in reverse order."""
    training, rows = call.training, convolution_matrix(call).astype(np.float32)
    assert training is not None and call.kernel is not None
    kernel, target = call.kernel.reshape(-1).astype(np.float32), call.array("target").reshape(-1)
    first, second, moved, kernels = (np.zeros_like(kernel), np.zeros_like(kernel), np.zeros_like(kernel), [kernel])
    for step in range(training.steps):
        residual = backwards(rows, kernel) - target
        sent = (np.sign(residual) if training.loss == "mae" else 2 * residual) / np.float32(residual.size)
        gradient = backwards(rows.T, sent)
        rate = np.float32(training.rate(step))
        if training.optimizer == "sgd":
            moved = np.float32(training.momentum) * moved + rate * gradient
            change = moved
        else:
            first = first + (gradient - first) * np.float32(1 - training.beta_1)
            second = second + (gradient * gradient - second) * np.float32(1 - training.beta_2)
            corrected = first / np.float32(1 - training.beta_1 ** (step + 1))
            root = np.sqrt(second / np.float32(1 - training.beta_2 ** (step + 1)))
            change = rate * corrected / (root + np.float32(training.epsilon))
        kernel = kernel - change
        kernels.append(kernel)
    return np.stack(kernels).astype(np.float64)


def backwards(rows: Array, vector: Array) -> Array:
    """Return a product of float32, each sum made from its end."""
    sums = np.zeros(len(rows), np.float32)
    for at in reversed(range(len(vector))):
        sums = sums + rows[:, at] * vector[at]
    return sums


@settings(max_examples=200, deadline=None, database=None)
@given(*[st.tuples(*[st.floats(-1e6, 1e6).filter(lambda end: abs(end) > 1e-6)] * 2) for _ in range(2)])
def test_intervals_hold_what_is_exact(one: tuple[float, float], other: tuple[float, float]) -> None:
    """Of the ends, in rational numbers."""
    a, b = (Interval(*map(np.asarray, sorted(ends))) for ends in (one, other))
    found = {"+": a + b, "-": a - b, "*": a * b, "square": a.square(), "absolute": a.absolute()}
    for x in map(Fraction, one):
        assert holds(found["square"], x * x) and holds(found["absolute"], abs(x))
        for y in map(Fraction, other):
            assert holds(found["+"], x + y) and holds(found["-"], x - y) and holds(found["*"], x * y)
            if b.low > 0:
                assert holds(a / b, x / y)
    size = b.absolute()
    low, high = (max(Fraction(float(end)), Fraction(0)) for end in (size.root().low, size.root().high))
    assert low**2 <= Fraction(float(size.low)) and Fraction(float(size.high)) <= high**2


def holds(interval: Interval, value: Fraction) -> bool:
    """Say whether a rational number is within an interval."""
    return Fraction(float(interval.low)) <= value <= Fraction(float(interval.high))


def test_a_sign_that_is_not_certain_ends_what_is_known(tmp_path: Path) -> None:
    """A residual of 0.0000001 beside outputs of 6 may have either sign in float32; in float64 it has one."""
    change = ("kernel: [[[0]], [[1]]]", "kernel: [[[0.3]], [[1.9999999]]]")
    call = call_in(tmp_path, change)
    assert 0 == enclose_training(call, "float32", "float64").certain
    assert 0 < enclose_training(call, "float64", "float64").certain


def test_an_output_that_is_exactly_right_is_certain() -> None:
    """Integers are summed without rounding, so that the residual is 0 and nothing else."""
    (case,) = (case for case in shipped() if case.id == "conv1d.fit.residual-of-zero")
    assert 1 == enclose_training(case.call, "float32", "float64").certain


def test_validation_finds_a_checkpoint_that_is_off(tmp_path: Path) -> None:
    """By one in the last place that is written, or where nothing is certain any more."""
    case = read(tmp_path)
    assert [] == list(validation.validate_cases([case], {}))
    off = read(tmp_path, ("6.33333333", "6.33333433"))
    assert "after 0 updates: exact value [6.333" in next(iter(validation.validate_cases([off], {}))).message
    missed = read(tmp_path, ("loss_below: 10", "loss_below: 0.1"))
    (problem,) = validation.validate_cases([missed], {})
    assert "the exact trajectory does not meet the expectation: the loss ends at" in problem.message
    late = read(tmp_path, ("[[[0]], [[1]]]", "[[[0.3]], [[1.9999999]]]"), ("{0: {loss: 6.33333333}", "{2: {loss: 1}"))
    assert "the state after 2 updates is uncertain" in next(iter(validation.validate_cases([late], {}))).message


@pytest.mark.parametrize("case", shipped(), ids=lambda case: case.id)
def test_an_honest_training_agrees(case: Case) -> None:
    """That of NumPy, step by step."""
    assert isinstance(fit_of(case), Fit)
    seen = followed(case.call).arrays
    assert "agree" == verdict_on(fit_of(case), case.call, seen["kernels"], seen["losses"]).verdict


def test_what_departs_by_more_than_rounding_is_told(tmp_path: Path) -> None:
    """Kind and place of the first update that is off."""
    case = read(tmp_path)
    assert isinstance(fit_of(case), Fit)
    seen = followed(case.call).arrays
    for by, kind in ((1e-5, "precision"), (1e-1, "values")):
        kernels = seen["kernels"].copy()
        kernels[2, 1, 0, 0] += by
        told = verdict_on(fit_of(case), case.call, kernels, seen["losses"])
        assert (kind, "kernels", (2, 1, 0, 0)) == (told.finding.kind, told.finding.where, told.finding.first_index)
        assert "after 2 updates kernel[1, 0, 0] is" in told.message
    losses = seen["losses"] + np.array([0, 0, 0, 1])
    told = verdict_on(fit_of(case), case.call, seen["kernels"], losses)
    assert ("values", "losses", (3,)) == (told.finding.kind, told.finding.where, told.finding.first_index)
    assert "shape" == verdict_on(fit_of(case), case.call, seen["kernels"][:3], losses).finding.kind
    assert "shape" == verdict_on(fit_of(case), case.call, seen["kernels"], losses[:3]).finding.kind
    losses = np.array([np.nan, *losses[1:]])
    assert "nonfinite" == verdict_on(fit_of(case), case.call, seen["kernels"], losses).finding.kind
    assert "dtype" == verdict_on(fit_of(case), case.call, seen["kernels"].astype(int), losses).finding.kind


def test_an_outcome_that_is_missed_is_told(tmp_path: Path) -> None:
    """Where the way itself is right."""
    case = read(tmp_path)
    seen = followed(case.call).arrays
    for expectation, message in (
        (Fit(loss_below=1.0), "the loss ends at"),
        (Fit(kernel_near=np.float32([[[1]], [[2]]])), r"kernel[0, 0, 0] ends at"),
    ):
        told = verdict_on(expectation, case.call, seen["kernels"], seen["losses"])
        assert ("values", True) == (told.finding.kind, told.message.startswith(message))
    near = Fit(kernel_near=seen["kernels"][-1] + 0.049)
    assert "agree" == verdict_on(near, case.call, seen["kernels"], seen["losses"]).verdict


def test_an_optimizer_of_its_own_may_have_the_other_epsilon() -> None:
    """Whoever trains by the suite's loop may not: there the sum of the squares is corrected first."""
    (case,) = (case for case in shipped() if case.id == "conv1d.fit.batch-of-three")
    assert isinstance(fit_of(case), Fit)
    arrays = training_liars.epsilon_hat(case.call).arrays
    own = verdict_on(fit_of(case), case.call, **arrays, composed=False)
    ours = verdict_on(fit_of(case), case.call, **arrays)
    assert ("agree", "disagree") == (own.verdict, ours.verdict)


LIES = [name for name in training_liars.__all__ if name != "honest"]


@pytest.mark.parametrize("name", LIES)
def test_a_wrong_training_is_caught(name: str) -> None:
    """By a training of the shipped corpus, as a target would be; none of these is honest anywhere it shows."""
    lie: Callable[[Call], Outputs] = getattr(training_liars, name)
    caught = []
    for case in short():
        assert isinstance(fit_of(case), Fit)
        told = verdict_on(fit_of(case), case.call, **lie(case.call).arrays)
        caught += [case.id] if told.verdict == "disagree" else []
    assert caught


def test_what_the_liars_are_made_of_is_right() -> None:
    """Without a lie they agree everywhere, and each function of a call is one of them."""
    own = {
        name for name, each in vars(training_liars).items() if isfunction(each) and each.__module__.endswith("liars")
    }
    assert set(training_liars.__all__) == own - {"go", "changed"}
    for case in short():
        assert isinstance(fit_of(case), Fit)
        told = verdict_on(fit_of(case), case.call, **training_liars.honest(case.call).arrays)
        assert "agree" == told.verdict, (case.id, told.message)


def test_targets_train_through_the_engine(tmp_path: Path) -> None:
    """By their gradients, by a training of their own, or not at all."""
    case = read(tmp_path)
    names = [f"{LIARS}:{name}" for name in ("Plain", "Own", "Without")]
    made = Runner().run([case], [resolve(name) for name in names])
    told = [target.verdicts[0] for target in made.targets]
    assert ["agree", "agree", "unsupported"] == [verdict.verdict for verdict in told]
    assert "gradients: the adapter has none" == told[-1].message


def test_a_training_is_locked_and_exported(tmp_path: Path) -> None:
    """Its terms and its target are part of what a case says."""
    case = read(tmp_path)
    others = (("steps: 3", "steps: 4"), ("[14]", "[15]"), ("0.05", "0.06"), ("loss_below: 10", "loss_below: 9"))
    digests = {lock.digest(read(tmp_path, change)) for change in others} | {lock.digest(case)}
    assert len(others) + 1 == len(digests)
    written = export.expectation(case.expectation, case.call)
    assert {"checkpoints": {"0": {"loss": 6.33333333}}, "loss_below": 10.0} == written
    assert 3 == export.call(case.call)["training"]["steps"]


def test_the_account_of_a_training_says_how_near_it_came() -> None:
    """After as many updates as are certain, and by whose optimizer."""
    (case,) = (case for case in shipped() if case.id == "conv1d.fit.two-filters")
    seen = Observation(
        outcome="returned", arrays=followed(case.call).arrays, dtypes={"kernels": "float64"}, composed=True
    )
    said = dict(account_lines(case, seen))
    assert said["certain"].startswith("200 of 200 updates")
    assert "of the suite, kernel in float64" == said["optimizer"]
    assert said["last loss"].startswith("0.02909") and said["last loss"].endswith("in exact arithmetic 0.0290922")


def test_the_text_of_a_training_by_keras_does_what_it_did() -> None:
    """In a process of its own: pasted behind the arrays of the case it ends at the same kernel."""
    program = """
import os
os.environ["KERAS_BACKEND"] = "torch"
import numpy as np
from conv_conformance.core.backend import Target
from conv_conformance.backends.keras import Keras
from conv_conformance.corpus import load
import keras
for case in load().cases:
    if case.id in ("conv1d.fit.residual-of-zero", "conv1d.fit.batch-of-three", "conv2d.fit.dilated"):
        outputs = Keras(Target(name="keras-torch", mode="fit")).fit(case.call)()
        arrays = {name: case.call.array(name) for name in ("input", "kernel", "target")}
        again = eval(outputs.call, {"keras": keras, **arrays})
        assert (again == outputs.arrays["kernels"][-1]).all(), (case.id, again)
        print(case.id)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert 0 == done.returncode, done.stderr
    assert 3 == len(done.stdout.split())


def test_a_program_has_all_arrays_that_its_text_names() -> None:
    """Of a training the target, of gradients the cotangent."""
    for case in load().cases:
        call = case.call
        if call.gradients and case.id.endswith(("gradients.all-three", "fit.squares")):
            sent = "target" if call.training else "cotangent"
            verdict = Verdict(case=case.id, target="numpy", verdict="disagree", call=f"f(input, kernel, {sent})")
            defined = {line.partition(" = ")[0] for line in script_lines(verdict, call) if " = " in line}
            assert {"input", "kernel", sent} <= defined
