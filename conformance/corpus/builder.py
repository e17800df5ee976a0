"""Build calls and expectations, with their arrays, from plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from ..core import (
    COTANGENT,
    DIRECTIONS,
    TARGET,
    AnyOf,
    Array,
    Call,
    Checkpoint,
    Expectation,
    Fit,
    Output,
    PerArray,
    Plain,
    Refusal,
    Shape,
    Training,
    Variation,
)
from . import array_builder
from .format import geometry
from .format.array_specs import Spec
from .format.calls import ALL, NONE, dtype_of, letters_of
from .format.gradients import REFERENCE

#: Returns the call of the case with a given id, which is the twin of a refusal.
Find = Callable[[str], "Call"]


def build_call(plain: Plain, make: Callable[[Spec, str, str], Array] = array_builder.build) -> Call:
    """Return the call that a plain call describes; `make(spec, letters, dtype)` builds each array."""
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
        **_gradient_fields(call, make),
        **_training_fields(call, make),
    )


def _gradient_fields(call: Plain, make: Callable[[Spec, str, str], Array]) -> dict[str, Any]:
    """Return the gradient fields of the `Call` for a settled call, {} if the call requests no gradients."""
    names = call["gradients"] if COTANGENT in call else NONE
    if names == NONE:
        return {}
    letters, shape = call["layout"]["output"], geometry.shape_out(call)
    cotangent = make(_fitted(call[COTANGENT], letters, shape), letters, dtype_of(call, "output"))
    requested = tuple(name for name in call["arrays"] if names == ALL or name in names)
    return {COTANGENT: cotangent, "gradients": requested, **_second_order_fields(call, make)}


def _second_order_fields(call: Plain, make: Callable[[Spec, str, str], Array]) -> dict[str, Any]:
    """Return the fields for second-order gradients, {} if the call requests no second-order gradients."""
    if (second := call.get("second_order")) is None:
        return {}
    directed = ((name, second["directions"].get(name), spec) for name, spec in call["arrays"].items())
    made = {
        DIRECTIONS[name]: make(_fitted(along, spec["letters"], spec["shape"]), spec["letters"], dtype_of(call, name))
        for name, along, spec in directed
        if along is not None
    }
    return {**made, "second_order": second["names"]}


def _training_fields(call: Plain, make: Callable[[Spec, str, str], Array]) -> dict[str, Any]:
    """Return the fields of a training run (target, settings, gradient of the kernel), {} for any other call."""
    if "training" not in call:
        return {}
    target = make(call[TARGET], call["layout"]["output"], dtype_of(call, "output"))
    return {TARGET: target, "training": Training(**call["training"]), "gradients": ("kernel",)}


def _fitted(spec: Spec, letters: str, shape: tuple[int, ...]) -> Spec:
    """
    Return the spec of a cotangent or direction, changed to `letters` and `shape`.

    The patch of a twin can change the shape. A generated array is then generated in the new shape, and a literal array
    is replaced by ones.
    """
    if (spec["letters"], spec["shape"]) == (letters, shape):
        return spec
    if "values" in spec or "one_hot" in spec:
        return {"letters": letters, "shape": shape, "dtype": spec["dtype"], "fill": 1}
    return {**spec, "letters": letters, "shape": shape}


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """
    The context in which `build_expectation` builds an expectation.

    `find` returns the call of a twin by its id.
    `evaluate`, `differentiate` and `differentiate_twice` return the output, the gradients and the second-order
    gradients that the reference computes under a set of switches.
    `clauses` holds the ids of the cited clauses that have alternatives.
    `switches` maps the name of each alternative to the reference's switch for it.
    """

    call: Plain | None
    find: Find
    evaluate: Callable[[frozenset[str]], Array]
    differentiate: Callable[[frozenset[str]], Mapping[str, Array]]
    differentiate_twice: Callable[[frozenset[str]], Mapping[str, Array]]
    clauses: tuple[str, ...] = ()
    switches: Mapping[str, str] = field(default_factory=dict)


def build_expectation(plain: Plain, setting: Setting) -> Expectation:
    """Return the expectation that a plain expectation describes."""
    if plain["kind"] != "any_of":
        return _single(plain, setting, "")
    named = plain["alternatives"].items()
    built = {name: _single(each, setting, setting.switches.get(name, "")) for name, each in named}
    return AnyOf(alternatives=built, clauses=setting.clauses)


def _single(plain: Plain, setting: Setting, switch: str) -> Expectation:
    assert setting.call is not None
    if plain["kind"] == "refusal":
        return Refusal(twin=_twin(plain["twin"], setting.find), name=plain["name"])
    if plain["kind"] == "fit":
        return _fit(plain, setting.call)
    if plain["kind"] == "shape":
        return Shape(shape=tuple(plain["shape"]), dtype=dtype_of(setting.call, "output"))
    switches = frozenset([switch] if switch else [])
    written, options = plain["array"], {key: plain[key] for key in ("precision", "signed_zero") if key in plain}
    array = setting.evaluate(switches) if written == "reference" else _written(written, setting.call, "output")
    once = _gradients(plain.get("gradients", {}), setting.call, partial(setting.differentiate, switches))
    twice = _gradients(plain.get("second_order", {}), setting.call, partial(setting.differentiate_twice, switches))
    return Output(array=array, switches=switches, gradients=once, second_order=twice, **options)


def _fit(plain: Plain, call: Plain) -> Fit:
    checkpoints = {
        step: Checkpoint(**_of_kernel(checkpoint, call)) for step, checkpoint in plain["checkpoints"].items()
    }
    return Fit(checkpoints=checkpoints, **_of_kernel(plain["outcome"], call))


def _of_kernel(values: Plain, call: Plain) -> dict[str, Any]:
    """Return `values` with each array spec replaced by its array in the kernel's layout and dtype; keep floats."""
    return {
        key: value if isinstance(value, float) else _written(value, call, "kernel") for key, value in values.items()
    }


def _gradients(written: Plain, call: Plain, compute: Callable[[], Mapping[str, Array]]) -> dict[str, Array]:
    computed = compute() if REFERENCE in written.values() else {}
    named = {name: "output" if name == COTANGENT else name for name in written}
    return {
        name: computed[name] if spec == REFERENCE else _written(spec, call, named[name])
        for name, spec in written.items()
    }


def _written(spec: Spec, call: Plain, name: str) -> Array:
    return array_builder.build(spec, letters_of(call, name), dtype_of(call, name))


def _twin(twin: str | Plain, find: Find) -> Call:
    found = find(twin) if isinstance(twin, str) else build_call(twin)
    assert found is not None
    return found
