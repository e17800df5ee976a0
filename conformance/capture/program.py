"""
Capturing the convolutions that a program makes, as a case file.

Three ways, all with the same result: `conv-conformance capture -o model.yaml -- python infer.py`,
`python -m conv_conformance.capture -o model.yaml infer.py`, and `with capture("model.yaml"): …`.

The program's side needs the standard library; see `sightings`.
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

#: Says in a program's environment where its log is; see `start`.
VARIABLE = "CONV_CONFORMANCE_CAPTURE"
#: Set where magnitudes are written down as well.
RANGES = "CONV_CONFORMANCE_CAPTURE_RANGES"
#: Stands in the module path of a program, so that Python imports it at its start.
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
    print(f"conv-conformance: nothing is captured here: {type(error).__name__}: {error}", file=sys.stderr)
# The environment's own module of this name comes next, as if this one were not there.
theirs = PathFinder.find_spec("sitecustomize")
if theirs is not None:
    module = module_from_spec(theirs)
    sys.modules["sitecustomize"] = module
    theirs.loader.exec_module(module)
"""


@contextmanager
def capture(path: Path | str, *, ranges: bool = False) -> Iterator[None]:
    """
    Write the distinct convolutions that are made inside to a case file, however the block ends.

    `ranges` writes down the largest magnitude in each array as well, where there are values.

    Raises:
        Invalid: if the file cannot be written.

    """
    from .case_file import write_case_file

    # A program may go to another folder.
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
    """Watch this process for the rest of its life, if its environment says where to log; called at the start of Python."""
    if path := os.environ.get(VARIABLE):
        sightings = Sightings(path, RANGES in os.environ)
        Hooks(sightings).start()
        atexit.register(sightings.settle)


def environment(folder: Path, log: Path, *, ranges: bool = False) -> dict[str, str]:
    """
    Return the environment in which Python, and each Python that it starts, is watched.

    `folder` is where what Python imports at its start is put.
    """
    from importlib.resources import files

    from .. import backends

    places = {"conv_conformance": Path(__file__).parents[1], "conv_conformance.backends": files(backends)}
    named = {name: str(at) for name, at in places.items()}
    program = f"import sys\nplaces = {named!r}\n{FINDER_SOURCE}{BOOT}"
    (folder / "sitecustomize.py").write_text(program, encoding="utf-8")
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": str(folder) if path is None else f"{folder}{os.pathsep}{path}",
        VARIABLE: str(log.absolute()),
        **({RANGES: "1"} if ranges else {}),
    }


def main(arguments: Sequence[str]) -> None:
    """Run a program in this process, as `python` would, and capture what it makes."""
    import argparse
    import runpy

    parser = argparse.ArgumentParser(prog="python -m conv_conformance.capture", description=main.__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the case file to write")
    parser.add_argument("--ranges", action="store_true", help="write down the largest magnitude in each array as well")
    parser.add_argument("-m", dest="is_module", action="store_true", help="PROGRAM is a module")
    parser.add_argument("program", metavar="PROGRAM")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)
    sys.argv = [asked.program, *asked.arguments]
    with capture(asked.output, ranges=asked.ranges):
        if asked.is_module:
            sys.path.insert(0, "")
            runpy.run_module(asked.program, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(asked.program).parent))
            runpy.run_path(asked.program, run_name="__main__")
