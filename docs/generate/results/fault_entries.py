"""The content of the page of disagreements: ledger entries, what the runs show of them, what their scripts printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from conv_conformance.core.case import Reference
from conv_conformance.core.verdict import SEVERITIES
from conv_conformance.records.ledger import Entry, Ledger
from conv_conformance.specification import template_filters

from .recorded_run import framework

#: The meaning of each severity, for the page.
MEANS = {
    "silent": "a wrong result without an error",
    "loud": "a valid call raises an error or ends the process",
    "precision": "sums are less precise than required; the documentation does not state their precision",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
        One entry of the ledger. `seen` holds the data of each run by its name, and `script` the result of its script.

    `why` holds the analysis of its smallest call: the cause, the findings of probes, and the shrunk call.
    """

    entry: Entry
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    script: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)
    #: The releases that showed the fault, such as `jax 0.10.2`.
    releases: Sequence[str] = ()

    @property
    def id(self) -> str:
        """The id of the entry."""
        return self.entry.id

    @property
    def anchor(self) -> str:
        """The anchor of its heading."""
        return "".join(letter for letter in self.id.lower() if letter.isalnum() or letter in "-_")

    @property
    def framework(self) -> str:
        """The framework that has the fault, which is the framework of the first target."""
        return framework(self.entry.targets[0])

    @property
    def severity(self) -> str:
        """`silent`, `loud` or `precision`: the worst severity that a wrong result of the entry's kinds can have."""
        if self.entry.verdict != "disagree":
            return "loud"
        of_kinds = {"refused": "loud", "precision": "precision"}
        return min((of_kinds.get(kind, "silent") for kind in self.entry.kinds), key=SEVERITIES.index)

    @property
    def kinds(self) -> str:
        """The kinds of its wrong results, in the terms of verdicts."""
        where = "" if self.entry.where == "output" else f" of {self.entry.where}"
        return (" or ".join(self.entry.kinds) or self.entry.verdict) + where

    @property
    def literal(self) -> int:
        """The largest number of literal cases that show it in one run; runs share their cases."""
        return max((seen["calls"][0] for seen in self.seen.values()), default=0)

    @property
    def sweeps(self) -> int:
        """The largest number of points of sweeps that show it in one run."""
        return max((seen["calls"][1] for seen in self.seen.values()), default=0)

    @property
    def targets(self) -> Sequence[str]:
        """The targets that showed the fault in a run; if none did, the targets of the entry."""
        return (
            list(dict.fromkeys(name for seen in self.seen.values() for name in seen["targets"])) or self.entry.targets
        )

    @property
    def conditions(self) -> str:
        """
        The conditions under which the fault happens, as text: how often, on which calls, on which machine.

        If the entry only lists cases, its `reason` describes the calls, and the text refers to that description.
        """
        calls = [self.entry.calls.text] if self.entry.calls.wanted else []
        where = "; ".join([*calls, *_when(self.entry.when)])
        often = {"intermittently": self.entry.intermittent, "on some calls": self.entry.partly}
        said = " and ".join(word for word, holds in often.items() if holds)
        which = "" if calls or self.entry.partly else "on the calls described above"
        return " ".join(filter(None, (said, where and f"{which} where {where}".strip())))

    @property
    def source(self) -> str:
        """The entry's link with a short name if it leads to documentation or source; empty for a tracker."""
        return "" if _is_tracker(self.entry.link) else _named(self.entry.link)

    @property
    def tracked(self) -> str:
        """The link to the fault in a public tracker, with a short name."""
        links = [self.entry.link, self.entry.issue] if _is_tracker(self.entry.link) else [self.entry.issue]
        return ", ".join(map(_named, filter(None, links)))

    @property
    def definition(self) -> str:
        """Links to the clauses that the fault contradicts."""
        return ", ".join(f"[{name}](../spec/index.md#{name.lower()})" for name in self.entry.contradicts)

    @cached_property
    def smallest(self) -> Mapping[str, str] | None:
        """The smallest case that shows the fault, with its target and the message of the verdict."""
        return next((seen["smallest"] for seen in self.seen.values()), None)

    @property
    def acts(self) -> Sequence[str]:
        """The conditions under which calls fail, each with the numbers of failing calls and of all calls under it."""
        found = (each for seen in self.seen.values() for each in seen["acts"])
        return [
            f"{each['seen']:,} of the {each['of']:,} calls of `{each['target']}` where {each['where']}"
            for each in found
        ]

    @property
    def is_run(self) -> bool:
        """Whether the current text of its script was run."""
        return self.script.get("script") == self.entry.triage

    @property
    def printed(self) -> str:
        """The output of its script; if the script did not end with an exit code, followed by how it ended."""
        ended = "" if self.script["ended"].startswith("exit code") else f"({self.script['ended']})"
        return "\n".join(filter(None, (self.script["stdout"], self.script["stderr"], ended)))

    @property
    def ran(self) -> str:
        """The date, versions and machine of the script's run."""
        said = self.script
        beside = ", ".join(f"{name} {version}" for name, version in said["versions"].items())
        often = f", shown in {said['shown']} of {said['runs']} runs" if said["runs"] > 1 else ""
        return f"{said['date']}, {beside}, Python {said['python']}, {said['cpu']}{often}"

    @property
    def contrary(self) -> str:
        """The remark on a script that did not show its fault, or showed it outside the entry's conditions."""
        if self.script["holds"]:
            return "" if self.script["shown"] else "It did not show the fault, though its conditions held"
        shown = "It showed the fault nevertheless" if self.script["shown"] else "It did not show the fault"
        return f"The conditions of the entry did not hold there. {shown}"

    def beside(self, what: str) -> Sequence[str]:
        """
        Return the targets that have this outcome on the same calls.

        The outcome is one of `agrees`, `refuses`, `mixed`, `fails` and `unsupported`.
        """
        said = {name: each for seen in self.seen.values() for name, each in seen["beside"].items()}
        return [name for name, each in said.items() if each == what and name != "numpy"]


