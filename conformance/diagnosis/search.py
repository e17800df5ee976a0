"""The search for causes of the glossary that compute exactly the output that a target returned."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..calls import PORTIONS, smallest_region
from ..core import FORMATS, Array, Call, Diagnosis, numpy_type
from ..judging import error_bound
from .canonical_call import Subject, subject_of
from .causes import CAUSES, Candidate, Returned
from .interpretation import Interpretation
from .narrowed_causes import narrowed

#: A call with more than MOST products, or whose taps read more than MOST_READ elements, is not diagnosed, because every
#: cause would take that much time and memory.
MOST, MOST_READ = 100_000_000, 8_000_000
#: A candidate with more products than this is checked at one element before its whole output is computed.
PROBED = 20_000
#: A cause may explain only a portion of an output if a match by chance is unlikely. The wrong elements must therefore
#: carry at least BITS bits of information. This information may be in their different values (if at least FEWEST of
#: these values are nonzero), in the order of the values, or in the pattern of wrong elements within the smallest region
#: around them. If all wrong elements are zero, BITS wrong elements also suffice.
FEWEST, BITS = 3, 24
#: At a wrong element, |actual - candidate| must be at most |actual - expected| / NEARER.
NEARER = 2
#: Elements may be within tolerance of a candidate without being equal to it. Of such elements, at least the share
#: CLOSE_SHARE must differ from the candidate by at most 1 / CLOSENESS of their size. This must be true with the bias
#: and without the bias.
CLOSE_SHARE, CLOSENESS = 0.5, 8
#: If more causes than this match an output, the output is no evidence for any of them. An all-NaN output is an example.
LONGEST = 20
#: Exceptions that NumPy may raise if a cause does not apply to the arrays of a call.
INAPPLICABLE = (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, OverflowError)


def diagnose(call: Call, got: Array, dtype: str) -> Diagnosis | None:
    """
    Return the causes of a wrong output `got`, which has the layout of the call and the dtype `dtype`.

    A diagnosis without causes means that no cause explains the output. None means that the call is too large to
    diagnose.
    """
    with np.errstate(all="ignore"):
        try:
            subject = subject_of(call)
            if not _is_small(subject):
                return None
            return _Search(call=call, got=got, dtype=dtype, subject=subject).diagnosis()
        except INAPPLICABLE:
            return Diagnosis()


def is_visible(call: Call, cause: str) -> bool:
    """Return whether every variant of a cause computes an output that differs from the definition's output."""
    with np.errstate(all="ignore"):
        try:
            subject, dtype = subject_of(call), call.dtype_of("output")
            search = _Search(call=call, got=np.zeros(0), dtype=dtype, subject=subject)
            variants = [*CAUSES[cause](subject)] if _is_small(subject) else []
            return bool(variants) and all(map(search.is_wrong, variants))
        except INAPPLICABLE:
            return False


def effects(call: Call, cause: str) -> list[Effect]:
    """Return the effects of a cause on a call: one for each variant that yields the expected shape and dtype."""
    with np.errstate(all="ignore"):
        try:
            subject, dtype = subject_of(call), call.dtype_of("output")
            search = _Search(call=call, got=np.zeros(0), dtype=dtype, subject=subject)
            return [*search.effects(cause)] if _is_small(subject) else []
        except INAPPLICABLE:
            return []


def _is_small(subject: Subject) -> bool:
    return subject.right.products <= MOST and subject.right.read <= MOST_READ


