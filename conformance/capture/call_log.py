"""
The log of the convolutions that a program makes while it runs.

This module needs only the standard library, because it runs inside the program, in any environment with Python 3.10 or
later. The log holds shapes, layouts, dtypes and memory order of arrays, but not their values. On request it also holds
the largest magnitude in each array.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import Signature
from pathlib import Path
from types import CodeType, FrameType, MappingProxyType
from typing import Any, NamedTuple

#: The batch size that is written if a graph is traced with an unknown batch size.
BATCH = 2
UNKNOWN = f"traced for any batch size, written as {BATCH}"

#: The maximum number of stack frames that `is_called_from` inspects.
CALLERS = 14


class Unsayable(Exception):
    """The case format cannot express a convolution; the message is the reason."""


class Operand(NamedTuple):
    """
    An array of a call, as the program passed it to the framework.

    `letters` names the axes, such as `NCHW`. An extent in `shape` is None if it is unknown while a graph is traced.
    `strides` are in elements, or None if the framework has no strides. `array` is the framework's array object, which
    is read only if magnitudes are requested.
    """

    letters: str
    shape: Sequence[int | None]
    dtype: str
    strides: Sequence[int] | None = None
    array: Any = None

    def extent(self, letter: str) -> int:
        """
        Return the extent of one axis.

        Raises:
            Unsayable: if the extent is unknown.

        """
        size = self.shape[self.letters.index(letter)]
        if size is None:
            raise Unsayable(f"the size of axis {letter} of {self.letters} is unknown while the graph is traced")
        return int(size)


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """
    One convolution with the parameters of the case format; `said_by` is the function or operation that was called.

    `strides`, dilations and `output_padding` have one entry for each spatial axis. `padding` is a mode such as `same`,
    or a pair [low, high] for each spatial axis.
    """

    op: str
    arrays: Mapping[str, Operand]
    output: str
    said_by: str
    framework: str
    strides: Sequence[int]
    padding: str | Sequence[Sequence[int]]
    dilations: Sequence[int]
    input_dilations: Sequence[int] = ()
    output_padding: Sequence[int] = ()
    groups: int = 1
    is_compiled: bool = False

    def plain(self) -> dict[str, Any]:
        """
        Return the entry for the log; its item `call` has the keys of the case format, and shapes instead of arrays.

        Raises:
            Unsayable: if a spatial extent or a number of channels is unknown.

        """
        notes: list[str] = []
        call: dict[str, Any] = {"op": self.op}
        call["layout"] = {name: each.letters for name, each in self.arrays.items() if name != "bias"}
        call["layout"]["output"] = self.output
        call["dtype"] = {name: each.dtype for name, each in self.arrays.items()}
        call["shapes"] = {name: _sizes(each, notes) for name, each in self.arrays.items()}
        storage = {name: _storage(each, name, notes) for name, each in self.arrays.items() if each.strides is not None}
        call["storage"] = {name: word for name, word in storage.items() if word != "contiguous"}
        for name in ("strides", "dilations", "input_dilations", "output_padding"):
            call[name] = [int(value) for value in getattr(self, name)]
        call["padding"] = self.padding if isinstance(self.padding, str) else [[int(a), int(b)] for a, b in self.padding]
        call["groups"] = int(self.groups)
        how = "compiled or traced" if self.is_compiled else ""
        return {"call": call, "said_by": self.said_by, "framework": self.framework, "how": how, "notes": notes}


def bound_arguments(parameters: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by parameter name, including defaults."""
    bound = parameters.bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def is_called_from(holds: Callable[[CodeType], bool]) -> bool:
    """Return whether `holds` is true for the code object of one of the CALLERS nearest callers."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(CALLERS):
        if frame is None:
            return False
        if holds(frame.f_code):
            return True
        frame = frame.f_back
    return False


def magnitude(array: Any) -> float:
    """Return the largest magnitude in an array; NaN if the array is empty, or has no values while a graph is traced."""
    try:
        if hasattr(array, "detach"):
            return float(array.detach().abs().max())
        # JAX and TensorFlow need NumPy, so NumPy is installed. `numpy()` returns the values of a TensorFlow tensor.
        import numpy as np

        values = np.asarray(array.numpy() if hasattr(array, "numpy") else array)
        return float(np.abs(values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)).max())
    except Exception:
        return float("nan")


def _sizes(operand: Operand, notes: list[str]) -> list[int]:
    sizes = []
    for letter, size in zip(operand.letters, operand.shape, strict=True):
        is_open = size is None and letter == "N"
        if is_open:
            notes.append(UNKNOWN)
        sizes.append(BATCH if is_open else operand.extent(letter))
    return sizes


def _storage(operand: Operand, name: str, notes: list[str]) -> str:
    shape, strides = [int(size or BATCH) for size in operand.shape], operand.strides or ()
    word, is_exact = storage_of(operand.letters, shape, strides)
    if not is_exact:
        notes.append(f"the {name} has strides {list(strides)}, written as {word}")
    return word


def storage_of(letters: str, shape: Sequence[int], strides: Sequence[int]) -> tuple[str, bool]:
    """Return the case format's `storage` nearest to `strides` (in elements), and whether it has just these strides."""
    held = [axis for axis, size in enumerate(shape) if size != 1]
    if 0 in shape:
        return "contiguous", True

    def lies_as(order: Sequence[int]) -> bool:
        dense = _dense(shape, order)
        return all(strides[axis] == dense[axis] for axis in held)

    channel = next((letters.index(letter) for letter in "CI" if letter in letters), len(letters) - 1)
    axes = list(range(len(shape)))
    if lies_as(axes):
        return "contiguous", True
    if lies_as([axis for axis in axes if axis != channel] + [channel]):
        return "channels_last", True
    if lies_as(axes[::-1]):
        return "transposed", True
    if any(strides[axis] == 0 for axis in held):
        # All elements along an axis of stride 0 share memory, so generated values, which differ, need other strides.
        return "contiguous", False
    inner = min((strides[axis] for axis in held), default=1)
    return ("offset" if inner == 1 else "strided"), False


