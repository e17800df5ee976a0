"""The terms under which workers run: interpreter, preloaded plugins, limits on time and memory."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field

import psutil


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits at which a worker is stopped."""

    #: Seconds for one call.
    timeout: float = 60.0
    #: Seconds for importing the framework and constructing the backend.
    start: float = 300.0
    #: Bytes of resident memory; the default is half of the machine's memory.
    memory: int = field(default_factory=lambda: psutil.virtual_memory().total // 2)
    #: From this number of crashes and timeouts on, calls that resemble those that ended a worker are no longer made.
    deaths: int = 25
    #: Seconds that a worker has to end after SIGTERM, before it gets SIGKILL.
    grace: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """The terms that apply to every worker of a run."""

    limits: Limits = field(default_factory=Limits)
    #: Modules to import before the framework, such as a device's plugin.
    preload: tuple[str, ...] = ()
    #: Whether calls that an adapter declares unsupported are made nevertheless.
    audit: bool = False
    #: The required precision, one of `verdict.POLICIES`.
    precision: str = "declared"
    #: Whether wrong outputs are diagnosed; callers that only count verdicts disable the diagnosis.
    diagnose: bool = True
    #: The interpreter that runs the workers.
    python: str = sys.executable
    #: The caller sets this event to stop all workers. Results that have not been read by then are lost.
    stopped: threading.Event = field(default_factory=threading.Event)
