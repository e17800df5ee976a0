"""
Options that several commands have.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path, dir_okay=False)

sweeps = click.option(
    "--sweeps",
    type=click.Choice(["none", "quick", "full"]),
    default="quick",
    show_default=True,
    help="Which sweeps to take besides the literal cases.",
)

shard = click.option("--shard", metavar="I/N", help="Take the I-th of N parts of the cases.")

#: As in `changes.WORSE`.
fail_on = click.option(
    "--fail-on",
    metavar="CHANGE,...",
    default="regressed,refuses,unsupported",
    show_default=True,
    help="Exit 1 on these changes.",
)


def reports(command: Command) -> Command:
    """
    Add the options that name the files of reports; the command takes them by name.
    """
    for option in reversed(_REPORTS):
        command = option(command)
    return command


_REPORTS = (
    click.option("--junit", type=PATH, help="Write JUnit XML here."),
    click.option("--markdown", type=PATH, help="Write Markdown here, for $GITHUB_STEP_SUMMARY."),
    click.option("--html", type=PATH, help="Write a page here that needs nothing beside it."),
    click.option("--badge", type=PATH, help="Write the JSON of a badge here, for a shields endpoint."),
)

mutators = click.option("--mutators", is_flag=True, help="Take also what mechanical mutators make of literal cases.")
