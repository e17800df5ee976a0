"""
One setting, in a process of its own: every case's verdict, and the paths that its call took.

What the framework prints goes into a file, which tells what oneDNN executed; observations go into another, a JSON line
for each case as soon as its call was made, so that a process that dies has said what it died of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path as File
from typing import IO, Any

from conv_conformance.core.case import Case
from conv_conformance.core.verdict import Verdict
from conv_conformance.records import ledger_files
from conv_conformance.records.ledger import Ledger
from conv_conformance.records.record import TargetInfo
from conv_conformance.running import in_process
from conv_conformance.workers import machine
from conv_conformance.workers.plan import Plan, make_plan
from conv_conformance.workers.targets import resolve
from conv_conformance.workers.worker import PREPARE

from .probes import Probe, probes
from .settings import Setting


class Attribution:
    """Gives the paths that were taken to the case whose call is being made."""

    def __init__(self, plan: Plan, made: Sequence[Probe], out: IO[str]) -> None:
        """Take the probes, and the file to which paths are written."""
        self._cases = {number: case.id for number, case in enumerate(plan.cases)}
        self._probes = made
        self._out = out
        self._begun: int | None = None

    def mark(self, number: int, phase: int, words: str = "") -> None:
        """Take down that a call is prepared, made or fetched; the one before it has then ended."""
        if phase == PREPARE:
            self.finish()
            self._begun = number
            _write(self._out, {"begun": self._cases.get(number, "")})
            for probe in self._probes:
                probe.begin()

    def finish(self) -> None:
        """Write down the paths of the call that was begun last; those of twins are nobody's."""
        if self._begun is None:
            return
        found = {path for probe in self._probes for path in probe.end()}
        if self._begun in self._cases:
            _write(self._out, {"case": self._cases[self._begun], "paths": sorted(found)})
        self._begun = None


def observe(setting: Setting, cases: Sequence[Case], crashed: Sequence[Case], log: str, observations: File) -> None:
    """
    Make the calls of the cases and append what is seen of them to `observations`.

    Of what an earlier process crashed on only the ledger is asked, which may know of it.
    """
    made = probes(setting.target, setting.pin, log)
    backend = _backend(setting.target)
    plan = make_plan(cases)
    with observations.open("a", encoding="utf-8") as out:
        existing = {layer: names for probe in made for layer, names in probe.existing.items()}
        versions = {"version": backend.version, "settings": backend.settings}
        _write(out, {"about": versions, "existing": existing})
        marks = Attribution(plan, made, out)
        ledger, by_id = _ledger(setting.target, backend), {case.id: case for case in cases}
        for case in crashed:
            verdict = ledger.apply(Verdict(case=case.id, target=setting.target, verdict="crash"), case)
            _write(out, _told(verdict) | {"severity": "loud", "kind": "crash"})
        for verdict in in_process.verdicts(plan, setting.target, backend, marks):
            _write(out, _told(ledger.apply(verdict, by_id[verdict.case])))
        marks.finish()
        _write(out, {"done": True})
    # Interpreters with a framework inside may hang or crash while they are taken down.
    os._exit(0)


def _backend(name: str) -> Any:
    adapter = resolve(name)
    place, _, made = adapter.locator.partition(":")
    return getattr(import_module(place), made)(adapter.target)


def _ledger(target: str, backend: Any) -> Ledger:
    info = TargetInfo(name=target, framework=backend.framework, version=backend.version, settings=backend.settings)
    return ledger_files.load(ledger_files.shipped()).of(info, machine.describe()["flags"])


def _told(verdict: Verdict) -> dict[str, Any]:
    told = {"judged": verdict.case, "verdict": verdict.verdict, "call": verdict.call, "message": verdict.message}
    told |= {"returned": verdict.output_sha256 is not None, "severity": verdict.severity, "known": verdict.known}
    if verdict.finding is not None:
        told["kind"] = verdict.finding.kind
    return told


def _write(out: IO[str], line: dict[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()
