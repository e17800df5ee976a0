"""Expectations: each class describes one kind of result that a case can require of its call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .call import Call
from .storage import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """
    The call must return this array, in the layout and dtype of the call's output.

    `precision` names the precision class that the case requires. If `signed_zero` is true, -0.0 differs from 0.0.
    `switches` are the switches with which the reference computes this array. `gradients` holds the requested gradients
    by array name. Each gradient has the layout and dtype of its array. `second_order` holds the gradients of H (see
    `Call`) by `cotangent`, `input` and `kernel`.
    """

    array: Array
    precision: str | None = None
    signed_zero: bool = False
    switches: frozenset[str] = frozenset()
    gradients: Mapping[str, Array] = field(default_factory=dict)
    second_order: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The kernel (in the layout and dtype of the call's kernel) and the loss after some updates; None if unstated."""

    kernel: Array | None = None
    loss: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """
    A training run must follow exact arithmetic as long as rounding cannot change its course, and must reach its goal.

    `checkpoints` maps numbers of updates to the exact kernel and loss at that time, so that a reader can check them.
    After the last update, the loss must be below `loss_below`, and each element of the kernel must differ from the
    element of `kernel_near` by at most the learning rate. A requirement that is None does not apply.
    """

    checkpoints: Mapping[int, Checkpoint] = field(default_factory=dict)
    loss_below: float | None = None
    kernel_near: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The call must return an array of this shape and dtype; any values are accepted."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Refusal:
    """
    The call must be refused, and its `twin`, the same call with one change, must be accepted.

    `name` is how the case names the twin: by a case id, or by the text of a patch. `is_twin_judged` is true if another
    case judges the twin. If the twin is refused too, only the other case reports the twin's refusal, and the refusal of
    this call counts as unproven.
    """

    twin: Call
    name: str
    is_twin_judged: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class AnyOf:
    """
    The result is implementation-defined: the call must meet at least one of several expectations.

    `alternatives` maps the name of each alternative to its expectation.
    `clauses` are the clauses that leave the choice. If several clauses leave a choice for a point of a sweep, each name
    combines one alternative of each clause, such as `SAME-4:computes, DTYPE-INT8:computes`.
    """

    alternatives: Mapping[str, Expectation]
    clauses: tuple[str, ...] = ()


Expectation: TypeAlias = Output | Fit | Shape | Refusal | AnyOf
