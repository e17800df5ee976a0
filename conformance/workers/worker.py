"""
The worker process, in which one target makes its calls.

It reads a file of calls, writes observations to a pipe, and marks in a small memory-mapped file which call it has
begun; see docs/reference/protocol.md.
Needs only the standard library and NumPy: it runs in any environment with Python 3.10 or later.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import mmap
import os
import re
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, perf_counter
from typing import Any, Protocol

import numpy as np

from ..core import (
    NARROW,
    Array,
    Call,
    Message,
    Outputs,
    Prepared,
    Raised,
    Refused,
    Target,
    Unavailable,
    backend_attribute,
    give_back,
    numpy_type,
)
from . import wire
from .training_loop import fitted

#: The numbers of the phases of a call in the progress file.
IDLE, PREPARE, CALL, FETCH = range(4)
PHASES = ("idle", "prepare", "call", "fetch")
PROGRESS = struct.Struct("<qq")
#: Size of the progress file in bytes: two integers, then the text of the call, terminated by a zero byte.
PROGRESS_SIZE = 4096

#: Observations are sent when CHUNK of them are pending, or when the oldest is AGE seconds old.
CHUNK, AGE = 64, 0.05

#: After every GIVE_BACK calls, the worker returns unused memory to the operating system.
GIVE_BACK = 256

#: If an error message on a device other than the CPU contains one of these texts, the worker must end, because the
#: device can no longer be used in its process.
DEVICE_ERRORS = (
    "CUDA error",
    "cudaError",
    "CUDNN_STATUS",
    "HIP error",
    "device-side assert",
    "an illegal memory access",
)

#: Lower-case texts in messages which show that an error is due to the machine's memory and not to the call.
MEMORY_ERRORS = ("out of memory", "allocate memory", "resource_exhausted", "resourceexhausted", "oom when allocating")


class Progress:
    """Writes number, phase and text of the current call to a mapped file; the parent reads it if this process dies."""

    def __init__(self, path: str) -> None:
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), PROGRESS_SIZE)

    def mark(self, case: int, phase: int, words: str = "") -> None:
        text = words.encode(errors="replace")
        room = PROGRESS_SIZE - PROGRESS.size
        written = text + b"\0" if len(text) < room else b"\0"
        self._map[PROGRESS.size : PROGRESS.size + len(written)] = written
        PROGRESS.pack_into(self._map, 0, case, phase)


class CallMarks(Protocol):
    """Receives the number and the phase of each call that begins, and the text of the call once it is known."""

    def mark(self, case: int, phase: int, words: str = "") -> None:
        """Store the number of a call, its phase, and its text as an expression that can be pasted."""


class Outbox:
    """Collects observations and writes them in chunks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: list[bytes] = []
        self._since = 0.0

    def put(self, message: bytes) -> None:
        if not self._waiting:
            self._since = monotonic()
        self._waiting.append(message)
        if len(self._waiting) >= CHUNK or monotonic() - self._since > AGE:
            self.flush()

    def flush(self) -> None:
        rest = memoryview(b"".join(self._waiting))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._waiting.clear()


def main(calls: str, progress: str, descriptor: str) -> None:
    """Make the calls in the file `calls`; write observations to the file descriptor `descriptor`."""
    _stay_with_parent()
    outbox = Outbox(_guarded(int(descriptor)))
    marks = Progress(progress)
    with open(calls, "rb") as file:
        buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    at = buffer.find(b"\n")
    header = wire.unpack(buffer[:at])[0]
    backend, ready = _start(header)
    outbox.put(wire.pack(ready))
    outbox.flush()
    if backend is None:
        return
    bench = TargetCaller(backend, header, marks)
    # The objects of a framework live until the process ends, so exclude them from garbage collection.
    gc.collect()
    gc.freeze()
    made, process = 0, os.getpid()
    while (end := buffer.find(b"\n", at + 1)) >= 0:
        number, form = wire.unpack_call(buffer[at + 1 : end])
        observation, is_device_lost = bench.answer(number, form, buffer, end + 1)
        if os.getpid() != process:  # a call forked, and returned in both processes
            os._exit(0)
        marks.mark(number, IDLE)
        outbox.put(observation)
        if number < 0 or header.get("unbuffered"):
            outbox.flush()
        if is_device_lost:
            break
        at = end + form.size
        made += 1
        if made % GIVE_BACK == 0:
            give_back()
    outbox.put(wire.pack({"done": True}))
    outbox.flush()
    # All results are sent. Skip the shutdown of the interpreter, because a loaded framework may hang or crash in it.
    os._exit(0)


def _stay_with_parent() -> None:
    """Make this process end when its parent ends: by a death signal on Linux, and by the end of standard input."""
    if sys.platform == "linux":
        set_death_signal = 1
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    threading.Thread(target=_watch_lifeline, args=(os.dup(0),), daemon=True).start()


def _watch_lifeline(descriptor: int) -> None:
    with suppress(OSError):
        while os.read(descriptor, 1):
            pass
    os._exit(1)


