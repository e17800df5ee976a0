"""One worker process as the parent sees it: started, heard, watched, and stopped."""

from __future__ import annotations

import json
import mmap
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import TypeAlias

import psutil

from ..core import Array, Malformed, Message, Observation, from_message, is_duration, printable
from . import wire
from .boot import FINDER_SOURCE
from .limits import Limits, Terms
from .targets import Adapter
from .worker import PHASES, PROGRESS, PROGRESS_SIZE

#: The number of the smoke call, which goes ahead of every case.
SMOKE = -1

#: How often the parent looks whether a worker still moves, in seconds.
TICK = 0.05

#: Runs in the worker's interpreter, isolated.
BOOT = f"""
import sys
places = dict(zip(("conv_conformance", "conv_conformance.backends"), sys.argv[1:3]))
{FINDER_SOURCE}
from conv_conformance.workers.worker import main
main(*sys.argv[3:])
"""


@dataclass(frozen=True, kw_only=True)
class TargetReady:
    """The backend was made and its smoke call was completed; `about` is what it says of itself."""

    about: Message
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TargetFailed:
    """The target could not run at all; `is_fault` where the adapter is to blame, not the machine."""

    reason: str
    is_fault: bool = False
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class CallSeen:
    """What became of the call with this number."""

    number: int
    observation: Observation


Event: TypeAlias = "TargetReady | TargetFailed | CallSeen"


class Interrupted(Exception):
    """The run was stopped from outside."""


class Died(Exception):
    """A worker ended, or was stopped, before it had done what it was asked."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Worker:
    """One process, its files and its pipes."""

    def __init__(
        self,
        terms: Terms,
        adapter: Adapter,
        messages: Sequence[bytes],
        follow_ups: Mapping[int, Sequence[int]] = MappingProxyType({}),
        raised: Iterable[int] = (),
    ) -> None:
        self._limits = terms.limits
        self._stopped = terms.stopped
        self._is_ours = not adapter.command
        self._folder = tempfile.TemporaryDirectory(prefix="conv-conformance-")
        calls, progress = (Path(self._folder.name, name) for name in ("calls", "progress"))
        try:
            with calls.open("wb") as file:
                file.writelines([_header(terms, adapter, follow_ups, raised), *messages])
            self._progress = _new_progress(progress)
        except OSError as error:
            self._folder.cleanup()
            place = tempfile.gettempdir()
            raise OSError(f"{place}: cannot be written: {error.strerror} (TMPDIR can name another folder)") from error
        self._observations, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*_command(terms, adapter), str(calls), str(progress), str(theirs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs],
                env=_environment(adapter),
                start_new_session=True,
            )
        except OSError:
            self._forget()
            raise
        finally:
            os.close(theirs)
        self._stream = wire.Stream()
        self._printed = b""
        self._expected: deque[int] = deque()
        self.is_ready = False

    def events(self, expected: Sequence[int]) -> Iterator[Event]:
        """
        Yield what the worker says, until it has done everything that is `expected` of it, in this order.

        Raises:
            Died: if it ends before.

        """
        self._expected = deque(expected)
        ready: TargetReady | None = None
        for message, arrays in self._messages():
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
                    raise Died("suite-error", "the worker said that it was done, and had answered nothing")
                return
            else:
                yield _not_made(message)
                return

    def _check_order(self, number: int) -> None:
        if not self._expected or number != self._expected[0]:
            raise Died("suite-error", f"the worker answered call {number} when another was its turn")

    def culprit(self, death: Died) -> int:
        """
        Return the call to blame: the one last begun, if it was not answered, else the next in turn.

        A stream that breaks does so in the answer whose turn it was, whatever the worker has begun since.
        """
        number, _ = PROGRESS.unpack_from(self._progress)
        is_making = death.outcome != "suite-error" and number in self._expected
        return number if is_making else self._expected[0]

    @property
    def phase(self) -> str:
        """The phase in which the worker stands or stood: prepare, call or fetch."""
        return PHASES[PROGRESS.unpack_from(self._progress)[1]]

    def words_of(self, number: int) -> str:
        """Return a call that it has begun as an expression that can be pasted; nothing where it has not said it."""
        if PROGRESS.unpack_from(self._progress)[0] != number:
            return ""
        return printable(self._progress[PROGRESS.size :].partition(b"\0")[0].decode(errors="replace"))

    @property
    def last_words(self) -> str:
        """The end of what the worker printed."""
        text = printable(self._printed[-600:].decode(errors="replace")).strip()
        return f"[last output: {text.splitlines()[-1][-200:]}]" if text else ""

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
                        yield from self._cut(piece)
                    else:
                        raise self._ended()
                self._stop_if_due(watch)

    def _cut(self, piece: bytes) -> Iterator[tuple[Message, dict[str, Array]]]:
        try:
            yield from self._stream.feed(piece)
        except Malformed as error:
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
            return Died("suite-error", "the worker closed its stream and did not end")
        self._hear_out()
        if not self._stream.is_empty and code == 0:
            return Died("suite-error", "the worker's last message was cut short")
        if code < 0:
            return Died("crash", f"killed by {signal.Signals(-code).name}")
        return Died("crash", f"the process ended with exit code {code}")

    def _hear_out(self) -> None:
        """Read what a process that has ended had still printed; one that it left behind may hold the pipe open."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        os.set_blocking(descriptor, False)
        with suppress(BlockingIOError):
            while piece := os.read(descriptor, 1 << 20):
                self._printed = (self._printed + piece)[-4096:]

    def _stop(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._limits.grace)
                return

    def close(self) -> None:
        """End the process, whatever it does, and remove its files."""
        if self._process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._limits.grace if not self._expected else 0)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._forget()

    def _unlink(self) -> None:
        """
        Remove the files of a worker that is ready, so that they are gone with the processes, even if these are killed.

        Our own has both of them mapped before it says so; another one may open them when it likes.
        """
        if self._is_ours:
            self._folder.cleanup()

    def _forget(self) -> None:
        os.close(self._observations)
        self._progress.close()
        self._folder.cleanup()


