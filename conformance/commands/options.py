"""Options that several commands share."""

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
    help="The sweeps to include besides the literal cases.",
)

shard = click.option("--shard", metavar="I/N", help="Divide the cases into N parts and use only part I.")

#: The default must equal `WORSE` of `analysis.comparison`.
fail_on = click.option(
    "--fail-on",
    metavar="CHANGE,...",
    default="regressed,refuses,unsupported",
    show_default=True,
    help="Exit with 1 if a change of one of these kinds occurs.",
)


def reports(command: Command) -> Command:
    """Add the options of `REPORTS` to a command, which receives them as keyword arguments."""
    for name, text in reversed(REPORTS.items()):
        command = click.option(f"--{name}", type=PATH, help=text)(command)
    return command


#: The reports that `run` and `report` write to files, with the help text of each.
REPORTS = {
    "junit": "Write the report as JUnit XML to this file.",
    "markdown": "Write the report as Markdown to this file, such as $GITHUB_STEP_SUMMARY.",
    "html": "Write the report as a self-contained HTML page to this file.",
    "badge": "Write the JSON of a shields.io endpoint badge to this file.",
}

mutators = click.option(
    "--mutators", is_flag=True, help="Also include the variants of literal cases that mechanical mutators make."
)
