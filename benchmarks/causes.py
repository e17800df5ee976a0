"""
Why today's releases are wrong where the ledger knows them to be: the cause, what probes show, and the smallest call.

    python benchmarks/causes.py RECORD [--only ID ...]

RECORD is of a run on the machine that this is run on, such as `conv-conformance run --sweeps none --record RECORD`. Of
each entry of the ledger that it saw, but for calls that must be refused and for rounding, the smallest call is made
again: probed where its output is wrong and no cause of the glossary explains it, and made small. That starts a worker
for each step and takes seconds to minutes for each entry. The findings go to `docs/results/causes.json`; those of other
machines stay. `--small` explains one entry, and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from conv_conformance.analysis.tap_audits import probe_caller
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.verdict import Verdict
from conv_conformance.corpus.format import writer
from conv_conformance.diagnosis.taps.probe import audit_taps
from conv_conformance.explain import requested_call
from conv_conformance.explain.call_failures import failing_calls, fails_alike
from conv_conformance.explain.minimal_call import smallest_call
from conv_conformance.records.failure_group import Group
from conv_conformance.records.record import Record, read_record
from conv_conformance.running import invocation
from conv_conformance.workers import machine, targets
from conv_conformance.workers.limits import Terms
from conv_conformance.workers.targets import Adapter

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "causes.json"
COMMITTED = RESULTS.with_name("cpu.jsonl")
#: The entry that `--small` explains.
SMALL = "torch.no-input-channels-no-output-channels"
#: The kinds of disagreement that a cause may explain, and of others those that are not made small.
EXPLAINED = ("values", "nonfinite", "shape", "dtype", "layout")
LARGE = ("not-refused", "precision", "nondeterministic", "inputs-changed")


def known(record: Record) -> Iterator[Group]:
    """Yield, for each entry that a record saw, the group of its calls with the smallest one."""
    seen: set[str] = set()
    for group in record.groups:
        if group.known and group.known not in seen and group.kind not in LARGE:
            seen.add(group.known)
            yield group


def explained(group: Group, record: Record, case: Case) -> dict[str, Any]:
    """Return what is found about the smallest call of a group."""
    target = next(name for name in group.targets if _verdict(record, group.smallest, name) is not None)
    verdict = _verdict(record, group.smallest, target)
    assert verdict is not None
    (adapter,) = targets.named_targets([target])
    info = next(each for each in record.targets if each.name == target)
    said = verdict.diagnosis
    is_asked = group.kind in EXPLAINED and group.where.startswith(("output", "gradient."))
    is_open = is_asked and (said is None or not said.causes)
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cpu": machine.describe()["cpu"],
        "version": f"{info.framework} {info.version}",
        "target": target,
        "case": case.id,
        # Of a call that is refused, or ends the process, or is differentiated twice, no cause is looked for.
        "cause": (str(said) if said is not None and said.causes else "") if is_asked else None,
        "taps": _taps(case.call, adapter) if is_open and group.where == "output" else [],
        "small": "" if case.call.second_order else _small(case, adapter),
    }


def _verdict(record: Record, case: str, target: str) -> Verdict | None:
    found = (each for each in record.verdicts if (each.case, each.target, each.verdict) == (case, target, "known"))
    return next(found, None)


def _taps(call: Call, adapter: Adapter) -> list[str]:
    found = audit_taps(call, probe_caller(adapter, Terms()))
    return [] if found is None else found.lines


def _small(case: Case, adapter: Adapter) -> str:
    """Return the smallest call that fails as a case's does, as a case; nothing where it does not fail alone."""
    (found,) = failing_calls([case.call], adapter)
    if found is None:
        return ""
    call = smallest_call(case.call, fails_alike(found, adapter))
    name = f"{case.id.partition('[')[0]}-shrunk"
    title = f"Fails as {case.id} does"
    return writer.case(call, requested_call.case(call).expectation, name=name, title=title, clauses=case.clauses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one entry, and nothing is kept")
    parser.add_argument("record", type=Path, nargs="?", default=COMMITTED, help="%(default)s by default")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID")
    given = parser.parse_args()
    if given.small:
        given.only = given.only or [SMALL]
    record = read_record(given.record)
    cases: Mapping[str, Case] = {case.id: case for case in invocation.corpus((), "none").cases}
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for group in known(record):
        if group.smallest in cases and (not given.only or group.known in given.only):
            assert group.known is not None
            found[group.known] = explained(group, record, cases[group.smallest])
            print(group.known, found[group.known]["cause"] or "no cause", flush=True)
            if not given.small:
                RESULTS.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
