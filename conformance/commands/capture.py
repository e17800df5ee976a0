"""`capture`: record the convolutions of a program in a case file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from . import exit_codes, options


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-o", "--output", type=options.PATH, required=True, metavar="FILE", help="The case file to write.")
@click.option("--ranges", is_flag=True, help="Also record the largest magnitude in each array.")
@click.argument("program", nargs=-1, required=True, metavar="-- PROGRAM [ARGUMENT]...")
def capture(output: Path, ranges: bool, program: Sequence[str]) -> int:
    """
    Run a program and record its convolutions in a case file.

    The file holds the operation, shapes, layouts, dtypes, memory order and parameters of each distinct call, but no
    input values and no weights. Use the file with `run FILE -b TARGET` and `check CANDIDATE FILE`. The program may run
    in another Python environment, and the suite need not be installed there. If the program fails, the file holds the
    calls made before the failure.

    Exit codes: the exit code of the program; 3 if the program succeeded but no convolution was recorded.
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
    click.echo(f"{output}: {len(model.layers)} distinct convolutions, {model.total} calls in all", err=True)
    for (framework, reason), count in model.unsaid.items():
        click.echo(f"not recorded: {framework}, {count} times: {reason}", err=True)
    return code if code or model.layers else exit_codes.NOT_RUN


def _run(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program, forward SIGINT and SIGTERM to it, and return its exit code: 128 + N if signal N ended it."""
    import signal
    import subprocess

    process = subprocess.Popen(program, env=environment)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: process.send_signal(number))
    code = process.wait()
    return 128 - code if code < 0 else code
