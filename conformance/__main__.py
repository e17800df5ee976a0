"""
Run the command line: `python -m conv_conformance`, and the console script.

An interruption while the command line is imported is reported in one line too. Imports take most of the time of a short
command, and Python would answer an interruption there with a traceback.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its exit code."""
    # A parent process may have disabled SIGINT, as a shell does for a command in the background.
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from conv_conformance import cli

    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, handler)
    cli.main()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
