"""Comparison of two releases of a framework: the same targets run the same cases in two environments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..analysis import Comparison, comparison
from ..core import Case, Invalid, Problem
from ..corpus import Corpus, Selection
from ..records import Record
from ..workers import Adapter, Environment, environments, targets
from . import invocation
from .runner import Runner

Printer = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of the comparison: its targets, and the environments in which they run."""

    adapters: Sequence[Adapter]
    environments: Sequence[Environment]


def requirement(text: str) -> Requirement:
    """
    Parse a release that the user named: a package, with or without `==VERSION`.

    Raises:
        Invalid: if `text` is not of this form.

    """
    hint = "write torch==2.13.0, or torch for the newest release"
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        raise Invalid(Problem(path=text, message="not a requirement", hint=hint)) from error
    operators = [specifier.operator for specifier in parsed.specifier]
    if parsed.url or parsed.marker or operators not in ([], ["=="]):
        raise Invalid(Problem(path=text, message="does not name a single release", hint=hint))
    parsed.name = canonicalize_name(parsed.name)
    return parsed


def affected_targets(package: str, names: Sequence[str]) -> list[Adapter]:
    """
    Return the targets to run for a package: those in `names`, or if there are none, the package's default targets.

    Raises:
        Invalid: if the package is the framework of no target, or a named target does not need the package.

    """
    if not names:
        adapters = [targets.resolve(name) for name in targets.DEFAULTS if _framework(name) == package]
        adapters = [adapter for adapter in adapters if not set(targets.missing(adapter.target.name)) - {package}]
        if not adapters:
            known = ", ".join(dict.fromkeys(_framework(name) for name in targets.DEFAULTS))
            hint = f"known frameworks: {known}; or name a target with -b"
            raise Invalid(Problem(path=package, message="no target has this framework", hint=hint))
        return adapters
    adapters = [targets.resolve(name) for name in dict.fromkeys(names)]
    for adapter in adapters:
        is_own = not (adapter.release or adapter.is_foreign or adapter.command)
        if not is_own or package not in targets.needed(adapter.target.name):
            raise Invalid(Problem(path=str(adapter), message=f"not a target that needs {package}"))
    return adapters


def _framework(name: str) -> str:
    return targets.needed(targets.resolve(name).target.name)[0]


def side(adapters: Iterable[Adapter], wanted: Requirement | None, pip: Sequence[str], tell: Printer) -> Side:
    """
    Return the targets in environments with the `wanted` release; if it is None, use the environment of this process.

    Raises:
        Invalid: if an environment cannot be created.

    """
    if wanted is None:
        return Side(adapters=list(adapters), environments=[environments.installed()])
    version = next(iter(wanted.specifier)).version
    named = [replace(adapter, release=_release(adapter, wanted.name, version)) for adapter in adapters]
    return _placed(named, pip, tell)


def at(adapters: Iterable[Adapter], place: Path) -> Side:
    """
    Return the targets in an existing environment.

    Raises:
        Invalid: if `place` has no environment.

    """
    environment = environments.existing(place)
    named = [replace(adapter, release=f"={place}", python=str(environment.python)) for adapter in adapters]
    return Side(adapters=named, environments=[environment])


def placed(adapters: Sequence[Adapter], pip: Sequence[str], tell: Printer) -> list[Adapter]:
    """
    Return the targets; set the interpreter of each target whose name selects a release or an environment.

    Raises:
        Invalid: if an environment does not exist or cannot be created.

    """
    return [_placed([adapter], pip, tell).adapters[0] if adapter.release else adapter for adapter in adapters]


def _release(adapter: Adapter, package: str, version: str) -> str:
    return f"=={version}" if targets.needed(adapter.target.name)[0] == package else f"={package}=={version}"


def _placed(adapters: Sequence[Adapter], pip: Sequence[str], tell: Printer) -> Side:
    by_requirements: dict[tuple[str, ...], Environment] = {}
    ready: list[Adapter] = []
    for adapter in adapters:
        requirements = _requirements(adapter)
        if requirements not in by_requirements:
            by_requirements[requirements] = _environment(adapter, requirements, pip, tell)
        ready.append(replace(adapter, python=str(by_requirements[requirements].python)))
    return Side(adapters=ready, environments=list(by_requirements.values()))


def _requirements(adapter: Adapter) -> tuple[str, ...]:
    """Return the packages that pip must install for a target, the selected release first; empty for an environment."""
    needed = targets.needed(adapter.target.name)
    text = adapter.release.removeprefix("=")
    if text.startswith("="):
        return (f"{needed[0]}={text}", *needed[1:])
    package = text.partition("==")[0]
    if "==" in text and package in needed:
        return (text, *(name for name in needed if name != package))
    return ()


def _environment(adapter: Adapter, requirements: Sequence[str], pip: Sequence[str], tell: Printer) -> Environment:
    if not requirements:
        return environments.existing(Path(adapter.release.removeprefix("=")))
    release, others = requirement(requirements[0]), requirements[1:]
    tell(f"{release}: preparing its environment, which takes minutes the first time")
    environment = environments.make_environment([str(release), *others], [*others, "numpy"], pip)
    if environment.seconds:
        tell(f"{release}: environment created in {environment.seconds:.0f} s, kept in {environment.python.parents[1]}")
    return environment


def run(
    selection: Selection,
    cases: Corpus,
    before: Side,
    after: Side,
    jobs: int | None,
    progress: invocation.Progress,
    path: Path | None,
) -> Record:
    """
    Run the cases on both sides while `progress` displays the run; write the record to `path` and return it.

    Raises:
        Invalid: if both sides are the same release, or a target cannot run.

    """
    adapters = [*before.adapters, *after.adapters]
    if len({str(adapter) for adapter in adapters}) < len(adapters):
        raise Invalid(Problem(path=str(adapters[0]), message="both sides are the same release"))
    ledger, about = invocation.ledger((), shipped=True)
    runner = Runner(ledger=ledger, jobs=jobs or invocation.core_count())
    planned = invocation.Invocation(selection=selection, cases=cases, adapters=adapters, runner=runner, ledger=about)
    with ExitStack() as stack:
        outcome = planned.perform(progress, stack, path)
    for info in outcome.record.targets:
        if info.failed is not None:
            raise Invalid(Problem(path=info.name, message=f"could not run: {info.failed}"))
    return outcome.record


def compared(record: Record, before: Side, after: Side, cases: Mapping[str, Case]) -> Comparison:
    """Return the changes between the two sides of a run, with the packages whose versions differ."""
    changes = comparison.compared(_part(record, before), _part(record, after), cases)
    return replace(changes, apart={**changes.apart, **different(before, after)})


def _part(record: Record, some: Side) -> Record:
    names = [str(adapter) for adapter in some.adapters]
    return replace(
        record,
        header={**record.header, "targets": names},
        targets=[info for info in record.targets if info.name in names],
        verdicts=[verdict for verdict in record.verdicts if verdict.target in names],
        groups=(),
    )


def different(before: Side, after: Side) -> Mapping[str, tuple[str, str]]:
    """Return the packages (and Python) whose versions differ: name -> (version before, version after)."""
    one, other = (_versions(some) for some in (before, after))
    return {name: (one[name], other[name]) for name in sorted(one) if one[name] != other.get(name, one[name])}


def _versions(some: Side) -> dict[str, str]:
    by_name: dict[str, list[str]] = {}
    for environment in some.environments:
        for name, version in environment.versions.items():
            by_name.setdefault(name, []).append(version)
    return {name: " / ".join(dict.fromkeys(versions)) for name, versions in by_name.items()}
