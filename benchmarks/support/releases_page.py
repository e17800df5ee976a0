"""The page of the bugs that releases had, drawn from the table and the kept results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from conv_conformance.core.verdict import UNEXPECTED
from conv_conformance.reports.markdown import escaped
from packaging.requirements import Requirement

from support.releases_table import Bug, Kept, Unshown, is_shown, showing

HEAD = """\
# Bugs of released versions

Each bug below is one that a release of a framework had, as its makers or users reported it. The suite was installed
beside that release and beside the one that mended it, and `conv-conformance run --sweeps none --no-known` was recorded
in both: at least one case disagrees there and agrees here, on the same machine. This page is drawn from
[what was kept of the records](../../benchmarks/results/releases.json). To make environments, run everything again and
draw the page, for one bug of [the table](../../benchmarks/support/releases.yaml) with `--only NAME`:
`python benchmarks/releases.py --json benchmarks/results/releases.json --page docs/results/releases.md`.
"""

#: How many named cases a row shows.
MOST = 4


def page(bugs: Sequence[Bug], unshown: Sequence[Unshown], results: Kept) -> str:
    """Return the page as Markdown."""
    kept = results["bugs"]
    shown = [bug for bug in bugs if is_shown(bug, kept.get(bug.name))]
    missed = [bug for bug in bugs if bug not in shown]
    return "\n".join(
        [
            HEAD,
            _machine(results["platform"]),
            _overview(shown, kept),
            *(_entry(bug, kept[bug.name]) for bug in shown),
            "## Not shown\n",
            *(_missed(bug, kept.get(bug.name)) for bug in missed),
            *(f"- {entry.what.strip()} {_links(entry.sources)}. {entry.reason.strip()}\n" for entry in unshown),
        ]
    )


def _machine(machine: Kept) -> str:
    processor = f"{machine['cpu']}, {machine['machine']}: {', '.join(machine['flags'])}"
    return f"| | |\n|---|---|\n| processor | {processor} |\n| system | {machine['os']} |\n"


def _overview(shown: Sequence[Bug], kept: Kept) -> str:
    lines = ["| bug | fails | passes |", "|---|---|---|"]
    for bug in shown:
        places = kept[bug.name]["places"]
        had = ", ".join(_version(bug, places[release]) for release in bug.releases)
        lines.append(f"| [{bug.name}](#{_anchor(bug.name)}) | {had} | {_version(bug, places[bug.mended])} |")
    return "\n".join(lines) + "\n"


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9-]", "", heading)


def _version(bug: Bug, place: Kept) -> str:
    return " ".join(f"{name} {place['versions'][name]}" for name in _changed(bug))


def _changed(bug: Bug) -> list[str]:
    return [Requirement(word).name for word in bug.mended.split()]


def _entry(bug: Bug, kept: Kept) -> str:
    places = kept["places"]
    mended = places[bug.mended]
    rows = [row for place in bug.places for row in _rows(bug, places[place], mended)]
    remark = [f"{bug.remark.strip()}\n"] if bug.remark else []
    head = "| release | target | named cases that disagree | literal cases that disagree |\n|---|---|---|---|"
    return "\n".join(
        [
            f"## {bug.name}\n",
            f"{bug.what.strip()} Source: {_links(bug.sources)}.\n",
            *remark,
            f"Run on {kept['date'][:10]} with {_with(bug, mended)}.\n",
            "\n".join([head, *rows]),
            "",
            _example(bug, places[bug.releases[-1]], mended),
        ]
    )


def _with(bug: Bug, place: Kept) -> str:
    beside = [f"{name} {version}" for name, version in place["versions"].items() if name not in _changed(bug)]
    return ", ".join([*beside, *(f"`{name}={value}`" for name, value in bug.environment.items())])


def _rows(bug: Bug, place: Kept, mended: Kept) -> Iterator[str]:
    for target, found in place["targets"].items():
        failing = [case for case, verdict in found["cases"].items() if verdict["verdict"] in UNEXPECTED]
        literal = _literal(found, mended["targets"][target])
        yield f"| {_version(bug, place)} | `{target}` | {_named(failing, len(found['cases']))} | {literal} |"


def _named(failing: Sequence[str], total: int) -> str:
    if not failing:
        return f"none of {total}"
    more = f" and {len(failing) - MOST} more" if len(failing) > MOST else ""
    return ", ".join(f"`{case}`" for case in failing[:MOST]) + more


def _literal(found: Kept, mended: Kept) -> str:
    judged = sum(count for name, count in found["counts"].items() if name not in ("unsupported", "not-run"))
    here = set(found["unexpected"]) - set(mended["unexpected"])
    more = f", {len(here)} of them only here" if here else ""
    return f"{len(found['unexpected'])} of {judged}{more}"


def _example(bug: Bug, place: Kept, mended: Kept) -> str:
    target, case = showing(place, mended)[0]
    verdict = place["targets"][target]["cases"][case]
    lines = [said(verdict)]
    if "expected_near" in verdict:
        lines += [f"expected  {_row(verdict['expected_near'])}", f"     got  {_row(verdict['got_near'])}"]
    lines += [f"    call  {verdict['call']}"] if "call" in verdict else []
    text = "\n".join(lines)
    return f"{_version(bug, place)}, `{target}`, `{case}`:\n\n```text\n{text}\n```\n"


def _row(values: Sequence[Any]) -> str:
    return " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _links(sources: Sequence[str]) -> str:
    return ", ".join(f"[{_short(source)}]({source})" for source in sources)


def _short(source: str) -> str:
    found = re.fullmatch(r"https://github.com/[^/]+/([^/]+)/(?:issues|pull)/([0-9]+)", source)
    return f"{found.group(1)}#{found.group(2)}" if found else source.removeprefix("https://")


def _missed(bug: Bug, kept: Kept | None) -> str:
    head = f"- {bug.what.strip()} {_links(bug.sources)}. {bug.remark.strip()}".rstrip()
    if kept is None:
        return f"{head} Not run.\n"
    lines = [escaped(f"{place}: {line}") for place, found in kept["places"].items() for line in told(found)]
    return f"{head} Run on {kept['date'][:10]}: {'. '.join(lines)}.\n"


def told(found: Kept) -> Iterator[str]:
    """Yield what came of one release, a line for each target, or why nothing did."""
    if "failed" in found:
        yield found["failed"]
    for target, of in found.get("targets", {}).items():
        verdicts = [f"{case} {said(verdict)}" for case, verdict in of["cases"].items()]
        counts = ", ".join(f"{count} {name}" for name, count in of["counts"].items())
        yield f"{target}: {'; '.join(verdicts) or 'no named case'} (literal corpus: {counts})"


def said(verdict: Kept) -> str:
    """Return a verdict as text: kind and message where something is wrong."""
    words = [verdict["verdict"], verdict.get("kind", ""), verdict.get("message", "")]
    return ": ".join(word for word in words if word)
