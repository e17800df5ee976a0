"""Generate the points of a sweep: calls, with their expectations from the reference and the clauses."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

from ...calls import RULES, SENSIBLE
from ...core import MODULUS, Plain, cache
from ..clauses import Alternative, Clause
from ..format import geometry
from ..format.array_specs import Spec
from . import covering_array
from .axes import at
from .covering_array import Row

if TYPE_CHECKING:
    from ...core import Array, Call, Expectation
    from ..builder import Find


#: The number of times that `_extended` adds patches to a twin that may itself be refused.
EXTENSIONS = 3
#: The twin of a refusal: the id of a case, or a patch of call keys as plain data.
Twin: TypeAlias = "str | Mapping[str, Any]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """One point of a sweep: its id, its plain call, and the implementation-defined clauses that apply to it."""

    id: str
    call: Plain
    clauses: tuple[Clause, ...]


class Contradiction(ValueError):
    """A point is undefined, and no rule of `where` excludes it."""


def points(sweep: Plain, clauses: Mapping[str, Clause], left_out: Counter[str] | None = None) -> Iterator[Point]:
    """
    Yield the points of a plain sweep that its rules allow.

    By default, the points are all combinations of the axes' values, with the last axis varying fastest. In a sweep with
    `strength`, they are the rows of a covering array. In a sweep with `draws`, they are that number of random rows.
    `left_out` counts the combinations that each rule excludes.

    Raises:
        Contradiction: if an allowed point is undefined.

    """
    space = Space(sweep, left_out if left_out is not None else Counter())
    cited = tuple(
        clauses[name] for name in sweep.get("clauses", ()) if name in clauses and applies_when_cited(clauses[name])
    )
    for row in _rows(sweep, space):
        if (found := space.find(row)) is not None:
            text, plain, call = found
            applying = open_choices(call, clauses) + cited
            _check_twins(plain, applying, text)
            yield Point(id=f"{sweep['id']}[{text}]", call=plain, clauses=applying)


class Space:
    """Builds each combination of a sweep's axis values at most once, and applies the rules of the sweep."""

    def __init__(self, sweep: Plain, left_out: Counter[str]) -> None:
        self._sweep = sweep
        self._names = [name for name, _, _ in sweep["axes"]]
        self.left_out = left_out
        self._known: dict[Row, tuple[str, Plain, Call] | None] = {}

    def find(self, row: Row) -> tuple[str, Plain, Call] | None:
        """
        Return the text for ids, the plain call and the call of a combination; None if a rule excludes the combination.

        Arrays of the call may be placeholders, see `hollow`.
        """
        if row not in self._known:
            self._known[row] = self._built(row)
        return self._known[row]

    def _built(self, row: Row) -> tuple[str, Plain, Call] | None:
        chosen = [(values[at], texts[at]) for at, (_, values, texts) in zip(row, self._sweep["axes"], strict=True)]
        text = ",".join(f"{name}={text}" for name, (_, text) in zip(self._names, chosen, strict=True))
        plain = at(self._sweep["base"], {name: value for name, (value, _) in zip(self._names, chosen, strict=True)})
        rule, call = _met(plain, self._sweep["where"], text)
        if call is None:
            self.left_out[rule] += 1
        return None if call is None else (text, plain, call)


def _rows(sweep: Plain, space: Space) -> Iterator[Row]:
    sizes = [len(values) for _, values, _ in sweep["axes"]]
    seed = crc32(sweep["id"].encode()) % (MODULUS - 1) + 1
    if "strength" in sweep:
        return iter(_covering(sweep, space, sizes, seed))
    if "draws" in sweep:
        return covering_array.drawn(sizes, sweep["draws"], seed)
    return itertools.product(*map(range, sizes))


def _covering(sweep: Plain, space: Space, sizes: Sequence[int], seed: int) -> Sequence[Row]:
    """Return the rows of a covering array, from the cache if possible; update the counts of excluded combinations."""
    name = cache.key(repr(sweep).encode())
    if (kept := cache.get(name)) is not None:
        rows, left_out = kept
        space.left_out.update(left_out)
        return list(rows)
    before = space.left_out.copy()
    rows = list(covering_array.pairs(sizes, lambda row: space.find(row) is not None, seed))
    cache.put(name, (rows, dict(space.left_out - before)))
    return rows


def applies_when_cited(clause: Clause) -> bool:
    """Return whether a clause leaves a choice for every case or sweep that cites it."""
    return bool(clause.alternatives) and not clause.when


