"""
The command that explains one case: what a verdict on its numbers rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from . import codes, showing

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="CASE|PATH...")
@click.option("-b", "--backend", "backends", multiple=True, metavar="TARGET", help="A target, name[+mode][@device].")
def explain(what: Sequence[str], backends: Sequence[str]) -> int:
    """
    Make the calls of cases and show what the verdicts on their numbers rest on.

    K, u and S, the bound and how near the worst output came to it; of numbers that were drawn for it, each statistic
    with its limit and why that is the limit.

    Exit codes: 0; 2 no such case; 3 a target could not run.
    """
    from .. import campaign, targets
    from ..account import Line, account
    from ..plan import make_plan, smoke
    from ..pool import observe
    from ..process import Failed, Seen
    from ..terms import Terms

    cases = campaign.corpus(what, "full").cases
    out, code = showing.console(stderr=False), 0
    for adapter in targets.named(backends):
        plan = make_plan(cases)
        seen = {}
        for event in observe(Terms(), adapter, smoke(), plan.calls, plan.follow_ups):
            if isinstance(event, Seen):
                seen[event.number] = event.observation
            if isinstance(event, Failed):
                click.echo(f"{adapter}: {event.reason}", err=True)
                code = codes.NOT_RUN
        for number, case in enumerate(cases):
            if number not in seen:
                continue
            out.print(f"{case.id} on {adapter}", style="bold", highlight=False)
            observation = seen[number]
            lines = [*account(case, observation)] or [Line("outcome", observation.message or observation.outcome)]
            out.print(_table(lines))
    return code


def _table(lines: Iterable[tuple[str, str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid("", "", padding=(0, 2))
    for name, value in lines:
        table.add_row(Text(name), Text(value))
    return table
