"""Export the corpus as one JSON document for programs in any language: calls with arrays, and expectations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import __version__
from ..core import (
    Array,
    Call,
    Case,
    Expectation,
    call_to_plain,
    expectation_to_plain,
    is_complex,
    is_integer,
    operands_to_plain,
)
from ..corpus import Clause, Corpus
from . import versions

FORMAT = "conv-conformance-corpus/1"

#: Integers of a larger magnitude are written as strings, because many JSON parsers store numbers as float64.
EXACT = 2**53


def corpus_document(corpus: Corpus) -> dict[str, Any]:
    """Return the corpus as plain data: versions, the JSON schema of the document, clauses and cases."""
    return {
        "format": FORMAT,
        "suite": {"version": __version__, "spec": versions.current(), "corpus": corpus.digest},
        "schema": SCHEMA,
        "clauses": {name: _clause(clause) for name, clause in corpus.clauses.items()},
        "cases": list(_cases(corpus)),
    }


def _clause(clause: Clause) -> dict[str, Any]:
    return {"level": clause.level, "sentence": clause.sentence, "alternatives": list(clause.alternatives)}


def _cases(corpus: Corpus) -> Iterator[dict[str, Any]]:
    for case in corpus.cases:
        yield _case(case)
        case.release()


def _case(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "title": case.title,
        "clauses": list(case.clauses),
        "sweep": case.sweep or None,
        "call": call(case.call),
        "expect": expectation(case.expectation, case.call),
    }


def call(made: Call) -> dict[str, Any]:
    """Return a call with the keys of the worker protocol; `arrays` holds each operand as JSON (see `array`)."""
    arrays = operands_to_plain(made, lambda name, values: array(values, made.dtype_of(name)))
    return {**call_to_plain(made), "arrays": arrays}


def expectation(expected: Expectation, made: Call) -> dict[str, Any]:
    """Return the expectation of a call as a mapping that has the kind of expectation as a key."""
    return expectation_to_plain(expected, lambda name, values: array(values, made.dtype_of(name)), call)


def array(values: Array, dtype: str) -> dict[str, Any]:
    """
    Return an array as dtype, shape and values, in row-major order.

    Floats are JSON numbers that round-trip exactly, or the strings "nan", "inf" and "-inf". A complex element is a pair
    of floats: the real and the imaginary part. Integers with a magnitude above 2**53 are strings.
    """
    flat = values.ravel()
    if is_complex(dtype):
        elements: list[Any] = [[_float(one.real), _float(one.imag)] for one in flat]
    elif is_integer(dtype):
        elements = [_integer(int(one)) for one in flat]
    else:
        elements = [_float(one) for one in flat.astype(np.float64)]
    return {"dtype": dtype, "shape": list(values.shape), "values": elements}


def _float(value: Any) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _integer(value: int) -> int | str:
    return value if abs(value) <= EXACT else str(value)


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_INTEGERS = _list({"type": "integer"})
_TEXT = {"type": "string"}
_NUMBER = {"anyOf": [{"type": "number"}, _TEXT]}
_PAIRS = _list({**_INTEGERS, "minItems": 2, "maxItems": 2})
_OF_ARRAYS = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
_GRADIENTS = {"type": "object", "additionalProperties": {"$ref": "#/$defs/array"}}


def _object(properties: Mapping[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


#: The JSON schema of the document.
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": FORMAT,
    **_object(
        {
            "format": {"const": FORMAT},
            "suite": _object({"version": _TEXT, "spec": _TEXT, "corpus": _TEXT}),
            "schema": {"type": "object"},
            "clauses": {
                "type": "object",
                "additionalProperties": _object({"level": _TEXT, "sentence": _TEXT, "alternatives": _list(_TEXT)}),
            },
            "cases": _list(
                _object(
                    {
                        "id": _TEXT,
                        "title": _TEXT,
                        "clauses": _list(_TEXT),
                        "sweep": {"type": ["string", "null"]},
                        "call": {"anyOf": [{"$ref": "#/$defs/call"}, {"type": "null"}]},
                        "expect": {"$ref": "#/$defs/expect"},
                    }
                )
            ),
        }
    ),
    "$defs": {
        "array": _object(
            {
                "dtype": _TEXT,
                "shape": _list({"type": "integer", "minimum": 0}),
                "values": _list({"anyOf": [_NUMBER, {**_list(_NUMBER), "minItems": 2, "maxItems": 2}]}),
            }
        ),
        "call": _object(
            {
                "op": {"enum": ["conv", "depthwise_conv", "separable_conv", "conv_transpose"]},
                "strides": _INTEGERS,
                "padding": {"anyOf": [_TEXT, _PAIRS]},
                "padding_mode": _TEXT,
                "dilations": _INTEGERS,
                "input_dilations": _INTEGERS,
                "groups": {"type": "integer"},
                "output_padding": _INTEGERS,
                "accumulate": {"type": ["string", "null"]},
                "layout": _OF_ARRAYS,
                "dtype": _OF_ARRAYS,
                "storage": _OF_ARRAYS,
                "before": {"anyOf": [_PAIRS, {"type": "null"}]},
                "variation": {"type": "object", "additionalProperties": {"type": ["boolean", "integer"]}},
                "gradients": _list(_TEXT),
                "second_order": _list(_TEXT),
                "training": {"type": "object"},
                "arrays": {"type": "object", "additionalProperties": {"$ref": "#/$defs/array"}},
            },
            "variation",
            "gradients",
            "second_order",
            "training",
        ),
        "expect": {
            "oneOf": [
                _object(
                    {
                        "output": {"$ref": "#/$defs/array"},
                        "precision": {"type": ["string", "null"]},
                        "signed_zero": {"const": True},
                        "gradients": _GRADIENTS,
                        "second_order": _GRADIENTS,
                    },
                    "signed_zero",
                    "gradients",
                    "second_order",
                ),
                _object(
                    {
                        "checkpoints": {
                            "type": "object",
                            "additionalProperties": _object(
                                {"kernel": {"$ref": "#/$defs/array"}, "loss": {"type": "number"}}, "kernel", "loss"
                            ),
                        },
                        "loss_below": {"type": "number"},
                        "kernel_near": {"$ref": "#/$defs/array"},
                    },
                    "loss_below",
                    "kernel_near",
                ),
                _object({"shape": _list({"type": "integer", "minimum": 0}), "dtype": _TEXT}),
                _object({"refusal": _object({"accepted": {"$ref": "#/$defs/call"}})}),
                _object({"any_of": {"type": "object", "additionalProperties": {"$ref": "#/$defs/expect"}}}),
            ]
        },
    },
}
