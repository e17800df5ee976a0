"""Expectations: the expected result of a call is exactly one of these values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .call import Call
from .storage import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """
    The call returns this array, in the layout and dtype of the call's output.

    `precision` names the precision class that the case requires; `signed_zero` makes -0.0 differ from 0.0.
    `switches` are the switches with which the reference computes this array.
    `gradients` holds the requested gradients by array name, each in the layout and dtype of its array.
    `second_order` holds the gradients of H (see `Call`) by `cotangent`, `input` and `kernel`.
    """

    array: Array
    precision: str | None = None
    signed_zero: bool = False
    switches: frozenset[str] = frozenset()
    gradients: Mapping[str, Array] = field(default_factory=dict)
    second_order: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The kernel, in the layout and dtype of the call's kernel, and the loss after some updates; None if not stated."""

    kernel: Array | None = None
    loss: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """
    A training follows the exact training as long as rounding cannot change its course, and reaches its goal.

    `checkpoints` holds values of the exact training that a reader can check, by the number of updates.
    After the last update, the loss is below `loss_below`, and the kernel is within the learning rate of `kernel_near`;
    None means no such requirement.
    """

    checkpoints: Mapping[int, Checkpoint] = field(default_factory=dict)
    loss_below: float | None = None
    kernel_near: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The call returns an array of this shape and dtype, with any values."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Refusal:
    """
    The call is refused, and its `twin`, the same call with one change, is accepted.

    `name` is the name of the twin in the case: an id, or a patch as text.
    `is_twin_judged` is true if another case judges the twin. If the twin is refused too, that case reports it, and this
    refusal counts as unproven.
    """

    twin: Call
    name: str
    is_twin_judged: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class AnyOf:
    """
    Implementation-defined: one of several expectations, by the name of the alternative.

    `clauses` are the clauses that leave the choice. If a point of a sweep has several clauses, each name combines
    alternatives, such as `SAME-4:computes, DTYPE-INT8:computes`.
    """

    alternatives: Mapping[str, Expectation]
    clauses: tuple[str, ...] = ()


Expectation: TypeAlias = Output | Fit | Shape | Refusal | AnyOf
