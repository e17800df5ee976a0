"""
Calls and expectations from plain data, with their arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from . import arrays, geometry
from .call import Array, Call, PerArray, Variation
from .expectation import AnyOf, Deferred, Expectation, Output, Refusal, Shape
from .reading_calls import Plain, dtype_of, letters_of
from .specs import Spec

#: How a case is found by its id, for twins.
Find = Callable[[str], "Call | None"]


def build_call(plain: Plain, make: Callable[[Spec, str, str], Array] = arrays.build) -> Call:
    """
    Return the call that a plain call describes; `make` builds each array for a layout and a dtype.
    """
    call = geometry.settled(plain)
    built = {name: make(spec, letters_of(call, name), dtype_of(call, name)) for name, spec in call["arrays"].items()}
    kept = ("op", "strides", "padding", "padding_mode", "dilations", "input_dilations", "groups", "output_padding")
    fields: dict[str, Any] = {**{key: call[key] for key in kept}, **built}
    return Call(
        **fields,
        layout=PerArray(**{name: call["layout"][name] for name in call["layout"]}),
        dtype=_per_array({name: dtype_of(call, name) for name in (*built, "output")}),
        accumulate=call.get("accumulate"),
        storage=_storage(call),
        before=call.get("before"),
        variation=_variation(call.get("variation", {})),
    )


@lru_cache(maxsize=256)
def _shared(items: tuple[tuple[str, str], ...]) -> PerArray:
    return PerArray(**dict(items))


def _per_array(texts: Mapping[str, str]) -> PerArray:
    return _shared(tuple(texts.items()))


def _storage(call: Plain) -> PerArray:
    written = call.get("storage", {})
    everywhere = written.get("all", "contiguous")
    axis = everywhere.partition(":")[2]
    names = call["arrays"]
    stored = {name: written.get(name, everywhere if axis in letters_of(call, name) else "contiguous") for name in names}
    return _per_array(stored)


def _variation(words: Mapping[str, int]) -> Variation:
    flags = {name: bool(value) for name, value in words.items() if name != "threads"}
    return Variation(threads=words.get("threads", 1), **flags)


def build_expectation(
    plain: Plain,
    call: Plain | None,
    find: Find,
    evaluate: Callable[[], Array],
    switches: Mapping[str, str] = MappingProxyType({}),
) -> Expectation:
    """
    Return the expectation that plain data describe.

    `find` returns the call of a twin, `evaluate` the reference's output; `switches` are those of the reference,
    by the names of the alternatives that they compute.
    """
    kind = plain["kind"]
    if kind == "deferred":
        return Deferred(reason=plain["reason"])
    assert call is not None
    if kind == "shape":
        return Shape(shape=tuple(plain["shape"]), dtype=dtype_of(call, "output"))
    if kind == "refusal":
        return Refusal(twin=_twin(plain["twin"], find), name=plain["name"])
    if kind == "any_of":
        built = {name: build_expectation(each, call, find, evaluate) for name, each in plain["alternatives"].items()}
        return AnyOf(alternatives={name: _switched(each, switches.get(name, "")) for name, each in built.items()})
    return _output(plain, call, evaluate)


def _switched(expectation: Expectation, switch: str) -> Expectation:
    if not switch or not isinstance(expectation, Output):
        return expectation
    return replace(expectation, switches=frozenset([switch]))


def _twin(twin: str | Plain, find: Find) -> Call:
    found = find(twin) if isinstance(twin, str) else build_call(twin)
    assert found is not None
    return found


def _output(plain: Plain, call: Plain, evaluate: Callable[[], Array]) -> Output:
    written = plain["array"]
    array = (
        evaluate()
        if written == "reference"
        else arrays.build(written, call["layout"]["output"], dtype_of(call, "output"))
    )
    return Output(array=array, precision=plain.get("precision"), signed_zero=plain.get("signed_zero", False))
