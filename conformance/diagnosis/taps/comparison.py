"""The products of a call as a target makes them, beside those of the definition."""

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
    """The maps of a call as they were `seen` and as they are `right`, and what the call returned and should have."""

    call: Call
    seen: TapMap
    right: TapMap
    got: Array
    expected: Array
    #: How many calls showed it.
    probes: int

    @cached_property
    def is_wrong(self) -> Array:
        """Where the flat output is not what it should be."""
        return self._off(self.expected, 1)

    @property
    def differs(self) -> Array:
        """Which products (T, M) are not as they should be."""
        return np.asarray(self.kinds >= 0)

    @cached_property
    def kinds(self) -> Array:
        """The number of what is the matter with each product (T, M), -1 where nothing is."""
        seen, right = self.seen, self.right
        differs = (seen.reads != right.reads) | ((seen.weights != right.weights) & (seen.reads >= 0))
        chosen = [seen.reads == UNKNOWN, seen.reads == NOTHING, right.reads == NOTHING, seen.reads != right.reads]
        numbers = [KINDS.index(name) for name in ("other", "lost", "added", "elsewhere")]
        return np.where(differs, np.select(chosen, numbers, KINDS.index("weighed")), -1)

    @property
    def is_bias_wrong(self) -> bool:
        """Whether the output without any product is not what it should be."""
        return not np.array_equal(self.seen.offset, self.right.offset, equal_nan=True)

    @property
    def adds_up(self) -> bool | None:
        """Whether the products sum up to what was returned, wherever that is wrong; None if not all were probed."""
        if len(self.seen.taps) < self.call.array("kernel").size:
            return None
        if (self.seen.reads == UNKNOWN).any(axis=0)[self.is_wrong].any():
            return False
        with np.errstate(all="ignore"):
            sums = _narrowed(self.seen.sums(self.call), self.expected.dtype).reshape(self.expected.shape)
        # Both are as far from what is exact as a right result may be.
        return not self._off(sums, 2)[self.is_wrong].any()

    def _off(self, other: Array, slack: int) -> Array:
        """Return where the flat output is further from another one than `slack` times what a right one may be."""
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
        """Return what is the matter with products, kind by kind."""
        return tuple(self._part(name, self.kinds == at) for at, name in enumerate(KINDS) if (self.kinds == at).any())

    def _part(self, kind: str, which: Array) -> Part:
        kernel = np.zeros(self.call.array("kernel").size, bool)
        kernel[self.seen.taps] = which.any(axis=1)
        return Part(
            kind=kind,
            count=int(which.sum()),
            outputs=self._where("output", np.asarray(which.any(axis=0)), self.expected.shape),
            kernel=self._where("kernel", kernel, self.call.array("kernel").shape),
            first=self._said(*np.argwhere(which.T)[0]),
            by=self._displacement(which) if kind == "elsewhere" else "",
        )

    def _where(self, name: str, marked: Array, shape: tuple[int, ...]) -> str:
        """Return in words which elements of an array are marked, nothing for all of them."""
        text = smallest_region(marked.reshape(shape)).text(self.call.letters(name))
        return "" if text == "everywhere" else f"{name} {text}"

    def _said(self, output: int, tap: int) -> str:
        """Return what one product should be, and what it is."""
        kernel = index(int(self.seen.taps[tap]), self.call.array("kernel").shape)
        should, does = (self._taken(each, output, tap) for each in (self.right, self.seen))
        return f"output {index(output, self.expected.shape)}: kernel {kernel} should take {should}, and takes {does}"

    def _taken(self, of: TapMap, output: int, tap: int) -> str:
        at, weight = int(of.reads[tap, output]), int(of.weights[tap, output])
        if at < 0:
            return "nothing" if at == NOTHING else "something else"
        return f"{f'{weight} times ' if weight != 1 else ''}input {index(at, self.call.input.shape)}"

    def _displacement(self, which: Array) -> str:
        """Return by how many places along its axes the input is taken elsewhere, nothing where that varies."""
        shape, letters = self.call.input.shape, self.call.letters("input")
        places = (np.stack(np.unravel_index(each.reads[which], shape)) for each in (self.seen, self.right))
        by = np.subtract(*places)
        if (by != by[:, :1]).any():
            return ""
        return ", ".join(f"{letter} {int(each):+d}" for letter, each in zip(letters, by[:, 0], strict=True) if each)


def index(place: int, shape: tuple[int, ...]) -> str:
    """Return a place in a flat array as the index that it has in one of a shape."""
    return f"({', '.join(str(int(each)) for each in np.unravel_index(place, shape))})"


def _narrowed(sums: Array, dtype: np.dtype[Any]) -> Array:
    """Return sums in the dtype of the output: integers wrap."""
    return sums.astype(np.int64).astype(dtype) if dtype.kind in "iu" else sums.astype(dtype)
