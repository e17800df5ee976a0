"""
A call as a case of the corpus, in YAML.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from .call import ARRAYS, Array, Call

#: What is not written where it is so.
USUAL = {"padding_mode": "zeros", "groups": 1}


def case(call: Call, output: Array, *, name: str, title: str, clauses: Sequence[str]) -> str:
    """
    Return a file with one case, which expects an output, in the layout and dtype of the call.
    """
    entry: dict[str, Any] = {"id": name, "title": title, "clauses": list(clauses), "op": call.op}
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
    entry["expect"] = {"output": _numbers(output)}
    text = yaml.safe_dump([entry], sort_keys=False, width=110, default_flow_style=None)
    return f"about: A call that fails, made as small as it gets.\ncases:\n{_indented(text)}"


def _storage(word: str) -> str | dict[str, str]:
    """Return how an array lies in memory as a case says it: what is broadcast, along which axis."""
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
        return f"{value:g}"  # the format's own word, and no number to YAML
    return int(value) if isinstance(value, float) and value.is_integer() and value else value
