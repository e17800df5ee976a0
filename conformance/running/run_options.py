"""What a run is asked for, by the names of the parameters of the command `run`."""

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
    Which cases are run, on which targets, how, against which ledgers, on what the run fails, and which files it writes.

    `timeout` is in seconds, for one call. `jobs` is the number of targets at once, None for the number of cores.
    `reports` maps the names of reports (`junit`, `markdown`, `html`, `badge`) to the files that are to be written.
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
    # What a run may change when it goes on with a record.
    jobs: int | None = None
    timeout: float = 60.0
    tap_audit: bool = True
    strict_known: bool = False
    record: Path | None = None
    resume: Path | None = None
    reports: Mapping[str, Path | None] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        """The cases as a selection."""
        return Selection(**{each.name: getattr(self, each.name) for each in fields(Selection)})

    @property
    def terms(self) -> Terms:
        """How workers make the calls."""
        limits = Limits(timeout=self.timeout)
        return Terms(limits=limits, preload=tuple(self.preload), audit=self.audit, precision=self.precision)

    def resumed(self, earlier: Record, given: Collection[str]) -> RunOptions:
        """
        Return the options with which the record `resume` was begun.

        `given` are the names of the parameters that the user stated. Those must agree with the record.

        Raises:
            Invalid: if one does not agree.

        """
        assert self.resume is not None
        stated: dict[str, Any] = {name: getattr(self, name) for name in given if name in resumption.KEPT}
        return replace(self, **resumption.agreed(self.resume, earlier.header, stated))
