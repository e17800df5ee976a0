"""The GitHub Action: well-formed, and its steps run in a shell as Actions would run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
#: Stands for `python`: says what pip was to install, and leaves everything else to the interpreter of the tests.
SHIM = """#!/bin/sh
if [ "$2" = pip ]; then echo "$@" >> "$RUNNER_TEMP/pip.txt"; else exec {python} "$@"; fi
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


def test_the_action_fits_the_schema_of_its_format() -> None:
    """The schema is that of check-jsonschema."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Job:
    """A job that uses the action, in a folder of its own."""

    def __init__(self, folder: Path, inputs: Mapping[str, str]) -> None:
        self.folder = folder
        self.code = 0
        self.printed = ""
        self._inputs = {name: str(said.get("default", "")) for name, said in ACTION["inputs"].items()} | dict(inputs)
        self._outputs: dict[str, str] = {}
        shim = folder / "bin" / "python"
        shim.parent.mkdir()
        shim.write_text(SHIM.format(python=sys.executable))
        shim.chmod(0o755)
        for step in ACTION["runs"]["steps"]:
            self._take(step)
            if self.code:
                break

    @property
    def installed(self) -> str:
        """What pip was asked for."""
        return (self.folder / "pip.txt").read_text().strip()

    @property
    def summary(self) -> str:
        """The job's summary page."""
        return (self.folder / "summary.md").read_text()

    def output(self, name: str) -> Path:
        """Return the path that an output of the action has."""
        return Path(self._filled(ACTION["outputs"][name]["value"]))

    def _take(self, step: Mapping[str, Any]) -> None:
        written = self.folder / "output.txt"
        written.write_text("")
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_OUTPUT": str(written),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            **{name: self._filled(value) for name, value in step.get("env", {}).items()},
        }
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        self.code, self.printed = done.returncode, done.stdout + done.stderr
        for line in written.read_text().splitlines():
            name, _, value = line.partition("=")
            self._outputs[f"steps.{step['id']}.outputs.{name}"] = value

    def _filled(self, text: str) -> str:
        known = {f"inputs.{name}": value for name, value in self._inputs.items()}
        known |= {"github.action_path": str(ROOT), **self._outputs}
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], text)


SMALL = "conv1d.same.* --sweeps none"


def test_a_job_leaves_summary_record_and_junit(tmp_path: Path) -> None:
    """From a clean folder: what was installed, the page, and both files where the outputs say."""
    job = Job(tmp_path, {"framework": "numpy", "version": "1.26.4", "arguments": SMALL})
    assert job.code == 0, job.printed
    assert job.installed.split()[3:] == [str(ROOT), "numpy==1.26.4"]
    assert job.summary.startswith("# Convolution conformance")
    lines = [json.loads(line) for line in job.output("record").read_text().splitlines()]
    assert lines[0]["targets"] == ["numpy"]
    suites = ElementTree.fromstring(job.output("junit").read_text())  # noqa: S314 - our own text
    assert [suite.get("tests") for suite in suites] == [str(sum("case" in line for line in lines))]


@pytest.mark.parametrize(
    ("version", "words"),
    [("", ["--upgrade", str(ROOT), "numpy"]), ("installed", [str(ROOT)]), ("2.0", [str(ROOT), "numpy==2.0"])],
)
def test_the_version_decides_what_is_installed(tmp_path: Path, version: str, words: list[str]) -> None:
    """The newest, the one that is there, or the one that is named."""
    job = Job(tmp_path, {"framework": "numpy", "version": version, "arguments": "conv1d.same.square --sweeps none"})
    assert job.installed.split()[3:] == words


WRONG = """
from conv_conformance.backends.numpy import NumPy

class Wrong(NumPy):
    def prepare(self, call):
        run = super().prepare(call)
        def make():
            outputs = run()
            return outputs._replace(arrays={name: array + 1 for name, array in outputs.arrays.items()})
        return make
"""


def test_a_fault_fails_the_job_and_is_on_its_page(tmp_path: Path) -> None:
    """Unless that is not what it is to fail on."""
    (tmp_path / "wrong.py").write_text(WRONG)
    inputs = {"framework": "numpy", "targets": "wrong.py:Wrong numpy", "arguments": SMALL}
    job = Job(tmp_path, inputs)
    assert (job.code, "### silent" in job.summary) == (1, True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "wrong.py").write_text(WRONG)
    assert Job(other, {**inputs, "fail-on": "loud"}).code == 0
