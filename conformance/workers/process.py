"""The parent's side of one worker process: start it, read its messages, watch its limits, stop it."""

from __future__ import annotations

import errno
import json
import mmap
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from ..core import Array, Malformed, Message, Observation, from_message, is_duration, printable
from . import wire
from .boot import FINDER_SOURCE
from .limits import Terms
from .targets import Adapter
from .watch import TICK, Watch, end_tree, signal_name
from .worker import PHASES, PROGRESS, PROGRESS_SIZE

#: The number of the smoke call, which is made before the call of any case.
SMOKE = -1

#: The largest number of lines of a worker's output that are shown if it does not start.
LINES = 15

#: Whether each worker has a keeper, a process between the suite and the worker: see keeper.py.
HAS_KEEPER = sys.platform == "linux"

#: Stands for a message that cannot be read because the message before it stated wrong sizes.
_LOST: Message = {"lost": True}

#: Seconds that a keeper has to end after its worker has been killed.
_PATIENCE = 6.0

#: The program of a worker; the worker's interpreter runs it with `-I -c`.
BOOT = f"""
import sys
places = dict(zip(("conv_conformance", "conv_conformance.backends"), sys.argv[1:3]))
{FINDER_SOURCE}
from conv_conformance.workers.worker import main
main(*sys.argv[3:])
"""


@dataclass(frozen=True, kw_only=True)
class TargetReady:
    """The backend was constructed and completed the smoke call; `about` is the backend's description of itself."""

    about: Message
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TargetFailed:
    """The target could not run; `is_fault` is true if the adapter is at fault, and not the machine or installation."""

    reason: str
    is_fault: bool = False
    traceback: str = ""
    #: The last lines that the worker printed.
    printed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CallSeen:
    """The observation of the call with the number `number`."""

    number: int
    observation: Observation


Event: TypeAlias = "TargetReady | TargetFailed | CallSeen"


class Interrupted(Exception):
    """The caller stopped the run (`Terms.stopped`)."""


