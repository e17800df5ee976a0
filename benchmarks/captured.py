"""
What `capture` sees of five architectures, what it costs, and whether the captured layers are safe on another release.

Each program of benchmarks/models is run under `capture`; its case file is run on the release that is installed, and
`check` holds that against another one. Then the program makes passes in turn, bare and watched, whose medians give the
ratio, and which must compute the same bits. The five need torchvision and flax beside the frameworks.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from support import result

MODELS = Path(__file__).parent / "models"
COMMAND = (sys.executable, "-m", "conv_conformance")
#: Targets of a run, and the release that `check` holds against the installed one, by program.
PROGRAMS = {
    "resnet": ("torch", "torch==2.12.1"),
    "convnext": ("torch", "torch==2.12.1"),
    "wavenet": ("keras-jax", "keras==3.14.1"),
    "mobilenet": ("keras-tensorflow", "keras==3.14.1"),
    "unet": ("jax", "jax==0.9.2"),
}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended: its exit code, the lines that it wrote, and the seconds that it took."""

    code: int
    out: list[str]
    err: list[str]
    seconds: float


def run(*words: str | Path, **variables: str) -> Ended:
    """Run a command, with these variables beside the others."""
    begun = perf_counter()
    environment = {**os.environ, **variables}
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, env=environment)
    seconds = perf_counter() - begun
    return Ended(code=done.returncode, out=done.stdout.splitlines(), err=done.stderr.splitlines(), seconds=seconds)


def measured(name: str, passes: int, folder: Path) -> dict[str, Any]:
    """Return what one program shows."""
    target, other = PROGRAMS[name]
    file, program = folder / f"{name}.yaml", (sys.executable, MODELS / f"{name}.py")
    captured = run(*COMMAND, "capture", "-o", file, "--", *program)
    alternating = told(run(*program, WATCHED="1", PASSES=str(passes)))
    digests = {*told(captured)["sha256"], *alternating["sha256"]}
    bare, watched = (alternating["seconds"][way] for way in ("bare", "watched"))
    distinct, total = re.findall(r"\d+", captured.err[-1].rpartition(": ")[2])
    ran = run(*COMMAND, "run", file, "-b", target)
    checked = run(*COMMAND, "check", other, file, "-b", target)
    return {
        "distinct": int(distinct),
        "calls": int(total),
        "same_bits": len(digests) == 1,
        "seconds": {"bare": round(bare, 4), "watched": round(watched, 4)},
        "ratio": round(watched / bare, 3),
        "run": {"target": target, "code": ran.code, "seconds": round(ran.seconds, 1), "says": ran.out[-1].split()},
        "check": {
            "candidate": other,
            "code": checked.code,
            "seconds": round(checked.seconds, 1),
            "says": checked.out[-1] if checked.out else checked.err[-1],
        },
    }


def told(ended: Ended) -> dict[str, Any]:
    """Return what a program printed last."""
    result: dict[str, Any] = json.loads(ended.out[-1])
    return result


def main() -> None:
    """Measure, print a line for each program, and write the figures where asked."""
    parser = result.options(__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)}; all if none")
    parser.add_argument("--passes", type=int, default=25, help="of each model, bare and watched (%(default)s)")
    asked = parser.parse_args()
    found = {}
    if asked.small:
        asked.programs, asked.passes = asked.programs or ["resnet"], 1
    with TemporaryDirectory() as folder:
        for name in asked.programs or PROGRAMS:
            found[name] = each = measured(name, asked.passes, Path(folder))
            print(f"{name}: {each['distinct']} distinct of {each['calls']}, {each['ratio']} times as long", end="")
            print(f", run {each['run']['code']}, check {each['check']['code']}: {each['check']['says']}", flush=True)
    if asked.json:
        result.keep(asked.json, {"programs": found})


if __name__ == "__main__":
    main()
