"""
Options that several commands have.
"""

from __future__ import annotations

from pathlib import Path

import click

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

mutators = click.option("--mutators", is_flag=True, help="Take also what mechanical mutators make of literal cases.")