def _guarded(descriptor: int) -> int:
    """Return a duplicate of `descriptor`; redirect stdout to stderr, so that no printed text mixes with messages."""
    moved = os.dup(descriptor)
    os.close(descriptor)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return moved


def _start(header: Message) -> tuple[Any, Message]:
    """Return the backend, or None if it cannot be constructed, and the first message to the parent."""
    began = perf_counter()
    try:
        if header["protocol"] != wire.PROTOCOL:
            raise Unavailable(f"this worker supports {wire.PROTOCOL}, and the suite uses {header['protocol']}")
        sys.path.extend(path for path in header["path"] if path not in sys.path)
        for module in header["preload"]:
            importlib.import_module(module)
        target = Target(name=header["name"], mode=header["mode"], device=header["device"])
        backend = _backend(header["adapter"], target)
        return backend, {"ready": _described(backend), "seconds": perf_counter() - began}
    except (Unavailable, ImportError) as error:
        return None, {"unavailable": error_text(error)}
    except Exception as error:
        return None, {"broken": error_text(error), "traceback": traceback.format_exc()}


def _backend(adapter: str, target: Target) -> Any:
    place, _, name = adapter.rpartition(":")
    module = _module_at(place) if place.endswith(".py") else importlib.import_module(place)
    made = getattr(module, name, None)
    if made is None:
        raise Unavailable(f"{place} has no {name!r}")
    if target.mode and target.mode not in backend_attribute(made, "modes"):
        raise Unavailable(f"{target.name} has no mode {target.mode!r}")
    return made() if made.__init__ is object.__init__ else made(target)


