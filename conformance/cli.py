"""
The command line: its options, its exit codes, and what it says of what goes wrong.

The commands are in `commands`.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from . import __version__
from .commands import codes, examining, recorded, releases, running, showing


def main() -> NoReturn:
    """
    Run the command line and exit with its code.
    """
    is_debug = "--debug" in sys.argv
    try:
        sys.exit(commands(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(codes.UNUSABLE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(codes.INTERRUPTED)
    except Exception as error:
        from .problem import Invalid

        if isinstance(error, Invalid):
            showing.complain(error)
            sys.exit(codes.UNUSABLE)
        if is_debug:
            raise
        click.echo(f"fault in the suite: {type(error).__name__}: {error} (--debug shows where)", err=True)
        sys.exit(codes.OUR_FAULT)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="conv-conformance")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def commands(debug: bool) -> None:
    """A conformance suite for convolution layers: who computes something else, what, and why."""


for each in (
    running.run,
    running.targets,
    running.list_,
    examining.validate,
    examining.mutants,
    examining.export,
    recorded.report,
    recorded.diff,
    recorded.known,
    releases.check,
    releases.environments_,
):
    commands.add_command(each)
