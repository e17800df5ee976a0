"""
The command line: its options, its exit codes, and what it says of what goes wrong.

The commands are in `commands`.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

import click

from . import __version__
from .commands import capturing, codes, examining, recorded, releases, running, showing


def main() -> NoReturn:
    """
    Run the command line and exit with its code.
    """
    is_debug = "--debug" in sys.argv
    _settle()
    try:
        sys.exit(commands(standalone_mode=False) or 0)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        sys.exit(codes.UNUSABLE)
    except (KeyboardInterrupt, click.Abort):
        showing.say("interrupted")
        sys.exit(codes.INTERRUPTED)
    except Exception as error:
        from .problem import Invalid

        if isinstance(error, Invalid):
            showing.complain(error)
            sys.exit(codes.UNUSABLE)
        if is_debug:
            raise
        showing.say(f"fault in the suite: {type(error).__name__}: {error} (--debug shows where)")
        sys.exit(codes.OUR_FAULT)


def _settle() -> None:
    """
    Make this process one in which nothing depends on how it was started.
    """
    # A standard stream that is closed would leave its descriptor to the first file or pipe of ours.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    # A locale that lacks a character is no reason to say nothing.
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    # What asks a process to end is as good as Ctrl-C; one that was told to ignore it goes on doing so.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


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
    capturing.capture,
):
    commands.add_command(each)
