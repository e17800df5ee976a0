"""A run as a person asks for it: which cases, shown while it goes, written down, and what there is to say at the end."""

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
from ..core import DTYPES, FAILURES, OPS, SEVERITIES, Invalid, Problem, Verdict, matches_pattern, suggestion, writing
from ..corpus import Corpus, Selection, load, sharded
from ..diagnosis import TapAudit
from ..records import Ledger, Record, TargetInfo, Timing, Writer, ledger_files, verdict_counts
from ..specification import versions
from ..workers import Adapter, machine
from . import resumption
from .runner import Listener, Run, Runner

#: Shows a run while it goes: given the names of the targets, the number of cases and the verdicts of an earlier run, it
#: returns a context that yields a function to call with each target, verdict and timing.
Progress: TypeAlias = Callable[[Sequence[str], int, Iterable[Verdict]], AbstractContextManager[Listener]]

#: What is to be done about a record that cannot be written to any more.
_GO_ON = "what was judged is in it: `run --resume` goes on"


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """A finished run, its record, notes for the user, and where our own faults were raised."""

    run: Run
    record: Record
    notes: Sequence[str]
    tracebacks: Sequence[str]


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def corpus(what: Sequence[str], sweeps: Any, *, mutators: bool = False) -> Corpus:
    """
    Return the cases that paths and id patterns name: of the files, else of the shipped corpus.

    `mutators` adds what they make of the literal cases, before the patterns choose.

    Raises:
        Invalid: if a file is wrong or missing, or a pattern fits no case.

    """
    paths = [Path(word) for word in what if _is_path(word)]
    patterns = [word for word in what if not _is_path(word)]
    loaded = load(paths or None, sweeps=sweeps)
    if not loaded.cases:
        said = ", ".join(map(str, paths)) or "cases"
        without = ", sweeps left out" if sweeps == "none" else ""
        hint = "a YAML file with cases, or a folder of them" + ("; --sweeps quick takes sweeps" if without else "")
        raise Invalid(Problem(path=said, message=f"no case here{without}", hint=hint))
    if mutators:
        from ..corpus import with_mutators

        loaded = with_mutators(loaded)
    return loaded.select(patterns)


def _is_path(word: str) -> bool:
    return word.endswith((".yaml", ".yml")) or os.sep in word or Path(word).exists()


def choose(
    loaded: Corpus, *, ops: Sequence[str] = (), dtypes: Sequence[str] = (), profile: str | None = None
) -> Corpus:
    """
    Return the cases with one of the operations, input dtypes and the clauses of a profile.

    Those that are superseded are left out, unless only such are asked for.

    Raises:
        Invalid: if there is no such operation, dtype or profile, or nothing is left.

    """
    _check_words("--ops", ops, OPS)
    _check_words("--dtypes", dtypes, DTYPES)
    clauses = _profile_clauses(loaded, profile)
    chosen = tuple(
        case
        for case in loaded.cases
        if (not clauses or any(matches_pattern(each, clause) for each in clauses for clause in case.clauses))
        and (not ops or (case.call.op in ops))
        and (not dtypes or (case.call.dtype.input in dtypes))
    )
    if not chosen:
        raise Invalid(Problem(path="cases", message="none is left", hint="widen --ops, --dtypes or --profile"))
    return replace(loaded, cases=tuple(case for case in chosen if not case.superseded_by) or chosen)


