"""
The entry point of the command line: it runs a command, prints each error on one line and sets the exit code.

The commands are in the package `commands`.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
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
    """Run the command that the arguments name, and exit with its exit code."""
    _normalise_process()
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
            # `writing` reports errors of named files, so an error without a file name comes from standard output.
            output.say(f"standard output: cannot be written: {error.strerror}")
            return exit_codes.UNUSABLE
        if is_debug:
            raise
        output.say(f"fault in the suite: {type(error).__name__}: {error} (--debug shows the traceback)")
        return exit_codes.OUR_FAULT
    return code


def _flushed(code: int) -> int:
    """Flush stdout and stderr; return `code`, or UNUSABLE if the command succeeded but its output was lost."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            # Python flushes the stream again at exit, where a failure would change the exit code. Discard the buffer.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            if stream is sys.stdout and code == 0 and not isinstance(error, BrokenPipeError):
                output.say(f"standard output: cannot be written: {error.strerror}")
                code = exit_codes.UNUSABLE
    return code


def _normalise_process() -> None:
    """Make file descriptors, encoding errors and signal handlers independent of how this process was started."""
    # If a standard stream is closed, the next opened file gets its descriptor (0, 1 or 2). The null device takes it.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    # Print a character as a backslash escape if the encoding of stdout lacks the character.
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    # Treat SIGTERM like Ctrl-C, unless the parent process disabled SIGTERM.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    _leave_at_second_signal()


def _leave_at_second_signal() -> None:
    """
    End this process at the second SIGINT or SIGTERM.

    Python runs signal handlers only between two instructions of the main thread, which may compute for minutes. A pipe
    tells another thread of each signal at once. The workers end with this process.
    """
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    try:
        signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    except ValueError:  # not in the main thread, so that the caller decides about signals
        return

    def watch() -> None:
        count = 0
        while piece := os.read(receiving, 1):
            count += piece[0] in (signal.SIGINT, signal.SIGTERM)
            if count == 2:
                os.write(2, b"interrupted again: ended at once\n")
                os._exit(exit_codes.INTERRUPTED)

    threading.Thread(target=watch, daemon=True).start()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="conv-conformance")
@click.option("--debug", is_flag=True, help="Show the tracebacks of internal errors.")
def commands(debug: bool) -> None:
    """Test what convolution layers compute, and report which targets differ from the specification, how and why."""


for command in (
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
    commands.add_command(command)
