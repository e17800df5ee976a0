"""
What the tests of the engine see of its faults: mutants of its modules, each run against the tests of its module.

Cosmic Ray makes the mutants (benchmarks/support/mutations.py). A seed draws the same number of them from each module.
Each mutant is written into a private copy of the tree, where pytest runs the test files of the module (`MODULES`) and
stops at the first failure. The worker processes of a test run the code of the copy too. A failing test, a crash of the
tests and a test that does not end kill a mutant. The limit is twice the time that the tests take without a mutant, and
`GRACE` seconds.

`--resume FILE` keeps each result as one JSON line. A mutant that FILE has as killed is not run again. A survivor is run
again after its test files have changed. `engine-mutation-survivors.yaml` explains survivors: no test can see an
`equivalent` mutant, and an `unseen` one is a fault that the tests do not show.
"""

from __future__ import annotations

import gc
import hashlib
import json
import marshal
import math
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import version
from multiprocessing import connection, get_context
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

import psutil
import pytest
from support import mutations, result
from support.mutations import Mutant

HERE = Path(__file__).parent
EXPLAINED = HERE / "engine-mutation-survivors.yaml"

#: The mutated modules of `conformance/`, and for each the test files of `tests/` that may see its mutants, the fastest
#: first.
MODULES: Mapping[str, Sequence[str]] = {
    "judging/judgement.py": ("judging/test_judgement.py", "judging/test_precision.py"),
    "records/ledger.py": (
        "records/test_reapplied_ledger.py",
        "records/test_ledger.py",
        "analysis/test_ledger_drafts.py",
    ),
    "records/ledger_files.py": ("records/test_ledger.py",),
    "records/record.py": ("records/test_record.py", "reports/test_failure_groups.py", "records/test_merge.py"),
    "records/failure_group.py": (
        "records/test_failure_group.py",
        "records/test_record.py",
        "analysis/test_failure_groups.py",
        "reports/test_failure_groups.py",
    ),
    "running/runner.py": ("running/test_runner.py",),
    "running/target_session.py": ("running/test_runner.py", "running/test_resumption.py"),
    "running/target_judge.py": ("running/test_runner.py",),
    "workers/worker.py": ("workers/test_worker.py", "workers/test_protocol.py", "workers/test_pool.py"),
    "workers/process.py": ("workers/test_protocol.py", "workers/test_pool.py"),
    "workers/pool.py": ("workers/test_protocol.py", "workers/test_pool.py"),
    "analysis/comparison.py": ("analysis/test_comparison.py",),
    "analysis/condition_search.py": ("analysis/test_failure_groups.py", "reports/test_failure_groups.py"),
    "diagnosis/search.py": ("diagnosis/test_search.py",),
    "corpus/sweeps/axes.py": ("corpus/sweeps/test_axes.py", "corpus/sweeps/test_points.py"),
    "corpus/sweeps/points.py": (
        "corpus/sweeps/test_points.py",
        "corpus/sweeps/test_axes.py",
        "specification/test_versions.py",
    ),
    "corpus/sweeps/covering_array.py": ("corpus/sweeps/test_covering_array.py",),
}
#: Seconds beyond twice the honest time of the tests.
GRACE = 5.0
#: Bytes of address space that the process of the tests may take beyond what it has at its start.
MEMORY = 8 << 30
#: The mutants of `--small`: a module with fast tests, and their number.
SMALL, FEW = "records/ledger.py", 3
#: Packages that the process of each mutant has already imported. None of them imports the engine.
PRELOADED = ("numpy", "ml_dtypes", "yaml", "rich.console", "rich.table", "jinja2", "click", "packaging.specifiers")
PRELOADED_TESTS = (
    "hypothesis",
    "hypothesis.strategies",
    "fastjsonschema",
    "jsonschema",
    "selenium.webdriver",
    "scipy.stats",
)
#: Plugins that the tests of one mutant do without, and warnings: mutants compare with `is`, and packages are preloaded.
UNUSED = ("cacheprovider", "randomly", "hypothesispytest", "xdist")
IGNORED = ("SyntaxWarning", "pytest.PytestAssertRewriteWarning")
#: Imports the packages of the copy; `places` maps their names to folders.
FINDER = """
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in places:
            return None
        folder = places[name]
        start = Path(folder, "__init__.py")
        if start.exists():
            return spec_from_file_location(name, start, submodule_search_locations=[folder])
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [folder]
        return spec

sys.meta_path.insert(0, Finder)
"""


