"""Which causes of the glossary give exactly what a target returned."""

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
from .canonical_call import Subject, subject
from .causes import CAUSES, Candidate, Returned
from .interpretation import Interpretation
from .narrowed_causes import narrowed

#: A call of more products, or whose taps read more elements, is not looked at: each cause would be that much work, and
#: would hold that much.
MOST, MOST_READ = 100_000_000, 8_000_000
#: A candidate that takes more products is tried at one element first.
PROBED = 20_000
#: Before a part of an output is explained, what is wrong must hold so many bits that it is not given by chance: by so
#: many different numbers at least, none of them zero, or by where each number stands; else by the pattern of what is
#: wrong in the smallest region around it, or for so many elements are zero.
FEWEST, BITS = 3, 24
#: So many times nearer than to what is right a wrong element must be to what a cause gives.
NEARER = 2
#: Of the numbers that count as near to what a cause gives and are not the same, this share must differ from it by so
#: small a part of their size, with their bias and without it.
SPEAKING, LIKE = 0.5, 8
#: More causes that all give what was returned say nothing: it is a NaN or two.
LONGEST = 20
#: What the arrays of a call may stumble over where a cause does not fit them.
STUMBLES = (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, OverflowError)


def diagnose(call: Call, got: Array, dtype: str) -> Diagnosis | None:
    """
    Return what explains an output (in the layout of the call, of `dtype`) that is not the one by the definition.

    What cannot be explained is `unexplained`; of a call that is too large nothing is said.
    """
    with np.errstate(all="ignore"):
        try:
            it = subject(call)
            if not _is_small(it):
                return None
            return _Search(call=call, got=got, dtype=dtype, it=it).diagnosis()
        except STUMBLES:
            return Diagnosis()


def is_visible(call: Call, cause: str) -> bool:
    """Say whether a cause gives another output of a call than the definition, in whichever of its ways it acts."""
    with np.errstate(all="ignore"):
        try:
            it, dtype = subject(call), call.dtype_of("output")
            search = _Search(call=call, got=np.zeros(0), dtype=dtype, it=it)
            ways = [*CAUSES[cause](it)] if _is_small(it) else []
            return bool(ways) and all(map(search.is_wrong, ways))
        except STUMBLES:
            return False


def effects(call: Call, cause: str) -> list[Effect]:
    """Return what a cause makes of an output of the right shape and dtype, in each of its ways."""
    with np.errstate(all="ignore"):
        try:
            it, dtype = subject(call), call.dtype_of("output")
            search = _Search(call=call, got=np.zeros(0), dtype=dtype, it=it)
            return [*search.effects(cause)] if _is_small(it) else []
        except STUMBLES:
            return []


def _is_small(it: Subject) -> bool:
    return it.right.products <= MOST and it.right.read <= MOST_READ


