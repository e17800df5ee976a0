"""The workers of a run: each target has one process, and a new process replaces a process that dies."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from ..core import RAISED, Observation
from .limits import Terms
from .process import SMOKE, CallSeen, Died, Event, TargetFailed, TargetReady, Worker
from .targets import Adapter

T = TypeVar("T")

#: Number of a call -> numbers of its triggers: the call is made only if at least one of its triggers raised.
FollowUps: TypeAlias = Mapping[int, Sequence[int]]
NONE: FollowUps = MappingProxyType({})

#: The end of the message on a death that occurred again when the call was made alone.
REPRODUCED = "reproduces alone"


#: Returns why the call with a number should not be made after many deaths; empty if it should be made.
Avoidance: TypeAlias = Callable[[int], str]


def observe(
    terms: Terms,
    adapter: Adapter,
    smoke: bytes,
    calls: Sequence[bytes],
    follow_ups: FollowUps = NONE,
    avoidance: Avoidance = lambda _: "",
) -> Generator[Event, None, None]:
    """
    Make the calls, which are packed messages, on one target; skip a follow-up if none of its triggers raised.

    The number of a call is its position in `calls`. Yield `TargetReady`, then a `CallSeen` for every call in any order.
    If the target cannot run, the last event is `TargetFailed`.
    A call that ends its worker is reported as a crash or timeout. This call is made once more, in a separate worker,
    and the report states whether the second attempt failed too.
    When the number of deaths has reached `Limits.deaths`, calls for which `avoidance` returns a reason are `not-run`,
    unless the backend declares itself fragile. If no call was answered by then, no more calls are made.
    """
    return Service(terms, adapter, smoke, calls, follow_ups, avoidance).events()


def for_each_target(
    adapters: Sequence[Adapter], results: Callable[[Adapter], Iterable[T]], terms: Terms, jobs: int
) -> list[T]:
    """
    Return the results for all targets, in the order of the targets.

    Up to `jobs` targets are served in parallel, but targets on an accelerator one at a time. If one raises,
    the workers of all targets are stopped.
    """
    alone = threading.Lock()

    def of(adapter: Adapter) -> list[T]:
        with alone if adapter.is_exclusive else nullcontext():
            return list(results(adapter))

    with ThreadPoolExecutor(jobs) as threads:
        try:
            return [each for found in threads.map(of, adapters) for each in found]
        except BaseException:
            terms.stopped.set()
            raise


class Service:
    """The progress of one target: the calls still to be made, and the calls that ended a worker."""

    def __init__(
        self,
        terms: Terms,
        adapter: Adapter,
        smoke: bytes,
        calls: Sequence[bytes],
        follow_ups: FollowUps,
        avoidance: Avoidance,
    ) -> None:
        self._terms = terms
        self._adapter = adapter
        self._smoke = smoke
        self._calls = calls
        self._follow_ups = follow_ups
        self._avoidance = avoidance
        self._raised: set[int] = set()
        self._waiting = deque(range(len(calls)))
        self._deaths: list[CallSeen] = []
        #: The number of waiting calls that the next worker makes; 0 for all.
        self._apart = 0
        self._is_ready = False
        self._is_fragile = False
        self._has_answered = False

    def events(self) -> Generator[Event, None, None]:
        """Start workers until all calls are made that should be made."""
        has_failed = False
        while (self._waiting or not self._is_ready) and not has_failed:
            if len(self._deaths) >= self._terms.limits.deaths:
                yield from self._avoided()
                if not self._waiting:
                    return
            for event in self._from_one_worker():
                yield event
                has_failed = has_failed or isinstance(event, TargetFailed)

    def _from_one_worker(self) -> Iterator[Event]:
        waiting, self._apart = list(self._waiting)[: self._apart or None], 0
        expected = [*([] if self._is_ready else [SMOKE]), *waiting]
        try:
            worker = self._worker(expected)
        except OSError as error:
            yield TargetFailed(reason=f"the worker cannot be started: {error}")
            return
        try:
            for event in worker.events(expected):
                yield event
                self._note(event)
        except Died as death:
            yield self._death_event(worker, death)
        finally:
            worker.close()

    def _worker(self, expected: Sequence[int]) -> Worker:
        messages = [self._call(number) for number in expected]
        # After a death, no answer waits in the worker, because the next death would lose it.
        is_unbuffered = bool(self._deaths)
        return Worker(self._terms, self._adapter, messages, self._follow_ups, self._raised, is_unbuffered=is_unbuffered)

    def _call(self, number: int) -> bytes:
        return self._smoke if number == SMOKE else self._calls[number]

    def _note(self, event: Event) -> None:
        if isinstance(event, CallSeen):
            self._waiting.popleft()
            self._has_answered = True
            if event.observation.outcome == RAISED:
                self._raised.add(event.number)
        elif isinstance(event, TargetReady):
            self._is_ready = True
            self._is_fragile = bool(event.about.get("fragile", False))

    def _death_event(self, worker: Worker, death: Died) -> Event:
        culprit = worker.culprit(death)
        message = f"{death.reason} {worker.last_words}".strip()
        if not self._is_ready:
            is_fault, printed = death.outcome == "suite-error", worker.printed
            if len(printed) > 1:
                return TargetFailed(reason=death.reason, is_fault=is_fault, printed=printed)
            return TargetFailed(reason=message, is_fault=is_fault)
        before = self._waiting.index(culprit)
        self._waiting.remove(culprit)
        if death.outcome != "suite-error":
            alone = self._outcome_alone(culprit)
            message = f"{message}; {alone}"
            # One of the calls before it, whose answers are lost, may have caused the death. The next worker makes only
            # these calls, so that they cause no second one.
            self._apart = 0 if alone == REPRODUCED else before
        text = worker.call_text(culprit)
        observation = Observation(outcome=death.outcome, message=message, phase=worker.phase, call=text)
        self._deaths.append(CallSeen(number=culprit, observation=observation))
        return self._deaths[-1]

    def _outcome_alone(self, number: int) -> str:
        try:
            worker = Worker(self._terms, self._adapter, [self._calls[number]])
        except OSError:
            return "could not be made alone"
        try:
            events = list(worker.events([number]))
        except Died:
            return REPRODUCED if worker.is_ready else "could not be made alone"
        finally:
            worker.close()
        seconds = [event.observation.seconds for event in events if isinstance(event, CallSeen)]
        return f"did not happen again when made alone ({seconds[0]:.1f} s)" if seconds else "could not be made alone"

    def _avoided(self) -> Iterator[CallSeen]:
        """Yield the calls that are not made because of the deaths so far, as `not-run`."""
        reasons = {number: self._reason(number) for number in self._waiting}
        self._waiting = deque(number for number in self._waiting if not reasons[number])
        for number, reason in reasons.items():
            if reason:
                yield CallSeen(number=number, observation=Observation(outcome="not-run", message=f"not run: {reason}"))

    def _reason(self, number: int) -> str:
        if not self._has_answered:
            return f"each of the first {len(self._deaths)} calls ended the worker"
        return "" if self._is_fragile else self._avoidance(number)
