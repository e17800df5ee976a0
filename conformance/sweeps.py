"""
The points of sweeps: calls by value, with what the reference and the clauses expect of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from . import geometry
from .clauses import Alternative, Clause
from .reading_calls import Plain
from .rules import RULES
from .specs import Spec

if TYPE_CHECKING:
    from .building import Find
    from .call import Array, Call
    from .expectation import Expectation


#: The twin of a refusal: the id of a case, or a patch of call keys as plain data.
Twin: TypeAlias = "str | Mapping[str, Any]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """
    One point of a sweep: its id, its plain call, and the implementation-defined clauses that apply to it.
    """

    id: str
    call: Plain
    clauses: tuple[Clause, ...]


class Contradiction(ValueError):
    """
    A point that no rule of `where` leaves out has no meaning.
    """


def points(sweep: Plain, clauses: Mapping[str, Clause]) -> Iterator[Point]:
    """
    Yield the points of a plain sweep that its rules want, the last axis fastest.

    Raises:
        Contradiction: if a wanted point contradicts itself.

    """
    for values in itertools.product(*(zip(values, texts, strict=True) for _, values, texts in sweep["axes"])):
        names = [name for name, _, _ in sweep["axes"]]
        text = ",".join(f"{name}={text}" for name, (_, text) in zip(names, values, strict=True))
        plain = at(sweep["base"], {name: value for name, (value, _) in zip(names, values, strict=True)})
        if (call := _wanted(plain, sweep["where"], text)) is not None:
            applying = choices(call, clauses)
            _check_twins(plain, applying, text)
            yield Point(id=f"{sweep['id']}[{text}]", call=plain, clauses=applying)


def choices(call: Call, clauses: Mapping[str, Clause]) -> tuple[Clause, ...]:
    """
    Return the clauses that leave a choice for a call: those of which every rule of `when` holds.
    """
    chosen = (clause for clause in clauses.values() if clause.when)
    return tuple(clause for clause in chosen if all(RULES[rule](call) for rule in clause.when))


def _wanted(plain: Plain, where: tuple[str, ...], text: str) -> Call | None:
    from .building import build_call

    complaints = geometry.complaints(geometry.settled(plain))
    with suppress(*((ValueError, IndexError) if complaints else ())):
        call = build_call(plain, _hollow)
        if not all(RULES[rule](call) for rule in where):
            return None
        if not complaints:
            return call
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


def _hollow(spec: Spec, letters: str, dtype: str) -> Array:
    """Stand in for generated integers, whose values no rule of shapes asks for, without drawing them."""
    import numpy as np

    from .arrays import build
    from .dtypes import numpy_type

    if "lcg" not in spec:
        return build(spec, letters, dtype)
    sizes = dict(zip(spec["letters"], spec["shape"], strict=True))
    return np.broadcast_to(np.zeros((), numpy_type(dtype)), [sizes[letter] for letter in letters])


def at(base: Plain, values: Mapping[str, Any]) -> Plain:
    """
    Return the plain call at one point; sizes that follow from others (I, the length of a bias) follow.
    """
    call = {**base, **{name: value for name, value in values.items() if name not in _SIZED}}
    call["arrays"] = dict(base["arrays"])
    for name, value in values.items():
        if name in _SIZED:
            _SIZED[name](call, value)
    _follow(call)
    return call


def _resize(call: Plain, name: str, letters: str, sizes: int | tuple[int, ...]) -> None:
    """Give axes of an array new sizes, unless its elements are written out."""
    spec: Spec = call["arrays"][name]
    if "values" in spec or "one_hot" in spec:
        return
    spread = (sizes,) * len(letters) if isinstance(sizes, int) else sizes
    wanted = dict(zip(spec["letters"], spec["shape"], strict=True)) | dict(zip(letters, spread, strict=True))
    call["arrays"][name] = {**spec, "shape": tuple(wanted[letter] for letter in spec["letters"])}


def _kernel(call: Plain) -> str:
    return "depthwise_kernel" if call["op"] == "separable_conv" else "kernel"


def _filters(call: Plain, filters: int) -> None:
    name = "pointwise_kernel" if call["op"] == "separable_conv" else "kernel"
    of_group = filters // max(call.get("groups", 1), 1) if call["op"] == "conv_transpose" else filters
    _resize(call, name, "O", of_group)


_SIZED: Mapping[str, Any] = {
    "batch": lambda call, size: _resize(call, "input", "N", size),
    "length": lambda call, size: _resize(call, "input", geometry.spatial(call), size),
    "channels": lambda call, size: _resize(call, "input", "C", size),
    "kernel_size": lambda call, size: _resize(call, _kernel(call), geometry.spatial(call), size),
    "multiplier": lambda call, size: _resize(call, _kernel(call), "M", size),
    "filters": _filters,
}


def _follow(call: Plain) -> None:
    channels, groups = geometry.extents(call, "input")["C"], max(call.get("groups", 1), 1)
    if call["op"] == "conv":
        _resize(call, "kernel", "I", channels // groups)
    elif call["op"] == "conv_transpose":
        _resize(call, "kernel", "I", channels)
    else:
        _resize(call, _kernel(call), "C", channels)
    if call["op"] == "separable_conv":
        depthwise = geometry.extents(call, "depthwise_kernel")
        _resize(call, "pointwise_kernel", "I", depthwise["C"] * depthwise["M"])
    if "bias" in call["arrays"]:
        _resize(call, "bias", "O", geometry.channels_out(geometry.settled(call)))


def expectation(point: Point, call: Call, find: Find) -> Expectation:
    """
    Return what is expected of a point: the exact result, and what else the clauses leave open.

    An alternative has its own name where one clause applies, else `CLAUSE:alternative` for each clause that it follows.
    """
    return expectation_under(point.clauses, call, lambda twin: _twin(point, twin, find))


def expectation_under(clauses: tuple[Clause, ...], call: Call, twin_of: Callable[[Twin], Call]) -> Expectation:
    """
    Return what is expected of a call under clauses that leave a choice; `twin_of` returns the twin of a refusal.
    """
    from .expectation import AnyOf, Output
    from .reference import evaluate

    if not clauses:
        return Output(array=evaluate(call))
    found: dict[str, Expectation] = {}
    for name, switches in _computed(clauses):
        found[name] = Output(array=evaluate(call, switches), switches=switches)
    found |= refusals_under(clauses, twin_of)
    return AnyOf(alternatives=found, clauses=tuple(clause.id for clause in clauses))


def refusals_under(clauses: tuple[Clause, ...], twin_of: Callable[[Twin], Call]) -> dict[str, Expectation]:
    """
    Return the ways to refuse a call that clauses leave, by their names.
    """
    from .expectation import Refusal

    return {name: Refusal(twin=twin_of(twin), name=_written(twin)) for name, twin in _refused(clauses)}


def _named(clauses: tuple[Clause, ...], followed: list[tuple[Clause, str]]) -> str:
    if len(clauses) == 1:
        return followed[0][1]
    return ", ".join(f"{clause.id}:{name}" for clause, name in followed)


def _computed(clauses: tuple[Clause, ...]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the ways to compute a call: one alternative of each clause, with their switches."""
    computing = [
        [(clause, name, each.switch) for name, each in clause.alternatives.items() if not each.is_refusal]
        for clause in clauses
    ]
    for ways in itertools.product(*computing):
        name = _named(clauses, [(clause, name) for clause, name, _ in ways])
        yield name, frozenset(switch for _, _, switch in ways if switch)


def _refused(clauses: tuple[Clause, ...]) -> Iterator[tuple[str, Twin]]:
    """
    Yield the ways to refuse a call with their twins.

    Where several clauses may refuse, a target may do so for all of them at once: then the twin needs all their changes.
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
    from .building import build_call

    found = find(twin) if isinstance(twin, str) else build_call({**point.call, **twin})
    assert found is not None
    return found


def _written(twin: Twin) -> str:
    if isinstance(twin, str):
        return twin
    return f"{{{', '.join(f'{key}: {_flow(value)}' for key, value in twin.items())}}}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(each)}' for key, each in value.items())}}}"
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, tuple) else str(value)
