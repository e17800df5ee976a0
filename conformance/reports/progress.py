"""What a person sees while a run goes: bars on a terminal, plain lines in a log."""

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
    """Yield a function that shows what it is told, after the verdicts that were `given` before."""
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

        def tell(said: TargetInfo | Verdict | Timing) -> None:
            if isinstance(said, TargetInfo):
                bars.start_task(tasks[said.name])
            elif isinstance(said, Verdict):
                count = counts.take(said)
                bars.update(tasks[said.target], advance=1, wrong=f"[red]{count} unexpected[/red]" if count else "")

        yield tell


class _Counts:
    """How many verdicts each target has, and how many of them are unexpected."""

    def __init__(self, given: Iterable[Verdict]) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        for verdict in given:
            self.take(verdict)

    def take(self, verdict: Verdict) -> int:
        """Count a verdict; return how many of its target are unexpected."""
        self.done[verdict.target] += 1
        self.wrong[verdict.target] += verdict.verdict in UNEXPECTED
        return self.wrong[verdict.target]


class _Lines:
    """One line when a target starts, one when it has been judged."""

    def __init__(self, console: Console, cases: int, counts: _Counts) -> None:
        self._console = console
        self._cases = cases
        self._counts = counts

    def __call__(self, said: TargetInfo | Verdict | Timing) -> None:
        if isinstance(said, TargetInfo):
            self._say(f"{said.name}: {said.failed or f'{said.framework} {said.version} on {said.device}'}")
        elif isinstance(said, Verdict):
            wrong = self._counts.take(said)
            if self._counts.done[said.target] == self._cases:
                cases = f"{self._cases} {'case' if self._cases == 1 else 'cases'}"
                self._say(f"{said.target}: {cases} judged, {wrong} unexpected")

    def _say(self, text: str) -> None:
        # A run that cannot be followed is a run all the same.
        with suppress(OSError):
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)
