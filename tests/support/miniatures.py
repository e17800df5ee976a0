"""
A zoo of lying backends, each wrong in one way on a recognisable call, and honest on every other.

A function below is what one of them does with a call that is marked (stride 2); `misbehaving` makes a backend of it.
The cases are in zoo.py, and what the suite must find on them in findings.py.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.backend import Limit, Outputs, Raised, Refused, Target, ask
from conv_conformance.core.call import Call, Variation
from conv_conformance.core.storage import Array

HONEST = NumPy()


def honest(call: Call) -> Outputs:
    """Return what NumPy returns; variations have the same result, and are taken as plain calls here."""
    outputs = HONEST.prepare(replace(call, variation=Variation()))()
    if not call.variation.shape_inference:
        return outputs
    return stating(outputs, np.zeros_like(outputs.arrays["output"]))


def stating(outputs: Outputs, inference: Array) -> Outputs:
    """Return outputs with what was stated of them ahead of the call."""
    return outputs._replace(arrays={"output": outputs.arrays["output"], "inference": inference})


def result(call: Call) -> Array:
    """Return the array that NumPy returns."""
    return honest(call).arrays["output"]


def is_marked(call: Call) -> bool:
    """Say whether a miniature misbehaves on this call."""
    return set(call.strides) == {2}


def is_smoke(call: Call) -> bool:
    """Say whether this is the first call that every target must complete."""
    return call.input.tolist() == [[[0], [3], [4], [5]]] and call.kernel is not None and call.kernel.shape == (2, 1, 1)


def misbehaving(act: Callable[[Call], Any], *, when: Callable[[Call], bool] = is_marked) -> type:
    """Return a backend that answers with `act(call)` where `when(call)` holds."""

    class Miniature:
        framework = "miniature"

        def prepare(self, call: Call) -> Callable[[], Any]:
            return lambda: act(call) if when(call) else honest(call)

    return Miniature


def returning(change: Callable[[Array], Any], *, when: Callable[[Call], bool] = is_marked) -> type:
    """Return a backend that changes what it returns."""

    def act(call: Call) -> Outputs:
        return Outputs({**honest(call).arrays, "output": change(result(call))}, "miniature()")

    return misbehaving(act, when=when)


def inferring(infer: Callable[[Call, Array], Array]) -> type:
    """Return a backend that states `infer(call, output)` of its outputs."""

    def act(call: Call) -> Outputs:
        outputs = honest(call)
        return stating(outputs, infer(call, outputs.arrays["output"]))

    return misbehaving(act, when=lambda call: call.variation.shape_inference)


# --- it dies


@misbehaving
def segfault(call: Call) -> None:
    ctypes.string_at(0)


@misbehaving
def aborts(call: Call) -> None:
    os.abort()


@misbehaving
def leaves(call: Call) -> None:
    os._exit(3)


@misbehaving
def says_goodbye(call: Call) -> None:
    sys.exit("goodbye")


@misbehaving
def grows(call: Call) -> NoReturn:
    """Take ever more memory, and stop at 1.5 GB for the machine's sake."""
    kept = []
    while True:
        if len(kept) < 60:
            kept.append(np.ones(25 << 17))
        time.sleep(0.01)


dies_of_everything = misbehaving(lambda call: os._exit(9), when=lambda call: not is_smoke(call))


# --- it does not come back


@misbehaving
def hangs(call: Call) -> NoReturn:
    while True:
        time.sleep(1)


@misbehaving
def hangs_on(call: Call) -> NoReturn:
    """Hang, deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


@misbehaving
def babbles(call: Call) -> NoReturn:
    while True:
        os.write(1, b"la la la\n" * 1000)


# --- it talks


@misbehaving
def complains(call: Call) -> Outputs:
    """Write three megabytes to stderr, one to stdout, and return the right result."""
    for _ in range(3000):
        os.write(2, b"W tensor_core.cc:42] " + b"?" * 1000 + b"\n")
    sys.stdout.write("{}\n" * 300_000)
    sys.stdout.flush()
    return honest(call)


# --- it raises


@misbehaving
def raises(call: Call) -> NoReturn:
    raise KeyError("no such layer")


class RaisesWhilePreparing:
    """Fails before there is a closure."""

    framework = "miniature"

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        if is_marked(call):
            raise IndexError("no such axis")
        return lambda: honest(call)


class Unspeakable(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@misbehaving
def raises_unspeakably(call: Call) -> NoReturn:
    raise Unspeakable


@misbehaving
def refuses_unspeakably(call: Call) -> NoReturn:
    raise Raised from Unspeakable()


@misbehaving
def is_not_written(call: Call) -> NoReturn:
    raise NotImplementedError("strides")


def _not_implemented() -> NoReturn:
    raise NotImplementedError("strides")


@misbehaving
def has_no_kernel(call: Call) -> Outputs:
    return ask(_not_implemented)


@misbehaving
def refuses_from_c(call: Call) -> Outputs:
    """Raise where there is no Python frame: shapes that do not fit, in a C function."""
    return ask(np.dot, np.ones((2, 3)), np.ones((2, 3)))  # type: ignore[arg-type]


@misbehaving
def runs_out_of_memory(call: Call) -> NoReturn:
    raise Raised from MemoryError("out of memory")


def _refuse(call: Call) -> NoReturn:
    raise Refused("not today")


refuses_everything = misbehaving(_refuse, when=lambda call: True)
refuses_everything_else = misbehaving(_refuse, when=lambda call: not is_smoke(call))


class UnsupportedEverything:
    """Has no words for anything."""

    framework = "miniature"
    limits = (Limit("no convolutions", lambda call: True),)

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return lambda: honest(call)


class NotThere:
    """Its framework cannot be imported."""

    framework = "miniature"

    def __init__(self, target: Target) -> None:
        import no_such_framework  # noqa: F401


class Broken:
    """A fault of the adapter, before any call."""

    framework = "miniature"

    def __init__(self, target: Target) -> None:
        raise RuntimeError("misspelt")


class Tracer:
    """Stands for an array while a compiler looks on: it has no value yet."""

    def __bool__(self) -> bool:
        raise TypeError("the truth value of a traced array is not known")


class FailsUnderACompiler:
    """Branches on a value: right when called, an error when traced."""

    framework = "miniature"

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        if call.variation.is_compiled:
            return lambda: honest(call) if ask(bool, Tracer()) else Outputs({})
        return lambda: honest(call)


# --- it returns something else

too_long = returning(lambda y: np.concatenate([y, y], axis=1))
too_wide = returning(lambda y: y.astype(np.float64))
not_a_number = returning(lambda y: y * np.float32("nan"))
nothing = returning(lambda y: None)
words = returning(lambda y: np.array([["six", "fourteen"]]))
nothing_at_all = misbehaving(lambda call: None)
no_outputs = misbehaving(lambda call: Outputs({}))
two_outputs = misbehaving(lambda call: Outputs({"output": result(call), "mask": result(call)}))
negative_zero = returning(lambda y: np.where(y == 0, np.float32("-0.0"), y))
off_by_one = returning(lambda y: y + 1)
off_the_grid = returning(lambda y: y + np.float32(2.0**-12))
channels_first = returning(lambda y: np.moveaxis(y, -1, 1), when=lambda call: True)


# --- it states something else ahead of the call

infers_no_window = inferring(lambda call, y: np.zeros_like(call.input))
infers_the_accumulator = inferring(lambda call, y: y.astype(np.float64))
infers_nothing = misbehaving(
    lambda call: Outputs({"output": result(call)}), when=lambda call: call.variation.shape_inference
)


def _hesitates(call: Call) -> Outputs:
    return ask(_not_implemented)


refuses_to_infer = misbehaving(_hesitates, when=lambda call: call.variation.shape_inference)


class Lazy:
    """An array whose computation fails when it is wanted."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise RuntimeError("the computation failed")


