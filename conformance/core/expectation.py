"""What is expected of a call: exactly one of these values."""

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

    `precision` names the class of rounding that the case asks for, `signed_zero` makes -0.0 differ from 0.0.
    `switches` are those of the reference under which it computes this array.
    `gradients` holds, by the name of an array, the gradient that is asked for beside, in its layout and dtype;
    `second_order`, by `cotangent`, `input` and `kernel`, that of what gradients come to along the directions.
    """

    array: Array
    precision: str | None = None
    signed_zero: bool = False
    switches: frozenset[str] = frozenset()
    gradients: Mapping[str, Array] = field(default_factory=dict)
    second_order: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The kernel, in the layout and dtype of the call's, and the loss after so many updates; None where it is not said."""

    kernel: Array | None = None
    loss: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """
    A training goes the way of the exact one as long as that is certain, and ends where it should.

    `checkpoints`, by the number of updates, say of the exact way what a reader can check.
    At its end the loss is below `loss_below`, or the kernel is `kernel_near`, to within the learning rate.
    """

    checkpoints: Mapping[int, Checkpoint] = field(default_factory=dict)
    loss_below: float | None = None
    kernel_near: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The call returns an array of this shape and dtype, whatever its values."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Refusal:
    """
    The call is refused, while its `twin`, the same call one step away, is accepted.

    `name` is how the case names the twin: an id or a patch, as text.
    `is_twin_judged` says that another case tells where the twin is refused: here that leaves the refusal without proof.
    """

    twin: Call
    name: str
    is_twin_judged: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class AnyOf:
    """
    One of these, by the name of the alternative: implementation-defined.

    `clauses` are the clauses that leave the choice; where a sweep's point has several, a name says which it follows,
    such as `SAME-4:computes, DTYPE-INT8:computes`.
    """

    alternatives: Mapping[str, Expectation]
    clauses: tuple[str, ...] = ()


Expectation: TypeAlias = Output | Fit | Shape | Refusal | AnyOf
