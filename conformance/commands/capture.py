"""`capture`: write the convolutions of a program to a case file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from . import exit_codes, options


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-o", "--output", type=options.PATH, required=True, metavar="FILE", help="The case file to write.")
@click.option("--ranges", is_flag=True, help="Write down the largest magnitude in each array as well.")
@click.argument("program", nargs=-1, required=True, metavar="-- PROGRAM [ARGUMENT]...")
def capture(output: Path, ranges: bool, program: Sequence[str]) -> int:
    """
    Run a program, and write the convolutions that it makes to a case file.

    Of each distinct call, its operation, shapes, layouts, dtypes, memory order and parameters; no values, no weights.
    The file is for `run FILE -b TARGET` and `check CANDIDATE FILE`. The program may be in another environment, which
    needs nothing of ours; however it ends, what it made until then is kept.

    Exit codes: that of the program; 3 if it ended well, and made no convolution that was seen.
    """
    from tempfile import TemporaryDirectory

    from ..capture import environment, log_of, write_case_file
    from ..core import Invalid, Problem, writing

    log = log_of(output)
    with writing(output):
        log.write_bytes(b"")
    with TemporaryDirectory(prefix="conv-conformance-") as folder:
        try:
            code = _run(program, environment(Path(folder), log, ranges=ranges))
        except OSError as error:
            log.unlink()
            raise Invalid(Problem(path=program[0], message=f"cannot be run: {error.strerror}")) from error
    model = write_case_file(output)
    click.echo(f"{output}: {len(model.layers)} distinct convolutions, {model.total} in all", err=True)
    for (said_by, why), count in model.unsaid.items():
        click.echo(f"not in it: {said_by}, {count} times: {why}", err=True)
    return code if code or model.layers else exit_codes.NOT_RUN


def _run(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """Return the exit code of a program, as a shell has it; it receives the signals that are sent to this one."""
    import signal
    import subprocess

    process = subprocess.Popen(program, env=environment)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: process.send_signal(number))
    code = process.wait()
    return 128 - code if code < 0 else code
