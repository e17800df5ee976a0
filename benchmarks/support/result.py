"""
What every result file begins with, and the options that every measuring program has.

A result is a JSON document. Its first keys name the command, the commit, the digests of the corpus and of the
reference, the machine and the date of the measurement. A page that shows one of its figures can so say when the corpus
or the reference is another one now.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from conv_conformance import corpus
from conv_conformance.workers import machine

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "results"


def options(about: str | None, name: str = "", **settings: Any) -> argparse.ArgumentParser:
    """
    Return a parser with `--small` and `--json [FILE]`.

    `name` is the result file below `benchmarks/results` that `--json` alone means; without a name FILE is required.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings
    )
    parser.add_argument("--small", action="store_true", help="a few seconds of it: to see that it works")
    default = {"nargs": "?", "const": FOLDER / f"{name}.json"} if name else {}
    where = f", results/{name}.json without FILE" if name else ""
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"keep the figures in a file{where}", **default)
    return parser


def header(*, words: Sequence[str] | None = None) -> dict[str, Any]:
    """Return command (`words`, or `sys.argv`), commit, corpus, reference, platform and date."""
    return {
        "command": command(sys.argv if words is None else words),
        "commit": commit(),
        "corpus": corpus.load(sweeps="none").digest,
        "reference": reference(),
        "platform": machine.describe(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def command(words: Sequence[str]) -> str:
    """Return the words of a command, with the program and the files of the repository relative to its root."""
    return shlex.join(["python", *(word.replace(f"{ROOT}/", "") for word in words)])


def commit() -> str:
    """Return the commit of the working tree, followed by `+` if tracked files differ from it; empty without Git."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + "+" * bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout.strip()


def reference(root: Path = ROOT) -> str:
    """Return `sha256:` and the SHA-256 of the paths and contents of the modules of the reference."""
    whole = hashlib.sha256()
    folder = root / "conformance" / "reference"
    for path in sorted(folder.rglob("*.py")):
        whole.update(f"{path.relative_to(folder).as_posix()}\0{path.read_text(encoding='utf-8')}\0".encode())
    return f"sha256:{whole.hexdigest()}"


def keep(file: Path, figures: Mapping[str, Any]) -> None:
    """Write a header and figures into a file; a key of the header that the figures have too is theirs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text({**header(), **figures}), encoding="utf-8")


def text(document: Mapping[str, Any]) -> str:
    """Return a document as JSON, each list of plain values on one line."""
    indented = json.dumps(document, indent=1, ensure_ascii=False)
    return re.sub(r'\[(?:[^][{}"]|"[^"\\\n]*")*\]', lambda found: " ".join(found.group().split()), indented) + "\n"
