"""Watching a worker and its descendants: time without progress, and memory."""

from __future__ import annotations

import signal
from contextlib import suppress
from time import monotonic

import psutil

from .limits import Limits

#: Seconds between two checks of a worker's progress and memory.
TICK = 0.05

#: The part of one core that weighing the memory may take.
SHARE = 0.02


class Watch:
    """Detects that a worker makes no progress, or uses too much memory together with its descendants."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._mark: tuple[object, ...] = ()
        self._since = monotonic()
        self._next_weighing = monotonic() + 2 * TICK

    def overdue(self, mark: tuple[int, int], is_ready: bool) -> str:
        """
        Return the reason to stop the worker if it has made no progress within its time limit, else an empty text.

        `mark` is a pair: the number of the call last begun, and the count of calls not yet answered.
        """
        now = monotonic()
        limit = self._limits.timeout if is_ready else self._limits.start
        # Becoming ready restarts the clock too, because the first call begins a little later.
        if (*mark, is_ready) != self._mark:
            self._mark, self._since = (*mark, is_ready), now
        return f"no end within {limit:g} s" if now - self._since > limit else ""

    def swollen(self, pid: int) -> str:
        """Return the reason to stop the process and its descendants if they use too much memory, else an empty text."""
        began = monotonic()
        if began < self._next_weighing:
            return ""
        size = memory_of_tree(pid, enough=self._limits.memory)
        now = monotonic()
        self._next_weighing = now + max(2 * TICK, (now - began) / SHARE)
        return f"its memory grew to {size / 2**30:.1f} GiB" if size > self._limits.memory else ""


def memory_of_tree(pid: int, *, enough: int = 0) -> int:
    """
    Return the bytes of memory that a process and its descendants use.

    Forked processes share pages. The sum of the resident sizes counts a shared page several times, but is quick. Only
    if this sum exceeds `enough` bytes are shared pages counted once (on Linux, where the proportional size is known).
    """
    tree = _tree(pid)
    quick = sum(_resident(process) for process in tree)
    return quick if quick <= enough or len(tree) == 1 else sum(_proportional(process) for process in tree)


def _tree(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _proportional(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    return _resident(process)


def end_tree(pid: int) -> None:
    """Kill a process and all its descendants that are known to descend from it."""
    for process in reversed(_tree(pid)):
        with suppress(psutil.Error):
            process.kill()


def signal_name(number: int) -> str:
    """Return the name of a signal, also of a real-time signal: `SIGSEGV`, `SIGRTMIN+6`."""
    with suppress(ValueError):
        return signal.Signals(number).name
    if hasattr(signal, "SIGRTMIN") and signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    return f"signal {number}"