class Effect(NamedTuple):
    """
    The output `made` by a cause, the expected output `right`, and the mask `wrong` of wrong elements.

    These three arrays have the shape (N, O, space). For each of them, `array.transpose(order)` has the call's output
    layout.
    """

    made: Array
    right: Array
    wrong: Array
    order: tuple[int, ...]

    def within(self, marked: Array) -> tuple[Array, Array, Array]:
        """
        Return (output, expected output, mask of wrong elements) for a cause that applies only where `marked` is set.

        All three arrays are in the call's output layout.
        """
        wrong = self.wrong & marked
        got, right, wrong = (
            array.transpose(self.order) for array in (np.where(wrong, self.made, self.right), self.right, wrong)
        )
        return got, right, wrong


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """The search for the causes of one output. `got` is the output as returned, and `subject` the canonical call."""

    call: Call
    got: Array
    dtype: str
    subject: Subject

    @cached_property
    def right(self) -> Array:
        """The expected output (N, O, space), in the dtype of the output."""
        return self._rounded(self.subject.result)

    @cached_property
    def seen(self) -> Array | None:
        """The actual output in canonical order (N, O, space); None if its number of axes is wrong."""
        letters, have = self.call.letters("output"), "NC" + self.call.spatial
        if self.got.ndim != len(letters):
            return None
        return self.got.transpose([letters.index(each) for each in have])

    @cached_property
    def probe(self) -> tuple[int, ...] | None:
        """The index of the wrong element with the largest error; None if the shape is wrong or the output is empty."""
        if self.seen is None or self.seen.shape != self.right.shape or not self.seen.size:
            return None
        wrong = ~_same(self.seen, self.right)
        off = np.where(wrong, np.nan_to_num(np.abs(_wide(self.seen) - _wide(self.right)), nan=np.inf), -1)
        return tuple(int(at) for at in np.unravel_index(int(off.argmax()), off.shape))

    def diagnosis(self) -> Diagnosis:
        """Return the causes that explain the whole output or, if there are none, causes that explain a portion."""
        found, wider = narrowed([name for name in CAUSES if self._explains(name)])
        if len(found) > LONGEST:
            return Diagnosis()
        if found:
            return Diagnosis(causes=found, wider=wider, confidence="exact" if len(found) == 1 else "ambiguous")
        return self._partial()

    def _explains(self, name: str) -> bool:
        try:
            return any(map(self._is_returned, self._candidates(name)))
        except INAPPLICABLE:
            return False

    def _candidates(self, name: str) -> Iterator[Candidate]:
        for candidate in CAUSES[name](self.subject):
            if self._is_plausible(candidate):
                yield candidate

    def _is_plausible(self, candidate: Candidate) -> bool:
        """Return whether a candidate has the actual output's shape. A large candidate must also agree at `probe`."""
        if isinstance(candidate, Returned):
            return bool(candidate.array.shape == self.got.shape)
        if self.seen is None or candidate.shape != self.seen.shape:
            return False
        if isinstance(candidate, Interpretation) and self.probe is not None and _is_large(candidate):
            value = self._rounded(np.asarray(candidate.at(self.probe)))
            return self._agree(np.asarray(self.seen[self.probe]), value, self.probe)
        return True

    def _is_returned(self, candidate: Candidate) -> bool:
        if isinstance(candidate, Returned):
            return self._is_array(candidate)
        if self.dtype != self.call.dtype_of("output"):
            return False
        assert self.seen is not None
        made = self._made(candidate)
        return made.shape == self.seen.shape and self._agree(self.seen, made) and not self._is_right(made)

    def is_wrong(self, candidate: Candidate) -> bool:
        """Return whether the output of a candidate differs from the definition's output."""
        if isinstance(candidate, Returned):
            letters, have = self.call.letters("output"), "NC" + self.call.spatial
            right = self.right.transpose([have.index(each) for each in letters])
            return candidate.array.dtype != right.dtype or not _equal(candidate.array, right)
        return not self._is_right(self._made(candidate))

    def effects(self, name: str) -> Iterator[Effect]:
        """Yield the effects of a cause: one for each variant that yields the expected shape and dtype."""
        letters, have = self.call.letters("output"), "NC" + self.call.spatial
        order = tuple(have.index(each) for each in letters)
        for candidate in CAUSES[name](self.subject):
            if not isinstance(candidate, Returned) and candidate.shape == self.right.shape:
                made = self._made(candidate)
                yield Effect(made, self.right, self._off(made), order)

    def _is_array(self, candidate: Returned) -> bool:
        return candidate.array.dtype == numpy_type(self.dtype) and _equal(candidate.array, self.got)

    def _agree(self, seen: Array, made: Array, index: Any = ...) -> bool:
        """Return whether the actual elements `seen` at `index` agree with the elements `made` by a candidate."""
        same = _same(seen, made)
        if same.all() or made.dtype.kind not in "fcV":
            return bool(same.all())
        is_near = np.abs(_wide(seen) - _wide(made)) <= self._slack(seen, made, index)
        if not (same | is_near).all():
            return False
        biases = (np.zeros(()), self._bias(index))
        return seen.ndim == 0 or all(_agree_closely((_wide(seen) - b)[~same], (_wide(made) - b)[~same]) for b in biases)

    def _bias(self, index: Any) -> Array:
        """
        Return the bias of each actual element at `index`.

        The result is zero if there is no bias, or if the actual output has the wrong number of filters.
        """
        assert self.seen is not None
        bias = self.subject.bias
        if bias is None or self.seen.shape[1:2] != bias.shape:
            return np.zeros(())
        spread = _wide(bias).reshape(1, -1, *(1,) * (self.seen.ndim - 2))
        return np.asarray(np.broadcast_to(spread, self.seen.shape)[index])

    def _slack(self, seen: Array, made: Array, index: Any) -> Array:
        """
        Return the largest difference that is allowed between each actual element and a candidate.

        The limit is the largest difference that two correct results can have. A wrong element must also be NEARER times
        closer to the candidate than to the expected output.
        """
        size = np.nan_to_num(np.abs(_wide(made)), nan=0, posinf=0)
        is_shaped = self.seen is not None and self.seen.shape == self.right.shape
        bound = np.asarray(self.bound[index] if is_shaped else self.bound.max(initial=0))
        if self._is_exact(size):
            return bound
        slack = np.maximum(bound, self._coarse) + self._unit * size
        if not is_shaped:
            return np.asarray(slack)
        off = np.abs(_wide(seen) - _wide(self.right[index]))
        # If `off` is infinite, off / NEARER is no limit. Allow a rounding error of the candidate instead.
        nearest = np.where(np.isfinite(off), off / NEARER, self._unit * size)
        return np.asarray(np.where(off > bound, np.minimum(slack, nearest), slack))

    @cached_property
    def _tolerance(self) -> error_bound.Tolerance:
        letters, have = self.call.letters("output"), "NC" + self.call.spatial
        expected = self.right.transpose([have.index(each) for each in letters])
        return error_bound.tolerance(self.call, expected, self.call.dtype_of("output"), composed=False)

    @property
    def _grid(self) -> float | None:
        return self._tolerance.grid

    def _is_exact(self, sizes: Array) -> bool:
        """Return whether the output dtype holds the expected results and also sums of these sizes exactly."""
        largest = float(np.max(sizes, initial=0, where=np.isfinite(sizes)))
        return self._grid is not None and largest * self._unit <= 2 * self._grid

    @property
    def _unit(self) -> float:
        dtype = self.call.dtype_of("output")
        return 2 * FORMATS[dtype].unit if dtype in FORMATS else 0.0

    @cached_property
    def bound(self) -> Array:
        """
        The error bound of each element.

        If all exact results are multiples of a grid step, the bound is just below half of this step.
        """
        if self._grid is not None:
            return np.full(self.right.shape, self._grid * 0.49)
        letters, have = self.call.letters("output"), "NC" + self.call.spatial
        shape = [self.right.shape[have.index(each)] for each in letters]
        bound = np.broadcast_to(np.asarray(self._tolerance.bound, np.float64), shape)
        return np.nan_to_num(bound.transpose([letters.index(each) for each in have]), posinf=0)

    @cached_property
    def _coarse(self) -> float:
        """An error bound for any sum of a filter's products, computed from the largest finite input and weight."""
        sizes = (
            np.abs(array[np.isfinite(array)]).max(initial=0) for array in (self.subject.input, self.subject.kernel)
        )
        return float(4 * self._unit * self.subject.kernel[:1].size * math.prod(sizes))

    def _off(self, made: Array) -> Array:
        """Return the mask of wrong elements of an output that has the expected shape."""
        same = _same(made, self.right)
        if same.all() or made.dtype.kind not in "fcV":
            return ~same
        return np.asarray(~(same | (np.abs(_wide(made) - _wide(self.right)) <= self.bound)))

    def _is_right(self, made: Array) -> bool:
        return made.shape == self.right.shape and not self._off(made).any()

    def _made(self, candidate: Interpretation | Array) -> Array:
        return self._rounded(candidate.result() if isinstance(candidate, Interpretation) else candidate)

    def _rounded(self, y: Array) -> Array:
        return y.astype(numpy_type(self.call.dtype_of("output")))

    def _partial(self) -> Diagnosis:
        """Return the causes that explain a portion of the output. This portion must contain all wrong elements."""
        if self.seen is None or self.seen.shape != self.right.shape or self.dtype != self.call.dtype_of("output"):
            return Diagnosis()
        wrong = self._off(self.seen)
        if not wrong.any() or not self._is_informative(wrong):
            return Diagnosis()
        portions = dict(self._portions(wrong))
        held = {name: self._explained(name, wrong, portions) for name in CAUSES}
        where = next((text for text in portions if any(text in each for each in held.values())), "")
        found, wider = narrowed([name for name, each in held.items() if where in each])
        return Diagnosis(causes=found, wider=wider, confidence="partial", region=where) if found else Diagnosis()

    def _is_informative(self, wrong: Array) -> bool:
        """Return whether the wrong elements carry enough information to rule out a match by chance; see BITS."""
        assert self.seen is not None
        numbers = self.seen[wrong]
        is_zero = numbers.size >= BITS and not _wide(numbers).any()
        return is_zero or self._bits(numbers) >= BITS or _entropy(wrong[smallest_region(wrong).mask]) >= BITS

    def _portions(self, wrong: Array) -> Iterator[tuple[str, Array]]:
        """Yield (description, mask) for each portion that contains all wrong elements. The smallest box comes first."""
        box = smallest_region(wrong).hull
        if box.reaches_an_end:
            yield f"in {box.text(('sample', 'filter', *self.call.spatial))}", box.mask
        for text, portion in PORTIONS.items():
            marked = portion(wrong.shape)
            if marked[wrong].all():
                yield text, marked

    def _explained(self, name: str, wrong: Array, portions: Mapping[str, Array]) -> frozenset[str]:
        """Return the names of the portions in which some variant of a cause agrees with every actual element."""

        def holds(made: Array, marked: Array) -> bool:
            assert self.seen is not None
            return self._agree(self.seen[marked], np.broadcast_to(made, wrong.shape)[marked], marked)

        try:
            candidates = (each for each in self._candidates(name) if not isinstance(each, Returned))
            given = [made for made in map(self._made, candidates) if holds(made, wrong)]
            return frozenset(text for text, marked in portions.items() if any(holds(made, marked) for made in given))
        except INAPPLICABLE:
            return frozenset()

    def _bits(self, numbers: Array) -> float:
        """
        Return the number of bits of information in wrong values.

        The result is the larger of the bits in the set of different values and the bits in the order of the values.
        """
        values = _wide(numbers)
        different = np.count_nonzero(np.unique(values))
        possible = max(np.unique(_wide(self.right)).size, 2)
        which = different * math.log2(possible) if different >= FEWEST else 0.0
        return max(which, _entropy(values))


