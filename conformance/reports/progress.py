"""
What a person sees while a run goes: bars on a terminal, plain lines in a log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..record import TargetInfo
from ..run import Tell
from ..verdict import UNEXPECTED, Verdict


@contextmanager
def following(console: Console, targets: Sequence[str], cases: int) -> Iterator[Tell]:
    """
    Yield a function that shows what it is told.
    """
    if not console.is_terminal:
        yield _Lines(console, cases)
        return
    columns = (
        TextColumn("{task.description:<22}", markup=False),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, TextColumn("{task.fields[wrong]}"), console=console, transient=True) as bars:
        tasks = {name: bars.add_task(name, total=cases, start=False, wrong="") for name in targets}
        wrong: Counter[str] = Counter()

        def tell(said: TargetInfo | Verdict) -> None:
            if isinstance(said, TargetInfo):
                bars.start_task(tasks[said.name])
                return
            wrong[said.target] += said.verdict in UNEXPECTED
            count = wrong[said.target]
            bars.update(tasks[said.target], advance=1, wrong=f"[red]{count} unexpected[/red]" if count else "")

        yield tell


class _Lines:
    """
    One line when a target starts, one when it has been judged.
    """

    def __init__(self, console: Console, cases: int) -> None:
        self._console = console
        self._cases = cases
        self._done: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()

    def __call__(self, said: TargetInfo | Verdict) -> None:
        if isinstance(said, TargetInfo):
            self._say(f"{said.name}: {said.failed or f'{said.framework} {said.version} on {said.device}'}")
            return
        self._done[said.target] += 1
        self._wrong[said.target] += said.verdict in UNEXPECTED
        if self._done[said.target] == self._cases:
            self._say(f"{said.target}: {self._cases} cases judged, {self._wrong[said.target]} unexpected")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
