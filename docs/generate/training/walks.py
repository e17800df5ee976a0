"""The trainings of the walk-through: the exact trajectory of each, and the trajectories of the targets."""

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

#: The largest deviation of a kernel element that counts as following the exact trajectory: learning rate / 50.
PARTS = 0.001


class Rounding(NamedTuple):
    """The rounding of a target: dtypes of convolutions and kernel, whether it has its own optimizer, and the reason."""

    through: str
    kept: str
    is_foreign: bool
    reason: str


#: The rounding of the modes that may deviate from the exact trajectory.
ROUNDINGS = {
    "fit": Rounding("float32", "float32", True, "trains by `keras.Model.fit`, with the kernel in float32"),
    "autocast": Rounding("bfloat16", "float64", False, "rounds the operands of its convolutions to bfloat16"),
}


class Course(NamedTuple):
    """The trajectory of targets: losses (updates + 1,) and kernels (updates + 1, elements), both float64."""

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
    """
    The deviation of a course from the exact trajectory.

    `first` is the update after which it exceeds PARTS, `largest` its maximum, `certain` the last update up to which
    rounding cannot change the sign of a residual.
    """

    course: Course
    first: int
    largest: float
    certain: int
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """A training: its exact trajectory, the courses that follow it, and those that deviate."""

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
        """The first update after which the sign of a residual differs from the start."""
        signs = np.sign(self.exact.kernels @ convolution_matrix(self.call).T - self.call.array("target").reshape(-1))
        return int((signs != signs[0]).any(1).argmax())

    @property
    def keeping(self) -> list[str]:
        """The targets that follow the exact trajectory."""
        return [target for course in self.alike for target in course.targets]


def followed(call: Call) -> Course:
    """Return the exact trajectory of a training."""
    exact = trajectory(call)
    return Course(["reference"], exact.losses, exact.kernels)


def walk(case: Case, curves: Sequence[Mapping[str, Any]]) -> Walk:
    """
    Return the training of a case with its measured curves, as `benchmarks/fits.py` writes them.

    Raises:
        Invalid: if a target deviates from the exact trajectory and ROUNDINGS has no reason for its mode.

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
            f"{', '.join(course.targets)} deviates from the exact trajectory of {case.id} "
            f"after {first} updates, by {largest:.2g}"
        )
        raise Invalid(
            Problem(
                path="benchmarks/results/fits.json",
                message=message,
                hint="add the reason to ROUNDINGS in docs/generate/training/walks.py",
            )
        )
    certain = enclose_training(case.call, rounding.through, rounding.kept, is_foreign=rounding.is_foreign).certain
    return Parting(course, first, largest, certain, rounding.reason)


def by_framework(courses: Sequence[Course]) -> list[Course]:
    """Return one course of each framework, the course of its first target."""
    found: dict[str, Course] = {}
    for single in (course._replace(targets=[target]) for course in courses for target in course.targets):
        found.setdefault(single.framework, single)
    return list(found.values())
