"""
Run the script of every entry of the ledger in an environment that holds the frameworks and nothing of this suite.

What a script printed, how it ended, and whether that shows the fault is kept in docs/results/triage.json. The last line
that a script prints reads `GOT right is RIGHT`, two texts that are alike where the framework is right. The fault shows

- in a wrong result, or where a call is not refused: if the script ends well, and its last two texts differ;
- in a refusal: if the script ends by an exception after it has printed something, a call beside it that is accepted;
- in a crash: if the script ends by a signal after it has printed something; in a timeout: if it does not end.

Exit code 1: a script breaks these rules, or does not show its fault where its entry says that it would.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from conv_conformance.core.patterns import matches_pattern
from conv_conformance.records import ledger_files
from conv_conformance.records.ledger import Entry
from conv_conformance.records.record import TargetInfo
from conv_conformance.workers import machine
from conv_conformance.workers.targets import DEFAULTS, OTHERS

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "triage.json"
#: What is installed; pip adds what these need.
PACKAGES = ("torch", "jax", "tensorflow", "keras")
SEPARATOR = " right is "
#: Variables that a script keeps; any other could choose another kernel.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
TRACEBACK = "Traceback (most recent call last):\n"
#: Behind the frames of a traceback the exception, with everything that it says.
RAISED = re.compile(r"^(?P<said>\S.*)", re.MULTILINE | re.DOTALL)
#: Behind letter, time and process the line in which TensorFlow and XLA say why they abort.
FATAL = re.compile(r"^F\d{4} \S+ +\d+ (?P<said>.*)", re.MULTILINE)
#: So many characters of what a script printed are kept, the last ones; of what ended it the first.
TAIL, WORDS = 2000, 600


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The end of a script: its exit code (-N for signal N, None if it was stopped), stdout and stderr."""

    code: int | None
    stdout: str = ""
    stderr: str = ""

    @property
    def text(self) -> str:
        """The end in words, such as `exit code 1` or `SIGABRT`."""
        if self.code is None:
            return "did not end"
        return f"exit code {self.code}" if self.code >= 0 else signal.Signals(-self.code).name


def shows(entry: Entry, ending: Ending) -> bool:
    """Say whether a script that ended so has shown the fault of its entry."""
    has_printed = ending.stdout.strip() != ""
    if entry.verdict == "timeout":
        return ending.code is None
    if entry.verdict == "crash":
        return has_printed and ending.code is not None and ending.code < 0
    if ending.code == 0:
        return set(entry.kinds) != {"refused"} and differs(ending.stdout)
    return has_printed and ending.code == 1 and "refused" in entry.kinds


def differs(stdout: str) -> bool:
    """Say whether the last line says that one thing came, and another is right."""
    got, separator, right = stdout.strip().rpartition("\n")[2].partition(SEPARATOR)
    return separator != "" and got.split() != right.split()


def broken(entry: Entry) -> Iterator[str]:
    """Yield the rules that the text of a script breaks."""
    last = ast.parse(entry.triage).body[-1]
    while isinstance(last, ast.With):
        last = last.body[-1]
    said = [str(node.value) for node in ast.walk(last) if isinstance(node, ast.Constant)]
    if not isinstance(last, ast.Expr) or not any(text.startswith(SEPARATOR.strip()) for text in said):
        yield f"{entry.id}: the script does not end with print(GOT, 'right is', RIGHT)"
    does_end = entry.verdict == "crash" or set(entry.kinds) == {"refused"}
    if does_end and entry.triage.count("print(") < 2:
        yield f"{entry.id}: the script prints nothing ahead of what ends it, such as a call that is accepted"


