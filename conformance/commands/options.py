"""Options that several commands have."""

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

#: As `WORSE` of `analysis.comparison`.
fail_on = click.option(
    "--fail-on",
    metavar="CHANGE,...",
    default="regressed,refuses,unsupported",
    show_default=True,
    help="Exit 1 on these changes.",
)


def reports(command: Command) -> Command:
    """Add the options that name the files of reports; the command takes them by name."""
    for name, text in reversed(REPORTS.items()):
        command = click.option(f"--{name}", type=PATH, help=text)(command)
    return command


#: The reports of `run` and `report` that are files, with the help of each.
REPORTS = {
    "junit": "Write JUnit XML here.",
    "markdown": "Write Markdown here, for $GITHUB_STEP_SUMMARY.",
    "html": "Write a page here that needs nothing beside it.",
    "badge": "Write the JSON of a badge here, for a shields endpoint.",
}

mutators = click.option("--mutators", is_flag=True, help="Take also what mechanical mutators make of literal cases.")