class Watch:
    """Notices that a worker no longer moves, or has grown too large."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._mark: tuple[object, ...] = ()
        self._since = monotonic()
        self._weighed = monotonic()

    def overdue(self, mark: tuple[int, int], is_ready: bool) -> str:
        """Return why the worker must be stopped, or an empty text; `mark` is the call it has begun, and how many it owes."""
        now = monotonic()
        limit = self._limits.timeout if is_ready else self._limits.start
        # To have become ready is a move too: the first call is not begun at the very instant.
        if (*mark, is_ready) != self._mark:
            self._mark, self._since = (*mark, is_ready), now
        return f"no end within {limit:g} s" if now - self._since > limit else ""

    def swollen(self, pid: int) -> str:
        """Return why the worker must be stopped for the memory it takes, or an empty text."""
        now = monotonic()
        if now - self._weighed < 2 * TICK:
            return ""
        self._weighed = now
        with suppress(psutil.Error):
            if (size := psutil.Process(pid).memory_info().rss) > self._limits.memory:
                return f"its memory grew to {size / 2**30:.1f} GiB"
        return ""


def _new_progress(path: Path) -> mmap.mmap:
    path.write_bytes(PROGRESS.pack(SMOKE - 1, 0).ljust(PROGRESS_SIZE, b"\0"))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), PROGRESS_SIZE, access=mmap.ACCESS_READ)


def _is_ready(message: Message) -> bool:
    about, mappings = message.get("ready"), ("settings", "result_dtypes", "precision")
    if not isinstance(about, dict) or "framework" not in about or not is_duration(message.get("seconds", 0.0)):
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
    reason = printable(message.get("broken", "the worker's first message is none of the protocol's"))
    return TargetFailed(reason=reason, is_fault=True, traceback=printable(message.get("traceback", "")))


def _header(
    terms: Terms,
    adapter: Adapter,
    follow_ups: Mapping[int, Sequence[int]] = MappingProxyType({}),
    raised: Iterable[int] = (),
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
        "follow_ups": {str(number): list(asking) for number, asking in follow_ups.items()},
        "raised": sorted(raised),
    }
    return json.dumps(header).encode() + b"\n"


def _path(adapter: Adapter) -> list[str]:
    """
    Return where a worker looks for modules besides its own interpreter's places.

    The current folder only for a stranger's import string: a file there must not be taken for a framework's module.
    In another environment no places of this one: its modules would be taken for those of that environment.
    """
    if adapter.python:
        return []
    here = Path.cwd()
    places = [path for path in map(Path, filter(None, sys.path)) if path.resolve() != here]
    return list(map(str, [here, *places] if adapter.is_foreign else places))


def _command(terms: Terms, adapter: Adapter) -> Sequence[str]:
    if adapter.command:
        return adapter.command
    assert adapter.python or not adapter.release, f"{adapter} was not given its interpreter"
    from .. import backends

    places = [str(Path(__file__).parents[1]), str(Path(backends.__file__).parent)]
    return [adapter.python or terms.python, "-I", "-c", BOOT, *places]


def _environment(adapter: Adapter) -> dict[str, str]:
    environment = dict(os.environ)
    # Workers share the cores: a thread of OpenMP that spins while it waits takes them from the others.
    environment.setdefault("OMP_WAIT_POLICY", "passive")
    if adapter.is_exclusive:
        # Otherwise these frameworks take nearly all of a GPU's memory, and the next worker gets none.
        environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    return environment