def open_choices(call: Call, clauses: Mapping[str, Clause]) -> tuple[Clause, ...]:
    """Return the clauses that leave a choice for a call; they are not superseded and all their `when` rules hold."""
    chosen = (clause for clause in clauses.values() if clause.when and not clause.superseded_by)
    return tuple(clause for clause in chosen if all(RULES[rule](call) for rule in clause.when))


def _met(plain: Plain, where: tuple[str, ...], text: str) -> tuple[str, Call | None]:
    """Return (rule, None) for the first rule that excludes a combination, or ("", call) if no rule does."""
    complaints = geometry.complaints(geometry.settled(plain))
    if complaints and SENSIBLE in where:
        return SENSIBLE, None
    with suppress(*((ValueError, IndexError) if complaints else ())):
        call = hollow(plain)
        for rule in where:
            if rule != SENSIBLE and not RULES[rule](call):
                return rule, None
        if not complaints:
            return "", call
    raise Contradiction(f"at [{text}]: {complaints[0].key}: {complaints[0].message}")


def _check_twins(plain: Plain, clauses: tuple[Clause, ...], text: str) -> None:
    for clause in clauses:
        for name, alternative in clause.alternatives.items():
            if not isinstance(alternative.twin, Mapping):
                continue
            for complaint in geometry.complaints(geometry.settled({**plain, **alternative.twin})):
                raise Contradiction(
                    f"at [{text}]: the twin of {clause.id}:{name}: {complaint.key}: {complaint.message}"
                )


def hollow(plain: Plain) -> Call:
    """Return a call in which placeholders replace the generated arrays whose values no rule uses."""
    from ..builder import build_call

    return build_call(plain, _hollow)


def _hollow(spec: Spec, letters: str, dtype: str) -> Array:
    """Build an array; if it is generated and no rule uses its values, return a constant array of the same shape."""
    import numpy as np

    from ...core import numpy_type
    from ..array_builder import build

    if "lcg" not in spec and not _is_ordinary(spec, dtype):
        return build(spec, letters, dtype)
    sizes = dict(zip(spec["letters"], spec["shape"], strict=True))
    value = np.array(0.3 * spec.get("scale", 0), numpy_type(dtype))
    return np.broadcast_to(value, [sizes[letter] for letter in letters])


def _is_ordinary(spec: Spec, dtype: str) -> bool:
    """Return whether a `normal` spec yields non-integers whose products neither overflow nor underflow."""
    is_near = spec.get("scale", 0) >= 2.0**-20 and spec.get("spread", 0) <= 16
    return "normal" in spec and is_near and dtype in ("float32", "float64", "bfloat16")


def expectation(point: Point, call: Call, find: Find, clauses: Mapping[str, Clause]) -> Expectation:
    """
    Return the expectation of a point: the exact result, or the alternatives of its clauses.

    If one clause applies, its alternatives keep their names. If several clauses apply, each combination of their
    alternatives is an alternative, and its name lists `CLAUSE:alternative` for each clause.
    """
    return expectation_under(
        point.clauses, call, lambda twin: _twin(point, twin, find), lambda twin: _extended(point, twin, clauses)
    )


def expectation_under(
    clauses: tuple[Clause, ...],
    call: Call,
    twin_of: Callable[[Twin], Call],
    extend: Callable[[Twin], Twin] = lambda twin: twin,
) -> Expectation:
    """
    Return the expectation of a call under clauses that leave a choice.

    `twin_of` returns the call of a refusal's twin.
    `extend` adds patches to a twin that may itself be refused, so that the twin must be accepted.
    """
    from ...core import AnyOf, Output
    from ...reference import evaluate

    if not clauses:
        return Output(array=evaluate(call), **_differentiated(call, frozenset()))
    found: dict[str, Expectation] = {}
    same: dict[bytes, Array] = {}
    for name, switches, precision in _computed(clauses):
        # Alternatives with equal outputs share one array, so that a batch of large calls fits into memory.
        array = evaluate(call, switches)
        if call.cotangent is not None and array.shape != call.cotangent.shape:
            continue  # the cotangent does not fit an output of another shape
        array = same.setdefault(str(array.shape).encode() + array.tobytes(), array)
        differentiated = _differentiated(call, switches)
        found[name] = Output(array=array, switches=switches, precision=precision, **differentiated)
    found |= refusals_under(clauses, twin_of, extend)
    return AnyOf(alternatives=found, clauses=tuple(clause.id for clause in clauses))


