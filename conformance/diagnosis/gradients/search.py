"""The search for causes of the glossary that compute exactly the gradient that a target returned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ... import reference
from ...core import COTANGENT, FORMATS, Array, Call, Diagnosis
from ...judging import error_bound
from ..canonical_call import Subject, kernel_of, subject_of, wide
from ..narrowed_causes import narrowed
from ..search import INAPPLICABLE, MOST
from .backward_pass import BackwardPass, backward_pass
from .causes import CAUSES

#: At a wrong element, |actual - candidate| must be at most |actual - expected| / NEARER.
NEARER = 2


def diagnose_gradient(call: Call, name: str, got: Array) -> Diagnosis | None:
    """
    Return the causes of a wrong gradient of the array `name`. The gradient `got` is in the layout of the call.

    A diagnosis without causes means that no cause explains the gradient. None means that the call is too large, or that
    it has two stages (a separable convolution).
    """
    with np.errstate(all="ignore"):
        try:
            subject = subject_of(call)
            if subject.pointwise is not None or subject.right.products > MOST:
                return None
            return _Search(call=call, name=name, got=got, subject=subject).diagnosis()
        except INAPPLICABLE:
            return Diagnosis()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    call: Call
    name: str
    got: Array
    subject: Subject

    def diagnosis(self) -> Diagnosis:
        """Return the causes that explain the whole gradient."""
        back = backward_pass(self.subject, self._canonical("output", self.call.array(COTANGENT)))
        if self.got.shape != self.expected.shape or not self._is_near(back.to(self.name), self.right):
            return Diagnosis()
        found, wider = narrowed([name for name in CAUSES if self._explains(name, back)])
        if not found:
            return Diagnosis()
        return Diagnosis(causes=found, wider=wider, confidence="exact" if len(found) == 1 else "ambiguous")

    def _explains(self, name: str, back: BackwardPass) -> bool:
        try:
            made = CAUSES[name](self.subject, back, self.name)
            return any(self._is_returned(each) for each in made if each.shape == self.right.shape)
        except INAPPLICABLE:
            return False

    def _is_returned(self, made: Array) -> bool:
        off = np.abs(self.seen - self.right)
        is_wrong = off > self.bound
        slack = np.where(is_wrong, np.minimum(2 * self._slack(made), off / NEARER), 2 * self._slack(made))
        return bool(((np.abs(self.seen - made) <= slack) | (self.seen == made) | _both_nan(self.seen, made)).all())

    def _slack(self, made: Array) -> Array:
        return np.asarray(self.bound + (self._unit * np.abs(made) if self._tolerance.grid is None else 0))

    def _is_near(self, one: Array, other: Array) -> bool:
        return bool(((np.abs(one - other) <= self.bound) | (one == other) | _both_nan(one, other)).all())

    @cached_property
    def expected(self) -> Array:
        """The expected gradient in the layout of the call."""
        return reference.gradients(self.call, self.call.array(COTANGENT))[self.name]

    @cached_property
    def right(self) -> Array:
        """The expected gradient in canonical order."""
        return self._canonical(self.name, self.expected)

    @cached_property
    def seen(self) -> Array:
        """The actual gradient in canonical order."""
        return self._canonical(self.name, self.got)

    @cached_property
    def _tolerance(self) -> error_bound.Tolerance:
        dtype = self.call.dtype_of(self.name)
        return error_bound.gradient_tolerance(self.call, self.name, self.expected, dtype, composed=False)

    @cached_property
    def bound(self) -> Array:
        """The error bound of each element of the gradient, in canonical order."""
        grid = self._tolerance.grid
        if grid is not None:
            return np.full(self.right.shape, grid * 0.49)
        bound = np.broadcast_to(np.asarray(self._tolerance.bound, np.float64), self.expected.shape)
        return np.abs(self._canonical(self.name, bound))

    @property
    def _unit(self) -> float:
        return 2 * FORMATS[self.call.dtype_of(self.name)].unit

    def _canonical(self, name: str, array: Array) -> Array:
        values = wide(self.call, array)
        if name == "bias":
            return values
        if name == "kernel":
            return kernel_of(self.call, values, "kernel")
        letters = self.call.letters(name)
        return values.transpose([letters.index(letter) for letter in "NC" + self.call.spatial])


def _both_nan(one: Array, other: Array) -> Array:
    return np.asarray(np.isnan(one) & np.isnan(other))