def _dense(shape: Sequence[int], order: Sequence[int]) -> dict[int, int]:
    strides, step = {}, 1
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return strides


def log_of(path: Path) -> Path:
    """Return the path of the log, which exists until the case file at `path` is written."""
    return path.with_name(f"{path.name}.part")


@dataclass(eq=False)
class Sightings:
    """
    The log of a capture: a call is written as a JSON line when it is new, and again whenever its count has doubled.

    So if the program is killed, the log has all distinct calls, and their counts within a factor of two.
    Several processes may append to one log; the count in a line is the count of the process `pid`.
    """

    path: str
    #: Whether the largest magnitude in each array is logged.
    ranges: bool = False
    _counts: dict[str, int] = field(default_factory=dict)
    _largest: dict[str, dict[str, float]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)
    _local: Any = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.register_at_fork(after_in_child=self._counts.clear)

    def see(self, said_by: str, look: Callable[[], Sighting | None]) -> None:
        """
        Count the call that `look` returns, or the reason why `look` cannot express it; do nothing inside `silently`.

        Exceptions are logged and not raised, because a capture must not stop the program.
        """
        if self.is_silent:
            return
        try:
            if (sighting := look()) is not None:
                arrays = sighting.arrays if self.ranges else {}
                self._count(sighting.plain(), {name: magnitude(each.array) for name, each in arrays.items()})
        except Unsayable as reason:
            self.miss(said_by, str(reason))
        except Exception as error:
            self.miss(said_by, f"fault in the suite: {type(error).__name__}: {error}")

    def miss(self, said_by: str, reason: str) -> None:
        """Count a call that the case format cannot express, with the reason."""
        self._count({"unsaid": reason, "said_by": said_by})

    @property
    def is_silent(self) -> bool:
        """Whether this thread is inside a call that is already counted."""
        return getattr(self._local, "depth", 0) > 0

    @contextmanager
    def silently(self) -> Iterator[None]:
        """Ignore calls of this thread in the `with` block, because they are part of a call that is already counted."""
        self._local.depth = getattr(self._local, "depth", 0) + 1
        try:
            yield
        finally:
            self._local.depth -= 1

    def _count(self, plain: Mapping[str, Any], largest: Mapping[str, float] = MappingProxyType({})) -> None:
        text = json.dumps(plain)
        with self._lock:
            known = self._largest.setdefault(text, {})
            known.update({name: max(value, known.get(name, 0.0)) for name, value in largest.items() if value >= 0})
            count = self._counts[text] = self._counts.get(text, 0) + 1
            if count & (count - 1) == 0:
                self._write(text, count)

    def _write(self, text: str, count: int) -> None:
        largest = json.dumps(self._largest[text])
        line = f'{{"pid": {os.getpid()}, "count": {count}, "largest": {largest}, "seen": {text}}}\n'
        os.write(self._file, line.encode())

    def settle(self) -> None:
        """Write the current counts to the log."""
        with self._lock:
            for text, count in self._counts.items():
                self._write(text, count)
