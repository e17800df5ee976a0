"""Read training runs (`op: fit`) from case files into plain data: convolution, target and expected kernels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...core import COSINE, LOSSES, TARGET, Plain
from . import geometry, numbers
from .arrays import read_array
from .calls import dtype_of
from .expectations import Subject, is_refusal, read_alternatives, read_expectation
from .reader import Reader, WrongNode, as_mapping, described, integer, word
from .yaml_tree import Mapping as Tree
from .yaml_tree import Node, Scalar

#: The keys of a training run in addition to those of a convolution.
TRAINING = ("target", "loss", "optimizer", "schedule", "steps")
#: The settings of each optimizer, with the range of each setting.
OPTIMIZERS: Mapping[str, Mapping[str, str]] = {
    "sgd": {"learning_rate": "above 0", "momentum": "at least 0 and below 1"},
    "adam": {
        "learning_rate": "above 0",
        "beta_1": "at least 0 and below 1",
        "beta_2": "at least 0 and below 1",
        "epsilon": "above 0",
    },
}
RANGES: Mapping[str, Callable[[float], bool]] = {
    "above 0": lambda value: value > 0,
    "at least 0 and below 1": lambda value: 0 <= value < 1,
}
#: The dtypes that training runs can use. NumPy has them without ml_dtypes, so that NumPy alone can compute the runs.
DTYPES = ("float16", "float32", "float64")
#: The largest number of steps of a training run. Each step costs every target two calls.
MOST_STEPS = 10_000


def read_training(reader: Reader, nodes: Mapping[str, Node], at: Node, call: Plain) -> Plain:
    """Return the call of a training run: its convolution and target, and `training` if all settings are valid."""
    arrays = dict(call["arrays"])
    target = arrays.pop(TARGET)
    found = {**call, "op": "conv", "arrays": arrays, TARGET: target}
    reader.attempt(_check_call, found, nodes, at)
    for key in ("loss", "optimizer", "steps"):
        if key not in nodes:
            reader.note(at, f"missing key {key!r}", "op: fit needs this key")
    readers: Mapping[str, Callable[[Node], Any]] = {
        "loss": _loss,
        "optimizer": _optimizer,
        "schedule": _schedule,
        "steps": _steps,
    }
    terms: dict[str, Any] = {key: reader.attempt(read, nodes[key]) for key, read in readers.items() if key in nodes}
    if None in terms.values() or not {"loss", "optimizer", "steps"} <= terms.keys():
        return found
    return {**found, "training": {**terms, **terms.pop("optimizer")}}


def _check_call(call: Plain, nodes: Mapping[str, Node], at: Node) -> None:
    for name in ("bias", "before", "variation"):
        if name in nodes:
            raise WrongNode(nodes[name], f"a training run cannot have the key {name}", "only the kernel is trained")
    for name in ("input", "kernel", "output"):
        if dtype_of(call, name) not in DTYPES:
            raise WrongNode(
                nodes.get("dtype", at), f"a training run cannot use {dtype_of(call, name)}", f"use {', '.join(DTYPES)}"
            )
    settled = geometry.settled(call)
    if not geometry.complaints(settled) and call[TARGET]["shape"] != (right := geometry.shape_out(settled)):
        message = f"the target must have the shape of the output, {list(right)}, not {list(call[TARGET]['shape'])}"
        raise WrongNode(nodes[TARGET], message, f"the layout of the output is {call['layout']['output']}")


def _loss(node: Node) -> str:
    return word(node, LOSSES, "loss")


def _optimizer(node: Node) -> dict[str, Any]:
    entries = as_mapping(node)
    if len(entries.entries) != 1:
        raise WrongNode(node, "an optimizer must be exactly one of sgd and adam")
    ((name, key),) = entries.keys.items()
    known = OPTIMIZERS[word(key, OPTIMIZERS, "optimizer")]
    settings = as_mapping(entries.entries[name])
    if "learning_rate" not in settings.entries:
        raise WrongNode(settings, "missing key 'learning_rate'")
    for setting in settings.keys.values():
        word(setting, known, "setting")
    return {"optimizer": name, **{each: _ranged(value, known[each]) for each, value in settings.entries.items()}}


def _ranged(node: Node, what: str) -> float:
    value = _number(node)
    if not RANGES[what](value):
        raise WrongNode(node, f"must be {what}, not {value:g}")
    return value


def _schedule(node: Node) -> str | tuple[tuple[int, float], ...]:
    if isinstance(node, Scalar):
        return word(node, (COSINE,), "schedule")
    entries = as_mapping(node)
    for step, key in entries.keys.items():
        if not step.isdigit():
            raise WrongNode(
                key, f"{step!r} is not a step", "write {STEP: RATE}, the learning rate from an integer step on"
            )
    rates = {int(step): _ranged(value, "above 0") for step, value in entries.entries.items()}
    return tuple(sorted(rates.items()))


def _steps(node: Node) -> int:
    steps = integer(node)
    if not 1 <= steps <= MOST_STEPS:
        raise WrongNode(node, f"steps must be 1 to {MOST_STEPS}, not {steps}")
    return steps


def read_fit(reader: Reader, node: Node, subject: Subject) -> Plain | None:
    """
    Return the plain expectation of a training run: kernels and losses at checkpoints, and the final outcome.

    Under `any_of`, the alternatives are such expectations and refusals.
    """
    if isinstance(node, Tree) and "any_of" in node.entries:
        return reader.attempt(_any_of, reader, node, subject)
    call, before = subject.call, len(reader.problems)
    entries = reader.attempt(as_mapping, node)
    if entries is None:
        return None
    reader.keys(entries, ("checkpoints", "outcome"))
    if not entries.entries:
        reader.note(node, "missing key 'checkpoints' or 'outcome'")
    found: Plain = {"kind": "fit", "checkpoints": {}, "outcome": {}}
    for key, read in (("checkpoints", _checkpoints), ("outcome", _outcome)):
        if key in entries.entries:
            found[key] = reader.attempt(read, reader, entries.entries[key], call)
    return found if len(reader.problems) == before else None


def _any_of(reader: Reader, node: Tree, subject: Subject) -> Plain | None:
    reader.keys(node, ("any_of",))

    def read(each: Node) -> Plain | None:
        if is_refusal(each):
            return read_expectation(reader, each, subject, is_alternative=True)
        return read_fit(reader, each, subject)

    return read_alternatives(reader, node.entries["any_of"], subject, read)


def _checkpoints(reader: Reader, node: Node, call: Plain) -> dict[int, Plain]:
    entries = as_mapping(node)
    numbered = [(_step(key, step, call), entries.entries[step]) for step, key in entries.keys.items()]
    return {step: _checkpoint(reader, each, call) for step, each in numbered}


def _step(key: Node, text: str, call: Plain) -> int:
    if not re.fullmatch(r"0|[1-9]\d{0,8}", text):
        raise WrongNode(key, f"{text!r} is not a step", "write an integer")
    if int(text) > call["training"]["steps"]:
        raise WrongNode(key, f"step {text} is after the last step, {call['training']['steps']}")
    return int(text)


def _checkpoint(reader: Reader, node: Node, call: Plain) -> Plain:
    at = as_mapping(node)
    reader.keys(at, ("kernel", "loss"))
    if not at.entries:
        raise WrongNode(node, "a checkpoint needs kernel or loss")
    found: Plain = {}
    if "kernel" in at.entries:
        found["kernel"] = _kernel(reader, at.entries["kernel"], call)
    if "loss" in at.entries:
        found["loss"] = _number(at.entries["loss"])
    return found


def _outcome(reader: Reader, node: Node, call: Plain) -> Plain:
    entries = as_mapping(node)
    reader.keys(entries, ("loss_below", "kernel_near"))
    if len(entries.entries) != 1:
        raise WrongNode(node, "outcome needs exactly one of loss_below and kernel_near")
    if "loss_below" in entries.entries:
        return {"loss_below": _ranged(entries.entries["loss_below"], "above 0")}
    return {key: _kernel(reader, each, call) for key, each in entries.entries.items()}


def _kernel(reader: Reader, node: Node, call: Plain) -> Any:
    spec = read_array(reader, node, call["layout"]["kernel"], dtype_of(call, "kernel"))
    right = call["arrays"]["kernel"]["shape"]
    if spec is not None and spec["shape"] != right:
        raise WrongNode(
            node, f"the kernel must have shape {list(right)} ({call['layout']['kernel']}), not {list(spec['shape'])}"
        )
    return spec


def _number(node: Node) -> float:
    if not isinstance(node, Scalar) or not node.is_plain:
        raise WrongNode(node, f"expected a number, not {described(node)}")
    try:
        return float(numbers.read(node.text, "float64"))
    except numbers.Unfit as unfit:
        raise WrongNode(node, unfit.message, unfit.hint) from None
