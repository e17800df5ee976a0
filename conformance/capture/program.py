"""
Capturing the convolutions of a program in a case file.

There are three equivalent interfaces: `conv-conformance capture -o model.yaml -- python infer.py`,
`python -m conv_conformance.capture -o model.yaml infer.py`, and `with capture("model.yaml"): …`.

The code that runs inside the program needs only the standard library; see `call_log`.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..workers import FINDER_SOURCE
from .call_log import Sightings, log_of
from .import_hooks import Hooks

#: The environment variable with the path of the log; see `watch_process`.
VARIABLE = "CONV_CONFORMANCE_CAPTURE"
#: The environment variable that is set if magnitudes are logged.
RANGES = "CONV_CONFORMANCE_CAPTURE_RANGES"
#: The end of the `sitecustomize` module, which Python imports when it starts.
BOOT = """
import os
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [each for each in sys.path if os.path.abspath(each or ".") != here]
try:
    from conv_conformance.capture import watch_process
    watch_process()
except Exception as error:
    print(f"conv-conformance: this process is not captured: {type(error).__name__}: {error}", file=sys.stderr)
# Import the environment's own `sitecustomize`, which this module shadows.
theirs = PathFinder.find_spec("sitecustomize")
if theirs is not None:
    module = module_from_spec(theirs)
    sys.modules["sitecustomize"] = module
    theirs.loader.exec_module(module)
"""


@contextmanager
def capture(path: Path | str, *, ranges: bool = False) -> Iterator[None]:
    """
    Write the distinct convolutions of the `with` block to a case file, even if the block raises.

    `ranges` adds the largest magnitude in each array that has values.

    Raises:
        Invalid: if the file cannot be written.

    """
    from .case_file import write_case_file

    # Make the path absolute now, because the program may change the working directory.
    path = Path(path).absolute()
    log = log_of(path)
    log.unlink(missing_ok=True)
    sightings = Sightings(str(log), ranges)
    hooks = Hooks(sightings)
    hooks.start()
    try:
        yield
    finally:
        hooks.stop()
        sightings.settle()
        write_case_file(path)


def watch_process() -> None:
    """Capture this process until it ends, if `VARIABLE` is set; `sitecustomize` calls this when Python starts."""
    if path := os.environ.get(VARIABLE):
        sightings = Sightings(path, RANGES in os.environ)
        Hooks(sightings).start()
        atexit.register(sightings.settle)


def environment(folder: Path, log: Path, *, ranges: bool = False) -> dict[str, str]:
    """
    Return environment variables under which a Python process, and each Python process that it starts, is captured.

    A `sitecustomize.py`, which Python imports when it starts, is written to `folder`.
    """
    from importlib.resources import files

    from .. import backends

    packages = {"conv_conformance": Path(__file__).parents[1], "conv_conformance.backends": files(backends)}
    places = {name: str(path) for name, path in packages.items()}
    program = f"import sys\nplaces = {places!r}\n{FINDER_SOURCE}{BOOT}"
    (folder / "sitecustomize.py").write_text(program, encoding="utf-8")
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": str(folder) if path is None else f"{folder}{os.pathsep}{path}",
        VARIABLE: str(log.absolute()),
        **({RANGES: "1"} if ranges else {}),
    }


def main(arguments: Sequence[str]) -> None:
    """Run a program in this process, as `python` would, and capture its convolutions."""
    import argparse
    import runpy

    parser = argparse.ArgumentParser(prog="python -m conv_conformance.capture", description=main.__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the case file to write")
    parser.add_argument("--ranges", action="store_true", help="also record the largest magnitude in each array")
    parser.add_argument("-m", dest="is_module", action="store_true", help="PROGRAM is a module")
    parser.add_argument("program", metavar="PROGRAM")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    sys.argv = [options.program, *options.arguments]
    with capture(options.output, ranges=options.ranges):
        if options.is_module:
            sys.path.insert(0, "")
            runpy.run_module(options.program, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(options.program).parent))
            runpy.run_path(options.program, run_name="__main__")