class Copy:
    """
    A copy of the tree, in which one module at a time is mutated.

    The copy has a cache of its own, so that no mutant writes into the user's cache. `clean` removes what a mutant has
    added to it.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="engine-mutation-")
        self.root = Path(self._folder.name, "tree")
        self._cache = Path(self._folder.name, "cache")
        self._cache.mkdir(mode=0o700)
        self._kept: set[Path] = set()
        #: The code of each remembered module, and the times of its file in nanoseconds.
        self._originals: dict[str, tuple[str, tuple[int, int]]] = {}
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=result.ROOT,
            capture_output=True,
            check=True,
        )
        for name in map(os.fsdecode, filter(None, listed.stdout.split(b"\0"))):
            if (result.ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(result.ROOT / name, self.root / name)
        site = Path(self._folder.name, "site")
        site.mkdir()
        self.finder = f"places = {self._places()!r}\n{FINDER}"
        (site / "sitecustomize.py").write_text(self.finder, encoding="utf-8")
        self.environment = {
            "PYTHONPATH": os.fspath(site),
            "CONV_CONFORMANCE_CACHE": os.fspath(self._cache),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def _places(self) -> dict[str, str]:
        folders = {"": "conformance", ".backends": "backends", ".cases": "cases", ".documents": "."}
        return {f"conv_conformance{name}": os.fspath(self.root / folder) for name, folder in folders.items()}

    def __enter__(self) -> Copy:  # noqa: PYI034  Python 3.10 has no Self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._folder.cleanup()

    def path(self, module: str) -> Path:
        """Return the path of a module in the copy."""
        return self.root / "conformance" / module

    def warm(self) -> None:
        """Keep what the cache holds now, for all mutants; covering arrays excepted, which a mutant must make anew."""
        for path in self._cache.rglob("*"):
            if path.is_file() and not _is_covering(path):
                self._kept.add(path)
        self.clean()

    def clean(self) -> None:
        """Remove from the cache what is not kept."""
        for path in self._cache.rglob("*"):
            if path.is_file() and path not in self._kept:
                path.unlink()

    def write(self, module: str, source: str, number: int) -> None:
        """
        Write a mutant into the copy.

        The time of the file is set back, by another number of seconds for each mutant: Python compiles the file again,
        and the loader of the corpus, which takes the newest time, still finds what the cache keeps.
        """
        path = self.path(module)
        past = path.stat().st_mtime - 1000 - number
        path.write_text(source, encoding="utf-8")
        os.utime(path, (past, past))

    def restore(self, module: str) -> None:
        """Copy a module from the tree again."""
        text, times = self._originals[module]
        self.path(module).write_text(text, encoding="utf-8")
        os.utime(self.path(module), ns=times)

    def remember(self, module: str) -> str:
        """Return the code of a module, to which `restore` sets it back."""
        path = self.path(module)
        found = path.stat()
        self._originals[module] = path.read_text(encoding="utf-8"), (found.st_atime_ns, found.st_mtime_ns)
        return self._originals[module][0]


def _is_covering(entry: Path) -> bool:
    """Return whether a cache entry holds the rows of a covering array and the counts of what its rules leave out."""
    content = entry.read_bytes()
    try:
        value = marshal.loads(content[32:])
    except (ValueError, EOFError, TypeError):
        return False
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the tests did with a mutant: the test or the event that killed it, empty if none did, and the seconds."""

    killed: str
    seconds: float
    is_timeout: bool = False


def drawn(path: Path, module: str, code: str, count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants that count, drawn by a seed without replacement; fewer if the module has fewer."""
    edits = mutations.edits([path])
    random.Random(f"{seed} {module}").shuffle(edits)
    programs = {mutations.program(code)}
    found: list[Mutant] = []
    for edit in edits:
        if len(found) == count:
            break
        mutant = mutations.edited(edit, module.removesuffix(".py"), code)
        with suppress(SyntaxError):
            if (program := mutations.program(mutant.source)) not in programs:
                programs.add(program)
                found.append(mutant)
    return found


def tried(copy: Copy, tests: Sequence[str], limit: float) -> Trial:
    """Run test files in the copy, as it is, in a process of its own."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    began = perf_counter()
    process = context.Process(target=_alone, args=(copy, tests, theirs))
    process.start()
    theirs.close()
    killed, is_timeout = "", not ours.poll(limit)
    if is_timeout:
        killed = "the tests did not end"
        _end(process.pid)
    else:
        try:
            killed = str(ours.recv())
        except EOFError:
            killed = "the process of the tests died"
    _end(process.pid)
    process.join()
    return Trial(killed=killed, seconds=round(perf_counter() - began, 2), is_timeout=is_timeout)


def _end(number: int | None) -> None:
    """Kill a process and its descendants."""
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(number)
        for process in (*top.children(recursive=True), top):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)