lazy = returning(lambda y: Lazy())
lazy_in_the_framework = misbehaving(lambda call: Outputs({"output": ask(np.asarray, Lazy())}))


def _flipped(call: Call) -> Outputs:
    assert call.kernel is not None
    axes = [call.letters("kernel").index(letter) for letter in call.spatial]
    return honest(replace(call, kernel=np.flip(call.kernel, axes)))


flips_the_kernel = misbehaving(_flipped, when=lambda call: True)


# --- it is not a function of its arguments


@misbehaving
def overwrites_its_input(call: Call) -> Outputs:
    outputs = honest(call)
    placed = call.place("input", call.layout.input)
    placed += 1
    return outputs


@misbehaving
def overwrites_the_case(call: Call) -> Outputs:
    outputs = honest(call)
    call.input[...] = 7
    return outputs


class RemembersStrides:
    """Makes each call with the strides of the one before."""

    framework = "miniature"

    def __init__(self, target: Target) -> None:
        self._strides: tuple[int, ...] = (1,)

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        strides, self._strides = self._strides, call.strides
        return lambda: honest(replace(call, strides=strides if len(strides) == call.rank else call.strides))


class Wavers:
    """Every second result is larger by one unit in the last place."""

    framework = "miniature"

    def __init__(self, target: Target) -> None:
        self._count = 0

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return lambda: self._answer(call)

    def _answer(self, call: Call) -> Outputs:
        self._count += 1
        y = result(call)
        is_rounded = not np.array_equal(y, np.rint(y))
        wavering = np.nextafter(y, np.float32("inf")) if is_rounded and self._count % 2 else y
        return Outputs({**honest(call).arrays, "output": wavering})


class IsNotReentrant:
    """Spoils the result of a call during which another is made."""

    framework = "miniature"

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        inside: list[Call] = []
        return lambda: self._answer(call, inside)

    def _answer(self, call: Call, inside: list[Call]) -> Outputs:
        inside.append(call)
        if call.variation.threads > 1:
            time.sleep(0.1)
        y = result(call) + len(inside) - 1
        inside.pop()
        return Outputs({**honest(call).arrays, "output": y.astype(call.dtype.output)})


class ReadsBesideTheInput:
    """Takes any input for a contiguous one."""

    framework = "miniature"

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        placed = call.place("input", call.layout.input)
        strides = np.empty(placed.shape, placed.dtype).strides
        read = np.lib.stride_tricks.as_strided(placed, placed.shape, strides)
        return lambda: honest(replace(call, input=np.array(read)))


# --- on a device


class Device:
    """A fake accelerator: notes when its process works, and is lost after a marked call."""

    framework = "miniature"

    def __init__(self, target: Target) -> None:
        self.settings = {"device": target.device, "process": str(os.getpid())}
        self._is_lost = False

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return lambda: ask(self._answer, call)

    def _answer(self, call: Call) -> Outputs:
        note(f"{os.getpid()}")
        if is_marked(call) or self._is_lost:
            self._is_lost = True
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        time.sleep(0.02)
        return honest(call)


def note(text: str) -> None:
    """Add a line to the file that the variable MINIATURE_NOTES names."""
    with open(os.environ["MINIATURE_NOTES"], "a", encoding="utf-8") as file:
        file.write(text + "\n")


@misbehaving
def waits_to_be_killed(call: Call) -> Outputs:
    """Note the process and wait, but only the first time."""
    if os.path.exists(os.environ["MINIATURE_NOTES"]):
        return honest(call)
    note(str(os.getpid()))
    time.sleep(30)
    return honest(call)