def _is_tracker(link: str) -> bool:
    return any(part in link for part in ("/issues/", "/discussions/"))


def _named(link: str) -> str:
    return template_filters.reference(Reference(link=link))


_WORDS = {
    "cpu": "the processor has `{}`",
    "not_cpu": "the processor has no `{}`",
    "device": "the device is `{}`",
    "environment": "the environment has `{}`",
    "not_environment": "the environment does not have `{}`",
    "settings": "the framework reports `{}`",
}


def _when(when: Mapping[str, Any]) -> Iterator[str]:
    for name, value in when.items():
        text = ", ".join(f"{key}={wanted}" for key, wanted in value.items()) if isinstance(value, Mapping) else value
        yield _WORDS[name].format(text)


def faults(
    ledger: Ledger, runs: Mapping[str, Any], triage: Mapping[str, Any], causes: Mapping[str, Any]
) -> Sequence[Fault]:
    """
    Return every entry of the ledger, silent faults first, then by framework, then those seen in the most calls.

    Raises:
        LookupError: if a run knows of an entry that the ledger does not have.

    """
    known = {entry.id for entry in ledger.entries}
    if lost := [name for run in runs.values() for name in run["faults"] if name not in known]:
        raise LookupError(f"the ledger has no entry {', '.join(lost)}: pass the records to --run again")
    return sorted((_fault(entry, runs, triage, causes) for entry in ledger.entries), key=_place)


def _fault(entry: Entry, runs: Mapping[str, Any], triage: Mapping[str, Any], causes: Mapping[str, Any]) -> Fault:
    seen = {name: run["faults"][entry.id] for name, run in runs.items() if entry.id in run["faults"]}
    on = (runs[name]["targets"][target] for name, said in seen.items() for target in said["targets"])
    return Fault(
        entry=entry,
        seen=seen,
        script=triage.get(entry.id, {}),
        why=causes.get(entry.id, {}),
        releases=list(dict.fromkeys(f"{target['framework']} {target['version']}" for target in on)),
    )


def grouped(faults: Sequence[Fault]) -> Sequence[tuple[str, Sequence[tuple[str, Sequence[Fault]]]]]:
    """Return sorted faults by severity, and those by framework."""
    return [
        (severity, [(name, list(some)) for name, some in groupby(of_severity, key=lambda fault: fault.framework)])
        for severity, of_severity in groupby(faults, key=lambda fault: fault.severity)
    ]


def _place(fault: Fault) -> tuple[int, str, int, str]:
    return SEVERITIES.index(fault.severity), fault.framework, -(fault.literal + fault.sweeps), fault.id
