"""The progress display of a run: bars on a terminal, plain lines in a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..core import UNEXPECTED, Verdict
from ..records import TargetInfo, Timing
from ..running import Listener


@contextmanager
def run_progress(
    console: Console, targets: Sequence[str], cases: int, given: Iterable[Verdict] = ()
) -> Iterator[Listener]:
    """Yield a listener that displays the progress of a run; `given` holds the verdicts of the run to resume."""
    counts = _Counts(given)
    if not console.is_terminal:
        yield _Lines(console, cases, counts)
        return
    columns = (
        TextColumn("{task.description:<22}", markup=False),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, TextColumn("{task.fields[wrong]}"), console=console, transient=True) as bars:
        tasks = {
            name: bars.add_task(name, total=cases, start=False, completed=counts.done[name], wrong="")
            for name in targets
        }

        def update(event: TargetInfo | Verdict | Timing) -> None:
            if isinstance(event, TargetInfo):
                bars.start_task(tasks[event.name])
            elif isinstance(event, Verdict):
                count = counts.add(event)
                bars.update(tasks[event.target], advance=1, wrong=f"[red]{count} unexpected[/red]" if count else "")

        yield update


class _Counts:
    """The number of verdicts and the number of unexpected verdicts of each target."""

    def __init__(self, given: Iterable[Verdict]) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.not_run: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        for verdict in given:
            self.add(verdict)

    def add(self, verdict: Verdict) -> int:
        """Count a verdict; return the number of unexpected verdicts of its target."""
        self.done[verdict.target] += 1
        self.wrong[verdict.target] += verdict.verdict in UNEXPECTED
        self.not_run[verdict.target] += verdict.verdict == "not-run"
        self.faults[verdict.target] += verdict.verdict == "suite-error"
        return self.wrong[verdict.target]

    def text(self, target: str, cases: int) -> str:
        """Return how many of the cases of a target are judged, and with which results."""
        noun, not_run, faults = "case" if cases == 1 else "cases", self.not_run[target], self.faults[target]
        if not_run == cases:
            return f"none of {cases} {noun} run"
        some = f"{cases - not_run} of {cases} {noun} judged" if not_run else f"{cases} {noun} judged"
        more = f", {faults} {'fault' if faults == 1 else 'faults'} of the suite" if faults else ""
        return f"{some}, {self.wrong[target]} unexpected{more}"


class _Lines:
    """A listener that prints a line when a target starts, and a line when all cases of the target are judged."""

    def __init__(self, console: Console, cases: int, counts: _Counts) -> None:
        self._console = console
        self._cases = cases
        self._counts = counts

    def __call__(self, event: TargetInfo | Verdict | Timing) -> None:
        if isinstance(event, TargetInfo):
            self._print(f"{event.name}: {event.failed or f'{event.framework} {event.version} on {event.device}'}")
        elif isinstance(event, Verdict):
            self._counts.add(event)
            if self._counts.done[event.target] == self._cases:
                self._print(f"{event.target}: {self._counts.text(event.target, self._cases)}")

    def _print(self, text: str) -> None:
        # A failing progress display must not end the run.
        with suppress(OSError):
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)
