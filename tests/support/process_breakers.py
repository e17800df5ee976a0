"""
Miniatures that break their process, or the processes around it, on a marked call, and are honest on every other.

tests/end_to_end/test_process_breakers.py lists what the suite must find on them.
"""

from __future__ import annotations

import ctypes
import gc
import locale
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from conv_conformance.core.backend import Outputs, Target, ask
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array

from tests.support.miniatures import honest, is_marked, misbehaving, note, result, returning


def daemon() -> None:
    """Leave a process behind that no longer has a parent, nor the session of its ancestors."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note_process()
            time.sleep(240)
        os._exit(0)
    time.sleep(0.1)


def note_process() -> None:
    """Write down this process, for a test that looks whether it is gone."""
    if "MINIATURE_NOTES" in os.environ:
        note(str(os.getpid()))


def kill(process: int, number: int) -> NoReturn:
    """Send a signal, and wait for what it does."""
    os.kill(process, number)
    time.sleep(5)
    raise AssertionError


def first(act: Callable[[], Any]) -> type:
    """Return a backend that does something before it answers a marked call rightly."""

    def answer(call: Call) -> Outputs:
        act()
        return honest(call)

    return misbehaving(answer)


def saying(error: BaseException) -> type:
    """Return a backend whose framework raises an exception."""

    def fail() -> NoReturn:
        raise error

    return misbehaving(lambda call: ask(fail))


def raising(error: BaseException) -> type:
    """Return a backend that raises an exception itself."""

    def fail(call: Call) -> NoReturn:
        raise error

    return misbehaving(fail)


# --- it dies, in unusual ways

dies_of_a_real_time_signal = first(lambda: kill(os.getpid(), 40))
dies_beside_a_daemon = first(lambda: (daemon(), kill(os.getpid(), signal.SIGSEGV)))
leaves_without_a_fault = first(lambda: os._exit(0))


class IsFragile(leaves_without_a_fault):  # type: ignore[valid-type, misc]
    """Says that its calls commonly end the process."""

    fragile = True


kills_its_parent = first(lambda: kill(os.getppid(), signal.SIGTERM))
kills_its_parent_at_once = first(lambda: kill(os.getppid(), signal.SIGKILL))
kills_its_group = first(lambda: (os.killpg(0, signal.SIGTERM), time.sleep(5)))
interrupts_itself = raising(KeyboardInterrupt("mine"))
leaves_its_generator = raising(GeneratorExit())
interrupts_its_framework = saying(KeyboardInterrupt())


class Own(BaseException):
    """An exception that is no Exception."""


raises_its_own = raising(Own("base"))


class Fatal(Exception):
    """An error whose text ends the process."""

    def __str__(self) -> str:
        return str(os._exit(3))


dies_of_its_message = saying(Fatal())


@misbehaving
def recurses_without_a_limit(call: Call) -> Outputs:
    sys.setrecursionlimit(10**8)

    def deeper(depth: int) -> int:
        return max([deeper(depth + 1)], key=lambda _: deeper(depth))

    deeper(0)
    return honest(call)


# --- it does not come back

stops_itself = first(lambda: os.kill(os.getpid(), signal.SIGSTOP))


@first
def hangs_with_a_child() -> None:
    child = subprocess.Popen(["sleep", "240"])
    if "MINIATURE_NOTES" in os.environ:
        note(str(child.pid))
    time.sleep(240)


@misbehaving
def ignores_all_signals(call: Call) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


# --- it has children

leaves_a_daemon = first(daemon)


@first
def leaves_a_session() -> None:
    child = subprocess.Popen(["sleep", "240"], start_new_session=True)
    if "MINIATURE_NOTES" in os.environ:
        note(str(child.pid))


@misbehaving
def returns_twice(call: Call) -> Outputs:
    os.fork()
    return honest(call)


@misbehaving
def grows_in_a_child(call: Call) -> NoReturn:
    if os.fork() == 0:
        kept = [np.ones(25 << 17) for _ in range(40)]
        time.sleep(240)
        os._exit(len(kept))
    while True:
        time.sleep(1)


@misbehaving
def shares_its_memory(call: Call) -> Outputs:
    """Fork ten children that share all their memory with it."""
    for _ in range(10):
        if os.fork() == 0:
            time.sleep(240)
            os._exit(0)
    time.sleep(0.5)
    return honest(call)


# --- it changes its process

changes_its_folder = first(lambda: os.chdir("/"))
forgets_its_environment = first(lambda: (os.environ.clear(), os.umask(0o777)))
closes_its_streams = first(lambda: os.closerange(0, 3))
replaces_its_streams = first(lambda: [setattr(sys, name, None) for name in ("stdin", "stdout", "stderr")])
speaks_another_language = first(lambda: locale.setlocale(locale.LC_ALL, "C"))
is_strict_about_numbers = first(lambda: (np.seterr(all="raise"), warnings.simplefilter("error")))
reads_its_input = first(sys.stdin.read)
lowers_its_limits = first(lambda: [resource.setrlimit(name, (0, 0)) for name in (resource.RLIMIT_FSIZE,)])
is_nice = first(lambda: (os.nice(5), gc.disable(), sys.setswitchinterval(1e-9)))
leaves_threads = first(
    lambda: [threading.Thread(target=time.sleep, args=(240,)).start() for _ in range(30)],
)


def _spin() -> None:
    while True:
        pass


leaves_busy_threads = first(lambda: [threading.Thread(target=_spin, daemon=True).start() for _ in range(3)])


@misbehaving
def writes_into_every_pipe(call: Call) -> Outputs:
    """Write a forged answer into each pipe that it finds."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and os.readlink(f"/proc/self/fd/{name}").startswith("pipe:"):
                os.write(int(name), b'{"case":2,"outcome":"unsupported"}\n')
        except OSError:
            pass
    return honest(call)