def fresh(folder: Path, packages: Sequence[str]) -> Path:
    """Return the Python of an environment in a folder; where there is none, make it and install the packages."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def versions(python: Path) -> dict[str, str]:
    """Return what is installed beside a Python, by name."""
    program = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    if "conv-conformance" in found:
        sys.exit(f"{python}: this suite is installed there, and the scripts have to do without it")
    return found


def run(entry: Entry, python: Path, timeout: float) -> Ending:
    """Run a script once, in an empty folder, with the variables of its entry and no others that matter."""
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    variables |= {"PYTHONSAFEPATH": "1", "TF_CPP_MIN_LOG_LEVEL": "2", **entry.when.get("environment", {})}
    with tempfile.TemporaryDirectory() as folder:
        # A file, for tf.function reads the source of what it traces.
        Path(folder, "script.py").write_text(entry.triage, encoding="utf-8")
        command = [str(python), "-u", "script.py"]
        try:
            done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as stopped:
            return Ending(code=None, stdout=_text(stopped.stdout)[-TAIL:])
    said = last_words(_text(done.stderr).replace(f"{folder}{os.sep}", "")) if done.returncode else ""
    return Ending(code=done.returncode, stdout=_text(done.stdout)[-TAIL:], stderr=said)


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace").strip("\n")


def last_words(stderr: str) -> str:
    """Return what ended a script, without the way that led there: the paths in it are those of one machine."""
    _, traceback, rest = stderr.rpartition(TRACEBACK)
    found = (RAISED if traceback else FATAL).search(rest)
    return found["said"].strip()[:WORDS] if found else ""


def holds(entry: Entry, installed: Mapping[str, str]) -> bool:
    """Say whether the conditions of an entry hold on this machine, for one of its targets; its variables are set."""
    beside = {name: value for name, value in entry.when.items() if not name.endswith("environment")}
    said = replace(entry, when=beside)
    return any(said.speaks_of(target, machine.describe()["flags"]) for target in _targets(entry, installed))


def _targets(entry: Entry, installed: Mapping[str, str]) -> Iterator[TargetInfo]:
    modes = (name for name in entry.targets if "*" not in name)
    for name in dict.fromkeys((*DEFAULTS, *OTHERS, *modes)):
        package = re.split(r"[-+]", name)[0]
        if package in installed and any(matches_pattern(pattern, name) for pattern in entry.targets):
            yield TargetInfo(name=name, framework=package, version=installed[package])


def triage(entry: Entry, python: Path, installed: Mapping[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """Run a script, several times where the fault may hide at times, and return what is kept of it."""
    runs = options.repeat if is_fickle(entry) else 1
    endings = [run(entry, python, options.timeout) for _ in range(runs)]
    shown = [ending for ending in endings if shows(entry, ending)]
    kept = (shown or endings)[0]
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cpu": machine.describe()["cpu"],
        "python": machine.describe()["python"],
        "versions": {name: installed[name] for name in _imported(entry.triage) if name in installed},
        "holds": holds(entry, installed),
        "shown": len(shown),
        "runs": runs,
        "ended": kept.text,
        "stdout": kept.stdout,
        "stderr": kept.stderr,
        "script": entry.triage,
    }


def is_fickle(entry: Entry) -> bool:
    """Say whether one run proves little: the fault is intermittent, or it shows memory that nobody wrote to."""
    return entry.intermittent or {"values", "nonfinite"} <= set(entry.kinds)


def _imported(script: str) -> list[str]:
    """Return what a script imports, and the engine that it gives to Keras."""
    imported = re.findall(r"^ *(?:import|from) (\w+)", script, re.MULTILINE)
    return sorted({*imported, *re.findall(r'"KERAS_BACKEND"\] = "(\w+)"', script)})


def told(name: str, found: Mapping[str, Any]) -> str:
    """Return a line about a script that was run."""
    often = f"shown in {found['shown']} of {found['runs']}"
    beside = "" if found["holds"] else ", where the conditions of the entry do not hold"
    return f"{often}{beside}: {name}: {found['ended']}"


def main() -> int:
    """Run the scripts that were asked for, and keep what they printed beside what others did."""
    options = _options()
    ledger = ledger_files.load(ledger_files.shipped()).entries
    wanted = [entry for entry in ledger if any(matches_pattern(pattern, entry.id) for pattern in options.only)]
    if options.small:
        wanted = [entry for entry in wanted if _imported(entry.triage) == ["torch"]][:1]
        options.packages, options.dry = ["torch"], True
    wrong = [line for entry in wanted for line in broken(entry)]
    made: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        python = fresh((options.env or Path(folder)).absolute(), options.packages)
        installed = versions(python)
        for entry in wanted:
            made[entry.id] = found = triage(entry, python, installed, options)
            print(line := told(entry.id, found), flush=True)
            wrong += [line] if found["holds"] and not found["shown"] else []
    if not options.dry:
        _keep(made, [entry.id for entry in ledger])
    print("\n".join(["", *wrong] if wrong else ["every script shows its fault where its entry says that it would"]))
    return 1 if wrong else 0


def _keep(made: Mapping[str, Any], known: Sequence[str]) -> None:
    """Put what was made to what is kept of the other entries that the ledger knows, in its order."""
    kept = {**(json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}), **made}
    kept = {name: kept[name] for name in known if name in kept}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one script, and nothing is kept")
    parser.add_argument("--env", type=Path, help="the environment to make or to use; without it a temporary one")
    parser.add_argument("--packages", nargs="+", default=PACKAGES, help="what pip installs into a new one")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="ID", help="ids, or patterns of ids")
    parser.add_argument(
        "--repeat", type=int, default=10, help="how often a script is run whose fault may hide at times"
    )
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one run of a script")
    parser.add_argument("--dry", action="store_true", help="keep nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
