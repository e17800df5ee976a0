"""The strict reader of ledger files: unknown keys and malformed values are errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ..calls import FEATURES, NUMERIC_BOUND, Condition, Feature, FeatureValue
from ..core import KINDS, UNEXPECTED, Invalid, Problem
from ..corpus import Reader, WrongNode, yaml_tree
from ..corpus import reader as reading
from .ledger import Entry, Ledger

_KEYS = (
    "id",
    "cases",
    "calls",
    "targets",
    "versions",
    "when",
    "partly",
    "intermittent",
    "is",
    "contradicts",
    "reason",
    "link",
    "issue",
    "since",
    "triage",
)
_REQUIRED = ("id", "cases", "targets", "versions", "is", "reason", "link", "since", "triage")
_IS = ("verdict", "kind", "where", "outputs")
_WHEN = ("cpu", "not_cpu", "device", "environment", "not_environment", "settings")

#: The value of `versions` that matches every version. It also matches a framework that reports no version.
EVERY_VERSION = "every"


def shipped() -> list[Path]:
    """Return the paths of the ledger files that come with the suite."""
    from .. import cases

    return sorted(Path(path) for folder in cases.__path__ for path in Path(folder, "known").glob("*.yaml"))


def load(paths: Iterable[Path]) -> Ledger:
    """
    Return a ledger of all entries in the given files, in order.

    Raises:
        Invalid: if a file has a problem; the exception holds all problems of all files.

    """
    problems: list[Problem] = []
    entries: list[Entry] = []
    for path in paths:
        reader = Reader(str(path))
        entries += _read_file(path, reader)
        problems += reader.problems
    problems += _twice(entries)
    if problems:
        raise Invalid(*problems)
    return Ledger(entries=tuple(entries))


def _read_file(path: Path, reader: Reader) -> list[Entry]:
    try:
        content = path.read_bytes()
    except OSError as error:
        reader.problems.append(Problem(path=str(path), message=f"cannot be read: {error.strerror}"))
        return []
    root, problems = yaml_tree.parse_yaml(content, str(path), has_truths=True)
    reader.problems += problems
    if root is None:
        if not problems:
            reader.problems.append(Problem(path=str(path), message="the file is empty", hint="write `entries: []`"))
        return []
    return reader.attempt(_entries, root, reader) or []


def _entries(root: yaml_tree.Node, reader: Reader) -> list[Entry]:
    top = reading.as_mapping(root)
    reader.keys(top, ("about", "entries"), ("entries",))
    nodes = reading.sequence(top.entries["entries"]) if "entries" in top.entries else []
    entries = (reader.attempt(_entry, node, reader) for node in nodes)
    return [entry for entry in entries if entry is not None]


def _entry(node: yaml_tree.Node, reader: Reader) -> Entry | None:
    top = reading.as_mapping(node)
    before = len(reader.problems)
    reader.keys(top, _KEYS, _REQUIRED)
    if len(reader.problems) > before:
        return None
    says = reading.as_mapping(top.entries["is"])
    reader.keys(says, _IS, ("verdict",))
    if len(reader.problems) > before:
        return None
    verdict, kinds = _verdict_and_kinds(says)
    outputs = reading.as_mapping(says.entries["outputs"]).entries if "outputs" in says.entries else {}
    texts = {name: reading.as_text(top.entries[name]) for name in ("id", "reason", "link", "since", "triage")}
    return Entry(
        **texts,
        cases=_texts(top.entries["cases"]),
        targets=_texts(top.entries["targets"]),
        versions=_versions(top.entries["versions"]),
        verdict=verdict,
        kinds=kinds,
        where=reading.as_text(says.entries["where"]) if "where" in says.entries else "output",
        outputs={case: reading.as_text(value) for case, value in outputs.items()},
        when=_when(top.entries["when"], reader) if "when" in top.entries else {},
        calls=_calls(top.entries["calls"], reader) if "calls" in top.entries else Condition(),
        partly=_how_often(top.entries.get("partly"), "calls"),
        intermittent=_how_often(top.entries.get("intermittent"), "runs"),
        contradicts=_texts(top.entries["contradicts"]) if "contradicts" in top.entries else (),
        issue=reading.as_text(top.entries["issue"]) if "issue" in top.entries else "",
        path=reader.path,
        line=node.line,
    )


def _verdict_and_kinds(says: yaml_tree.Mapping) -> tuple[str, tuple[str, ...]]:
    """Return the verdict and the kinds; a disagreement needs at least one kind, and other verdicts have none."""
    verdict = reading.word(says.entries["verdict"], UNEXPECTED, "verdict")
    if verdict != "disagree":
        if "kind" in says.entries:
            raise WrongNode(says.entries["kind"], f"a {verdict} has no kind", "leave `kind` out")
        return verdict, ()
    if "kind" not in says.entries:
        raise WrongNode(says, "a disagreement needs a kind", f"one or more of: {reading.word_list(KINDS)}")
    kind = says.entries["kind"]
    nodes = reading.sequence(kind) if isinstance(kind, yaml_tree.Sequence) else [kind]
    return verdict, tuple(reading.word(node, KINDS, "kind") for node in nodes)


def _texts(node: yaml_tree.Node) -> tuple[str, ...]:
    return tuple(map(reading.as_text, reading.sequence(node)))


def _versions(node: yaml_tree.Node) -> SpecifierSet:
    text = reading.as_text(node)
    try:
        return SpecifierSet("" if text == EVERY_VERSION else text)
    except InvalidSpecifier as error:
        hint = f'write a version specifier, such as ">=2.13,<2.15", or {EVERY_VERSION}'
        raise WrongNode(node, str(error), hint) from error


def _when(node: yaml_tree.Node, reader: Reader) -> dict[str, Any]:
    top = reading.as_mapping(node)
    reader.keys(top, _WHEN)
    return {name: _condition(value) for name, value in top.entries.items() if name in _WHEN}


def _condition(node: yaml_tree.Node) -> str | dict[str, str]:
    if isinstance(node, yaml_tree.Mapping):
        return {name: value.text if isinstance(value, yaml_tree.Scalar) else "" for name, value in node.entries.items()}
    return reading.as_text(node)


def _calls(node: yaml_tree.Node, reader: Reader) -> Condition:
    top = reading.as_mapping(node)
    if not top.entries:
        raise WrongNode(node, "`calls` names no feature", "leave `calls` out")
    reader.keys(top, FEATURES)
    known = ((name, value) for name, value in top.entries.items() if name in FEATURES)
    read = ((name, reader.attempt(_features, FEATURES[name], value)) for name, value in known)
    return Condition(wanted={name: values for name, values in read if values is not None})


def _features(feature: Feature, node: yaml_tree.Node) -> tuple[FeatureValue, ...]:
    nodes = node.items if isinstance(node, yaml_tree.Sequence) else [node]
    if not nodes:
        raise WrongNode(node, "the list of values is empty", "write a value, or a list of values")
    return tuple(_feature(feature, item) for item in nodes)


def _feature(feature: Feature, node: yaml_tree.Node) -> FeatureValue:
    if feature.kind is bool:
        return reading.word(node, yaml_tree.TRUTHS, "truth value") == "true"
    if feature.kind is int:
        return reading.integer(node) if isinstance(node, yaml_tree.Scalar) and node.is_plain else _bound(node)
    return reading.word(node, feature.words, "value") if feature.words else reading.as_text(node)


def _bound(node: yaml_tree.Node) -> str:
    text = reading.as_text(node)
    if not NUMERIC_BOUND.fullmatch(text):
        raise WrongNode(node, f"expected an integer, not {text!r}", 'write 17, or a bound: ">=17", "<=2"')
    return text


def _how_often(node: yaml_tree.Node | None, unit: str) -> bool:
    """Return whether a count such as `{seen: 3, of: 10}` is given. It means that 3 of 10 runs or calls fail."""
    if node is None:
        return False
    counts = reading.as_mapping(node).entries
    if set(counts) != {"seen", "of"}:
        raise WrongNode(node, "expected the keys `seen` and `of`", "write {seen: 3, of: 10}")
    seen, of = (reading.integer(counts[name]) for name in ("seen", "of"))
    if not 1 <= seen <= of:
        raise WrongNode(node, f"seen in {seen} of {of} {unit}", "`seen` must be from 1 to `of`")
    return True


def _twice(entries: Sequence[Entry]) -> list[Problem]:
    seen: dict[str, Entry] = {}
    problems = []
    for entry in entries:
        first = seen.setdefault(entry.id, entry)
        if first is not entry:
            message, hint = f"the id {entry.id!r} occurs twice", f"first in {first.path}:{first.line}"
            problems.append(Problem(path=entry.path, line=entry.line, column=1, message=message, hint=hint))
    return problems
