"""Write a call and its expectation as a YAML case file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from ...core import ARRAYS, AnyOf, Array, Call, Expectation, Output, Refusal, Variation

#: Keys that are omitted if they have these default values.
USUAL = {"padding_mode": "zeros", "groups": 1}
#: The largest number of clauses that a case can cite.
CITED = 3


def case(call: Call, expectation: Expectation, *, name: str, title: str, clauses: Sequence[str]) -> str:
    """
    Return the text of a case file with one case; its arrays keep the layouts and dtypes of the call.

    The expected output includes the requested gradients. Clauses that leave a choice are cited before other clauses.
    """
    left = expectation.clauses if isinstance(expectation, AnyOf) else ()
    cited = [*dict.fromkeys((*left, *clauses))][:CITED]
    why = "These are the simplest numbers with which the call fails."
    entry: dict[str, Any] = {"id": name, "title": title, "clauses": cited, "why": why, "op": call.op}
    names = [each for each in ARRAYS if getattr(call, each) is not None]
    layouts = {each: call.letters(each) for each in (*names, "output") if each != "bias"}
    entry |= {"layout": layouts, "dtype": {each: call.dtype_of(each) for each in (*names, "output")}}
    entry |= {each: _numbers(call.array(each)) for each in names}
    steps = {each: getattr(call, each) for each in ("strides", "dilations", "input_dilations")}
    entry |= {each: list(values) for each, values in steps.items() if set(values) != {1}}
    entry["padding"] = call.padding if isinstance(call.padding, str) else [list(pair) for pair in call.padding]
    if any(call.output_padding):
        entry["output_padding"] = list(call.output_padding)
    if call.before is not None:
        entry["before"] = {"pad": [list(pair) for pair in call.before]}
    entry |= {name: getattr(call, name) for name in ("padding_mode", "groups") if getattr(call, name) != USUAL[name]}
    stored = {name: getattr(call.storage, name, None) or "contiguous" for name in names}
    storage = {name: _storage(word) for name, word in stored.items() if word != "contiguous"}
    entry |= {"storage": storage} if storage else {}
    entry |= {"accumulate": call.accumulate} if call.accumulate is not None else {}
    entry |= {"variation": varied} if (varied := _varied(call.variation)) else {}
    entry["expect"] = _expected(call, expectation)
    text = yaml.safe_dump([entry], sort_keys=False, width=110, default_flow_style=None)
    return f"about: A failing call, minimised.\ncases:\n{_indented(text)}"


def _varied(variation: Variation) -> list[Any]:
    words = ("kernel_constant", "dynamic_shape", "inside_graph", "shape_inference")
    threads = [{"threads": variation.threads}] if variation.threads > 1 else []
    return [*(word for word in words if getattr(variation, word)), *threads]


def _expected(call: Call, expectation: Expectation) -> dict[str, Any]:
    match expectation:
        case Output():
            return {"output": _numbers(expectation.array), **_gradients(call, expectation)}
        case Refusal():
            return {"refusal": {"twin": yaml.safe_load(expectation.name)}}
        case AnyOf():
            found: dict[str, Any] = {}
            for name, each in expectation.alternatives.items():
                found.setdefault(_name(name), _expected(call, each))
            return {"any_of": found}
    raise TypeError(f"no case expects {expectation}")


def _gradients(call: Call, output: Output) -> dict[str, Any]:
    if call.cotangent is None:
        return {}
    found = {name: _numbers(output.gradients[name]) for name in call.gradients}
    return {"gradients": {"cotangent": _numbers(call.cotangent), **found}}


def _name(alternative: str) -> str:
    """Return the name of an alternative; for a combination of alternatives, the first name other than `computes`."""
    names = [part.rpartition(":")[2] for part in alternative.split(", ")]
    return next((name for name in names if name != "computes"), "computes")


def _storage(word: str) -> str | dict[str, str]:
    """Return the storage of an array as it is written in a case file, for example `strided` or {"broadcast": "N"}."""
    kind, _, axis = word.partition(":")
    return {kind: axis} if axis else kind


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _numbers(array: Array) -> Any:
    if not array.size:
        return {"shape": list(array.shape), "values": []}
    if array.dtype.kind == "c":
        return [_numbers(each) for each in array] if array.ndim else _whole({"re": array.real, "im": array.imag})
    values = array.astype(np.float64) if array.dtype.kind not in "iu" else array
    return _whole(values.tolist())


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {name: _whole(float(each)) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value:g}"  # the format spells it nan, inf or -inf, which YAML reads as text
    return int(value) if isinstance(value, float) and value.is_integer() and value else value