class Died(Exception):
    """A worker ended, or was stopped, before it had answered all calls."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Worker:
    """A worker process with its files and pipes."""

    def __init__(
        self,
        terms: Terms,
        adapter: Adapter,
        messages: Sequence[bytes],
        follow_ups: Mapping[int, Sequence[int]] = MappingProxyType({}),
        raised: Iterable[int] = (),
        *,
        is_unbuffered: bool = False,
    ) -> None:
        self._limits = terms.limits
        self._stopped = terms.stopped
        self._is_ours = not adapter.command
        self._folder = tempfile.TemporaryDirectory(prefix="conv-conformance-")
        calls, progress = (Path(self._folder.name, name) for name in ("calls", "progress"))
        try:
            with calls.open("wb") as file:
                file.writelines([_header(terms, adapter, follow_ups, raised, is_unbuffered=is_unbuffered), *messages])
            self._progress = _new_progress(progress)
        except OSError as error:
            self._folder.cleanup()
            place = tempfile.gettempdir()
            raise OSError(f"{place}: cannot be written: {error.strerror} (set TMPDIR to another folder)") from error
        self._observations, theirs = os.pipe()
        try:
            command = [*_command(terms, adapter), str(calls), str(progress), str(theirs)]
            self._process = subprocess.Popen(
                [*_keeper(command[0], self._limits.grace, theirs, self._folder.name), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs],
                env=_environment(adapter),
                start_new_session=True,
            )
        except OSError:
            self._release()
            raise
        finally:
            os.close(theirs)
        self._stream = wire.Stream()
        #: Whether the last message stated sizes that cannot be, so that its end may be elsewhere.
        self._is_misaligned = False
        self._printed = b""
        self._expected: deque[int] = deque()
        self.is_ready = False

    def events(self, expected: Sequence[int]) -> Iterator[Event]:
        """
        Yield the events of the worker until it has answered the calls with the numbers `expected`, in this order.

        Raises:
            Died: if the worker ends, or is stopped at a limit, before it has answered these calls.
            Interrupted: if the caller stops the run.

        """
        self._expected = deque(expected)
        ready: TargetReady | None = None
        for message, arrays in self._messages():
            if message is _LOST:
                return
            if "case" in message and ready is not None:
                self._check_order(message["case"])
                observation = _observation(message, arrays)
                self._expected.popleft()
                event = _event(message["case"], observation, ready)
                yield event
                if not self._expected or isinstance(event, TargetFailed):
                    return
            elif _is_ready(message):
                self.is_ready = True
                self._unlink()
                ready = TargetReady(about=message["ready"], seconds=message.get("seconds", 0.0))
            elif "done" in message and self.is_ready:
                if len(self._expected) == len(expected):
                    raise Died("suite-error", "the worker reported `done` before it had answered any call")
                return
            else:
                yield _not_made(message)
                return

    def _check_order(self, number: int) -> None:
        if not self._expected or number != self._expected[0]:
            raise Died("suite-error", f"the worker answered call {number} out of order")

    def culprit(self, death: Died) -> int:
        """
        Return the number of the call that caused the death.

        It is the call that the worker began last, or the next expected call if that one is already answered.
        A malformed message is attributed to the next expected call, even if the worker has begun a later call.
        """
        number, _ = PROGRESS.unpack_from(self._progress)
        is_making = death.outcome != "suite-error" and number in self._expected
        return number if is_making else self._expected[0]

    @property
    def phase(self) -> str:
        """The last phase that the worker marked: idle, prepare, call or fetch."""
        return PHASES[PROGRESS.unpack_from(self._progress)[1]]

    def call_text(self, number: int) -> str:
        """Return an expression that makes call `number`; empty if the worker wrote none, or began a later call."""
        if PROGRESS.unpack_from(self._progress)[0] != number:
            return ""
        return printable(self._progress[PROGRESS.size :].partition(b"\0")[0].decode(errors="replace"))

    @property
    def last_words(self) -> str:
        """The last line that the worker printed, in brackets; empty if it printed nothing."""
        return f"[last output: {self.printed[-1][-200:]}]" if self.printed else ""

    @property
    def printed(self) -> tuple[str, ...]:
        """The last lines that the worker printed, without blank lines: at most LINES."""
        lines = printable(self._printed.decode(errors="replace")).splitlines()
        return tuple([line.rstrip() for line in lines if line.strip()][-LINES:])

    def _messages(self) -> Iterator[tuple[Message, dict[str, Array]]]:
        with selectors.DefaultSelector() as selector:
            assert self._process.stdout is not None
            selector.register(self._observations, selectors.EVENT_READ)
            selector.register(self._process.stdout, selectors.EVENT_READ)
            watch = Watch(self._limits)
            while True:
                for key, _ in selector.select(TICK):
                    piece = os.read(key.fd, 1 << 20)
                    if key.fd != self._observations:
                        self._printed = (self._printed + piece)[-4096:]
                        if not piece:
                            selector.unregister(key.fileobj)
                    elif piece:
                        yield from self._messages_in(piece)
                    else:
                        raise self._ended()
                if self._process.poll() is not None:
                    # Another process may hold the pipe open, so its end may never come.
                    for piece in _available(self._observations):
                        yield from self._messages_in(piece)
                    raise self._ended()
                self._stop_if_due(watch)

    def _messages_in(self, piece: bytes) -> Iterator[tuple[Message, dict[str, Array]]]:
        try:
            for message, arrays in self._stream.feed(piece):
                self._is_misaligned = bool(message.get("impossible"))
                yield message, arrays
        except Malformed as error:
            if self._is_misaligned:
                yield _LOST, {}
            raise Died("suite-error", f"the worker's stream is broken: {error}") from error

    def _stop_if_due(self, watch: Watch) -> None:
        if self._stopped.is_set():
            raise Interrupted
        number, _ = PROGRESS.unpack_from(self._progress)
        reason = watch.overdue((number, len(self._expected)), self.is_ready)
        outcome = "timeout"
        if not reason and (reason := watch.swollen(self._process.pid)):
            outcome = "crash"
        if reason:
            self._stop()
            raise Died(outcome, reason)

    def _ended(self) -> Died:
        try:
            code = self._process.wait(self._limits.timeout)
        except subprocess.TimeoutExpired:
            return Died("suite-error", "the worker closed its stream but did not exit")
        self._read_rest()
        if not self._stream.is_empty and code == 0:
            return Died("suite-error", "the last message of the worker is truncated")
        if code < 0:
            return Died("crash", f"killed by {signal_name(-code)}")
        return Died("crash", f"the process ended with exit code {code}")

    def _read_rest(self) -> None:
        assert self._process.stdout is not None
        for piece in _available(self._process.stdout.fileno()):
            self._printed = (self._printed + piece)[-4096:]

    def _stop(self) -> None:
        """Ask the process to end by SIGTERM, and kill it after the seconds of grace."""
        self._signal(signal.SIGTERM)
        # The keeper sends SIGKILL after the seconds of grace.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._limits.grace + (_PATIENCE if HAS_KEEPER else 0))
        self._kill()

    def close(self) -> None:
        """End the process and its descendants, by SIGKILL if they do not exit, and remove its files."""
        if self._process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._limits.grace if not self._expected else 0)
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._release()

    def _kill(self) -> None:
        if HAS_KEEPER:
            # A process that has ended may have left its number to another one.
            if self._process.poll() is not None:
                return
            self._signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
                return
        end_tree(self._process.pid)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """Send a signal to the keeper, or without a keeper to the process group of the worker."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _unlink(self) -> None:
        """
        Remove the files of a worker that is ready, so that no files are left if this parent process is killed.

        The Python worker has mapped both files before it reports that it is ready. A worker in another language may
        open the files later, so they are kept until the worker is closed.
        """
        if self._is_ours:
            self._folder.cleanup()

    def _release(self) -> None:
        os.close(self._observations)
        self._progress.close()
        self._folder.cleanup()


