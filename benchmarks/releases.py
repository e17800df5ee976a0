"""
Bugs that releases of the frameworks had, each shown to fail on a release that has it and to pass where it is mended.

For every entry of releases.yaml a virtual environment is made for each release, the suite is installed into it, and the
named cases run there as well as the whole literal corpus, without the ledger. A bug is shown only if, on each of its
releases, at least one named case disagrees that agrees on the release that mended it; else the exit code is 1. Results
replace those of the same bugs in the JSON file. Environments are kept for the next time; pip's own settings hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
from conv_conformance import corpus
from conv_conformance.core import patterns
from conv_conformance.core.verdict import UNEXPECTED, Verdict
from conv_conformance.records.record import Record, read_record, verdict_to_line
from packaging.requirements import Requirement
from support import result
from support.releases_page import page, told
from support.releases_table import Bug, is_shown, table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "releases.json"
#: What the suite is built from: a copy, for setuptools leaves its traces where it builds.
SOURCES = ("conformance", "backends", "cases", "docs/spec/LICENSE", "LICENSE", "MANIFEST.in", "README.md")
#: What a verdict's line says that is of no use here.
LEFT_OUT = {"case", "target", "seconds", "output_sha256", "precision", "phase"}
#: Keras writes its messages in bold; the record has a mark in place of a control character.
ESCAPES = re.compile("[\x1b\ufffd]\\[[0-9;]*m")
VERSIONS = """\
import json, platform, sys
from importlib.metadata import version
print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))
"""


class Failed(Exception):
    """What could not be made or run: the step, and the last line that it said."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where environments are kept, and the wheel of the suite that goes into each."""

    folder: Path
    wheel: Path


