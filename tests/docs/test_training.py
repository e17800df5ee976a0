"""The walk-through of training: the solutions of two channels, who parts from the exact way, and what the page says."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conv_conformance.core.problem import Invalid
from conv_conformance.core.storage import Array
from conv_conformance.explain.worked_example import lengths
from conv_conformance.reference.training_path import convolution_matrix

from docs.generate.training import page as make_training
from docs.generate.training import solutions, walks
from docs.generate.training.page import FILTERS, ONE, POSITIONS, PRINTED, TWO, Told

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def told() -> Told:
    return Told(ROOT)


def test_the_direction_that_is_left_open_changes_no_output(told: Told) -> None:
    """The matrix of the case, times the null vector, is 0 in integers, and its rank is one less than its columns."""
    rows = convolution_matrix(told.cases[TWO].call).astype(int).tolist()
    assert rows == [list(row) for row in told.set.matrix]
    assert [0, 0, 0] == [sum(a * n for a, n in zip(row, told.set.null, strict=True)) for row in rows]
    assert (3, 3) == (told.set.rank, np.linalg.matrix_rank(rows))
    assert (-5, 2, 6, -3) == told.set.null


def test_the_shortest_solution_solves_and_stands_upright_on_the_others(told: Told) -> None:
    """In fractions its outputs are the targets, and its product with the null vector is 0."""
    least = told.set.least
    assert all(type(value) is Fraction for value in least)
    outputs = [sum(a * w for a, w in zip(row, least, strict=True)) for row in told.set.matrix]
    assert list(told.set.target) == outputs
    assert 0 == sum(w * n for w, n in zip(least, told.set.null, strict=True))


def test_what_made_the_data_and_what_was_printed_are_solutions(told: Told) -> None:
    """The kernel 1, 3, 2, 4 is an exact solution at t = 1/74; the printed kernel has a loss below 0.01 at another t."""
    made = told.made[TWO]
    assert [1, 3, 2, 4] == made.tolist()
    assert (0.0, 0.0) == (told.set.loss(made), pytest.approx(float(told.set.away(made)), abs=1e-14))
    assert 1 / 74 == pytest.approx(float(told.set.along(made)), rel=1e-14)
    assert 0.01 > told.set.loss(PRINTED) > 0.009
    assert told.set.along(PRINTED) - told.set.along(told.decayed.kernels[-1]) > 0.01


def test_a_kernel_beside_the_line_has_the_t_of_its_nearest_solution(told: Told) -> None:
    """From the solution at t, a step by a row of the matrix changes the distance by its length, and t not at all."""
    row = np.array(told.set.matrix[1], np.float64)
    beside = told.set.at(np.array([0.25, -2.0])) + row
    assert [0.25, -2.0] == pytest.approx(told.set.along(beside).tolist())
    assert [float(np.linalg.norm(row))] * 2 == pytest.approx(told.set.away(beside).tolist())


def test_data_that_determine_the_kernel_have_no_line(told: Told) -> None:
    """One filter of two taps under three windows leaves nothing open."""
    with pytest.raises(ValueError, match="not enough values"):
        solutions.solutions(told.cases[ONE].call)


def test_gradient_descent_keeps_its_t_and_adam_does_not(told: Told) -> None:
    """A gradient is a sum of rows; Adam's update is one only as long as its four elements are equal."""
    ts = told.set.along(told.adam.kernels)
    turn = told.walks[TWO].turn
    assert told.start == pytest.approx(told.set.along(told.descent.kernels), abs=1e-15)
    assert told.start == pytest.approx(ts[: turn + 1], abs=1e-8)
    assert abs(ts[turn + 1] - told.start) > 1e-5
    assert ts[-1] > 0.07
    assert told.set.away(told.descent.kernels[-1]) < 1e-6


def test_the_same_gradient_lasts_until_the_first_sign_turns(told: Told) -> None:
    """Up to `turn` each update is the learning rate, in each element; the next is not."""
    of = told.walks[ONE]
    steps = np.diff(of.exact.kernels, axis=0)
    assert 0.05 == pytest.approx(steps[: of.turn], abs=1e-7)
    assert 1e-3 < np.abs(steps[of.turn] - 0.05).max()


def test_filters_are_learned_each_by_itself(told: Told) -> None:
    """Trained alone, a filter has the same kernels as next to the other filter, apart from the effect of epsilon."""
    assert 0 < make_training._alone(told.walks[FILTERS]) < 1e-6