class _FirstFailure:
    """A pytest plugin that keeps the name of the first test, or of the first file, that fails."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.name = self.name or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.name = self.name or report.nodeid


def _alone(copy: Copy, tests: Sequence[str], told: connection.Connection) -> None:
    with Path(os.devnull).open("r+b") as nothing:
        for descriptor in (0, 1, 2):
            os.dup2(nothing.fileno(), descriptor)
    limit = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.environ.update(copy.environment)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("conv_conformance", "tests", "support")]:
        del sys.modules[name]
    sys.dont_write_bytecode = False
    os.chdir(copy.root)
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]
    exec(copy.finder, {})  # noqa: S102
    first = _FirstFailure()
    quiet = ["-q", "-x", *(word for name in UNUSED for word in ("-p", f"no:{name}"))]
    quiet += [word for name in IGNORED for word in ("-W", f"ignore::{name}")]
    try:
        code = pytest.main([*quiet, *(f"tests/{each}" for each in tests)], plugins=[first])
        told.send(first.name or ("" if code == 0 else f"pytest ended with {int(code)}"))
    except BaseException as error:
        told.send(f"{type(error).__name__}: {error}")
    os._exit(0)


class Results:
    """The results of an earlier run and of this one: a JSON line for each mutant."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):
                    found = json.loads(line)
                    self._known[found["key"]] = found

    def find(self, mutant: Mutant, tests: str) -> Trial | None:
        """Return the earlier result of a mutant; None if there is none, or for a survivor of other tests."""
        found = self._known.get(_key(mutant))
        if found is None or (not found["killed"] and found["tests"] != tests):
            return None
        return Trial(killed=found["killed"], seconds=found["seconds"], is_timeout=found["timeout"])

    def add(self, mutant: Mutant, tests: str, trial: Trial) -> None:
        """Append a result to the file."""
        line = {
            "key": _key(mutant),
            "tests": tests,
            "name": mutant.name,
            "line": mutant.line,
            "operator": mutant.operator,
            "killed": trial.killed,
            "seconds": trial.seconds,
            "timeout": trial.is_timeout,
        }
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _key(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.module}\0{mutant.source}".encode()).hexdigest()[:16]


