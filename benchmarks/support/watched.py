"""
Trials in forked children, each watched for its processor time, its memory and its end.

One child makes many trials, in order. A child that dies, or that goes beyond a limit, is replaced by another for the
trials that follow.
"""

from __future__ import annotations

import json
import math
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import BinaryIO

#: Processor seconds that a trial may take, and bytes by which it may raise the peak of the memory of its process.
SECONDS, MEMORY = 5.0, 300_000_000
#: Bytes of address space beyond its own that a child may have, so that one trial does not take the machine's memory.
ADDRESSES = 6_000_000_000
#: Seconds without a result after which a child hangs.
PATIENCE = 60.0
#: Trials of one child.
BATCH = 250


@dataclass(frozen=True, kw_only=True)
class Result:
    """
    What a trial did: an outcome, processor seconds, bytes by which the peak of memory grew, and the exception's text.

    `outcome` is one that the trial returned, or `exception`, `slow`, `heavy`, `hangs` or `dies`.
    """

    number: int
    outcome: str
    seconds: float = 0.0
    memory: int = 0
    text: str = ""


FAILURES = ("exception", "slow", "heavy", "hangs", "dies")


def results(count: int, trial: Callable[[int], str]) -> Iterator[Result]:
    """Yield the result of `trial(number)` for each number below `count`; a trial returns its outcome."""
    numbers = list(range(count))
    while numbers:
        done = 0
        for result in _batch(numbers[:BATCH], trial):
            yield _alone(result, trial) if result.outcome == "heavy" else result
            done += 1
        numbers = numbers[done:]


def _alone(result: Result, trial: Callable[[int], str]) -> Result:
    """Return the result of a trial in a child of its own: what trials leave in memory adds up in one child."""
    return next(_batch([result.number], trial))


def _batch(numbers: Sequence[int], trial: Callable[[int], str]) -> Iterator[Result]:
    """Yield results of one child, up to that of the trial that ends it."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _make(numbers, trial, writing)
        finally:
            os._exit(0)
    os.close(writing)
    done = 0
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        try:
            for result in _received(pipe):
                done += 1
                yield result
        except TimeoutError:
            yield Result(number=numbers[done], outcome="hangs")
            return
        finally:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and done < len(numbers):
        name = signal.Signals(os.WTERMSIG(status)).name
        yield Result(number=numbers[done], outcome="slow" if name == "SIGXCPU" else "dies", seconds=SECONDS, text=name)


def _received(pipe: BinaryIO) -> Iterator[Result]:
    rest = b""
    while True:
        if not select.select([pipe], [], [], PATIENCE)[0]:
            raise TimeoutError
        piece = os.read(pipe.fileno(), 1 << 16)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from (Result(**json.loads(line)) for line in lines)


def _make(numbers: Sequence[int], trial: Callable[[int], str], writing: int) -> None:
    """Make trials in this process, and write each result; end after one that went beyond a limit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ADDRESSES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in numbers:
        # The kernel ends a process that computes beyond this limit, also inside one instruction of Python.
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(process_time() + SECONDS) + 1, resource.RLIM_INFINITY))
        result = _result(number, trial)
        os.write(writing, json.dumps(asdict(result)).encode() + b"\n")
        if result.outcome in ("slow", "heavy"):
            return


def _result(number: int, trial: Callable[[int], str]) -> Result:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak of memory begins at the memory of now
    began, before, text = process_time(), _peak(), ""
    try:
        outcome = trial(number)
    except BaseException:
        outcome, text = "exception", traceback.format_exc()[-6000:]
    seconds, memory = process_time() - began, _peak() - before
    if outcome != "exception" and seconds > SECONDS:
        outcome = "slow"
    elif outcome != "exception" and memory > MEMORY:
        outcome = "heavy"
    return Result(number=number, outcome=outcome, seconds=round(seconds, 3), memory=memory, text=text)


def _peak() -> int:
    """Return the peak of this process's resident memory in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
