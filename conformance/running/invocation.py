"""A run as the user requests it: selection of cases, progress display, record, and notes at the end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, TypeAlias

from .. import __version__
from ..analysis import attributed, grouped, tap_audits
from ..core import (
    DTYPES,
    FAILURES,
    OPS,
    SEVERITIES,
    Case,
    Invalid,
    Problem,
    Verdict,
    matches_pattern,
    suggestion,
    writing,
)
from ..corpus import Corpus, Selection, load, sharded
from ..diagnosis import TapAudit
from ..records import Ledger, Record, TargetInfo, Timing, Writer, ledger_files, verdict_counts
from ..specification import versions
from ..workers import Adapter, machine
from . import resumption
from .repeated_calls import repetitions
from .runner import Listener, Run, Runner

#: Displays the progress of a run. The arguments are the names of the targets, the number of cases and the verdicts of
#: an earlier run. The returned context manager yields a function that a run calls with each target, verdict and timing.
Progress: TypeAlias = Callable[[Sequence[str], int, Iterable[Verdict]], AbstractContextManager[Listener]]

#: The hint if a record can no longer be written.
_RESUME_HINT = "the record holds the verdicts so far: continue with `run --resume`"


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """A finished run, its record, notes for the user, and tracebacks of faults of the suite or an adapter."""

    run: Run
    record: Record
    notes: Sequence[str]
    tracebacks: Sequence[str]


def core_count() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def corpus(what: Sequence[str], sweeps: Any, *, mutators: bool = False) -> Corpus:
    """
    Return the cases that match the id patterns in `what`.

    The cases come from the files named in `what`, or from the shipped corpus if `what` names no file. `mutators` adds
    mutated copies of the literal cases, which the patterns can select too.

    Raises:
        Invalid: if a file is invalid or missing, or a pattern matches no case.

    """
    paths = [Path(name) for name in what if _is_path(name)]
    patterns = [name for name in what if not _is_path(name)]
    loaded = load(paths or None, sweeps=sweeps)
    if not loaded.cases:
        names = ", ".join(map(str, paths)) or "cases"
        without = " without sweeps" if sweeps == "none" else ""
        hint = "name a YAML file with cases, or a folder of such files"
        hint += "; --sweeps quick adds sweeps" if without else ""
        raise Invalid(Problem(path=names, message=f"no case here{without}", hint=hint))
    if mutators:
        from ..corpus import with_mutators

        loaded = with_mutators(loaded)
    return loaded.select(patterns)


def _is_path(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or os.sep in name or Path(name).exists()


def choose(
    loaded: Corpus, *, ops: Sequence[str] = (), dtypes: Sequence[str] = (), profile: str | None = None
) -> Corpus:
    """
    Return the cases that have one of the operations, one of the input dtypes and a clause of the profile.

    An empty filter admits all cases. Superseded cases are omitted, unless all remaining cases are superseded.

    Raises:
        Invalid: if an operation, dtype or profile does not exist, or no case remains.

    """
    _check_names("--ops", ops, OPS)
    _check_names("--dtypes", dtypes, DTYPES)
    clauses = _profile_clauses(loaded, profile)
    chosen = tuple(
        case
        for case in loaded.cases
        if (not clauses or any(matches_pattern(pattern, clause) for pattern in clauses for clause in case.clauses))
        and (not ops or (case.call.op in ops))
        and (not dtypes or (case.call.dtype.input in dtypes))
    )
    if not chosen:
        raise Invalid(Problem(path="cases", message="no case remains", hint="widen --ops, --dtypes or --profile"))
    return replace(loaded, cases=tuple(case for case in chosen if not case.superseded_by) or chosen)


def _check_names(option: str, names: Sequence[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            hint = suggestion(name, known) or f"known: {', '.join(known)}"
            raise Invalid(Problem(path=option, message=f"unknown {name!r}", hint=hint))


def _profile_clauses(loaded: Corpus, profile: str | None) -> Sequence[str]:
    if profile is None:
        return ()
    if profile not in loaded.profiles:
        hint = suggestion(profile, loaded.profiles) or f"known: {', '.join(loaded.profiles)}"
        raise Invalid(Problem(path="--profile", message=f"no profile named {profile!r}", hint=hint))
    return loaded.profiles[profile].clauses


def chosen(selection: Selection) -> Corpus:
    """
    Return the cases of a selection.

    Raises:
        Invalid: if a file is invalid or missing, a name in the selection does not exist, or no case remains.

    """
    loaded = corpus(selection.what, selection.sweeps, mutators=selection.mutators)
    narrowed = choose(loaded, ops=selection.ops, dtypes=selection.dtypes, profile=selection.profile)
    return sharded(narrowed, selection.shard)


def failures(text: str | None, profile: str | None) -> Sequence[str]:
    """
    Return the kinds of failure that make a run exit with 1: those in `text`, such as `silent,loud`, or the defaults.

    The defaults are all severities. A profile adds `unsupported`, because a target must support all cases of a profile.

    Raises:
        Invalid: if `text` has a name that is not in `FAILURES`.

    """
    if text is None:
        return (*SEVERITIES, "unsupported") if profile else SEVERITIES
    names = [name.strip() for name in text.split(",") if name.strip()]
    _check_names("--fail-on", names, FAILURES)
    return names


def ledger(files: Sequence[str], *, shipped: bool) -> tuple[Ledger, Mapping[str, Any]]:
    """
    Return the ledger of the shipped files (if `shipped`) and of `files`, and the ledger's description for a record.

    Raises:
        Invalid: if a file is invalid; the error lists the problems of all files.

    """
    paths = [*(ledger_files.shipped() if shipped else ()), *map(Path, files)]
    entries = ledger_files.load(paths)
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()
    return entries, {"shipped": shipped, "files": list(files), "digest": f"sha256:{digest}"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Invocation:
    """One run: its cases, targets and runner, and the descriptions of its selection and ledger for the record."""

    selection: Selection
    cases: Corpus
    adapters: Sequence[Adapter]
    runner: Runner
    ledger: Mapping[str, Any] = field(default_factory=dict)
    fail_on: Sequence[str] = SEVERITIES
    #: Whether the run ends with tap audits, which probe calls whose wrong outputs no cause explains.
    has_tap_audit: bool = True

    @property
    def header(self) -> dict[str, Any]:
        """The header of the record."""
        return {
            "suite": {"version": __version__, "spec": versions.current(), "corpus": self.cases.digest},
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "platform": machine.describe(),
            "targets": [str(adapter) for adapter in self.adapters],
            "selection": self.selection.as_data(),
            "terms": {
                "audit": self.runner.terms.audit,
                "preload": list(self.runner.terms.preload),
                "precision": self.runner.terms.precision,
            },
            "ledger": self.ledger,
            "fail_on": list(self.fail_on),
        }

    def perform(
        self, progress: Progress, stack: ExitStack, path: Path | None, earlier: Record | None = None
    ) -> Outcome:
        """
        Run the cases; `progress` displays the run, and the record is written to `path` during the run.

        If `path` holds the record of an interrupted run, pass its content as `earlier`. Then only the cases without a
        verdict are run.

        Raises:
            Invalid: if the record cannot be written, or `earlier` had other options, versions or another machine.

        """
        header = self.header if earlier is None else earlier.header
        if earlier is not None:
            assert path is not None
            resumption.check(path, earlier.header, self.header)
        if earlier is not None and earlier.is_complete:
            finished = self.runner.run(self.cases.cases, self.adapters, earlier=earlier)
            return self._outcome(header, finished, earlier)
        writer = stack.enter_context(_writing(path, header, earlier)) if path is not None else None
        known = () if earlier is None else earlier.verdicts
        show = stack.enter_context(progress(header["targets"], len(self.cases.cases), known))
        tell = show if writer is None else _both(writer, show, path)
        finished = self.runner.run(self.cases.cases, self.adapters, tell, earlier)
        outcome = self._outcome(header, finished)
        if writer is not None:
            with writing(path, _RESUME_HINT):
                for group in outcome.record.groups:
                    writer.group(group)
                for attribution in outcome.record.attributions:
                    writer.attribution(attribution)
                for repetition in outcome.record.repetitions:
                    writer.repetition(repetition)
                for audit in outcome.record.tap_audits:
                    writer.tap_audit(audit)
                writer.summary(verdict_counts(finished.verdicts))
        stack.close()
        return outcome

    def _outcome(self, header: Mapping[str, Any], finished: Run, earlier: Record | None = None) -> Outcome:
        """Return the outcome of a run; repetitions and tap audits come from a complete `earlier` record, if given."""
        record = Record(
            header=header,
            targets=[target.info for target in finished.targets],
            verdicts=list(finished.verdicts),
            is_complete=True,
        )
        cases = {case.id: case for case in self.cases.cases}
        record = attributed(grouped(record, cases), self.cases)
        if earlier is not None:
            record = replace(record, repetitions=earlier.repetitions, tap_audits=earlier.tap_audits)
        else:
            terms, jobs = self.runner.terms, self.runner.jobs
            again = repetitions(record, self.cases.cases, self.adapters, terms, jobs, self.runner.batch)
            record = replace(record, repetitions=again)
            record = replace(record, tap_audits=self._tap_audits(record, cases))
        return Outcome(run=finished, record=record, notes=_notes(finished), tracebacks=_tracebacks(finished))

    def _tap_audits(self, record: Record, cases: Mapping[str, Case]) -> Sequence[TapAudit]:
        if not self.has_tap_audit:
            return ()
        return tap_audits.audits(record, cases, self.adapters, self.runner.terms, self.runner.jobs)


@contextmanager
def _writing(path: Path, header: Mapping[str, Any], earlier: Record | None) -> Iterator[Writer]:
    file = _opened(path, is_new=earlier is None)
    try:
        with writing(path):
            writer = Writer(file, header) if earlier is None else Writer(file, targets=earlier.targets)
        yield writer
        with writing(path, _RESUME_HINT):
            file.close()
    finally:
        # A write error was reported already. Closing the file repeats the write, and would raise the error again.
        with suppress(OSError):
            file.close()


def _opened(path: Path, *, is_new: bool) -> IO[str]:
    if not is_new:
        return resumption.opened(path)
    with writing(path):
        # Line buffering: if the run is killed, the file has all verdicts up to then. The file is locked before it is
        # emptied, because another run may be writing it.
        file = path.open("a", encoding="utf-8", buffering=1)
        resumption.lock(file, path)
        if path.is_file():  # a device such as /dev/full cannot be emptied
            file.truncate(0)
        return file


def _both(writer: Writer, show: Listener, path: Path | None) -> Listener:
    def tell(event: TargetInfo | Verdict | Timing) -> None:
        with writing(path, _RESUME_HINT):
            if isinstance(event, Verdict):
                writer.verdict(event)
            elif isinstance(event, Timing):
                writer.timing(event)
            else:
                writer.target(event)
        show(event)

    return tell


def _notes(finished: Run) -> list[str]:
    stale = [entry for target in finished.targets for entry in target.stale]
    notes = [
        f"stale: no verdict of this run matches the ledger entry {entry.id} ({entry.path}:{entry.line})"
        for entry in stale
    ]
    untrue = [
        f"audit: {target.info.name}: {count} × correct despite the limit: {reason}"
        for target in finished.targets
        for reason, count in target.untrue.items()
    ]
    return [*dict.fromkeys(notes), *untrue]


def _tracebacks(finished: Run) -> list[str]:
    """Return each distinct traceback once, preceded by the name of the first target or case that raised it."""
    raised = [(target.traceback, target.info.name) for target in finished.targets]
    raised += [(verdict.traceback, f"{verdict.target}: {verdict.case}") for verdict in finished.verdicts]
    first = {traceback: where for traceback, where in reversed(raised) if traceback}
    return [f"{where}: {traceback}" for traceback, where in reversed(first.items())]
