"""
Every program of benchmarks/ and docs/generate/, run with `--small`: that it works, how long it takes, what it leaves.

A program that installs packages, needs a browser or a tool of another environment is listed in `APART` with the reason;
`tox run -e downloads` runs those too.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmarks", "docs/generate")
#: The processor's seconds that one program may take; an idle core takes less than five.
MOST = 10
#: The programs that `tox run -e downloads` alone runs, with the reason.
APART = {
    "benchmarks/captured.py": "needs torchvision and flax, and installs another release",
    "benchmarks/engine_mutation.py": "needs Cosmic Ray",
    "benchmarks/mechanical.py": "needs Cosmic Ray",
    "benchmarks/page.py": "needs Chromium and its driver",
    "benchmarks/releases.py": "makes an environment for each release",
    "benchmarks/triage.py": "makes an environment of the frameworks",
    "docs/generate/screenshot.py": "needs Chromium and its driver, and a report",
}
IS_ASKED = bool(os.environ.get("CONFORMANCE_DOWNLOADS"))


def programs() -> list[str]:
    """Return the paths of the modules that can be run as programs."""
    paths = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return [path.relative_to(ROOT).as_posix() for path in paths if 'if __name__ == "__main__"' in path.read_text()]


def command(program: str) -> Sequence[str]:
    """Return the words that run a program: a file of benchmarks/, a module of docs/."""
    if program.startswith("benchmarks/"):
        return sys.executable, program, "--small"
    return sys.executable, "-m", program.removesuffix(".py").replace("/", "."), "--small"


def test_the_programs_that_are_run_apart_exist() -> None:
    assert {*APART} <= {*programs()}


@pytest.mark.parametrize("program", [program for program in programs() if program not in APART])
def test_a_program_runs_small_and_changes_nothing(program: str) -> None:
    before, spent = _changes(), _seconds()
    done = subprocess.run(command(program), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _seconds() - spent < MOST
    assert _changes() == before


@pytest.mark.skipif(not IS_ASKED, reason="; ".join(f"{program} {reason}" for program, reason in APART.items()))
@pytest.mark.parametrize("program", APART)
def test_a_program_that_is_run_apart_runs_small(program: str, tmp_path: Path) -> None:
    words = [*command(program)]
    if program == "docs/generate/screenshot.py":
        page = tmp_path / "report.html"
        run = (sys.executable, "-m", "conv_conformance", "run", "conv1d.same.*", "--sweeps", "none", "-b", "numpy")
        subprocess.run([*run, "--html", str(page)], check=True, timeout=120, cwd=tmp_path)
        words.append(str(page))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _seconds() -> float:
    """Return the processor's seconds of the processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _changes() -> dict[str, int]:
    """Return when each result and each page was last changed, in nanoseconds."""
    folders = ("benchmarks/results", "docs/results", "docs/spec", "docs/cases", "docs/training")
    return {str(path): path.stat().st_mtime_ns for folder in folders for path in (ROOT / folder).rglob("*")}
