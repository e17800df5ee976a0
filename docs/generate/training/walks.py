"""Trainings as the walk-through tells them: the exact way, and the courses that targets took beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.problem import Invalid, Problem
from conv_conformance.core.storage import Array
from conv_conformance.judging.training_enclosure import enclose_training
from conv_conformance.reference.training_path import convolution_matrix, trajectory

#: From which deviation of an element on a course parts from the exact way: a fiftieth of the learning rate.
PARTS = 0.001


class Rounding(NamedTuple):
    """What rounds a target: the dtype of its convolutions, that of its kernel, an optimizer of its own; and in words."""

    through: str
    kept: str
    is_foreign: bool
    reason: str


#: The modes of targets that may part.
ROUNDINGS = {
    "fit": Rounding("float32", "float32", True, "trains by `keras.Model.fit`, with the kernel in float32"),
    "autocast": Rounding("bfloat16", "float64", False, "rounds what goes into its convolutions to bfloat16"),
}


class Course(NamedTuple):
    """What some targets made of a training: losses (updates + 1), kernels (updates + 1, elements), float64."""

    targets: Sequence[str]
    losses: Array
    kernels: Array

    @property
    def framework(self) -> str:
        """The framework of the first target."""
        return re.split("[-+]", self.targets[0])[0]

    @property
    def mode(self) -> str:
        """The mode of the first target, `fit` of `keras-jax+fit`."""
        return self.targets[0].partition("+")[2]


class Parting(NamedTuple):
    """How a course parts: after which update first, how far at most, and after how many its rounding could not yet do so."""

    course: Course
    first: int
    largest: float
    certain: int
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """A training, its exact way, the courses that keep to it, and those that part from it."""

    case: Case
    exact: Course
    alike: Sequence[Course]
    parting: Sequence[Parting]

    @property
    def call(self) -> Call:
        """The call of the case."""
        return self.case.call

    @property
    def turn(self) -> int:
        """The first update after which a residual has another sign than at the start."""
        signs = np.sign(self.exact.kernels @ convolution_matrix(self.call).T - self.call.array("target").reshape(-1))
        return int((signs != signs[0]).any(1).argmax())

    @property
    def keeping(self) -> list[str]:
        """The targets that keep to the exact way."""
        return [target for course in self.alike for target in course.targets]


def followed(call: Call) -> Course:
    """Return the exact way of a training."""
    way = trajectory(call)
    return Course(["reference"], way.losses, way.kernels)


def walk(case: Case, curves: Sequence[Mapping[str, Any]]) -> Walk:
    """
    Return the training of a case with the curves that were measured of it, as `benchmarks/fits.py` writes them.

    Raises:
        Invalid: where a target parts from the exact way for which no rounding is known.

    """
    exact = followed(case.call)
    found = [each for each in curves if each["training"] == case.id]
    courses = [Course(each["targets"], np.array(each["loss"]), np.array(each["kernel"]).T) for each in found]
    off = [np.abs(course.kernels - exact.kernels).max(1) for course in courses]
    return Walk(
        case=case,
        exact=exact,
        alike=[course for course, far in zip(courses, off, strict=True) if far.max() <= PARTS],
        parting=[_parting(case, course, far) for course, far in zip(courses, off, strict=True) if far.max() > PARTS],
    )


def _parting(case: Case, course: Course, off: Array) -> Parting:
    rounding = ROUNDINGS.get(course.mode)
    first, largest = int((off > PARTS).argmax()), float(off.max())
    if rounding is None:
        message = (
            f"{', '.join(course.targets)} leaves the exact way of {case.id} after {first} updates, by {largest:.2g}"
        )
        raise Invalid(
            Problem(
                path="benchmarks/results/fits.json",
                message=message,
                hint="docs/generate/training/walks.py has no reason",
            )
        )
    certain = enclose_training(case.call, rounding.through, rounding.kept, is_foreign=rounding.is_foreign).certain
    return Parting(course, first, largest, certain, rounding.reason)


def by_framework(courses: Sequence[Course]) -> list[Course]:
    """Return one course of each framework, with the first of its targets alone."""
    found: dict[str, Course] = {}
    for single in (course._replace(targets=[target]) for course in courses for target in course.targets):
        found.setdefault(single.framework, single)
    return list(found.values())