def _differentiated(call: Call, switches: frozenset[str]) -> dict[str, Any]:
    """Return the fields `gradients` and `second_order` of an output, as far as the call requests them."""
    from ...reference import gradients, second_order

    if call.cotangent is None:
        return {}
    once = gradients(call, call.cotangent, switches)
    found = {"gradients": {name: once[name] for name in call.gradients}}
    if call.second_order:
        twice = second_order(call, call.cotangent, call.along, switches)
        found["second_order"] = {name: twice[name] for name in call.second_order}
    return found


def refusals_under(
    clauses: tuple[Clause, ...], twin_of: Callable[[Twin], Call], extend: Callable[[Twin], Twin] = lambda twin: twin
) -> dict[str, Expectation]:
    """Return the refusals that the clauses allow for a call, by name."""
    from ...core import Refusal

    twins = ((name, extend(twin)) for name, twin in _refused(clauses))
    return {name: Refusal(twin=twin_of(twin), name=_written(twin)) for name, twin in twins}


def _named(clauses: tuple[Clause, ...], followed: list[tuple[Clause, str]]) -> str:
    if len(clauses) == 1:
        return followed[0][1]
    return ", ".join(f"{clause.id}:{name}" for clause, name in followed)


def _computed(clauses: tuple[Clause, ...]) -> Iterator[tuple[str, frozenset[str], str | None]]:
    """Yield name, switches and precision class of each combination that has one computing alternative per clause."""
    computing = [
        [(clause, name, each) for name, each in clause.alternatives.items() if not each.is_refusal]
        for clause in clauses
    ]
    for combination in itertools.product(*computing):
        name = _named(clauses, [(clause, name) for clause, name, _ in combination])
        precisions = [each.precision for _, _, each in combination if each.precision is not None]
        switches = frozenset(each.switch for _, _, each in combination if each.switch)
        yield name, switches, precisions[-1] if precisions else None


def _refused(clauses: tuple[Clause, ...]) -> Iterator[tuple[str, Twin]]:
    """
    Yield the name and the twin of each way to refuse a call.

    If several clauses allow a refusal, a target may refuse the call because of two or more of them together. The twin
    then combines the patches of these clauses.
    """
    refusing = [(clause, name, each) for clause in clauses for name, each in _refusals(clause)]
    for clause, name, each in refusing:
        yield _named(clauses, [(clause, name)]), each.twin
    patches = [(clause, name, each.twin) for clause, name, each in refusing if isinstance(each.twin, Mapping)]
    for count in range(2, len(patches) + 1):
        for several in itertools.combinations(patches, count):
            together = {key: value for _, _, twin in reversed(several) for key, value in twin.items()}
            yield _named(clauses, [(clause, name) for clause, name, _ in several]), together


def _refusals(clause: Clause) -> Iterator[tuple[str, Alternative]]:
    return ((name, each) for name, each in clause.alternatives.items() if each.is_refusal)


def _twin(point: Point, twin: Twin, find: Find) -> Call:
    from ..builder import build_call

    found = find(twin) if isinstance(twin, str) else build_call({**point.call, **twin})
    assert found is not None
    return found


def _extended(point: Point, twin: Twin, clauses: Mapping[str, Clause]) -> Twin:
    """
    Return `twin` with further patches, so that no clause allows its refusal except the clauses of the point.

    A patch can create a call to which another clause applies. For example, if a patch replaces the padding [5, -1] by
    `valid`, the input may be shorter than the window. The patch of that clause's twin is then added.
    """
    if isinstance(twin, str):
        return twin
    patch = dict(twin)
    for _ in range(EXTENSIONS):
        more = {key: value for each in _open_to(point, patch, clauses) for key, value in each.items()}
        if not more or geometry.complaints(geometry.settled({**point.call, **patch, **more})):
            break
        patch |= more
    return patch


def _open_to(point: Point, patch: Mapping[str, Any], clauses: Mapping[str, Clause]) -> Iterator[Mapping[str, Any]]:
    """Yield the twin patches of the clauses that allow a refusal of the patched call but do not apply to the point."""
    for clause in open_choices(hollow({**point.call, **patch}), clauses):
        if clause not in point.clauses:
            for _, each in _refusals(clause):
                if isinstance(each.twin, Mapping):
                    yield each.twin


def _written(twin: Twin) -> str:
    if isinstance(twin, str):
        return twin
    return f"{{{', '.join(f'{key}: {_flow(value)}' for key, value in twin.items())}}}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(each)}' for key, each in value.items())}}}"
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, tuple) else str(value)