class Effect(NamedTuple):
    """What a cause gives and what is right, and where it is wrong: N, O, then space. `order` gives the output's layout."""

    made: Array
    right: Array
    wrong: Array
    order: tuple[int, ...]

    def within(self, marked: Array) -> tuple[Array, Array, Array]:
        """
        Return the output of a target on which it acts in marked places alone, what is right, and where it is wrong.

        All in the layout of the output.
        """
        wrong = self.wrong & marked
        got, right, wrong = (
            array.transpose(self.order) for array in (np.where(wrong, self.made, self.right), self.right, wrong)
        )
        return got, right, wrong


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """The output that somebody returned, and the call laid out."""

    call: Call
    got: Array
    dtype: str
    it: Subject

    @cached_property
    def right(self) -> Array:
        """What the definition gives: N, O, then space, in the dtype of the output."""
        return self._rounded(self.it.result)

    @cached_property
    def seen(self) -> Array | None:
        """What was returned in canonical order, None where it has another number of axes."""
        letters, have = self.call.letters("output"), "NC" + self.call.spatial
        if self.got.ndim != len(letters):
            return None
        return self.got.transpose([letters.index(each) for each in have])

    @cached_property
    def probe(self) -> tuple[int, ...] | None:
        """An element that is wrong: the one that is furthest off."""
        if self.seen is None or self.seen.shape != self.right.shape or not self.seen.size:
            return None
        wrong = ~_same(self.seen, self.right)
        off = np.where(wrong, np.nan_to_num(np.abs(_wide(self.seen) - _wide(self.right)), nan=np.inf), -1)
        return tuple(int(at) for at in np.unravel_index(int(off.argmax()), off.shape))

    def diagnosis(self) -> Diagnosis:
        """Return the causes that give all that was returned, else those that give a part of it."""
        found, wider = narrowed([name for name in CAUSES if self._explains(name)])
        if len(found) > LONGEST:
            return Diagnosis()
        if found:
            return Diagnosis(causes=found, wider=wider, confidence="exact" if len(found) == 1 else "ambiguous")
        return self._partial()

    def _explains(self, name: str) -> bool:
        try:
            return any(map(self._is_returned, self._candidates(name)))
        except STUMBLES:
            return False

    def _candidates(self, name: str) -> Iterator[Candidate]:
        for candidate in CAUSES[name](self.it):
            if self._can_be(candidate):
                yield candidate

    def _can_be(self, candidate: Candidate) -> bool:
        """Say whether the shape is that of what was returned, and the element that is furthest off as it should be."""
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
        """Say whether a candidate is another output than the definition gives."""
        if isinstance(candidate, Returned):
            letters, have = self.call.letters("output"), "NC" + self.call.spatial
            right = self.right.transpose([have.index(each) for each in letters])
            return candidate.array.dtype != right.dtype or not _equal(candidate.array, right)
        return not self._is_right(self._made(candidate))

    def effects(self, name: str) -> Iterator[Effect]:
        """Yield what a cause makes of an output of the right shape and dtype, in each of its ways."""
        letters, have = self.call.letters("output"), "NC" + self.call.spatial
        order = tuple(have.index(each) for each in letters)
        for candidate in CAUSES[name](self.it):
            if not isinstance(candidate, Returned) and candidate.shape == self.right.shape:
                made = self._made(candidate)
                yield Effect(made, self.right, self._off(made), order)

    def _is_array(self, candidate: Returned) -> bool:
        return candidate.array.dtype == numpy_type(self.dtype) and _equal(candidate.array, self.got)

    def _agree(self, seen: Array, made: Array, index: Any = ...) -> bool:
        """Say whether elements agree with those of a candidate, all of them or those at some index."""
        same = _same(seen, made)
        if same.all() or made.dtype.kind not in "fcV":
            return bool(same.all())
        is_near = np.abs(_wide(seen) - _wide(made)) <= self._slack(seen, made, index)
        if not (same | is_near).all():
            return False
        biases = (np.zeros(()), self._bias(index))
        return seen.ndim == 0 or all(_speaks((_wide(seen) - b)[~same], (_wide(made) - b)[~same]) for b in biases)

    def _bias(self, index: Any) -> Array:
        """Return the bias of the elements at some index of what was returned."""
        assert self.seen is not None
        bias = self.it.bias
        if bias is None or self.seen.shape[1:2] != bias.shape:
            return np.zeros(())
        spread = _wide(bias).reshape(1, -1, *(1,) * (self.seen.ndim - 2))
        return np.asarray(np.broadcast_to(spread, self.seen.shape)[index])

    def _slack(self, seen: Array, made: Array, index: Any) -> Array:
        """
        Return how near elements must come to those of a candidate: as two right results would to each other.

        What is wrong must come much nearer to the candidate than it is to what is right.
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
        # What is infinite is no measure.
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
        """Say whether sums as large as these are exact, where those of the definition are."""
        largest = float(np.max(sizes, initial=0, where=np.isfinite(sizes)))
        return self._grid is not None and largest * self._unit <= 2 * self._grid

    @property
    def _unit(self) -> float:
        dtype = self.call.dtype_of("output")
        return 2 * FORMATS[dtype].unit if dtype in FORMATS else 0.0

    @cached_property
    def bound(self) -> Array:
        """By how much each element of a right output may be off, less than half a step of its grid if it has one."""
        if self._grid is not None:
            return np.full(self.right.shape, self._grid * 0.49)
        letters, have = self.call.letters("output"), "NC" + self.call.spatial
        shape = [self.right.shape[have.index(each)] for each in letters]
        bound = np.broadcast_to(np.asarray(self._tolerance.bound, np.float64), shape)
        return np.nan_to_num(bound.transpose([letters.index(each) for each in have]), posinf=0)

    @cached_property
    def _coarse(self) -> float:
        """By how much sums of as many products of the largest elements may be off, whatever they read."""
        sizes = (np.abs(array[np.isfinite(array)]).max(initial=0) for array in (self.it.input, self.it.kernel))
        return float(4 * self._unit * self.it.kernel[:1].size * math.prod(sizes))

    def _off(self, made: Array) -> Array:
        """Return where an output of the right shape is wrong."""
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
        """Return the causes that give what stands in a portion of the output, where the rest is right."""
        if self.seen is None or self.seen.shape != self.right.shape or self.dtype != self.call.dtype_of("output"):
            return Diagnosis()
        wrong = self._off(self.seen)
        if not wrong.any() or not self._says_enough(wrong):
            return Diagnosis()
        portions = dict(self._portions(wrong))
        held = {name: self._held(name, wrong, portions) for name in CAUSES}
        where = next((text for text in portions if any(text in each for each in held.values())), "")
        found, wider = narrowed([name for name, each in held.items() if where in each])
        return Diagnosis(causes=found, wider=wider, confidence="partial", region=where) if found else Diagnosis()

    def _says_enough(self, wrong: Array) -> bool:
        """Say whether what is wrong is not given by chance: by its numbers, by its pattern, or for so much is zero."""
        assert self.seen is not None
        numbers = self.seen[wrong]
        is_zero = numbers.size >= BITS and not _wide(numbers).any()
        return is_zero or self._bits(numbers) >= BITS or _entropy(wrong[smallest_region(wrong).mask]) >= BITS

    def _portions(self, wrong: Array) -> Iterator[tuple[str, Array]]:
        """Yield portions that hold all that is wrong, in words and as marks: the smallest box first."""
        box = smallest_region(wrong).hull
        if box.reaches_an_end:
            yield f"in {box.text(('sample', 'filter', *self.call.spatial))}", box.mask
        for text, portion in PORTIONS.items():
            marked = portion(wrong.shape)
            if marked[wrong].all():
                yield text, marked

    def _held(self, name: str, wrong: Array, portions: Mapping[str, Array]) -> frozenset[str]:
        """Return the portions of which a cause gives everything that was returned."""

        def holds(made: Array, marked: Array) -> bool:
            assert self.seen is not None
            return self._agree(self.seen[marked], np.broadcast_to(made, wrong.shape)[marked], marked)

        try:
            candidates = (each for each in self._candidates(name) if not isinstance(each, Returned))
            given = [made for made in map(self._made, candidates) if holds(made, wrong)]
            return frozenset(text for text, marked in portions.items() if any(holds(made, marked) for made in given))
        except STUMBLES:
            return frozenset()

    def _bits(self, numbers: Array) -> float:
        """Return how many bits wrong numbers hold: which they are, of those of the output, or where each of them is."""
        values = _wide(numbers)
        different = np.count_nonzero(np.unique(values))
        possible = max(np.unique(_wide(self.right)).size, 2)
        which = different * math.log2(possible) if different >= FEWEST else 0.0
        return max(which, _entropy(values))


def _speaks(seen: Array, made: Array) -> bool:
    """Say whether sums that count as near say that they are the same: of sums that are small, zeros count as near."""
    return bool(np.mean(np.abs(seen - made) * LIKE <= np.maximum(np.abs(seen), np.abs(made))) >= SPEAKING)


def _entropy(values: Array) -> float:
    """Return how many bits it takes to say which value stands where, if it is known how many there are of each."""
    shares = np.unique(values, return_counts=True)[1] / values.size
    return float(-values.size * np.sum(shares * np.log2(shares)))


def _is_large(candidate: Interpretation) -> bool:
    if len(candidate.stages) > 1 or candidate.products <= PROBED:
        return False
    (stage,) = candidate.stages
    return not stage.leaves_out


def _equal(one: Array, other: Array) -> bool:
    """Say whether two arrays have one shape and hold the same."""
    return one.shape == other.shape and bool(_same(one, other).all())


def _same(one: Array, other: Array) -> Array:
    """Return where two arrays of one shape hold the same: NaN is NaN, and 0.0 is -0.0."""
    if one.dtype.kind in "fcV":
        one, other = _wide(one), _wide(other)
        return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)))
    return np.asarray(one == other)


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