def _agree_closely(seen: Array, made: Array) -> bool:
    """
    Return whether enough sums agree closely relative to their size; see CLOSE_SHARE and CLOSENESS.

    An absolute tolerance alone would accept zeros in place of small sums.
    """
    return bool(np.mean(np.abs(seen - made) * CLOSENESS <= np.maximum(np.abs(seen), np.abs(made))) >= CLOSE_SHARE)


def _entropy(values: Array) -> float:
    """Return the bits that encode the order of values: their number times the Shannon entropy of their frequencies."""
    shares = np.unique(values, return_counts=True)[1] / values.size
    return float(-values.size * np.sum(shares * np.log2(shares)))


def _is_large(candidate: Interpretation) -> bool:
    if len(candidate.stages) > 1 or candidate.products <= PROBED:
        return False
    (stage,) = candidate.stages
    return not stage.leaves_out


def _equal(one: Array, other: Array) -> bool:
    """Return whether two arrays have the same shape and equal elements (see `_same`)."""
    return one.shape == other.shape and bool(_same(one, other).all())


def _same(one: Array, other: Array) -> Array:
    """Return the mask of equal elements of two arrays of one shape; NaN equals NaN, and 0.0 equals -0.0."""
    if one.dtype.kind in "fcV":
        one, other = _wide(one), _wide(other)
        return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)))
    return np.asarray(one == other)


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