def command(step: str, *words: str | Path, codes: Sequence[int] = (0,), **options: Any) -> str:
    """Run a command and return what it printed; raises Failed on any other exit code."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    if done.returncode not in codes:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines or [f"exit code {done.returncode}"]
        raise Failed(f"{step}: {errors[-1]}")
    return done.stdout


def wheel(folder: Path) -> Path:
    """Return the suite's wheel, built from a copy of its sources in the folder."""
    copy = folder / "suite"
    for name in (*SOURCES, "pyproject.toml"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    command("build", sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, copy)
    return next(folder.glob("*.whl"))


@cache
def environment(bench: Bench, release: tuple[str, ...], beside: tuple[str, ...], python: str) -> Path:
    """
    Return the interpreter of an environment with a release, what stands beside it and this suite; raises Failed.

    What stands beside is large, and installed once for all releases that it stands beside.
    """
    shared = installed(bench, beside, python, None) if beside else None
    inside = installed(bench, release, python, shared)
    # The environment may be of an earlier day, the suite is today's.
    command("pip", *_install(inside), "--no-deps", "--force-reinstall", bench.wheel)
    return inside


@cache
def installed(bench: Bench, requirements: tuple[str, ...], python: str, shared: Path | None) -> Path:
    """Return the interpreter of an environment with these packages, which sees those of a shared one; raises Failed."""
    interpreter = f"python{python}" if python else sys.executable
    if shutil.which(interpreter) is None:
        raise Failed(f"there is no {interpreter} here")
    home = bench.folder / _slug(requirements, python, shared)
    inside, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        command("venv", interpreter, "-m", "venv", "--clear", home)
        if shared:
            (_packages(inside) / "shared.pth").write_text(f"{_packages(shared)}\n", encoding="utf-8")
        command("pip", *_install(inside), *requirements, bench.wheel)
        ready.touch()
    return inside


def _install(inside: Path) -> tuple[str | Path, ...]:
    return inside, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"


def _packages(inside: Path) -> Path:
    return Path(command("site", inside, "-c", "import site; print(site.getsitepackages()[0])").strip())


def _slug(requirements: Sequence[str], python: str, shared: Path | None) -> str:
    version = python or f"{sys.version_info.major}.{sys.version_info.minor}"
    readable = re.sub(r"[^a-z0-9.]+", "-", " ".join(requirements).lower()).strip("-.")
    digest = hashlib.sha256("\n".join([*requirements, str(shared)]).encode()).hexdigest()[:8]
    return f"py{version}-{readable}-{digest}"


def versions(inside: Path, requirements: Sequence[str]) -> dict[str, str]:
    """Return what is installed: Python, the packages that were asked for, NumPy."""
    names = dict.fromkeys([*(Requirement(word).name for word in requirements), "numpy"])
    found: dict[str, str] = json.loads(command("versions", inside, "-c", VERSIONS, *names))
    return found


@cache
def run(inside: Path, target: str, variables: tuple[tuple[str, str], ...], wanted: tuple[str, ...]) -> Record:
    """Run the literal corpus, or only the cases and points of sweeps that are wanted, on a target; raises Failed."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.jsonl"
        sweeps = "full" if any("[" in pattern for pattern in wanted) else "none"
        words = [*wanted, "--sweeps", sweeps, "--jobs", "1", "--no-known"]
        made = (inside, "-m", "conv_conformance", "run", "-b", target, *words, "--record", record)
        # 1: cases disagree. 3 and 4, a target that could not run and a fault of ours, are in the record.
        command("run", *made, codes=(0, 1, 3, 4), cwd=folder, env={**os.environ, **dict(variables)})
        found = read_record(record)
    if failed := found.targets[0].failed:
        raise Failed(f"{target} could not run: {failed}")
    return found


def placed(bug: Bug, place: str, bench: Bench) -> dict[str, Any]:
    """Return what came of a bug's cases on one release, or why nothing did."""
    release, beside = tuple(place.split()), tuple(bug.beside.split())
    try:
        inside = environment(bench, release, beside, bug.python)
        targets = {target: _judged(bug, inside, target) for target in bug.targets}
        return {"versions": versions(inside, (*release, *beside)), "targets": targets}
    except Failed as failed:
        return {"failed": str(failed)}


def _judged(bug: Bug, inside: Path, target: str) -> dict[str, Any]:
    variables = tuple(sorted(bug.environment.items()))
    literal = run(inside, target, variables, ())
    points = tuple(
        pattern for pattern in bug.cases if not any(patterns.matches_pattern(pattern, case) for case in _literal())
    )
    verdicts = [*literal.verdicts, *(run(inside, target, variables, points).verdicts if points else ())]
    named = [each for pattern in bug.cases for each in verdicts if patterns.matches_pattern(pattern, each.case)]
    return {
        "corpus": literal.header["suite"]["corpus"],
        "settings": dict(literal.targets[0].settings),
        "counts": {name: count for name, count in sorted(literal.counts(target).items()) if count},
        "unexpected": sorted(each.case for each in literal.verdicts if each.verdict in UNEXPECTED),
        "cases": {each.case: _kept(each) for each in named},
    }


@cache
def _literal() -> frozenset[str]:
    return frozenset(case.id for case in corpus.load(sweeps="none").cases)


def _kept(verdict: Verdict) -> dict[str, Any]:
    line = {name: value for name, value in verdict_to_line(verdict).items() if name not in LEFT_OUT}
    if "message" in line:
        line["message"] = " ".join(ESCAPES.sub("", line["message"]).split())
    return line


def run_all(bugs: Sequence[Bug], folder: Path, results: dict[str, Any], file: Path | None) -> None:
    """Run bugs one after another; put what came of each into the results, and those into the file."""
    folder.mkdir(parents=True, exist_ok=True)
    results |= result.header()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(folder=folder.resolve(), wheel=wheel(Path(scratch)))
        for bug in bugs:
            places: dict[str, Any] = {}
            for place in bug.places:
                places[place] = placed(bug, place, bench)
                for line in told(places[place]):
                    print(f"{bug.name}: {place}: {line}", flush=True)
            results["bugs"][bug.name] = {"date": _now(), "places": places}
            if file:
                file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _options() -> argparse.ArgumentParser:
    parser = result.options(__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="this bug of the table; may be repeated")
    parser.add_argument("--page", type=Path, metavar="F", help="write the page of the results here")
    parser.add_argument("--draw", action="store_true", help="run nothing, only draw the page from the results")
    default = Path(platformdirs.user_cache_dir("conv-conformance")) / "releases"
    parser.add_argument("--cache", type=Path, default=default, help="the environments' folder (%(default)s)")
    return parser


def main() -> int:
    """Run the bugs that are asked for, keep the results and draw the page; return 1 if one of them is not shown."""
    parser = _options()
    options = parser.parse_args()
    bugs, unshown = table()
    asked = [bug for bug in bugs if not options.only or bug.name in options.only]
    if lost := set(options.only or ()) - {bug.name for bug in asked}:
        parser.error(f"not in the table: {', '.join(sorted(lost))}")
    source = options.json or RESULTS
    results = json.loads(source.read_text(encoding="utf-8")) if source.exists() else {"bugs": {}}
    if options.small:
        asked = asked[:1]
    if not options.draw:
        run_all(asked, options.cache, results, options.json)
    if options.page:
        options.page.write_text(page(bugs, unshown, results), encoding="utf-8")
    missed = [bug.name for bug in asked if not is_shown(bug, results["bugs"].get(bug.name))]
    print(
        f"{len(asked) - len(missed)} of {len(asked)} bugs shown", *(f"not shown: {name}" for name in missed), sep="\n"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
