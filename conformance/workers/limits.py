"""On what terms workers run: in which interpreter, with which plugins, within which limits."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field

import psutil


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a worker may take before it is stopped."""

    #: Seconds for one call.
    timeout: float = 60.0
    #: Seconds for importing the framework and making the backend.
    start: float = 300.0
    #: Bytes of resident memory; by default half of the machine's.
    memory: int = field(default_factory=lambda: psutil.virtual_memory().total // 2)
    #: Deaths of one target in a batch of cases, after which the others of that batch are not run.
    deaths: int = 25
    #: Seconds between SIGTERM and SIGKILL.
    grace: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """What holds for every worker of a run."""

    limits: Limits = field(default_factory=Limits)
    #: Modules to import before the framework, such as a device's plugin.
    preload: tuple[str, ...] = ()
    #: Whether the adapters' own limits are ignored.
    audit: bool = False
    #: What is asked of rounding, one of `verdict.POLICIES`.
    precision: str = "declared"
    #: Whether it is looked for what explains a wrong output; who only counts verdicts does without.
    diagnose: bool = True
    python: str = sys.executable
    #: Set from outside: every worker ends soon, and what was not yet seen is lost.
    stopped: threading.Event = field(default_factory=threading.Event)