def _module_at(path: str) -> Any:
    name = os.path.basename(path).removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not os.path.exists(path):
        raise Unavailable(f"{path}: no such file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _described(backend: Any) -> Message:
    return {
        "framework": _named(backend.framework),
        "version": str(backend_attribute(backend, "version")),
        "settings": {name: str(value) for name, value in backend_attribute(backend, "settings").items()},
        "result_dtypes": dict(backend_attribute(backend, "result_dtypes")),
        "precision": dict(backend_attribute(backend, "precision")),
        "fragile": bool(backend_attribute(backend, "fragile")),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }


def _named(framework: object) -> str:
    if not isinstance(framework, str):
        raise TypeError(f"its framework is {framework!r}, which is no name")
    return framework


class TargetCaller:
    """Makes the calls of one backend and packs their observations."""

    def __init__(self, backend: Any, header: Message, marks: CallMarks) -> None:
        self._backend = backend
        self._limits = tuple(backend_attribute(backend, "limits"))
        self._differentiates = bool(backend_attribute(backend, "differentiates"))
        self._differentiates_twice = bool(backend_attribute(backend, "differentiates_twice"))
        self._is_audit = header["audit"]
        self._is_device = header["device"] != "cpu"
        self._marks = marks
        #: Number of a call -> numbers of its triggers: the call is made only if at least one of its triggers raised.
        self._follow_ups = {int(number): asking for number, asking in header.get("follow_ups", {}).items()}
        self._raised = set(header.get("raised", ()))
        #: Key of a form -> the reason why the API cannot express calls of this form, empty if the API can.
        self._unsaid: dict[bytes, str] = {}

    def answer(self, number: int, form: wire.Form, buffer: Any, offset: int) -> tuple[bytes, bool]:
        """Make one call by `observe`, or skip the call if it is a follow-up and none of its triggers raised."""
        if number in self._follow_ups and self._raised.isdisjoint(self._follow_ups[number]):
            return wire.pack({"case": number, "outcome": "skipped"}), False
        return self.observe(number, form, buffer, offset)

    def observe(self, number: int, form: wire.Form, buffer: Any, offset: int) -> tuple[bytes, bool]:
        """Make one call; return the packed observation, and whether an error made the device unusable."""
        phase, reason, words = PREPARE, "", ""
        self._marks.mark(number, phase)
        try:
            call = form.call(buffer, offset)
            if lacking := self._lacking(call):
                return _unsupported(number, lacking), False
            if (reason := self._why_unsaid(call, form)) and not self._is_audit:
                return _unsupported(number, reason), False
            run = self._prepared(call)
            words = run.call if isinstance(run, Prepared) else ""
            self._marks.mark(number, phase := CALL, words)
            began = perf_counter()
            outputs, is_steady = _repeated(run, call, form)
            seconds = perf_counter() - began
            self._marks.mark(number, phase := FETCH, words)
            return _returned(number, call, outputs, is_steady, seconds, reason), False
        except (Raised, Refused) as error:
            self._raised.add(number)
            return _raised(number, error, phase, words), self._is_device and _is_device_error(error)
        except Exception as error:
            if reason:  # audit: the adapter declared the call unsupported
                return _unsupported(number, reason), False
            report = {"case": number, "outcome": "suite-error", "phase": PHASES[phase]}
            return wire.pack(
                {**report, "message": error_text(error), "traceback": traceback.format_exc()[-4000:]}
            ), False

    def _prepared(self, call: Call) -> Callable[[], Outputs]:
        if call.training is None:
            made: Callable[[], Outputs] = self._backend.prepare(call)
            return made
        fit = backend_attribute(self._backend, "fit")
        return fit(call) if fit is not None else lambda: fitted(call, self._backend.prepare)

    def _lacking(self, call: Call) -> str:
        if call.gradients and not self._differentiates:
            return "gradients: the adapter has none"
        if call.second_order and not self._differentiates_twice:
            return "second_order: the adapter has no gradients of gradients"
        return ""

    def _why_unsaid(self, call: Call, form: wire.Form) -> str:
        if form.key not in self._unsaid:
            reasons = [limit.reason for limit in self._limits if limit.holds(call)]
            self._unsaid[form.key] = reasons[0] if reasons else ""
        return self._unsaid[form.key]


def _repeated(run: Callable[[], Outputs], call: Call, form: wire.Form) -> tuple[Outputs, bool]:
    """Make the call once, twice or in threads; return the first outputs, and whether all outputs are bitwise equal."""
    count = call.variation.threads
    if count > 1:
        outputs = _at_once(run, count)
    else:
        outputs = [run(), run()] if form.is_repeated else [run()]
    return outputs[0], all(_same_bits(outputs[0], other) for other in outputs[1:])


def _at_once(run: Callable[[], Outputs], count: int) -> list[Outputs]:
    barrier = threading.Barrier(count)
    outputs: list[Outputs] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            barrier.wait()
            outputs.append(run())
        except BaseException as error:  # raised again in the thread of the caller
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return outputs


def _same_bits(one: Outputs, other: Outputs) -> bool:
    return all(
        np.asarray(array).tobytes() == np.asarray(other.arrays[at]).tobytes() for at, array in one.arrays.items()
    )


def _unsupported(case: int, reason: str) -> bytes:
    return wire.pack({"case": case, "outcome": "unsupported", "message": reason})


def _returned(case: int, call: Call, outputs: Outputs, steady: bool, seconds: float, limit: str) -> bytes:
    if not isinstance(outputs, Outputs):
        raise TypeError(f"prepare's closure must return Outputs, not {type(outputs).__name__}")
    if missing := {f"second.{name}" for name in call.second_order} - outputs.arrays.keys():
        raise TypeError(f"the adapter returned no {min(missing)}")
    message = {"case": case, "outcome": "returned", "call": outputs.call, "seconds": round(seconds, 7)}
    if outputs.composed:
        message["composed"] = True
    if limit:
        message["limit"] = limit
    if not steady:
        message["unsteady"] = True
    if any(array.tobytes() != before for array, before in call.placed):
        message["inputs_changed"] = True
    return wire.pack(message, {at: _fetched(at, array, call) for at, array in outputs.arrays.items()})


def _fetched(at: str, array: Any, call: Call) -> tuple[str, Array]:
    if array is None:
        raise TypeError(f"{at} is None")
    fetched = np.asarray(array)
    if fetched.dtype.kind in "OSUMm":
        raise TypeError(f"{at} has dtype {fetched.dtype}, which the case format does not have")
    name = wire.name_of(fetched.dtype)
    if call.training is not None:  # kernels and losses keep the dtype of the training loop
        return name, fetched
    # `gradient.input` and `second.input` have the dtype of `input`; `output` and `inference` have the output dtype.
    kind, _, name_of_array = at.partition(".")
    wanted = call.dtype_of(name_of_array) if kind in ("gradient", "second") else call.dtype.output or ""
    # Without ml_dtypes, NumPy holds the dtypes in NARROW as integers, so that its dtype does not identify them.
    held_as_bits = wanted in NARROW and name == wire.name_of(numpy_type(wanted))
    return (wanted if held_as_bits else name), fetched


def _raised(case: int, error: Exception, phase: int, words: str = "") -> bytes:
    cause = _cause(error)
    text = error_text(cause)
    message = {"case": case, "outcome": "raised", "phase": PHASES[phase], "message": text}
    message |= {"call": words} if words else {}
    if isinstance(cause, (MemoryError, ImportError)) or any(mark in text.lower() for mark in MEMORY_ERRORS):
        message["environment"] = True
    return wire.pack(message)


def _is_device_error(error: Exception) -> bool:
    text = error_text(_cause(error))
    return any(mark in text for mark in DEVICE_ERRORS)


def _cause(error: Exception) -> BaseException:
    return error.__cause__ if isinstance(error, Raised) and error.__cause__ else error


_FRAME = re.compile(r'^ *File ".*", line \d+.*\n+', re.MULTILINE)


def error_text(error: BaseException) -> str:
    """Return the type and the text of an error, at most 2,000 characters, even if its `__str__` raises."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return f"{name}: (its text is not available)"
    # Remove stack frames from the message: they name files of this machine and do not describe the call.
    return _FRAME.sub("", f"{name}: {text}")[:2000]
