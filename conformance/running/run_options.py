"""The options of a run, named like the parameters of the command `run`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from ..core import SEVERITIES
from ..corpus import Selection
from ..records import Record
from ..workers import Limits, Terms
from . import resumption


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """
    The options of a run: cases, targets, terms of execution, ledgers, failure criteria, and output files.

    `timeout` is the time limit for one call in seconds, and `start_timeout` for the start of a worker. `deaths` is
    the number of crashes and timeouts after which similar calls are no longer made. `jobs` is the number of targets
    that run in parallel; None means the number of cores. `reports` maps names of reports (`junit`, `markdown`, `html`,
    `badge`) to files.
    """

    what: Sequence[str] = ()
    sweeps: Literal["none", "quick", "full"] = "quick"
    mutators: bool = False
    profile: str | None = None
    shard: str | None = None
    ops: Sequence[str] = ()
    dtypes: Sequence[str] = ()
    audit: bool = False
    precision: str = "declared"
    preload: Sequence[str] = ()
    backends: Sequence[str] = ()
    every: bool = False
    ledgers: Sequence[str] = ()
    no_known: bool = False
    fail_on: Sequence[str] = SEVERITIES
    # A resumed run may change the options below.
    jobs: int | None = None
    timeout: float = 60.0
    start_timeout: float = 300.0
    deaths: int = 25
    tap_audit: bool = True
    strict_known: bool = False
    record: Path | None = None
    resume: Path | None = None
    reports: Mapping[str, Path | None] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        """The options that select cases."""
        return Selection(**{option.name: getattr(self, option.name) for option in fields(Selection)})

    @property
    def terms(self) -> Terms:
        """The terms under which workers make the calls."""
        limits = Limits(timeout=self.timeout, start=self.start_timeout, deaths=self.deaths)
        return Terms(limits=limits, preload=tuple(self.preload), audit=self.audit, precision=self.precision)

    def resumed(self, earlier: Record, given: Collection[str]) -> RunOptions:
        """
        Return these options with the values that the record `resume` fixes; `earlier` is the content of the record.

        `given` names the parameters that the user stated.

        Raises:
            Invalid: if the user stated another value than the record.

        """
        assert self.resume is not None
        stated: dict[str, Any] = {name: getattr(self, name) for name in given if name in resumption.KEPT}
        return replace(self, **resumption.agreed(self.resume, earlier.header, stated))