def _available(descriptor: int) -> Iterator[bytes]:
    """Yield what a pipe holds, without waiting for more."""
    os.set_blocking(descriptor, False)
    with suppress(BlockingIOError):
        while piece := os.read(descriptor, 1 << 20):
            yield piece


def _new_progress(path: Path) -> mmap.mmap:
    path.write_bytes(PROGRESS.pack(SMOKE - 1, 0).ljust(PROGRESS_SIZE, b"\0"))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), PROGRESS_SIZE, access=mmap.ACCESS_READ)


def _is_ready(message: Message) -> bool:
    about, mappings = message.get("ready"), ("settings", "result_dtypes", "precision")
    if (
        not isinstance(about, dict)
        or not isinstance(about.get("framework"), str)
        or not is_duration(message.get("seconds", 0.0))
    ):
        return False
    return all(isinstance(about.get(name, {}), dict) for name in mappings)


def _observation(message: Message, arrays: dict[str, Array]) -> Observation:
    try:
        return from_message(message, arrays)
    except Malformed as error:
        raise Died("suite-error", f"the worker's stream is broken: {error}") from error


def _event(number: int, observation: Observation, ready: TargetReady) -> Event:
    if number != SMOKE:
        return CallSeen(number=number, observation=observation)
    return ready if observation.outcome in ("returned", "unsupported") else _smoke_failed(observation)


def _smoke_failed(observation: Observation) -> TargetFailed:
    return TargetFailed(
        reason=f"its first call, a plain conv1d, failed: {observation.message}",
        is_fault=observation.outcome == "suite-error",
        traceback=observation.traceback,
    )


def _not_made(message: Message) -> TargetFailed:
    if "unavailable" in message:
        return TargetFailed(reason=printable(message["unavailable"]))
    reason = printable(message.get("broken", "the first message of the worker is not part of the protocol"))
    return TargetFailed(reason=reason, is_fault=True, traceback=printable(message.get("traceback", "")))


def _header(
    terms: Terms,
    adapter: Adapter,
    follow_ups: Mapping[int, Sequence[int]] = MappingProxyType({}),
    raised: Iterable[int] = (),
    *,
    is_unbuffered: bool = False,
) -> bytes:
    header = {
        "protocol": wire.PROTOCOL,
        "target": str(adapter.target),
        "name": adapter.target.name,
        "mode": adapter.target.mode,
        "device": adapter.target.device,
        "adapter": adapter.locator,
        "path": _path(adapter),
        "preload": list(terms.preload),
        "audit": terms.audit,
        "follow_ups": {str(number): list(triggers) for number, triggers in follow_ups.items()},
        "raised": sorted(raised),
        "unbuffered": is_unbuffered,
    }
    return json.dumps(header).encode() + b"\n"


def _path(adapter: Adapter) -> list[str]:
    """
    Return the folders that a worker appends to the `sys.path` of its interpreter.

    The current folder is included only for an adapter that the user named by import string or file. For other adapters,
    a file in the current folder could shadow a module of a framework. A worker in another environment gets no folders,
    because it would import modules of this environment from them.
    """
    if adapter.python:
        return []
    here = Path.cwd()
    folders = [path for path in map(Path, filter(None, sys.path)) if path.resolve() != here]
    return list(map(str, [here, *folders] if adapter.is_foreign else folders))


def _command(terms: Terms, adapter: Adapter) -> Sequence[str]:
    if adapter.command:
        return adapter.command
    assert adapter.python or not adapter.release, f"{adapter} has no interpreter"
    from .. import backends

    packages = [str(Path(__file__).parents[1]), str(Path(backends.__file__).parent)]
    return [adapter.python or terms.python, "-I", "-c", BOOT, *packages]


def _keeper(program: str, grace: float, descriptor: int, folder: str) -> Sequence[str]:
    """
    Return the beginning of the command that starts a worker in a keeper; empty on platforms without a keeper.

    Raises:
        OSError: if the program of the worker does not exist; `subprocess` reports this only without a keeper.

    """
    if not HAS_KEEPER:
        return ()
    if shutil.which(program) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    script = str(Path(__file__).with_name("keeper.py"))
    return [sys.executable, "-I", "-S", script, str(os.getpid()), str(grace), str(descriptor), folder]


def _environment(adapter: Adapter) -> dict[str, str]:
    environment = dict(os.environ)
    # Workers share the cores, so OpenMP threads that spin while they wait would slow down other workers.
    environment.setdefault("OMP_WAIT_POLICY", "passive")
    if adapter.is_exclusive:
        # By default JAX and TensorFlow reserve nearly all memory of a GPU, which would leave none for the next worker.
        environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    return environment