def wilson(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """
    Return the interval of a share `count / total`: with the default z, of 95 %.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), p. 209-212.
    """
    if not total:
        return 0.0, 1.0
    share, square = count / total, z * z / total
    middle = share + square / 2
    half = z * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return max((middle - half) / (1 + square), 0.0), min((middle + half) / (1 + square), 1.0)


def measure(
    modules: Sequence[str], count: int, seed: int, kept: Results, *, only: str = "", is_small: bool = False
) -> Iterator[tuple[str, dict[str, Any], list[tuple[Mutant, Trial]]]]:
    """
    Yield each module with the facts of its tests and the results of its mutants.

    `only` selects, of the drawn mutants, those whose names contain this text.

    Raises:
        SystemExit: if the tests of a module fail without a mutant.

    """
    for name in (*PRELOADED, *(() if is_small else PRELOADED_TESTS)):
        with suppress(ImportError):
            import_module(name)
    gc.freeze()
    with Copy() as copy:
        for module in modules:
            tests = MODULES[module][:1] if is_small else MODULES[module]
            code = copy.remember(module)
            mutants = [each for each in drawn(copy.path(module), module, code, count, seed) if only in each.name]
            digest = _digest(copy, tests)
            found = [(mutant, kept.find(mutant, digest)) for mutant in mutants]
            honest = 0.0
            if any(trial is None for _, trial in found):
                honest = _honest(copy, tests)
            trials: list[tuple[Mutant, Trial]] = []
            for number, (mutant, known) in enumerate(found):
                trial = known
                if trial is None:
                    copy.write(module, mutant.source, number)
                    trial = tried(copy, tests, 2 * honest + GRACE)
                    copy.restore(module)
                    copy.clean()
                    kept.add(mutant, digest, trial)
                trials.append((replace(mutant, killed=trial.killed), trial))
                if sys.stderr.isatty():
                    print(f"\r{module} {number + 1} of {len(found)} ", end="", file=sys.stderr, flush=True)
            yield module, {"tests": list(tests), "honest_seconds": honest}, trials


def _honest(copy: Copy, tests: Sequence[str]) -> float:
    """Return the seconds that tests take without a mutant, the covering arrays made anew."""
    for _ in range(2):
        trial = tried(copy, tests, 600)
        if trial.killed:
            raise SystemExit(f"{', '.join(tests)}: fail without a mutant: {trial.killed}")
        copy.warm()
    return trial.seconds


def _digest(copy: Copy, tests: Sequence[str]) -> str:
    whole = hashlib.sha256()
    for name in tests:
        whole.update((copy.root / "tests" / name).read_bytes())
    return whole.hexdigest()[:16]


def figures(
    found: Mapping[str, tuple[Mapping[str, Any], Sequence[tuple[Mutant, Trial]]]], seed: int, count: int
) -> dict[str, Any]:
    """Return the figures of all modules, of each module, and the survivors with their explanations."""
    explained = mutations.explanations(EXPLAINED) if EXPLAINED.exists() else {}
    every = [each for _, trials in found.values() for each in trials]
    return {
        "tool": f"cosmic-ray {version('cosmic-ray')}",
        "seed": seed,
        "mutants_a_module": count,
        "all": _counts(every, explained),
        "modules": {module: {**facts, **_counts(trials, explained)} for module, (facts, trials) in found.items()},
        "survivors": [_described(mutant, explained) for mutant, trial in every if not trial.killed],
    }


def _counts(trials: Sequence[tuple[Mutant, Trial]], explained: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    killed = sum(bool(trial.killed) for _, trial in trials)
    kinds = [explained.get(mutant.name, ("", ""))[0] for mutant, trial in trials if not trial.killed]
    equivalent = kinds.count("equivalent")
    low, high = wilson(killed, len(trials))
    lower, higher = wilson(killed, len(trials) - equivalent)
    return {
        "drawn": len(trials),
        "killed": killed,
        "timeouts": sum(trial.is_timeout for _, trial in trials),
        "survivors": len(trials) - killed,
        "equivalent": equivalent,
        "share": round(killed / max(len(trials), 1), 4),
        "interval": [round(low, 4), round(high, 4)],
        "share_without_equivalent": round(killed / max(len(trials) - equivalent, 1), 4),
        "interval_without_equivalent": [round(lower, 4), round(higher, 4)],
        "seconds": round(sum(trial.seconds for _, trial in trials), 1),
    }


def _described(mutant: Mutant, explained: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    kind, reason = explained.get(mutant.name, ("", ""))
    return {
        "file": f"conformance/{mutant.module}.py",
        "line": mutant.line,
        "function": mutant.function,
        "operator": mutant.operator,
        "before": mutant.before,
        "after": mutant.after,
        "is": kind,
        "because": reason,
    }


def main() -> int:
    """Measure, print, and keep the figures where asked."""
    parser = result.options(__doc__, "engine_mutation")
    parser.add_argument("--mutants", type=int, default=60, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep each result, and use those that FILE has")
    parser.add_argument(
        "--module", action="append", default=[], help="of the modules, those whose paths hold this text"
    )
    parser.add_argument("--only", default="", help="of the mutants, those whose names hold this text")
    options = parser.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)  # of what mutants compare with `is`
    chosen = [name for name in MODULES if not options.module or any(part in name for part in options.module)]
    modules, count = ([SMALL], FEW) if options.small else (chosen, options.mutants)
    found: dict[str, tuple[Mapping[str, Any], Sequence[tuple[Mutant, Trial]]]] = {}
    kept = Results(options.resume)
    for module, facts, trials in measure(modules, count, options.seed, kept, only=options.only, is_small=options.small):
        found[module] = facts, trials
        counts = _counts(trials, {})
        low, high = counts["interval"]
        print(
            f"{module:<32} {counts['killed']:>3} of {counts['drawn']:<3} killed ({low:.0%} to {high:.0%})", flush=True
        )
        for mutant, trial in trials:
            if not trial.killed:
                print(f"    line {mutant.line}, {mutant.name.partition('.')[2]}", flush=True)
    made = figures(found, options.seed, count)
    if options.json:
        result.keep(options.json, made)
    print(json.dumps(made["all"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