def _check_words(option: str, words: Sequence[str], known: Iterable[str]) -> None:
    for word in words:
        if word not in known:
            hint = suggestion(word, known) or f"known: {', '.join(known)}"
            raise Invalid(Problem(path=option, message=f"unknown {word!r}", hint=hint))


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
        Invalid: if a file is wrong or missing, something named is not there, or nothing is left.

    """
    loaded = corpus(selection.what, selection.sweeps, mutators=selection.mutators)
    narrowed = choose(loaded, ops=selection.ops, dtypes=selection.dtypes, profile=selection.profile)
    return sharded(narrowed, selection.shard)


def failures(text: str | None, profile: str | None) -> Sequence[str]:
    """
    Return what a run fails on: what it is told, such as `silent,loud`, else everything unexpected.

    Under a profile also what cannot be said, for a target under it must be able to say every case.

    Raises:
        Invalid: if a run cannot fail on it.

    """
    if text is None:
        return (*SEVERITIES, "unsupported") if profile else SEVERITIES
    words = [word.strip() for word in text.split(",") if word.strip()]
    _check_words("--fail-on", words, FAILURES)
    return words


def ledger(files: Sequence[str], *, shipped: bool) -> tuple[Ledger, Mapping[str, Any]]:
    """
    Return the ledger of the user's files, behind the shipped one where it is taken, and what a record's header says.

    Raises:
        Invalid: with everything wrong in all files.

    """
    paths = [*(ledger_files.shipped() if shipped else ()), *map(Path, files)]
    read = ledger_files.load(paths)
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()
    return read, {"shipped": shipped, "files": list(files), "digest": f"sha256:{digest}"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Invocation:
    """What is run: which cases of which selection, on which targets, how, and against which ledger, as records say it."""

    selection: Selection
    cases: Corpus
    adapters: Sequence[Adapter]
    runner: Runner
    ledger: Mapping[str, Any] = field(default_factory=dict)
    fail_on: Sequence[str] = SEVERITIES
    #: Whether calls that no cause explains are probed.
    has_tap_audit: bool = True

    @property
    def header(self) -> dict[str, Any]:
        """The header of its record."""
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
        Run, showing it by `progress` and writing the record to `path` as it goes.

        `earlier` is what `path` holds, where that is to be gone on with: then only the rest is run.

        Raises:
            Invalid: if the record cannot be written, or was begun otherwise.

        """
        header = self.header if earlier is None else earlier.header
        if earlier is not None:
            assert path is not None
            resumption.check(path, earlier.header, self.header)
        if earlier is not None and earlier.is_complete:
            made = self.runner.run(self.cases.cases, self.adapters, earlier=earlier)
            return self._outcome(header, made, audits=earlier.tap_audits)
        writer = stack.enter_context(_writing(path, header, earlier)) if path is not None else None
        given = () if earlier is None else earlier.verdicts
        show = stack.enter_context(progress(header["targets"], len(self.cases.cases), given))
        tell = show if writer is None else _both(writer, show, path)
        made = self.runner.run(self.cases.cases, self.adapters, tell, earlier)
        outcome = self._outcome(header, made)
        if writer is not None:
            with writing(path, _GO_ON):
                for group in outcome.record.groups:
                    writer.group(group)
                for found in outcome.record.attributions:
                    writer.attribution(found)
                for audit in outcome.record.tap_audits:
                    writer.tap_audit(audit)
                writer.summary(verdict_counts(made.verdicts))
        stack.close()
        return outcome

    def _outcome(self, header: Mapping[str, Any], made: Run, audits: Sequence[TapAudit] | None = None) -> Outcome:
        record = Record(
            header=header,
            targets=[target.info for target in made.targets],
            verdicts=list(made.verdicts),
            is_complete=True,
        )
        cases = {case.id: case for case in self.cases.cases}
        record = attributed(grouped(record, cases), self.cases)
        if audits is None and self.has_tap_audit:
            audits = tap_audits.audits(record, cases, self.adapters, self.runner.terms, self.runner.jobs)
        record = replace(record, tap_audits=audits or ())
        return Outcome(run=made, record=record, notes=_notes(made), tracebacks=_tracebacks(made))


@contextmanager
def _writing(path: Path, header: Mapping[str, Any], earlier: Record | None) -> Iterator[Writer]:
    file = _opened(path, is_new=earlier is None)
    try:
        with writing(path):
            writer = Writer(file, header) if earlier is None else Writer(file, targets=earlier.targets)
        yield writer
        with writing(path, _GO_ON):
            file.close()
    finally:
        # What could not be written was said already; a file that is closed tries it once more.
        with suppress(OSError):
            file.close()


def _opened(path: Path, *, is_new: bool) -> IO[str]:
    if not is_new:
        return resumption.opened(path)
    with writing(path):
        # Line by line, so that a run that is killed leaves what it has judged.
        return path.open("w", encoding="utf-8", buffering=1)


def _both(writer: Writer, show: Listener, path: Path | None) -> Listener:
    def tell(said: TargetInfo | Verdict | Timing) -> None:
        with writing(path, _GO_ON):
            if isinstance(said, Verdict):
                writer.verdict(said)
            elif isinstance(said, Timing):
                writer.timing(said)
            else:
                writer.target(said)
        show(said)

    return tell


def _notes(made: Run) -> list[str]:
    stale = [entry for target in made.targets for entry in target.stale]
    notes = [
        f"stale: nothing that was run bears out the ledger's entry {entry.id} ({entry.path}:{entry.line})"
        for entry in stale
    ]
    untrue = [
        f"audit: {target.info.name}: {count} × computed rightly in spite of the limit: {reason}"
        for target in made.targets
        for reason, count in target.untrue.items()
    ]
    return [*dict.fromkeys(notes), *untrue]


def _tracebacks(made: Run) -> list[str]:
    """Return each traceback once, with the first target or case that it is of."""
    raised = [(target.traceback, target.info.name) for target in made.targets]
    raised += [(verdict.traceback, f"{verdict.target}: {verdict.case}") for verdict in made.verdicts]
    first = {traceback: where for traceback, where in reversed(raised) if traceback}
    return [f"{where}: {traceback}" for traceback, where in reversed(first.items())]