# --- what it breaks shows later


def _fails(*_: Any, **__: Any) -> NoReturn:
    raise ValueError("replaced")


breaks_numpy = first(lambda: setattr(np, "asarray", _fails))
breaks_its_modules = first(sys.modules.clear)


class IsOffByOneAfterwards:
    """Keeps something from a marked call that it adds to every later result."""

    framework = "miniature"

    def __init__(self, target: Target) -> None:
        self._rest = 0

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        rest, self._rest = self._rest, self._rest or int(is_marked(call))
        return lambda: Outputs({**honest(call).arrays, "output": result(call) + call.input.dtype.type(rest)}, "rest()")


# --- it returns what cannot be used


class HostileArray:
    """Ends the process when its elements are wanted."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise SystemExit("hostile")

    def __repr__(self) -> str:
        raise KeyboardInterrupt


class Shifty:
    """Has another shape each time."""

    count = 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        Shifty.count += 1
        return np.zeros((Shifty.count,), np.float32)


returns_a_list = misbehaving(lambda call: [1, 2])
returns_objects = returning(lambda y: np.array([object()]))
returns_hostility = returning(lambda y: HostileArray())
returns_another_shape = returning(lambda y: Shifty())
returns_other_names = misbehaving(
    lambda call: Outputs({"output": result(call), 5: np.zeros(2), "x\x1b[31m": np.zeros(1)}, "names()")  # type: ignore[dict-item]
)
returns_too_much = returning(lambda y: np.broadcast_to(np.float32(1), (1 << 22, 1 << 16, 1)))

_BUFFER = np.zeros(1 << 16, np.float32)


@misbehaving
def reuses_a_buffer(call: Call) -> Outputs:
    y = result(call)
    view = _BUFFER[: y.size].reshape(y.shape)
    view[...] = y
    return Outputs({"output": view}, "buffer()")


@misbehaving
def writes_behind_an_array(call: Call) -> Outputs:
    """Overwrite the memory behind an array; what that breaks, if anything, shows later or never."""
    y = honest(call)
    scratch = np.zeros(8, np.float32)
    ctypes.memset(scratch.ctypes.data + scratch.nbytes - 4, 0x41, 4)
    return y


# --- it talks too much, or nonsense

HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07\u202eright to left\u2066<script>alert(1)</script>]]>"
    "\n::error file=a::injected\r::warning::y | `code` \ud800 \0"
)
says_too_much = saying(ValueError("y" * (20 << 20)))
says_escapes = saying(ValueError(HOSTILE))
calls_itself_too_much = misbehaving(lambda call: Outputs({"output": result(call) + 1}, "z" * (20 << 20)))
calls_itself_escapes = misbehaving(lambda call: Outputs({"output": result(call) + 1}, HOSTILE))
calls_itself_a_number = misbehaving(lambda call: Outputs({"output": result(call) + 1}, 5))  # type: ignore[arg-type]


@misbehaving
def prints_garbage_and_dies(call: Call) -> NoReturn:
    os.write(2, HOSTILE.encode(errors="replace"))
    os.abort()


# --- it does not start


class Starts:
    """The base of backends that misbehave before any call."""

    framework = "miniature"

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return lambda: honest(call)


class LeavesAtTheStart(Starts):
    """Ends the process without a word."""

    def __init__(self, target: Target) -> None:
        os._exit(0)


class SaysGoodbyeAtTheStart(Starts):
    """Raises SystemExit."""

    def __init__(self, target: Target) -> None:
        sys.exit("no licence")


class HangsAtTheStart(Starts):
    """Does not come back."""

    def __init__(self, target: Target) -> None:
        time.sleep(240)


class InterruptsTheStart(Starts):
    """Raises KeyboardInterrupt."""

    def __init__(self, target: Target) -> None:
        raise KeyboardInterrupt


class LimitsRaise(Starts):
    """Cannot say what it cannot do."""

    @property
    def limits(self) -> NoReturn:
        raise SystemExit(2)


class FrameworkIsANumber(Starts):
    """Has no name."""

    framework = 5  # type: ignore[assignment]


class SettingsAreANumber(Starts):
    """Has settings without names."""

    settings = 7


class InterruptsThePreparation(Starts):
    """Raises KeyboardInterrupt before there is a closure."""

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        if is_marked(call):
            raise KeyboardInterrupt
        return super().prepare(call)


NOT_A_CLASS = 5


def returns_nothing(target: Target) -> None:
    """Construct nothing."""
