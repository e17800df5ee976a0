"""
Calls and expectations as plain data: dicts, lists, strings and numbers, with the keys of the case format.

The worker protocol, the export of the corpus, the lock of released cases and printed cases use this form.
This module needs only the standard library and NumPy, because workers in other environments use it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .call import Call, PerArray, Variation
from .expectation import AnyOf, Expectation, Fit, Output, Refusal, Shape
from .storage import Array
from .training import Training
from .vocabulary import OPERANDS

#: A function that converts an array to plain data; its arguments are the name of the array in the call and the array.
ArrayEncoder = Callable[[str, Array], Any]

_NAMES = tuple(PerArray.__dataclass_fields__)


def call_to_plain(call: Call) -> dict[str, Any]:
    """
    Return the fields of a call as plain data, without its arrays.

    `variation`, `gradients`, `second_order` and `training` are omitted if the call has none.
    """
    plain: dict[str, Any] = {
        "op": call.op,
        "strides": call.strides,
        "padding": call.padding,
        "padding_mode": call.padding_mode,
        "dilations": call.dilations,
        "input_dilations": call.input_dilations,
        "groups": call.groups,
        "output_padding": call.output_padding,
        "accumulate": call.accumulate,
        "layout": _per_array(call.layout),
        "dtype": _per_array(call.dtype),
        "storage": _per_array(call.storage),
        "before": call.before,
    }
    if call.variation != Variation():
        plain["variation"] = vars(call.variation)
    if call.gradients:
        plain["gradients"] = call.gradients
    if call.second_order:
        plain["second_order"] = call.second_order
    if call.training is not None:
        plain["training"] = vars(call.training)
    return plain


def call_from_plain(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the non-array fields of a `Call` from the data of `call_to_plain`, which may have been stored as JSON."""
    padding, before = plain["padding"], plain["before"]
    return {
        "op": plain["op"],
        "strides": tuple(plain["strides"]),
        "padding": padding if isinstance(padding, str) else tuple(map(tuple, padding)),
        "padding_mode": plain["padding_mode"],
        "dilations": tuple(plain["dilations"]),
        "input_dilations": tuple(plain["input_dilations"]),
        "groups": plain["groups"],
        "output_padding": tuple(plain["output_padding"]),
        "accumulate": plain["accumulate"],
        "layout": PerArray(**plain["layout"]),
        "dtype": PerArray(**plain["dtype"]),
        "storage": PerArray(**plain["storage"]),
        "before": before and tuple(map(tuple, before)),
        "variation": Variation(**plain.get("variation", {})),
        "gradients": tuple(plain.get("gradients", ())),
        "second_order": tuple(plain.get("second_order", ())),
        "training": _training(plain["training"]) if "training" in plain else None,
    }


def operands_to_plain(call: Call, encode: ArrayEncoder) -> dict[str, Any]:
    """Return the arrays of a call by name, each encoded by `encode`."""
    return {name: encode(name, call.array(name)) for name in OPERANDS if getattr(call, name) is not None}


def expectation_to_plain(
    expectation: Expectation, encode: ArrayEncoder, encode_call: Callable[[Call], Any]
) -> dict[str, Any]:
    """
    Return an expectation as plain data; the keys identify the kind of expectation.

    `encode(name, array)` encodes an array of the expectation that has the layout and dtype of the call's array `name`.
    `encode_call` encodes the accepted twin of a refused call.
    """
    match expectation:
        case Output():
            plain: dict[str, Any] = {"output": encode("output", expectation.array), "precision": expectation.precision}
            plain |= {"signed_zero": True} if expectation.signed_zero else {}
            for order in ("gradients", "second_order"):
                if arrays := getattr(expectation, order):
                    plain[order] = {name: encode(name, array) for name, array in arrays.items()}
            return plain
        case Fit():
            steps = {str(step): _stated(vars(each), encode) for step, each in expectation.checkpoints.items()}
            end = {"loss_below": expectation.loss_below, "kernel_near": expectation.kernel_near}
            return {"checkpoints": steps, **_stated(end, encode)}
        case Shape():
            return {"shape": list(expectation.shape), "dtype": expectation.dtype}
        case Refusal():
            return {"refusal": {"accepted": encode_call(expectation.twin)}}
        case AnyOf():
            alternatives = expectation.alternatives.items()
            return {"any_of": {name: expectation_to_plain(each, encode, encode_call) for name, each in alternatives}}


def _stated(values: Mapping[str, Any], encode: ArrayEncoder) -> dict[str, Any]:
    """Return the values that are not None; numbers stay unchanged, and kernels are encoded by `encode`."""
    stated = {name: value for name, value in values.items() if value is not None}
    return {name: each if isinstance(each, float) else encode("kernel", each) for name, each in stated.items()}


def _training(plain: Mapping[str, Any]) -> Training:
    schedule = plain["schedule"]
    return Training(**{**plain, "schedule": schedule if isinstance(schedule, str) else tuple(map(tuple, schedule))})


def _per_array(values: PerArray) -> dict[str, str]:
    pairs = ((name, getattr(values, name)) for name in _NAMES)
    return {name: value for name, value in pairs if value is not None}
