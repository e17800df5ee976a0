"""Comparison of the products that a target computes for a call with the products that the definition requires."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...calls import smallest_region
from ...core import Array, Call
from ...judging import error_bound
from .finding import KINDS, Part
from .tap_map import NOTHING, UNKNOWN, TapMap


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """
    The products of a call that a target computes, and the expected products.

    `seen` and `right` are the actual and the expected tap map. `got` and `expected` are the actual and the expected
    output.
    """

    call: Call
    seen: TapMap
    right: TapMap
    got: Array
    expected: Array
    #: The number of probe calls.
    probes: int

    @cached_property
    def is_wrong(self) -> Array:
        """The mask (M) of wrong elements of the flat output."""
        return self._off(self.expected, 1)

    @property
    def differs(self) -> Array:
        """The mask (T, M) of wrong products, where t is a probed tap and m an output element."""
        return np.asarray(self.kinds >= 0)

    @cached_property
    def kinds(self) -> Array:
        """The kind of each product (T, M) as an index into KINDS; -1 for a correct product."""
        seen, right = self.seen, self.right
        differs = (seen.reads != right.reads) | ((seen.weights != right.weights) & (seen.reads >= 0))
        chosen = [seen.reads == UNKNOWN, seen.reads == NOTHING, right.reads == NOTHING, seen.reads != right.reads]
        numbers = [KINDS.index(name) for name in ("other", "lost", "added", "elsewhere")]
        return np.where(differs, np.select(chosen, numbers, KINDS.index("weighed")), -1)

    @property
    def is_bias_wrong(self) -> bool:
        """Whether the bias alone, without the constant, gives a wrong output."""
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            seen = self.seen.offset - self.seen.constant if self.call.bias is not None else self.right.offset
        return not np.array_equal(seen, self.right.offset, equal_nan=True)

    @property
    def constant(self) -> str:
        """What the target adds to outputs without any product or bias, as text; empty if nothing."""
        added = self.seen.constant
        places = np.flatnonzero(added != 0)
        if not places.size:
            return ""
        value = added[places[0]].item()
        text = f"{value.real:g}" if not getattr(value, "imag", 0) else f"{value:g}"
        if (added == added[0]).all():
            return f"{text} is added to every output, whatever the input and the kernel are"
        place = index(int(places[0]), self.expected.shape)
        return f"a constant is added to {places.size} of {added.size} outputs: {text} to output {place}"

    @property
    def adds_up(self) -> bool | None:
        """
        Whether the probed products add up to the actual values of the wrong output elements.

        None means that not all taps were probed.
        """
        if len(self.seen.taps) < self.call.array("kernel").size:
            return None
        if (self.seen.reads == UNKNOWN).any(axis=0)[self.is_wrong].any():
            return False
        with np.errstate(all="ignore"):
            sums = _narrowed(self.seen.sums(self.call), self.expected.dtype).reshape(self.expected.shape)
        # Allow two error bounds: the sums and the output may each differ from the exact sum by one error bound.
        return not self._off(sums, 2)[self.is_wrong].any()

    def _off(self, other: Array, slack: int) -> Array:
        """Return the mask of elements where the flat output differs from `other` by more than `slack` error bounds."""
        if other.dtype.kind in "iu":
            return np.asarray(self.got != other).reshape(-1)
        one, two = error_bound.widened(self.got).reshape(-1), error_bound.widened(other).reshape(-1)
        with np.errstate(all="ignore"):
            near = np.abs(one - two) <= slack * self._bound
        return np.asarray(~(near | (one == two) | (np.isnan(one) & np.isnan(two))))

    @cached_property
    def _bound(self) -> Array:
        dtype = self.call.dtype_of("output")
        allowed = error_bound.tolerance(self.call, self.expected, dtype, composed=False)
        bound = allowed.bound if allowed.grid is None else np.asarray(allowed.grid * 0.49)
        return np.broadcast_to(np.asarray(bound), self.expected.shape).reshape(-1)

    def parts(self) -> tuple[Part, ...]:
        """Return the wrong products, one part for each kind that occurs."""
        return tuple(self._part(name, self.kinds == at) for at, name in enumerate(KINDS) if (self.kinds == at).any())

    def _part(self, kind: str, which: Array) -> Part:
        kernel = np.zeros(self.call.array("kernel").size, bool)
        kernel[self.seen.taps] = which.any(axis=1)
        return Part(
            kind=kind,
            count=int(which.sum()),
            outputs=self._where("output", np.asarray(which.any(axis=0)), self.expected.shape),
            kernel=self._where("kernel", kernel, self.call.array("kernel").shape),
            first=self._described(*np.argwhere(which.T)[0]),
            by=self._displacement(which) if kind == "elsewhere" else "",
        )

    def _where(self, name: str, marked: Array, shape: tuple[int, ...]) -> str:
        """Return a description of the marked elements of an array; an empty string if all are marked."""
        text = smallest_region(marked.reshape(shape)).text(self.call.letters(name))
        return "" if text == "everywhere" else f"{name} {text}"

    def _described(self, output: int, tap: int) -> str:
        """Return a description of the expected and the actual product at one output element and tap."""
        kernel = index(int(self.seen.taps[tap]), self.call.array("kernel").shape)
        should, does = (self._taken(each, output, tap) for each in (self.right, self.seen))
        return f"output {index(output, self.expected.shape)}: kernel {kernel} should take {should}, and takes {does}"

    def _taken(self, of: TapMap, output: int, tap: int) -> str:
        at, weight = int(of.reads[tap, output]), int(of.weights[tap, output])
        if at < 0:
            return "nothing" if at == NOTHING else "something else"
        return f"{f'{weight} times ' if weight != 1 else ''}input {index(at, self.call.input.shape)}"

    def _displacement(self, which: Array) -> str:
        """Return the offset from the expected to the actual input index; an empty string if the offset varies."""
        shape, letters = self.call.input.shape, self.call.letters("input")
        indices = (np.stack(np.unravel_index(each.reads[which], shape)) for each in (self.seen, self.right))
        offsets = np.subtract(*indices)
        if (offsets != offsets[:, :1]).any():
            return ""
        return ", ".join(f"{letter} {int(by):+d}" for letter, by in zip(letters, offsets[:, 0], strict=True) if by)


def index(flat: int, shape: tuple[int, ...]) -> str:
    """Unravel a flat index into an array of shape `shape`, and return the index as text such as `(0, 2, 1)`."""
    return f"({', '.join(str(int(each)) for each in np.unravel_index(flat, shape))})"


def _narrowed(sums: Array, dtype: np.dtype[Any]) -> Array:
    """Return sums cast to the dtype of the output; integers wrap."""
    return sums.astype(np.int64).astype(dtype) if dtype.kind in "iu" else sums.astype(dtype)
