"""
The command line: its options, its exit codes, and what it says of what goes wrong.

The commands are in `commands`.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

import click

from . import __version__
from .commands import exit_codes, output
from .commands.capture import capture
from .commands.check import check
from .commands.cite import cite
from .commands.diff import diff
from .commands.environments import environments
from .commands.explain import explain
from .commands.export import export
from .commands.known import known
from .commands.list import list_cases
from .commands.mutants import mutants
from .commands.release import release
from .commands.report import report
from .commands.run import run
from .commands.targets import targets
from .commands.validate import validate


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    _settle()
    sys.exit(_flushed(_run(is_debug="--debug" in sys.argv)))


def _run(*, is_debug: bool) -> int:
    try:
        code: int = commands(standalone_mode=False) or 0
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return exit_codes.UNUSABLE
    except (KeyboardInterrupt, click.Abort):
        output.say("interrupted")
        return exit_codes.INTERRUPTED
    except Exception as error:
        from .core import Invalid

        if isinstance(error, Invalid):
            output.complain(error)
            return exit_codes.UNUSABLE
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            # Files have names, and say themselves that they cannot be written.
            output.say(f"standard output: cannot be written: {error.strerror}")
            return exit_codes.UNUSABLE
        if is_debug:
            raise
        output.say(f"fault in the suite: {type(error).__name__}: {error} (--debug shows where)")
        return exit_codes.OUR_FAULT
    return code


def _flushed(code: int) -> int:
    """Write out what streams still hold; return the code, or that of a result which could not be shown."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            # What a stream keeps it would try to write once more when Python ends, and change the exit code.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
            if stream is sys.stdout and code == 0 and not isinstance(error, BrokenPipeError):
                output.say(f"standard output: cannot be written: {error.strerror}")
                code = exit_codes.UNUSABLE
    return code


def _settle() -> None:
    """Make this process one in which nothing depends on how it was started."""
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
    run,
    targets,
    list_cases,
    validate,
    mutants,
    export,
    explain,
    report,
    diff,
    known,
    check,
    environments,
    capture,
    cite,
    release,
):
    commands.add_command(each)