def _walk(told: Told, change: Array) -> walks.Walk:
    exact = told.walks[ONE].exact
    curve = {
        "training": ONE,
        "targets": ["jax", "keras-jax+fit"][int(change.any()) :],
        "loss": exact.losses.tolist(),
        "kernel": (exact.kernels + change[:, None]).T.tolist(),
    }
    return walks.walk(told.cases[ONE], [curve, {"training": TWO}])


def test_a_course_that_leaves_the_exact_way_is_told(told: Told) -> None:
    """With the update at which it is first further off than a fiftieth of the learning rate, and how far it gets."""
    change = np.zeros(201)
    change[170:] = 0.0011
    change[180] = -0.02
    (found,) = _walk(told, change).parting
    assert (170, pytest.approx(0.02), ["keras-jax+fit"]) == (found.first, found.largest, list(found.course.targets))
    assert 0 < found.certain < 170
    assert [] == _walk(told, change).keeping


def test_a_course_within_what_is_drawn_keeps_to_it(told: Told) -> None:
    """A small deviation is none; of several targets of a framework the first is drawn."""
    alike = _walk(told, np.zeros(201))
    assert ([], ["jax", "keras-jax+fit"]) == (alike.parting, alike.keeping)
    assert [["jax"], ["keras-jax+fit"]] == [list(course.targets) for course in walks.by_framework(alike.alike)]
    assert [] == _walk(told, np.full(201, 0.0009)).parting
    assert [] == _walk(told, np.full(201, 0.0011)).keeping


def test_a_target_that_parts_without_a_reason_is_told(told: Told) -> None:
    """The page is not made where a plain target leaves the exact way."""
    exact = told.walks[ONE].exact
    kernels = exact.kernels + 0.5
    curve = {"training": ONE, "targets": ["jax"], "loss": exact.losses.tolist(), "kernel": kernels.T.tolist()}
    with pytest.raises(
        Invalid, match=r"^benchmarks/results/fits.json: jax deviates from the exact trajectory of .* after 0 updates"
    ):
        walks.walk(told.cases[ONE], [curve])


def test_every_target_is_on_the_page_of_each_training(told: Told) -> None:
    """Each one that was measured keeps to the exact way or parts from it, once."""
    for of in told.walks.values():
        named = [*of.keeping, *(target for each in of.parting for target in each.course.targets)]
        assert sorted(told.said["targets"]) == sorted(named)


def test_nine_are_thirty_six(told: Told) -> None:
    """By the cases, by their outputs and by counting: five items fit 36 times into 40, 9 times with a stride of 4."""
    assert (36, 9) == tuple(next(lengths(told.cases[name].call)).length for name in POSITIONS)
    assert 36 == sum(start + 5 <= 40 for start in range(40))
    assert 9 == sum(start + 5 <= 40 for start in range(0, 40, 4))
    page = " ".join(make_training.page(told).split())
    assert "floor((40 + 0 + 0 - 5) / 1) + 1 = 36." in page
    assert "only 4 has 9 windows: floor((40 + 0 + 0 - 5) / 4) + 1 = 9 ([the case]" in page
    assert "ends at item 36, and no window reads the last 3 items" in page


def test_page_and_pictures_are_those_of_the_measurement(told: Told) -> None:
    """Each picture is small, has a text, which the page gives it too, and no date of its making."""
    assert [] == list(make_training.stale(ROOT))
    page = (ROOT / make_training.PAGE).read_text(encoding="utf-8")
    for name, text in make_training.texts(told).items():
        file = ROOT / make_training.FOLDER / f"{name}.svg"
        picture = ElementTree.parse(file).getroot()  # noqa: S314 - our own
        assert text == picture.findtext(f"{SVG}title")
        assert f"![{text}](training/{name}.svg)" in page
        assert "dc:date" not in file.read_text(encoding="utf-8")
        assert file.stat().st_size < 100_000


def test_a_page_of_another_measurement_is_stale(tmp_path: Path) -> None:
    """A changed course, and a measurement of another day, are told of page and pictures."""
    for path in (make_training.MEASURED, make_training.PAGE):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / make_training.FOLDER, tmp_path / make_training.FOLDER)
    measured = tmp_path / make_training.MEASURED
    said = json.loads(measured.read_text(encoding="utf-8"))
    last = next(each for each in said["curves"] if each["targets"] == ["torch+autocast"])["kernel"][0]
    last[-1] += 0.5
    said["date"] = "1999-01-01T00:00:00+00:00"
    measured.write_text(json.dumps(said), encoding="utf-8")
    found = [line.partition(":")[0] for line in make_training.stale(tmp_path)]
    assert ["docs/training.md", *(f"docs/training/{name}.svg" for name in make_training.texts(Told(tmp_path)))] == found
