"""The kernels that reproduce the data of a training: the solutions of a linear system, in exact fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array
from conv_conformance.reference.training_path import convolution_matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Solutions:
    """
    All w with A w = y, a line in the space of kernels: w = least + t * null.

    `matrix` is A (outputs, kernel elements) and `target` is y, both integers; `rank` is that of A.
    `null` holds the smallest integers with A null = 0. `least` is the shortest solution, which is orthogonal to `null`.
    """

    matrix: tuple[tuple[int, ...], ...]
    target: tuple[int, ...]
    rank: int
    null: tuple[int, ...]
    least: tuple[Fraction, ...]

    def along(self, kernels: Any) -> Array:
        """Return, for each kernel (…, elements), the t of its nearest solution."""
        direction = np.array(self.null, np.float64)
        found: Array = np.asarray(kernels, np.float64) @ direction / (direction @ direction)
        return found

    def at(self, t: Any) -> Array:
        """Return the solution at each t: (…, elements)."""
        least = np.array([float(value) for value in self.least])
        found: Array = least + np.multiply.outer(t, np.array(self.null, np.float64))
        return found

    def away(self, kernels: Any) -> Array:
        """Return the Euclidean distance of each kernel (…, elements) from its nearest solution."""
        found: Array = np.linalg.norm(kernels - self.at(self.along(kernels)), axis=-1)
        return found

    def loss(self, kernel: Any) -> float:
        """Return the mean absolute error of a kernel."""
        return float(np.abs(np.array(self.matrix) @ kernel - self.target).mean())


def solutions(call: Call) -> Solutions:
    """
    Return the solutions of a training for which the null space of A has dimension 1.

    The first nonzero element of `null` is negative, as in the corpus.

    Raises:
        ValueError: if the null space has another dimension.

    """
    system = sympy.Matrix(convolution_matrix(call).astype(int).tolist())
    target = sympy.Matrix(call.array("target").astype(int).reshape(-1).tolist())
    (free,) = system.nullspace()
    whole = free * sympy.ilcm(*(value.q for value in free))
    sign = -math.copysign(1, next(value for value in whole if value))
    shortest = system.pinv() * target
    return Solutions(
        matrix=tuple(tuple(int(value) for value in system.row(row)) for row in range(system.rows)),
        target=tuple(int(value) for value in target),
        rank=int(system.rank()),
        null=tuple(int(sign * value) for value in whole),
        least=tuple(Fraction(int(value.p), int(value.q)) for value in shortest),
    )
